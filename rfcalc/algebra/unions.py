"""Rows of a relation that are united: each is two ends, and a set of taps as the bits of a Python int."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import le
from typing import Final

End = float  # an int, or -inf / +inf where the row has no end on that side

TapRow = tuple[End, End, int]
"""(lo, hi, taps)."""

NOTHING: Final[TapRow] = (0, -1, 0)
"""The row that needs nothing."""

TapRows = tuple[tuple[End, ...], tuple[End, ...], tuple[int, ...] | None]
"""The same of several rows: their first ends, their last ends, and their taps where these are known."""


def merged(starts: Sequence[End], ends: Sequence[End], taps: Sequence[int] | None) -> TapRow:
    """Unite rows that are given by their ends and their taps."""
    assert taps is not None
    if not all(map(le, starts, ends)):
        present = [row for row in zip(starts, ends, taps, strict=True) if row[0] <= row[1]]
        starts, ends, taps = zip(*present, strict=True) if present else ((), (), ())
    if not starts:
        return NOTHING
    lo, hi = min(starts), max(ends)
    if lo == -inf or hi == inf:
        return lo, hi, 0
    bits = 0
    for start, row in zip(starts, taps, strict=True):
        bits |= row << int(start - lo)
    return lo, hi, bits


def both(lo: End, hi: End, taps: int, lo2: End, hi2: End, taps2: int) -> TapRow:
    """Unite two rows: as `merged`, for the many rows of which one is empty or both are the same."""
    if lo > hi:
        return (lo2, hi2, taps2) if lo2 <= hi2 else NOTHING
    if lo2 > hi2 or (lo == lo2 and hi == hi2 and taps == taps2):
        return lo, hi, taps
    return merged((lo, lo2), (hi, hi2), (taps, taps2))


def filled_in(rows: TapRows, read: Sequence[Sequence[int]]) -> TapRows:
    """Put rows that need nothing between those of the outputs that read something."""
    taps = rows[2]
    assert taps is not None
    found = zip(rows[0], rows[1], taps, strict=True)
    return columns([next(found) if outputs else NOTHING for outputs in read])


def columns(rows: Sequence[TapRow]) -> TapRows:
    """Return the columns of a table of rows."""
    return tuple(zip(*rows, strict=True)) if rows else ((), (), ())  # type: ignore[return-value]


def widened(indices: Sequence[int], by: int) -> Sequence[int]:
    """Return indices together with those up to so far behind them."""
    return sorted({index + move for index in indices for move in range(by + 1)})


def smeared(bits: int, by: int) -> int:
    """Or together `bits` moved by 0, 1, ..., `by`."""
    done = 0
    while done < by:
        move = min(done + 1, by - done)
        bits |= bits << move
        done += move
    return bits
