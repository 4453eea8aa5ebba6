"""``rfcalc schema``: the JSON Schema of the native format."""

from __future__ import annotations

import click

from rfcalc.commands import options


@click.command("schema")
@options.output
@options.debug
def command(output: str) -> None:
    """Print the JSON Schema of the native format."""
    from rfcalc.readers.schema import schema_text
    from rfcalc.reports.write import check_output, write

    check_output(output)
    write(schema_text(), output)
