"""Which elements of a tensor are zero whatever the input is: padding, gaps, what a mask has left of them.

A product with zero depends on nothing. So where a matrix product or an Einstein sum takes two tensors of
a model, the layers that made them are walked back, as long as they make zero of zeros, to where zeros
come from: padding, the gaps of a transposed convolution, the first of an exclusive scan, masks. Arrays
here are True where an element may be something else; their axes have one element where nothing changes
along them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, Final

from rfcalc.algebra import steps as moves
from rfcalc.algebra.number import is_known, prod
from rfcalc.graph.layer import BATCH, Edge, Layer, TensorSpec
from rfcalc.readers.lowering.mask_constants import MOST_MASKED
from rfcalc.readers.lowering.masks import elements_of, thinned
from rfcalc.readers.lowering.value import Mask
from rfcalc.readers.lowering.zero_kinds import ANY, keeps_zeros

if TYPE_CHECKING:
    from rfcalc.readers.lowering.builder import Builder
    from rfcalc.readers.lowering.value import Value

LONGEST: Final = 4096
"""Elements of an axis whose windows are looked at one by one."""

FURTHEST: Final = 64
"""Layers that are walked back."""


class _Lost(Exception):
    """Where zeros go is not followed through a step."""


def with_zeros(b: Builder, values: Sequence[Value]) -> list[Value]:
    """Return factors of a product, each with the mask of its zeros; those that bear a mask as they are.

    Samples are not told apart: an element counts where it does in any of them.
    """
    moving = [value for value in values if value.edge is not None]
    return [_with_zeros(b, value) for value in values] if len(moving) > 1 else list(values)


def _with_zeros(b: Builder, value: Value) -> Value:
    """Return a factor with the mask of its zeros."""
    if value.edge is None or value.spec is None or value.mask is not None:
        return value
    alive = _alive(b, value.edge, 0)
    if alive is None:
        return value
    apart = tuple(place for place, role in enumerate(value.spec.axes) if role == BATCH)
    left = alive.any(axis=apart, keepdims=True)
    return value if left.all() else replace(value, mask=Mask(left, low=False))


def _alive(b: Builder, edge: Edge, depth: int) -> Any:
    """Return where a tensor may be other than zero; None where that may be everywhere."""
    if edge not in b.zeros:
        b.zeros[edge] = None if depth > FURTHEST else _found(b, edge, depth)
    return b.zeros[edge]


def _found(b: Builder, edge: Edge, depth: int) -> Any:
    """Work out where the result of a layer may be other than zero."""
    layer = b.layers[edge[0]]
    if not _is_followed(layer, edge) or layer.name in b.biased:
        return None
    found = _carried(b, edge, lambda at: _alive(b, at, depth + 1))
    hollow = layer.name in b.hollow
    if not found or (layer.kind not in (*ANY, "concat") and layer.extras.operands and not hollow):
        return None
    if layer.kind in ANY:
        left = reduce(and_, found)
    else:
        left = reduce(or_, found)
        if layer.kind in _FILLING and not hollow:
            filled = ~reduce(or_, _carried(b, edge, lambda _: None))
            left = left | filled
    return None if left.all() else left


_FILLING: Final = frozenset(("concat", "max_pool"))
"""Kinds that put something else than zero where they read nothing: constants, the lowest number."""


def _carried(b: Builder, edge: Edge, of: Callable[[Edge], Any]) -> list[Any]:
    """Carry what is known of the inputs of a layer over its paths; nothing where one of them is not followed.

    Of an input of which nothing is known all elements count.
    """
    layer, result = b.layers[edge[0]], b.results.get(edge[0])
    if result is None or edge[1] >= len(result.outputs):
        return []
    spec = result.outputs[edge[1]]
    if not all(map(is_known, spec.shape)) or not 0 < prod(spec.shape) <= MOST_MASKED:
        return []
    found = []
    try:
        for path in result.paths[edge[1]]:
            source = layer.inputs[path.input]
            maker = b.results.get(source[0])
            if maker is None:  # made by what no rule knows
                return []
            given = maker.outputs[source[1]]
            alive = of(source)
            found.append(_moved(path.steps, given, _everywhere(given) if alive is None else alive))
    except _Lost:
        return []
    return found


def _is_followed(layer: Layer, edge: Edge) -> bool:
    """Tell whether a layer makes zero of zeros."""
    if (layer.extras.copies or layer.kind == "top_k") and edge[1]:
        return False
    return keeps_zeros(layer.whole, len(layer.inputs))


def _everywhere(spec: TensorSpec) -> Any:
    import numpy as np

    return np.ones((1,) * len(spec.shape), dtype=bool)


def _moved(path: Iterable[moves.Step], spec: TensorSpec, alive: Any) -> Any:
    """Carry an array over the steps from an input to the result."""
    shape = tuple(spec.shape)
    for step in path:
        move = _MOVES.get(type(step))
        if move is None:
            raise _Lost
        alive, shape = move(step, alive, shape)
        alive = thinned(alive)
    return alive


Moved = tuple[Any, tuple[Any, ...]]
"""The array behind a step, and the extents there."""


def _slide(step: moves.Slide, alive: Any, shape: tuple[Any, ...]) -> Moved:
    """An element counts where any does that its window reads."""
    import numpy as np

    axis, extent = step.axis % len(shape), shape[step.axis]
    after = (*shape[:axis], step.extent, *shape[axis + 1 :])
    if not (is_known(extent) and is_known(step.extent)) or step.window.slack != 0:
        raise _Lost
    if max(extent, step.extent) > LONGEST:
        raise _Lost
    same = alive.shape[axis] == 1
    rows = []
    for i in range(step.extent):
        taps = step.window.inside(i, extent)
        if same:
            rows.append(alive if len(taps) else np.zeros_like(alive))
        else:
            rows.append(alive.take(list(taps), axis=axis).any(axis=axis, keepdims=True))
    return (np.concatenate(rows, axis=axis) if rows else alive), after


def _contract(step: moves.Contract, alive: Any, shape: tuple[Any, ...]) -> Moved:
    """Every element reads the whole axis."""
    axis = step.axis % len(shape)
    return alive.any(axis=axis, keepdims=True), (*shape[:axis], step.extent, *shape[axis + 1 :])


def _grouped(step: moves.Grouped, alive: Any, shape: tuple[Any, ...]) -> Moved:
    """Take an axis of groups as if it were one of all: then more elements count, none fewer."""
    return _contract(moves.Contract(step.axis, step.extent), alive, shape)


def _mix(step: moves.Mix, alive: Any, shape: tuple[Any, ...]) -> Moved:
    return alive.any(axis=tuple(step.axes), keepdims=True), shape


def _reduce(step: moves.Reduce, alive: Any, shape: tuple[Any, ...]) -> Moved:
    axes = {axis % len(shape) for axis in step.axes}
    kept = tuple([1 if a in axes else n for a, n in enumerate(shape) if step.keep or a not in axes])
    return alive.any(axis=tuple(axes), keepdims=step.keep), kept


def _scan(step: moves.Scan, alive: Any, shape: tuple[Any, ...]) -> Moved:
    import numpy as np

    if not step.forward:
        alive = np.flip(alive, axis=step.axis)
    alive = np.logical_or.accumulate(alive, axis=step.axis)
    return (alive if step.forward else np.flip(alive, axis=step.axis)), shape


def _regroup(step: moves.Regroup, alive: Any, shape: tuple[Any, ...]) -> Moved:
    import numpy as np

    after = tuple(step.shape)
    if not all(map(is_known, (*shape, *after))) or prod(shape) != prod(after):
        raise _Lost
    if alive.size == 1:
        return alive.reshape((1,) * len(after)), after
    return np.broadcast_to(alive, shape).reshape(after), after


def _split(step: moves.Split, alive: Any, shape: tuple[Any, ...]) -> Moved:
    axis = step.axis % len(shape)
    return _regroup(moves.Regroup((*shape[:axis], *step.extents, *shape[axis + 1 :])), alive, shape)


def _merge(step: moves.Merge, alive: Any, shape: tuple[Any, ...]) -> Moved:
    axis, behind = step.axis, step.axis + step.number
    whole = prod(shape[axis:behind])
    return _regroup(moves.Regroup((*shape[:axis], whole, *shape[behind:])), alive, shape)


def _permute(step: moves.Permute, alive: Any, shape: tuple[Any, ...]) -> Moved:
    return alive.transpose(step.order), tuple([shape[axis] for axis in step.order])


def _insert(step: moves.Insert, alive: Any, shape: tuple[Any, ...]) -> Moved:
    import numpy as np

    alive = np.expand_dims(alive, tuple(step.axes))
    extents = iter(shape)
    places = {axis % alive.ndim for axis in step.axes}
    return alive, tuple([1 if axis in places else next(extents) for axis in range(alive.ndim)])


def _squeeze(step: moves.Squeeze, alive: Any, shape: tuple[Any, ...]) -> Moved:
    axes = {axis % len(shape) for axis in step.axes}
    return alive.squeeze(tuple(axes)), tuple([n for axis, n in enumerate(shape) if axis not in axes])


def _broadcast(step: moves.Broadcast, alive: Any, shape: tuple[Any, ...]) -> Moved:
    more = len(step.shape) - len(shape)
    return alive.reshape((1,) * more + alive.shape), tuple(step.shape)


def _place(step: moves.Place, alive: Any, shape: tuple[Any, ...]) -> Moved:
    """Elements count in one of the pieces of a concatenation; those of the others come from the others."""
    import numpy as np

    axis = step.axis % len(shape)
    after = (*shape[:axis], step.total, *shape[axis + 1 :])
    if not all(map(is_known, (step.before, step.extent, step.total))) or step.total > LONGEST:
        raise _Lost
    whole = np.zeros((*alive.shape[:axis], step.total, *alive.shape[axis + 1 :]), dtype=bool)
    at: list[Any] = [slice(None)] * len(shape)
    at[axis] = slice(step.before, step.before + step.extent)
    whole[tuple(at)] = alive
    return whole, after


def _hide(step: moves.Hide, alive: Any, shape: tuple[Any, ...]) -> Moved:
    """Elements count that a mask leaves."""
    return alive & elements_of(step.pattern, len(shape)), shape


def _at_most(step: moves.AtMost, alive: Any, shape: tuple[Any, ...]) -> Moved:
    return alive, shape


_MOVES: Final[Mapping[type, Callable[..., Moved]]] = {
    moves.Slide: _slide,
    moves.Contract: _contract,
    moves.Grouped: _grouped,
    moves.Mix: _mix,
    moves.Reduce: _reduce,
    moves.Scan: _scan,
    moves.Regroup: _regroup,
    moves.Split: _split,
    moves.Merge: _merge,
    moves.Permute: _permute,
    moves.Insert: _insert,
    moves.Squeeze: _squeeze,
    moves.Broadcast: _broadcast,
    moves.Place: _place,
    moves.Hide: _hide,
    moves.AtMost: _at_most,
}
"""How each step carries zeros; of the steps that are not here nothing is known."""
