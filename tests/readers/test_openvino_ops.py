"""Layers of OpenVINO, one in a model, against what its own runtime says and measures.

Models and measurements lie in `tests/data/openvino/ops.zip`, which `make.py` beside it wrote with OpenVINO
2026.4.1. A field has to reach from the first to the last row and column that the runtime shows.
"""

from __future__ import annotations

import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rfcalc

pytest.importorskip("onnx")
pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

FILE = Path(__file__).parents[1] / "data" / "openvino" / "ops.zip"
TRUTH: dict[str, Any] = json.loads(zipfile.ZipFile(FILE).read("truth.json"))

MIXED = frozenset(
    (
        "matrix product",
        "matrix product, transposed",
        "reshape by arithmetic on shapes",
        "transpose",
        "attention",
    )
)
"""Cases whose output has other axes than the input, so that its rows and columns are told otherwise."""

LITTLE = frozenset(
    (
        *("lstm", "lstm, both directions", "gru, backwards", "rnn"),
        *("mean and variance", "resize 4 cubic half_pixel (18, 16)"),
    )
)
"""Cases that measure less than there is: saturated gates, taps that weigh nothing or are rounded away."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the models."""
    into = tmp_path_factory.mktemp("openvino")
    with zipfile.ZipFile(FILE) as file:
        file.extractall(into)
    return into


@pytest.mark.parametrize("name", TRUTH)
def test_shape_and_field_are_those_of_the_runtime(name: str, folder: Path) -> None:
    truth = TRUTH[name]
    graph = rfcalc.load(folder / truth["file"], layout={"x": "NCHW"})
    row = rfcalc.analyze(graph).rows[-1]
    assert (list(row.output_shape or ()), row.status) == (truth["shape"], "exact")
    if len(truth["shape"]) != 4 or name in MIXED | LITTLE:
        return
    extents = truth["shape"][2:]
    units = {}
    for at in itertools.product(*map(range, extents)):
        rows = [axis.rows[0] for axis in rfcalc.field(graph, row.name, at=at).axes]
        if None not in rows:  # in the border it reads nothing
            units[at] = rows
    for axis in (0, 1):
        for out in (0, 1):
            for place, seen in enumerate(truth[str(axis + 2)][out + 2]):
                read = [rows[axis] for at, rows in units.items() if at[out] == place]
                ends = [end for start, stop, _ in read for end in (start, stop)]
                assert (min(ends), max(ends)) == (seen[0], seen[-1]) if ends else not seen


@pytest.mark.parametrize("name", [name for name in TRUTH if TRUTH[name]["larger"]])
def test_the_shape_of_a_larger_map_is_that_of_the_runtime(name: str, folder: Path) -> None:
    row = rfcalc.analyze(folder / TRUTH[name]["file"], layout="NCHW", input_shape=(1, 4, 10, 11)).rows[-1]
    assert (list(row.output_shape or ()), row.status) == (TRUTH[name]["larger"], "exact")
