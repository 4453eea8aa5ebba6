"""Columns of windows added up to a map: ``torch.nn.Fold``, ONNX's ``Col2Im``."""

from __future__ import annotations

from rfcalc.algebra.number import prod
from rfcalc.algebra.steps import Merge, Permute, Reduce, Regroup, Slide, Step
from rfcalc.algebra.window import put_back, spread
from rfcalc.graph.layer import SPATIAL, TensorSpec
from rfcalc.rules.registry import INTERNAL, REQUIRED, Call, Path, Result, Setting, rule
from rfcalc.rules.window import window_extent


@rule(
    "fold",
    Setting("sizes", INTERNAL, REQUIRED, "extents of the map"),
    Setting("kernel", INTERNAL, REQUIRED, "window length on each axis"),
    Setting("stride", INTERNAL, REQUIRED, "step between windows"),
    Setting("dilation", INTERNAL, REQUIRED, "distance between the elements of a window"),
    Setting("padding", INTERNAL, REQUIRED, "(before, after) of the map on each axis"),
    family="upsampling",
    summary="Columns of windows, (batch, channels x window, windows), are added up to a map.",
    native=False,
)
def fold(call: Call) -> Result:
    """Position y takes place t of window i wherever ``stride*i - before + dilation*t = y``."""
    spec = call.only()
    call.check_rank(spec, 3)
    sizes, kernel, stride, dilation, pads = (
        tuple(call[name]) for name in ("sizes", "kernel", "stride", "dilation", "padding")
    )
    grid = tuple(
        window_extent(n, d * (k - 1) + 1, s, lo, hi)
        for n, k, s, d, (lo, hi) in zip(sizes, kernel, stride, dilation, pads, strict=True)
    )
    area = prod(kernel)
    channels = spec.shape[1] // area
    shape = (spec.shape[0], channels, *sizes)
    output = TensorSpec(shape, spec.axes[:2] + SPATIAL * len(sizes), spec.dtype)
    rank = len(sizes)
    axes = [
        (n, int(k), int(s), int(d), int(lo))
        for n, k, s, d, (lo, _) in zip(sizes, kernel, stride, dilation, pads, strict=True)
    ]
    columns = Regroup((spec.shape[0], channels, *kernel, *grid))
    together: list[Step] = [columns, Reduce(tuple(range(2, 2 + rank)))]
    apart: list[Step] = [columns, Permute((0, 1, *(p for k in range(rank) for p in (2 + rank + k, 2 + k))))]
    for place, (n, k, s, d, lo) in enumerate(axes, 2):
        together.append(Slide(place, spread(k, stride=s, dilation=d, lo=lo), n))
        apart += [Merge(place, 2), Slide(place, put_back(k, stride=s, dilation=d, lo=lo), n)]
    return Result((output,), ((Path(0, tuple(together), tuple(apart)),),))
