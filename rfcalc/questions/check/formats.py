"""What comes of a budget, as programs of continuous integration read it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rfcalc.questions.check.document import key_text
from rfcalc.questions.check.find import HOLDS, UNDECIDED, Check, CheckResult
from rfcalc.questions.check.limits import Limit
from rfcalc.questions.check.words import message, summary
from rfcalc.render.escape import visible
from rfcalc.version import VERSION

# ---- GitHub ------------------------------------------------------------------------------------------------

_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def github_command(level: str, message: str, properties: Mapping[str, object]) -> str:
    r"""Write a workflow command of GitHub Actions; nothing in it can end it, or begin another.

    Source: the escaping of ``@actions/core``.

    >>> github_command("error", "100%\n::stop::", {"file": "a,b:c", "line": 3})
    '::error file=a%2Cb%3Ac,line=3::100%25\\n::stop::'
    """
    told = ",".join(
        f"{name}={visible(str(value)).translate(_PROPERTY)}" for name, value in properties.items() if value
    )
    return f"::{level}{' ' + told if told else ''}::{visible(message).translate(_DATA)}"


def github(result: CheckResult, root: str | None = None) -> str:
    """Render for the log of a workflow: an annotation for each violation, a plain line for each model.

    Names of files are relative to `root` where they lie below it.
    """
    lines = [
        github_command(
            "error",
            message(result, check),
            {
                "file": _file(check.model, root),
                "line": check.line,
                "title": f"rfcalc {check.given.limit.name}",
            },
        )
        for check in result.violations
    ]
    lines += [
        github_command("error", failure.message, {"file": _file(failure.model, root), "title": "rfcalc"})
        for failure in result.failures
    ]
    # a line that began with a name could be a command
    lines += [f"rfcalc: {visible(summary(result, model))}" for model in result.models]
    return "\n".join(lines) + "\n"


def _file(model: str, root: str | None) -> str:
    """Return the path of a model, empty for one that is no file."""
    if model.startswith("<"):
        return ""
    if root and Path(model).exists():
        path, top = Path(model).resolve(), Path(root).resolve()
        model = str(path.relative_to(top)) if path.is_relative_to(top) else model
    return model.replace(os.sep, "/")


# ---- JUnit -------------------------------------------------------------------------------------------------

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def xml(text: str) -> str:
    r"""Escape for XML 1.0, in an element or in a quoted attribute; what XML cannot hold is dropped.

    Characters that would not print are spelled out before.

    >>> xml("<a href='x'>&\x00\ufffe")
    '&lt;a href=&#39;x&#39;&gt;&amp;\\x00\\ufffe'
    """
    return _NOT_XML.sub("", visible(text)).translate(_XML)


def junit(result: CheckResult) -> str:
    """Render as JUnit XML: a suite for each model, a test case for each limit with all its violations."""
    suites = [_suite(result, model) for model in result.models]
    suites += [
        f'  <testsuite name="{xml(failure.model)}" tests="1" failures="0" errors="1" skipped="0">\n'
        f'    <testcase classname="{xml(failure.model)}" name="read">\n'
        f'      <error type="unreadable" message="{xml(failure.message)}"/>\n'
        "    </testcase>\n  </testsuite>\n"
        for failure in result.failures
    ]
    cases = sum(len(list(_by_limit(result, model))) for model in result.models)
    failed = len({(check.model, check.given.path) for check in result.violations})
    errors = len(result.failures)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="rfcalc check" tests="{cases + errors}" failures="{failed}" errors="{errors}">\n'
        f"{''.join(suites)}</testsuites>\n"
    )


def _suite(result: CheckResult, model: str) -> str:
    groups = list(_by_limit(result, model))
    failed = sum(any(check.outcome != HOLDS for check in checks) for _, checks in groups)
    cases = "".join(_case(result, model, key_text(path), checks) for path, checks in groups)
    counts = f'tests="{len(groups)}" failures="{failed}" errors="0" skipped="0"'
    return f'  <testsuite name="{xml(model)}" {counts}>\n{cases}  </testsuite>\n'


def _by_limit(result: CheckResult, model: str) -> Iterator[tuple[tuple[str, ...], list[Check]]]:
    """Yield the checks of a model by the key that sets their limit."""
    groups: dict[tuple[str, ...], list[Check]] = {}
    for check in result.checks:
        if check.model == model:
            groups.setdefault(check.given.path, []).append(check)
    yield from groups.items()


def _case(result: CheckResult, model: str, key: str, checks: list[Check]) -> str:
    head = f'    <testcase classname="{xml(model)}" name="{xml(key)}"'
    broken = [check for check in checks if check.outcome != HOLDS]
    if not broken:
        return f"{head}/>\n"
    messages = [xml(message(result, check)) for check in broken]
    undecided = all(check.outcome == UNDECIDED for check in broken)
    more = f" (and {len(messages) - 1:,} more)" if len(messages) > 1 else ""
    failure = f'<failure type="{UNDECIDED if undecided else "violated"}" message="{messages[0]}{more}">'
    text = "\n".join(messages)
    return f"{head}>\n      {failure}{text}</failure>\n    </testcase>\n"


# ---- SARIF -------------------------------------------------------------------------------------------------

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_text(text: str) -> str:
    r"""Write a message of SARIF, in which braces are placeholders and brackets links.

    Source: SARIF 2.1.0, 3.11.5 and 3.11.6.

    >>> sarif_text("a{0} [b](http://c)")
    'a{{0}} [b\\](http://c)'
    """
    return visible(text).replace("{", "{{").replace("}", "}}").replace("](", "\\](")


def sarif(result: CheckResult, root: str | None = None) -> str:
    """Render as a SARIF 2.1.0 log of one run; names of files as in `github`."""
    limits = {check.given.limit.name: check.given.limit for check in result.checks}
    index = {name: place for place, name in enumerate(limits)}
    run = {
        "tool": {
            "driver": {
                "name": "rfcalc",
                "version": VERSION,
                "semanticVersion": VERSION,
                "rules": [_rule(limit) for limit in limits.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not result.failures,
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": sarif_text(failure.message)},
                        **_locations(_file(failure.model, root), None, ""),
                    }
                    for failure in result.failures
                ],
            }
        ],
        "results": [_result(result, check, index, root) for check in result.violations],
    }
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _rule(limit: Limit) -> dict[str, Any]:
    doc = sarif_text(limit.doc.replace("`", ""))
    return {
        "id": limit.name,
        "shortDescription": {"text": f"The limit {limit.name} of the budget"},
        "fullDescription": {"text": f"{limit.name}: {doc}."},
        "help": {"text": f"{limit.name}: {doc}. Change the model, or the limit in the budget."},
        "defaultConfiguration": {"level": "error"},
    }


def _result(result: CheckResult, check: Check, index: Mapping[str, int], root: str | None) -> dict[str, Any]:
    import hashlib

    name, layer = check.given.limit.name, check.figure.layer
    identity = "\0".join((check.model, *check.given.path, layer)).encode("utf-8", "backslashreplace")
    return {
        "ruleId": name,
        "ruleIndex": index[name],
        "level": "error",
        "message": {"text": sarif_text(message(result, check))},
        **_locations(_file(check.model, root), check.line, layer or check.figure.culprit),
        "partialFingerprints": {"rfcalcLimit/v1": hashlib.sha256(identity).hexdigest()},
        "properties": {"outcome": check.outcome, "key": visible(key_text(check.given.path))},
    }


def _locations(path: str, line: int | None, layer: str) -> dict[str, Any]:
    """Say where: the file of the model, the line of it that names the layer, the layer."""
    location: dict[str, Any] = {}
    if path:
        import urllib.parse

        quoted = urllib.parse.quote(path.encode("utf-8", "backslashreplace"))
        uri = f"file://{quoted}" if path.startswith("/") else quoted
        # what shows results in a file needs a line, also where there is none to name
        location["physicalLocation"] = {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": line or 1},
        }
    if layer:
        location["logicalLocations"] = [{"name": visible(layer)}]
    return {"locations": [location]} if location else {}
