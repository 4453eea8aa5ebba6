"""Group normalisation as exporters spell it: reshapes around an instance normalisation. The map stays one."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("onnx")

import rfcalc
from tests.wild_graphs import Maker, Tensor

pytestmark = pytest.mark.onnx


def normalised(groups: int, shape: tuple[int, ...]) -> Any:
    """Return a graph of a convolution of 3, stride 2, a group norm, and another such convolution."""
    m = Maker(0)
    x = Tensor("x", shape)
    m.tensors.append(x)
    first = _convolved(m, x, 8)
    channels = first.shape[1]
    count = first.shape[2] * first.shape[3] * channels // groups
    flat = m.add("Reshape", [first.name, m.ints([0, groups, -1])], (shape[0], groups, count))
    ones = [m.weights(groups), m.weights(groups)]
    normed = m.add("InstanceNormalization", [flat.name, *ones], flat.shape)
    back = m.add("Reshape", [normed.name, m.ints([shape[0], *first.shape[1:]])], first.shape)
    scaled = m.add("Mul", [back.name, m.weights(channels, 1, 1)], first.shape)
    _convolved(m, scaled, 4)
    return m.model()


def _convolved(m: Maker, x: Tensor, count: int) -> Tensor:
    rows = [(extent - 3) // 2 + 1 for extent in x.shape[2:]]
    kernel = m.weights(count, x.shape[1], 3, 3)
    return m.add(
        "Conv",
        [x.name, kernel],
        (x.shape[0], count, *rows),
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[0] * 4,
    )


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_a_map_stays_one_behind_a_group_norm_in_reshapes(groups: int) -> None:
    layers = rfcalc.analyze(normalised(groups, (1, 3, 21, 23))).to_dict()["layers"]
    back, last = layers[-3], layers[-1]
    expected = {"spatial": [10, 11], "effective_stride": [2, 2], "local_receptive_field": [3, 3]}
    assert {key: back[key] for key in expected} == expected
    # 3 + (3 - 1) * 2 = 7, at steps of 2 * 2; the statistics see all
    expected = {"spatial": [4, 5], "effective_stride": [4, 4], "local_receptive_field": [7, 7]}
    assert {key: last[key] for key in expected} == expected
    assert last["receptive_field"] == [None, None]
