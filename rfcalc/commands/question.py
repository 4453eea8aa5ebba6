"""What a command says of itself: its place in the help, its examples, and what documents may ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click

SECTIONS: Final = ("See a model", "Compare models", "Review and run", "Write documents")
"""The parts of the list of commands, in order."""

SEE, COMPARE, REVIEW, WRITE = SECTIONS

_LOADING: Final = frozenset(["input_shape", "dim", "layout", "settings", "input_name"])
"""The parameters of `rfcalc.commands.options.reading`."""


class Tables(NamedTuple):
    """What a marker in a document may say of a command.

    Parameters
    ----------
    settings : str
        The names of those parameters that only choose what is in the table, beside those of the input.
    models : tuple of str
        Which of its arguments name models.
    """

    settings: str
    models: tuple[str, ...] = ("model",)

    @property
    def allowed(self) -> frozenset[str]:
        """The names of all parameters that a marker may give."""
        return frozenset(self.settings.split()) | (_LOADING if self.models else frozenset())


class Question(click.Command):
    """A command that knows its place in the help.

    Parameters
    ----------
    section : str
        One of `SECTIONS`.
    tables : Tables, optional
        What markers in documents may say of it; None where it makes no table for documents.
    **settings
        As of `click.Command`.
    """

    def __init__(self, *args: Any, section: str, tables: Tables | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section, self.tables = section, tables


def question(
    name: str,
    section: str,
    short_help: str | None,
    *examples: str,
    notes: str = "",
    tables: Tables | None = None,
) -> Callable[[Callable[..., Any]], Question]:
    """Make the command of a question from a function.

    Parameters
    ----------
    name : str
        What it is called on the command line.
    section : str
        One of `SECTIONS`.
    short_help : str or None
        Its line in the list of commands; None where the first sentence of its docstring serves.
    *examples : str
        Command lines for the end of its help, each to be run as it is.
    notes : str
        Paragraphs before them.
    tables : Tables, optional
        What markers in documents may say of it.
    """
    return click.command(
        name,
        cls=Question,
        section=section,
        tables=tables,
        short_help=short_help,
        epilog=with_examples(notes, *examples),
    )


def with_examples(text: str, *examples: str) -> str:
    r"""Return an epilog: some paragraphs, and examples that stand as they are, each to be run as it is.

    >>> with_examples("More.", "rfcalc analyze pooling.json")
    'More.\n\n\x08\nExamples:\n  rfcalc analyze pooling.json'
    """
    lines = "\n".join(f"  {example}" for example in examples)
    return f"{text}\n\n\b\nExamples:\n{lines}" if text else f"\b\nExamples:\n{lines}"
