"""Expected files: compare with them, or with RFCALC_UPDATE_GOLDEN=1 write them anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden"


def check(name: str, text: str) -> None:
    """Compare a text with the file of that name, byte for byte."""
    path = FOLDER / name
    if os.environ.get("RFCALC_UPDATE_GOLDEN"):
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()
