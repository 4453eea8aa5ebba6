"""Signal processing and detection heads."""

from __future__ import annotations

from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.graph.layer import Extras, Stage, TensorSpec
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.shape import fold as lower
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.lowering.window import windowed
from rfcalc.readers.onnx.operation import Operation, op


@op("NonMaxSuppression", spare=range(2, 5))
def suppression(operation: Operation) -> Values:
    """Indices of boxes; how many are left depends on their scores."""
    reason = "which boxes are kept depends on all of them"
    attrs = {"shape": (UNKNOWN, 3), "axes": "sc", "reason": reason}
    return operation.add("cover", (operation[0], operation[1]), attrs)


@op("DFT")
def fourier(operation: Operation) -> Values:
    """Every frequency takes the whole axis; real and imaginary part are the last axis."""
    x = operation[0]
    axis = operation.whole(2) if operation.opset >= 20 else (operation.integer("axis", 1),)
    place = operation.place(axis[0] if axis else -2, x.rank)
    length = operation.numbers(1)
    extent = length[0] if length else x.shape[place]
    inverse = bool(operation.integer("inverse", 0))
    parts: Num = 2
    if operation.integer("onesided", 0):
        extent, parts = ((extent - 1) * 2, 1) if inverse else (extent // 2 + 1, 2)
    attrs = {"axis": place, "size": extent, "indices": False}
    last = Stage("top_k", {"axis": -1, "size": parts, "indices": False})
    return operation.add("top_k", (x,), attrs, Extras(then=(last,)))


@op("STFT", tells={0: "parts"})
def short_time_fourier(operation: Operation) -> Values:
    """Signal (batch, samples[, parts]), step, window, length; output (batch, frames, frequencies, 2)."""
    x, step = operation[0], operation.whole(1)
    length = operation.whole(3)
    window = operation.optional(2)
    size = length[0] if length else (window.shape[0] if window is not None else None)
    if not step or size is None or not is_known(size):
        raise Undecided
    bins = size // 2 + 1 if operation.integer("onesided", 1) else size
    attrs: dict[str, object] = {"kernel": size, "stride": step[0], "bins": bins, "axis": 1}
    if window is not None:
        attrs["window"] = windowed(window, size)
    before = ((0, (Stage("reduce", {"axes": (2,)}),)),) if x.rank == 3 else ()
    parts = (Stage("expand_dims", {"axes": (3,)}), Stage("top_k", {"axis": 3, "size": 2, "indices": False}))
    return operation.add("frames", (x,), attrs, Extras(before, parts))


@op("Col2Im")
def fold(operation: Operation) -> Values:
    """Columns of windows are added up to a map."""
    x = operation[0]
    sizes, block = operation.numbers(1), operation.whole(2)
    if sizes is None or block is None:
        raise Undecided
    rank = len(sizes)
    pads = operation.integers("pads") or (0,) * (2 * rank)
    return lower(
        operation,
        x,
        sizes,
        kernel=block,
        stride=operation.integers("strides") or (1,) * rank,
        dilation=operation.integers("dilations") or (1,) * rank,
        padding=tuple(zip(pads[:rank], pads[rank:], strict=True)),
    )


@op("HannWindow", "HammingWindow", "BlackmanWindow")
def window(operation: Operation) -> Values:
    """The weights of a frame: a constant of as many elements as are asked for."""
    size = operation.numbers(0) or (UNKNOWN,)
    return (Value(TensorSpec((size[0],), "c")),)


@op("MelWeightMatrix")
def mel_weights(operation: Operation) -> Values:
    """The weights from frequencies to mel bands: a constant."""
    bands, length = operation.numbers(0) or (UNKNOWN,), operation.numbers(1) or (UNKNOWN,)
    return (Value(TensorSpec((length[0] // 2 + 1, bands[0]), "sc")),)
