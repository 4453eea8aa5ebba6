"""The exported graphs of tests/data/onnx, and what was measured of them."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parents[1] / "data" / "onnx"
NAMES = sorted(path.name.removesuffix(".onnx.gz") for path in DATA.glob("*.onnx.gz"))

Row = tuple[int, int, int] | None
"""The first and the last input index, and how many there are."""


class Map(NamedTuple):
    """Input rows that each row of a tensor depends on."""

    op: str
    shape: list[int]
    axis: int | None
    rows: list[Row]


def graph_bytes(name: str) -> bytes:
    with gzip.open(DATA / f"{name}.onnx.gz") as stream:
        return stream.read()


@cache
def _document(name: str) -> dict[str, Any]:
    with gzip.open(DATA / f"{name}.json.gz") as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


def reference(name: str) -> dict[str, Any]:
    """Return what its source model says: input, output, parameters, mostly the shape of every tensor."""
    ref: dict[str, Any] = _document(name)["ref"]
    return ref


def measured(name: str) -> dict[str, Map]:
    """Return the measured dependence, by tensor."""
    return {
        tensor: Map(each["op"], each["shape"], each.get("axis"), _summed(each["rows"]))
        for tensor, each in _document(name)["rel"].items()
    }


def _summed(differences: list[list[int] | None]) -> list[Row]:
    """Undo what pack.py does to compress rows."""
    last, rows = (0, 0, 0), list[Row]()
    for step in differences:
        if step is None:
            rows.append(None)
            continue
        last = (last[0] + step[0], last[1] + step[1], last[2] + step[2])
        rows.append(last)
    return rows
