"""Convolution and pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rfcalc.algebra.number import Num, equal, is_known, maximum
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering import window
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.readers.tflite.tensors import as_weight

_AXES = {2: "HW", 3: "DHW"}


def _per_axis(operation: Operation, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    """Read a setting that is there once for each axis, such as StrideH and StrideW."""
    values = tuple(operation.integer(name.replace("?", letter), default) for letter in _AXES[rank])
    if min(values) < 1:
        raise operation.wrong(f"{name.replace('?', '')} must be positive, got {list(values)}")
    return values


def padding(operation: Operation) -> str:
    """Read the padding: SAME puts the odd element after, VALID is none."""
    code = operation.integer("Padding")
    if code not in (0, 1):
        raise operation.wrong(f"there is no padding {code}")
    return "valid" if code else "same"


def _geometry(operation: Operation, rank: int) -> dict[str, Any]:
    return {
        "stride": _per_axis(operation, "Stride?", rank),
        "padding": padding(operation),
        "dilation": _per_axis(operation, "Dilation?Factor", rank),
    }


def _bias(operation: Operation, place: int) -> Value | None:
    bias = operation.optional(place)
    return None if bias is None else as_weight(bias)


@op("CONV_2D", tells="channels_last")
def conv(operation: Operation) -> Values:
    """X, kernel (filters, window, channels of a group), bias."""
    x, kernel = operation[0], as_weight(operation[1])
    if kernel.rank != 4:
        raise operation.wrong(f"a kernel has four axes, got {kernel.rank}")
    if x.spec is None:
        raise Blind
    depth, channels = kernel.shape[3], x.shape[-1]
    if not is_known(depth):
        raise Undecided
    if depth < 1:
        raise operation.wrong("its kernel has no channels")
    return window.conv(
        operation,
        x,
        kernel,
        _bias(operation, 2),
        groups=channels // depth,
        then=operation.then,
        layout="last",
        **_geometry(operation, 2),
    )


@op("DEPTHWISE_CONV_2D", tells="channels_last")
def depthwise(operation: Operation) -> Values:
    """X, kernel (1, window, channels x multiplier), bias: each channel by itself."""
    x, kernel = operation[0], as_weight(operation[1])
    if kernel.rank != 4 or equal(kernel.shape[0], 1) is False:
        raise operation.wrong("a kernel has four axes, the first of one element")
    if x.spec is None:
        raise Blind
    return window.conv(
        operation,
        x,
        _by_filters(kernel),
        _bias(operation, 2),
        groups=x.shape[-1],
        then=operation.then,
        layout="last",
        **_geometry(operation, 2),
    )


def _by_filters(kernel: Value) -> Value:
    """Return the kernel of a depthwise convolution as that of a grouped one: (filters, window, 1)."""
    _, *sides, filters = kernel.shape
    data = None if kernel.data is None else np.transpose(kernel.data, (3, 1, 2, 0))
    spec = TensorSpec((filters, *sides, 1), "cssc", "" if kernel.spec is None else kernel.spec.dtype)
    return replace(kernel, spec=spec, data=data, mask=None)


@op("CONV_3D", tells="channels_last")
def conv_3d(operation: Operation) -> Values:
    """X, kernel (window, channels, filters), bias."""
    x, kernel = operation[0], as_weight(operation[1])
    if kernel.rank != 5:
        raise operation.wrong(f"a kernel has five axes, got {kernel.rank}")
    if x.spec is None:
        raise Blind
    return window.conv(
        operation,
        x,
        _filters_first(kernel, (4, 0, 1, 2, 3)),
        _bias(operation, 2),
        then=operation.then,
        layout="last",
        **_geometry(operation, 3),
    )


def _filters_first(kernel: Value, order: tuple[int, ...]) -> Value:
    """Return a kernel with its axes in another order."""
    data = None if kernel.data is None else np.transpose(kernel.data, order)
    dtype = "" if kernel.spec is None else kernel.spec.dtype
    spec = TensorSpec(tuple(kernel.shape[place] for place in order), "csssc", dtype)
    return replace(kernel, spec=spec, data=data, mask=None)


@op("TRANSPOSE_CONV", tells={2: "channels_last"})
def transpose_conv(operation: Operation) -> Values:
    """Shape of the result, kernel (filters, window, channels), X, bias."""
    return _transposed(operation, as_weight(operation[1]), rank=2)


@op("CONV_3D_TRANSPOSE", tells={2: "channels_last"})
def transpose_conv_3d(operation: Operation) -> Values:
    """Shape of the result, kernel (window, filters, channels), X, bias."""
    kernel = as_weight(operation[1])
    if kernel.rank != 5:
        raise operation.wrong(f"a kernel has five axes, got {kernel.rank}")
    return _transposed(operation, _filters_first(kernel, (3, 0, 1, 2, 4)), rank=3)


def _transposed(operation: Operation, kernel: Value, rank: int) -> Values:
    """Add a transposed convolution, whose result is cut or filled up to the extents that are given."""
    x, sizes = operation[2], operation.numbers(0) or ()
    if kernel.rank != rank + 2 or len(sizes) != rank + 2:
        raise operation.wrong(f"needs a kernel and a shape of {rank + 2} axes")
    if x.spec is None:
        raise Blind
    stride = _per_axis(operation, "Stride?", rank)
    dilation = _per_axis(operation, "Dilation?Factor", rank) if rank == 3 else (1,) * rank
    pairs, extra = [], []
    for place in range(rank):
        tap = kernel.shape[place + 1]
        lo, hi, more = _cuts(
            x.shape[place + 1],
            sizes[place + 1],
            dilation[place] * (tap - 1) + 1,
            stride[place],
            same=padding(operation) == "same",
        )
        pairs.append((lo, hi))
        extra.append(more)
    made = window.transposed_conv(
        operation,
        x,
        kernel,
        _bias(operation, 3),
        stride=stride,
        padding=pairs,
        dilation=dilation,
        output_padding=extra,
        layout="last",
    )
    return operation.fused(made)


def _cuts(extent: Num, size: Num, tap: Num, stride: int, *, same: bool) -> tuple[Num, Num, Num]:
    """Return what is taken off the full result before and after, and what is added behind it."""
    full = (extent - 1) * stride + tap
    before: Num = 0
    if same:  # as the padding of the convolution that this one undoes
        before = maximum((-(-size // stride) - 1) * stride + tap - size, 0) // 2
    over = full - before - size
    return before, maximum(over, 0), maximum(-over, 0)


_POOLS = {"AVERAGE_POOL_2D": "average", "MAX_POOL_2D": "max", "L2_POOL_2D": "lp"}


@op(*_POOLS, tells="channels_last")
def pool(operation: Operation) -> Values:
    """Windows of a fixed size; SAME pads as a convolution does."""
    return operation.fused(
        window.pool(
            operation,
            operation[0],
            _POOLS[operation.op],
            kernel=_sides(operation),
            stride=_per_axis(operation, "Stride?", 2),
            padding=padding(operation),
            layout="last",
        )
    )


def _sides(operation: Operation) -> tuple[int, int]:
    height, width = operation.integer("FilterHeight", 1), operation.integer("FilterWidth", 1)
    if min(height, width) < 1:
        raise operation.wrong(f"a window has positive sides, got {height} and {width}")
    return height, width
