"""The command line: one group, whose commands are found when they are asked for."""

from __future__ import annotations

from typing import Final

import click

from rfcalc.commands.program import Program
from rfcalc.commands.question import with_examples
from rfcalc.questions import questions
from rfcalc.version import VERSION

_OF_SEVERAL: Final = {
    "docs": "rfcalc.docs.command",
    "plot": "rfcalc.pictures.command",
    "report": "rfcalc.page.command",
    "schema": "rfcalc.schemas",
}
"""Commands that are made of several questions, and their modules."""

_EPILOG: Final = """Each command has its own help, as rfcalc analyze --help.

Exit codes: 0 done, 1 a check did not hold, 2 wrong usage, 3 the input cannot be read or analysed."""


@click.group(
    cls=Program,
    modules={**{name: f"rfcalc.questions.{name}.command" for name in questions()}, **_OF_SEVERAL},
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=with_examples(
        _EPILOG,
        "rfcalc analyze pooling.json",
        "rfcalc compare pooling.json",
        "rfcalc field pooling.json conv3 --at 0,2",
    ),
)
@click.version_option(VERSION, prog_name="rfcalc", message="%(prog)s %(version)s")
def main() -> None:
    """Receptive fields, shapes and parameter counts of neural networks, from the architecture file alone."""
