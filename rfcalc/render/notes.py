"""A note of a result as a line for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rfcalc.engine.result import Note
from rfcalc.render.escape import terminal

_NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})


def note_line(note: Note, *, unicode: bool = True, modules: Mapping[str, str] = _NOWHERE) -> str:
    """Write a note as one line.

    Parameters
    ----------
    note : Note
        What to say.
    unicode : bool
        False for a terminal that shows ASCII alone.
    modules : mapping of str to str
        The modules that layers are in, where their names do not say so.

    Examples
    --------
    >>> note_line(Note("warning", "misaligned", "add", "branches of unequal strides"))
    "warning: layer 'add': branches of unequal strides"
    """
    level = "note" if note.level == "info" else note.level
    inside = f" in {modules[note.layer]!r}" if note.layer in modules else ""
    where = f"layer '{note.layer}'{inside}: " if note.layer else ""
    return terminal(f"{level}: {where}{note.message}", unicode=unicode)
