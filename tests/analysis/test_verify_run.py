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
from rfcalc.analysis.verify.result import Difference
from rfcalc.errors import UsageError
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
    with pytest.raises(UsageError, match="only an ONNX file that can be read again, and a PyTorch module"):
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
