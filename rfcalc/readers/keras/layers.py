"""What each layer class of Keras is: a table from class name to canonical kind and settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.readers.keras.config import Config

Made = tuple[str, dict[str, Any]]
"""Canonical kind and its settings."""

Maker = Callable[[Config], Made]


def layout(config: Config, rank: int) -> dict[str, Any]:
    """Return the places of the spatial axes and of the channels of a tensor of `rank` spatial axes."""
    if config.text("data_format", "channels_last") == "channels_first":
        return {"spatial": tuple(range(2, rank + 2)), "channel": 1}
    return {"spatial": tuple(range(1, rank + 1)), "channel": rank + 1}


PADDINGS: Final = {"valid": "valid", "same": "same", "causal": "causal"}
MODES: Final = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "area": "area",
}


def _window(config: Config, rank: int) -> dict[str, Any]:
    return {
        "kernel": config.per_axis("kernel_size", rank),
        "stride": config.per_axis("strides", rank, 1),
        "dilation": config.per_axis("dilation_rate", rank, 1),
        "padding": config.choice("padding", PADDINGS, "valid"),
        "bias": config.flag("use_bias", True),
        **layout(config, rank),
    }


def _conv(rank: int) -> Maker:
    def make(config: Config) -> Made:
        groups = config.whole("groups", 1)
        return "conv", {"filters": config.whole("filters"), "groups": groups, **_window(config, rank)}

    return make


def _depthwise(rank: int) -> Maker:
    return lambda c: ("depthwise_conv", {"multiplier": c.whole("depth_multiplier", 1), **_window(c, rank)})


def _separable(rank: int) -> Maker:
    def make(config: Config) -> Made:
        multiplier = config.whole("depth_multiplier", 1)
        window = _window(config, rank)
        return "separable_conv", {"filters": config.whole("filters"), "multiplier": multiplier, **window}

    return make


def _transposed(rank: int) -> Maker:
    def make(config: Config) -> Made:
        extra = None
        if config.get("output_padding") is not None:
            extra = config.per_axis("output_padding", rank, least=0)
        settings = {"filters": config.whole("filters"), "output_padding": extra, **_window(config, rank)}
        return "transposed_conv", settings

    return make


def _pool(kind: str, rank: int) -> Maker:
    def make(config: Config) -> Made:
        kernel = config.per_axis("pool_size", rank, 2)
        stride = kernel if config.get("strides") is None else config.per_axis("strides", rank)
        padding = config.choice("padding", PADDINGS, "valid")
        return kind, {"kernel": kernel, "stride": stride, "padding": padding, **layout(config, rank)}

    return make


def _global_pool(mode: str, rank: int) -> Maker:
    return lambda c: ("global_pool", {"mode": mode, "keepdims": c.flag("keepdims"), **layout(c, rank)})


def _adaptive_pool(mode: str, rank: int) -> Maker:
    return lambda c: (
        "adaptive_pool",
        {"mode": mode, "size": c.per_axis("output_size", rank), **layout(c, rank)},
    )


def _upsample(rank: int) -> Maker:
    def make(config: Config) -> Made:
        mode = config.choice("interpolation", MODES, "nearest")
        return "upsample", {"scale": config.per_axis("size", rank, 2), "mode": mode, **layout(config, rank)}

    return make


def _pad(rank: int) -> Maker:
    return lambda c: ("pad", {"padding": c.pairs("padding", rank), **layout(c, rank)})


def _crop(rank: int) -> Maker:
    return lambda c: ("crop", {"cropping": c.pairs("cropping", rank), **layout(c, rank)})


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


# ---- sequences ---------------------------------------------------------------------------------------------

_CELLS: Final = {
    "SimpleRNN": "simple",
    "SimpleRNNCell": "simple",
    "LSTM": "lstm",
    "LSTMCell": "lstm",
    "GRU": "gru",
    "GRUCell": "gru",
    "CuDNNLSTM": "lstm",
    "CuDNNGRU": "gru",
}


def _cell(config: Config, class_name: str) -> dict[str, Any]:
    return {
        "cell": _CELLS[class_name],
        "units": config.whole("units"),
        "bias": config.flag("use_bias", True),
        "reset_after": config.flag("reset_after", "GRU" in class_name),
        "double_bias": class_name == "CuDNNLSTM",
    }


def _run(config: Config) -> dict[str, bool]:
    return {
        "sequences": config.flag("return_sequences"),
        "state": config.flag("return_state"),
        "reverse": config.flag("go_backwards"),
    }


def _recurrent(class_name: str) -> Maker:
    return lambda c: ("recurrent", {"cells": (_cell(c, class_name),), **_run(c)})


def _rnn(config: Config) -> Made:
    cell = config.object("cell")
    class_name, inner = cell.text("class_name"), cell.object("config")
    if class_name == "StackedRNNCells":
        each = [Config(value, f"{inner.where}.cells[{k}]") for k, value in enumerate(inner.list("cells"))]
    else:
        each = [cell]
    names = [class_of(one) for one in each]
    unknown = [name for name in names if name not in _CELLS]
    if unknown or not each:
        return "unknown", {"why": f"its cell {', '.join(unknown) or 'list'} is not known"}
    cells = tuple(_cell(one.object("config"), name) for one, name in zip(each, names, strict=True))
    return "recurrent", {"cells": cells, **_run(config)}


def _conv_lstm(rank: int) -> Maker:
    def make(config: Config) -> Made:
        window = _window(config, rank)
        window["spatial"] = tuple(place + 1 for place in window["spatial"])
        window["channel"] = 2 if window["channel"] == 1 else window["channel"] + 1
        return "conv_lstm", {"filters": config.whole("filters"), **window, **_run(config)}

    return make


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


# ---- attention ---------------------------------------------------------------------------------------------


def _multi_head(config: Config) -> Made:
    shape = config.get("output_shape")
    return "multi_head_attention", {
        "heads": config.whole("num_heads"),
        "key_dim": config.whole("key_dim"),
        "value_dim": config.optional("value_dim"),
        "units": None if shape is None else config.numbers("output_shape"),
        "bias": config.flag("use_bias", True),
        "axes": None if config.get("attention_axes") is None else config.axes("attention_axes"),
        "gate": config.flag("use_gate"),
    }


def _grouped_query(config: Config) -> Made:
    return "multi_head_attention", {
        "heads": config.whole("num_query_heads"),
        "kv_heads": config.whole("num_key_value_heads"),
        "key_dim": config.whole("head_dim"),
        "bias": config.flag("use_bias", True),
        "gate": config.flag("use_gate"),
    }


def _attention(config: Config) -> Made:
    concat = config.text("score_mode", "dot") == "concat"
    return "dot_attention", {"scale": config.flag("use_scale"), "concat_score": concat}


def _additive(config: Config) -> Made:
    return "additive_attention", {"scale": config.flag("use_scale", True)}


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


# ---- preprocessing -----------------------------------------------------------------------------------------


def _resizing(config: Config) -> Made:
    return "resize", {
        "size": (config.whole("height"), config.whole("width")),
        "mode": config.choice("interpolation", MODES, "bilinear"),
        "antialias": config.flag("antialias"),
        "aspect": config.flag("crop_to_aspect_ratio") or config.flag("pad_to_aspect_ratio"),
        **_image(config),
    }


def _center_crop(config: Config) -> Made:
    return "center_crop", {"size": (config.whole("height"), config.whole("width")), **_image(config)}


def _image(config: Config) -> dict[str, Any]:
    """Places of the axes of an image, counted from the end, since it may come without a batch axis."""
    if config.text("data_format", "channels_last") == "channels_first":
        return {"spatial": (-2, -1), "channel": -3}
    return {"spatial": (-3, -2), "channel": -1}


def _categories(size: str) -> Maker:
    def make(config: Config) -> Made:
        mode = config.text("output_mode", "int")
        if mode == "int":
            return "identity", {}
        count = config.optional(size)
        if count is None and isinstance(config.get("bin_boundaries"), list):
            count = len(config.list("bin_boundaries")) + 1
        if count is None:
            return "unknown", {"why": "the size of its vocabulary is not in the file"}
        return "one_hot", {"size": count, "mode": "one" if mode == "one_hot" else "multi"}

    return make


def _crossing(config: Config) -> Made:
    if config.text("output_mode", "int") == "int":
        return "elementwise", {"function": "crossing"}
    return "unknown", {"why": "a crossing that is coded one-hot"}


def _text(config: Config) -> Made:
    """Tokens of a text: their number is that of the settings, whatever the input's shape."""
    mode = config.text("output_mode", "int")
    count = config.optional("output_sequence_length" if mode == "int" else "vocabulary_size")
    size = UNKNOWN if count is None else count
    settings = {"shape": (None, size), "axes": "bs" if mode == "int" else "bc"}
    return "cover", {**settings, "reason": "a text is split into tokens"}


def _stft(config: Config) -> Made:
    frame = config.whole("frame_length", 256)
    step = config.optional("frame_step") or max(frame // 2, 1)
    length = config.optional("fft_length") or 1 << (frame - 1).bit_length()
    return "stft", {
        "kernel": frame,
        "stride": step,
        "bins": length // 2 + 1,
        "mode": config.text("mode", "log"),
        "padding": config.choice("padding", PADDINGS, "valid"),
        "expand": config.flag("expand_dims"),
        **layout(config, 1),
    }


def _mel(config: Config) -> Made:
    fft = config.whole("fft_length", 2048)
    kernel = config.optional("sequence_length") or fft
    before = fft // 2 - (fft - kernel) // 2
    return "frames", {
        "kernel": kernel,
        "stride": config.whole("sequence_stride", 512),
        "bins": config.whole("num_mel_bins", 128),
        "before": before,
        "after": kernel + 1 - before,  # so that there are (n + stride + 1)//stride frames, as Keras counts
        "border": True,
        "axis": -1,
        "transposed": True,
    }


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
    **{name: _plain("identity") for name in _IDENTITIES},
    **{name: _plain("activation", function=name.lower()) for name in _ACTIVATIONS},
    **{f"Conv{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Convolution{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _transposed(rank) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": _depthwise(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable(rank) for rank in (1, 2)},
    **{f"MaxPooling{rank}D": _pool("max_pool", rank) for rank in (1, 2, 3)},
    **{f"AveragePooling{rank}D": _pool("average_pool", rank) for rank in (1, 2, 3)},
    **{f"GlobalMaxPooling{rank}D": _global_pool("max", rank) for rank in (1, 2, 3)},
    **{f"GlobalAveragePooling{rank}D": _global_pool("average", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{rank}D": _adaptive_pool("max", rank) for rank in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{rank}D": _adaptive_pool("average", rank) for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _upsample(rank) for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _pad(rank) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _crop(rank) for rank in (1, 2, 3)},
    **{f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)},
    **{name: _recurrent(name) for name in ("SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU")},
    **{
        name: _plain(name.lower())
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "RNN": _rnn,
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
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped_query,
    "GroupedQueryAttention": _grouped_query,
    "Attention": _attention,
    "AdditiveAttention": _additive,
    "Concatenate": lambda c: ("concat", {"axis": c.axis("axis", -1)}),
    "Dot": _dot,
    "Reshape": _reshape,
    "Permute": _permute,
    "Flatten": _flatten,
    "RepeatVector": lambda c: ("repeat_vector", {"count": c.whole("n")}),
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    "RandomCrop": _center_crop,
    "AutoContrast": _plain("instance_norm", scale=False, center=False),
    "ContrastLimitedAdaptiveHistogramEqualization": _plain("instance_norm", scale=False, center=False),
    "CategoryEncoding": _categories("num_tokens"),
    "Discretization": _categories("num_bins"),
    "StringLookup": _categories("vocabulary_size"),
    "IntegerLookup": _categories("vocabulary_size"),
    "TextVectorization": _text,
    "Hashing": _categories("num_bins"),
    "HashedCrossing": _crossing,
    "STFTSpectrogram": _stft,
    "MelSpectrogram": _mel,
    "LayerScale": _scale,
    "CustomScaleLayer": _plain("add"),
}
"""Every layer class that has a config, but for those that hold models (keras.py) and the wrappers below."""


def class_of(entry: Config) -> str:
    """Return an entry's class; that of another author keeps its package, so that no class of Keras is meant.

    >>> class_of(Config({"class_name": "Dense", "module": None, "registered_name": "mine>Dense"}, ""))
    'mine>Dense'
    """
    name = entry.text("class_name")
    if "module" not in entry.data:  # before Keras 2.13 the name alone has to do
        return name
    module = entry.get("module")
    if isinstance(module, str) and module.partition(".")[0] in ("keras", "tensorflow", "tf_keras"):
        return name
    registered = entry.get("registered_name")
    return registered if isinstance(registered, str) and ">" in registered else f"{module or 'custom'}>{name}"


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
