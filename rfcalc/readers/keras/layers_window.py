"""Layers of Keras that slide a window over a map: convolution and pooling."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.settings import Made, Maker, layout, output_padding, pooling, sliding


def window(config: Config, rank: int) -> dict[str, Any]:
    """Return the settings that all convolutions have."""
    return {
        "kernel": config.per_axis("kernel_size", rank),
        **sliding(config, rank),
        "bias": config.flag("use_bias", True),
        **layout(config, rank),
    }


def _conv(rank: int) -> Maker:
    def make(config: Config) -> Made:
        groups = config.whole("groups", 1)
        return "conv", {"filters": config.whole("filters"), "groups": groups, **window(config, rank)}

    return make


def _locally_connected(rank: int) -> Maker:
    """Return what reads the layer that Keras 3 has no more."""

    def make(config: Config) -> Made:
        way = config.whole("implementation", 1)
        settings = {"filters": config.whole("filters"), "dense": way == 2, **window(config, rank)}
        if way > 2 and settings["padding"] != "valid":
            return "unknown", {"why": "how many weights its sparse kernel has at the border is not followed"}
        return "local_conv", settings

    return make


def _depthwise(rank: int) -> Maker:
    return lambda c: ("depthwise_conv", {"multiplier": c.whole("depth_multiplier", 1), **window(c, rank)})


def _separable(rank: int) -> Maker:
    def make(config: Config) -> Made:
        multiplier = config.whole("depth_multiplier", 1)
        common = window(config, rank)
        return "separable_conv", {"filters": config.whole("filters"), "multiplier": multiplier, **common}

    return make


def _transposed(rank: int) -> Maker:
    def make(config: Config) -> Made:
        extra = output_padding(config, rank)
        settings = {"filters": config.whole("filters"), "output_padding": extra, **window(config, rank)}
        return "transposed_conv", settings

    return make


def _pool(kind: str, rank: int) -> Maker:
    return lambda c: (kind, pooling(c, c.per_axis("pool_size", rank, 2), rank))


def _global_pool(mode: str, rank: int) -> Maker:
    return lambda c: ("global_pool", {"mode": mode, "keepdims": c.flag("keepdims"), **layout(c, rank)})


def _adaptive_pool(mode: str, rank: int) -> Maker:
    return lambda c: (
        "adaptive_pool",
        {"mode": mode, "size": c.per_axis("output_size", rank), **layout(c, rank)},
    )


WINDOWS: Final[dict[str, Maker]] = {
    **{f"Conv{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Convolution{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _transposed(rank) for rank in (1, 2, 3)},
    **{f"LocallyConnected{rank}D": _locally_connected(rank) for rank in (1, 2)},
    **{f"DepthwiseConv{rank}D": _depthwise(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable(rank) for rank in (1, 2)},
    **{f"MaxPooling{rank}D": _pool("max_pool", rank) for rank in (1, 2, 3)},
    **{f"AveragePooling{rank}D": _pool("average_pool", rank) for rank in (1, 2, 3)},
    **{f"GlobalMaxPooling{rank}D": _global_pool("max", rank) for rank in (1, 2, 3)},
    **{f"GlobalAveragePooling{rank}D": _global_pool("average", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{rank}D": _adaptive_pool("max", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{rank}D": _adaptive_pool("average", rank) for rank in (1, 2, 3)},
}
