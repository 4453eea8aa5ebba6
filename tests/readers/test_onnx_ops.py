"""Every operation of ONNX against the oracle: shapes, fields, statuses, parameters and multiply-accumulates.

The table stands in `onnx_cases`. An answer that is called exact has to equal what the oracle measured, a
bound has to cover it; shapes are those of the running model. The oracle itself is held against the running
model.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

import rfcalc

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.readers import onnx_oracle as oracle
from tests.readers.onnx_cases import all_cases
from tests.readers.onnx_models import Case, model_of

pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

CASES = all_cases()
every_case = pytest.mark.parametrize("case", CASES, ids=str)


@cache
def built(name: str) -> bytes:
    (case,) = (case for case in CASES if case.name == name)
    return bytes(model_of(case).SerializeToString())


@cache
def truth(name: str) -> dict[int, dict[str, np.ndarray]]:
    """For each spatial axis of the input the masks of every tensor."""
    import onnx

    (case,) = (case for case in CASES if case.name == name)
    model = onnx.load_from_string(built(name))
    # without a spatial axis there is no field, but shapes are the same whichever axis is followed
    return {axis: oracle.dependence(model, "x", axis) for axis in case.spatial or (0,)}


def analysis(case: Case) -> rfcalc.Analysis:
    return rfcalc.analyze(io.BytesIO(built(case.name)), layout=layout_of(case))


def layout_of(case: Case) -> dict[str, str] | None:
    return {"x": case.layout} if case.layout else None


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.long
@every_case
def test_the_oracle_covers_what_the_running_model_shows(case: Case) -> None:
    import onnx

    if case.numeric == "none":
        pytest.skip("nothing to see in the running model")
    model = onnx.load_from_string(built(case.name))
    for axis in case.spatial:
        seen = oracle.measured(model, "x", axis)
        for name in case.asked:
            true = truth(case.name)[axis][name]
            assert not (seen[name] & ~true).any()
            assert case.numeric == "within" or not (true & ~seen[name]).any()


@every_case
def test_shapes(case: Case) -> None:
    found = analysis(case)
    for name in case.asked:
        row = found.layer(name)
        if row.outputs and row.outputs[0] != name:
            continue  # a row shows its first output
        shape = next(iter(truth(case.name).values()))[name].shape
        if row.status == "unknown" and not case.exact:
            continue  # it says so
        assert row.output_shape is not None
        assert len(row.output_shape) == len(shape)
        for axis, (said, true) in enumerate(zip(row.output_shape, shape, strict=True)):
            if said is None:
                # an open extent is a batch, or waits for data
                assert axis in case.open or true == case.x[0] or not case.exact, (row.output_shape, shape)
            else:
                assert said == true, (row.output_shape, shape)


@every_case
def test_fields(case: Case) -> None:
    found = analysis(case)
    assert found.inputs[0].spatial == tuple(case.x[axis] for axis in case.spatial), "the layout"
    for name in case.asked if case.spatial else ():
        answer = rfcalc.field(
            io.BytesIO(built(case.name)),
            name,
            layout=layout_of(case),
            on_unknown="report" if case.exact else "bound",
        )
        assert len(answer.axes) == len(case.spatial)
        for axis, place in zip(answer.axes, case.spatial, strict=True):
            masks = truth(case.name)[place][name]
            check_rows(axis.rows, axis.status, masks, keep=place, same=case.exact)
        if case.exact:
            assert {axis.status for axis in answer.axes} == {"exact"}, answer.notes


def check_rows(rows: Sequence[oracle.Row], status: str, masks: np.ndarray, *, keep: int, same: bool) -> None:
    """Hold an answer against the masks of a tensor; which axis it is about shows in how many rows it has."""
    candidates = [oracle.spans(masks, axis) for axis in oracle.places(masks.shape, len(rows))]
    candidates += merged(masks, len(rows))
    assert candidates, f"{len(rows)} rows, but the output is {masks.shape}"
    if status == "exact":
        # more than one axis may have that extent: the input's own place decides where the rank is the same
        assert list(rows) in candidates, (rows, candidates)
    else:
        assert any(oracle.covers(rows, true) for true in candidates), (rows, candidates)


def merged(masks: np.ndarray, extent: int) -> list[list[oracle.Row]]:
    """Rows of neighbouring axes taken as one: some answers count merged axes so."""
    found = []
    for first, last in itertools.combinations(range(masks.ndim + 1), 2):
        size = int(np.prod(masks.shape[first:last]))
        if last - first > 1 and size == extent:
            shape = (*masks.shape[:first], size, *masks.shape[last:])
            found.append(oracle.spans(masks.reshape(shape), first))
    return found


@every_case
def test_figures(case: Case) -> None:
    """The receptive field of analyze is no smaller than any unit's, and the status is what it should be."""
    found = analysis(case)
    for name in case.asked if case.spatial else ():
        row = found.layer(name)
        if row.outputs and row.outputs[0] != name:
            continue
        if case.exact:
            assert row.status == "exact", row.reason
        if row.receptive_field is None:
            assert row.status == "unknown"
            continue
        for said, place in zip(row.receptive_field, case.spatial, strict=True):
            masks = truth(case.name)[place][name]
            widest = max(
                (last - first + 1 for first, last, _ in filter(None, map(span_of, masks.ravel()))), default=0
            )
            assert said is None or said >= widest, (said, widest)


def span_of(mask: Any) -> oracle.Row:
    return oracle.span(int(mask))


@every_case
def test_counts(case: Case) -> None:
    totals = analysis(case).totals
    said: Mapping[str, Any] = {
        "params": totals.params.trainable,
        "fixed": totals.params.non_trainable,
        "macs": totals.macs,
    }
    true = {"params": case.params, "fixed": case.fixed, "macs": case.macs}
    known = {key: value for key, value in true.items() if value is not None}
    assert {key: said[key] for key in known} == known
