"""Operations that onnxruntime fuses others into."""

from __future__ import annotations

from typing import Any

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import window
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op
from rfcalc.readers.onnx.ops_mix import fused
from rfcalc.readers.onnx.ops_window import convolve, geometry, groups_of


@op("FusedConv", domain=MICROSOFT, tells="window")
def fused_conv(operation: Operation) -> Values:
    """A convolution, a sum with Z, an activation."""
    z = operation.optional(3)
    if z is not None:
        x, kernel, bias = operation[0], operation[1], operation.optional(2)
        attrs = {**conv_settings(operation, kernel), "spatial": tuple(range(2, x.rank)), "channel": 1}
        both = Extras(prepare=((0, (Stage("conv", attrs),)),), then=fused(operation))
        return operation.add("add", (x, z), {}, both, weights=(kernel, bias))
    return convolve(operation, operation[0], operation[1], operation.optional(2), fused(operation))


def conv_settings(operation: Operation, kernel: Value) -> dict[str, Any]:
    """Return the settings of a convolution whose kernel is (filters, channels of a group, window)."""
    return {
        "filters": kernel.shape[0],
        "kernel": kernel.shape[2:],
        "depth": kernel.shape[1],
        "groups": groups_of(operation),
        **geometry(operation, kernel.rank - 2),
    }


@op("NhwcMaxPool", domain=MICROSOFT, tells="features")
def pool_channels_last(operation: Operation) -> Values:
    """A pooling of (batch, positions, channels)."""
    kernel = operation.integers("kernel_shape") or (1,)
    ceil, settings = bool(operation.integer("ceil_mode", 0)), geometry(operation, len(kernel))
    return window.pool(operation, operation[0], "max", kernel=kernel, ceil=ceil, layout="last", **settings)


@op("NhwcConv", "NhwcFusedConv", domain=MICROSOFT, tells="features")
def conv_channels_last(operation: Operation) -> Values:
    """A convolution of (batch, positions, channels); the kernel is (filters, window, channels)."""
    if operation.optional(3) is not None:
        return operation.unknown()
    x, kernel, bias = operation[0], operation[1], operation.optional(2)
    settings = {
        "groups": groups_of(operation),
        "then": fused(operation),
        **geometry(operation, kernel.rank - 2),
    }
    return window.conv(operation, x, kernel, bias, layout="last", **settings)
