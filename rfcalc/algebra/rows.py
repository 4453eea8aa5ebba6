"""Dependence at one concrete size: for each output index the exact set of input indices it needs.

A row is the first and the last index that is needed, and a bit mask only where some between them are not:
most rows are unions of windows without gaps, and take the same room whatever the size of the map. Every
padded tap is dropped at its own layer, which clipping the final field to the image would not do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NoReturn, overload

from rfcalc.algebra.window import Window
from rfcalc.errors import AnalysisError

MAX_BITS: Final = 1 << 29
"""Bits that the masks of one axis take up, where rows have gaps."""

MAX_ROWS: Final = 1 << 18
"""Indices of one axis that are listed, which is some seconds for one layer, and as many pages to print."""

MAX_WORK: Final = 1 << 36
"""Bits that one layer may touch in OR operations, some ten seconds of them."""

_PLAIN: Final = 1 << 11
"""Bits that a row without gaps counts for, by the time that it takes."""

Row = tuple[int, int, int]
"""First and last index, and a mask from the first on where there are gaps, otherwise 0."""

NOTHING: Final[Row] = (0, -1, 0)
"""The row that needs nothing."""


def row_of(mask: int) -> Row:
    """Return the row of a bit mask.

    >>> row_of(0b1110), row_of(0b1010), row_of(0)
    ((1, 3, 0), (1, 3, 5), (0, -1, 0))
    """
    if not mask:
        return NOTHING
    first = (mask & -mask).bit_length() - 1
    bits = mask >> first
    return first, mask.bit_length() - 1, bits if bits & (bits + 1) else 0


def mask_of(row: Row) -> int:
    """Return the bit mask of a row."""
    first, last, bits = row
    return (bits or (1 << last - first + 1) - 1) << first if first <= last else 0


def union_of(rows: Iterable[Row]) -> Row:
    """Unite rows.

    >>> union_of([(1, 2, 0), (3, 5, 0)]), union_of([(1, 2, 0), (5, 5, 0)])
    ((1, 5, 0), (1, 5, 19))
    """
    first, last, bits = NOTHING
    for a, b, more in rows:
        if a > b or (not bits and first <= a and b <= last):
            continue
        if first > last or (not more and a <= first and last <= b):
            first, last, bits = a, b, more
        elif not bits and not more and a <= last + 1 and first <= b + 1:
            first, last = min(first, a), max(last, b)
        else:
            start, end = min(first, a), max(last, b)
            bits = (bits or (1 << last - first + 1) - 1) << first - start
            bits |= (more or (1 << b - a + 1) - 1) << a - start
            first, last = start, end
            if not bits & (bits + 1):
                bits = 0
    return first, last, bits


class Rows:
    """One row an output index.

    Parameters
    ----------
    masks : sequence of int
        A bit mask for each output index; bit j stands for input index j.
    exact : bool
        False where the rows cover more than what is needed.
    """

    __slots__ = ("_steady", "exact", "rows")

    def __init__(self, masks: Sequence[int], exact: bool = True) -> None:
        self.rows: Sequence[Row] = tuple(map(row_of, masks))
        self.exact = exact
        self._steady: bool | None = None

    @classmethod
    def made(cls, rows: Iterable[Row], exact: bool = True) -> Rows:
        """Return rows that are there already."""
        found = Rows.__new__(Rows)
        found.rows, found.exact, found._steady = tuple(rows), exact, None
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self.rows == other.rows and self.exact == other.exact

    def __hash__(self) -> int:
        return hash((self.rows, self.exact))

    def __repr__(self) -> str:
        return f"<Rows {len(self.rows)}: {[span_of_row(row) for row in self.rows[:4]]}...>"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def masks(self) -> tuple[int, ...]:
        """The rows as bit masks, each as long as its last index."""
        require_room(len(self.rows), max((last + 1 for _, last, _ in self.rows), default=0))
        return tuple(map(mask_of, self.rows))

    @property
    def whole(self) -> bool:
        """Whether there is only one row, as a constant has; a concrete relation has no other endless form."""
        return False

    @property
    def alike(self) -> bool:
        """Whether every index needs the same."""
        return len(set(self.rows)) == 1

    def after(self, outer: Window, extent: int, source: str = "") -> Rows:
        """Compose: `outer` reads the axis that these rows describe and gives `extent` outputs."""
        rows, size = self.rows, len(self.rows)
        if extent > MAX_ROWS:
            _refuse(source)
        steady = self._is_steady()
        widest = max((last - first + 1 for first, last, bits in rows if bits), default=0)
        out: list[Row] = []
        before: Sequence[int] = ()
        joined = NOTHING
        work = room = 0
        for i in range(extent):
            taps = outer.inside(i, size)
            if steady and type(taps) is range and taps and taps.step == 1:
                row = (rows[taps.start][0], rows[taps.stop - 1][1], 0)
                work += _PLAIN
            else:
                if taps != before:  # as where each index reads all
                    before, joined = taps, union_of([rows[j] for j in taps])
                row = joined
                work += len(taps) * (_PLAIN + widest)
            room += row[1] - row[0] + 1 if row[2] else 0
            if work > MAX_WORK or room > MAX_BITS:
                _refuse(source)
            out.append(row)
        return Rows.made(out, self.exact)

    def _is_steady(self) -> bool:
        """Tell whether rows have no gaps, touch the next, and never move back: then ends are all there is."""
        if self._steady is None:
            self._steady = not any(bits or first > last for first, last, bits in self.rows) and all(
                a[0] <= b[0] <= a[1] + 1 and a[1] <= b[1] for a, b in pairwise(self.rows)
            )
        return self._steady

    def like(self, masks: Sequence[int], exact: bool) -> Rows:
        """Return other rows of the same sort."""
        return Rows(masks, exact)

    def head(self, length: int) -> Rows:
        """Keep the first rows."""
        return Rows.made(self.rows[:length], self.exact)

    def bound(self) -> Rows:
        """Return the same rows, as a bound."""
        return Rows.made(self.rows, exact=False)

    def join(self, other: Rows) -> Rows:
        """Union, row by row; a constant belongs to every row."""
        a, b = self.rows, other.rows
        if len(a) == 1 < len(b):
            a = [a[0]] * len(b)
        elif len(b) == 1 < len(a):
            b = [b[0]] * len(a)
        return Rows.made(map(union_of, zip(a, b, strict=True)), self.exact and other.exact)

    def opened(self, *, below: bool = True, above: bool = True) -> Rows:
        """Every output needs what any output needs, or any up to (or from) itself."""
        if below and above:
            return Rows.made([union_of(self.rows)] * len(self.rows), self.exact)
        forward = _running(self.rows if below else self.rows[::-1])
        return Rows.made(forward if below else forward[::-1], self.exact)

    def constant(self) -> Rows:
        """Keep row 0 alone."""
        return self.head(1)

    def some(self, wanted: Iterable[int]) -> list[Row]:
        """Return the rows of some indices."""
        return [self.rows[i] for i in wanted]

    def at(self, groups: Sequence[Sequence[int]]) -> Rows:
        """Unite the rows of some indices, for each group of them."""
        rows = self.rows
        return Rows.made(
            (rows[group[0]] if len(group) == 1 else union_of([rows[j] for j in group]) for group in groups),
            self.exact,
        )


def require_room(extent: int, width: int, source: str = "") -> None:
    """Refuse more masks than there is room for, `extent` of them of `width` bits.

    Raises
    ------
    AnalysisError
        There is no room.
    """
    if extent > MAX_ROWS or extent * max(width, 64) > MAX_BITS:
        _refuse(source)


def _refuse(source: str) -> NoReturn:
    raise AnalysisError(
        "the map is too large to list what every index depends on; ask for one unit with --at, or give a "
        "smaller input with --dim",
        where=f"layer {source!r}" if source else None,
    )


def _running(rows: Sequence[Row]) -> list[Row]:
    reached, out = NOTHING, []
    for row in rows:
        reached = union_of((reached, row))
        out.append(reached)
    return out


def identity_rows(extent: int) -> Rows:
    """Output i needs input i.

    >>> identity_rows(3).masks
    (1, 2, 4)
    """
    if extent > MAX_ROWS:
        _refuse("")
    return Rows.made((i, i, 0) for i in range(extent))


def span_of_row(row: Row) -> tuple[int, int, int] | None:
    """First index, last index and number of indices of a row; None for the empty one.

    >>> span_of_row((1, 4, 0b1011)), span_of_row((1, 4, 0)), span_of_row((0, -1, 0))
    ((1, 4, 3), (1, 4, 4), None)
    """
    first, last, bits = row
    return None if first > last else (first, last, bits.bit_count() if bits else last - first + 1)


def row_span(mask: int) -> tuple[int, int, int] | None:
    """First index, last index and number of taps of a mask; None for the empty one.

    >>> row_span(0b10110)
    (1, 4, 3)
    """
    return span_of_row(row_of(mask))


class Masks(Sequence[int]):
    """Bit masks of rows, made when they are looked at: all of a large map at once take gigabytes.

    Parameters
    ----------
    rows : sequence of Row
        The rows.

    Examples
    --------
    >>> masks = Masks([(0, 1, 0), (1, 2, 0)])
    >>> masks[1], masks == (3, 6)
    (6, True)
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Masks: ...
    def __getitem__(self, place: int | slice) -> int | Masks:
        return Masks(self._rows[place]) if isinstance(place, slice) else mask_of(self._rows[place])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Masks):
            return self._rows == other._rows
        return isinstance(other, tuple) and self._rows == tuple(map(row_of, other))

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"Masks({list(self._rows)!r})"
