"""What a plan of tiles looks like; tests/golden holds it as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rfcalc
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.questions.tiles.report import Tiles
from rfcalc.render.escape import cells
from tests.readers.models import MODELS
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
