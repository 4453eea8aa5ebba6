"""A run of a model that was made of another one: what it takes from there, and that this is what is so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.counterfactuals.variants import COUNTERFACTUALS, DoesNotApply
from rfcalc.engine.edit import edited
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.graph.graph import LayerGraph
from tests.strategies import models

CONV: dict[str, Any] = {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}
LAYERS: list[dict[str, Any]] = [
    {**CONV, "name": "c1"},
    {"kind": "max_pool", "name": "p1", "kernel": 2},
    {**CONV, "name": "c2", "inputs": ["p1"]},
    {**CONV, "name": "c3"},
    {"kind": "add", "name": "sum", "inputs": ["p1", "c3"]},
]


def load(layers: list[dict[str, Any]], extent: int = 32) -> LayerGraph:
    return rfcalc.load({"rfcalc": 1, "input": [extent, 8], "layers": layers})


def with_settings(run: Run, name: str, **attrs: Any) -> Run:
    return run.with_layers(edited(each, **attrs) if each.name == name else each for each in run.graph)


def check(changed: Run) -> None:
    """Ask a run that was made of another one, and one that knows of no other."""
    fresh = Run(changed.graph)
    assert shapes(changed) == shapes(fresh)
    assert dict(changed.fields) == dict(fresh.fields)
    assert dict(changed.taps) == dict(fresh.taps)
    assert changed.misaligned == fresh.misaligned
    assert analyze_run(changed) == analyze_run(fresh)


def shapes(run: Run) -> dict[str, Any]:
    """Return what the rules say of layers, without how they depend on their inputs."""
    return {
        name: known.result and (known.weights, known.result.outputs, known.result.macs)
        for name, known in run.resolved.items()
    }


def kept(run: Run, changed: Run) -> tuple[set[str], set[str]]:
    """Return the layers of which the rule, and what they depend on, are the very objects from before."""
    rules = {n for n, known in changed.resolved.items() if known is run.resolved.get(n)}
    return rules, {n for n, seen in changed.fields.items() if seen is run.fields.get(n)}


@given(model=models(), name=st.sampled_from(sorted(COUNTERFACTUALS)))
def test_a_counterfactual_says_what_its_graph_says_alone(model: dict[str, Any], name: str) -> None:
    run = Run(rfcalc.load(model))
    try:
        changed = COUNTERFACTUALS[name].build(run)
    except DoesNotApply:
        return
    check(changed)


def test_what_is_not_changed_nor_behind_a_change_is_not_worked_out_again() -> None:
    run = Run(load(LAYERS))
    changed = with_settings(run, "c2", dilation=2)
    rules, fields = kept(run, changed)
    assert rules == run.graph.layers.keys() - {"c2"}  # the map that comes out is of the same size
    assert fields == {"input", "c1", "p1"}
    check(changed)


def test_what_depends_on_the_same_behind_a_change_is_not_worked_out_again() -> None:
    run = Run(load(LAYERS))
    changed = COUNTERFACTUALS["strided"].build(run)
    assert changed.graph["p1"].kind == "conv"
    rules, fields = kept(run, changed)
    assert rules == run.graph.layers.keys() - {"p1"}
    assert fields == run.graph.layers.keys()
    check(changed)


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (1, 3), (3, 1)])
def test_ends_of_fields_and_taps_are_not_mixed(before: int, after: int) -> None:
    spread = {"kind": "transposed_conv", "name": "up", "filters": 8, "kernel": before, "stride": 2}
    run = Run(load([{**CONV, "name": "c1"}, spread, {**CONV, "name": "c2"}]))
    assert run.fields["c2"].full
    changed = with_settings(run, "up", kernel=after)
    check(changed)
    check(with_settings(changed, "c2", dilation=2))


def test_branches_that_met_out_of_line_are_still_told() -> None:
    layers = [
        {**CONV, "name": "c1"},
        {**CONV, "name": "a", "stride": 2, "inputs": ["c1"]},
        {"kind": "crop", "name": "b", "cropping": 8, "inputs": ["c1"]},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
        {**CONV, "name": "last"},
    ]
    run = Run(load(layers))
    assert [each.layer for each in run.misaligned] == ["sum"]
    changed = with_settings(run, "last", dilation=2)
    assert changed.misaligned == run.misaligned
    check(changed)


def test_layers_that_are_alike_share_what_their_rule_said() -> None:
    run = Run(load(LAYERS))
    assert run.resolved["c2"].result is run.resolved["c3"].result
    assert run.resolved["c2"].weights != run.resolved["c3"].weights
    assert run.resolved["c1"].result is not run.resolved["c2"].result
