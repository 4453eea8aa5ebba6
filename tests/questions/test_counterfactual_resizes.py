"""What a resizing does once the poolings before it are gone: what a runtime does with such a file."""

from __future__ import annotations

import numpy as np
import pytest

import rfcalc
from tests.readers.onnx_build import helper, ints, model, node, weight


def _resized(by: str) -> rfcalc.LayerGraph:
    """Return a network whose map of 32 is halved by a pooling, and brought back to 32."""
    sizes = ints("by", 1, 4, 32, 32)
    scales = helper.make_tensor("by", 1, (4,), np.array([1, 1, 2, 2], np.float32))
    nodes = [
        node("Conv", "x w", "first", pads=[1, 1, 1, 1]),
        node("MaxPool", "first", "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node(
            "Resize",
            f"pool - {'- ' if by == 'sizes' else ''}by",
            "resize",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        node("Conv", "resize v", "last", pads=[1, 1, 1, 1]),
    ]
    constants = [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 3, 3), sizes if by == "sizes" else scales]
    return rfcalc.load(model(nodes, {"x": (1, 3, 32, 32)}, "last", constants).SerializeToString())


@pytest.mark.parametrize(
    ("by", "extent", "field"),
    [
        ("sizes", 32, 5),  # to 32 of 32 pixels: nothing is done, two windows of 3 see 5
        ("scales", 64, 4),  # twice as many pixels: neighbours of the second window are half a pixel apart
    ],
)
def test_a_resizing_takes_all_of_the_map_that_is_left(by: str, extent: int, field: int) -> None:
    graph = _resized(by)
    plain = rfcalc.variant(graph, "plain")
    rows = {row.name: row for row in rfcalc.analyze(plain).rows}
    assert rows["resize"].spatial == (extent, extent)
    assert rows["last"].receptive_field == (field, field)
    assert rfcalc.analyze(graph).rows[-1].receptive_field == (6, 6)
