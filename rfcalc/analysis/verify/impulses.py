"""Hold exact rows against a running model: which rows of its maps change with a row of the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rfcalc.algebra.indexing import rows_by_index
from rfcalc.algebra.number import is_known
from rfcalc.analysis.propagate import choose_input, propagate, seed_rows
from rfcalc.analysis.shapes import OnUnknown, resolve
from rfcalc.analysis.verify.chase import concrete
from rfcalc.analysis.verify.result import Difference
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL

MOST_MAPS: Final = 12
"""Maps that are looked at, spread over the model."""

MOST_ROWS: Final = 7
"""Rows of the input that are changed: the first, the last, and some between."""

Run = Callable[..., list[dict[str, frozenset[int]]]]
"""Runs the model: (shapes, input, axis, rows, maps) to the rows of each map that change."""


class Impulses(NamedTuple):
    """What running the model said.

    Parameters
    ----------
    maps : int
        How many maps were looked at.
    claimed, seen : int
        How many of their rows depend on one of the rows that were changed, and how many of these did change:
        a small change may drown in rounding, or be cut off by an activation.
    differences : tuple of Difference
        Rows that changed, though they do not depend on what was changed.
    """

    maps: int
    claimed: int
    seen: int
    differences: tuple[Difference, ...]


def impulses(
    graph: LayerGraph, run: Run, *, input: str | None = None, on_unknown: OnUnknown = "report"
) -> Impulses:
    """Change rows of the input, and compare the rows of maps that change with those that depend on them.

    Raises
    ------
    UsageError
        No layer keeps the grid of the input.
    ReadError
        The model cannot be run.
    """
    chosen = choose_input(graph, input)
    resolved = resolve(graph, on_unknown=on_unknown)
    seen = propagate(graph, resolved, chosen, seed_rows)[0]
    start = resolved[chosen.name].result
    assert start is not None
    spec = start.outputs[0]
    places = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    maps: dict[str, tuple[str, int, tuple[int, ...]]] = {}
    for layer in graph:
        result = resolved[layer.name].result
        if layer.kind == "input" or result is None or not layer.outputs:
            continue
        own = [place for place, role in enumerate(result.outputs[0].axes) if role == SPATIAL]
        dependence = seen[layer.name].full[0]
        if dependence is None or len(own) != len(places) or result.outputs[0].folded != 1:
            continue
        masks, _ = rows_by_index(dependence, 0)
        extent = result.outputs[0].shape[own[0]]
        if is_known(extent) and len(masks) == extent:
            maps[layer.outputs[0]] = (layer.name, own[0], masks)
    if not maps:
        raise UsageError("no layer keeps the grid of the input, so there is nothing to look at in a run")
    names = _spread(list(maps), MOST_MAPS)
    rows = _spread(range(int(spec.shape[places[0]])), MOST_ROWS)
    shapes = {
        layer.name: concrete(result.outputs[0])
        for layer in graph.inputs
        if (result := resolved[layer.name].result) is not None
    }
    changed = run(shapes, chosen.name, places[0], rows, {name: maps[name][1] for name in names})
    return _compared(graph, rows, {name: maps[name] for name in names}, changed)


def _compared(
    graph: LayerGraph,
    rows: Sequence[int],
    maps: Mapping[str, tuple[str, int, tuple[int, ...]]],
    changed: Sequence[Mapping[str, frozenset[int]]],
) -> Impulses:
    claimed = seen = 0
    differences = []
    for name, (owner, _, masks) in maps.items():
        for row, found in zip(rows, changed, strict=True):
            said = {index for index, mask in enumerate(masks) if mask >> row & 1}
            claimed += len(said)
            seen += len(said & found[name])
            beyond = sorted(found[name] - said)
            if beyond:
                layer = graph[owner]
                text = f"a change of row {row} of the input changes it"
                differences.append(
                    Difference(
                        owner,
                        layer.kind,
                        layer.op,
                        "run",
                        f"does not depend on row {row}",
                        text,
                        "row",
                        beyond[0],
                    )
                )
                break
    return Impulses(len(maps), claimed, seen, tuple(differences))


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """Choose some of many, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[k * (len(items) - 1) // (most - 1)] for k in range(most)]
