"""Rows of a large map of which few are asked for: those that they need are worked out, and no others.

Most maps are read by windows without gaps. Of such rows a run on end is told by its two ends, so that a unit
that depends on a million pixels takes no more work than one that depends on three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import Final

from rfcalc.algebra.rows import Row, Rows, require_room, row_of, union_of
from rfcalc.algebra.window import Window
from rfcalc.errors import AnalysisError

MAX_READ: Final = 1 << 23
"""Rows that are read for those that are asked for."""

_SOON: Final = 1 << 14
"""Rows that are worked out without being asked for, where it matters whether they are alike."""

_SERIAL: Final = count()

Reads = Callable[[int], Iterable[tuple["Column", Sequence[int]]]]
"""Which rows of which columns come together in a row."""


class Column:
    """A row for each index, found out when it is asked for.

    Parameters
    ----------
    length : int
        How many rows there are.
    reads : callable, optional
        For an index the columns, made before this one or itself, and indices whose rows it unites; None for
        the input.
    steady : bool
        Rows have no gaps, touch the next, and never move back: of several on end the ends are all there is.
    """

    __slots__ = ("_known", "length", "reads", "serial", "steady")

    def __init__(self, length: int, reads: Reads | None = None, *, steady: bool = False) -> None:
        self.length, self.reads, self.serial, self.steady = length, reads, next(_SERIAL), steady
        self._known: dict[int, Row] = {}

    def fetch(self, wanted: Iterable[int], source: str = "") -> list[Row]:
        """Return some rows: what they need is gathered back to the input, then united in order."""
        indices = list(wanted)
        order = self._order(indices, source)
        for column, needed in reversed(order):
            column._settle(needed)
        return [self._known[i] for i in indices]

    def _needed(self, indices: Sequence[int]) -> Sequence[int]:
        """Return the indices whose rows tell what all of `indices` come to: of a steady run its ends."""
        if self.steady and type(indices) is range and indices.step == 1 and len(indices) > 2:
            return indices[0], indices[-1]
        return indices

    def _united(self, indices: Sequence[int]) -> Iterable[Row]:
        """Return rows whose union is that of the rows of `indices`, where these are known."""
        found = [self._known[i] for i in self._needed(indices)]
        return found if len(found) == len(indices) else [(found[0][0], found[-1][1], 0)]

    def _order(self, wanted: Iterable[int], source: str) -> list[tuple[Column, list[int]]]:
        """List the columns that are needed, from this one back, each with the indices that are not known."""
        asked: dict[int, tuple[Column, set[int]]] = {self.serial: (self, set(wanted))}
        heap = [-self.serial]
        order = []
        total = 0
        while heap:
            column, indices = asked.pop(-heappop(heap))
            needed, ahead = set[int](), [i for i in indices if i not in column._known]
            while ahead:
                i = ahead.pop()
                if i in needed:
                    continue
                needed.add(i)
                total += 1
                for other, several in column.reads(i) if column.reads is not None else ():
                    more = other._needed(several)
                    total += len(more)
                    if total > MAX_READ:
                        raise AnalysisError(
                            "what is asked for depends on too much of the map; give a smaller one with --dim",
                            where=f"layer {source!r}" if source else None,
                        )
                    unknown = [j for j in more if j not in other._known]
                    if other is column:
                        ahead += unknown
                    elif unknown:
                        if other.serial not in asked:
                            asked[other.serial] = (other, set())
                            heappush(heap, -other.serial)
                        asked[other.serial][1].update(unknown)
            order.append((column, sorted(needed)))
        return order

    def _settle(self, needed: Sequence[int]) -> None:
        """Unite what rows need, which is known by now; a column that reads itself goes over them again."""
        left = list(needed)
        while left:
            later = []
            for i in left:
                if self.reads is None:
                    self._known[i] = (i, i, 0)
                    continue
                runs = list(self.reads(i))
                if all(j in self._known for column, several in runs if column is self for j in several):
                    self._known[i] = union_of(
                        row for column, several in runs for row in column._united(several)
                    )
                else:
                    later.append(i)
            left = later[::-1]


def _keeps_steady(outer: Window, size: int, extent: int) -> bool:
    """Tell whether a window over `size` steady rows gives steady ones, by its first period and its ends."""
    plain = outer.taps is None and outer.border == "drop" and outer.step == 1 and outer.regular
    if not plain or outer.period > _SOON:
        return False
    ends = [(outer.first(i), outer.last(i)) for i in range(min(outer.period + 1, extent))]
    touching = all(a[0] <= b[0] <= a[1] + 1 and a[1] <= b[1] for a, b in pairwise(ends))
    return touching and extent > 0 and ends[0][1] >= 0 and outer.first(extent - 1) < size


class RowsOnDemand(Rows):
    """Rows of which only those are worked out that are asked for.

    Parameters
    ----------
    column : Column
        The rows.
    exact : bool
        False where they cover more than what is needed.
    """

    __slots__ = ("column",)

    def __init__(self, column: Column, exact: bool = True) -> None:
        self.column, self.exact, self._steady = column, exact, None

    def __len__(self) -> int:
        return self.column.length

    @property
    def rows(self) -> Sequence[Row]:  # type: ignore[override]  # worked out, not held
        """All rows."""
        require_room(self.column.length, 0)
        return tuple(self.column.fetch(range(self.column.length)))

    @property
    def alike(self) -> bool:
        """Whether every index is known to need the same; many rows are not worked out to find out."""
        return self.column.length == 1 or (self.column.length <= _SOON and super().alike)

    def after(self, outer: Window, extent: int, source: str = "") -> RowsOnDemand:
        """Compose: `outer` reads the axis that these rows describe and gives `extent` outputs."""
        column, size = self.column, self.column.length
        steady = column.steady and _keeps_steady(outer, size, extent)
        made = Column(extent, lambda i: [(column, outer.inside(i, size))], steady=steady)
        return RowsOnDemand(made, self.exact)

    def like(self, masks: Sequence[int], exact: bool) -> Rows:
        """Return other rows, which are there already."""
        return RowsOnDemand(_listed(tuple(map(row_of, masks))), exact)

    def head(self, length: int) -> RowsOnDemand:
        """Keep the first rows."""
        column = self.column
        made = Column(min(length, column.length), lambda i: [(column, (i,))], steady=column.steady)
        return RowsOnDemand(made, self.exact)

    def bound(self) -> RowsOnDemand:
        """Return the same rows, as a bound."""
        return RowsOnDemand(self.column, exact=False)

    def join(self, other: Rows) -> RowsOnDemand:
        """Union, row by row; a constant belongs to every row."""
        a, b = self.column, other.column if isinstance(other, RowsOnDemand) else _listed(other.rows)
        p, q = (0 if each.length == 1 else 1 for each in (a, b))
        length = max(a.length, b.length)
        return RowsOnDemand(
            Column(length, lambda i: [(a, (p * i,)), (b, (q * i,))]), self.exact and other.exact
        )

    def opened(self, *, below: bool = True, above: bool = True) -> RowsOnDemand:
        """Every output needs what any output needs, or any up to (or from) itself."""
        old = self.column
        size = old.length
        if below and above:
            every = Column(1, lambda _: [(old, range(size))])
            return RowsOnDemand(Column(size, lambda _: [(every, (0,))]), self.exact)
        if old.steady:
            return RowsOnDemand(
                Column(size, lambda i: [(old, range(i + 1) if below else range(i, size))], steady=True),
                self.exact,
            )
        step, end = (-1, 0) if below else (1, size - 1)
        new = Column(size)
        new.reads = lambda i: [(old, (i,))] if i == end else [(old, (i,)), (new, (i + step,))]
        return RowsOnDemand(new, self.exact)

    def some(self, wanted: Iterable[int]) -> list[Row]:
        """Return the rows of some indices, and work out what they need."""
        return self.column.fetch(wanted)

    def at(self, groups: Sequence[Sequence[int]]) -> RowsOnDemand:
        """Unite the rows of some indices, for each group of them."""
        old = self.column
        return RowsOnDemand(Column(len(groups), lambda i: [(old, groups[i])]), self.exact)


def _listed(rows: Sequence[Row]) -> Column:
    """Return a column of rows that are known."""
    column = Column(len(rows))
    column._known.update(enumerate(rows))
    return column


def identity_on_demand(extent: int) -> RowsOnDemand:
    """Output i needs input i, and what is built on that is worked out where it is asked for.

    >>> from rfcalc.algebra.window import slide
    >>> identity_on_demand(10**9).after(slide(3, lo=1), 10**9).column.fetch([0, 10**8])
    [(0, 1, 0), (99999999, 100000001, 0)]
    """
    return RowsOnDemand(Column(extent, steady=True))
