"""Kinds that move elements about: reshaping, reordering, repeating, slicing."""

from __future__ import annotations

from rfcalc.algebra.number import UNKNOWN, Num, equal, is_known, is_one, is_open, prod
from rfcalc.algebra.steps import Broadcast, Cover, Insert, Lose, Permute, Regroup, Slide, Squeeze, Step
from rfcalc.algebra.window import Quotient, Stairs, Window, backward, point, spread
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.plain import broadcast_spec
from rfcalc.rules.registry import (
    AXES,
    AXIS,
    COUNT,
    INTEGER,
    INTERNAL,
    REQUIRED,
    SHAPE,
    TEXT,
    Call,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)
from rfcalc.rules.roles import reshaped


def reshape_result(call: Call, spec: TensorSpec, shape: tuple[Num, ...], axes: str | None) -> Result:
    """Finish a reshape to a resolved shape."""
    return Result((reshaped(spec, shape, axes),), ((Path(0, (Regroup(shape),)),),))


@rule(
    "reshape",
    Setting("shape", SHAPE, REQUIRED, "extents, batch included; -1 for the one that follows from the others"),
    Setting("axes", INTERNAL, None, "roles of the new axes"),
    folds=True,
    family="moving",
    summary="The same elements in row-major order under another shape.",
)
def reshape(call: Call) -> Result:
    """The element count stays."""
    spec = call.only()
    target = [
        spec.shape[place] if extent is None and place < len(spec.shape) else extent
        for place, extent in enumerate(call["shape"])
    ]
    if any(extent is None for extent in target):
        raise AnalysisError(
            f"a shape of {len(target)} extents keeps an axis that {format_shape(spec.shape)} does not have"
        )
    wild = [place for place, extent in enumerate(target) if is_known(extent) and extent == -1]
    if len(wild) > 1:
        raise AnalysisError("only one extent of a reshape may be -1")
    # the batch stays out of the count where it stays in front, since it is often not known
    same_batch = bool(target) and bool(spec.shape) and spec.shape[0] is target[0]
    have = prod(spec.shape[1:] if same_batch else spec.shape)
    rest = prod(
        extent for place, extent in enumerate(target) if place not in wild and (place or not same_batch)
    )
    message = f"a tensor of shape {format_shape(spec.shape)} cannot be reshaped to {format_shape(target)}"
    if wild:
        if is_known(have) and is_known(rest) and (rest == 0 or have % rest):
            raise AnalysisError(message)
        target[wild[0]] = UNKNOWN if have is UNKNOWN or rest is UNKNOWN else have // rest
    elif equal(have, rest) is False:
        raise AnalysisError(message)
    return reshape_result(call, spec, tuple(target), call["axes"])


@rule(
    "flatten",
    Setting("channel_first", INTERNAL, False, "move the channel axis behind the spatial ones first"),
    folds=True,
    family="moving",
    summary="All axes but the batch become one.",
)
def flatten(call: Call) -> Result:
    """Extent: the product of all but the batch."""
    spec = call.only()
    steps: list[Step] = []
    order = [0, *range(2, len(spec.shape)), 1]
    if call["channel_first"] and len(spec.shape) > 2:
        steps.append(Permute(tuple(order)))
    shape = (*spec.shape[:1], prod(spec.shape[1:]))
    steps.append(Regroup(shape))
    return Result((reshaped(spec, shape, BATCH + CHANNEL),), ((Path(0, tuple(steps)),),))


def _order(call: Call, spec: TensorSpec) -> tuple[int, ...]:
    """Spell an order out: places, ``"reversed"``, ``("swap", a, b)`` or ``("move", sources, targets)``."""
    order = call["order"]
    rank = len(spec.shape)
    if not order:
        raise AnalysisError(f"an empty order does not fit the axes of {format_shape(spec.shape)}")
    if order == "reversed":
        return tuple(reversed(range(rank)))
    if order[0] == "swap":
        swapped = list(range(rank))
        a, b = (call.axis(spec, place) for place in order[1:])
        swapped[a], swapped[b] = b, a
        return tuple(swapped)
    if order[0] == "move":
        sources, targets = ([call.axis(spec, place) for place in places] for places in order[1:])
        moved = [place for place in range(rank) if place not in sources]
        for target, source in sorted(zip(targets, sources, strict=True)):
            moved.insert(target, source)
        return tuple(moved)
    return tuple(call.axis(spec, place) for place in order)


@rule(
    "permute",
    Setting("order", AXES, REQUIRED, "for each new axis the present one"),
    family="moving",
    summary="Reorder axes.",
)
def permute(call: Call) -> Result:
    """Extents move with their axes."""
    spec = call.only()
    order = _order(call, spec)
    if sorted(order) != list(range(len(spec.shape))):
        raise AnalysisError(f"{list(order)} is no order of the axes of {format_shape(spec.shape)}")
    output = TensorSpec(
        tuple(spec.shape[place] for place in order), "".join(spec.axes[place] for place in order), spec.dtype
    )
    return Result((output,), ((Path(0, (Permute(order),)),),))


@rule(
    "expand_dims",
    Setting("axes", AXES, REQUIRED, "places of the new axes"),
    family="moving",
    summary="Insert axes of one element.",
)
def expand_dims(call: Call) -> Result:
    """A new axis has one element."""
    spec = call.only()
    rank = len(spec.shape) + len(call["axes"])
    places = tuple(sorted(place % rank for place in call["axes"]))
    shape, roles = list(spec.shape), list(spec.axes)
    for place in places:
        shape.insert(place, 1)
        roles.insert(place, SPATIAL)
    return Result((TensorSpec(tuple(shape), "".join(roles), spec.dtype),), ((Path(0, (Insert(places),)),),))


@rule(
    "squeeze",
    Setting("axes", AXES, None, "axes of one element; by default all"),
    family="moving",
    summary="Drop axes of one element.",
)
def squeeze(call: Call) -> Result:
    """Only axes of one element may go."""
    spec = call.only()
    if call["axes"] is None:
        places = tuple(p for p, extent in enumerate(spec.shape) if is_one(extent))
    else:
        places = tuple(sorted(call.axis(spec, place) for place in call["axes"]))
    for place in places:
        if equal(spec.shape[place], 1) is False:
            raise AnalysisError(f"axis {place} of {format_shape(spec.shape)} has more than one element")
    return Result((spec.without(places),), ((Path(0, (Squeeze(places),)),),))


@rule(
    "broadcast_to",
    Setting("shape", SHAPE, REQUIRED, "extents, batch included; null keeps one"),
    family="moving",
    summary="Stretch to a shape.",
)
def broadcast_to(call: Call) -> Result:
    """Axes of one element repeat."""
    spec = call.only()
    target = tuple(call["shape"])
    missing = len(target) - len(spec.shape)
    filled = tuple(
        extent if extent is not None else spec.shape[place - missing] if place >= missing else UNKNOWN
        for place, extent in enumerate(target)
    )
    output = broadcast_spec((spec,), (filled,))
    return Result((output,), ((Path(0, (Broadcast(output.shape),)),),))


@rule(
    "repeat_vector",
    Setting("count", COUNT, REQUIRED, "repetitions"),
    family="moving",
    summary="Repeat a vector as a sequence.",
)
def repeat_vector(call: Call) -> Result:
    """A new axis behind the batch."""
    spec = call.only()
    shape = (spec.shape[0], call["count"], *spec.shape[1:])
    output = TensorSpec(shape, spec.axes[0] + SPATIAL + spec.axes[1:], spec.dtype)
    return Result((output,), ((Path(0, (Insert((1,)), Broadcast(shape))),),))


@rule(
    "repeat",
    Setting("count", COUNT, REQUIRED, "repetitions of each element"),
    Setting("axis", AXIS, 1, "the axis along which"),
    folds=True,
    family="upsampling",
    summary="Repeat each element along one axis.",
)
def repeat(call: Call) -> Result:
    """Output i reads ``i // count``."""
    spec = call.only()
    axis, count = call.axis(spec, call["axis"]), call["count"]
    extent = spec.shape[axis] * count
    folded = spec.folded * (count if spec.axes[axis] == BATCH else 1)
    output = TensorSpec((*spec.shape[:axis], extent, *spec.shape[axis + 1 :]), spec.axes, spec.dtype, folded)
    return Result((output,), ((Path(0, (Slide(axis, spread(count, stride=count), extent),)),),))


@rule(
    "tile",
    Setting("repeats", SHAPE, REQUIRED, "repetitions of each axis, batch included"),
    folds=True,
    family="moving",
    summary="Repeat whole axes end to end.",
)
def tile(call: Call) -> Result:
    """Output i reads ``i mod n``."""
    spec = call.only()
    repeats = tuple(call["repeats"])
    missing = max(len(spec.shape) - len(repeats), 0)
    repeats = (1,) * missing + repeats
    if len(repeats) > len(spec.shape):
        raise AnalysisError(f"{len(repeats)} repeats for an input of shape {format_shape(spec.shape)}")
    shape = tuple(extent * times for extent, times in zip(spec.shape, repeats, strict=True))
    steps: list[Step] = []
    for axis, (extent, times) in enumerate(zip(spec.shape, repeats, strict=True)):
        if is_one(times):
            continue
        if is_open(extent):
            steps.append(Lose(axis, shape[axis], "an axis of unknown extent is tiled"))
        else:
            steps.append(Slide(axis, _repeated(extent), shape[axis]))
    folded = prod(n for n, role in zip(repeats, spec.axes, strict=True) if role == BATCH) * spec.folded
    return Result((TensorSpec(shape, spec.axes, spec.dtype, folded),), ((Path(0, tuple(steps)),),))


def _repeated(extent: Num) -> Window:
    """Output i reads ``i mod extent``."""
    end = Stairs(1, 0, ((-extent, Quotient(1, 0, extent)),))
    return Window(extent, 0, end, end, regular=False)


@rule(
    "flip",
    Setting("axes", AXES, REQUIRED, "axes that are reversed"),
    family="moving",
    summary="Reverse axes.",
)
def flip(call: Call) -> Result:
    """Output i reads ``n - 1 - i``."""
    spec = call.only()
    steps: list[Step] = []
    for axis in (call.axis(spec, place) for place in call["axes"]):
        extent = spec.shape[axis]
        if is_open(extent):
            steps.append(Lose(axis, extent, "an axis of unknown extent is reversed"))
        else:
            steps.append(Slide(axis, backward(extent), extent))
    return Result((spec,), ((Path(0, tuple(steps)),),))


@rule(
    "roll",
    Setting("shift", INTEGER, REQUIRED, "places that every element moves on"),
    Setting("axes", AXES, REQUIRED, "axes along which"),
    family="moving",
    summary="Move along axes; what leaves at the end comes in at the start.",
)
def roll(call: Call) -> Result:
    """Output i reads ``(i - shift) mod n``."""
    spec = call.only()
    shifts = (
        call["shift"] if isinstance(call["shift"], (tuple, list)) else (call["shift"],) * len(call["axes"])
    )
    steps = []
    for place, shift in zip(call["axes"], shifts, strict=True):
        axis = call.axis(spec, place)
        steps.append(Slide(axis, point(1, -shift, border="wrap"), spec.shape[axis]))
    return Result((spec,), ((Path(0, tuple(steps)),),))


@rule(
    "cover",
    Setting("shape", INTERNAL, REQUIRED, "extents, batch included"),
    Setting("axes", INTERNAL, REQUIRED, "a role for each axis"),
    Setting("reason", TEXT, REQUIRED, "why nothing better is known"),
    summary="A known shape whose dependence is only bounded.",
    native=False,
)
def cover(call: Call) -> Result:
    """Every output may depend on everything."""
    shape = tuple(
        call.inputs[0].shape[place] if extent is None else extent
        for place, extent in enumerate(call["shape"])
    )
    output = TensorSpec(shape, call["axes"], call.inputs[0].dtype if call.inputs else "float32")
    steps = (Cover(shape, call["reason"]),)
    return Result((output,), (tuple(Path(k, steps) for k in range(len(call.inputs))),))
