"""What sentences and tables say of centres, sums and capsules, against figures worked out apart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import rfcalc

MODELS = Path(__file__).parents[2] / "docs" / "models"


def joined(*branches: dict[str, Any], size: int = 20) -> dict[str, Any]:
    """A sequence, windows that all read it, and their sum."""
    layers = [
        {"kind": "conv", "name": f"b{place}", "inputs": ["input"], "filters": 1, **window}
        for place, window in enumerate(branches)
    ]
    layers.append({"kind": "add", "name": "sum", "inputs": [layer["name"] for layer in layers]})
    return {"rfcalc": 1, "input": [size, 1], "layers": layers}


# ---- windows that end at one pixel, but are not causal -----------------------------------------------------


@pytest.mark.parametrize(
    ("kernels", "apart"),
    [
        ((2, 3), 0.5),
        ((4, 5), 0.5),
        ((6, 7), 0.5),
        ((2, 5), 0.5),
        ((3, 5), 0.0),
        ((2, 2), 0.0),
        ((2, 3, 5), 0.5),
    ],
)
def test_same_kernels_are_centred_by_their_padding(kernels: tuple[int, ...], apart: float) -> None:
    """SAME pads (k - 1)//2 before: a kernel of k has its centre at (k - 1)/2 - (k - 1)//2."""
    centers = [(kernel - 1) / 2 - (kernel - 1) // 2 for kernel in kernels]
    assert max(centers) - min(centers) == apart
    found = rfcalc.align(joined(*({"kernel": kernel, "padding": "same"} for kernel in kernels)))
    (join,) = found.joins
    assert (join.offset, join.aligned) == ((apart,), apart == 0)
    assert ("apart" in found.sentences[0]) is (apart > 0)


@pytest.mark.parametrize("kernels", [(2, 3), (4, 5), (1, 8)])
def test_windows_padded_in_front_alone_are_causal(kernels: tuple[int, int]) -> None:
    """They end at the present, and so align on purpose."""
    branches = ({"kernel": kernel, "padding": [[kernel - 1, 0]]} for kernel in kernels)
    assert rfcalc.align(joined(*branches)).misaligned == ()


def test_unpadded_causal_windows_end_at_the_last_pixel() -> None:
    """A WaveNet without padding crops its shortcut in front: both end at the input's last pixel."""
    layers = [
        {"kind": "conv", "name": "a", "filters": 1, "kernel": 2, "dilation": 4},
        {"kind": "crop", "name": "b", "inputs": ["input"], "cropping": [[4, 0]]},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    ]
    assert rfcalc.align({"rfcalc": 1, "input": [20, 1], "layers": layers}).misaligned == ()


# ---- branches of different strides, row by row -------------------------------------------------------------


def valid_unet(size: int, convs: int) -> tuple[dict[str, Any], int]:
    """One level of an unpadded U-Net whose skip is resized to the decoder's extent, and that extent."""
    skip = size - 2 * convs
    decoder = 2 * (skip // 2 - 2 * convs)
    down = [{"kind": "conv", "name": f"d{n}", "filters": 1, "kernel": 3} for n in range(convs)]
    deep = [{"kind": "conv", "name": f"e{n}", "filters": 1, "kernel": 3} for n in range(convs)]
    layers = [
        *down,
        {"kind": "max_pool", "name": "pool", "kernel": 2},
        *deep,
        {"kind": "transposed_conv", "name": "up", "filters": 1, "kernel": 2, "stride": 2},
        {"kind": "resize", "name": "skip", "inputs": [down[-1]["name"]], "size": decoder, "mode": "nearest"},
        {"kind": "concat", "name": "join", "inputs": ["skip", "up"]},
    ]
    return {"rfcalc": 1, "input": [size, 1], "layers": layers}, decoder


@pytest.mark.parametrize(
    ("size", "convs"), [(40, 1), (41, 1), (60, 2), (62, 2), (84, 3), (100, 4), (128, 5), (188, 6)]
)
def test_rows_of_a_resized_skip_lie_apart_as_indices_say(size: int, convs: int) -> None:
    """Nearest takes row floor((i + 1/2) * in/out); a row of d convolutions reads 2d + 1 pixels on."""
    model, decoder = valid_unet(size, convs)
    skip = size - 2 * convs
    rows = []
    for row in range(decoder):
        taken = math.floor((row + 0.5) * skip / decoder)
        shortcut = (taken, taken + 2 * convs)
        deep = row // 2
        decoded = (2 * deep, 2 * (deep + 2 * convs) + 1 + 2 * convs)
        rows.append(abs(sum(shortcut) - sum(decoded)) / 2)
    found = rfcalc.align(model)
    (join,) = found.joins
    assert (join.offset, join.reason) == ((max(rows),), "")
    (drift,) = join.drift
    assert drift == (rows[0], rows[-1], min(rows), max(rows))
    assert f"{rows[0]:g} in the first row, {rows[-1]:g} in the last" in found.sentences[1]
    assert "?" not in found.to_text()
    assert found.to_dict()["joins"][0]["drift"] == [
        {"first": rows[0], "last": rows[-1], "least": min(rows), "most": max(rows)}
    ]


# ---- sums over layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after", "widths"), [(4, 8, (3,)), (4, 8, (3, 5)), (9, 2, (6, 1, 7))])
def test_a_sum_over_layers_is_said_to_be_one(before: int, after: int, widths: tuple[int, ...]) -> None:
    """1x1 convolutions behind one of another width: each takes width * (inputs + 1) parameters."""

    def model(filters: int) -> dict[str, Any]:
        heads = [
            {"kind": "conv", "name": f"h{n}", "inputs": ["stem"], "filters": width, "kernel": 1}
            for n, width in enumerate(widths)
        ]
        stem = {"kind": "conv", "name": "stem", "filters": filters, "kernel": 3}
        return {"rfcalc": 1, "input": [8, 8, 1], "layers": [stem, *heads]}

    old, new = (sum(width * (filters + 1) for width in widths) for filters in (before, after))
    answer = rfcalc.diff(model(before), model(after)).to_dict()["answer"]
    said = next(each for each in answer if "parameters" in each)
    more = "more" if new > old else "fewer"
    amount = f"{abs(new - old)} {more} parameters"
    if len(widths) == 1:
        assert said == f"'h0' downstream of 'stem' takes {amount} ({old} to {new})"
    else:
        most = f"h{widths.index(max(widths))}"
        layers = f"{len(widths)} layers downstream of 'stem'"
        assert said == f"{layers} take {amount} in all ({old} to {new}), most at '{most}'"


# ---- capsules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(28, 9, 2), (28, 5, 2), (32, 9, 2), (20, 3, 1), (24, 5, 3), (30, 7, 4)]
)
def test_the_last_map_of_capsules_is_theirs(size: int, kernel: int, stride: int) -> None:
    """The field is that of the capsules, so what stands below it is theirs as well."""
    layers = [
        {"kind": "conv", "name": "conv", "filters": 4, "kernel": kernel},
        {
            "kind": "primary_capsules",
            "name": "caps",
            "capsules": 3,
            "dim": 8,
            "kernel": kernel,
            "stride": stride,
        },
    ]
    model = {"rfcalc": 1, "input": [size, size, 1], "layers": layers}
    bill = rfcalc.compare(model, MODELS / "pooling.json").entries[0].bill
    assert bill is not None
    map_ = (size - 2 * (kernel - 1) - 1) // stride + 1
    assert bill.field_layer == "caps"
    assert bill.field == (2 * kernel - 1,) * 2
    assert bill.last_map == (None, 3 * map_**2, 8)
    assert bill.stride is None or not any(bill.stride)
    assert bill.exact_shift == (stride, stride)
