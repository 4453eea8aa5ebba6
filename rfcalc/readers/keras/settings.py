"""Settings that Keras's layers and operations share: places of axes, padding, resampling, sliding windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rfcalc.readers.keras.config import Config

Made = tuple[str, dict[str, Any]]
"""Canonical kind and its settings."""

Maker = Callable[[Config], Made]
"""What reads the config of one layer class."""


PADDINGS: Final = {"valid": "valid", "same": "same", "causal": "causal"}
MODES: Final = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "area": "area",
}


def plain(kind: str, **settings: Any) -> Maker:
    """Return what makes a layer whose config does not matter."""
    return lambda _config: (kind, settings)


def is_channels_first(config: Config) -> bool:
    """Tell whether the channels stand before the spatial axes."""
    return config.text("data_format", "channels_last") == "channels_first"


def layout(config: Config, rank: int) -> dict[str, Any]:
    """Return the places of the spatial axes and of the channels of a tensor of `rank` spatial axes."""
    if is_channels_first(config):
        return {"spatial": tuple(range(2, rank + 2)), "channel": 1}
    return {"spatial": tuple(range(1, rank + 1)), "channel": rank + 1}


def image_layout(channels_first: bool) -> dict[str, Any]:
    """Return the places of the axes of an image, from the end, since it may come without a batch axis."""
    if channels_first:
        return {"spatial": (-2, -1), "channel": -3}
    return {"spatial": (-3, -2), "channel": -1}


def sliding(config: Config, rank: int) -> dict[str, Any]:
    """Return how the window of a convolution slides."""
    return {
        "stride": config.per_axis("strides", rank, 1),
        "dilation": config.per_axis("dilation_rate", rank, 1),
        "padding": config.choice("padding", PADDINGS, "valid"),
    }


def output_padding(config: Config, rank: int) -> tuple[int, ...] | None:
    """Return what a transposed convolution adds to its output, None where Keras works it out."""
    if config.get("output_padding") is None:
        return None
    return config.per_axis("output_padding", rank, least=0)


def own_stride(config: Config, kernel: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return the stride of windows that lie side by side where none is given."""
    return kernel if config.get("strides") is None else config.per_axis("strides", rank)


def pooling(config: Config, kernel: tuple[int, ...], rank: int) -> dict[str, Any]:
    """Return the settings of pooling over windows of the size `kernel`."""
    return {
        "kernel": kernel,
        "stride": own_stride(config, kernel, rank),
        "padding": config.choice("padding", PADDINGS, "valid"),
        **layout(config, rank),
    }
