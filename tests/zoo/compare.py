"""Hold what rfcalc says of a PyTorch module against what running it tells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import rfcalc
from tests.zoo.measure import Changed, changes, ran
from tests.zoo.torch_models import Model

Found = dict[str, Any]

MOST_MAPS = 12
"""Maps of a small model on which dependence is measured, spread evenly over its depth."""


def held(model: Model) -> Found:
    """Return the comparison of one model, as a record."""
    import torch

    module, device = _built(model)
    inputs = [_input(shape, model.words, device) for shape in model.inputs]
    truth = ran(module, inputs)
    began = time.process_time()
    examples = list(model.inputs) if not model.words else tuple(inputs)
    graph = rfcalc.from_torch(module, examples)
    read = time.process_time() - began
    analysis = rfcalc.analyze(graph)
    totals = analysis.totals
    said = totals.params.total
    rows = {row.name: row for row in analysis.rows}
    paired = [(name, rows[name].output_shape, shape) for name, shape in truth.shapes.items() if name in rows]
    differing = [
        f"{name}: {mine} for {shape}" for name, mine, shape in paired if mine is not None and mine != shape
    ]
    found: Found = {
        "params": {"every": truth.every, "reached": truth.reached, "rfcalc": said},
        "macs": {"torch": truth.macs, "rfcalc": totals.macs},
        "shapes": {"paired": len(paired), "differ": differing},
        "rows": {
            status: sum(row.status == status for row in analysis.rows)
            for status in ("exact", "bound", "unknown")
        },
        "reasons": sorted({row.reason for row in analysis.rows if row.reason})[:4],
        "seconds": round(read, 2),
    }
    if model.small and len(model.inputs) == 1:
        torch.manual_seed(0)
        found["dependence"] = _dependence(model, graph, analysis)
    return found


def _built(model: Model) -> tuple[Any, str]:
    """Build a module without memory for its weights, or with where it does not allow that."""
    import torch

    try:
        with torch.device("meta"):
            module = model.build()
        module.eval()
        module(*[_input(shape, model.words, "meta") for shape in model.inputs])
        return module, "meta"
    except Exception:  # whatever a library does that needs elements
        return model.build().eval(), "cpu"


def _input(shape: Sequence[int], words: int, device: str) -> Any:
    import torch

    if words:
        return torch.randint(0, words, tuple(shape), device="cpu").to(device)
    return torch.randn(tuple(shape), device=device)


def _dependence(model: Model, graph: Any, analysis: Any) -> Found:
    """Compare rows of maps all over a model with what changes."""
    module = model.build()
    (shape,) = model.inputs
    start = graph.results[next(layer.name for layer in graph if layer.kind == "input")].outputs[0]
    axes = [place for place, role in enumerate(start.axes) if role == "s"] or [1]
    names = _maps(module, model, analysis)
    measured = changes(module, shape, axes, names, model.words)
    counts = {"maps": len(names), "checked": 0, "wrong": 0, "wrong exact": 0, "taps": 0, "loose": 0}
    faults: list[str] = []
    for name in names:
        try:
            field = rfcalc.field(graph, name)
        except rfcalc.RfcalcError as error:
            faults.append(f"{name}: no field: {str(error)[:160]}")
            continue
        spec = graph.results[name].outputs[0]
        places = [place for place, role in enumerate(spec.axes) if role == "s"]
        for index, axis in enumerate(axes):
            if index >= len(field.axes):
                continue
            mine = field.axes[index]
            changed = [each for each in measured[name] if each.axis == axis]
            same = len(spec.shape) == len(shape) and len(places) == len(axes)
            along = _places(spec, places[index] if same else None, mine.extent)
            if not along:
                continue
            counts["checked"] += 1
            against = [_against(mine, changed, place) for place in along]
            wrong, loose, taps = min(against, key=lambda each: (len(each[0]), each[1]))
            counts["taps"] += taps
            counts["loose"] += loose if mine.status == "exact" else 0
            counts["wrong"] += len(wrong)
            counts["wrong exact"] += len(wrong) if mine.status == "exact" else 0
            faults += [f"{name} axis {axis} ({mine.status}): {each}" for each in wrong[: 6 - len(faults)]]
    return {**counts, "faults": faults}


def _places(spec: Any, own: int | None, extent: int) -> list[int | None]:
    """Return the axes of a map that a field of `extent` rows may lie along; None for the map as a whole.

    A map that has the input's axes has them in its order, and `own` is the one that is asked about; of
    windows of tokens any axis may be meant.
    """
    if own is not None and spec.shape[own] == extent:
        return [own]
    if extent == 1:
        return [None]
    return [place for place, size in enumerate(spec.shape) if size == extent and spec.axes[place] != "c"]


def _against(mine: Any, changed: Sequence[Changed], place: int | None) -> tuple[list[str], int, int]:
    """Return what changes unclaimed, how many claimed taps never change, and how many are claimed."""
    wrong, loose, taps = [], 0, 0
    for change in changed:
        claimed = {i for i, mask in enumerate(mine.masks) if mask >> change.row & 1}
        moved = set(change.indices[place]) if place is not None else {0} if any(change.indices) else set()
        taps += len(claimed)
        loose += len(claimed - moved)
        if moved - claimed:
            wrong.append(f"row {change.row} changes {sorted(moved - claimed)[:6]}")
    return wrong, loose, taps


def _maps(module: Any, model: Model, analysis: Any) -> list[str]:
    """Choose submodules that are rows of their own, called once, with positions, spread over the depth."""
    rows = {row.name: row for row in analysis.rows if row.spatial and row.output_shape is not None}
    truth = ran(module, [_input(shape, model.words, "cpu") for shape in model.inputs])
    names = [name for name in rows if name in truth.shapes and rows[name].output_shape == truth.shapes[name]]
    if len(names) <= MOST_MAPS:
        return names
    return [names[round(k * (len(names) - 1) / (MOST_MAPS - 1))] for k in range(MOST_MAPS)]
