"""Kinds that slide a window: convolution, transposed convolution and pooling.

Sources: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016) for extents;
Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill, 2019) for
fields; TensorFlow's notes on SAME padding; PyTorch's ``MaxPool2d`` for ceil mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num, cdiv, is_known, maximum, minimum, prod
from rfcalc.algebra.steps import Contract, Slide, Step
from rfcalc.algebra.window import Window, gather, same_padding, slide, spread
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import CHANNEL, TensorSpec
from rfcalc.rules.mix import reduced_spec
from rfcalc.rules.places import ORDER, by_groups, unfolded
from rfcalc.rules.registry import (
    CHOICE,
    COUNT,
    FLAG,
    INTERNAL,
    LAYOUT,
    NATURAL_PER_AXIS,
    PADDING,
    PER_AXIS,
    REQUIRED,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    rule,
)

FILTERS = Setting("filters", COUNT, REQUIRED, "output channels")
KERNEL = Setting("kernel", PER_AXIS, REQUIRED, "window length, in input elements")
STRIDE = Setting("stride", PER_AXIS, 1, "step between windows, in input elements")
DILATION = Setting("dilation", PER_AXIS, 1, "distance between taps, in input elements")
PAD = Setting(
    "padding",
    PADDING,
    "valid",
    "'valid' (none), 'same' (output ceil(n/stride), the odd one after), 'same_lower' (the odd one before), "
    "'causal' (all before), a number for both sides, or [before, after] for each axis",
)
GROUPS = Setting("groups", COUNT, 1, "groups of channels that do not see each other")
MULTIPLIER = Setting("multiplier", COUNT, 1, "output channels for each input channel")
BIAS = Setting("bias", FLAG, True, "whether a bias is added")
SHORT = Setting(
    "short",
    INTERNAL,
    False,
    "a window that is too long for its map by less than a stride still makes one element",
)
CEIL = Setting("ceil", FLAG, False, "round the output extent up, where a window starts inside the input")


def window_extent(
    extent: Num, reach: Num, stride: Num, lo: Num, hi: Num, *, ceil: bool = False, short: bool = False
) -> Num:
    """Count the windows of `reach` elements that fit on ``extent + lo + hi``.

    In ceil mode a last window may hang over the end, unless it starts in the end padding. With `short` the
    division rounds toward zero: a map that lacks less than a stride for its first window makes one element.

    Examples
    --------
    >>> window_extent(224, 7, 2, 3, 3), window_extent(112, 3, 2, 0, 0, ceil=True)
    (112, 56)
    """
    room = extent + lo + hi - reach
    if ceil:
        return minimum(cdiv(room, stride) + 1, (extent + lo - 1) // stride + 1)
    if short:
        room = maximum(room, minimum(room + stride - 1, 0))
    return maximum(room // stride + 1, 0)


class _Axis:
    """Padding, output extent and window of one spatial axis."""

    __slots__ = ("extent", "window")

    def __init__(self, extent: Num, window: Window) -> None:
        self.extent = extent
        self.window = window


def _same_slack(reach: Num, stride: Num) -> tuple[Num, Num]:
    """Least and most that SAME padding puts before, where the extent is not known."""
    least = maximum(reach + 1 - stride, 0) // 2
    return least, reach // 2


def axis_window(
    extent: Num,
    kernel: Num,
    stride: Num,
    dilation: Num,
    padding: object,
    *,
    ceil: bool = False,
    short: bool = False,
) -> _Axis:
    """Resolve the padding of one axis: its output extent and its window."""
    numbers = type(extent) is type(kernel) is type(stride) is type(dilation) is int
    resolve = _known_axis if numbers and type(padding) is not list else _axis
    return resolve(extent, kernel, stride, dilation, padding, ceil, short)


def _axis(
    extent: Num,
    kernel: Num,
    stride: Num,
    dilation: Num,
    padding: object,
    ceil: bool,
    short: bool,
) -> _Axis:
    reach = dilation * (kernel - 1)
    if padding == "valid":
        padding = (0, 0)
    elif padding == "causal":
        padding = (reach, 0)
    elif padding in ("same", "same_lower"):
        total = same_padding(extent, kernel, stride, dilation)
        out = cdiv(extent, stride)
        if total is UNKNOWN:
            least, most = _same_slack(reach, stride)
            if padding == "same_lower":
                least, most = (maximum(reach + 1 - stride, 0) + 1) // 2, (reach + 1) // 2
            return _Axis(out, slide(kernel, stride=stride, dilation=dilation, lo=most, slack=most - least))
        lo = (total + 1) // 2 if padding == "same_lower" else total // 2
        return _Axis(out, slide(kernel, stride=stride, dilation=dilation, lo=lo))
    elif not isinstance(padding, (tuple, list)):
        raise AnalysisError(f"padding {padding!r} is not one of 'valid', 'same', 'same_lower', 'causal'")
    lo, hi = padding
    out = window_extent(extent, reach + 1, stride, lo, hi, ceil=ceil, short=short)
    if is_known(out) and out < 1:
        raise AnalysisError(
            f"the window of {reach + 1} is larger than the map of {extent + lo + hi}"
            f"{' with its padding' if prod((lo, hi)) or lo or hi else ''}; "
            "use a smaller kernel or dilation, more padding, or a larger input"
        )
    return _Axis(out, slide(kernel, stride=stride, dilation=dilation, lo=lo))


_known_axis: Final = lru_cache(4096)(_axis)
"""The same of plain numbers: both axes of a map, and many layers, have one window."""


def axis_paddings(call: Call, rank: int) -> tuple[object, ...]:
    """Return the padding of each axis: a word, or (before, after)."""
    padding = call["padding"]
    if isinstance(padding, str):
        return (padding,) * rank
    return call.pairs("padding", rank)


def resolve_axes(
    call: Call, spec: TensorSpec, spatial: tuple[int, ...], *, ceil: bool = False, short: bool = False
) -> list[_Axis]:
    """Resolve window and output extent of every spatial axis."""
    rank = len(spatial)
    settings = zip(
        spatial,
        call.per_axis("kernel", rank),
        call.per_axis("stride", rank)
        if call.attrs.get("stride") is not None
        else _default_stride(call, rank),
        call.per_axis("dilation", rank),
        axis_paddings(call, rank),
        strict=True,
    )
    return [axis_window(spec.shape[a], k, s, d, p, ceil=ceil, short=short) for a, k, s, d, p in settings]


def _default_stride(call: Call, rank: int) -> tuple[Num, ...]:
    """Pooling moves by its own window where no stride is given; convolution by one."""
    return (
        call.per_axis("kernel", rank)
        if call.kind.defaults["stride"] is None
        else call.per_axis("stride", rank)
    )


def replaced(spec: TensorSpec, extents: dict[int, Num]) -> tuple[Num, ...]:
    """Return a shape with some axes of another extent."""
    return tuple([extents.get(place, extent) for place, extent in enumerate(spec.shape)])


def with_channels(spec: TensorSpec, channel: int) -> str:
    """Return the roles of axes once a kernel has made channels of one of them."""
    return spec.axes[:channel] + CHANNEL + spec.axes[channel + 1 :]


def thinned(window: Window, kept: Sequence[int]) -> Window:
    """Leave the taps `kept` of a window that slides: the kernel is zero at the others."""
    taps = window.indices(0)
    if len(kept) == len(taps):
        return window
    first, step, advance = taps[0], window.step, window.advance
    if not kept:
        return gather(1, advance, [[]])
    if len(kept) == 1 or [tap - kept[0] for tap in kept] == list(range(len(kept))):
        lo = -(first + step * kept[0])
        return slide(len(kept), stride=advance, dilation=step, lo=lo, slack=window.slack)
    thin = gather(1, advance, [[first + step * tap for tap in kept]])
    return thin._replace(slack=window.slack)


def _convolve(
    call: Call, filters: Num, kernel_shape: tuple[Num, ...], taps: Num, bias: bool, groups: Num = 1
) -> Result:
    """Finish any convolution: extents, dependence, kernel and bias, `taps` MACs for each output element."""
    spec = call.only()
    spatial, channel = call.spatial(spec), call.channel(spec)
    axes = resolve_axes(call, spec, spatial)
    extents: dict[int, Num] = {a: axis.extent for a, axis in zip(spatial, axes, strict=True)}
    extents[channel] = filters
    output = TensorSpec(replaced(spec, extents), with_channels(spec, channel), spec.dtype)
    alive = call.attrs.get("alive")
    if alive is not None:
        axes = [_Axis(a.extent, thinned(a.window, kept)) for a, kept in zip(axes, alive, strict=True)]
    slides = [Slide(a, axis.window, extents[a]) for a, axis in zip(spatial, axes, strict=True)]
    steps: tuple[Step, ...] = (*slides, Contract(channel, filters))
    weights = [Parameter("kernel", kernel_shape)]
    if bias:
        weights.append(Parameter("bias", (filters,)))
    path = Path(0, steps, by_groups(steps, groups))
    return Result((output,), ((path,),), tuple(weights), output.elements * taps)


@rule(
    "conv",
    FILTERS, KERNEL, STRIDE, PAD, DILATION, GROUPS, BIAS,
    Setting("depth", INTERNAL, None, "input channels of the kernel, where the groups follow from it"),
    Setting("alive", INTERNAL, None, "taps for each axis, where a constant mask makes others zero"), LAYOUT,
    family="convolution",
    summary="Convolution: every output sees a window of the input, in all channels of its group.",
)  # fmt: skip
def conv(call: Call) -> Result:
    """Extent ``(n + lo + hi - d(k-1) - 1)//s + 1``, weights ``prod(k) * C/g * F + F``."""
    spec = call.only()
    channels = spec.shape[call.channel(spec)]
    kernel = call.per_axis("kernel", len(call.spatial(spec)))
    filters, groups = call["filters"], call["groups"]
    if call["depth"] is not None:
        groups = channels // call["depth"]
        if is_known(groups) and groups < 1:
            raise AnalysisError(f"a kernel for {call['depth']} channels does not fit an input of {channels}")
    for count, what in ((channels, "input channels"), (filters, "filters")):
        if is_known(count) and is_known(groups) and count % groups:
            raise AnalysisError(f"{count} {what} do not divide into {groups} groups")
    inner = channels // groups
    return _convolve(call, filters, (*kernel, inner, filters), prod(kernel) * inner, call["bias"], groups)


@rule(
    "local_conv",
    FILTERS, KERNEL, STRIDE, PAD, DILATION, BIAS,
    Setting("dense", INTERNAL, False, "the kernel leads from every input to every output element"), LAYOUT,
    family="convolution",
    summary="Locally connected: a convolution whose kernel and bias are others at every position.",
    native=False,
)  # fmt: skip
def local_conv(call: Call) -> Result:
    """Weights ``prod(out) * (prod(k) * C * F + F)``; window and MACs as a convolution's."""
    spec = call.only()
    spatial, filters = call.spatial(spec), call["filters"]
    channels = spec.shape[call.channel(spec)]
    kernel = call.per_axis("kernel", len(spatial))
    taps = prod(kernel) * channels
    made = _convolve(call, filters, (), taps, False)
    extents = tuple(made.outputs[0].shape[axis] for axis in spatial)
    shape: tuple[Num, ...] = (*extents, taps, filters)
    if call["dense"]:
        shape = (*(spec.shape[axis] for axis in spatial), channels, *extents, filters)
    weights = [Parameter("kernel", shape)]
    if call["bias"]:
        weights.append(Parameter("bias", (*extents, filters)))
    return made._replace(weights=tuple(weights))


@rule(
    "depthwise_conv",
    MULTIPLIER, KERNEL, STRIDE, PAD, DILATION, BIAS, LAYOUT,
    family="convolution", summary="Depthwise convolution: every channel has its own window filters.",
)  # fmt: skip
def depthwise_conv(call: Call) -> Result:
    """Compute a convolution with as many groups as channels."""
    spec = call.only()
    channels = spec.shape[call.channel(spec)]
    kernel = call.per_axis("kernel", len(call.spatial(spec)))
    multiplier = call["multiplier"]
    shape = (*kernel, channels, multiplier)
    return _convolve(call, channels * multiplier, shape, prod(kernel), call["bias"], channels)


@rule(
    "separable_conv",
    FILTERS, MULTIPLIER, KERNEL, STRIDE, PAD, DILATION, BIAS, LAYOUT,
    family="convolution", summary="Depthwise convolution, then a pointwise one over the channels.",
)  # fmt: skip
def separable_conv(call: Call) -> Result:
    """Weights ``prod(k) * C * m + C * m * F + F``."""
    spec = call.only()
    channels = spec.shape[call.channel(spec)]
    kernel = call.per_axis("kernel", len(call.spatial(spec)))
    filters, multiplier = call["filters"], call["multiplier"]
    middle = channels * multiplier
    result = _convolve(call, filters, (*kernel, channels, multiplier), 0, call["bias"])
    depthwise, *bias = result.weights
    weights = (
        Parameter("depthwise_kernel", depthwise.shape),
        Parameter("pointwise_kernel", (*(1 for _ in kernel), middle, filters)),
        *bias,
    )
    output = result.outputs[0]
    positions = output.without((call.channel(spec),)).elements
    macs = positions * middle * (prod(kernel) + filters)
    return Result(result.outputs, result.paths, weights, macs)


@rule(
    "transposed_conv",
    FILTERS, KERNEL, STRIDE,
    Setting(
        "padding",
        PADDING,
        "valid",
        "elements taken off the full result: 'valid' (none, and never shorter than n*stride), 'same' (output "
        "n*stride), a number for both sides, or [before, after] for each axis",
    ),
    DILATION,
    Setting("output_padding", NATURAL_PER_AXIS, None, "elements added at the end of the output"),
    GROUPS, BIAS, LAYOUT,
    family="upsampling", summary="Transposed convolution: every input spreads over a window of the output.",
)  # fmt: skip
def transposed_conv(call: Call) -> Result:
    """Extent ``(n-1)s + d(k-1) + 1 - lo - hi + output_padding``, weights as a convolution's."""
    spec = call.only()
    spatial, channel = call.spatial(spec), call.channel(spec)
    rank = len(spatial)
    channels, filters, groups = spec.shape[channel], call["filters"], call["groups"]
    if (
        is_known(filters)
        and is_known(groups)
        and (filters % groups or (is_known(channels) and channels % groups))
    ):
        raise AnalysisError(
            f"{channels} input channels and {filters} filters do not divide into {groups} groups"
        )
    kernel, stride, dilation = (call.per_axis(name, rank) for name in ("kernel", "stride", "dilation"))
    extra: tuple[Num | None, ...] = (None,) * rank
    if call.attrs.get("output_padding") is not None:
        extra = call.per_axis("output_padding", rank)
    extents: dict[int, Num] = {}
    steps: list[Step] = []
    for a, k, s, d, p, o in zip(
        spatial, kernel, stride, dilation, axis_paddings(call, rank), extra, strict=True
    ):
        extents[a], window = transposed_window(spec.shape[a], k, s, d, p, o)
        steps.append(Slide(a, window, extents[a]))
    extents[channel] = filters
    steps.append(Contract(channel, filters))
    output = TensorSpec(replaced(spec, extents), with_channels(spec, channel), spec.dtype)
    weights = [Parameter("kernel", (*kernel, filters // groups, channels))]
    if call["bias"]:
        weights.append(Parameter("bias", (filters,)))
    macs = spec.elements * prod(kernel) * (filters // groups)
    path = Path(0, tuple(steps), by_groups(tuple(steps), groups))
    return Result((output,), ((path,),), tuple(weights), macs)


def transposed_window(
    extent: Num, kernel: Num, stride: Num, dilation: Num, padding: object, extra: Num | None
) -> tuple[Num, Window]:
    """Output extent and window of one axis of a transposed convolution.

    Without output padding 'same' makes the output ``extent * stride`` long, and 'valid' no shorter than that,
    as Keras does. What 'same' takes off the full result is shared out, the smaller half before.
    """
    reach = dilation * (kernel - 1)
    full = (extent - 1) * stride + reach + 1
    lo: Num = 0
    if padding == "valid":
        out = extent * stride + maximum(reach + 1 - stride, 0) if extra is None else full + extra
    elif padding == "same":
        out = extent * stride if extra is None else full - 2 * ((reach + 1) // 2) + extra
        # full - out, spelled without the extent, which may be open
        taken = reach + 1 - stride if extra is None else 2 * ((reach + 1) // 2) - extra
        lo = maximum(taken, 0) // 2
    elif isinstance(padding, (tuple, list)):
        lo, hi = padding
        out = full - lo - hi + (0 if extra is None else extra)
    else:
        raise AnalysisError(f"padding {padding!r} does not apply to a transposed convolution")
    if is_known(out) and out < 1:
        raise AnalysisError(f"the output would have {out} elements on an axis; use less padding")
    return out, spread(kernel, stride=stride, dilation=dilation, lo=lo)


@rule(
    "patches",
    KERNEL, Setting("stride", PER_AXIS, None, "step between patches; by default their length"), PAD, DILATION,
    ORDER, LAYOUT,
    family="windows", summary="Each window becomes the channels of one position.",
)  # fmt: skip
def patches(call: Call) -> Result:
    """Channels ``prod(k) * C``; no weights and no multiplication."""
    spec = call.only()
    spatial, channel = call.spatial(spec), call.channel(spec)
    kernel = call.per_axis("kernel", len(spatial))
    result = _convolve(call, prod(kernel) * spec.shape[channel], (), 0, False)
    ((path,),) = result.paths
    windows = {
        step.axis: (step.window, step.extent, k)
        for k, step in zip(kernel, path.steps, strict=False)
        if isinstance(step, Slide)
    }
    path = path._replace(apart=unfolded(len(spec.shape), channel, windows, call["order"]))
    return Result(result.outputs, ((path,),))


POOLING = (
    KERNEL,
    Setting("stride", PER_AXIS, None, "step between windows; by default the window length"),
    PAD,
    DILATION,
    CEIL,
    SHORT,
    *LAYOUT,
)


def _pool(call: Call) -> Result:
    """Extent as a convolution's, in floor or ceil mode; no weights."""
    spec = call.only()
    spatial = call.spatial(spec)
    axes = resolve_axes(call, spec, spatial, ceil=bool(call["ceil"]), short=bool(call["short"]))
    extents = {a: axis.extent for a, axis in zip(spatial, axes, strict=True)}
    steps = tuple(Slide(a, axis.window, axis.extent) for a, axis in zip(spatial, axes, strict=True))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype)
    return Result((output,), ((Path(0, steps),),))


for _name, _word in (("max", "largest"), ("average", "mean"), ("lp", "p-norm"), ("median", "median")):
    rule(
        f"{_name}_pool",
        POOLING,
        family="pooling",
        summary=f"Pooling: the {_word} of each window, channel by channel.",
    )(_pool)


GLOBAL_MODES: Final = ("average", "max", "lp", "median", "sum")


@rule(
    "global_pool",
    Setting("mode", CHOICE, "average", "what is taken of the map", GLOBAL_MODES),
    Setting("keepdims", FLAG, False, "keep the spatial axes, with one element each"),
    LAYOUT,
    family="summary",
    summary="Global pooling: one value for each channel of the whole map.",
)
def global_pool(call: Call) -> Result:
    """Every output depends on the whole map."""
    spec = call.only()
    spatial = call.spatial(spec)
    output, step = reduced_spec(spec, spatial, keep=bool(call["keepdims"]))
    return Result((output,), ((Path(0, (step,)),),))
