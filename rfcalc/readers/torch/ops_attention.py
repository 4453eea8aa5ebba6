"""Attention."""

from __future__ import annotations

from rfcalc.algebra.number import is_known
from rfcalc.readers.lowering import mix
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Blind, Values
from rfcalc.readers.torch.operation import Operation, op


@op("scaled_dot_product_attention", tells="features")
def attention(operation: Operation) -> Values:
    """Query, key and value, (..., positions, features) each, and a mask."""
    query, key, value = (operation[name] for name in ("query", "key", "value"))
    if any(each.spec is None for each in (query, key, value)):
        raise Blind
    groups = 1
    if operation.flag("enable_gqa"):
        many, few = query.shape[-3], key.shape[-3]
        if not is_known(many) or not is_known(few):
            raise Undecided
        groups = many // few
    mask = operation.optional("attn_mask")
    return mix.attention(
        operation,
        query,
        key,
        value,
        mask=mask,
        causal=operation.flag("is_causal"),
        groups=groups,
    )


_FUSED = (
    *("_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"),
    *("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_cudnn_attention"),
)


@op(*_FUSED, tells="features")
def fused_attention(operation: Operation) -> Values:
    """As the plain one; further results are kept for the backward pass."""
    query, key, value = (operation[name] for name in ("query", "key", "value"))
    bias = operation.optional("attn_bias") or operation.optional("attn_mask")
    made = mix.attention(
        operation,
        query,
        key,
        value,
        mask=bias,
        causal=operation.flag("is_causal"),
    )
    return (*made, *operation.fresh()[1:])
