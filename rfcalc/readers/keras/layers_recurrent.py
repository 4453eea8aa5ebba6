"""Recurrent layers of Keras and their cells."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.entries import class_of
from rfcalc.readers.keras.layers_window import window
from rfcalc.readers.keras.settings import Made, Maker

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
        settings = window(config, rank)  # of one step: the time axis comes before the others
        settings["spatial"] = tuple(place + 1 for place in settings["spatial"])
        settings["channel"] = 2 if settings["channel"] == 1 else settings["channel"] + 1
        return "conv_lstm", {"filters": config.whole("filters"), **settings, **_run(config)}

    return make


RECURRENTS: Final[dict[str, Maker]] = {
    **{name: _recurrent(name) for name in ("SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU")},
    **{f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)},
    "RNN": _rnn,
}
