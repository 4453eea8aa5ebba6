"""docs/runtimes.md, made of the table of differences, the record, and what rfcalc answers now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from rfcalc.readers.runtimes import DIFFERENCES, RUNTIMES, SPECIFICATION, Difference
from tests.runtimes.asking import Answer, ours
from tests.runtimes.cases import CASES, Case

TEMPLATE: Final = Path(__file__).with_name("page.md")
PAGE: Final = Path(__file__).parents[2] / "docs" / "runtimes.md"

NAMES: Final = {
    "inference": "shape inference",
    "reference": "reference evaluator",
    "onnxruntime": "onnxruntime",
    "onnxruntime 1.20": "onnxruntime 1.20",
    "openvino": "OpenVINO",
    "torch": "PyTorch",
}
"""How the page calls what the record has."""

EFFECTS: Final = {
    "extent": "another extent, and other rows",
    "inputs": "other elements are read",
    "weights": "the same elements are read, with other weights",
    "runs": "not everybody runs it",
}

LONGEST: Final = 14
"""Elements of a row up to which all are shown."""


def made(record: dict[str, Any]) -> str:
    """Return the page."""
    return TEMPLATE.read_text(encoding="utf-8").format(
        versions=_table(
            ["Asked", "Package", "Version", "On"],
            ([NAMES[key], _package(key), kept["version"], kept["date"]] for key, kept in record.items()),
        ),
        summary=_table(
            ["Operation", "Where", "What differs", "rfcalc follows"],
            (
                [each.operations, f"[{each.setting}](#{each.key})", EFFECTS[each.effect], _first(each)]
                for each in DIFFERENCES.values()
            ),
        ),
        sections="\n\n".join(_section(each, record) for each in DIFFERENCES.values()),
    )


def _package(key: str) -> str:
    return "onnx" if key in ("inference", "reference") else key.partition(" ")[0]


def _first(difference: Difference) -> str:
    """Say whom rfcalc follows, in one or two names."""
    who = difference.ways[0].who
    return who[0] if who[0] == SPECIFICATION else " and ".join(who)


def _section(difference: Difference, record: dict[str, Any]) -> str:
    ways = [f"- {', '.join(way.who)}: {way.words or _unsaid(way.key)}." for way in difference.ways]
    rows = [row for case in CASES if case.difference == difference.key for row in _rows(case, record)]
    return "\n".join(
        [
            f"### {difference.key}",
            "",
            f"{difference.operations}: {difference.setting}.",
            "",
            *ways,
            "",
            f"rfcalc follows the first: {difference.why}.",
            "",
            _table(["Layer", "Extent", "Reads", "Made by"], rows),
        ]
    )


def _unsaid(key: str) -> str:
    return "run no such layer" if key == "refused" else "positions are exact"


def _rows(case: Case, record: dict[str, Any]) -> Iterable[list[str]]:
    """Return a row of the table for each answer to a case, the one that rfcalc gives first."""
    answers: list[tuple[Answer, list[str]]] = []
    default = ours(case)
    if not case.sums:
        _join(answers, default, "rfcalc")
        for runtime in RUNTIMES:
            if (followed := ours(case, runtime)) != default:
                _join(answers, followed, f"`--runtime {runtime}`")
    for key, kept in record.items():
        answer = kept["makes"].get(case.name)
        if answer is not None and not (case.sums and set(answer) == {"extent"}):
            _join(answers, {"refused": ""} if "refused" in answer else answer, NAMES[key])
    usual = answers[0][0]
    for place, (answer, names) in enumerate(answers):
        head = case.name if place == 0 else ""
        yield [head, str(answer.get("extent", "-")), _reads(answer, usual), ", ".join(names)]


def _join(answers: list[tuple[Answer, list[str]]], answer: Answer, name: str) -> None:
    """Add who gives an answer to those who give the same; an extent alone joins the first that has it."""
    for other, names in answers:
        same = answer == other
        if set(answer) == {"extent"} and answer["extent"] == other.get("extent"):
            same = True
        if same:
            names.append(name)
            return
    answers.append((answer, [name]))


def _reads(answer: Answer, usual: Answer) -> str:
    if "refused" in answer:
        return "refused"
    if "rows" not in answer:
        ones = ", ".join(f"{each:g}" for each in answer.get("sums", ()))
        return f"makes {ones} of ones" if ones else "not said"
    rows, above = answer["rows"], usual["rows"]
    if len(rows) <= LONGEST:
        return ", ".join(map(_span, rows))
    if len(rows) != len(above) or rows == above:
        return f"{_span(rows[0])}, ..., {_span(rows[-1])}"
    places = [place for place, pair in enumerate(zip(rows, above, strict=True)) if pair[0] != pair[1]]
    shown = (f"element {place} reads {_span(rows[place])}, not {_span(above[place])}" for place in places)
    return "; ".join(shown)


def _span(row: Sequence[int] | None) -> str:
    if row is None:
        return "none"
    first, last, count = row
    whole = str(first) if first == last else f"{first}-{last}"
    return whole if count == last - first + 1 else f"{whole} ({count})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
