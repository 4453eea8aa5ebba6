"""Kinds that change the extent of a map without weights: resampling, adaptive pooling, padding, cropping.

Sources: half-pixel resampling as in ``jax.image.resize``, ``tf.image.resize`` and PyTorch's
``interpolate(align_corners=False)``: output i of m samples input position ``(i + 1/2) * n/m - 1/2``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rfcalc.algebra.number import (
    UNKNOWN,
    Num,
    cdiv,
    equal,
    greatest_common,
    is_known,
    is_open,
    maximum,
    minimum,
    prove,
)
from rfcalc.algebra.relation import MAX_PERIOD
from rfcalc.algebra.steps import Contract, Lose, Slide, Step
from rfcalc.algebra.window import (
    POINTWISE,
    Quotient,
    Stairs,
    Window,
    gather,
    partition,
    point,
    rises,
    slide,
    spread,
)
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import CHANNEL, TensorSpec
from rfcalc.rules.places import ORDER, folded, unfolded
from rfcalc.rules.registry import (
    CHOICE,
    COUNT,
    FLAG,
    LAYOUT,
    PAIRS,
    PER_AXIS,
    REQUIRED,
    Call,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)
from rfcalc.rules.window import replaced

RADIUS: Final = {"linear": 1, "cubic": 2, "lanczos3": 3, "lanczos5": 5}
"""How far each interpolation kernel reaches, in input elements."""

MODES: Final = ("nearest", *RADIUS)

MOST_TAPS: Final = 1 << 20
"""Taps of all phases of one axis that are listed; the widest kernel of a real model has some thousands."""


def resample(extent: Num, size: Num, common: Num, mode: str) -> Window:
    """Window of half-pixel resampling from `extent` to `size`, with `common` their greatest common divisor.

    A kernel of radius R reads the R elements on either side of the sampled position, or just the one
    where the position falls on it.

    Examples
    --------
    >>> [list(resample(1, 2, 1, "linear").indices(i)) for i in range(3)]
    [[-1, 0], [0, 1], [0, 1]]
    >>> [list(resample(1, 3, 1, "cubic").indices(i)) for i in range(3)]
    [[-2, -1, 0, 1], [0], [-1, 0, 1, 2]]
    """
    period, advance = size // common, extent // common
    if mode == "nearest":
        end = Stairs(0, 0, ((1, Quotient(2 * extent, extent, 2 * size)),))
        return Window(period, advance, end, end)
    more = RADIUS[mode] - 1
    first, last = around(2 * extent, extent - size, 2 * size, more)
    regular = True
    if is_known(period) and period > MAX_PERIOD:
        regular = False  # the relation is a bound then, whatever its rows
    elif is_known(period) and more:
        rows = range(period)
        regular = rises([first(i) for i in rows], advance) and rises([last(i) for i in rows], advance)
    return Window(period, advance, first, last, regular=regular)


def around(scale: Num, shift: Num, divisor: Num, more: int) -> tuple[Stairs, Stairs]:
    """Return the ends of a kernel around ``(scale*i + shift) / divisor``: the elements on either side of it.

    It reads `more` further ones on each side, unless the position falls on an element.

    Examples
    --------
    >>> first, last = around(1, 0, 2, 1)
    >>> [(first(i), last(i)) for i in range(3)]
    [(0, 0), (-1, 2), (1, 1)]
    """
    below, above = Quotient(scale, shift, divisor), Quotient(scale, shift + divisor - 1, divisor)
    if not more:
        return Stairs(0, 0, ((1, below),)), Stairs(0, 0, ((1, above),))
    return (
        Stairs(0, 0, ((1 + more, below), (-more, above))),
        Stairs(0, 0, ((1 + more, above), (-more, below))),
    )


def antialiased(extent: Num, size: Num, common: Num, mode: str) -> Window | None:
    """Widen the kernel of resampling by the factor ``extent/size`` that it shrinks by.

    None where it has too many taps to list.
    """
    if mode == "nearest" or not is_known(extent) or not is_known(size) or extent <= size:
        return resample(extent, size, common, mode)
    period, reach = size // common, RADIUS[mode]
    if 2 * reach * extent // common > MOST_TAPS:
        return None
    rows = []
    for i in range(period):
        # taps j at kernel position x = ((2j+1)m - (2i+1)n)/2n with |x| < reach; a kernel wider than the
        # linear one is zero at every whole x but 0
        first = ((2 * i + 1) * extent - size - 2 * reach * extent) // (2 * size) + 1
        last = cdiv((2 * i + 1) * extent - size + 2 * reach * extent, 2 * size) - 1
        offsets = {j: (2 * j + 1) * size - (2 * i + 1) * extent for j in range(first, last + 1)}
        rows.append([j for j, x in offsets.items() if x == 0 or x % (2 * extent)])
    return gather(period, extent // common, rows)


def ratio_step(
    axis: int, extent: Num, size: Num, window: Callable[[Num, Num, Num], Window | None], what: str
) -> Step:
    """Step from `extent` to `size` elements by a window that repeats with their ratio."""
    common = greatest_common(extent, size)
    if common is UNKNOWN:
        if equal(extent, size):
            return Slide(axis, POINTWISE, size)
        return Lose(axis, size, f"{what}: the ratio of extents is not known; give the input's size")
    if prove(extent < 1) or prove(size < 1):
        raise AnalysisError(f"{what}: an axis would go from {extent} to {size} elements")
    found = window(extent, size, common)
    return (
        Lose(axis, size, f"{what}: it has too many taps to list")
        if found is None
        else Slide(axis, found, size)
    )


@rule(
    "upsample",
    Setting("scale", PER_AXIS, REQUIRED, "output elements for each input element"),
    Setting("mode", CHOICE, "nearest", "interpolation, half-pixel", MODES),
    LAYOUT,
    family="upsampling",
    summary="Upsampling by a whole factor.",
)
def upsample(call: Call) -> Result:
    """Extent ``n * s``."""
    spec = call.only()
    spatial = call.spatial(spec)
    scales, mode = call.per_axis("scale", len(spatial)), call["mode"]
    extents = {a: spec.shape[a] * s for a, s in zip(spatial, scales, strict=True)}

    def window(scale: Num) -> Window:
        return spread(scale, stride=scale) if mode == "nearest" else resample(1, scale, 1, mode)

    steps = tuple(Slide(a, window(s), extents[a]) for a, s in zip(spatial, scales, strict=True))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, steps),),))


@rule(
    "adaptive_pool",
    Setting("size", PER_AXIS, REQUIRED, "output extent, in elements"),
    Setting("mode", CHOICE, "average", "what is taken of each window", ("average", "max")),
    LAYOUT,
    family="summary",
    summary="Adaptive pooling: the output extent is fixed, the windows follow.",
)
def adaptive_pool(call: Call) -> Result:
    """Output i of m takes ``[i*n//m, ceil((i+1)*n/m) - 1]`` of n."""
    spec = call.only()
    spatial = call.spatial(spec)
    sizes = call.per_axis("size", len(spatial))
    steps = tuple(
        ratio_step(a, spec.shape[a], size, partition, f"adaptive pooling of {format_shape(spec.shape)}")
        for a, size in zip(spatial, sizes, strict=True)
    )
    output = TensorSpec(replaced(spec, dict(zip(spatial, sizes, strict=True))), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, steps),),))


@rule(
    "resize",
    Setting("size", PER_AXIS, REQUIRED, "output extent, in elements"),
    Setting("mode", CHOICE, "linear", "interpolation, half-pixel", (*MODES, "area")),
    Setting("antialias", FLAG, False, "widen the kernel when shrinking"),
    Setting("aspect", FLAG, False, "keep the aspect ratio by cropping or padding"),
    LAYOUT,
    family="upsampling",
    summary="Resampling to a fixed extent.",
)
def resize(call: Call) -> Result:
    """The output extent is given; the window repeats with the ratio of the extents."""
    spec = call.only()
    spatial = call.spatial(spec)
    sizes, mode = call.per_axis("size", len(spatial)), call["mode"]
    kernel = antialiased if call["antialias"] else resample

    def window(extent: Num, size: Num, common: Num) -> Window | None:
        return partition(extent, size, common) if mode == "area" else kernel(extent, size, common, mode)

    steps: list[Step] = []
    for a, size in zip(spatial, sizes, strict=True):
        if call["aspect"] and equal(spec.shape[a], size) is not True:
            steps.append(Lose(a, size, "resizing that keeps the aspect ratio is not followed"))
        else:
            steps.append(ratio_step(a, spec.shape[a], size, window, "resizing"))
    output = TensorSpec(replaced(spec, dict(zip(spatial, sizes, strict=True))), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, tuple(steps)),),))


def _moved(call: Call, pairs: tuple[tuple[Num, Num], ...], border: str) -> Result:
    """Pad (or with negative pairs crop) the spatial axes."""
    spec = call.only()
    spatial = call.spatial(spec)
    extents: dict[int, Num] = {}
    steps: list[Step] = []
    for a, (lo, hi) in zip(spatial, pairs, strict=True):
        extents[a] = spec.shape[a] + lo + hi
        if is_known(extents[a]) and extents[a] < 1:
            raise AnalysisError(f"cropping leaves {extents[a]} elements of {spec.shape[a]}; crop less")
        if is_open(lo):
            reason = "where the map begins behind its padding depends on the extent; give the input's size"
            steps.append(Lose(a, extents[a], reason))
            continue
        alike = spec.axes[a] == CHANNEL
        if border == "drop":
            steps.append(Slide(a, slide(1, lo=lo), extents[a], alike))
            continue
        if not all(prove(pad >= 0) for pad in (lo, hi)):  # what is cropped is no more there to be repeated
            less = (minimum(lo, 0), minimum(hi, 0))
            steps.append(Slide(a, slide(1, lo=less[0]), spec.shape[a] + less[0] + less[1], alike))
        steps.append(Slide(a, point(1, -maximum(lo, 0), border=border), extents[a], alike))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, tuple(steps)),),))


@rule(
    "pad",
    Setting("padding", PAIRS, REQUIRED, "elements added before and after, for each spatial axis"),
    Setting(
        "mode", CHOICE, "constant", "what is added", ("constant", "reflect", "symmetric", "edge", "wrap")
    ),
    LAYOUT,
    family="moving",
    summary="Padding of the spatial axes.",
)
def pad(call: Call) -> Result:
    """Extent ``n + lo + hi``; constant padding depends on nothing, the others on the map near the border."""
    rank = len(call.spatial(call.only()))
    mode = call["mode"]
    return _moved(call, call.pairs("padding", rank), "drop" if mode == "constant" else mode)


@rule(
    "crop",
    Setting("cropping", PAIRS, REQUIRED, "elements taken off before and after, for each spatial axis"),
    LAYOUT,
    family="moving",
    summary="Cropping of the spatial axes.",
)
def crop(call: Call) -> Result:
    """Extent ``n - lo - hi``."""
    rank = len(call.spatial(call.only()))
    return _moved(call, tuple((-lo, -hi) for lo, hi in call.pairs("cropping", rank)), "drop")


@rule(
    "center_crop",
    Setting("size", PER_AXIS, REQUIRED, "output extent, in elements"),
    LAYOUT,
    family="moving",
    summary="Cropping to a fixed extent around the centre; a smaller map is resized.",
)
def center_crop(call: Call) -> Result:
    """Start at ``(n - size)//2``."""
    spec = call.only()
    spatial = call.spatial(spec)
    sizes = call.per_axis("size", len(spatial))
    extents = dict(zip(spatial, sizes, strict=True))
    steps: list[Step] = []
    fits = all(prove(spec.shape[a] >= size) for a, size in extents.items())
    for a, size in extents.items():
        if fits and not is_open(spec.shape[a]):
            steps.append(Slide(a, slide(1, lo=-((spec.shape[a] - size) // 2)), size))
        else:
            steps.append(Lose(a, size, "whether the map is cropped or resized depends on its extent"))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, tuple(steps)),),))


BLOCK = Setting("block", COUNT, REQUIRED, "edge of the square that moves between space and channels")


@rule(
    "space_to_depth",
    BLOCK,
    ORDER,
    LAYOUT,
    family="moving",
    summary="Each block of pixels becomes the channels of one.",
)
def space_to_depth(call: Call) -> Result:
    """Extent ``n/b``, channels ``C * b**axes``."""
    spec = call.only()
    spatial, channel, block = call.spatial(spec), call.channel(spec), call["block"]
    extents: dict[int, Num] = {}
    for a in spatial:
        if is_known(spec.shape[a]) and is_known(block) and spec.shape[a] % block:
            raise AnalysisError(f"an extent of {spec.shape[a]} does not divide into blocks of {block}")
        extents[a] = spec.shape[a] // block
    slides = tuple(Slide(a, slide(block, stride=block), extents[a]) for a in spatial)
    windows = {step.axis: (step.window, step.extent, block) for step in slides}
    extents[channel] = spec.shape[channel] * block ** len(spatial)
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    apart = unfolded(len(spec.shape), channel, windows, call["order"])
    path = Path(0, (*slides, Contract(channel, extents[channel])), apart)
    return Result((output,), ((path,),))


@rule(
    "depth_to_space",
    BLOCK,
    ORDER,
    LAYOUT,
    family="upsampling",
    summary="Channels become a block of pixels (pixel shuffle).",
)
def depth_to_space(call: Call) -> Result:
    """Extent ``n * b``, channels ``C / b**axes``."""
    spec = call.only()
    spatial, channel, block = call.spatial(spec), call.channel(spec), call["block"]
    extents: dict[int, Num] = {a: spec.shape[a] * block for a in spatial}
    parts = block ** len(spatial)
    channels = spec.shape[channel]
    if is_known(channels) and is_known(parts) and channels % parts:
        raise AnalysisError(f"{channels} channels do not divide into blocks of {parts}")
    steps: list[Step] = [Slide(a, spread(block, stride=block), extents[a]) for a in spatial]
    extents[channel] = channels // parts
    steps.append(Contract(channel, extents[channel]))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    blocks = dict.fromkeys(spatial, block)
    apart = folded(len(spec.shape), channel, extents[channel], blocks, call["order"])
    return Result((output,), ((Path(0, tuple(steps), apart),),))
