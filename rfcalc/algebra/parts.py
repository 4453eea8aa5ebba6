"""Channels that depend on different things: which part of a concatenation each of them comes from.

A dependence says what the elements at one position need, whatever their channel. Behind a concatenation of
channels that is the union of its parts, and as soon as a layer contracts the channels nothing else matters.
But a split, or a slice, may take a part out again. So the union carries a label for each channel, and what
the elements of each label need; reshapes and transposes of the channels (a channel shuffle) move the labels.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod
from operator import is_
from typing import Final

from rfcalc.algebra.axes import through, worked
from rfcalc.algebra.dependence import Dependence, Parts
from rfcalc.algebra.digits import mixing_window, placed_window
from rfcalc.algebra.hiding import stands_by
from rfcalc.algebra.leg import Leg, span_of
from rfcalc.algebra.leg_windows import shortened
from rfcalc.algebra.legs import unite_legs
from rfcalc.algebra.masked import are_rows, bordered, crossed, follow_masked, reshaped, spelled, unite_masked
from rfcalc.algebra.number import Num, is_known, is_same
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.places import reindexed, total_of
from rfcalc.algebra.relation import Relation, UnequalSlopes
from rfcalc.algebra.steps import (
    Grouped,
    Hide,
    Merge,
    Place,
    Regroup,
    Slide,
    Squeeze,
    Step,
)
from rfcalc.algebra.window import POINTWISE, Window

MOST_LABELS: Final = 32
"""Parts that are told apart; more are united."""

MOST_CHANNELS: Final = 1 << 16

_NOTHING: Final = -1
"""The label of channels that depend on nothing."""


def labelled(union: Dependence, starts: Sequence[Dependence], places: Sequence[Place]) -> Dependence:
    """Return a concatenation of channels with a label for each, where its parts need different things."""
    axis, total = places[0].axis, places[0].total
    if not is_known(total) or not 0 < total <= MOST_CHANNELS:
        return union
    labels = [_NOTHING] * total
    found: list[Dependence] = []
    for start, place in zip(starts, places, strict=True):
        if not is_known(place.before) or not is_known(place.extent):
            return union
        own = _along(start, axis, place.extent)
        if own is None or any(each.moves(axis) for each in own[1]):
            return union  # positions lie on this axis too, and these are told apart anyway
        numbers = {_NOTHING: _NOTHING}
        for number, each in enumerate(own[1]):
            alone = each.foreign(axis, total)
            numbers[number] = next((k for k, other in enumerate(found) if other == alone), len(found))
            if numbers[number] == len(found):
                found.append(alone)
        labels[place.before : place.before + place.extent] = [numbers[label] for label in own[0]]
    if (len(found) < 2 and _NOTHING not in labels) or len(found) > MOST_LABELS:
        return union
    return union._replace(parts=Parts((axis,), (total,), tuple(labels), tuple(found)))


def _along(start: Dependence, axis: int, extent: int) -> tuple[Sequence[int], tuple[Dependence, ...]] | None:
    """Return the labels of a tensor along one axis, and what they stand for; None where others have them."""
    if start.parts is None:
        return [0] * extent, (start,)
    if start.parts.axes != (axis,):
        return None
    return start.parts.labels, start.parts.each


def together(dependence: Dependence, channels: tuple[int, ...], positions: tuple[int, ...]) -> Dependence:
    """Let every channel of a position depend on what any does, where channels are places of a window.

    Parameters
    ----------
    dependence : Dependence
        What each element needs.
    channels, positions : tuple of int
        The tensor's axes of that role. What moves with channels alone is united where the axis of positions
        that it would lie on moves nothing: a map of one position, or one that was reduced. Without such an
        axis, or with fewer than the input has, it is a flattened map, or rows that are taken for channels.
    """
    legs = []
    # a flattened map has fewer axes of positions than its input: none of its elements is a position of that
    moved = [leg.axis for leg in dependence.legs if not leg.gridless]
    grid = positions if max(moved, default=0) < len(positions) else ()
    for leg in dependence.legs:
        moving = [place for place, weights in enumerate(leg.weights) if any(weights)]
        own = tuple(place for place in moving if place in channels)
        beside = len(own) < len(moving)  # positions move the index too
        if own and (beside or _is_left(dependence, leg, grid)):
            # rows that are listed and lie on no position were reduced over the whole map
            reduced = isinstance(leg.relation, Relation) and leg.relation.listed
            alone = Dependence(dependence.factors, (leg,))
            alone = alone.mix(own, "") if beside or reduced else _one_position(alone, own, grid)
            if alone.reason:
                return dependence
            (index,) = alone.legs
            weights = tuple((0,) * len(w) if place in own else w for place, w in enumerate(index.weights))
            index = index._replace(weights=weights)
            if index.gridless:
                legs.append(index._replace(relation=index.relation.constant()))
            else:
                legs.append(shortened(index, dependence.factors))
        else:
            legs.append(leg)
    if all(map(is_, legs, dependence.legs)):
        return dependence
    masked = dependence.masked
    if masked is not None:  # of the channels of a position any may hold something
        masked = masked.filled(len(dependence.factors))
        masked = masked.onto([place for place in range(len(masked.shape)) if place not in channels])
    return Dependence(
        dependence.factors,
        unite_legs((), legs, dependence.factors),
        dependence.reason,
        masked=None if masked is None or masked.full else masked,
    )


def _is_left(dependence: Dependence, leg: Leg, grid: tuple[int, ...]) -> bool:
    """Tell whether a tensor has the axis of positions that a leg would lie on, and nothing moves there."""
    return bool(grid) and not dependence.moves(grid[leg.axis])


def _one_position(alone: Dependence, channels: tuple[int, ...], grid: tuple[int, ...]) -> Dependence:
    """Unite the channels of a map of one position, which see no more than it does.

    Its axis of one element lies on the grid that the next position would have.
    """
    factors, (leg,) = alone.factors, alone.legs
    mixed = [(e, w) for a in channels for e, w in zip(factors[a], leg.weights[a], strict=True) if w]
    window = mixing_window(mixed)
    if window is None:
        return alone._replace(reason="its channels are too many to list")
    relation = leg.relation.after(window, span_of(factors, leg.weights))
    weights = list(leg.weights)
    if factors[grid[leg.axis]] == (1,):
        weights[grid[leg.axis]] = (max(extent * weight for extent, weight in mixed if is_known(extent)),)
    return Dependence(factors, (leg._replace(weights=tuple(weights), relation=relation),))


def follow_parts(step: Step, dependence: Dependence, source: str) -> Dependence:
    """Carry a dependence over a step, and the parts of its channels with it."""
    if dependence.masked is not None:
        return follow_masked(step, dependence, source)
    after = step.apply(dependence, source)
    if isinstance(step, Hide) and after.masked is None:
        return _silenced(step.pattern, dependence, after)
    if isinstance(step, Slide) and after is not dependence:
        after = _beyond(step, dependence, after, source)
    if dependence.parts is None or after is dependence:
        return after
    found = _carried(step, dependence, dependence.parts, after, source)
    if found.parts is None and isinstance(step, (Regroup, Merge)):
        mask = _marked(dependence.parts, len(dependence.factors))
        return found if mask is None else emptied(step, dependence, mask, found, source)
    return found


def _beyond(step: Slide, before: Dependence, after: Dependence, source: str) -> Dependence:
    """Let outputs of a window that lie in padding need nothing, where legs move along other axes alone."""
    if step.alike or not are_rows((after,)):
        return after
    crossing = crossed((after,), step.axis)
    extent = total_of(before.factors[step.axis])
    if not crossing or not is_known(extent) or not is_known(step.extent):
        return after
    if step.extent > MOST_CHANNELS or step.window.border != "drop":
        return after
    kept = [bool(step.window.inside(i, extent)) for i in range(step.extent)]
    return bordered(after, step.axis, kept, crossing, source)


def _silenced(pattern: Pattern, before: Dependence, after: Dependence) -> Dependence:
    """Label the elements that a mask hides along axes that nothing moves along, such as channels."""
    axes = pattern.axes(len(before.factors))
    if before.parts is not None or not axes or not after.legs or pattern.full:
        return after
    extents = tuple(pattern.shape[axis - len(before.factors)] for axis in axes)
    if prod(extents) > MOST_CHANNELS or not all(stands_by(leg, axes) for leg in after.legs):
        return after
    index = [0] * len(pattern.shape)
    labels = []
    for at in product(*map(range, extents)):
        for axis, place in zip(axes, at, strict=True):
            index[axis - len(before.factors)] = place
        labels.append(0 if pattern.bit(index) else _NOTHING)
    return after._replace(parts=Parts(axes, extents, tuple(labels), (after,)))


def _marked(parts: Parts, rank: int) -> Pattern | None:
    """Return which elements depend on anything by their labels; None where all do."""
    if _NOTHING not in parts.labels:
        return None
    shape = [1] * rank
    for axis, extent in zip(parts.axes, parts.extents, strict=True):
        shape[axis] = extent
    return pattern_of([label != _NOTHING for label in _in_order(parts)], shape)


def pattern_of(bits: Sequence[bool], shape: Sequence[int]) -> Pattern:
    """Spell a mask whose elements are given in row-major order."""
    last = shape[-1]
    starts = range(0, len(bits), last)
    rows = (sum(bit << k for k, bit in enumerate(bits[start : start + last])) for start in starts)
    return Pattern(tuple(shape), tuple(rows))


def emptied(
    step: Regroup | Merge, before: Dependence, mask: Pattern, after: Dependence, source: str
) -> Dependence:
    """Drop the rows of elements that depend on nothing, where a reshape puts them among positions.

    Of single rows alone: what repeats from one position to the next keeps its grid, and stays as it is.
    """
    if after.reason or not are_rows((after,)):
        return after
    moved = reshaped(step, before._replace(parts=None, pieces=None), mask)
    if moved is None or moved.full:
        return after
    left = spelled(after._replace(masked=moved), source)
    return after if left is None or left.reason else left


def unite_parts(a: Dependence, b: Dependence, source: str) -> Dependence:  # noqa: PLR0911  a case each
    """Unite two dependences of tensors of one shape, part by part.

    Raises
    ------
    UnequalSlopes
        Two grids of unknown extent that advance differently.
    """
    if a.masked is not None or b.masked is not None:
        return unite_masked(a, b, source)
    union = a.join(b, source)
    p, q = a.parts, b.parts
    if (p is None and q is None) or union is a or union is b:
        return union
    if p is None or q is None:
        held, bare = (p, b) if p is not None else (q, a)
        assert held is not None
        each = tuple(part.join(bare._replace(parts=None), source) for part in held.each)
        if _NOTHING in held.labels:
            labels = tuple(len(each) if label == _NOTHING else label for label in held.labels)
            return union._replace(parts=held._replace(labels=labels, each=(*each, bare._replace(parts=None))))
        return union._replace(parts=held._replace(each=each))
    if p.axes != q.axes or p.extents != q.extents:
        return union
    pairs = list(dict.fromkeys(zip(p.labels, q.labels, strict=True)))
    if len(pairs) > MOST_LABELS or any(_NOTHING in pair for pair in pairs):
        return union
    numbers = {pair: number for number, pair in enumerate(pairs)}
    labels = tuple(numbers[pair] for pair in zip(p.labels, q.labels, strict=True))
    each = tuple(p.each[x].join(q.each[y], source) for x, y in pairs)
    return union._replace(parts=p._replace(labels=labels, each=each))


def _carried(step: Step, before: Dependence, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Move the parts as a step moves the tensor; where it mixes them they are gone."""
    if isinstance(step, Slide) and step.axis in parts.axes:
        return _cut(step, parts, after, source)
    if isinstance(step, Squeeze) and set(step.axes) & set(parts.axes):
        return _squeezed(step, parts, after, source)
    if isinstance(step, Grouped) and step.axis in parts.axes:
        return _grouped(step, parts, after, source)
    if isinstance(step, Regroup):
        return _regrouped(step, before, parts, after, source)
    axes = moved(step, len(before.factors), parts.axes)
    return after if axes is None else _each(step, parts._replace(axes=axes), after, source)


def moved(step: Step, rank: int, axes: Sequence[int]) -> tuple[int, ...] | None:
    """Tell where a step leaves axes that it does not work on; None where it does.

    Parameters
    ----------
    step : Step
        The step.
    rank : int
        How many axes the tensor has before it.
    axes : sequence of int
        The axes that are asked for.
    """
    if not worked(step, rank).isdisjoint(axes):
        return None
    (met,) = through((step,), (1,) * rank)
    return tuple([met.behind(axis)[0] for axis in axes])


def _each(step: Step, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Carry every part over the step that the whole was carried over."""
    each = tuple(step.apply(part, source) for part in parts.each)
    return after._replace(parts=parts._replace(each=each))


def _cut(step: Slide, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Take channels out: what is left needs what its own labels need."""
    place = parts.axes.index(step.axis)
    extent = parts.extents[place]
    if step.window is POINTWISE and step.extent == extent:
        return _each(step, parts, after, source)
    if not is_known(step.extent) or step.extent > MOST_CHANNELS:
        return after
    taken = _taken(step.window, step.extent, extent)
    if taken is None:
        return after
    inner = prod(parts.extents[place + 1 :])
    outer = prod(parts.extents[:place])
    labels = tuple(
        [
            _NOTHING if tap is None else parts.labels[(k * extent + tap) * inner + j]
            for k in range(outer)
            for tap in taken
            for j in range(inner)
        ]
    )
    extents = (*parts.extents[:place], step.extent, *parts.extents[place + 1 :])
    each = tuple(step.apply(part, source) for part in parts.each)
    return _narrowed(parts._replace(extents=extents, labels=labels, each=each), after, source)


def _taken(window: Window, count: int, extent: int) -> list[int | None] | None:
    """Return the one element of an axis that each output takes, None for padding; None if one takes more."""
    if window.border == "drop" and window.picks:
        return [tap if 0 <= tap < extent else None for tap in window.ends(count)[0]]
    taken = [window.placed(row, extent) for row in window.rows(count)]
    if any(len(taps) > 1 for taps in taken):
        return None
    return [taps[0] if taps else None for taps in taken]


def _grouped(step: Grouped, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Let each group of channels need what any of its own does."""
    place = parts.axes.index(step.axis)
    count, inner = parts.extents[place], prod(parts.extents[place + 1 :])
    if not (is_known(step.groups) and is_known(step.extent)) or step.groups == 1:
        return after
    each, copies = count // step.groups, step.extent // step.groups
    sets = [
        frozenset(parts.labels[(k * count + g * each + c) * inner + j] for c in range(each)) - {_NOTHING}
        for k in range(prod(parts.extents[:place]))
        for g in range(step.groups)
        for _ in range(copies)
        for j in range(inner)
    ]
    kinds = list(dict.fromkeys(found for found in sets if found))
    if len(kinds) > MOST_LABELS or len(sets) > MOST_CHANNELS:
        return after
    united = []
    try:
        for kind in kinds:
            first, *others = (parts.each[label] for label in sorted(kind))
            for other in others:
                first = first.join(other, source)
            united.append(step.apply(first, source))
    except UnequalSlopes:
        return after
    if len(kinds) < 2 and all(sets):
        return after
    numbers = {kind: number for number, kind in enumerate(kinds)} | {frozenset(): _NOTHING}
    extents = (*parts.extents[:place], step.extent, *parts.extents[place + 1 :])
    labels = tuple(numbers[found] for found in sets)
    return after._replace(parts=Parts(parts.axes, extents, labels, tuple(united)))


def on_places(start: Dependence, axis: int) -> bool:
    """Tell whether the elements along an axis of channels are places of a window, which a leg tells apart."""
    return any(
        any(leg.weights[axis]) and any(any(w) for place, w in enumerate(leg.weights) if place != axis)
        for leg in start.legs
    )


def beside_places(step: Place, start: Dependence, source: str) -> Dependence:
    """Become a part of a concatenation of channels of which some are places of a window, told apart."""
    if not all(map(is_known, (step.before, step.extent, step.total))) or step.total > MOST_CHANNELS:
        reason = f"{source!r} puts places of a window beside other channels, of unknown number"
        return step.apply(start, source).doubted(reason)
    window = placed_window(step.before, step.extent, step.total)
    factors = (*start.factors[: step.axis], (step.total,), *start.factors[step.axis + 1 :])
    legs, reason = [], start.reason
    for leg in start.legs:
        bare = not leg.gridless and not any(leg.weights[step.axis])
        moved = reindexed(leg, start.factors, step.axis, window, step.total, source) if bare else None
        if moved is None:
            alone = Dependence(start.factors, (leg,)).slide(step.axis, window, step.total, source)
            reason = reason or alone.reason
            (moved,) = alone.legs
        legs.append(moved)
    return Dependence(factors, tuple(legs), reason)


def _squeezed(step: Squeeze, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Drop label axes of one element."""
    each = tuple(step.apply(part, source) for part in parts.each)
    left = [k for k, axis in enumerate(parts.axes) if axis not in step.axes]
    axes = tuple(parts.axes[k] - sum(other < parts.axes[k] for other in step.axes) for k in left)
    extents = tuple(parts.extents[k] for k in left)
    if prod(extents) != len(parts.labels):
        return after
    return _narrowed(Parts(axes, extents, parts.labels, each), after, source)


def _narrowed(parts: Parts, after: Dependence, source: str) -> Dependence:
    """Return the union of those parts that are left."""
    left = sorted(set(parts.labels) - {_NOTHING})
    if len(left) == len(parts.each):
        return after._replace(parts=parts if parts.axes else None)
    if not left:
        return after._replace(legs=(), parts=None)
    union = parts.each[left[0]]
    try:
        for label in left[1:]:
            union = union.join(parts.each[label], source)
    except UnequalSlopes:
        return after
    if len(left) == 1 and _NOTHING not in parts.labels:
        return union
    numbers = {label: number for number, label in enumerate(left)} | {_NOTHING: _NOTHING}
    labels = tuple(numbers[label] for label in parts.labels)
    return union._replace(parts=parts._replace(labels=labels, each=tuple(parts.each[k] for k in left)))


def _regrouped(step: Regroup, before: Dependence, parts: Parts, after: Dependence, source: str) -> Dependence:
    """Follow labels through a reshape that splits or merges their own axes."""
    old: list[Num] = [_extent(digits) for digits in before.factors]
    new = list(step.shape)
    lead = 0
    while lead < min(len(old), len(new)) and lead not in parts.axes and is_same(old[lead], new[lead]):
        lead += 1
    first, last = min(parts.axes), max(parts.axes)
    tail = len(old) - last - 1
    fits = (
        lead == first
        and sorted(parts.axes) == list(range(first, last + 1))
        and len(new) - tail > first
        and all(is_same(a, b) for a, b in zip(old[last + 1 :], new[len(new) - tail :], strict=True))
    )
    middle = new[first : len(new) - tail]
    if not fits or not all(map(is_known, middle)) or prod(middle) != len(parts.labels):
        return after
    axes = tuple(range(first, first + len(middle)))
    moved = Parts(axes, tuple(middle), tuple(_in_order(parts)), parts.each)
    return _each(step, moved, after, source)


def _in_order(parts: Parts) -> Iterable[int]:
    """List labels in the order of the tensor's axes."""
    order = sorted(range(len(parts.axes)), key=lambda k: parts.axes[k])
    if order == list(range(len(order))):
        yield from parts.labels
        return
    strides = [prod(parts.extents[k + 1 :]) for k in range(len(parts.extents))]
    for index in product(*(range(parts.extents[k]) for k in order)):
        yield parts.labels[sum(i * strides[k] for i, k in zip(index, order, strict=True))]


def _extent(digits: Sequence[Num]) -> Num:
    total: Num = 1
    for digit in digits:
        total = total * digit
    return total
