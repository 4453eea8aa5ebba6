"""Kinds that move single elements by their index: lookups, scattering, sorting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, cast

from rfcalc.algebra.number import Num, is_known, is_same
from rfcalc.algebra.steps import AtMost, Broadcast, Contract, Cover, Insert, Lose, Reduce, Slide, Step
from rfcalc.algebra.window import gather as listed
from rfcalc.algebra.window import picked, slide
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.plain import HERE
from rfcalc.rules.registry import (
    AXIS,
    COUNT,
    FLAG,
    INTERNAL,
    REQUIRED,
    Call,
    Path,
    Result,
    Setting,
    rule,
)
from rfcalc.rules.roles import cut_batch


@rule(
    "take",
    Setting("axis", AXIS, REQUIRED, "the axis that is looked up"),
    Setting("indices", INTERNAL, REQUIRED, "the index, or the indices, that each output element reads"),
    folds=True,
    family="moving",
    summary="Constant indices along one axis.",
    native=False,
)
def take(call: Call) -> Result:
    """Output i reads ``indices[i]``, or all of these where they are several."""
    spec = call.only()
    axis, indices = call.axis(spec, call["axis"]), tuple(call["indices"])
    step = taken(axis, spec.shape[axis], indices)
    shape = (*spec.shape[:axis], len(indices), *spec.shape[axis + 1 :])
    folded = cut_batch(spec, axis, len(indices))
    return Result((TensorSpec(shape, spec.axes, spec.dtype, folded),), ((Path(0, (step,)),),))


def taken(axis: int, extent: Num, chosen: Sequence[int | tuple[int, ...]]) -> Step:
    """Step to the given indices of an axis: a slide where they are evenly spaced."""
    if tuple in map(type, chosen):
        return _taken_together(axis, extent, [index for index in chosen if isinstance(index, tuple)])
    if not chosen:
        return Slide(axis, slide(1), 0)
    indices = cast("Sequence[int]", chosen)
    lowest, highest = min(indices), max(indices)
    if not is_known(extent):
        if lowest < 0:
            return Lose(axis, len(indices), "an index counts from the end of an axis of unknown extent")
    elif lowest < -extent or highest >= extent:
        wrong = next(index for index in indices if not -extent <= index < extent)
        raise AnalysisError(f"index {wrong} is outside of an axis of {extent} elements")
    elif lowest < 0:
        indices = [index % extent for index in indices]
    by = indices[1] - indices[0] if len(indices) > 1 else 1
    if by > 0 and all(b - a == by for a, b in pairwise(indices)):
        return Slide(axis, slide(1, stride=by, lo=-indices[0]), len(indices))
    if not is_known(extent):
        return Lose(axis, len(indices), "an axis of unknown extent is looked up in no order")
    return Slide(axis, picked(extent, indices), len(indices))


def _taken_together(axis: int, extent: Num, indices: Sequence[tuple[int, ...]]) -> Step:
    """Step to several indices for each output element."""
    if not is_known(extent):
        return Lose(axis, len(indices), "an axis of unknown extent is looked up in no order")
    highest = max((index for row in indices for index in row), default=0)
    if highest >= extent:
        raise AnalysisError(f"index {highest} is outside of an axis of {extent} elements")
    return Slide(axis, listed(len(indices), extent, indices), len(indices))


UNREAD: Final = Setting("unread", FLAG, False, "the indices are constants that the file does not hold")

_WHICH: Final = "which elements are looked up is not in the file"


@rule(
    "gather",
    Setting("axis", AXIS, 0, "the axis of the first input that is looked up"),
    UNREAD,
    family="moving",
    summary="Lookup along one axis by indices that the graph computes: inputs are data and indices.",
    native=False,
)
def gather(call: Call) -> Result:
    """Every output depends on its own index, and on all of the axis that this may point into."""
    data, indices = _pair(call)
    axis = call.axis(data, call["axis"])
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    inner = indices.axes if axis == 0 else indices.axes.replace("b", SPATIAL)
    if axis == 0 and len(data.shape) > 1:  # a table: its rows are features, what looks them up is positions
        inner = inner.replace(CHANNEL, SPATIAL)
    output = TensorSpec(shape, data.axes[:axis] + inner + data.axes[axis + 1 :], data.dtype)
    count = len(indices.shape)
    read: list[Step] = [Lose(axis, 1, _WHICH)] if call["unread"] else []
    read.append(Reduce((axis,)))
    if count:
        read.append(Insert(tuple(range(axis, axis + count))))
    read.append(Broadcast(shape))
    around = (*range(axis), *range(axis + count, len(shape)))
    index: list[Step] = [Insert(around)] if around else []
    index.append(Broadcast(shape))
    return Result((output,), ((Path(0, tuple(read)), Path(1, tuple(index))),))


@rule(
    "gather_elements",
    Setting("axis", AXIS, 0, "the axis that is looked up"),
    UNREAD,
    summary="Lookup along one axis, with an index for each output element.",
    native=False,
)
def gather_elements(call: Call) -> Result:
    """Every output depends on its own index, and on all of the axis at its other places."""
    data, indices = _pair(call)
    axis = call.axis(data, call["axis"])
    output = TensorSpec(indices.shape, data.axes, data.dtype)
    extent = indices.shape[axis]
    steps: list[Step] = [Lose(axis, extent, _WHICH) if call["unread"] else Contract(axis, extent)]
    for place, (old, new) in enumerate(zip(data.shape, indices.shape, strict=True)):
        if place != axis and not is_same(old, new):
            steps.append(Slide(place, slide(1), new))
    return Result((output,), ((Path(0, tuple(steps)), Path(1)),))


def _pair(call: Call) -> tuple[TensorSpec, TensorSpec]:
    if len(call.inputs) != 2:
        raise AnalysisError(f"{call.kind.name} takes data and indices, got {len(call.inputs)} inputs")
    return call.inputs[0], call.inputs[1]


@rule(
    "scatter",
    Setting("adds", FLAG, False, "updates go on top of what is there, which otherwise they replace"),
    summary="Write updates into a tensor: inputs are the tensor, then what decides on the updates.",
    native=False,
)
def scatter(call: Call) -> Result:
    """Every output keeps its own element, or gets an update, of which it is not known where it goes."""
    data = call.inputs[0]
    own = HERE if call["adds"] else Path(0, (AtMost("which elements are overwritten is not followed"),))
    cover = Cover(data.shape, "where updates are written is not followed")
    others = tuple(Path(place, (cover,)) for place in range(1, len(call.inputs)))
    return Result((data,), ((own, *others),))


@rule(
    "top_k",
    Setting("axis", AXIS, -1, "the axis that is sorted"),
    Setting("size", COUNT, REQUIRED, "elements that are kept"),
    Setting("indices", FLAG, True, "their indices are a second output"),
    family="moving",
    summary="The largest elements along one axis.",
    native=False,
)
def top_k(call: Call) -> Result:
    """Each output depends on everything along the axis."""
    spec = call.only()
    axis, size = call.axis(spec, call["axis"]), call["size"]
    shape = (*spec.shape[:axis], size, *spec.shape[axis + 1 :])
    output = TensorSpec(shape, spec.axes, spec.dtype)
    path = Path(0, (Contract(axis, size),))
    outputs = (output, output) if call["indices"] else (output,)
    return Result(outputs, ((path,),) * len(outputs))
