"""Operations of Keras on maps and images: convolution, pooling, patches, resizing, cropping, padding."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.keras.config import LARGEST, shown
from rfcalc.readers.keras.nodes import flatten
from rfcalc.readers.keras.operation import Operation, OperationMaker
from rfcalc.readers.keras.settings import (
    MODES,
    PADDINGS,
    Made,
    image_layout,
    is_channels_first,
    layout,
    output_padding,
    own_stride,
    pooling,
    sliding,
)


def _conv(op: Operation) -> Made | Stage:
    """Convolution with a kernel written into the file: no weights of the model."""
    kernels = op.constants()
    shape = kernels[0] if kernels else ()
    rank = len(shape) - 2
    if rank not in (1, 2, 3) or min(shape) < 1:
        return "unknown", {"why": "its kernel is a tensor of the model, not a constant"}
    *kernel, inner, outer = shape
    settings = {
        "kernel": tuple(kernel),
        **sliding(op.config, rank),
        "bias": False,
        **layout(op.config, rank),
    }
    unlearned = Extras(constant=True)
    if op.name in ("DepthwiseConv", "SeparableConv"):
        if op.name == "SeparableConv":
            pointwise = kernels[-1]
            if not pointwise or pointwise[-1] < 1:
                op.wrong("pointwise_kernel", "an array", pointwise)
            filters = pointwise[-1]
            return Stage("separable_conv", {"multiplier": outer, "filters": filters, **settings}, unlearned)
        return Stage("depthwise_conv", {"multiplier": outer, **settings}, unlearned)
    if op.name == "ConvTranspose":
        extra = output_padding(op.config, rank)
        return Stage("transposed_conv", {"filters": inner, "output_padding": extra, **settings}, unlearned)
    return Stage("conv", {"filters": outer, "depth": inner, **settings}, unlearned)


def _pool(kind: str) -> OperationMaker:
    def make(op: Operation) -> Made:
        rank = _rank(op, "pool_size")
        return kind, pooling(op.config, op.config.per_axis("pool_size", rank), rank)

    return make


def _adaptive(op: Operation) -> Made:
    rank = _rank(op)
    mode = "max" if "Max" in op.name else "average"
    return "adaptive_pool", {
        "mode": mode,
        "size": op.config.per_axis("output_size", rank),
        **layout(op.config, rank),
    }


def _patches(op: Operation) -> Made:
    rank = _rank(op, "size")
    kernel = op.config.per_axis("size", rank)
    return "patches", {
        "kernel": kernel,
        "stride": own_stride(op.config, kernel, rank),
        "dilation": op.config.per_axis("dilation_rate", rank, 1),
        "padding": op.config.choice("padding", PADDINGS, "valid"),
        **layout(op.config, rank),
    }


def _blocks(kind: str) -> OperationMaker:
    def make(op: Operation) -> Made:
        block = op.value("block_size", place=1)
        if type(block) is not int or block < 1:
            op.wrong("block_size", "a positive integer", block)
        # of channels in front TensorFlow's backend makes another order than those of JAX, PyTorch and numpy
        order = "channels_first" if is_channels_first(op.config) else "places_first"
        return kind, {"block": block, "order": order, **layout(op.config, _rank(op))}

    return make


def _rank(op: Operation, size: str | None = None) -> int:
    """Count the spatial axes: by the list `size` of an extent for each, or else by the input's shape."""
    given = None if size is None else op.value(size)
    if isinstance(given, tuple):
        return len(given)
    refs = list(flatten(op.node.args))
    shape = refs[0].shape if refs else None
    return len(shape) - 2 if shape else 2


def _resize(op: Operation) -> Made:
    size = op.numbers("size", place=1)
    mode = str(op.value("interpolation", "method", default="bilinear")).lower()
    if mode not in MODES:
        return "unknown", {"why": f"interpolation {shown(mode)} is not known"}
    if op.value("preserve_aspect_ratio") is True:
        return "unknown", {"why": "its output extents follow from the aspect ratio"}
    aspect = any(op.value(name) is True for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"))
    antialias = op.value("antialias", default=False) is True
    return "resize", {
        "size": size if len(size) > 1 else size * 2,
        "mode": MODES[mode],
        "antialias": antialias,
        "aspect": aspect,
        **_image(op),
    }


def _images(kind: str, word: str) -> OperationMaker:
    """Padding and cropping of images, by edges; a target size is not written out."""

    def make(op: Operation) -> Made:
        edges = [op.value(f"{side}_{word}") for side in ("top", "bottom", "left", "right")]
        if not all(type(edge) is int and 0 <= edge <= LARGEST for edge in edges):
            return "unknown", {"why": "an edge follows from a target size"}
        setting = "padding" if kind == "pad" else "cropping"
        return kind, {setting: ((edges[0], edges[1]), (edges[2], edges[3])), **_image(op)}

    return make


def _grayscale(op: Operation) -> Made:
    return "reduce", {"axes": (_image(op)["channel"],), "keepdims": True}


def _image(op: Operation) -> dict[str, Any]:
    return image_layout(op.value("data_format") == "channels_first")


WINDOWS: Final[dict[str, OperationMaker]] = {
    "Conv": _conv,
    "DepthwiseConv": _conv,
    "SeparableConv": _conv,
    "ConvTranspose": _conv,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "AdaptiveAveragePool": _adaptive,
    "AdaptiveMaxPool": _adaptive,
    "ExtractPatches": _patches,
    "SpaceToDepth": _blocks("space_to_depth"),
    "DepthToSpace": _blocks("depth_to_space"),
    "Resize": _resize,
    "CropImages": _images("crop", "cropping"),
    "PadImages": _images("pad", "padding"),
    "RGBToGrayscale": _grayscale,
}
