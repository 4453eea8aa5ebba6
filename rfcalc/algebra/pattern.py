"""Which elements of a tensor a constant mask leaves, and the window that it is along a pair of axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final

from rfcalc.algebra.window import POINTWISE, Window, gather, slide
from rfcalc.records import NamedTuple

LONGEST_REPEAT: Final = 256
"""Queries after which a mask is looked at for a repetition."""


class Pattern(NamedTuple):
    """The elements of a tensor that count, aligned to its last axes; the others are constants.

    Parameters
    ----------
    shape : tuple of int
        Extents; 1 along an axis on which nothing changes.
    rows : tuple of int
        For each index of all axes but the last, in row-major order, the bits of the last axis.

    Examples
    --------
    >>> causal = Pattern((3, 3), (0b001, 0b011, 0b111))
    >>> causal.axes(4), causal.seen(0, 1)
    ((2, 3), (1, 3, 7))
    """

    shape: tuple[int, ...]
    rows: tuple[int, ...]

    def axes(self, rank: int) -> tuple[int, ...]:
        """Places among `rank` axes along which the pattern changes."""
        lead = rank - len(self.shape)
        return tuple(lead + place for place, extent in enumerate(self.shape) if extent > 1)

    def bit(self, index: Sequence[int]) -> bool:
        """Tell whether the element at `index` counts, an index for each axis of the pattern."""
        row = 0
        for at, extent in zip(index[:-1], self.shape[:-1], strict=True):
            row = row * extent + (at if extent > 1 else 0)
        return bool(self.rows[row] >> (index[-1] if self.shape[-1] > 1 else 0) & 1)

    def seen(self, query: int, key: int) -> tuple[int, ...]:
        """Give for each index of one axis the bits of another axis that count for any index of the rest."""
        rank = len(self.shape)
        query, key = query % rank, key % rank
        found = [0] * self.shape[query]
        last = rank - 1
        for at, row in zip(product(*map(range, self.shape[:-1])), self.rows, strict=True):
            if key == last:
                found[at[query]] |= row
            elif query == last:
                for index in range(self.shape[last]):
                    found[index] |= (row >> index & 1) << at[key]
            elif row:
                found[at[query]] |= 1 << at[key]
        return tuple(found)

    def kept(self, axis: int) -> int:
        """Return the bits of one axis that count for any index of the others."""
        axis %= len(self.shape)
        found = 0
        for at, row in zip(product(*map(range, self.shape[:-1])), self.rows, strict=True):
            if axis == len(self.shape) - 1:
                found |= row
            elif row:
                found |= 1 << at[axis]
        return found

    @property
    def empty(self) -> bool:
        """No element counts."""
        return not any(self.rows)

    @property
    def full(self) -> bool:
        """All elements count."""
        every = (1 << self.shape[-1]) - 1
        return all(row == every for row in self.rows)

    def filled(self, rank: int) -> Pattern:
        """Spell the same with an extent for each of `rank` axes."""
        return Pattern((*(1,) * (rank - len(self.shape)), *self.shape), self.rows)

    def taken(self, axis: int, taps: Sequence[Sequence[int]]) -> Pattern:
        """Let index i of one axis count where any of the present indices ``taps[i]`` does.

        Examples
        --------
        >>> Pattern((2, 3), (0b011, 0b100)).taken(1, [[0, 1], [2], []])
        Pattern(shape=(2, 3), rows=(1, 2))
        >>> Pattern((2, 3), (0b011, 0b100)).taken(0, [[0, 1]])
        Pattern(shape=(1, 3), rows=(7,))
        """
        shape = (*self.shape[:axis], len(taps), *self.shape[axis + 1 :])
        if axis == len(self.shape) - 1:
            bits = [sum(1 << tap for tap in each) for each in taps]
            known = {row: sum(1 << i for i, each in enumerate(bits) if row & each) for row in set(self.rows)}
            return Pattern(shape, tuple(known[row] for row in self.rows))
        inner = prod(self.shape[axis + 1 : -1])
        rows = []
        for start in range(0, len(self.rows), self.shape[axis] * inner):
            for each in taps:
                for k in range(inner):
                    found = 0
                    for tap in each:
                        found |= self.rows[start + tap * inner + k]
                    rows.append(found)
        return Pattern(shape, tuple(rows))

    def onto(self, axes: Sequence[int]) -> Pattern:
        """Let an element count along `axes` where any does along the others.

        Examples
        --------
        >>> Pattern((2, 3), (0b011, 0b001)).onto([1])
        Pattern(shape=(1, 3), rows=(3,))
        """
        found = self
        for axis, extent in enumerate(self.shape):
            if extent > 1 and axis not in axes:
                found = found.taken(axis, [range(extent)])
        return found

    def regrouped(self, old: Sequence[int], new: Sequence[int]) -> Pattern:
        """Reshape a pattern of a tensor of `old` extents, as many as the pattern has, in row-major order.

        Examples
        --------
        >>> Pattern((2, 3), (0b011, 0b100)).regrouped((2, 3), (6,))
        Pattern(shape=(6,), rows=(35,))
        >>> Pattern((2, 1), (1, 0)).regrouped((2, 4), (4, 2))
        Pattern(shape=(4, 1), rows=(1, 1, 0, 0))
        """
        every = Pattern(tuple(old), ((1 << old[-1]) - 1,) * prod(old[:-1]))
        text = "".join(f"{row:0{old[-1]}b}"[::-1] for row in self.joined(every, both=True).rows)
        rows = tuple(int(text[i : i + new[-1]][::-1], 2) for i in range(0, len(text), new[-1]))
        return Pattern(tuple(new), rows).plain()

    def plain(self) -> Pattern:
        """Spell the same with an extent of 1 along each axis on which nothing changes."""
        found = self
        for axis, extent in enumerate(self.shape):
            if extent > 1:
                first = found.taken(axis, [[0]])
                if first.taken(axis, [[0]] * extent).rows == found.rows:
                    found = first
        return found

    def joined(self, other: Pattern, *, both: bool) -> Pattern:
        """Return the elements that count in both patterns, or in either.

        Examples
        --------
        >>> Pattern((2, 1), (1, 0)).joined(Pattern((3,), (0b110,)), both=True)
        Pattern(shape=(2, 3), rows=(6, 0))
        """
        rank = max(len(self.shape), len(other.shape))
        a, b = self.filled(rank), other.filled(rank)
        shape = tuple(max(x, y) for x, y in zip(a.shape, b.shape, strict=True))
        every = (1 << shape[-1]) - 1

        def row(each: Pattern, at: Sequence[int]) -> int:
            place = 0
            for index, extent in zip(at, each.shape[:-1], strict=True):
                place = place * extent + (index if extent > 1 else 0)
            return each.rows[place] if each.shape[-1] == shape[-1] else every * (each.rows[place] & 1)

        pairs = ((row(a, at), row(b, at)) for at in product(*map(range, shape[:-1])))
        return Pattern(shape, tuple(x & y if both else x | y for x, y in pairs))

    def moved(self, order: Sequence[int]) -> Pattern:
        """Let axis a of the result be the present axis ``order[a]``; -1 for a new one."""
        shape = tuple(1 if place < 0 else self.shape[place] for place in order)
        if tuple(order[-1:]) == (len(self.shape) - 1,) and [p for p in order if p >= 0] == sorted(
            p for p in order if p >= 0
        ):
            return Pattern(shape, self.rows) if prod(shape[:-1]) == len(self.rows) else self._listed(order)
        return self._listed(order)

    def _listed(self, order: Sequence[int]) -> Pattern:
        shape = tuple(1 if place < 0 else self.shape[place] for place in order)
        rows = []
        index = [0] * len(self.shape)
        for at in product(*map(range, shape[:-1])):
            row = 0
            for last in range(shape[-1]):
                for place, value in zip(order, (*at, last), strict=True):
                    if place >= 0:
                        index[place] = value
                row |= self.bit(index) << last
            rows.append(row)
        return Pattern(shape, tuple(rows))


class Reach(NamedTuple):
    """What the queries of a mask read along the axis of the keys.

    Parameters
    ----------
    opened : str
        ``before`` where the window's keys stand for all before them as well, ``after`` for all behind them.
    window : Window
        The keys of each query.
    listed : bool
        The rows are those of this map alone.
    """

    opened: str
    window: Window
    listed: bool = False


def reach_of(rows: Sequence[int], keys: int) -> Reach | None:
    """Say what queries read whose keys are given as bits; None where each of them reads all.

    Examples
    --------
    >>> reach_of((0b001, 0b011, 0b111), 3).opened
    'before'
    >>> window = reach_of((0b0011, 0b0011, 0b1100, 0b1100), 4).window
    >>> window.period, list(window.indices(5))
    (2, [4, 5])
    """
    every = (1 << keys) - 1
    if all(row == every for row in rows):
        return None
    if all(row == rows[0] for row in rows):  # no end moves on with the query
        return Reach("", *_window(rows, keys))
    lasts = [row.bit_length() - 1 for row in rows]
    if all(row and row == (1 << last + 1) - 1 for row, last in zip(rows, lasts, strict=True)):
        return Reach("before", *_window([1 << last for last in lasts], keys))
    firsts = [(row & -row).bit_length() - 1 for row in rows]
    if all(row and row == every >> first << first for row, first in zip(rows, firsts, strict=True)):
        return Reach("after", *_window([1 << first for first in firsts], keys))
    return Reach("", *_window(rows, keys))


def _window(rows: Sequence[int], keys: int) -> tuple[Window, bool]:
    """Return the window of rows of bits, the same again every few queries where it is so."""
    if len(rows) == keys:
        for period in range(1, min(keys // 2, LONGEST_REPEAT) + 1):
            offsets = _repeated(rows, keys, period)
            if offsets is not None:
                if offsets == [[0]]:
                    return POINTWISE, False
                nearest, *others = offsets
                if nearest and not others and nearest == list(range(nearest[0], nearest[-1] + 1)):
                    return slide(len(nearest), lo=-nearest[0]), False
                taps = [[phase + offset for offset in each] for phase, each in enumerate(offsets)]
                return gather(period, period, taps), False
    return gather(len(rows), keys, [_bits(row) for row in rows]), True


def _repeated(rows: Sequence[int], keys: int, period: int) -> list[list[int]] | None:
    """Return the distances of keys from the query for each phase; None where they change otherwise.

    What reaches beyond the first and the last key is cut off, as a window in padding is.
    """
    every = (1 << keys) - 1
    shifts = [0] * period  # bit keys + d for the distance d
    for query, row in enumerate(rows):
        shifts[query % period] |= row << (keys - query)
    for query, row in enumerate(rows):
        if shifts[query % period] >> (keys - query) & every != row:
            return None
    return [[place - keys for place in _bits(shift)] for shift in shifts]


def _bits(row: int) -> list[int]:
    """List the places of the bits that are set."""
    text = bin(row)[:1:-1]
    return [place for place, digit in enumerate(text) if digit == "1"]
