"""What a plan of tiles looks like; tests/golden holds it as it is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.questions.tiles.report import Tiles
from rfcalc.render.escape import cells
from tests.readers.models import MODELS
from tests.readers.onnx_graphs import graph_bytes
from tests.render import golden

GATED: dict[str, Any] = {
    "rfcalc": 1,
    "name": "gated",
    "input": [64, 48, 4],
    "layers": [
        {"kind": "conv", "name": "stem", "filters": 4, "kernel": 3, "padding": "same"},
        {"kind": "gap", "name": "squeeze", "keepdims": True},
        {"kind": "multiply", "name": "scaled", "inputs": ["stem", "squeeze"]},
    ],
}
LSTM: dict[str, Any] = {
    "rfcalc": 1,
    "name": "listener",
    "input": [None, 8],
    "layers": [
        {"kind": "conv", "filters": 8, "kernel": 4, "stride": 2},
        {"kind": "lstm", "name": "memory", "units": 8, "sequences": True},
    ],
}


@pytest.fixture
def unet() -> Tiles:
    return rfcalc.tiles(MODELS["unet"], size=(1024, 768), tile=512)


def test_document_follows_the_contract(unet: Tiles) -> None:
    document = unet.to_dict()
    assert list(document) == [
        "schema", "model", "layer", "input", "seamless", "status", "cut_gates", "axes", "plan", "notes"
    ]  # fmt: skip
    axis = document["axes"][0]
    assert (axis["scale"], axis["halo"], axis["lost"]) == ([1, 1], [94, 94], [94, 94])
    plan = document["plan"]
    assert plan["strips"][1][1] == {"input": [256, 768], "output": [418, 768], "keep": [162, 512]}
    assert json.loads(unet.to_json()) == document
    golden.check("tiles.json", unet.to_json())


def found(name: str) -> Tiles:
    if name == "unet":
        return rfcalc.tiles(MODELS["unet"], size=(4000, 6000), memory=10**9)
    if name == "wavenet":
        return rfcalc.tiles(MODELS["wavenet"], rate=16000)
    if name == "cut":
        return rfcalc.tiles(GATED, tile=32, cut_gates=True)
    return rfcalc.tiles(GATED if name == "gated" else LSTM, rate=None if name == "gated" else 8000)


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("name", ["unet", "wavenet", "gated", "cut", "memory"])
def test_text(name: str, width: int) -> None:
    text = found(name).to_text(width)
    assert max(map(cells, text.splitlines())) <= width
    golden.check(f"tiles.{name}.{width}.txt", text)


def test_ascii(unet: Tiles) -> None:
    assert unet.to_text(unicode=False).isascii()


def test_markdown(unet: Tiles) -> None:
    golden.check("tiles.md", unet.to_markdown())
    assert unet._repr_markdown_() == unet.to_markdown()


def test_names_are_escaped() -> None:
    graph = LayerGraph(
        [
            Layer("x", "input", "Input", (), {"shape": (1, 8, 1), "axes": "bsc", "dtype": "float32"}),
            Layer("b|c\x1b", "global_pool", "Pool", (("x", 0),)),
        ]
    )
    assert "\x1b" not in str(rfcalc.tiles(graph))
    assert "b\\|c" in rfcalc.tiles(graph).to_markdown()


def test_a_model_that_cannot_be_cut_names_a_layer_that_can_be(tmp_path: Path) -> None:
    path = tmp_path / "my model.json"
    path.write_text(json.dumps(MODELS["pooling"]))
    text = " ".join(rfcalc.tiles(path).to_text(200).split())
    command = shlex.split(text.partition("; ask: rfcalc tiles ")[2])
    assert command == [str(path), "conv3"]
    assert rfcalc.tiles(command[0], command[1]).seamless
    text = rfcalc.tiles(MODELS["pooling"]).to_text(200)
    assert "A layer before it can be run on tiles: 'conv3'." in text


def test_no_layer_is_named_where_none_can_be_cut() -> None:
    flat = {"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "flatten"}, {"kind": "linear", "units": 2}]}
    assert "can be run on tiles" not in str(rfcalc.tiles(flat))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([{"kernel": 1}], "Tiles need not overlap. All of its own outputs are kept."),
        ([{"kernel": 3}], "it holds 2 pixels behind it. All of its own outputs are kept."),
        ([{"kernel": 5, "padding": "same"}], "2 pixels before it and 2 pixels behind it. "
         "At each cut the 2 outputs next to it are dropped: they would need input beyond the tile."),
        ([{"kernel": 2, "padding": "same"}], "it holds 1 pixel behind it. "
         "At each cut the last output before it is dropped: it would need input beyond the tile."),
        ([{"kernel": 4, "padding": "same"}], "1 pixel before it and 2 pixels behind it. At each cut "
         "the first output behind it and the last 2 outputs before it are dropped: they would need input"),
        ([{"kernel": 3, "padding": "same"}, {"kernel": 2, "stride": 2}, {"kernel": 3, "padding": "same"}],
         "At each cut at least the first 2 outputs behind it and the last output before it are dropped"),
    ],
)  # fmt: skip
def test_what_to_do_at_a_cut_is_said_plainly(layers: list[dict[str, Any]], told: str) -> None:
    convs = [{"kind": "conv", "filters": 1, **each} for each in layers]
    found = rfcalc.tiles({"rfcalc": 1, "input": [64, 64, 1], "layers": convs})
    assert told in " ".join(found.to_text(200).split())


def test_an_input_that_is_no_larger_than_the_smallest_tile() -> None:
    """A 5x5 with SAME padding needs 2 pixels on each side: from 5 pixels on an output is its own."""
    layers = [{"kind": "conv", "filters": 1, "kernel": 5, "padding": "same"}]
    for size, told in (([5, 5], "At 5x5 there is nothing to cut: "), ([5, 9], "nothing to cut along H: ")):
        assert told in rfcalc.tiles({"rfcalc": 1, "input": [*size, 1], "layers": layers}).to_text(200)
    roomy = rfcalc.tiles({"rfcalc": 1, "input": [9, 9, 1], "layers": layers})
    assert "nothing to cut" not in roomy.to_text(200)


@pytest.mark.onnx
def test_axes_that_are_fixed_alike_are_told_of_once() -> None:
    """The reshape fails with other numbers along each axis; a layer is found beyond those next before it."""
    text = " ".join(rfcalc.tiles(graph_bytes("own.yolo"), "node_view").to_text(200).split())
    assert text.count("cannot be cut") == 1
    assert "H and W cannot be cut: node_view (Reshape) is known at this size alone" in text
    assert "can be run on tiles: 'node_conv2d_39'" in text
    text = rfcalc.tiles(graph_bytes("own.yolo")).to_text(200)
    assert "can be run on tiles: 'node_conv2d_39'" in text
