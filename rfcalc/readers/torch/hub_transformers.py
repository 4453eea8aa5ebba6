"""Architectures of transformers, as a configuration file (``config.json``) tells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

from rfcalc.errors import ReadError
from rfcalc.readers.spelled import closest
from rfcalc.readers.torch.hub_files import class_of, located, pair, read_beside, read_config

Shape: TypeAlias = "tuple[int, ...] | None"

LENGTH: Final = 128
"""Tokens of a text, where the architecture takes so many."""

RATE: Final = 16_000
"""Samples of a second of speech, where the architecture does not say."""

_HOW: Final = (
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "experts_implementation",
    "_experts_implementation",
    "_experts_implementation_internal",
    "quantization_config",
    "use_kernels",
)
"""Settings of how it is run or was stored, not of what it is; some name code to be fetched."""

_PRETRAINED: Final = ("use_pretrained_backbone", "pretrained_backbone")


def build(transformers: ModuleType, path: str) -> Any:
    """Build the class that the file names, or the base of its type.

    Raises
    ------
    ReadError
        The library has no such class or type.
    """
    settings = _plain(read_config(located(path)))
    kind = settings.pop("model_type", None)
    names = settings.get("architectures") or []
    mapping = transformers.CONFIG_MAPPING
    if not isinstance(kind, str) or kind not in mapping:
        known = closest(kind, list(mapping)) if isinstance(kind, str) else ""
        raise ReadError(f"has no 'model_type' that transformers knows: {kind!r}{known}")
    config = mapping[kind].from_dict(settings)
    for each in _all_of(config):
        if getattr(each, "use_cache", False):
            each.use_cache = False
    if not names:
        return transformers.AutoModel.from_config(config)
    made = class_of(transformers, names[0], transformers.PreTrainedModel)
    if made is None:
        raise ReadError(f"names {names[0]!r}, which is no model of transformers")
    return made._from_config(config)


def _plain(settings: Any) -> Any:
    """Return settings without those of how it is run, and with no weights asked for."""
    if isinstance(settings, dict):
        kept = {key: _plain(each) for key, each in settings.items() if key not in _HOW}
        return kept | {key: False for key in _PRETRAINED if kept.get(key)}
    return [_plain(each) for each in settings] if isinstance(settings, list) else settings


def _all_of(config: Any) -> Iterator[Any]:
    """Yield a configuration and those inside of it."""
    yield config
    for key in getattr(config, "sub_configs", ()):
        if (inner := getattr(config, key, None)) is not None:
            yield from _all_of(inner)


# ---- what it is called with --------------------------------------------------------------------------------


def example(_transformers: ModuleType, path: str, module: Any) -> Mapping[str, Any] | None:
    """Return what a model is called with by name; None where the library does not say."""
    import torch

    config = module.config
    takes = inspect.signature(module.forward).parameters
    main = module.main_input_name
    if not isinstance(main, str) or any(getattr(config, key, None) is not None for key in _WOVEN):
        return None
    names = [main]
    both = hasattr(config, "text_config") and hasattr(config, "vision_config")
    if both and {"input_ids", "pixel_values"} <= set(takes):
        names = ["input_ids", "pixel_values"]
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        names.append("decoder_input_ids")
    found: dict[str, Any] = {}
    for name in names:
        shape = _SHAPES[name](config, path) if name in _SHAPES else None
        if shape is None or min(shape) < 1:
            return None
        indices = name.endswith("_ids")
        found[name] = torch.zeros(shape, dtype=torch.int64, device=_device(module)) if indices else shape
    return found


_WOVEN: Final = (
    "image_token_id",
    "image_token_index",
    "audio_token_id",
    "audio_token_index",
    "video_token_id",
)
"""What marks places in a text that images or sounds take: how many there are is a matter of their sizes."""


def _device(module: Any) -> Any:
    return next((each.device for each in module.parameters()), "meta")


def _first(config: Any, names: tuple[str, ...], *within: str) -> Any:
    """Return the first setting of these names, of the configuration or of one inside of it."""
    for part in (config, *(getattr(config, each, None) for each in within)):
        for name in names:
            value = getattr(part, name, None)
            if value is not None:
                return value
    return None


def _text(config: Any, _path: str) -> Shape:
    limits = ("max_position_embeddings", "n_positions", "max_target_positions", "max_seq_len", "n_ctx")
    most = _first(config, limits, "text_config", "decoder")
    return (1, min(LENGTH, most) if isinstance(most, int) and most > 0 else LENGTH)


def _image(config: Any, path: str) -> Shape:
    inner = ("vision_config", "encoder", "backbone_config")
    size = pair(_first(config, ("image_size",), *inner)) or _prepared(path)
    channels = _first(config, ("num_channels", "in_channels"), *inner) or 3
    frames = _first(config, ("num_frames",))
    if size is None:
        return None
    return (1, frames, channels, *size) if isinstance(frames, int) else (1, channels, *size)


def _prepared(path: str) -> Shape:
    """Return the size of images that the file beside tells, by which they are prepared."""
    settings = read_beside(located(path), "preprocessor_config.json")
    cropped = settings.get("do_center_crop", True)
    return (pair(settings.get("crop_size")) if cropped else None) or pair(settings.get("size"))


def _video(config: Any, _path: str) -> Shape:
    size, frames = pair(_first(config, ("crop_size", "image_size"))), _first(config, ("frames_per_clip",))
    channels = _first(config, ("in_chans", "num_channels")) or 3
    return None if size is None or frames is None else (1, frames, channels, *size)


def _values(config: Any, _path: str) -> Shape:
    """Return the shape of a spectrogram that is an image, of a second of a codec's sound, or of speech."""
    bins, frames = _first(config, ("num_mel_bins",)), _first(config, ("max_length",))
    rate, channels = _first(config, ("sampling_rate",)), _first(config, ("audio_channels",))
    if bins and frames:
        return (1, frames, bins)
    if rate:
        return (1, channels or 1, rate)
    return (1, RATE) if _first(config, ("conv_kernel",)) else None


def _features(config: Any, _path: str) -> Shape:
    """Return the shape of a spectrogram: bands by frames as Whisper takes it, or frames by features."""
    bins, places = _first(config, ("num_mel_bins",)), _first(config, ("max_source_positions",))
    if _first(config, ("input_feat_per_channel", "input_channels")) is None and bins and places:
        return (1, bins, 2 * places)
    width = _first(config, ("input_feat_per_channel", "feature_projection_input_dim"))
    return (1, LENGTH, width) if width else None


_SHAPES: Final[Mapping[str, Callable[[Any, str], Shape]]] = {
    "input_ids": _text,
    "decoder_input_ids": _text,
    "pixel_values": _image,
    "pixel_values_videos": _video,
    "input_values": _values,
    "input_features": _features,
}
