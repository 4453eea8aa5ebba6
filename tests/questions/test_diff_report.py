"""What people see of a difference: golden files that were looked at, hostile names, room in a comment."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from tests.readers.onnx_graphs import graph_bytes
from tests.render import golden

APPLICATIONS = Path(__file__).parents[1] / "data" / "keras" / "applications.json.gz"

Json = dict[str, Any]


@cache
def application(name: str) -> Json:
    """Return one of Keras's published models."""
    with gzip.open(APPLICATIONS) as stream:
        model: Json = json.load(stream)[name]["model"]
    return model


def resnet(kernel: int = 3) -> Json:
    """Return Keras's ResNet-50 with another kernel in one of its 53 convolutions."""
    document = copy.deepcopy(application("ResNet50"))
    for layer in document["config"]["layers"]:
        if layer["config"]["name"] == "conv3_block2_2_conv":
            layer["config"]["kernel_size"] = [kernel, kernel]
    return document


def small(*layers: Json, name: str = "net") -> Json:
    return {"rfcalc": 1, "name": name, "input": [32, 32, 3], "layers": list(layers)}


def conv(name: str, kernel: int = 3, **more: Any) -> Json:
    return {"kind": "conv", "name": name, "filters": 8, "kernel": kernel, "padding": "same", **more}


OLD = small(
    conv("stem"), {"kind": "batch_norm", "name": "norm"}, {"kind": "relu", "name": "act"},
    {"kind": "max_pool", "name": "down", "kernel": 2},
    conv("middle"), conv("last"), {"kind": "global_average_pool", "name": "mean"},
    {"kind": "linear", "name": "classes", "units": 10},
)  # fmt: skip
NEW = small(
    conv("stem"), {"kind": "batch_norm", "name": "norm"}, {"kind": "gelu", "name": "act"},
    conv("down", 2, stride=2),
    conv("middle", 5), conv("extra", 1), conv("end"), {"kind": "global_average_pool", "name": "mean"},
    {"kind": "linear", "name": "classes", "units": 10},
)  # fmt: skip


@pytest.mark.parametrize("width", [80, 160])
def test_text(width: int) -> None:
    text = rfcalc.diff(OLD, NEW).to_text(width)
    assert max(map(len, text.splitlines())) <= width
    golden.check(f"diff.{width}.txt", text)


def test_text_in_ascii() -> None:
    text = rfcalc.diff(OLD, NEW).to_text(unicode=False)
    assert text.isascii()
    assert " -> " in text


@pytest.mark.parametrize("width", [80, 160])
def test_one_edit_among_177_layers_fits_on_a_screen(width: int) -> None:
    found = rfcalc.diff(resnet(), resnet(5))
    assert (len(found.edited), len(found.added), len(found.removed)) == (1, 0, 0)
    text = found.to_text(width)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= width
    golden.check(f"diff.resnet.{width}.txt", text)


def test_two_networks_fit_on_a_screen_too() -> None:
    found = rfcalc.diff(application("ResNet50"), application("VGG16"))
    assert len(found.to_text().splitlines()) <= 60
    golden.check("diff.unlike.txt", found.to_text())
    assert len(found.to_text(every=True).splitlines()) > len(found.entries) * 0.8


def test_no_difference() -> None:
    text = rfcalc.diff(OLD, OLD).to_text()
    assert "no change in shape, field, stride, parameters and MACs (9 layers matched)" in text
    assert "~" not in text


def test_markdown() -> None:
    golden.check("diff.md", rfcalc.diff(OLD, NEW).to_markdown())


def test_json() -> None:
    found = rfcalc.diff(OLD, NEW)
    text = found.to_json()
    golden.check("diff.json", text)
    assert text == rfcalc.diff(OLD, NEW).to_json()
    document = json.loads(text)
    assert document["schema"] == "rfcalc/diff/1"
    layers = document["layers"]
    assert [each["new"]["name"] for each in layers if each["state"] == "added"] == ["extra"]
    by_name = {each["new"]["name"]: each for each in layers}
    assert by_name["end"]["old"]["name"] == "last"
    assert by_name["middle"]["settings"] == [{"name": "kernel", "old": [3, 3], "new": [5, 5]}]
    old, new = document["old"]["totals"], document["new"]["totals"]
    assert document["delta"]["params"] == new["params"] - old["params"]
    assert sum(document["summary"].values()) - document["summary"]["renamed"] == len(layers)


# ---- comments have an end ----------------------------------------------------------------------------------


def tower(count: int, kernel: int, names: str = "layer") -> Json:
    return small(*(conv(f"{names}_{number}", kernel) for number in range(count)))


def test_markdown_is_cut_between_rows() -> None:
    found = rfcalc.diff(tower(1_500, 1), tower(1_500, 3))
    whole, cut = found.to_markdown(limit=10**9), found.to_markdown()
    assert len(cut.encode()) <= 65_536 < len(whole.encode())
    *rows, _, note = cut.splitlines()
    kept = [row for row in rows if row.startswith("| changed")]
    assert rows[-1] == kept[-1]
    assert all(row in whole.splitlines() for row in kept)
    assert note == (
        f"{1_500 - len(kept):,} of 1,500 changes are left out here, since a comment has no room for them."
    )


@pytest.mark.parametrize("limit", [0, 900, 1_400, 2_000, 5_000])
def test_a_limit_is_kept_or_nothing_is_left_to_cut(limit: int) -> None:
    found = rfcalc.diff(tower(40, 1), tower(40, 3))
    text = found.to_markdown(limit=limit)
    assert len(text.encode()) <= limit or "40 of 40 changes are left out" in text


def test_names_of_any_length_leave_room() -> None:
    old, new = (called(tower(60, kernel), lambda name: "层" * 4_000 + name) for kernel in (1, 3))
    found = rfcalc.diff(old, new)
    assert len(found.to_markdown().encode()) <= 65_536
    assert max(map(len, found.to_text(80).splitlines())) <= 80


# ---- names that would do harm ------------------------------------------------------------------------------

HOSTILE = "</script>|`=cmd()`\\input{x}<b>\u202e\x1b[31m\n# x"


def called(document: Json, name: Callable[[str], str]) -> rfcalc.LayerGraph:
    """Give the layers of a model names that the native format would refuse."""
    graph = rfcalc.load(document)
    layers = (
        replace(
            layer,
            name=name(layer.name),
            inputs=tuple((name(producer), output) for producer, output in layer.inputs),
        )
        for layer in graph
    )
    return rfcalc.LayerGraph(layers, name=name(graph.name))


def hostile(kernel: int) -> rfcalc.LayerGraph:
    old = small(conv("a", kernel), conv("b"), conv(f"c{kernel}"))
    return called(old, lambda name: f"{name}{HOSTILE}")


def test_names_do_no_harm_in_markdown() -> None:
    text = rfcalc.diff(hostile(3), hostile(5)).to_markdown()
    assert not {"\u202e", "\x1b"} & {*text}
    assert "<" not in text
    assert "`" not in text.replace("\\`", "")
    table = [line for line in text.replace("\\|", "").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {5, 9}


def test_names_do_no_harm_in_a_terminal() -> None:
    for unicode in (True, False):
        text = rfcalc.diff(hostile(3), hostile(5)).to_text(unicode=unicode)
        assert not {"\u202e", "\x1b"} & {*text}
        assert not any(line.startswith("# x") for line in text.splitlines())


# ---- real exports ------------------------------------------------------------------------------------------

SAME = {
    "InceptionV3": "tv.inception_v3",
    "ConvNeXtTiny": "tv.convnext_tiny",
    "EfficientNetB0": "timm.tf_efficientnet_b0",
}


@pytest.mark.onnx
@pytest.mark.parametrize("name", SAME)
def test_a_keras_model_and_an_export_of_its_twin_in_torch(name: str) -> None:
    """The authors of both ported one network: the same shapes, fields, strides, MACs and kernels."""
    found = rfcalc.diff(application(name), graph_bytes(SAME[name]))
    assert not found.changed
    assert "no change in shape, field, stride, kernels and MACs" in found.answer[0]
    assert len(found.to_text().splitlines()) <= 24


@pytest.mark.onnx
def test_where_two_resnets_stride() -> None:
    """Keras strides in the first 1x1 of a block, torchvision in the 3x3: fields of 483 and of 427."""
    found = rfcalc.diff(application("ResNet50"), graph_bytes("tv.resnet50"))
    assert (len(found.edited), found.added, found.removed) == (6, (), ())
    assert {setting.name for entry in found.edited for setting in entry.settings} == {"stride"}
    (spread,) = found.spread
    assert (spread.figure, spread.old, spread.new) == ("receptive_field", (483, 483), (427, 427))
    text = found.to_text()
    assert len(text.splitlines()) <= 48
    golden.check("diff.exports.80.txt", text)
    golden.check("diff.exports.160.txt", found.to_text(160))
    golden.check("diff.exports.md", found.to_markdown())
