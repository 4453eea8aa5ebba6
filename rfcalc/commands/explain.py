"""``rfcalc explain``: who is responsible for what a layer sees and costs."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.commands import options


@click.command(
    "explain",
    epilog=options.with_examples(
        "", "rfcalc explain pooling.json conv3", "rfcalc explain unet.json classes --format markdown"
    ),
    short_help="Show what each layer on the way adds to the field of a layer.",
)
@options.model
@click.argument("layer")
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
def command(model: str, layer: str, *, form: str, output: str, on_unknown: Any, **loading: Any) -> None:
    """Show what each layer on the way to LAYER in MODEL adds to what it sees and costs.

    LAYER is a layer's name or an output tensor's. A window adds (kernel - 1) x dilation x jump pixels, the
    jump being the product of the strides before it: own is what it would add at jump 1, inherited the rest,
    which is due to the layers that stepped.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    check_output(output, source=model)
    result = api.explain(model, layer, on_unknown=on_unknown, **options.loading(**loading))
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
