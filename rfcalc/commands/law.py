"""``rfcalc law``: by which law a field grows."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.arguments import place
from rfcalc.commands import options


@click.command(
    "law",
    epilog=options.with_examples(
        "",
        "rfcalc law pooling.json",
        "rfcalc law resnet.json --reach 224",
        "rfcalc law wavenet.json --format markdown",
    ),
    short_help="Show by which law a field grows, and what reaches a given one.",
)
@options.model
@click.argument("layer", required=False)
@click.option(
    "--reach",
    metavar="R[,R]",
    help="Say what it takes to see R pixels, or so many on each axis; by default all of the input.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
)
@options.output
@options.on_unknown
@options.debug
def command(
    model: str,
    layer: str | None,
    *,
    reach: str | None,
    form: str,
    output: str,
    on_unknown: Any,
    **loading: Any,
) -> None:
    """Show by which law the field of LAYER in MODEL grows: the blocks that repeat, and their closed forms.

    n repeats of a block of gain g and stride S take a field r0 and a jump j0 to r0 + g*j0*n where S is 1, and
    to r0 + g*j0*(S**n - 1)/(S - 1) otherwise. LAYER is by default the last one whose field has a size.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    wanted = None if reach is None else place(reach, "--reach")
    check_output(output, source=model)
    result = api.law(
        model,
        layer,
        reach=wanted[0] if wanted and len(wanted) == 1 else wanted,
        on_unknown=on_unknown,
        **options.loading(**loading),
    )
    if form == "json":
        write(result.to_json(), output)
        return  # there the notes are part of the document
    if form == "markdown":
        text = result.to_markdown()
    else:
        width = terminal_width(sys.stdout if output == "-" else None)
        text = result.to_text(width, unicode=output != "-" or unicode_output(sys.stdout))
    write(text, output)
    options.say_notes(result.notes)
