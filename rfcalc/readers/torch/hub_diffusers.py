"""Architectures of diffusers, as a configuration file (``unet/config.json``) tells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from rfcalc.errors import ReadError
from rfcalc.readers.torch.hub_files import class_of, located, pair, read_config

TOKENS: Final = 77
"""Tokens of a prompt, as the text encoders of CLIP give them."""


def build(diffusers: ModuleType, path: str) -> Any:
    """Build the class that the file names.

    Raises
    ------
    ReadError
        It is no model of the library.
    """
    settings = read_config(located(path))
    name = settings.get("_class_name")
    made = class_of(diffusers, name, diffusers.ModelMixin)
    if made is None:
        pipeline = isinstance(name, str) and name.endswith("Pipeline")
        instead = "; of a pipeline name the file of one part, such as unet/config.json" if pipeline else ""
        raise ReadError(f"has the '_class_name' {name!r}, which is no model of diffusers{instead}")
    return made.from_config(settings)


def example(_diffusers: ModuleType, _path: str, module: Any) -> Mapping[str, Any] | None:
    """Return what a model is called with by name; None where its settings do not tell all of that."""
    import torch

    config = module.config
    named = {**config, "_class_name": type(module).__name__}
    takes = inspect.signature(module.forward).parameters
    needed = {
        name
        for name, each in takes.items()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }
    needed |= {name for name, says in _ASKED_BY.items() if any(config.get(each) is not None for each in says)}
    device = next((each.device for each in module.parameters()), "meta")
    found: dict[str, Any] = {}
    for name in (each for each in takes if each in needed):
        shape = _SHAPES[name](named) if name in _SHAPES else None
        if shape is None or not all(isinstance(each, int) and each > 0 for each in shape):
            return None
        counts = name in _COUNTS
        found[name] = torch.zeros(shape, dtype=torch.int64, device=device) if counts else shape
    if config.get("addition_embed_type") == "text_time":
        times = 6 * config["addition_time_embed_dim"]
        words = config["projection_class_embeddings_input_dim"] - times
        found["added_cond_kwargs"] = {"text_embeds": (1, words), "time_ids": (1, 6)}
    return found


_COUNTS: Final = frozenset({"timestep", "class_labels"})

_WIDTHS: Final = ("joint_attention_dim", "caption_channels", "encoder_hid_dim", "cross_attention_dim")
"""Settings that tell how wide the tokens of a prompt are, the first that there is."""

_ASKED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "timestep": ("num_embeds_ada_norm", *_WIDTHS),
    "encoder_hidden_states": _WIDTHS,
    "class_labels": ("num_embeds_ada_norm",),
    "pooled_projections": ("pooled_projection_dim",),
}
"""Arguments that have a default, and settings by which they are needed all the same."""


def _map(config: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the shape of the map that is taken: an image, its latents, or a sound."""
    size, channels = config.get("sample_size"), config.get("in_channels")
    if channels is None or size is None:
        return None
    frames, name = config.get("sample_frames"), config["_class_name"]
    if "1D" in name:
        return (1, channels, size)
    if "3D" in name and frames is None:
        return None
    return (1, channels, *((frames,) if frames is not None else ()), *(pair(size) or ()))


def _words(config: Mapping[str, Any]) -> tuple[Any, ...] | None:
    width = next((config[key] for key in _WIDTHS if isinstance(config.get(key), int)), None)
    return None if width is None else (1, TOKENS, width)


_SHAPES: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...] | None]]] = {
    "sample": _map,
    "hidden_states": _map,
    "x": _map,
    "timestep": lambda _config: (1,),
    "class_labels": lambda _config: (1,),
    "encoder_hidden_states": _words,
    "pooled_projections": lambda config: (1, config.get("pooled_projection_dim")),
}
