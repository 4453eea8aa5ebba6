"""What people see of a comparison: golden files that were looked at, and names that would do harm."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.questions.compare.report import comparison_csv
from rfcalc.wording import MARKUP
from tests.render import golden

MODELS = Path(__file__).parents[2] / "docs" / "models"


@pytest.mark.parametrize("width", [80, 160])
def test_text(width: int) -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json")
    text = comparison.to_text(width)
    assert max(map(len, text.splitlines())) <= width
    golden.check(f"compare.{width}.txt", text)


def test_text_of_a_model_that_has_no_plain_form() -> None:
    golden.check("compare.unet.txt", rfcalc.compare(MODELS / "unet.json").to_text(100))


def test_text_of_several_models() -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json", MODELS / "capsnet.json")
    golden.check("compare.models.txt", comparison.to_text(unicode=False))
    assert comparison.to_text(unicode=False).isascii()


@pytest.mark.parametrize("markup", MARKUP)
def test_markup(markup: str) -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json", variants=["plain"])
    golden.check(f"compare.{markup}", comparison.to_markup(markup))


def test_csv() -> None:
    comparison = rfcalc.compare(MODELS / "unet.json", variants=["plain", "strided"])
    text = comparison_csv(comparison)
    golden.check("compare.csv", text)
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows] == ["model", "original", "plain", "strided"]
    assert len(rows[0]) == len(rows[1])


def test_json() -> None:
    comparison = rfcalc.compare(MODELS / "unet.json", variants=["plain", "strided"])
    document = json.loads(comparison.to_json())
    assert document["schema"] == "rfcalc/comparison/1"
    assert list(document) == ["schema", "counterfactuals", "entries", "depths", "answer"]
    original, plain, strided = document["entries"]
    assert list(original) == ["name", "summary", "changed", "bill", "totals", "layers"]
    assert plain["refused"]["layer"] == "up4/join"
    assert plain["refused"]["instead"] == "unstrided"
    assert strided["bill"]["params"] - original["bill"]["params"] == sum(
        4 * c * c + c for c in (64, 128, 256, 512)
    )
    assert (
        comparison.to_json() == rfcalc.compare(MODELS / "unet.json", variants=["plain", "strided"]).to_json()
    )


def hostile() -> dict[str, Any]:
    return {
        "rfcalc": 1,
        "name": "</script>|`=cmd()",
        "input": [28, 28, 1],
        "layers": [
            {"kind": "conv", "name": "<b>|\\input{x}`\u202e", "filters": 2, "kernel": 3},
            {"kind": "max_pool", "name": "=cmd()", "kernel": 2},
        ],
    }


@pytest.mark.parametrize("markup", MARKUP)
def test_names_do_no_harm(markup: str) -> None:
    text = rfcalc.compare(hostile()).to_markup(markup)
    assert "\u202e" not in text
    if markup == "html":
        assert "<b>" not in text
    if markup == "latex":
        assert "\\input" not in text
    if markup == "markdown":
        tables = text.replace("\\|", "").split("\n\n")
        assert all(len({line.count("|") for line in table.splitlines()}) == 1 for table in tables[:2])


def test_names_do_no_harm_in_a_terminal() -> None:
    assert "\u202e" not in rfcalc.compare(hostile()).to_text()
    assert not any(line.startswith("=") for line in comparison_csv(rfcalc.compare(hostile())).splitlines())


def test_what_changes_nothing_is_said_and_not_shown() -> None:
    plain = {"rfcalc": 1, "input": [28, 28, 1], "layers": [{"kind": "conv", "filters": 2, "kernel": 3}]}
    text = rfcalc.compare(plain, variants=["plain", "unstrided"]).to_text()
    head, nothing, sentences = text.partition("There is nothing to compare this model with")
    assert nothing
    assert "'plain' and 'unstrided' change nothing of this model." in sentences
    assert "field" not in head


@pytest.mark.onnx
def test_a_map_may_have_steps_with_pooling_alone() -> None:
    """Without its poolings its last map keeps no grid, so that there is no step to put beside the model's."""
    pytest.importorskip("onnx")
    packed = Path(__file__).parents[1] / "data" / "onnx" / "own.strips_pyramid.onnx.gz"
    answer = rfcalc.compare(gzip.decompress(packed.read_bytes())).to_dict()["answer"]
    assert answer
    assert not any("position" in each for each in answer)
