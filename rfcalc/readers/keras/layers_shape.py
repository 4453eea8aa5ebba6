"""Layers of Keras that resize, reorder or join tensors, and so change shapes without weights."""

from __future__ import annotations

from typing import Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.settings import MODES, Made, Maker, is_channels_first, layout, plain


def _upsample(rank: int) -> Maker:
    def make(config: Config) -> Made:
        mode = config.choice("interpolation", MODES, "nearest")
        return "upsample", {"scale": config.per_axis("size", rank, 2), "mode": mode, **layout(config, rank)}

    return make


def _pad(rank: int) -> Maker:
    return lambda c: ("pad", {"padding": c.pairs("padding", rank), **layout(c, rank)})


def _crop(rank: int) -> Maker:
    return lambda c: ("crop", {"cropping": c.pairs("cropping", rank), **layout(c, rank)})


def _reshape(config: Config) -> Made:
    target = config.shape("target_shape", wild=True)
    return "reshape", {"shape": (None, *target)}


def _permute(config: Config) -> Made:
    return "permute", {"order": (0, *config.axes("dims"))}


def _flatten(config: Config) -> Made:
    return "flatten", {"channel_first": is_channels_first(config)}


SHAPES: Final[dict[str, Maker]] = {
    **{f"UpSampling{rank}D": _upsample(rank) for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _pad(rank) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _crop(rank) for rank in (1, 2, 3)},
    **{
        name: plain(name.lower()) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "Concatenate": lambda c: ("concat", {"axis": c.axis("axis", -1)}),
    "Reshape": _reshape,
    "Permute": _permute,
    "Flatten": _flatten,
    "RepeatVector": lambda c: ("repeat_vector", {"count": c.whole("n")}),
}
