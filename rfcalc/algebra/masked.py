"""A mask that is remembered beside a dependence, and how steps carry it on.

A leg that moves along all axes on which a mask changes has lost the rows of hidden elements already. For the
others, the *open* legs, the mask says of which elements they hold. Steps that move elements move it with
them. Where the axis of the keys is mixed, each query needs the keys that are left to it. Any other step takes
the open legs spelled over all axes of the mask, as far as so many rows can be listed.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from rfcalc.algebra import steps
from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.digits import placed_window
from rfcalc.algebra.hiding import LOST, cut, hidden, onto_query, open_legs, stands_by
from rfcalc.algebra.legs import Leg
from rfcalc.algebra.number import UNKNOWN, Num, is_known, prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.places import narrowed
from rfcalc.algebra.relation import MAX_PERIOD, NeedTaps, Relation
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.steps import Hide, Merge, Mix, Place, Reduce, Regroup, Slide, Split, Step

MOST_SPELLED: Final = 1 << 20
"""Elements of a mask that is reshaped."""

_ALONG: Final = (steps.Slide, steps.Place, steps.Contract, steps.Grouped, steps.Scan)
"""Steps along one axis, whose elements need known ones of it."""


# ---- steps -------------------------------------------------------------------------------------------------


def follow_masked(step: Step, dependence: Dependence, source: str) -> Dependence:  # noqa: PLR0911  a case each
    """Carry a dependence whose mask is remembered over a step."""
    pattern = dependence.masked
    assert pattern is not None
    bare = dependence._replace(masked=None, parts=None)
    rank = len(bare.factors)
    axes = pattern.axes(rank)
    if isinstance(step, Hide):
        return _under(bare, pattern.joined(step.pattern, both=True), source)
    mixed = [a for a in axes if a in _mixed(step, rank)]
    if len(mixed) == len(axes):
        return step.apply(bare, source)
    if mixed:
        assert isinstance(step, (Mix, Reduce))
        after = onto_query(bare, mixed[0], pattern, source) if len(mixed) == 1 else None
        if after is not None:
            left = _collapsed(pattern.filled(rank), mixed[0])
            if left is None:
                return step.apply(after, source)
            return follow_masked(step, after._replace(masked=left), source)
    else:
        moved = _places(step, dependence, pattern.filled(rank))
        if moved is not None:
            if isinstance(step, (Place, Slide)) and step.axis in axes:
                step = step._replace(alike=True)  # the mask says which elements hold nothing
            return _under(step.apply(bare, source), moved, source)
    listed = spelled(dependence, source)
    if listed is None:
        return step.apply(bare, source).doubted(LOST.format(source))
    after = step.apply(listed, source)
    return after._replace(legs=tuple(narrowed(leg, after.factors) for leg in after.legs))


def _mixed(step: Step, rank: int) -> set[int]:
    """Return the axes of which a step lets each element need all."""
    return {axis % rank for axis in step.axes} if isinstance(step, (Mix, Reduce)) else set()


def _collapsed(pattern: Pattern, axis: int) -> Pattern | None:
    """Return which elements hold anything once an axis is mixed; None where all do."""
    left = pattern.taken(axis, [range(pattern.shape[axis])])
    return None if left.full else left


def _under(dependence: Dependence, pattern: Pattern, source: str) -> Dependence:
    """Drop what hidden elements need, and remember the mask, unless it hides nothing or all."""
    bare = dependence._replace(masked=None)
    return bare if pattern.full else hidden(bare, pattern, source)


def _places(step: Step, dependence: Dependence, full: Pattern) -> Pattern | None:
    """Move a mask as a step moves elements; None where it cannot be said."""
    rank = len(dependence.factors)
    axes = set(full.axes(rank))
    if isinstance(step, (steps.AtMost, steps.Broadcast)):
        return full
    if isinstance(step, _ALONG) and step.axis in axes:
        extent = full.shape[step.axis]
        taps = _taps(step, extent) if _fits(extent, prod(dependence.factors[step.axis])) else None
        unread = any(any(leg.weights[step.axis]) for leg in open_legs(dependence, full.axes(rank)))
        if taps is None or (unread and any(len(each) > 1 for each in taps)):
            return None  # a window unites elements with different rows hidden, which no mask can say
        return full.taken(step.axis, taps)
    if isinstance(step, (steps.Regroup, steps.Split, steps.Merge)) and not _apart(step, axes):
        return reshaped(step, dependence, full)
    order = _order(step, full, axes)
    return None if order is None else full.moved(order)


def _apart(step: Step, axes: set[int]) -> bool:
    """Tell whether an axis is split, or axes are merged, that no mask changes along."""
    if isinstance(step, steps.Merge):
        return not axes & set(range(step.axis, step.axis + step.number))
    return isinstance(step, steps.Split) and step.axis not in axes


def reshaped(step: Regroup | Split | Merge, dependence: Dependence, full: Pattern) -> Pattern | None:
    """Reshape a mask from the first axis on that it changes along; None where a reshape cuts across it."""
    old = [prod(digits) if all(map(is_known, digits)) else UNKNOWN for digits in dependence.factors]
    first = min(full.axes(len(old)))
    new: list[Num] = list(step.shape) if isinstance(step, Regroup) else old
    if isinstance(step, Split):
        new = [*old[: step.axis], *step.extents, *old[step.axis + 1 :]]
    elif isinstance(step, Merge):
        end = step.axis + step.number
        first = min(first, step.axis)
        merged = old[step.axis : end]
        new = [*old[: step.axis], prod(merged) if all(map(is_known, merged)) else UNKNOWN, *old[end:]]
    for start in range(first, -1, -1):
        tail: list[Any] = old[start:]
        if not all(map(is_known, tail)) or prod(tail) > MOST_SPELLED:
            return None
        for place in range(len(new) - 1, -1, -1):
            behind: list[Any] = new[place:]
            if all(map(is_known, behind)) and prod(behind) == prod(tail):
                shape = full.shape[start:]
                return Pattern(shape, full.rows[: prod(shape[:-1])]).regrouped(tail, behind)
    return None


def _taps(step: Step, extent: int) -> Sequence[Sequence[int]] | None:  # noqa: PLR0911  a case each
    """Return which of the `extent` present elements of its axis each element behind a step needs."""
    if isinstance(step, steps.Scan):
        return [range(i + 1) if step.forward else range(i, extent) for i in range(extent)]
    if isinstance(step, steps.Contract):
        return [range(extent)]  # the same for all elements, however many there are
    if isinstance(step, steps.Grouped):
        if not (is_known(step.groups) and is_known(step.extent)):
            return None
        own, copies = extent // step.groups, step.extent // step.groups
        return [range(g * own, (g + 1) * own) for g in range(step.groups) for _ in range(copies)]
    if isinstance(step, steps.Place):
        if not all(map(is_known, (step.before, step.extent, step.total))) or step.total > MAX_PERIOD:
            return None
        window = placed_window(step.before, step.extent, step.total)
        return [window.inside(i, extent) for i in range(step.total)]
    assert isinstance(step, steps.Slide)
    if not is_known(step.extent) or step.extent > MAX_PERIOD or step.window.slack:
        return None
    return [step.window.inside(i, extent) for i in range(step.extent)]


def _order(step: Step, full: Pattern, axes: set[int]) -> Sequence[int] | None:
    """Say which axis of a mask each axis behind a step is, -1 for a new one; None where that is not so."""
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
    """Let open legs move along all axes of the mask, without what it hides; None where they cannot.

    Of a leg that moves along none of them, and which cannot be listed so, the rows are those of all elements.
    """
    pattern = dependence.masked
    bare = dependence._replace(masked=None, parts=None)
    if pattern is None:
        return bare
    axes = pattern.axes(len(bare.factors))
    legs = []
    for leg in bare.legs:
        left = cut(bare, leg, pattern, axes, source)
        if left is None and not stands_by(leg, axes):
            return None
        legs.append(left or leg)
    return bare._replace(legs=tuple(legs))


def bordered(
    dependence: Dependence, axis: int, kept: Sequence[bool], inputs: Collection[int], source: str
) -> Dependence:
    """Drop what legs that stand by an axis need at indices of it that hold nothing, such as padding.

    The legs are single rows; it is those on the axes `inputs` of the input. What cannot be listed stays.
    """
    rank = len(dependence.factors)
    if all(kept):
        return dependence
    bits = sum(1 << index for index, keep in enumerate(kept) if keep)
    pattern = Pattern((len(kept),), (bits,)).moved([0, *(-1,) * (rank - 1 - axis)])
    legs = [
        cut(dependence, leg, pattern, (axis,), source) or leg
        if leg.axis in inputs and not leg.gridless and not any(leg.weights[axis])
        else leg
        for leg in dependence.legs
    ]
    return dependence._replace(legs=tuple(legs))


def are_rows(dependences: Iterable[Dependence]) -> bool:
    """Tell whether all legs are the single rows of one map."""
    return all(isinstance(leg.relation, Rows) for dependence in dependences for leg in dependence.legs)


def are_listed(dependences: Iterable[Dependence], inputs: Collection[int]) -> bool:
    """Tell whether all legs with a grid on some axes of the input are the rows of one map."""
    return all(
        isinstance(leg.relation, Rows) or leg.relation.listed > 0
        for dependence in dependences
        for leg in dependence.legs
        if leg.axis in inputs and not leg.gridless
    )


def crossed(dependences: Iterable[Dependence], axis: int) -> set[int]:
    """Return the axes of the input on which some legs move along an axis, and others along others alone."""
    along, beside = set(), set()
    for dependence in dependences:
        for leg in dependence.legs:
            if any(leg.weights[axis]):
                along.add(leg.axis)
            elif not leg.gridless:
                beside.add(leg.axis)
    return along & beside


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
        if not open_legs(dependence._replace(legs=own), dependence.masked.axes(len(dependence.factors))):
            legs += own  # the rows of hidden elements are gone already
            continue
        alone = _by_queries(dependence._replace(legs=own, parts=None))
        for leg in alone.legs:
            left = leg if alone.masked is None else _on_its_axes(alone, leg, alone.masked)
            reason = reason or ("" if left else LOST.format("the answer"))
            legs.append(left or leg)
        reason = reason or alone.reason
    return dependence._replace(legs=tuple(legs), reason=reason, masked=None)


def _on_its_axes(dependence: Dependence, leg: Leg, pattern: Pattern) -> Leg | None:
    """Hide elements from a leg on the axes that it moves along, or on one; None where rows cannot say it."""
    rank = len(dependence.factors)
    axes = pattern.axes(rank)
    mine = [a for a in axes if any(leg.weights[a])]
    lead = rank - len(pattern.shape)
    if leg.gridless:
        order = (*axes[leg.axis : leg.axis + 1], *axes)
        mine = next(([a] for a in order if not pattern.onto([a - lead]).full), [])
    own = pattern.onto([a - lead for a in mine])
    try:
        left = cut(dependence, leg, own, mine, "")
    except NeedTaps:  # here rows are dropped whole or kept whole, so that their ends are enough
        assert isinstance(leg.relation, Relation)
        left = cut(dependence, leg._replace(relation=leg.relation.filled()), own, mine, "")
    return leg if left is None and stands_by(leg, axes) else left


def _by_queries(dependence: Dependence) -> Dependence:
    """Say by the index of the first axis that legs move along what a mask leaves of the others."""
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
