"""`rfcalc annotate`: a file gets the figures of `analyze`, shapes that a run bears out, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rfcalc
from rfcalc.errors import ReadError, UsageError
from tests.calling import call

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from rfcalc.questions.annotate.file import Info, OnnxFile  # noqa: E402  needs onnx
from tests.readers.onnx_build import declared, helper, ints, model, node, small, weight  # noqa: E402  needs onnx
from tests.readers.onnx_cases import all_cases  # noqa: E402  needs onnx
from tests.readers.onnx_graphs import graph_bytes  # noqa: E402  needs onnx
from tests.readers.onnx_models import Case, model_of  # noqa: E402  needs onnx

pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

MODELS = Path(__file__).parents[2] / "docs" / "models"
KEYS = ("receptive_field", "effective_stride", "params", "macs")

CASES = all_cases()
some_cases = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if place % 4 == 0 else pytest.mark.long)
        for place, case in enumerate(CASES)
    ],
    ids=str,
)


def annotated(model: Any, tmp_path: Path, **how: Any) -> Any:
    """Return a model as it is read from the file that was written."""
    rfcalc.annotate(model, tmp_path / "out.onnx", **how)
    return onnx.load(tmp_path / "out.onnx", load_external_data=False)


def told(proto: Any) -> dict[str, dict[str, str]]:
    """Return the metadata of operations by the first tensor that they make, our keys cut short."""
    return {
        each.output[0]: {p.key.removeprefix("rfcalc."): p.value for p in each.metadata_props}
        for each in proto.graph.node
    }


def shapes(proto: Any) -> dict[str, list[int | str | None]]:
    found = {}
    for info in proto.graph.value_info:
        dims = info.type.tensor_type.shape.dim
        found[info.name] = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims]
    return found


def without_ours(proto: Any, before: Any) -> bytes:
    """Return a file as it was before: without our metadata, and without shapes that it did not have."""
    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for holder in (bare, *bare.graph.node):
        kept = [each for each in holder.metadata_props if not each.key.startswith("rfcalc.")]
        del holder.metadata_props[:]
        holder.metadata_props.extend(kept)
    del bare.graph.value_info[len(before.graph.value_info) :]
    return bytes(bare.SerializeToString(deterministic=True))


# ---- what is written ---------------------------------------------------------------------------------------


def test_each_operation_has_the_figures_of_the_analysis(tmp_path: Path) -> None:
    made = told(annotated(small((1, 3, 32, 24)), tmp_path))
    # fields 3, 3 + (3 - 1)*1; products of 3*3*3 and 3*3*8; a bias of 8
    assert made == {
        "c1": {
            "receptive_field": "3x3", "effective_stride": "1x1", "params": "224",
            "macs": str(32 * 24 * 8 * 27),
        },
        "r1": {"receptive_field": "3x3", "effective_stride": "1x1", "params": "0", "macs": "0"},
        "c2": {
            "receptive_field": "5x5", "effective_stride": "2x2", "params": "1152",
            "macs": str(16 * 12 * 16 * 72),
        },
    }  # fmt: skip


def test_shapes_have_the_names_that_the_file_has_for_open_extents(tmp_path: Path) -> None:
    """The map keeps the extents of the input; where it is halved there is no name for what that comes to."""
    proto = small(("N", 3, "H", "W"))
    proto.graph.node.append(node("Relu", "c2", "y"))
    proto.graph.output[0].name = "y"
    made = annotated(proto, tmp_path)
    assert shapes(made) == {"c1": ["N", 8, "H", "W"], "r1": ["N", 8, "H", "W"], "c2": ["N", 16, None, None]}
    assert told(made)["c2"]["macs"] == "unknown"
    # a size that is given is that of figures, and not of the file
    sized = annotated(proto, tmp_path, dims={"H": 8, "W": 8})
    assert shapes(sized) == shapes(made)
    assert told(sized)["c2"]["macs"] == str(4 * 4 * 16 * 72)
    assert [(p.key, p.value) for p in sized.metadata_props] == [("rfcalc.input", "x (N, 3, 8, 8)")]


def test_what_the_file_says_of_shapes_is_left_as_it_is(tmp_path: Path) -> None:
    proto = small((1, 3, 8, 8))
    proto.graph.value_info.append(declared("c1", ("any", 8, None, None)))
    assert shapes(annotated(proto, tmp_path)) == {"c1": ["any", 8, None, None], "r1": [1, 8, 8, 8]}


def test_written_twice_it_is_the_same_and_other_metadata_stays(tmp_path: Path) -> None:
    proto = small((1, 3, 8, 8))
    proto.metadata_props.add(key="author", value="me")
    proto.graph.node[0].metadata_props.add(key="rfcalc.macs", value="of another day")
    proto.graph.node[0].metadata_props.add(key="namespace", value="stem")
    once, twice = (tmp_path / f"{name}.onnx" for name in ("once", "twice"))
    found = rfcalc.annotate(proto, once)
    assert (found.nodes, found.annotated, found.shapes) == (3, 3, 2)
    again = rfcalc.annotate(once, twice)
    assert (again.nodes, again.annotated, again.shapes) == (3, 3, 0)
    assert once.read_bytes() == twice.read_bytes()
    made = onnx.load(once, load_external_data=False)
    keys = [each.key for each in made.graph.node[0].metadata_props]
    assert keys == ["namespace", *(f"rfcalc.{key}" for key in KEYS)]
    assert [each.key for each in made.metadata_props] == ["author", "rfcalc.input"]


def test_what_is_not_known_is_said_to_be(tmp_path: Path) -> None:
    nodes = [node("Mystery", "x", "m", domain="ai.acme"), node("Relu", "m", "y")]
    made = told(annotated(model(nodes, {"x": (1, 3, 8, 8)}, "y"), tmp_path))
    assert made["m"]["receptive_field"] == made["y"]["receptive_field"] == "unknown"
    assert made["m"]["macs"] == "unknown"


def test_what_depends_on_no_input_gets_nothing(tmp_path: Path) -> None:
    nodes = [node("Add", "a b", "sum"), node("Reshape", "x sum", "y")]
    made = annotated(model(nodes, {"x": (1, 3, 8, 8)}, "y", [ints("a", 1, 1), ints("b", 0, -2)]), tmp_path)
    assert told(made)["sum"] == {}
    assert set(told(made)["y"]) == {"params", "macs", "receptive_field"}


def test_a_call_of_a_function_has_what_its_layers_cost_together(tmp_path: Path) -> None:
    inner = [node("Conv", "a k", "b", name="conv", pads=[1] * 4), node("Relu", "b", "c", name="relu")]
    function = helper.make_function(
        "ai.acme", "Unit", ["a", "k"], ["c"], inner, [helper.make_opsetid("", 17)]
    )
    nodes = [
        node("Unit", "x w", "u", name="unit", domain="ai.acme"),
        node("Unit", "u v", "y", name="again", domain="ai.acme"),
    ]
    held = [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 3, 3)]
    proto = model(nodes, {"x": (1, 3, 8, 8)}, "y", held, functions=[function])
    made = told(annotated(proto, tmp_path))
    assert {key: each["receptive_field"] for key, each in made.items()} == {"u": "3x3", "y": "5x5"}
    assert {key: each["params"] for key, each in made.items()} == {"u": "108", "y": "144"}
    assert made["y"]["macs"] == str(64 * 4 * 36)


def test_operations_of_one_name_and_several_layers_have_costs_that_are_not_told_apart(tmp_path: Path) -> None:
    """Their layers are called alike, so that nobody can say which is whose: it is not guessed."""
    inner = [node("Conv", "a k", "b", name="conv", pads=[1] * 4), node("Relu", "b", "c", name="relu")]
    function = helper.make_function(
        "ai.acme", "Unit", ["a", "k"], ["c"], inner, [helper.make_opsetid("", 17)]
    )
    nodes = [
        node("Unit", "x w", "u", name="unit", domain="ai.acme"),
        node("Unit", "u v", "y", name="unit", domain="ai.acme"),
    ]
    held = [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 3, 3)]
    made = told(annotated(model(nodes, {"x": (1, 3, 8, 8)}, "y", held, functions=[function]), tmp_path))
    assert {key: each["receptive_field"] for key, each in made.items()} == {"u": "3x3", "y": "5x5"}
    assert {each["params"] for each in made.values()} == {"unknown"}


# ---- against runs ------------------------------------------------------------------------------------------


@some_cases
def test_the_model_is_the_same_and_its_shapes_are_those_of_a_run(case: Case, tmp_path: Path) -> None:
    """onnxruntime loads it and puts out the same; every shape and type that was added is what it makes."""
    proto = model_of(case)
    try:
        made = annotated(proto, tmp_path)
    except rfcalc.RfcalcError:
        pytest.skip("rfcalc does not read it")
    assert without_ours(made, proto) == proto.SerializeToString(deterministic=True)
    added = list(made.graph.value_info)[len(proto.graph.value_info) :]
    shown = onnx.ModelProto()
    shown.CopyFrom(proto)
    for each in added:
        shown.graph.output.add(name=each.name)  # of whatever type it is
    try:
        before = ran(proto)
    except Exception as error:
        pytest.skip(f"onnxruntime does not run it: {type(error).__name__}")
    inside = ran(shown)
    for name, value in ran(made).items():
        np.testing.assert_array_equal(value, before[name])
    for each in added:
        kind, value = each.type.tensor_type, inside[each.name]
        assert helper.tensor_dtype_to_np_dtype(kind.elem_type) == value.dtype, each.name
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        assert len(dims) == value.ndim, each.name
        assert all(mine in (None, its) for mine, its in zip(dims, value.shape, strict=True)), each.name


def ran(proto: Any) -> dict[str, Any]:
    """Return what a model puts out for numbers by chance, the same each time."""
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {each.name: _random(each) for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def _random(given: Any) -> np.ndarray:
    shape = [each if isinstance(each, int) else 2 for each in given.shape]
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
    chance = np.random.default_rng(0)
    if given.type in kinds:
        return chance.normal(size=shape).astype(kinds[given.type])
    if given.type == "tensor(bool)":
        return chance.random(size=shape) < 0.5
    return chance.integers(0, 2, size=shape).astype(given.type.removeprefix("tensor(").removesuffix(")"))


@pytest.mark.parametrize("name", ["own.convtasnet_bn", "own.convtasnet_gln.ts17", "own.added_causal_mask"])
def test_operations_cost_together_what_the_model_costs(name: str, tmp_path: Path) -> None:
    """Every layer belongs to one operation of the graph; ONNX finds no fault with types and shapes."""
    data = graph_bytes(name)
    made = annotated(data, tmp_path)
    totals = rfcalc.analyze(data).totals  # type: ignore[arg-type]  # the contents of a file
    figures = [each for each in told(made).values() if each]
    for key, total in (("params", totals.params.total), ("macs", totals.macs)):
        known = [each[key] for each in figures]
        if "unknown" not in known:
            assert sum(map(int, known)) == total, key
        else:
            assert total is None
    before = onnx.load_model_from_string(data)
    assert without_ours(made, before) == before.SerializeToString(deterministic=True)
    onnx.shape_inference.infer_shapes(made, check_type=True, strict_mode=True)


# ---- large files, and files beside -------------------------------------------------------------------------


def test_weights_are_passed_on_without_a_copy() -> None:
    held = helper.make_tensor(
        "w", onnx.TensorProto.FLOAT, (256, 256, 3, 3), bytes(4 * 256 * 256 * 9), raw=True
    )
    proto = model([node("Conv", "x w", "c"), node("Relu", "c", "y")], {"x": (1, 256, 8, 8)}, "y", [held])
    data = proto.SerializeToString()
    told = [{"rfcalc.params": "589824"}, {}]
    pieces = list(OnnxFile(data).pieces(told, [Info("c", 1, (1, 256, 6, 6))], {}))
    assert sum(len(each) for each in pieces if isinstance(each, bytes)) < 300
    assert all(each.obj is data for each in pieces if isinstance(each, memoryview))
    written = onnx.load_model_from_string(b"".join(pieces))
    assert written.graph.initializer[0] == held


def test_weights_in_a_file_beside_are_not_opened_and_their_place_stays(tmp_path: Path) -> None:
    """Of 12 GB, which are not there at all."""
    proto = model([node("Gemm", "x w", "y")], {"x": (1, 50_000)}, "y", [weight("w", 50_000, 60_000)])
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    made = annotated(path, tmp_path)
    assert told(made)["y"]["params"] == str(3 * 10**9)
    assert made.graph.initializer[0].external_data[0].value == "weights.data"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net.onnx", "out.onnx"]
    (tmp_path / "other").mkdir()
    with pytest.raises(
        UsageError, match=r"its tensors lie in weights\.data beside the model; write to the folder"
    ):
        rfcalc.annotate(path, tmp_path / "other" / "out.onnx")
    assert not list((tmp_path / "other").iterdir())


# ---- the command, and what is refused ----------------------------------------------------------------------


def test_the_command(tmp_path: Path) -> None:
    model, out = tmp_path / "net.onnx", tmp_path / "out.onnx"
    model.write_bytes(small((1, 3, "H", "W")).SerializeToString())
    got = call("annotate", str(model), "--dim", "H=8", "--dim", "W=8", "-o", str(out))
    assert (got.exit_code, got.stdout) == (0, "")
    assert got.stderr == f"rfcalc: note: {out}: 3 of 3 nodes annotated, 2 shapes added\n"
    assert told(onnx.load(out, load_external_data=False))["c1"]["macs"] == str(64 * 8 * 27)
    refused = call("annotate", str(model), "-o", str(model))
    assert refused.exit_code == 2
    assert "--output is the model file itself" in refused.stderr


KERAS = {"class_name": "Sequential", "config": {"name": "s", "layers": [
    {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 8, 8, 3]}}]}}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("net.json", (MODELS / "pooling.json").read_bytes(), 2, "rfcalc analyze shows the same figures"),
        (
            "keras.json",
            json.dumps(KERAS).encode(),
            2,
            "export it to ONNX first, with model.export('net.onnx'",
        ),
        ("cut.onnx", small().SerializeToString()[:-9], 3, "is truncated or damaged"),
        ("none.onnx", None, 3, "no such file"),
    ],
)
def test_what_is_refused(name: str, content: bytes | None, code: int, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    got = call("annotate", str(tmp_path / name), "-o", str(tmp_path / "out.onnx"))
    assert got.exit_code == code
    assert says in got.stderr
    assert got.stderr.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()


def test_a_graph_that_was_loaded_is_no_file(tmp_path: Path) -> None:
    graph = rfcalc.load(small().SerializeToString())
    with pytest.raises(UsageError, match="only ONNX files can be annotated; name the file"):
        rfcalc.annotate(graph, tmp_path / "out.onnx")


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\x07", b"\x00\x00", b"\x80" * 11, b"\x0b\x01"])
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(ReadError, match="truncated or damaged"):
        OnnxFile(data)
