"""``rfcalc align``: whether branches meet centred on the same pixels, and at which sizes."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.arguments import span
from rfcalc.commands import options


@click.command(
    "align",
    epilog=options.with_examples(
        "",
        "rfcalc align resnet.json",
        "rfcalc align resnet.json --sizes 28:36",
        "rfcalc align unet.json --format json",
    ),
    short_help="Show where branches meet out of line, and at which sizes.",
)
@options.model
@click.option(
    "--sizes",
    metavar="A:B[:STEP]",
    help="Look at inputs from A to B pixels along every axis too, both included.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="What to write. Text is as wide as the terminal (or COLUMNS; else 80).",
)
@options.output
@options.on_unknown
@options.debug
def command(
    model: str, *, sizes: str | None, form: str, output: str, on_unknown: Any, **loading: Any
) -> None:
    """Show where branches of MODEL meet whose fields have their centres at different pixels of the input.

    With SAME padding and a stride, where a window begins depends on whether its map is even: a model may be
    in line at one size of the input and out of line at the next. Centres are those of the field of the first
    output; where a padding mends it, it is named, and the rules have been run with it.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    chosen = None if sizes is None else span(sizes, "--sizes")
    check_output(output, source=model)
    result = api.align(model, chosen, on_unknown=on_unknown, **options.loading(**loading))
    if form == "json":
        write(result.to_json(), output)
        return  # there the notes are part of the document
    if form == "markdown":
        write(result.to_markdown(), output)
    else:
        unicode = output != "-" or unicode_output(sys.stdout)
        width = terminal_width(sys.stdout if output == "-" else None)
        write(result.to_text(width, unicode=unicode), output)
    options.say_notes(result.notes)
