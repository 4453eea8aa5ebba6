"""Operations of TensorFlow Lite against LiteRT: shapes, fields, parameters and multiply-accumulates.

The truth stands in tests/data/tflite/truth.json, as LiteRT gives it: of every case the shapes of all tensors,
and for each axis of the input which of its indices change which indices of the output. An answer that is
called exact has to equal it, a bound has to cover it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

import rfcalc

pytest.importorskip("tflite")

from tests.readers.tflite.build import written
from tests.readers.tflite.cases import CASES, Case
from tests.readers.tflite.oracle import TRUTH

pytestmark = pytest.mark.filterwarnings("ignore")

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@cache
def truth() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TRUTH.read_text())
    return found


def file_of(case: Case) -> bytes:
    """Return a case as a file which records the shapes that LiteRT works out, as converters do."""
    shapes = {name: tuple(shape) for name, shape in truth()[case.name]["shapes"].items()}
    return written(case.graph(shapes))


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_there_is_a_truth_about_every_case() -> None:
    assert set(truth()) == {case.name for case in CASES}


@every_case
def test_shapes(case: Case) -> None:
    shapes = truth()[case.name]["shapes"]
    graph = rfcalc.load(file_of(case))
    looked_at = 0
    for layer in graph:
        for name, spec in zip(layer.outputs, graph.results[layer.name].outputs, strict=False):
            assert list(spec.shape) == shapes[name], name
            looked_at += name == "out"
    assert looked_at == 1


@every_case
def test_fields(case: Case) -> None:
    answer = rfcalc.field(file_of(case), "out")
    spatial = [place for place, letter in enumerate(case.layout) if letter not in "NC"]
    assert len(answer.axes) == len(spatial)
    for axis, place in zip(answer.axes, spatial, strict=True):
        candidates = truth()[case.name]["rows"][str(place)]
        rows = [None if row is None else list(row) for row in axis.rows]
        if case.exact:
            assert axis.status == "exact", axis
            assert rows in candidates, (rows, candidates)
        else:
            assert any(covers(rows, true) for true in candidates), (rows, candidates)


def covers(rows: list[Any], true: list[Any]) -> bool:
    """Tell whether each row reaches as far as the true one; a single one as far as all together."""
    if len(rows) == 1:
        ends = [row for row in true if row is not None]
        true = [[min(row[0] for row in ends), max(row[1] for row in ends)]] if ends else [None]
    return len(rows) == len(true) and all(
        b is None or (a is not None and a[0] <= b[0] and a[1] >= b[1])
        for a, b in zip(rows, true, strict=True)
    )


@every_case
def test_counts(case: Case) -> None:
    totals = rfcalc.analyze(file_of(case)).totals
    assert totals.params.trainable + totals.params.non_trainable == case.params
    assert case.macs is None or totals.macs == case.macs


@pytest.mark.litert
@every_case
def test_the_truth_is_what_litert_says(case: Case) -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.readers.tflite.oracle import truth_of

    assert truth_of(case) == truth()[case.name]
