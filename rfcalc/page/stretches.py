"""Lists of spans in few words: neighbouring units mostly read the same, moved on by a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.records import NamedTuple

WHOLE: Final = -1
"""What a span has in place of holes where all between its ends is read."""


class Span(NamedTuple):
    """What one unit reads along an axis: the first and the last position, and the number of its holes."""

    first: int
    last: int
    holes: int = WHOLE


NOTHING: Final = Span(0, -1)
"""The span of a unit that reads nothing."""


class Stretch(NamedTuple):
    """Units on end whose spans follow from those of the first few.

    Parameters
    ----------
    units : int
        How many units.
    first_step, last_step : int
        By how much the first and the last position move on, from a unit to the one ``len(spans)`` later.
    spans : tuple of Span
        The spans of the first units.
    """

    units: int
    first_step: int
    last_step: int
    spans: tuple[Span, ...]


def stretches_of(spans: Sequence[Span], periods: Sequence[int] = (1,)) -> list[Stretch]:
    """Return the spans of all units as stretches.

    Parameters
    ----------
    spans : sequence of Span
        One a unit.
    periods : sequence of int
        After how many units spans may repeat; the one that goes on longest is taken each time.

    Examples
    --------
    >>> for stretch in stretches_of([Span(0, 1), Span(0, 2), Span(1, 3), Span(2, 4)]):
    ...     print(stretch.units, stretch.first_step, stretch.last_step, *stretch.spans)
    2 0 1 Span(first=0, last=1, holes=-1)
    2 1 1 Span(first=1, last=3, holes=-1)
    """
    found: list[Stretch] = []
    place = 0
    while place < len(spans):
        longest = max((_longest(spans, place, period) for period in periods), key=lambda each: each.units)
        found.append(longest)
        place += longest.units
    return found


def _longest(spans: Sequence[Span], start: int, period: int) -> Stretch:
    """Return the longest stretch from a unit on whose spans repeat after some units."""
    first = tuple(spans[start : start + period])
    follows = start + period
    if follows >= len(spans):
        return Stretch(len(first), 0, 0, first)
    steps = _step(spans[start], spans[follows])
    end = follows
    while end < len(spans) and steps is not None and _step(spans[end - period], spans[end]) == steps:
        end += 1
    if end == follows:
        return Stretch(len(first), 0, 0, first)
    assert steps is not None
    return Stretch(end - start, *steps, first)


def _step(one: Span, other: Span) -> tuple[int, int] | None:
    """Return by how much both ends move on; None where that alone does not say what the other reads."""
    if one.holes != other.holes or (one.last < one.first) != (other.last < other.first):
        return None
    steps = other.first - one.first, other.last - one.last
    # holes are counted from the first position: they fit a span of the same length alone
    return steps if one.holes == WHOLE or steps[0] == steps[1] else None
