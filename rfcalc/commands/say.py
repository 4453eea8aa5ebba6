"""What commands say beside their reports, on stderr: notes, warnings, errors."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rfcalc.commands.terminal import is_terminal, painted_line, wants_colour

if TYPE_CHECKING:
    from rfcalc.engine.result import Note


def complain(line: str, *, colour: bool | None = None) -> None:
    """Write a line to stderr, made harmless for a terminal; notes and warnings are as wide as that.

    Parameters
    ----------
    line : str
        What to say.
    colour : bool, optional
        What ``--color`` says, where no command runs that knows it.

    Raises
    ------
    RfcalcError
        stderr is closed or takes nothing more.
    """
    from rfcalc.render.escape import visible
    from rfcalc.render.write import write_stream

    text = f"rfcalc: {visible(line)}"
    if is_terminal(sys.stderr) and not re.search(_STAYS, text):
        text = _wrapped(text)
    if wants_colour(sys.stderr, colour):
        text = painted_line(text)
    with contextlib.suppress(BrokenPipeError):
        write_stream(f"{text}\n", sys.stderr, "standard error")


_STAYS: Final = r"^rfcalc: error:|; run: |, run: "
"""What is one line however narrow the terminal: errors, as programs read them, and commands to be copied."""


def _wrapped(text: str) -> str:
    from rfcalc.render.fold import fold
    from rfcalc.render.write import terminal_width

    return "\n".join(fold(text, terminal_width(sys.stderr), indent=2))


def say_notes(notes: Sequence[Note], modules: Mapping[str, str] | None = None) -> None:
    """Write notes to stderr, a line each, with the modules that layers are in where these are given."""
    if not notes:
        return
    from rfcalc.render.notes import note_line

    for note in notes:
        complain(note_line(note, modules=modules or {}))
