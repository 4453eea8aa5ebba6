"""What the entry of one layer in a Keras file says of itself: its name, whether it is a model, is frozen."""

from __future__ import annotations

from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.readers.keras.config import Config, class_of, shown

DEEPEST: Final = 50
"""Nesting of models in models."""

SEQUENTIAL: Final = ("Sequential", "Pipeline")
MODELS: Final = (*SEQUENTIAL, "Functional", "Model", "Network")


def model_config(model: Config) -> Config:
    """Return a model's config; Keras 2.2 wrote a Sequential's as the bare list of its layers."""
    value = model.get("config")
    if isinstance(value, list):
        return Config({"name": model.get("name") or "sequential", "layers": value}, f"{model.where}.config")
    return model.object("config")


def is_model(entry: Config) -> bool:
    """Tell whether an entry is a model whose layers are wired in the file.

    A layer of another author may keep layers in its config too, but how it calls them is in its code.
    """
    if not isinstance(entry.get("config"), (dict, list)):
        return False
    config = model_config(entry)
    if not isinstance(config.get("layers"), list):
        return False
    return class_of(entry) in MODELS or ("input_layers" in config.data and "output_layers" in config.data)


def model_in(entry: Config) -> tuple[str, Config, int] | None:
    """Return the model that an entry is, or holds in TimeDistributed: class, config, how many axes lead."""
    lead = 0
    while not is_model(entry):
        config = entry.get("config")
        if entry.get("class_name") != "TimeDistributed" or not isinstance(config, dict) or lead > DEEPEST:
            return None
        if not isinstance(config.get("layer"), dict):
            return None
        entry, lead = entry.object("config").object("layer"), lead + 1
    return entry.text("class_name"), model_config(entry), lead


def layer_name(entry: Config, config: Config) -> str:
    """Return the name of a layer, which Keras keeps in the entry or in its config."""
    name = entry.get("name") if isinstance(entry.get("name"), str) else config.get("name")
    if not isinstance(name, str) or not name:
        raise ReadError(f"must be a string, got {shown(name)}", where=f"{entry.where}.name")
    return name


def is_quantised(config: Config) -> bool:
    """Tell whether a layer keeps its weights in fewer bits, with scales beside them."""
    policy = config.get("dtype")
    settings = policy.get("config") if isinstance(policy, dict) else None
    return isinstance(settings, dict) and "mode" in settings


def is_frozen(config: Config) -> bool:
    """Tell whether a layer, or the layer inside of a wrapper, is not to be trained."""
    for _ in range(DEEPEST):
        if config.get("trainable") is False:
            return True
        inner = config.get("layer")
        if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
            return False
        config = config.object("layer").object("config")
    return False


def nested_input_shape(config: Config) -> tuple[Num, ...] | None:
    """Look for the input shape of a model that stands first in another."""
    for _ in range(DEEPEST):
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            if isinstance(config.get(key), list):
                return config.shape(key)
        layers = config.get("layers")
        first = layers[0] if isinstance(layers, list) and layers else None
        if not isinstance(first, dict) or not isinstance(first.get("config"), (dict, list)):
            return None
        config = model_config(Config(first, f"{config.where}.layers[0]"))
    return None
