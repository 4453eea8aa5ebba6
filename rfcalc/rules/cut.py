"""Kinds that take a part of a tensor: slices, single indices, splits."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num, equal, is_known, prove
from rfcalc.algebra.steps import Insert, Lose, Slide, Squeeze, Step
from rfcalc.algebra.window import Window, point, slide
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, SPATIAL, TensorSpec
from rfcalc.rules.registry import (
    AXIS,
    COUNT,
    INTEGER,
    INTERNAL,
    REQUIRED,
    SHAPE,
    Call,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)
from rfcalc.rules.roles import cut_batch

MOST_PARTS: Final = 10_000
"""Outputs of one split; more are a damaged file."""


def _point(index: Num) -> Window:
    """Every output reads the same index."""
    return point(0, index)


def sliced_axis(axis: int, extent: Num, bounds: tuple[Num | None, ...]) -> Slide | Lose:
    """Step of a slice along one axis, with Python's meaning of start, stop and step."""
    start, stop, by = bounds
    by = 1 if by is None else by
    if by == 0:
        raise AnalysisError("a slice cannot move by 0")
    if is_known(extent):
        taken = range(*slice(start, stop, by).indices(extent))
        first = taken[0] if taken else 0
        return Slide(axis, point(by, first, regular=by > 0), len(taken))
    lost = Lose(axis, UNKNOWN, "a slice counts from the end of an axis of unknown extent")
    start = 0 if start is None else start
    if by < 0 or not is_known(start) or start < 0:
        return Lose(axis, _length(extent, start, stop), lost.reason) if by == 1 else lost
    if stop is None:
        return Slide(axis, slide(1, stride=by, lo=-start), (extent - start + by - 1) // by)
    if prove(stop < 0):
        return Slide(axis, slide(1, stride=by, lo=-start), (extent + stop - start + by - 1) // by)
    window = slide(1, stride=by, lo=-start)
    return Slide(axis, window, _length(extent, start, stop) if by == 1 else UNKNOWN)


def _length(extent: Num, start: Num, stop: Num | None) -> Num:
    """Count what a slice takes of an open axis; unknown where it may reach beyond it."""
    if stop is None:
        return -start if prove(start < 0) and prove(extent + start >= 0) else UNKNOWN
    inside = prove(stop <= extent) and prove(start >= 0) and prove(stop >= start)
    return stop - start if inside else UNKNOWN


@rule(
    "slice",
    Setting("slices", INTERNAL, REQUIRED, "(axis, start, stop, step) for each axis that is cut"),
    folds=True,
    family="moving",
    summary="Cut axes to a range of indices.",
    native=False,
)
def slice_axes(call: Call) -> Result:
    """Output i reads ``start + step * i``."""
    spec = call.only()
    steps: list[Step] = []
    cut = spec
    for axis, *bounds in call["slices"]:
        place = call.axis(spec, axis)
        step = sliced_axis(place, cut.shape[place], tuple(bounds))
        steps.append(step)
        cut = _cut(cut, place, step.extent)
    return Result((cut,), ((Path(0, tuple(steps)),),))


def _cut(spec: TensorSpec, axis: int, extent: Num) -> TensorSpec:
    """Return what a tensor is with another extent along an axis."""
    shape = (*spec.shape[:axis], extent, *spec.shape[axis + 1 :])
    return TensorSpec(shape, spec.axes, spec.dtype, cut_batch(spec, axis, extent))


@rule(
    "index",
    Setting("key", INTERNAL, REQUIRED, "for each axis a number, (start, stop, step), '...' or 'new'"),
    folds=True,
    family="moving",
    summary="Python's indexing: slices, numbers, new axes.",
    native=False,
)
def index_axes(call: Call) -> Result:
    """Slide along sliced axes, drop those with a number, insert the new ones."""
    spec = call.only()
    key = list(call["key"])
    real = sum(each not in ("...", "new") for each in key)
    if key.count("...") > 1 or real > len(spec.shape):
        raise AnalysisError(f"{real} indices for a tensor of shape {format_shape(spec.shape)}")
    everything = [(None, None, None)] * (len(spec.shape) - real)
    at = key.index("...") if "..." in key else len(key)
    key[at : at + 1] = everything
    steps: list[Step] = []
    shape: list[Num] = []
    roles: list[str] = []
    gone: list[int] = []
    inserted: list[int] = []
    cut = spec
    place = 0
    for each in key:
        if each == "new":
            inserted.append(len(shape))
            shape.append(1)
            roles.append(SPATIAL if place else BATCH)
            continue
        extent = spec.shape[place]
        if is_known(each):
            steps.append(_selected(place, extent, each))
            cut = _cut(cut, place, 1)
            gone.append(place)
        else:
            if each != (None, None, None):
                step = sliced_axis(place, extent, each)
                steps.append(step)
                cut = _cut(cut, place, step.extent)
                extent = step.extent
            shape.append(extent)
            roles.append(spec.axes[place])
        place += 1
    if gone:
        steps.append(Squeeze(tuple(gone)))
    if inserted:
        steps.append(Insert(tuple(inserted)))
    output = TensorSpec(tuple(shape), "".join(roles), spec.dtype, cut.folded)
    return Result((output,), ((Path(0, tuple(steps)),),))


def _selected(axis: int, extent: Num, index: int) -> Slide | Lose:
    """Step to one index of an axis."""
    if is_known(extent):
        if not -extent <= index < extent:
            raise AnalysisError(f"index {index} is outside of an axis of {extent} elements")
        return Slide(axis, _point(index % extent), 1)
    if index >= 0:
        return Slide(axis, _point(index), 1)
    return Lose(axis, 1, "an index counts from the end of an axis of unknown extent")


@rule(
    "select",
    Setting("axis", AXIS, REQUIRED, "the axis that goes"),
    Setting("index", INTEGER, REQUIRED, "the index that is kept; negative from the end"),
    folds=True,
    family="moving",
    summary="Take one index of an axis.",
)
def select(call: Call) -> Result:
    """The axis goes; what is left depends on that index alone."""
    spec = call.only()
    axis, index = call.axis(spec, call["axis"]), call["index"]
    step = _selected(axis, spec.shape[axis], index)
    output = replace(spec, folded=cut_batch(spec, axis, 1)).without((axis,))
    return Result((output,), ((Path(0, (step, Squeeze((axis,)))),),))


@rule(
    "split",
    Setting("sizes", SHAPE, None, "extents of the parts along the axis"),
    Setting("sections", COUNT, None, "how many equal parts, in place of sizes"),
    Setting("cuts", INTERNAL, None, "where parts begin, in place of sizes"),
    Setting("axis", AXIS, -1, "the axis that is cut"),
    Setting("drop", INTERNAL, False, "parts of one element lose the axis"),
    folds=True,
    family="moving",
    summary="Cut one axis into parts, one output each.",
)
def split(call: Call) -> Result:
    """Part k starts where the parts before it end."""
    spec = call.only()
    axis = call.axis(spec, call["axis"])
    sizes = _part_sizes(call, spec.shape[axis])
    parts = len(sizes) if len(set(map(str, sizes))) == 1 else UNKNOWN
    outputs, paths = [], []
    start: Num = 0
    for size in sizes:
        steps: tuple[Step, ...] = (Slide(axis, slide(1, lo=-start), size),)
        shape, axes = (*spec.shape[:axis], size, *spec.shape[axis + 1 :]), spec.axes
        if call["drop"]:
            steps = (*steps, Squeeze((axis,)))
            shape, axes = shape[:axis] + shape[axis + 1 :], axes[:axis] + axes[axis + 1 :]
        outputs.append(TensorSpec(shape, axes, spec.dtype, cut_batch(spec, axis, size, parts)))
        paths.append((Path(0, steps),))
        start = start + size
    return Result(tuple(outputs), tuple(paths))


def _part_sizes(call: Call, extent: Num) -> tuple[Num, ...]:
    """Extents of the parts of a split, however they are given."""
    if call["sizes"] is not None:
        sizes = tuple(call["sizes"])
    elif call["cuts"] is not None:
        starts = (0, *call["cuts"])
        sizes = tuple(b - a for a, b in zip(starts, (*starts[1:], extent), strict=True))
    else:
        sections = call["sections"]
        if sections == "each":
            sections = extent
        if not is_known(sections):
            raise AnalysisError("how many parts a split has must be known")
        if sections > MOST_PARTS:
            raise AnalysisError(f"a split into {sections} parts is too large; at most {MOST_PARTS} are read")
        if is_known(extent) and extent % sections:
            raise AnalysisError(f"an axis of {extent} elements does not divide into {sections} parts")
        sizes = (extent // sections,) * sections
    if equal(sum(sizes), extent) is False or any(is_known(size) and size < 0 for size in sizes):
        raise AnalysisError(f"parts of {format_shape(sizes)} elements do not fit an axis of {extent}")
    return sizes
