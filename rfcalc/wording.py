"""Turns of phrase that messages of every layer of the package share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final


def few(names: Iterable[str], most: int = 3) -> str:
    """List some names, and count the rest.

    Parameters
    ----------
    names : iterable of str
        The names, quoted already where they are to be.
    most : int
        How many are named.

    Examples
    --------
    >>> few(["a", "b", "c"]), few(["a", "b", "c", "d"]), few("abc", most=1)
    ('a, b, c', 'a, b, c and 1 more', 'a and 2 more')
    """
    every = list(names)
    named = ", ".join(every[:most])
    return f"{named} and {len(every) - most:,} more" if len(every) > most else named


MARKUP: Final = ("markdown", "rst", "asciidoc", "latex", "html")
"""The markup languages of documents."""

_AXES: Final = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}


def axis_names(rank: int) -> Sequence[str]:
    """Return what one position along each spatial axis of an input is called.

    >>> axis_names(2)
    ('row', 'column')
    """
    return _AXES.get(rank) or [f"axis {k}" for k in range(rank)]
