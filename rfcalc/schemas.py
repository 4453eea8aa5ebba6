"""The JSON Schemas of documents: ``rfcalc schema``."""

from __future__ import annotations

import click

from rfcalc.commands import options
from rfcalc.commands.question import WRITE, question


@question(
    "schema",
    WRITE,
    "Print the JSON Schema of a document.",
    "rfcalc schema --output model.schema.json",
    "rfcalc schema budget",
    "rfcalc schema grammar",
)
@click.argument("document", type=click.Choice(["model", "budget", "grammar", "report"]), default="model")
@options.output
@options.everywhere
def command(document: str, *, output: str) -> None:
    """Print the JSON Schema of the native format, of a budget for check, or of a grammar for design.

    These people write; that of a report is the schema of what rfcalc report --format json gives.
    """
    from rfcalc.render.write import check_output, write

    check_output(output)
    if document == "budget":
        from rfcalc.questions.check.budget_text import schema_text as text
    elif document == "grammar":
        from rfcalc.questions.design.grammar_text import schema_text as text
    elif document == "report":
        from rfcalc.page.schema import schema_text as text
    else:
        from rfcalc.readers.schema import schema_text as text
    write(text(), output)
