"""Columns of windows added up to a map: ``torch.nn.Fold``, ONNX's ``Col2Im``."""

from __future__ import annotations

from itertools import product
from typing import Final

from rfcalc.algebra.number import Num, is_known, prod
from rfcalc.algebra.steps import Contract, Cover, Regroup, Slide, Squeeze, Step
from rfcalc.algebra.window import Window, spread
from rfcalc.graph.layer import SPATIAL, TensorSpec
from rfcalc.rules.registry import INTERNAL, REQUIRED, Call, Path, Result, Setting, rule
from rfcalc.rules.window import window_extent

MOST_PATHS: Final = 256
"""Places of a window that are followed one by one."""


@rule(
    "fold",
    Setting("sizes", INTERNAL, REQUIRED, "extents of the map"),
    Setting("kernel", INTERNAL, REQUIRED, "window length on each axis"),
    Setting("stride", INTERNAL, REQUIRED, "step between windows"),
    Setting("dilation", INTERNAL, REQUIRED, "distance between the elements of a window"),
    Setting("padding", INTERNAL, REQUIRED, "(before, after) of the map on each axis"),
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
    if not is_known(area) or area > MOST_PATHS:
        cover = Cover(shape, "which columns make up a position is not followed")
        return Result((output,), ((Path(0, (cover,)),),))
    apart = Regroup((spec.shape[0], channels, *kernel, *grid))
    paths = tuple(
        Path(0, (apart, *_taken(place, sizes, stride, dilation, pads), Contract(1, channels)))
        for place in product(*map(range, kernel))
    )
    return Result((output,), (paths,))


def _taken(
    place: tuple[int, ...],
    sizes: tuple[Num, ...],
    stride: tuple[Num, ...],
    dilation: tuple[Num, ...],
    pads: tuple[tuple[Num, Num], ...],
) -> list[Step]:
    """Steps from the windows to the map, for one place of the window."""
    rank = len(sizes)
    steps: list[Step] = [Slide(2 + k, _point(place[k]), 1) for k in range(rank)]
    steps.append(Squeeze(tuple(range(2, 2 + rank))))
    for k, (n, s, d, (lo, _)) in enumerate(zip(sizes, stride, dilation, pads, strict=True)):
        steps.append(Slide(2 + k, spread(1, stride=s, lo=lo - d * place[k]), n))
    return steps


def _point(index: int) -> Window:
    return Window(1, 0, *2 * (lambda i: index,))
