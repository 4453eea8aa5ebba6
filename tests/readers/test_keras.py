"""The Keras reader where it is easy to be wrong: structure, names, sizes, Keras 2, and hostile documents.

tests/data/keras/structure.json.gz holds models that Keras 3.15 built, with its own counts and output shapes.
"""

from __future__ import annotations

import copy
import gzip
import json
import random
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.shapes import resolve
from rfcalc.errors import ReadError, RfcalcError
from rfcalc.readers.keras.layers import LAYERS

DATA = Path(__file__).parents[1] / "data" / "keras"
Json = Any


def load_cases(name: str) -> dict[str, Json]:
    with gzip.open(DATA / f"{name}.json.gz") as stream:
        cases: dict[str, Json] = json.load(stream)
    return cases


STRUCTURE = load_cases("structure")

FOREIGN = {"custom_named_Dense", "custom_named_LayerScale", "custom_with_layers", "td_lambda"}
"""Models with a layer whose code is its author's: what it does is not in the file."""


def output_shapes(model: Json) -> list[list[int | None]]:
    graph = rfcalc.load(model)
    resolved = resolve(graph)
    shapes = []
    for layer, place in graph.outputs:
        result = resolved[layer].result
        assert result is not None
        shapes.append([extent if type(extent) is int else None for extent in result.outputs[place].shape])
    return shapes


@pytest.mark.parametrize("name", sorted(set(STRUCTURE) - FOREIGN))
def test_structure_is_what_keras_says(name: str) -> None:
    case = STRUCTURE[name]
    result = rfcalc.analyze(case["model"])
    assert (result.totals.params.total, result.totals.params.trainable) == (case["total"], case["trainable"])
    assert output_shapes(case["model"]) == case["outputs"]
    rows = {row.name: row for row in result}
    for layer in case["layers"]:
        assert rows[layer["name"]].params.total == layer["params"]


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_layers_of_other_authors_are_never_guessed(name: str) -> None:
    result = rfcalc.analyze(STRUCTURE[name]["model"])
    assert result.totals.params.total is None
    assert "unknown-op" in {note.code for note in result.notes}


# ---- models of Keras 2, by hand ----------------------------------------------------------------------------


def given(name: str, shape: list[int | None]) -> Json:
    config = {"name": name, "batch_input_shape": shape}
    return {"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []}


def layer(class_name: str, name: str, nodes: list[Json], **config: Json) -> Json:
    config = {"name": name, **config}
    return {"class_name": class_name, "name": name, "config": config, "inbound_nodes": nodes}


def function(name: str, function: str, source: str, **kwargs: Json) -> Json:
    kind = "SlicingOpLambda" if function.startswith("__") else "TFOpLambda"
    return layer(kind, name, [[source, 0, 0, kwargs]], function=function)


def functional(layers: list[Json], inputs: Json, outputs: Json, name: str = "m") -> Json:
    config = {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "name": name, "config": config}


def chain(*layers: Json) -> Json:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def plain(class_name: str, name: str, **config: Json) -> Json:
    return {"class_name": class_name, "config": {"name": name, **config}}


def start(*shape: int | None) -> Json:
    return plain("InputLayer", "x", batch_shape=list(shape))


def on_x(shape: list[int | None], *layers: Json) -> Json:
    return functional([given("x", shape), *layers], [["x", 0, 0]], [[layers[-1]["name"], 0, 0]])


TWO = functional(
    [given("p", [None, 4]), given("q", [None, 6]),
     layer("Concatenate", "cc", [[["p", 0, 0, {}], ["q", 0, 0, {}]]], axis=-1)],
    {"p": ["p", 0, 0], "q": ["q", 0, 0]}, [["cc", 0, 0]], "two",
)  # fmt: skip
CONV = {"filters": 2, "kernel_size": [3, 3], "padding": "same"}

MODELS: dict[str, tuple[Json, dict[str, tuple[tuple[int | None, ...], int]]]] = {
    # TensorFlow's split takes sizes, keras.ops.split the places between the parts
    "split by sizes": (
        on_x([None, 8, 9], function("s", "split", "x", num_or_size_splits=[3, 6], axis=-1),
             layer("Dense", "d", [[["s", 0, 1, {}]]], units=2)),
        {"d": ((None, 8, 2), 14)},
    ),
    "matmul with a turned operand": (
        on_x([None, 4, 5], function("mm", "linalg.matmul", "x", b=["x", 0, 0], transpose_b=True)),
        {"mm": ((None, 4, 4), 0)},
    ),
    "space to depth": (
        on_x([None, 8, 8, 3], function("s", "nn.space_to_depth", "x", block_size=2)),
        {"s": ((None, 4, 4, 12), 0)},
    ),
    "reshape to a shape with a tensor in it": (
        on_x([None, 8, 8, 3], function("sh", "compat.v1.shape", "x"),
             function("n", "__operators__.getitem", "sh", slice_spec=0),
             function("r", "reshape", "x", shape=[["n", 0, 0], 64, 3]),
             layer("Dense", "d", [[["r", 0, 0, {}]]], units=2)),
        {"d": ((None, 64, 2), 8)},
    ),
    "nested model called on a dict": (
        functional([given("a", [None, 6]), given("b", [None, 4]),
                    {**TWO, "inbound_nodes": [{"q": ["a", 0, 0, {}], "p": ["b", 0, 0, {}]}]}],
                   [["a", 0, 0], ["b", 0, 0]], [["two", 1, 0]]),
        {"two/cc": ((None, 10), 0)},
    ),
    "two nested models without names": (
        {"class_name": "Sequential", "config": [
            {"class_name": "Sequential",
             "config": [plain("Dense", "a", units=3, batch_input_shape=[None, 4])]},
            {"class_name": "Sequential", "config": [plain("Dense", "b", units=5)]}]},
        {"sequential/a": ((None, 3), 15), "sequential_1/b": ((None, 5), 20)},
    ),
    "cuDNN cells have two biases": (
        chain(start(None, 7, 6), plain("CuDNNLSTM", "l", units=4, return_sequences=True),
              plain("CuDNNGRU", "g", units=4)),
        {"l": ((None, 7, 4), 4 * (6 * 4 + 4 * 4) + 32), "g": ((None, 4), 3 * (4 * 4 + 4 * 4) + 24)},
    ),
    "a text becomes tokens": (
        chain(start(None, 1), plain("TextVectorization", "t", output_mode="int", output_sequence_length=9),
              plain("Embedding", "e", input_dim=20, output_dim=4)),
        {"t": ((None, 9), 0), "e": ((None, 9, 4), 80)},
    ),
    "hashes may be coded": (
        chain(start(None, 3), plain("Hashing", "h", num_bins=5, output_mode="one_hot")),
        {"h": ((None, 3, 5), 0)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_keras_2(name: str) -> None:
    model, expected = MODELS[name]
    result = rfcalc.analyze(model)
    for row, figures in expected.items():
        assert (result.layer(row).output_shape, result.layer(row).params.total) == figures


def test_names_that_only_look_alike_share_no_weights() -> None:
    conv = layer("Conv2D", "conv", [[["i", 0, 0, {}]]], **CONV)
    enc = functional([given("i", [None, 8, 8, 2]), conv], [["i", 0, 0]], [["conv", 0, 0]], "enc")
    nested = {**enc, "inbound_nodes": [[["x", 0, 0, {}]]]}
    model = on_x([None, 8, 8, 2], nested, layer("Conv2D", "enc/conv", [[["enc", 1, 0, {}]]], **CONV))
    result = rfcalc.analyze(model)
    assert result.totals.params.total == 2 * (9 * 2 * 2 + 2)
    assert result.layer("enc/conv").inputs == ("enc/conv#2",)  # the file's own name stays


def test_channels_first_is_seen_behind_layers_that_keep_the_axes() -> None:
    conv = plain("Conv2D", "c", data_format="channels_first", filters=2, kernel_size=[3, 3])
    model = chain(start(None, 3, 32, 32), plain("Rescaling", "r", scale=1), conv)
    assert rfcalc.analyze(model).inputs[0].spatial == (32, 32)


def test_a_state_carries_what_it_depends_on() -> None:
    model = load_cases("models")["lstm_encoder_decoder"]["model"]
    row = rfcalc.analyze(model, input="input_layer").layer("lstm_1")
    assert row.receptive_field == (None,)  # all of the encoder's sequence
    assert row.status == "exact"


def test_recorded_shapes_hold_for_the_file_s_own_size_alone() -> None:
    model = STRUCTURE["lambda_mid"]["model"]
    assert rfcalc.analyze(model).layer("lam").output_shape == (None, 4, 8, 3)
    assert rfcalc.analyze(model, input_shape=[1, 8, 8, 3]).layer("lam").output_shape == (None, 4, 8, 3)
    assert rfcalc.analyze(model, input_shape=[1, 16, 16, 3]).layer("lam").output_shape is None


def test_outputs_beyond_any_small_number() -> None:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 100, 4], "keras_history": ["x", 0, 0]},
    }
    unstack = {
        "module": "keras.src.ops.core",
        **layer("Unstack", "u", [{"args": [tensor], "kwargs": {}}], axis=1),
    }
    model = functional([given("x", [None, 100, 4]), unstack], ["x", 0, 0], ["u", 0, 99])
    assert output_shapes(model) == [[None, 4]]


# ---- completeness ------------------------------------------------------------------------------------------

CLASSES = (
    "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
    "Add", "AdditiveAttention", "AlphaDropout", "Attention", "AugMix", "AutoContrast", "Average",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Bidirectional",
    "CategoryEncoding", "CenterCrop", "Concatenate", "ContrastLimitedAdaptiveHistogramEqualization",
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM1D",
    "ConvLSTM2D", "ConvLSTM3D", "Cropping1D", "Cropping2D", "Cropping3D", "CutMix", "Dense",
    "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot", "Dropout", "ELU", "EinsumDense",
    "Embedding", "Equalization", "Flatten", "GRU", "GaussianDropout", "GaussianNoise",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization", "GroupedQueryAttention",
    "HashedCrossing", "Hashing", "Identity", "IntegerLookup", "LSTM", "LayerNormalization", "LeakyReLU",
    "Masking", "MaxNumBoundingBoxes", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum",
    "MelSpectrogram", "Minimum", "MixUp", "MultiHeadAttention", "Multiply", "Normalization", "PReLU",
    "Permute", "RMSNormalization", "RNN", "RandAugment", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform", "RandomErasing",
    "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
    "RandomShear", "RandomTranslation", "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape",
    "Resizing", "ReversibleEmbedding", "STFTSpectrogram", "SeparableConv1D", "SeparableConv2D",
    "SimpleRNN", "Softmax", "Solarization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "StringLookup", "Subtract", "TextVectorization", "UnitNormalization", "UpSampling1D", "UpSampling2D",
    "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
)  # fmt: skip
"""keras.layers of Keras 3.15, without base classes, cells, containers, and wrappers of foreign code."""


@pytest.mark.parametrize("name", CLASSES)
def test_every_layer_of_keras_is_known(name: str) -> None:
    assert name in LAYERS


# ---- hostile documents -------------------------------------------------------------------------------------


def laughs(depth: int, *, leaf: bool) -> Json:
    """Return models that each call the one inside twice."""
    inner = [layer("ReLU", "r", [[["i", 0, 0, {}]]])] if leaf else []
    model = functional([given("i", [None, 4]), *inner], [["i", 0, 0]], [["r" if leaf else "i", 0, 0]], "n0")
    for number in range(depth):
        name = model["name"]
        nested = {**model, "inbound_nodes": [[["i", 0, 0, {}]], [[name, 1, 0, {}]]]}
        model = functional([given("i", [None, 4]), nested], [["i", 0, 0]], [[name, 2, 0]], f"n{number + 1}")
    return model


@pytest.mark.parametrize("leaf", [False, True])
def test_models_that_multiply_are_bounded(leaf: bool) -> None:
    with pytest.raises(ReadError, match="more than"):
        rfcalc.load(laughs(30, leaf=leaf))


@pytest.mark.parametrize("wrapper", ["SpectralNormalization", "TimeDistributed", "Bidirectional"])
def test_wrappers_without_end(wrapper: str) -> None:
    inner = plain("Dense", "d", units=3)
    for number in range(3000):
        inner = plain(wrapper, f"w{number}", layer=inner)
    with pytest.raises(RfcalcError):
        rfcalc.load(chain(start(None, 4, 4), inner))


BAD_UNITS: dict[str, Json] = {
    "thousands of digits": 10**5000, "nan": float("nan"), "infinite": float("inf"), "negative": -1, "none": 0,
    "huge": 2**70, "true": True, "text": "x", "list": [], "object": {}, "long list": [1] * 9,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_UNITS)
def test_no_value_of_a_setting_makes_a_traceback(name: str) -> None:
    with pytest.raises(ReadError, match=r"layers\[1\].*units"):
        rfcalc.load(chain(start(None, 4), plain("Dense", "d", units=BAD_UNITS[name])))


def places(value: Json) -> list[tuple[Json, Json]]:
    """Every (container, key) of a document."""
    found: list[tuple[Json, Json]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                waiting.append(container[key])
    return found


ODD: list[Json] = [
    None, True, 0, -1, 2, 2**62, 10**400, 1.5, float("nan"), "", "x", "channels_first", "same", [], [[]], {},
    [0, 0], [None], ["a", 0, 0], {"class_name": "Dense"}, "a\x00b", "\ud800", "Conv2D", "Functional",
    "Sequential", "TimeDistributed", "GetItem", {"class_name": "__keras_tensor__", "config": {}},
]  # fmt: skip


def mutated(model: Json, dice: random.Random) -> Json:
    model = copy.deepcopy(model)
    for _ in range(dice.choice([1, 1, 2, 4])):
        container, key = dice.choice(places(model))
        what = dice.random()
        if what < 0.4:
            container[key] = copy.deepcopy(dice.choice(ODD))
        elif what < 0.6:
            del container[key]
        elif what < 0.8:
            other, its_key = dice.choice(places(model) or [(container, key)])
            container[key] = copy.deepcopy(other[its_key])
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        if not model:
            break
    return model


@pytest.mark.parametrize("collection", ["layers", "models", "keras2", "structure"])
def test_mutated_models_are_read_or_refused(collection: str) -> None:
    cases = load_cases(collection)
    names = sorted(cases)
    dice = random.Random(collection)
    refusals = []
    for _ in range(400):
        model = mutated(cases[dice.choice(names)]["model"], dice)
        try:
            rfcalc.analyze(model)
        except RfcalcError as error:
            refusals.append(str(error))
    assert refusals
    assert not [line for line in refusals if "\n" in line]


# ---- archives ----------------------------------------------------------------------------------------------


def archive(text: bytes, name: str = "config.json") -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", b"{}")
        file.writestr(name, text)
    return data.getvalue()


CONFIG = json.dumps(chain(start(None, 4), plain("Dense", "d", units=3))).encode()


def test_an_archive_is_read_from_its_config_alone() -> None:
    assert rfcalc.analyze(BytesIO(archive(CONFIG))).totals.params.total == 15


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(CONFIG, "../config.json"), "points out of the archive"),
        (archive(CONFIG, "/config.json"), "points out of the archive"),
        (archive(CONFIG, "model/config.json"), "no config.json"),
        (archive(b"{"), "config.json"),
        (archive(b"\xff"), "config.json"),
        (archive(b"[" * 100_000), "config.json"),
        (archive(b" " * (65 << 20)), "unpacks to more than"),
        (archive(b"[" + b"[]," * (2 << 20) + b"[]]"), "too many values"),
        (archive(b"[]"), "object"),
    ],
    ids=["above", "absolute", "in a folder", "cut", "no text", "deep", "large", "many values", "no object"],
)
def test_archives_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        rfcalc.load(BytesIO(data))


def test_damaged_archives_make_no_traceback() -> None:
    good = archive(CONFIG)
    dice = random.Random(1)
    refusals = []
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(dice.choice([1, 1, 3])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            rfcalc.load(BytesIO(bytes(data)))
        except RfcalcError as error:
            refusals.append(str(error))
    assert refusals


# ---- operations -------------------------------------------------------------------------------------------


def operation_model(class_name: str, config: dict[str, Any], *, module: str = "keras.src.ops.nn") -> Any:
    """A model of one operation on an 8x8 image of 3 channels."""
    history = {"shape": [None, 8, 8, 3], "keras_history": ["x", 0, 0]}
    image = {"name": "x", "batch_shape": [None, 8, 8, 3]}
    operation = {
        "class_name": class_name,
        "module": module,
        "registered_name": None,
        "name": "op",
        "config": {"name": "op", **config},
        "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": {}}],
    }
    layers = [{"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config": image}, operation]
    wiring = {"input_layers": [["x", 0, 0]], "output_layers": [["op", 0, 0]]}
    return {
        "class_name": "Functional",
        "module": "keras",
        "config": {"name": "m", "layers": layers, **wiring},
    }


def test_operations_of_other_packages_are_not_those_of_keras() -> None:
    foreign = operation_model("Reshape", {"newshape": [-1, 64, 3]}, module="mylib.opsets.layers")
    assert rfcalc.analyze(foreign).layer("op").status == "unknown"
    own = operation_model("Reshape", {"newshape": [-1, 64, 3]}, module="keras.src.ops.numpy")
    assert rfcalc.analyze(own).layer("op").output_shape == (None, 64, 3)


def test_an_array_may_be_an_argument_of_an_operation() -> None:
    """Padding given as a numpy array: how much is not written in a way that is read, and the rest is."""
    pads = {"class_name": "__numpy__", "config": {"value": [[0, 0], [1, 1], [1, 1], [0, 0]]}}
    analysis = rfcalc.analyze(operation_model("Pad", {"pad_width": pads}, module="keras.src.ops.numpy"))
    assert analysis.layer("op").status == "unknown"
    assert analysis.layer("x").status == "exact"


def test_normalising_over_all_axes_is_not_over_none() -> None:
    assert rfcalc.analyze(operation_model("Normalize", {"axis": None})).layer("op").status == "unknown"
    assert rfcalc.analyze(operation_model("Normalize", {"axis": -1})).layer("op").receptive_field == (1, 1)


def test_a_causal_mask_reaches_keys_of_another_tensor() -> None:
    """Rows measured with Keras by Jacobian: query i reads the pooled keys up to i."""

    def tensor(name: str) -> Any:
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 8, 4], "keras_history": [name, 0, 0]},
        }

    def entry(class_name: str, name: str, config: Any, *args: str, **kwargs: Any) -> Any:
        nodes = [{"args": [tensor(arg) for arg in args], "kwargs": kwargs}] if args else []
        settings = {"name": name, **config}
        return {"class_name": class_name, "name": name, "config": settings, "inbound_nodes": nodes}

    layers = [
        entry("InputLayer", "x", {"batch_shape": [None, 8, 4]}),
        entry("AveragePooling1D", "p", {"pool_size": 2, "strides": 2, "padding": "valid"}, "x"),
        entry("MultiHeadAttention", "m", {"num_heads": 1, "key_dim": 4}, "x", "p", use_causal_mask=True),
    ]
    wiring = {"input_layers": [["x", 0, 0]], "output_layers": [["m", 0, 0]]}
    document = {"class_name": "Functional", "config": {"name": "c", "layers": layers, **wiring}}
    rows = rfcalc.field(document, "m").axes[0].rows
    assert rows == ((0, 1, 2), (0, 3, 4), (0, 5, 6), *((0, 7, 8),) * 5)


def test_where_without_branches_is_of_no_known_shape() -> None:
    assert rfcalc.analyze(operation_model("Where", {})).layer("op").status == "unknown"
