"""What commands say beside their reports, on stderr: notes, warnings, errors."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfcalc.engine.result import Note


def in_terminal() -> bool:
    """Tell whether somebody reads standard output in a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def complain(line: str) -> None:
    """Write a line to stderr, made harmless for a terminal.

    Raises
    ------
    RfcalcError
        stderr is closed or takes nothing more.
    """
    from rfcalc.render.escape import visible
    from rfcalc.render.write import write_stream

    with contextlib.suppress(BrokenPipeError):
        write_stream(f"rfcalc: {visible(line)}\n", sys.stderr, "standard error")


def say_notes(notes: Sequence[Note]) -> None:
    """Write notes to stderr, a line each."""
    if not notes:
        return
    from rfcalc.render.notes import note_line

    for note in notes:
        complain(note_line(note))
