"""Lookups, writing into tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.jaxpr.ops_elementwise import without_weights
from rfcalc.readers.jaxpr.ops_shape import sliced
from rfcalc.readers.jaxpr.program import SINGLE
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.records import NamedTuple

MOST_PLACES: Final = 4096
"""Elements of an axis into which single ones are written."""

MOST_TAKEN: Final = 1 << 16
"""Indices of one axis that are taken one by one."""

_COMPUTED: Final = "which elements are looked up is computed"


# ---- blocks ------------------------------------------------------------------------------------------------


@op("dynamic_slice")
def dynamic_slice(operation: Operation) -> Values:
    """A block that starts where scalars say."""
    x, sizes = operation[0], operation.integers("slice_sizes")
    starts = _starts(operation, x, sizes, 1)
    if starts is None:
        moving = [value for value in operation.given if value.edge is not None]
        return operation.cover(moving, "where a slice starts is computed")
    return sliced(operation, x, starts, [s + n for s, n in zip(starts, sizes, strict=True)], [1] * x.rank)


def _starts(operation: Operation, x: Value, sizes: Sequence[int], first: int) -> list[int] | None:
    """Return where a block starts, moved as JAX does so that it lies inside; None where that is computed.

    Along an axis that is taken whole it does not matter what the scalar is.
    """
    found = []
    for axis, size in enumerate(sizes):
        extent = x.shape[axis]
        if size == extent:
            found.append(0)
            continue
        try:
            start = int(operation.elements(first + axis))
        except Undecided:
            return None
        found.append(min(max(start, 0), extent - size))
    return found


@op("dynamic_update_slice")
def dynamic_update(operation: Operation) -> Values:
    """A block that starts where scalars say is replaced."""
    x, update = operation[0], operation[1]
    starts = _starts(operation, x, update.shape, 2)
    moving = [value for value in operation.given if value.edge is not None]
    if starts is None or max(x.shape, default=0) > MOST_PLACES:
        return operation.cover(moving, "where a slice is written is computed")
    cut = [axis for axis in range(x.rank) if update.shape[axis] != x.shape[axis]]
    if x.constant and update.constant:
        return operation.fresh()
    return (_written(operation, x, update, starts, cut),)


def _written(operation: Any, x: Value, update: Value, starts: Sequence[int], cut: Sequence[int]) -> Value:
    """Put a block in its place, axis by axis: in the rows that it lies in, and these in the whole."""
    if not cut:
        return update
    axis, *inner = cut
    start, size = starts[axis], update.shape[axis]
    places = range(start, start + size)
    if inner:
        (rows,) = moves.cut(operation.part("rows"), x, ((axis, start, start + size, 1),))
        update = _written(operation.part("inner"), rows, update, starts, inner)
    (made, *_) = moves.overwrite(operation, x, update, axis, places)
    return made


# ---- lookups -----------------------------------------------------------------------------------------------


class _Lookup(NamedTuple):
    """How a gather or scatter counts axes.

    Parameters
    ----------
    offset : tuple of int
        Axes of the result that count within a block.
    collapsed : tuple of int
        Axes of the operand that a block has one element of, and that go.
    batching : tuple of (int, int)
        Axes of the operand, and of the indices, that go along.
    start : tuple of int
        Axes of the operand that indices say where blocks start along.
    sizes : tuple of int
        Extents of a block.
    """

    offset: tuple[int, ...]
    collapsed: tuple[int, ...]
    batching: tuple[tuple[int, int], ...]
    start: tuple[int, ...]
    sizes: tuple[int, ...]


def _lookup(operation: Operation) -> _Lookup:
    numbers = operation.params["dimension_numbers"]
    pairs = zip(
        getattr(numbers, "operand_batching_dims", ()),
        getattr(numbers, "start_indices_batching_dims", ()),
        strict=True,
    )
    return _Lookup(
        tuple(numbers.offset_dims),
        tuple(numbers.collapsed_slice_dims),
        tuple(pairs),
        tuple(numbers.start_index_map),
        operation.integers("slice_sizes"),
    )


@op("gather")
def gather(operation: Operation) -> Values:
    """Blocks of a tensor, from where indices say."""
    x, indices, how = operation[0], without_weights(operation[1]), _lookup(operation)
    if indices.constant:
        return _picked(operation, x, indices, how)
    if x.constant and not x.weights and x.data is not None:
        return (
            operation.cover((indices,), "elements of a table are looked up")
            if x.rank > 1
            else _one(operation, indices)
        )
    axis = _plain_axis(x, how, len(operation.shape))
    if axis is not None:
        (index,) = moves.squeeze(operation.part("index"), indices, (-1,))
        return operation.add("gather", (x, index), {"axis": axis})
    if len(how.batching) == x.rank - 1 and len(how.start) == 1 and not how.offset:
        (index,) = moves.squeeze(operation.part("index"), indices, (-1,))
        if index.rank == x.rank:
            return operation.add("gather_elements", (x, index), {"axis": how.start[0]})
    return operation.cover([v for v in (x, indices) if v.edge is not None], _COMPUTED)


def _one(operation: Operation, indices: Value) -> Values:
    """Look up one number for each index."""
    (index,) = moves.squeeze(operation.part("index"), indices, (-1,))
    return operation.add("activation", (index,), {"function": "lookup"})


def _plain_axis(x: Value, how: _Lookup, rank: int) -> int | None:
    """Return the axis of which whole slices are looked up, those of the indices in its place; or None."""
    if len(how.start) != 1 or how.collapsed != how.start or how.batching:
        return None
    (axis,) = how.start
    if any(size != x.shape[place] for place, size in enumerate(how.sizes) if place != axis):
        return None
    behind = x.rank - 1 - axis
    expected = (*range(axis), *range(rank - behind, rank))
    return axis if how.offset == expected else None


def _picked(operation: Operation, x: Value, indices: Value, how: _Lookup) -> Values:
    """Pick by constant indices, one axis of the operand after the other, where these form a grid.

    For each axis of the operand there is a list of indices, along axes of the result that are its own.
    """
    import numpy as np

    if indices.data is None or x.constant:
        return operation.fresh() if x.constant else operation.cover((x,), _COMPUTED)
    data = np.asarray(indices.data)
    rank = len(operation.shape)
    outer = [place for place in range(rank) if place not in how.offset]
    inner = [d for d in range(x.rank) if d not in how.collapsed and d not in dict(how.batching)]
    lists: list[tuple[list[int], Any]] = []
    for axis in range(x.rank):
        start = np.zeros((1,) * len(outer), dtype=int)
        if axis in how.start:
            start = data[..., how.start.index(axis)]
            start = _inside(operation, start, x.shape[axis] - how.sizes[axis])
        elif axis in dict(how.batching):
            place = dict(how.batching)[axis]
            shape = [1] * len(outer)
            shape[place] = x.shape[axis]
            start = np.arange(x.shape[axis]).reshape(shape)
        lists.append(_along(start, outer, how, axis, inner))
    return _grid(operation, x, lists)


def _inside(operation: Operation, start: Any, most: int) -> Any:
    """Return where blocks start, moved inside as the call says.

    Raises
    ------
    Undecided
        Some lie outside, and what stands there is filled in.
    """
    import numpy as np

    outside = bool(((start < 0) | (start > most)).any())
    if outside and "CLIP" not in str(operation.params.get("mode")).upper():
        raise Undecided
    return np.clip(start, 0, most)


def _along(
    start: Any, outer: Sequence[int], how: _Lookup, axis: int, inner: Sequence[int]
) -> tuple[list[int], Any]:
    """Return the axes of the result along which an axis of the operand moves, and its indices there."""
    import numpy as np

    places = []
    for k, place in enumerate(outer):
        first = start.take([0], axis=k)
        if start.shape[k] > 1 and (start != first).any():
            places.append(place)
        else:
            start = first
    flat = start.reshape([extent for k, extent in enumerate(start.shape) if outer[k] in places])
    if axis in inner:
        places.append(how.offset[inner.index(axis)])
        flat = flat[..., None] + np.arange(how.sizes[axis])
    return places, flat


def _grid(operation: Operation, x: Value, lists: Sequence[tuple[list[int], Any]]) -> Values:
    """Add what takes the indices of each axis, and puts these where the result has them.

    Raises
    ------
    Undecided
        Two axes of the operand move along one of the result.
    """
    target = operation.shape
    used = [place for its, _ in lists for place in its]
    if len(set(used)) < len(used) or any(flat.size > MOST_TAKEN for _, flat in lists):
        moving = [value for value in operation.given if value.edge is not None]
        return operation.cover(moving, "elements are looked up along several axes at once")
    stages: list[Stage] = []
    for axis, (_, flat) in enumerate(lists):
        numbers = tuple(int(each) for each in flat.reshape(-1))
        if numbers != tuple(range(x.shape[axis])):
            stages.append(_taken(axis, numbers))
    apart = tuple(extent for its, flat in lists for extent in (flat.shape if its else (1,)))
    if apart != tuple(flat.size for _, flat in lists):
        stages.append(Stage("reshape", {"shape": apart}))
    places: list[int | None] = []
    for its, _ in lists:
        places += its or [None]
    stages += _settled(places, target)
    if not stages:
        return (x,)
    (first, *then) = stages
    return operation.add(first.kind, (x,), first.attrs, Extras(then=tuple(then)))


def _taken(axis: int, numbers: tuple[int, ...]) -> Stage:
    """Return what picks indices of an axis: a slice, where they are evenly apart."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    if step > 0 and numbers == tuple(range(numbers[0], numbers[-1] + 1, step)):
        return Stage("slice", {"slices": ((axis, numbers[0], numbers[-1] + 1, step),)})
    return Stage("take", {"axis": axis, "indices": numbers})


def _settled(places: Sequence[int | None], target: tuple[int, ...]) -> list[Stage]:
    """Return what brings axes, some of which go, to their places in a result, where others are new."""
    stages = []
    gone = tuple(k for k, place in enumerate(places) if place is None)
    kept = [place for place in places if place is not None]
    if gone:
        stages.append(Stage("squeeze", {"axes": gone}))
    order = tuple(sorted(range(len(kept)), key=kept.__getitem__))
    if order != tuple(range(len(order))):
        stages.append(Stage("permute", {"order": order}))
    new = tuple(place for place in range(len(target)) if place not in kept)
    if new:
        stages.append(Stage("expand_dims", {"axes": new}))
        if any(target[place] != 1 for place in new):
            stages.append(Stage("broadcast_to", {"shape": target}))
    return stages


# ---- writing -----------------------------------------------------------------------------------------------


@op("scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter_mul", "scatter_min", "scatter_max")
@op("scatter_sub", "scatter-sub", "scatter-apply", "scatter-min", "scatter-max")
def scatter(operation: Operation) -> Values:
    """Blocks are written into a tensor, where indices say."""
    x, indices, update = operation[0], operation[1], operation[2]
    replaces = operation.op == "scatter" and _is_replacing(operation.params.get("update_jaxpr"))
    found = _places(operation, x, indices, update) if replaces else None
    if found is not None:
        axis, places, turned = found
        return moves.overwrite(operation, x, turned, axis, places)
    others = [without_weights(indices), update]
    moving = [value for value in others if not value.constant]
    attrs = {"adds": _leaves(operation, update)}
    return operation.add("scatter", (x, *moving), attrs, weights=() if x.constant and moving else others)


def _is_replacing(body: Any) -> bool:
    """Tell whether what is written takes the place of what was there, as it does where no function is."""
    return body is None or (not body.eqns and body.outvars[0] is body.invars[1])


def _leaves(operation: Operation, update: Value) -> bool:
    """Tell whether every element still depends on itself, whatever is written on top of it.

    Not where it is replaced, where zeros or infinity are, or where a function is applied to it that may be
    any. Without known elements a constant counts as weights.
    """
    import numpy as np

    if operation.op in ("scatter", "scatter-apply"):
        body = operation.params.get("update_jaxpr")
        return body is not None and _is_chain(body)
    if update.edge is not None or update.weights or update.data is None:
        return True
    data = np.asarray(update.data)
    return bool(np.isfinite(data).all() and (data.all() or not operation.op.endswith("mul")))


def _is_chain(body: Any) -> bool:
    """Tell whether a result is functions of single elements, one after the other, of the first operand."""
    now = body.invars[0]
    for eqn in body.eqns:
        if eqn.primitive.name not in SINGLE or eqn.invars[0] is not now:
            return False
        now = eqn.outvars[0]
    return body.outvars[0] is now


def _places(
    operation: Operation, x: Value, indices: Value, update: Value
) -> tuple[int, list[int], Value] | None:
    """Return the axis, the places along it, and what is written there; None for all else."""
    import numpy as np

    numbers = operation.params["dimension_numbers"]
    start = tuple(numbers.scatter_dims_to_operand_dims)
    batching = getattr(numbers, "operand_batching_dims", None) or ()
    if len(start) != 1 or batching or indices.data is None or (x.constant and update.constant):
        return None
    axis, extent = start[0], x.shape[start[0]]
    data = [int(each) for each in np.asarray(indices.data).reshape(-1)]
    arranged = _arranged(numbers, axis, data, x, update)
    if arranged is None or extent > MOST_PLACES:
        return None
    places, order = arranged
    if len(set(places)) < len(places) or not all(0 <= place < extent for place in places):
        return None
    turned = update
    if order != tuple(range(len(order))):
        (turned,) = moves.permute(operation.part("update"), turned, order)
    if len(order) == x.rank - 1:
        (turned,) = moves.unsqueeze(operation.part("row"), turned, (axis,))
    whole = [n for place, n in enumerate(x.shape) if place != axis]
    fits = [n for place, n in enumerate(turned.shape) if place != axis] == whole
    return (axis, places, turned) if fits else None


def _arranged(
    numbers: Any, axis: int, data: list[int], x: Value, update: Value
) -> tuple[list[int], tuple[int, ...]] | None:
    """Return which indices of an axis are written, and how the axes of what is written there are ordered.

    None where it is neither single ones nor one run of them.
    """
    inserted, window = tuple(numbers.inserted_window_dims), tuple(numbers.update_window_dims)
    outer = [place for place in range(update.rank) if place not in window]
    if inserted == (axis,) and len(outer) <= 1:
        return data, (*window[:axis], *outer, *window[axis:])
    if not inserted and len(data) == 1 and len(window) == update.rank == x.rank:
        return list(range(data[0], data[0] + update.shape[axis])), tuple(range(update.rank))
    return None
