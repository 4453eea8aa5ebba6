"""Verification by running the model finds what is wrong, and accuses nothing that is right."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rfcalc
from rfcalc.algebra.steps import Slide
from rfcalc.algebra.window import slide
from rfcalc.errors import UsageError
from rfcalc.questions.verify.result import Difference
from rfcalc.rules import registry
from rfcalc.rules.registry import Call, Result, kinds
from rfcalc.rules.registry import Path as Way

DATA = Path(__file__).parents[1] / "data" / "onnx"
MODELS = Path(__file__).parents[2] / "docs" / "models"

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

pytestmark = pytest.mark.onnx

Node = tuple[str, Sequence[str], Sequence[str], dict[str, Any]]


def model(shape: Sequence[Any], nodes: Sequence[Node], **held: Any) -> bytes:
    """Make a model of one float input ``x`` whose outputs are what nobody takes."""
    taken = {name for _, given, _, _ in nodes for name in given}
    made = [name for _, _, out, _ in nodes for name in out]
    graph = helper.make_graph(
        [helper.make_node(op, given, out, name=out[0], **attrs) for op, given, out, attrs in nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info(name) for name in made if name not in taken],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()],
    )
    for each in graph.output:
        each.type.tensor_type.elem_type = TensorProto.FLOAT
    opset = helper.make_opsetid("", 17)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())


def normal(*shape: int) -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def ran(found: Any) -> list[Difference]:
    return [each for each in found.differences if each.by == "run"]


CONV = model((1, 2, 9, 9), [("Conv", ["x", "w"], ["y"], {"pads": [1] * 4})], w=normal(3, 2, 3, 3))


def with_rule(monkeypatch: pytest.MonkeyPatch, kind: str, change: Callable[[Result, Call], Result]) -> None:
    """Let the rule of a kind say something else."""
    old = kinds()[kind]
    monkeypatch.setitem(registry._KINDS, kind, old._replace(rule=lambda call: change(old.rule(call), call)))


# ---- what is right is not accused --------------------------------------------------------------------------

RIGHT = (
    "own.fsrcnn_x3.ts11",
    "own.oddpads.ts11",
    "own.tcn_valid",
    "own.added_causal_mask",
    "own.demucs_lstm",
)


@pytest.mark.parametrize("name", RIGHT)
def test_exports_agree_when_run(name: str) -> None:
    found = rfcalc.verify(gzip.decompress((DATA / f"{name}.onnx.gz").read_bytes()))
    assert found.holds
    assert found.maps > 5
    assert found.seen == found.claimed > 1000
    assert found.loose == ()
    assert found.ran.startswith("run by onnx")


def test_an_open_batch_is_run_with_two_samples() -> None:
    data = model(("N", 2, "H", "W"), [("Conv", ["x", "w"], ["y"], {"pads": [1] * 4})], w=normal(3, 2, 3, 3))
    found = rfcalc.verify(data)
    assert found.holds
    assert "at 2x2x16x16" in found.ran
    assert "2 of 2 samples, 16 of 16 rows, 16 of 16 columns" in found.ran


def test_the_reference_evaluator_stands_in_for_a_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = rfcalc.verify(CONV)
    assert found.holds
    assert found.seen == found.claimed == 50
    assert "reference evaluator" in found.ran


def test_weights_outside_of_the_file_and_zeros_are_made_up() -> None:
    held = onnx.load_model_from_string(CONV)
    held.graph.initializer[0].data_location = TensorProto.EXTERNAL
    held.graph.initializer[0].ClearField("raw_data")
    zeros = onnx.load_model_from_string(CONV)
    zeros.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((3, 2, 3, 3), np.float32), "w"))
    for each in (held, zeros):
        found = rfcalc.verify(each)
        assert found.holds
        assert found.seen == found.claimed == 50


# ---- what is wrong is found --------------------------------------------------------------------------------


def narrower(result: Result, call: Call) -> Result:
    """A window that reads one element only, along the first axis with positions."""
    place = call.inputs[0].axes.find("s")
    step = Slide(place, slide(1), call.inputs[0].shape[place])
    return result._replace(paths=((Way(0, (step,)),), *result.paths[1:]))


def test_rows_beyond_the_claimed_ones_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rule(monkeypatch, "conv", narrower)
    found = rfcalc.verify(CONV)
    fault = ran(found)[0]
    assert (fault.layer, fault.what, fault.axis) == ("y", "run", "row")
    assert fault.by_rule == "element (0, 0, 1, 0) reads row 1 of the input"
    assert fault.by_definition == "it changes with row 0"
    assert not found.holds


def test_rows_that_never_change_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def wider(result: Result, call: Call) -> Result:
        step = Slide(2, slide(7, lo=3), call.inputs[0].shape[2])
        columns = Slide(3, slide(3, lo=1), call.inputs[0].shape[3])
        return result._replace(paths=((Way(0, (step, columns)),),))

    with_rule(monkeypatch, "conv", wider)
    found = rfcalc.verify(CONV)
    assert ran(found) == []
    assert [(each.layer, each.axis) for each in found.loose] == [("y", "row")]
    assert found.loose[0].pairs == sum(min(8, i + 3) - max(0, i - 3) + 1 for i in range(9)) - 25
    assert "warning: exact rows that never changed" in found.to_text()


def test_a_wrong_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def longer(result: Result, call: Call) -> Result:
        shape = result.outputs[0].shape
        return result._replace(outputs=(replace(result.outputs[0], shape=(*shape[:-1], shape[-1] + 1)),))

    with_rule(monkeypatch, "conv", longer)
    found = ran(rfcalc.verify(CONV))
    assert [(each.what, each.by_rule, each.by_definition) for each in found] == [
        ("output_shape", "(1, 3, 9, 10)", "(1, 3, 9, 9)")
    ]


def test_fewer_multiplications_than_ran_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rule(monkeypatch, "conv", lambda result, _: result._replace(macs=result.macs // 3))
    found = ran(rfcalc.verify(CONV))
    assert [(each.what, each.by_rule, each.by_definition) for each in found] == [("macs", "1,458", "4,374")]


def test_weights_that_nobody_counts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from rfcalc.readers.lowering.builder import Builder

    old = Builder.add

    def without(self: Any, node: Any, kind: str, values: Any, *args: Any, **given: Any) -> Any:
        given.pop("weights", None)
        return old(self, node, kind, values, *args, **given)

    monkeypatch.setattr(Builder, "add", without)
    found = rfcalc.verify(CONV)
    assert [each.by_rule for each in ran(found) if each.what == "params"] == ["w is not counted"]


# ---- when and how ------------------------------------------------------------------------------------------


def test_a_run_is_left_out_on_demand_and_beyond_a_budget() -> None:
    assert rfcalc.verify(CONV, run=False).ran == ""
    large = model(
        (1, 64, 96, 96),
        [("Conv", ["x", "w"], ["m"], {"pads": [1] * 4}), ("Flatten", ["m"], ["y"], {})],
        w=normal(64, 64, 3, 3),
    )
    found = rfcalc.verify(large)
    assert found.holds
    assert "run" in found.ran or "--run runs it all the same" in found.left


def test_what_cannot_be_run_says_so() -> None:
    with pytest.raises(UsageError, match="only an ONNX file that can be read again, a PyTorch module"):
        rfcalc.verify(MODELS / "pooling.json", run=True)
    assert rfcalc.verify(MODELS / "pooling.json").ran == ""
    strange = model(
        (1, 4, 8), [("Relu", ["x"], ["r"], {}), ("Conv", ["r", "w"], ["y"], {})], w=normal(2, 4, 3)
    )
    graph = onnx.load_model_from_string(strange)
    graph.graph.node[0].op_type = "Mystery"
    graph.graph.node[0].domain = "mine"
    graph.opset_import.append(helper.make_opsetid("mine", 1))
    found = rfcalc.verify(graph)
    assert found.left.startswith("not run: ")
    with pytest.raises(UsageError, match="cannot be run"):
        rfcalc.verify(graph, run=True)


@pytest.mark.torch
def test_a_module_is_run() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    found = rfcalc.verify(rfcalc.from_torch(net, (2, 3, 12, 10)))
    assert found.holds
    assert found.runtime.startswith("torch ")
    assert found.seen == found.claimed > 0
    assert found.loose == ()


@pytest.mark.torch
def test_a_factory_is_run_with_values_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    (tmp_path / "made_here.py").write_text(
        "from torch import nn\n\ndef net():\n    return nn.Sequential(nn.Conv1d(2, 4, 5), nn.ReLU())\n"
    )
    monkeypatch.chdir(tmp_path)
    found = rfcalc.verify("made_here:net", input_shape=(1, 2, 40), run=True)
    assert found.holds
    assert found.seen == found.claimed > 0


# ---- each kind of fault, put back --------------------------------------------------------------------------


def test_a_time_axis_that_is_taken_for_the_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles: the first operation that tells makes axis 0 the batch, and what runs along it is not asked."""
    from rfcalc.readers.lowering.builder import Builder

    old = Builder.input

    def guessed(self: Any, name: str, shape: Any, axes: str, *rest: Any) -> Any:
        return old(self, name, shape, "bsc", *rest)

    data = model(
        (10, 1, 6),
        [("MatMul", ["x", "m"], ["p"], {}), ("LSTM", ["p", "w", "r"], ["y"], {"hidden_size": 4})],
        m=normal(6, 5),
        w=normal(1, 16, 5),
        r=normal(1, 16, 4),
    )
    monkeypatch.setattr(Builder, "input", guessed)
    found = ran(rfcalc.verify(data))
    assert "sample" in {each.axis for each in found if each.layer == "y"}


def test_positions_that_are_taken_for_one_sample_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles: of what a reshape folds into the batch one part is counted."""
    with_rule(monkeypatch, "conv", lambda result, _: result._replace(macs=result.macs // 9))
    found = ran(rfcalc.verify(CONV))
    assert [(each.what, each.by_definition) for each in found] == [("macs", "4,374")]


def causal(rows: int) -> bytes:
    """Attention with a triangle of -inf added to its scores."""
    low = np.where(np.tri(rows, dtype=bool), 0, -np.inf).astype(np.float32)
    return model(
        (1, rows, 4),
        [
            ("MatMul", ["x", "wq"], ["q"], {}),
            ("MatMul", ["x", "wk"], ["k"], {}),
            ("Transpose", ["k"], ["kt"], {"perm": [0, 2, 1]}),
            ("MatMul", ["q", "kt"], ["s"], {}),
            ("Add", ["s", "mask"], ["m"], {}),
            ("Softmax", ["m"], ["p"], {"axis": -1}),
            ("MatMul", ["p", "x"], ["y"], {}),
        ],
        wq=normal(4, 4),
        wk=normal(4, 4),
        mask=low,
    )


def everything(result: Result, call: Call) -> Result:
    """All positions of what is read, whatever a mask hides."""
    from rfcalc.algebra.steps import Mix

    paths = tuple(Way(path.input, (*path.steps, Mix((1,)))) for path in result.paths[0])
    return result._replace(paths=(paths, *result.paths[1:]))


def test_a_mask_that_is_not_followed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks: attention is said to see everything, and sees what is before it."""
    with_rule(monkeypatch, "dot", everything)
    with_rule(monkeypatch, "matmul", everything)
    found = rfcalc.verify(causal(8))
    assert ran(found) == []
    assert {each.layer for each in found.loose} >= {"y"}


def test_a_piece_without_its_own_index_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces: a token before those of a map is cut off again, and they become the map."""
    from rfcalc.algebra import parts
    from rfcalc.engine import propagate

    data = model(
        (1, 3, 16, 24),
        [
            ("Conv", ["x", "w"], ["p"], {"strides": [4, 4], "kernel_shape": [4, 4]}),
            ("Reshape", ["p", "flat"], ["f"], {}),
            ("Concat", ["token", "f"], ["t"], {"axis": 2}),
            ("Slice", ["t", "one", "end", "two"], ["c"], {}),
            ("Reshape", ["c", "map"], ["m"], {}),
            ("Conv", ["m", "d"], ["y"], {"pads": [1] * 4, "group": 8}),
        ],
        w=normal(8, 3, 4, 4),
        d=normal(8, 1, 3, 3),
        token=normal(1, 8, 1),
        flat=np.array([1, 8, 24]),
        map=np.array([1, 8, 4, 6]),
        one=np.array([1]),
        end=np.array([25]),
        two=np.array([2]),
    )
    right = rfcalc.verify(data)
    assert ran(right) == []
    assert right.loose == ()
    monkeypatch.setattr(propagate, "follow", parts.follow_parts)
    monkeypatch.setattr(propagate, "concatenated", lambda union, starts, places, source: union)
    found = rfcalc.verify(data)
    assert ran(found) == []
    assert {each.layer for each in found.loose} >= {"m", "y"}


@pytest.mark.torch
def test_parameters_that_meet_before_the_input_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters: a product of two of them lost both."""
    torch = pytest.importorskip("torch")
    from rfcalc.readers.lowering import builder
    from rfcalc.readers.lowering.builder import Builder

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Parameter(torch.randn(1, 4, 8, 1))
            self.b = torch.nn.Parameter(torch.randn(1, 4, 1, 8))

        def forward(self, x: Any) -> Any:
            return x + torch.sigmoid(self.a) * self.b

    assert ran(rfcalc.verify(rfcalc.from_torch(Net(), (1, 4, 8, 8)))) == []
    old = Builder.__init__
    monkeypatch.setattr(Builder, "__init__", lambda self, assume="report", **_: old(self, assume))
    monkeypatch.setattr(builder, "_meet_themselves", lambda values: sum(bool(v.weights) for v in values) > 1)
    monkeypatch.setattr(Builder, "attribute", lambda self, values, weights, since: tuple(values))
    found = ran(rfcalc.verify(rfcalc.from_torch(Net(), (1, 4, 8, 8))))
    assert {each.by_rule for each in found} == {"a is not counted", "b is not counted"}


def lrn_of_channels(operation: Any) -> Any:
    attrs = {"function": "LRN", "size": operation.integer("size", 1)}
    return operation.add("activation", (operation[0],), attrs)


def test_normalisation_over_positions_that_is_taken_for_channels_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Semantics: axis 1 of LRN holds positions behind a transpose."""
    from rfcalc.readers.onnx import ops

    data = model(
        (1, 6, 8, 6),
        [("Conv", ["x", "w"], ["c"], {}), ("Transpose", ["c"], ["t"], {"perm": [0, 2, 3, 1]}),
         ("LRN", ["t"], ["y"], {"size": 3})],
        w=normal(6, 6, 1, 1),
    )  # fmt: skip
    assert ran(rfcalc.verify(data)) == []
    old = ops.reader_of
    from rfcalc.readers.onnx import scope

    monkeypatch.setattr(
        scope, "reader_of", lambda op, domain: lrn_of_channels if op == "LRN" else old(op, domain)
    )
    found = ran(rfcalc.verify(data))
    assert [(each.layer, each.what, each.axis) for each in found] == [("y", "run", "row")]


def test_padding_that_repeats_what_is_cropped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Semantics: a negative pad takes elements off before the others are repeated."""
    data = model((1, 1, 6, 6), [("Pad", ["x", "p"], ["y"], {"mode": "edge"})],
                 p=np.array([0, 0, -2, 0, 0, 0, 1, 0]))  # fmt: skip
    assert ran(rfcalc.verify(data)) == []

    def uncropped(result: Result, call: Call) -> Result:
        rows = [[0], [1], [2], [3], [4]]
        from rfcalc.algebra.window import gather

        step = Slide(2, gather(5, 0, rows), 5)
        return result._replace(paths=((Way(0, (step,)),),))

    with_rule(monkeypatch, "pad", uncropped)
    assert "row" in {each.axis for each in ran(rfcalc.verify(data))}


@pytest.mark.parametrize(("kind", "op", "attrs"), [
    ("resample", "Resize", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}),
    ("pool", "MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2]}),
])  # fmt: skip
def test_rows_of_another_convention_are_found(
    kind: str, op: str, attrs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Semantics: rows one element off, as where a runtime and a rule round otherwise."""
    given = ["x", "", "scales"] if op == "Resize" else ["x"]
    held = {"scales": np.array([1, 1, 0.5, 0.5], np.float32)} if op == "Resize" else {}
    data = model((1, 2, 9, 9), [(op, given, ["y"], attrs)], **held)
    layer = next(layer for layer in rfcalc.load(data) if layer.outputs == ("y",))
    assert ran(rfcalc.verify(data)) == []

    def moved(result: Result, call: Call) -> Result:
        path = result.paths[0][0]
        step = Slide(2, slide(1, lo=-1), call.inputs[0].shape[2])
        return result._replace(paths=((Way(0, (step, *path.steps)),),))

    with_rule(monkeypatch, layer.kind, moved)
    assert "row" in {each.axis for each in ran(rfcalc.verify(data))}
