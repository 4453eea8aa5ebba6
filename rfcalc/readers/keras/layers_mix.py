"""Layers of Keras that mix along whole axes: dense layers, embeddings, attention, the dot product."""

from __future__ import annotations

from typing import Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.settings import Made, Maker


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


def _dot(config: Config) -> Made:
    axes = config.axes("axes")
    return "dot", {"axes": axes * 2 if len(axes) == 1 else axes, "normalize": config.flag("normalize")}


MIXES: Final[dict[str, Maker]] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "ReversibleEmbedding": _reversible_embedding,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped_query,
    "GroupedQueryAttention": _grouped_query,
    "Attention": _attention,
    "AdditiveAttention": _additive,
    "Dot": _dot,
}
