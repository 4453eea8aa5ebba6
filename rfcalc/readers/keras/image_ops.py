"""Operations of Keras on images and other maps: convolution, pooling, resizing, patches."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import LARGEST, shown
from rfcalc.readers.keras.nodes import flatten
from rfcalc.readers.keras.operation import Maker, Operation
from rfcalc.readers.keras.spatial import MODES, PADDINGS, layout


def _resize(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.numbers("size", place=1)
    mode = str(op.value("interpolation", "method", default="bilinear")).lower()
    if mode not in MODES:
        return "unknown", {"why": f"interpolation {shown(mode)} is not known"}
    aspect = any(op.value(name) is True for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"))
    antialias = op.value("antialias", default=False) is True
    return "resize", {
        "size": size if len(size) > 1 else size * 2,
        "mode": MODES[mode],
        "antialias": antialias,
        "aspect": aspect,
        **_image(op),
    }


def _image(op: Operation) -> dict[str, Any]:
    if op.value("data_format") == "channels_first":
        return {"spatial": (-2, -1), "channel": -3}
    return {"spatial": (-3, -2), "channel": -1}


def _kernel_shape(op: Operation) -> tuple[int, ...]:
    kernels = op.constants()
    return kernels[0] if kernels else ()


def _conv(op: Operation) -> tuple[str, dict[str, Any]]:
    """Convolution with a kernel written into the file: no weights of the model."""
    shape = _kernel_shape(op)
    rank = len(shape) - 2
    if rank not in (1, 2, 3) or min(shape) < 1:
        return "unknown", {"why": "its kernel is a tensor of the model, not a constant"}
    *kernel, inner, outer = shape
    settings = {
        "kernel": tuple(kernel),
        "stride": op.config.per_axis("strides", rank, 1),
        "dilation": op.config.per_axis("dilation_rate", rank, 1),
        "padding": op.config.choice("padding", PADDINGS, "valid"),
        "bias": False,
        "constant": True,
        **layout(op.config, rank),
    }
    if op.name in ("DepthwiseConv", "SeparableConv"):
        if op.name == "SeparableConv":
            pointwise = op.constants()[-1]
            if not pointwise or pointwise[-1] < 1:
                op.wrong("pointwise_kernel", "an array", pointwise)
            return "separable_conv", {"multiplier": outer, "filters": pointwise[-1], **settings}
        return "depthwise_conv", {"multiplier": outer, **settings}
    if op.name == "ConvTranspose":
        extra = None
        if op.config.get("output_padding") is not None:
            extra = op.config.per_axis("output_padding", rank, least=0)
        return "transposed_conv", {"filters": inner, "output_padding": extra, **settings}
    return "conv", {"filters": outer, "depth": inner, **settings}


def _pool(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        size = op.value("pool_size")
        rank = len(size) if isinstance(size, tuple) else _rank(op)
        kernel = op.config.per_axis("pool_size", rank)
        stride = kernel if op.config.get("strides") is None else op.config.per_axis("strides", rank)
        padding = op.config.choice("padding", PADDINGS, "valid")
        return kind, {"kernel": kernel, "stride": stride, "padding": padding, **layout(op.config, rank)}

    return make


def _rank(op: Operation) -> int:
    refs = list(flatten(op.node.args))
    shape = refs[0].shape if refs else None
    return len(shape) - 2 if shape else 2


def _adaptive(op: Operation) -> tuple[str, dict[str, Any]]:
    rank = _rank(op)
    mode = "max" if "Max" in op.name else "average"
    return "adaptive_pool", {
        "mode": mode,
        "size": op.config.per_axis("output_size", rank),
        **layout(op.config, rank),
    }


def _patches(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.value("size")
    rank = len(size) if isinstance(size, tuple) else _rank(op)
    kernel = op.config.per_axis("size", rank)
    return "patches", {
        "kernel": kernel,
        "stride": kernel if op.config.get("strides") is None else op.config.per_axis("strides", rank),
        "dilation": op.config.per_axis("dilation_rate", rank, 1),
        "padding": op.config.choice("padding", PADDINGS, "valid"),
        **layout(op.config, rank),
    }


def _blocks(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        block = op.value("block_size", place=1)
        if type(block) is not int or block < 1:
            op.wrong("block_size", "a positive integer", block)
        return kind, {"block": block, **layout(op.config, _rank(op))}

    return make


def _images(kind: str, word: str) -> Maker:
    """Padding and cropping of images, by edges; a target size is not written out."""

    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        edges = [op.value(f"{side}_{word}") for side in ("top", "bottom", "left", "right")]
        if not all(type(edge) is int and 0 <= edge <= LARGEST for edge in edges):
            return "unknown", {"why": "an edge follows from a target size"}
        setting = "padding" if kind == "pad" else "cropping"
        return kind, {setting: ((edges[0], edges[1]), (edges[2], edges[3])), **_image(op)}

    return make


IMAGE_OPERATIONS: Final[dict[str, Maker]] = {
    "Resize": _resize,
    "CropImages": _images("crop", "cropping"),
    "PadImages": _images("pad", "padding"),
    "Conv": _conv,
    "DepthwiseConv": _conv,
    "SeparableConv": _conv,
    "ConvTranspose": _conv,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "AdaptiveAveragePool": _adaptive,
    "AdaptiveMaxPool": _adaptive,
    "SpaceToDepth": _blocks("space_to_depth"),
    "DepthToSpace": _blocks("depth_to_space"),
    "ExtractPatches": _patches,
    "RGBToGrayscale": lambda op: ("reduce", {"axes": (_image(op)["channel"],), "keepdims": True}),
}
"""Operations that slide over a map, by class name."""
