"""The figures of designs are those of `rfcalc.analyze`."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rfcalc
from rfcalc.errors import UsageError
from rfcalc.questions.sweep.evaluate import Evaluator
from rfcalc.questions.sweep.grid import space_of

MODELS = Path(__file__).parents[3] / "docs" / "models"

NET: dict[str, Any] = {
    "rfcalc": 1,
    "parameters": {"width": 8, "kernel": 3, "depth": 2},
    "input": [12, 12, 3],
    "blocks": {
        "unit": {"layers": [{"kind": "conv", "name": "conv", "filters": "width", "kernel": "kernel"}]}
    },
    "layers": [
        {"block": "unit", "name": "units", "repeat": "depth"},
        {"kind": "max_pool", "name": "pool", "kernel": 2},
        {"kind": "conv", "name": "last", "filters": "2 * width", "kernel": 3, "padding": "same"},
        {"kind": "gap", "name": "gap"},
        {"kind": "linear", "name": "classes", "units": 10},
    ],
}


def table(
    model: Any, over: Any, dims: Any = None, layers: tuple[str, ...] = (), **loading: Any
) -> dict[str, Any]:
    space, fixed = space_of(over, dims)
    found: dict[str, list[Any]] = {}
    evaluator = Evaluator(model, space, layers, {"dims": fixed or None, **loading})
    for block in space.block(0, space.size):
        for name, values in evaluator.figures(block).items():
            assert values.shape == (block.size,)
            found.setdefault(name, []).extend(values.tolist())
    return found


def test_columns_and_their_order() -> None:
    found = table(NET, {"width": [8, 16]}, {"H": [12, 14]})
    assert list(found) == [
        "design", "width", "H", "error", "params", "macs", "activations", "peak_activations",
        "extent_0", "receptive_field_0", "effective_stride_0", "effective_padding_0",
        "extent_1", "receptive_field_1", "effective_stride_1", "effective_padding_1", "coverage", "status",
    ]  # fmt: skip
    assert found["design"] == [0, 1, 2, 3]
    assert found["H"] == [12, 14, 12, 14]


def test_figures_are_those_of_analyze() -> None:
    found = table(NET, {"kernel": [3, 5], "depth": [0, 1, 2]}, {"H": [12, 16]}, parameters={"width": 4})
    for place, design in enumerate(found["design"]):
        kernel, depth, height = (found[name][place] for name in ("kernel", "depth", "H"))
        one = rfcalc.analyze(
            NET, parameters={"kernel": kernel, "depth": depth, "width": 4}, dims={"H": height}
        )
        assert design == place
        totals, row = one.to_dict()["totals"], one.layer("last")
        assert found["error"][place] == ""
        assert found["params"][place] == totals["params"]
        assert found["macs"][place] == totals["macs"]
        assert found["activations"][place] == totals["activations"]
        assert found["peak_activations"][place] * 4 == totals["peak_memory"]["bytes"]
        for axis in range(2):
            assert found[f"extent_{axis}"][place] == row.spatial[axis]
            assert found[f"receptive_field_{axis}"][place] == (row.receptive_field or ())[axis]
            assert found[f"effective_stride_{axis}"][place] == (row.effective_stride or ())[axis]
            assert found[f"effective_padding_{axis}"][place] == (row.effective_padding or ())[axis]
        assert found["coverage"][place] == row.coverage


def test_a_design_that_cannot_be_built_says_why() -> None:
    found = table(NET, {"kernel": [3, 9], "depth": [2]})
    assert found["error"][0] == ""
    assert "units/2/conv" in found["error"][1] or "units" in found["error"][1]
    assert [found[name][1] for name in ("params", "macs", "extent_0", "coverage")] == [None] * 4


def test_several_layers_have_columns_of_their_own() -> None:
    found = table(NET, {"width": [8]}, layers=("pool", "last", "gap"))
    assert found["pool.extent_0"] == [4]
    assert found["last.receptive_field_1"] == [rfcalc.analyze(NET).layer("last").receptive_field[1]]  # type: ignore[index]
    assert found["gap.extent_0"] == [None]  # it keeps no grid
    assert found["gap.receptive_field_0"] == [None]  # it sees the whole map
    assert found["gap.coverage"] == [1.0]


def test_variants_of_a_model_that_has_no_parameters() -> None:
    path = MODELS / "pooling.json"
    found = table(path, {"variant": ["plain", "strided", "unstrided", "pool:2:1"]}, layers=("conv3",))
    for place, name in enumerate(found["variant"]):
        if found["error"][place]:
            with pytest.raises(rfcalc.AnalysisError):
                rfcalc.variant(path, name)
            continue
        one = rfcalc.analyze(rfcalc.variant(path, name))
        assert found["params"][place] == one.totals.params.total
        assert found["receptive_field_0"][place] == one.layer("conv3").receptive_field[0]  # type: ignore[index]
    assert found["error"].count("") >= 3


def test_numbers_that_64_bits_do_not_hold_stay_exact() -> None:
    net = {"rfcalc": 1, "parameters": {"w": 1}, "input": [4, 4, 3], "layers": [
        {"kind": "conv", "filters": "w", "kernel": 1}, {"kind": "conv", "filters": "w", "kernel": 3},
    ]}  # fmt: skip
    found = table(net, {"w": [2, 2**40]})
    wide = rfcalc.analyze(net, parameters={"w": 2**40}).totals
    assert found["params"] == [
        rfcalc.analyze(net, parameters={"w": 2}).totals.params.total,
        wide.params.total,
    ]
    assert found["macs"][1] == wide.macs
    assert wide.macs is not None
    assert wide.macs > 2**64


def test_an_evaluator_can_be_pickled() -> None:
    space, _ = space_of({"width": [8, 16]})
    evaluator = Evaluator(NET, space, (), {})
    (block,) = space.block(0, 2)
    again = pickle.loads(pickle.dumps(evaluator)).figures(block)
    for name, values in evaluator.figures(block).items():
        assert np.ma.filled(values, -1).tolist() == np.ma.filled(again[name], -1).tolist()


@pytest.mark.parametrize(
    ("over", "dims", "layers", "says"),
    [
        ({"widht": [1]}, {}, (), "no parameter 'widht'"),
        ({}, {"Q": [8]}, (), "no spatial axis 'Q'"),
        ({"width": [1]}, {}, ("conv9",), "no layer is called 'conv9'"),
    ],
)
def test_what_a_model_does_not_have(over: Any, dims: Any, layers: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        table(NET, over, dims, layers)


def test_a_parameter_that_is_called_as_a_figure() -> None:
    net = {**NET, "parameters": {**NET["parameters"], "macs": 1}}
    with pytest.raises(UsageError, match="'macs' is varied, but is also the name of a figure"):
        table(net, {"macs": [1, 2]})
