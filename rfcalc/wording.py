"""Small turns of phrase that messages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def few(names: Sequence[str], most: int = 3, spell: Callable[[str], str] = repr) -> str:
    """List names for a line of text, the first few of many.

    >>> few(["a", "b"]), few(["a", "b", "c", "d", "e"])
    ("'a', 'b'", "'a', 'b', 'c' and 2 more")
    """
    shown = ", ".join(map(spell, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
