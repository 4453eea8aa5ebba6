"""What each layer class of Keras is: from class name and config to canonical kind and settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Extras, Stage, TensorSpec
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.entries import class_of
from rfcalc.readers.keras.layers_mix import MIXES
from rfcalc.readers.keras.layers_norm import NORMS, SOFTMAXES
from rfcalc.readers.keras.layers_preprocessing import PREPROCESSING
from rfcalc.readers.keras.layers_recurrent import RECURRENTS
from rfcalc.readers.keras.layers_shape import SHAPES
from rfcalc.readers.keras.layers_window import WINDOWS
from rfcalc.readers.keras.settings import Made


def make_layer(class_name: str, config: Config) -> Stage:
    """Return the canonical kind of a Keras layer and its settings; ``unknown`` for an unknown class."""
    if class_name in ("SpectralNormalization", "TimeDistributed"):
        inner = make_layer(*_wrapped(config))
        if inner.kind == "unknown":
            return inner
        if class_name == "TimeDistributed":
            return with_lead(inner, 1)
        wrapped = {"kind": inner.kind, "attrs": inner.attrs}
        return Stage("spectral_norm", {"wrapped": wrapped}, inner.extras)
    maker = LAYERS.get(class_name)
    if maker is None:
        return Stage(*_unknown(class_name, config))
    made = maker(config)
    if isinstance(made, Stage):
        return made
    kind, attrs = made
    # along the last axis, which channels_first makes a spatial one
    softmax = kind not in ("softmax", "recurrent") and config.get("activation") in SOFTMAXES
    return Stage(kind, attrs, Extras(softmax=softmax, lora=config.optional("lora_rank")))


def with_lead(stage: Stage, axes: int) -> Stage:
    """Return a layer that runs on each place along so many further leading axes."""
    extras = stage.extras
    operands = tuple((place, _along(spec, axes)) for place, spec in extras.operands)
    return stage._replace(extras=extras._replace(lead=extras.lead + axes, operands=operands))


def _along(spec: TensorSpec, axes: int) -> TensorSpec:
    """Return an array that is the same along so many axes behind the first."""
    shape = (*spec.shape[:1], *(1,) * axes, *spec.shape[1:])
    return TensorSpec(shape, spec.axes[:1] + SPATIAL * axes + spec.axes[1:], spec.dtype)


def _wrapped(config: Config, name: str = "layer") -> tuple[str, Config]:
    """Return class and config of the layer that a wrapper holds under `name`."""
    entry = config.object(name)
    return class_of(entry), entry.object("config")


_LIVE: Final = "rfcalc.from_keras(model) reads what it calls"


def _unknown(class_name: str, config: Config) -> Made:
    if class_name != "Lambda":
        return "unknown", {"why": f"it is no layer of Keras; {_LIVE}"}
    attrs: dict[str, Any] = {"why": f"its code is in the file and is never run; {_LIVE}"}
    if isinstance(config.get("output_shape"), list):
        attrs["shape"] = (UNKNOWN, *config.shape("output_shape"))
    return "unknown", attrs


def _bidirectional(config: Config) -> Made | Stage:
    inner = make_layer(*_wrapped(config))
    if inner.kind not in ("recurrent", "conv_lstm"):
        name = config.object("layer").text("class_name")
        return "unknown", {"why": f"Bidirectional around {name} is not known"}
    merge = config.get("merge_mode", "concat")
    if merge not in ("concat", "sum", "mul", "ave", None):
        config.wrong("merge_mode", "one of concat, sum, mul, ave, null")
    settings = {**inner.attrs, "bidirectional": merge or "none"}
    if inner.kind == "recurrent" and config.get("backward_layer") is not None:
        back = make_layer(*_wrapped(config, "backward_layer"))
        if back.kind != inner.kind:
            return "unknown", {"why": "its two directions are of different kinds"}
        settings["backward_cells"] = back.attrs["cells"]
    return inner._replace(attrs=settings)


def _variable(config: Config) -> Made:
    """What a live model makes of its weights alone, and hands on."""
    shape = config.shape("shape")
    axes = ((BATCH if len(shape) > 2 else "") + SPATIAL * len(shape))[: len(shape) - 1] + CHANNEL
    return "cover", {
        "shape": shape,
        "axes": axes[-len(shape) :] if shape else "",
        "reason": "it is a constant",
    }


LAYERS: Final[dict[str, Callable[[Config], Made | Stage]]] = {
    **WINDOWS,
    **SHAPES,
    **MIXES,
    **NORMS,
    **RECURRENTS,
    **PREPROCESSING,
    "Bidirectional": _bidirectional,
    "Variable": _variable,
    "Positions": lambda config: ("positions", {"length": config.optional("length")}),
}
"""Every layer class of Keras, but for models and for the wrappers that `make_layer` takes off itself."""
