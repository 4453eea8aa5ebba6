"""The analysis document: raw figures as JSON, the same bytes from run to run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.engine.totals import flops_of, intensity_of
from rfcalc.errors import UsageError
from rfcalc.render.columns import COLUMNS, ON_DEMAND, Column
from rfcalc.render.humanise import plain

SCHEMA: Final = "rfcalc/analysis/1"

# between the keys that a row has only where there is something to say, the order of the contract
_FIGURES: Final = (
    "output_shape",
    "spatial",
    "receptive_field",
    "receptive_field_min",
    "local_receptive_field",
    "effective_stride",
    "effective_padding",
    "center",
    "coverage",
    "status",
)

# columns of a table that are part of what stands under another key here
_INSIDE: Final = {"trainable": "params", "non_trainable": "params"}


def analysis_document(result: AnalysisResult, columns: Sequence[Column] | None = None) -> dict[str, Any]:
    """Return the analysis document as plain data.

    Parameters
    ----------
    result : AnalysisResult
        What to write down.
    columns : sequence of Column, optional
        The keys that layers keep; what stands under a key is the same as in the whole document.

    Raises
    ------
    UsageError
        A column is no key of a layer.
    """
    rows = [row_document(row) for row in result.rows]
    if columns is not None:
        keys = _keys(columns)
        rows = [{key: value for key, value in row.items() if key in keys} for row in rows]
    return {
        "schema": SCHEMA,
        "model": {"name": result.name, "format": result.format, "source": _file_name(result.source)},
        "inputs": [
            {"name": each.name, "shape": [*map(plain, each.shape)], "spatial": [*map(plain, each.spatial)]}
            for each in result.inputs
        ],
        "input": result.input,
        "layers": rows,
        "totals": totals_document(result),
        "notes": [
            {"level": note.level, "code": note.code, "layer": note.layer, "message": note.message}
            for note in result.notes
        ],
    }


def _keys(columns: Sequence[Column]) -> frozenset[str]:
    for column in columns:
        if (key := _INSIDE.get(column.name)) is not None:
            raise UsageError(f"{column.name!r} is no key of a layer in JSON; {key!r} holds it")
    return frozenset(column.name for column in columns)


def _file_name(source: str) -> str:
    # the name alone: the document is the same wherever the file lies
    return source.replace(os.sep, "/").rpartition("/")[2]


def row_document(row: Row) -> dict[str, Any]:
    """Return one row as plain data."""
    document: dict[str, Any] = {"name": row.name, "kind": row.kind, "op": row.op, "inputs": list(row.inputs)}
    if row.outputs:
        document["outputs"] = list(row.outputs)
    if row.block:
        document["block"] = row.block
    if row.container:
        document["container"] = True
    for name in _FIGURES:
        document[name] = COLUMNS[name].value(row)
    if row.reason:
        document["reason"] = row.reason
    document["params"] = {
        "trainable": plain(row.params.trainable),
        "non_trainable": plain(row.params.non_trainable),
    }
    document["macs"] = plain(row.macs)
    document["activations"] = plain(row.activations)
    if row.detail is not None:
        for name, column in ON_DEMAND.items():
            document[name] = column.value(row)
    if len(row.calls) > 1:
        document["calls"] = [row_document(call) for call in row.calls]
    return document


def totals_document(result: AnalysisResult) -> dict[str, Any]:
    """Return the sums over a model, and what it takes up, as plain data."""
    totals = result.totals
    document: dict[str, Any] = {
        "layers": totals.layers,
        "resolved": totals.resolved,
        "params": plain(totals.params.total),
        "trainable": plain(totals.params.trainable),
        "non_trainable": plain(totals.params.non_trainable),
        "macs": plain(totals.macs),
        "complete": totals.complete,
    }
    if not totals.complete:
        # in the order of the figures that they stand in for, whoever filled the mapping
        least = {name: plain(totals.at_least[name]) for name in document if name in totals.at_least}
        document["at_least"] = least
    return {**document, **_footprint_document(result)}


def _footprint_document(result: AnalysisResult) -> dict[str, Any]:
    """Return what a model takes up as plain data."""
    found = result.footprint
    sizes, peak, better = found.param_bytes, found.peak, found.reordered
    reordered = None if better is None else better._asdict()
    return {
        "flops": plain(flops_of(result)),
        "param_bytes": None if sizes is None else {dtype: plain(sizes[dtype]) for dtype in sorted(sizes)},
        "activations": plain(found.activations),
        "activation_bytes": plain(found.activation_bytes),
        "moved_bytes": plain(found.moved),
        "intensity": intensity_of(result),
        "peak_memory": None if peak is None else {**peak._asdict(), "reordered": reordered},
    }


def dump(document: Mapping[str, Any]) -> str:
    """Write a document as JSON with one line for each key and each row, so that a diff shows the layer.

    >>> print(dump({"schema": "x", "rows": [{"a": 1}, {"a": 2}], "notes": []}), end="")
    {
      "schema": "x",
      "rows": [
        {"a": 1},
        {"a": 2}
      ],
      "notes": []
    }
    """
    encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode
    entries = []
    for key, value in document.items():
        text = encode(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n    " + ",\n    ".join(map(encode, value)) + "\n  ]"
        entries.append(f"  {encode(key)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"
