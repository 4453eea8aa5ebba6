"""Models of Keras 1 (2015 to 2017), spelled as Keras 2 spells them, where a layer has a counterpart there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rfcalc.readers.keras.entries import DEEPEST

Settings = dict[str, Any]

_TELL: Final = frozenset(
    (
        "nb_filter",
        "border_mode",
        "dim_ordering",
        "inner_activation",
        "pool_length",
        "subsample",
        "subsample_length",
    )
)
"""Settings that Keras 1 alone has."""


def converted(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a model of Keras 1 as Keras 2 writes it; any other document as it is.

    A layer without a counterpart gets a name that says of which Keras it is, and so is unknown.
    """
    if not _is_keras_1(document):
        return document
    return {**document, "config": _model(document.get("config"), DEEPEST)}


def _is_keras_1(document: Mapping[str, Any]) -> bool:
    """Tell whether a model is of Keras 1, by its version, or where it has none by settings of layers."""
    version = document.get("keras_version")
    if isinstance(version, str):
        return version.startswith("1.")
    for entry in _entries(document.get("config")):
        settings = entry.get("config") if isinstance(entry, Mapping) else None
        if isinstance(settings, Mapping) and (_TELL & set(settings) or entry.get("class_name") == "Merge"):
            return True
    return False


def _entries(config: object) -> list[Any]:
    """Return the layers of a model: Keras 1 writes those of a Sequential as a bare list."""
    if isinstance(config, Mapping):
        config = config.get("layers")
    return config if isinstance(config, list) else []


def _model(config: object, deepest: int) -> object:
    """Return the config of a model with its layers converted."""
    layers = [_layer(entry, deepest - 1) for entry in _entries(config)]
    if isinstance(config, list):
        return layers
    return {**config, "layers": layers} if isinstance(config, Mapping) else config


def _layer(entry: object, deepest: int) -> object:
    """Return the entry of a layer, or of a model in it, converted."""
    if not isinstance(entry, Mapping) or deepest < 0:
        return entry
    name, settings = entry.get("class_name"), entry.get("config")
    if name in ("Sequential", "Model"):
        return {**entry, "config": _model(settings, deepest)}
    if not isinstance(settings, Mapping) or not isinstance(name, str):
        return entry
    out = _wrapper(dict(settings), deepest)
    class_name = _NAMES.get(name, name)
    change = _CHANGES.get(class_name)
    other = None if change is None else change(out)
    return {**entry, "class_name": class_name if other is None else other, "config": out}


def _wrapper(settings: Settings, deepest: int) -> Settings:
    """Return settings with the layer converted that is wrapped, and what many layers have renamed."""
    if isinstance(settings.get("layer"), Mapping):
        settings["layer"] = _layer(settings["layer"], deepest - 1)
    for old, new in _RENAMED.items():
        if old in settings:
            settings[new] = settings.pop(old)
    if settings.get("data_format") in _FORMATS:
        settings["data_format"] = _FORMATS[settings["data_format"]]
    return settings


_RENAMED: Final = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "bias": "use_bias",
    "filter_length": "kernel_size",
    "pool_length": "pool_size",
    "length": "size",
    "input_dtype": "dtype",
}
_FORMATS: Final = {"tf": "channels_last", "th": "channels_first"}
_NAMES: Final = {
    "AtrousConvolution1D": "Convolution1D",
    "AtrousConvolution2D": "Convolution2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}


def _none(name: str) -> str:
    """Return the class of a layer that has no counterpart."""
    return f"keras1>{name}"


def _window(name: str, *sizes: str) -> Callable[[Settings], str | None]:
    """Return what puts the size of a window together."""

    def change(settings: Settings) -> str | None:
        if sizes:
            settings["kernel_size"] = [settings.pop(size, None) for size in sizes]
        return _none(name) if settings.get("padding") not in (None, "valid", "same") else None

    return change


def _units(settings: Settings) -> None:
    if "output_dim" in settings:
        settings["units"] = settings.pop("output_dim")


def _recurrent(settings: Settings) -> None:
    _units(settings)
    settings["reset_after"] = False


def _batch_norm(settings: Settings) -> str | None:
    # mode 1 normalises each sample by itself, mode 2 by the batch at hand also when it does not train
    mode = settings.pop("mode", 0)
    return _none(f"BatchNormalization(mode={mode})") if mode in (1, 2) else None


def _zero_padding(settings: Settings) -> str | None:
    padding = settings.get("padding")
    if isinstance(padding, Mapping):
        return _none("ZeroPadding2D")
    if (
        isinstance(padding, list)
        and len(padding) == 4
        and not any(isinstance(each, list) for each in padding)
    ):
        settings["padding"] = [padding[:2], padding[2:]]
    return None


_MERGES: Final = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}


def _merge(settings: Settings) -> str:
    mode = settings.get("mode")
    if settings.get("layers"):  # models beside each other, whose outputs a Sequential begins with
        return _none("Merge")
    if mode == "concat":
        settings["axis"] = settings.pop("concat_axis", -1)
        return "Concatenate"
    if mode in ("dot", "cos"):
        axes = settings.pop("dot_axes", -1)
        # a list of lists counts from the batch on, as Keras 2 does
        settings["axes"] = (
            [each[0] if isinstance(each, list) else each for each in axes] if isinstance(axes, list) else axes
        )
        settings["normalize"] = mode == "cos"
        return "Dot"
    return _MERGES.get(mode, _none("Merge")) if isinstance(mode, str) else _none("Merge")


_CHANGES: Final[Mapping[str, Callable[[Settings], str | None]]] = {
    "Convolution1D": _window("Convolution1D"),
    "Convolution2D": _window("Convolution2D", "nb_row", "nb_col"),
    "Convolution3D": _window("Convolution3D", "kernel_dim1", "kernel_dim2", "kernel_dim3"),
    "SeparableConv2D": _window("SeparableConvolution2D", "nb_row", "nb_col"),
    "LocallyConnected1D": _window("LocallyConnected1D"),
    "LocallyConnected2D": _window("LocallyConnected2D", "nb_row", "nb_col"),
    "Deconvolution2D": lambda _: _none("Deconvolution2D"),
    "MaxoutDense": lambda _: _none("MaxoutDense"),
    "Highway": lambda _: _none("Highway"),
    "Dense": _units,
    **dict.fromkeys(("SimpleRNN", "GRU", "LSTM"), _recurrent),
    "BatchNormalization": _batch_norm,
    "ZeroPadding2D": _zero_padding,
    "Merge": _merge,
}
"""What is done to the settings of a class, which gives its new class, where that is another."""
