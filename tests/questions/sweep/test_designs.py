"""Designs that are worked out together have the figures, and the refusals, that each has by itself."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import rfcalc
from rfcalc.engine.designs import reason_of
from rfcalc.questions.sweep.evaluate import Evaluator
from rfcalc.questions.sweep.grid import space_of
from tests.random_dags import random_dag

MODELS = Path(__file__).parents[3] / "docs" / "models"
KERAS = json.loads(
    gzip.decompress((Path(__file__).parents[2] / "data/keras/applications.json.gz").read_bytes())
)
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

ALONG = ("extent", "receptive_field", "effective_stride", "effective_padding")


def vgg() -> dict[str, Any]:
    """Return VGG-16 (Simonyan and Zisserman, 2014), its width, kernel, size and poolings parameters."""
    layers: list[Any] = []
    for stage, (count, times) in enumerate([(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)]):
        for number in range(count):
            padding = "same" if number else "valid"
            layers.append({
                "kind": "conv", "name": f"conv{stage}_{number}", "filters": f"{times} * width",
                "kernel": "kernel", "padding": padding,
            })  # fmt: skip
        layers.append({"kind": "max_pool", "name": f"pool{stage}", "kernel": 2, "repeat": f"pool{stage % 2}"})
    layers += ["flatten", {"kind": "linear", "units": "units"}, {"kind": "linear", "units": 1000}]
    parameters = {"width": 64, "kernel": 3, "pool0": 1, "pool1": 1, "units": 4096, "n": 224}
    return {"rfcalc": 1, "parameters": parameters, "input": ["n", "n", 3], "layers": layers}


MOBILE: dict[str, Any] = {
    "rfcalc": 1,
    "parameters": {"width": 16, "expand": 6, "kernel": 3, "depth": 2, "dilation": 1, "groups": 1},
    "input": [96, 96, 3],
    "blocks": {"inverted": {
        "arguments": {"filters": 16, "stride": 1},
        "layers": [
            {"kind": "conv", "filters": "filters * expand", "kernel": 1, "groups": "groups"},
            {"kind": "batch_norm"}, "relu",
            {"kind": "depthwise_conv", "kernel": "kernel", "stride": "stride", "dilation": "dilation",
             "padding": "same"},
            {"kind": "conv", "name": "project", "filters": "filters", "kernel": 1},
        ],
    }},
    "layers": [
        {"kind": "conv", "filters": "width", "kernel": 3, "stride": 2, "padding": "same"},
        {"block": "inverted", "name": "first", "filters": "width", "stride": 2},
        {"block": "inverted", "name": "later", "filters": "2 * width", "repeat": "depth"},
        {"kind": "gap"}, {"kind": "linear", "units": 1000},
    ],
}  # fmt: skip

FAMILIES: dict[str, tuple[Any, dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "vgg": (
        vgg(),
        {"width": range(8, 72, 8), "kernel": [1, 3, 5, 7], "pool0": [True, False], "pool1": [True, False],
         "units": [10, 4096], "n": range(20, 300, 9)},
        {}, (),
    ),
    "residual": (
        MODELS / "resnet.json",
        {"n": range(4), "width": [8, 16, 24]}, {"H": range(9, 65, 5), "W": range(8, 80, 24)}, (),
    ),
    "u-net": (
        MODELS / "unet.json",
        {"width": [4, 16], "classes": [1, 2]}, {"H": range(8, 300, 8), "W": [64, 70]}, (),
    ),
    "mobile": (
        MOBILE,
        {"width": range(8, 40, 8), "expand": [1, 4, 6], "kernel": [3, 5], "depth": range(4),
         "dilation": [1, 2], "groups": [1, 3, 4]},
        {"H": range(5, 120, 16)}, ("first/project", "conv_1"),
    ),
    "audio": (MODELS / "wavenet.json", {}, {"L": range(900, 4000, 17)}, ()),
    "video": (MODELS / "video.json", {}, {"D": range(4, 20), "H": range(40, 130, 8)}, ()),
    "variants": (
        MODELS / "pooling.json",
        {"variant": ["plain", "strided", "dilated", "unstrided", "average", "pool:2:1"]},
        {"H": range(8, 60, 3)}, (),
    ),
    "ONNX": (LIGHT / "light_resnet50.onnx", {}, {"H": range(32, 512, 3), "W": [200, 224]}, ()),
    "Keras": (KERAS["MobileNetV2"]["model"], {}, {"H": range(32, 400, 7), "W": [96, 224]}, ()),
}  # fmt: skip


def designs(
    model: Any, over: Any, dims: Any, layers: tuple[str, ...], count: int, seed: int = 0
) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Yield some designs of a family: their values, their figures, and why they were refused."""
    space, fixed = space_of(over, dims)
    evaluator = Evaluator(model, space, layers, {"dims": fixed or None})
    rng = random.Random(seed)
    wanted = set(rng.sample(range(space.size), min(count, space.size)))
    for block in space.block(0, space.size):
        columns = evaluator.figures(block)
        places = [place for place, number in enumerate(columns["design"].tolist()) if number in wanted]
        for place in places:
            row = {name: values[place] for name, values in columns.items()}
            found = {name: None if value is np.ma.masked else value for name, value in row.items()}
            number = found.pop("design")
            values = space.design(number)
            yield values, {name: each for name, each in found.items() if name not in values}, found["error"]
    assert evaluator.alone == 0


def by_itself(model: Any, values: dict[str, Any], dims: Any, layers: tuple[str, ...]) -> dict[str, Any]:
    """Return the figures of one design, or its refusal, from `rfcalc.analyze`."""
    given = {name: int(value) for name, value in values.items() if name not in dims and name != "variant"}
    try:
        graph = rfcalc.load(
            model, parameters=given or None, dims={name: values[name] for name in dims} or None
        )
        one = rfcalc.analyze(rfcalc.variant(graph, values["variant"]) if "variant" in values else graph)
    except rfcalc.RfcalcError as error:
        return {"error": reason_of(error)}
    totals = one.to_dict()["totals"]
    found: dict[str, Any] = {"error": ""}
    found |= {name: totals[name] for name in ("params", "macs", "activations")}
    peak = totals["peak_memory"]
    found["peak_activations"] = None if peak is None else -(-peak["bytes"] // 4)
    chosen = [one.layer(name) if name in {row.name for row in one} else None for name in layers] or [
        last(one)
    ]
    for row, before in zip(chosen, [f"{name}." for name in layers] if len(layers) > 1 else [""], strict=True):
        if row is None:
            continue
        along = (row.spatial, row.receptive_field, row.effective_stride, row.effective_padding)
        for name, each in zip(ALONG, along, strict=True):
            if each is not None and len(each) == len(row.receptive_field or ()):
                found |= {f"{before}{name}_{axis}": value for axis, value in enumerate(each)}
        found[f"{before}coverage"] = row.coverage
        found[f"{before}status"] = row.status
    return found


def last(one: rfcalc.Analysis) -> Any:
    """Return the last map of a model: one that keeps a grid, and is no summary."""
    maps = [
        row for row in one
        if not row.container and row.kind not in ("global_pool", "input") and row.spatial
        and any(stride is not None for stride in row.effective_stride or ())
    ]  # fmt: skip
    return maps[-1] if maps else None


def agree(found: dict[str, Any], alone: dict[str, Any]) -> None:
    known = {name: value for name, value in found.items() if value not in (None, "")}
    assert known == {name: value for name, value in alone.items() if value not in (None, "")}


@pytest.mark.parametrize("family", FAMILIES)
def test_designs_of_a_family(family: str) -> None:
    model, over, dims, layers = FAMILIES[family]
    for values, found, _ in designs(model, over, dims, layers, 25):
        agree(found, by_itself(model, values, dims, layers))


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_a_thousand_designs_of_a_family(family: str) -> None:
    model, over, dims, layers = FAMILIES[family]
    for values, found, _ in designs(model, over, dims, layers, 1000, seed=1):
        agree(found, by_itself(model, values, dims, layers))


@pytest.mark.parametrize("family", ["vgg", "u-net", "mobile", "variants"])
def test_some_designs_are_refused_and_others_not(family: str) -> None:
    model, over, dims, layers = FAMILIES[family]
    space, _ = space_of(over, dims)
    (block,) = space.block(0, space.size)
    refusals = Evaluator(model, space, layers, {}).figures(block)["error"]
    assert 0 < np.count_nonzero(refusals != "") < space.size


def varied(
    document: dict[str, Any], rng: random.Random, most: int = 5
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let some numbers of a model be parameters: the model, and the values of each."""
    places: list[tuple[Any, Any]] = []

    def walk(holder: Any) -> None:
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(value, (dict, list)):
                walk(value)
            elif type(value) is int:
                places.append((holder, key))

    copy = json.loads(json.dumps(document))
    for layer in copy["layers"]:
        for name in (
            "kernel",
            "stride",
            "dilation",
            "padding",
            "cropping",
            "filters",
            "size",
            "factor",
            "units",
        ):
            if isinstance(layer.get(name), (list, dict)):
                walk(layer[name])
            elif type(layer.get(name)) is int:
                places.append((layer, name))
    over = {}
    for number, (holder, key) in enumerate(rng.sample(places, min(most, len(places)))):
        value = holder[key]
        over[f"p{number}"] = sorted(
            {value, max(value + rng.choice([-1, 1, 2]), 0), value + rng.randint(1, 3)}
        )
        holder[key] = f"p{number}"
    return {**copy, "parameters": dict.fromkeys(over, 1)}, over


def check_random_model(seed: int) -> None:
    rng = random.Random(f"designs {seed}")
    document = random_dag(seed)
    model, over = varied(document, rng)
    if not over:
        pytest.skip("it has no numbers that could be varied")
    layers = tuple(
        rng.sample([layer["name"] for layer in document["layers"]], min(3, len(document["layers"])))
    )
    for values, found, _ in designs(model, over, {}, layers, 30, seed):
        agree(found, by_itself(model, values, {}, layers))


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed: int) -> None:
    check_random_model(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_more_random_graphs(seed: int) -> None:
    check_random_model(seed)
