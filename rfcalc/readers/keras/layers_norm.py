"""Layers of Keras that normalise, scale or bend values: normalisation, activations, dropout."""

from __future__ import annotations

from typing import Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.settings import Made, Maker, plain


def _affine(config: Config) -> dict[str, bool]:
    return {"scale": config.flag("scale", True), "center": config.flag("center", True)}


def _batch_norm(config: Config) -> Made:
    settings = {"axis": config.axis("axis", -1), "renorm": config.flag("renorm"), **_affine(config)}
    return "batch_norm", settings


def _layer_norm(config: Config) -> Made:
    axes = config.axes("axis", (-1,))
    if config.flag("rms_scaling"):
        return "rms_norm", {"axes": axes}
    return "layer_norm", {"axes": axes, **_affine(config)}


def _group_norm(config: Config) -> Made:
    groups = config.whole("groups", 32, least=-1)
    return "group_norm", {"groups": groups, "axis": config.axis("axis", -1), **_affine(config)}


def _normalization(config: Config) -> Made:
    return "normalization", {"axes": config.axes("axis", ()), "given": config.get("mean") is not None}


def _softmax(config: Config) -> Made:
    return "softmax", {"axis": config.axes("axis", (-1,))}


SOFTMAXES: Final = ("softmax", "log_softmax", "sparsemax")
"""Activations that are no function of each element by itself."""


def _activation(config: Config) -> Made:
    function = config.get("activation")
    if isinstance(function, dict):
        function = function.get("class_name", "custom")
    name = function if isinstance(function, str) else "linear"
    if name in SOFTMAXES:
        return "softmax", {"axis": (-1,), **({} if name == "softmax" else {"function": name})}
    return "activation", {"function": name}


def _prelu(config: Config) -> Made:
    """Keras takes 1 off each axis to find it in the shape without the batch, of negative ones too."""
    axes = config.axes("shared_axes", ())
    return "prelu", {"shared_axes": tuple(axis if axis > 0 else axis - 1 for axis in axes)}


def _scale(config: Config) -> Made:
    return "channel_scale", {"size": config.whole("projection_dim")}


_IDENTITIES: Final = (
    "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Masking", "StochasticDepth",
)  # fmt: skip
"""Nothing changes at inference: dropout, noise, masks."""

_ACTIVATIONS: Final = ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU")

NORMS: Final[dict[str, Maker]] = {
    **{name: plain("identity") for name in _IDENTITIES},
    **{name: plain("activation", function=name.lower()) for name in _ACTIVATIONS},
    "BatchNormalization": _batch_norm,
    "SyncBatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": lambda c: ("rms_norm", {"axes": c.axes("axis", (-1,))}),
    "GroupNormalization": _group_norm,
    "UnitNormalization": lambda c: ("unit_norm", {"axes": c.axes("axis", (-1,))}),
    "Normalization": _normalization,
    "Activation": _activation,
    "Softmax": _softmax,
    "PReLU": _prelu,
    "LayerScale": _scale,
    "CustomScaleLayer": plain("add"),
}
