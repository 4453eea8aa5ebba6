"""docs/runtimes.md says what is: the page is fresh, and rfcalc follows each runtime in every case."""

from __future__ import annotations

import pytest

from rfcalc.readers.runtimes import DIFFERENCES, REFUSED, RUNTIMES, Difference
from tests.runtimes.asking import Answer, ours
from tests.runtimes.cases import CASES, Case
from tests.runtimes.page import PAGE, made
from tests.runtimes.record import read

pytest.importorskip("onnx")

pytestmark = pytest.mark.onnx

RECORD = read()

EACH_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
EACH_DIFFERENCE = pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=lambda each: each.key)

ALIASES = {
    "shape inference": "inference",
    "onnx's reference evaluator": "reference",
    "onnxruntime": "onnxruntime",
    "onnxruntime 1.20": "onnxruntime 1.20",
    "OpenVINO": "openvino",
    "PyTorch": "torch",
}
"""How the record calls those whom the table of differences names."""


def measured(case: Case, name: str) -> Answer | None:
    """Return what one whom the table names made of a case; None where it was not or cannot be asked."""
    if name == "shape inference before opset 22":
        name = "shape inference" if case.opset < 22 else ""
    elif name == "shape inference" and case.difference.startswith("ceil-") and case.opset < 22:
        name = ""
    if name == "onnxruntime 1.20" and case.opset > 21:
        return None  # it knows no later operator set
    answer: Answer | None = RECORD.get(ALIASES.get(name, ""), {}).get("makes", {}).get(case.name)
    return answer


def test_the_page_is_fresh() -> None:
    assert made(RECORD) == PAGE.read_text(encoding="utf-8"), "run: python -m tests.runtimes"


def test_all_runtimes_are_in_the_record() -> None:
    assert set(ALIASES.values()) == set(RECORD)
    names = {case.name for case in CASES}
    assert len(names) == len(CASES)
    assert all(set(kept["makes"]) <= names for kept in RECORD.values())


ANSWERED = [
    pytest.param(case, runtime, answer, id=f"{runtime}-{case.name}")
    for case in CASES
    for runtime in RUNTIMES
    if (answer := RECORD.get(runtime, {}).get("makes", {}).get(case.name)) and "refused" not in answer
]


@pytest.mark.parametrize(("case", "runtime", "answer"), ANSWERED)
def test_a_runtime_that_is_named_is_followed(case: Case, runtime: str, answer: Answer) -> None:
    own = ours(case, runtime)
    assert own["extent"] == answer["extent"]
    assert answer.get("rows", own["rows"]) == own["rows"]


@EACH_DIFFERENCE
def test_who_is_named_together_makes_the_same(difference: Difference) -> None:
    """Those of one way agree in all cases, and those of two ways part in one."""
    cases = [case for case in CASES if case.difference == difference.key]
    assert cases
    kinds = [[_of_way(case, way.who) for case in cases] for way in difference.ways]
    for way, answers in zip(difference.ways, kinds, strict=True):
        assert any(answers), way
        for each in answers:
            refused = ["refused" in one for one in each]
            assert all(refused) if way.key == REFUSED else not any(refused), way
            known = [one for one in each if "extent" in one]
            assert len({one["extent"] for one in known}) <= 1, way
            for what in ("rows", "sums"):
                assert len({str(one[what]) for one in known if what in one}) <= 1, way
    for place, one in enumerate(kinds):
        for other in kinds[place + 1 :]:
            assert any(a and b and _unlike(a, b) for a, b in zip(one, other, strict=True)), difference.key


def _of_way(case: Case, who: tuple[str, ...]) -> list[Answer]:
    return [answer for name in who if (answer := measured(case, name)) is not None]


def _unlike(ones: list[Answer], others: list[Answer]) -> bool:
    """Tell whether some of two groups gave different answers."""
    return any(
        one.get(key) != other.get(key)
        for one in ones
        for other in others
        for key in ("extent", "rows", "sums")
        if "refused" in one or "refused" in other or (key in one and key in other)
    )


@EACH_CASE
def test_without_a_runtime_the_first_way_is_followed(case: Case) -> None:
    first = _of_way(case, DIFFERENCES[case.difference].ways[0].who)
    own = ours(case)
    assert first
    for answer in first:
        assert answer["extent"] == own["extent"]
        assert answer.get("rows", own["rows"]) == own["rows"]
