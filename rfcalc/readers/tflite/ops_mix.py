"""Linear layers, matrix products, reductions, normalisation along axes."""

from __future__ import annotations

from rfcalc.algebra.number import equal, is_known, prod
from rfcalc.readers.lowering import mix
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.shape import reshape
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.readers.tflite.tensors import as_weight


@op("FULLY_CONNECTED", tells="features")
def fully_connected(operation: Operation) -> Values:
    """X, matrix (outputs, inputs), bias; X is cut into rows of inputs first, unless its axes are kept."""
    x, kernel, bias = operation[0], as_weight(operation[1]), operation.optional(2)
    if x.spec is None or kernel.spec is None:
        raise Blind
    if operation.integer("WeightsFormat"):
        return operation.unknown("its matrix is shuffled")
    if kernel.rank != 2:
        raise operation.wrong(f"takes a matrix, got a tensor of {kernel.rank} axes")
    features = kernel.shape[1]
    if not operation.flag("KeepNumDims") and (x.rank != 2 or equal(x.shape[-1], features) is False):
        if not is_known(features):
            raise Undecided
        x = _rows(operation, x, features)
    bias = None if bias is None else as_weight(bias)
    return operation.fused(mix.linear(operation, x, kernel, bias, features_last=True))


def _rows(operation: Operation, x: Value, features: int) -> Value:
    """Return a tensor as rows of so many elements."""
    total = prod(x.shape)
    if features < 1 or (is_known(total) and total % features):
        raise operation.wrong(f"a matrix for {features} features does not fit an input of {total} elements")
    count = total // features
    if x.constant:
        return reshape(operation, x, (count, features))[0]
    return reshape(operation.part("rows"), x, (count, features))[0]


@op("BATCH_MATMUL", tells="features")
def batch_matmul(operation: Operation) -> Values:
    """The product of two tensors, each transposed if so said."""
    swap = (operation.flag("AdjX"), operation.flag("AdjY"))
    return mix.matmul(operation, operation[0], operation[1], swap=swap)


_MODES = {
    "MEAN": "mean",
    "SUM": "sum",
    "REDUCE_PROD": "prod",
    "REDUCE_MAX": "max",
    "REDUCE_MIN": "min",
    "REDUCE_ANY": "any",
    "REDUCE_ALL": "all",
}


@op(*_MODES, spare=(1,))
def reduce(operation: Operation) -> Values:
    """Over the axes that an input names; over none of them it changes nothing."""
    x, axes = operation[0], operation.whole(1)
    if x.spec is None:
        raise Blind
    places = tuple(sorted({operation.place(axis, x.rank) for axis in axes}))
    if not places:
        return operation.skip(x)
    mode = _MODES[operation.op]
    return mix.reduce(operation, x, places, keepdims=operation.flag("KeepDims"), mode=mode)


@op("ARG_MAX", "ARG_MIN", spare=(1,))
def extreme_index(operation: Operation) -> Values:
    """The place of the largest or smallest element along one axis, which goes."""
    x, (axis, *_) = operation[0], operation.whole(1) or (0,)
    mode = operation.op.lower().replace("_", "")
    return mix.reduce(operation, x, (operation.place(axis, x.rank),), keepdims=False, mode=mode)


@op("SOFTMAX", "LOG_SOFTMAX", tells="same")
def softmax(operation: Operation) -> Values:
    """Along the last axis."""
    x = operation[0]
    return mix.softmax(operation, x, (operation.place(-1, x.rank),), operation.op.lower())


@op("L2_NORMALIZATION", tells="channels_last")
def l2_norm(operation: Operation) -> Values:
    """Each element by the length of the last axis."""
    x = operation[0]
    return operation.fused(operation.add("unit_norm", (x,), {"axes": (operation.place(-1, x.rank),)}))


@op("LOCAL_RESPONSE_NORMALIZATION", tells="channels_last")
def local_response(operation: Operation) -> Values:
    """Each element by its neighbours along the last axis, so many on both sides."""
    radius = operation.integer("Radius")
    if radius < 0:
        raise operation.wrong(f"a radius is not negative, got {radius}")
    return operation.add("local_response_norm", (operation[0],), {"size": 2 * radius + 1})


@op("TOPK_V2", spare=(1,))
def top_k(operation: Operation) -> Values:
    """The largest elements along the last axis, and their indices."""
    size = operation.numbers(1)
    if not size:
        raise operation.wrong("there is no k")
    return operation.add("top_k", (operation[0],), {"axis": -1, "size": size[0]})


@op("CUMSUM", tells="same", spare=(1,))
def cumulative(operation: Operation) -> Values:
    """Each element takes those before it along one axis."""
    x, (axis, *_) = operation[0], operation.whole(1) or (0,)
    attrs = {
        "axis": operation.place(axis, x.rank),
        "reverse": operation.flag("Reverse"),
        "exclusive": operation.flag("Exclusive"),
    }
    return operation.add("cumulative", (x,), attrs)


@op("EMBEDDING_LOOKUP", tells={0: "indices"})
def embedding_lookup(operation: Operation) -> Values:
    """Indices, table: a row of the table for each index."""
    indices, table = operation[0], as_weight(operation[1])
    return operation.add("gather", (table, indices), {"axis": 0, "unread": indices.constant})


@op("STABLEHLO_DOT_GENERAL", tells="features")
def dot_general(operation: Operation) -> Values:
    """A product over any axes: an Einstein sum."""
    x, y = operation[0], operation[1]
    pairs = [
        (operation.integers(f"Lhs{name}Dimensions") or (), operation.integers(f"Rhs{name}Dimensions") or ())
        for name in ("Batching", "Contracting")
    ]
    letters = [[chr(ord("a") + place) for place in range(x.rank)], [""] * y.rank]
    for left, right in pairs:
        if len(left) != len(right):
            raise operation.wrong("its two tensors name a different number of axes")
        for a, b in zip(left, right, strict=True):
            letters[1][operation.place(b, y.rank)] = letters[0][operation.place(a, x.rank)]
    if x.rank + y.rank > 26:
        raise operation.wrong("there are too many axes")
    letters[1] = [each or chr(ord("a") + x.rank + place) for place, each in enumerate(letters[1])]
    batch = [letters[0][a] for a in pairs[0][0]]
    summed = {letters[0][a] for a in pairs[1][0]}
    free = [each for each in (*letters[0], *letters[1]) if each not in summed and each not in batch]
    equation = f"{''.join(letters[0])},{''.join(letters[1])}->{''.join((*batch, *free))}"
    return mix.einsum(operation, (x, y), equation)
