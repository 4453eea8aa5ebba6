# ruff: noqa: PLW0108  a layer is made anew for each model
"""Masks that Keras computes from the input by itself, against runs of Keras in which one step is changed."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from keras import layers  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

STEPS = 5


def heads(query: Any, value: Any, **given: Any) -> Any:
    return layers.MultiHeadAttention(2, 4)(query, value, **given)


def ordered(x: Any) -> Any:
    return heads(x, x, use_causal_mask=True)


def apart(x: Any) -> Any:
    """Return the same steps without the mask: a convolution does not hand it on."""
    return layers.Conv1D(4, 1)(x)


MODELS = {
    "ordered heads": (ordered, "bound"),
    "ordered heads behind others": (lambda x: ordered(layers.LayerNormalization()(x)), "bound"),
    "ordered heads behind a sum": (lambda x: ordered(layers.Add()([x, layers.Dense(4)(x)])), "bound"),
    "ordered heads, keys hidden": (lambda x: heads(apart(x), x, use_causal_mask=True), "bound"),
    "ordered heads, a mask given": (
        lambda x: heads(x, x, use_causal_mask=True, attention_mask=layers.Dense(STEPS)(apart(x)) > 0),
        "bound",
    ),
    "ordered attention, keys hidden": (
        lambda x: layers.Attention()([apart(x), x], use_causal_mask=True),
        "bound",
    ),
    "ordered attention of a sequence with itself": (
        lambda x: layers.Attention()([x, x], use_causal_mask=True),
        "exact",
    ),
    "ordered heads behind a convolution": (lambda x: ordered(apart(x)), "exact"),
    "ordered heads behind an operation": (lambda x: ordered(x + 1.0), "exact"),
    "heads": (lambda x: heads(x, x), "exact"),
    "recurrence": (lambda x: layers.LSTM(4, return_sequences=True)(x), "exact"),
    "last state": (lambda x: layers.GRU(4)(x), "exact"),
    "both directions": (lambda x: layers.Bidirectional(layers.GRU(4, return_sequences=True))(x), "exact"),
    "mean": (lambda x: layers.GlobalAveragePooling1D()(x), "exact"),
    "mean behind a convolution": (lambda x: layers.GlobalAveragePooling1D()(apart(x)), "exact"),
    "each step": (lambda x: layers.Dense(4)(x), "exact"),
}


def embedded() -> tuple[Any, Any]:
    x = layers.Input((STEPS,), dtype="int32")
    return x, layers.Embedding(3, 4, mask_zero=True)(x)


def masked() -> tuple[Any, Any]:
    x = layers.Input((STEPS, 3))
    return x, layers.Dense(4)(layers.Masking()(x))


def measured(model: Any, *, whole: bool) -> list[int]:
    """Change one step at a time, steps that are masked among them: which steps each output reads, as bits."""
    found: list[int] = []
    shape = (1, STEPS) if whole else (1, STEPS, 3)
    for seed in range(8):
        random = np.random.default_rng(seed)

        def draw(random: Any = random) -> Any:
            if whole:
                return random.integers(0, 3, shape).astype(np.int32)
            kept = random.random((1, STEPS, 1)) < 0.6
            return (random.standard_normal(shape) * kept).astype(np.float32)

        for weight in model.weights:
            weight.assign(random.standard_normal(weight.shape) * 0.7)
        x, others = draw(), [draw() for _ in range(4)]
        usual = np.asarray(model(x).detach())[0]
        rows = usual.reshape(len(usual) if usual.ndim > 1 else 1, -1)
        found = found or [0] * len(rows)
        for j in range(STEPS):
            for other in others:
                changed = x.copy()
                changed[0, j] = other[0, j]
                now = np.asarray(model(changed).detach())[0].reshape(rows.shape)
                moved = (now != rows).any(1)
                found = [row | int(each) << j for row, each in zip(found, moved, strict=True)]
    return found


@pytest.mark.parametrize("start", [embedded, masked])
@pytest.mark.parametrize("name", MODELS)
def test_steps_that_the_input_hides(name: str, start: Any) -> None:
    build, status = MODELS[name]
    x, y = start()
    model = keras.Model(x, build(y))
    graph = rfcalc.load(json.loads(model.to_json()))
    row = rfcalc.analyze(graph).rows[-1]
    (axis,) = rfcalc.field(graph, row.name).axes
    truth = measured(model, whole=start is embedded)
    said = [axis.masks[0]] * len(truth) if len(axis.masks) == 1 else list(axis.masks)
    assert row.status == axis.status == status
    if status == "exact":
        assert said == truth
    else:
        assert len(said) == len(truth)
        assert all(a & b == b for a, b in zip(said, truth, strict=True))
