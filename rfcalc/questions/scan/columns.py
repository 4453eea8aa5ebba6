"""The columns of a catalogue's tables, and their values: what an analysis document has, one cell each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from rfcalc.records import NamedTuple

Data: TypeAlias = Mapping[str, Any]
Get: TypeAlias = Callable[[Data], Any]

AXES: Final = 3
"""Axes of the input that have columns of their own; the lists beside them have all."""


class Column(NamedTuple):
    """A column.

    Parameters
    ----------
    name : str
        What SQL calls it.
    type : str
        ``TEXT``, ``REAL``, or nothing for whole numbers: beyond 64 bits they are the text of their digits,
        which a column of a type would make floats of.
    value : callable
        Its value, of an analysis document or of a row of one.
    """

    name: str
    type: str
    value: Get


def _key(name: str, *, type: str = "", within: str = "") -> Column:
    """Make a column of what stands under a key."""
    if within:
        return Column(name, type, lambda data: _get(_get(data, within), name))
    return Column(name, type, lambda data: data.get(name))


def _get(data: Any, name: str) -> Any:
    return None if data is None else data.get(name)


def _json(name: str, *, within: str = "") -> Column:
    """Make a column of a list or a mapping, as JSON."""
    inner = _key(name, within=within).value
    return Column(name, "TEXT", lambda data: None if (held := inner(data)) is None else json.dumps(held))


def _axes(name: str, *, type: str = "") -> tuple[Column, ...]:
    """Make columns of a list with a figure an axis: the list, and each of the first few."""

    def figure(axis: int) -> Get:
        return lambda data: held[axis] if len(held := data.get(name) or ()) > axis else None

    return (_json(name), *(Column(f"{name}_{axis}", type, figure(axis)) for axis in range(AXES)))


def _rows(status: str) -> Column:
    return Column(status, "", lambda data: Counter(row["status"] for row in _counted(data))[status])


def _counted(data: Data) -> list[Data]:
    """Return the rows that count as layers: containers stand for others."""
    inside = {row.get("block") for row in data["layers"]}
    return [row for row in data["layers"] if not (row.get("container") and row["name"] in inside)]


def _input(name: str) -> Get:
    """Return what gets a list of the chosen input; of a model without, of the first."""

    def get(data: Data) -> Any:
        chosen = [each for each in data["inputs"] if each["name"] == data["input"]] or data["inputs"]
        return chosen[0][name] if chosen else None

    return get


def _input_size(axis: int) -> Get:
    extents = _input("spatial")
    return lambda data: held[axis] if len(held := extents(data) or ()) > axis else None


MODEL: Final = (
    Column("format", "TEXT", lambda data: data["model"]["format"]),
    Column("name", "TEXT", lambda data: data["model"]["name"]),
    _key("input", type="TEXT"),
    Column("input_shape", "TEXT", lambda data: json.dumps(_input("shape")(data))),
    *(Column(f"input_{axis}", "", _input_size(axis)) for axis in range(AXES)),
    _key("layers", within="totals"),
    _key("resolved", within="totals"),
    _rows("exact"),
    _rows("bound"),
    _rows("unknown"),
    Column("complete", "", lambda data: int(data["totals"]["complete"])),
    *(
        _key(name, within="totals")
        for name in ("params", "trainable", "non_trainable", "macs", "flops", "activations")
    ),
    *(_key(name, within="totals") for name in ("activation_bytes", "moved_bytes")),
    _key("intensity", type="REAL", within="totals"),
    _json("param_bytes", within="totals"),
    Column("peak_memory", "", lambda data: _get(data["totals"]["peak_memory"], "bytes")),
    Column("peak_layer", "TEXT", lambda data: _get(data["totals"]["peak_memory"], "layer")),
    Column(
        "peak_memory_reordered",
        "",
        lambda data: _get(_get(data["totals"]["peak_memory"], "reordered"), "bytes"),
    ),
    _json("at_least", within="totals"),
)
"""What is said of a whole model."""

LAYER: Final = (
    _key("name", type="TEXT"),
    _key("kind", type="TEXT"),
    _key("op", type="TEXT"),
    _json("inputs"),
    _json("outputs"),
    _key("block", type="TEXT"),
    Column("container", "", lambda row: int(row.get("container", False))),
    _json("output_shape"),
    *_axes("spatial"),
    *_axes("receptive_field"),
    *_axes("receptive_field_min"),
    *_axes("local_receptive_field"),
    *_axes("effective_stride"),
    *_axes("effective_padding"),
    *_axes("center", type="REAL"),
    _key("coverage", type="REAL"),
    _key("status", type="TEXT"),
    _key("reason", type="TEXT"),
    Column("params", "", lambda row: _sum(row["params"])),
    _key("trainable", within="params"),
    _key("non_trainable", within="params"),
    _key("macs"),
    _key("activations"),
    Column("calls", "", lambda row: len(row.get("calls", ())) or 1),
)
"""What is said of a layer."""

NOTE: Final = tuple(_key(name, type="TEXT") for name in ("level", "code", "layer", "message"))
"""What else is said of a model."""


def _sum(params: Data) -> Any:
    counts = params["trainable"], params["non_trainable"]
    return sum(counts) if all(isinstance(count, int) for count in counts) else None


def rows_of(document: Data) -> dict[str, Any]:
    """Return what the tables hold of an analysis document: cells that JSON and SQLite take alike."""
    return {
        "name": cell(document["model"]["name"]),
        "model": values(MODEL, document),
        "layers": [values(LAYER, row) for row in document["layers"]],
        "notes": [values(NOTE, note) for note in document["notes"]],
    }


def values(columns: Sequence[Column], data: Data) -> list[Any]:
    """Return the cells of a row, as SQLite takes them."""
    return [cell(column.value(data)) for column in columns]


_MOST: Final = 1 << 63


def cell(value: Any) -> Any:
    r"""Return what SQLite takes: of a whole number beyond 64 bits its digits, of half a character its code.

    >>> cell(2**63), cell(3), cell("a\ud800")
    ('9223372036854775808', 3, 'a\\ud800')
    """
    if isinstance(value, int) and not -_MOST <= value < _MOST:
        return str(value)
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
