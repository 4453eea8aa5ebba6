"""Node data for Model Explorer: a figure of each node, which it shows beside the node and colours it by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.errors import UsageError
from rfcalc.render.columns import Column, choose

USUAL: Final = "receptive_field"

_LEAST, _MOST = "#ffffff", "#5b8def"
_GRADIENT: Final = ({"stop": 0, "bgColor": _LEAST}, {"stop": 1, "bgColor": _MOST})

_GLOBAL: Final = "global"


def node_data(result: AnalysisResult, columns: Sequence[Column] | None = None) -> dict[str, Any]:
    """Return one figure of each node, as Model Explorer reads it.

    Parameters
    ----------
    result : AnalysisResult
        Of an ONNX file or of a PyTorch program: Model Explorer opens these.
    columns : sequence of Column, optional
        The one figure; by default the field.

    Raises
    ------
    UsageError
        There are several figures, or the model is of another format.
    """
    chosen = tuple(choose([USUAL])) if columns is None else tuple(columns)
    if len(chosen) != 1:
        raise UsageError("a file of node data holds one figure; choose it, as with --columns macs")
    if result.format not in ("onnx", "torch"):
        raise UsageError(
            "Model Explorer opens ONNX files and PyTorch programs (.pt2), and has no nodes for this model",
            source=result.source,
        )
    column = chosen[0]
    found: dict[str, Any] = {}
    for row in result.rows:
        value = _value(column, row)
        if value is not None and not row.container:
            held = {"value": value, "bgColor": _MOST} if value == _GLOBAL else {"value": value}
            found.update((key, held) for key in _keys(result, row))
    return {"name": column.title, "results": found, "gradient": list(_GRADIENT)}


def _keys(result: AnalysisResult, row: Row) -> Sequence[str]:
    """Return what Model Explorer calls a node: in ONNX by its name, of a program by what it makes."""
    if result.format == "torch":
        return row.outputs
    return (f"[value] {row.name}",) if row.kind == "input" else (row.name,)


def _value(column: Column, row: Row) -> Any:
    """Return a figure as one number, the largest over axes, or as a word; None where it is not known."""
    value = column.value(row)
    if not isinstance(value, list):
        return value if isinstance(value, (int, float, str)) else None
    if column.name.endswith("receptive_field") and value and None in value:
        return _GLOBAL
    numbers = [each for each in value if isinstance(each, (int, float))]
    return max(numbers) if numbers and len(numbers) == len(value) else None
