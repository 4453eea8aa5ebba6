"""What comes of a budget, in every format; hostile names come back as text, and as nothing else."""

from __future__ import annotations

import json
import re
import unicodedata
import urllib.parse
import xml.etree.ElementTree as ET
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.questions.check.document import Given
from rfcalc.questions.check.find import Check, Failure
from rfcalc.questions.check.limits import LIMITS
from rfcalc.questions.check.measures import Figure
from rfcalc.questions.check.report import CheckReport
from rfcalc.render.escape import visible

HOSTILE = [
    "conv3",
    "a|b`c`",
    "</failure></testcase>",
    "]]>",
    "</script>",
    "\\input{x}",
    "=cmd()",
    "\x1b[31mred",
    "a\u202eb",
    "a\x00b\ufffeb\ud800",
    "a\r\n::error file=x::y",
    "::set-output name=a::b",
    "##[error]x",
    "%0A::warning::x",
    "a,file=b:c",
    "{0} {{1}}",
    "[click](http://evil)",
    "層",
    "'\"&<>",
]


def report_of(layers: list[str], model: str = "net.json") -> CheckReport:
    """A report with two limits: one that every other layer breaks, one that holds."""
    params, macs = (Given(LIMITS[name], (9,), ("layers", "*", name)) for name in ("max_params", "max_macs"))
    checks = []
    for place, layer in enumerate(layers):
        checks.append(Check(model, params, (9,), Figure(layer, (12,), (12,)), "violated", (), place or None))
        checks.append(Check(model, macs, (9,), Figure(layer, (3,), (3,)), "holds"))
    return CheckReport("budget.toml", (model,), tuple(checks))


NAMES = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=8)), min_size=1, max_size=4
)
BROKEN = CheckReport("b.toml", (), (), (Failure("bad\n.json", "not valid <JSON>\x1b"),))


# ---- text and JSON -----------------------------------------------------------------------------------------


def test_a_line_for_each_violation() -> None:
    assert report_of(["conv3", "b"]).to_text() == (
        "net.json: 2 violations; 1 of 2 limits does not hold\n"
        '- conv3: 12 parameters, 3 over the limit of 9 (budget.toml: layers."*".max_params)\n'
        '- b: 12 parameters, 3 over the limit of 9 (budget.toml: layers."*".max_params)\n'
    )
    assert BROKEN.to_text() == "bad\\n.json: not valid <JSON>\\x1b\n"


@given(NAMES)
def test_text_is_a_line_each_whatever_the_names(names: list[str]) -> None:
    text = report_of(names).to_text()
    assert text.count("\n") == 1 + len(names)
    assert all(line.isprintable() for line in text.split("\n"))
    assert report_of(names).to_text(unicode=False).isascii()
    # a runner takes a line for a command whose first characters are two colons, blanks left out
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))


@given(NAMES)
def test_json_has_the_raw_names(names: list[str]) -> None:
    document = json.loads(report_of(names).to_json())
    assert document["schema"] == "rfcalc/check/1"
    assert document["ok"] is False
    assert [each["layer"] for each in document["checks"]][::2] == [name or None for name in names]


def test_the_document() -> None:
    document = report_of(["c"]).to_dict()
    assert document["models"] == [{"model": "net.json", "checks": 2, "violations": 1}]
    assert document["checks"][0] == {
        "model": "net.json",
        "layer": "c",
        "culprit": None,
        "limit": "max_params",
        "key": 'layers."*".max_params',
        "direction": "most",
        "allowed": 9,
        "at_least": 12,
        "at_most": 12,
        "outcome": "violated",
        "message": 'c: 12 parameters, 3 over the limit of 9 (budget.toml: layers."*".max_params)',
    }
    assert BROKEN.to_dict()["errors"] == [{"model": "bad\n.json", "message": "not valid <JSON>\x1b"}]


# ---- GitHub ------------------------------------------------------------------------------------------------


def commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Read a log as the runner of GitHub Actions does (ActionCommand.TryParseV2)."""
    found = []
    for line in re.split(r"\r\n|\r|\n", log):
        if not line.lstrip().startswith("::"):
            assert "##[" not in line
            continue
        head, _, data = line.lstrip()[2:].partition("::")
        name, _, told = head.partition(" ")
        pairs = [each.partition("=") for each in told.split(",") if each]
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            pairs = [(key, "=", value.replace(code, char)) for key, _, value in pairs]
            data = data.replace(code, char) if char not in ":," else data
        found.append((name, {key: value for key, _, value in pairs}, data))
    return found


@given(NAMES, st.sampled_from(["net.json", "a,b:c%/100% net.json", "::stop::x"]))
def test_workflow_commands_say_what_was_meant(names: list[str], model: str) -> None:
    report = report_of(names, model)
    found = commands(report.to_github())
    assert [name for name, _, _ in found] == ["error"] * len(names)
    for place, (check, (_, told, data)) in enumerate(zip(report.violations, found, strict=True)):
        assert data == visible(report.message(check))
        assert told == {
            "file": model,
            "title": "rfcalc max_params",
            **({"line": str(place)} if place else {}),
        }


def test_a_model_that_cannot_be_read_is_an_annotation_too() -> None:
    assert commands(BROKEN.to_github()) == [
        ("error", {"file": "bad\\n.json", "title": "rfcalc"}, "not valid <JSON>\\x1b")
    ]


# ---- JUnit -------------------------------------------------------------------------------------------------


@given(NAMES)
def test_junit_is_xml_with_a_case_for_each_limit(names: list[str]) -> None:
    report = report_of(names)
    text = report.to_junit()
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char != "\n"]
    root = ET.fromstring(text)
    assert root.attrib == {"name": "rfcalc check", "tests": "2", "failures": "1", "errors": "0"}
    (suite,) = root
    assert (suite.tag, suite.get("name"), suite.get("tests")) == ("testsuite", "net.json", "2")
    cases = {case.get("name"): list(case) for case in suite}
    assert cases['layers."*".max_macs'] == []
    (failure,) = cases['layers."*".max_params']
    assert (failure.tag, failure.get("type")) == ("failure", "violated")
    assert failure.text == "\n".join(visible(report.message(check)) for check in report.violations)
    assert (failure.get("message") or "").startswith(visible(report.message(report.violations[0])))


def test_junit_tells_apart_what_cannot_be_decided_and_what_cannot_be_read() -> None:
    net = {"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "unknown", "name": "u", "op": "Odd"}]}
    root = ET.fromstring(rfcalc.check(net, {"max_params": 3}).to_junit())
    assert [each.get("type") for each in root.iter("failure")] == ["undecided"]
    root = ET.fromstring(BROKEN.to_junit())
    assert root.attrib == {"name": "rfcalc check", "tests": "1", "failures": "0", "errors": "1"}
    assert [each.get("message") for each in root.iter("error")] == ["not valid <JSON>\\x1b"]


# ---- SARIF -------------------------------------------------------------------------------------------------


def made(required: list[str], **properties: Any) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
MESSAGE = made(["text"], text=TEXT)
LOCATION = made(
    [],
    physicalLocation=made(
        ["artifactLocation"],
        artifactLocation=made(["uri"], uri={"type": "string", "pattern": r"^[!#-;=?-\[\]_a-z~%]+$"}),
        region=made(["startLine"], startLine={"type": "integer", "minimum": 1}),
    ),
    logicalLocations={"type": "array", "items": made([], name=TEXT)},
)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = made(
    ["id"],
    id=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=made([], level=LEVEL),
)
NOTIFICATION = made(["message"], message=MESSAGE, level=LEVEL, locations={"type": "array", "items": LOCATION})
RESULT = made(
    ["message"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION},
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    properties={"type": "object"},
)
RUN = made(
    ["tool"],
    tool=made(
        ["driver"],
        driver=made(
            ["name"],
            name=TEXT,
            version=TEXT,
            semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
            rules={"type": "array", "items": RULE, "uniqueItems": True},
        ),
    ),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations={
        "type": "array",
        "items": made(
            ["executionSuccessful"],
            executionSuccessful={"type": "boolean"},
            toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
        ),
    },
    results={"type": "array", "items": RESULT},
)
SARIF = {
    **made(
        ["version", "runs"],
        **{"$schema": {"type": "string", "format": "uri"}},
        version={"const": "2.1.0"},
        runs={"type": "array", "items": RUN},
    ),
    "$schema": "https://json-schema.org/draft/2020-12/schema",
}
"""What of the schema of SARIF 2.1.0 (OASIS, 2020) a log of rfcalc makes use of."""


def unescaped(text: str) -> str:
    """Read a message as SARIF 2.1.0 has it: no placeholder, no link (3.11.5, 3.11.6)."""
    assert "{" not in text.replace("{{", ""), "a placeholder"
    assert not re.search(r"(?<!\\)\]\(", text), "a link"
    return text.replace("\\](", "](").replace("{{", "{").replace("}}", "}")


@given(NAMES, st.sampled_from(["net.json", "models/größe 1%,:.json", "/abs/net.json", "<dict>"]))
def test_sarif_is_valid(names: list[str], model: str) -> None:
    report = report_of(names, model)
    document = json.loads(report.to_sarif())
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["max_params", "max_macs"]
    assert len(run["results"]) == len(names)
    for place, (check, result) in enumerate(zip(report.violations, run["results"], strict=True)):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "max_params"
        assert unescaped(result["message"]["text"]) == visible(report.message(check))
        (location,) = result.get("locations", [{}])
        if model == "<dict>":
            assert "physicalLocation" not in location
            continue
        physical = location["physicalLocation"]
        uri = physical["artifactLocation"]["uri"]
        assert urllib.parse.unquote(uri.removeprefix("file://")) == model
        assert physical["region"] == {"startLine": place or 1}


def test_fingerprints_tell_violations_apart_and_stay() -> None:
    def prints(names: list[str]) -> list[str]:
        (run,) = json.loads(report_of(names).to_sarif())["runs"]
        return [result["partialFingerprints"]["rfcalcLimit/v1"] for result in run["results"]]

    assert len(set(prints(["a", "b", "c"]))) == 3
    assert prints(["b", "a"]) == prints(["a", "b"])[::-1]


def test_sarif_tells_of_models_that_cannot_be_read() -> None:
    document = json.loads(BROKEN.to_sarif())
    jsonschema.validate(document, SARIF)
    (invocation,) = document["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "not valid <JSON>\\x1b"


@pytest.mark.parametrize("form", ["text", "json", "junit", "github", "sarif"])
def test_the_same_bytes_from_run_to_run(form: str) -> None:
    first, second = (getattr(report_of(HOSTILE), f"to_{form}")() for _ in range(2))
    assert first == second
    assert first.endswith("\n")
