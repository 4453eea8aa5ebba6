"""The file that holds a report: one page, with its styles, its program and its document inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

_SHELL: Final = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="rfcalc $version">
<title>$title</title>
<style>$style</style>
</head>
<body>
<div id="rfcalc"></div>
<noscript>This report needs JavaScript; rfcalc analyze writes the same figures as a table.</noscript>
<script type="application/json" id="rfcalc-report">$document</script>
<script>$program</script>
</body>
</html>
"""
)

# a page that is opened from a disk has no server to say this: nothing is fetched, no other script runs
_POLICY: Final = (
    "default-src 'none'; script-src '{program}'; style-src '{style}'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def page(document: Mapping[str, Any], title: str) -> str:
    """Return a document as one page that needs nothing else.

    Parameters
    ----------
    document : mapping
        As `rfcalc.page.document` makes it.
    title : str
        What the window is called.
    """
    style, program = _asset("report.css"), _asset("report.js")
    return _SHELL.substitute(
        policy=_POLICY.format(program=_digest(program), style=_digest(style)),
        version=html.escape(str(document["rfcalc"])),
        title=html.escape(title),
        style=style,
        document=_inside_script(document),
        program=program,
    )


@cache
def _asset(name: str) -> str:
    return (files("rfcalc.page") / "assets" / name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return what a policy calls a script or a style of just this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inside_script(document: Mapping[str, Any]) -> str:
    """Return JSON in which nothing can end the element that it stands in."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode("utf-8", "backslashreplace").decode()
