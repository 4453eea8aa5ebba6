"""Operations that move elements about, and those that ask for shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rfcalc.algebra.number import UNKNOWN, Num, equal, is_known, prod
from rfcalc.graph.layer import Extras, Stage, TensorSpec
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.arrays import array_of, constant_value
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.folding import MOST_KNOWN
from rfcalc.readers.lowering.layout import channels_last
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.readers.tflite.slices import Cut, cuts_of

MOST_ELEMENTS = 1 << 31
"""Elements of a tensor that repeats another; more are a damaged file."""


@op("SHAPE")
def shape(operation: Operation) -> Values:
    """The extents."""
    return (replace(constant_value(array_of(operation[0].shape)), computed=True),)


@op("RANK")
def rank(operation: Operation) -> Values:
    """How many axes there are."""
    return (constant_value(np.array(operation[0].rank)),)


@op("RESHAPE", "STABLEHLO_RESHAPE", spare=(1,))
def reshape(operation: Operation) -> Values:
    """To a shape that is an input or a setting; one extent may follow from the others."""
    x = operation[0]
    if operation.op == "STABLEHLO_RESHAPE":
        target: Any = operation.shapes[0]
        if target is None or -1 in target:
            raise Undecided
    elif operation.optional(1) is not None:
        target = operation.numbers(1)
    else:
        target = operation.integers("NewShape") or ()
        target = () if target == (0,) else target  # how older files spell a scalar
    return moves.reshape(operation, x, target)


@op("SQUEEZE")
def squeeze(operation: Operation) -> Values:
    """Given axes, or all of one element."""
    axes = operation.integers("SqueezeDims")
    return moves.squeeze(operation, operation[0], axes or None)


@op("EXPAND_DIMS", spare=(1,))
def expand_dims(operation: Operation) -> Values:
    """A new axis of one element, at a place of the result."""
    x, (axis, *_) = operation[0], operation.whole(1) or (0,)
    return moves.unsqueeze(operation, x, (operation.place(axis, x.rank + 1),))


@op("TRANSPOSE", "STABLEHLO_TRANSPOSE", spare=(1,))
def transpose(operation: Operation) -> Values:
    """A given order of the axes."""
    x = operation[0]
    if operation.op == "TRANSPOSE":
        order: tuple[int, ...] = operation.whole(1)
    else:
        order = operation.integers("Permutation") or ()
    if sorted(order) != list(range(x.rank)):
        raise operation.wrong(f"{list(order)} is no order of {x.rank} axes")
    return moves.permute(operation, x, order)


@op("CONCATENATION", "STABLEHLO_CONCATENATE", tells="same")
def concat(operation: Operation) -> Values:
    """End to end along one axis."""
    axis = operation.integer("Axis" if operation.op == "CONCATENATION" else "Dimension")
    if operation.past is not None:  # what earlier calls left stands before what comes now
        x = operation[1]
        if not operation.scope.steady(x, axis):
            return operation.scope.left(operation.node)
        pairs: list[tuple[Num, Num]] = [(0, 0)] * x.rank
        pairs[operation.place(axis, x.rank)] = (operation.past, 0)
        return operation.fused(moves.pad(operation, x, pairs))
    inputs = operation.given
    if inputs and inputs[0].spec is not None:
        axis = operation.place(axis, inputs[0].rank)
    return operation.fused(moves.concat(operation, inputs, axis))


@op("SPLIT", tells={1: "same"}, spare=(0,))
def split(operation: Operation) -> Values:
    """Axis, X: as many equal parts as there are outputs."""
    x, (axis, *_) = operation[1], operation.whole(0) or (0,)
    return moves.split(operation, x, operation.place(axis, x.rank), parts=len(operation.node.outputs))


@op("SPLIT_V", tells="same", spare=(1, 2))
def split_by_sizes(operation: Operation) -> Values:
    """X, sizes, axis; one size may follow from the others."""
    x, sizes, (axis, *_) = operation[0], operation.numbers(1) or (), operation.whole(2) or (0,)
    place = operation.place(axis, x.rank)
    open_ones = [k for k, size in enumerate(sizes) if is_known(size) and size == -1]
    if len(open_ones) == 1:
        rest = x.shape[place] - sum(size for k, size in enumerate(sizes) if k not in open_ones)
        sizes = tuple(rest if k in open_ones else size for k, size in enumerate(sizes))
    return moves.split(operation, x, place, sizes=sizes)


@op("PACK")
def pack(operation: Operation) -> Values:
    """Side by side along a new axis."""
    inputs = operation.given
    if not inputs:
        raise operation.wrong("there is nothing to pack")
    return moves.stack(operation, inputs, operation.place(operation.integer("Axis"), inputs[0].rank + 1))


@op("UNPACK")
def unpack(operation: Operation) -> Values:
    """All indices of an axis, one by one."""
    x = operation[0]
    place = operation.place(operation.integer("Axis"), x.rank)
    count = len(operation.node.outputs)
    if equal(x.shape[place], count) is False:
        raise operation.wrong(f"an axis of {x.shape[place]} does not fall into {count}")
    return moves.unbind(operation, x, place)


@op("STRIDED_SLICE", tells="same", spare=range(1, 4))
@op("SLICE", "STABLEHLO_SLICE", tells="same", spare=range(1, 3))
def cut(operation: Operation) -> Values:
    """From begin to end by steps; masks say which axes are taken whole, come new, or go."""
    x = operation[0]
    return _cut(operation, x, cuts_of(operation, x.shape))


def _cut(operation: Operation, x: Value, found: Cut) -> Values:
    """Add a slice, the axes of one element that it makes and those that it drops."""
    stages: list[Stage] = []
    if found.slices:
        stages.append(Stage("slice", {"slices": tuple(found.slices)}))
    if found.dropped:
        stages.append(Stage("squeeze", {"axes": tuple(found.dropped)}))
    if found.new:
        stages.append(Stage("expand_dims", {"axes": tuple(found.new)}))
    if not stages:
        return operation.skip(x)
    first, *more = stages
    return operation.add(first.kind, (x,), first.attrs, Extras(then=tuple(more)))


@op("GATHER", tells={1: "indices"})
def gather(operation: Operation) -> Values:
    """Lookup along one axis."""
    x, indices = operation[0], operation[1]
    if x.spec is None or indices.spec is None:
        raise Blind
    axis, batch = operation.place(operation.integer("Axis"), x.rank), operation.integer("BatchDims")
    if not batch:
        return moves.gather(operation, x, indices, axis)
    batch = operation.place(batch, indices.rank + 1)
    return _covered(operation, (*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :]))


def _covered(operation: Operation, target: tuple[Num, ...], reason: str = "") -> Values:
    """Add an operation whose result may read anything of its inputs."""
    reason = reason or "which elements are looked up is not followed"
    attrs = {"shape": target, "axes": channels_last(len(target)), "reason": reason}
    extras = Extras(copies=max(len(operation.node.outputs) - 1, 0))
    return operation.add("cover", operation.given, attrs, extras)


@op("GATHER_ND", tells={1: "indices"})
def gather_nd(operation: Operation) -> Values:
    """Lookup along several axes at once."""
    x, indices = operation[0], operation[1]
    depth = indices.shape[-1] if indices.rank else 1
    if not is_known(depth):
        raise Undecided
    target = (*indices.shape[:-1], *x.shape[depth:])
    taken = moves.gather_grid(operation, x, indices, target)
    return _covered(operation, target) if taken is None else taken


@op("SCATTER_ND")
def scatter_nd(operation: Operation) -> Values:
    """Indices, updates, shape: updates written into zeros."""
    target = operation.numbers(2)
    if target is None:
        raise operation.wrong("there is no shape")
    attrs = {
        "shape": tuple(target),
        "axes": channels_last(len(target)),
        "reason": "where updates are written is not followed",
    }
    return operation.add("cover", (operation[0], operation[1]), attrs)


@op("DYNAMIC_UPDATE_SLICE", "STABLEHLO_DYNAMIC_UPDATE_SLICE")
def update_slice(operation: Operation) -> Values:
    """X, updates, where these begin: they are written over X."""
    deciding = [value for value in operation.inputs[1:] if value is not None]
    moving = [value for value in deciding if not value.constant]
    weights = [value for value in deciding[:1] if value.constant]
    return operation.add("scatter", (operation[0], *moving), {}, weights=weights if moving else ())


@op("PAD", "PADV2", "MIRROR_PAD", tells="same", spare=range(1, 3))
def pad(operation: Operation) -> Values:
    """Each axis before and after: by zeros, by a constant, or by what is near the border."""
    x, amounts = operation[0], operation.numbers(1) or ()
    if len(amounts) != 2 * x.rank:
        raise operation.wrong(f"{len(amounts)} amounts for {x.rank} axes")
    pairs = [(amounts[2 * place], amounts[2 * place + 1]) for place in range(x.rank)]
    mode = "constant"
    if operation.op == "MIRROR_PAD":
        mode = "symmetric" if operation.integer("Mode") else "reflect"
    fill = operation.optional(2)
    return moves.pad(operation, x, pairs, mode, fill=fill)


@op("TILE", spare=(1,))
def tile(operation: Operation) -> Values:
    """Whole axes end to end."""
    x, repeats = operation[0], operation.numbers(1) or ()
    if len(repeats) != x.rank:
        raise operation.wrong(f"{len(repeats)} repeats for a tensor of {x.rank} axes")
    if any(is_known(times) and times < 0 for times in repeats):
        raise operation.wrong(f"repeats must not be negative, got {list(repeats)}")
    total = prod(extent for extent in (*x.shape, *repeats) if is_known(extent))
    if total > MOST_ELEMENTS:
        raise operation.wrong(f"a tensor of {total} elements is too large")
    return moves.tile(operation, x, repeats)


@op("BROADCAST_TO", spare=(1,))
def broadcast(operation: Operation) -> Values:
    """Stretch by the rules of numpy."""
    x, target = operation[0], operation.numbers(1) or ()
    return moves.expand(operation, x, target)


@op("STABLEHLO_BROADCAST_IN_DIM")
def broadcast_in_dim(operation: Operation) -> Values:
    """Stretch, with the axes at given places of the result."""
    x, target, places = operation[0], operation.shapes[0], operation.integers("BroadcastDimensions") or ()
    if target is None or -1 in target or list(places) != sorted(set(places)):
        return operation.unknown()
    if len(places) != x.rank:
        raise operation.wrong(f"{len(places)} places for {x.rank} axes")
    new = tuple(place for place in range(len(target)) if place not in places)
    stretch = Stage("broadcast_to", {"shape": target})
    if not new:
        return operation.add(stretch.kind, (x,), stretch.attrs)
    return operation.add("expand_dims", (x,), {"axes": new}, Extras(then=(stretch,)))


@op("BROADCAST_ARGS")
def broadcast_args(operation: Operation) -> Values:
    """The shape that two shapes stretch to; evaluated where these are known."""
    lengths = [each.shape[0] for each in operation.given if each.spec is not None and each.rank == 1]
    if len(lengths) != 2 or not all(map(is_known, lengths)):
        raise Undecided
    return _covered(operation, (max(lengths),), "extents are computed")


@op("FILL")
def fill(operation: Operation) -> Values:
    """One value everywhere; one that the graph computes is stretched."""
    extents, value = tuple(operation.numbers(0) or ()), operation[1]
    if any(is_known(extent) and extent < 0 for extent in extents):
        raise operation.wrong(f"a tensor cannot have the shape {list(extents)}")
    if not value.constant:
        return moves.expand(operation, value, extents)
    dtype = "" if value.spec is None else value.spec.dtype
    small = all(map(is_known, extents)) and prod(extents) <= MOST_KNOWN
    data = None
    if small and value.data is not None and value.data.dtype.kind in "iub":
        data = np.full(extents, value.data.reshape(-1)[0])
    return (Value(TensorSpec(extents, channels_last(len(extents)), dtype), data=data),)


@op("RANGE")
def count(operation: Operation) -> Values:
    """Numbers in a row: how many is not known here, or they were evaluated."""
    moving = [value for value in operation.given if not value.constant]
    if not moving:
        return (Value(TensorSpec((UNKNOWN,), "c", "int32")),)
    attrs = {"shape": (UNKNOWN,), "axes": "c", "reason": "how far a range goes is computed"}
    return operation.add("cover", moving, attrs)


@op("STABLEHLO_IOTA")
def iota(operation: Operation) -> Values:
    """Numbers in a row along one axis."""
    target = operation.shapes[0]
    if target is None or -1 in target:
        raise Undecided
    return (Value(TensorSpec(target, channels_last(len(target)), "int32")),)


@op("ONE_HOT", spare=range(1, 4))
def one_hot(operation: Operation) -> Values:
    """A new axis of classes."""
    x, depth = operation[0], operation.numbers(1) or (UNKNOWN,)
    axis = operation.integer("Axis", -1)
    place = x.rank if axis == -1 else operation.place(axis, x.rank + 1)
    order = (*range(place), x.rank, *range(place, x.rank))
    then = () if place == x.rank else (Stage("permute", {"order": order}),)
    return operation.add("one_hot", (x,), {"size": depth[0]}, Extras(then=then))


@op("REVERSE_V2", tells="same", spare=(1,))
def reverse(operation: Operation) -> Values:
    """Axes backwards."""
    x = operation[0]
    axes = tuple(operation.place(axis, x.rank) for axis in operation.whole(1))
    return operation.add("flip", (x,), {"axes": axes})


@op("REVERSE_SEQUENCE")
def reverse_sequence(operation: Operation) -> Values:
    """Each sample's first steps reversed, up to its own length."""
    x = operation[0]
    attrs = {"shape": x.shape, "axes": "" if x.spec is None else x.spec.axes, "reason": "lengths are inputs"}
    return operation.add("cover", operation.given, attrs)


@op("WHERE", "UNIQUE")
def chosen(operation: Operation) -> Values:
    """Elements that the values themselves choose: how many is not known."""
    x = operation[0]
    target: tuple[Num, ...] = (UNKNOWN, x.rank) if operation.op == "WHERE" else (UNKNOWN,)
    return _covered(operation, target, f"which elements {operation.op} keeps depends on their values")


@op("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", spare=range(2, 6))
def suppression(operation: Operation) -> Values:
    """Boxes that overlap a better one go: indices, scores, and how many are left."""
    size = operation.numbers(2) or (UNKNOWN,)
    boxes, scores = operation[0], operation[1]
    reason = "which boxes are kept depends on all of them"
    made: list[Value] = []
    for place, output in enumerate(operation.node.outputs):
        last = place == len(operation.node.outputs) - 1
        target: tuple[Num, ...] = () if last else (size[0],)
        node = operation.node._replace(
            name=operation.node.name if not place else f"{operation.node.name}.{place}",
            outputs=(output,),
            dtypes=operation.node.dtypes[place : place + 1],
        )
        attrs = {"shape": target, "axes": "c" * len(target), "reason": reason}
        made += operation.builder.add(node, "cover", (boxes, scores), attrs)
    return tuple(made)


@op("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", tells="channels_last")
def block_move(operation: Operation) -> Values:
    """Blocks of pixels become channels, or the other way."""
    block = operation.integer("BlockSize")
    if block < 1:
        raise operation.wrong(f"a block has a positive side, got {block}")
    return moves.block_move(
        operation, operation[0], operation.op.lower(), block, "places_first", layout="last"
    )


@op("SPACE_TO_BATCH_ND", tells="channels_last", spare=range(1, 3))
def space_to_batch(operation: Operation) -> Values:
    """Padded, and every n-th element of an axis becomes a sample of its own."""
    x, blocks, amounts = operation[0], operation.whole(1), operation.whole(2)
    count = len(blocks)
    if len(amounts) != 2 * count or count >= x.rank or min(blocks, default=1) < 1:
        raise operation.wrong(f"{len(amounts)} amounts and {count} blocks for {x.rank} axes")
    pairs = tuple((amounts[2 * k], amounts[2 * k + 1]) for k in range(count))
    places = range(1, count + 1)
    sizes = [x.shape[place] + sum(pair) for place, pair in zip(places, pairs, strict=True)]
    for size, block in zip(sizes, blocks, strict=True):
        if is_known(size) and size % block:
            raise operation.wrong(f"an extent of {size} does not fall into blocks of {block}")
    rest = x.shape[count + 1 :]
    apart: list[Num] = [x.shape[0]]
    for size, block in zip(sizes, blocks, strict=True):
        apart += [size // block, block]
    behind = range(2 * count + 1, 2 * count + 1 + len(rest))
    order = (*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2), *behind)
    target = (
        x.shape[0] * prod(blocks),
        *(size // block for size, block in zip(sizes, blocks, strict=True)),
        *rest,
    )
    return operation.add(
        "pad",
        (x,),
        {"padding": pairs, "mode": "constant", "spatial": tuple(places)},
        Extras(
            then=(
                Stage("reshape", {"shape": (*apart, *rest)}),
                Stage("permute", {"order": order}),
                Stage("reshape", {"shape": target}),
            )
        ),
    )


@op("BATCH_TO_SPACE_ND", tells="channels_last", spare=range(1, 3))
def batch_to_space(operation: Operation) -> Values:
    """Samples become every n-th element of an axis, which is then cut."""
    x, blocks, amounts = operation[0], operation.whole(1), operation.whole(2)
    count = len(blocks)
    if len(amounts) != 2 * count or count >= x.rank or min(blocks, default=1) < 1:
        raise operation.wrong(f"{len(amounts)} amounts and {count} blocks for {x.rank} axes")
    total = prod(blocks)
    if is_known(x.shape[0]) and x.shape[0] % total:
        raise operation.wrong(f"{x.shape[0]} samples do not fall into blocks of {total}")
    batch, rest = x.shape[0] // total, x.shape[count + 1 :]
    order = [count]
    for k in range(count):
        order += [count + 1 + k, k]
    order += range(2 * count + 1, 2 * count + 1 + len(rest))
    sizes = [x.shape[k + 1] * block for k, block in enumerate(blocks)]
    slices = tuple(
        (k + 1, amounts[2 * k], sizes[k] - amounts[2 * k + 1], 1)
        for k in range(count)
        if amounts[2 * k] or amounts[2 * k + 1]
    )
    then = [Stage("permute", {"order": tuple(order)}), Stage("reshape", {"shape": (batch, *sizes, *rest)})]
    if slices:
        then.append(Stage("slice", {"slices": slices}))
    first = {"shape": (*blocks, batch, *x.shape[1:])}
    return operation.add("reshape", (x,), first, Extras(then=tuple(then)))


@op("MATRIX_DIAG", "MATRIX_SET_DIAG")
def diagonal(operation: Operation) -> Values:
    """A row on the diagonal of a matrix."""
    x = operation[0]
    target = (*x.shape, x.shape[-1]) if operation.op == "MATRIX_DIAG" else x.shape
    return _covered(operation, target, "where elements of a diagonal go is not followed")
