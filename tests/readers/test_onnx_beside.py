"""Padding and other maps beside one whose rows lie on two axes: what runs of onnxruntime show, row by row.

A map times its transpose reads rows of the input along both of its axes. What stands beside it along one of
them, padding or another map, reads nothing of it, whatever its index on the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.onnx_build import positive, runnable  # noqa: E402
from tests.zoo.wild_graphs import judge  # noqa: E402

pytestmark = pytest.mark.onnx

node = helper.make_node
F = np.float32
SHAPE = (1, 2, 6, 4)


CROSS = [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"], ["p"])]
"""6 by 6 elements: element (i, j) reads rows i and j."""

TRIANGLE = np.tril(np.ones((6, 4)))
"""Row i of a map holds something in columns up to i."""

Case = tuple[list[Any], dict[str, Any]]

CASES: dict[str, Case] = {
    "padding along one axis": (
        [*CROSS, node("Pad", ["p", "pads"], ["y"])],
        {"pads": [0, 0, 2, 0, 0, 0, 1, 0]},
    ),
    "padding along both axes": (
        [*CROSS, node("Pad", ["p", "pads"], ["y"])],
        {"pads": [0, 0, 1, 2, 0, 0, 0, 1]},
    ),
    "padding wider than a kernel": (
        [*CROSS, node("Conv", ["p", "k"], ["y"], pads=[2, 2, 1, 1], kernel_shape=[1, 1])],
        {"k": positive(3, 2, 1, 1)},
    ),
    "gaps of a transposed convolution": (
        [*CROSS, node("ConvTranspose", ["p", "k"], ["y"], strides=[3, 2], kernel_shape=[2, 1])],
        {"k": positive(2, 3, 2, 1)},
    ),
    "the map itself, below": (
        [
            *CROSS,
            node("Slice", ["p", "zero", "four", "last"], ["s"]),
            node("Concat", ["s", "x"], ["y"], axis=2),
        ],
        {"zero": [0], "four": [4], "last": [3]},
    ),
    "the map itself, on its left": (
        [*CROSS, node("Concat", ["x", "p"], ["y"], axis=3)],
        {},
    ),
    "its transpose, below": (
        [
            *CROSS,
            node("Transpose", ["p"], ["q"], perm=[0, 1, 3, 2]),
            node("Concat", ["p", "q"], ["y"], axis=2),
        ],
        {},
    ),
    "constants, on its right": (
        [*CROSS, node("Concat", ["p", "c"], ["y"], axis=3)],
        {"c": positive(1, 2, 6, 3)},
    ),
    "a masked map, and the largest of its columns below": (
        [
            node("Mul", ["x", "m"], ["a"]),
            node("ReduceMax", ["a"], ["b"], axes=[2], keepdims=1),
            node("Concat", ["a", "b"], ["y"], axis=2),
        ],
        {"m": TRIANGLE.astype(F)},
    ),
    "two masked maps, the other way round": (
        [
            node("Mul", ["x", "m"], ["a"]),
            node("Mul", ["x", "n"], ["b"]),
            node("Concat", ["a", "b"], ["y"], axis=2),
        ],
        {"m": TRIANGLE.astype(F), "n": TRIANGLE[::-1].astype(F)},
    ),
    "a masked map three times, flattened": (
        [
            node("Mul", ["x", "m"], ["a"]),
            node("Concat", ["a", "x", "a"], ["b"], axis=2),
            node("Reshape", ["b", "flat"], ["y"]),
        ],
        {"m": TRIANGLE.astype(F), "flat": [1, 2, 72]},
    ),
}


def graph(case: Case) -> Any:
    nodes, held = case
    return runnable("beside", SHAPE, nodes, held, 17)


@pytest.mark.parametrize("case", CASES)
def test_what_stands_beside_a_map_is_not_read(case: str) -> None:
    found = judge(graph(CASES[case]))
    assert (found.word, found.idle, found.exact) == ("holds", 0, found.tensors)


def test_rows_of_scores_with_padding() -> None:
    """The rows that are shown: those of padding are empty."""
    model = graph(CASES["padding along one axis"])
    rows = rfcalc.field(rfcalc.load(model), "y").axes[-1].rows
    assert [row is None for row in rows] == [True, True, *[False] * 6, True]
