"""Constant masks in Keras models: what runs of Keras show, one row of the input changed at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of Keras's own

T, C = 8, 4
PLACE = np.arange(T)
CAUSAL = PLACE[None, :] <= PLACE[:, None]
BAND = abs(PLACE[None, :] - PLACE[:, None]) <= 1
BLOCKS = PLACE[None, :] // 4 == PLACE[:, None] // 4
SOME = np.array([1, 1, 0, 1, 0, 1, 1, 1], "float32")


def attention(mask: Any, **named: Any) -> Callable[[], Any]:
    """Self-attention by Keras's own layer."""

    def build() -> Any:
        x = keras.Input((T, C))
        return keras.Model(x, keras.layers.MultiHeadAttention(2, 2)(x, x, attention_mask=mask, **named))

    return build


def made() -> Any:
    """A triangle that is made of ones."""
    x = keras.Input((T, C))
    mask = keras.ops.tril(keras.ops.ones((T, T)))
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 2)(x, x, attention_mask=mask))


def rows_of_a_map() -> Any:
    """Attention along the width of a map."""
    x = keras.Input((3, T, C))
    layer = keras.layers.MultiHeadAttention(2, 2, attention_axes=2)
    return keras.Model(x, layer(x, x, attention_mask=BAND))


def written(hide: Callable[[Any], Any]) -> Callable[[], Any]:
    """Attention of single operations."""

    def build() -> Any:
        x = keras.Input((T, C))
        query, key, value = (keras.layers.Dense(C)(x) for _ in range(3))
        scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1)))
        return keras.Model(x, keras.ops.matmul(hide(scores), value))

    return build


def heads() -> Any:
    """Heads on an axis of their own, by Keras's operation."""
    x = keras.Input((T, C))
    parts = [keras.ops.reshape(keras.layers.Dense(C)(x), (-1, T, 2, 2)) for _ in range(3)]
    y = keras.ops.dot_product_attention(*parts, mask=BAND[None, None])
    return keras.Model(x, keras.ops.reshape(y, (-1, T, C)))


def multiplied(*after: Callable[[Any], Any]) -> Callable[[], Any]:
    def build() -> Any:
        x = keras.Input((T, C))
        y = x * SOME[None, :, None]
        for each in after:
            y = each(y)
        return keras.Model(x, y)

    return build


def mixed() -> Any:
    """Positions by a matrix of zeros and ones."""
    x = keras.Input((T, C))
    return keras.Model(x, keras.ops.matmul(BAND.astype("float32"), x))


def linear() -> Any:
    """Attention without a softmax."""
    x = keras.Input((T, C))
    query, key, value = (keras.layers.Dense(C)(x) for _ in range(3))
    scores = keras.ops.tril(keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1))), -1)
    return keras.Model(x, keras.ops.matmul(scores, value))


def softmax(scores: Any) -> Any:
    return keras.ops.softmax(scores)


MODELS: dict[str, Callable[[], Any]] = {
    "causal": attention(CAUSAL),
    "a band": attention(BAND.astype("float32")),
    "a band of all heads": attention(np.stack([BAND, BLOCKS])[None]),
    "blocks, causal": attention(BLOCKS, use_causal_mask=True),
    "a triangle of ones": made,
    "along the width of a map": rows_of_a_map,
    "added": written(lambda scores: softmax(scores + np.where(BAND, 0, -1e9).astype("float32"))),
    "subtracted": written(lambda scores: softmax(scores - 1e9 * (1 - BLOCKS.astype("float32")))),
    "chosen": written(lambda scores: softmax(keras.ops.where(BAND, scores, -1e9))),
    "given to a softmax": written(lambda scores: keras.layers.Softmax()(scores, mask=CAUSAL)),
    "of the weights": written(lambda scores: softmax(scores) * BAND.astype("float32")),
    "a bias that hides nothing": written(lambda scores: softmax(scores - abs(PLACE[None] - PLACE[:, None]))),
    "heads": heads,
    "a running sum": multiplied(lambda x: keras.ops.cumsum(x, axis=1)),
    "a convolution": multiplied(keras.layers.Conv1D(3, 3, padding="same")),
    "a mean": multiplied(lambda x: keras.ops.mean(x, axis=1, keepdims=True), lambda x: x + 0),
    "a product of matrices": mixed,
    "a triangle of scores": linear,
}


def measured(model: Any, shape: tuple[int, ...], axis: int, place: int) -> list[tuple[int, int, int] | None]:
    found: list[set[int]] = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        model.set_weights([random.standard_normal(each.shape) for each in model.get_weights()])
        x = random.standard_normal((1, *shape)).astype("float32")
        others = np.repeat(x, shape[axis - 1], axis=0)
        for j, other in enumerate(others):
            row = other.swapaxes(0, axis - 1)
            row[j] += random.standard_normal(row[j].shape)
        before = np.asarray(keras.ops.convert_to_numpy(model(x)))
        found = found or [set() for _ in range(before.shape[place])]
        for j, other in enumerate(others):
            after = np.asarray(keras.ops.convert_to_numpy(model(other[None])))
            moved = np.abs(after - before).swapaxes(0, place).reshape(before.shape[place], -1).max(1)
            for i in np.flatnonzero(moved > 1e-5).tolist():
                found[i].add(j)
    return [(min(row), max(row), len(row)) if row else None for row in found]


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_those_of_a_run(name: str) -> None:
    model = MODELS[name]()
    graph = rfcalc.load(json.loads(model.to_json()))
    answer = rfcalc.field(graph, list(graph)[-1].name)
    shape = model.input_shape[1:]
    for axis, each in enumerate(answer.axes, 1):
        truth, rows = measured(model, shape, axis, axis), list(each.rows)
        assert each.status == "exact"
        assert (rows * len(truth) if len(rows) == 1 else rows) == truth
    assert rfcalc.verify(graph).holds


@pytest.mark.parametrize("words", [True, False])
def test_a_causal_mask_over_padding_makes_a_bound(words: bool) -> None:
    """The first word, if it is padding, averages over the whole sequence, as a run shows."""

    def attend(x: Any) -> Any:
        return keras.layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)

    model = padded(attend, words=words)()
    (axis,) = rfcalc.field(json.loads(model.to_json()), model.layers[-1].name).axes
    assert axis.status == "bound"
    assert [row[:2] for row in axis.rows if row] == [(0, T - 1)] * T
    if words:
        x = np.array([[0, 1, 1, 1, 1, 1, 1, 1]])
        before, after = (
            np.asarray(keras.ops.convert_to_numpy(model(each))) for each in (x, x + (PLACE == T - 1))
        )
        assert np.abs(after - before)[0, 0].max() > 1e-4


def test_a_causal_mask_where_an_operation_dropped_the_padding_is_exact() -> None:
    x = keras.Input((T,), dtype="int32")
    y = keras.layers.Embedding(3, C, mask_zero=True)(x) * 2.0
    model = keras.Model(x, keras.layers.MultiHeadAttention(2, 2)(y, y, use_causal_mask=True))
    (axis,) = rfcalc.field(json.loads(model.to_json()), model.layers[-1].name).axes
    assert axis.status == "exact"
    assert list(axis.rows) == [(0, t, t + 1) for t in range(T)]


def test_a_mask_from_the_input_makes_a_bound() -> None:
    x, mask = keras.Input((T, C)), keras.Input((T, T))
    model = keras.Model([x, mask], keras.layers.MultiHeadAttention(2, 2)(x, x, attention_mask=mask))
    graph = rfcalc.load(json.loads(model.to_json()))
    answer = rfcalc.field(graph, list(graph)[-1].name, input=next(iter(graph)).name)
    assert answer.axes[0].status == "bound"
    assert [row[:2] for row in answer.axes[0].rows if row] == [(0, T - 1)] * T


def padded(*layers: Callable[[Any], Any], words: bool = True) -> Callable[[], Any]:
    """Steps of which some are padding: words that are 0, or vectors that are 0 everywhere."""

    def build() -> Any:
        x = keras.Input((T,), dtype="int32") if words else keras.Input((T, C))
        y = keras.layers.Embedding(3, C, mask_zero=True)(x) if words else keras.layers.Masking()(x)
        for each in layers:
            y = each(y)
        return keras.Model(x, y)

    return build


L = keras.layers
PADDED: dict[str, Callable[[], Any]] = {
    "LSTM": padded(L.LSTM(3, return_sequences=True)),
    "two layers": padded(L.GRU(3, return_sequences=True), L.SimpleRNN(3, return_sequences=True)),
    "its last step": padded(L.LSTM(3)),
    "backwards": padded(L.GRU(3, return_sequences=True, go_backwards=True)),
    "both directions": padded(L.Bidirectional(L.LSTM(3, return_sequences=True))),
    "cells": padded(L.RNN([L.LSTMCell(3), L.GRUCell(3)], return_sequences=True)),
    "each step": padded(L.TimeDistributed(L.Dense(3))),
    "mean": padded(L.GlobalAveragePooling1D()),
    "dropout and features": padded(L.LSTM(3, return_sequences=True), L.Dropout(0.5), L.Dense(2)),
    "vectors": padded(L.LSTM(3, return_sequences=True), words=False),
    "mean of vectors": padded(L.GlobalAveragePooling1D(), words=False),
}


@pytest.mark.parametrize("name", PADDED)
def test_steps_that_are_padding_are_read_where_they_stand(name: str) -> None:
    model = PADDED[name]()
    graph = rfcalc.load(json.loads(model.to_json()))
    (axis,) = rfcalc.field(graph, graph.outputs[0][0]).axes
    assert axis.status == "exact"
    found: list[set[int]] = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        model.set_weights([random.standard_normal(each.shape) for each in model.get_weights()])
        x = random.integers(0, 3, (1, T))
        others = [np.where(j == PLACE, (x + random.integers(1, 3)) % 3, x) for j in range(T)]
        if len(model.input_shape) > 2:
            table = np.concatenate([np.zeros((1, C)), random.standard_normal((2, C))])
            x, others = table[x], [table[other] for other in others]
        before = np.asarray(keras.ops.convert_to_numpy(model(x)))
        for j, other in enumerate(others):
            moved = np.abs(np.asarray(keras.ops.convert_to_numpy(model(other))) - before)[0]
            moved = moved.reshape(T if before.ndim > 2 else 1, -1).max(1)
            found = found or [set() for _ in moved]
            for i in np.flatnonzero(moved > 1e-7).tolist():
                found[i].add(j)
    assert list(axis.rows) == [(min(row), max(row), len(row)) for row in found]
    assert rfcalc.verify(graph).holds


class Asking(keras.layers.Layer):
    """A layer of another author that attends in order, and asks for the mask beside its input."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = L.MultiHeadAttention(2, 2)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        mask = keras.src.backend.get_keras_mask(x)
        order = np.tril(np.ones((1, T, T), bool))
        y = x * 1.0  # an operation hands no mask on
        if mask is not None:
            order = keras.ops.logical_and(order, mask[:, None, :])
        return self.inner(y, y, attention_mask=order)


class Doubling(keras.layers.Layer):
    """A layer of another author behind which Keras still knows which steps are padding."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return x * 2.0


class Around(keras.layers.Layer):
    """A layer of another author around one."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Asking()
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return self.inner(x)


def attending(x: Any) -> Any:
    return L.MultiHeadAttention(2, 2)(x, x, use_causal_mask=True)


CUSTOM: dict[str, Callable[[], tuple[Callable[[Any], Any], ...]]] = {
    "a layer that asks for it": lambda: (Asking(),),
    "a layer in a layer": lambda: (Around(),),
    "behind a layer that hands it on": lambda: (Doubling(), attending),
}


@pytest.mark.parametrize("words", [True, False], ids=["padded", "whole"])
@pytest.mark.parametrize("name", CUSTOM)
def test_masks_reach_layers_of_other_authors(name: str, words: bool) -> None:
    x = keras.Input((T,), dtype="int32")
    y = L.Embedding(3, C, mask_zero=words)(x)
    for each in CUSTOM[name]():
        y = each(y)
    model = keras.Model(x, y)
    graph = rfcalc.from_keras(model)
    (axis,) = rfcalc.field(graph, graph.outputs[0][0]).axes
    if not words:
        assert (axis.status, list(axis.rows)) == ("exact", [(0, t, t + 1) for t in range(T)])
        return
    # where all that a step may see is padding, it averages over all steps
    assert axis.status == "bound"
    assert [row[:2] for row in axis.rows if row] == [(0, T - 1)] * T
    steps = np.array([[0, 1, 1, 1, 1, 1, 1, 1]])
    before, after = (
        np.asarray(keras.ops.convert_to_numpy(model(each))) for each in (steps, steps + (PLACE == T - 1))
    )
    assert np.abs(after - before)[0, 0].max() > 1e-6
