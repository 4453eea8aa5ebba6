"""Draw the pictures that pages name, while MkDocs builds.

The tables between markers are in the pages themselves: `rfcalc docs --write docs/*.md` makes them. So
is what follows a command, behind a dollar sign, in a block of ``console``: ``python docs/hooks.py`` writes
it. Tests say when either is stale.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import rfcalc
import rfcalc.testing
from rfcalc.cli import main

DOCS = Path(__file__).parent

CONSOLE = re.compile(r"(?P<why><!-- not run: [^\n]+ -->\n)?^```console\n(?P<body>.*?)^```$", re.S | re.M)
"""Commands, each behind a dollar sign, and what they print; they are run in the root of the repository."""


def said(command: str, folder: Path) -> str:
    """Return what rfcalc prints for a command, in a folder, at 80 columns.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        run = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(
            main, shlex.split(command), catch_exceptions=False, prog_name="rfcalc"
        )
    finally:
        os.chdir(before)
    if run.exit_code:
        raise RuntimeError(f"rfcalc {command} ended with {run.exit_code}: {run.output}")
    return run.stdout


def filled(text: str) -> str:
    """Return a page with what comes of the commands in its ``console`` blocks."""
    return CONSOLE.sub(lambda found: found[0] if found["why"] else _answered(found["body"]), text)


def _answered(body: str) -> str:
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            name, _, arguments = line[2:].partition(" ")
            if name != "rfcalc":
                raise RuntimeError(f"{line!r} cannot be run here; say why above it: <!-- not run: ... -->")
            printed = said(arguments, DOCS.parent).rstrip("\n")
            lines += ([""] if lines else []) + [line, *(each.rstrip() for each in printed.splitlines())]
    return "\n".join(["```console", *lines, "```"])


PICTURES = {
    "growth.svg": "models/pooling.json --with plain,strided,dilated",
    "costs.svg": "models/pooling.json --with plain,strided,dilated --what costs",
    "unit.svg": "models/pooling.json conv3 --at 1,1",
    "unit_plain.svg": "models/plain.json conv3 --at 11,11",
}
"""Pictures of pages, below docs/pictures/, and how `rfcalc plot` makes them."""


def on_pre_build(**_: Any) -> None:
    """Draw the pictures before MkDocs looks for files."""
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    for name, arguments in PICTURES.items():
        fresh = folder / f".{name}"
        said(f"plot {arguments} --output pictures/{fresh.name}", DOCS)
        if not (folder / name).exists() or (folder / name).read_bytes() != fresh.read_bytes():
            fresh.replace(folder / name)  # else leave it: a server that watches would build anew without end
        fresh.unlink(missing_ok=True)


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
