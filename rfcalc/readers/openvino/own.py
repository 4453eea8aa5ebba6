"""Operations of OpenVINO that ONNX does not have, read on the shared lowering."""

from __future__ import annotations

from typing import Any

from rfcalc.readers.lowering import norm
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx.operation import Operation, op
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
