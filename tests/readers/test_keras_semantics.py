"""What layers of Keras really do, where it is easy to be wrong: against Keras itself, on its PyTorch
backend."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def document(model: Any) -> Any:
    return json.loads(model.to_json())


def counts(weights: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def measured(
    model: Any, shape: tuple[int, ...], axis: int, out: int, *, seeds: int = 6, scale: float = 1.0
) -> Any:
    """Change one index of an axis at a time: (first, last, count) for each index of an axis of the output."""
    found: list[set[int]] = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        x = (random.random(shape) * scale).astype(np.float32)
        before = np.asarray(model(x).detach())
        found = found or [set() for _ in range(before.shape[out])]
        for j in range(shape[axis]):
            other = np.moveaxis(x.copy(), axis, 0)
            other[j] = random.random(other[j].shape) * scale
            after = np.asarray(model(np.moveaxis(other, 0, axis)).detach())
            moved = np.moveaxis(abs(after - before), out, 0).reshape(before.shape[out], -1).max(1)
            for i in np.flatnonzero(moved > 1e-6 * scale):
                found[i].add(j)
    return [(min(each), max(each), len(each)) if each else None for each in found]


# ---- layers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [(-1,), (-2,), (1, -1), (-2, -1), (2,), (1, 3), (3, -1)])
def test_slopes_that_are_shared_along_axes_counted_from_the_end(shared: tuple[int, ...]) -> None:
    layers = [keras.Input((4, 5, 6)), keras.layers.PReLU(shared_axes=list(shared))]
    model = keras.Sequential(layers)
    assert rfcalc.analyze(document(model)).totals.params.total == model.count_params()


SPECTROGRAMS = [
    (64, 64, 50, 600),
    (32, 32, 16, 200),
    (32, 20, 10, 150),
    (64, 40, 25, 300),
    (16, 16, 4, 90),
    (32, 32, 40, 250),
]


@pytest.mark.parametrize(("fft", "length", "stride", "samples"), SPECTROGRAMS)
@pytest.mark.parametrize("clips", [True, False])
def test_spectrograms_in_decibels_depend_on_the_loudest_value(
    fft: int, length: int, stride: int, samples: int, clips: bool
) -> None:
    layer = keras.layers.MelSpectrogram(
        fft_length=fft, sequence_length=length, sequence_stride=stride, num_mel_bins=4, power_to_db=clips
    )
    model = keras.Sequential([keras.Input((samples,)), layer])
    result = rfcalc.analyze(document(model))
    row = result.layer(layer.name)
    assert row.status == "exact"
    assert row.local_receptive_field == (length,)
    assert row.receptive_field == ((None,) if clips else (length,))
    assert any(note.code == "whole-batch" for note in result.notes) == clips
    if not clips:
        return
    quiet = np.full((2, samples), 1e-4, np.float32) * np.random.default_rng(0).random((2, samples)).astype(
        "f"
    )
    loud = quiet.copy()
    loud[1, -stride // 2] = 1000.0
    before, after = (np.asarray(layer(x)) for x in (quiet, loud))
    assert (before != after)[0].any(0).all(), "every frame of the other signal moves"


EQUALIZED = [(16, 4), (12, 3), (14, 4), (9, 2), (20, 5), (10, 8), (8, 8), (7, 1)]


@pytest.mark.parametrize(("rows", "tiles"), EQUALIZED)
def test_histograms_are_equalised_between_the_nearest_tiles(rows: int, tiles: int) -> None:
    layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(
        value_range=(0, 255), clip_limit=0.0, tile_grid_size=(tiles, 1)
    )
    model = keras.Sequential([keras.Input((rows, 6, 1)), layer])
    truth = measured(layer, (1, rows, 6, 1), 1, 1, seeds=12, scale=255.0)
    axis = rfcalc.field(document(model), layer.name).axes[0]
    assert axis.status == "exact"
    assert list(axis.rows) == truth


POSITIONS = [
    (1, (10, 9, 3), (3, 3), (1, 1), 2, True, 3136),
    (1, (8, 8, 1), (2, 2), (2, 2), 3, True, 16 * (4 * 3 + 3)),
    (1, (7, 9, 2), (3, 2), (2, 3), 4, False, 9 * 12 * 4),
    (2, (6, 5, 3), (3, 3), (1, 1), 2, True, 6 * 5 * 3 * 4 * 3 * 2 + 4 * 3 * 2),
    (3, (10, 9, 3), (3, 3), (1, 1), 2, True, 3136),
    (1, (12, 4), (3,), (1,), 5, True, 10 * (3 * 4 * 5 + 5)),
    (1, (12, 4), (4,), (4,), 1, False, 3 * 16),
]


@pytest.mark.parametrize(("way", "shape", "kernel", "strides", "filters", "bias", "params"), POSITIONS)
def test_locally_connected_layers_of_keras_2(
    way: int, shape: Any, kernel: Any, strides: Any, filters: int, bias: bool, params: int
) -> None:
    """Counts are those of the shapes that Keras 2.15 builds: a kernel for each position, or from all to
    all."""
    config = {
        "name": "lc",
        "batch_input_shape": [None, *shape],
        "filters": filters,
        "kernel_size": list(kernel),
        "strides": list(strides),
        "padding": "valid",
        "use_bias": bias,
        "implementation": way,
    }
    layers = [{"class_name": f"LocallyConnected{len(kernel)}D", "config": config}]
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    result = rfcalc.analyze(model)
    row = result.layer("lc")
    assert result.totals.params.total == params
    assert (row.receptive_field, row.status) == (kernel, "exact")
    assert rfcalc.verify(model).holds


# ---- counts ------------------------------------------------------------------------------------------------


def _quantised(kind: str) -> Any:
    x = keras.Input((6, 16))
    if kind == "embedding":
        x = keras.Input((6,))
        return keras.Model(x, keras.layers.Embedding(11, 7)(x))
    if kind == "reversible":
        x = keras.Input((6,))
        return keras.Model(x, keras.layers.ReversibleEmbedding(11, 6, tie_weights=False)(x))
    layer = {
        "dense": lambda: keras.layers.Dense(8),
        "wide": lambda: keras.layers.Dense(300, use_bias=False),
        "einsum": lambda: keras.layers.EinsumDense("abc,cd->abd", (None, 8), bias_axes="d"),
        "heads": lambda: keras.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"),
        "two": lambda: keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(4)]),
    }[kind]()
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("kind", ["dense", "wide", "einsum", "heads", "embedding", "reversible", "two"])
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_kernels_in_fewer_bits_are_not_trained(kind: str, mode: str) -> None:
    model = _quantised(kind)
    packed = counts(model.weights)
    whole = {weight.path: int(np.prod(weight.shape)) for weight in model.weights}
    model.quantize(mode)
    result = rfcalc.analyze(document(model))
    params = result.totals.params
    assert params.trainable == counts(model.trainable_weights)
    stored = counts(model.non_trainable_weights)
    if mode == "int4":  # counts are those before packing
        kernels = [weight for weight in model.weights if weight.path in whole and not weight.trainable]
        stored += sum(whole[weight.path] - int(np.prod(weight.shape)) for weight in kernels)
        assert all("before packing" in note.message for note in result.notes if note.code == "quantised")
    assert params.non_trainable == stored
    assert packed <= params.total
    assert [note.code for note in result.notes].count("quantised") == (2 if kind == "two" else 1)
    assert rfcalc.verify(document(model)).holds


TABLE = np.random.default_rng(0).random((8, 8)).astype(np.float32)

OPERATIONS = {
    "diff": lambda x: keras.ops.diff(x, axis=1),
    "diff-twice": lambda x: keras.ops.diff(x, n=2, axis=1),
    "diff-channels": keras.ops.diff,
    "einsum-constant": lambda x: keras.ops.einsum("bij,jk->bik", x, TABLE[:6, :3]),
    "einsum-constant-first": lambda x: keras.ops.einsum("kj,bij->bik", TABLE[:3, :6], x),
    "einsum-over-positions": lambda x: keras.ops.einsum("bij,ik->bkj", x, TABLE[:8, :5]),
    "matmul-constant": lambda x: keras.ops.matmul(x, TABLE[:6, :4]),
    "without-a-rule": lambda x: keras.ops.view_as_complex(keras.ops.reshape(x, (-1, 8, 3, 2))),
    "fft-pair": lambda x: keras.ops.fft((x, x))[0],
    "searchsorted": lambda x: keras.ops.cast(keras.ops.digitize(x, np.arange(4.0)), "float32"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_hold_no_weights(name: str) -> None:
    x = keras.Input((8, 6))
    y = OPERATIONS[name](keras.layers.Conv1D(6, 3, padding="same")(x))
    if not str(y.dtype).startswith("complex"):
        y = keras.layers.Dense(2)(y)
    model = keras.Model(x, y)
    result = rfcalc.analyze(document(model))
    assert result.totals.params.total == model.count_params()
    row = list(result)[-1]
    if row.status == "exact":
        axis = rfcalc.field(document(model), row.name).axes[0]
        truth = measured(model, (1, 8, 6), 1, 1)
        assert list(axis.rows) == truth or (axis.extent == 1 and set(truth) == set(axis.rows))


def test_sharing_that_a_file_loses_gets_a_note() -> None:
    shared = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, name="shared")], name="a")
    inner = keras.Input((5,))
    nested = keras.Model(inner, keras.layers.Dense(5)(shared(inner)), name="s1")
    x = keras.Input((5,))
    model = keras.Model(x, shared(nested(x)))
    result = rfcalc.analyze(document(model))
    assert result.totals.params.total == keras.models.model_from_json(model.to_json()).count_params() == 73
    assert model.count_params() == 49
    (note,) = [note for note in result.notes if note.code == "sharing"]
    assert "'s1/a' and 'a'" in note.message


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("relu", "relu", True), ("relu", "tanh", False), (None, None, True), ("tanh", "tanh", True)],
)
@pytest.mark.parametrize("names", [("d", "d"), ("d", "e")])
def test_only_the_same_name_and_settings_may_have_been_one_layer(
    first: Any, second: Any, same: bool, names: tuple[str, str]
) -> None:
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, activation=first, name=names[0])], name="m"
    )
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(4, activation=second, name=names[1])(inner(x)))
    found = [note for note in rfcalc.analyze(document(model)).notes if note.code == "sharing"]
    assert bool(found) == (same and names[0] == names[1])


def test_a_layer_that_is_called_twice_is_shared_and_no_twin() -> None:
    dense = keras.layers.Dense(4)
    x = keras.Input((4,))
    model = keras.Model(x, dense(dense(x)))
    result = rfcalc.analyze(document(model))
    assert result.totals.params.total == model.count_params() == 20
    assert not [note for note in result.notes if note.code == "sharing"]


@pytest.mark.parametrize("name", ["DistilBertBackbone", "BertBackbone", "GemmaBackbone"])
def test_a_subclassed_model_says_how_else_to_save_it(name: str) -> None:
    model = {"module": "keras_hub.src.models", "class_name": name, "config": {"name": "b"}}
    with pytest.raises(rfcalc.RfcalcError, match=r"keras\.Model\(b\.inputs, b\.outputs\)\.to_json\(\)"):
        rfcalc.analyze(model)


# ---- an open batch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [2, 4])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_windows_merged_into_an_open_batch_have_a_field(window: int, shift: int) -> None:
    """Only the batch is open: the field is that of one sample, as measured."""
    ops, count = keras.ops, 8 // window
    x = keras.Input((8, 8, 3))
    y = ops.roll(x, (-shift, -shift), (1, 2)) if shift else x
    y = ops.reshape(y, (-1, count, window, count, window, 3))
    y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, window * window, 3))
    scores = ops.softmax(ops.matmul(y, ops.transpose(y, (0, 2, 1))))
    tokens = keras.layers.Dense(3, name="tokens")(ops.matmul(scores, y))
    y = ops.reshape(tokens, (-1, count, count, window, window, 3))
    y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, 8, 8, 3))
    model = keras.Model(x, keras.layers.Dense(2, name="last")(y))
    found = rfcalc.field(document(model), "last")
    truth = measured(model, (1, 8, 8, 3), 1, 1)
    assert [axis.status for axis in found.axes] == ["exact", "exact"]
    assert list(found.axes[0].rows) == truth
    merged = rfcalc.field(document(model), "tokens")
    given = rfcalc.field(document(model), "tokens", input_shape=(1, 8, 8, 3))
    assert [axis.rows for axis in merged.axes] == [axis.rows for axis in given.axes]


TAKEN: dict[str, Any] = {
    "a list": lambda x: keras.ops.take(x, [0, 2, -1], axis=1),
    "an array": lambda x: keras.ops.take(x, np.array([6, 6, 1]), axis=1),
    "a table": lambda x: keras.ops.take(x, np.array([[0, 1, 5], [2, 3, -2]]), axis=1),
    "a table of features": lambda x: keras.ops.take(x, np.array([[0, 1], [2, 0]]), axis=-1),
    "one": lambda x: keras.ops.take(x, 3, axis=1)[:, None],
    "by what is computed": lambda x: keras.ops.take_along_axis(x, keras.ops.argsort(x, axis=1), axis=1),
}


@pytest.mark.parametrize("name", TAKEN)
def test_elements_that_are_taken_by_their_indices(name: str) -> None:
    x = keras.Input((8, 3))
    model = keras.Model(x, TAKEN[name](x))
    graph = rfcalc.load(document(model))
    axis = rfcalc.field(graph, graph.outputs[0][0]).axes[0]
    assert axis.status == "exact"
    assert rfcalc.analyze(graph).rows[-1].output_shape == model.output_shape
    assert list(axis.rows) == measured(model, (1, 8, 3), 1, 1, seeds=24)
    assert rfcalc.verify(graph).holds
