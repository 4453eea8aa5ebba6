"""Products with what is zero whatever the input is: what runs of onnxruntime show, row by row.

A zero times anything depends on nothing, so what stands beside it is not read there. Where something was
added to the zeros it is: those cases hold more than the zeros would leave.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.onnx_build import positive, runnable  # noqa: E402
from tests.zoo.wild_graphs import judge  # noqa: E402

pytestmark = pytest.mark.onnx

node = helper.make_node
F = np.float32
SHAPE = (1, 3, 6, 4)


Steps = tuple[list[Any], dict[str, Any]]

ROWS = {"pads": np.array([0, 0, 1, 0, 0, 0, 2, 0])}
"""One row of padding before the map, two behind it."""

BAND = np.arange(6)[:, None] * np.ones((1, 4)) < 4

ZEROS: dict[str, Steps] = {
    "padding": ([node("Pad", ["x", "pads"], ["z"])], ROWS),
    "padding wider than a kernel": (
        [node("Conv", ["x", "k"], ["z"], pads=[2, 0, 2, 0], kernel_shape=[1, 1])],
        {"k": positive(3, 3, 1, 1)},
    ),
    "gaps of a transposed convolution": (
        [node("ConvTranspose", ["x", "k"], ["z"], strides=[2, 1], kernel_shape=[1, 1])],
        {"k": positive(3, 3, 1, 1)},
    ),
    "the first of an exclusive scan": (
        [node("CumSum", ["x", "axis"], ["z"], exclusive=1)],
        {"axis": np.array(2)},
    ),
    "a mask, then the largest of two": (
        [node("Mul", ["x", "m"], ["a"]), node("Max", ["a", "a"], ["z"])],
        {"m": BAND.astype(F)},
    ),
    "a mask, sorted along channels": (
        [node("Mul", ["x", "m"], ["a"]), node("TopK", ["a", "two"], ["z", "at"], axis=1)],
        {"m": BAND.astype(F), "two": np.array([2])},
    ),
    "padding, moved and cut": (
        [
            node("Pad", ["x", "pads"], ["a"]),
            node("Slice", ["a", "from", "to", "axes", "by"], ["b"]),
            node("Transpose", ["b"], ["c"], perm=[0, 3, 2, 1]),
            node("Relu", ["c"], ["z"]),
        ],
        {**ROWS, "from": [-1], "to": [-20], "axes": [2], "by": [-2]},
    ),
    "padding beside a map": (
        [
            node("Pad", ["x", "pads"], ["a"]),
            node("Concat", ["a", "x"], ["b"], axis=2),
            node("AveragePool", ["b"], ["z"], kernel_shape=[2, 1], strides=[1, 1]),
        ],
        ROWS,
    ),
    "channels of padding that become positions": (
        [node("Pad", ["x", "pads"], ["a"]), node("Reshape", ["a", "shape"], ["z"])],
        {"pads": np.array([0, 1, 0, 0, 0, 1, 0, 0]), "shape": [1, 1, 30, 4]},
    ),
    "two zeros that meet": (
        [
            node("Pad", ["x", "pads"], ["a"]),
            node("Conv", ["x", "k"], ["b"], pads=[3, 0, 0, 0], kernel_shape=[1, 1]),
            node("Add", ["a", "b"], ["z"]),
        ],
        {**ROWS, "k": positive(3, 3, 1, 1)},
    ),
}

OTHERS: dict[str, Steps] = {
    "padding with ones": (
        [node("Pad", ["x", "pads", "one"], ["z"])],
        {**ROWS, "one": F(1)},
    ),
    "padding, and a number": (
        [node("Pad", ["x", "pads"], ["a"]), node("Add", ["a", "one"], ["z"])],
        {**ROWS, "one": F(1)},
    ),
    "a convolution with a bias": (
        [node("Conv", ["x", "k", "b"], ["z"], pads=[2, 0, 2, 0], kernel_shape=[1, 1])],
        {"k": positive(3, 3, 1, 1), "b": positive(3)},
    ),
    "padding beside constants": (
        [node("Pad", ["x", "pads"], ["a"]), node("Concat", ["a", "c"], ["z"], axis=2)],
        {**ROWS, "c": positive(1, 3, 2, 4)},
    ),
    "a function that makes something of zeros": (
        [node("Pad", ["x", "pads"], ["a"]), node("Sigmoid", ["a"], ["z"])],
        ROWS,
    ),
    "the place of the largest": (
        [
            node("Pad", ["x", "pads"], ["a"]),
            node("TopK", ["a", "two"], ["b", "at"], axis=1),
            node("Cast", ["at"], ["c"], to=TensorProto.FLOAT),
            node("Add", ["b", "c"], ["z"]),
        ],
        {**ROWS, "two": np.array([2])},
    ),
}

PRODUCTS: dict[str, list[Any]] = {
    "MatMul": [node("Transpose", ["z"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["z", "t"], ["y"])],
    "Einsum": [node("Einsum", ["z", "z"], ["y"], equation="bcij,bckj->bcik")],
}


def graph(steps: Steps, product: str) -> Any:
    nodes, held = steps
    return runnable("zeros", SHAPE, [*nodes, *PRODUCTS[product]], held, 18)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("zeros", ZEROS)
def test_what_meets_zeros_is_not_read(zeros: str, product: str) -> None:
    found = judge(graph(ZEROS[zeros], product))
    assert (found.word, found.idle, found.exact) == ("holds", 0, found.tensors)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("others", OTHERS)
def test_what_meets_other_constants_is_read(others: str, product: str) -> None:
    found = judge(graph(OTHERS[others], product))
    assert (found.word, found.idle) == ("holds", 0)


def test_rows_of_a_product_with_padding() -> None:
    """Scores of three padded rows and six others: the first and the last two read nothing."""
    model = graph(ZEROS["padding"], "MatMul")
    rows = rfcalc.field(rfcalc.load(model), "y").axes[1].rows
    assert [row is None for row in rows] == [True, *[False] * 6, True, True]


@pytest.mark.parametrize("behind", [(), ("Relu",), ("Relu", "Transpose")])
def test_a_product_behind_what_nobody_knows_is_unknown(behind: tuple[str, ...]) -> None:
    nodes = [node("Twiddle", ["x"], ["t0"], domain="ai.acme")]
    nodes += [node(op, [f"t{k}"], [f"t{k + 1}"]) for k, op in enumerate(behind)]
    nodes.append(node("MatMul", ["x", f"t{len(behind)}"], ["y"], name="product"))
    x, y, known = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "y", "t0")
    )
    graph = helper.make_graph(nodes, "g", [x], [y], value_info=[known])
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.acme", 1)]
    row = rfcalc.analyze(helper.make_model(graph, opset_imports=sets)).layer("product")
    assert (row.status, row.output_shape) == ("unknown", (4, 4))
