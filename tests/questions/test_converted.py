"""One model in Keras, TensorFlow Lite and ONNX: a diff without changes, however converters cut layers.

The files are what converters wrote (`tests/data/converted`), not what rfcalc did.
"""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

import rfcalc
from tests.readers.onnx_build import ints, model, node, weight

pytest.importorskip("onnx")
pytest.importorskip("tflite")

FOLDER = Path(__file__).parents[1] / "data" / "converted"

RESPELLED = {
    "classifier": {},
    "mobile": {"json": {"separable"}},  # two convolutions in the others
    "unet": {"json": {"up_high"}},  # copies and reshapes
}
"""Layers that have no counterpart of their own in the other formats, by model and format."""

LAYERS = {"classifier": 8, "mobile": 15, "unet": 12}
"""Of each model the layers that mean the same everywhere, without those: counted in its Keras source."""


@pytest.mark.parametrize(("before", "after"), list(permutations(("json", "tflite", "onnx"), 2)))
@pytest.mark.parametrize("name", RESPELLED)
def test_formats_are_one_model(name: str, before: str, after: str) -> None:
    found = rfcalc.diff(FOLDER / f"{name}.{before}", FOLDER / f"{name}.{after}")
    assert {entry.name for entry in found.entries if entry.state != "same"} == set()
    assert not found.notes
    assert found.old.totals.macs == found.new.totals.macs
    for side, form in (("old", before), ("new", after)):
        names = {name for each in found.respelled for name in getattr(each, side)}
        assert RESPELLED[name].get(form, set()) <= names
    apart = len(found.respelled)
    assert apart == (RESPELLED[name] != {} and "json" in (before, after))
    if "json" in (before, after):
        assert len(found.entries) == LAYERS[name]


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_kernel_that_grew_is_found_in_a_converted_model(form: str) -> None:
    document = json.loads((FOLDER / "unet.json").read_text())
    (low,) = [each for each in document["config"]["layers"] if each["config"]["name"] == "low"]
    low["config"]["kernel_size"] = [5, 5]
    found = rfcalc.diff(document, FOLDER / f"unet.{form}")
    changed = [entry.old.row.name for entry in found.entries if entry.state == "changed" and entry.old]
    assert changed == ["low"]


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_an_upsampling_that_is_gone_is_no_other_spelling(form: str) -> None:
    document = json.loads((FOLDER / "unet.json").read_text())
    (high,) = [each for each in document["config"]["layers"] if each["config"]["name"] == "up_high"]
    high["config"]["size"] = [4, 4]
    (joined,) = [each for each in document["config"]["layers"] if each["config"]["name"] == "join_high"]
    document["config"]["layers"] = document["config"]["layers"][: document["config"]["layers"].index(joined)]
    document["config"]["output_layers"] = [["up_high", 0, 0]]
    found = rfcalc.diff(document, FOLDER / f"unet.{form}")
    assert "up_high" in {entry.name for entry in found.entries if entry.state == "removed"}


def test_a_signal_may_be_a_map_of_one_row() -> None:
    plain = model(
        [node("Conv", "x w", "y", pads=[1, 1]), node("MaxPool", "y", "z", kernel_shape=[2], strides=[2])],
        {"x": (1, 4, 64)},
        "z",
        [weight("w", 6, 4, 3)],
    )
    row = model(
        [
            node("Unsqueeze", "x places", "wide"),
            node("Conv", "wide w", "y", pads=[0, 1, 0, 1]),
            node("MaxPool", "y", "pooled", kernel_shape=[1, 2], strides=[1, 2]),
            node("Squeeze", "pooled places", "z"),
        ],
        {"x": (1, 4, 64)},
        "z",
        [weight("w", 6, 4, 1, 3), ints("places", 2)],
    )
    assert {entry.state for entry in rfcalc.diff(plain, row, common=True).entries} == {"same"}


def test_a_mean_over_channels_is_no_pooling_of_the_map() -> None:
    conv = node("Conv", "x w", "y", pads=[1, 1])
    plain = model([conv], {"x": (1, 4, 64)}, "y", [weight("w", 6, 4, 3)])
    normed = model(
        [
            conv,
            node("Transpose", "y", "rows", perm=[0, 2, 1]),
            node("GlobalAveragePool", "rows", "mean"),
            node("Sub", "rows mean", "z"),
        ],
        {"x": (1, 4, 64)},
        "z",
        [weight("w", 6, 4, 3)],
    )
    assert {entry.state for entry in rfcalc.diff(plain, normed, common=True).entries} == {"same"}
