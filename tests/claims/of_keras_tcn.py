"""keras-tcn: the receptive field of its layer."""

from __future__ import annotations

import importlib
import json
import sys
import types
from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found

STACKS = {"one stack": 1, "two stacks": 2}


def found() -> Found:
    """Ask the layer, change its input, and let rfcalc read the model's JSON."""
    import numpy as np
    import torch

    from tests.claims.probe import reached

    says, measured, own = Figures(), Figures(), Figures()
    for case, stacks in STACKS.items():
        model, layer = _built(stacks)
        for weight in layer.weights:
            last = len(weight.shape) == 1
            weight.assign(
                np.zeros(weight.shape) if last else np.full(weight.shape, 1 / np.prod(weight.shape[:-1]))
            )
        row = 700
        reach = reached(model, (1, 800, 1), 1, row, torch.float32)
        says[case] = layer.receptive_field
        measured[case] = reach.last - reach.first + 1
        own[case] = _field(json.loads(model.to_json()))
    return Found(says, measured, own)


def _built(stacks: int) -> tuple[Any, Any]:
    """Return a model of one layer, and the layer."""
    import keras

    tcn = _imported()
    x = keras.Input((None, 1))
    layer = tcn.TCN(nb_filters=4, nb_stacks=stacks, return_sequences=True)
    return keras.Model(x, layer(x)), layer


def _imported() -> Any:
    """Return the package, which asks for tensorflow.keras: Keras itself answers, with any backend."""
    import keras

    tensorflow: Any = types.ModuleType("tensorflow")
    tensorflow.keras = keras
    if not hasattr(keras.backend, "name_scope"):
        keras.backend.name_scope = keras.name_scope
    inner = {"keras": keras, "keras.backend": keras.backend, "keras.layers": keras.layers}
    stands_in = {"tensorflow": tensorflow, **{f"tensorflow.{name}": module for name, module in inner.items()}}
    sys.modules.update(stands_in)
    try:
        return importlib.import_module("tcn")
    finally:  # Keras looks for TensorFlow when it writes a model
        for name in stands_in:
            del sys.modules[name]


def _field(model: Any) -> int:
    (size,) = rfcalc.analyze(model).rows[-1].receptive_field
    return int(size)


def ours() -> Figures:
    """Let rfcalc read the JSON of such models, written out."""
    return {case: _field(_document(stacks)) for case, stacks in STACKS.items()}


def _document(stacks: int) -> dict[str, Any]:
    settings = {
        "nb_filters": 4,
        "kernel_size": 3,
        "nb_stacks": stacks,
        "dilations": [1, 2, 4, 8, 16, 32],
        "padding": "causal",
        "use_skip_connections": True,
        "return_sequences": True,
        "activation": "relu",
        "use_batch_norm": False,
        "use_layer_norm": False,
        "go_backwards": False,
        "return_state": False,
    }
    layers = [
        {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": [None, None, 1]}},
        {
            "class_name": "TCN",
            "module": "tcn.tcn",
            "registered_name": "Custom>TCN",
            "name": "tcn",
            "config": {"name": "tcn", "trainable": True, **settings},
            "build_config": {"input_shape": [None, None, 1]},
            "inbound_nodes": [[["x", 0, 0, {}]]],
        },
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["tcn", 0, 0]]}
    return {"class_name": "Functional", "config": config}


CLAIM = Claim(
    "keras-tcn",
    "keras-tcn",
    "tcn",
    "`TCN.receptive_field`",
    "`rfcalc.analyze(model.to_json())`, the field of the layer",
    "Right. It is the whole field, over all blocks and both convolutions of each.",
    found,
    ours,
)
