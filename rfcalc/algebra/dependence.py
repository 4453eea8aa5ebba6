"""Which part of the model's input each element of a tensor depends on, followed axis by axis.

A tensor axis is a product of *digits* (mixed radix), outermost first; a plain axis has one digit. A
:class:`Leg` says that the elements depend on one spatial axis of the input through a virtual index
``v = sum(weight * digit)``, and which input indices each ``v`` needs. Reshapes only split and regroup
digits and transposes only move them, so a field is followed exactly through patch partitions, windows
and pixel shuffles. What the elements depend on is the union of the legs.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from rfcalc.algebra.digits import (
    common_digits,
    fold,
    is_mixed_radix,
    merge_digits,
    mixing_window,
    one_window,
    placed_window,
    regroup_digits,
    strided_window,
)
from rfcalc.algebra.leg_windows import (
    constant,
    is_constant,
    misses,
    moves_beside,
    of_this_map,
    put,
    still_needed,
    tidied,
    turned,
    why_covered,
    why_widened,
)
from rfcalc.algebra.legs import Factors, Leg, covered, digits_of, span_of, split, unite_legs
from rfcalc.algebra.number import UNKNOWN, Num, is_known, is_one, is_same
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.places import narrowed, picked_digits, reindexed, shifted, split_axis, total_of
from rfcalc.algebra.relation import MAX_PERIOD, MAX_TAPS, Relation
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.slopes import of_table
from rfcalc.algebra.window import POINTWISE, Window, gather, slide, spread
from rfcalc.records import NamedTuple


class Parts(NamedTuple):
    """Which channels of a tensor need what, where they differ.

    Parameters
    ----------
    axes : tuple of int
        The axes of the tensor that tell channels apart.
    extents : tuple of int
        Their extents.
    labels : tuple of int
        For each combination of their indices the number of its part; -1 where it depends on nothing.
    each : tuple of Dependence
        What the elements of each part need.
    """

    axes: tuple[int, ...]
    extents: tuple[int, ...]
    labels: tuple[int, ...]
    each: tuple[Dependence, ...]


class Piece(NamedTuple):
    """One of the pieces that an axis is put together of.

    Parameters
    ----------
    extent : Num
        How many elements of the axis it has.
    dependence : Dependence
        What the elements of the tensor depend on that has this piece alone for its axis.
    """

    extent: Num
    dependence: Dependence


class Pieces(NamedTuple):
    """The pieces that one axis of a tensor is put together of, each with an index of its own.

    Parameters
    ----------
    axis : int
        Which axis.
    each : tuple of Piece
        The pieces in order; their extents add up to that of the axis.
    lead, tail : Num
        How many elements a reshape merged into the axis in front of the pieces and behind them; the pieces'
        own tensors have them too.
    """

    axis: int
    each: tuple[Piece, ...]
    lead: Num = 1
    tail: Num = 1

    @property
    def extents(self) -> list[Num]:
        """The extents of the pieces."""
        return [piece.extent for piece in self.each]

    @property
    def alone(self) -> bool:
        """Nothing else is merged into the axis."""
        return is_one(self.lead) and is_one(self.tail)

    def width(self, extent: Num) -> Num:
        """Count what `extent` elements of the pieces come to on the axis."""
        return self.lead * extent * self.tail


class Dependence(NamedTuple):
    """What the elements of one tensor depend on.

    Parameters
    ----------
    factors : tuple of tuple of Num
        For each tensor axis the extents of its digits, outermost first.
    legs : tuple of Leg
        The dependence is their union; no legs, no dependence on the chosen input.
    reason : str
        Why it is a bound, where it is one; empty where every step was exact.
    parts : Parts, optional
        What single channels depend on, where these differ; the dependence itself is that of all.
    pieces : Pieces, optional
        Of what an axis of positions is put together; the dependence itself is that of the whole.
    masked : Pattern, optional
        The elements that are no constants, where a mask over several axes leaves more than legs can say.
    """

    factors: Factors
    legs: tuple[Leg, ...] = ()
    reason: str = ""
    parts: Parts | None = None
    pieces: Pieces | None = None
    masked: Pattern | None = None

    # ---- one axis ----------------------------------------------------------------------------------------

    def moves(self, axis: int) -> bool:
        """Tell whether any leg's index moves along an axis."""
        return any(map(any, [leg.weights[axis] for leg in self.legs]))

    def slide(
        self,
        axis: int,
        window: Window,
        extent: Num,
        source: str,
        *,
        alike: bool = False,
        beside: bool = False,
    ) -> Dependence:
        """Let output index i of `axis` read the input indices of `window`.

        With `alike` the elements along the axis are channels, which are not told apart. With `beside` other
        maps stand where the window reads nothing of this one.
        """
        if window is POINTWISE and is_same(prod(self.factors[axis]), extent):
            return self
        if is_same(extent, 0):  # there is no element that could depend on anything
            return Dependence(put(self.factors, axis, (0,)))
        picked = self._picked(axis, window, extent) if len(self.factors[axis]) > 1 else None
        if picked is not None:
            return picked
        legs = []
        reason = self.reason
        moved_along = self.moves(axis)
        for leg in self.legs:
            if not any(leg.weights[axis]):
                # outputs of the window that lie in the padding need nothing. If another leg moves along the
                # axis, its rows say so for all legs; if none does, this one has to
                told = moved_along and not (beside and leg.gridless)
                if not told and not alike and misses(window, self.factors[axis], extent):
                    apart = still_needed(leg, axis, window, self.factors[axis], extent)
                    if apart is not None:
                        legs.append(apart)
                        continue
                    # what is left claims too much for outputs in the padding. A field has the size of the
                    # largest row, so that is no matter where the leg needs the whole axis
                    if not leg.relation.whole:
                        reason = reason or f"{source!r} puts padding or another map beside one that is global"
                legs.append(Leg(leg.axis, put(leg.weights, axis, (0,)), leg.relation))
                continue
            moved, why = self._slid(leg, axis, window, extent, source)
            reason = reason or why
            legs.append(moved)
        return Dependence(put(self.factors, axis, (extent,)), tuple(legs), reason)

    def _picked(self, axis: int, window: Window, extent: Num) -> Dependence | None:
        """Take single elements of an axis that a reshape made, digit by digit; None if it is not so."""
        digits = self.factors[axis]
        if not any(any(leg.weights[axis]) and moves_beside(leg.weights, axis) for leg in self.legs):
            return None
        found = picked_digits(digits, [leg.weights[axis] for leg in self.legs], window, extent)
        if found is None:
            return None
        kept, rows, starts = found
        factors = put(self.factors, axis, kept)
        legs = []
        for leg, row, start in zip(self.legs, rows, starts, strict=True):
            moved = shifted(Leg(leg.axis, put(leg.weights, axis, row), leg.relation), factors, start)
            if moved is None:
                return None
            moved = tidied(moved, factors)
            legs.append(moved._replace(relation=turned(moved.relation, window, prod(digits), extent)))
        return Dependence(factors, tuple(legs), self.reason)

    def _slid(self, leg: Leg, axis: int, window: Window, extent: Num, source: str) -> tuple[Leg, str]:
        """Slide along an axis that moves a leg's index; with it, why that is a bound where it is one."""
        here = leg.weights[axis]
        relation = leg.relation
        if moves_beside(leg.weights, axis):
            if isinstance(relation, Relation) and relation.whole and relation.exact:
                return Leg(leg.axis, put(leg.weights, axis, (0,)), relation), ""
            same = isinstance(relation, Rows) and is_constant(relation)
            if same and not misses(window, self.factors[axis], extent):
                return Leg(leg.axis, put(leg.weights, axis, (0,)), relation), ""
            moved = self._slid_digit(leg, axis, window, extent, source)
            moved = moved or reindexed(leg, self.factors, axis, window, extent, source)
            if moved is not None:
                return tidied(moved, put(self.factors, axis, (extent,))), ""
            why = f"{source!r} slides over an axis that a reshape split"
            return covered(leg, put(leg.weights, axis, (0,))), why
        if here != (1,):
            folded = fold(relation, self.factors[axis], here)
            if folded is None:
                why = f"{source!r} slides over an axis that a reshape made, of unknown extent"
                return covered(leg, put(leg.weights, axis, (0,))), why
            relation = folded
        after = relation.after(window, extent, source)
        if relation.exact and not after.exact and isinstance(relation, Relation):
            after = of_this_map(relation, self.factors[axis], window, extent, source) or after
        after = of_table(turned(after, window, prod(self.factors[axis]), extent), window, extent)
        why = why_covered(relation, window, source) if relation.exact and not after.exact else ""
        return Leg(leg.axis, put(leg.weights, axis, (1,)), after), why

    def _slid_digit(self, leg: Leg, axis: int, window: Window, extent: Num, source: str) -> Leg | None:
        """Slide along an axis that holds one digit of a leg's index; None where that cannot be said."""
        here = leg.weights[axis]
        if len(here) != 1 or not is_mixed_radix(digits_of(self.factors, leg.weights)):
            return None
        (weight,), (before,) = here, self.factors[axis]
        above = any(w > weight for row in leg.weights for w in row)
        moved = one_window(window, weight, before) if is_one(extent) and not above else None
        moved = moved or strided_window(window, weight, (before, extent) if above else None)
        if moved is None:
            return None
        weights = leg.weights
        if above:  # the digits above move on by as much as there is now below them
            old, new = weight * before, weight * extent
            weights = tuple(tuple(w // old * new if w > weight else w for w in row) for row in weights)
        factors = put(self.factors, axis, (extent,))
        span = span_of(factors, weights)
        if isinstance(leg.relation, Rows):
            return tidied(Leg(leg.axis, weights, leg.relation.after(moved, int(span), source)), factors)
        relation = leg.relation.after(moved, span, source)
        if leg.relation.exact and not relation.exact:
            return None
        return tidied(Leg(leg.axis, weights, turned(relation, window, before, extent)), factors)

    def scan(self, axis: int, *, forward: bool, source: str) -> Dependence:
        """Let each index of `axis` depend on all before it and itself (or after it, backward)."""
        legs = []
        reason = self.reason
        for leg in self.legs:
            here = leg.weights[axis]
            if not any(here):
                legs.append(leg)
            elif here == (1,) and not moves_beside(leg.weights, axis):
                legs.append(leg._replace(relation=leg.relation.opened(below=forward, above=not forward)))
            else:
                reason = reason or f"{source!r} runs along an axis that a reshape split or made"
                legs.append(covered(leg, leg.weights))
        return Dependence(self.factors, tuple(legs), reason)

    def mix(self, axes: Sequence[int], source: str) -> Dependence:
        """Let every element depend on all elements along `axes`; the axes stay."""
        legs = []
        reason = self.reason
        for leg in self.legs:
            mixed = [(e, w) for a in axes for e, w in zip(self.factors[a], leg.weights[a], strict=True) if w]
            kept = any(any(w) for place, w in enumerate(leg.weights) if place not in axes)
            if not mixed:
                legs.append(leg)
            elif not kept:
                legs.append(leg._replace(relation=leg.relation.opened()))
            else:
                readable = is_mixed_radix(digits_of(self.factors, leg.weights))
                window = mixing_window(mixed) if readable else None
                if window is None:
                    reason = reason or f"{source!r} mixes part of an axis of unknown or very large extent"
                    legs.append(covered(leg, leg.weights))
                    continue
                span = span_of(self.factors, leg.weights)
                relation = leg.relation.after(window, span, source)
                if isinstance(relation, Relation) and is_known(span) and window.period >= span:
                    # the outermost digit ran free, so the rows are those of this map and no other
                    relation = relation if relation.whole else relation.of_map(int(span))
                legs.append(leg._replace(relation=relation))
        return Dependence(self.factors, tuple(legs), reason)

    def lose(self, axis: int, extent: Num, reason: str) -> Dependence:
        """Give `axis` another extent where it is not known which element reads what."""
        legs = tuple(
            covered(leg, put(leg.weights, axis, (0,))) if any(leg.weights[axis]) else leg for leg in self.legs
        )
        lost = legs != self.legs
        return Dependence(self.factors, legs, (self.reason or reason) if lost else self.reason).foreign(
            axis, extent
        )

    def contract(self, axis: int, extent: Num, source: str) -> Dependence:
        """Replace `axis` by a new one of `extent`, each element of which needs all of the old one."""
        if self.moves(axis):
            return self.reduce((axis,), keep=True, source=source).foreign(axis, extent)
        return self.foreign(axis, extent)

    def grouped(self, axis: int, groups: Num, extent: Num, source: str) -> Dependence:
        """Replace `axis` by one of `extent`; both are cut into `groups`, and each needs all of its own."""
        before = total_of(self.factors[axis])
        if is_one(groups) or not self.moves(axis):
            return self.contract(axis, extent, source)
        if not all(map(is_known, (groups, extent, before))):
            reason = f"{source!r} takes groups of channels that are places of a window, of unknown number"
            return self.contract(axis, extent, source).doubted(reason)
        each, copies = before // groups, extent // groups
        cut = self.split(axis, (groups, each), source)
        if cut.reason == self.reason:
            parts = cut.reduce((axis + 1,), keep=True, source=source)
            if parts.reason == self.reason:
                return parts.foreign(axis + 1, copies).merge(axis, 2)
        listed = self.slide(axis, slide(each, stride=each), groups, source, alike=True)
        return listed.slide(axis, spread(copies, stride=copies), extent, source, alike=True)

    def foreign(self, axis: int, extent: Num) -> Dependence:
        """Replace `axis`, on which nothing depends, by one of another extent."""
        legs = [
            leg if leg.weights[axis] == (0,) else leg._replace(weights=put(leg.weights, axis, (0,)))
            for leg in self.legs
        ]
        return Dependence(put(self.factors, axis, (extent,)), tuple(legs), self.reason)

    def reduce(self, axes: Sequence[int], *, keep: bool, source: str) -> Dependence:
        """Reduce over `axes`: they go, or stay with one element."""
        mixed = self.mix(axes, source)
        factors = tuple((1,) if place in axes else digits for place, digits in enumerate(mixed.factors))
        legs = []
        for leg in mixed.legs:
            weights = tuple((0,) if place in axes else w for place, w in enumerate(leg.weights))
            legs.append(leg if weights == leg.weights else tidied(leg._replace(weights=weights), factors))
        reduced = Dependence(factors, tuple(legs), mixed.reason)
        return reduced if keep else reduced._drop(axes)

    def select(self, axis: int, index: int, source: str) -> Dependence:
        """Keep one index of `axis` and drop the axis."""
        window = gather(1, 0, [[index]])
        return self.slide(axis, window, 1, source).squeeze((axis,))

    # ---- the shape ----------------------------------------------------------------------------------------

    def _drop(self, axes: Sequence[int]) -> Dependence:
        def kept(rows: tuple[tuple[Num, ...], ...]) -> tuple[tuple[Num, ...], ...]:
            return tuple(row for place, row in enumerate(rows) if place not in axes)

        legs = tuple(leg._replace(weights=kept(leg.weights)) for leg in self.legs)
        return Dependence(kept(self.factors), legs, self.reason)

    def squeeze(self, axes: Sequence[int]) -> Dependence:
        """Drop axes of one element."""
        return self.broadcast_axes(axes)._drop(axes)

    def broadcast_axes(self, axes: Sequence[int]) -> Dependence:
        """Forget the index along axes of one element: only index 0 exists."""
        factors = tuple((1,) if place in axes else digits for place, digits in enumerate(self.factors))
        legs = []
        for leg in self.legs:
            if any(any(leg.weights[a]) for a in axes):
                weights = tuple((0,) if place in axes else w for place, w in enumerate(leg.weights))
                legs.append(tidied(leg._replace(weights=weights), factors))
            else:
                legs.append(leg)
        return Dependence(factors, tuple(legs), self.reason)

    def broadcast(self, shape: Sequence[Num]) -> Dependence:
        """Stretch to `shape` by the rules of numpy: align to the right, repeat axes of one element."""
        missing = len(shape) - len(self.factors)
        dependence = self.insert(range(missing)) if missing else self
        narrow = [
            place
            for place, (digits, extent) in enumerate(zip(dependence.factors, shape, strict=True))
            if digits == (1,) and extent != 1
        ]
        if not narrow:
            return dependence
        dependence = dependence.broadcast_axes(narrow)
        factors = tuple(
            (shape[place],) if place in narrow else digits for place, digits in enumerate(dependence.factors)
        )
        return dependence._replace(factors=factors)

    def insert(self, axes: Sequence[int]) -> Dependence:
        """Insert axes of one element, at places counted in the result."""

        def grown(rows: Sequence[tuple[Num, ...]], blank: tuple[Num, ...]) -> tuple[tuple[Num, ...], ...]:
            out = list(rows)
            for axis in sorted(axes):
                out.insert(axis, blank)
            return tuple(out)

        legs = tuple(leg._replace(weights=grown(leg.weights, (0,))) for leg in self.legs)
        return Dependence(grown(self.factors, (1,)), legs, self.reason)

    def permute(self, order: Sequence[int]) -> Dependence:
        """Reorder axes: result axis a is the present axis ``order[a]``."""
        legs = tuple(leg._replace(weights=tuple(leg.weights[a] for a in order)) for leg in self.legs)
        return Dependence(tuple(self.factors[a] for a in order), legs, self.reason)

    def regroup(self, shape: Sequence[Num], source: str) -> Dependence:
        """Reshape in row-major order: digits are split where needed and grouped anew."""
        flat = [
            (extent, tuple(leg.weights[a][d] for leg in self.legs))
            for a, digits in enumerate(self.factors)
            for d, extent in enumerate(digits)
        ]
        blank = (0,) * len(self.legs)
        groups = regroup_digits(list(flat), list(shape), blank)
        if (
            groups is None and flat
        ):  # digits that count on from each other are one, which may be cut elsewhere
            groups = regroup_digits(merge_digits(flat), list(shape), blank)
        if groups is None:
            if all(leg.gridless or is_constant(leg.relation) for leg in self.legs):
                weights = tuple((0,) for _ in shape)
                legs = tuple(Leg(leg.axis, weights, constant(leg)) for leg in self.legs)
                return Dependence(tuple((extent,) for extent in shape), legs, self.reason)
            listed = self._with_listed_digits(source)
            if listed is not None:
                return listed.regroup(shape, source)
            reason = self.reason or f"the reshape {source!r} cuts an axis where it cannot be followed"
            return self.covered(shape, reason)
        groups = [merge_digits(group) for group in groups]
        factors = tuple(tuple(extent for extent, _ in group) for group in groups)
        regrouped = [
            tuple(tuple(digit[1][k] for digit in group) for group in groups) for k in range(len(self.legs))
        ]
        legs = tuple(
            tidied(Leg(leg.axis, mine, leg.relation), factors)
            for leg, mine in zip(self.legs, regrouped, strict=True)
        )
        return Dependence(factors, legs, self.reason)

    def split(self, axis: int, extents: Sequence[Num], source: str) -> Dependence:
        """Cut an axis into several of `extents`, in row-major order; all but the first are known."""
        rows = [leg.weights[axis] for leg in self.legs]
        groups = split_axis(self.factors[axis], rows, extents)
        if groups is None:
            listed = self._listed(axis, source)
            if listed is not None:
                return listed.split(axis, extents, source)
            shape = [total_of(digits) for digits in self.factors]
            reason = self.reason or f"{source!r} cuts an axis where it cannot be followed"
            return self.covered((*shape[:axis], *extents, *shape[axis + 1 :]), reason)
        digits = tuple(tuple(extent for extent, _ in group) for group in groups)
        factors = (*self.factors[:axis], *digits, *self.factors[axis + 1 :])
        legs = []
        for k, leg in enumerate(self.legs):
            own = tuple(tuple(digit[1][k] for digit in group) for group in groups)
            weights = (*leg.weights[:axis], *own, *leg.weights[axis + 1 :])
            legs.append(tidied(Leg(leg.axis, weights, leg.relation), factors))
        return Dependence(factors, tuple(legs), self.reason)

    def _with_listed_digits(self, source: str) -> Dependence | None:
        """Make the digits of every axis one; None where no axis has several, or they cannot be listed."""
        found: Dependence | None = None
        for axis, digits in enumerate(self.factors):
            if len(digits) > 1:
                found = (found or self)._listed(axis, source)
                if found is None:
                    return None
        return found

    def _listed(self, axis: int, source: str) -> Dependence | None:
        """Make the digits of an axis one, whose rows are listed; None where that cannot be."""
        before = total_of(self.factors[axis])
        legs = [
            reindexed(leg, self.factors, axis, POINTWISE, before, source) if any(leg.weights[axis]) else leg
            for leg in self.legs
        ]
        factors = put(self.factors, axis, (before,))
        kept = [
            leg if any(leg.weights[axis]) else leg._replace(weights=put(leg.weights, axis, (0,)))
            for leg in legs
            if leg is not None
        ]
        return Dependence(factors, tuple(kept), self.reason) if len(kept) == len(legs) else None

    def merge(self, axis: int, count: int) -> Dependence:
        """Make one axis of `count` from `axis` on, in row-major order."""
        end = axis + count
        flat = [
            (extent, tuple(leg.weights[place][k] for leg in self.legs))
            for place in range(axis, end)
            for k, extent in enumerate(self.factors[place])
        ]
        merged = merge_digits(flat)
        digits = tuple(extent for extent, _ in merged)
        factors = (*self.factors[:axis], digits, *self.factors[end:])
        legs = tuple(
            Leg(
                leg.axis,
                (*leg.weights[:axis], tuple(row[k] for _, row in merged), *leg.weights[end:]),
                leg.relation,
            )
            for k, leg in enumerate(self.legs)
        )
        return Dependence(factors, tuple(tidied(leg, factors) for leg in legs), self.reason)

    def doubted(self, reason: str) -> Dependence:
        """Return the same as a bound."""
        return self._replace(reason=self.reason or reason) if self.legs else self

    def covered(self, shape: Sequence[Num], reason: str) -> Dependence:
        """Give up following: every element of a tensor of `shape` may need all that any element needs."""
        weights = tuple((0,) for _ in shape)
        legs = tuple(covered(leg, weights) for leg in self.legs)
        return Dependence(tuple((extent,) for extent in shape), legs, reason if legs else self.reason)

    # ---- joins ---------------------------------------------------------------------------------------------

    def join(self, other: Dependence, source: str) -> Dependence:
        """Union of two dependences of tensors of one shape.

        Raises
        ------
        UnequalSlopes
            Two grids of unknown extent that advance differently.
        """
        if self is other or not other.legs:
            return self._replace(reason=self.reason or other.reason) if other.reason else self
        if not self.legs:
            return other._replace(reason=self.reason or other.reason) if self.reason else other
        a, b = self, other
        if a.factors != b.factors:
            aligned = _refined(a, b)
            if aligned is None:
                reason = f"{source!r} joins axes that were reshaped in different ways"
                shape = [prod(digits) if all(map(is_known, digits)) else UNKNOWN for digits in a.factors]
                a, b = a.covered(shape, reason), b.covered(shape, reason)
            else:
                a, b = aligned
        legs = unite_legs(a.legs, b.legs, a.factors)
        reason = a.reason or b.reason or why_widened(a.legs, b.legs, legs, source)
        return Dependence(a.factors, legs, reason)

    def place(
        self,
        axis: int,
        before: Num,
        extent: Num,
        total: Num,
        source: str,
        *,
        parts: int = 1,
        alike: bool = False,
    ) -> Dependence:
        """Stand as one of `parts` of a concatenation along `axis`, behind `before` elements of `total`.

        With `alike` the elements along the axis are not told apart: they are channels.
        """
        if not any((leg.gridless and not alike) or any(leg.weights[axis]) for leg in self.legs):
            return self.foreign(axis, total)
        if is_same(before, 0) and is_same(extent, total):  # the other parts have no elements
            return self
        listed = all(map(is_known, (before, extent, total))) and total <= MAX_PERIOD
        if parts == 1 and not alike and not listed:
            return self.slide(axis, slide(1, lo=before), total, source)
        if listed and total * parts <= MAX_TAPS:  # every part lists all rows
            window = placed_window(before, extent, total)
            return self.slide(axis, window, total, source, alike=alike, beside=parts > 1)
        shape = [
            total if place == axis else prod(digits) if all(map(is_known, digits)) else UNKNOWN
            for place, digits in enumerate(self.factors)
        ]
        reason = (
            self.reason or f"{source!r} puts maps of unknown or very large extent, or very many, end to end"
        )
        return self.covered(shape, reason)


def _refined(a: Dependence, b: Dependence) -> tuple[Dependence, Dependence] | None:
    """Split the digits of both until they agree; None where they cannot."""
    factors = []
    for place, (x, y) in enumerate(zip(a.factors, b.factors, strict=True)):
        common = common_digits(x, y)
        if common is None:  # that is no matter where one side does not depend on the index
            if not b.moves(place):
                common = x
            elif not a.moves(place):
                common = y
            else:
                return None
        factors.append(common)
    return _split(a, tuple(factors)), _split(b, tuple(factors))


def _split(dependence: Dependence, factors: Factors) -> Dependence:
    """Spell a dependence with finer digits, of which some may make no difference."""
    legs = tuple(narrowed(split(leg, dependence.factors, factors), factors) for leg in dependence.legs)
    return Dependence(factors, legs, dependence.reason)


def plain(shape: Sequence[Num], legs: tuple[Leg, ...] = ()) -> Dependence:
    """Return the dependence of a tensor whose axes are not split; without legs, on nothing."""
    return Dependence(tuple((extent,) for extent in shape), legs)
