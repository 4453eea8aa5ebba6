"""Where a budget is: in a file of its own, or in the pyproject.toml of the project around."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.readers import parsing
from rfcalc.readers.sources import opened
from rfcalc.readers.spelled import got
from rfcalc.records import NamedTuple

PROJECT: Final = "pyproject.toml"
TABLE: Final = ("tool", "rfcalc")


class Found(NamedTuple):
    """What a budget file holds.

    Parameters
    ----------
    document : mapping
        The part of it that is the budget.
    source : str
        Its name, for messages.
    base : Path
        The directory that names of models are relative to.
    prefix : tuple of str
        The keys that lead to the budget.
    """

    document: dict[str, Any]
    source: str
    base: Path
    prefix: tuple[str, ...] = ()


def read_budget(path: str) -> Found:
    """Read a file: a TOML document of its own, or a ``pyproject.toml`` with the table ``tool.rfcalc``.

    Raises
    ------
    ReadError
        It cannot be read, or is not TOML.
    UsageError
        It is a ``pyproject.toml`` without that table.
    """
    project = Path(path).name == PROJECT
    found = _project(path) if project else _document(path)
    if found is None:
        raise UsageError(f"has no table [{'.'.join(TABLE)}] with a budget", source=path)
    prefix = TABLE if project else ()
    return Found(found, path, Path(path).parent, prefix)


def find_budget(start: Path) -> Found | None:
    """Look for the nearest ``pyproject.toml`` with a budget, from a directory upward.

    Raises
    ------
    ReadError
        One on the way cannot be read.
    """
    import os

    for folder in (start, *start.parents):
        path = folder / PROJECT
        if path.is_file():
            name = os.path.relpath(path, start)
            found = _project(str(path), name)
            if found is not None:
                return Found(found, name, Path(os.path.relpath(folder, start)), TABLE)
    return None


def _document(path: str, name: str = "") -> dict[str, Any]:
    try:
        with opened(path) as source:
            text = parsing.decode(source.everything(parsing.MOST_OTHER))
        return parsing.toml_document(text)
    except ReadError as error:
        error.source = name or path
        raise


def _project(path: str, name: str = "") -> dict[str, Any] | None:
    held: Any = _document(path, name)
    for place, key in enumerate(TABLE):
        held = held.get(key)
        if held is None:
            return None
        if not isinstance(held, dict):
            where = ".".join(TABLE[: place + 1])
            raise UsageError(f"has to be a table, not {got(held)}", where=where, source=name or path)
    return dict(held)
