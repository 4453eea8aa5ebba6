"""What an element is computed from, at one concrete size: two elements of one origin have one value.

The dependence pass carries sets of input indices; carrying *origins* instead answers whether a tile of an
image gives the very values that the whole image gives. An origin is a number that stands for how an element
came about: which taps it has, in the order of the kernel, which of them are padding, and at which phase of
the kernel they are. Equal numbers, equal computation; the table that hands them out is shared by the runs
that are compared. Elements of different tensors must not be compared: layers are not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from math import gcd
from typing import Final, NoReturn

from rfcalc.algebra.rows import MAX_ROWS, Rows
from rfcalc.algebra.window import Window
from rfcalc.errors import AnalysisError

MOST_TAPS: Final = 1 << 24
"""Taps that one layer may list."""

_PADDING: Final = -1


class Table:
    """Numbers handed out so far.

    Attributes
    ----------
    numbers : dict
        A number for each way in which an element came about.
    rows : dict
        The numbers of whole axes that were worked out before.
    """

    __slots__ = ("numbers", "rows")

    def __init__(self) -> None:
        self.numbers: dict[object, int] = {}
        self.rows: dict[object, tuple[int, ...]] = {}


class Origins(Rows):
    """One number an index, equal where the elements are computed in the same way from the same input.

    Parameters
    ----------
    numbers : sequence of int
        The number of each index.
    table : Table
        Numbers handed out so far.
    exact : bool
        False where it is not known what the elements are computed from.
    """

    __slots__ = ("numbers", "table")

    def __init__(self, numbers: Sequence[int], table: Table, exact: bool = True) -> None:
        self.numbers, self.table, self.exact, self._steady = tuple(numbers), table, exact, None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origins) and self.numbers == other.numbers and self.exact == other.exact

    def __hash__(self) -> int:
        return hash((self.numbers, self.exact))

    def __repr__(self) -> str:
        return f"<Origins {len(self.numbers)}: {list(self.numbers[:4])}...>"

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def masks(self) -> tuple[int, ...]:
        """The number of each index."""
        return self.numbers

    @property
    def alike(self) -> bool:
        """Whether every index is computed in the same way."""
        return len(set(self.numbers)) == 1

    def head(self, length: int) -> Origins:
        """Keep the first indices."""
        return self.like(self.numbers[:length], self.exact)

    def bound(self) -> Origins:
        """Return the same numbers, of which it is not known what they stand for."""
        return self.like(self.numbers, exact=False)

    def like(self, masks: Sequence[int], exact: bool) -> Origins:
        """Return others of the same table."""
        return Origins(masks, self.table, exact)

    def _number(self, what: object) -> int:
        return self.table.numbers.setdefault(what, len(self.table.numbers) + 1)

    def after(self, outer: Window, extent: int, source: str = "") -> Origins:
        """Compose: `outer` reads the axis that these stand on and gives `extent` outputs."""
        if extent > MAX_ROWS:
            _refuse(source)
        if outer.period == 1 and outer.taps is None and outer.border == "drop" and outer.advance > 0:
            # branches often slide the same window over one map
            key = ("slid", outer.first(0), outer.last(0), outer.step, outer.advance, extent, self.numbers)
            return self.like(self._once(key, lambda: self._slid(outer, extent, source)), self.exact)
        return self.like(self._numbers(self._phased(outer, extent, source)), self.exact)

    def _once(self, key: object, rows: Callable[[], Iterable[object]]) -> tuple[int, ...]:
        """Number rows, unless that was done before."""
        if key not in self.table.rows:
            self.table.rows[key] = self._numbers(rows())
        return self.table.rows[key]

    def _numbers(self, rows: Iterable[object]) -> tuple[int, ...]:
        numbers = self.table.numbers
        return tuple([numbers.setdefault(row, len(numbers) + 1) for row in rows])

    def _slid(self, outer: Window, extent: int, source: str) -> Iterator[object]:
        """List the taps of a window that is the same everywhere, padding among them."""
        first, stop, step, advance = outer.first(0), outer.last(0) + 1, outer.step, outer.advance
        if extent * ((stop - first) // step + 1) > MOST_TAPS:
            _refuse(source)
        end = advance * (extent - 1) + stop
        left, right = max(-first, 0), max(end - len(self.numbers), 0)
        padded = [_PADDING] * left + list(self.numbers) + [_PADDING] * right
        columns = [padded[left + tap :: advance][:extent] for tap in range(first, stop, step)]
        return zip(repeat(advance), *columns)

    def _phased(self, outer: Window, extent: int, source: str) -> Iterator[object]:
        """List the taps of any window, with the phase of the kernel that they stand at."""
        ids, size, drops = self.numbers, len(self.numbers), outer.border == "drop"
        common = gcd(outer.period, outer.advance) or 1
        period, advance = outer.period // common, outer.advance // common
        phased = outer.period > 1 and advance != 0
        touched = 0
        for i in range(extent):
            taps = outer.indices(i)
            # where in the kernel the first tap stands, which a move by a whole period leaves as it is
            phase = i * advance - taps[0] * period if phased and len(taps) else 0
            inside = taps if drops else outer.inside(i, size)
            touched += len(inside)
            if touched > MOST_TAPS:
                _refuse(source)
            what = tuple([ids[j] if 0 <= j < size else _PADDING for j in inside])
            yield "phased", period, advance, phase, what

    def join(self, other: Rows) -> Origins:
        """Compute something of two elements at every index; a constant belongs to every index."""
        a, b = self.numbers, other.masks
        if len(a) == 1 < len(b):
            a *= len(b)
        elif len(b) == 1 < len(a):
            b *= len(a)
        joined = self._once(("join", a, b), lambda: zip(repeat("join"), a, b))
        return self.like(joined, self.exact and other.exact)

    def opened(self, *, below: bool = True, above: bool = True) -> Origins:
        """Compute every element of all, or of all up to (or from) itself."""
        if below and above:
            return self.like([self._number(("all", self.numbers))] * len(self.numbers), self.exact)
        out, state = [], 0
        for each in self.numbers if below else reversed(self.numbers):
            state = self._number(("scan", below, state, each))
            out.append(state)
        return self.like(out if below else out[::-1], self.exact)


def identity_origins(extent: int, table: Table, start: int = 0) -> Origins:
    """Give the elements of a piece of an input that starts at index `start`.

    >>> table = Table()
    >>> identity_origins(4, table).masks, identity_origins(2, table, start=2).masks
    ((1, 2, 3, 4), (3, 4))
    """
    numbers = table.numbers
    return Origins([numbers.setdefault(("input", start + i), len(numbers) + 1) for i in range(extent)], table)


def _refuse(source: str) -> NoReturn:
    raise AnalysisError(
        "the map is too large to list where its elements come from; give a smaller input with --dim",
        where=f"layer {source!r}" if source else None,
    )
