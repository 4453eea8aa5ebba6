"""rfcalc against enumeration on random graphs: exact means equal, a bound never less than the truth."""

from __future__ import annotations

import os
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import rfcalc
from tests import strategies
from tests.oracle import WHOLE, Document, Line, bits, layers_of, sized, span, spread
from tests.random_dags import random_dag

EVERYTHING = strategies.LOCAL + strategies.PLAIN + strategies.BORDERED + strategies.RESIZED + ("gate",)


def check_field(document: Document) -> int:
    """Hold the rows of every layer against the sized oracle; give how many axes were said to be exact."""
    exact = 0
    rank = len(document["input"]) - 1
    for axis in range(rank):
        truth = sized(document, (axis,))
        for name, *_ in layers_of(document):
            if truth[name].ndim > 1:  # cut into windows: the rows have no common order to compare by
                continue
            masks = [int(mask) for mask in truth[name].ravel()]
            seen = rfcalc.field(document, name).axes[axis]
            assert seen.input_extent == document["input"][axis]
            assert seen.rows == tuple(map(span, seen.masks))
            rows = list(seen.masks) if len(seen.masks) != 1 else list(seen.masks) * len(masks)
            assert len(rows) == len(masks), name
            if seen.status == "exact":
                exact += 1
                assert list(map(span, rows)) == list(map(span, masks)), name
                assert rows == masks, name
            else:
                assert seen.status == "bound"
                assert all(row & mask == mask for row, mask in zip(rows, masks, strict=True)), name
    return exact


@given(strategies.models())
def test_fields_of_local_layers_are_exact(document: Document) -> None:
    assert check_field(document) == len(document["layers"])


@given(strategies.models(kinds=EVERYTHING))
def test_fields_of_all_layers(document: Document) -> None:
    check_field(document)


@given(strategies.models(rank=2, largest=12, layers=6))
def test_fields_on_two_axes(document: Document) -> None:
    assert check_field(document) == 2 * len(document["layers"])


@given(strategies.models(rank=3, largest=10, layers=5))
def test_fields_on_three_axes(document: Document) -> None:
    assert check_field(document) == 3 * len(document["layers"])


@given(strategies.models(rank=2, largest=6, layers=4))
def test_the_field_is_the_product_of_its_axes(document: Document) -> None:
    both = sized(document, (0, 1))
    height, width = document["input"][:2]
    for name, *_ in layers_of(document):
        rows, columns = (axis.masks for axis in rfcalc.field(document, name).axes)
        for (y, x), pixels in np.ndenumerate(both[name]):
            seen = {divmod(j, width) for j in range(height * width) if pixels >> j & 1}
            box = {
                (j, k)
                for j in range(height)
                for k in range(width)
                if rows[y] >> j & 1 and columns[x] >> k & 1
            }
            assert seen <= box
            joins = any(len(inputs) > 1 for *_, inputs in layers_of(document))
            if not joins:  # a union of boxes need not be a box
                assert seen == box


# ---- the figures of an analysis, on a line without borders -------------------------------------------------


def check_figures(document: Document, *, everywhere: bool = True) -> int:
    """Hold the figures of every layer against the line oracle; give how many were said to be exact.

    That a period is one is seen at all indices of four periods, or at a few of them.
    """
    analysis = rfcalc.analyze(document)
    exact = 0
    for axis in range(len(document["input"]) - 1):
        line = Line(document, axis)
        for name, *_ in layers_of(document):
            exact += check_row(line, analysis.layer(name), axis, everywhere)
    return exact


def check_row(line: Line, row: Any, axis: int, everywhere: bool = True) -> bool:
    name = row.name
    size, least = row.receptive_field[axis], row.receptive_field_min[axis]
    seen = inf if size is None else size
    slope, period = line.slope(name), line.periods[name]
    count = row.spatial[axis] if axis < len(row.spatial) else period
    outputs = [line.taps(name, i) for i in range(min(period, count))]  # a small map ends within a period
    whole = any(taps is WHOLE for taps in outputs)
    if (
        slope is None and not whole
    ):  # grids that do not go together: no period comes round, only the map is there
        assert seen >= max(spread(frozenset(bits(mask))) for mask in line.arrays[name].ravel()), name
        if row.status == "exact":  # at the join itself; behind it the map ends, which the line does not
            assert seen <= max(spread(line.taps(name, i)) for i in range(row.spatial[axis])), name
        return False
    largest = inf if whole else max(map(spread, outputs))
    if row.status == "bound":
        assert seen >= largest, name
        return False
    assert row.status == "exact"
    assert seen == largest, name
    if whole:
        return True
    assert least == min(map(spread, outputs)), name
    assert row.effective_stride[axis] == float(slope), name
    first = outputs[0]
    if first:
        assert row.effective_padding[axis] == -min(first), name
        assert row.center[axis] == (min(first) + max(first)) / 2, name
    else:
        assert row.effective_padding[axis] is None
        assert row.center[axis] is None
    step = period * slope
    assert step.denominator == 1
    around = range(-period, 3 * period)
    for i in around if everywhere else {*around[:2], -1, *around[-2:]}:  # that it was a whole period
        moved, taps = line.taps(name, i + period), line.taps(name, i)
        if taps is WHOLE:  # beyond the border of a small map
            assert moved is WHOLE, name
        else:
            assert moved == {j + step.numerator for j in taps}, name
    return True


@given(strategies.models(kinds=strategies.LOCAL + strategies.PLAIN, layers=10))
def test_figures_of_local_layers(document: Document) -> None:
    check_figures(document)


HALVED = {"kind": "space_to_depth", "block": 2}
THIRD = {"kind": "space_to_depth", "block": 3}
PLACES = [
    ([4, 4], [HALVED, HALVED]),
    ([12, 4], [HALVED, THIRD, {"kind": "relu"}]),
    ([12, 4], [THIRD, {"kind": "max_pool", "kernel": 2, "stride": 1}]),
    ([16, 4], [HALVED, {"kind": "crop", "cropping": [[1, 2]]}]),
    ([5, 5, 4], [{"kind": "crop", "cropping": [[0, 1], [1, 2]]}, HALVED]),
    ([2, 4, 4], [HALVED, {"kind": "relu"}]),
]


@pytest.mark.parametrize(("shape", "layers"), PLACES, ids=[str(number) for number in range(len(PLACES))])
def test_figures_where_channels_are_places(shape: list[int], layers: list[Document]) -> None:
    sources = ["input", *(f"l{k}" for k in range(len(layers)))]
    named = [
        {**layer, "name": f"l{k}", "inputs": [source]}
        for k, (layer, source) in enumerate(zip(layers, sources, strict=False))
    ]
    document = {"rfcalc": 1, "input": shape, "layers": named}
    check_figures(document)
    check_field(document)


@given(strategies.models(kinds=(*strategies.LOCAL, *strategies.RESIZED, "gate", "softmax"), layers=8))
def test_figures_of_layers_that_need_the_extent(document: Document) -> None:
    check_figures(document)


@given(strategies.models(rank=2, largest=12, layers=6))
def test_figures_on_two_axes(document: Document) -> None:
    check_figures(document)


@given(strategies.models(rank=3, largest=10, layers=5))
def test_figures_on_three_axes(document: Document) -> None:
    check_figures(document)


# ---- graphs of many grids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hundred",
    range(20)
    if os.environ.get("HYPOTHESIS_PROFILE") == "random"
    else (0, pytest.param(1, marks=pytest.mark.long)),
)
def test_two_thousand_graphs_of_many_grids(hundred: int) -> None:
    layers = 0
    for seed in range(100 * hundred, 100 * hundred + 100):
        document = random_dag(seed)
        exact = check_field(document), check_figures(document, everywhere=False)
        layers += len(document["layers"])
        assert exact == (len(document["layers"]),) * 2, f"seed {seed} has bounds"
    assert layers > 1000
