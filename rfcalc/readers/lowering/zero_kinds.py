"""Which operations make zero of zeros."""

from __future__ import annotations

from typing import Final

from rfcalc.graph.layer import Stage, walk
from rfcalc.readers.lowering.masks import keeps_zero

_MOVING: Final = frozenset(
    (
        *("identity", "dropout", "reshape", "flatten", "permute", "expand_dims", "squeeze", "broadcast_to"),
        *("repeat", "repeat_vector", "tile", "flip", "roll", "slice", "index", "select", "split", "take"),
        *("concat", "stack", "crop", "center_crop"),
    )
)
"""Kinds whose results hold nothing but what they read."""

_ALL: Final = frozenset(
    (
        *_MOVING,
        *("pad", "space_to_depth", "depth_to_space"),
        *("conv", "depthwise_conv", "transposed_conv", "linear", "average_pool", "lp_pool", "global_pool"),
        *("adaptive_pool", "max_pool", "top_k", "upsample", "resize", "resample", "cumulative"),
        *("fold", "patches", "frames"),
        *("add", "subtract", "maximum", "minimum", "average"),
    )
)
"""Kinds whose results are zero where all that they read is."""

ANY: Final = frozenset(("multiply", "matmul", "einsum"))
"""Kinds whose results are zero where all that they read of one of their inputs is."""

_REDUCED: Final = frozenset(("sum", "mean", "max", "min", "amax", "amin", "l1", "l2", "sumsquare"))
"""Reductions of which the same holds."""


def keeps_zeros(whole: Stage, inputs: int = 1) -> bool:
    """Tell whether the first result of an operation is zero where all that it reads is."""
    extras = whole.extras
    if extras.masks or extras.biases or extras.gates or extras.softmax or extras.lead:
        return False
    zero = [True] * inputs
    return walk(whole, zero, lambda _: True, lambda stage, given: [all(given) and _keeps(stage)])[0]


def moves(whole: Stage, inputs: int) -> bool:
    """Tell whether the results of an operation hold nothing but what it reads."""
    read = [True] * inputs
    return walk(whole, read, lambda _: False, lambda stage, given: [all(given) and stage.kind in _MOVING])[0]


def _keeps(stage: Stage) -> bool:
    """Tell whether a kind makes zero of zeros."""
    kind, attrs, _ = stage
    if kind == "reduce":
        return str(attrs.get("mode", "")).lower().removeprefix("reduce") in _REDUCED
    if kind == "resample":
        return attrs.get("coordinates") != "tf_crop_and_resize"  # which fills in any number
    masks = kind == "elementwise" and attrs.get("function") == "mask"
    return masks or kind in _ALL or kind in ANY or keeps_zero(kind, attrs)
