"""Compare a model with its counterfactuals, or models with each other: by depth, and by what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rfcalc.counterfactuals.variants import Counterfactual, DoesNotApply, counterfactual
from rfcalc.engine.costs import CONVOLUTIONS, DENSE, bill_of, field_of, focus_of, leaves
from rfcalc.engine.edit import POOLS
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.progress import Progress, stepped
from rfcalc.questions.compare.order import in_one_order
from rfcalc.questions.compare.report import Comparison
from rfcalc.questions.compare.result import ORIGINAL, Entry, Refusal

_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    "plain": ("unstrided",),
    "unstrided": ("plain",),
    "dilated": ("atrous",),
    "atrous": ("dilated",),
    "pool": ("pool:2:2", "pool:2:3", "pool:2:4"),
}
"""What may work where a counterfactual does not, the nearest first."""

_BORDERS: Final = frozenset(("input", "pad"))


def usual(graph: LayerGraph) -> tuple[str, ...]:
    """Return the counterfactuals that say most of a model: without what it has, or with what it has not."""
    if any(layer.kind in POOLS for layer in graph):
        return ("plain", "strided", "dilated")
    strides = (layer.attrs.get("stride") for layer in graph if layer.kind in CONVOLUTIONS)
    if any(stride is not None and set(_flat(stride)) != {1} for stride in strides):
        return ("unstrided", "atrous")
    return ("pool",)


def _flat(value: object) -> Iterable[object]:
    return value if isinstance(value, (tuple, list)) else (value,)


def compare_counterfactuals(
    run: Run, names: Sequence[str] | None = None, progress: Progress | None = None
) -> Comparison:
    """Compare a model with what it might be.

    Parameters
    ----------
    run : Run
        The model.
    names : sequence of str, optional
        Counterfactuals; by default those that say most, and where one does not work, the nearest that does.
    progress : callable, optional
        Is told how many of them are done.

    Raises
    ------
    AnalysisError
        The model itself cannot be analysed.
    UsageError
        There is no such counterfactual.
    """
    graph = run.graph
    wanted = usual(graph) if names is None else tuple(dict.fromkeys(names))
    chosen = [counterfactual(name) for name in wanted]
    base = analyze_run(run)
    focus = focus_of(base.rows)
    entries = [Entry(ORIGINAL, "", base, bill_of(run, base, focus))]
    for each in stepped(chosen, progress):
        entry = _entry(run, each, focus)
        entries.append(entry)
        instead = entry.refusal.instead if entry.refusal is not None else ""
        if names is None and instead and instead not in {*wanted, *(other.name for other in entries)}:
            entries.append(_entry(run, counterfactual(instead), focus))
    pooling = any(layer.kind in POOLS for layer in graph)
    return Comparison(tuple(entries), _by_name(entries), True, pooling)


def compare_models(runs: Sequence[Run], progress: Progress | None = None) -> Comparison:
    """Compare models with each other, layer by layer in the order of depth.

    Parameters
    ----------
    runs : sequence of Run
        The models; the first is what the others are compared with.
    progress : callable, optional
        Is told how many of them are done.

    Raises
    ------
    AnalysisError
        One of them cannot be analysed.
    """
    names = _distinct([run.graph.name or run.graph.source for run in runs])
    entries = []
    for name, run in stepped(list(zip(names, runs, strict=True)), progress):
        result = analyze_run(run)
        entries.append(Entry(name, "", result, bill_of(run, result, focus_of(result.rows))))
    pooling = any(layer.kind in POOLS for layer in runs[0].graph)
    return Comparison(tuple(entries), _by_depth(entries), False, pooling)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that come again."""
    found: list[str] = []
    for name in names:
        number, spelled = 2, name
        while spelled in found:
            spelled, number = f"{name} ({number})", number + 1
        found.append(spelled)
    return found


def _entry(run: Run, each: Counterfactual, focus: str) -> Entry:
    try:
        changed = each.build(run)
        result = analyze_run(changed)
    except DoesNotApply as error:
        refusal = Refusal(error.layer, error.message, _instead(run, each.name))
        return Entry(each.name, each.summary, None, None, refusal=refusal, counterfactual=each)
    count = _changes(run.graph, changed.graph)
    return Entry(each.name, each.summary, result, bill_of(changed, result, focus), count, counterfactual=each)


def _instead(run: Run, name: str) -> str:
    for other in _INSTEAD.get(name.partition(":")[0], ()):
        try:
            counterfactual(other).build(run)
        except DoesNotApply:
            continue
        return other
    return ""


def _changes(graph: LayerGraph, changed: LayerGraph) -> int:
    """Count layers that were changed, added or taken away."""

    def content(layer: Layer) -> object:
        return layer.kind, None if layer.kind == "reshape" else (layer.attrs, layer.extras)

    gone = sum(name not in changed.layers for name in graph.layers)
    others = [layer for layer in changed if graph.layers.get(layer.name) is not layer]
    return gone + sum(
        layer.name not in graph.layers or content(graph[layer.name]) != content(layer) for layer in others
    )


# ---- rows side by side -------------------------------------------------------------------------------------


def _figures(row: Row) -> tuple[object, ...]:
    return row.receptive_field, row.local_receptive_field, row.effective_stride, row.spatial


def _landmarks(result: AnalysisResult) -> list[Row]:
    """Return the rows at which something happens: a window, a dense layer, another field or map."""
    by_name = {row.name: row for row in result.rows}
    found = []
    for row in leaves(result):
        given = [_figures(by_name[name]) for name in row.inputs if name in by_name]
        changed = _figures(row) not in given
        thins = row.kind in POOLS
        if row.kind in DENSE or (changed and (thins or not (row.kind in _BORDERS or _sees_all(row)))):
            found.append(row)
    return found


def _sees_all(row: Row) -> bool:
    """Tell whether a layer, and what it is without gates, sees the whole input, as those of a gate do."""
    return row.receptive_field is not None and not any(field_of(row) or (None,))


def _by_name(entries: Sequence[Entry]) -> tuple[tuple[str, tuple[Row | None, ...]], ...]:
    """Match layers by name: a landmark of one entry is shown for all."""
    tables = [
        {} if entry.result is None else {row.name: row for row in leaves(entry.result)} for entry in entries
    ]
    wanted = {row.name for entry in entries if entry.result is not None for row in _landmarks(entry.result)}
    order = in_one_order(tables, wanted)
    return tuple((name, tuple(table.get(name) for table in tables)) for name in order)


def _by_depth(entries: Sequence[Entry]) -> tuple[tuple[str, tuple[Row | None, ...]], ...]:
    """Match landmarks by their number."""
    tables = [[] if entry.result is None else _landmarks(entry.result) for entry in entries]
    longest = max(map(len, tables), default=0)
    return tuple(
        (str(place + 1), tuple(table[place] if place < len(table) else None for table in tables))
        for place in range(longest)
    )
