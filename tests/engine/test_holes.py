"""Holes in fields: how many pixels are read, who left the others out, and which dilations close them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc


def windows(*dilations: int, kernel: int = 3, size: int = 64, padding: Any = "same") -> dict[str, Any]:
    layers = [
        {
            "kind": "conv",
            "name": f"c{place}",
            "filters": 1,
            "kernel": kernel,
            "dilation": d,
            "padding": padding,
        }
        for place, d in enumerate(dilations, 1)
    ]
    return {"rfcalc": 1, "input": [size, 1], "layers": layers}


def told(model: Any) -> list[tuple[str, str]]:
    return [(note.layer, note.message) for note in rfcalc.analyze(model).notes if note.code == "holes"]


# ---- by hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dilations", "span", "taps", "gap"),
    [
        ((1, 1, 1), 7, 7, 0),
        ((2, 2, 2), 13, 7, 1),  # every other pixel
        ((1, 2, 5), 17, 17, 0),
        ((1, 2, 3), 13, 13, 0),
        ((2, 4, 8), 29, 15, 1),
        ((2, 1), 7, 7, 0),  # the second closes what the first opened
        ((3,), 7, 3, 2),
        ((1, 4), 11, 9, 1),
    ],
)
def test_taps(dilations: tuple[int, ...], span: int, taps: int, gap: int) -> None:
    row = rfcalc.analyze(windows(*dilations), details=True).rows[-1]
    assert row.receptive_field == (span,)
    assert row.detail is not None
    assert row.detail.taps == (taps,)
    assert row.detail.largest_gap == (gap,)
    assert row.detail.density == pytest.approx(taps / span)
    assert bool(told(windows(*dilations))) == bool(gap)


@pytest.mark.parametrize("padding", ["same", "valid", "causal", 4])
def test_three_windows_of_dilation_two(padding: Any) -> None:
    ((layer, message),) = told(windows(2, 2, 2, padding=padding))
    assert layer == "c1"
    assert message == (
        "it has a dilation of 2, which opens holes in the fields from here on; 'c3' reads 7 of the 13 "
        "pixels it spans on an axis, with gaps of up to 1 pixel; a dilation of 1 (now 2) in 'c1', "
        "3 (now 2) in 'c3' would close them"
    )


def test_the_last_window_opens_them() -> None:
    ((layer, message),) = told(windows(2, 1, 9))
    assert layer == "c3"
    assert message.endswith("; a dilation of 7 (now 9) in 'c3' would close them")


def test_a_kernel_smaller_than_its_stride() -> None:
    model = {
        "rfcalc": 1,
        "input": [64, 64, 1],
        "layers": [
            {"kind": "conv", "name": "step", "filters": 1, "kernel": 1, "stride": 2},
            {"kind": "conv", "name": "c", "filters": 1, "kernel": 3},
        ],
    }
    ((layer, message),) = told(model)
    assert layer == "step"
    assert message == (
        "its window of 1 is shorter than its stride of 2, which opens holes in the fields from here on; 'c' "
        "reads 3 of the 5 pixels it spans on an axis, with gaps of up to 1 pixel; a window of 2 would "
        "close them"
    )
    assert rfcalc.analyze(model, details=True).rows[-1].detail == (
        (3, 3), pytest.approx(9 / 25), (1, 1), True
    )  # fmt: skip


def test_a_step_alone_opens_none() -> None:
    """What is between two fields is nobody's, but no field has a hole."""
    model = {"rfcalc": 1, "input": [64, 1], "layers": [{"kind": "max_pool", "kernel": 1, "stride": 2}]}
    assert not told(model)


def test_a_shortcut_that_steps_opens_none() -> None:
    """A 1x1 at stride 2 behind a 3x3: its fields overlap."""
    model = {
        "rfcalc": 1,
        "input": [64, 1],
        "layers": [
            {"kind": "conv", "filters": 1, "kernel": 3},
            {"kind": "conv", "filters": 1, "kernel": 1, "stride": 2},
            {"kind": "conv", "filters": 1, "kernel": 3},
        ],
    }
    assert not told(model)
    detail = rfcalc.analyze(model, details=True).rows[-1].detail
    assert detail is not None
    assert detail.taps == (7,)


def test_another_branch_does_not_close_them() -> None:
    model = windows(2, 2)
    model["layers"].append(
        {"kind": "conv", "name": "side", "inputs": ["input"], "filters": 1, "kernel": 3, "padding": "same"}
    )
    assert [layer for layer, _ in told(model)] == ["c1"]


def test_fields_too_large_to_be_counted() -> None:
    ((layer, message),) = told(windows(*(2,) * 5, kernel=10**5, size=2_000_000, padding="valid"))
    assert layer == "c1"
    assert message == "it has a dilation of 2, which leaves pixels out; fields are too large to say which"


def test_global_fields_have_no_count() -> None:
    model = windows(2)
    model["layers"].append({"kind": "global_pool", "name": "g"})
    detail = rfcalc.analyze(model, details=True).layer("g").detail
    assert detail == ((None,), None, (None,), None)


def test_upsampling() -> None:
    """i//4 three apart: pixels i//4 - 1, i//4, ... by phase, and never one left out."""
    model = {
        "rfcalc": 1,
        "input": [16, 1],
        "layers": [
            {"kind": "upsample", "scale": 4},
            {"kind": "conv", "name": "near", "filters": 1, "kernel": 3, "dilation": 4},
            {
                "kind": "conv",
                "name": "far",
                "inputs": ["upsample_1"],
                "filters": 1,
                "kernel": 3,
                "dilation": 9,
            },
        ],
    }
    found = rfcalc.analyze(model, details=True)
    assert [found.layer(name).detail[:3] for name in ("near", "far")] == [  # type: ignore[index]
        ((3,), 1.0, (0,)),
        ((3,), 3 / 6, (2,)),
    ]


# ---- against brute force -----------------------------------------------------------------------------------

Shape = tuple[int, int, int]


def needed(layers: list[Shape], output: int) -> set[int]:
    found = {output}
    for kernel, stride, dilation in reversed(layers):
        found = {stride * i + dilation * t for i in found for t in range(kernel)}
    return found


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 6)), min_size=1, max_size=4))
def test_counts_are_those_of_the_taps(layers: list[Shape]) -> None:
    model = {
        "rfcalc": 1,
        "input": [4000, 1],
        "layers": [
            {"kind": "conv", "name": f"c{n}", "filters": 1, "kernel": k, "stride": s, "dilation": d}
            for n, (k, s, d) in enumerate(layers)
        ],
    }
    found = rfcalc.analyze(model, details=True)
    holes = []
    for place in range(len(layers)):
        taps = sorted(needed(layers[: place + 1], 0))
        gaps = [after - before - 1 for before, after in pairwise(taps)]
        detail = found.layer(f"c{place}").detail
        assert detail is not None
        assert detail.taps == (len(taps),)
        assert detail.largest_gap == (max(gaps, default=0),)
        holes.append(any(gaps))
    notes = told(model)
    assert bool(notes) <= any(holes)
    if holes[-1]:
        assert notes
    for _, message in notes:
        changes = re.findall(r"(\d+) \(now \d+\) in 'c(\d+)'", message)
        if changes and " more would" not in message:
            changed = list(layers)
            for dilation, place in changes:
                changed[int(place)] = (*changed[int(place)][:2], int(dilation))
            taps = sorted(needed(changed, 0))
            assert not holes[-1] or taps == list(range(taps[-1] + 1))


def test_where_a_field_begins_need_not_be_known() -> None:
    """SAME padding of an open extent moves a field, and leaves its holes as they are."""
    model = windows(2, 2)
    model["input"] = [None, 1]
    model["layers"].append(
        {"kind": "conv", "name": "s", "filters": 1, "kernel": 1, "stride": 2, "padding": "same"}
    )
    model["layers"].append(
        {"kind": "conv", "name": "t", "filters": 1, "kernel": 3, "stride": 2, "padding": "same"}
    )
    detail = rfcalc.analyze(model, details=True).layer("t").detail
    assert detail is not None
    assert (detail.taps, detail.largest_gap) == ((7,), (1,))
    assert [layer for layer, _ in told(model)] == ["c1"]


def test_parts_of_a_map_that_lie_apart_are_united() -> None:
    """A sequence added to its mirror: unit 0 of 8 reads 0 and 7, so that 6 lie between."""
    mirrored = [
        {"kind": "flip", "name": "mirror", "axes": [1]},
        {"kind": "add", "name": "both", "inputs": ["input", "mirror"]},
    ]
    message = "it unites parts of a map that lie apart, so that fields have gaps of up to 6 pixels"
    assert told({"rfcalc": 1, "input": [8, 1], "layers": mirrored}) == [("both", message)]
    assert told({"rfcalc": 1, "input": [8, 1], "layers": mirrored[:1]}) == []


def test_a_window_over_a_seam_leaves_gaps() -> None:
    """Of 8 positions the first 3 come last: windows of 4 hold 3 to 6, and 7 with 0 to 2; between lie 4."""
    layers = [
        {"kind": "crop", "name": "head", "cropping": [[0, 5]]},
        {"kind": "crop", "name": "tail", "cropping": [[3, 0]], "inputs": ["input"]},
        {"kind": "concat", "name": "moved", "axis": 1, "inputs": ["tail", "head"]},
        {"kind": "average_pool", "name": "windows", "kernel": 4},
    ]
    model = {"rfcalc": 1, "input": [8, 1], "layers": layers}
    message = "it unites parts of a map that lie apart, so that fields have gaps of up to 4 pixels"
    assert told(model) == [("windows", message)]
    assert told({**model, "layers": layers[:3]}) == []
