"""What is left of a dependence under a constant mask.

A mask says of each element whether it counts. Where a leg moves along all axes on which the mask changes, the
rows of its hidden elements are dropped, and that is all. The scores of attention are different: what they
need of the keys goes along one axis, what they need of the queries along the other, and the mask orders pairs
of both. So the mask is remembered (:mod:`rfcalc.algebra.masked`), until the axis of the keys is mixed or
summed: then each query needs the keys that are left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Final

from rfcalc.algebra.digits import is_mixed_radix, split_weights
from rfcalc.algebra.legs import Factors, Leg, digits_of, span_of, unite
from rfcalc.algebra.number import is_known, prod
from rfcalc.algebra.pattern import Pattern, Reach, reach_of
from rfcalc.algebra.relation import MAX_PERIOD, Relation
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.window import POINTWISE, gather

if TYPE_CHECKING:
    from rfcalc.algebra.dependence import Dependence

LOST: Final = "a mask over several axes is not followed through {!r}"


# ---- elements that are hidden ------------------------------------------------------------------------------


def hidden(dependence: Dependence, pattern: Pattern, source: str) -> Dependence:
    """Drop what hidden elements need; the mask is remembered where legs cannot say all of it."""
    rank = len(dependence.factors)
    axes = pattern.axes(rank)
    if not axes or not dependence.legs:
        return dependence
    legs, reason, open_ends = [], dependence.reason, False
    for leg in dependence.legs:
        if not any(any(leg.weights[a]) for a in axes) and len(axes) == 1:
            beside = _beside(dependence, leg, axes[0], pattern, source)
            reason = reason or (LOST.format(source) if beside is None else "")
            legs.append(leg if beside is None else beside)
            continue
        left = left_of(dependence, leg, pattern, axes, source)
        if left is None:
            reason = reason or LOST.format(source)
            left = leg
        open_ends = open_ends or any(not any(leg.weights[a]) for a in axes)
        legs.append(left)
    masked = pattern if open_ends else None
    return dependence._replace(legs=tuple(legs), reason=reason, masked=masked, parts=dependence.parts)


def left_of(
    dependence: Dependence, leg: Leg, pattern: Pattern, axes: Sequence[int], source: str
) -> Leg | None:
    """Drop the rows of a leg that only hidden elements read; None where they cannot be listed."""
    mine = [a for a in axes if any(leg.weights[a])]
    if not mine:
        return leg
    digits = digits_of(dependence.factors, leg.weights)
    if not is_mixed_radix(digits):
        return None
    span = span_of(dependence.factors, leg.weights)
    if not is_known(span) or span > MAX_PERIOD:
        return None
    alive = _alive(dependence, leg, pattern, mine)
    if alive is None:
        return None
    others = [
        (e, w)
        for place, (es, ws) in enumerate(zip(dependence.factors, leg.weights, strict=True))
        if place not in mine
        for e, w in zip(es, ws, strict=True)
        if w
    ]
    rest = [sum(t) for t in product(*(range(0, w * e, w) for e, w in others))]
    reached = {index + more for index in alive for more in rest}
    if len(reached) == span:
        return leg
    rows = [[index] if index in reached else [] for index in range(int(span))]
    return leg._replace(relation=_listed(leg.relation, rows, int(span), int(span), source))


def _alive(dependence: Dependence, leg: Leg, pattern: Pattern, mine: Sequence[int]) -> set[int] | None:
    """Return what the axes `mine` add to a leg's index, for the elements that count."""
    rank = len(dependence.factors)
    lead = rank - len(pattern.shape)
    worths = []
    for axis in mine:
        digits = dependence.factors[axis]
        extent = pattern.shape[axis - lead]
        if not all(map(is_known, digits)) or prod(digits) != extent:
            return None
        worths.append(
            [
                sum(w * v for w, v in zip(leg.weights[axis], values, strict=True))
                for values in product(*(range(e) for e in digits))
            ]
        )
    if len(mine) == 1:
        kept = pattern.kept(mine[0] - lead)
        return {worth for index, worth in enumerate(worths[0]) if kept >> index & 1}
    if len(mine) == 2:
        seen = pattern.seen(mine[0] - lead, mine[1] - lead)
        return {
            worths[0][i] + worth
            for i, row in enumerate(seen)
            for j, worth in enumerate(worths[1])
            if row >> j & 1
        }
    if len(mine) < len(pattern.axes(rank)):
        return None
    found = set()
    for at in product(*(range(len(worth)) for worth in worths)):
        index = [0] * len(pattern.shape)
        for axis, value in zip(mine, at, strict=True):
            index[axis - lead] = value
        if pattern.bit(index):
            found.add(sum(worth[value] for worth, value in zip(worths, at, strict=True)))
    return found


def _beside(dependence: Dependence, leg: Leg, axis: int, pattern: Pattern, source: str) -> Leg | None:
    """Hide elements of an axis along which nothing changes; None where rows cannot say it."""
    digits = dependence.factors[axis]
    kept = pattern.kept(axis - len(dependence.factors) + len(pattern.shape))
    if isinstance(leg.relation, Relation) and leg.relation.whole:
        return leg  # of one that is global the largest field says all
    if any(any(row) for row in leg.weights) or len(digits) != 1 or not is_known(digits[0]):
        return leg if any(any(row) for row in leg.weights) else None
    rows = [[0] if kept >> index & 1 else [] for index in range(digits[0])]
    relation = _listed(leg.relation, rows, digits[0], 1, source)
    weights = (*leg.weights[:axis], (1,), *leg.weights[axis + 1 :])
    return Leg(leg.axis, weights, relation)


def _listed(
    relation: Relation | Rows, rows: Sequence[Sequence[int]], extent: int, before: int, source: str
) -> Relation | Rows:
    """Compose with the rows of one map."""
    if isinstance(relation, Rows):
        return relation.after(gather(extent, extent, rows), extent, source)
    return relation.of_map(before).after(gather(extent, before, rows), extent, source)


# ---- queries and their keys --------------------------------------------------------------------------------


def attended(
    dependence: Dependence, axis: int, rows: Sequence[int], source: str, *, uneven: Sequence[int] = ()
) -> Dependence:
    """Replace the axis of the keys by one of queries that read the keys whose bits are set."""
    extent, digits = len(rows), dependence.factors[axis]
    keys = prod(digits) if all(map(is_known, digits)) else None
    if keys is None:
        bound = dependence.reduce((axis,), keep=True, source=source).foreign(axis, extent)
        return bound.doubted(f"how many keys the mask of {source!r} hides depends on an open extent")
    reach = reach_of(rows, int(keys))
    if reach is None:
        return dependence.contract(axis, extent, source)
    legs: list[Leg] = []
    reason = dependence.reason
    for leg in dependence.legs:
        alone = dependence._replace(legs=(leg,), parts=None, masked=None)
        if any(leg.weights[axis]):
            alone = _read(alone, axis, reach, extent, source)
            if any(any(leg.weights[other]) for other in uneven):
                alone = alone.doubted(f"the mask of {source!r} changes along an axis of positions")
        else:
            alone = alone.foreign(axis, extent)
        legs += alone.legs
        reason = reason or alone.reason
    factors = (*dependence.factors[:axis], (extent,), *dependence.factors[axis + 1 :])
    return dependence._replace(factors=factors, legs=tuple(legs), reason=reason, parts=None, masked=None)


def _read(alone: Dependence, axis: int, reach: Reach, extent: int, source: str) -> Dependence:
    """Let one leg be read along the axis of the keys."""
    (leg,) = alone.legs
    lone = not any(any(row) for place, row in enumerate(leg.weights) if place != axis)
    if reach.opened and lone:
        if leg.weights[axis] != (1,):
            alone = alone.slide(axis, gather(1, 1, [[0]]), prod(alone.factors[axis]), source)
        if alone.legs[0].weights[axis] == (1,):
            alone = alone.scan(axis, forward=reach.opened == "before", source=source)
            return alone if reach.window is POINTWISE else alone.slide(axis, reach.window, extent, source)
    window = reach.window
    if reach.opened:
        keys = int(prod(alone.factors[axis]))
        ends = [window.first(i) for i in range(extent)]
        before = reach.opened == "before"
        rows = [list(range(end + 1)) if before else list(range(end, keys)) for end in ends]
        window = gather(extent, keys, rows)
    found = alone.slide(axis, window, extent, source)
    if (reach.listed or reach.opened) and found.legs:
        relation = found.legs[0].relation
        if isinstance(relation, Relation) and relation.period == extent and not relation.whole:
            relation.listed = extent
    return found


def onto_query(dependence: Dependence, axis: int, pattern: Pattern, source: str) -> Dependence | None:
    """Let all elements of the axis of the keys need what is left of it to their query; the axis stays.

    None where the mask orders more than one axis of queries.
    """
    rank = len(dependence.factors)
    lead = rank - len(pattern.shape)
    others = [a for a in pattern.axes(rank) if a != axis]
    moving = [a for a in others if any(any(leg.weights[a]) for leg in dependence.legs)]
    if len(moving) > 1:
        return None
    query = moving[0] if moving else others[-1]
    digits = dependence.factors[query]
    rows = pattern.seen(query - lead, axis - lead)
    legs, reason = [], dependence.reason
    for leg in dependence.legs:
        alone = dependence._replace(legs=(leg,), parts=None)
        if not any(leg.weights[axis]):
            legs.append(leg)
            continue
        if any(leg.weights[query]) or not all(map(is_known, digits)):
            alone = alone.mix((axis,), source)
        else:
            alone = attended(alone, axis, rows, source)
            legs += [_moved(leg, axis, query, dependence.factors) for leg in alone.legs]
            reason = reason or alone.reason
            continue
        legs += alone.legs
        reason = reason or alone.reason
    return dependence._replace(legs=unite((), legs, dependence.factors), reason=reason, parts=None)


def _moved(leg: Leg, axis: int, query: int, factors: Factors) -> Leg:
    """Let the axis of the queries index what the axis of the keys did."""
    (weight,) = leg.weights[axis]
    weights = list(leg.weights)
    weights[query] = split_weights((prod(factors[query]),), (weight,), factors[query])
    weights[axis] = (0,) * len(factors[axis])
    return leg._replace(weights=tuple(weights))
