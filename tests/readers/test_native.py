from __future__ import annotations

from typing import Any

import pytest

import rfcalc
from rfcalc.algebra import symbols
from rfcalc.algebra.number import UNKNOWN
from rfcalc.errors import ReadError, UsageError
from rfcalc.readers.native import read_native
from tests.readers.models import CONV, MODELS, model, read, wiring

# ---- reference models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("pooling", 104_202),
        ("plain", 712_202),
        ("capsnet", 6_804_224),  # Sabour, Frosst and Hinton (2017)
        ("capsnet_decoder", 8_215_568),
        ("resnet", 273_658),
        ("unet", 31_030_658),
        ("video", 78_409_573),
        ("wavenet", 345_152),
    ],
)
def test_example_models_have_the_parameters_of_the_literature(name: str, params: int) -> None:
    analysis = rfcalc.analyze(MODELS[name])
    assert analysis.totals.params.total == params
    assert {row.status for row in analysis} == {"exact"}
    # on the design; of the last block of the WaveNet the residual leads nowhere
    told = {"misaligned", "unproductive", "global"} | ({"unused"} if name == "wavenet" else set())
    assert {note.code for note in analysis.notes} <= told


@pytest.mark.parametrize(("name", "field", "flattened"), [("pooling", 18, 1_152), ("plain", 7, 61_952)])
def test_the_two_models_of_the_question(name: str, field: int, flattened: int) -> None:
    analysis = rfcalc.analyze(MODELS[name])
    assert analysis.layer("conv3").receptive_field == (field, field)
    assert analysis.layer("flatten").output_shape == (None, flattened)


def test_fields_of_the_example_models() -> None:
    assert rfcalc.analyze(MODELS["unet"]).layer("classes").receptive_field == (204, 204)
    assert rfcalc.analyze(MODELS["unet"]).layer("classes").receptive_field_min == (188, 188)
    # each stack of dilations 1, 2, ..., 512 adds 1023 samples
    assert rfcalc.analyze(MODELS["wavenet"]).layer("values").receptive_field == (1 + 3 * 1023,)
    assert rfcalc.analyze(MODELS["resnet"]).layer("stages/1/rest/1/relu").effective_stride == (4, 4)


# ---- layers, names, inputs ---------------------------------------------------------------------------------


def test_layers_are_named_by_kind_and_number_around_those_with_names() -> None:
    graph = read(
        CONV, "relu", {**CONV, "name": "conv_2"}, CONV, {"kind": "conv2d", "filters": 1, "kernel": 1}, "relu"
    )
    assert list(graph.layers) == ["input", "conv_1", "relu_1", "conv_2", "conv_3", "conv2d_1", "relu_2"]


def test_a_layer_keeps_kind_settings_and_spelling() -> None:
    graph = read({"kind": "dense", "units": 5, "bias": False}, "relu", {"kind": "leaky_relu", "alpha": 0.1})
    dense, relu, leaky = list(graph)[1:]
    assert (dense.kind, dense.op, dict(dense.attrs)) == ("linear", "dense", {"units": 5, "bias": False})
    assert (relu.kind, relu.op, dict(relu.attrs)) == ("activation", "relu", {"function": "relu"})
    assert dict(leaky.attrs) == {"function": "leaky_relu", "alpha": 0.1}


def test_inputs_default_to_the_entry_before_and_may_name_what_stands_further_on() -> None:
    graph = read(
        {**CONV, "name": "a"},
        {"kind": "add", "name": "sum", "inputs": ["a", "later"]},
        {**CONV, "name": "later", "inputs": "input"},
        {"kind": "split", "name": "parts", "sizes": [4, 4]},
        {"kind": "multiply", "name": "out", "inputs": ["parts:1", "parts:0"]},
    )
    assert wiring(graph) == {
        "a": ["input"],
        "later": ["input"],
        "sum": ["a", "later"],
        "parts": ["later"],
        "out": ["parts:1", "parts"],
    }
    assert graph.outputs == (("sum", 0), ("out", 0))


def test_forms_become_what_the_rules_take() -> None:
    graph = read(
        {**CONV, "kernel": [3, 5], "padding": [1, [2, 0]], "dilation": "1 + 1"},
        {"kind": "pad", "padding": 2},
        {"kind": "layer_norm", "axes": -1},
        {"kind": "reshape", "shape": [None, -1, 8]},
        {"kind": "conv1d", "filters": 2, "kernel": 3},
        {"kind": "conv3d", "filters": 2, "kernel": 3, "stride": [1, 2, 2]},
        {"kind": "max_pool", "kernel": 2, "stride": None},
        {"kind": "prelu", "shared_axes": []},
        {"kind": "space_to_depth", "block": 2},
    )
    attrs = [dict(layer.attrs) for layer in list(graph)[1:]]
    assert attrs == [
        {"filters": 8, "kernel": (3, 5), "padding": (1, (2, 0)), "dilation": 2},
        {"padding": 2},
        {"axes": (-1,)},
        {"shape": (None, -1, 8)},
        {"filters": 2, "kernel": (3,)},
        {"filters": 2, "kernel": (3, 3, 3), "stride": (1, 2, 2)},
        {"kernel": 2, "stride": None},
        {"shared_axes": ()},
        {"block": 2},
    ]


def test_an_unknown_operation_is_said_to_be_one() -> None:
    graph = read({"kind": "unknown", "op": "MyOp", "name": "x", "shape": [None, 5, "2 * 3"]}, "unknown")
    assert (graph["x"].kind, graph["x"].op, graph["x"].recorded) == ("unknown", "MyOp", ((UNKNOWN, 5, 6),))
    assert graph["unknown_1"].recorded == ()


def test_outputs_and_trainable() -> None:
    graph = read({**CONV, "name": "a", "trainable": False}, {**CONV, "name": "b"}, outputs=["a", "b:0"])
    assert graph.outputs == (("a", 0), ("b", 0))
    assert [layer.trainable for layer in graph] == [True, False, True]


# ---- model inputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shape", "axes"),
    [
        ([10], (UNKNOWN, 10), "bc"),
        ([100, 10], (UNKNOWN, 100, 10), "bsc"),
        ([8, 9, 3], (UNKNOWN, 8, 9, 3), "bssc"),
        ([7, 8, 9, 3], (UNKNOWN, 7, 8, 9, 3), "bsssc"),
        ([None, None, 3], (UNKNOWN, UNKNOWN, UNKNOWN, 3), "bssc"),
        (["?", 3], (UNKNOWN, UNKNOWN, 3), "bsc"),
        (["2 * 4", 3], (UNKNOWN, 8, 3), "bsc"),
        ([None, 8, 9, 3], (UNKNOWN, 8, 9, 3), "bssc"),
        ([None, 7, 8, 9, 3], (UNKNOWN, 7, 8, 9, 3), "bsssc"),
        ({"shape": [3, 8, 9], "layout": "CHW"}, (UNKNOWN, 3, 8, 9), "bcss"),
        ({"shape": [3, 8, 9], "layout": "channels_first"}, (UNKNOWN, 3, 8, 9), "bcss"),
        ({"shape": [128], "layout": "L"}, (UNKNOWN, 128), "bs"),
        ({"shape": [4, 8, 9, 3], "layout": "NHWC"}, (4, 8, 9, 3), "bssc"),
        ({"shape": [None, 8, 9, 3], "layout": "DHWC"}, (UNKNOWN, UNKNOWN, 8, 9, 3), "bsssc"),
        ({"shape": [2, 3, 4, 5, 6], "layout": "TDHWC"}, (UNKNOWN, 2, 3, 4, 5, 6), "bssssc"),
    ],
)
def test_shapes_and_layouts(given: Any, shape: tuple[Any, ...], axes: str) -> None:
    (layer,) = read("relu", inputs={"x": given}).inputs
    assert layer.attrs["shape"] == shape
    assert layer.attrs["axes"] == axes


def test_the_layout_of_the_model_is_that_of_all_inputs_without_one() -> None:
    graph = read(
        "relu", layout="channels_first", inputs={"a": [3, 8, 9], "b": {"shape": [8, 9, 3], "layout": "HWC"}}
    )
    assert [layer.attrs["axes"] for layer in graph.inputs] == ["bcss", "bssc"]
    assert wiring(graph) == {"relu_1": ["a"]}


def test_a_batch_that_is_guessed_is_said() -> None:
    assert [note[:2] for note in read("relu", inputs={"x": [None, 8, 9, 3]}).notes] == [("batch-axis", "x")]
    assert not read("relu", inputs={"x": {"shape": [None, 8, 9, 3], "layout": "NHWC"}}).notes


# ---- parameters --------------------------------------------------------------------------------------------

WIDE = model(
    {"kind": "conv", "filters": "width", "kernel": 3},
    {"kind": "linear", "units": "last"},
    parameters={"width": 32, "last": "2 * width"},
    input=["8 * width", 28, 1],
)


def test_parameters_may_be_worked_out_from_those_before_and_replaced() -> None:
    def numbers(**parameters: Any) -> list[Any]:
        first, conv, linear = read_native(WIDE, parameters=parameters)
        return [first.attrs["shape"][1], conv.attrs["filters"], linear.attrs["units"]]

    width = symbols.symbol("width")
    assert numbers() == [256, 32, 64]
    assert numbers(width=10) == [80, 10, 20]
    assert numbers(last=7) == [256, 32, 7]
    assert numbers(width=width) == [8 * width, width, 2 * width]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"widht": 1}, "<dict>: the model has no parameter 'widht'; did you mean 'width'?"),
        ({"q": 1}, "<dict>: the model has no parameter 'q'; it has 'width' and 'last'"),
        ({"width": 1.5}, "<dict>: the parameter 'width' must be an integer below 2**63, got 1.5"),
        ({"width": True}, "<dict>: the parameter 'width' must be an integer below 2**63, got true"),
        ({"width": 2**63}, "the parameter 'width' must be an integer below 2**63, got 9223372036854775808"),
    ],
)
def test_parameters_that_do_not_fit_are_wrong_usage(parameters: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_native(WIDE, parameters=parameters)
    assert message in str(caught.value)


def test_a_replaced_parameter_that_makes_no_model_is_shown_with_its_expression() -> None:
    with pytest.raises(ReadError) as caught:
        read_native(WIDE, parameters={"width": 0})
    assert str(caught.value) == "<dict>: input[0]: must be a positive integer, got 0 for '8 * width'"
    with pytest.raises(ReadError) as caught:
        read_native(
            model({"repeat": "n", "layers": ["relu"]}, parameters={"n": 1}),
            parameters={"n": symbols.symbol("n")},
        )
    assert str(caught.value) == "<dict>: layers[0].repeat: must be a plain number, got n for 'n'"


@pytest.mark.parametrize(
    ("shapes", "shape"),
    [
        ({"": [5, 6, 1]}, (UNKNOWN, 5, 6, 1)),
        ({"input": [5, 6, 1]}, (UNKNOWN, 5, 6, 1)),
        ({"": (2, 5, 6, 1)}, (2, 5, 6, 1)),
        ({"": [None, None, UNKNOWN, 1]}, (UNKNOWN, UNKNOWN, UNKNOWN, 1)),
        ({"": [symbols.symbol("H"), 6, 1]}, (UNKNOWN, symbols.symbol("H"), 6, 1)),
    ],
)
def test_shapes_replace_those_of_the_file(shapes: Any, shape: tuple[Any, ...]) -> None:
    assert read_native(model("relu"), shapes=shapes)["input"].attrs["shape"] == shape


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"imput": [5, 6, 1]}, "the model has no input 'imput'; did you mean 'input'?"),
        ({"": [5, 6]}, "the input 'input' has 3 axes without the batch, but the shape given for it has 2"),
        ({"": [1, 2, 5, 6, 1]}, "but the shape given for it has 5"),
        ({"": [0, 6, 1]}, "the shape for the input 'input' must hold positive integers, got 0"),
        ({"": ["5", 6, 1]}, "must hold positive integers, got '5'"),
        ({"": 5}, "must be a sequence of integers"),
    ],
)
def test_shapes_that_do_not_fit_are_wrong_usage(shapes: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_native(model("relu"), shapes=shapes)
    assert message in str(caught.value)
