"""What a model keeps of where things are: the shifts of its input that its maps follow, and those they hide.

A map of effective stride u has one unit for every u pixels, so that its index says no more of a place than
that. Moved by t pixels, the input moves a map of period (P, Q) onto itself where t is a multiple of Q, and
all maps up to a layer where it is one of all their Q: their least common multiple is the shift that all of
them follow exactly, far from the border. Max pooling may hide more: the largest value of a window of k may
move by ``(k - 1) * d`` and still be found, that is ``(k - 1) * d * jump`` pixels, and by the sum of these
over all max poolings on the way at best. What is certain to be hidden is nothing.

Source: Azulay and Weiss, "Why do deep convolutional networks generalize so poorly to small image
transformations?", JMLR, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import repeat
from math import lcm
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Contract, Reduce, Slide, Step
from rfcalc.engine.follow import interfaces
from rfcalc.engine.propagate import AS_IT_IS, LayerFields
from rfcalc.engine.shapes import LayerInfo
from rfcalc.engine.view import Views
from rfcalc.graph.layer import Layer
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path

_LARGEST: Final = ("max_pool", "global_pool", "reduce")
"""Kinds that may find what has moved: the largest of a window, or any summary of the whole map."""

_INVARIANT: Final = "it has no grid: what it sees of the whole map stays the same"


class Position(NamedTuple):
    """What can be said of positions in a layer's map, along one spatial axis of the input.

    Parameters
    ----------
    unit : int or float, optional
        The effective stride, in pixels: an index tells positions apart no better; None without a grid.
    tolerated : Fraction, optional
        Pixels by which a stimulus may at best move and leave the response the same, since max pooling on
        every way takes the largest of its window; what is guaranteed is 0. None: any, through a pooling of
        the whole map; or not known.
    exact_shift : int, optional
        The smallest shift in pixels that all maps up to here follow exactly; None where there is none.
    reason : str
        Why there is none.
    """

    unit: float | None
    tolerated: Fraction | None
    exact_shift: int | None
    reason: str = ""


class _Held(NamedTuple):
    """What one tensor holds of positions: pixels hidden at best; the shift that is followed, or why none."""

    tolerated: Fraction | None
    shift: int | None
    reason: str = ""


_NOTHING: Final = _Held(Fraction(0), 1)
"""Of an input, and of what does not depend on it."""


def positions_of(
    chain: Sequence[Layer],
    resolved: Mapping[str, LayerInfo],
    seen: Mapping[str, LayerFields],
    views: Views,
    rank: int,
) -> tuple[Position, ...]:
    """Say what the first output of the last of some layers keeps of positions, along each axis of the input.

    Parameters
    ----------
    chain : sequence of Layer
        Layers in topological order, with all that they depend on.
    resolved, seen : mapping
        What the two passes know of them.
    views : Views
        What their tensors see.
    rank : int
        How many spatial axes the input has.
    """
    held: dict[str, tuple[_Held, ...]] = {}
    for layer in chain:
        held[layer.name] = _held(layer, resolved, seen, held, rank)
    name = chain[-1].name
    strides = views.of((name, 0)).effective_stride or (None,) * rank
    return tuple(
        _position(unit, known, seen[name], axis)
        for axis, (unit, known) in enumerate(zip(strides, held[name], strict=True))
    )


def _position(unit: float | None, held: _Held, seen: LayerFields, axis: int) -> Position:
    dependence = seen.full[0] if seen.full else None
    if held.reason or dependence is None:
        return Position(unit, held.tolerated, None, held.reason or f"it depends on {seen.blame}")
    if not _relations(dependence, axis):
        return Position(None, None, None, "it does not depend on the input along this axis")
    if not _has_grid(dependence, axis):
        return Position(None, held.tolerated, None, _INVARIANT)
    return Position(unit, held.tolerated, held.shift)


def _held(
    layer: Layer,
    resolved: Mapping[str, LayerInfo],
    seen: Mapping[str, LayerFields],
    held: Mapping[str, tuple[_Held, ...]],
    rank: int,
) -> tuple[_Held, ...]:
    """Unite what the ways into a layer hold along each axis, and add what the layer does."""
    here = seen[layer.name]
    dependence = here.full[0] if here.full else None
    result = resolved[layer.name].result
    if dependence is None or result is None:
        return (_Held(None, None, f"it depends on {here.blame}"),) * rank
    if layer.kind == "input":
        return (_NOTHING,) * rank
    if result.paths == (AS_IT_IS,) and len(layer.inputs) == 1 and here is seen[layer.inputs[0][0]]:
        before, moving = held[layer.inputs[0][0]], _axes(dependence)  # as in most layers nothing changes
        return tuple([known if axis in moving else _NOTHING for axis, known in enumerate(before)])
    inputs = [seen[name].of(output) for name, output in layer.inputs]
    ways: list[list[_Held]] = [[] for _ in range(rank)]
    for path in (path for paths in result.paths for path in paths):
        start = inputs[path.input]
        if start is not None:
            before = held[layer.inputs[path.input][0]]
            known = {axis: before[axis] for axis in sorted(_axes(start))}
            for axis, way in _ways(layer, path, known, inputs).items():
                ways[axis].append(way)
    return tuple([_united(layer, ways[axis], _relations(dependence, axis)) for axis in range(rank)])


def _united(layer: Layer, ways: Sequence[_Held], relations: Sequence[tuple[Relation, bool]]) -> _Held:
    """Unite what the ways into a layer hold along one axis with the grids of what it depends on there."""
    reason = next((way.reason for way in ways if way.reason), "")
    hidden = [way.tolerated for way in ways if way.tolerated is not None]
    shift = lcm(*(way.shift for way in ways if way.shift is not None))
    for relation, gridless in relations:
        if gridless:
            continue
        if relation.listed or not relation.exact or relation.advance == 0:
            reason = reason or f"the rows of {layer.name!r} do not repeat"
        else:
            shift = lcm(shift, abs(relation.advance))
    # a response stays the same if it does so on every way; on some it always does
    tolerated = min(hidden) if hidden else None if ways else Fraction(0)
    return _Held(tolerated, None if reason else shift, reason)


def _ways(
    layer: Layer, path: Path, known: Mapping[int, _Held], inputs: Sequence[Dependence | None]
) -> Mapping[int, _Held]:
    """Follow one path through a layer, along several axes at once.

    What its windows hide is added, and whether positions stay positions.
    """
    largest, found, start = layer.kind in _LARGEST, dict(known), inputs[path.input]
    assert start is not None
    steps = path.followed
    while steps and not (
        isinstance(steps[-1], Contract) or (largest and isinstance(steps[-1], (Slide, Reduce)))
    ):
        steps = steps[:-1]  # the loop below does nothing at such a step, so none need be followed to the end
    befores = repeat(start) if _apart(steps, start) else interfaces(path, inputs, layer.name)
    for step, here in zip(steps, befores, strict=False):
        for axis, held in found.items():
            if not _meets(step, here, axis):
                continue
            tolerated, shift, reason = held
            if isinstance(step, Contract):
                reason = reason or f"{layer.name!r} ({layer.op}) weighs every position differently"
            if largest and tolerated is not None:
                tolerated = _hidden(step, here, tolerated, axis)
            found[axis] = _Held(tolerated, shift, reason)
    return found


def _apart(steps: Sequence[Step], start: Dependence) -> bool:
    """Tell whether every step meets what the path starts from: no two work along one axis, as is usual."""
    if start.parts is not None or start.pieces is not None or start.masked is not None:
        return False
    axes = [step.axis for step in steps if isinstance(step, (Slide, Contract))]
    if len(axes) < len(steps) or len(set(axes)) < len(axes):
        return False
    moved = [[place for place, row in enumerate(leg.weights) if any(row)] for leg in start.legs]
    along = {place for places in moved for place in places}
    slid = [step.axis for step in steps if isinstance(step, Slide)]
    return all(len(places) < 2 for places in moved) and along.issuperset(slid)


def _meets(step: Step, before: Dependence, axis: int) -> bool:
    """Tell whether a step's axis moves the index along an axis of the input."""
    places = (
        (step.axis,) if isinstance(step, (Slide, Contract)) else step.axes if isinstance(step, Reduce) else ()
    )
    return any(leg.axis == axis and any(leg.weights[place]) for leg in before.legs for place in places)


def _hidden(step: Step, before: Dependence, tolerated: Fraction, axis: int) -> Fraction | None:
    """Add what the largest value of a window may move by; of the whole map, anything."""
    if not isinstance(step, Slide):
        return None
    window = step.window
    if not is_known(window.period):
        return None
    reach = max(window.last(i) - window.first(i) for i in range(min(window.period, 64)))
    jumps = [abs(Fraction(r.advance, r.period)) for r, _ in _relations(before, axis)]
    return tolerated + reach * max(jumps) if is_known(reach) else None


def _axes(dependence: Dependence) -> set[int]:
    """Return the axes of the input along which there are relations."""
    return {leg.axis for leg in dependence.legs if isinstance(leg.relation, Relation)}


def _relations(dependence: Dependence, axis: int) -> list[tuple[Relation, bool]]:
    """List the relations along an axis, and whether they are without a grid."""
    return [
        (leg.relation, leg.gridless)
        for leg in dependence.legs
        if leg.axis == axis and isinstance(leg.relation, Relation)
    ]


def _has_grid(dependence: Dependence, axis: int) -> bool:
    return any(not gridless for _, gridless in _relations(dependence, axis))
