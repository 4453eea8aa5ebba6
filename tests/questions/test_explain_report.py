"""What an explanation looks like; tests/golden holds it as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rfcalc
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.questions.explain.report import Explanation
from rfcalc.render.escape import cells
from tests.readers.models import MODELS
from tests.render import golden

CONV: dict[str, Any] = {"kind": "conv", "kernel": 3, "filters": 4}
BRANCHES: dict[str, Any] = {
    "rfcalc": 1,
    "name": "branches",
    "input": [40, 30, 4],
    "layers": [
        {**CONV, "name": "stem", "stride": 2},
        {**CONV, "name": "a", "inputs": ["stem"], "padding": [[2, 0], [1, 1]]},
        {**CONV, "name": "b", "inputs": ["stem"], "padding": [[0, 2], [1, 1]]},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
        {"kind": "max_pool", "name": "pool", "kernel": 2},
        {**CONV, "name": "head", "dilation": 2},
    ],
}


@pytest.fixture
def pooling() -> Explanation:
    return rfcalc.explain(MODELS["pooling"], "conv3")


def test_document_follows_the_contract(pooling: Explanation) -> None:
    document = pooling.to_dict()
    assert list(document) == [
        "schema", "model", "layer", "input", "axes", "layers", "totals", "sentences", "notes"
    ]  # fmt: skip
    axis = document["axes"][0]
    assert (axis["receptive_field"], axis["explained"], axis["subject"]) == (18, 18, "conv3")
    assert sum(step["pixels"] for step in axis["steps"]) == 17
    assert axis["causes"]["pooling"] == {"windows": 2, "strides": 9}
    assert axis["position"] == {"unit": 4, "tolerated": 3, "exact_shift": 4}
    assert document["totals"] == {"params": 92672, "macs": 3088512, "complete": True}
    assert document["layers"][-1]["params_cumulated"] == 92672
    assert json.loads(pooling.to_json()) == document
    golden.check("explain.json", pooling.to_json())


@pytest.mark.parametrize("width", [80, 160])
def test_text(width: int) -> None:
    unet = rfcalc.explain(MODELS["unet"], "classes")
    for name, found in (("branches", rfcalc.explain(BRANCHES, "head")), ("unet", unet)):
        text = found.to_text(width)
        assert max(map(cells, text.splitlines())) <= width
        golden.check(f"explain.{name}.{width}.txt", text)


def test_text_for_ascii(pooling: Explanation) -> None:
    assert pooling.to_text(unicode=False).isascii()
    assert str(pooling) == pooling.to_text()


def test_markdown(pooling: Explanation) -> None:
    golden.check("explain.md", pooling.to_markdown())


def test_a_narrow_terminal_cuts_names() -> None:
    long = json.loads(json.dumps(MODELS["pooling"]).replace("conv3", "the_third_" + "of_all_" * 9 + "conv"))
    text = rfcalc.explain(long, long["layers"][4]["name"]).to_text(80)
    assert max(map(cells, (line for line in text.splitlines() if "  " in line))) <= 80


def test_names_are_made_harmless() -> None:
    name = "a|\x1b[31m`b`"
    start = Layer("x", "input", "Input", attrs={"shape": (1, 9, 9, 1), "axes": "bssc"})
    graph = LayerGraph([start, Layer(name, "conv", "Conv", (("x", 0),), {"kernel": 3, "filters": 4})])
    found = rfcalc.explain(graph, name)
    assert "\x1b" not in found.to_text() + found.to_markdown() + found.to_json()
    assert "| a\\|&#92;x1b\\[31m" in found.to_markdown()


def test_sentences_say_what_is_not_known() -> None:
    model = {"rfcalc": 1, "input": [9, 9, 1], "layers": [
        {**CONV, "name": "c"}, {"kind": "unknown", "name": "u", "op": "Odd"}, {"kind": "relu", "name": "r"},
    ]}  # fmt: skip
    said = rfcalc.explain(model, "r").sentences
    assert said[0] == "What r sees is not known."
    assert "Up to c the field is 3 pixels." in said
    assert "How many MACs it takes is not known." in said


def test_thirds_are_written_out() -> None:
    model = {"rfcalc": 1, "input": [27, 1], "layers": [
        {"kind": "upsample", "name": "up", "scale": 3}, {**CONV, "name": "c"},
    ]}  # fmt: skip
    found = rfcalc.explain(model, "c")
    assert sum(step.pixels for step in found.axes[0].steps) == (found.axes[0].size or 0) - 1
    assert "0.33" in found.to_text()


def test_without_spatial_axes_there_are_costs_alone() -> None:
    model = {"rfcalc": 1, "input": [8], "layers": [{"kind": "linear", "name": "l", "units": 2}]}
    assert rfcalc.explain(model, "l").sentences == (
        "input has no spatial axes, so that there are no fields in it.",
        "It takes 18 parameters, 100.0% of them in l.",
        "It takes 16 MACs, 100.0% of them in l.",
    )


def test_an_unknown_op_without_inputs_is_no_trouble() -> None:
    start = Layer("x", "input", "Input", attrs={"shape": (1, 9, 9, 1), "axes": "bssc"})
    odd = Layer("odd", "nobody_knows", "Odd")
    both = Layer("both", "add", "Add", (("x", 0), ("odd", 0)))
    for name in ("odd", "both"):
        found = rfcalc.explain(LayerGraph([start, odd, both]), name)
        assert found.sentences[0] == f"What {name} sees is not known."
        assert "'odd' (Odd)" in found.axes[0].reason
