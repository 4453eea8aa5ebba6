"""The document that a page shows: ``rfcalc/report/1``, made from one run of each model at each size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import is_known
from rfcalc.engine.costs import focus_of
from rfcalc.engine.memory import held_by_layer
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.engine.totals import calls_differ
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.layer import Edge
from rfcalc.page.fields import fields_document
from rfcalc.page.marks import marks_document, marks_of
from rfcalc.page.sums import sums_of
from rfcalc.page.tree import tree_of
from rfcalc.questions.compare.growth_lines import Growth, Series, growth_of
from rfcalc.questions.compare.report import Comparison, comparison_document
from rfcalc.questions.diff.nodes import settings_of
from rfcalc.render.document import analysis_document
from rfcalc.render.humanise import plain

SCHEMA: Final = "rfcalc/report/1"

_LONGEST_SETTING: Final = 200
"""Characters of a setting that is shown; longer ones are tables of constants."""


def model_document(
    run: Run,
    title: str,
    about: str,
    sizes: Sequence[Sequence[int]],
    at: Callable[..., Run] | None = None,
) -> dict[str, Any]:
    """Return all that a page shows of one model.

    Parameters
    ----------
    run : Run
        The model, at the size that is asked about.
    title, about : str
        What it is called, and what it is, where it is a counterfactual.
    sizes : sequence of sequence of int
        Further extents of the chosen input.
    at : callable, optional
        Returns the model with such extents; by default the run itself says what it is then.
    """
    at = run.at if at is None else at
    result = _calls_apart(run, analyze_run(run))
    first = _sized(run, result)
    sized, left_out = [first], []
    for extents in sizes:
        try:
            other = at(*extents)
            analysis = _calls_apart(other, analyze_run(other))
            if [row.name for row in analysis] != [row.name for row in result]:
                raise UsageError("at this size it has other layers")
            sized.append(_sized(other, analysis))
        except RfcalcError as error:
            left_out.append({"extents": list(extents), "reason": str(error)})
    settings = [_settings(run, row) for row in result]
    return {
        "title": title,
        "about": about,
        "units": list(run.units),
        "last": _last(result),
        "tree": tree_of(result).to_dict(),
        "settings": [_shown(each) for each in settings],
        "sums": [sums_of(run, row, each) for row, each in zip(result, settings, strict=True)],
        "sizes": sized,
        "left_out": left_out,
    }


def _sized(run: Run, result: AnalysisResult) -> dict[str, Any]:
    """Return what a page shows of a model at one size."""
    fields, missing = fields_document(run, [_edge(run, row) for row in result])
    return {
        "extents": [int(extent) if is_known(extent) else None for extent in run.extents],
        "analysis": analysis_document(result),
        "marks": marks_document(marks_of(run, result), _places(run, result)),
        "memory": _held(run, result),
        "fields": fields,
        "fields_missing": missing,
    }


def _held(run: Run, result: AnalysisResult) -> list[int | None] | None:
    """Return the bytes that are held while the layer of each row runs; of calls that share a row the most."""
    held = held_by_layer(run.graph, run.resolved)
    if held is None:
        return None
    most: dict[str, int] = {}
    for layer in run.graph:
        most[layer.source_name] = max(held[layer.name], most.get(layer.source_name, 0))
    return [held[row.name] if row.name in held and not row.calls else most.get(row.name) for row in result]


def _calls_apart(run: Run, result: AnalysisResult) -> AnalysisResult:
    """Give each call of a layer whose calls see differently a row of its own, where the model makes it."""
    if not any(map(calls_differ, result)):
        return result
    made: dict[str, int] = {}
    for place, layer in enumerate(run.graph):
        made.setdefault(layer.source_name, place)  # its first call is called as the layer
        made[layer.name] = place
    rows = [row.calls[0] if calls_differ(row) else row for row in result]
    for row in filter(calls_differ, result):
        for call in row.calls[1:]:
            # a row that heads others is none that is made
            earlier = [at for at, each in enumerate(rows) if made.get(each.name, len(made)) < made[call.name]]
            rows.insert(max(earlier) + 1, call)
    # a note of that code tells what one row for all calls stands for
    notes = tuple(note for note in result.notes if note.code != "calls")
    return replace(result, rows=tuple(rows), notes=notes)


def _last(result: AnalysisResult) -> int | None:
    """Return the row whose field is meant where a model is asked how far it sees; None where none has one."""
    focus = focus_of(result.rows)
    return next((place for place, row in enumerate(result) if row.name == focus), None)


def _edge(run: Run, row: Row) -> Edge:
    """Return the tensor whose figures a row shows."""
    return run.graph.find_tensor(row.name)


def _places(run: Run, result: AnalysisResult) -> Mapping[str, int]:
    """Return the number of the row of each layer; calls of one layer that see alike share theirs."""
    rows = {row.name: place for place, row in reversed(list(enumerate(result)))}
    named = {layer.name: layer.name if layer.name in rows else layer.source_name for layer in run.graph}
    return {layer: rows[name] for layer, name in named.items() if name in rows}


def _settings(run: Run, row: Row) -> dict[str, Any]:
    """Return what the kind of a row was set to."""
    layer = run.graph.layers.get(row.name)
    return {} if layer is None else settings_of(layer, run.graph, run.resolved)


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that say something, as plain data."""
    return {
        name: _plain(value)
        for name, value in found.items()
        if value is not None and value is not False and value not in ("", ())
        if len(str(value)) <= _LONGEST_SETTING
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, (bool, str, float)) else plain(value)


def comparison_parts(comparison: Comparison, rank: int) -> dict[str, Any]:
    """Return a comparison, and the lines of its picture of growth, as plain data."""
    document = comparison_document(comparison)
    # their layers would be most of the page; those that are shown stand under models
    document["entries"] = [
        {name: value for name, value in entry.items() if name != "layers"} for entry in document["entries"]
    ]
    return {
        "comparison": document,
        "growth": [_growth(axis, growth_of(comparison, axis)) for axis in range(rank)],
    }


def _growth(axis: int, growth: Growth) -> dict[str, Any]:
    return {
        "axis": axis,
        "layers": list(growth.layers),
        "joins": [place for place, name in enumerate(growth.layers) if name in growth.joins],
        "series": [_series(series) for series in growth.series],
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "names": list(series.names),
        "lines": [[list(point) for point in line] for line in series.lines],
        "everywhere": list(series.everywhere),
    }
