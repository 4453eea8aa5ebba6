"""The ONNX reader around its operations: sizes, layouts, constants, functions, branches, ways to give it.

What single operations do is in test_onnx_ops.py, whole exported networks are in test_onnx_truth.py.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc import cli
from rfcalc.errors import AnalysisError, GraphError, ReadError, RfcalcError, UsageError
from tests.readers.onnx_build import FLOAT, INT64, declared, helper, ints, model, node, onnx, small, weight

pytestmark = pytest.mark.onnx

OPEN = None
"""What an open extent is in a result."""


def analyze(given: Any, **options: Any) -> rfcalc.Analysis:
    return rfcalc.analyze(given, **options)


def shape(given: Any, layer: str, **options: Any) -> tuple[Any, ...]:
    """Return the output shape of a layer."""
    found = analyze(given, **options).layer(layer).output_shape
    assert found is not None
    return tuple(found)


def command(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int | str | None, str, str]:
    """Run the command in this process; return its exit code, and what it prints."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    path.write_bytes(small().SerializeToString())
    return path


# ---- open extents ------------------------------------------------------------------------------------------

NAMED = ["N", "H", "batch_size", "unk__749", "p2o.DynamicDimension.0", "height/2", "a b", "a=b", "été"]
NAMELESS = ["?", "-1", "0", "", None, 0]
"""How exporters write that an extent is open; the last is a dimension whose value is 0."""


@pytest.mark.parametrize("spelled", [*NAMED, *NAMELESS])
def test_every_spelling_of_an_open_extent_is_open(spelled: Any) -> None:
    given = small((1, 3, spelled, 32))
    analysis = analyze(given)
    assert analysis.inputs[0].shape == (1, 3, OPEN, 32)
    assert analysis.layer("c2").output_shape == (1, 16, OPEN, 16)
    assert analysis.layer("c2").receptive_field == (5, 5)
    assert analysis.layer("c2").status == "exact"
    assert shape(given, "c2", dims={"H": 65}) == (1, 16, 33, 16)
    assert shape(given, "c2", input_shape=(1, 3, 65, 64)) == (1, 16, 33, 32)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_extent_is_set_by_its_name(name: str) -> None:
    assert shape(small((1, 3, name, name)), "c2", dims={name: 64}) == (1, 16, 32, 32)
    assert shape(small((name, 3, 8, 8)), "c2", dims={name: 5}) == (5, 16, 4, 4)


@pytest.mark.parametrize("spelled", NAMELESS)
def test_extents_without_a_name_are_each_its_own(spelled: Any) -> None:
    given = small((spelled, 3, spelled, spelled))
    assert shape(given, "c2", dims={"H": 64}) == (OPEN, 16, 32, OPEN)
    assert shape(given, "c2", dims={"W": 64}) == (OPEN, 16, OPEN, 32)


def test_extents_of_one_name_are_one_extent() -> None:
    """A sum of two inputs that the file calls equally high is that high."""
    both = model([node("Add", "a b", "y")], {"a": (1, 3, "H", 8), "b": (1, 3, "H", 8)}, "y")
    assert shape(both, "y", dims={"H": 16}) == (1, 3, 16, 8)
    text = str(analyze(both, symbolic=True).layer("y").output_shape)
    assert text == "(1, 3, H, 8)"


def test_a_dimension_that_is_a_number_in_quotes_is_that_number() -> None:
    assert shape(small((1, 3, "64", 32)), "c2") == (1, 16, 32, 16)


def test_letters_stand_for_the_axes_of_the_chosen_input() -> None:
    nodes = [node("Conv", "a wa", "ya"), node("Conv", "b wb", "yb")]
    weights = [weight("wa", 4, 3, 1, 1), weight("wb", 4, 3, 3)]
    both = model(nodes, {"a": (1, 3, None, None), "b": (1, 3, None)}, "ya yb", weights)
    assert shape(both, "ya", dims={"H": 5, "W": 7}) == (1, 4, 5, 7)
    assert shape(both, "yb", dims={"T": 9}, input="b") == (1, 4, 7)
    assert shape(both, "yb", dims={"L": 9}, input="b") == (1, 4, 7)
    with pytest.raises(UsageError, match="--dim T"):
        analyze(both, dims={"T": 9})


def test_letters_set_even_what_the_file_fixes() -> None:
    assert shape(small((1, 3, 32, 32)), "c2", dims={"H": 64}) == (1, 16, 32, 16)


def test_a_name_goes_before_a_letter() -> None:
    """Where the file itself calls its width H, that is what H means."""
    assert shape(small((1, 3, 32, "H")), "c2", dims={"H": 64}) == (1, 16, 16, 32)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dims": {"Q": 5}}, "--dim Q"),
        ({"dims": {"H": 0}}, "positive"),
        ({"input_shape": (3, 8, 8)}, "4 axes"),
        ({"input_shape": (1, 3, 8, 8, 8)}, "4 axes"),
        ({"input_shape": {"y": (1, 3, 8, 8)}}, "no input 'y'; it has 'x'"),
        ({"layout": "NHW"}, "--layout 'NHW' does not name 4 axes"),
        ({"layout": {"y": "NHWC"}}, "no input 'y'"),
        ({"parameters": {"width": 3}}, "parameters"),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        analyze(small(), **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["x:0", "serving_default_x:0", "a=b", "a:0=b", "input.1", "ünï"])
def test_names_with_colons_and_equals_signs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(small(("N", 3, "a:b=c", 32), x=name).SerializeToString())
    for options in (["--input-shape", f"{name}=1,3,64,32"], ["--dim", "a:b=c=64"]):
        code, out, err = command(capsys, "analyze", path, "--format", "json", *options)
        assert (code, err) == (0, "")
        document = json.loads(out)
        assert document["inputs"][0]["name"] == name
        assert document["inputs"][0]["spatial"] == [64, 32]
        assert document["layers"][-1]["output_shape"][1:] == [16, 32, 16]


def test_open_extents_in_a_given_shape_stay_open() -> None:
    assert shape(small((1, 3, 32, 32)), "c2", input_shape=(None, 3, None, 64)) == (OPEN, 16, OPEN, 32)


def test_a_kernel_of_open_extents_is_not_known() -> None:
    for op in ("Conv", "ConvTranspose"):
        both = model([node(op, "x k", "y")], {"x": (1, 2, 9, 8), "k": ("A", "B", "C", "D")}, "y")
        row = analyze(both).layer("y")
        assert (row.status, row.receptive_field) == ("unknown", None)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (node("Conv", "x w", "y", kernel_shape=[3]), r"kernel_shape is \[3\], the kernel's own is \[3, 3\]"),
        (node("ConvTranspose", "x w", "y", output_shape=[20]), "output_shape has 1 values for 2 axes"),
    ],
)
def test_attributes_for_another_number_of_axes(operation: Any, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        analyze(model([operation], {"x": (1, 2, 9, 8)}, "y", [weight("w", 2, 2, 3, 3)]))


def test_a_given_shape_has_no_negative_extent() -> None:
    with pytest.raises(UsageError, match=r"'x' holds a negative extent: \[1, 3, -8, 8\]"):
        analyze(small(), input_shape=(1, 3, -8, 8))


def test_an_input_without_even_a_rank_needs_a_shape() -> None:
    given = small()
    given.graph.input[0].type.tensor_type.ClearField("shape")
    assert shape(given, "c2", input_shape=(1, 3, 8, 8)) == (1, 16, 4, 4)
    with pytest.raises(ReadError, match="'x' has no shape; give one with --input-shape x=1,3,224,224"):
        analyze(given)


def test_several_inputs_need_their_names() -> None:
    both = model([node("Add", "a b", "y")], {"a": (1, 3, "H", 8), "b": (1, 3, "H", 8)}, "y")
    assert shape(both, "y", input_shape={"a": (1, 3, 5, 8), "b": (1, 3, 5, 8)}) == (1, 3, 5, 8)
    with pytest.raises(UsageError, match="which input"):
        analyze(both, input_shape=(1, 3, 5, 8))


# ---- formulas ----------------------------------------------------------------------------------------------


def test_formulas_of_a_dynamic_network() -> None:
    rows = {row.name: row for row in analyze(small(("N", 3, "H", "W")), symbolic=True)}
    formulas = {name: str(row.output_shape) for name, row in rows.items()}
    assert formulas == {
        "x": "(N, 3, H, W)",
        "c1": "(N, 8, H, W)",
        "r1": "(N, 8, H, W)",
        "c2": "(N, 16, floor(H/2 + 1/2), floor(W/2 + 1/2))",
    }
    assert str(rows["c1"].macs) == "216*H*W"  # 3 * 3 * 3 * 8, at batch 1
    assert rows["c2"].receptive_field == (5, 5)


def value(formula: Any, put: dict[str, int]) -> Any:
    """Put numbers for the names in a formula."""
    if not hasattr(formula, "free_symbols"):
        return formula
    return formula.subs({symbol: put[symbol.name] for symbol in formula.free_symbols})


def test_formulas_with_numbers_in_them_are_the_numbers() -> None:
    formulas = analyze(small(("N", 3, "H", "W")), symbolic=True)
    for height, width in ((32, 32), (33, 7), (1, 1)):
        numbers = analyze(small((1, 3, height, width)))
        for formula, number in zip(formulas, numbers, strict=True):
            put = {"N": 1, "H": height, "W": width}
            assert [value(each, put) for each in formula.output_shape or ()] == list(
                number.output_shape or ()
            )
            assert value(formula.macs, put) == number.macs


def test_formulas_keep_the_names_of_the_file() -> None:
    analysis = analyze(small((1, 3, "unk__749", "width")), symbolic=True)
    assert str(analysis.layer("c1").output_shape) == "(1, 8, unk__749, width)"


def test_shapes_that_are_computed_from_shapes() -> None:
    """Upsample to the size of the input, as exporters write it: Shape, Gather, Cast, Concat, Resize."""
    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", "x", "s"),
        node("Slice", "s two four", "hw"),
        node("Shape", "p", "ps"),
        node("Slice", "ps zero two", "nc"),
        node("Concat", "nc hw", "size", axis=0),
        node("Resize", "p - - size", "up", mode="nearest"),
        node("Add", "up x", "y"),
    ]
    constants = [ints("zero", 0), ints("two", 2), ints("four", 4)]
    given = model(nodes, {"x": ("N", 3, "H", "W")}, "y", constants)
    assert shape(given, "y") == (OPEN, 3, OPEN, OPEN)
    assert str(analyze(given, symbolic=True).layer("y").output_shape) == "(N, 3, H, W)"
    assert shape(given, "y", input_shape=(2, 3, 33, 64)) == (2, 3, 33, 64)
    assert [row.name for row in analyze(given)] == ["x", "p", "up", "y"]


# ---- layout ------------------------------------------------------------------------------------------------


def turned(first: tuple[int, ...], *between: Any) -> Any:
    """Return a channels-last model that transposes at once, as tf2onnx writes it."""
    source = between[-1].output[0] if between else "x"
    nodes = [*between, node("Transpose", source, "t", perm=first), node("Conv", "t w", "c", strides=[2, 2])]
    return model(nodes, {"x": ("N", 64, 48, 3)}, "c", [weight("w", 8, 3, 3, 3)])


def test_channels_come_first_unless_something_else_is_said() -> None:
    analysis = analyze(small((1, 3, 64, 48)))
    assert analysis.inputs[0].spatial == (64, 48)
    assert analyze(model([node("Relu", "x", "y")], {"x": (1, 64, 48, 3)}, "y")).inputs[0].spatial == (48, 3)


@pytest.mark.parametrize(
    "between",
    [
        (),
        (node("Sub", "x mean", "s"),),
        (node("Cast", "x", "f", to=FLOAT), node("Mul", "f mean", "m"), node("Identity", "m", "i")),
    ],
    ids=["at once", "after a subtraction", "after three elementwise operations"],
)
def test_channels_last_is_told_from_a_transpose(between: tuple[Any, ...]) -> None:
    given = turned((0, 3, 1, 2), *between)
    given.graph.initializer.append(weight("mean", 3))
    analysis = analyze(given)
    assert analysis.inputs[0].spatial == (64, 48)
    last = analysis.layer("c")
    assert (last.output_shape, last.spatial) == ((OPEN, 8, 31, 23), (31, 23))
    assert (last.receptive_field, last.effective_stride) == ((3, 3), (2, 2))
    assert shape(given, "c", dims={"H": 32}) == (OPEN, 8, 15, 23)


def test_channels_last_input_of_another_axis_order() -> None:
    """(batch, width, height, channels), transposed so that height comes first."""
    analysis = analyze(turned((0, 3, 2, 1)))
    assert analysis.layer("c").output_shape == (OPEN, 8, 23, 31)
    assert analysis.layer("c").receptive_field == (3, 3)


def test_the_user_knows_the_layout_best() -> None:
    given = model([node("Relu", "x", "y")], {"x": (1, 64, 48, 3)}, "y")
    assert analyze(given, layout="NHWC").inputs[0].spatial == (64, 48)
    assert analyze(given, layout={"x": "nhwc"}).inputs[0].spatial == (64, 48)
    assert analyze(given, layout="HWNC").inputs[0].spatial == (1, 64)
    assert analyze(given, layout="NCHW").inputs[0].spatial == (48, 3)


def test_layout_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model([node("Relu", "x:0", "y")], {"x:0": (1, 64, 48, 3)}, "y").SerializeToString())
    for layout in ("NHWC", "x:0=NHWC"):
        code, out, _ = command(capsys, "analyze", path, "--format", "json", "--layout", layout)
        assert code == 0
        assert json.loads(out)["inputs"][0]["spatial"] == [64, 48]
    assert command(capsys, "analyze", path, "--layout", "NHHC")[0] == 2


def test_token_ids_are_positions() -> None:
    given = model(
        [node("Gather", "words ids", "e"), node("MatMul", "e w", "y")],
        {"ids": ("N", "L")}, "y", [weight("words", 100, 16), weight("w", 16, 4)],
    )  # fmt: skip
    given.graph.input[0].type.tensor_type.elem_type = INT64
    analysis = analyze(given, dims={"L": 12})
    assert analysis.inputs[0].spatial == (12,)
    assert analysis.layer("y").receptive_field == (1,)
    assert analysis.totals.params.total == 100 * 16 + 16 * 4


# ---- constants ---------------------------------------------------------------------------------------------


def test_a_weight_that_two_layers_share_counts_once() -> None:
    nodes = [node("Conv", "x w b", "c1", pads=[1] * 4), node("Conv", "c1 w b", "c2", pads=[1] * 4)]
    given = model(nodes, {"x": (1, 8, 9, 9)}, "c2", [weight("w", 8, 8, 3, 3), weight("b", 8)])
    analysis = analyze(given)
    assert [row.params.total for row in analysis] == [0, 584, 0]
    assert analysis.totals.params.total == 584
    assert analysis.totals.params.trainable == 584


def test_an_embedding_that_is_also_the_last_layer_counts_once() -> None:
    """Tied the way exporters write it: the table is transposed for the last product."""
    nodes = [
        node("Gather", "words ids", "e"),
        node("Transpose", "words", "turned", perm=[1, 0]),
        node("MatMul", "e turned", "y"),
    ]
    given = model(nodes, {"ids": ("N", 12)}, "y", [weight("words", 100, 16)])
    given.graph.input[0].type.tensor_type.elem_type = INT64
    assert analyze(given).totals.params.total == 1600
    assert [row.name for row in analyze(given)] == ["ids", "e", "y"]


def test_constants_that_are_also_inputs_are_no_inputs() -> None:
    """Before IR version 4 every initializer had to be an input too."""
    given = small((1, 3, 8, 8))
    given.graph.input.extend(
        [declared("w1", (8, 3, 3, 3)), declared("b1", (8,)), declared("w2", (16, 8, 3, 3))]
    )
    analysis = analyze(given)
    assert [row.name for row in analysis.inputs] == ["x"]
    assert analysis.totals.params.total == analyze(small((1, 3, 8, 8))).totals.params.total == 224 + 1152


def as_initializer() -> list[Any]:
    return [weight("w", 4, 3, 3, 3)]


def as_constant() -> list[Any]:
    value = weight("w", 4, 3, 3, 3)
    return [helper.make_node("Constant", [], ["w"], value=value)]


def as_constant_with_data() -> list[Any]:
    value = helper.make_tensor("w", FLOAT, (4, 3, 3, 3), [0.5] * 108)
    return [helper.make_node("Constant", [], ["w"], value=value)]


def as_filling() -> list[Any]:
    shape = helper.make_tensor("s", INT64, (4,), (4, 3, 3, 3))
    half = helper.make_tensor("v", FLOAT, (1,), [0.5])
    return [
        helper.make_node("Constant", [], ["s"], value=shape),
        helper.make_node("ConstantOfShape", ["s"], ["w"], value=half),
    ]


def as_identity() -> list[Any]:
    return [weight("v", 4, 3, 3, 3), node("Identity", "v", "w")]


def as_transposed() -> list[Any]:
    return [weight("v", 3, 3, 3, 4), node("Transpose", "v", "w", perm=[3, 2, 0, 1])]


def as_reshaped() -> list[Any]:
    return [weight("v", 108), ints("s", 4, 3, 3, 3), node("Reshape", "v s", "w")]


def as_dequantized() -> list[Any]:
    small = onnx.TensorProto.INT8
    return [
        weight("v", 4, 3, 3, 3, dtype=small),
        weight("k"),
        weight("z", dtype=small),
        node("DequantizeLinear", "v k z", "w"),
    ]


def as_half() -> list[Any]:
    return [weight("v", 4, 3, 3, 3, dtype=onnx.TensorProto.FLOAT16), node("Cast", "v", "w", to=FLOAT)]


@pytest.mark.parametrize(
    "kept",
    [as_initializer, as_constant, as_constant_with_data, as_filling, as_identity, as_transposed, as_reshaped,
     as_dequantized, as_half],
)  # fmt: skip
def test_a_weight_counts_wherever_the_file_keeps_it(kept: Callable[[], list[Any]]) -> None:
    parts = kept()
    constants = [part for part in parts if isinstance(part, onnx.TensorProto)]
    nodes = [part for part in parts if not isinstance(part, onnx.TensorProto)]
    given = model([*nodes, node("Conv", "x w", "c")], {"x": (1, 3, 8, 8)}, "c", constants)
    analysis = analyze(given)
    assert analysis.layer("c").params.total == 4 * 3 * 3 * 3
    assert analysis.totals.params.total == 108
    assert analysis.layer("c").output_shape == (1, 4, 6, 6)
    assert [row.name for row in analysis] == ["x", "c"]  # what happens to a constant is no layer


def test_shapes_indices_axes_scales_and_pads_are_no_parameters() -> None:
    constants = [
        ints("shape", 1, 12, 64),
        ints("places", 0, 2),
        helper.make_tensor("scales", FLOAT, (3,), (1, 1, 2)),
        ints("pads", 0, 0, 1, 0, 0, 1),
        helper.make_tensor("filling", FLOAT, (), (0.5,)),
        helper.make_tensor("half", FLOAT, (), (0.5,)),
        weight("w", 2),
    ]
    nodes = [
        node("Reshape", "x shape", "r"),
        node("Gather", "r places", "g", axis=1),
        node("Resize", "g - scales", "up"),
        node("Pad", "up pads filling", "p"),
        node("Mul", "p half", "m"),
        node("PRelu", "m slope", "y"),
    ]
    constants[-1] = weight("slope", 2, 1)
    analysis = analyze(model(nodes, {"x": (1, 3, 16, 16)}, "y", constants))
    assert analysis.layer("y").output_shape == (1, 2, 130)
    assert analysis.totals.params.total == 2  # the slopes


def test_moving_statistics_are_not_trained() -> None:
    weights = [weight(name, 8) for name in ("scale", "shift", "mean", "var")]
    analysis = analyze(
        model([node("BatchNormalization", "x scale shift mean var", "y")], {"x": (1, 8, 4, 4)}, "y", weights)
    )
    assert (analysis.totals.params.trainable, analysis.totals.params.non_trainable) == (16, 16)


@pytest.mark.parametrize("location", ["weights.data", "../../etc/passwd", "/etc/passwd", "", "a\0b", "CON"])
def test_external_data_are_never_opened(location: str, tmp_path: Path) -> None:
    given = small((1, 3, 8, 8))
    for tensor in given.graph.initializer:
        del tensor.external_data[:]
        for key, value in (("location", location), ("offset", "0"), ("length", "99999999999")):
            tensor.external_data.add(key=key, value=value)
    path = tmp_path / "m.onnx"
    path.write_bytes(given.SerializeToString())
    (tmp_path / "weights.data").write_bytes(b"")
    opened: list[str] = []
    watched = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watched[0] and event == "open" and not isinstance(arguments[0], int):
            opened.append(str(arguments[0]))

    analyze(str(path))  # so that all modules are there
    rfcalc.field(str(path), "c2")
    sys.addaudithook(watch)
    try:
        analysis = analyze(str(path))
        field = rfcalc.field(str(path), "c2")
    finally:
        watched[0] = False
    assert opened == [str(path), str(path)]
    assert analysis.totals.params.total == 1376
    assert field.axes[0].rows[0] == (0, 2, 3)


# ---- functions ---------------------------------------------------------------------------------------------


def block(name: str = "Block") -> Any:
    """Return a function: a convolution whose stride its call decides, and an activation."""
    convolution = node("Conv", "x w", "c", pads=[1] * 4)
    strides = onnx.AttributeProto(name="strides", type=onnx.AttributeProto.INTS, ref_attr_name="step")
    convolution.attribute.append(strides)
    nodes = [convolution, node("Relu", "c", "y")]
    return helper.make_function(
        "ai.acme", name, ["x", "w"], ["y"], nodes, [helper.make_opsetid("", 17)], ["step"]
    )


def calling(op: str = "Block", functions: tuple[Any, ...] = ()) -> Any:
    nodes = [
        node(op, "x w1", "a", domain="ai.acme", step=[2, 2], name="first"),
        node(op, "a w2", "b", domain="ai.acme", step=[1, 1], name="second"),
    ]
    weights = [weight("w1", 4, 3, 3, 3), weight("w2", 4, 4, 3, 3)]
    return model(nodes, {"x": (1, 3, 16, 16)}, "b", weights, functions=functions or (block(),))


@pytest.mark.parametrize(
    ("reduction", "status"),
    [("none", "bound"), ("add", "exact")],
)
def test_what_is_written_over_a_map_hides_what_was_there(reduction: str, status: str) -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1]),
        node("ScatterND", "c places zero", "s", reduction=reduction),
        node("Conv", "s w", "y", pads=[1, 1]),
    ]
    places = helper.make_tensor("places", INT64, (1, 2), (0, 0))
    constants = [weight("w", 1, 1, 3), places, helper.make_tensor("zero", FLOAT, (1, 9), (0,) * 9)]
    given = model(nodes, {"x": (1, 1, 9)}, "y", constants, opset=18)
    analysis = analyze(given)
    assert [analysis.layer(name).status for name in ("c", "s", "y")] == ["exact", status, status]
    assert analysis.layer("y").receptive_field == (5,)
    assert [
        axis.status
        for axis in rfcalc.field(model(nodes, {"x": (1, 1, 9)}, "y", constants, opset=18), "s").axes
    ] == [status]


def test_functions_are_inlined() -> None:
    analysis = analyze(calling())
    assert [(row.op, row.output_shape, row.receptive_field) for row in analysis][1:] == [
        ("Conv", (1, 4, 8, 8), (3, 3)),
        ("Relu", (1, 4, 8, 8), (3, 3)),
        ("Conv", (1, 4, 8, 8), (7, 7)),
        ("Relu", (1, 4, 8, 8), (7, 7)),
    ]
    assert analysis.totals.params.total == 108 + 144
    assert len({row.name for row in analysis}) == 5
    assert all("first" in row.name for row in list(analysis)[1:3])
    assert rfcalc.field(calling(), "b").axes[0].extent == 8


def test_functions_call_functions() -> None:
    outer = helper.make_function(
        "ai.acme", "Outer", ["x", "w"], ["y"],
        [node("Block", "x w", "y", domain="ai.acme", step=[2, 2])],
        [helper.make_opsetid("", 17), helper.make_opsetid("ai.acme", 1)],
    )  # fmt: skip
    analysis = analyze(calling("Outer", (outer, block())))
    assert analysis.layer("x").output_shape == (1, 3, 16, 16)
    assert list(analysis)[-1].output_shape == (1, 4, 4, 4)


def test_a_function_that_calls_itself_is_refused() -> None:
    loop = helper.make_function(
        "ai.acme", "Block", ["x", "w"], ["y"],
        [node("Block", "x w", "y", domain="ai.acme")],
        [helper.make_opsetid("", 17), helper.make_opsetid("ai.acme", 1)],
    )  # fmt: skip
    with pytest.raises(ReadError, match="call themselves"):
        analyze(calling("Block", (loop,)))


# ---- branches ----------------------------------------------------------------------------------------------


def branch(kernel: int, name: str, filters: int = 4) -> Any:
    """Return one branch of an If: a convolution of the tensor around it."""
    result = f"{name}_y"
    convolution = node("Conv", f"x {name}_w", result, pads=[kernel // 2] * 4)
    return helper.make_graph(
        [convolution], name, [], [declared(result, None)], [weight(f"{name}_w", filters, 3, kernel, kernel)]
    )


def choosing(condition: list[Any], *, filters: int = 4, inputs: dict[str, Any] | None = None) -> Any:
    choice = node("If", "flag", "y", then_branch=branch(3, "then"), else_branch=branch(5, "other", filters))
    nodes = [part for part in condition if isinstance(part, onnx.NodeProto)]
    constants = [part for part in condition if not isinstance(part, onnx.NodeProto)]
    ends = [*nodes, choice, node("Relu", "y", "z")]
    return model(ends, {"x": (1, 3, 16, 16), **(inputs or {})}, "z", constants)


def flag(value: bool) -> Any:
    return helper.make_tensor("flag", onnx.TensorProto.BOOL, (), [value])


@pytest.mark.parametrize(("value", "field"), [(True, (3, 3)), (False, (5, 5))])
def test_a_known_condition_takes_one_branch(value: bool, field: tuple[int, int]) -> None:
    last = analyze(choosing([flag(value)])).layer("z")
    assert (last.receptive_field, last.status) == (field, "exact")
    assert analyze(choosing([flag(value)])).totals.params.total == 4 * 3 * field[0] ** 2


def test_a_condition_on_the_shape_is_known() -> None:
    """As exporters write it: squeeze only where the extent is 1."""
    condition = [
        node("Shape", "x", "s"), ints("axis", 2), node("Gather", "s axis", "h"), ints("sixteen", 16),
        node("Equal", "h sixteen", "flag"),
    ]  # fmt: skip
    assert analyze(choosing(condition)).layer("z").receptive_field == (3, 3)
    assert analyze(choosing(condition), dims={"H": 20}).layer("z").receptive_field == (5, 5)


def test_an_unknown_condition_takes_both_branches_where_they_agree() -> None:
    given = choosing([], inputs={"flag": ()})
    given.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.BOOL
    last = analyze(given).layer("z")
    assert last.output_shape == (1, 4, 16, 16)
    assert last.receptive_field == (5, 5)
    assert analyze(given).totals.params.total == 4 * 3 * (9 + 25)


def test_an_unknown_condition_with_branches_that_differ_is_unknown() -> None:
    given = choosing([], inputs={"flag": ()}, filters=7)
    given.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.BOOL
    analysis = analyze(given)
    assert analysis.layer("z").status == "unknown"
    assert analysis.layer("z").output_shape is None
    notes = [note for note in analysis.notes if note.code == "unknown-op"]
    assert len(notes) == 1
    assert "If" in notes[0].message
    assert analysis.totals.resolved < analysis.totals.layers


def test_a_loop_is_named_not_guessed() -> None:
    body = helper.make_graph(
        [node("Relu", "v", "out"), node("Identity", "go", "on")], "body",
        [declared("i", (), INT64), declared("go", (), onnx.TensorProto.BOOL), declared("v", None)],
        [declared("on", (), onnx.TensorProto.BOOL), declared("out", None)],
    )  # fmt: skip
    nodes = [node("Loop", "times - x", "y", body=body), node("Relu", "y", "z")]
    given = model(nodes, {"x": (1, 3, 8, 8), "times": ()}, "z")
    given.graph.input[1].type.tensor_type.elem_type = INT64
    analysis = analyze(given)
    assert analysis.layer("z").status in ("bound", "unknown")
    if analysis.layer("z").status == "unknown":
        assert any("Loop" in note.message for note in analysis.notes)


# ---- operations that nobody knows --------------------------------------------------------------------------


def odd(*, recorded: bool = False) -> Any:
    """Return a network with two kinds of made-up operations, one of them twice."""
    nodes = [
        node("Conv", "x w", "c", pads=[1] * 4),
        node("Frobnicate", "c", "f1", domain="ai.acme", name="frob1"),
        node("Frobnicate", "f1", "f2", domain="ai.acme", name="frob2"),
        node("Twiddle", "c", "t", domain="ai.acme"),
        node("Conv", "f2 v", "y", pads=[1] * 4),
        node("Relu", "c", "z"),
    ]
    weights = [weight("w", 4, 3, 3, 3), weight("v", 2, 4, 3, 3)]
    given = model(nodes, {"x": (1, 3, 16, 16)}, "y t z", weights)
    if recorded:
        given.graph.value_info.extend([declared("f1", (1, 4, 16, 16)), declared("f2", (1, 4, 16, 16))])
    return given


def test_each_unknown_operation_is_reported_once() -> None:
    analysis = analyze(odd())
    notes = [note.message for note in analysis.notes if note.code == "unknown-op"]
    assert [["Frobnicate" in message, "Twiddle" in message] for message in notes] == [
        [True, False],
        [False, True],
    ]
    assert [row.name for row in analysis if row.status == "unknown"] == ["frob1", "frob2", "t", "y"]
    assert analysis.layer("z").status == "exact"
    assert (analysis.totals.resolved, analysis.totals.layers) == (3, 7)
    assert not analysis.totals.complete


def test_an_unknown_operation_behind_another_is_reported_too() -> None:
    given = odd()
    given.graph.node[2].op_type = "Gizmo"
    messages = " ".join(note.message for note in analyze(given).notes if note.code == "unknown-op")
    assert all(op in messages for op in ("ai.acme.Frobnicate", "ai.acme.Gizmo", "ai.acme.Twiddle"))


def test_a_loaded_graph_can_be_analysed_either_way() -> None:
    """What an unknown operation is taken for decides on the shapes behind it, so it is said while reading."""
    graph = rfcalc.load(odd())
    assert analyze(graph).layer("y").status == "unknown"
    assert analyze(graph, on_unknown="identity").layer("y").status == "unknown"
    taken = rfcalc.load(odd(), on_unknown="identity")
    assert analyze(taken, on_unknown="identity").layer("y").output_shape == (1, 2, 16, 16)


def test_a_recorded_shape_helps_behind_an_unknown_operation() -> None:
    analysis = analyze(odd(recorded=True))
    assert analysis.layer("y").output_shape == (1, 2, 16, 16)
    assert analysis.layer("y").receptive_field is None
    assert analysis.layer("y").status == "unknown"
    assert shape(odd(recorded=True), "c", dims={"H": 20}) == (1, 4, 20, 16)
    assert analyze(odd(recorded=True), dims={"H": 20}).layer("y").output_shape is None


def test_what_unknown_operations_are_taken_for() -> None:
    identity = analyze(odd(), on_unknown="identity")
    last = identity.layer("y")
    assert (last.output_shape, last.receptive_field) == ((1, 2, 16, 16), (5, 5))
    assert identity.doubts == ("'frob1' (assumed)", "'frob2' (assumed)", "'t' (assumed)")
    bound = analyze(odd(recorded=True), on_unknown="bound").layer("y")
    assert (bound.output_shape, bound.receptive_field, bound.status) == (
        (1, 2, 16, 16),
        (None, None),
        "bound",
    )
    with pytest.raises(AnalysisError, match="Frobnicate") as caught:
        analyze(odd(), on_unknown="error")
    assert "Twiddle" in str(caught.value)


@pytest.mark.parametrize(("choice", "code"), [("report", 0), ("bound", 0), ("identity", 0), ("error", 3)])
def test_on_unknown_on_the_command_line(
    choice: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(odd().SerializeToString())
    status, out, err = command(capsys, "analyze", path, "--on-unknown", choice)
    assert status == code
    assert "Frobnicate" in out + err
    assert "Traceback" not in err
    if code:
        assert len(err.splitlines()) == 1
        assert err.startswith(f"rfcalc: error: {path}: ")


def test_the_field_behind_an_unknown_operation() -> None:
    with pytest.raises(AnalysisError, match="Frobnicate"):
        rfcalc.field(odd(), "y")
    assert rfcalc.field(odd(), "z").axes[0].rows[0] == (0, 1, 2)
    assert rfcalc.field(odd(), "y", on_unknown="identity").axes[0].rows[0] == (0, 2, 3)
    bounded = rfcalc.field(odd(recorded=True), "y", on_unknown="bound").axes[0]
    assert (bounded.status, bounded.rows[0]) == ("bound", (0, 15, 16))


# ---- names -------------------------------------------------------------------------------------------------


def test_layers_have_the_names_of_the_file() -> None:
    given = small((1, 3, 8, 8))
    for each, name in zip(given.graph.node, ["stem/conv", "", "stem/conv"], strict=True):
        each.name = name
    analysis = analyze(given)
    names = [row.name for row in analysis]
    assert names[:3] == ["x", "stem/conv", "r1"]  # a node without a name goes by its tensor
    assert len(set(names)) == 4
    document = analysis.to_dict()
    assert [layer["outputs"] for layer in document["layers"]] == [["x"], ["c1"], ["r1"], ["c2"]]
    assert document["model"]["format"] == "onnx"


def test_field_takes_the_names_of_tensors() -> None:
    nodes = [node("Split", "x sizes", "left right", name="split", axis=3), node("Relu", "left", "y")]
    given = model(nodes, {"x": (1, 3, 8, 8)}, "right y", [ints("sizes", 3, 5)])
    left, right = rfcalc.field(given, "left"), rfcalc.field(given, "right")
    assert left.axes[1].rows == ((0, 0, 1), (1, 1, 1), (2, 2, 1))
    assert right.axes[1].rows == tuple((k, k, 1) for k in range(3, 8))
    assert rfcalc.field(given, "split").axes[1].rows == left.axes[1].rows
    with pytest.raises(UsageError, match="no layer or tensor 'lefd'"):
        rfcalc.field(given, "lefd")


def test_field_on_the_command_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "field", file, "c2", "--input-shape", "1,3,6,6", "--format", "json")
    assert code == 0
    assert [axis["rows"] for axis in json.loads(out)["axes"]] == [[[0, 2, 3], [0, 4, 5], [2, 5, 4]]] * 2
    code, out, err = command(capsys, "field", file, "c2")
    assert (code, out) == (2, "")
    assert "give one with --input-shape" in err


# ---- ways to give a model ----------------------------------------------------------------------------------


def test_a_model_is_a_path_a_file_bytes_or_a_proto(file: Path, tmp_path: Path) -> None:
    expected = [row.output_shape for row in analyze(str(file))]
    other = tmp_path / "model.bin"
    other.write_bytes(file.read_bytes())
    with file.open("rb") as stream:
        ways = {
            "path": file,
            "another suffix": other,
            "file": stream,
            "memory": io.BytesIO(file.read_bytes()),
            "bytes": file.read_bytes(),
            "bytearray": bytearray(file.read_bytes()),
            "proto": onnx.load(file, load_external_data=False),
            "graph": rfcalc.load(file),
        }
        for way, given in ways.items():
            assert [row.output_shape for row in analyze(given)] == expected, way


def test_standard_input(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rfcalc", "analyze", "-", "--format", "json"],
        input=file.read_bytes(), capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert document["model"]["source"] == "<stdin>"
    assert document["layers"][-1]["receptive_field"] == [5, 5]


def test_a_proto_is_not_changed() -> None:
    given = small()
    before = given.SerializeToString(deterministic=True)
    analyze(given, dims={"H": 8})
    assert given.SerializeToString(deterministic=True) == before


def test_the_order_of_operations_does_not_matter() -> None:
    given = small((1, 3, 8, 8))
    nodes = list(given.graph.node)
    del given.graph.node[:]
    given.graph.node.extend(reversed(nodes))
    assert [row.output_shape for row in analyze(given)] == [
        row.output_shape for row in analyze(small((1, 3, 8, 8)))
    ]


def test_results_are_the_same_from_run_to_run(file: Path) -> None:
    def printed(seed: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "rfcalc", "analyze", str(file), "--format", "json"],
            capture_output=True, check=True, timeout=60, env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout  # fmt: skip

    assert printed("1") == printed("2")


def test_graphs_that_do_not_hold_together() -> None:
    dangling = model([node("Relu", "nowhere", "y")], {"x": (1, 3, 8, 8)}, "y")
    cyclic = model([node("Add", "x b", "a"), node("Relu", "a", "b")], {"x": (1, 3, 8, 8)}, "b")
    for given, said in ((dangling, "'nowhere'"), (cyclic, "cycle")):
        with pytest.raises(GraphError, match=said):
            analyze(given)


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23])
def test_every_opset_since_7(opset: int) -> None:
    given = small((1, 3, 8, 8))
    given.opset_import[0].version = opset
    assert shape(given, "c2") == (1, 16, 4, 4)


# ---- without the package -----------------------------------------------------------------------------------

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
from rfcalc.cli import main
main(["analyze", {path!r}])
"""


@pytest.mark.parametrize(
    "names", [("onnx",), ("onnx", "numpy"), ("onnx", "google", "numpy"), ("numpy",), ("google",)]
)
def test_without_the_onnx_package_a_line_says_what_to_install(file: Path, names: tuple[str, ...]) -> None:
    code = BLOCKED.format(names=names, path=str(file))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    message = "reading ONNX needs the onnx package: pip install 'rfcalc[onnx]'"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"rfcalc: error: {file}: {message}\n"


def test_other_formats_do_not_need_it(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "max_pool", "kernel": 2}]}')
    code = BLOCKED.format(names=("onnx", "numpy", "google", "torch"), path=str(path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_are_of_one_kind() -> None:
    with pytest.raises(RfcalcError):
        analyze(b"\x08\x07")
