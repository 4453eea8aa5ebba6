"""Keras layers whose code calls the backend itself: their figures come from the backend's trace.

Parameters are those that Keras counts, and rows those that a run shows when one row of the input is changed.
With ``KERAS_BACKEND=jax`` the same layers call `jax.numpy`.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.keras, pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

BACKEND = keras.backend.backend()
STEPS, WIDTH = 8, 4
if BACKEND not in ("torch", "jax"):
    pytest.skip("this backend is not traced", allow_module_level=True)
if BACKEND == "torch":
    import torch

    def relu(x: Any) -> Any:
        return torch.relu(x)

    def convolved(x: Any, kernel: Any) -> Any:
        x, kernel = x.permute(0, 2, 1), kernel.permute(2, 1, 0)
        return torch.nn.functional.conv1d(x, kernel, padding=1).permute(0, 2, 1)

    def paired(x: Any) -> Any:
        return x.reshape(x.shape[0], STEPS // 2, 2 * WIDTH)

    def reversed_(x: Any) -> Any:
        return torch.flip(x, (1,))

    def chosen(x: Any) -> Any:
        return x if float(x.sum()) > 0 else -x
else:
    import jax
    import jax.numpy as jnp

    def relu(x: Any) -> Any:
        return jnp.maximum(x, 0)

    def convolved(x: Any, kernel: Any) -> Any:
        numbers = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(x, kernel, (1,), [(1, 1)], dimension_numbers=numbers)

    def paired(x: Any) -> Any:
        return jnp.reshape(x, (x.shape[0], STEPS // 2, 2 * WIDTH))

    def reversed_(x: Any) -> Any:
        return jnp.flip(x, 1)

    def chosen(x: Any) -> Any:
        return x if float(x.sum()) > 0 else -x


class Around(keras.layers.Layer):
    """A dense layer and a normalisation of Keras around a convolution of the backend."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.dense = keras.layers.Dense(WIDTH)
        self.norm = keras.layers.LayerNormalization()
        self.drop = keras.layers.Dropout(0.5)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, WIDTH, WIDTH), name="kernel")
        self.dense.build(shape)
        self.norm.build((*shape[:-1], WIDTH))

    def call(self, x: Any) -> Any:
        x = self.dense(x)
        return self.norm(self.drop(relu(convolved(x, self.kernel.value)) + x))


class Outer(keras.layers.Layer):
    """Code that symbolic tensors follow, around a layer that they cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Around()

    def call(self, x: Any) -> Any:
        return keras.ops.concatenate([x[:, 1:], self.inner(x)[:, :1]], axis=1)


class Code(keras.layers.Layer):
    """One function of the backend."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:1], STEPS // 2, 2 * WIDTH) if self.function is paired else shape


class Net(keras.Model):
    """A model whose own code calls the backend."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.one = keras.layers.Conv1D(WIDTH, 3, padding="same")

    def call(self, x: Any) -> Any:
        return relu(self.one(x)) + x


def twice(x: Any) -> Any:
    layer = Around("around")
    return layer(layer(x))


CASES: dict[str, Any] = {
    "a convolution of the backend": Around,
    "called twice": lambda: twice,
    "within a layer that is followed": Outer,
    "steps by pairs": lambda: Code(paired),
    "steps turned round": lambda: Code(reversed_),
    "between layers of Keras": lambda: keras.Sequential(
        [
            keras.layers.Conv1D(WIDTH, 2, strides=1, padding="causal"),
            Code(reversed_),
            keras.layers.Conv1D(WIDTH, 3, strides=2),
        ]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_that_calls_the_backend_is_what_it_does(name: str) -> None:
    x = keras.Input((STEPS, WIDTH))
    model = keras.Model(x, CASES[name]()(x))
    graph = rfcalc.from_keras(model)
    assert [layer.name for layer in graph if layer.kind == "unknown"] == []
    assert rfcalc.analyze(graph).totals.params.total == model.count_params()
    (output, _) = graph.outputs[0]
    row = rfcalc.analyze(graph).layer(graph[output].source_name)
    assert row.status == "exact"
    assert row.output_shape[1:] == tuple(model(np.ones((2, STEPS, WIDTH), "float32")).shape)[1:]
    masks = rfcalc.field(graph, output).axes[0].masks
    assert [{step for step in range(STEPS) if mask >> step & 1} for mask in masks] == measured(model)


def measured(model: Any) -> list[set[int]]:
    """Return for each step of the output which steps of the input change it."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape))
    before = random.normal(size=(2, STEPS, WIDTH)).astype("float32")

    def run(given: Any) -> Any:
        return keras.ops.convert_to_numpy(model(given))[0]

    plain = run(before)
    found: list[set[int]] = [set() for _ in plain]
    for step in range(STEPS):
        for size in (0.5, -3.0, 7.0):
            changed = before.copy()
            changed[0, step] += size * random.random(WIDTH)
            for place, (one, other) in enumerate(zip(run(changed), plain, strict=True)):
                if not np.array_equal(one, other):
                    found[place].add(step)
    return found


def test_it_stays_one_block_by_the_name_that_keras_has() -> None:
    x = keras.Input((STEPS, WIDTH))
    model = keras.Model(x, keras.layers.Dense(3)(Around("mine")(keras.layers.Dense(WIDTH)(x))))
    rows = rfcalc.analyze(rfcalc.from_keras(model), depth=1).rows
    assert [row.name for row in rows][2] == "mine"
    assert [row.op for row in rows][2] == "Around"
    (row,) = [row for row in rows if row.name == "mine"]
    held = WIDTH * WIDTH + WIDTH + 3 * WIDTH * WIDTH + 2 * WIDTH
    assert (row.params.total, row.macs) == (held, STEPS * WIDTH * WIDTH * 4)
    assert (row.receptive_field, row.status) == ((3,), "exact")


def test_a_model_whose_own_code_calls_the_backend_is_read_whole() -> None:
    model = Net()
    graph = rfcalc.from_keras(model, (None, STEPS, WIDTH))
    analysis = rfcalc.analyze(graph)
    assert analysis.totals.params.total == 3 * WIDTH * WIDTH + WIDTH
    assert analysis.layer(graph.outputs[0][0]).receptive_field == (3,)
    assert not model.built  # it is left as it was


def test_weights_are_known_by_the_paths_of_keras() -> None:
    x = keras.Input((STEPS, WIDTH))
    model = keras.Model(x, twice(x))
    model.get_layer("around").dense.trainable = False
    graph = rfcalc.from_keras(model)
    known = {weight.identity: weight.trainable for layer in graph for weight in layer.weights or ()}
    assert known == {each.path: each.trainable for each in model.weights}


def test_masks_beside_tensors_are_not_traced() -> None:
    x = keras.Input((STEPS,), dtype="int32")
    model = keras.Model(x, Around("around")(keras.layers.Embedding(5, WIDTH, mask_zero=True)(x)))
    (layer,) = [layer for layer in rfcalc.from_keras(model) if layer.kind == "unknown"]
    assert "masks beside them" in layer.attrs["why"]


def test_code_that_decides_by_elements_says_so() -> None:
    x = keras.Input((STEPS, WIDTH))
    graph = rfcalc.from_keras(keras.Model(x, Code(chosen)(x)))
    (layer,) = [layer for layer in graph if layer.kind == "unknown"]
    assert "KerasTensor" in layer.attrs["why"]
    reasons = {"torch": "it decides by elements which way it runs", "jax": "jax.make_jaxpr cannot trace"}
    assert reasons[BACKEND] in layer.attrs["why"]
    assert layer.recorded[0][1:] == (STEPS, WIDTH)
