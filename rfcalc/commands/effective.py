"""``rfcalc effective``: how much each input position weighs in a unit."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.arguments import place
from rfcalc.commands import options


@click.command(
    "effective",
    epilog=options.with_examples(
        "", "rfcalc effective pooling.json", "rfcalc effective pooling.json conv2 --at 0,0 --format json"
    ),
    short_help="Show how much each input position weighs in a unit.",
)
@options.model
@click.argument("layer", required=False)
@click.option(
    "--at", metavar="Y,X", help="The unit, by its index on each axis; by default the one in the middle."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.output
@options.on_unknown
@options.debug
def command(
    model: str, layer: str | None, *, at: str | None, form: str, output: str, on_unknown: Any, **loading: Any
) -> None:
    """Show how much each input position weighs in one unit of LAYER in MODEL.

    Each layer is taken to average over its window, gates are cut: then positions in the middle of a field
    weigh most, since most paths lead there, and half of the weight lies in a small part of the field (Luo et
    al. 2016). LAYER is by default the last convolution. The input needs a size: give one with --input-shape
    or --dim where it is open.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    unit = None if at is None else place(at, "--at")
    check_output(output, source=model)
    result = api.effective(model, layer, unit, on_unknown=on_unknown, **options.loading(**loading))
    unicode = output != "-" or unicode_output(sys.stdout)
    width = terminal_width(sys.stdout if output == "-" else None)
    write(result.to_json() if form == "json" else result.to_text(width, unicode=unicode), output)
