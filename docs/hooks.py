"""Fill the pages with what rfcalc says: tables between markers, pictures that pages name.

A marker names a command and a model below docs/::

    <!-- rfcalc: compare models/pooling.json --with plain -->
    <!-- /rfcalc -->

A block of ``console`` has commands, each behind a dollar sign, and what they print follows from them.
MkDocs fills both while it builds; ``python docs/hooks.py`` writes the tables into the pages
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

import rfcalc
import rfcalc.testing
from rfcalc.cli import main

DOCS = Path(__file__).parent

MARKED = re.compile(r"(?P<head><!-- rfcalc: (?P<command>[^\n]+?) -->\n).*?(?P<tail><!-- /rfcalc -->)", re.S)


def said(command: str, form: str | None = "markdown", folder: Path = DOCS) -> str:
    """Return what rfcalc prints for a command, in a folder, in a format, at 80 columns.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    arguments = shlex.split(command)
    if form is not None and "--format" not in arguments:
        arguments += ["--format", form]
    before = Path.cwd()
    os.chdir(folder)
    try:
        run = CliRunner(env={"COLUMNS": "80"}).invoke(
            main, arguments, catch_exceptions=False, prog_name="rfcalc"
        )
    finally:
        os.chdir(before)
    if run.exit_code:
        raise RuntimeError(f"rfcalc {command} ended with {run.exit_code}: {run.output}")
    return run.stdout


def filled(text: str) -> str:
    """Return a page with fresh tables, and what comes of the commands in its ``console`` blocks."""
    text = MARKED.sub(lambda found: f"{found['head']}\n{said(found['command'])}\n{found['tail']}", text)
    return CONSOLE.sub(lambda found: found[0] if found["why"] else _answered(found["body"]), text)


CONSOLE = re.compile(r"(?P<why><!-- not run: [^\n]+ -->\n)?^```console\n(?P<body>.*?)^```$", re.S | re.M)
"""Commands, each behind a dollar sign, and what they print; they are run in the root of the repository."""


def _answered(body: str) -> str:
    lines = []
    for line in body.splitlines():
        if line.startswith("$ "):
            name, _, arguments = line[2:].partition(" ")
            if name != "rfcalc":
                raise RuntimeError(f"{line!r} cannot be run here; say why above it: <!-- not run: ... -->")
            printed = said(arguments, form=None, folder=DOCS.parent).rstrip("\n")
            lines += ([""] if lines else []) + [line, *(each.rstrip() for each in printed.splitlines())]
    return "\n".join(["```console", *lines, "```"])


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


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Hold the page of the library to be complete: a public name that it leaves out fails the build."""
    if page.file.src_uri == "library.md":
        missing = [f"{home.__name__}.{name}" for home in (rfcalc, rfcalc.testing) for name in home.__all__]
        missing = [name for name in missing if f'id="{name}"' not in html and not name.endswith("__")]
        if missing:
            raise RuntimeError(f"library.md documents nothing of {', '.join(missing)}")
    return html


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
