"""Blocks of Keras Hub's image backbones: patches and encoders of ViT, inverted residuals of MobileNet."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.algebra.number import is_known
from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor

# ---- vision transformers -----------------------------------------------------------------------------------


def _patches(sketch: Sketch) -> Drawn | None:
    """Draw patches side by side, as a sequence behind a token for the class, with learned positions."""
    config, x = sketch.config, sketch.first()
    if x is None or config.get("data_format") == "channels_first":
        return None
    width, sizes = config.whole("hidden_dim"), config.per_axis("patch_size", 2)
    bias = config.flag("use_patch_bias", True)
    x = sketch.layer(
        "patch_embedding", "Conv2D", x, filters=width, kernel_size=[*sizes], strides=[*sizes], use_bias=bias
    )
    count, every = config.whole("num_patches"), config.whole("num_positions")
    x = sketch.layer("reshape", "Reshape", x, target_shape=[count, width])
    if config.flag("use_class_token", True):
        token = sketch.weight("class_token", 1, 1, width)
        x = sketch.operation("Concatenate", [token, x], axis=1)
    return sketch.drawn(sketch.add(x, sketch.layer("position_embedding", "Positions", x, length=every)))


def _vision_encoder(sketch: Sketch) -> Drawn | None:
    """Draw blocks of attention and dense layers, normalised first."""
    config, x = sketch.config, sketch.first()
    if x is None:
        return None
    width, heads = config.whole("hidden_dim"), config.whole("num_heads")
    for place in range(1, config.whole("num_layers") + 1):
        lead = f"transformer_block_{place}"
        query = _normal(sketch, f"{lead}_ln_1", x)
        made = sketch.layer(
            f"{lead}_mha",
            "MultiHeadAttention",
            query,
            given={"value": query},
            num_heads=heads,
            key_dim=max(width // heads, 1),
            use_bias=config.flag("use_mha_bias", True),
        )
        x = sketch.add(made, x)
        bias = config.flag("use_mlp_bias", True)
        wide = config.whole("mlp_dim")
        made = _normal(sketch, f"{lead}_ln_2", x)
        made = sketch.layer(f"{lead}_dense_1", "Dense", made, units=wide, use_bias=bias, activation="gelu")
        x = sketch.add(x, sketch.layer(f"{lead}_dense_2", "Dense", made, units=width, use_bias=bias))
    return sketch.drawn(_normal(sketch, "ln", x))


def _normal(sketch: Sketch, name: str, x: Tensor) -> Tensor:
    return sketch.layer(name, "LayerNormalization", x, axis=-1)


# ---- convolutions ------------------------------------------------------------------------------------------


def _is_last(sketch: Sketch, x: Tensor, channels: int | None = None) -> bool:
    """Tell whether channels stand last, which the file does not say: by their count, or as the odd axis."""
    if x.shape is None or len(x.shape) != 4:
        return False
    last, others = sketch.width(x), x.shape[1:3]
    if channels is not None and last != channels:
        return False
    return not any(is_known(each) and each == last for each in others)


def _convolved(sketch: Sketch, name: str, x: Tensor, activation: Any = None, **settings: Any) -> Tensor:
    """Draw a convolution without a bias, normalised by batch."""
    kind = "DepthwiseConv2D" if "filters" not in settings else "Conv2D"
    x = sketch.layer(f"{name}_conv", kind, x, use_bias=False, **settings)
    x = sketch.layer(f"{name}_bn", "BatchNormalization", x, axis=-1)
    return x if activation is None else sketch.layer(f"{name}_act", "Activation", x, activation=activation)


def _gated(
    sketch: Sketch, name: str, x: Tensor, channels: int, few: int, squeeze: Any, excite: Any = "sigmoid"
) -> Tensor:
    """Weigh each channel by what all positions together say."""
    mean = sketch.operation("Mean", x, axis=(1, 2), keepdims=True)
    made = sketch.layer(f"{name}_reduce", "Conv2D", mean, filters=few, kernel_size=1, activation=squeeze)
    made = sketch.layer(f"{name}_expand", "Conv2D", made, filters=channels, kernel_size=1, activation=excite)
    return sketch.operation("Multiply", x, made)


def _rounded(channels: float, divisor: int = 8) -> int:
    """Return channels as a multiple of 8, and not less than nine tenths of what is wanted."""
    whole = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return whole + divisor if whole < 0.9 * channels else whole


def _share(sketch: Sketch, name: str) -> float:
    """Return a setting that is a share, 0 where there is none."""
    value = sketch.config.get(name)
    if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= 64):
        sketch.understood = False
        return 0
    return float(value or 0)


def _inverted(sketch: Sketch) -> Drawn | None:
    """Draw a convolution in each channel between two that mix channels, over more of them."""
    config, x = sketch.config, sketch.first()
    if x is None or not _is_last(sketch, x, config.whole("infilters")):
        return None
    act, wide, stride = config.get("activation"), _rounded(config.whole("expansion")), config.whole("stride")
    made = _convolved(sketch, "expanded", x, act, filters=wide, kernel_size=1)
    made = sketch.layer("pad", "ZeroPadding2D", made, padding=config.whole("padding", least=0))
    kernel = config.whole("kernel_size")
    made = _convolved(sketch, "depthwise", made, act, kernel_size=kernel, strides=stride)
    share = _share(sketch, "squeeze_excite_ratio")
    if share:
        made = _gated(sketch, "squeeze", made, wide, _rounded(wide * share), "relu", "hard_sigmoid")
    made = _convolved(sketch, "projected", made, filters=config.whole("filters"), kernel_size=1)
    same = stride == 1 and config.whole("infilters") == config.whole("filters")
    return sketch.drawn(sketch.add(x, made) if same else made)


def _depthwise(sketch: Sketch) -> Drawn | None:
    """Draw a convolution in each channel, and one that mixes them."""
    config, x = sketch.config, sketch.first()
    if x is None or not _is_last(sketch, x, config.whole("infilters")):
        return None
    made = sketch.layer("pad", "ZeroPadding2D", x, padding=1)
    sizes = {"kernel_size": config.whole("kernel_size"), "strides": config.whole("stride")}
    made = _convolved(sketch, "depthwise", made, "relu", **sizes)
    share, channels = _share(sketch, "squeeze_excite_ratio"), config.whole("infilters")
    if share:
        made = _gated(sketch, "squeeze", made, channels, _rounded(channels * share), "relu", "hard_sigmoid")
    made = _convolved(sketch, "projected", made, filters=config.whole("filters"), kernel_size=1)
    return sketch.drawn(sketch.add(made, x) if config.flag("residual") else made)


def _pointwise(sketch: Sketch) -> Drawn | None:
    """Draw a convolution of single positions."""
    config, x = sketch.config, sketch.first()
    if x is None or not _is_last(sketch, x):
        return None
    filters = config.whole("filter")
    return sketch.drawn(
        _convolved(sketch, "mixed", x, config.get("activation"), filters=filters, kernel_size=1)
    )


def _mobile(sketch: Sketch) -> Drawn | None:
    """Draw EfficientNet's block: an inverted residual whose last convolution may look around."""
    config, x = sketch.config, sketch.first()
    if x is None or config.get("data_format") != "channels_last":
        return None
    act, entering, leaving = (
        config.get("activation"),
        config.whole("input_filters"),
        config.whole("output_filters"),
    )
    times, kernel, stride = (config.whole(name) for name in ("expand_ratio", "kernel_size", "strides"))
    wide, share = entering * times, _share(sketch, "se_ratio")
    made = x
    if times != 1:
        made = _convolved(sketch, "expanded", made, act, filters=wide, kernel_size=1, padding="same")
    made = _convolved(sketch, "depthwise", made, act, kernel_size=kernel, strides=stride, padding="same")
    if 0 < share <= 1:
        made = _gated(sketch, "squeeze", made, wide, max(1, int(entering * share)), act)
    last = 1 if times != 1 else kernel
    made = sketch.layer("pad", "ZeroPadding2D", made, padding=last // 2)
    made = _convolved(sketch, "projected", made, filters=leaving, kernel_size=last)
    same = stride == 1 and entering == leaving and not config.flag("nores")
    return sketch.drawn(sketch.add(made, x) if same else made)


PUBLISHED: Final = {
    "ViTPatchingAndEmbedding": Published(_patches),
    "ViTEncoder": Published(_vision_encoder),
    "InvertedResidualBlock": Published(_inverted),
    "DepthwiseConvBlock": Published(_depthwise),
    "ConvBnActBlock": Published(_pointwise),
    "MBConvBlock": Published(_mobile),
}
"""By class, as files spell them."""
