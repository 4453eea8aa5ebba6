"""What a terminal gets beside the words of a report: colours, which never say anything alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, TextIO

import click

COLOURS: Final[Mapping[str, bool | None]] = {"auto": None, "always": True, "never": False}
"""What ``--color`` may say, as `click.Context.color` has it."""


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether somebody reads a stream in a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def knows_codes(stream: TextIO | None) -> bool:
    """Tell whether a stream ends at a terminal that has colours, and moves its cursor."""
    older = os.name == "nt" and not os.environ.get("WT_SESSION")  # the console of Windows shows the codes
    return is_terminal(stream) and os.environ.get("TERM") != "dumb" and not older


def wants_colour(stream: TextIO | None, asked: bool | None = None) -> bool:
    """Tell whether a stream gets colours: as asked, as the environment says, or where it is a terminal.

    Parameters
    ----------
    stream : TextIO, optional
        Where the text goes.
    asked : bool, optional
        What the command line says; by default that of the command that runs.
    """
    context = click.get_current_context(silent=True)
    asked = context.color if asked is None and context is not None else asked
    if asked is not None:
        return asked
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return knows_codes(stream)


def colour_asked(arguments: list[str]) -> bool | None:
    """Return what ``--color`` says, of a command line that may never have been read to its end."""
    found = None
    for word, following in pairwise([*arguments, ""]):
        if word == "--color":
            found = COLOURS.get(following, found)
        elif word.startswith("--color="):
            found = COLOURS.get(word.partition("=")[2], found)
    return found


# ---- reports -----------------------------------------------------------------------------------------------

_STYLES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    # of which the first that fits is taken
    "good": (r"^.*\ball exact\.$|^.*: (?:all [\d,]+ limits hold|the limit holds)$|^Proven:", {"fg": "green"}),
    "bad": (
        r"^.*: [\d,]+ violations?;.*$|^.*\bcannot be cut:|^[\d,]+ of [\d,]+ layers? differs?\b",
        {"fg": "red"},
    ),
    "near": (r"^This is an approximation:", {"fg": "yellow"}),
    "rule": (r"^ *[─-]{4,} *$", {"dim": True}),
    "head": (r"\A(?!- ).+$|(?:(?<=\n\n)|(?<=:\n)).+(?:\n.+)?$(?=\n[─-]{4,}$)", {"bold": True}),
    "aside": (r"^(?:left out|folded): .*$", {"dim": True}),
    "added": (r"^\+ \S+", {"fg": "green"}),
    "gone": (r"^- \S+(?=  )", {"fg": "red"}),
    "changed": (r"^[~>] \S+(?=  )", {"fg": "yellow"}),
    "bar": (r"[\u2581-\u258f]+", {"fg": "cyan"}),
    "exact": (r"(?<=  )exact(?=  |$)", {"fg": "green"}),
    "bound": (r"(?<=  )(?:bound|assumed)(?=  |$)|(?<=[ (])~(?:[0-9]|global)[^ ,;)]*", {"fg": "yellow"}),
    "unknown": (r"(?<=  )(?:unknown|\?)(?=  |$)", {"fg": "red"}),
}
"""What stands out in a report, and how. Each is a word or a mark that says the same without its colour."""

_ANY: Final = "|".join(f"(?P<{name}>{what})" for name, (what, _) in _STYLES.items())
"""Any of them, as text: it is compiled where something is painted."""


def painted(text: str) -> str:
    r"""Colour a report as it is laid out, so that nothing moves.

    >>> painted("model\nconv  exact\n")
    '\x1b[1mmodel\x1b[0m\nconv  \x1b[32mexact\x1b[0m\n'
    """
    return re.sub(
        _ANY, lambda found: click.style(found[0], **_STYLES[str(found.lastgroup)][1]), text, flags=re.M
    )


_DIFF: Final = r"^(?P<head>(?:---|\+\+\+) .*)$|^(?P<place>@@.*)$|^(?P<added>\+.*)$|^(?P<gone>-.*)$"
_DIFFS: Final[Mapping[str, Mapping[str, Any]]] = {
    "head": {"bold": True},
    "place": {"fg": "cyan"},
    "added": {"fg": "green"},
    "gone": {"fg": "red"},
}


def painted_diff(text: str) -> str:
    r"""Colour a unified diff.

    >>> painted_diff("+new\n")
    '\x1b[32m+new\x1b[0m\n'
    """
    return re.sub(
        _DIFF, lambda found: click.style(found[0], **_DIFFS[str(found.lastgroup)]), text, flags=re.M
    )


_LEVEL: Final = r"\b(?P<level>error|warning|note):"
_LEVELS: Final[Mapping[str, str]] = {"error": "red", "warning": "yellow", "note": "cyan"}


def painted_line(line: str) -> str:
    r"""Colour what a line on stderr begins with.

    >>> painted_line("rfcalc: note: done")
    'rfcalc: \x1b[36mnote:\x1b[0m done'
    """
    return re.sub(_LEVEL, lambda found: click.style(found[0], fg=_LEVELS[found["level"]]), line, count=1)
