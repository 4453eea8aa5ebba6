"""Primitives that move elements about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values


@op("reshape")
def reshape(operation: Operation) -> Values:
    """The same elements under another shape, in row-major order."""
    if operation.params.get("dimensions") is not None:
        raise Undecided
    x, target = operation[0], operation.shape
    return (x,) if x.shape == target else moves.reshape(operation, x, target)


@op("transpose")
def transpose(operation: Operation) -> Values:
    """Axes in a given order."""
    order = operation.integers("permutation")
    x = operation[0]
    return (x,) if order == tuple(range(x.rank)) else moves.permute(operation, x, order)


@op("squeeze")
def squeeze(operation: Operation) -> Values:
    """Axes of one element go."""
    return moves.squeeze(operation, operation[0], operation.integers("dimensions"))


@op("expand_dims")
def expand_dims(operation: Operation) -> Values:
    """Axes of one element come."""
    return moves.unsqueeze(operation, operation[0], operation.integers("dimensions"))


@op("broadcast_in_dim")
def broadcast(operation: Operation) -> Values:
    """Axes of one element come, and are stretched."""
    x, target = operation[0], operation.shape
    kept = operation.integers("broadcast_dimensions")
    new = tuple(place for place in range(len(target)) if place not in kept)
    thin = tuple(x.shape[kept.index(place)] if place in kept else 1 for place in range(len(target)))
    if not new:
        return (x,) if x.shape == target else moves.expand(operation, x, target)
    if thin == target:
        return moves.unsqueeze(operation, x, new)
    stretch = (Stage("broadcast_to", {"shape": target}),)
    return operation.add("expand_dims", (x,), {"axes": new}, Extras(then=stretch))


@op("concatenate", tells="same")
def concatenate(operation: Operation) -> Values:
    """Tensors end to end; those without elements, as where nothing is padded, are none."""
    axis = operation.integer("dimension")
    filled = [value for value in operation.given if value.spec is None or value.shape[axis] != 0]
    return (filled[0],) if len(filled) == 1 else moves.concat(operation, filled, axis)


@op("stack")
def stack(operation: Operation) -> Values:
    """Tensors side by side along a new axis."""
    return moves.stack(operation, operation.given, operation.integer("axis"))


@op("tile")
def tile(operation: Operation) -> Values:
    """A tensor so many times over along each axis."""
    return operation.add("tile", (operation[0],), {"repeats": operation.integers("reps")})


@op("split")
def split(operation: Operation) -> Values:
    """Parts of one axis."""
    sizes = operation.integers("sizes")
    if len(sizes) == 1:
        return (operation[0],)
    return moves.split(operation, operation[0], operation.integer("axis"), sizes=sizes)


@op("rev", tells="same")
def reverse(operation: Operation) -> Values:
    """Axes the other way round."""
    axes = operation.integers("dimensions")
    return operation.add("flip", (operation[0],), {"axes": axes}) if axes else (operation[0],)


@op("slice", tells="same")
def cut(operation: Operation) -> Values:
    """From starts to limits by strides."""
    x, params = operation[0], operation.params
    starts, limits = params["start_indices"], params["limit_indices"]
    return sliced(operation, x, starts, limits, params["strides"] or (1,) * x.rank)


def sliced(
    operation: Operation, x: Value, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]
) -> Values:
    """Cut the axes of which something is left out."""
    bounds = tuple(
        (axis, int(start), int(limit), int(step))
        for axis, (start, limit, step) in enumerate(zip(starts, limits, strides, strict=True))
        if (start, limit, step) != (0, x.shape[axis], 1)
    )
    return moves.cut(operation, x, bounds) if bounds else (x,)


@op("pad", tells="same")
def pad(operation: Operation) -> Values:
    """Elements between those of an axis, then before and after; negative numbers crop."""
    x, fill = operation[0], operation.given[1]
    config = [tuple(map(int, each)) for each in operation.params["padding_config"]]
    if fill.edge is not None:
        raise Undecided
    if any(inside for _, _, inside in config):
        x = _spread(operation.part("spread"), x, [inside for _, _, inside in config])
        operation.builder.bias((x,))
    pairs = [(before, after) for before, after, _ in config]
    if not any(any(pair) for pair in pairs):
        return (x,)
    return moves.pad(operation, x, pairs, fill=fill)


def _spread(operation: Any, x: Value, gaps: Sequence[int]) -> Value:
    """Put so many constants between the elements of each axis."""
    stages: list[Stage] = []
    shape = list(x.shape)
    for axis, gap in enumerate(gaps):
        if not gap or shape[axis] < 2:
            continue
        extent = shape[axis] * (gap + 1)
        shape[axis] = extent - gap
        stages += [
            Stage("expand_dims", {"axes": (axis + 1,)}),
            Stage("pad", {"padding": ((0, gap),), "mode": "constant", "spatial": (axis + 1,)}),
            Stage("reshape", {"shape": (*shape[:axis], extent, *shape[axis + 1 :])}),
            Stage("slice", {"slices": ((axis, 0, extent - gap, 1),)}),
        ]
    if not stages:
        return x
    (first, *then) = stages
    (made,) = operation.add(first.kind, (x,), first.attrs, Extras(then=tuple(then)))
    return made  # type: ignore[no-any-return]
