"""What people see of a law: golden files that were looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rfcalc
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
