"""One entry of a model's list of layers: its class and name, whether it is a model, what its flags say."""

from __future__ import annotations

from typing import Final

from rfcalc.errors import ReadError
from rfcalc.readers.keras.config import Config, shown

SEQUENTIAL: Final = ("Sequential", "Pipeline")
_MODELS: Final = (*SEQUENTIAL, "Functional", "Model", "Network")

DEEPEST: Final = 50
"""Nesting of models in models, and of wrappers around them."""


def class_of(entry: Config) -> str:
    """Return an entry's class; that of another author keeps its package, so that no class of Keras is meant.

    >>> class_of(Config({"class_name": "Dense", "module": None, "registered_name": "mine>Dense"}, ""))
    'mine>Dense'
    """
    name = entry.text("class_name")
    if "module" not in entry.data:  # before Keras 2.13 the name alone has to do
        return name
    if _is_keras(entry.get("module")):
        return name
    module = entry.get("module")
    registered = entry.get("registered_name")
    return registered if isinstance(registered, str) and ">" in registered else f"{module or 'custom'}>{name}"


def _is_keras(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in ("keras", "tensorflow", "tf_keras")


def name_of(entry: Config, config: Config) -> str:
    """Return a layer's name."""
    name = entry.get("name") if isinstance(entry.get("name"), str) else config.get("name")
    if not isinstance(name, str) or not name:
        raise ReadError(f"must be a string, got {shown(name)}", where=f"{entry.where}.name")
    return name


def config_of(entry: Config) -> Config:
    """Return an entry's config; Keras 2.2 wrote a Sequential's as the bare list of its layers."""
    value = entry.get("config")
    if isinstance(value, list):
        return Config({"name": entry.get("name") or "sequential", "layers": value}, f"{entry.where}.config")
    return entry.object("config")


def is_operation(entry: Config, class_name: str) -> bool:
    """Tell whether an entry is an operation and no layer: Keras says so by its module."""
    if class_name in ("TFOpLambda", "SlicingOpLambda"):
        return True
    module = entry.get("module")
    return isinstance(module, str) and ".ops" in module and _is_keras(module)


def is_model(entry: Config) -> bool:
    """Tell whether an entry is a model whose layers are wired in the file.

    A layer of another author may keep layers in its config too, but how it calls them is in its code.
    """
    config = entry.get("config")
    if isinstance(config, list):
        return class_of(entry) in _MODELS
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return False
    return class_of(entry) in _MODELS or ("input_layers" in config and "output_layers" in config)


def unwrapped(entry: Config) -> tuple[Config, int]:
    """Return the entry that TimeDistributed holds, however often, and how many axes lead by that."""
    lead = 0
    while not is_model(entry):
        config = entry.get("config")
        inner = config.get("layer") if isinstance(config, dict) else None
        if not isinstance(inner, dict) or lead > DEEPEST or class_of(entry) != "TimeDistributed":
            break
        entry, lead = entry.object("config").object("layer"), lead + 1
    return entry, lead


def quantisation(config: Config) -> tuple[str, int | None] | None:
    """Return in which mode a layer keeps its weights in fewer bits, and in what blocks; None where not."""
    policy = config.get("dtype")
    settings = policy.get("config") if isinstance(policy, dict) else None
    if not isinstance(settings, dict) or "mode" not in settings:
        return None
    mode, _, size = str(settings["mode"]).partition("/")
    own = config.get("quantization_config")
    inner = own.get("config") if isinstance(own, dict) else None
    block = inner.get("block_size") if isinstance(inner, dict) else None
    if block is None and size.isdecimal():
        block = int(size)
    return mode, block if type(block) is int and block > 0 else None


def is_float32(config: Config) -> bool:
    """Tell whether a layer works on, and keeps, 32-bit floats, as it does unless a policy says otherwise."""
    policy = config.get("dtype")
    settings = policy.get("config") if isinstance(policy, dict) else None
    name = settings.get("name") if isinstance(settings, dict) else policy
    return name in (None, "float32")


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
