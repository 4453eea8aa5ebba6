"""What an explanation looks like; tests/golden holds it as it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.questions.explain.report import Explanation
from rfcalc.render.escape import cells
from tests.readers.models import MODELS
from tests.render import golden

ONNX = Path(__file__).parent.parent / "data" / "onnx"

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


def test_what_a_window_drops_is_not_seen(pooling: Explanation) -> None:
    """Rows 26 and 27 of 28 are in no window of the second pooling (by hand: 28, 26, 13, 11, 5, 3)."""
    said = rfcalc.explain(MODELS["pooling"], "classes").sentences
    assert said[0] == "classes sees all that is reached of input: rows and columns 0 to 25."
    odd = json.loads(json.dumps(MODELS["pooling"]).replace("28, 28, 1", "30, 28, 1"))
    assert rfcalc.explain(odd, "classes").sentences[0] == (
        "classes sees all that is reached of input: all rows, columns 0 to 25."
    )


def test_units_are_those_of_the_input() -> None:
    model = {"rfcalc": 1, "input": [40, 1], "layers": [{**CONV, "name": "c", "dilation": 4}]}
    said = rfcalc.explain(model, "c").sentences
    assert "Convolution is responsible for 8 of the 8 samples beyond the first: 6 by their dilation." in said


def test_pooling_shares_its_strides_with_others() -> None:
    """Behind a strided convolution pooling would have another share if it were counted first."""
    told = [each for each in rfcalc.explain(BRANCHES, "head").sentences if "rfcalc compare" in each]
    assert len(told) == 1
    assert not any("rfcalc compare" in each for each in rfcalc.explain(MODELS["pooling"], "conv3").sentences)


@pytest.mark.onnx
def test_attention_is_one_step(tmp_path: Path) -> None:
    """A window of 7 tokens of 4 pixels adds 6 tokens to one, 24 pixels, as the paper draws it."""
    pytest.importorskip("onnx")
    path = tmp_path / "swin.onnx"
    path.write_bytes(gzip.decompress((ONNX / "tv.swin_t.onnx.gz").read_bytes()))
    (_, step), found = rfcalc.explain(path, "node_add_1").axes[0].steps, rfcalc.explain(path, "node_add_1")
    assert (step.layer, step.kind) == ("node_matmul to node_matmul_1", "block")
    assert (int(step.own), int(step.inherited), found.axes[0].size) == (6, 18, 28)
