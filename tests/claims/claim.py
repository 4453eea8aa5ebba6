"""What a claim is, and the record of what libraries said and what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

RECORD = Path(__file__).with_name("claims.json")

Figures = dict[str, int]
"""A figure for each case, by what is asked."""


class Found(NamedTuple):
    """What asking a library found: figures of the same cases from three sources.

    Parameters
    ----------
    says : dict
        What the library claims.
    measured : dict
        What running its model showed.
    rfcalc : dict
        What rfcalc says of the library's own model.
    """

    says: Figures
    measured: Figures
    rfcalc: Figures


class Claim(NamedTuple):
    """Something that a library claims.

    Parameters
    ----------
    key : str
        How the record calls it.
    package, module : str
        The package that has its version, and the module that is imported.
    where : str
        The attribute or function that claims it.
    call : str
        How rfcalc is asked.
    words : str
        Who is right, and why, for the page.
    found : callable
        Asks the library, measures, and asks rfcalc of the library's own model.
    ours : callable
        What rfcalc says of the same network written as a small model, which needs no library.
    more_is_safe : bool
        Whether a larger figure than measured does no harm, as an overlap.
    """

    key: str
    package: str
    module: str
    where: str
    call: str
    words: str
    found: Callable[[], Found]
    ours: Callable[[], Figures]
    more_is_safe: bool = False


def read() -> dict[str, Any]:
    """Return the record, empty where there is none."""
    if not RECORD.exists():
        return {"date": "", "setting": {}, "claims": {}, "counters": {}}
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def write(record: dict[str, Any]) -> None:
    """Keep a record."""
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
