"""Lookups, scattering, sorting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rfcalc.algebra.number import Num, equal, is_known
from rfcalc.graph.layer import CHANNEL, Extras, Stage, TensorSpec
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import default_axes
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.torch.operation import Operation, op


def without_weights(value: Value) -> Value:
    """Return a constant of which no parameter is left, since only what it decides matters."""
    return replace(value, weights=()) if value.constant else value


_UNREAD = "which elements a stored index chooses is not known"


def _looked_up(operation: Operation, x: Value, indices: Value, axis: int) -> Values:
    """Look up along an axis; a constant whose elements are not at hand may choose any."""
    if indices.constant and indices.data is None and not x.constant:
        return operation.cover((x,), _UNREAD)
    return moves.gather(operation, x, indices, axis)


@op("embedding", tells="indices")
def embedding(operation: Operation) -> Values:
    """Rows of a table."""
    return moves.gather(operation, operation["weight"], operation["indices"], 0)


@op("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only", tells="indices")
def embedding_bag(operation: Operation) -> Values:
    """Rows of a table, added up bag by bag."""
    table, indices = operation["weight"], operation["indices"]
    shape = operation.recorded[0]
    reason = "which indices a bag holds is not followed"
    attrs = {"shape": shape, "axes": default_axes(len(shape)), "reason": reason}
    made = operation.add("cover", (indices,), attrs, weights=(table,))
    return (*made, *operation.fresh()[1:])


@op("index_select")
def index_select(operation: Operation) -> Values:
    """Given indices of one axis."""
    x = operation["self"]
    axis = operation.axis("dim", x.rank)
    return _looked_up(operation, x, without_weights(operation["index"]), axis)


@op("gather", "take_along_dim")
def gather_elements(operation: Operation) -> Values:
    """Along one axis, with an index for each element."""
    x, index = operation["self"], operation["index" if "index" in operation.call.args else "indices"]
    if operation.raw("dim") is None or x.rank != index.rank:
        return operation.cover(operation.given, "which elements are looked up is not followed")
    if index.constant and not x.constant:
        return _chosen(operation, x, index, operation.axis("dim", x.rank))
    attrs = {"axis": operation.axis("dim", x.rank)}
    return operation.add("gather_elements", (x, without_weights(index)), attrs)


def _chosen(operation: Operation, x: Value, index: Value, axis: int) -> Values:
    """Look up along an axis by a constant index for each element.

    Where other channels choose other elements, a place reads what any of them chooses, since channels are
    not told apart; where other positions do, a bound is left.
    """
    data = index.data
    if data is None or x.spec is None or data.dtype.kind not in "iu" or not data.size:
        return operation.cover((x,), "which elements a stored index chooses is not followed")
    turned = data.swapaxes(0, axis)
    lines = turned.reshape(len(turned), -1)
    others = [place for place in range(x.rank) if place != axis]
    varies = [place for place in others if (data != data.take([0], axis=place)).any()]
    if any(x.spec.axes[place] != CHANNEL for place in varies):
        return operation.cover((x,), "other positions look up other elements, which is not followed")
    rows = [tuple(sorted({int(each) for each in line})) for line in lines]
    indices = tuple(rows if varies else (row[0] for row in rows))
    fewer = [
        (place, 0, index.shape[place], 1)
        for place in others
        if index.shape[place] != 1 and equal(index.shape[place], x.shape[place]) is False
    ]
    then = (Stage("slice", {"slices": tuple(fewer)}),) if fewer else ()
    attrs = {"axis": axis, "indices": indices}
    return operation.add("take", (x,), attrs, Extras(then=then))


@op("index", "_unsafe_index")
def index(operation: Operation) -> Values:
    """Lookup along several axes at once; a grid of constant indices is followed axis by axis."""
    x = operation["self"]
    raw = operation.call.args["indices"]
    found = {
        axis: _numbered(without_weights(operation.as_value(each)))
        for axis, each in enumerate(raw)
        if each is not None
    }
    if len(found) == 1:
        ((axis, indices),) = found.items()
        if indices.spec is not None and indices.spec.dtype not in ("bool", "uint8"):
            return _looked_up(operation, x, indices, axis)
    pairs = _along_channels(x, found)
    if pairs is not None:
        place, moving, chosen = pairs
        reduced = Extras(then=(Stage("reduce", {"axes": (place,)}),))
        attrs = {"axis": moving, "indices": chosen}
        return operation.add("take", (x,), attrs, reduced)
    separate = _grid(found)
    if separate is None or x.spec is None:
        return operation.cover((x, *found.values()), "which elements are looked up is not followed")
    (first, numbers), *others = separate.items()
    then = tuple(Stage("take", {"axis": axis, "indices": each}) for axis, each in others)
    attrs = {"axis": first, "indices": numbers}
    return operation.add("take", (x,), attrs, Extras(then=then))


def _numbered(value: Value) -> Value:
    """Return a mask along one axis as the indices that it keeps."""
    if value.data is None or value.spec is None or value.data.dtype.kind != "b" or value.data.ndim != 1:
        return value
    kept = value.data.nonzero()[0]
    return Value(TensorSpec((len(kept),), value.spec.axes, "int64"), data=kept)


def _along_channels(x: Value, found: dict[int, Value]) -> tuple[int, int, tuple[int, ...]] | None:
    """Return the places of channels and positions, and the indices of the latter.

    That is where a channel and a position are chosen together, one pair for each element of the result.
    """
    if len(found) != 2 or x.spec is None:
        return None
    (first, a), (second, b) = found.items()
    if second != first + 1 or a.data is None or b.data is None or not 1 == a.data.ndim == b.data.ndim:
        return None
    if a.data.shape != b.data.shape or CHANNEL not in (x.spec.axes[first], x.spec.axes[second]):
        return None
    place, axis, data = (first, second, b.data) if x.spec.axes[first] == CHANNEL else (second, first, a.data)
    extent = x.shape[axis]
    if data.dtype.kind not in "iu" or not is_known(extent):
        return None
    return place, axis, tuple(int(index) % extent for index in data)


def _grid(found: dict[int, Value]) -> dict[int, tuple[int, ...]] | None:
    """Return the indices of each axis, where they are a grid on neighbouring axes; None where not."""
    axes = list(found)
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        return None
    rank = len(axes)
    separate: dict[int, tuple[int, ...]] = {}
    for k, (axis, value) in enumerate(found.items()):
        if value.data is None or value.spec is None or value.spec.dtype == "bool" or value.rank > rank:
            return None
        shape = (1,) * (rank - value.rank) + value.shape
        if any(not is_known(extent) or (extent != 1 and place != k) for place, extent in enumerate(shape)):
            return None
        separate[axis] = tuple(int(each) for each in value.data.reshape(-1))
    return separate


_ADDING = frozenset(f"aten.{name}" for name in ("index_add", "index_reduce", "scatter_add", "scatter_reduce"))
"""What is there goes into the result; else the updates replace it."""


@op("index_put", "_unsafe_index_put", "index_add", "index_copy", "index_fill", "scatter", "scatter_add")
@op("scatter_reduce", "masked_scatter", "put", "index_reduce")
def scatter(operation: Operation) -> Values:
    """Updates written into a tensor."""
    x = operation["self"]
    found = _places_of(operation, x)
    if found is not None:
        axis, places, update = found
        return moves.overwrite(operation, x, update, axis, places)
    others = [value for value in operation.given if value is not x]
    moving = [value for value in others if not value.constant]
    adds = operation.op in _ADDING and operation.flag("include_self", True)
    attrs = {"adds": adds or operation.flag("accumulate")}
    return operation.add("scatter", (x, *moving), attrs, weights=() if x.constant and moving else others)


def block_of(operation: Operation, x: Value) -> tuple[int, Sequence[int], bool] | None:
    """Return the axis and the places that a slice or a choice of one index takes, and whether the axis goes.

    None where that is not known, or something else is done.
    """
    name = operation.op.partition(".")[2].removesuffix("_scatter")
    if name not in ("slice", "select") or x.spec is None:
        return None
    axis = operation.axis("dim", x.rank, 0)
    extent = x.shape[axis]
    if not is_known(extent) or extent > MOST_PLACES:
        return None
    if name == "select":
        return axis, (operation.integer("index") % int(extent),), True
    bounds = [operation.raw(name) for name in ("start", "end", "step")]
    if not all(bound is None or is_known(bound) for bound in bounds):
        return None
    return axis, range(*slice(*bounds).indices(int(extent))), False


def _places_of(operation: Operation, x: Value) -> tuple[int, Sequence[int], Value] | None:
    """Return the axis, the places along it, and what replaces what is there; None for all else."""
    if x.spec is None or operation.flag("accumulate"):
        return None
    if operation.op in ("aten.index_fill", "aten.index_copy"):
        axis, index = operation.axis("dim", x.rank), operation["index"]
        update = operation["value" if operation.op == "aten.index_fill" else "source"]
    elif operation.op in ("aten.index_put", "aten._unsafe_index_put"):
        given = [(axis, each) for axis, each in enumerate(operation.call.args["indices"]) if each is not None]
        if len(given) != 1:
            return None
        ((axis, raw),) = given
        index, update = operation.as_value(raw), operation["values"]
    else:
        return None
    data, extent = _numbered(index).data, x.shape[axis]
    if not index.constant or data is None or data.dtype.kind not in "iu" or data.ndim != 1:
        return None
    if not is_known(extent) or extent > MOST_PLACES:
        return None
    places = [int(place) % int(extent) for place in data]
    return (axis, places, update) if len(set(places)) == len(places) else None


MOST_PLACES: Final = 4096
"""Elements of an axis into which single ones are written."""


@op("slice_scatter", "select_scatter", "diagonal_scatter", "as_strided_scatter")
def write(operation: Operation) -> Values:
    """A block of one tensor is replaced by another."""
    x, update = operation["self"], operation["src"]
    block = block_of(operation, x)
    if block is not None:
        axis, places, drop = block
        return moves.overwrite(operation, x, update, axis, places, drop=drop)
    moving = [update] if not update.constant else []
    return operation.add("scatter", (x, *moving))


@op("topk", "sort", "argsort", "msort", "kthvalue", "median", "mode", "nanmedian")
def ordered(operation: Operation) -> Values:
    """Elements in order along one axis, and where they were."""
    x = operation["self"]
    if operation.overload == "default" and operation.op in ("aten.median", "aten.nanmedian"):
        return operation.add("reduce", (x,), {"axes": "all", "mode": "median"})
    axis = operation.axis("dim", x.rank, -1)
    shape = operation.recorded[0]
    kept = len(shape) == x.rank
    attrs = {"axis": axis, "size": shape[axis] if kept else 1, "indices": False}
    extras = Extras(then=() if kept else (Stage("squeeze", {"axes": (axis,)}),), copies=operation.copies)
    return operation.add("top_k", (x,), attrs, extras)


@op("nonzero", "unique_dim", "_unique2", "unique_consecutive", "bincount", "nonzero_numpy", "histc")
def chosen(operation: Operation) -> Values:
    """Elements that the values themselves choose."""
    return operation.cover(
        operation.given, f"which elements {operation.node.op} keeps depends on their values"
    )


@op("one_hot")
def one_hot(operation: Operation) -> Values:
    """A new last axis of classes."""
    size: Num = operation.recorded[0][-1]
    return operation.add("one_hot", (operation["self"],), {"size": size})


@op("bucketize", "searchsorted")
def bucketize(operation: Operation) -> Values:
    """For each element a place among boundaries, which may be computed themselves."""
    x = operation["self"]
    if any(value is not x and not value.constant for value in operation.given):
        return operation.cover(operation.given, "boundaries are computed")
    made = operation.add("identity", (x,))
    operation.builder.bias(made)  # the place of 0 is any
    return made


@op("nms", "_batched_nms", domain="torchvision")
def suppression(operation: Operation) -> Values:
    """Indices of boxes; how many are left depends on their scores."""
    return operation.cover(operation.given, "which boxes are kept depends on all of them")


@op("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", domain="torchvision", tells="window")
def region_pool(operation: Operation) -> Values:
    """A small map for each of the regions that an input gives."""
    return operation.cover(operation.given, "where regions lie is computed")
