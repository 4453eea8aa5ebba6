"""Rounding to the numbers of a quantised format, as observed and converted modules do it."""

from __future__ import annotations

from rfcalc.readers.lowering.value import Values
from rfcalc.readers.torch.operation import Operation, op

_FAKE = (
    *("fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine"),
    *("fake_quantize_per_tensor_affine_cachemask", "fake_quantize_per_channel_affine_cachemask"),
    *(
        "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        "_fake_quantize_learnable_per_tensor_affine",
    ),
    *("_fake_quantize_learnable_per_channel_affine", "fused_moving_avg_obs_fake_quant"),
    *("_fused_moving_avg_obs_fq_helper",),
)
"""Of one tensor; scales and zero points are given, or are the state of an observer, as the statistics of a
batch normalisation are."""

_DECOMPOSED = (
    *("quantize_per_tensor", "dequantize_per_tensor", "quantize_per_channel", "dequantize_per_channel"),
    *("fake_quant_per_channel", "convert_element_type", "quantize_per_channel_group"),
    *("dequantize_per_channel_group",),
)
"""Of an exported program that was converted (`quantized_decomposed`)."""


@op(*_FAKE, tells="same")
@op(*_DECOMPOSED, domain="quantized_decomposed", tells="same")
def rounded(operation: Operation) -> Values:
    """The same elements in another format of numbers, or as if they were."""
    x = operation[next(iter(operation.call.args))]
    made = operation.add("activation", (x,), {"function": operation.node.op})
    return (*made, *operation.fresh()[1:])
