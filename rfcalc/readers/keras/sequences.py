"""Layers of Keras over sequences: recurrent ones and attention."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import Config, class_of
from rfcalc.readers.keras.spatial import Made, Maker, window_settings

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
        window = window_settings(config, rank)
        window["spatial"] = tuple(place + 1 for place in window["spatial"])
        window["channel"] = 2 if window["channel"] == 1 else window["channel"] + 1
        return "conv_lstm", {"filters": config.whole("filters"), **window, **_run(config)}

    return make


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


SEQUENCE_LAYERS: Final[dict[str, Maker]] = {
    **{f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)},
    **{name: _recurrent(name) for name in ("SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU")},
    "RNN": _rnn,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped_query,
    "GroupedQueryAttention": _grouped_query,
    "Attention": _attention,
    "AdditiveAttention": _additive,
}
"""Makers by class name."""
