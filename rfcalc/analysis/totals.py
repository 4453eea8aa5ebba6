"""Sums over the model, and what else there is to say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.analysis.propagate import Misaligned
from rfcalc.analysis.result import Note, Params, Row, Totals
from rfcalc.analysis.shapes import Resolved, known_extent
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Weight


def count_params(weights: Sequence[Weight] | None) -> Params:
    """Count weights, trainable and not; None where one of them is not known."""
    if weights is None:
        return Params(None, None)
    sums: dict[bool, Num] = {True: 0, False: 0}
    for weight in weights:
        sums[weight.trainable] = sums[weight.trainable] + weight.count
    return Params(known_extent(sums[True]), known_extent(sums[False]))


def totals_of(graph: LayerGraph, resolved: Mapping[str, Resolved], rows: Sequence[Row]) -> Totals:
    """Sum up; `rows` are those that count as layers."""
    weights: dict[str, Weight] = {}
    missing = False
    macs: Num = 0
    macs_missing = False
    for layer in graph:
        known = resolved[layer.name]
        if known.weights is None or ((known.unknown or known.assumed) and layer.weights is None):
            missing = True
        for weight in known.weights or ():
            weights.setdefault(weight.identity, weight)
        result = known.result
        if result is None or known.unknown or known.assumed or result.macs is UNKNOWN:
            macs_missing = True
        else:
            macs = macs + result.macs
    counted = [weight for weight in weights.values() if weight.count is not UNKNOWN]
    missing = missing or len(counted) < len(weights)
    params = count_params(counted)
    at_least: dict[str, Num] = {}
    if missing:
        at_least.update(params=params.total, trainable=params.trainable, non_trainable=params.non_trainable)
    if macs_missing:
        at_least["macs"] = macs
    with_field = sum(row.status != "unknown" for row in rows)
    return Totals(
        len(rows),
        with_field,
        Params(None, None) if missing else params,
        None if macs_missing else macs,
        at_least,
    )


def notes_of(
    graph: LayerGraph, resolved: Mapping[str, Resolved], rows: Sequence[Row], misaligned: Sequence[Misaligned]
) -> list[Note]:
    """Collect what the reader, the passes and the rows leave to say; each kind of thing once."""
    notes = [Note("info", code, layer, message) for code, layer, message in graph.notes]
    unknown: dict[str, list[str]] = {}
    for layer in graph:
        known = resolved[layer.name]
        if known.unknown:
            unknown.setdefault(known.unknown, []).append(layer.name)
        if known.assumed:
            notes.append(
                Note("warning", "assumed", layer.name, f"{layer.op} is not known; as asked: {known.assumed}")
            )
    for op, names in unknown.items():
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        why = graph[names[0]].attrs.get("why", "")
        message = f"no rule knows {op} ({listed})" + (f": {why}" if why else "")
        notes.append(
            Note(
                "warning",
                "unknown-op",
                names[0],
                f"{message}; --on-unknown bound or identity goes on without",
            )
        )
    for clash in misaligned:
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
    bounds: dict[str, str] = {}
    for row in rows:
        if row.status == "bound":
            bounds.setdefault(row.reason, row.name)
    notes.extend(
        Note("warning", "bound", name, f"fields from here on are upper bounds: {reason}")
        for reason, name in bounds.items()
    )
    return notes
