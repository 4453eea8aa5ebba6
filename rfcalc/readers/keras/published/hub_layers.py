"""Layers of Keras Hub that models are built of: positions, embeddings, transformer encoders and decoders."""

from __future__ import annotations

from typing import Final

from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor


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


def _transformer_encoder(sketch: Sketch) -> Drawn | None:
    x = sketch.first()
    if x is None:
        return None
    width = sketch.width(x)
    masks = {name: sketch.tensor(name) for name in ("padding_mask", "attention_mask")}
    x = _attended(sketch, "self_attention", "self_attention_layer", x, None, width, masks)
    return sketch.drawn(_fed_forward(sketch, x, width), keeps_padding=True)


def _transformer_decoder(sketch: Sketch) -> Drawn | None:
    x, other = sketch.tensor("decoder_sequence"), sketch.tensor("encoder_sequence")
    if x is None or (other is None) != (sketch.config.get("encoder_sequence_shape") is None):
        return None
    width = sketch.width(x)
    own = {name: sketch.tensor(f"decoder_{name}") for name in ("padding_mask", "attention_mask")}
    causal = sketch.told("use_causal_mask", True)
    x = _attended(sketch, "self_attention", "self_attention", x, None, width, own, causal)
    if other is not None:
        theirs = {name: sketch.tensor(f"encoder_{name}") for name in ("padding_mask", "attention_mask")}
        x = _attended(sketch, "cross_attention", "cross_attention", x, other, width, theirs)
    return sketch.drawn(_fed_forward(sketch, x, width), keeps_padding=True)


def _attended(
    sketch: Sketch,
    lead: str,
    name: str,
    x: Tensor,
    other: Tensor | None,
    width: int,
    masks: dict[str, Tensor | None],
    causal: bool = False,
) -> Tensor:
    """Draw attention to itself or another sequence, with the residual around it and its normalisation."""
    first = sketch.config.flag("normalize_first")
    heads = sketch.config.whole("num_heads")
    query = _normal(sketch, f"{lead}_layer_norm", x) if first else x
    value = query if other is None else other
    given = {"value": value, **masks, **({"use_causal_mask": True} if causal else {})}
    settings = {"num_heads": heads, "key_dim": max(width // heads, 1)}
    made = sketch.layer(name, "MultiHeadAttention", query, given=given, **settings)
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


_SELF: Final = ("inputs", "padding_mask", "attention_mask")
_CROSS: Final = (
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
    *("RMSNormalization", "T5LayerNorm", "LlamaLayerNorm", "MistralLayerNormalization"),
    *("MixtralLayerNormalization", "Phi3LayerNorm", "QwenLayerNorm", "QwenMoeLayerNorm", "Qwen3LayerNorm"),
    *("Qwen3MoeLayerNorm", "GptOssLayerNormalization"),
)
PUBLISHED: Final = {
    "PositionEmbedding": Published(_position_embedding),
    "SinePositionEncoding": Published(_sine_positions),
    "RotaryEmbedding": Published(_rotary),
    "TokenAndPositionEmbedding": Published(_token_and_position),
    "TransformerEncoder": Published(_transformer_encoder, _SELF),
    "TransformerDecoder": Published(_transformer_decoder, _CROSS),
    "FNetEncoder": Published(_fourier_encoder),
    **dict.fromkeys(_RMS, Published(_root_mean_square, ("x",))),
}
"""By class, as files spell them."""
