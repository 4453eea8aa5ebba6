"""Operations that move elements about, and those that ask for shapes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from rfcalc.algebra.number import UNKNOWN, Num, is_known, prod
from rfcalc.graph.layer import Extras, Stage, TensorSpec
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.arrays import array_of, constant_value
from rfcalc.readers.lowering.builder import Undecided, default_axes
from rfcalc.readers.lowering.folding import MOST_KNOWN
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.onnx.operation import Operation, op
from rfcalc.readers.onnx.tensors import filling, weight_of

MOST_ELEMENTS = 1 << 31
"""Elements of a tensor that repeats another; more are a damaged file."""


@op("Shape")
def shape(operation: Operation) -> Values:
    """The extents, or some of them."""
    x = operation[0]
    start, end = operation.integer("start", 0), operation.attributes.get("end")
    return (replace(constant_value(array_of(x.shape[slice(start, end)])), computed=True),)


@op("Size")
def size(operation: Operation) -> Values:
    """How many elements there are."""
    return (constant_value(array_of((prod(operation[0].shape),)).reshape(())),)


@op("Reshape")
def reshape(operation: Operation) -> Values:
    """Zeros keep an axis, unless `allowzero`; one extent may follow from the others."""
    x = operation[0]
    target = operation.numbers(1) if len(operation.inputs) > 1 else operation.integers("shape")
    if target is None:
        raise operation.wrong("there is no shape")
    if not operation.integer("allowzero", 0):
        for place, extent in enumerate(target):
            if is_known(extent) and extent == 0 and place >= x.rank:
                raise operation.wrong(f"keeps axis {place} of a tensor of {x.rank} axes")
        target = tuple(
            x.shape[place] if is_known(extent) and extent == 0 else extent
            for place, extent in enumerate(target)
        )
    return moves.reshape(operation, x, target)


@op("Flatten")
def flatten(operation: Operation) -> Values:
    """Two axes: those before one, and the rest."""
    x = operation[0]
    axis = operation.integer("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise operation.wrong(f"there is no axis {axis} in a tensor of {x.rank} axes")
    at = axis % x.rank if axis < 0 else axis
    target = (prod(x.shape[:at]), prod(x.shape[at:]))
    return moves.reshape(operation, x, target)


@op("Transpose")
def transpose(operation: Operation) -> Values:
    """A given order, or the reverse."""
    x = operation[0]
    order = operation.integers("perm") or tuple(reversed(range(x.rank)))
    if sorted(order) != list(range(x.rank)):
        raise operation.wrong(f"perm {list(order)} is no order of {x.rank} axes")
    return moves.permute(operation, x, order)


@op("Squeeze")
def squeeze(operation: Operation) -> Values:
    """Given axes, or all of one element."""
    axes = operation.either(1, "axes")
    return moves.squeeze(operation, operation[0], axes or None)


@op("Unsqueeze")
def unsqueeze(operation: Operation) -> Values:
    """New axes, at places of the result."""
    axes = operation.either(1, "axes")
    if axes is None:
        raise operation.wrong("there are no axes")
    rank = operation[0].rank + len(axes)
    if len({operation.place(axis, rank) for axis in axes}) < len(axes):
        raise operation.wrong(f"axes {list(axes)} hold one place twice")
    return moves.unsqueeze(operation, operation[0], axes)


@op("Expand")
def expand(operation: Operation) -> Values:
    """Stretch by the rules of numpy."""
    target = operation.numbers(1) or ()
    x = operation[0]
    if x.spec is not None and len(target) < x.rank:  # both stretch, as in numpy
        target = (1,) * (x.rank - len(target)) + tuple(target)
    return moves.expand(operation, x, target)


@op("Tile")
def tile(operation: Operation) -> Values:
    """Whole axes end to end."""
    x, repeats = operation[0], operation.numbers(1) or ()
    if len(repeats) != x.rank and operation.opset >= 6:
        raise operation.wrong(f"{len(repeats)} repeats for a tensor of {x.rank} axes")
    if any(is_known(times) and times < 0 for times in repeats):
        raise operation.wrong(f"repeats must not be negative, got {list(repeats)}")
    total = prod(extent for extent in (*x.shape, *repeats) if is_known(extent))
    if total > MOST_ELEMENTS:
        raise operation.wrong(f"a tensor of {total} elements is too large")
    return moves.tile(operation, x, repeats)


@op("Concat", tells="same")
def concat(operation: Operation) -> Values:
    """End to end along one axis."""
    inputs = [value for value in operation.given if not _is_empty(value)] or operation.given[:1]
    axis = operation.integer("axis", 1)
    if inputs and inputs[0].spec is not None:
        axis = operation.place(axis, inputs[0].rank)
    return moves.concat(operation, inputs, axis)


def _is_empty(value: Value) -> bool:
    """Tell whether a tensor has no elements on one axis alone, as an empty cache has."""
    return value.spec is not None and value.shape == (0,)


@op("Split", tells="same")
def split(operation: Operation) -> Values:
    """Given sizes, or as many parts as there are outputs, the last one shorter."""
    x = operation[0]
    sizes = operation.numbers(1) if len(operation.inputs) > 1 else None
    sizes = operation.integers("split") if sizes is None else sizes
    axis = operation.integer("axis", 0)
    parts = operation.integer("num_outputs", len(operation.node.outputs))
    if parts != len(operation.node.outputs):
        raise operation.wrong(f"num_outputs is {parts}, but there are {len(operation.node.outputs)} outputs")
    if sizes is None:
        extent = x.shape[operation.place(axis, x.rank)]
        if is_known(extent) and parts > 0 and extent % parts:
            each = -(-extent // parts)
            sizes = (*(each,) * (parts - 1), extent - each * (parts - 1))
    return moves.split(operation, x, axis, sizes=sizes, parts=parts)


@op("Slice", tells="same")
def cut(operation: Operation) -> Values:
    """From start to end by steps, along given axes or the first ones."""
    if "starts" in operation.attributes:
        starts, ends = operation.integers("starts") or (), operation.integers("ends") or ()
        axes, steps = operation.integers("axes"), None
    else:
        starts, ends = operation.numbers(1) or (), operation.numbers(2) or ()
        axes, steps = operation.whole(3), operation.whole(4)
    x = operation[0]
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise operation.wrong("starts, ends, axes and steps differ in number")
    slices = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        place = operation.place(axis, x.rank)
        extent = x.shape[place]
        # backwards from before the first element is from the first one, where Python takes none
        early = step < 0 and is_known(start) and is_known(extent) and start < -extent
        bounds = moves.bounds(extent, -extent if early else start, end, step)
        if bounds is not None:
            slices.append((place, *bounds))
    if not slices:
        return operation.skip(x)
    return moves.cut(operation, x, slices)


@op("Gather", tells={1: "indices"})
def gather(operation: Operation) -> Values:
    """Lookup along one axis."""
    x, indices = operation[0], operation[1]
    if x.spec is None:
        raise Blind
    axis = operation.axis("axis", 0, x.rank)
    return moves.gather(operation, x, indices, axis)


@op("GatherElements")
def gather_elements(operation: Operation) -> Values:
    """Lookup along one axis, with an index for each element."""
    attrs = {"axis": operation.integer("axis", 0), "unread": operation[1].constant}
    return operation.add("gather_elements", (operation[0], operation[1]), attrs)


@op("GatherND")
def gather_nd(operation: Operation) -> Values:
    """Lookup along several axes at once."""
    x, indices = operation[0], operation[1]
    batch = operation.integer("batch_dims", 0)
    depth = indices.shape[-1]
    if not is_known(depth):
        raise Undecided
    target = (*indices.shape[:-1], *x.shape[batch + depth :])
    taken = None if batch else moves.gather_grid(operation, x, indices, target)
    if taken is not None:
        return taken
    reason = "which elements are looked up is not followed"
    attrs = {"shape": target, "axes": _roles(target), "reason": reason}
    return operation.add("cover", (x, indices), attrs)


def _roles(shape: tuple[Num, ...]) -> str:
    return default_axes(len(shape))


@op("ScatterND", "ScatterElements", "Scatter", "TensorScatter")
def scatter(operation: Operation) -> Values:
    """Updates written into a tensor."""
    indices = operation[1]
    deciding = [value for value in operation.inputs[1:3] if value is not None]
    moving = [value for value in deciding if not value.constant]
    weights = [value for value in deciding if value.constant and value is not indices]
    attrs = {"adds": operation.text("reduction", "none") != "none"}
    return operation.add("scatter", (operation[0], *moving), attrs, weights=weights if moving else ())


@op("Pad", tells="same", spare=range(1, 3))
def pad(operation: Operation) -> Values:
    """All axes or given ones; negative numbers crop."""
    x = operation[0]
    pads = operation.numbers(1) if len(operation.inputs) > 1 else operation.integers("pads")
    pads = pads or operation.integers("paddings") or ()
    axes = operation.whole(3)
    places = range(x.rank) if axes is None else [operation.place(axis, x.rank) for axis in axes]
    half = len(pads) // 2
    if half != len(places) or len(pads) % 2:
        raise operation.wrong(f"{len(pads)} pads for {len(places)} axes")
    pairs: list[tuple[Num, Num]] = [(0, 0)] * x.rank
    for k, place in enumerate(places):
        pairs[place] = (pads[k], pads[half + k])
    fill = operation.optional(2)
    if fill is None and operation.attributes.get("value"):
        fill = Value(TensorSpec((), ""))  # an older version of Pad that fills in what is not zero
    mode = operation.text("mode", "constant")
    return moves.pad(operation, x, pairs, mode, fill=fill)


@op("DepthToSpace", "SpaceToDepth", tells="window")
def block_move(operation: Operation) -> Values:
    """Blocks of pixels become channels, or the other way."""
    kind = "depth_to_space" if operation.op == "DepthToSpace" else "space_to_depth"
    block = operation.integer("blocksize", 0)
    if block < 1:
        raise operation.wrong(f"blocksize must be positive, got {block}")
    order = "channels_first" if operation.text("mode", "DCR") == "CRD" else "places_first"
    return moves.block_move(operation, operation[0], kind, block, order)


@op("ReverseSequence")
def reverse(operation: Operation) -> Values:
    """Each sample's first steps reversed, up to its own length."""
    x = operation[0]
    attrs = {"shape": x.shape, "axes": "" if x.spec is None else x.spec.axes, "reason": "lengths are inputs"}
    return operation.add("cover", operation.given, attrs)


@op("OneHot", spare=range(3))
def one_hot(operation: Operation) -> Values:
    """A new axis of classes."""
    x = operation[0]
    depth = operation.numbers(1) or (UNKNOWN,)
    axis = operation.integer("axis", -1) % (x.rank + 1)
    order = [place for place in range(x.rank) if place < axis] + [x.rank] + list(range(axis, x.rank))
    then = () if order[-1] == x.rank else (Stage("permute", {"order": tuple(order)}),)
    return operation.add("one_hot", (x,), {"size": depth[0]}, Extras(then=then))


@op("NonZero", "Compress", "Unique")
def chosen(operation: Operation) -> Values:
    """Elements that the values themselves choose: how many is not known."""
    x = operation[0]
    axis = operation.attributes.get("axis")
    if operation.op == "NonZero":
        target: tuple[Num, ...] = (x.rank, UNKNOWN)
    elif axis is None:
        target = (UNKNOWN,)
    else:
        place = operation.place(int(axis), x.rank)
        target = tuple(UNKNOWN if k == place else extent for k, extent in enumerate(x.shape))
    reason = f"which elements {operation.op} keeps depends on their values"
    attrs = {"shape": target, "axes": _roles(target), "reason": reason}
    extras = Extras(copies=max(len(operation.node.outputs) - 1, 0))
    return operation.add("cover", operation.given, attrs, extras)


@op("ConstantOfShape")
def constant_of_shape(operation: Operation) -> Values:
    """One value everywhere; where a file's weights were taken out, it stands for a weight."""
    extents = tuple(operation.numbers(0) or ())
    tensor = operation.attributes.get("value")
    fill = None if tensor is None else filling(tensor)
    kind = np.dtype("float32") if fill is None else fill.dtype
    if any(is_known(extent) and extent < 0 for extent in extents):
        raise operation.wrong(f"a tensor cannot have {min(e for e in extents if is_known(e))} elements")
    return (filled(operation, extents, kind, 0 if fill is None else fill.reshape(-1)[:1]),)


_FILLS: Final = (1.0, -1e4, -1e9, float("-inf"), *(float(np.finfo(kind).min) for kind in ("f2", "f4", "f8")))
"""What masks are made from: ones, and what hides a score."""


@cache
def _name_of(kind: np.dtype) -> str:
    """Return the name of a type, which numpy puts together each time."""
    return str(kind.name)


def filled(operation: Operation, extents: tuple[Num, ...], kind: np.dtype, fill: object) -> Value:
    """Return a constant of one value."""
    name = operation.node.outputs[0] if operation.node.outputs else operation.node.name
    small = all(map(is_known, extents)) and prod(extents) <= MOST_KNOWN
    dtype = _name_of(kind)
    spec = TensorSpec(extents, default_axes(len(extents)), dtype)
    data = None
    masks = small and len(extents) > 1 and kind.kind == "f" and float(np.asarray(fill).item()) in _FILLS
    if masks or (small and kind.kind in "iub"):
        data = np.full(extents, fill, dtype=kind)
    # one as large as a map is no weight that was taken out of the file
    weights = () if operation[0].computed else weight_of(name, extents, dtype)
    return Value(spec, data=data, weights=weights, computed=operation[0].computed)


@op("RandomNormal", "RandomUniform")
def random(operation: Operation) -> Values:
    """Numbers from nowhere."""
    shape = operation.integers("shape") or ()
    return (Value(TensorSpec(shape, default_axes(len(shape)))),)


@op("RandomNormalLike", "RandomUniformLike", "EyeLike", "Multinomial")
def random_like(operation: Operation) -> Values:
    """Numbers from nowhere, as many as another tensor has."""
    x = operation[0]
    return (Value(None if x.spec is None else TensorSpec(x.spec.shape, x.spec.axes)),)


@op("Range")
def count(operation: Operation) -> Values:
    """Numbers in a row: how many is not known here, or they were evaluated."""
    moving = [value for value in operation.given if not value.constant]
    if not moving:
        return (Value(TensorSpec((UNKNOWN,), "c", "int64")),)
    attrs = {"shape": (UNKNOWN,), "axes": "c", "reason": "how far a range goes is computed"}
    return operation.add("cover", moving, attrs)


@op("CenterCropPad")
def center(operation: Operation) -> Values:
    """Crop or pad both sides alike, to a shape that is an input."""
    x, target = operation[0], operation.numbers(1) or ()
    axes = operation.integers("axes")
    places = range(x.rank) if axes is None else [operation.place(axis, x.rank) for axis in axes]
    pairs: list[tuple[Num, Num]] = [(0, 0)] * x.rank
    for place, extent in zip(places, target, strict=True):
        change = extent - x.shape[place]
        if not is_known(change):
            raise Undecided
        half = -((-change) // 2) if change < 0 else change // 2
        pairs[place] = (half, change - half)
    return moves.pad(operation, x, pairs)
