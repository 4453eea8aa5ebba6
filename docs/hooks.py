"""Draw the pictures that pages name, while MkDocs builds.

The tables between markers are in the pages themselves: `rfcalc docs --write docs/*.md` makes them.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from rfcalc.cli import main

DOCS = Path(__file__).parent

PICTURES = {
    "growth.svg": "models/pooling.json --compare plain,strided,dilated",
    "costs.svg": "models/pooling.json --compare plain,strided,dilated --what costs",
    "unit.svg": "models/pooling.json --unit conv3@1,1",
    "unit_plain.svg": "models/plain.json --unit conv3@11,11",
}
"""Pictures of pages, below docs/pictures/, and how `rfcalc plot` makes them."""


def draw(arguments: str) -> None:
    """Run `rfcalc plot` in docs/.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    before = Path.cwd()
    os.chdir(DOCS)
    try:
        run = CliRunner().invoke(main, ["plot", *shlex.split(arguments)], catch_exceptions=False)
    finally:
        os.chdir(before)
    if run.exit_code:
        raise RuntimeError(f"rfcalc plot {arguments} ended with {run.exit_code}: {run.output}")


def on_pre_build(**_: Any) -> None:
    """Draw the pictures before MkDocs looks for files."""
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    for name, arguments in PICTURES.items():
        fresh = folder / f".{name}"
        draw(f"{arguments} --output pictures/{fresh.name}")
        if not (folder / name).exists() or (folder / name).read_bytes() != fresh.read_bytes():
            fresh.replace(folder / name)  # else leave it: a server that watches would build anew without end
        fresh.unlink(missing_ok=True)
