"""Parameters of ONNX files count whatever is known of the shapes around them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("onnx")

import rfcalc
from tests.readers.onnx_build import declared, helper, ints, model, node, weight

pytestmark = pytest.mark.onnx


def behind(nodes: list[Any], constants: list[Any]) -> Any:
    """Return what is said of a model whose operations stand behind one that nobody knows."""
    first = node("Mystery", "x", "u", domain="ai.acme")
    return rfcalc.analyze(model([first, *nodes], {"x": (1, 4, 16)}, nodes[-1].output[0], constants))


BEHIND: dict[str, tuple[list[Any], list[Any], int]] = {
    "lstm": (
        [node("LSTM", "u W R B", "y", hidden_size=8)],
        [weight("W", 1, 32, 16), weight("R", 1, 32, 8), weight("B", 1, 64)],
        832,
    ),
    "gru": ([node("GRU", "u W R", "y")], [weight("W", 1, 24, 16), weight("R", 1, 24, 8)], 576),
    "rnn with a first state": (
        [node("RNN", "u W R - - h", "y")],
        [weight("W", 1, 8, 16), weight("R", 1, 8, 8), weight("h", 1, 1, 8)],
        200,
    ),
    "conv": ([node("Conv", "u w b", "y")], [weight("w", 8, 4, 3), weight("b", 8)], 104),
    "transposed conv": ([node("ConvTranspose", "u w b", "y")], [weight("w", 4, 8, 3), weight("b", 8)], 104),
    "gemm": ([node("Gemm", "u w b", "y", transB=1)], [weight("w", 5, 16), weight("b", 5)], 85),
    "matmul, add": (
        [node("MatMul", "u w", "v"), node("Add", "v b", "y")],
        [weight("w", 16, 5), weight("b", 5)],
        85,
    ),
    "a factor that is made": (
        [node("Add", "a b", "c"), node("Mul", "u c", "y")],
        [weight("a", 4, 1), weight("b", 4, 16)],
        68,
    ),
    "layer normalisation": (
        [node("LayerNormalization", "u s b", "y")],
        [weight("s", 16), weight("b", 16)],
        32,
    ),
    "a table": ([node("Gather", "t u", "y")], [weight("t", 10, 4)], 40),
    "scales are none": ([node("Resize", "u - s", "y")], [weight("s", 3)], 0),
    "bounds are none": (
        [node("Greater", "u s", "m"), node("Where", "m u v", "y")],
        [weight("s", 16), weight("v", 16)],
        16,
    ),
}


@pytest.mark.parametrize("name", BEHIND)
def test_weights_count_behind_an_operation_that_nobody_knows(name: str) -> None:
    nodes, constants, truth = BEHIND[name]
    analysis = behind(nodes, constants)
    assert (analysis.totals.params.total, analysis.totals.params.trainable) == (truth, truth)
    assert analysis.totals.macs is None


def test_statistics_are_not_trainable_there_either() -> None:
    constants = [weight(name, 4) for name in "sbmv"]
    totals = behind([node("BatchNormalization", "u s b m v", "y")], constants).totals
    assert (totals.params.trainable, totals.params.non_trainable) == (8, 8)


def test_a_tensor_that_an_operation_takes_twice_counts_once() -> None:
    """Exporters keep equal tensors once: here the scale of a normalisation is its variance as well."""
    nodes = [
        node("BatchNormalization", "x ones b m ones", "n"),
        node("BatchNormalization", "n ones b m ones", "y"),
    ]
    held = [weight("ones", 4), weight("b", 4), weight("m", 4)]
    net = model(nodes, {"x": (1, 4, 8, 8)}, "y", held)
    found = rfcalc.analyze(net)
    assert found.totals.params.total == 12
    assert [row.params.total for row in found.rows] == [0, 12, 0]
    assert [cost.params.total for cost in rfcalc.explain(net, "y").costs] == [0, 12, 0]


def test_weights_in_the_body_of_a_loop_count_once() -> None:
    body = helper.make_graph(
        [
            node("MatMul", "state outer", "product"),
            node("Add", "product inner", "next"),
            node("Identity", "on", "going"),
        ],
        "body",
        [declared("i", ()), declared("on", (), 9), declared("state", (1, 4, 16))],
        [declared("going", (), 9), declared("next", (1, 4, 16))],
        [weight("inner", 16)],
    )
    nodes = [
        node("Loop", "times - x", "y", body=body),
        node("MatMul", "y outer", "z"),
    ]
    built = model(nodes, {"x": (1, 4, 16)}, "z", [weight("outer", 16, 16), ints("times", 3)])
    assert rfcalc.analyze(built).totals.params.total == 16 * 16 + 16


MADE: dict[str, tuple[list[Any], list[Any], int]] = {
    "a sum": (
        [node("Add", "a b", "c"), node("Add", "x c", "y")],
        [weight("a", 4, 1), weight("b", 1, 16)],
        20,
    ),
    "a product and a sum": (
        [node("Mul", "a b", "c"), node("Add", "x c", "d"), node("Add", "d e", "y")],
        [weight("a", 4, 1), weight("b", 4, 16), weight("e", 16)],
        84,
    ),
    "functions of each": (
        [
            node("Sigmoid", "a", "c"),
            node("Softmax", "b", "d"),
            node("Mul", "c d", "e"),
            node("Add", "x e", "y"),
        ],
        [weight("a", 4, 1), weight("b", 4, 16)],
        68,
    ),
    "a matrix product": (
        [node("MatMul", "a b", "c"), node("Mul", "x c", "y")],
        [weight("a", 4, 2), weight("b", 2, 16)],
        40,
    ),
    "what is looked up, and an offset": (
        [node("Gather", "t i", "c"), node("Add", "c b", "d"), node("Add", "x d", "y")],
        [weight("t", 9, 16), ints("i", 0, 1, 2, 3), weight("b", 16)],
        160,
    ),
    "the larger of two": (
        [node("Max", "a b", "c"), node("Mul", "x c", "y")],
        [weight("a", 4, 1), weight("b", 16)],
        20,
    ),
    "a mask of a table against itself": (
        [
            node("Unsqueeze", "t one", "r"),
            node("Unsqueeze", "t none", "s"),
            node("Sub", "r s", "d"),
            node("Mul", "x k", "p"),
            node("Add", "p d", "y"),
        ],
        [weight("t", 16), ints("one", 1), ints("none", 0), weight("k", 16, 1)],
        16,
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_of_weights_counts_as_these(name: str) -> None:
    nodes, constants, truth = MADE[name]
    shape = (1, 16, 16) if "itself" in name else (1, 4, 16)
    analysis = rfcalc.analyze(model(nodes, {"x": shape}, "y", constants))
    assert analysis.totals.params.total == truth


def test_verify_says_which_parameters_were_not_compared() -> None:
    built = model(
        [node("ConstantOfShape", "s", "k"), node("Conv", "x k", "c"), node("Conv", "c w", "y")],
        {"x": (1, 4, 8, 8)},
        "y",
        [ints("s", 8, 4, 3, 3), weight("w", 2, 8, 1, 1)],
    )
    found = rfcalc.verify(built)
    assert found.holds
    assert (found.to_dict()["params"], found.to_dict()["held"]) == (304, 16)
    assert "parameters" in {each["what"] for each in found.to_dict()["unchecked"] if each["layer"] == "c"}
    text = " ".join(found.to_text().split())
    assert "304 parameters by the analysis, 16 of them counted in the file's tensors" in text
    assert "none differs; of 1 not everything could be checked" in text
