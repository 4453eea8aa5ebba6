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


def unit_names(rank: int, channels: int | None = None) -> Sequence[str]:
    """Return what the positions along each spatial axis of an input are counted in.

    A line of one or two channels is sound, or another signal, and its positions are samples; of more channels
    they are steps, as of a text. Three axes and colours are a film, whose first axis counts frames.

    Parameters
    ----------
    rank : int
        How many spatial axes the input has.
    channels : int, optional
        How many numbers there are at a position, where that is known.

    Examples
    --------
    >>> unit_names(2), unit_names(1, 1), unit_names(1, 300)
    (('pixels', 'pixels'), ('samples',), ('steps',))
    >>> unit_names(3, 1), unit_names(3, 3)
    (('voxels', 'voxels', 'voxels'), ('frames', 'pixels', 'pixels'))
    """
    if rank == 1:
        return ("samples" if channels in (1, 2) else "steps",)
    if rank == 3:
        return ("frames", "pixels", "pixels") if channels == 3 else ("voxels",) * 3
    return ("pixels" if rank == 2 else "positions",) * rank


_SHOWN: Final = 60


def quoted(text: str) -> str:
    """Quote a text for a message, shortened where it is long.

    >>> quoted("2*width")
    "'2*width'"
    """
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
