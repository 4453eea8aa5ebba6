"""Linear layers, matrix products, attention, reductions."""

from __future__ import annotations

from typing import Any

from rfcalc.algebra.number import is_known
from rfcalc.graph.layer import Stage
from rfcalc.readers.lowering import mix
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op


def fused(operation: Operation) -> tuple[Stage, ...]:
    """Return the activation that is fused into an operation, as a further stage."""
    name = operation.attributes.get("activation")
    return (Stage("activation", {"function": str(name)}),) if name else ()


@op("Gemm", tells="features")
@op("FusedGemm", domain=MICROSOFT, tells="features")
def gemm(operation: Operation) -> Values:
    """A, B, C: alpha A B + beta C, each of A and B transposed if so said."""
    a, b, c = operation[0], operation[1], operation.optional(2)
    if a.rank != 2 or b.rank != 2:
        raise operation.wrong(f"takes matrices, got tensors of {a.rank} and {b.rank} axes")
    swap = (bool(operation.integer("transA", 0)), bool(operation.integer("transB", 0)))
    if c is not None:
        c = mix.scaled(operation, c, operation.attributes.get("beta", 1.0))
    return mix.matmul(operation, a, b, c, swap=swap)


@op("MatMul", tells="features")
def matmul(operation: Operation) -> Values:
    """The product of A and B."""
    return mix.matmul(operation, operation[0], operation[1])


@op("FusedMatMul", "TransposeMatMul", domain=MICROSOFT, tells="features")
def fused_matmul(operation: Operation) -> Values:
    """The product of A and B, each transposed if so said."""
    if operation.integer("transBatchA", 0) or operation.integer("transBatchB", 0):
        return operation.unknown()
    swap = (bool(operation.integer("transA", 0)), bool(operation.integer("transB", 0)))
    return mix.matmul(operation, operation[0], operation[1], swap=swap)


@op("Einsum")
def einsum(operation: Operation) -> Values:
    """An Einstein summation, of any number of tensors."""
    return mix.einsum(operation, operation.given, operation.text("equation", ""))


_REDUCTIONS = tuple(
    f"Reduce{name}"
    for name in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
)


@op(*_REDUCTIONS)
def reduce(operation: Operation) -> Values:
    """Over axes that are an attribute or an input, or over all."""
    axes = operation.either(1, "axes")
    if not axes and operation.integer("noop_with_empty_axes", 0):
        return operation.skip(operation[0])
    return mix.reduce(
        operation,
        operation[0],
        axes or None,
        keepdims=bool(operation.integer("keepdims", 1)),
        mode=operation.op.removeprefix("Reduce").lower(),
    )


@op("ArgMax", "ArgMin")
def extreme_index(operation: Operation) -> Values:
    """The place of the largest or smallest element along one axis."""
    return mix.reduce(
        operation,
        operation[0],
        (operation.integer("axis", 0),),
        keepdims=bool(operation.integer("keepdims", 1)),
        mode=operation.op.lower(),
    )


@op("Softmax", "LogSoftmax", "Hardmax", tells="same")
def softmax(operation: Operation) -> Values:
    """Along one axis; before version 13 over all axes from one on."""
    x = operation[0]
    if x.spec is None:
        raise Blind
    if operation.opset >= 13:
        axes: tuple[int, ...] = (operation.axis("axis", -1, x.rank),)
    else:
        axes = tuple(range(operation.axis("axis", 1, max(x.rank, 2)), x.rank))
    function = {"LogSoftmax": "log_softmax"}.get(operation.op, operation.op.lower())
    return mix.softmax(operation, x, axes, function)


@op("TopK")
def top_k(operation: Operation) -> Values:
    """The largest elements, and their indices."""
    k = operation.numbers(1)
    size = k[0] if k else operation.integer("k", 1)
    attrs = {"axis": operation.integer("axis", -1), "size": size}
    return operation.add("top_k", (operation[0],), attrs)


@op("CumSum", "CumProd")
def cumulative(operation: Operation) -> Values:
    """Each element takes those before it along one axis."""
    axis = operation.whole(1)
    attrs = {
        "axis": axis[0] if axis else 0,
        "reverse": bool(operation.integer("reverse", 0)),
        "exclusive": bool(operation.integer("exclusive", 0)),
    }
    return operation.add("cumulative", (operation[0],), attrs)


@op("Det")
def determinant(operation: Operation) -> Values:
    """One number for each matrix."""
    return mix.reduce(operation, operation[0], (-2, -1), keepdims=False, mode="determinant")


# ---- attention ---------------------------------------------------------------------------------------------


def _heads(operation: Operation, query: Value, key: Value) -> int:
    """Count the queries that share a key."""
    if query.rank == 4:
        q, k = query.shape[1], key.shape[1]
    else:
        q, k = operation.integer("q_num_heads", 1), operation.integer("kv_num_heads", 1)
    if not is_known(q) or not is_known(k) or k < 1 or q % k:
        raise Undecided
    return int(q // k)


@op("Attention", tells="features")
def attention(operation: Operation) -> Values:
    """Q, K, V of (batch, heads, positions, features) or with the heads in the features; then a mask."""
    if len(operation.node.outputs) > 1 or operation.optional(4) is not None:
        return operation.unknown()  # a cache of keys and values: part of a decoder's loop
    query, key, value = operation[0], operation[1], operation[2]
    if query.spec is None or key.spec is None:
        raise Blind
    mask = operation.optional(3)
    return mix.attention(
        operation,
        query,
        key,
        value,
        mask=mask,
        causal=bool(operation.integer("is_causal", 0)),
        groups=_heads(operation, query, key),
        merged=query.rank == 3,
    )


@op("LinearAttention", tells="features")
def linear_attention(operation: Operation) -> Values:
    """Q, K, V of (batch, steps, heads x features), the state before, decay in logarithms, update rate."""
    taken, past = [operation[0], operation[1], operation[2]], operation.optional(3)
    if any(value.constant for value in taken):
        return operation.unknown()
    rule = operation.text("update_rule", "gated_delta")
    decay = operation.optional(4) if "gated" in rule else None
    beta = operation.optional(5) if "delta" in rule else None
    state = None if past is None or past.constant else past
    attrs = {
        "heads": operation.integer("q_num_heads", 1),
        "kv_heads": operation.integer("kv_num_heads", 1),
        "corrected": "delta" in rule,
        "decay": decay is not None and not decay.constant and past is None,
        "past": state is not None,
        "state": len(operation.node.outputs) > 1,
    }
    gates = [gate for gate in (decay, beta) if gate is not None]
    taken += [gate for gate in gates if not gate.constant] + ([] if state is None else [state])
    return operation.add("linear_attention", taken, attrs, weights=[gate for gate in gates if gate.constant])


@op("MultiHeadAttention", domain=MICROSOFT, tells="features")
def multi_head_attention(operation: Operation) -> Values:
    """Query, key and value, (batch, positions, features) each; bias of the projections before it."""
    query, key, value = operation[0], operation.optional(1), operation.optional(2)
    if key is None or value is None or key.rank != 3 or query.rank != 3 or len(operation.node.outputs) > 1:
        return operation.unknown()
    bias = operation.optional(5)
    return mix.attention(
        operation,
        query,
        key,
        value,
        mask=bias,
        padding=operation.optional(4),
        causal=bool(operation.integer("unidirectional", 0)),
        merged=True,
    )


@op("Attention", domain=MICROSOFT, tells="features")
def fused_attention(operation: Operation) -> Values:
    """X, weights of all three projections in one matrix, bias, mask."""
    x, kernel = operation[0], operation[1]
    sizes = operation.integers("qkv_hidden_sizes")
    if x.spec is None or not kernel.constant or len(operation.node.outputs) > 1 or operation.optional(4):
        return operation.unknown()
    total = kernel.shape[1]
    units = sizes[2] if sizes else total // 3
    mask, bias = operation.optional(3), operation.optional(5)
    attrs: dict[str, Any] = {
        "width": total,
        "units": units,
        "scores": (sizes[0] if sizes else total // 3) + units,
        "causal": bool(operation.integer("unidirectional", 0)),
    }
    whole, moving, held = mix.hide_keys(
        Stage("fused_attention", attrs), x, x, () if bias is None else (bias,), mask
    )
    weights = (kernel, operation.optional(2), *held)
    inputs = (x, *moving)
    return operation.add(whole.kind, inputs, whole.attrs, whole.extras, weights=weights)
