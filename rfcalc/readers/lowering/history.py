"""Where a tensor comes from that attention is given to add to its scores: what may hide keys, what cannot.

A key is hidden by a number that is very negative whatever the weights are. Layers with weights and products
with learned tables make none of what they read; sums, products and picks of such tensors make none either, as
long as no constant among them is large. What else there is, comparisons and choices, logarithms, the model's
own inputs, may.
"""

from __future__ import annotations

from typing import Final

from rfcalc.graph.layer import Layer
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.lowering.masks import mask_of
from rfcalc.readers.lowering.value import Value
from rfcalc.rules.registry import of_family

LEARNED: Final = frozenset(
    (
        *of_family("convolution", "dense", "normalisation"),
        *("transposed_conv", "embedding", "lstm", "gru", "simple_rnn"),
    )
)
"""Kinds whose results lie where their weights put them."""

HANDED_ON: Final = frozenset(
    (
        *("reshape", "flatten", "permute", "expand_dims", "squeeze", "broadcast_to", "repeat", "tile"),
        *("flip", "roll", "slice", "index", "select", "split", "take", "gather", "concat", "stack"),
        *("identity", "dropout"),
        *("add", "subtract", "multiply", "maximum", "minimum", "average", "reduce", "softmax"),
        *("einsum", "matmul", "average_pool", "max_pool", "global_pool", "upsample", "resize", "resample"),
    )
)
"""Kinds that make nothing very negative of what is not, unless a constant does."""

MILD: Final = frozenset(
    (
        *("relu", "relu6", "leakyrelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "softplus"),
        *("softsign", "sigmoid", "hardsigmoid", "hardswish", "tanh", "hardtanh", "logsigmoid"),
        *("neg", "negative", "abs", "absolute", "square", "sqrt", "exp", "sin", "cos", "erf"),
    )
)
"""Functions of one element of which the same holds."""


def hides_nothing(b: Builder, value: Value) -> bool:
    """Tell whether no element of a tensor can be very negative by the way that it is made."""
    if value.edge is None or value.spec is None or value.spec.dtype == "bool" or mask_of(value) is not None:
        return False
    seen = {value.edge[0]}
    ahead = [value.edge[0]]
    while ahead:
        layer = b.layers[ahead.pop()]
        if _is_learned(b, layer):
            continue
        if layer.name in b.large or not _is_mild(layer):
            return False
        new = {producer for producer, _ in layer.inputs} - seen
        seen |= new
        ahead += new
    return True


def _is_learned(b: Builder, layer: Layer) -> bool:
    """Tell whether a layer's weights decide how large its results are."""
    if layer.kind in LEARNED:
        return True
    # a product with a table
    return layer.kind in ("einsum", "matmul") and bool(layer.weights) and layer.name not in b.large


def _is_mild(layer: Layer) -> bool:
    """Tell whether a layer makes nothing very negative of what is not."""
    if layer.kind == "activation":
        return str(layer.attrs.get("function", "")).lower().replace("_", "") in MILD
    if layer.kind == "divide":  # by a number, which is not 0
        return len(layer.inputs) == 1
    return layer.kind in HANDED_ON
