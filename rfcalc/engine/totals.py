"""Sums over the model, and what else there is to say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.algebra.steps import Slide
from rfcalc.engine.propagate import Misaligned
from rfcalc.engine.result import AnalysisResult, Note, Params, Row, Totals
from rfcalc.engine.shapes import LayerInfo, known_extent
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, SPATIAL, Edge, Layer, Weight
from rfcalc.wording import few

_MIRRORED: Final = "mirrored at the border: units there may see further than others"
_AT_THE_BORDER: Final = {
    "wrap": "wrapped around: units near the seam see both ends of the input",
    "reflect": _MIRRORED,
    "symmetric": _MIRRORED,
}
"""What padding that is not empty does to the units near it, whose fields the figures of a row leave out."""


_NO_PARAMS: Final = Params(0, 0)


def count_params(weights: Sequence[Weight] | None) -> Params:
    """Count weights, trainable and not; None where one of them is not known."""
    if weights is None:
        return Params(None, None)
    if not weights:
        return _NO_PARAMS
    return _added([(weight.trainable, weight.count) for weight in weights])


def fresh_of(weights: Iterable[Weight], counted: set[str]) -> list[Weight]:
    """Return the weights that no layer counted before, each once, and remember them."""
    fresh = []
    for weight in weights:
        if weight.identity not in counted:
            counted.add(weight.identity)
            fresh.append(weight)
    return fresh


def _added(counts: Iterable[tuple[bool, Num]]) -> Params:
    """Add up the elements of weights, each with whether it is trained."""
    trainable: Num = 0
    frozen: Num = 0
    for trained, count in counts:
        if trained:
            trainable = trainable + count
        else:
            frozen = frozen + count
    return Params(known_extent(trainable), known_extent(frozen))


def has_weights(layer: Layer, known: LayerInfo) -> bool:
    """Tell whether it is known which weights a layer has: of an op that no rule knows only the file can."""
    if known.weights is None:
        return False
    return layer.weights is not None or not (known.unknown or known.assumed)


def macs_of(known: LayerInfo) -> Num | None:
    """Return the multiply-accumulates of a layer; None where its op, or an extent, is not known."""
    if known.result is None or known.unknown or known.assumed:
        return None
    return known_extent(known.result.macs)


def totals_of(graph: LayerGraph, resolved: Mapping[str, LayerInfo], rows: Sequence[Row]) -> Totals:
    """Sum up; `rows` are those that count as layers."""
    weights: dict[str, Weight] = {}
    missing = macs_missing = False
    macs: Num = 0
    for layer in graph:
        known = resolved[layer.name]
        missing = missing or not has_weights(layer, known)
        for weight in known.weights or ():
            weights.setdefault(weight.identity, weight)
        if known.result is None or macs_of(known) is None:
            macs_missing = True
        else:
            macs = macs + known.result.macs  # as the rule writes it: formulas read best factor by factor
    counts = [(weight.trainable, weight.count) for weight in weights.values()]
    counted = [each for each in counts if each[1] is not UNKNOWN]
    missing = missing or len(counted) < len(counts)
    params = _added(counted)
    at_least: dict[str, Num] = {}
    if missing:
        at_least.update(params=params.total, trainable=params.trainable, non_trainable=params.non_trainable)
    if macs_missing:
        at_least["macs"] = macs
    return Totals(
        len(rows),
        sum(row.status != "unknown" for row in rows),
        Params(None, None) if missing else params,
        None if macs_missing else macs,
        at_least,
    )


def flops_of(result: AnalysisResult) -> Num | None:
    """Return the floating-point operations at batch 1, two for each multiply-accumulate."""
    return None if result.totals.macs is None else 2 * result.totals.macs


def intensity_of(result: AnalysisResult) -> float | None:
    """Return the arithmetic intensity: multiply-accumulates for each byte that layers read and write."""
    macs, moved = result.totals.macs, result.footprint.moved
    return macs / moved if isinstance(macs, int) and isinstance(moved, int) and moved else None


_SHARED: Final = "it is not known how many elements along its axes belong to one sample"


def uncounted_reason(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> str:
    """Say why the multiply-accumulates of a layer may not be known, whose own shape is.

    Where an input's size is open that is why, and nothing needs to be said.
    """
    for layer in graph.inputs:
        result = resolved[layer.name].result
        shown = () if result is None else zip(result.outputs[0].shape, result.outputs[0].axes, strict=True)
        if any(role != BATCH and known_extent(extent) is None for extent, role in shown):
            return ""
    return f"its multiply-accumulates are not known: {_SHARED}"


def uncounted_note(rows: Sequence[Row], reason: str) -> list[Note]:
    """Say of which layers the multiply-accumulates alone are not known."""
    names = [row.name for row in rows if reason and row.macs is None and row.reason == reason]
    if not names:
        return []
    text = f"multiply-accumulates of {few(map(repr, names))} are not known: {_SHARED}"
    return [Note("warning", "uncounted", names[0], text)]


def _is_spatial(axis: int, edge: Edge, resolved: Mapping[str, LayerInfo]) -> bool:
    """Tell whether an axis of a tensor is one of its map's."""
    result = resolved[edge[0]].result
    return result is not None and result.outputs[edge[1]].axes[axis] == SPATIAL


def _border_notes(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> list[Note]:
    """Say where units near the border see more than their row says, which is for all other units."""
    found: dict[str, list[str]] = {}
    for layer in graph:
        result = resolved[layer.name].result
        borders = {
            step.window.border
            for paths in (() if result is None else result.paths)
            for path in paths
            for step in path.steps
            if isinstance(step, Slide) and step.window.border in _AT_THE_BORDER
            if _is_spatial(step.axis, layer.inputs[path.input], resolved)
        }
        if borders:
            for text in sorted({_AT_THE_BORDER[border] for border in borders}):
                found.setdefault(text, []).append(layer.name)
    return [
        Note(
            "info",
            "border",
            names[0],
            f"{few(map(repr, names))} {text}; figures are for the others, see rfcalc field",
        )
        for text, names in found.items()
    ]


def assumption_of(layer: Layer, known: LayerInfo) -> str:
    """Say what an op that nobody knows was taken for, in words."""
    return f"{layer.op} is not known; as asked: {known.assumed}"


def asked_notes(layers: Iterable[Layer], resolved: Mapping[str, LayerInfo]) -> list[Note]:
    """Say what holds only because the user said so: ops taken for something, dependence that was ended."""
    every = list(layers)
    assumed = [
        Note("warning", "assumed", layer.name, assumption_of(layer, resolved[layer.name]))
        for layer in every
        if resolved[layer.name].assumed
    ]
    return [*assumed, *_cut_note(every)]


def _cut_note(layers: Iterable[Layer]) -> list[Note]:
    """Say where dependence was made to end."""
    cut = [layer.name for layer in layers if layer.cut]
    if not cut:
        return []
    text = f"dependence ends at {few(map(repr, cut))}, as asked: fields behind leave out what lies there"
    return [Note("info", "cut", cut[0], text)]


def unknown_notes(layers: Iterable[Layer], resolved: Mapping[str, LayerInfo]) -> list[Note]:
    """Say which ops no rule knows, each once."""
    unknown: dict[str, list[Layer]] = {}
    for layer in layers:
        known = resolved[layer.name]
        if known.unknown:
            unknown.setdefault(known.unknown, []).append(layer)
    notes = []
    for op, found in unknown.items():
        why = found[0].attrs.get("why", "")
        named = few(repr(layer.name) for layer in found)
        message = f"no rule knows {op} ({named})" + (f": {why}" if why else "")
        notes.append(
            Note(
                "warning",
                "unknown-op",
                found[0].name,
                f"{message}; --on-unknown bound or identity goes on without",
            )
        )
    return notes


def _global_note(rows: Sequence[Row]) -> list[Note]:
    """Say from where on maps see everything, and through what; that a vector at the end does is no news.

    A field that is everything only at most, as a bound, is not said to see it.
    """
    single = [row for row in rows if not row.container]
    seeing = [row for row in single if _sees_all(row)]
    maps = [row for row in seeing if _is_map(row)]
    if not maps:
        return []
    before = _leading_to(maps[0], single)
    first = next(row for row in seeing if row.name in before)
    through = "" if first is maps[0] else f", by way of {first.name!r} ({first.op})"
    text = (
        f"{_which_see(maps[0], single[single.index(maps[0]) + 1 :])} the whole input, "
        f"whatever its size{through}"
    )
    local = next((row for row in maps if _is_global(row.local_receptive_field)), None)
    if local is None:
        text += "; with gates cut they do not"
    elif local is not maps[0]:
        text += f"; with gates cut, from {local.name!r} ({local.op}) on"
    return [Note("info", "global", maps[0].name, text)]


def _leading_to(last: Row, rows: Sequence[Row]) -> set[str]:
    """Return the names of a row and of all that lead to it."""
    found = {last.name}
    for row in reversed(rows[: rows.index(last) + 1]):
        if row.name in found:
            found.update(row.inputs)
    return found


def _which_see(first: Row, later: Sequence[Row]) -> str:
    """Say which maps see the whole input, where `first` is the first of a file to do so."""
    maps = [row for row in later if row.spatial]
    if all(map(_sees_all, maps)):
        return f"from here on ({first.op}) maps see"
    behind = {first.name}
    for row in later:
        if not behind.isdisjoint(row.inputs):
            behind.add(row.name)
    if all(_sees_all(row) for row in maps if row.name in behind):
        return f"this map ({first.op}) and what is computed from it see"
    return f"this map ({first.op}) sees"


def _sees_all(row: Row) -> bool:
    return row.status == "exact" and _is_global(row.receptive_field)


def _is_map(row: Row) -> bool:
    return any(isinstance(n, int) and n > 1 for n in row.spatial)


def _bound_notes(rows: Sequence[Row]) -> list[Note]:
    """Say from where on fields are upper bounds, once for each reason."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row.status == "bound":
            first.setdefault(row.reason, place)
    notes = []
    for reason, place in first.items():
        every = all(row.status != "exact" for row in rows[place:])
        text = "fields from here on" if every else "this field and those that are computed from it"
        notes.append(Note("warning", "bound", rows[place].name, f"{text} are upper bounds: {reason}"))
    return notes


def _is_global(field: Sequence[object] | None) -> bool:
    return bool(field) and all(size is None for size in field or ())


def calls_differ(row: Row) -> bool:
    """Tell whether the calls of a layer that depend on the input have different fields."""
    fields = [call.receptive_field for call in row.calls]
    return len({field for field in fields if field is None or any(size != 0 for size in field)}) > 1


def _unused_note(graph: LayerGraph, rows: Sequence[Row]) -> list[Note]:
    """Say which layers that cost something lead to no output of the model; sums count them all the same."""
    used = {producer for producer, _ in graph.outputs}
    for layer in reversed(list(graph)):
        if layer.name in used:
            used.update(producer for producer, _ in layer.inputs)
    idle = {layer.source_name for layer in graph if layer.name not in used}
    idle -= {layer.source_name for layer in graph if layer.name in used}
    costly = [row for row in rows if row.name in idle and (row.macs or row.params.total)]
    if not costly:
        return []
    several = (
        f"{few([repr(row.name) for row in costly])} lead to no output of the model, and count all the same"
    )
    text = several if len(costly) > 1 else "it leads to no output of the model, and counts all the same"
    return [Note("info", "unused", costly[0].name, text)]


def _call_notes(rows: Sequence[Row]) -> list[Note]:
    """Say which layers have calls that see differently; their rows show one of these."""
    found = [row for row in rows if calls_differ(row)]
    if not found:
        return []
    first, *others = found
    last, count = first.calls[-1], len(first.calls)
    text = f"its row shows the field of one of {count} calls, {_size(first)}; the last, {last.name!r}, has "
    more = f"; so it is with {few([repr(row.name) for row in others])}" if others else ""
    return [Note("info", "calls", first.name, f"{text}{_size(last)}{more}")]


def _size(row: Row) -> str:
    """Spell a field."""
    field = row.receptive_field
    if field is None:
        return "an unknown one"
    return "x".join("global" if size is None else str(size) for size in field)


def notes_of(
    graph: LayerGraph,
    resolved: Mapping[str, LayerInfo],
    rows: Sequence[Row],
    misaligned: Sequence[Misaligned],
) -> list[Note]:
    """Collect what the reader, the passes and the rows leave to say; each kind of thing once."""
    notes = [Note("info", code, layer, message) for code, layer, message in graph.notes]
    notes += asked_notes(graph, resolved)
    notes += unknown_notes(graph, resolved)
    for clash in dict.fromkeys(misaligned):
        a, b = clash.branches
        p, q = clash.strides
        notes.append(
            Note(
                "warning",
                "unequal-strides",
                clash.layer,
                f"{a!r} and {b!r} meet here on different grids, of strides {p:g} and {q:g}",
            )
        )
    notes.extend(_border_notes(graph, resolved))
    notes.extend(_global_note(rows))
    notes.extend(_call_notes(rows))
    notes.extend(_unused_note(graph, rows))
    notes.extend(_bound_notes(rows))
    return notes
