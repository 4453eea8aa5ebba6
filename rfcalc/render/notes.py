"""A note of a result as a line for people."""

from __future__ import annotations

from rfcalc.engine.result import Note
from rfcalc.render.escape import terminal


def note_line(note: Note, *, unicode: bool = True) -> str:
    """Write a note as one line.

    >>> note_line(Note("warning", "misaligned", "add", "branches of unequal strides"))
    "warning: layer 'add': branches of unequal strides"
    """
    level = "note" if note.level == "info" else note.level
    where = f"layer '{note.layer}': " if note.layer else ""
    return terminal(f"{level}: {where}{note.message}", unicode=unicode)
