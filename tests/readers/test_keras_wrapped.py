"""What a wrapped layer does beside its kind, against runs of Keras: a softmax, a low rank, parameters."""

from __future__ import annotations

import json
import os
from math import prod
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from keras import layers  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def conv(rank: int = 1, **settings: Any) -> Any:
    return getattr(layers, f"Conv{rank}D")(3, 3, padding="same", **settings)


MODELS = {
    "a normalised convolution": (lambda: layers.SpectralNormalization(conv()), (9, 2)),
    "channels first": (lambda: layers.SpectralNormalization(conv(data_format="channels_first")), (2, 9)),
    "channels first in the plane": (
        lambda: layers.SpectralNormalization(conv(2, data_format="channels_first")),
        (2, 9, 7),
    ),
    "a softmax over channels": (lambda: layers.SpectralNormalization(conv(activation="softmax")), (9, 2)),
    "a softmax over positions": (
        lambda: layers.SpectralNormalization(conv(data_format="channels_first", activation="softmax")),
        (2, 9),
    ),
    "a softmax over columns": (
        lambda: layers.SpectralNormalization(conv(2, data_format="channels_first", activation="softmax")),
        (2, 9, 7),
    ),
    "a softmax over columns, each step": (
        lambda: layers.TimeDistributed(conv(data_format="channels_first", activation="softmax")),
        (4, 2, 9),
    ),
    "low rank, normalised": (lambda: layers.SpectralNormalization(layers.Dense(4, lora_rank=2)), (5, 3)),
    "low rank, each step": (lambda: layers.TimeDistributed(layers.Dense(4, lora_rank=2)), (5, 3)),
    "low rank, a table": (lambda: layers.TimeDistributed(layers.Embedding(9, 4, lora_rank=2)), (5, 3)),
    "low rank, twice": (
        lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(4, lora_rank=2))),
        (5, 6, 3),
    ),
}


def built(name: str) -> tuple[Any, Any, tuple[int, ...]]:
    keras.utils.set_random_seed(3)
    make, shape = MODELS[name]
    x = layers.Input(shape)
    model = keras.Model(x, make()(x))
    return model, rfcalc.analyze(json.loads(model.to_json())), shape


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_keras(name: str) -> None:
    model, result, _ = built(name)
    trained, stored = (
        sum(prod(weight.shape) for weight in weights)
        for weights in (model.trainable_weights, model.non_trainable_weights)
    )
    assert result.totals.params == (trained, stored)


@pytest.mark.parametrize("name", [name for name in MODELS if "table" not in name])
def test_rows_are_those_that_keras_reads(name: str) -> None:
    model, result, shape = built(name)
    graph = rfcalc.load(json.loads(model.to_json()))
    places = [place for place, role in enumerate(graph.inputs[0].attrs["axes"]) if role == "s"]
    assert [shape[place - 1] for place in places] == [extent for extent in shape if extent > 3]
    assert {row.status for row in result.rows} == {"exact"}
    found = rfcalc.field(graph, model.layers[-1].name)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1, *shape)).astype("float32")
    untouched = model.predict(x, verbose=0)
    for place, axis in zip(places, found.axes, strict=True):
        read: list[set[int]] = [set() for _ in range(untouched.shape[place])]
        for index in range(x.shape[place]):
            changed = x.copy()
            changed[(slice(None),) * place + (index,)] *= -3
            moved = np.moveaxis(model.predict(changed, verbose=0) != untouched, place, 0)
            for k in moved.reshape(len(read), -1).any(axis=1).nonzero()[0]:
                read[k].add(index)
        assert [(min(row), max(row), len(row)) for row in read] == list(axis.rows)
