"""Relations as plain Python: windows to draw, and the sets that they and their compositions stand for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from hypothesis import strategies as st

from rfcalc.algebra.relation import NeedTaps, Relation, identity
from rfcalc.algebra.window import Window, gather, partition, slide, spread

Sets = Callable[[int], frozenset[int]]
"""Which input indices each output index needs, any integer."""

Drawn = tuple[Window, Sets]
"""A window, and what it is by definition."""


def _slide(kernel: int, stride: int, dilation: int, lo: int) -> Drawn:
    def sets(i: int) -> frozenset[int]:
        return frozenset(stride * i - lo + dilation * t for t in range(kernel))

    return slide(kernel, stride=stride, dilation=dilation, lo=lo), sets


def _spread(kernel: int, stride: int, dilation: int, lo: int) -> Drawn:
    def sets(i: int) -> frozenset[int]:
        reach = abs(i) + dilation * kernel + abs(lo) + 1
        written = range(-reach, reach + 1)
        return frozenset(j for j in written for t in range(kernel) if stride * j + dilation * t - lo == i)

    return spread(kernel, stride=stride, dilation=dilation, lo=lo), sets


def _partition(extent: int, size: int) -> Drawn:
    def sets(i: int) -> frozenset[int]:  # input j lies in part i where [j, j+1) meets [i, i+1) * extent/size
        near = i * extent // size
        around = range(near - extent - 2, near + extent + 3)
        return frozenset(j for j in around if (j + 1) * size > i * extent and j * size < (i + 1) * extent)

    common = max(d for d in range(1, extent + 1) if extent % d == size % d == 0)
    return partition(extent, size, common), sets


def _gather(rows: list[list[int]], advance: int) -> Drawn:
    def sets(i: int) -> frozenset[int]:
        return frozenset(j + advance * (i // len(rows)) for j in rows[i % len(rows)])

    return gather(len(rows), advance, [sorted(row) for row in rows]), sets


def _lists(least: int) -> st.SearchStrategy[list[list[int]]]:
    taps = st.lists(st.integers(-4, 4), min_size=least, max_size=3, unique=True)
    return st.lists(taps, min_size=1, max_size=3)


slides = st.builds(_slide, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(-2, 5))
spreads = st.builds(_spread, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(-2, 5))
partitions = st.builds(_partition, st.integers(1, 9), st.integers(1, 9))
gathers = st.builds(_gather, _lists(0), st.integers(1, 4))
windows = st.one_of(slides, spreads, partitions, gathers)
"""Windows of every make."""


def chain(steps: list[Drawn]) -> Sets:
    """Compose by definition; the first step reads the input."""

    def sets(i: int) -> frozenset[int]:
        reached = frozenset({i})
        for _, step in reversed(steps):
            reached = frozenset().union(*map(step, reached))
        return reached

    return sets


def relation_of(steps: list[Drawn], *, taps: bool = True) -> Relation:
    relation = identity(taps=taps)
    for window, _ in steps:
        relation = relation.after(window)
    return relation


def row(relation: Relation, i: int) -> frozenset[int]:
    """The taps of output i of a relation that knows them."""
    q, r = divmod(i, relation.period)
    assert relation.taps is not None
    start = int(relation.lo[r]) + relation.advance * q
    bits = relation.taps[r]
    return frozenset(start + t for t in range(bits.bit_length()) if bits >> t & 1)


def same(relation: Relation, sets: Sets, outputs: range = range(-7, 14)) -> bool:
    return all(row(relation, i) == sets(i) for i in outputs)


def ends_agree(relation: Relation, sets: Sets, outputs: range = range(-7, 14)) -> bool:
    for i in outputs:
        lo, hi = relation.ends(i)
        there = sets(i)
        if (lo <= hi) != bool(there) or (there and (lo, hi) != (min(there), max(there))):
            return False
    return True


def as_window(relation: Relation) -> Window:
    """A relation in the place of a window, so that it may be the outer one too."""
    rows = [sorted(row(relation, i)) for i in range(relation.period)]
    return gather(relation.period, relation.advance, rows)


def tried(make: Callable[[], Any]) -> Any:
    """What a composition gives, or None where intervals do not suffice."""
    try:
        return make()
    except NeedTaps:
        return None


INFINITE = (-inf, inf)
