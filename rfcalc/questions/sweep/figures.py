"""What a sweep says of one run, be it of one design or of many at once."""

from __future__ import annotations

from collections.abc import Sequence

from rfcalc.algebra.number import Num
from rfcalc.engine.memory import activations_of, element_size, peak_bytes
from rfcalc.engine.result import Row
from rfcalc.engine.rows import figures_of
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import spec_of
from rfcalc.engine.totals import totals_of
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.sweep.columns import COVERAGE, STATUS, prefixes

Figures = dict[str, Num | str | None]
"""Figures by column; what is not known is None, or missing."""


def figures(run: Run, layers: Sequence[str]) -> Figures:
    """Return the figures of a model, and of some of its layers; without any, of its last map."""
    rows = figures_of(run)
    graph, resolved = run.graph, run.resolved
    totals = totals_of(graph, resolved, rows)
    found: Figures = {
        "params": totals.params.total,
        "macs": totals.macs,
        "activations": activations_of(graph, resolved),
        "peak_activations": _elements(run, peak_bytes(graph, resolved)),
    }
    names: Sequence[str | None] = layers or (None,)
    for name, before in zip(names, prefixes(layers), strict=True):
        row = last_map(rows) if name is None else _named(graph, rows, name)
        if row is not None:
            found.update(_of_row(row, before))
    return found


def last_map(rows: Sequence[Row]) -> Row | None:
    """Return the last layer whose output has a grid of the input's: no vector, and no summary of the map.

    Whether a layer is it does not depend on extents, so that designs of one graph agree on it.
    """
    for row in reversed(rows):
        if row.container or row.kind in ("global_pool", "input") or not row.spatial:
            continue
        if any(stride is not None for stride in row.effective_stride or ()):
            return row
    return None


def _named(graph: LayerGraph, rows: Sequence[Row], name: str) -> Row | None:
    """Return the row of a layer or an output tensor; of a block, of the layer that puts out its result."""
    ends = [block.outputs[0][0] for block in graph.blocks.values() if block.name == name]
    names = {name, *(graph[end].source_name for end in ends[:1])}
    return next((row for row in rows if row.name in names or name in row.outputs), None)


def _elements(run: Run, held: Num | None) -> Num | None:
    """Return bytes of activations in elements of the input's type, rounded up."""
    size = element_size(spec_of(run.resolved, (run.chosen.name, 0)).dtype)
    return None if held is None or size is None else -(-held // size)


def _of_row(row: Row, before: str) -> Figures:
    """Return the figures of a layer; its extents where its axes are those of the input."""
    rank = len(row.receptive_field or row.spatial)
    along = {
        "extent": row.spatial if len(row.spatial) == rank else (),
        "receptive_field": row.receptive_field,
        "effective_stride": row.effective_stride,
        "effective_padding": row.effective_padding,
    }
    found: Figures = {
        f"{before}{name}_{axis}": value
        for name, values in along.items()
        for axis, value in enumerate(values or ())
    }
    return {**found, f"{before}{COVERAGE}": row.coverage, f"{before}{STATUS}": row.status}
