"""Contributions to a field: what the layers add is the field, to the pixel, on every way that decides it."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.counterfactuals.swaps import plain
from rfcalc.engine.attribution import Attribution, Attributor, AxisAttribution
from rfcalc.engine.run import Run
from rfcalc.graph.graph import LayerGraph
from tests.readers.models import MODELS
from tests.strategies import LOCAL, PLAIN, RESIZED, models

CONV: dict[str, Any] = {"kind": "conv", "kernel": 3, "filters": 4}
DATA = Path(__file__).parents[1] / "data" / "keras"


@cache
def keras(name: str) -> dict[str, Any]:
    with gzip.open(DATA / f"{name}.json.gz") as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


def check(graph: LayerGraph, *, every: int = 1) -> int:
    """Compare contributions with the analysis, for every so many layers; count what was divided."""
    rows = {row.name: row for each in rfcalc.analyze(graph) for row in (each, *each.calls)}
    attributor = Attributor(Run(graph))
    divided = 0
    names = [layer.name for layer in graph if layer.name in rows]
    for name in dict.fromkeys([*names[::every], names[-1]]):
        row = rows[name]
        for axis, found in enumerate(attributor.attribute(name).axes):
            held(found)
            if row.receptive_field is None or row.receptive_field[axis] is None:
                assert found.field is None
                assert not found.local or found.size == (row.local_receptive_field or ())[axis]
                continue
            assert found.field == row.receptive_field[axis], name
            if found.field:
                assert (found.subject, found.size) == (name, found.field)
                divided += 1
    return divided


def held(axis: AxisAttribution) -> None:
    """Check the sums of one division: of the steps, of the strides behind each, and of the causes."""
    assert axis.size is not None or not axis.steps
    beyond = (axis.size or 1) - 1
    assert sum(step.pixels for step in axis.steps) == beyond
    assert sum(shares.total for shares in axis.causes.values()) == beyond
    for step in axis.steps:
        assert step.inherited == sum(pixels for _, pixels in step.due), step.layer


def parts(found: Attribution, axis: int = 0) -> dict[str, tuple[Fraction, Fraction]]:
    return {step.layer: (step.own, step.inherited) for step in found.axes[axis].steps}


def chain(*layers: dict[str, Any], size: tuple[int, ...] = (64, 64)) -> Attributor:
    return Attributor(Run(rfcalc.load({"rfcalc": 1, "input": [*size, 4], "layers": list(layers)})))


# ---- worked cases ------------------------------------------------------------------------------------------


def test_what_pooling_is_responsible_for() -> None:
    with_pooling = Attributor(Run(rfcalc.load(MODELS["pooling"]))).attribute("conv3").axes[0]
    without = Attributor(Run(rfcalc.load(MODELS["plain"]))).attribute("conv3").axes[0]
    assert (with_pooling.size, without.size) == (18, 7)
    assert with_pooling.causes["pooling"] == (2, 9)
    assert with_pooling.causes["convolution"] == (6, 0)
    assert with_pooling.causes["pooling"].total == 18 - 7
    assert without.causes["pooling"] == (0, 0)


@pytest.mark.parametrize(("model", "layer"), [("pooling", "conv3"), ("VGG16", "block5_conv3")])
def test_where_only_pooling_steps_its_share_is_the_difference_to_the_model_without(
    model: str, layer: str
) -> None:
    graph = rfcalc.load(MODELS[model] if model in MODELS else keras("applications")[model]["model"])
    without = rfcalc.analyze(plain(Run(graph)).graph).layer(layer).receptive_field
    assert without is not None
    for found, size in zip(Attributor(Run(graph)).attribute(layer).axes, without, strict=True):
        assert found.size is not None
        assert size is not None
        assert found.causes["pooling"].total == found.size - size


def test_strides_share_the_jump_in_order_of_depth() -> None:
    found = Attributor(Run(rfcalc.load(MODELS["pooling"]))).attribute("conv3")
    assert parts(found) == {
        "conv1": (2, 0),
        "pool1": (1, 0),
        "conv2": (2, 2),
        "pool2": (1, 1),
        "conv3": (2, 6),
    }
    assert found.axes[0].steps[-1].due == (("pool1", 2), ("pool2", 4))
    assert (found.axes[0].steps[-1].jump, found.axes[0].steps[-1].kernel) == (4, 3)


@pytest.mark.parametrize(
    "layer",
    [
        {"kind": "patches", "kernel": 3, "stride": 2},
        {"kind": "conv", "kernel": 3, "stride": 2, "filters": 4, "groups": 2},
        {"kind": "depthwise_conv", "kernel": 3, "stride": 2},
    ],
    ids=lambda layer: str(layer["kind"]),
)
def test_a_window_whose_channels_are_told_apart_is_one_window(layer: dict[str, Any]) -> None:
    """Whatever the channels mean, 3 elements 2 pixels apart reach over 4 more, of which one stride owes 2."""
    found = chain({**CONV, "name": "before", "stride": 2}, {**layer, "name": "it"}).attribute("it")
    for axis in found.axes:
        held(axis)
        assert [(step.layer, step.kernel, step.dilation, step.stride) for step in axis.steps] == [
            ("before", 3, 1, 2),
            ("it", 3, 1, 2),
        ]
    assert parts(found) == {"before": (2, 0), "it": (2, 2)}


def test_ends_that_two_branches_decide() -> None:
    found = chain(
        {**CONV, "name": "stem", "stride": 2},
        {**CONV, "name": "a", "inputs": ["stem"], "padding": [[2, 0], [1, 1]]},
        {**CONV, "name": "b", "inputs": ["stem"], "padding": [[0, 2], [1, 1]]},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    ).attribute("sum")  # fmt: skip
    rows, columns = found.axes
    assert parts(found) == {"stem": (2, 0), "a": (2, 2), "b": (2, 2)}
    assert [(step.layer, step.sides) for step in rows.steps[1:]] == [("a", ("first",)), ("b", ("last",))]
    assert (rows.first_path, rows.last_path) == (("input", "stem", "a", "sum"), ("input", "stem", "b", "sum"))
    assert (columns.first_path, columns.size) == (columns.last_path, 7)


def test_padding_of_a_branch_counts_where_it_decides_one_end() -> None:
    found = chain(
        {"kind": "pad", "name": "before", "padding": [[2, 0]]},
        {**CONV, "name": "a"},
        {"kind": "pad", "name": "behind", "inputs": ["input"], "padding": [[0, 2]]},
        {**CONV, "name": "b"},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
        size=(64,),
    ).attribute("sum")
    held(found.axes[0])
    assert found.axes[0].size == 5
    assert parts(found) == {"before": (2, 0), "b": (2, 0)}


def test_upsampling_takes_back_the_latest_stride() -> None:
    found = chain(
        {**CONV, "name": "c1"},
        {"kind": "max_pool", "name": "pool1", "kernel": 2},
        {"kind": "max_pool", "name": "pool2", "kernel": 2},
        {"kind": "transposed_conv", "name": "up", "kernel": 2, "stride": 2, "filters": 4},
        {**CONV, "name": "c2"},
        size=(64,),
    ).attribute("c2")
    last = found.axes[0].steps[-1]
    assert (last.layer, last.jump, last.due) == ("c2", 2, (("pool1", 2),))
    assert found.axes[0].size == rfcalc.analyze(
        {"rfcalc": 1, "input": [64, 4], "layers": [
            {"kind": "conv", "kernel": 3, "filters": 4}, {"kind": "max_pool", "kernel": 2},
            {"kind": "max_pool", "kernel": 2},
            {"kind": "transposed_conv", "kernel": 2, "stride": 2, "filters": 4},
            {**CONV, "name": "c2"},
        ]}
    ).layer("c2").receptive_field[0]  # type: ignore[index]  # fmt: skip


def test_both_windows_of_a_compound_layer_count() -> None:
    found = chain(
        {"kind": "max_pool", "name": "pool", "kernel": 3, "stride": 2},
        {"kind": "separable_conv", "name": "sep", "kernel": 5, "filters": 4, "dilation": 2},
        size=(64,),
    ).attribute("sep")
    assert parts(found) == {"pool": (2, 0), "sep": (8, 8)}


def test_a_global_layer_says_where_the_field_loses_its_ends() -> None:
    found = Attributor(Run(rfcalc.load(MODELS["pooling"]))).attribute("classes").axes[0]
    assert (found.field, found.subject, found.size) == (None, "flatten", 18)
    assert found.reason.startswith("'classes' (linear) makes the field global")


def test_behind_a_gate_the_local_field_is_divided() -> None:
    found = chain(
        {**CONV, "name": "c1"},
        {"kind": "global_pool", "name": "squeeze", "keepdims": True},
        {"kind": "multiply", "name": "gate", "inputs": ["c1", "squeeze"]},
        {**CONV, "name": "c2"},
    ).attribute("c2").axes[0]  # fmt: skip
    assert (found.field, found.local, found.size, found.subject) == (None, True, 5, "c2")
    assert found.reason.startswith("'gate' (multiply) makes it global")


def test_what_lies_before_an_unknown_op_is_divided() -> None:
    found = chain(
        {**CONV, "name": "c1"},
        {"kind": "unknown", "name": "odd", "op": "Odd"},
        {"kind": "relu", "name": "r"},
    ).attribute("r").axes[0]  # fmt: skip
    assert (found.field, found.status, found.subject, found.size) == (None, "unknown", "c1", 3)
    assert "'odd' (Odd) is not known to any rule" in found.reason


def test_an_offset_that_an_open_extent_hides_is_what_the_join_adds() -> None:
    graph = rfcalc.load(keras("applications")["Xception.notop"]["model"])
    assert check(graph, every=9) > 20


def test_shared_weights_cost_once() -> None:
    model = keras("models")
    name = next(name for name, case in model.items() if _is_shared(case["model"]))
    graph = rfcalc.load(model[name]["model"])
    last = list(graph.layers)[-1]
    costs = Attributor(Run(graph)).attribute(last).costs
    params = [cost.params.total for cost in costs]
    assert sum(p for p in params if p is not None) <= (rfcalc.analyze(graph).totals.params.total or 0)


def _is_shared(model: dict[str, Any]) -> bool:
    try:
        return any(len(row.calls) > 1 and (row.params.total or 0) > 0 for row in rfcalc.analyze(model))
    except rfcalc.RfcalcError:
        return False


# ---- every model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_example_models(name: str) -> None:
    check(rfcalc.load(MODELS[name]), every=3)


@pytest.mark.parametrize("name", keras("slim"))
def test_published_networks(name: str) -> None:
    graph = rfcalc.load(keras("slim")[name]["model"])
    assert check(graph) >= 2 * (len(graph) - 1)


@pytest.mark.parametrize(
    "name", ["ResNet50.notop", "EfficientNetB0.notop", "InceptionV3", "NASNetMobile", "VGG16"]
)
def test_applications(name: str) -> None:
    graph = rfcalc.load(keras("applications")[name]["model"])
    assert check(graph, every=19 if len(graph) > 100 else 1) >= 2


@pytest.mark.parametrize("collection", ["layers", "models", "dependence"])
def test_every_keras_layer(collection: str) -> None:
    divided = 0
    for case in keras(collection).values():
        try:
            graph = rfcalc.load(case["model"])
        except rfcalc.RfcalcError:
            continue
        divided += check(graph)
    assert divided > 1000


@pytest.mark.onnx
@pytest.mark.parametrize(
    "name",
    [
        "own.hydra",
        "own.oddpads",
        "own.tcn_valid",
        "own.unet_transposed",
        "own.yolo",
        "smp.UnetPlusPlus.resnet18",
        "timm.cspdarknet53",
        "timm.hrnet_w18_small",
        "timm.res2net50_26w_4s",
        "tv.densenet121.ts14",
        "tv.inception_v3",
        "tv.mc3_18.ts13",
        "tv.resnet18.ts11dyn",
        "tv.resnet50",
        "tv.shufflenet_v2_x1_0",
    ],
)
def test_onnx_graphs(name: str) -> None:
    pytest.importorskip("onnx")
    from tests.readers.onnx_graphs import graph_bytes, reference

    ref = reference(name)
    graph = rfcalc.load(graph_bytes(name), input_shape=ref["input"] if ref.get("dynamic_axes") else None)
    assert check(graph, every=max(len(graph) // 12, 1)) >= 4


@settings(max_examples=60)
@given(st.integers(1, 2).flatmap(lambda rank: models(rank=rank, kinds=LOCAL + PLAIN, smallest=8)))
def test_random_graphs(model: dict[str, Any]) -> None:
    check(rfcalc.load(model))


@settings(max_examples=40)
@given(models(kinds=LOCAL + PLAIN + RESIZED))
def test_random_graphs_of_uneven_grids(model: dict[str, Any]) -> None:
    graph = rfcalc.load(model)
    attributor = Attributor(Run(graph))
    for layer in graph:
        for axis in attributor.attribute(layer.name).axes:
            held(axis)
