"""What a command says of itself: its place in the help, its examples, and what documents may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from rfcalc.commands.older import Older, Renewed, renewed
from rfcalc.commands.say import complain
from rfcalc.records import NamedTuple
from rfcalc.wording import few

SECTIONS: Final = ("See a model", "Compare models", "Review and run", "Write documents")
"""The parts of the list of commands, in order."""

SEE, COMPARE, REVIEW, WRITE = SECTIONS

_CLOSE: Final = 0.7  # how like a name of an option has to be to be taken for a slip

READING: Final = (
    "input_shape",
    "dim",
    "layout",
    "settings",
    "input_name",
    "on_unknown",
    "runtime",
    "cut",
    "design",
)
"""The parameters of `rfcalc.commands.options.reading`, which say how a model is read."""


class Tables(NamedTuple):
    """What a marker in a document may say of a command.

    Parameters
    ----------
    settings : str
        The names of those parameters that only choose what is in the table, beside those of the input.
    models : tuple of str
        Which of its arguments name models.
    lacks : str
        The names of those parameters that say how a model is read which it does not take.
    """

    settings: str
    models: tuple[str, ...] = ("model",)
    lacks: str = ""

    @property
    def allowed(self) -> frozenset[str]:
        """The names of all parameters that a marker may give."""
        read = frozenset(READING) - set(self.lacks.split()) if self.models else frozenset()
        return frozenset(self.settings.split()) | read


class Question(click.Command):
    """A command that knows its place in the help.

    Parameters
    ----------
    section : str
        One of `SECTIONS`.
    tables : Tables, optional
        What markers in documents may say of it; None where it makes no table for documents.
    older : sequence of Older
        Spellings of its options that it had before.
    **settings
        As of `click.Command`.
    """

    def __init__(
        self,
        *args: Any,
        section: str,
        tables: Tables | None = None,
        older: Sequence[Older] = (),
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.section, self.tables, self.older = section, tables, tuple(older)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options: first its own, then those that say how a model is read."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        shown = [(each.name in READING, each.get_help_record(ctx)) for each in options]
        for reading, heading in ((False, "Options"), (True, "How a model is read")):
            rows = [record for which, record in shown if record is not None and which == reading]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def renewed(self, arguments: Sequence[str]) -> Renewed:
        """Put what is said now in the place of older spellings."""
        return renewed(arguments, self.older)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; say of older spellings what they are called now, and of none where it is."""
        arguments, found = self.renewed(args)
        try:
            rest = super().parse_args(ctx, arguments)
        except click.NoSuchOption as error:
            message = self._missing(ctx, error.option_name)
            raise click.NoSuchOption(error.option_name, message, ctx=ctx) from None
        for each in found if not ctx.resilient_parsing else ():
            complain(f"note: {each.old} is called {each.new} now")
        return rest

    def _missing(self, ctx: click.Context, name: str) -> str:
        """Say that there is no such option, and what was probably meant: another, or another command."""
        import difflib

        own = {text[2:]: text for each in self.params for text in each.opts if text.startswith("--")}
        close = [own[each] for each in difflib.get_close_matches(name.lstrip("-"), own, 2, _CLOSE)]
        others = [] if close else _takers(ctx, name)
        message = f"No such option {name!r}"
        if close:
            return f"{message}; did you mean {' or '.join(map(repr, close))}?"
        return f"{message}; {few(others)} {'take' if len(others) > 1 else 'takes'} it" if others else message


def _takers(ctx: click.Context, name: str) -> list[str]:
    """List the other commands of the program that have an option of that name."""
    group = None if ctx.parent is None else ctx.parent.command
    if not isinstance(group, click.Group):
        return []
    found = []
    for each in group.list_commands(ctx):
        command = group.get_command(ctx, each)
        if command is not None and any(name in option.opts for option in command.params):
            found.append(f"rfcalc {each}")
    return found


def question(
    name: str,
    section: str,
    short_help: str | None,
    *examples: str,
    notes: str = "",
    tables: Tables | None = None,
    older: Sequence[Older] = (),
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
    older : sequence of Older
        Spellings of its options that it had before.
    """
    return click.command(
        name,
        cls=Question,
        section=section,
        tables=tables,
        older=older,
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
