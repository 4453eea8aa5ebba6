"""Whole numbers of numpy are whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rfcalc

MODEL = {
    "rfcalc": 1,
    "input": [None, None, 1],
    "layers": [{"kind": "conv", "name": "a", "filters": 1, "kernel": 3}],
}


@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8, np.int16])
@pytest.mark.parametrize(
    "ask",
    [
        lambda n: rfcalc.load(MODEL, input_shape=(n(8), n(9), n(1))).inputs[0].attrs["shape"][1:],
        lambda n: rfcalc.load(MODEL, dims={"H": n(8), "W": n(9)}).inputs[0].attrs["shape"][1:],
        lambda n: rfcalc.field(MODEL, "a", (n(1), n(2)), dims={"H": n(8), "W": n(9)}).box,
        lambda n: rfcalc.tiles(MODEL, size=(n(64), n(32)), tile=n(16)).plan,
        lambda n: [row.size for row in rfcalc.align(MODEL, sizes=[n(8), n(9)]).sizes],
        lambda n: rfcalc.analyze(MODEL, input_shape=np.array([8, 9, 1], n if n is not int else None)).layer(
            "a"
        ),
    ],
)
def test_numbers_of_numpy_are_taken(number: Any, ask: Callable[[Any], Any]) -> None:
    assert ask(number) == ask(int)
