"""Live Keras models, functional, sequential and subclassed, of layers of their own (Keras 3.15 on PyTorch).

The truth is Keras: its `count_params`, and which rows of an output move when one row of the input does. The
same net written functional, of Keras layers alone, has the same figures.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import rfcalc  # noqa: E402
import rfcalc.testing  # noqa: E402
from rfcalc.engine.run import Run  # noqa: E402
from rfcalc.errors import ReadError, UsageError  # noqa: E402
from rfcalc.questions.field.find import field_of  # noqa: E402

layers, ops = keras.layers, keras.ops

pytestmark = [pytest.mark.keras, pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


# ---- models ------------------------------------------------------------------------------------------------


class Affine(layers.Layer):
    """Weights of its own, taken by operations: a scale, a matrix that is turned first, and a table."""

    def build(self, shape: Any) -> None:
        width = shape[-1]
        self.scale = self.add_weight(shape=(width,), name="scale", trainable=False)
        self.matrix = self.add_weight(shape=(4, width), name="matrix")

    def call(self, x: Any) -> Any:
        return ops.matmul(x * self.scale, ops.transpose(self.matrix))


class Block(layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(6, 3, padding="causal")
        self.affine = Affine()
        self.drop = layers.Dropout(0.5)

    def call(self, x: Any, training: Any = None) -> Any:
        return self.drop(self.affine(self.conv(x)), training=training)


class Net(keras.Model):  # type: ignore[misc]
    """Two blocks, one of them called twice, a cut and a sum."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = [Block(name="first"), Block(name="second")]
        self.head = layers.Conv1D(2, 2, strides=2)

    def call(self, x: Any) -> Any:
        x = self.blocks[0](x)
        x = self.blocks[1](x) + x
        x = self.blocks[1](x[:, 1:])
        batch, steps, width = ops.shape(x)
        return self.head(ops.reshape(x, (batch, steps, width)))


class Patches(keras.Model):  # type: ignore[misc]
    """A class token before a sequence, positions, and a head that shares the table of the embedding."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = layers.Embedding(20, 8)
        self.norm = layers.LayerNormalization()

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, 8), name="token")
        self.positions = self.add_weight(shape=(shape[1] + 1, 8), name="positions")
        self.table.build(shape)
        self.norm.build((None, None, 8))

    def call(self, ids: Any) -> Any:
        x = self.table(ids)
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, 8))
        x = self.norm(ops.concatenate([token, x], axis=1) + self.positions)
        return ops.matmul(x, ops.transpose(self.table.embeddings))


class Pair(layers.Layer):
    """Two inputs by name, an output that is None, and one that is an input."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, query: Any, value: Any, mask: Any = None) -> Any:
        return self.dense(query) + value[:, :, :3], None, value


def called(model: Any, *shape: int) -> Any:
    model(ops.ones((2, *shape)))
    return model


def functional_of_pair() -> Any:
    x, y = keras.Input((5, 4), name="x"), keras.Input((5, 3), name="y")
    return Wrapped()({"x": x, "y": y}), [x, y]


class Wrapped(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    def call(self, inputs: Any) -> Any:
        total, _, kept = self.pair(inputs["x"], value=inputs["y"])
        return ops.concatenate([total, kept], axis=-1)


def lambda_model() -> Any:
    steps = [layers.Conv1D(3, 3), layers.Lambda(lambda x: ops.flip(x, axis=1) * 2), layers.Dense(2)]
    return keras.Sequential([keras.Input((9, 2)), *steps])


def repeated_model() -> Any:
    class Sized(Block):
        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:-1], 4)

    x = keras.Input((7, 5, 2))
    return keras.Model(x, layers.TimeDistributed(Sized())(x))


def mixed_model() -> Any:
    x = keras.Input((12, 3))
    block = Block()
    return keras.Model(x, [block(layers.Conv1D(4, 3)(x)), block(layers.Dense(4)(x))])


MODELS: dict[str, tuple[Any, Any]] = {
    "subclassed": (lambda: called(Net(), 12, 3), None),
    "not built": (Net, (None, 12, 3)),
    "table and token": (lambda: called(Patches(), 6), None),
    "table, not built": (Patches, (None, 6)),
    "inputs by name": (Wrapped, {"x": (None, 5, 4), "y": (None, 5, 3)}),
    "one layer": (lambda: layers.Conv1D(3, 2), (None, 5, 2)),
    "one layer of its own": (Block, (None, 5, 2)),
    "functional": (mixed_model, None),
    "functional, resized": (mixed_model, (None, 20, 3)),
    "lambda": (lambda_model, None),
    "repeated over steps": (repeated_model, None),
    "sequential, not built": (lambda: keras.Sequential([layers.Conv1D(3, 2), Block()]), (None, 8, 2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_keras(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    graph = rfcalc.from_keras(model, shape)
    assert [layer.name for layer in graph if layer.kind == "unknown"] == []
    found = rfcalc.analyze(graph).totals.params
    if not model.built or not model.weights:
        whole = model.inputs[0].shape if shape is None else shape
        sizes = whole if isinstance(whole, dict) else {"": whole}
        tensors = {key: ops.ones((2, *each[1:])) for key, each in sizes.items()}
        model(tensors if isinstance(shape, dict) else tensors[""])
    assert found.total == model.count_params()
    assert found.trainable == sum(int(np.prod(each.shape)) for each in model.trainable_variables)


# ---- fields ------------------------------------------------------------------------------------------------


def moved(model: Any, x: Any) -> list[list[int]]:
    """For each row of the output the rows of the input that move it when they change."""
    generator = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    before = ops.convert_to_numpy(model(x))
    found: list[list[int]] = [[] for _ in range(before.shape[1])]
    for row in range(x.shape[1]):
        other = x.copy()
        other[:, row] = (other[:, row] + 3) % 17
        after = ops.convert_to_numpy(model(other))
        for out in np.flatnonzero(abs(after - before).max((0, 2)) > 1e-6):
            found[out].append(row)
    return found


def told(graph: Any) -> list[list[int]]:
    """The same as rfcalc tells it."""
    (axis,) = field_of(Run(graph), graph.outputs[0][0]).axes
    assert axis.status == "exact"
    return [[row for row in range(axis.input_extent) if mask >> row & 1] for mask in axis.masks]


@pytest.mark.parametrize(
    ("make", "shape"),
    [(Net, (12, 3)), (Patches, (6,)), (lambda_model, (9, 2))],
    ids=["net", "patches", "lambda"],
)
def test_fields_are_those_that_a_changed_row_shows(make: Any, shape: tuple[int, ...]) -> None:
    model = called(make(), *shape)
    x = np.random.default_rng(3).integers(0, 9, (1, *shape)).astype("float32")
    graph = rfcalc.from_keras(model)
    measured = moved(model, x)
    assert any(measured)
    assert told(graph) == measured


def test_a_subclassed_model_has_the_figures_of_its_functional_twin() -> None:
    class Sub(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.one = layers.Conv2D(4, 3, padding="same", name="one")
            self.norm = layers.BatchNormalization(name="norm")
            self.pool = layers.MaxPooling2D(2, name="pool")
            self.two = layers.Conv2D(4, 3, dilation_rate=2, name="two")

        def call(self, x: Any) -> Any:
            return self.two(self.pool(ops.relu(self.norm(self.one(x)))))

    x = keras.Input((24, 24, 3))
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="one")(x))
    y = layers.Conv2D(4, 3, dilation_rate=2, name="two")(layers.MaxPooling2D(2, name="pool")(ops.relu(y)))
    twin = rfcalc.analyze(json.loads(keras.Model(x, y).to_json()))
    found = rfcalc.analyze(rfcalc.from_keras(Sub(), (None, 24, 24, 3)))
    for name in ("one", "norm", "pool", "two"):
        a, b = found.layer(name), twin.layer(name)
        for figure in (
            "output_shape",
            "receptive_field",
            "effective_stride",
            "effective_padding",
            "macs",
            "params",
        ):
            assert getattr(a, figure) == getattr(b, figure)
    assert found.totals.params == twin.totals.params


def test_a_functional_model_reads_as_its_json() -> None:
    model = keras.applications.MobileNetV2(input_shape=(96, 96, 3), weights=None, alpha=0.35)
    assert list(rfcalc.analyze(rfcalc.from_keras(model))) == list(rfcalc.analyze(json.loads(model.to_json())))


def test_a_row_stays_one_keras_layer() -> None:
    graph = rfcalc.from_keras(called(Net(name="net"), 12, 3))
    rows = rfcalc.analyze(graph)
    assert [row.name for row in rows if row.op == "Block"] == ["first", "second", "second@2"]
    assert rows.layer("second").params.total == rows.layer("second@2").params.total


def test_a_shared_table_counts_once_under_its_path() -> None:
    graph = rfcalc.from_keras(called(Patches(name="patches"), 6))
    held = {weight.identity for layer in graph for weight in layer.weights or ()}
    assert {path.rpartition("/")[2] for path in held} == {"embeddings", "token", "positions", "gamma", "beta"}


def test_weights_that_take_no_part_are_said() -> None:
    class Spare(Net):
        def build(self, shape: Any) -> None:
            self.spare = self.add_weight(shape=(5, 7), name="spare")

    graph = rfcalc.from_keras(Spare(), (None, 12, 3))
    (message,) = [text for code, _, text in graph.notes if code == "unused-parameters"]
    assert message.startswith("35 parameters take no part")


# ---- what is left as it was --------------------------------------------------------------------------------


def state(model: Any) -> Any:
    """All that a reading could change in a model, and around it."""
    held = []
    for layer in model._flatten_layers():
        nodes = [len(layer._inbound_nodes), len(layer._outbound_nodes)]
        names = sorted(name for name in vars(layer) if name != "_torch_params")
        held.append((layer.name, type(layer).__name__, layer.built, layer._called, nodes, names))
    weights = [
        (v.path, type(v), id(v.value), sorted(vars(v)), ops.convert_to_numpy(v).tobytes())
        for v in model.variables
    ]
    return held, weights


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_left_as_it_was(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    before = state(model)
    rfcalc.from_keras(model, shape)
    assert state(model) == before


def test_random_numbers_and_names_go_on_as_if_nothing_was_read() -> None:
    import torch

    def drawn() -> Any:
        keras.utils.set_random_seed(5)
        keras.backend.clear_session()
        yield
        yield layers.Dense(1).name, random.random(), np.random.random(), float(torch.rand(1)), Net().name

    plain, read = drawn(), drawn()
    next(plain)
    expected = next(plain)
    model = Net()
    next(read)
    rfcalc.from_keras(model, (None, 12, 3))
    assert next(read) == expected


def test_a_model_can_be_trained_after_it_was_read() -> None:
    model = Net()
    rfcalc.from_keras(model, (None, 12, 3))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 12, 3)), np.ones((4, 5, 2)), verbose=0)
    weights = [ops.convert_to_numpy(each).copy() for each in model.weights]
    rfcalc.from_keras(model)
    assert all((a == ops.convert_to_numpy(b)).all() for a, b in zip(weights, model.weights, strict=True))
    model.fit(np.ones((4, 12, 3)), np.ones((4, 5, 2)), verbose=0)


def test_the_model_is_left_as_it_was_where_its_code_fails() -> None:
    class Failing(Net):
        def call(self, x: Any) -> Any:
            x = super().call(x)
            raise RuntimeError("out of order")

    model = Failing()
    before = state(model)
    with pytest.raises(ReadError, match="out of order"):
        rfcalc.from_keras(model, (None, 12, 3))
    assert state(model) == before
    assert layers.Layer.symbolic_call.__module__ == "keras.src.layers.layer"


# ---- what cannot be read -----------------------------------------------------------------------------------


def test_code_that_cannot_be_followed_is_named_with_its_reason() -> None:
    class Hidden(layers.Layer):
        def call(self, x: Any) -> Any:
            return x if bool(x[0, 0] > 0) else -x

        def compute_output_spec(self, x: Any, **_: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(Hidden(name="hidden")(x)))
    graph = rfcalc.from_keras(model)
    assert graph["hidden"].kind == "unknown"
    assert "boolean" in graph["hidden"].attrs["why"]
    assert rfcalc.analyze(graph).totals.params.total == model.count_params()


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (Net, None, "say the shape of its input"),
        (mixed_model, {"z": (None, 3)}, "no input 'z'"),
        (mixed_model, (None, 3, 3, 3), "axes"),
        (mixed_model, [(None, 12, 3)] * 2, "1 inputs, but 2 shapes"),
        (Net, "wide", "must be a shape"),
        (lambda: 3, None, "no layer or model of Keras"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(make: Any, shape: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        rfcalc.from_keras(make(), shape)
    assert "\n" not in str(caught.value)


# ---- by whatever takes a model -----------------------------------------------------------------------------


def test_whatever_takes_a_model_takes_a_live_one() -> None:
    model = called(Net(name="net"), 12, 3)
    expected = rfcalc.analyze(rfcalc.from_keras(model)).totals
    assert rfcalc.analyze(model).totals == expected
    assert rfcalc.load(model, input_shape=(None, 16, 3)).inputs[0].attrs["shape"][1] == 16
    rfcalc.testing.assert_receptive_field(model, "first", 3)


FACTORY = """
import keras

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(2, 3)

    def call(self, x):
        return keras.ops.relu(self.conv(x))

def functional():
    x = keras.Input((8, 8, 3))
    return keras.Model(x, keras.layers.Conv2D(2, 3)(x))

live = functional()
"""


@pytest.mark.parametrize(
    ("what", "options"), [("Net", {"input_shape": (None, 8, 8, 3)}), ("functional", {}), ("live", {})]
)
def test_a_factory_of_a_keras_model(
    what: str, options: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"keras_nets_{what.lower()}.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    found = rfcalc.analyze(f"keras_nets_{what.lower()}:{what}", **options)
    assert (found.totals.params.total, list(found)[-1].receptive_field) == (56, (3, 3))


def test_a_factory_without_the_shape_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keras_nets_unshaped.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="say the shape of its input"):
        rfcalc.load("keras_nets_unshaped:Net")


class Decoder(layers.Layer):
    """Attention in order, whose mask is joined with one of padding, in a way that no rule follows."""

    def __init__(self, how: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how = how
        self.soft = layers.Softmax()

    def call(self, x: Any, padding: Any) -> Any:
        order = np.tril(np.ones((6, 6), "int32"))[None]
        mask = ops.minimum(order, ops.cast(padding, "int32")[:, None, :])
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2))
        if self.how == "layer":
            scores = self.soft(scores, ops.cast(mask, "bool"))
        elif self.how == "sum":
            scores = ops.softmax(scores + (1.0 - ops.cast(mask, "float32")) * -1e9)
        else:
            scores = ops.softmax(ops.where(ops.cast(mask, "bool"), scores, -1e9))
        return ops.matmul(scores, x)


@pytest.mark.parametrize("how", ["layer", "sum", "choice"])
def test_a_mask_that_is_known_in_part_makes_a_bound(how: str) -> None:
    x, padding = keras.Input((6, 4)), keras.Input((6,))
    graph = rfcalc.from_keras(keras.Model([x, padding], Decoder(how)(x, padding)))
    (axis,) = field_of(Run(graph), graph.outputs[0][0]).axes
    assert axis.status == "bound"  # in truth a row sees those before it
    assert all(mask == 0b111111 for mask in axis.masks)
