"""Layers of Keras that slide over a map: convolution, pooling, upsampling, padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rfcalc.readers.keras.config import Config

Made = tuple[str, dict[str, Any]]
"""Canonical kind and its settings."""


Maker = Callable[[Config], Made]


def layout(config: Config, rank: int) -> dict[str, Any]:
    """Return the places of the spatial axes and of the channels of a tensor of `rank` spatial axes."""
    if config.text("data_format", "channels_last") == "channels_first":
        return {"spatial": tuple(range(2, rank + 2)), "channel": 1}
    return {"spatial": tuple(range(1, rank + 1)), "channel": rank + 1}


PADDINGS: Final = {"valid": "valid", "same": "same", "causal": "causal"}


MODES: Final = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "area": "area",
}


def window_settings(config: Config, rank: int) -> dict[str, Any]:
    """Settings of a window that slides over `rank` axes, as all convolutions of Keras spell them."""
    return {
        "kernel": config.per_axis("kernel_size", rank),
        "stride": config.per_axis("strides", rank, 1),
        "dilation": config.per_axis("dilation_rate", rank, 1),
        "padding": config.choice("padding", PADDINGS, "valid"),
        "bias": config.flag("use_bias", True),
        **layout(config, rank),
    }


def _conv(rank: int) -> Maker:
    def make(config: Config) -> Made:
        groups = config.whole("groups", 1)
        return "conv", {"filters": config.whole("filters"), "groups": groups, **window_settings(config, rank)}

    return make


def _depthwise(rank: int) -> Maker:
    return lambda c: (
        "depthwise_conv",
        {"multiplier": c.whole("depth_multiplier", 1), **window_settings(c, rank)},
    )


def _separable(rank: int) -> Maker:
    def make(config: Config) -> Made:
        multiplier = config.whole("depth_multiplier", 1)
        window = window_settings(config, rank)
        return "separable_conv", {"filters": config.whole("filters"), "multiplier": multiplier, **window}

    return make


def _transposed(rank: int) -> Maker:
    def make(config: Config) -> Made:
        extra = None
        if config.get("output_padding") is not None:
            extra = config.per_axis("output_padding", rank, least=0)
        settings = {
            "filters": config.whole("filters"),
            "output_padding": extra,
            **window_settings(config, rank),
        }
        return "transposed_conv", settings

    return make


def _pool(kind: str, rank: int) -> Maker:
    def make(config: Config) -> Made:
        kernel = config.per_axis("pool_size", rank, 2)
        stride = kernel if config.get("strides") is None else config.per_axis("strides", rank)
        padding = config.choice("padding", PADDINGS, "valid")
        return kind, {"kernel": kernel, "stride": stride, "padding": padding, **layout(config, rank)}

    return make


def _global_pool(mode: str, rank: int) -> Maker:
    return lambda c: ("global_pool", {"mode": mode, "keepdims": c.flag("keepdims"), **layout(c, rank)})


def _adaptive_pool(mode: str, rank: int) -> Maker:
    return lambda c: (
        "adaptive_pool",
        {"mode": mode, "size": c.per_axis("output_size", rank), **layout(c, rank)},
    )


def _upsample(rank: int) -> Maker:
    def make(config: Config) -> Made:
        mode = config.choice("interpolation", MODES, "nearest")
        return "upsample", {"scale": config.per_axis("size", rank, 2), "mode": mode, **layout(config, rank)}

    return make


def _pad(rank: int) -> Maker:
    return lambda c: ("pad", {"padding": c.pairs("padding", rank), **layout(c, rank)})


def _crop(rank: int) -> Maker:
    return lambda c: ("crop", {"cropping": c.pairs("cropping", rank), **layout(c, rank)})


SPATIAL_LAYERS: Final[dict[str, Maker]] = {
    **{f"Conv{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Convolution{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _transposed(rank) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": _depthwise(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable(rank) for rank in (1, 2)},
    **{f"MaxPooling{rank}D": _pool("max_pool", rank) for rank in (1, 2, 3)},
    **{f"AveragePooling{rank}D": _pool("average_pool", rank) for rank in (1, 2, 3)},
    **{f"GlobalMaxPooling{rank}D": _global_pool("max", rank) for rank in (1, 2, 3)},
    **{f"GlobalAveragePooling{rank}D": _global_pool("average", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{rank}D": _adaptive_pool("max", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{rank}D": _adaptive_pool("average", rank) for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _upsample(rank) for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _pad(rank) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _crop(rank) for rank in (1, 2, 3)},
}
"""Makers by class name."""
