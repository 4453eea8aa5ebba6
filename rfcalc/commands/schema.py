"""``rfcalc schema``: the JSON Schema of what people write for rfcalc."""

from __future__ import annotations

import click

from rfcalc.commands import options


@click.command(
    "schema",
    epilog=options.with_examples("", "rfcalc schema --output model.schema.json", "rfcalc schema budget"),
    short_help="Print the JSON Schema of the native format, or of a budget.",
)
@click.argument("what", type=click.Choice(["model", "budget"]), default="model")
@options.output
@options.debug
def command(what: str, *, output: str) -> None:
    """Print the JSON Schema of the native format, or of a budget for rfcalc check."""
    from rfcalc.reports.write import check_output, write

    check_output(output)
    if what == "budget":
        from rfcalc.reports.budget import schema_text as text
    else:
        from rfcalc.readers.schema import schema_text as text
    write(text(), output)
