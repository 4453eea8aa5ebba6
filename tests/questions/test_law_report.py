"""What people see of a law: golden files that were looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from tests.readers.onnx_graphs import graph_bytes
from tests.readers.test_keras_truth import cases
from tests.render import golden

MODELS = Path(__file__).parents[2] / "docs" / "models"


@pytest.mark.parametrize("width", [80, 160])
def test_text(width: int) -> None:
    laws = [rfcalc.law(MODELS / f"{name}.json") for name in ("pooling", "unet", "wavenet")]
    laws += [rfcalc.law(cases("applications")[name]["model"]) for name in ("VGG16", "ResNet50")]
    text = "\n".join(law.to_text(width) for law in laws)
    assert max(map(len, text.splitlines())) <= width
    golden.check(f"law.{width}.txt", text)


def test_markdown() -> None:
    golden.check("law.markdown", rfcalc.law(MODELS / "pooling.json").to_markdown())


def test_ascii() -> None:
    assert rfcalc.law(MODELS / "pooling.json").to_text(unicode=False).isascii()


def test_document() -> None:
    law = rfcalc.law(MODELS / "pooling.json", "pool2")
    document = json.loads(law.to_json())
    assert document["schema"] == "rfcalc/law/1"
    (segment,) = document["axes"][0]["segments"]
    assert segment["law"] == "r(n) = 3*2**n - 2"
    assert segment["general"] == "r(n) = r0 + j0*((k1 - 1)*d1 + (k2 - 1))*(s2**n - 1)/(s2 - 1)"
    assert segment["after"] == {"field": 10, "jump": 4}
    assert document["axes"][0]["reach"][0]["repeats"] == 4


# ---- tables, and what is not said --------------------------------------------------------------------------


def _wide(extents: list[int], *layers: dict[str, Any]) -> rfcalc.Law:
    named = [{**layer, "name": f"a_rather_long_name_{number}"} for number, layer in enumerate(layers)]
    return rfcalc.law({"rfcalc": 1, "input": [*extents, 1], "layers": named})


def _conv(kernel: int = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 1, "kernel": kernel, "padding": "same", **more}


def test_one_table_for_axes_whose_laws_are_the_same() -> None:
    """Fields do not depend on extents; what they cover does."""
    text = _wide([64, 6], *[_conv()] * 4).to_text(80)
    assert text.count("up to layer") == 1
    assert "rows:" not in text
    assert "Columns: From a_rather_long_name_2" in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_block_is_shown_whole(width: int) -> None:
    """It is broken between layers where a line has no room for it, and names stay."""
    block = [_conv(), _conv(5), _conv(7), _conv(9), _conv(3, stride=2), _conv(11)]
    law = _wide([640, 640], *block * 2)
    text = law.to_text(width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    table = text.split("─\n")[1]
    column = " ".join(line[23:48].strip() for line in table.splitlines()) if width == 80 else table
    assert "[conv 3, conv 5, conv 7, conv 9, conv 3/2, conv 11] x 2" in column


@pytest.mark.onnx
def test_no_kernel_is_advised_where_the_field_grows_by_attention() -> None:
    """Behind the one convolution of a Swin no window says how far the field comes."""
    law = rfcalc.law(graph_bytes("own.swinir"))
    assert any("is no sliding window" in each for each in law.sentences)
    assert not any("takes" in each for each in law.sentences)
    assert any("takes" in each for each in _wide([64], _conv()).sentences)
