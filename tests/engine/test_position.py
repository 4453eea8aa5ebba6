"""What pooling and strides do to position, against the rows of maps of a concrete size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings

import rfcalc
from rfcalc.engine.attribution import Attributor
from rfcalc.engine.position import Position
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.run import Run
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.field.find import field_of
from tests.strategies import models

CONV: dict[str, Any] = {"kind": "conv", "filters": 4, "kernel": 3}
POOL: dict[str, Any] = {"kind": "max_pool", "kernel": 2}
UP: dict[str, Any] = {"kind": "upsample", "scale": 2}
LARGE = 192


def load(*layers: dict[str, Any], extent: int = LARGE) -> LayerGraph:
    named = [{"name": f"l{place}", **layer} for place, layer in enumerate(layers)]
    return rfcalc.load({"rfcalc": 1, "input": [extent, 4], "layers": named})


def last(graph: LayerGraph) -> Position:
    return Attributor(Run(graph)).attribute(list(graph.layers)[-1]).axes[0].position


def follow(graph: LayerGraph, name: str, shift: int) -> bool:
    """Tell whether all maps up to a layer move onto themselves when the input moves by `shift` pixels."""
    return all(
        _follows(field_of(Run(graph), each.name).axes[0].masks, shift) for each in ancestors(graph, name)
    )


def _follows(masks: tuple[int, ...], shift: int) -> bool:
    """Look for a move of the map, of whole units, that its rows far from the border agree with."""
    third = len(masks) // 3
    middle = range(third, 2 * third)
    return any(
        all(masks[place + move] == masks[place] << shift for place in middle) for move in range(1, third + 1)
    )


@pytest.mark.parametrize(
    ("layers", "unit", "tolerated", "shift"),
    [
        ((CONV, CONV), 1, 0, 1),
        ((CONV, POOL, CONV, POOL, CONV), 4, 3, 4),
        (({**POOL, "kernel": 3, "stride": 2}, CONV), 2, 2, 2),
        (({**POOL, "stride": 1}, CONV), 1, 1, 1),
        (({**POOL, "kernel": 2, "stride": 1, "dilation": 3},), 1, 3, 1),
        (({**CONV, "stride": 2}, {**CONV, "stride": 3}), 6, 0, 6),
        (({**CONV, "stride": 2}, {**POOL, "kernel": 3}), 6, 4, 6),
        (({"kind": "average_pool", "kernel": 2}, CONV), 2, 0, 2),
        ((POOL, CONV, UP, CONV), 1, 1, 2),
        ((UP, CONV), 0.5, 0, 1),
        ((UP, {**POOL, "kernel": 3}), 1.5, 1, 3),
        ((UP, UP, {**POOL, "kernel": 3}), 0.75, 0.5, 3),
        ((POOL, POOL, {"kind": "transposed_conv", "filters": 4, "kernel": 2, "stride": 2}), 2, 3, 4),
    ],
)
def test_units_and_shifts(layers: tuple[Any, ...], unit: float, tolerated: float, shift: int) -> None:
    graph = load(*layers)
    name = list(graph.layers)[-1]
    assert last(graph) == Position(unit, tolerated, shift)  # type: ignore[arg-type]  # a Fraction equals it
    assert [follow(graph, name, pixels) for pixels in range(1, shift + 1)] == [*[False] * (shift - 1), True]


def test_a_shortcut_hides_nothing() -> None:
    graph = rfcalc.load(
        {"rfcalc": 1, "input": [64, 4], "layers": [
            {"kind": "max_pool", "name": "p", "kernel": 2},
            {"kind": "conv", "name": "s", "inputs": ["input"], "kernel": 1, "stride": 2, "filters": 4},
            {"kind": "add", "name": "sum", "inputs": ["p", "s"]},
        ]}
    )  # fmt: skip
    assert last(graph) == Position(2, 0, 2)  # type: ignore[arg-type]  # a Fraction equals it


def test_the_mean_of_a_map_has_no_grid() -> None:
    found = last(load(CONV, POOL, {"kind": "global_pool"}))
    assert (found.unit, found.exact_shift, found.tolerated) == (None, None, None)
    assert "no grid" in found.reason


def test_a_mean_of_windows_hides_nothing_but_that_of_the_map_any_shift() -> None:
    assert last(load(CONV, {"kind": "average_pool", "kernel": 2})).tolerated == 0
    assert last(load(CONV, {"kind": "reduce", "axes": [1]})).tolerated is None


def test_a_linear_layer_follows_no_shift() -> None:
    found = last(load(CONV, {"kind": "flatten"}, {"kind": "linear", "units": 3}))
    assert found.exact_shift is None
    assert "weighs every position differently" in found.reason


def test_an_unknown_op_says_nothing_of_shifts() -> None:
    found = last(load(CONV, {"kind": "unknown", "op": "Odd"}))
    assert (found.unit, found.tolerated, found.exact_shift) == (None, None, None)
    assert "Odd" in found.reason


@settings(max_examples=40, deadline=None)
@given(models(kinds=("conv", "conv", "max_pool", "average_pool", "upsample", "relu"), layers=6))
def test_random_stacks(model: dict[str, Any]) -> None:
    try:
        graph = rfcalc.load({**model, "input": [LARGE, 4]})
        found = Attributor(Run(graph))
        rows = rfcalc.analyze(graph)
    except rfcalc.RfcalcError:
        assume(False)
    assume(not any(note.code == "unequal-strides" for note in rows.notes))
    name = list(graph.layers)[-1]
    shift = found.attribute(name).axes[0].position.exact_shift
    assume(shift is not None and shift <= 18)
    assume(all(row.spatial[0] >= 12 and row.receptive_field[0] < LARGE // 4 for row in rows))
    assert [t for t in range(1, shift + 1) if follow(graph, name, t)] == [shift]
