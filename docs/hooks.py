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


def said(command: str, form: str | None = "markdown") -> str:
    """Return what rfcalc prints for a command, in docs/, in a format.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    arguments = shlex.split(command)
    if form is not None and "--format" not in arguments:
        arguments += ["--format", form]
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


PICTURES = {
    "growth.svg": "models/pooling.json --compare plain,strided,dilated",
    "costs.svg": "models/pooling.json --compare plain,strided,dilated --what costs",
    "unit.svg": "models/pooling.json --unit conv3@1,1",
    "unit_plain.svg": "models/plain.json --unit conv3@11,11",
}
"""Pictures of pages, below docs/pictures/, and how `rfcalc plot` makes them."""


def on_pre_build(**_: Any) -> None:
    """Draw the pictures before MkDocs looks for files."""
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    for name, arguments in PICTURES.items():
        fresh = folder / f".{name}"
        said(f"plot {arguments} --output pictures/{fresh.name}", form=None)
        if not (folder / name).exists() or (folder / name).read_bytes() != fresh.read_bytes():
            fresh.replace(folder / name)  # else leave it: a server that watches would build anew without end
        fresh.unlink(missing_ok=True)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill a page that MkDocs is about to render."""
    return filled(markdown)


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
