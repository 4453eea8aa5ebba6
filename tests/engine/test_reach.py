"""What a model reaches of its input, against sets that are carried through windows element by element."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rfcalc
from rfcalc.engine.reach import Reach
from rfcalc.engine.run import Run
from rfcalc.loading import load

Window = tuple[int, int, tuple[int, int]]
"""Kernel, stride, padding before and after."""


def carried(extent: int, windows: list[Window]) -> list[set[int]]:
    """Return what each unit behind some windows reads, by the definition of a window."""
    sets = [{i} for i in range(extent)]
    for kernel, stride, (before, after) in windows:
        padded = [set[int]()] * before + sets + [set[int]()] * after
        starts = range(0, len(padded) - kernel + 1, stride)
        sets = [set().union(*padded[start : start + kernel]) for start in starts]
    return sets


def chain(extent: int, windows: list[Window], *last: dict[str, Any]) -> dict[str, Any]:
    """Return the model of those windows."""
    layers = [
        {"kind": "conv", "filters": 1, "kernel": kernel, "stride": stride, "padding": [padding]}
        for kernel, stride, padding in windows
    ]
    return {"rfcalc": 1, "input": [extent, 1], "layers": [*layers, *last]}


@pytest.mark.parametrize(
    ("model", "reached"),
    [  # by hand
        ({"layers": [{"kind": "max_pool", "kernel": 2}]}, (0, 9)),
        (
            {"layers": [{"kind": "conv", "filters": 1, "kernel": 3, "stride": 3, "padding": [[1, 0]]}]},
            (0, 10),
        ),
        ({"layers": [{"kind": "crop", "cropping": [[2, 3]]}]}, (2, 7)),
        ({"layers": [{"kind": "crop", "cropping": [[2, 2]]}, {"kind": "max_pool", "kernel": 3}]}, (2, 7)),
        ({"layers": [{"kind": "max_pool", "kernel": 2, "padding": "same"}]}, (0, 10)),
    ],
)
def test_what_no_window_takes_is_not_covered_by_a_global_layer(model: dict[str, Any], reached: Any) -> None:
    layers = [*model["layers"], {"kind": "flatten"}, {"kind": "linear", "units": 2, "name": "end"}]
    row = rfcalc.analyze({"rfcalc": 1, "input": [11, 1], "layers": layers}).layer("end")
    assert row.receptive_field == (None,)
    assert row.coverage == (reached[1] - reached[0] + 1) / 11


def windows_of(kernel: int) -> st.SearchStrategy[Window]:
    """Windows none of which lies in padding alone: what such a one reads is only bounded."""
    sides = st.integers(0, kernel - 1)
    return st.tuples(st.just(kernel), st.integers(1, 3), st.tuples(sides, sides))


@given(st.integers(9, 24), st.lists(st.integers(1, 4).flatmap(windows_of), min_size=1, max_size=4))
def test_reach_is_that_of_sets(extent: int, windows: list[Window]) -> None:
    assume(all(carried(extent, windows[:some]) for some in range(1, len(windows) + 1)))  # each window fits
    found = set().union(*carried(extent, windows))
    model = chain(extent, windows, {"kind": "flatten"}, {"kind": "linear", "units": 2, "name": "end"})
    run = Run(load(model))
    reached = Reach(run.graph, run.fields, run.extents).of(("end", 0))
    assert reached == ((min(found), max(found)) if found else None,)


def test_a_field_covers_no_more_than_what_is_reached() -> None:
    # 10 pixels of which a stride of 4 takes 0, 4 and 8; three of these, padded, span 9 and reach 0 to 8
    windows: list[Window] = [(1, 4, (0, 0)), (5, 1, (2, 2))]
    row = rfcalc.analyze(chain(10, windows)).rows[-1]
    assert (row.receptive_field, row.coverage) == ((17,), 0.9)


def test_at_an_open_size_the_share_is_not_known() -> None:
    layers = [{"kind": "max_pool", "kernel": 2}, {"kind": "global_pool"}]
    row = rfcalc.analyze({"rfcalc": 1, "input": [None, 1], "layers": layers}).rows[-1]
    assert (row.receptive_field, row.coverage) == ((None,), None)
