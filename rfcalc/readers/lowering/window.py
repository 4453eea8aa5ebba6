"""Convolution and pooling, on tensors whose channels stand before their positions or behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from rfcalc.algebra.number import Num, equal, is_known, is_one, is_open, prove
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import PLAIN, Extras, Stage
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.masks import full, mask_of
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Value

Pairs = Sequence[tuple[Num, Num]]

Layout = Literal["first", "last"]
"""Channels stand right behind the batch axis, in kernels before the window; or last, in kernels as well."""


_ONE_SAMPLE: Final = Extras(
    prepare=((0, (Stage("expand_dims", {"axes": (0,)}),)),), then=(Stage("squeeze", {"axes": (0,)}),)
)
"""A sample without a batch axis gets one, and loses it again."""


def _placed(x: Value, rank: int, layout: Layout) -> tuple[dict[str, Any], Extras]:
    """Say where the channel axis and the spatial axes stand, and whether a batch axis is missing."""
    if x.rank not in (rank + 1, rank + 2):
        raise AnalysisError(f"a window over {rank} axes does not fit an input of {x.rank} axes")
    return axes_of(rank, layout), PLAIN if x.rank > rank + 1 else _ONE_SAMPLE


def axes_of(rank: int, layout: Layout) -> dict[str, Any]:
    """Return which axes are positions and which are channels, in a batch."""
    if layout == "last":
        return {"spatial": tuple(range(1, rank + 1)), "channel": rank + 1}
    return {"spatial": tuple(range(2, rank + 2)), "channel": 1}


def _channels(x: Value, rank: int, layout: Layout) -> Num:
    """Return how many channels an input has, whose batch axis may be missing."""
    return x.shape[-1 if layout == "last" else x.rank - rank - 1]


def _window(layout: Layout) -> slice:
    """Return which axes of a kernel are its window."""
    return slice(1, -1) if layout == "last" else slice(2, None)


def _decided(window: Sequence[Num]) -> None:
    """Refuse a kernel whose extents are open, as one that is an input of the model has them."""
    if any(map(is_open, window)):
        raise Undecided("the extent of its window is open")


def conv(
    operation: Lowering,
    x: Value,
    kernel: Value,
    bias: Value | None = None,
    *,
    stride: Sequence[Num],
    padding: str | Pairs,
    dilation: Sequence[Num],
    groups: Num = 1,
    then: tuple[Stage, ...] = (),
    layout: Layout = "first",
) -> tuple[Value, ...]:
    """Add a convolution: its kernel is (filters, channels of a group, window), or has these channels last."""
    filters, window = kernel.shape[0], kernel.shape[_window(layout)]
    depth = kernel.shape[-1 if layout == "last" else 1]
    if x.spec is None:
        raise Blind
    _decided(window)
    channels = _channels(x, len(window), layout) if x.rank > len(window) else 1
    if equal(channels, depth * groups) is False or prove(filters % groups > 0):
        raise AnalysisError(
            f"a kernel of {filters} filters for {depth} channels in {groups} groups does not fit an input of "
            f"{channels}"
        )
    placed, extras = _placed(x, len(window), layout)
    attrs = {
        "filters": filters,
        "kernel": tuple(window),
        "stride": tuple(stride),
        "padding": padding if isinstance(padding, str) else tuple(padding),
        "dilation": tuple(dilation),
        "groups": groups,
        "depth": depth,
        **placed,
    }
    kept = kept_taps(kernel, layout)
    if kept is not None:
        attrs["alive"] = kept
    if then:
        extras = extras._replace(then=(*extras.then, *then))
    return operation.add("conv", (x,), attrs, extras, weights=(kernel, bias))


def kept_taps(kernel: Value, layout: Layout = "first") -> tuple[tuple[int, ...], ...] | None:
    """Say for each axis of a kernel's window which taps a constant mask leaves; None where it leaves all."""
    mask = mask_of(kernel)
    if mask is None or mask.alive is None or mask.low:
        return None
    alive = full(mask.alive, kernel.shape)
    found = []
    places = range(kernel.rank)[_window(layout)]
    for axis in places:
        others = tuple(place for place in range(kernel.rank) if place != axis)
        found.append(tuple(alive.any(axis=others).nonzero()[0].tolist()))
    whole = all(
        len(taps) == extent for taps, extent in zip(found, kernel.shape[_window(layout)], strict=True)
    )
    return None if whole else tuple(found)


def windowed(window: Value, size: int) -> tuple[int, ...] | None:
    """Return which samples of a frame a window reads, in the middle of the frame; None where it reads all.

    Elements that are zero are not read, as the first of most windows, or what one is padded with.
    """
    (length,) = window.shape
    if not is_known(length) or length > size:
        return None
    left = (size - length) // 2
    read = range(length) if window.data is None else window.data.nonzero()[0].tolist()
    return None if len(read) == size else tuple(left + sample for sample in read)


def transposed_conv(
    operation: Lowering,
    x: Value,
    kernel: Value,
    bias: Value | None = None,
    *,
    stride: Sequence[Num],
    padding: Pairs,
    dilation: Sequence[Num],
    output_padding: Sequence[Num],
    groups: Num = 1,
    layout: Layout = "first",
) -> tuple[Value, ...]:
    """Add a transposed convolution.

    Its kernel is (channels, filters of a group, window), or (filters of a group, window, channels).
    """
    window = kernel.shape[_window(layout)]
    depth, filters = (kernel.shape[-1], kernel.shape[0]) if layout == "last" else kernel.shape[:2]
    if x.spec is None:
        raise Blind
    _decided(window)
    placed, extras = _placed(x, len(window), layout)
    channels = _channels(x, len(window), layout)
    if is_known(channels) and is_known(depth) and channels != depth:
        raise AnalysisError(f"a kernel for {depth} channels does not fit an input of {channels}")
    attrs = {
        "filters": filters * groups,
        "kernel": tuple(window),
        "stride": tuple(stride),
        "padding": tuple(padding),
        "dilation": tuple(dilation),
        "output_padding": tuple(output_padding),
        "groups": groups,
        **placed,
    }
    return operation.add("transposed_conv", (x,), attrs, extras, weights=(kernel, bias))


def pool(
    operation: Lowering,
    x: Value,
    mode: str,
    *,
    kernel: Sequence[Num],
    stride: Sequence[Num],
    padding: str | Pairs,
    dilation: Sequence[Num] | None = None,
    ceil: bool = False,
    short: bool = False,
    copies: int = 0,
    layout: Layout = "first",
) -> tuple[Value, ...]:
    """Add a pooling: `mode` is max, average or lp; `copies` outputs more are like the first.

    With `short` a window that is longer than its map by less than a stride makes one element.
    """
    if x.spec is None:
        raise Blind
    placed, extras = _placed(x, len(kernel), layout)
    attrs: dict[str, Any] = {
        "kernel": tuple(kernel),
        "stride": tuple(stride),
        "padding": padding if isinstance(padding, str) else tuple(padding),
        "ceil": ceil,
        **placed,
    }
    if dilation is not None:
        attrs["dilation"] = tuple(dilation)
    if short:
        attrs["short"] = True
    return operation.add(f"{mode}_pool", (x,), attrs, extras._replace(copies=copies))


def global_pool(operation: Lowering, x: Value, mode: str, layout: Layout = "first") -> tuple[Value, ...]:
    """Add a pooling over all positions that keeps their axes, with one element each."""
    if x.spec is None:
        raise Blind
    attrs = {"mode": mode, "keepdims": True, **axes_of(x.rank - 2, layout)}
    return operation.add("global_pool", (x,), attrs)


def adaptive_pool(
    operation: Lowering,
    x: Value,
    mode: str,
    size: Sequence[Num | None],
    *,
    copies: int = 0,
    layout: Layout = "first",
) -> tuple[Value, ...]:
    """Add a pooling to a fixed extent; None keeps the extent of an axis."""
    if x.spec is None:
        raise Blind
    placed, extras = _placed(x, len(size), layout)
    offset = x.rank - len(size) - (layout == "last")
    sizes = tuple(x.shape[offset + k] if extent is None else extent for k, extent in enumerate(size))
    attrs = {"mode": mode, **placed}
    extras = extras._replace(copies=copies)
    if all(map(is_one, sizes)):
        return operation.add("global_pool", (x,), {**attrs, "keepdims": True}, extras)
    return operation.add("adaptive_pool", (x,), {**attrs, "size": sizes}, extras)
