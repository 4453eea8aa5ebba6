"""Kinds that compute nothing new at a position: inputs, identities, element-wise, reshaping, joining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num, equal, is_known, is_one
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.steps import Broadcast, Hide, Insert, Place, Step
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.registry import (
    AXES,
    AXIS,
    INTERNAL,
    NUMBER,
    REQUIRED,
    TEXT,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)
from rfcalc.rules.roles import shared_fold

HERE: Final = Path(0)
"""Every output element depends on the input element at its own place."""


@rule(
    "input",
    Setting("shape", INTERNAL, REQUIRED, "extents, batch included"),
    Setting("axes", INTERNAL, REQUIRED, "a role for each axis"),
    Setting("dtype", TEXT, "float32", "element type"),
    summary="An input of the model.",
    native=False,
)
def model_input(call: Call) -> Result:
    """The shape is given."""
    return Result((TensorSpec(tuple(call["shape"]), call["axes"], call["dtype"]),), ((),))


@rule(
    "identity",
    Setting("rate", NUMBER, 0, "dropout rate; it changes nothing at inference"),
    family="activation",
    summary="Nothing changes: dropout, noise, masking, augmentation at inference.",
)
def identity(call: Call) -> Result:
    """Same shape, same dependence."""
    return Result((call.inputs[0],), ((HERE,),))


rule(
    "dropout",
    Setting("rate", NUMBER, 0.5, "share of elements dropped in training"),
    family="activation",
    summary="Dropout: nothing changes at inference.",
)(identity)

rule(
    "activation",
    Setting("function", TEXT, "relu", "name of the function"),
    Setting("alpha", NUMBER, 0, "slope or scale; it changes nothing that is computed here"),
    family="activation",
    summary="A function of each element by itself.",
)(identity)


@rule(
    "prelu",
    Setting("shared_axes", AXES, (), "axes along which the slopes are shared"),
    family="activation",
    summary="Leaky rectifier with learned slopes.",
)
def prelu(call: Call) -> Result:
    """One slope for each element of the map, or one for all along a shared axis."""
    spec = call.only()
    shared = {call.axis(spec, place) for place in call["shared_axes"]}
    shape = tuple(1 if place in shared else extent for place, extent in enumerate(spec.shape) if place)
    return Result((spec,), ((HERE,),), (Parameter("alpha", shape),))


# ---- element-wise ------------------------------------------------------------------------------------------


def merged_extent(a: Num, b: Num, what: str) -> Num:
    """Return the extent that two axes which must be equally long share; a known one wins."""
    if equal(a, b) is False:
        raise AnalysisError(f"{what}: extents {a} and {b} do not fit")
    return a if is_known(a) or b is UNKNOWN else b


def broadcast_extent(a: Num, b: Num) -> Num:
    """Return the extent of two axes by the rules of numpy: one element stretches."""
    if is_one(a):
        return b
    if is_one(b):
        return a
    return merged_extent(a, b, "element-wise")


def broadcast_spec(specs: Sequence[TensorSpec], constants: Sequence[Sequence[Num]] = ()) -> TensorSpec:
    """Return the tensor that inputs and constants of other shapes stretch to together."""
    rank = max(len(shape) for shape in (*(spec.shape for spec in specs), *constants))
    full = max(specs, key=lambda spec: len(spec.shape))
    shape: list[Num] = [1] * rank
    for extents in (*(spec.shape for spec in specs), *constants):
        for place in range(1, len(extents) + 1):
            shape[-place] = broadcast_extent(shape[-place], extents[-place])
    axes, more = full.axes, rank - len(full.axes)
    if more and axes[:1] != BATCH:  # a constant of more axes than any input
        axes = BATCH + SPATIAL * (more - 1) + axes
    elif any(is_known(extent) and extent > 1 for extent in shape[:more]):  # copies of every sample
        axes = SPATIAL * more + axes
    else:
        axes = axes[:1] + SPATIAL * more + axes[1:]
    return TensorSpec(tuple(shape), axes, full.dtype)


def _elementwise(call: Call) -> Result:
    """Union of the inputs, stretched to one shape."""
    if not call.inputs:
        raise AnalysisError(f"{call.kind.name} needs an input")
    first = call.inputs[0]
    constants = call.attrs.get("constants", ())
    gate = call.kind.name in ("multiply", "divide")
    alive = call.attrs.get("alive", ())
    if not constants and not alive and all(spec.shape == first.shape for spec in call.inputs):
        return Result((first,), (tuple(Path(k) for k in range(len(call.inputs))),), gate=gate)
    try:
        output = broadcast_spec(call.inputs, constants)
    except AnalysisError:
        raise AnalysisError(f"inputs of shapes {_shapes(call)} do not fit together") from None
    stretch: tuple[Step, ...] = (Broadcast(output.shape),)
    paths = [Path(k, stretch) for k in range(len(call.inputs))]
    for place, pattern in alive:
        check_pattern(pattern, output.shape)
        alike = all(output.axes[axis] == CHANNEL for axis in pattern.axes(len(output.shape)))
        paths[place] = Path(place, (*paths[place].steps, Hide(pattern, alike)))
    return Result((output,), (tuple(paths),), gate=gate)


def check_pattern(pattern: Pattern, shape: Sequence[Num], *, lead: int = 0) -> None:
    """Refuse a mask that was made for a tensor of another size; the first `lead` axes are not looked at."""
    more = len(shape) - len(pattern.shape)
    pairs = list(zip(pattern.shape, shape[max(more, 0) :], strict=False))
    if more < 0 or any(extent > 1 and equal(extent, now) is not True for extent, now in pairs[lead:]):
        raise AnalysisError(
            f"a mask of shape {format_shape(pattern.shape)} does not fit a tensor of {format_shape(shape)}"
        )


CONSTANTS = Setting("constants", INTERNAL, (), "shapes of constant operands")
ALIVE = Setting("alive", INTERNAL, (), "which elements of which inputs a constant mask leaves")

for _name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "average"):
    rule(
        _name,
        CONSTANTS,
        ALIVE,
        family="join",
        summary=f"Element-wise {_name} of all inputs, stretched to one shape.",
    )(_elementwise)
rule(
    "elementwise",
    Setting("function", TEXT, "", "name of the function"),
    CONSTANTS,
    ALIVE,
    family="join",
    summary="Any other function of the inputs, element by element.",
)(_elementwise)


def _shapes(call: Call, most: int = 8) -> str:
    """Spell the shapes of a layer's inputs for an error line."""
    shapes = " and ".join(format_shape(spec.shape) for spec in call.inputs[:most])
    return shapes if len(call.inputs) <= most else f"{shapes} and {len(call.inputs) - most} more"


# ---- joining and parting -----------------------------------------------------------------------------------


@rule(
    "concat",
    Setting("axis", AXIS, -1, "the axis along which"),
    folds=True,
    family="join",
    summary="Inputs end to end along one axis.",
)
def concat(call: Call) -> Result:
    """Extents add up along the axis; along a spatial axis each position belongs to one input."""
    if not call.inputs:
        raise AnalysisError("concat needs an input")
    first = call.inputs[0]
    axis = call.axis(first, call["axis"])
    shape = list(first.shape)
    for spec in call.inputs[1:]:
        if len(spec.shape) != len(shape):
            raise AnalysisError(f"inputs of shapes {_shapes(call)} do not fit together")
        for place, extent in enumerate(spec.shape):
            if place != axis:
                try:
                    shape[place] = merged_extent(shape[place], extent, "concat")
                except AnalysisError:
                    raise AnalysisError(
                        f"inputs of shapes {_shapes(call)} are joined along axis {axis}, "
                        f"but differ along axis {place}"
                    ) from None
    before: list[Num] = [0]
    for spec in call.inputs:
        before.append(before[-1] + spec.shape[axis])
    total = before[-1]
    alike = first.axes[axis] == CHANNEL
    paths = tuple(
        Path(k, (Place(axis, before[k], spec.shape[axis], total, len(call.inputs), alike),))
        for k, spec in enumerate(call.inputs)
    )
    shape[axis] = total
    folded = shared_fold(call.inputs) if first.axes[axis] != BATCH else sum(s.folded for s in call.inputs)
    return Result((TensorSpec(tuple(shape), first.axes, first.dtype, folded),), (paths,))


@rule(
    "stack",
    Setting("axis", AXIS, 0, "place of the new axis"),
    family="join",
    summary="Inputs side by side along a new axis.",
)
def stack(call: Call) -> Result:
    """A concatenation of the inputs, each with a new axis of one element."""
    merged = broadcast_spec(call.inputs)
    axis = call["axis"] % (len(merged.shape) + 1)
    count = len(call.inputs)
    shape = (*merged.shape[:axis], count, *merged.shape[axis:])
    output = TensorSpec(shape, merged.axes[:axis] + SPATIAL + merged.axes[axis:], merged.dtype)
    paths = tuple(
        Path(k, (Broadcast(merged.shape), Insert((axis,)), Place(axis, k, 1, count, count)))
        for k in range(count)
    )
    return Result((output,), (paths,))
