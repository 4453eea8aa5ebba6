"""Convolution, pooling, unfolding."""

from __future__ import annotations

from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import window
from rfcalc.readers.lowering.shape import fold
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.torch.operation import Operation, op

Pairs = tuple[tuple[Num, Num], ...]


def _pairs(values: tuple[Num, ...]) -> Pairs:
    return tuple((value, value) for value in values)


def _padding(operation: Operation, rank: int) -> str | Pairs:
    """Read a padding: a word, or a number for each axis."""
    raw = operation.raw("padding", 0)
    return raw if isinstance(raw, str) else _pairs(operation.per_axis("padding", rank, 0))


@op("conv1d", "conv2d", "conv3d", tells="window")
def conv(operation: Operation) -> Values:
    """Input, weight (filters, channels of a group, window), bias."""
    return _convolve(operation, operation["weight"].rank - 2)


def _convolve(operation: Operation, rank: int) -> Values:
    return window.conv(
        operation,
        operation["input"],
        operation["weight"],
        operation.optional("bias"),
        stride=operation.per_axis("stride", rank, 1),
        padding=_padding(operation, rank),
        dilation=operation.per_axis("dilation", rank, 1),
        groups=operation.integer("groups", 1),
    )


@op("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", tells="window")
def conv_transpose(operation: Operation) -> Values:
    """Input, weight (channels, filters of a group, window), bias."""
    return _transposed(operation, operation["weight"].rank - 2)


def _transposed(operation: Operation, rank: int) -> Values:
    return window.transposed_conv(
        operation,
        operation["input"],
        operation["weight"],
        operation.optional("bias"),
        stride=operation.per_axis("stride", rank, 1),
        padding=_pairs(operation.per_axis("padding", rank, 0)),
        dilation=operation.per_axis("dilation", rank, 1),
        output_padding=operation.per_axis("output_padding", rank, 0),
        groups=operation.integer("groups", 1),
    )


@op("convolution", "_convolution", tells="window")
def convolution(operation: Operation) -> Values:
    """Either of both, as `transposed` says."""
    rank = operation["weight"].rank - 2
    return _transposed(operation, rank) if operation.flag("transposed") else _convolve(operation, rank)


@op("conv_tbc")
def conv_tbc(operation: Operation) -> Values:
    """Time, batch, channels; weight (window, channels, filters)."""
    x, kernel = operation["self"], operation["weight"]
    padding = operation.integer("pad", 0)
    attrs = {
        "filters": kernel.shape[2],
        "kernel": kernel.shape[:1],
        "padding": ((padding, padding),),
        "spatial": (0,),
        "channel": 2,
    }
    return operation.add("conv", (x,), attrs, weights=(kernel, operation["bias"]))


@op("deform_conv2d", domain="torchvision", tells="window")
def deform_conv(operation: Operation) -> Values:
    """Input, weight, offset, mask, bias: where the taps lie is computed."""
    kernel = operation["weight"]
    names = ("offset", "mask") if operation.flag("use_mask", True) else ("offset",)
    moved = [value for value in (operation[name] for name in names) if not value.constant]

    def both(name: str, default: int) -> tuple[int, int]:
        return operation.integer(f"{name}_h", default), operation.integer(f"{name}_w", default)

    reason = "where a deformable convolution looks is computed from its input"
    attrs: dict[str, Any] = {
        "filters": kernel.shape[0],
        "kernel": kernel.shape[2:],
        "stride": both("stride", 1),
        "padding": _pairs(both("pad", 0)),
        "dilation": both("dilation", 1) if "dilation_h" in operation.call.args else (1, 1),
        "groups": operation.integer("groups", 1),
        "depth": kernel.shape[1],
        "spatial": (2, 3),
        "channel": 1,
    }
    cover = Stage("cover", {"shape": (None,) * 4, "axes": "bcss", "reason": reason})
    extras = Extras(then=(cover,), masks=len(moved))
    inputs, weights = (operation["input"], *moved), (kernel, operation["bias"])
    return operation.add("conv", inputs, attrs, extras, weights=weights)


# ---- pooling -----------------------------------------------------------------------------------------------

_POOLS = {
    **{f"max_pool{n}d": ("max", n) for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": ("max", n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": ("average", n) for n in (1, 2, 3)},
}


@op(*_POOLS, tells="window")
def pool(operation: Operation) -> Values:
    """Largest or mean of each window; a largest one may come with its index."""
    mode, rank = _POOLS[operation.op.partition(".")[2]]
    kernel = operation.per_axis("kernel_size", rank, 1)
    stride = operation.per_axis("stride", rank, 0)
    return window.pool(
        operation,
        operation["self"],
        mode,
        kernel=kernel,
        stride=kernel if stride == (0,) * rank else stride,
        padding=_pairs(operation.per_axis("padding", rank, 0)),
        dilation=operation.per_axis("dilation", rank, 1) if mode == "max" else None,
        ceil=operation.flag("ceil_mode"),
        copies=operation.copies,
    )


_ADAPTIVE = {
    **{f"adaptive_avg_pool{n}d": ("average", n) for n in (1, 2, 3)},
    **{f"_adaptive_avg_pool{n}d": ("average", n) for n in (2, 3)},
    **{f"adaptive_max_pool{n}d": ("max", n) for n in (1, 2, 3)},
}


@op(*_ADAPTIVE, tells="window")
def adaptive_pool(operation: Operation) -> Values:
    """A fixed extent, whatever that of the input."""
    mode, rank = _ADAPTIVE[operation.op.partition(".")[2]]
    size = operation.per_axis("output_size", rank, 1)
    return window.adaptive_pool(operation, operation["self"], mode, size, copies=operation.copies)


@op("fractional_max_pool2d", "fractional_max_pool3d")
def fractional_pool(operation: Operation) -> Values:
    """Windows lie where random numbers say."""
    return operation.cover((operation["self"],), "where the windows of a fractional pooling lie is random")


@op("max_unpool2d", "max_unpool3d")
def unpool(operation: Operation) -> Values:
    """Elements go back to the places that their indices say."""
    return operation.cover(
        (operation["self"], operation["indices"]), "where unpooled elements go is computed"
    )


# ---- windows as channels -----------------------------------------------------------------------------------


@op("im2col", tells="window")
def unfold_map(operation: Operation) -> Values:
    """The windows of a map, one after the other: (batch, channels times window, windows)."""
    x = operation["self"]
    if x.rank != 4:
        raise AnalysisError("unfolding a map without a batch axis is not read")
    attrs = {
        "kernel": operation.per_axis("kernel_size", 2, 1),
        "stride": operation.per_axis("stride", 2, 1),
        "padding": _pairs(operation.per_axis("padding", 2, 0)),
        "dilation": operation.per_axis("dilation", 2, 1),
        "order": "channels_first",
        "spatial": (2, 3),
        "channel": 1,
    }
    extras = Extras(then=(Stage("reshape", {"shape": operation.recorded[0]}),))
    return operation.add("patches", (x,), attrs, extras)


@op("col2im")
def fold_map(operation: Operation) -> Values:
    """Windows are added up to a map."""
    x = operation["self"]
    if x.rank != 3:
        return operation.cover((x,), "which windows make up a position is not followed")
    return fold(
        operation,
        x,
        operation.per_axis("output_size", 2, 1),
        kernel=operation.per_axis("kernel_size", 2, 1),
        stride=operation.per_axis("stride", 2, 1),
        dilation=operation.per_axis("dilation", 2, 1),
        padding=_pairs(operation.per_axis("padding", 2, 0)),
    )


@op("unfold")
def unfold(operation: Operation) -> Values:
    """Windows along one axis, their elements as a new last axis."""
    x = operation["self"]
    axis = operation.axis("dimension", x.rank)
    size, step = operation.integer("size"), operation.integer("step")
    attrs = {"kernel": size, "stride": step, "bins": size, "plain": True, "axis": axis}
    order = [place for place in range(x.rank + 1) if place != axis + 1] + [axis + 1]
    then = () if order == list(range(x.rank + 1)) else (Stage("permute", {"order": tuple(order)}),)
    return operation.add("frames", (x,), attrs, Extras(then=then))
