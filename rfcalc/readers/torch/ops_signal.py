"""Signal processing."""

from __future__ import annotations

from typing import Any

from rfcalc.graph.layer import CHANNEL, Extras, Stage, TensorSpec
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.lowering.window import windowed
from rfcalc.readers.torch.operation import Operation, op


@op("stft", tells="signal")
def short_time_fourier(operation: Operation) -> Values:
    """Signal (batch, samples) or (samples); result (batch, frequencies, frames), complex or as two parts."""
    x, size = operation["self"], operation.integer("n_fft")
    if x.rank != 2:
        raise Undecided
    stride = operation.integer("hop_length", size // 4)
    half = size // 2 if operation.overload == "center" and operation.flag("center", True) else 0
    target = operation.recorded[0]
    mode = operation.raw("pad_mode", "reflect") if half else "constant"
    if mode not in ("constant", "reflect"):
        return operation.cover((x,), "the border of a centred transform is not followed")
    attrs: dict[str, Any] = {
        "kernel": size,
        "window": _window(operation, size),
        "border": mode == "reflect",
        "stride": stride,
        "bins": target[1],
        "axis": 1,
        "before": half,
        "after": half,
        "transposed": True,
    }
    parts = (Stage("expand_dims", {"axes": (3,)}), Stage("top_k", {"axis": 3, "size": 2, "indices": False}))
    extras = Extras(then=parts if len(target) == 4 else ())
    return operation.add("frames", (x,), attrs, extras)


def _window(operation: Operation, size: int) -> tuple[int, ...] | None:
    """Return which samples of a frame are read; a shorter window is padded on both sides."""
    window = operation.optional("window")
    if window is None or not window.constant:
        spec = TensorSpec((operation.integer("win_length", size),), CHANNEL)
        window = Value(spec)
    return windowed(window, size)


@op("istft")
def inverse_short_time(operation: Operation) -> Values:
    """Frames are added up to a signal."""
    return operation.cover((operation["self"],), "which frames make up a sample is not followed")


_FOURIER = tuple(
    f"fft_{name}"
    for base in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    for name in (base, f"{base}2", f"{base}n")
)


@op("_fft_r2c", tells="signal")
@op(*_FOURIER, "_fft_c2r", "_fft_c2c")
def fourier(operation: Operation) -> Values:
    """Every frequency takes the whole of the axes that are transformed."""
    x = operation["self"]
    axes = operation.axes("dim", x.rank)
    name = operation.op.partition(".")[2]
    if axes is None:
        last = {"2": 2, "n": x.rank}.get(name[-1], 1)
        axes = tuple(range(x.rank - last, x.rank))
    target = operation.recorded[0]
    taken, *more = [Stage("top_k", {"axis": k, "size": target[k], "indices": False}) for k in axes]
    return operation.add("top_k", (x,), taken.attrs, Extras(then=tuple(more)))


@op("fft_fftshift", "fft_ifftshift")
def shift(operation: Operation) -> Values:
    """The two halves of axes change places."""
    x = operation["self"]
    axes = operation.axes("dim", x.rank) or tuple(range(x.rank))
    halves = [x.shape[axis] // 2 for axis in axes]
    shifts = tuple(-half if operation.op == "aten.fft_ifftshift" else half for half in halves)
    return operation.add("roll", (x,), {"shift": shifts, "axes": axes})
