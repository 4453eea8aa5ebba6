"""Layers of Keras Hub that models are built of: positions, embeddings, transformer encoders and decoders."""

from __future__ import annotations

from functools import partial
from typing import Final

from rfcalc.readers.keras.published.heads import Heads, attention
from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor
from rfcalc.records import NamedTuple


def _position_embedding(sketch: Sketch) -> Drawn | None:
    x = sketch.first()
    if x is None:
        return None
    length = sketch.config.whole("sequence_length")
    return sketch.drawn(sketch.layer("embeddings", "Positions", x, length=length), keeps_padding=True)


def _sine_positions(sketch: Sketch) -> Drawn | None:
    x = sketch.first()
    return None if x is None else sketch.drawn(sketch.layer("sines", "Positions", x), keeps_padding=True)


def _rotary(sketch: Sketch) -> Drawn | None:
    """Turn features by pairs, each place by itself."""
    x = sketch.first()
    axes = (sketch.config.get("sequence_axis"), sketch.config.get("feature_axis"))
    return sketch.drawn(rotated(sketch, x, "rotated")) if x is not None and axes == (1, -1) else None


def rotated(sketch: Sketch, x: Tensor, name: str) -> Tensor:
    """Turn pairs of features by an angle that depends on the place alone."""
    return sketch.layer(name, "Softmax", x, axis=-1)


def _token_and_position(sketch: Sketch) -> Drawn | None:
    x, config = sketch.first(), sketch.config
    if x is None:
        return None
    tokens = sketch.layer(
        "token_embedding",
        "ReversibleEmbedding",
        x,
        input_dim=config.whole("vocabulary_size"),
        output_dim=config.whole("embedding_dim"),
        tie_weights=config.flag("tie_weights", True),
        mask_zero=config.flag("mask_zero"),
    )
    length = config.whole("sequence_length")
    places = sketch.layer("position_embedding", "Positions", tokens, length=length)
    return sketch.drawn(sketch.layer("add", "Add", [tokens, places]))


def feed_forward(sketch: Sketch, x: Tensor, width: int, lead: str = "feedforward_") -> Tensor:
    """Draw two dense layers, each place by itself."""
    wide = sketch.config.whole("intermediate_dim")
    activation = sketch.config.get("activation")
    x = sketch.layer(f"{lead}intermediate_dense", "Dense", x, units=wide, activation=activation)
    x = sketch.layer(f"{lead}output_dense", "Dense", x, units=width)
    return sketch.layer(f"{lead.removeprefix('feedforward_') or lead}dropout", "Dropout", x)


def transformer(sketch: Sketch, *, decoder: bool = False, key_bias: bool = True) -> Drawn | None:
    """Draw attention to itself, of a decoder in order and then to another sequence, and dense layers.

    Each has a residual around it, and is normalised before or after that.
    """
    x = sketch.first()
    other = sketch.tensor("encoder_sequence") if decoder else None
    if x is None or (other is None) != (sketch.config.get("encoder_sequence_shape") is None):
        return None
    width = sketch.width(x)
    causal = decoder and sketch.told("use_causal_mask", True)
    lead = "decoder_" if decoder else ""
    name = "self_attention" if decoder else "self_attention_layer"
    attended = _Attended(name, _masks(sketch, lead), causal, key_bias)
    x = _residual(sketch, "self_attention", x, None, width, attended)
    if other is not None:
        attended = _Attended("cross_attention", _masks(sketch, "encoder_"), False, key_bias)
        x = _residual(sketch, "cross_attention", x, other, width, attended)
    return sketch.drawn(_fed_forward(sketch, x, width), keeps_padding=True)


class _Attended(NamedTuple):
    """One attention: its name, its masks, whether it is in order, whether keys have a bias."""

    name: str
    masks: dict[str, Tensor]
    causal: bool
    key_bias: bool


def _masks(sketch: Sketch, lead: str) -> dict[str, Tensor]:
    """Return the masks that the layer is given for one sequence."""
    found = {name: sketch.tensor(lead + name) for name in ("padding_mask", "attention_mask")}
    return {name: mask for name, mask in found.items() if mask is not None}


def _residual(
    sketch: Sketch, lead: str, x: Tensor, other: Tensor | None, width: int, attended: _Attended
) -> Tensor:
    """Draw attention to itself or another sequence, with the residual around it and its normalisation."""
    first, heads = sketch.config.flag("normalize_first"), sketch.config.whole("num_heads")
    size = max(width // heads, 1)
    query = _normal(sketch, f"{lead}_layer_norm", x) if first else x
    if attended.key_bias:
        given = {"value": query if other is None else other, **attended.masks}
        in_order = {"use_causal_mask": True} if attended.causal else {}
        settings = {"num_heads": heads, "key_dim": size}
        made = sketch.layer(
            attended.name, "MultiHeadAttention", query, given={**given, **in_order}, **settings
        )
    else:
        made = attention(
            sketch,
            attended.name,
            query,
            Heads(heads, heads, size, bias=True, out_bias=True, key_bias=False),
            width,
            other=other,
            causal=attended.causal,
            hidden=attended.causal and sketch.padded,
            masks=tuple(attended.masks.values()),
        )
    made = sketch.add(sketch.layer(f"{lead}_dropout", "Dropout", made), x)
    return made if first else _normal(sketch, f"{lead}_layer_norm", made)


def _fed_forward(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    """Draw the dense layers of a transformer, with the residual around them and their normalisation."""
    first = sketch.config.flag("normalize_first")
    made = _normal(sketch, "feedforward_layer_norm", x) if first else x
    made = feed_forward(sketch, made, width)
    made = sketch.add(made, x)
    return made if first else _normal(sketch, "feedforward_layer_norm", made)


def _normal(sketch: Sketch, name: str, x: Tensor) -> Tensor:
    return sketch.layer(name, "LayerNormalization", x, axis=-1)


def _fourier_encoder(sketch: Sketch) -> Drawn | None:
    """Mix along both axes by a Fourier transform, where a transformer attends."""
    x = sketch.first()
    if x is None:
        return None
    mixed = sketch.layer("fourier_transform", "Softmax", x, axis=[-2, -1])
    x = _normal(sketch, "mixing_layer_norm", sketch.add(x, mixed))
    made = feed_forward(sketch, x, sketch.width(sketch.first() or x), "")
    return sketch.drawn(_normal(sketch, "output_layer_norm", sketch.add(x, made)))


def _root_mean_square(sketch: Sketch) -> Drawn | None:
    """Scale each place by the root of the mean square of its features, with a learned factor for each."""
    x = sketch.first()
    if x is None or sketch.config.get("head_dim") is not None:
        return None
    return sketch.drawn(sketch.layer("scale", "LayerNormalization", x, axis=-1, rms_scaling=True))


SELF: Final = ("inputs", "padding_mask", "attention_mask")
CROSS: Final = (
    "decoder_sequence",
    "encoder_sequence",
    "decoder_padding_mask",
    "decoder_attention_mask",
    "encoder_padding_mask",
    "encoder_attention_mask",
    *("self_attention_cache", "self_attention_cache_update_index"),
    *("cross_attention_cache", "cross_attention_cache_update_index"),
    "use_causal_mask",
)
_RMS: Final = (
    *("RMSNormalization", "RoformerNorm", "T5LayerNorm", "LlamaLayerNorm", "MistralLayerNormalization"),
    *("MixtralLayerNormalization", "Phi3LayerNorm", "QwenLayerNorm", "QwenMoeLayerNorm", "Qwen3LayerNorm"),
    *("Qwen3MoeLayerNorm", "GptOssLayerNormalization"),
)
PUBLISHED: Final = {
    "PositionEmbedding": Published(_position_embedding),
    "SinePositionEncoding": Published(_sine_positions),
    "RotaryEmbedding": Published(_rotary),
    "TokenAndPositionEmbedding": Published(_token_and_position),
    "TransformerEncoder": Published(transformer, SELF),
    "TransformerDecoder": Published(partial(transformer, decoder=True), CROSS),
    "FNetEncoder": Published(_fourier_encoder),
    **dict.fromkeys(_RMS, Published(_root_mean_square, ("x",))),
}
"""By class, as files spell them."""
