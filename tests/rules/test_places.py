"""Places of a window as channels, in the native format; rows by hand, two of the models run in Keras."""

from __future__ import annotations

import pytest

import rfcalc

BLOCKS = {"kind": "space_to_depth", "block": 2}
BACK = {"kind": "depth_to_space", "block": 2}
APART = {"kind": "depthwise_conv", "kernel": 3, "padding": "same"}

CASES = {
    "blocks, there and back": ([BLOCKS, BACK], [(y, y, 1) for y in range(8)]),
    "each phase convolved by itself": (
        [BLOCKS, APART, BACK],
        [(0, 2, 2), (1, 3, 2), (0, 4, 3), (1, 5, 3), (2, 6, 3), (3, 7, 3), (4, 6, 2), (5, 7, 2)],
    ),
    "all phases convolved": (
        [BLOCKS, {"kind": "conv", "filters": 12, "kernel": 3, "padding": "same"}, BACK],
        [(0, 3, 4), (0, 3, 4), (0, 5, 6), (0, 5, 6), (2, 7, 6), (2, 7, 6), (4, 7, 4), (4, 7, 4)],
    ),
    "a group for each row of a block": (
        [BLOCKS, {"kind": "conv", "filters": 12, "kernel": 1, "groups": 2}, BACK],
        [(y, y, 1) for y in range(8)],
    ),
    "a group for each channel, which holds whole blocks": (
        [
            {**BLOCKS, "order": "channels_first"},
            {"kind": "conv", "filters": 12, "kernel": 1, "groups": 3},
            {**BACK, "order": "channels_first"},
        ],
        [(y // 2 * 2, y // 2 * 2 + 1, 2) for y in range(8)],
    ),
    "another order on the way back": (
        [BLOCKS, {**BACK, "order": "channels_first"}],
        [(y // 2 * 2, y // 2 * 2 + 1, 2) for y in range(8)],
    ),
    "patches mixed by a pointwise convolution": (
        [
            {"kind": "patches", "kernel": 3, "stride": 1, "padding": 1},
            {"kind": "conv", "filters": 4, "kernel": 1},
        ],
        [(0, 1, 2), *((y - 1, y + 1, 3) for y in range(1, 7)), (6, 7, 2)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_tell_places_apart(name: str) -> None:
    layers, rows = CASES[name]
    model = {"rfcalc": 1, "input": [8, 8, 3], "layers": layers}
    graph = rfcalc.load(model)
    assert list(rfcalc.field(graph, list(graph)[-1].name).axes[0].rows) == rows
    assert {row.status for row in rfcalc.analyze(graph)} == {"exact"}
    assert not rfcalc.verify(graph).differences


def test_open_extents_are_followed_too() -> None:
    layers = [BLOCKS, APART, BACK]
    rows = list(rfcalc.analyze({"rfcalc": 1, "input": [None, None, 3], "layers": layers}))
    assert rows[-1].receptive_field == (5, 5)
    assert rows[-1].effective_stride == (1, 1)
    assert rows[-1].status == "exact"
