"""Products of tensors, reductions, softmax, transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rfcalc.graph.layer import CHANNEL, Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.lowering import mix
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@op("dot_general")
def product(operation: Operation) -> Values:
    """Some axes are contracted, others go along; results have those first, then those of each operand."""
    x, y = operation[0], operation[1]
    (left, right), (left_batch, right_batch) = operation.params["dimension_numbers"]
    bias = operation.given[2] if len(operation.given) > 2 else None
    learned = y.constant and (bool(y.weights) or y.data is None)
    if not left_batch and not x.constant and learned and y.rank == 2 and len(left) == 1 and x.rank > 1:
        return _linear(operation, x, y, bias, (left[0], right[0]))
    letters = iter(_LETTERS)
    mine = [next(letters) for _ in range(x.rank)]
    theirs = [next(letters) for _ in range(y.rank)]
    for a, b in (*zip(left, right, strict=True), *zip(left_batch, right_batch, strict=True)):
        theirs[b] = mine[a]
    lead = [mine[place] for place in left_batch]
    gone = {*lead, *(mine[place] for place in left)}
    out = lead + [each for each in (*mine, *theirs) if each not in gone]
    equation = f"{''.join(mine)},{''.join(theirs)}->{''.join(out)}"
    inputs = [_matrix(x, y, left, right), _matrix(y, x, right, left)]
    if bias is None:
        return mix.einsum(operation, inputs, equation)
    return operation.add("einsum", inputs, {"equation": equation}, weights=(bias,))


def _matrix(value: Value, other: Value, mine: Sequence[int], theirs: Sequence[int]) -> Value:
    """Return a constant with roles for its axes: features, as those of weights are.

    What a known matrix makes of one axis is again what that axis was: positions, where it resizes a map.
    """
    if not value.constant or value.spec is None:
        return value
    role = CHANNEL
    if value.data is not None and not value.weights and other.spec is not None and len(mine) == 1:
        role = other.spec.axes[theirs[0]]
    return replace(value, spec=replace(value.spec, axes=role * value.rank))


def _linear(
    operation: Operation, x: Value, kernel: Value, bias: Value | None, contracted: tuple[int, int]
) -> Values:
    """Add a product of one axis with a matrix; the features come last."""
    mine, theirs = contracted
    if mine == x.rank - 1:
        return mix.linear(operation, x, kernel, bias, features_last=theirs == 1)
    order = (*(place for place in range(x.rank) if place != mine), mine)
    prepare = ((0, (Stage("permute", {"order": order}),)),)
    attrs = {"units": kernel.shape[1 - theirs]}
    return operation.add("linear", (x,), attrs, Extras(prepare), weights=(kernel, bias))


_REDUCTIONS = {
    **{"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"},
    **{"reduce_and": "all", "reduce_or": "any", "reduce_xor": "xor", "argmax": "argmax", "argmin": "argmin"},
}


@op(*_REDUCTIONS)
def reduce(operation: Operation) -> Values:
    """Over given axes, which go."""
    axes = operation.integers("axes")
    x = operation[0]
    if not axes:
        return (x,)
    return mix.reduce(operation, x, axes, keepdims=False, mode=_REDUCTIONS[operation.op])


@op("reduce")
def reduce_by(operation: Operation) -> Values:
    """Several tensors over the same axes, by any function."""
    if len(operation.call.outputs) > 1:
        return operation.cover(operation.given, "a reduction of several tensors is not followed")
    axes = operation.integers("dimensions")
    return mix.reduce(operation, operation[0], axes, keepdims=False, mode="reduce")


@op("softmax", tells="same")
def softmax(operation: Operation) -> Values:
    """What the reader has recognised as one."""
    params = operation.params
    return mix.softmax(operation, operation[0], params["axes"], params["function"])


@op("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp", tells="same")
def cumulative(operation: Operation) -> Values:
    """Each element takes those before it along one axis."""
    attrs = {"axis": operation.integer("axis"), "reverse": bool(operation.params["reverse"])}
    made = operation.add("cumulative", (operation[0],), attrs)
    if "log" in operation.op:
        operation.builder.bias(made)  # a sum of exp(0) is not 0
    return made


@op("sort")
def sort(operation: Operation) -> Values:
    """Along one axis; what is sorted by another tensor goes where that says."""
    if len(operation.given) > 1:
        return _sorted_together(operation)
    axis = operation.integer("dimension")
    attrs = {"axis": axis, "size": operation.shape[axis], "indices": False}
    return operation.add("top_k", (operation[0],), attrs)


def _sorted_together(operation: Operation) -> Values:
    """Sort tensors by the first of them, along the same axis."""
    axis = operation.integer("dimension")
    moving = [value for value in operation.given if value.edge is not None]
    if not moving:
        return operation.fresh()
    then = (Stage("top_k", {"axis": axis, "size": operation.shape[axis], "indices": False}),)
    made: list[Value] = []
    for place in range(len(operation.given)):
        one = operation.only(place)
        attrs = {"function": "sort"}
        made += one.add("elementwise", moving, attrs, Extras(then=then))
    return tuple(made)


@op("top_k", "approx_top_k")
def top(operation: Operation) -> Values:
    """The largest elements along one axis, and where they were."""
    params = operation.params
    axis = int(params.get("axis", params.get("reduction_dimension", -1))) % operation[0].rank
    attrs = {"axis": axis, "size": operation.shape[axis], "indices": False}
    return operation.add("top_k", (operation[0],), attrs, Extras(copies=len(operation.call.outputs) - 1))


@op("fft")
def fourier(operation: Operation) -> Values:
    """Every frequency takes the whole of the last axes."""
    x, target = operation[0], operation.shape
    count = len(operation.params["fft_lengths"])
    stages = [
        Stage("top_k", {"axis": axis, "size": target[axis], "indices": False})
        for axis in range(x.rank - count, x.rank)
    ]
    (first, *then) = stages
    return operation.add(first.kind, (x,), first.attrs, Extras(then=tuple(then)))


_WHOLE = (
    *("cholesky", "eig", "eigh", "geqrf", "householder_product", "lu", "lu_pivots_to_permutation", "qr"),
    *("schur", "svd", "triangular_solve", "tridiagonal_solve", "linear_solve", "custom_linear_solve"),
)


@op(*_WHOLE)
def algebra(operation: Operation) -> Values:
    """Linear algebra of whole matrices."""
    if all(value.constant for value in operation.given):
        raise Undecided
    return operation.cover(operation.given, f"what {operation.op} reads is only bounded")


def contracts(call: Any, place: int) -> int | None:
    """Return the one axis of an operand that a product contracts; None where there are more, or none."""
    axes = call.params["dimension_numbers"][0][place]
    return int(axes[0]) if len(axes) == 1 else None
