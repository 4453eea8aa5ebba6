"""``rfcalc law``: by which law a field grows."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.commands import options


@click.command("law", short_help="Show by which law a field grows, and what reaches a given one.")
@options.model
@click.argument("layer", required=False)
@click.option(
    "--reach",
    type=click.IntRange(min=1),
    metavar="R",
    help="Say what it takes to see R pixels; by default all of the input.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
)
@options.output
@options.debug
def command(
    model: str, layer: str | None, *, reach: int | None, form: str, output: str, **loading: Any
) -> None:
    """Show by which law the field of LAYER in MODEL grows: the blocks that repeat, and their closed forms.

    n repeats of a block of gain g and stride S take a field r0 and a jump j0 to r0 + g*j0*n where S is 1, and
    to r0 + g*j0*(S**n - 1)/(S - 1) otherwise. LAYER is by default the last one whose field has a size.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    check_output(output, source=model)
    result = api.law(model, layer, reach=reach, **options.loading(**loading))
    if form == "json":
        text = result.to_json()
    elif form == "markdown":
        text = result.to_markdown()
    else:
        width = terminal_width(sys.stdout if output == "-" else None)
        text = result.to_text(width, unicode=output != "-" or unicode_output(sys.stdout))
    write(text, output)
