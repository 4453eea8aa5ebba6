"""Richter's criterion: convolutions whose input has a field larger than the image."""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc
from tests.readers.test_keras_truth import cases

VGG16 = (2, 2, 3, 3, 3)


def vgg16(size: int | None) -> dict[str, Any]:
    layers: list[dict[str, Any]] = []
    for block, count in enumerate(VGG16, 1):
        layers += [
            {"kind": "conv", "name": f"conv{block}_{n}", "filters": 8, "kernel": 3, "padding": "same"}
            for n in range(1, count + 1)
        ]
        layers.append({"kind": "max_pool", "name": f"pool{block}", "kernel": 2})
    return {"rfcalc": 1, "input": [size, size, 3], "layers": layers}


def idle(model: Any) -> list[str]:
    rows = rfcalc.analyze(model, details=True).rows
    return [row.name for row in rows if row.detail is not None and row.detail.productive is False]


def test_vgg16_at_32_pixels() -> None:
    """Fields 3 5 | 6 10 14 | 16 24 32 40 | 44 60 76 92 | 100 132 164 196: 44 > 32 is what conv4_1 takes."""
    assert idle(vgg16(32)) == [f"conv{block}_{n}" for block in (4, 5) for n in (1, 2, 3)]
    (note,) = rfcalc.analyze(vgg16(32)).notes
    assert (note.level, note.code, note.layer) == ("info", "unproductive", "conv4_1")
    assert note.message == (
        "from here on 6 of the 13 convolutions wider than 1x1 take maps whose units see more than the whole "
        "32x32 input already, and may add little (Richter et al. 2021); at 164x164 or more none does; the "
        "useful depth, without them, is 7 of 13"
    )


@pytest.mark.parametrize(("size", "count"), [(163, 1), (164, 0), (224, 0), (100, 2), (99, 3), (None, 0)])
def test_vgg16_at_other_sizes(size: int | None, count: int) -> None:
    """The last convolution takes a field of 164 pixels: of that size on all are productive."""
    assert len(idle(vgg16(size))) == count
    codes = [note.code for note in rfcalc.analyze(vgg16(size)).notes]
    assert codes == (["unproductive"] if count else [])


@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV2", "EfficientNetB0", "Xception", "DenseNet121"])
def test_the_smallest_input_is_what_it_is_said_to_be(name: str) -> None:
    model = cases("applications")[name]["model"]
    messages = [note.message for note in rfcalc.analyze(model).notes if note.code == "unproductive"]
    if not messages:
        assert not idle(model)
        return
    smallest = int(messages[0].split("; at ")[1].split("x")[0])

    def count(size: int) -> int:
        found = rfcalc.analyze(model, dims={"H": size, "W": size}, details=True)
        return sum(row.detail is not None and row.detail.productive is False for row in found)

    assert count(smallest) == 0
    assert count(smallest - 1) > 0


def test_windows_of_one_element_do_not_count() -> None:
    model = vgg16(32)
    model["layers"].append({"kind": "conv", "name": "last", "filters": 8, "kernel": 1})
    assert "last" not in idle(model)
    assert rfcalc.analyze(model, details=True).layer("last").detail.productive is None  # type: ignore[union-attr]


def test_gates_are_cut() -> None:
    """Behind squeeze-and-excitation everything is global, and a convolution still has something to see."""
    model = {
        "rfcalc": 1,
        "input": [32, 32, 4],
        "layers": [
            {"kind": "conv", "name": "c", "filters": 4, "kernel": 3, "padding": "same"},
            {"kind": "global_pool", "name": "g", "keepdims": True},
            {"kind": "multiply", "name": "m", "inputs": ["c", "g"]},
            {"kind": "conv", "name": "d", "filters": 4, "kernel": 3, "padding": "same"},
        ],
    }
    assert idle(model) == []


def test_one_axis_is_not_enough() -> None:
    model = vgg16(32)
    model["input"] = [32, 512, 3]
    assert idle(model) == []


def test_depth_goes_along_the_longest_way() -> None:
    model = {
        "rfcalc": 1,
        "input": [4, 1],
        "layers": [
            {"kind": "conv", "name": "a", "filters": 1, "kernel": 3, "padding": "same"},
            {"kind": "conv", "name": "b", "filters": 1, "kernel": 3, "padding": "same"},
            {"kind": "conv", "name": "c", "filters": 1, "kernel": 3, "padding": "same"},
            {
                "kind": "conv",
                "name": "side",
                "inputs": ["input"],
                "filters": 1,
                "kernel": 3,
                "padding": "same",
            },
            {"kind": "add", "name": "sum", "inputs": ["c", "side"]},
        ],
    }
    (note,) = rfcalc.analyze(model).notes
    assert note.layer == "c"
    assert "1 of the 4 convolutions wider than 1 " in note.message
    assert note.message.endswith("; at 5 or more none does; the useful depth, without them, is 2 of 3")


def test_an_upper_bound_is_no_reason() -> None:
    model = {
        "rfcalc": 1,
        "input": [32, 32, 3],
        "layers": [
            {"kind": "unknown", "name": "u", "op": "Odd"},
            {"kind": "conv", "name": "c", "filters": 4, "kernel": 3},
        ],
    }
    found = rfcalc.analyze(model, on_unknown="bound", details=True)
    assert "unproductive" not in [note.code for note in found.notes]
    assert found.layer("c").detail.productive is None  # type: ignore[union-attr]
