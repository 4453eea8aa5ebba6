"""Where axes go through the steps of a rule, and what they meet on the way.

A rule says on which steps an output depends on an input. `through` follows the axes of a tensor over them, by
shapes alone; whoever carries something along an axis (how much a position weighs, how far elements have come
apart) says what each step does to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from rfcalc.algebra import steps as moves
from rfcalc.algebra.number import Num, is_known, is_same, prod
from rfcalc.algebra.steps import Step
from rfcalc.records import NamedTuple

Shape = tuple[Num, ...]
Sources = tuple[tuple[int, ...], ...]


class Met(NamedTuple):
    """A step, and the axes of the tensor on both sides of it.

    Parameters
    ----------
    step : Step
        The step.
    before, after : tuple of Num
        Extents before it and behind it.
    sources : tuple of tuple of int
        For each axis behind it, the axes before it that its positions come from; none where it is new, or
        where the positions before it are gone, as behind a sum over them. A mixed axis comes from itself.
    """

    step: Step
    before: Shape
    after: Shape
    sources: Sources

    def behind(self, axis: int) -> list[int]:
        """Return the axes behind the step whose positions come from an axis before it.

        >>> next(through([moves.Permute((0, 2, 1))], (1, 5, 4))).behind(1)
        [2]
        """
        return [place for place, sources in enumerate(self.sources) if axis in sources]


def through(steps: Sequence[Step], shape: Sequence[Num]) -> Iterator[Met]:
    """Follow the axes of a tensor of some shape through steps.

    >>> for met in through([moves.Regroup((1, 6, 20)), moves.Contract(1, 8)], (1, 2, 3, 20)):
    ...     print(met.after, met.sources)
    (1, 6, 20) ((0,), (1, 2), (3,))
    (1, 8, 20) ((0,), (), (2,))
    """
    before = tuple(shape)
    for step in steps:
        after, sources = _MOVES[type(step)](step, before)
        yield Met(step, before, after, sources)
        before = after


def worked(step: Step, rank: int) -> set[int]:
    """Return the axes of a tensor that a step works on: along which positions are moved, mixed or left out.

    >>> sorted(worked(moves.Merge(1, 2), 4)), sorted(worked(moves.Permute((0, 2, 1)), 3))
    ([1, 2], [])
    """
    if isinstance(step, (moves.Mix, moves.Reduce, moves.Squeeze)):
        return {axis % rank for axis in step.axes}
    if isinstance(step, (moves.Insert, moves.Permute, moves.Broadcast, moves.AtMost)):
        return set()
    if isinstance(step, (moves.Cover, moves.Regroup)):
        return set(range(rank))
    if isinstance(step, moves.Merge):
        return set(range(step.axis, step.axis + step.number))
    if isinstance(step, moves.Hide):
        return set(step.pattern.axes(rank))
    return {step.axis, *step.uneven} if isinstance(step, moves.Attend) else {step.axis}


# ---- the axes behind each step -----------------------------------------------------------------------------


@cache
def _same(rank: int) -> Sources:
    return tuple([(axis,) for axis in range(rank)])


def _in_place(step: Step, shape: Shape) -> tuple[Shape, Sources]:
    return shape, _same(len(shape))


def _put(shape: Shape, axis: int, extent: Num) -> Shape:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def _resized(step: Any, shape: Shape) -> tuple[Shape, Sources]:
    """One axis gets another extent."""
    return _put(shape, step.axis, step.extent), _same(len(shape))


def _placed(step: moves.Place, shape: Shape) -> tuple[Shape, Sources]:
    return _put(shape, step.axis, step.total), _same(len(shape))


def _attended(step: moves.Attend, shape: Shape) -> tuple[Shape, Sources]:
    return _put(shape, step.axis, len(step.rows)), _same(len(shape))


def _contracted(step: moves.Contract, shape: Shape) -> tuple[Shape, Sources]:
    axis, same = step.axis, _same(len(shape))
    return _put(shape, axis, step.extent), (*same[:axis], (), *same[axis + 1 :])


def _reduced(step: moves.Reduce | moves.Squeeze, shape: Shape) -> tuple[Shape, Sources]:
    axes = worked(step, len(shape))
    if isinstance(step, moves.Reduce) and step.keep:
        after = tuple([1 if axis in axes else extent for axis, extent in enumerate(shape)])
        return after, tuple([() if axis in axes else own for axis, own in enumerate(_same(len(shape)))])
    kept = tuple([axis for axis in range(len(shape)) if axis not in axes])
    return _permuted(moves.Permute(kept), shape)


def _permuted(step: moves.Permute, shape: Shape) -> tuple[Shape, Sources]:
    return tuple([shape[axis] for axis in step.order]), tuple([(axis,) for axis in step.order])


def _inserted(step: moves.Insert, shape: Shape) -> tuple[Shape, Sources]:
    after, sources = list(shape), list(_same(len(shape)))
    for axis in sorted(step.axes):
        after.insert(axis, 1)
        sources.insert(axis, ())
    return tuple(after), tuple(sources)


def _stretched(step: moves.Broadcast, shape: Shape) -> tuple[Shape, Sources]:
    return step.shape, ((),) * (len(step.shape) - len(shape)) + _same(len(shape))


def _regrouped(step: moves.Regroup, shape: Shape) -> tuple[Shape, Sources]:
    sources = [sources for sources, extents in groups(shape, step.shape) for _ in extents]
    return step.shape, tuple(sources) if sources else ((),) * len(step.shape)


def _split(step: moves.Split, shape: Shape) -> tuple[Shape, Sources]:
    axis, same = step.axis, _same(len(shape))
    split = ((axis,),) * len(step.extents)
    return (*shape[:axis], *step.extents, *shape[axis + 1 :]), (*same[:axis], *split, *same[axis + 1 :])


def _merged(step: moves.Merge, shape: Shape) -> tuple[Shape, Sources]:
    end, same = step.axis + step.number, _same(len(shape))
    merged = tuple(range(step.axis, end))
    return (
        (*shape[: step.axis], prod(shape[step.axis : end]), *shape[end:]),
        (*same[: step.axis], merged, *same[end:]),
    )


def _covered(step: moves.Cover, shape: Shape) -> tuple[Shape, Sources]:
    return step.shape, ((),) * len(step.shape)


_MOVES: Final[Mapping[type, Callable[[Any, Shape], tuple[Shape, Sources]]]] = {
    moves.Slide: _resized,
    moves.Grouped: _resized,
    moves.Place: _placed,
    moves.Lose: _resized,
    moves.Attend: _attended,
    moves.Contract: _contracted,
    moves.Reduce: _reduced,
    moves.Squeeze: _reduced,
    moves.Permute: _permuted,
    moves.Insert: _inserted,
    moves.Broadcast: _stretched,
    moves.Regroup: _regrouped,
    moves.Split: _split,
    moves.Merge: _merged,
    moves.Cover: _covered,
    moves.Mix: _in_place,
    moves.Scan: _in_place,
    moves.Hide: _in_place,
    moves.AtMost: _in_place,
}


def groups(old: Sequence[Num], new: Sequence[Num]) -> list[tuple[tuple[int, ...], tuple[Num, ...]]]:
    """Say which axes of a shape become which extents when it is reshaped, in the smallest groups there are.

    >>> groups((1, 6, 5, 4), (1, 2, 3, 20))
    [((0,), (1,)), ((1,), (2, 3)), ((2, 3), (20,))]
    >>> groups((1, 8, 1, 1), (1, 8))
    [((0,), (1,)), ((1, 2, 3), (8,))]
    """
    found: list[tuple[list[int], list[Num]]] = []
    place = put = 0
    while place < len(old) and put < len(new):
        sources, extents = [place], [new[put]]
        have, want = old[place], new[put]
        place, put = place + 1, put + 1
        while not is_same(have, want):
            if (
                not (is_known(have) and is_known(want))
                or (place == len(old) and have < want)
                or put == len(new)
            ):
                break
            if have < want:
                sources.append(place)
                have, place = have * old[place], place + 1
            else:
                extents.append(new[put])
                want, put = want * new[put], put + 1
        found.append((sources, extents))
    rest = list(range(place, len(old)))
    if found and (rest or put < len(new)):
        found[-1] = (found[-1][0] + rest, found[-1][1] + list(new[put:]))
    return [(tuple(sources), tuple(extents)) for sources, extents in found]
