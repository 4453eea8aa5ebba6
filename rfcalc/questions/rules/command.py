"""``rfcalc rules``: the formula behind every number."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rfcalc.commands import options
from rfcalc.commands.older import Older, Words
from rfcalc.commands.question import WRITE, Tables, question
from rfcalc.errors import CheckFailed, RfcalcError, UsageError
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.render.shown import Shown


def _checked(value: str) -> Words:
    """Return what ``--check FILE`` meant."""
    return Words(("--check", "--output", value))


@question(
    "rules",
    WRITE,
    "Show the rules behind the numbers, kind by kind.",
    "rfcalc rules conv max_pool",
    "rfcalc rules --format markdown --output rules.md",
    "rfcalc rules --check --output rules.md",
    tables=Tables("", ()),
    older=(Older("--check", "FILE", "--check --output", _checked, unless=("--output", "-o")),),
)
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@options.format_of("text", *MARKUP, "json", about="By default text, with --check Markdown.", default=None)
@options.output
@options.fresh("What is there is the file of --output.")
@options.everywhere
def command(kinds: Sequence[str], *, form: str | None, check: bool, output: str) -> None:
    """Show the rules behind the numbers: shapes, fields, parameters and MACs of each layer kind.

    KIND is any name that a model may give, such as conv or dense; by default all kinds are shown.
    """
    from rfcalc.questions.rules.report import render
    from rfcalc.render.write import check_output, terminal_width, unicode_output

    if not check:
        check_output(output)
    if not check:
        # a file is the same whatever the terminal
        shown: dict[str, Any] = (
            {"width": terminal_width(sys.stdout), "unicode": unicode_output(sys.stdout)}
            if output == "-"
            else {}
        )
        options.put(render(kinds, form or "text", **shown), form or "text", output)
        return
    if output == "-":
        raise UsageError("--check holds a file to what would be written; name it with --output")
    found = _content(output)
    if found != render(kinds, form or "markdown"):
        import shlex

        command = shlex.join(["rfcalc", "rules", *kinds, "--format", form or "markdown", "--output", output])
        what = "is stale" if found is not None else "does not exist"
        raise CheckFailed(f"{what}; run: {command}", source=output)


def made(kinds: Sequence[str]) -> Shown:
    """Return what the command shows, by its arguments as they are given."""
    from rfcalc.questions.rules.report import Rules

    return Rules(kinds)


def _content(path: str) -> str | None:
    """Return the text of a file, None where there is none."""
    from pathlib import Path

    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RfcalcError(f"cannot be read: {reason}", source=path) from error
