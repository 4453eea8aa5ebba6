"""Linear layers, matrix products, attention, reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.errors import AnalysisError
from rfcalc.readers.lowering.builder import Blind, Builder, Node, Value

SWAP = (("permute", {"order": ("swap", -2, -1)}),)
"""Transpose the last two axes."""


def linear(
    b: Builder,
    node: Node,
    x: Value,
    kernel: Value,
    bias: Value | None = None,
    *,
    features_last: bool,
    swap: bool = False,
) -> tuple[Value, ...]:
    """Add a product of the last axis with a matrix of weights, and a bias.

    With `features_last` the matrix is (outputs, inputs), as PyTorch's; `swap` transposes the input first.
    """
    if x.spec is None or kernel.spec is None:
        raise Blind
    if not kernel.constant or kernel.rank != 2 or x.rank < 2:
        return matmul(b, node, x, kernel, bias, swap=(swap, features_last))
    units, features = kernel.shape if features_last else reversed(kernel.shape)
    have = x.shape[-2 if swap else -1]
    if isinstance(have, int) and isinstance(features, int) and have != features:
        raise AnalysisError(f"a matrix for {features} features does not fit an input of {have}")
    attrs: dict[str, Any] = {"units": units}
    if swap:
        attrs["prepare"] = ((0, SWAP),)
    return b.add(node, "linear", (x,), attrs, weights=(kernel, bias))


def matmul(
    b: Builder,
    node: Node,
    x: Value,
    y: Value,
    bias: Value | None = None,
    *,
    swap: tuple[bool, bool] = (False, False),
    then: tuple[Any, ...] = (),
) -> tuple[Value, ...]:
    """Add a matrix product of two tensors; `swap` says which of them is transposed first."""
    if x.spec is None or y.spec is None:
        raise Blind
    if y.constant and not x.constant and y.rank == 2 and x.rank >= 2 and not then:
        return linear(b, node, x, y, bias, features_last=swap[1], swap=swap[0])
    before = tuple((place, SWAP) for place, swapped in enumerate(swap) if swapped)
    attrs: dict[str, Any] = {"prepare": before} if before else {}
    if then:
        attrs["then"] = then
    return b.add(node, "matmul", (x, y), attrs, weights=(bias,))


def einsum(b: Builder, node: Node, inputs: Sequence[Value], equation: str) -> tuple[Value, ...]:
    """Add an Einstein summation."""
    return b.add(node, "einsum", inputs, {"equation": equation})


def reduce(
    b: Builder,
    node: Node,
    x: Value,
    axes: Sequence[int] | None,
    *,
    keepdims: bool,
    mode: str,
    copies: int = 0,
) -> tuple[Value, ...]:
    """Add a reduction over `axes`, or over all of them."""
    if x.spec is None:
        raise Blind
    attrs: dict[str, Any] = {
        "axes": "all" if axes is None else tuple(axes),
        "keepdims": keepdims,
        "mode": mode,
    }
    if copies:
        attrs["copies"] = copies
    return b.add(node, "reduce", (x,), attrs)


def softmax(b: Builder, node: Node, x: Value, axes: Sequence[int]) -> tuple[Value, ...]:
    """Add a normalisation by all that stands along `axes`."""
    return b.add(node, "softmax", (x,), {"axis": tuple(axes)})


def attention(
    b: Builder,
    node: Node,
    query: Value,
    key: Value,
    value: Value,
    *,
    masks: Sequence[Value] = (),
    causal: bool = False,
    groups: Num = 1,
) -> tuple[Value, ...]:
    """Add attention of ready-made heads, (..., positions, features); `groups` queries share a key."""
    attrs: dict[str, Any] = {"causal": causal}
    if not isinstance(groups, int) or groups != 1:
        if query.rank > 3:
            shared = (("repeat", {"count": groups, "axis": query.rank - 3}),)
            attrs["prepare"] = ((1, shared), (2, shared))
        else:  # the heads are in the features
            attrs["prepare"] = ((2, (("repeat", {"count": groups, "axis": 2}),)),)
    moving = [mask for mask in masks if not mask.constant]
    if moving:
        attrs["masks"] = len(moving)
    held = [mask for mask in masks if mask.constant]  # a learned bias of the scores
    return b.add(node, "dot_attention", (query, key, value, *moving), attrs, weights=held)


def elementwise(
    b: Builder, node: Node, kind: str, inputs: Sequence[Value], *, function: str = ""
) -> tuple[Value, ...]:
    """Add a function of the inputs element by element; constants among them stretch, and may be weights."""
    moving = [value for value in inputs if not value.constant]
    if any(value.spec is None for value in inputs):
        raise Blind
    attrs: dict[str, Any] = {"function": function} if kind in ("elementwise", "activation") else {}
    if not moving:
        return b.add(node, kind, inputs, attrs)
    held = [value for value in inputs if value.constant]
    stretched = tuple(value.shape for value in held if value.shape)
    if stretched:
        attrs["constants"] = stretched
    return b.add(node, kind, moving, attrs, weights=[value for value in held if not value.computed])
