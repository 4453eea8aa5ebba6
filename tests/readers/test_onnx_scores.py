"""Scores to which a mask was added: what it hides from a softmax still carries its score for anything else.

A finite number that is added to a score leaves it there, whatever its size; infinity, or the least float,
leaves a constant. onnxruntime says what changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper

import rfcalc
from rfcalc.engine.run import Run
from rfcalc.questions.verify.running import claims_of
from tests.wild_graphs import wild
from tests.zoo.wild_graphs import judge

pytestmark = pytest.mark.onnx

T, C = 6, 4
CAUSAL = np.tri(T, dtype=bool)
BAND = np.abs(np.subtract.outer(np.arange(T), np.arange(T))) <= 1
LAST_ALONE = np.zeros((T, T), bool)
LAST_ALONE[:, -1] = True
COLUMN = np.ones((T, T), bool)
COLUMN[:, 2] = False
"""Hides a key whole: along the axis of the queries, nothing else is left of it."""

Line = tuple[str, Sequence[str], dict[str, Any]]


def made(low: float, keep: Any, *lines: Line, minus: bool = False) -> Any:
    """Make scores of each position with each, mask them to `m`, and go on from there."""
    random = np.random.default_rng(0)
    held = {
        "wq": random.normal(size=(C, C)),
        "wk": random.normal(size=(C, C)),
        "mask": np.where(keep, -0.0 if minus else 0.0, -low if minus else low),
        "w": random.normal(size=(T, 3)),
        "kernel": random.normal(size=(2, T, 3)),
        "last": np.array([-1]),
        "half": np.array(0.5),
    }
    start: tuple[Line, ...] = (
        ("MatMul", ["x", "wq"], {}),
        ("MatMul", ["x", "wk"], {}),
        ("Transpose", ["t1"], {"perm": [0, 2, 1]}),
        ("MatMul", ["t0", "t2"], {}),
        ("Sub" if minus else "Add", ["t3", "mask"], {}),
    )
    names = {"m": "t4", "p": "t5", "q": "t6"}
    nodes = [
        helper.make_node(op, [names.get(name, name) for name in given], [f"t{k}"], name=f"t{k}", **attrs)
        for k, (op, given, attrs) in enumerate((*start, *lines))
    ]
    tensors = [
        numpy_helper.from_array(array.astype(np.int64 if array.dtype.kind == "i" else np.float32), name)
        for name, array in held.items()
    ]
    taken = {name for node in nodes for name in node.input}
    ends = [node.output[0] for node in nodes if node.output[0] not in taken]
    graph = helper.make_graph(
        nodes,
        "scores",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, T, C))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends],
        [each for each in tensors if any(each.name in node.input for node in nodes)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


ROWS: dict[str, tuple[Line, ...]] = {
    "nothing else": (),
    "a product": (("MatMul", ["m", "w"], {}),),
    "a convolution": (("Conv", ["m", "kernel"], {}),),
    "a sum": (("ReduceSum", ["m", "last"], {}),),
    "the largest": (("ReduceMax", ["m", "last"], {}),),
    "a softmax and values": (("Softmax", ["m"], {"axis": -1}), ("MatMul", ["p", "x"], {})),
    "a softmax of half": (
        ("Mul", ["m", "half"], {}),
        ("Softmax", ["p"], {"axis": -1}),
        ("MatMul", ["q", "x"], {}),
    ),
    "a softmax of the negative": (("Neg", ["m"], {}), ("Softmax", ["p"], {}), ("MatMul", ["q", "x"], {})),
    "a softmax of queries": (("Softmax", ["m"], {"axis": 1}), ("MatMul", ["p", "x"], {})),
    "a log-softmax": (("LogSoftmax", ["m"], {"axis": -1}), ("MatMul", ["p", "x"], {})),
    "a rectifier": (("Relu", ["m"], {}), ("MatMul", ["p", "x"], {})),
    "a sigmoid": (("Sigmoid", ["m"], {}), ("MatMul", ["p", "x"], {})),
    "a tangent": (("Tanh", ["m"], {}),),
    "itself": (("Add", ["m", "t3"], {}),),
    "a softmax with itself": (("Add", ["m", "t3"], {}), ("Softmax", ["p"], {}), ("MatMul", ["q", "x"], {})),
}
MASKS = {"causal": CAUSAL, "a band": BAND, "one key": LAST_ALONE, "no key": COLUMN}


@pytest.mark.parametrize("low", [-np.inf, -3e38, -1e9])
@pytest.mark.parametrize("mask", ["causal", "one key", "no key"])
@pytest.mark.parametrize("then", ROWS)
def test_what_a_mask_hides_is_read_until_a_softmax(then: str, mask: str, low: float) -> None:
    verdict = judge(made(low, MASKS[mask], *ROWS[then]))
    assert verdict.word == "holds", verdict


@pytest.mark.parametrize("then", ["nothing else", "a product", "a softmax and values", "a rectifier"])
def test_a_mask_that_is_taken_off(then: str) -> None:
    assert judge(made(-1e9, BAND, *ROWS[then], minus=True)).word == "holds"


@pytest.mark.parametrize("then", ["a softmax and values", "a softmax of half", "a rectifier", "the largest"])
def test_a_softmax_reads_nothing_that_was_hidden(then: str) -> None:
    """Of -10,000 as of infinity nothing is left: what is claimed behind it is the same."""
    models = [made(low, BAND, *ROWS[then]) for low in (-np.inf, -1e4)]
    last = models[0].graph.node[-1].name
    wide, narrow = (claims_of(Run(rfcalc.load(model))).tensors[last] for model in models)
    assert narrow.exact
    assert narrow == wide


@pytest.mark.parametrize("seed", [70016, 70037, 41071, 60244, 60255, 41807, 20080])
def test_random_graphs_that_read_scores_twice(seed: int) -> None:
    verdict = judge(wild(seed))
    assert verdict.word == "holds", verdict


def test_a_mask_that_all_but_hides_is_no_weight_and_is_told() -> None:
    """A softmax leaves exp(-100), some 4e-44, of a weight, so it is seen; its 16 x 16 are no weights."""

    def analysed(number: float) -> rfcalc.AnalysisResult:
        mask = np.where(np.tri(16) > 0, 0, number).astype(np.float32)
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["x", "t"], ["s"]),
            helper.make_node("Add", ["s", "m"], ["a"], name="add"),
            helper.make_node("Softmax", ["a"], ["w"]),
            helper.make_node("MatMul", ["w", "x"], ["y"]),
        ]
        value = helper.make_tensor_value_info
        given, made = value("x", 1, (1, 16, 8)), value("y", 1, (1, 16, 8))
        graph = helper.make_graph(nodes, "g", [given], [made], [numpy_helper.from_array(mask, "m")])
        return rfcalc.analyze(helper.make_model(graph))

    def told(number: float) -> list[str]:
        return [note.message for note in analysed(number).notes if note.code == "faint-mask"]

    assert told(-100) == [
        "'add' adds a mask of -100: a softmax leaves 4e-44 of a weight, which counts as seen; "
        "-1000 or less hides it"
    ]
    assert told(-1e4) == told(-5) == []
    assert [analysed(number).totals.params.total for number in (-100, -1e4, -5)] == [0, 0, 256]
