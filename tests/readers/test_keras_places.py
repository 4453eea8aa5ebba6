"""A Keras model is the same wherever its config lies: .h5, TensorFlow.js, folders, SavedModel, Keras 1.

The files are written as Keras 2.15 and 3, TensorFlow.js 4.22 and Keras 1.2.2 write them; counts of
Keras 1 are worked out by hand from its documentation.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import NoModel, ReadError
from tests.readers.test_others import message

LAYERS = [
    {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 28, 28, 1]}},
    {"class_name": "Conv2D", "config": {"name": "conv", "filters": 4, "kernel_size": [3, 3]}},
    {"class_name": "Flatten", "config": {"name": "flat"}},
    {"class_name": "Dense", "config": {"name": "dense", "units": 3}},
]
MODEL: dict[str, Any] = {"class_name": "Sequential", "config": {"name": "net", "layers": LAYERS}}


def figures(model: Any) -> list[Any]:
    """Return what is told of each layer."""
    analysis = rfcalc.analyze(model)
    return [
        (row.op, row.output_shape, row.receptive_field, row.params.total, row.macs) for row in analysis.rows
    ]


def refusal(model: Any, kind: type[ReadError] = ReadError) -> str:
    """Return the line that a model is refused with."""
    with pytest.raises(kind) as caught:
        rfcalc.load(model)
    assert type(caught.value) is kind
    return str(caught.value)


def hdf5(path: Path, **attributes: Any) -> Path:
    """Write an HDF5 file with attributes, and weights that nobody is to read."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("model_weights/dense/kernel", data=[[1.0, 2.0]])
        for name, value in attributes.items():
            file.attrs[name] = value
    return path


# ---- HDF5 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, str.encode])
def test_an_h5_file_is_read_by_one_attribute(kind: Any, tmp_path: Path) -> None:
    path = hdf5(tmp_path / "net.h5", model_config=kind(json.dumps(MODEL)), keras_version="2.15.0")
    assert figures(path) == figures(path.read_bytes()) == figures(MODEL)


def test_a_config_may_be_large(tmp_path: Path) -> None:
    layers = [*LAYERS[:2], *({"class_name": "ReLU", "config": {"name": f"relu{k}"}} for k in range(3000))]
    path = hdf5(
        tmp_path / "net.h5", model_config=json.dumps({**MODEL, "config": {"name": "net", "layers": layers}})
    )
    assert rfcalc.analyze(path).totals.params.total == 40


def test_weights_alone_are_said_to_be_that(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "w.weights.h5", layer_names=["conv", "dense"])
    assert "without the architecture of a model, as of weights alone" in refusal(path, NoModel)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("{", "the JSON ends too early"),
        ("[]", "model_config: must hold an object"),
        (3, "model_config: must be a text"),
        ('{"a": 1}', "has the keys 'a'"),
        (json.dumps({"class_name": "Net", "config": {}}), "is a subclassed model"),
    ],
)
def test_a_damaged_config_in_an_h5_file_is_refused(config: Any, line: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=line.replace("[", r"\[")):
        rfcalc.load(hdf5(tmp_path / "net.h5", model_config=config))


def test_a_damaged_h5_file_is_refused(tmp_path: Path) -> None:
    whole = hdf5(tmp_path / "net.h5", model_config=json.dumps(MODEL)).read_bytes()
    for end in (9, 60, 200, len(whole) // 2):
        assert "is an HDF5 file" in refusal(whole[:end])


def test_h5_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hdf5(tmp_path / "net.h5", model_config=json.dumps(MODEL))
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert refusal(path).endswith("needs the h5py package: pip install 'rfcalc[h5]'")


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_what_keras_writes_is_the_same_in_every_place(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    pytest.importorskip("h5py")
    x = keras.Input((32, 32, 3))
    y = keras.layers.SeparableConv2D(8, 3, strides=2, padding="same")(x)
    model = keras.Model(x, keras.layers.Add()([y, keras.layers.DepthwiseConv2D(3, padding="same")(y)]))
    document = json.loads(model.to_json())
    model.save(tmp_path / "net.h5")
    model.save(tmp_path / "net.keras")
    model.save_weights(tmp_path / "net.weights.h5")
    with zipfile.ZipFile(tmp_path / "net.keras") as file:
        file.extractall(tmp_path / "net")
    for place in ("net.h5", "net.keras", "net"):
        assert figures(tmp_path / place) == figures(document)
        assert rfcalc.analyze(tmp_path / place).totals.params.total == model.count_params()
    refusal(tmp_path / "net.weights.h5", NoModel)


# ---- TensorFlow.js -----------------------------------------------------------------------------------------

TOPOLOGIES = {
    "converted from Keras": {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": MODEL},
    "a text in it": {"keras_version": "2.1.4", "model_config": json.dumps(MODEL)},
    "saved in the browser": {**MODEL, "keras_version": "tfjs-layers 4.22.0", "backend": "tensor_flow.js"},
    "a list of layers": {"class_name": "Sequential", "config": LAYERS, "keras_version": "tfjs-layers 1.0.0"},
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_layers_model_of_tensorflow_js_is_read(name: str, tmp_path: Path) -> None:
    document = {"format": "layers-model", "modelTopology": TOPOLOGIES[name], "weightsManifest": []}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    assert figures(document) == figures(path) == figures(MODEL)
    (tmp_path / "group1-shard1of1.bin").write_bytes(b"\0")
    assert figures(tmp_path) == figures(MODEL)


def test_a_graph_model_of_tensorflow_js_says_what_it_is() -> None:
    document = {"format": "graph-model", "modelTopology": {"node": [], "versions": {}}, "weightsManifest": []}
    assert "is a TensorFlow.js graph model" in refusal(document, NoModel)


# ---- folders -----------------------------------------------------------------------------------------------


def test_an_unzipped_archive_is_read_as_the_archive(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(MODEL))
    (tmp_path / "metadata.json").write_text("{}")
    (tmp_path / "model.weights.h5").write_bytes(b"\x89HDF")
    assert figures(tmp_path) == figures(str(tmp_path)) == figures(MODEL)


def test_a_folder_of_a_hub_names_the_command(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert f"rfcalc analyze transformers:{tmp_path / 'config.json'}" in refusal(tmp_path, NoModel)


def test_keras_tells_the_layers_of_a_saved_model(tmp_path: Path) -> None:
    root = json.dumps({"name": "net", "trainable": True, **MODEL, "keras_version": "2.11.0"})
    other = json.dumps({"name": "conv"})
    saved = message(
        (1, message((3, "root"), (4, "_tf_keras_sequential"), (5, root))),
        (1, message((2, 2), (3, "root.layer-0"), (4, "_tf_keras_layer"), (5, other))),
    )
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    assert "--saved-model FOLDER" in refusal(tmp_path)
    (tmp_path / "keras_metadata.pb").write_bytes(saved)
    assert figures(tmp_path) == figures(tmp_path / "keras_metadata.pb") == figures(MODEL)
    subclassed = message((1, message((3, "root"), (4, "_tf_keras_model"), (5, json.dumps({"name": "net"})))))
    (tmp_path / "keras_metadata.pb").write_bytes(subclassed)
    assert "--saved-model FOLDER" in refusal(tmp_path, NoModel)


# ---- Keras 1 -----------------------------------------------------------------------------------------------


def sequential(*layers: tuple[str, dict[str, Any]], version: str | None = "1.2.2") -> dict[str, Any]:
    """Return a model as Keras 1 writes it."""
    config = [
        {"class_name": name, "config": {"name": f"l{k}", **each}} for k, (name, each) in enumerate(layers)
    ]
    document: dict[str, Any] = {"class_name": "Sequential", "config": config}
    return document if version is None else {**document, "keras_version": version}


IMAGE = {"batch_input_shape": [None, 3, 32, 32], "input_dtype": "float32"}
STEPS = {"batch_input_shape": [None, 20, 6]}
CONVOLUTION = {"nb_filter": 8, "nb_row": 3, "nb_col": 5, "bias": True, "dim_ordering": "th"}
KERAS_1: dict[str, tuple[list[tuple[str, dict[str, Any]]], tuple[Any, ...], int]] = {
    "a convolution": (
        [("Convolution2D", {**IMAGE, **CONVOLUTION, "border_mode": "valid", "subsample": [2, 1]})],
        (None, 8, 15, 28),
        8 * (3 * 3 * 5 + 1),
    ),
    "channels last, same padding, no bias": (
        [
            (
                "Convolution2D",
                {**IMAGE, **CONVOLUTION, "dim_ordering": "tf", "border_mode": "same", "bias": False},
            )
        ],
        (None, 3, 32, 8),
        8 * 32 * 15,
    ),
    "dilation": (
        [("AtrousConvolution2D", {**IMAGE, **CONVOLUTION, "border_mode": "valid", "atrous_rate": [2, 2]})],
        (None, 8, 28, 24),
        8 * 46,
    ),
    "along time": (
        [
            (
                "Convolution1D",
                {**STEPS, "nb_filter": 4, "filter_length": 3, "border_mode": "same", "subsample_length": 2},
            ),
            ("MaxPooling1D", {"pool_length": 2, "stride": 2, "border_mode": "valid"}),
            ("UpSampling1D", {"length": 3}),
            ("ZeroPadding1D", {"padding": 1}),
        ],
        (None, 17, 4),
        4 * (3 * 6 + 1),
    ),
    "in three dimensions": (
        [
            (
                "Convolution3D",
                {
                    "batch_input_shape": [None, 2, 8, 8, 8],
                    "nb_filter": 4,
                    "kernel_dim1": 1,
                    "kernel_dim2": 2,
                    "kernel_dim3": 3,
                    "border_mode": "valid",
                    "dim_ordering": "th",
                },
            )
        ],
        (None, 4, 8, 7, 6),
        4 * (2 * 6 + 1),
    ),
    "separable": (
        [
            (
                "SeparableConvolution2D",
                {**IMAGE, **CONVOLUTION, "border_mode": "valid", "depth_multiplier": 2},
            )
        ],
        (None, 8, 30, 28),
        3 * 2 * 15 + 6 * 8 + 8,
    ),
    "unshared": (
        [("LocallyConnected1D", {**STEPS, "nb_filter": 4, "filter_length": 3, "border_mode": "valid"})],
        (None, 18, 4),
        18 * 4 * (3 * 6 + 1),
    ),
    "unshared, in two dimensions": (
        [("LocallyConnected2D", {**IMAGE, **CONVOLUTION, "border_mode": "valid", "subsample": [1, 1]})],
        (None, 8, 30, 28),
        30 * 28 * 8 * (3 * 15 + 1),
    ),
    "pooling, padding, and what is dense": (
        [
            ("ZeroPadding2D", {**IMAGE, "padding": [1, 2], "dim_ordering": "th"}),
            (
                "MaxPooling2D",
                {"pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": "th"},
            ),
            ("BatchNormalization", {"axis": 1, "mode": 0}),
            ("Dropout", {"p": 0.5}),
            ("Flatten", {}),
            ("Dense", {"output_dim": 10, "bias": True, "init": "glorot_uniform"}),
        ],
        (None, 10),
        4 * 3 + 10 * (3 * 17 * 18 + 1),
    ),
    "padding on four sides": (
        [("ZeroPadding2D", {**IMAGE, "padding": [1, 2, 3, 4], "dim_ordering": "th"})],
        (None, 3, 35, 39),
        0,
    ),
    "recurrent": (
        [
            ("Bidirectional", {**STEPS, "merge_mode": "concat", "layer": {
                "class_name": "LSTM",
                "config": {"name": "d", "output_dim": 5, "return_sequences": True, "inner_activation": "x"},
            }}),
            ("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"name": "d", "output_dim": 7}}}),
            ("GRU", {"output_dim": 4, "inner_activation": "hard_sigmoid"}),
        ],
        (None, 4),
        2 * 4 * 5 * (6 + 5 + 1) + 7 * 11 + 3 * 4 * (7 + 4 + 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KERAS_1)
def test_a_model_of_keras_1_is_converted(name: str) -> None:
    layers, shape, parameters = KERAS_1[name]
    analysis = rfcalc.analyze(sequential(*layers))
    assert analysis.rows[-1].output_shape == shape
    assert analysis.totals.params.total == parameters
    assert not [row for row in analysis.rows if row.status == "unknown"]


def test_branches_of_keras_1_are_joined() -> None:
    def layer(name: str, kind: str, sources: list[str], **config: Any) -> dict[str, Any]:
        nodes = [[[source, 0, 0] for source in sources]] if sources else []
        return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}

    conv = {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "border_mode": "same", "dim_ordering": "th"}
    layers = [
        layer("x", "InputLayer", [], batch_input_shape=[None, 3, 32, 32], input_dtype="float32"),
        layer("a", "Convolution2D", ["x"], **conv),
        layer("sum", "Merge", ["x", "a"], mode="sum", concat_axis=-1, dot_axes=-1),
        layer("cat", "Merge", ["sum", "a"], mode="concat", concat_axis=1, dot_axes=-1),
        layer("odd", "Merge", ["sum", "a"], mode="<lambda>", mode_type="lambda"),
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]]}
    document = {"class_name": "Model", "config": {**config, "output_layers": [["cat", 0, 0], ["odd", 0, 0]]}}
    analysis = rfcalc.analyze(document)
    assert [row.op for row in analysis.rows][:4] == ["InputLayer", "Convolution2D", "Add", "Concatenate"]
    assert analysis.layer("cat").output_shape == (None, 6, 32, 32)
    assert analysis.layer("odd").status == "unknown"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Deconvolution2D", {**CONVOLUTION, "output_shape": [None, 8, 34, 36]}),
        ("Convolution2D", {**CONVOLUTION, "border_mode": "full"}),
        ("BatchNormalization", {"mode": 1}),
        ("Highway", {}),
    ],
)
def test_a_layer_without_a_counterpart_is_unknown_by_its_name(kind: str, settings: dict[str, Any]) -> None:
    row = rfcalc.analyze(sequential((kind, {**IMAGE, **settings}))).rows[-1]
    assert (row.status, row.op.startswith(f"keras1>{kind}")) == ("unknown", True)


def test_a_model_of_keras_1_is_told_by_its_settings_too() -> None:
    layers = KERAS_1["a convolution"][0]
    assert figures(sequential(*layers, version=None)) == figures(sequential(*layers))
