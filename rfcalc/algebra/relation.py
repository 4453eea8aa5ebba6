"""Periodic dependence: which input indices an output index needs, for all indices at once.

A relation has period (P, Q) when (i+P, j+Q) is in it whenever (i, j) is; it is then P finite rows, and
row of output ``P*q + r`` is ``Q*q + F_r``. Relations under union and composition form an idempotent
semiring, so one topological pass over a graph is exact. A row is an interval, and in `taps` mode also
the exact set, as the bits of a Python int. If no row is empty and the ends never move back, intervals
compose exactly even where the sets have holes; otherwise only taps do, and :class:`NeedTaps` says so.

The mathematics is laid out in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from math import gcd, inf, lcm
from operator import index, le, sub
from typing import Final

from rfcalc.algebra.number import Num, is_known, maximum, minimum
from rfcalc.algebra.unions import (
    End,
    TapRow,
    TapRows,
    both,
    columns,
    filled_in,
    merged,
    smeared,
    widened,
)
from rfcalc.algebra.window import TapTable, Window, rises

MANY: Final = 64
"""Rows of a listed window above which what it comes to is remembered: parts of concatenations share it."""

MAX_PERIOD: Final = 4096
"""Rows kept of one relation; a longer period is answered by a bound."""

MAX_TAPS: Final = 1 << 18
"""Taps that one composition walks over; more are answered by a bound."""

MAX_BITS: Final = 1 << 26
"""Bits that all rows of one relation take up in taps mode; more are answered by a bound."""


class NeedTaps(Exception):
    """Intervals would not be exact here; the caller starts again with taps."""


class UnequalSlopes(Exception):
    """The two sides of a join lie on different grids."""


class Relation:
    """P rows of input indices, repeated every P outputs and moved on by Q inputs.

    Parameters
    ----------
    period, advance : int
        (P, Q). Q/P is the effective stride; Q = 0 is a constant.
    lo, hi : tuple
        First and last input index of each row; infinite where a row has no end; ``lo > hi`` where empty.
    taps : tuple of int, optional
        For each row a bit set: bit t stands for input ``lo + t``. None: rows are known by their ends only.
    slack : int
        All rows together lie between where they stand and this much further on: the offset is not known.
    loose : frozenset of str
        The layers that made the offset unknown; the same ones, the same offset.
    exact : bool
        False where the rows cover more than what is needed.
    listed : int
        How many rows there are, where they are those of one map and do not go on beyond its border; 0 where
        they do. Set after the making.
    uneven : bool
        The rows are of grids of different strides, so that the slope is that of none. Set after the making.
    turn : int, optional
        How far apart in the input a row of one map and the same row of the next would lie, where rows are
        listed: what wraps around the map's border goes by as much. None where that is not known. Set after
        the making.
    solid : bool
        The ends say all: there is nothing between them that is not needed. Set after the making.
    """

    __slots__ = (
        "advance",
        "exact",
        "hi",
        "listed",
        "lo",
        "loose",
        "period",
        "regular",
        "slack",
        "solid",
        "taps",
        "turn",
        "uneven",
    )

    def __init__(  # noqa: PLR0917  built by the thousand, and keywords cost
        self,
        period: int,
        advance: int,
        lo: tuple[End, ...],
        hi: tuple[End, ...],
        taps: tuple[int, ...] | None = None,
        slack: int = 0,
        loose: frozenset[str] = frozenset(),
        exact: bool = True,
        regular: bool | None = None,
    ) -> None:
        self.period = period
        self.advance = advance
        self.lo = lo
        self.hi = hi
        self.taps = taps
        self.slack = slack
        self.loose = loose
        self.exact = exact
        self.listed = 0
        self.uneven = self.solid = False
        self.turn: int | None = None
        if regular is None:
            regular = all(map(le, lo, hi)) and rises(lo, advance) and rises(hi, advance)
        self.regular = regular

    def __repr__(self) -> str:
        rows = ", ".join(f"[{a}, {b}]" for a, b in zip(self.lo, self.hi, strict=True))
        return f"<Relation ({self.period}, {self.advance}): {rows}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relation) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self.period, self.advance, self.lo, self.hi, self.taps, self.slack, self.loose, self.exact)

    @property
    def whole(self) -> bool:
        """Every output depends on the whole axis."""
        return self.lo[0] == -inf == max(self.lo) and min(self.hi) == inf

    @property
    def bounded(self) -> bool:
        """No row is infinite on either side."""
        return -inf not in self.lo and inf not in self.hi

    def is_interval(self) -> bool:
        """Tell whether every row is one bounded interval, all of one grid: what most maps see."""
        return (
            self.period == 1
            and self.taps is None
            and self.regular
            and not (self.listed or self.uneven)
            and self.bounded
        )

    def ends(self, i: int) -> tuple[End, End]:
        """First and last input index that output `i` needs."""
        q, r = divmod(i, self.period)
        return self.lo[r] + self.advance * q, self.hi[r] + self.advance * q

    def sizes(self) -> list[End]:
        """Span of each row in input pixels: 0 where empty, infinite where unbounded."""
        if self.period == 1:
            return [max(self.hi[0] - self.lo[0] + 1, 0)]
        return [b - a + 1 if a <= b else 0 for a, b in zip(self.lo, self.hi, strict=True)]

    # ---- the semiring ------------------------------------------------------------------------------------

    def after(self, outer: Window, extent: Num = None, source: str = "") -> Relation:
        """Compose: `outer` reads the axis that this relation describes.

        Parameters
        ----------
        outer : Window
            The next layer's window on this axis.
        extent : Num, optional
            Output extent; a periodic relation holds for every extent, so only one whose rows are listed asks.
        source : str
            The layer that owns the window, remembered where its offset is not known.

        Raises
        ------
        NeedTaps
            Intervals would not be exact.
        """
        if self.listed:
            return self._after_listed(outer, extent)
        if outer.period == 1 and self.period == 1 and self.taps is None and outer.regular and self.regular:
            advance, first, last = self.advance, outer.first(0), outer.last(0)
            after = Relation(
                1,
                outer.advance * advance,
                (self.lo[0] + first * advance,),
                (self.hi[0] + last * advance,),
                None,
                self.slack + outer.slack * advance,
                self.loose | {source} if outer.slack else self.loose,
                self.exact,
                True,
            )
            if self.solid and outer.taps is None:
                after.solid = first is last or _at_most(outer.step * advance, self.hi[0] - self.lo[0] + 1)
            return after
        if isinstance(outer.taps, TapTable) and len(outer.taps.rows) > MANY and self.taps is not None:
            return copy(_known_after(self, self.uneven, outer))
        return self._after_rows(outer, source)

    def _after_listed(self, outer: Window, extent: Num) -> Relation:
        """Compose with the rows of one map, beyond whose border there is nothing."""
        if not is_known(extent) or not 0 < extent <= MAX_PERIOD or outer.slack:
            return whole(exact=False)
        extent = index(extent)  # its rows are listed
        if self.taps is None:
            if self.solid:
                return self.filled()._after_listed(outer, extent)
            raise NeedTaps
        # the slope is that of the window times that of the rows
        over, under = extent * outer.advance * self.advance, outer.period * self.period
        times, advance = whole_turns(over, under)
        if extent * times > MAX_PERIOD:  # no row behind this map is ever read: the slope may be rounded
            times, advance = 1, over // under
        rows, exact = self, self.exact
        if outer.border == "wrap" and self.turn is not None:
            rows = self._endless(self.turn)
            outputs = [outer.indices(i) for i in range(extent)]
        else:
            outputs = [outer.inside(i, self.listed) for i in range(extent)]
            exact = exact and not (outer.border == "wrap" and self._leaves(outer, extent))
        reach = max((row[-1] - row[0] for row in outputs if row), default=0)
        if (
            extent * times > MAX_PERIOD
            or sum(map(len, outputs)) > MAX_TAPS
            or self._too_wide(extent, abs(reach))
        ):
            return whole(exact=False)
        lo, hi, taps = rows._unions(outputs)
        assert taps is not None  # as rows have them
        after = Relation(extent * times, advance, lo * times, hi * times, taps * times, exact=exact)
        return after.as_listed(extent, uneven=self.uneven, turn=self.turn)

    def _endless(self, turn: int) -> Relation:
        """Return the rows of a map that goes on behind its border with the same rows, moved by a turn."""
        lo, hi, taps = self.rows(range(self.listed))
        return Relation(self.listed, turn, lo, hi, taps, exact=self.exact)

    def _leaves(self, outer: Window, extent: int) -> bool:
        """Tell whether a window reads behind the border of the map, of whose rows not all are the same."""
        lo, hi, _ = self.rows(range(self.listed))
        firsts, lasts = outer.ends(extent)
        inside = min(firsts, default=0) >= 0 and max(lasts, default=0) < self.listed
        return not inside and not (len(set(lo)) == len(set(hi)) == 1)

    def _after_rows(self, outer: Window, source: str) -> Relation:
        m = self.period // gcd(self.period, outer.advance)
        period = outer.period * m
        advance = outer.advance * m * self.advance // self.period
        if period > MAX_PERIOD:
            return whole(exact=False)
        if self.whole and outer.regular:
            return whole(period, advance, exact=self.exact, uneven=self.uneven)
        slack, loose, exact, widen = self.slack, self.loose, self.exact, 0
        if outer.slack:
            if self.period == 1:
                slack, loose = slack + outer.slack * self.advance, loose | {source}
            else:  # an unknown offset on a phased grid is no shift any more: cover all that it may be
                widen, exact = outer.slack, False
        if self.taps is not None:
            firsts, lasts = outer.ends(outer.period)
            reach = max(map(sub, lasts, firsts)) + widen
            walked = period * (reach // outer.step + 1) * (widen + 1)
            if walked > MAX_TAPS or self._too_wide(period, reach):
                return whole(period, advance, exact=False)
            if outer.picks and not widen and all(map(le, self.lo, self.hi)):
                lo, hi, taps = self.rows(outer.ends(period)[0])
            else:
                read = outer.rows(period)
                lo, hi, taps = self._unions([widened(row, widen) for row in read] if widen else read)
            return Relation(period, advance, lo, hi, taps, slack, loose, exact).reduced()
        if not (outer.regular and self.regular):
            if self.solid:
                return self.filled().after(outer, None, source)
            raise NeedTaps
        firsts, lasts = outer.ends(period)
        lo, hi = self.rows(firsts)[0], self.rows([i + widen for i in lasts])[1]
        after = Relation(period, advance, lo, hi, None, slack, loose, exact, True).reduced()
        after.solid = self.solid and outer.picks and not widen
        return after

    def _too_wide(self, period: int, reach: int) -> bool:
        """Tell whether the bits of `period` unions of rows that lie `reach` outputs apart are too many."""
        moved = abs(self.advance) * (reach // self.period + 1)
        if period * (moved + _span(self)) <= MAX_BITS:  # as nearly always
            return False
        widest = max((size for size in self.sizes() if size != inf), default=0)
        return period * (moved + widest) > MAX_BITS

    def rows(self, outputs: Sequence[int]) -> TapRows:
        """List the rows of some outputs."""
        if self.period == 1:
            (lo,), (hi,), one = self.lo, self.hi, self.taps
            moves = [self.advance * i for i in outputs]
            listed = tuple([lo + move for move in moves]), tuple([hi + move for move in moves])
            return (*listed, None if one is None else one * len(moves))
        at = [divmod(i, self.period) for i in outputs]
        advance, starts, ends, taps = self.advance, self.lo, self.hi, self.taps
        return (
            tuple([starts[r] + advance * q for q, r in at]),
            tuple([ends[r] + advance * q for q, r in at]),
            None if taps is None else tuple([taps[r] for _, r in at]),
        )

    def _unions(self, read: Sequence[Sequence[int]]) -> TapRows:
        """List the unions of the rows of some outputs."""
        if max(map(len, read), default=0) == 1 and all(map(le, self.lo, self.hi)):  # elements are moved
            found = self.rows([row[0] for row in read if row])
            return found if all(read) else filled_in(found, read)
        united: dict[tuple[int, ...], TapRow] = {}  # a mask, and attention, let many read the same
        rows = []
        for outputs in map(tuple, read):
            row = united.get(outputs)
            if row is None:
                row = united[outputs] = merged(*self.rows(outputs))
            rows.append(row)
        return columns(rows)

    def join(self, other: Relation) -> Relation:
        """Union: an output needs what either side needs.

        Raises
        ------
        UnequalSlopes
            The sides advance differently, so they lie on different grids.
        NeedTaps
            Intervals would not be exact.
        """
        if self is other or (self == other and self.listed == other.listed):
            return self
        if self.advance * other.period != other.advance * self.period:
            raise UnequalSlopes
        if self.is_interval() and other.is_interval() and self.loose == other.loose:
            lo, hi = (minimum(self.lo[0], other.lo[0]),), (maximum(self.hi[0], other.hi[0]),)
            exact = self.exact and other.exact
            union = Relation(1, self.advance, lo, hi, None, self.slack, self.loose, exact, True)
            if self.solid and other.solid:  # and no gap between them
                union.solid = _at_most(maximum(self.lo[0], other.lo[0]), minimum(self.hi[0], other.hi[0]) + 1)
            return union
        return self._joined(other)

    def _joined(self, other: Relation) -> Relation:
        """Unite the rows of two relations of one grid."""
        uneven = self.uneven or other.uneven
        if self.whole or other.whole:
            return whole(self.period, self.advance, exact=self.exact and other.exact, uneven=uneven)
        period = lcm(self.period, other.period)
        if period > MAX_PERIOD:
            return whole(exact=False)
        if period > MANY and self.taps is not None and other.taps is not None:
            marks = self.marks, other.marks
            return copy(_known_union(self, other, period, marks))
        return self._united(other, period)

    def _united(self, other: Relation, period: int) -> Relation:
        """Unite the rows of two relations of one grid, spelled with one period."""
        a, b = self.over(period), other.over(period)
        if a.loose != b.loose:  # offsets that differ by an unknown amount: cover both at their widest
            a, b = a.spread_out(), b.spread_out()
        exact = a.exact and b.exact
        if a.taps is None or b.taps is None:
            if not (a.regular and b.regular):
                if all(each.solid or each.taps is not None for each in (self, other)):
                    return self.with_taps().join(other.with_taps())
                raise NeedTaps
            lo = tuple(map(minimum, a.lo, b.lo))
            hi = tuple(map(maximum, a.hi, b.hi))
            union = Relation(period, a.advance, lo, hi, None, a.slack, a.loose, exact, True).reduced()
            return self._listed_with(other, union)
        if _span(a, b) * period > MAX_BITS and _apart(a, b) * period > MAX_BITS:
            return whole(period, a.advance, exact=False)
        low, high, taps = columns(list(map(both, a.lo, a.hi, a.taps, b.lo, b.hi, b.taps)))
        union = Relation(period, a.advance, low, high, taps, a.slack, a.loose, exact).reduced()
        return self._listed_with(other, union)

    def _listed_with(self, other: Relation, union: Relation) -> Relation:
        """Let a union be of one map where one of the two is."""
        count = max(self.listed, other.listed)
        return union.as_listed(count, uneven=self.uneven or other.uneven, turn=self.common_turn(other, count))

    def common_turn(self, other: Relation, count: int) -> int | None:
        """Return the `turn` of a map of `count` rows, where it is the same for both relations."""
        turn = self.turn_of(count)
        return turn if turn == other.turn_of(count) else None

    # ---- other spellings of the same or a wider relation -------------------------------------------------

    def of_map(self, count: int) -> Relation:
        """Spell the same relation as that of a map of `count` rows, beyond whose border there is nothing."""
        same = copy(self)
        same.listed, same.turn = count, self.turn_of(count)
        return same

    def as_turned(self, turn: int | None) -> Relation:
        """Spell the same relation with another `turn`."""
        if turn == self.turn:
            return self
        same = copy(self)
        same.turn = turn
        return same

    def turn_of(self, count: int) -> int | None:
        """Return the `turn` of a map of `count` rows; what rows that are listed already have."""
        if self.listed or self.uneven:
            return self.turn
        whole, rest = divmod(self.advance * count, self.period)
        return None if rest else whole

    @property
    def marks(self) -> tuple[int, bool, int | None]:
        """What is set after the making, and left out of equality."""
        return self.listed, self.uneven, self.turn

    def filled(self) -> Relation:
        """Spell the same ends with taps, all between them."""
        sizes = [0 if size == inf else int(size) for size in self.sizes()]
        taps = tuple((1 << size) - 1 for size in sizes)
        same = Relation(
            self.period,
            self.advance,
            self.lo,
            self.hi,
            taps,
            self.slack,
            self.loose,
            self.exact,
            self.regular,
        )
        return same.as_listed(self.listed, uneven=self.uneven, turn=self.turn)

    def with_taps(self) -> Relation:
        """Spell the same relation with taps, where it has none and its ends say all."""
        return self.filled() if self.taps is None else self

    def as_listed(self, count: int, *, uneven: bool = False, turn: int | None = None) -> Relation:
        """Let what was just made be the relation of one map of `count` rows, unless all rows are endless."""
        self.listed = 0 if not count or self.whole else count
        self.uneven = uneven
        self.turn = turn if self.listed else None
        return self

    def over(self, period: int) -> Relation:
        """Spell the same relation with a multiple of its period."""
        m = period // self.period
        if m == 1:
            return self
        moves = [self.advance * q for q in range(m)]
        return Relation(
            period,
            self.advance * m,
            tuple([end + move for move in moves for end in self.lo]),
            tuple([end + move for move in moves for end in self.hi]),
            None if self.taps is None else self.taps * m,
            self.slack,
            self.loose,
            self.exact,
            self.regular,
        )

    def reduced(self) -> Relation:
        """Spell the same relation with its smallest period."""
        current = self
        remaining, factor = self.period, 2
        while remaining > 1:
            if remaining % factor:
                factor += 1
                continue
            remaining //= factor
            shorter = current._with_period(current.period // factor)
            current = shorter if shorter is not None else current
        return current

    def _with_period(self, period: int) -> Relation | None:
        times = self.period // period
        taps = None if self.taps is None else self.taps[:period]
        if self.advance % times or self._differs(0, period, self.advance // times):
            return None
        if taps is not None and taps * times != self.taps:
            return None
        short = Relation(
            period,
            self.advance // times,
            self.lo[:period],
            self.hi[:period],
            taps,
            self.slack,
            self.loose,
            self.exact,
            self.regular,
        )
        long = short.over(self.period)
        same = (self.lo == long.lo and self.hi == long.hi) or all(
            (a == c and b == d) or (a > b and c > d)  # two empty rows are equal wherever they stand
            for a, b, c, d in zip(self.lo, self.hi, long.lo, long.hi, strict=True)
        )
        return short if same else None

    def _differs(self, one: int, two: int, move: int) -> bool:
        """Tell whether one row, moved, certainly is not another: they have other ends, and are not empty."""
        lo, hi = self.lo[one] + move, self.hi[one] + move
        return lo <= hi and (lo != self.lo[two] or hi != self.hi[two])

    def spread_out(self) -> Relation:
        """Cover every offset that the slack allows; a bound."""
        if not self.slack:
            return self
        hi = tuple(b + self.slack if a <= b else b for a, b in zip(self.lo, self.hi, strict=True))
        taps = None if self.taps is None else tuple(smeared(row, self.slack) for row in self.taps)
        return Relation(self.period, self.advance, self.lo, hi, taps, exact=False)

    def opened(self, *, below: bool = True, above: bool = True) -> Relation:
        """Drop the ends: every output needs the whole axis, or all of it up to (or from) its own row."""
        lo = (-inf,) * self.period if below else self.lo
        hi = (inf,) * self.period if above else self.hi
        taps = None if self.taps is None else (0,) * self.period
        opened = Relation(self.period, self.advance, lo, hi, taps, self.slack, self.loose, self.exact)
        return opened.reduced().as_listed(self.listed, uneven=self.uneven, turn=self.turn)

    def constant(self) -> Relation:
        """Keep row 0 alone, for every output: what is left of an axis of one element."""
        taps = None if self.taps is None else self.taps[:1]
        return Relation(1, 0, self.lo[:1], self.hi[:1], taps, self.slack, self.loose, self.exact)


def whole_turns(over: int, under: int) -> tuple[int, int]:
    """Return how many maps, each moved by ``over / under``, are moved by a whole number, and by which.

    >>> whole_turns(8, 1), whole_turns(3, 2)
    ((1, 8), (2, 3))
    """
    times = under // gcd(over, under)
    return times, over * times // under


@lru_cache(maxsize=32)
def _known_after(inner: Relation, uneven: bool, outer: Window) -> Relation:
    """Compose with a window that is listed; `uneven` is what the equality of relations leaves out."""
    return inner._after_rows(outer, "")


@lru_cache(maxsize=32)
def _known_union(
    one: Relation, other: Relation, period: int, marks: tuple[tuple[int, bool, int | None], ...]
) -> Relation:
    """Unite relations of many rows; `marks` are what their equality leaves out."""
    return one._united(other, period)


def _span(*relations: Relation) -> End:
    """Span from the first end of all rows to the last: no row, and no union of rows, is wider."""
    return max([max(each.hi) for each in relations]) - min([min(each.lo) for each in relations]) + 1


def _apart(a: Relation, b: Relation) -> End:
    """Span of the widest union of a row of each that has ends."""
    spans = [
        max(p[1], q[1]) - min(p[0], q[0])
        for p, q in zip(zip(a.lo, a.hi, strict=True), zip(b.lo, b.hi, strict=True), strict=True)
        if p[0] <= p[1] and q[0] <= q[1]
    ]
    return max((span for span in spans if span != inf), default=0)


def _at_most(a: object, b: object) -> bool:
    """Tell whether one plain integer is at most another; of what is none of these nothing is told."""
    return type(a) is type(b) is int and a <= b  # of many designs that would part them


def identity(*, taps: bool = False) -> Relation:
    """Output i needs input i.

    >>> identity()
    <Relation (1, 1): [0, 0]>
    """
    same = Relation(1, 1, (0,), (0,), (1,) if taps else None, regular=True)
    same.solid = True
    return same


def whole(period: int = 1, advance: int = 0, *, exact: bool = True, uneven: bool = False) -> Relation:
    """Every output needs the whole axis; the slope, where there is one, is kept."""
    common = gcd(period, advance) or 1
    if advance == 0:
        period, common = 1, 1
    period //= common
    rows = (-inf,) * period, (inf,) * period
    every = Relation(period, advance // common, *rows, (0,) * period, exact=exact, regular=True)
    every.uneven = uneven
    return every
