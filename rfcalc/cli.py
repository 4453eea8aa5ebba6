"""The command line: one group, whose commands are found when they are asked for."""

from __future__ import annotations

import click

from rfcalc import __version__
from rfcalc.commands.program import Program

_COMMANDS = (
    "analyze",
    "compare",
    "explain",
    "effective",
    "field",
    "law",
    "plot",
    "align",
    "docs",
    "rules",
    "schema",
    "tiles",
)


_ELSEWHERE = {"docs": "rfcalc.docs.command"}  # made of the other commands


@click.group(
    cls=Program,
    names=_COMMANDS,
    elsewhere=_ELSEWHERE,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rfcalc", message="%(prog)s %(version)s")
def main() -> None:
    """Receptive fields, shapes and parameter counts of neural networks, from the architecture file alone."""
