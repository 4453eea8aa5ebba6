"""Fill the pages with what rfcalc says: tables between markers, pictures that pages name.

A marker names a command and a model below docs/::

    <!-- rfcalc: compare models/pooling.json --with plain -->
    <!-- /rfcalc -->

MkDocs fills them while it builds; ``python docs/hooks.py`` writes the tables into the pages
themselves, where a reader of the repository sees them, and a test says when they are stale.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from rfcalc.cli import main

DOCS = Path(__file__).parent

MARKED = re.compile(r"(?P<head><!-- rfcalc: (?P<command>[^\n]+?) -->\n).*?(?P<tail><!-- /rfcalc -->)", re.S)


def said(command: str) -> str:
    """Return what rfcalc prints for a command, in docs/; tables as Markdown.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    arguments = shlex.split(command)
    if "--format" not in arguments:
        arguments += ["--format", "markdown"]
    before = Path.cwd()
    os.chdir(DOCS)
    try:
        run = CliRunner().invoke(main, arguments, catch_exceptions=False, prog_name="rfcalc")
    finally:
        os.chdir(before)
    if run.exit_code:
        raise RuntimeError(f"rfcalc {command} ended with {run.exit_code}: {run.output}")
    return run.stdout


def filled(text: str) -> str:
    """Return a page with fresh tables."""
    return MARKED.sub(lambda found: f"{found['head']}\n{said(found['command'])}\n{found['tail']}", text)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill a page that MkDocs is about to render."""
    return filled(markdown)


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
