"""Encoders and decoders of Keras Hub that are not its general ones: ESM's, RoFormer's, Whisper's."""

from __future__ import annotations

from functools import partial
from typing import Final

from rfcalc.readers.keras.published.heads import Heads, attention
from rfcalc.readers.keras.published.hub_layers import CROSS, SELF, transformer
from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor


def _esm(sketch: Sketch) -> Drawn | None:
    """Draw attention and dense layers, normalised first."""
    x = sketch.first()
    if x is None:
        return None
    width = sketch.width(x)
    summed = sketch.add(x, _turned(sketch, _normal(sketch, "attention_norm", x), width))
    fed = _fed_forward(sketch, _normal(sketch, "ffn_norm", summed), width)
    return sketch.drawn(sketch.add(summed, fed))


def _roformer(sketch: Sketch) -> Drawn | None:
    """Draw attention and dense layers, normalised by mean squares afterwards."""
    x = sketch.first()
    if x is None:
        return None
    width = sketch.width(x)
    x = _normal(sketch, "attention_norm", sketch.add(x, _turned(sketch, x, width)), rms=True)
    fed = _fed_forward(sketch, x, width)
    return sketch.drawn(_normal(sketch, "feedforward_norm", sketch.add(x, fed), rms=True))


def _normal(sketch: Sketch, name: str, x: Tensor, rms: bool = False) -> Tensor:
    return sketch.layer(name, "LayerNormalization", x, axis=-1, rms_scaling=rms)


def _turned(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    """Draw attention to all positions, whose places turn queries and keys."""
    config = sketch.config
    heads, bias = config.whole("heads"), config.flag("use_bias")
    made = Heads(heads, heads, config.whole("head_size"), bias=bias, out_bias=bias)
    return attention(sketch, "attention_layer", x, made, width)


def _fed_forward(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    config = sketch.config
    wide, bias = config.whole("intermediate_size"), config.flag("use_bias")
    activation = config.get("activation")
    x = sketch.layer(
        "feedforward_intermediate_dense", "Dense", x, units=wide, use_bias=bias, activation=activation
    )
    return sketch.layer("feedforward_output_dense", "Dense", x, units=width, use_bias=bias)


def _padder(sketch: Sketch) -> Drawn | None:
    """Add a step of zeros at each end."""
    x = sketch.first()
    return None if x is None else sketch.drawn(sketch.layer("pad", "ZeroPadding1D", x, padding=1))


PUBLISHED: Final = {
    "ESMEncoder": Published(_esm, ("x", "attention_mask")),
    "RoformerV2Encoder": Published(_roformer, ("x", "attention_mask")),
    "WhisperEncoder": Published(partial(transformer, key_bias=False), SELF),
    "WhisperDecoder": Published(partial(transformer, key_bias=False, decoder=True), CROSS),
    "Padder": Published(_padder, ("x",)),
}
"""By class, as files spell them."""
