"""Quantised operations: integers in place of floats, with scales that are no weights."""

from __future__ import annotations

from dataclasses import replace

from rfcalc.readers.lowering.mix import elementwise, matmul
from rfcalc.readers.lowering.shape import concat
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.lowering.window import global_pool
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op
from rfcalc.readers.onnx.ops_window import convolve
from rfcalc.readers.onnx.tensors import as_weight

_SCALES = (1, 2, 4, 5, 6, 7)
"""At which inputs scales and zero points of two factors and the result stand."""


@op("QuantizeLinear", "DequantizeLinear", tells="same", spare=range(1, 4))
@op("QuantizeLinear", "DequantizeLinear", domain=MICROSOFT)
def requantize(operation: Operation) -> Values:
    """The same elements in another number format; a quantised constant is a weight."""
    x = operation[0]
    if x.constant:
        return (replace(as_weight(x), data=None),)
    return operation.add("activation", (x,), {"function": operation.op})


@op("DynamicQuantizeLinear")
def quantize_by_range(operation: Operation) -> Values:
    """Scale and zero point follow from the smallest and largest element of all."""
    x = operation[0]
    if x.spec is None:
        raise Blind
    (values,) = operation.add("unit_norm", (x,), {"axes": tuple(range(x.rank))})
    # scale and zero point only restore what the rounding of the values lost
    scale = Value(replace(x.spec, shape=(), axes=""))
    return (values, scale, scale)


@op("QLinearConv", tells="window", spare=_SCALES)
@op("QLinearConv", domain=MICROSOFT)
def quantized_conv(operation: Operation) -> Values:
    """X, its scale and zero point, W, its, those of the output, B."""
    bias = operation.optional(8)
    return convolve(
        operation, operation[0], as_weight(operation[3]), None if bias is None else as_weight(bias)
    )


@op("ConvInteger", tells="window", spare=range(2, 4))
def integer_conv(operation: Operation) -> Values:
    """X, W, zero points."""
    return convolve(operation, operation[0], as_weight(operation[1]), None)


@op("QLinearMatMul", tells="features", spare=_SCALES)
def quantized_matmul(operation: Operation) -> Values:
    """A, its scale and zero point, B, its, those of the output."""
    return matmul(operation, as_weight(operation[0]), as_weight(operation[3]))


@op("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", domain=MICROSOFT)
@op("MatMulInteger", tells="features", spare=range(2, 4))
def integer_matmul(operation: Operation) -> Values:
    """A, B, scales and zero points."""
    return matmul(operation, as_weight(operation[0]), as_weight(operation[1]))


@op("QGemm", domain=MICROSOFT, tells="features")
def quantized_gemm(operation: Operation) -> Values:
    """A, its scale and zero point, B, its, C, those of the output."""
    swap = (bool(operation.integer("transA", 0)), bool(operation.integer("transB", 0)))
    bias = operation.optional(6)
    return matmul(
        operation,
        operation[0],
        as_weight(operation[3]),
        None if bias is None else as_weight(bias),
        swap=swap,
    )


@op("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def quantized_binary(operation: Operation) -> Values:
    """A, its scale and zero point, B, its, those of the output."""
    kind = "add" if operation.op == "QLinearAdd" else "multiply"
    inputs = (as_weight(operation[0]), as_weight(operation[3]))
    return elementwise(operation, kind, inputs, function=operation.op)


@op("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", domain=MICROSOFT)
def quantized_activation(operation: Operation) -> Values:
    """X, its scale and zero point, those of the output."""
    x = operation[0]
    if operation.op == "QLinearSoftmax":
        axis = operation.axis("axis", -1, x.rank)
        return operation.add("softmax", (x,), {"axis": (axis,)})
    return operation.add("activation", (x,), {"function": operation.op})


@op("QLinearGlobalAveragePool", domain=MICROSOFT)
def quantized_global_pool(operation: Operation) -> Values:
    """X, its scale and zero point, those of the output; channels may be last."""
    x = operation[0]
    if operation.integer("channels_last", 0):
        axes = tuple(range(1, x.rank - 1))
        attrs = {"axes": axes, "keepdims": True, "mode": "mean"}
        return operation.add("reduce", (x,), attrs)
    return global_pool(operation, x, "average")


@op("QLinearAveragePool", domain=MICROSOFT)
def quantized_pool(operation: Operation) -> Values:
    """X, its scale and zero point, those of the output."""
    from rfcalc.readers.onnx.ops_window import pooled

    if operation.integer("channels_last", 0):
        return operation.unknown()
    return pooled(operation, "average")


@op("QLinearConcat", domain=MICROSOFT)
def quantized_concat(operation: Operation) -> Values:
    """Scale and zero point of the output, then each tensor with its own."""
    return concat(operation, operation.given[2::3], operation.integer("axis", 1))
