"""Operations that move elements about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import Num, equal, is_known, is_same, prod
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.lowering.masks import fill_of, nothing
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Value
from rfcalc.readers.lowering.window import Layout, axes_of
from rfcalc.rules.registry import format_shape
from rfcalc.rules.window import window_extent

_FAR: Final = 1 << 30
"""No axis is as long as that."""


def reshape(operation: Lowering, x: Value, shape: Sequence[Num]) -> tuple[Value, ...]:
    """Add a reshape in row-major order; one extent may be -1."""
    return operation.add("reshape", (x,), {"shape": tuple(shape)})


def flatten(operation: Lowering, x: Value, first: int, last: int) -> tuple[Value, ...]:
    """Merge the axes from `first` to `last`, both included."""
    if x.spec is None:
        raise Blind
    shape = (*x.shape[:first], prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    return reshape(operation, x, shape)


def permute(operation: Lowering, x: Value, order: Sequence[int]) -> tuple[Value, ...]:
    """Reorder axes: for each new one the present one."""
    if x.spec is not None and x.rank < 2:
        return operation.skip(x)
    return operation.add("permute", (x,), {"order": tuple(order)})


def squeeze(operation: Lowering, x: Value, axes: Sequence[int] | None) -> tuple[Value, ...]:
    """Drop axes of one element."""
    return operation.add("squeeze", (x,), {"axes": None if axes is None else tuple(axes)})


def unsqueeze(operation: Lowering, x: Value, axes: Sequence[int]) -> tuple[Value, ...]:
    """Insert axes of one element, at places counted in the result."""
    return operation.add("expand_dims", (x,), {"axes": tuple(axes)})


def expand(operation: Lowering, x: Value, shape: Sequence[Num]) -> tuple[Value, ...]:
    """Stretch by the rules of numpy, both ways."""
    return operation.add("broadcast_to", (x,), {"shape": tuple(shape)})


def concat(operation: Lowering, inputs: Sequence[Value], axis: int) -> tuple[Value, ...]:
    """Put tensors end to end; a map between its own ends is padding that wraps around."""
    wrapped = _wrapped(operation.builder, inputs, axis)
    if wrapped is not None:
        attrs = {"padding": (wrapped,), "mode": "wrap", "spatial": (axis,)}
        return operation.add("pad", (inputs[1],), attrs)
    return operation.add("concat", inputs, {"axis": axis})


def _wrapped(b: Builder, inputs: Sequence[Value], axis: int) -> tuple[Num, Num] | None:
    """Return how much of the end of a map stands before it, and of its start behind it."""
    if len(inputs) != 3 or inputs[1].edge is None or inputs[1].spec is None or axis < 0:
        return None
    whole, extent = inputs[1], inputs[1].shape[axis]
    if not is_known(extent):
        return None
    pads = []
    for value, front in ((inputs[0], True), (inputs[2], False)):
        layer = b.layers.get(value.edge[0]) if value.edge is not None else None
        if layer is None or layer.kind != "slice" or layer.inputs != (whole.edge,):
            return None
        ((place, start, stop, step), *more) = layer.attrs["slices"]
        taken = range(*slice(start, stop, step).indices(extent))
        fits = taken.step == 1 and (taken.stop == extent if front else taken.start == 0)
        if more or place != axis or not fits:
            return None
        pads.append(len(taken))
    return pads[0], pads[1]


def overwrite(
    operation: Lowering,
    base: Value,
    update: Value,
    axis: int,
    places: Sequence[int],
    *,
    drop: bool = False,
) -> tuple[Value, ...]:
    """Put a tensor in the place of what another has at some places of an axis, which are all different.

    With `drop` the tensor that is put there has not that axis, and there is one place.
    """
    if base.spec is None or update.spec is None:
        raise Blind
    extent, count = base.shape[axis], len(places)
    shape = (*base.shape[:axis], count, *base.shape[axis + 1 :])
    if update.constant:  # what it holds is nothing that anything depends on
        zero = fill_of(update) is False
        update = replace(update, spec=replace(base.spec, shape=shape), data=None, mask=None)
        update = nothing(update) if zero else update
    elif drop:
        (update,) = unsqueeze(operation.part("update"), update, (axis,))
    if not all(map(is_same, update.shape, shape)) or update.rank < len(shape):
        (update,) = expand(operation.part("update"), update, shape)
    start = places[0] if count else 0
    if start > 0 and list(places) == list(range(start, start + count)):
        parts = [*cut(operation.part("before"), base, ((axis, 0, start, 1),)), update]
        if start + count < extent:
            parts += cut(operation.part("behind"), base, ((axis, start + count, None, 1),))
        return operation.add("concat", parts, {"axis": axis})
    order = list(range(extent))
    for number, place in enumerate(places):
        order[place] = extent + number
    then = (Stage("take", {"axis": axis, "indices": tuple(order)}),)
    return operation.add("concat", (base, update), {"axis": axis}, Extras(then=then))


def stack(operation: Lowering, inputs: Sequence[Value], axis: int) -> tuple[Value, ...]:
    """Put tensors side by side along a new axis."""
    return operation.add("stack", inputs, {"axis": axis})


def split(
    operation: Lowering,
    x: Value,
    axis: int,
    *,
    sizes: Sequence[Num] | None = None,
    parts: int | None = None,
) -> tuple[Value, ...]:
    """Cut an axis into parts of these sizes, or into so many equal ones."""
    attrs: dict[str, Any] = {"axis": axis}
    if sizes is not None:
        attrs["sizes"] = tuple(sizes)
    else:
        attrs["sections"] = parts
    return operation.add("split", (x,), attrs)


def unbind(operation: Lowering, x: Value, axis: int) -> tuple[Value, ...]:
    """Take all indices of an axis apart."""
    return operation.add("split", (x,), {"axis": axis, "sections": "each", "drop": True})


def cut(
    operation: Lowering, x: Value, slices: Sequence[tuple[int, Num | None, Num | None, Num]]
) -> tuple[Value, ...]:
    """Slice axes: (axis, start, stop, step) with Python's meaning."""
    return operation.add("slice", (x,), {"slices": tuple(slices)})


def bounds(
    extent: Num, start: Num | None, stop: Num | None, step: int
) -> tuple[Num | None, Num | None, int] | None:
    """Spell the bounds of a slice in one way; None where it takes everything.

    Formats write numbers beyond any axis for its ends, which cannot be compared with an open extent.
    """
    if step > 0:
        if stop is not None and (_is_far(stop, 1) or stop is extent or equal(stop, extent) is True):
            stop = None
        if start is not None and is_known(start) and start == 0:
            start = None
        return None if start is None and stop is None and step == 1 else (start, stop, step)
    return None if _is_far(start, 1) else start, None if _is_far(stop, -1) else stop, step


def _is_far(index: Num | None, side: int) -> bool:
    """Tell whether an index lies beyond any axis, behind it or before it."""
    return index is not None and is_known(index) and bool(side * index >= _FAR)


def select(operation: Lowering, x: Value, axis: int, index: int) -> tuple[Value, ...]:
    """Keep one index of an axis, which goes."""
    return operation.add("select", (x,), {"axis": axis, "index": index})


def take(operation: Lowering, x: Value, axis: int, indices: Sequence[int]) -> tuple[Value, ...]:
    """Keep the given indices of an axis, in their order."""
    return operation.add("take", (x,), {"axis": axis, "indices": tuple(indices)})


def gather(operation: Lowering, x: Value, indices: Value, axis: int) -> tuple[Value, ...]:
    """Look up along an axis: by constant indices one by one, else by anything."""
    if x.spec is None or indices.spec is None:
        raise Blind
    if indices.data is None or not _are_numbers(indices.data):
        return operation.add("gather", (x, indices), {"axis": axis, "unread": indices.constant})
    shape = indices.shape
    flat = tuple(map(int, indices.data.reshape(-1).tolist()))
    if not shape:
        return select(operation, x, axis, flat[0])
    then: tuple[Stage, ...] = ()
    if len(shape) > 1:
        place = axis % x.rank
        then = (Stage("reshape", {"shape": (*x.shape[:place], *shape, *x.shape[place + 1 :])}),)
    return operation.add("take", (x,), {"axis": axis, "indices": flat}, Extras(then=then))


def gather_grid(
    operation: Lowering, x: Value, indices: Value, target: Sequence[Num]
) -> tuple[Value, ...] | None:
    """Look up along several axes by a constant grid of indices that takes whole rows and columns.

    None where the indices are no such grid: their last axis has one for each axis that is looked up.
    """
    depth = indices.shape[-1]
    taken = _separable(indices, int(depth)) if is_known(depth) else None
    if not taken:
        return None
    stages = [Stage("take", {"axis": axis, "indices": each}) for axis, each in enumerate(taken)]
    if indices.rank != len(taken) + 1:
        stages.append(Stage("reshape", {"shape": tuple(target)}))
    first, *more = stages
    return operation.add("take", (x,), first.attrs, Extras(then=tuple(more)))


def _separable(indices: Value, depth: int) -> list[tuple[int, ...]] | None:
    """Return the indices of each axis, where a constant grid of them looks up whole rows and columns."""
    data = indices.data
    if data is None or data.dtype.kind == "O" or not data.size or data.ndim <= depth:
        return None
    found = []
    start = 0
    for axis in range(depth):  # which axes of the grid an index changes along: the next ones in order
        lines = data[..., axis]
        moving = [k for k in range(lines.ndim) if (lines != lines.take([0], axis=k)).any()]
        stop = (
            lines.ndim if axis == depth - 1 else max([*(k + 1 for k in moving), min(start + 1, lines.ndim)])
        )
        if any(not start <= k < stop for k in moving):
            return None
        key = tuple(slice(None) if start <= k < stop else 0 for k in range(lines.ndim))
        found.append(tuple(int(each) for each in lines[key].reshape(-1)))
        start = stop
    return found


def _are_numbers(data: Any) -> bool:
    return data.dtype.kind in "iub" or all(isinstance(each, int) for each in data.reshape(-1))


def pad(
    operation: Lowering,
    x: Value,
    pairs: Sequence[tuple[Num, Num]],
    mode: str = "constant",
    *,
    fill: Value | None = None,
) -> tuple[Value, ...]:
    """Pad all axes, or with negative numbers crop them; `fill` is the constant, zero if it is left out."""
    if x.spec is None:
        raise Blind
    moved = [place for place, pair in enumerate(pairs) if pair not in ((0, 0), [0, 0])]
    if not moved:
        return operation.skip(x)
    attrs = {
        "padding": tuple(tuple(pairs[place]) for place in moved),
        "mode": mode,
        "spatial": tuple(moved),
    }
    made = operation.add("pad", (x,), attrs)
    if fill is not None and fill_of(fill) is not False:
        operation.builder.bias(made)
    return made


def tile(operation: Lowering, x: Value, repeats: Sequence[Num]) -> tuple[Value, ...]:
    """Repeat whole axes end to end."""
    return operation.add("tile", (x,), {"repeats": tuple(repeats)})


def block_move(
    operation: Lowering, x: Value, kind: str, block: Num, order: str, *, layout: Layout = "first"
) -> tuple[Value, ...]:
    """Move blocks between positions and channels: kind is depth_to_space or space_to_depth."""
    if x.spec is None:
        raise Blind
    attrs = {"block": block, "order": order, **axes_of(x.rank - 2, layout)}
    return operation.add(kind, (x,), attrs)


def fold(
    operation: Lowering,
    x: Value,
    sizes: Sequence[Num],
    *,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> tuple[Value, ...]:
    """Add columns of windows, (batch, channels x window, windows), up to a map of `sizes`.

    Raises
    ------
    AnalysisError
        Another number of windows fits on the map.
    """
    if x.spec is None:
        raise Blind
    grid = [
        window_extent(n, d * (k - 1) + 1, s, lo, hi)
        for n, k, s, d, (lo, hi) in zip(sizes, kernel, stride, dilation, padding, strict=True)
    ]
    if x.rank != 3 or equal(prod(grid), x.shape[2]) is False:
        raise AnalysisError(
            f"{format_shape(grid)} windows fit on the map, not the columns of {format_shape(x.shape)}"
        )
    attrs = {
        "sizes": tuple(sizes),
        "kernel": tuple(kernel),
        "stride": tuple(stride),
        "dilation": tuple(dilation),
        "padding": tuple(padding),
    }
    return operation.add("fold", (x,), attrs)
