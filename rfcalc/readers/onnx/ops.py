"""All operations that are known; importing this registers them."""

from rfcalc.readers.onnx import (
    ops_contrib,
    ops_control,
    ops_elementwise,
    ops_mix,
    ops_norm,
    ops_quantized,
    ops_recurrent,
    ops_resample,
    ops_shape,
    ops_signal,
    ops_window,
)

__all__ = [
    "ops_contrib",
    "ops_control",
    "ops_elementwise",
    "ops_mix",
    "ops_norm",
    "ops_quantized",
    "ops_recurrent",
    "ops_resample",
    "ops_shape",
    "ops_signal",
    "ops_window",
]
