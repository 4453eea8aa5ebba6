"""Formulas in open extents, and figures of open extents, against the numbers at concrete sizes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.algebra import symbols

APPLICATIONS = Path(__file__).parents[1] / "data" / "keras" / "applications.json.gz"


@pytest.fixture(scope="module")
def applications() -> dict[str, Any]:
    with gzip.open(APPLICATIONS) as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


@pytest.mark.parametrize("name", ["MobileNetV2.notop", "Xception.notop", "EfficientNetB0.notop"])
def test_formulas_give_the_numbers_of_every_size(name: str, applications: dict[str, Any]) -> None:
    model = applications[name]["model"]
    formulas = rfcalc.analyze(model, symbolic=True)
    for height, width in ((224, 224), (225, 193)):
        numbers = rfcalc.analyze(model, input_shape=(None, height, width, 3))
        sizes = {"H": height, "W": width}
        for formula, number in zip(formulas, numbers, strict=True):
            assert formula.output_shape is not None
            shape = tuple(symbols.substitute(extent, sizes) for extent in formula.output_shape)
            assert shape == number.output_shape, formula.name
            assert symbols.substitute(formula.macs, sizes) == number.macs, formula.name
            assert symbols.substitute(formula.activations, sizes) == number.activations, formula.name


@pytest.mark.parametrize("name", ["ResNet50.notop", "Xception.notop", "ConvNeXtTiny.notop"])
def test_fields_of_open_extents_hold_at_every_size(name: str, applications: dict[str, Any]) -> None:
    model = applications[name]["model"]
    open_rows = rfcalc.analyze(model)
    for height in range(200, 216):
        for row, sized in zip(
            open_rows, rfcalc.analyze(model, input_shape=(None, height, 224, 3)), strict=True
        ):
            assert row.receptive_field is not None
            assert sized.receptive_field is not None
            if row.status == "exact":
                assert row.receptive_field == sized.receptive_field, row.name
            elif row.receptive_field[0] is not None:
                assert sized.receptive_field[0] is not None
                assert row.receptive_field[0] >= sized.receptive_field[0], row.name
