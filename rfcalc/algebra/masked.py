"""A mask that is remembered beside a dependence, and how steps carry it on.

A leg that moves along all axes on which a mask changes has lost the rows of hidden elements already. For the
others, the *open* legs, the mask says of which elements they hold. Steps that move elements move it with
them. Where the axis of the keys is mixed, each query needs the keys that are left to it. Any other step takes
the open legs spelled over all axes of the mask, as far as so many rows can be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rfcalc.algebra.hiding import LOST, left_of, onto_query
from rfcalc.algebra.legs import Leg, span_of
from rfcalc.algebra.number import Num, is_known, prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.relation import MAX_PERIOD, NeedTaps, Relation
from rfcalc.algebra.window import gather

if TYPE_CHECKING:
    from rfcalc.algebra.dependence import Dependence
    from rfcalc.algebra.steps import Place, Slide, Step


# ---- steps -------------------------------------------------------------------------------------------------


def follow_masked(step: Step, dependence: Dependence, source: str) -> Dependence:
    """Carry a dependence whose mask is remembered over a step."""
    from rfcalc.algebra.steps import Hide, Mix, Place, Reduce, Slide

    pattern = dependence.masked
    assert pattern is not None
    bare = dependence._replace(masked=None, parts=None)
    rank = len(bare.factors)
    axes = pattern.axes(rank)
    if isinstance(step, Hide):
        return _under(step.apply(bare, source), pattern.joined(step.pattern, both=True))
    mixed = [a for a in axes if a in _mixed(step, rank)]
    if len(mixed) == len(axes):
        return step.apply(bare, source)
    if mixed:
        assert isinstance(step, (Mix, Reduce))
        after = onto_query(bare, mixed[0], pattern, source) if len(mixed) == 1 else None
        if after is not None:
            left = _collapsed(pattern.filled(rank), mixed[0])
            return (
                follow_masked(step, after._replace(masked=left), source)
                if left
                else step.apply(after, source)
            )
    else:
        moved = _places(step, dependence, pattern.filled(rank))
        if moved is not None:
            if isinstance(step, (Place, Slide)) and step.axis in axes:
                step = step._replace(alike=True)  # the mask says which elements hold nothing
            return _under(step.apply(bare, source), moved)
    listed = spelled(dependence, source)
    return (
        step.apply(bare, source).doubted(LOST.format(source))
        if listed is None
        else step.apply(listed, source)
    )


def _mixed(step: Step, rank: int) -> set[int]:
    """Return the axes of which a step lets each element need all."""
    from rfcalc.algebra.steps import Mix, Reduce

    return {axis % rank for axis in step.axes} if isinstance(step, (Mix, Reduce)) else set()


def _collapsed(pattern: Pattern, axis: int) -> Pattern | None:
    """Return which elements hold anything once an axis is mixed; None where all do."""
    left = pattern.taken(axis, [range(pattern.shape[axis])])
    return None if left.full else left


def _under(dependence: Dependence, pattern: Pattern) -> Dependence:
    """Remember a mask, unless it hides nothing or all, or legs say all of it."""
    if pattern.empty:
        return dependence._replace(legs=(), masked=None)
    axes = pattern.axes(len(dependence.factors))
    return dependence._replace(masked=None if pattern.full or not open_legs(dependence, axes) else pattern)


def open_legs(dependence: Dependence, axes: Sequence[int]) -> list[Leg]:
    """Return the legs that do not move along all of some axes."""
    return [leg for leg in dependence.legs if not all(any(leg.weights[a]) for a in axes)]


def _places(step: Step, dependence: Dependence, full: Pattern) -> Pattern | None:
    """Move a mask as a step moves elements; None where it cannot be said."""
    from rfcalc.algebra import steps

    rank = len(dependence.factors)
    axes = set(full.axes(rank))
    if isinstance(step, (steps.AtMost, steps.Broadcast)):
        return full
    if isinstance(step, (steps.Slide, steps.Place)) and step.axis in axes:
        return _slid(step, dependence, full)
    order = _order(step, full, axes)
    return None if order is None else full.moved(order)


def _slid(step: Slide | Place, dependence: Dependence, full: Pattern) -> Pattern | None:
    """Let an element hold what any that its window reads does; None where that is not all of it."""
    from rfcalc.algebra.digits import placed_window
    from rfcalc.algebra.steps import Place

    axis, extent = step.axis, full.shape[step.axis]
    total = step.total if isinstance(step, Place) else step.extent
    if not is_known(total) or total > MAX_PERIOD:
        return None
    if isinstance(step, Place):
        if not (is_known(step.before) and is_known(step.extent)):
            return None
        window = placed_window(step.before, step.extent, total)
    else:
        window = step.window
    if window.slack or not _fits(extent, prod(dependence.factors[axis])):
        return None
    taps = [window.inside(i, extent) for i in range(total)]
    unread = open_legs(dependence, full.axes(len(full.shape)))
    if any(len(each) > 1 for each in taps) and any(any(leg.weights[axis]) for leg in unread):
        return None  # of the rows that a window unites each has hidden elements of its own
    return full.taken(axis, taps)


def _order(step: Step, full: Pattern, axes: set[int]) -> Sequence[int] | None:  # noqa: PLR0911
    """Say which axis of a mask each axis behind a step is, -1 for a new one; None where that is not so."""
    from rfcalc.algebra import steps

    rank = len(full.shape)
    if isinstance(step, steps.Permute):
        return step.order
    if isinstance(step, steps.Insert):
        places = iter(range(rank))
        return [-1 if place in step.axes else next(places) for place in range(rank + len(step.axes))]
    if isinstance(step, (steps.Squeeze, steps.Reduce)):
        gone = {axis % rank for axis in step.axes}
        kept = isinstance(step, steps.Reduce) and step.keep
        return None if gone & axes and not kept else [p for p in range(rank) if kept or p not in gone]
    if isinstance(step, steps.Regroup):
        first = min(axes)
        last = step.shape[max(len(step.shape) - (rank - first), 0) :]
        fit = len(last) == rank - first and all(map(_fits, full.shape[first:], last))
        return range(first, rank) if fit else None
    if isinstance(step, steps.Split):
        more = len(step.extents) - 1
        return (
            None if step.axis in axes else [*range(step.axis + 1), *(-1,) * more, *range(step.axis + 1, rank)]
        )
    if isinstance(step, steps.Merge):
        end = step.axis + step.number
        return None if axes & set(range(step.axis, end)) else [*range(step.axis + 1), *range(end, rank)]
    return (
        range(rank) if isinstance(step, steps.Mix) or getattr(step, "axis", min(axes)) not in axes else None
    )


def _fits(extent: int, now: Num) -> bool:
    """Tell whether an axis is as long as the mask says."""
    return is_known(now) and now == extent


# ---- open legs ---------------------------------------------------------------------------------------------


def spelled(dependence: Dependence, source: str) -> Dependence | None:
    """Let open legs move along all axes of the mask, without what it hides; None where they cannot."""
    pattern = dependence.masked
    if pattern is None:
        return dependence._replace(parts=None)
    bare = dependence._replace(masked=None, parts=None)
    axes = pattern.axes(len(bare.factors))
    legs = []
    for leg in bare.legs:
        missing = [a for a in axes if not any(leg.weights[a])]
        wide = _widened(bare, leg, missing, source) if missing else None
        left = leg if not missing else wide and left_of(bare, wide, pattern, axes, source)
        if left is None:
            return None
        legs.append(leg if left is wide else left)
    return bare._replace(legs=tuple(legs))


def _widened(dependence: Dependence, leg: Leg, missing: Sequence[int], source: str) -> Leg | None:
    """Count some axes below a leg's own index, without need of them; None where that cannot be listed."""
    room = 1
    weights = list(leg.weights)
    for axis in reversed(missing):
        own: list[int] = []
        for extent in reversed(dependence.factors[axis]):
            if not is_known(extent):
                return None
            own.insert(0, room)
            room *= extent
        weights[axis] = tuple(own)
    span = span_of(dependence.factors, leg.weights)
    if not is_known(span) or span * room > MAX_PERIOD:
        return None
    for axis, row in enumerate(leg.weights):
        if axis not in missing:
            weights[axis] = tuple(weight * room for weight in row)
    window = gather(room, 1, [[0]] * room)
    if isinstance(leg.relation, Relation):
        relation = leg.relation.after(window, int(span) * room, source)
        if leg.relation.exact and not relation.exact:
            return None
        return Leg(leg.axis, tuple(weights), relation)
    return Leg(leg.axis, tuple(weights), leg.relation.after(window, int(span) * room, source))


# ---- answers and unions ------------------------------------------------------------------------------------


def settled(dependence: Dependence) -> Dependence:
    """Say what is left of a mask by the index of one axis, the first of those that it orders: the queries.

    So it is where legs of one axis of the input move along several axes of the mask; what an element needs of
    the other axes of the input lies on the index that it lies on.
    """
    if dependence.masked is None:
        return dependence
    legs: list[Leg] = []
    reason = dependence.reason
    for axis in dict.fromkeys(leg.axis for leg in dependence.legs):
        own = tuple(leg for leg in dependence.legs if leg.axis == axis)
        alone = _by_queries(dependence._replace(legs=own, parts=None))
        legs += alone.legs
        reason = reason or alone.reason
    return dependence._replace(legs=tuple(legs), reason=reason, masked=None)


def _by_queries(dependence: Dependence) -> Dependence:
    """Say by the index of the first axis that legs move along what a mask leaves of the others."""
    from rfcalc.algebra.steps import Mix

    assert dependence.masked is not None
    axes = dependence.masked.axes(len(dependence.factors))
    moving = [a for a in axes if any(any(leg.weights[a]) for leg in dependence.legs)]
    found = dependence
    try:
        for axis in reversed(moving[1:]):
            if found.masked is not None:
                found = follow_masked(Mix((axis,)), found, "")
    except NeedTaps:  # only a pass with taps could say it
        return dependence.doubted("which keys a mask leaves to a query needs taps to be said")
    return found


def unite_masked(a: Dependence, b: Dependence, source: str) -> Dependence:
    """Unite two dependences of which a mask is remembered for one or both."""
    if not (a.legs and b.legs):
        only = a if a.legs else b
        return only._replace(reason=a.reason or b.reason)
    masks = [each.masked for each in (a, b) if each.masked is not None]
    axes = sorted({axis for each in masks for axis in each.axes(len(a.factors))})
    left, right = a._replace(masked=None, parts=None), b._replace(masked=None, parts=None)
    if a.masked == b.masked or (
        a.factors == b.factors and set(open_legs(a, axes)) == set(open_legs(b, axes))
    ):
        either = masks[0].joined(masks[1], both=False) if len(masks) > 1 else None
        return left.join(right, source)._replace(masked=None if either is None or either.full else either)
    p, q = spelled(a, source), spelled(b, source)
    if p is None or q is None:
        return left.join(right, source).doubted(LOST.format(source))
    return p.join(q, source)
