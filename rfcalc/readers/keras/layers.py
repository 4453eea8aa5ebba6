"""What each layer class of Keras is: a table from class name to canonical kind and settings."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.readers.keras.config import Config, class_of
from rfcalc.readers.keras.preprocessing import PREPROCESSING_LAYERS
from rfcalc.readers.keras.sequences import SEQUENCE_LAYERS
from rfcalc.readers.keras.spatial import SPATIAL_LAYERS, Made, Maker


def _plain(kind: str, **settings: Any) -> Maker:
    return lambda _config: (kind, settings)


def _dense(config: Config) -> Made:
    return "linear", {"units": config.whole("units"), "bias": config.flag("use_bias", True)}


def _einsum_dense(config: Config) -> Made:
    value = config.get("output_shape")
    units = tuple(value) if isinstance(value, list) else (value,)
    if not all(each is None or type(each) is int for each in units):
        config.wrong("output_shape", "a number or a list of extents")
    settings = {
        "equation": config.text("equation"),
        "units": units,
        "bias_axes": config.text("bias_axes", ""),
    }
    return "einsum_dense", settings


def _embedding(config: Config) -> Made:
    return "embedding", {"vocabulary": config.whole("input_dim"), "units": config.whole("output_dim")}


def _reversible_embedding(config: Config) -> Made:
    kind, settings = _embedding(config)
    return kind, {**settings, "reversible": not config.flag("tie_weights", True)}


# ---- normalisation and activation --------------------------------------------------------------------------


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
        return "softmax", {"axis": (-1,)}
    return "activation", {"function": name}


def _prelu(config: Config) -> Made:
    return "prelu", {"shared_axes": config.axes("shared_axes", ())}


# ---- shape and merging -------------------------------------------------------------------------------------


def _reshape(config: Config) -> Made:
    target = config.shape("target_shape", wild=True)
    return "reshape", {"shape": (None, *target)}


def _permute(config: Config) -> Made:
    return "permute", {"order": (0, *config.axes("dims"))}


def _flatten(config: Config) -> Made:
    return "flatten", {"channel_first": config.text("data_format", "channels_last") == "channels_first"}


def _dot(config: Config) -> Made:
    axes = config.axes("axes")
    return "dot", {"axes": axes * 2 if len(axes) == 1 else axes, "normalize": config.flag("normalize")}


def _bidirectional(config: Config) -> Made:
    inner = config.object("layer")
    kind, settings = make_layer(class_of(inner), inner.object("config"))
    if kind not in ("recurrent", "conv_lstm"):
        return "unknown", {"why": f"Bidirectional around {inner.text('class_name')} is not known"}
    merge = config.get("merge_mode", "concat")
    if merge not in ("concat", "sum", "mul", "ave", None):
        config.wrong("merge_mode", "one of concat, sum, mul, ave, null")
    settings = {**settings, "bidirectional": merge or "none"}
    if kind == "recurrent" and config.get("backward_layer") is not None:
        back = config.object("backward_layer")
        other, back_settings = make_layer(class_of(back), back.object("config"))
        if other != kind:
            return "unknown", {"why": "its two directions are of different kinds"}
        settings["backward_cells"] = back_settings["cells"]
    return kind, settings


def _scale(config: Config) -> Made:
    return "channel_scale", {"size": config.whole("projection_dim")}


_IDENTITIES: Final = (
    "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Masking", "StochasticDepth",
    "MaxNumBoundingBoxes", "Rescaling", "AugMix", "CutMix", "MixUp", "RandAugment", "RandomApply",
    "RandomBrightness", "RandomChannelShift", "RandomChoice", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip",
    "RandomGaussianBlur", "RandomGrayscale", "RandomHeight", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
    "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom", "Solarization", "Equalization",
)  # fmt: skip
"""Nothing changes at inference: dropout, noise, augmentation, element-wise scaling."""

_ACTIVATIONS: Final = ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU")

LAYERS: Final[dict[str, Maker]] = {
    **SPATIAL_LAYERS,
    **SEQUENCE_LAYERS,
    **PREPROCESSING_LAYERS,
    **{name: _plain("identity") for name in _IDENTITIES},
    **{name: _plain("activation", function=name.lower()) for name in _ACTIVATIONS},
    **{
        name: _plain(name.lower())
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "ReversibleEmbedding": _reversible_embedding,
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
    "Concatenate": lambda c: ("concat", {"axis": c.axis("axis", -1)}),
    "Dot": _dot,
    "Reshape": _reshape,
    "Permute": _permute,
    "Flatten": _flatten,
    "RepeatVector": lambda c: ("repeat_vector", {"count": c.whole("n")}),
    "AutoContrast": _plain("instance_norm", scale=False, center=False),
    "ContrastLimitedAdaptiveHistogramEqualization": _plain("instance_norm", scale=False, center=False),
    "LayerScale": _scale,
    "CustomScaleLayer": _plain("add"),
}
"""Every layer class that has a config, but for those that hold models (keras.py) and the wrappers below."""


def make_layer(class_name: str, config: Config) -> Made:
    """Return the canonical kind of a Keras layer and its settings; ``unknown`` for an unknown class."""
    if class_name == "SpectralNormalization":
        inner = config.object("layer")
        kind, attrs = make_layer(class_of(inner), inner.object("config"))
        return ("unknown", attrs) if kind == "unknown" else (
            "spectral_norm", {"wrapped": {"kind": kind, "attrs": attrs}}
        )  # fmt: skip
    if class_name == "TimeDistributed":
        inner = config.object("layer")
        kind, attrs = make_layer(class_of(inner), inner.object("config"))
        return kind, attrs if kind == "unknown" else {**attrs, "lead": attrs.get("lead", 0) + 1}
    maker = LAYERS.get(class_name)
    if maker is None and class_name == "Lambda" and isinstance(config.get("output_shape"), list):
        shape = (UNKNOWN, *config.shape("output_shape"))
        return "unknown", {"why": "its code is in the file and is never run", "shape": shape}
    if maker is None:
        why = (
            "its code is in the file and is never run"
            if class_name == "Lambda"
            else "it is no layer of Keras"
        )
        return "unknown", {"why": why}
    kind, attrs = maker(config)
    if kind not in ("softmax", "recurrent") and config.get("activation") in SOFTMAXES:
        attrs = {**attrs, "softmax": True}  # along the last axis, which channels_first makes a spatial one
    rank = config.optional("lora_rank")
    return kind, attrs if rank is None else {**attrs, "lora": rank}
