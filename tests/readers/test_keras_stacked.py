"""Tensors that Keras stacks, against runs in which one position is changed."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from keras import layers, ops  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

STEPS = 6


def sums(x: Any, axis: int) -> Any:
    return ops.stack([ops.sum(x[:, : t + 1], 1) for t in range(STEPS)], axis)


def pair(x: Any) -> list[Any]:
    return [layers.Conv1D(3, 3, padding="same")(x), x]


CASES = {
    "picks": lambda x: ops.stack([x[:, t] for t in range(STEPS)], 1) + x,
    "sums": lambda x: sums(x, 1) * x,
    "sums, samples second": lambda x: ops.transpose(sums(x, 0), (1, 0, 2)),
    "interleaved": lambda x: ops.reshape(ops.stack(pair(x), 2), (-1, 2 * STEPS, 3)),
    "one behind the other": lambda x: ops.reshape(ops.stack(pair(x), 1), (-1, 2 * STEPS, 3)),
    "their maximum": lambda x: ops.max(ops.stack(pair(x), 1), 1),
    "the second": lambda x: ops.stack(pair(x), 1)[:, 1],
}


def measured(model: Any) -> list[int]:
    found: list[int] = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        for weight in model.weights:
            weight.assign(random.standard_normal(weight.shape))
        x = random.standard_normal((1, STEPS, 3)).astype(np.float32)
        usual = np.asarray(model(x).detach())[0]
        found = found or [0] * len(usual)
        for j in range(STEPS):
            other = x.copy()
            other[0, j] = random.standard_normal(3)
            moved = (np.asarray(model(other).detach())[0] != usual).any(1)
            found = [row | int(each) << j for row, each in zip(found, moved, strict=True)]
    return found


@pytest.mark.parametrize("name", CASES)
def test_elements_that_are_stacked_read_what_they_are_made_of(name: str) -> None:
    x = layers.Input((STEPS, 3))
    model = keras.Model(x, CASES[name](x))
    graph = rfcalc.load(json.loads(model.to_json()))
    row = rfcalc.analyze(graph).rows[-1]
    (axis,) = rfcalc.field(graph, row.name).axes
    assert row.status == axis.status == "exact"
    assert list(axis.masks) == measured(model)
