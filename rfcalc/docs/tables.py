"""What a marker may say: commands that make a table, and those options that only choose what is in it.

Commands and options are parsed as on the command line, by the same definitions. Each command says what
of it may be given (`rfcalc.commands.question.Tables`): a new option is refused until it stands there.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click

from rfcalc.commands.question import Question, Tables
from rfcalc.docs.models import Models
from rfcalc.errors import UsageError
from rfcalc.questions import questions
from rfcalc.records import NamedTuple
from rfcalc.render.pieces import Listing, Piece
from rfcalc.render.shown import Shown

WIDTH: Final = 80
"""Columns of a table of text in a document, unless it says so."""


def tabulated() -> Mapping[str, Question]:
    """Return the commands that a marker may name."""
    commands = {name: command_of(name) for name in questions()}
    return {name: command for name, command in commands.items() if command.tables is not None}


def command_of(question: str) -> Question:
    """Return the command of a question."""
    found: Question = import_module(f"rfcalc.questions.{question}.command").command
    return found


def _tables_of(name: str) -> Tables:
    """Return what a marker may say of a command.

    Raises
    ------
    UsageError
        It makes no table for documents.
    """
    found = command_of(name).tables if name in questions() else None
    if found is None:
        raise UsageError(f"{name!r} makes no table; {_close(name)}")
    return found


class Made(NamedTuple):
    """What a marker comes to.

    Parameters
    ----------
    result : Shown
        The report.
    width : int or None
        It is to be shown as text, so many columns wide.
    paths : tuple of str
        The files that were read.
    """

    result: Shown
    width: int | None
    paths: tuple[str, ...]

    def pieces(self, *, unicode: bool = True) -> Sequence[Piece]:
        """Return what it is made of, as text where that is wanted."""
        if self.width is None:
            return self.result.pieces()
        return [Listing(self.result.to_text(self.width, unicode=unicode))]

    def to_markup(self, markup: str) -> str:
        """Return it in a markup language."""
        from rfcalc.render.markup import rendered

        return rendered(self.pieces(unicode=markup != "latex"), markup)  # its verbatim fonts lack the bars


def made(command: str, models: Models, markup: str = "") -> Made:
    """Run the command of a marker.

    Parameters
    ----------
    command : str
        As on the command line, without ``rfcalc``.
    models : Models
        The files that it may name.
    markup : str
        The language of the document, which ``--format`` may name.

    Raises
    ------
    RfcalcError
        It is no such command, or it ended with an error; the message says which model.
    """
    name, *arguments = _split(command) or [""]
    tables = _tables_of(name)
    arguments, own = _own(arguments)
    width = _width(own, markup)
    given = _parsed(name, tables, arguments)
    paths: list[str] = []
    for key in tables.models:
        value = given[key]
        names = [value] if isinstance(value, str) else value
        paths += map(models.path, names)
        read = tuple(map(models.read, names))
        given[key] = read[0] if isinstance(value, str) else read
    result = import_module(f"rfcalc.questions.{name}.command").made(**given)
    return Made(result, width, tuple(paths))


def spelled(command: str, options: Mapping[str, str]) -> str:
    """Put options, as a directive has them, behind a command.

    Parameters
    ----------
    command : str
        As on the command line, without ``rfcalc``.
    options : mapping of str to str
        Values by the long names of options, without dashes; empty for one that takes none. Of one that may be
        repeated, several between blanks.

    Examples
    --------
    >>> spelled("analyze net.json", {"layers": "'conv*' pool1", "symbolic": "", "depth": "1"})
    "analyze net.json --layers 'conv*' --layers pool1 --symbolic --depth 1"
    """
    name = command.split(maxsplit=1)[0] if command.split() else ""
    known: dict[str, click.Option] = {}
    if name in questions():
        every = command_of(name).params
        known = {text: each for each in every if isinstance(each, click.Option) for text in each.opts}
    words = []
    for key, value in options.items():
        option = known.get(f"--{key}")
        if not value:
            words.append(f"--{key}")
        elif option is not None and option.multiple:
            words += [word for each in _split(value) for word in (f"--{key}", each)]
        else:
            words += [f"--{key}", value]
    return " ".join([command, *map(shlex.quote, words)])


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{str(error).lower()} in {text!r}") from None


def _close(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, tabulated(), 1)
    return f"did you mean {close[0]!r}?" if close else f"a marker names one of {', '.join(tabulated())}"


def _own(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Take out what says how a table stands in a document; a command has other formats, and no width."""
    rest, own = [], {}
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("--format", "--width"):
            own[option] = value if equals else next(words, "")
        else:
            rest.append(word)
    return rest, own


def _width(own: Mapping[str, str], markup: str) -> int | None:
    """Return the columns of a listing; None for a table."""
    form, width = own.get("--format", markup), own.get("--width")
    if form not in ("text", "table"):
        if form != markup:
            raise UsageError(
                "a table has the format of its document; leave --format out, or give --format text, "
                "for a listing"
            )
        if width is not None:
            raise UsageError("--width is the width of a listing, of --format text")
        return None
    if width is None:
        return WIDTH
    if not (width.isascii() and width.isdigit() and len(width) < 5 and int(width)):
        raise UsageError(f"--width: {width[:20]!r} is no number of columns")
    return int(width)


def _parsed(name: str, tables: Tables, arguments: Sequence[str]) -> dict[str, Any]:
    """Parse arguments as the command does, and refuse what a document may not ask for."""
    command, allowed = command_of(name), tables.allowed
    arguments = command.renewed(arguments).arguments
    try:
        _, _, order = command.make_parser(click.Context(command, info_name=name)).parse_args(list(arguments))
        for each in order:  # before anything is done: --help would print, and --output write
            if isinstance(each, click.Option) and each.name not in allowed:
                raise UsageError(f"{max(each.opts, key=len)} is not for documents")
        with command.make_context(name, list(arguments)) as context:
            params = context.params
    except click.ClickException as error:
        message = error.format_message().rstrip(".")
        raise UsageError(message[:1].lower() + message[1:]) from None
    optional = {each.name for each in command.params if isinstance(each, click.Option)}
    return {key: value for key, value in params.items() if key not in optional or key in allowed}
