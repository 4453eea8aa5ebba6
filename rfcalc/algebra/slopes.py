"""How far rows move on from output to output, where a table of indices gives them and no formula does.

Such rows are those of one map: what a window reads beyond its border is nothing. An index of windows, as
exporters write `unfold`, has no stride as a whole. Once a reshape, and a sum or a selection, have left one
digit of its index, the rows that are left say themselves how far they move.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import gcd, inf
from typing import Final

from rfcalc.algebra.number import Num, is_same
from rfcalc.algebra.relation import MAX_PERIOD, Relation, whole_turns
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.unions import End
from rfcalc.algebra.window import TapTable, Window

LONGEST: Final = 64
"""Rows after which those of a table are looked at for a repetition."""


def is_table(window: Window, extent: Num) -> bool:
    """Tell whether a window lists what each of its outputs reads.

    >>> from rfcalc.algebra.window import picked, slide
    >>> is_table(picked(8, (3, 0, 7)), 3), is_table(slide(3), 8)
    (True, False)
    """
    return isinstance(window.taps, TapTable) and is_same(len(window.taps.rows), extent)


def of_table(relation: Relation | Rows, window: Window, extent: Num) -> Relation | Rows:
    """Return rows behind a window, those of one map where the window is a table of single elements.

    They have no stride, unless they move on evenly, or are all elements in another order.
    """
    if isinstance(relation, Rows) or not is_table(window, extent) or not window.picks:
        return relation
    if not relation.bounded:  # of rows that have no end an order of their own says nothing
        return relation
    indices = window.ends(extent)[0]
    if window.regular and _lie_along(range(extent), indices, window.advance, extent):
        return relation  # elements of a resampled map, which goes on
    same = relation.of_map(extent)
    ordered = sorted(indices) == list(range(window.advance))
    return same if ordered else evened(same.as_listed(extent, uneven=True, turn=same.turn), extent, 1)


def evened(relation: Relation, count: int, longest: int | None = None) -> Relation:
    """Spell the slope of rows that have none where, every few rows, all move on by as much.

    Otherwise they have the table's where they lie along it, as windows of an adaptive pooling do.

    Parameters
    ----------
    relation : Relation
        The rows of a map, of different grids.
    count : int
        How many rows the map has.
    longest : int, optional
        After how many rows they may repeat; without it a third of them, so that what repeats is seen twice,
        and `LONGEST` at most.

    Examples
    --------
    >>> table = Relation(6, 4, (0, 1, 2, 1, 2, 3), (0, 1, 2, 1, 2, 3), (1,) * 6)
    >>> evened(table, 3)
    <Relation (3, 3): [0, 0], [1, 1], [2, 2]>
    """
    lo, hi, taps = relation.rows(range(count))
    move, step = _move_of(list(zip(lo, hi, strict=True)), longest or min(max(count // 3, 1), LONGEST))
    if not move or step * count > MAX_PERIOD:
        held = [place for place in range(count) if lo[place] <= hi[place]]
        along = longest is None and relation.bounded
        along = along and all(_lie_along(held, ends, relation.advance, relation.period) for ends in (lo, hi))
        return relation.of_map(count).as_listed(count, turn=relation.turn) if along else relation
    times, advance = whole_turns(move * count, step)
    even = Relation(
        count * times,
        advance,
        lo * times,
        hi * times,
        None if taps is None else taps * times,
        relation.slack,
        relation.loose,
        relation.exact,
    )
    return even.as_listed(count, turn=advance if times == 1 else None)


def _lie_along(places: Sequence[int], ends: Sequence[End], advance: int, period: int) -> bool:
    """Tell whether ends at some places are of an even slope, rounded, and moved into the map at its ends."""
    if len(places) < 2:
        return True
    grid = gcd(*(int(ends[after] - ends[before]) for before, after in pairwise(places))) or 1
    aside = [ends[place] * period - place * advance for place in places]
    return max(aside) - min(aside) < 2 * grid * period


def _move_of(rows: Sequence[tuple[End, End]], longest: int) -> tuple[int, int]:
    """Return by how much all rows move on in how many, where they do so evenly; (0, 1) where they do not.

    A row that the border cuts moves on with its other end alone.
    """
    if any(first > last or first == -inf or last == inf for first, last in rows):
        return 0, 1
    for step in range(1, longest + 1):
        moves = {rows[step][end] - rows[0][end] for end in (0, 1)} if step < len(rows) else ()
        for move in moves:
            pairs = zip(rows, rows[step:], strict=False)
            if all(move in (after[0] - before[0], after[1] - before[1]) for before, after in pairs):
                return int(move), step
    return 0, 1
