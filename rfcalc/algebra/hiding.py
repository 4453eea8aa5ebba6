"""What is left of a dependence under a constant mask.

A mask says of each element whether it counts. Where a leg moves along all axes on which the mask changes, the
rows of its hidden elements are dropped, and that is all. The scores of attention are different: what they
need of the keys goes along one axis, what they need of the queries along the other, and the mask orders pairs
of both. So the mask is remembered (:mod:`rfcalc.algebra.masked`), until the axis of the keys is mixed or
summed: then each query needs the keys that are left to it.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.digits import is_mixed_radix, split_weights
from rfcalc.algebra.legs import Factors, Leg, digits_of, span_of, unite_legs
from rfcalc.algebra.number import is_known, prod
from rfcalc.algebra.pattern import Pattern, Reach, reach_of
from rfcalc.algebra.places import narrowed
from rfcalc.algebra.relation import MAX_PERIOD, Relation
from rfcalc.algebra.rows import Rows, mask_of
from rfcalc.algebra.window import POINTWISE, gather

LOST: Final = "a mask over several axes is not followed through {!r}"


# ---- elements that are hidden ------------------------------------------------------------------------------


def hidden(dependence: Dependence, pattern: Pattern, source: str, *, alike: bool = False) -> Dependence:
    """Drop what hidden elements need; the mask is remembered where legs cannot say all of it.

    With `alike` the elements along its axes are channels, which are not told apart.
    """
    if pattern.empty:
        return dependence._replace(legs=(), parts=None)
    axes = pattern.axes(len(dependence.factors))
    legs, reason = [], dependence.reason
    for leg in dependence.legs:
        left = cut(dependence, leg, pattern, (), source)
        reason = reason or (LOST.format(source) if left is None else "")
        legs.append(leg if left is None else left)
    after = dependence._replace(legs=tuple(legs), reason=reason)
    unread = open_legs(after, axes)
    if not unread and not after.reason and all(a is b for a, b in zip(legs, dependence.legs, strict=True)):
        return dependence  # what is hidden needs nothing anyway
    # what single channels need is worth more than what is left of a mask on axes that nothing moves along
    forget = (alike or after.parts is not None) and all(stands_by(leg, axes) for leg in unread)
    return after._replace(masked=pattern if unread and not forget else None)


def open_legs(dependence: Dependence, axes: Sequence[int]) -> list[Leg]:
    """Return the legs that do not move along all digits of some axes."""
    return [leg for leg in dependence.legs if _unread(dependence.factors, leg, axes)]


def stands_by(leg: Leg, axes: Sequence[int]) -> bool:
    """Tell whether a leg moves along none of some axes."""
    return not any(any(leg.weights[a]) for a in axes)


def _unread(factors: Factors, leg: Leg, axes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the digits of some axes that do not move a leg's index, as (axis, place)."""
    return [
        (axis, place)
        for axis in axes
        for place, (extent, weight) in enumerate(zip(factors[axis], leg.weights[axis], strict=True))
        if extent != 1 and not weight
    ]


def cut(dependence: Dependence, leg: Leg, pattern: Pattern, along: Sequence[int], source: str) -> Leg | None:
    """Drop the rows of a leg that only hidden elements read; None where they cannot be listed.

    The leg moves along all digits of the axes `along` then, if that takes any row off.
    """
    rank = len(dependence.factors)
    mine = [a for a in pattern.axes(rank) if a in along or any(leg.weights[a])]
    lead = rank - len(pattern.shape)
    own = pattern.onto([a - lead for a in mine])
    if own.full:
        return leg
    wide = _widened(dependence, leg, along, source)
    left = None if wide is None else _left(dependence, wide, own, mine, source)
    return leg if left is wide and wide is not None else left


def _widened(dependence: Dependence, leg: Leg, along: Sequence[int], source: str) -> Leg | None:
    """Count some axes below a leg's own index, without need of them; None where that cannot be listed."""
    missing = _unread(dependence.factors, leg, along)
    if not missing:
        return leg
    room, below = 1, {}
    for axis, place in reversed(missing):
        below[axis, place] = room
        extent = dependence.factors[axis][place]
        if not is_known(extent):
            return None
        room *= extent
    span = span_of(dependence.factors, leg.weights)
    if not is_known(span) or span * room > MAX_PERIOD:
        return None
    weights = tuple(
        tuple(below.get((axis, place), weight * room) for place, weight in enumerate(row))
        for axis, row in enumerate(leg.weights)
    )
    window, count = gather(room, 1, [[0]] * room), int(span) * room
    if isinstance(leg.relation, Rows):
        return Leg(leg.axis, weights, leg.relation.after(window, count, source))
    relation = leg.relation.after(window, count, source)
    return None if leg.relation.exact and not relation.exact else Leg(leg.axis, weights, relation)


def _left(dependence: Dependence, leg: Leg, own: Pattern, mine: Sequence[int], source: str) -> Leg | None:
    """Drop the rows of a leg that only hidden elements read, by a mask on axes that the leg moves along."""
    if not is_mixed_radix(digits_of(dependence.factors, leg.weights)):
        return None
    span = span_of(dependence.factors, leg.weights)
    if not is_known(span) or span > MAX_PERIOD:
        return None
    alive = _alive(dependence, leg, own, mine)
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
    hidden_ones = [index for index in range(int(span)) if index not in reached]
    if _need_nothing(leg.relation, hidden_ones):  # to list rows would lose how they go on
        return leg
    rows = [[index] if index in reached else [] for index in range(int(span))]
    return leg._replace(relation=_listed(leg.relation, rows, int(span), int(span), source))


def _need_nothing(relation: Relation | Rows, indices: Sequence[int]) -> bool:
    """Tell whether nothing is read at some indices anyway, as by a row of padding."""
    if isinstance(relation, Rows):
        return not any(map(mask_of, relation.some(indices)))
    ends = map(relation.ends, indices)
    return all(is_known(first) and is_known(last) and last < first for first, last in ends)


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


def _listed(
    relation: Relation | Rows, rows: Sequence[Sequence[int]], extent: int, before: int, source: str
) -> Relation | Rows:
    """Compose with the rows of one map."""
    if isinstance(relation, Rows):
        return relation.after(gather(extent, extent, rows), extent, source)
    return relation.of_map(before).after(gather(extent, before, rows), extent, source)


# ---- queries and their keys --------------------------------------------------------------------------------


def attended(
    dependence: Dependence,
    axis: int,
    rows: Sequence[int],
    source: str,
    *,
    uneven: Sequence[int] = (),
    pattern: Pattern | None = None,
) -> Dependence:
    """Replace `axis`, the keys, by one of queries, each of which needs the keys whose bits are set.

    Along the axes `uneven` the mask changes, and `rows` is what any of them sees; the mask itself is then
    `pattern`, over the axes of the tensor with the queries in front of the keys.
    """
    extent, digits = len(rows), dependence.factors[axis]
    keys = prod(digits) if all(map(is_known, digits)) else None
    if keys is None:
        bound = dependence.reduce((axis,), keep=True, source=source).foreign(axis, extent)
        return bound.doubted(f"how many keys the mask of {source!r} hides depends on an open extent")
    reach = reach_of(rows, int(keys))
    legs: list[Leg] = []
    reason = dependence.reason
    for leg in dependence.legs:
        alone = dependence._replace(legs=(leg,), parts=None, masked=None)
        crossing = any(leg.weights[axis]) and any(any(leg.weights[other]) for other in uneven)
        apart = None if pattern is None or not crossing else _read_apart(alone, axis, extent, pattern, source)
        if apart is not None:
            alone = apart
        elif any(leg.weights[axis]):
            alone = _read(alone, axis, reach, extent, source)
            if crossing:
                alone = alone.doubted(f"the mask of {source!r} changes along an axis of positions")
        else:
            alone = alone.foreign(axis, extent)
        legs += alone.legs
        reason = reason or alone.reason
    factors = (*dependence.factors[:axis], (extent,), *dependence.factors[axis + 1 :])
    return Dependence(factors, tuple(legs), reason)


def _read_apart(
    alone: Dependence, axis: int, extent: int, pattern: Pattern, source: str
) -> Dependence | None:
    """Let one leg be read by queries in front of the axis of the keys; None where they cannot be listed."""
    rank = len(alone.factors) + 1
    wide = alone.insert((axis,)).foreign(axis, extent)
    moving = [place for place in pattern.axes(rank) if place == axis or any(wide.legs[0].weights[place])]
    own = pattern.onto([place - rank + len(pattern.shape) for place in moving])
    left = cut(wide, wide.legs[0], own, moving, source)
    if left is None:
        return None
    read = wide._replace(legs=(left,)).reduce((axis + 1,), keep=False, source=source)
    return read._replace(legs=tuple(narrowed(leg, read.factors) for leg in read.legs))


def _read(alone: Dependence, axis: int, reach: Reach | None, extent: int, source: str) -> Dependence:
    """Let one leg be read along the axis of the keys; without a reach all of it."""
    if reach is None:
        return alone.contract(axis, extent, source)
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
            found = found._replace(legs=(found.legs[0]._replace(relation=relation.of_map(extent)),))
    return found


def onto_query(dependence: Dependence, axis: int, pattern: Pattern, source: str) -> Dependence | None:
    """Let all elements of the axis of the keys need what is left of it to their query; the axis stays.

    None where the mask orders more than one axis of queries.
    """
    rank = len(dependence.factors)
    lead = rank - len(pattern.shape)
    others = [a for a in pattern.axes(rank) if a != axis]
    moving = [a for a in others if any(any(leg.weights[a]) for leg in dependence.legs)]
    keys = [leg for leg in open_legs(dependence, (axis, *others)) if any(leg.weights[axis])]
    if len(moving) > 1 or any(not stands_by(leg, others) for leg in keys):
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
    return dependence._replace(legs=unite_legs((), legs, dependence.factors), reason=reason, parts=None)


def _moved(leg: Leg, axis: int, query: int, factors: Factors) -> Leg:
    """Let the axis of the queries index what the axis of the keys did."""
    (weight,) = leg.weights[axis]
    weights = list(leg.weights)
    weights[query] = split_weights((prod(factors[query]),), (weight,), factors[query])
    weights[axis] = (0,) * len(factors[axis])
    return leg._replace(weights=tuple(weights))
