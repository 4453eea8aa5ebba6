"""Operations of OpenVINO that ONNX does not have, read on the shared lowering."""

from __future__ import annotations

from typing import Any

from rfcalc.algebra.number import as_integer, is_known
from rfcalc.algebra.window import same_padding
from rfcalc.readers.lowering import norm, window
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.lowering.value import Blind, Values
from rfcalc.readers.onnx.operation import Operation, op
from rfcalc.readers.onnx.ops_resample import sampled
from rfcalc.readers.onnx.ops_window import geometry, groups_of
from rfcalc.readers.openvino.layers_shape import INDEX, NEW, OPEN_START, OPEN_STOP, REST
from rfcalc.readers.openvino.translate import OWN


@op("SquaredDifference", "NotEqual", domain=OWN)
def pair(operation: Operation) -> Values:
    """Element by element, stretched to one shape."""
    return elementwise(operation, "elementwise", operation.given, function=operation.op)


@op("FakeQuantize", domain=OWN, tells="same")
def quantised(operation: Operation) -> Values:
    """Values rounded to the levels of an integer type."""
    x = operation[0]
    return (x,) if x.constant else operation.add("activation", (x,), {"function": operation.op})


@op("ConvTransposeTo", domain=OWN, tells={0: "window", 1: "kernel"})
def transposed_to(operation: Operation) -> Values:
    """A transposed convolution with the extents of its output: X, W, B.

    Where padding is given, that before the first element holds, and the extents decide that behind the last.
    """
    x, kernel, wanted = operation[0], operation[1], operation.integers("output_shape") or ()
    rank = kernel.rank - 2
    settings, extra = geometry(operation, rank), operation.integers("output_padding") or (0,) * rank
    if not len(wanted) == len(extra) == rank == x.rank - 2:
        raise operation.wrong(f"its settings are not those of {x.rank - 2} axes")
    given = settings["padding"]
    pairs, added = [], []
    for k, (extent, size) in enumerate(zip(x.shape[2:], wanted, strict=True)):
        if not is_known(extent):
            raise Undecided
        reach = (kernel.shape[2 + k] - 1) * settings["dilation"][k] + 1
        total = as_integer(settings["stride"][k] * (extent - 1) + reach - size)
        both = max(total + extra[k], 0)
        starts = {"valid": 0, "same": both - both // 2, "same_lower": both // 2}
        start = starts[given] if isinstance(given, str) else given[k][0]
        pairs.append((start, max(total - start, 0)))
        added.append(max(start - total, 0))
    return window.transposed_conv(
        operation,
        x,
        kernel,
        operation.optional(2),
        stride=settings["stride"],
        padding=pairs,
        dilation=settings["dilation"],
        output_padding=added,
        groups=groups_of(operation),
    )


@op("CeilMaxPool", "CeilAveragePool", domain=OWN, tells="window")
def ceil_pool(operation: Operation) -> Values:
    """Windows whose number is rounded up, of which the last may start in the padding.

    SAME padding is worked out first, and the number is rounded up behind it.
    """
    x, kernel = operation[0], operation.integers("kernel_shape") or ()
    if x.spec is None:
        raise Blind
    settings = geometry(operation, len(kernel))
    given, pairs = settings["padding"], []
    for k, extent in enumerate(x.shape[-len(kernel) :]):
        stride, reach = settings["stride"][k], (kernel[k] - 1) * settings["dilation"][k] + 1
        if isinstance(given, str):
            if not is_known(extent):
                raise Undecided
            total = as_integer(same_padding(extent, reach, stride))
            less, more = total // 2, total - total // 2
            start, end = (more, less) if given == "same_lower" else (less, more)
        else:
            start, end = given[k]
        if stride > 1:
            if not is_known(extent):
                raise Undecided
            end += -as_integer(extent + start + end - reach) % stride
        pairs.append((start, end))
    mode = "max" if operation.op == "CeilMaxPool" else "average"
    copies = max(len(operation.node.outputs) - 1, 0)
    return window.pool(
        operation, x, mode, kernel=kernel, copies=copies, **{**settings, "padding": tuple(pairs)}
    )


@op("SimpleResize", domain=OWN, tells="same", spare=range(1, 4))
def simple_resize(operation: Operation) -> Values:
    """Nearest positions, rounded down, and up on axes that become shorter."""
    return sampled(operation, "floor", shrinking="ceil")


@op("AdaptivePool", domain=OWN, tells="window")
def adaptive_pool(operation: Operation) -> Values:
    """Windows that follow from the extent of the output."""
    size = operation.integers("size") or ()
    attrs = {
        "size": size,
        "mode": operation.text("mode", "average"),
        "spatial": tuple(range(2, 2 + len(size))),
        "channel": 1,
    }
    return operation.add("adaptive_pool", (operation[0],), attrs)


@op("UnitNorm", domain=OWN)
def unit_norm(operation: Operation) -> Values:
    """Statistics over axes."""
    return norm.layer_norm(operation, operation[0], (), operation.integers("axes") or (), kind="unit_norm")


@op("Flip", domain=OWN)
def flip(operation: Operation) -> Values:
    """Axes in reverse."""
    return operation.add("flip", (operation[0],), {"axes": operation.integers("axes") or ()})


@op("Roll", domain=OWN)
def roll(operation: Operation) -> Values:
    """Elements moved along axes, around the end."""
    axes, shift = operation.integers("axes") or (), operation.integers("shift") or ()
    return operation.add("roll", (operation[0],), {"axes": axes, "shift": shift})


@op("Indexed", domain=OWN)
def indexed(operation: Operation) -> Values:
    """Slices, numbers, new axes; a row of four integers each."""
    rows = operation.integers("key") or ()
    key: list[Any] = []
    for kind, start, stop, step in zip(rows[::4], rows[1::4], rows[2::4], rows[3::4], strict=True):
        if kind == NEW:
            key.append("new")
        elif kind == REST:
            key.append("...")
        elif kind == INDEX:
            key.append(start)
        else:
            key.append((None if kind & OPEN_START else start, None if kind & OPEN_STOP else stop, step))
    return operation.add("index", (operation[0],), {"key": tuple(key)})
