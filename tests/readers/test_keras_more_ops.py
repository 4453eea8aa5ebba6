"""Operations of `keras.ops` in a model: shapes as Keras has them, and dependence as changes show it."""

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
from rfcalc.engine.run import Run  # noqa: E402
from rfcalc.questions.field.find import field_of  # noqa: E402

ops = keras.ops

pytestmark = [pytest.mark.keras, pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

MATRIX = np.arange(12.0, dtype="float32").reshape(4, 3)
STEPS = np.arange(18.0, dtype="float32").reshape(6, 3)

CASES: dict[str, Callable[[Any], Any]] = {
    "glu of features": ops.glu,
    "glu of steps": lambda x: ops.glu(x, axis=1),
    "top_k": lambda x: ops.top_k(x, 2)[0],
    "moments": lambda x: ops.moments(x, axes=[2], keepdims=True)[1],
    "slice": lambda x: ops.slice(x, (0, 2, 1), (1, 3, 2)),
    "take of one step": lambda x: ops.take(x, 2, axis=2),
    "take of several": lambda x: ops.take(x, np.array([4, 0, 1]), axis=1),
    "take along an axis": lambda x: ops.take_along_axis(x, np.zeros((1, 6, 2), "int32"), axis=2),
    "take of a table": lambda x: ops.take(MATRIX, ops.cast(x[:, :, 0], "int32") % 4, axis=0),
    "hstack": lambda x: ops.hstack([x, x[:, :2]]),
    "dstack": lambda x: ops.dstack([x, x]),
    "append": lambda x: ops.append(x[:, 3:], x[:, :1], axis=1),
    "hsplit": lambda x: ops.hsplit(x, 3)[1],
    "dsplit": lambda x: ops.dsplit(x, [1])[1],
    "fliplr": ops.fliplr,
    "rot90": lambda x: ops.swapaxes(ops.rot90(x, 1, axes=(1, 2)), 1, 2),
    "rot90 back": lambda x: ops.swapaxes(ops.rot90(x, -1, axes=(1, 2)), 1, 2),
    "matmul with an array": lambda x: ops.matmul(x, MATRIX),
    "an array with matmul": lambda x: ops.matmul(MATRIX[:, :1] * np.ones((1, 6), "float32"), x),
    "dot with an array": lambda x: ops.dot(x, MATRIX),
    "tensordot over features": lambda x: ops.tensordot(x, MATRIX, axes=1),
    "tensordot over steps": lambda x: ops.tensordot(x, STEPS, axes=[[1], [0]]),
    "inner": lambda x: ops.inner(x, MATRIX.T),
    "einsum with an array": lambda x: ops.einsum("bsf,fg->bsg", x, MATRIX),
    "concatenate with an array": lambda x: ops.concatenate([np.ones((1, 2, 4), "float32"), x], axis=1),
    "stack with an array": lambda x: ops.stack([x, np.ones((1, 6, 4), "float32")], axis=2)[:, :, 0],
    "diff": lambda x: ops.diff(x, axis=1),
    "fft": lambda x: ops.fft((x, x))[0],
    "fft2": lambda x: ops.fft2((x, x))[1],
    "rfft": lambda x: ops.rfft(x)[0],
    "stft": lambda x: ops.transpose(ops.stft(ops.transpose(x, (0, 2, 1)), 4, 2, 6)[0], (0, 2, 1, 3)),
    "stft of a plain window": lambda x: ops.transpose(
        ops.stft(ops.transpose(x, (0, 2, 1)), 3, 2, 4, window="hamming", center=False)[0], (0, 2, 1, 3)
    ),
    "irfft": lambda x: ops.irfft((x, x)),
    "extract_sequences": lambda x: ops.transpose(
        ops.extract_sequences(ops.transpose(x, (0, 2, 1)), 3, 2), (0, 2, 1, 3)
    ),
    "cross": lambda x: ops.cross(x[..., :3], x[..., 1:]),
    "trapezoid": lambda x: ops.trapezoid(x, axis=-1),
    "view_as_complex": lambda x: ops.real(ops.view_as_complex(x[..., :2])),
    "binary_crossentropy": lambda x: ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(x)),
    "categorical_crossentropy": lambda x: ops.categorical_crossentropy(
        ops.sigmoid(x), ops.sigmoid(x), from_logits=True
    ),
    "sparse_categorical_crossentropy": lambda x: ops.sparse_categorical_crossentropy(
        ops.argmax(x, -1), ops.sigmoid(x), from_logits=True
    ),
    "linspace": lambda x: ops.linspace(x, x * 2.0, 3)[1],
    "logspace": lambda x: ops.logspace(x, x * 2.0, 3)[2],
    "multi_hot": lambda x: ops.cast(ops.multi_hot(ops.cast(x[:, :, 0], "int32") % 5, 5), "float32"),
    "array_split": lambda x: ops.array_split(x, 4, axis=1)[3],
    "pinv": lambda x: ops.pinv(ops.reshape(x, (1, 6, 2, 2))),
    "logdet": lambda x: ops.logdet(
        ops.matmul(ops.reshape(x, (1, 6, 2, 2)), ops.transpose(ops.reshape(x, (1, 6, 2, 2)), (0, 1, 3, 2)))
    ),
    "trace": lambda x: ops.trace(ops.reshape(x, (1, 6, 2, 2)), axis1=2, axis2=3),
    "searchsorted": lambda x: ops.cast(ops.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), x), "float32"),
    "isin": lambda x: ops.cast(ops.isin(ops.round(x), np.array([0.0, 1.0], "float32")), "float32"),
    "rearrange apart": lambda x: ops.rearrange(x, "b (a c) d -> b a (c d)", a=3),
    "rearrange across": lambda x: ops.rearrange(x, "b (a c) d -> b (c a) d", a=2),
    "rearrange together": lambda x: ops.rearrange(x, "b t (h d) -> b t d h", h=2),
    "slice_update": lambda x: ops.slice_update(x, (0, 1, 0), x[:, :2]),
    "scatter_update": lambda x: ops.scatter_update(x, np.array([[0, 1, 2]]), x[0, :1, 0]),
    "nanmax": lambda x: ops.nanmax(x, axis=2, keepdims=True),
}
"""Each on a tensor (1, 6, 4)."""


MODULES = ("numpy", "nn", "math", "image", "linalg", "core", "einops")


def moved(model: Any, x: Any) -> list[list[int]]:
    """For each row of the output the rows of the input that move it when they change."""
    before = ops.convert_to_numpy(model(x))
    found: list[set[int]] = [set() for _ in range(before.shape[1])]
    for row in range(x.shape[1]):
        for change in (1.37, -3.1, 22.0):
            other = x.copy()
            other[:, row] += change
            after = ops.convert_to_numpy(model(other)).reshape(before.shape)
            for out in np.flatnonzero(abs(after - before).reshape(before.shape[1], -1).max(1) > 1e-6):
                found[out].add(row)
    return [sorted(each) for each in found]


@pytest.mark.parametrize("name", CASES)
def test_an_operation_is_what_keras_computes(name: str) -> None:
    x = keras.Input(batch_shape=(1, 6, 4))
    y = CASES[name](x) * 2.0
    model = keras.Model(x, y)
    graph = rfcalc.from_keras(model)
    assert [layer.name for layer in graph if layer.kind == "unknown"] == []
    file = rfcalc.load(json.loads(model.to_json()))
    assert [(layer.kind, layer.attrs, layer.extras) for layer in file] == [
        (layer.kind, layer.attrs, layer.extras) for layer in graph
    ]
    producer, _ = graph.outputs[0]
    assert rfcalc.analyze(graph).layer(producer).output_shape == tuple(model(np.ones((1, 6, 4))).shape)
    (axis,) = field_of(Run(graph), producer).axes
    told = [[row for row in range(6) if mask >> row & 1] for mask in axis.masks]
    measured = moved(model, np.random.default_rng(0).normal(size=(1, 6, 4)).astype("float32"))
    if len(told) == 1 and len(measured) > 1:  # no grid is kept: one answer for all
        measured = [sorted({row for each in measured for row in each})]
    if axis.status == "exact":
        assert told == measured
    assert all(set(b) <= set(a) for a, b in zip(told, measured, strict=True))


def test_every_table_of_operations_names_classes_of_keras() -> None:
    from rfcalc.readers.keras.ops_further import FURTHER
    from rfcalc.readers.keras.ops_more import MORE

    modules = [getattr(keras.src.ops, name) for name in MODULES]
    assert [name for name in (*MORE, *FURTHER) if not any(hasattr(module, name) for module in modules)] == []
