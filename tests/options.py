"""The tables in docs/options.md: which command takes what, made of the commands themselves.

``python -m tests.options`` writes them anew; tests/test_options.py holds the page to them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import click

import rfcalc
from rfcalc import cli
from rfcalc.commands.options import Option
from rfcalc.commands.question import READING, SECTIONS, Question

PAGE: Final = Path(__file__).parent.parent / "docs" / "options.md"
BEGIN: Final = "<!-- options: python -m tests.options -->"
END: Final = "<!-- end of options -->"


class Taken(NamedTuple):
    """An option as one command takes it."""

    command: str
    option: click.Option

    @property
    def meaning(self) -> str:
        """What it does; of an option that several commands share, in each of them."""
        return self.option.meaning if isinstance(self.option, Option) else self.option.help or ""

    @property
    def form(self) -> tuple[object, ...]:
        """What it takes. Which formats there are depends on what a command makes."""
        kind = "CHOICE" if self.option.opts[0] == "--format" else str(self.option.type)
        option = self.option
        return kind, option.metavar, option.multiple, option.nargs, option.is_flag, option.name

    @property
    def spelled(self) -> str:
        """How it is written."""
        names = sorted([*self.option.opts, *self.option.secondary_opts], key=len)
        first = ", ".join(f"`{name}`" for name in names)
        if self.option.metavar:
            return f"{first} `{self.option.metavar}`"
        choices = self.option.type.choices if isinstance(self.option.type, click.Choice) else ()
        listed = ", ".join(f"`{each}`" for each in choices)
        return f"{first}: {listed}" if listed and self.form[0] != "CHOICE" else first


@cache
def commands() -> Mapping[str, Question]:
    """Return all commands by name."""
    context = click.Context(cli.main)
    found = {name: cli.main.get_command(context, name) for name in cli.main.list_commands(context)}
    assert isinstance(cli.main, click.Group)
    return {name: command for name, command in found.items() if isinstance(command, Question)}


@cache
def options() -> Mapping[str, Sequence[Taken]]:
    """Return all options by their long name, each as the commands have it."""
    found: dict[str, list[Taken]] = {}
    for name, command in commands().items():
        for each in command.params:
            if isinstance(each, click.Option):
                assert not each.hidden, "older spellings are told by `older`"
                found.setdefault(max(each.opts, key=len), []).append(Taken(name, each))
    return dict(sorted(found.items()))


def keyword(taken: Iterable[Taken]) -> str:
    """Return what functions of the library call an option; empty where they have none."""
    for command, option in taken:
        called = option.keyword if isinstance(option, Option) else option.name or ""
        function = getattr(rfcalc, command, None)
        if callable(function) and called in parameters(function):
            return called
    return ""


def parameters(function: object) -> set[str]:
    """Return the names that a function of the library takes, those of `load` among them."""
    assert callable(function)
    own = set(inspect.signature(function).parameters)
    return (own - {"loading"}) | (parameters(rfcalc.load) if "loading" in own else set())


# ---- the page ----------------------------------------------------------------------------------------------


def tables() -> str:
    """Return all tables, each below its heading."""
    return "\n\n".join(f"{heading}\n\n{table}" for heading, table in _tables())


def _tables() -> Iterator[tuple[str, str]]:
    every = list(_by_meaning())
    reading = [taken for taken in every if taken[0].option.name in READING]
    shared = [taken for taken in every if taken not in reading and len(taken) > 1]
    readers = [name for name, command in commands().items() if _reads(command)]
    yield (
        "## How a model is read",
        f"Taken by {_listed(readers)}.\n\n"
        + _table(
            ("option", "what it does", "in Python"),
            ((taken[0].spelled, _text(taken[0].meaning), _code(keyword(taken))) for taken in reading),
        ),
    )
    yield (
        "## Of several commands",
        _table(
            ("option", "what it does", "in Python", "commands"),
            (
                (taken[0].spelled, _text(taken[0].meaning), _code(keyword(taken)), _takers(taken))
                for taken in shared
            ),
        ),
    )
    for section in SECTIONS:
        rows = [
            (command, taken[0].spelled, _text(taken[0].meaning), _code(keyword(taken)))
            for command in commands()
            if commands()[command].section == section
            for taken in every
            if len(taken) == 1 and taken[0].command == command
        ]
        if rows:
            header = ("command", "option", "what it does", "in Python")
            yield f"## Of one command: {section.lower()}", _table(header, rows)
    yield (
        "## What is written",
        _table(
            ("`--format`", "commands"),
            ((f"`{form}`", _listed(names)) for form, names in _formats().items()),
        ),
    )
    yield (
        "## Arguments",
        _table(("command", "takes"), ((f"`{name}`", _arguments(each)) for name, each in commands().items())),
    )
    yield (
        "## Older spellings",
        _table(
            ("command", "what it was called", "what it is called now"),
            (
                (f"`{name}`", f"`{each.old} {each.takes}`", f"`{each.new}`")
                for name, command in commands().items()
                for each in command.older
            ),
        ),
    )


def _by_meaning() -> Iterator[Sequence[Taken]]:
    """Yield the takers of each option; where its name means several things, those of each by themselves."""
    for taken in options().values():
        for meaning in dict.fromkeys(each.meaning for each in taken):
            yield [each for each in taken if each.meaning == meaning]


def _reads(command: Question) -> bool:
    return any(each.name in READING for each in command.params)


def _formats() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for command, option in options()["--format"]:
        assert isinstance(option.type, click.Choice)
        for form in option.type.choices:
            found.setdefault(form, []).append(command)
    return found


def _arguments(command: Question) -> str:
    given = [each for each in command.params if isinstance(each, click.Argument)]
    shown = [
        each.human_readable_name
        if each.required or each.human_readable_name.startswith("[")
        else f"[{each.human_readable_name}]"
        for each in given
    ]
    choices = [
        choice for each in given if isinstance(each.type, click.Choice) for choice in each.type.choices
    ]
    return f"`{' '.join(shown)}`" + (f": {_listed(choices)}" if choices else "")


def _takers(taken: Sequence[Taken]) -> str:
    names = [each.command for each in taken]
    missing = [name for name in commands() if name not in names]
    if not missing:
        return "all"
    return f"all but {_listed(missing)}" if len(missing) < 3 else _listed(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


def _text(meaning: str) -> str:
    """Escape a help text for a cell, options and patterns in it as code."""
    text = meaning.replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"(?<![\w`])(--[a-z-]+|'[^' ]*[*?][^' ]*'|\[[a-z.]+\])", r"`\1`", text)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def filled() -> str:
    """Return the page with its tables as the commands are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(filled(), encoding="utf-8", newline="\n")
