"""Fields through tables of indices, as exporters write `unfold`: what convolutions would see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rfcalc
from tests.readers.onnx_build import INT64, helper, model, node, weight


def numbers(name: str, values: Any) -> Any:
    """A constant of whole numbers, of the shape that they have."""
    return helper.make_tensor(name, INT64, np.shape(values), values)


def unfolded(kernel: int, stride: int, *after: Any, size: int = 8) -> Any:
    """A map, padded, whose windows two tables of indices give, as ``w`` of (1, 1, kernel, kernel, n, n).

    The last of the nodes after it makes ``y``.
    """
    pad = kernel // 2
    n = (size + 2 * pad - kernel) // stride + 1
    constants = [
        numbers("pads", np.array([0, 0, pad, pad] * 2)),
        numbers("table", np.arange(kernel)[:, None] + stride * np.arange(n)[None, :]),
        numbers("middle", np.array(kernel // 2)),
        numbers("axis2", np.array([2])),
        weight("weight", 1, 1, 3, 3),
    ]
    nodes = [
        node("Pad", "x pads", "padded"),
        node("Gather", "padded table", "rows", axis=2),
        node("Gather", "rows table", "columns", axis=4),
        node("Transpose", "columns", "w", perm=[0, 1, 2, 4, 3, 5]),
        *after,
    ]
    return model(nodes, {"x": (1, 1, size, size)}, "y", constants).SerializeToString()


SUM = [node("ReduceSum", "w axis2", "r", keepdims=0), node("ReduceSum", "r axis2", "y", keepdims=0)]
MIDDLE = [node("Gather", "w middle", "r", axis=2), node("Gather", "r middle", "y", axis=2)]
COLUMN = [node("ReduceSum", "w axis2", "r", keepdims=0), node("Gather", "r middle", "y", axis=2)]


def convolved(nodes: list[Any], stride: int = 1) -> list[Any]:
    first, last = nodes
    last = node(last.op_type, " ".join(last.input), "s", **{each.name: each.i for each in last.attribute})
    return [first, last, node("Conv", "s weight", "y", pads=[1] * 4, strides=[stride] * 2)]


CASES = {
    # a sum over a window is a convolution without weights; one place of it is the map, moved
    "sums of windows": (3, 1, SUM, (3, 3), 1),
    "sums of windows of stride 2": (3, 2, SUM, (3, 3), 2),
    "sums of windows of 5, stride 2": (5, 2, SUM, (5, 5), 2),
    "one place of each window": (3, 1, MIDDLE, (1, 1), 1),
    "one column of each window": (3, 1, COLUMN, (3, 1), 1),
    # a convolution behind adds 2 strides of the map before it, and multiplies the stride
    "sums, convolved": (3, 1, convolved(SUM), (5, 5), 1),
    "sums of stride 2, convolved": (3, 2, convolved(SUM), (7, 7), 2),
    "windows of 2": (2, 1, [*SUM], (2, 2), 1),
    "one place, convolved": (3, 1, convolved(MIDDLE), (3, 3), 1),
    "one place, convolved with stride 2": (3, 1, convolved(MIDDLE, 2), (3, 3), 2),
    "one place of stride 2, convolved": (3, 2, convolved(MIDDLE), (5, 5), 2),
    "one column, convolved": (3, 1, convolved(COLUMN), (5, 3), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_windows_that_tables_of_indices_give(name: str) -> None:
    kernel, stride, nodes, field, step = CASES[name]
    last = rfcalc.analyze(rfcalc.load(unfolded(kernel, stride, *nodes))).rows[-1]
    assert last.status == "exact"
    assert (last.receptive_field, last.effective_stride) == (field, (step, step))


@pytest.mark.parametrize("seed", range(4))
def test_a_convolution_over_elements_in_another_order(seed: int) -> None:
    """A window of 3 unites what its elements were, and nothing stands beyond the border."""
    order = np.random.default_rng(seed).permutation(16)
    nodes = [node("Gather", "x order", "p", axis=2), node("Conv", "p weight", "y", pads=[1, 1])]
    made = model(nodes, {"x": (1, 1, 16)}, "y", [numbers("order", order), weight("weight", 1, 1, 3)])
    windows = [order[max(i - 1, 0) : i + 2] for i in range(16)]
    spans = [int(window.max() - window.min()) + 1 for window in windows]
    last = rfcalc.analyze(rfcalc.load(made.SerializeToString())).rows[-1]
    assert (last.receptive_field, last.receptive_field_min) == ((max(spans),), (min(spans),))
    assert last.status == "exact"
