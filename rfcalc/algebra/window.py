"""What a rule says about one axis: which input indices an output index reaches, as formulas in the index.

A window is data: its ends are the coefficients of formulas, so that windows are compared, hashed and pickled
like numbers. They are written over ``Num``, like everything in a rule. Evaluated on integers they give the
rows that :mod:`rfcalc.algebra.relation` composes; evaluated on a symbol they give the formula that
``rfcalc rules`` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from operator import index, le
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num, cdiv, is_known, is_one, is_open
from rfcalc.records import NamedTuple


class Line(NamedTuple):
    """An end that moves on evenly: ``scale*i + shift`` for output i."""

    scale: Num
    shift: Num

    def __call__(self, i: Num) -> Num:
        """Return the end of output `i`."""
        return self.scale * i + self.shift


class Quotient(NamedTuple):
    """A whole division of the output's index: ``(scale*i + shift) // divisor``."""

    scale: Num
    shift: Num
    divisor: Num

    def __call__(self, i: Num) -> Num:
        """Return its value for output `i`."""
        return (self.scale * i + self.shift) // self.divisor


class Stairs(NamedTuple):
    """An end that moves on in steps: ``scale*i + shift`` and multiples of whole divisions.

    Parameters
    ----------
    scale, shift : Num
        What moves on evenly.
    steps : tuple of (Num, Quotient)
        Each division, and how often it counts.

    Examples
    --------
    >>> half = Stairs(0, 5, ((1, Quotient(1, 0, 2)),))
    >>> [half(i) for i in range(4)]
    [5, 5, 6, 6]
    """

    scale: Num
    shift: Num
    steps: tuple[tuple[Num, Quotient], ...]

    def __call__(self, i: Num) -> Num:
        """Return the end of output `i`."""
        end = self.scale * i + self.shift
        for times, quotient in self.steps:
            end = end + times * quotient(i)
        return end


class Table(NamedTuple):
    """Ends that are listed for one period, and move on by `advance` with each."""

    ends: tuple[int, ...]
    advance: int

    def __call__(self, i: Num) -> Num:
        """Return the end of output `i`."""
        period = len(self.ends)
        return self.ends[i % period] + self.advance * (i // period)


class TapTable(NamedTuple):
    """Taps that are listed for one period, and move on by `advance` with each."""

    rows: tuple[Sequence[int], ...]
    advance: int

    def __call__(self, i: int) -> Sequence[int]:
        """Return the taps of output `i`."""
        period = len(self.rows)
        move, row = self.advance * (i // period), self.rows[i % period]
        return [tap + move for tap in row] if move else row


class SpreadTaps(NamedTuple):
    """Taps of a transposed window: every j with ``stride*j + dilation*t = i + lo``, 0 <= t < kernel."""

    kernel: int
    stride: int
    dilation: int
    lo: int

    def __call__(self, i: int) -> Sequence[int]:
        """Return the taps of output `i`."""
        kernel, stride, dilation, lo = self
        common = gcd(dilation, stride)
        if (i + lo) % common:
            return ()
        every = stride // common  # of the kernel's taps every so many reach an input of their own
        nearest = (i + lo) // common * pow(dilation // common, -1, every) % every
        if nearest >= kernel:
            return ()
        farthest = nearest + (kernel - 1 - nearest) // every * every
        start, stop = (i + lo - dilation * farthest) // stride, (i + lo - dilation * nearest) // stride
        return range(start, stop + 1, dilation // common)


Ends = Line | Stairs | Table
"""How the ends of windows move on with the output's index."""


class Window(NamedTuple):
    """Taps of output index i: ``first(i), first(i) + step, ..., last(i)``, the same again every period.

    Parameters
    ----------
    period, advance : Num
        (P, Q): the taps of output i + P are those of output i, moved by Q.
    first, last : Line, Stairs or Table
        The ends of the window of output i, where the window is not empty.
    step : Num
        Distance between taps.
    taps : TapTable or SpreadTaps, optional
        The exact taps, where they are not an arithmetic progression.
    regular : bool
        No window is empty, and its ends never move back.
    border : str
        What an index outside of the input stands for: ``drop`` (padding that depends on nothing),
        ``reflect``, ``symmetric``, ``edge``, ``wrap``.
    slack : Num
        The window lies between here and this much further on, constant but not known (SAME padding of an
        extent that is not known).
    """

    period: Num
    advance: Num
    first: Ends
    last: Ends
    step: Num = 1
    taps: TapTable | SpreadTaps | None = None
    regular: bool = True
    border: str = "drop"
    slack: Num = 0

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle by the fields; `POINTWISE` by its name, since ``is POINTWISE`` is asked of windows."""
        return "POINTWISE" if self is POINTWISE else (Window, tuple(self))

    @property
    def picks(self) -> bool:
        """Every output reads a single element, as the first ends say."""
        if isinstance(self.taps, TapTable):
            return set(map(len, self.taps.rows)) == {1}
        return bool(is_one(self.period) and self.taps is None and self.first(0) == self.last(0))

    def ends(self, count: int) -> tuple[Sequence[int], Sequence[int]]:
        """First and last tap of each of the first `count` outputs."""
        return _listed(self.first, count), _listed(self.last, count)

    def rows(self, count: int) -> Sequence[Sequence[int]]:
        """Taps of each of the first `count` outputs, before those in the padding are dropped."""
        taps, count = self.taps, index(count)
        if taps is None:
            step = self.step
            return [range(a, b + 1, step) for a, b in zip(*self.ends(count), strict=True)]
        if isinstance(taps, SpreadTaps):
            return [taps(i) for i in range(count)]
        times, more = divmod(count, len(taps.rows))
        if more:
            return [taps(i) for i in range(count)]
        moves = [taps.advance * q for q in range(1, times)]
        return [*taps.rows[:count], *([tap + move for tap in row] for move in moves for row in taps.rows)]

    def indices(self, i: int) -> Sequence[int]:
        """Taps of output `i`, before those in the padding are dropped.

        >>> slide(3, stride=2, dilation=1, lo=1).indices(4)
        range(7, 10)
        """
        if self.taps is not None:
            return self.taps(i)
        return range(self.first(i), self.last(i) + 1, self.step)

    def inside(self, i: int, extent: int) -> Sequence[int]:
        """Taps of output `i` on an input of `extent` elements: padding dropped, or folded back in."""
        return self.placed(self.indices(i), extent)

    def placed(self, taps: Sequence[int], extent: int) -> Sequence[int]:
        """Taps on an input of `extent` elements: padding dropped, or folded back in."""
        if self.border == "drop":
            if isinstance(taps, range):  # the range is shortened: a window may be far longer than the map
                hidden = max(-(taps.start // taps.step), 0)
                return range(taps.start + hidden * taps.step, min(taps.stop, extent), taps.step)
            return [tap for tap in taps if 0 <= tap < extent]
        fold = _BORDERS[self.border]
        return [fold(tap, extent) for tap in taps]


def _listed(end: Ends, count: int) -> Sequence[int]:
    """Return an end of each of the first outputs."""
    if isinstance(end, Table):
        ends, advance = end
        if count == len(ends):
            return ends
        if count % len(ends) == 0:
            return [tap + move for move in [advance * q for q in range(count // len(ends))] for tap in ends]
    if isinstance(end, Line):
        scale, shift = end
        return [scale * i + shift for i in range(count)]
    return [end(i) for i in range(count)]


def _reflect(tap: int, extent: int) -> int:
    if extent == 1:
        return 0
    tap %= 2 * extent - 2
    return tap if tap < extent else 2 * extent - 2 - tap


def _symmetric(tap: int, extent: int) -> int:
    tap %= 2 * extent
    return tap if tap < extent else 2 * extent - 1 - tap


_BORDERS: dict[str, Callable[[int, int], int]] = {
    "reflect": _reflect,
    "symmetric": _symmetric,
    "edge": lambda tap, extent: min(max(tap, 0), extent - 1),
    "wrap": lambda tap, extent: tap % extent,
}


def slide(kernel: Num, *, stride: Num = 1, dilation: Num = 1, lo: Num = 0, slack: Num = 0) -> Window:
    """Slide a kernel: output i reaches ``stride*i - lo + {0, d, ..., d*(kernel-1)}``.

    Examples
    --------
    >>> list(slide(3, dilation=2, lo=2).indices(10))
    [8, 10, 12]
    """
    if type(lo) is int and lo == slack == 0 and is_one(kernel) and is_one(stride) and is_one(dilation):
        return POINTWISE
    last = Line(stride, dilation * (kernel - 1) - lo)
    return Window(1, stride, Line(stride, -lo), last, dilation, slack=slack)


def point(scale: Num, shift: Num, *, period: Num = 1, regular: bool = True, border: str = "drop") -> Window:
    """Read the single element ``scale*i + shift``.

    Examples
    --------
    >>> [list(point(2, 1).indices(i)) for i in range(3)]
    [[1], [3], [5]]
    """
    end = Line(scale, shift)
    return Window(period, scale * period, end, end, regular=regular, border=border)


def apart(window: Window, places: Num) -> Window:
    """Keep the taps of a slide apart: output ``places*i + t`` reads tap t of window i.

    Examples
    --------
    >>> [list(apart(slide(3, stride=2, lo=1), 3).indices(u)) for u in range(4)]
    [[-1], [0], [1], [1]]
    """
    # place t of window i lies at advance*i + shift + step*t, with u = places*i + t
    start = window.first
    assert isinstance(start, Line)
    turn = (start.scale - window.step * places, Quotient(1, 0, places))
    place = Stairs(window.step, start.shift, (turn,))
    known = is_known(places) and is_known(window.step) and is_known(window.advance)
    return Window(
        window.period * places,
        window.advance,
        place,
        place,
        regular=not known or window.advance >= window.step * (places - 1),
        border=window.border,
        slack=window.slack,
    )


def put_back(places: int, *, stride: int, dilation: int = 1, lo: int = 0) -> Window:
    """Undo :func:`apart`: output y reads every ``places*i + t`` with ``stride*i + dilation*t = y + lo``.

    Examples
    --------
    >>> [list(put_back(3, stride=1, lo=1).indices(y)) for y in (0, 1)]
    [[-1, 1, 3], [2, 4, 6]]
    """
    rows = [
        sorted(
            places * ((y + lo - dilation * t) // stride) + t
            for t in range(places)
            if (y + lo - dilation * t) % stride == 0
        )
        for y in range(stride)
    ]
    return gather(stride, places, rows)


POINTWISE: Final = Window(1, 1, Line(1, 0), Line(1, 0))
"""Every output reads the index of its own."""


def spread(kernel: Num, *, stride: Num, dilation: Num = 1, lo: Num = 0) -> Window:
    """Transpose a slide: output i reaches every j with ``stride*j + dilation*t = i + lo``, 0 <= t < kernel.

    With ``dilation = 1`` and ``kernel >= stride`` that is ``[(i+lo-k+s)//s, (i+lo)//s]``; otherwise some
    windows are empty or have holes, and the exact taps are enumerated.

    Examples
    --------
    >>> [list(spread(2, stride=2).indices(i)) for i in range(4)]
    [[0], [0], [1], [1]]
    >>> [list(spread(1, stride=2).indices(i)) for i in range(4)]
    [[0], [], [1], []]
    """
    exact = None
    plain = True
    if is_known(kernel) and is_known(stride) and is_known(dilation):
        plain = dilation == 1 and kernel >= stride
        exact = None if plain else SpreadTaps(kernel, stride, dilation, lo)
    first = Stairs(0, 0, ((1, Quotient(1, lo - dilation * (kernel - 1) + stride - 1, stride)),))
    last = Stairs(0, 0, ((1, Quotient(1, lo, stride)),))
    return Window(stride, 1, first, last, 1, exact, regular=plain)


def partition(extent: Num, size: Num, common: Num) -> Window:
    """Adaptive pooling of `extent` to `size` with `common` = gcd: ``[i*n//m, ceil((i+1)*n/m) - 1]``.

    Examples
    --------
    >>> [list(partition(10, 4, 2).indices(i)) for i in range(4)]
    [[0, 1, 2], [2, 3, 4], [5, 6, 7], [7, 8, 9]]
    """
    return Window(
        size // common,
        extent // common,
        Stairs(0, 0, ((1, Quotient(extent, 0, size)),)),
        Stairs(0, -1, ((1, Quotient(extent, extent + size - 1, size)),)),
    )


def gather(period: int, advance: int, rows: Sequence[Sequence[int]]) -> Window:
    """Give the taps of each output of one period outright."""
    distinct = {id(row): row for row in rows}  # many outputs may read the same row, and it may be long
    ends = {key: (min(row), max(row)) if row else (0, 0) for key, row in distinct.items()}
    spelled = {key: row if type(row) is range else tuple(row) for key, row in distinct.items()}
    firsts = tuple([ends[id(row)][0] for row in rows])
    lasts = tuple([ends[id(row)][1] for row in rows])
    taps = TapTable(tuple([spelled[id(row)] for row in rows]), advance)
    regular = all(rows) and rises(firsts, advance) and rises(lasts, advance)
    return Window(period, advance, Table(firsts, advance), Table(lasts, advance), 1, taps, regular)


def picked(advance: int, indices: Sequence[int]) -> Window:
    """Let each output of one period read one index, which are given outright.

    >>> picked(3, (2, 0)) == gather(2, 3, ((2,), (0,)))
    True
    """
    ends = Table(tuple(indices), advance)
    taps = TapTable(tuple(zip(indices, strict=True)), advance)
    return Window(len(indices), advance, ends, ends, 1, taps, rises(indices, advance))


def rises(ends: Sequence[Num], advance: Num) -> bool:
    """Tell whether row ends never move back, across the seam of the period too."""
    return all(map(le, ends, [*ends[1:], ends[0] + advance]))


def backward(extent: Num) -> Window:
    """Reverse an axis: output i reads ``extent - 1 - i``."""
    return point(-1, extent - 1, regular=False)


def within_groups(size: Num) -> Window:
    """Let every index read the whole of its group of `size` neighbours.

    >>> [list(within_groups(2).indices(i)) for i in range(4)]
    [[0, 1], [0, 1], [2, 3], [2, 3]]
    """
    group = ((size, Quotient(1, 0, size)),)
    return Window(size, size, Stairs(0, 0, group), Stairs(0, size - 1, group))


def same_padding(extent: Num, kernel: Num, stride: Num, dilation: Num = 1) -> Num:
    """Total SAME padding: what makes the output ``ceil(extent/stride)`` long.

    Source: TensorFlow, ``tf.nn`` notes on padding. `UNKNOWN` for an unknown extent, unless stride is 1.

    Examples
    --------
    >>> same_padding(224, 7, 2), same_padding(225, 7, 2)
    (5, 6)
    """
    from rfcalc.algebra.number import maximum

    reach = dilation * (kernel - 1)
    if is_one(stride):
        return reach
    if is_open(extent):
        return UNKNOWN
    return maximum((cdiv(extent, stride) - 1) * stride + reach + 1 - extent, 0)
