"""From the two passes to figures: one row a layer of the source, totals, notes."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf

from rfcalc.algebra.dependence import Dependence, Leg, axis_of
from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.algebra.relation import Relation
from rfcalc.analysis.propagate import Misaligned, Seen, choose_input, propagate_periodic
from rfcalc.analysis.result import AnalysisResult, InputRow, Note, Params, Row, Size, Status, Totals
from rfcalc.analysis.shapes import OnUnknown, Resolved, known_extent, resolve
from rfcalc.graph.graph import Block, LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec, Weight


@dataclass(frozen=True, slots=True)
class _Axis:
    """Figures of one tensor along one spatial axis of the input."""

    size: Size
    least: Size
    stride: float | None
    padding: Size
    center: float | None


@dataclass(frozen=True, slots=True)
class _Field:
    """The part of a row that says what the tensor sees."""

    receptive_field: tuple[Size, ...] | None = None
    receptive_field_min: tuple[Size, ...] | None = None
    local_receptive_field: tuple[Size, ...] | None = None
    effective_stride: tuple[float | None, ...] | None = None
    effective_padding: tuple[Size, ...] | None = None
    center: tuple[float | None, ...] | None = None
    coverage: float | None = None
    status: Status = "unknown"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Context:
    """What all rows of one analysis share.

    `fields` remembers the field of every dependence: most layers hand on the very one of their input.
    """

    graph: LayerGraph
    resolved: Mapping[str, Resolved]
    seen: Mapping[str, Seen]
    extents: tuple[Num, ...]
    fields: dict[tuple[int, int], _Field]


def analyze_graph(
    graph: LayerGraph,
    *,
    input: str | None = None,  # noqa: A002  the contract's own word
    on_unknown: OnUnknown = "report",
    depth: int | None = None,
) -> AnalysisResult:
    """Analyse a graph.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    input : str, optional
        The input that fields refer to; by default the first with spatial axes.
    on_unknown : str
        See :func:`rfcalc.analysis.shapes.resolve`.
    depth : int, optional
        Collapse nested models and blocks below this depth into one row each; 1 keeps the outermost layers.

    Raises
    ------
    AnalysisError
        A layer does not fit its inputs.
    UsageError
        There is no such input.
    """
    with _collector_paused():
        return _analyze(graph, input, on_unknown, depth)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the cycle collector: an analysis makes many small objects that it would walk again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _analyze(graph: LayerGraph, name: str | None, on_unknown: OnUnknown, depth: int | None) -> AnalysisResult:
    chosen = choose_input(graph, name)
    resolved = resolve(graph, on_unknown=on_unknown)
    seen, misaligned = propagate_periodic(graph, resolved, chosen)
    spec = _input_spec(resolved, chosen)
    context = _Context(graph, resolved, seen, spec.spatial, {})
    rows = _rows(context, depth)
    leaves = [row for row in rows if not row.container or (depth is not None and _collapsed(row, depth))]
    return AnalysisResult(
        graph.name,
        graph.format,
        graph.source,
        tuple(_input_row(layer, _input_spec(resolved, layer)) for layer in graph.inputs),
        chosen.name,
        tuple(rows),
        _totals(context, leaves),
        tuple(_notes(context, rows, misaligned)),
    )


def _collapsed(row: Row, depth: int) -> bool:
    return row.name.count("/") + 1 >= depth if not row.block else len(row.block.split("/")) + 1 >= depth


def _input_spec(resolved: Mapping[str, Resolved], layer: Layer) -> TensorSpec:
    result = resolved[layer.name].result
    assert result is not None
    return result.outputs[0]


def _input_row(layer: Layer, spec: TensorSpec) -> InputRow:
    return InputRow(layer.name, report_shape(spec), tuple(known_extent(extent) for extent in spec.spatial))


def report_shape(spec: TensorSpec) -> tuple[Num | None, ...]:
    """Spell a shape for a report: None for the batch where it is open, and for unknown extents."""
    return tuple(known_extent(extent) for extent in spec.shape)


# ---- rows --------------------------------------------------------------------------------------------------


def _rows(context: _Context, depth: int | None) -> list[Row]:
    """Make a row for each source layer and each block that counts as one, in topological order."""
    blocks = context.graph.blocks
    rows: list[Row] = []
    calls: dict[str, list[Row]] = {}
    places: dict[str, int] = {}
    counted: set[str] = set()
    shown: set[tuple[str, ...]] = set()
    for layer in context.graph:
        hidden = False
        for length in range(1, len(layer.block) + 1):
            path = layer.block[:length]
            hidden = depth is not None and length >= depth
            block = blocks.get(path)
            if block is not None and path not in shown and (hidden or block.is_layer):
                rows.append(_block_row(context, block))
            shown.add(path)
            if hidden:
                break
        if hidden:
            continue
        row = _layer_row(context, layer, counted)
        owner = layer.source_name
        if owner in places:
            calls.setdefault(owner, [rows[places[owner]]]).append(row)
        else:
            places[owner] = len(rows)
            rows.append(replace(row, name=owner) if row.name != owner else row)
    for owner, group in calls.items():
        first = rows[places[owner]]
        rows[places[owner]] = replace(
            first,
            macs=_sum(row.macs for row in group),
            activations=_sum(row.activations for row in group),
            status=max((row.status for row in group), key=("exact", "bound", "unknown").index),
            calls=tuple(group),
        )
    return rows


def _sum(values: Iterable[Num | None]) -> Num | None:
    total: Num = 0
    for value in values:
        if value is None:
            return None
        total = total + value
    return total


def _layer_row(context: _Context, layer: Layer, counted: set[str]) -> Row:
    known = context.resolved[layer.name]
    fresh = None
    if known.weights is not None:
        fresh = [weight for weight in known.weights if weight.identity not in counted]
        counted.update(weight.identity for weight in fresh)
    result = known.result
    unknown = bool(known.unknown) or (find_unweighted(layer) and bool(known.assumed))
    return _row(
        context,
        (layer.name, 0),
        name=layer.name,
        kind=layer.kind,
        op=layer.op,
        inputs=tuple(dict.fromkeys(producer for producer, _ in layer.inputs)),
        outputs=layer.outputs,
        block="/".join(layer.block),
        container=False,
        params=count_params(None if unknown and not layer.weights else fresh),
        macs=None if result is None or known.unknown else known_extent(result.macs),
        activations=None
        if result is None
        else known_extent(_sum(spec.elements for spec in result.outputs)),
    )


def find_unweighted(layer: Layer) -> bool:
    """Whether nobody says which weights the layer has."""
    return layer.weights is None


def _block_row(context: _Context, block: Block) -> Row:
    inside = [
        layer for layer in context.graph if layer.block[: len(block.path)] == block.path
    ]
    names = {layer.name for layer in inside}
    weights: dict[str, Weight] | None = {}
    macs: Num | None = 0
    for layer in inside:
        known = context.resolved[layer.name]
        if known.weights is None or (known.unknown and not layer.weights):
            weights = None
        elif weights is not None:
            weights.update((weight.identity, weight) for weight in known.weights)
        result = known.result
        value = None if result is None or known.unknown else known_extent(result.macs)
        macs = None if macs is None or value is None else macs + value
    outside = (p for layer in inside for p, _ in layer.inputs if p not in names)
    result = context.resolved[block.outputs[0][0]].result
    spec = None if result is None else result.outputs[block.outputs[0][1]]
    return _row(
        context,
        block.outputs[0],
        name=block.name,
        kind="model" if block.is_layer else "block",
        op=block.op,
        inputs=tuple(dict.fromkeys(outside)),
        outputs=(),
        block="/".join(block.path[:-1]),
        container=True,
        params=count_params(None if weights is None else list(weights.values())),
        macs=macs,
        activations=None if spec is None else known_extent(spec.elements),
    )


def count_params(weights: Sequence[Weight] | None) -> Params:
    """Count weights, trainable and not; None where one of them is not known."""
    if weights is None:
        return Params(None, None)
    sums: dict[bool, Num] = {True: 0, False: 0}
    for weight in weights:
        sums[weight.trainable] = sums[weight.trainable] + weight.count
    return Params(known_extent(sums[True]), known_extent(sums[False]))


def _row(
    context: _Context,
    edge: Edge,
    *,
    name: str,
    kind: str,
    op: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    block: str,
    container: bool,
    params: Params,
    macs: Num | None,
    activations: Num | None,
) -> Row:
    """Fill in the figures of the tensor `edge`."""
    layer, place = edge
    result, seen = context.resolved[layer].result, context.seen[layer]
    spec = None if result is None else result.outputs[place]
    view = _field(context, seen, place)
    return Row(
        name,
        kind,
        op,
        inputs,
        outputs,
        block,
        container,
        None if spec is None else report_shape(spec),
        () if spec is None else tuple(known_extent(extent) for extent in spec.spatial),
        view.receptive_field,
        view.receptive_field_min,
        view.local_receptive_field,
        view.effective_stride,
        view.effective_padding,
        view.center,
        view.coverage,
        view.status,
        view.reason,
        params,
        macs,
        activations,
    )


def _field(context: _Context, seen: Seen, place: int) -> _Field:
    """Say what output `place` of a layer sees."""
    full, local = (each[place] if place < len(each) else None for each in (seen.full, seen.local))
    if full is None or local is None:
        return _Field(reason=f"depends on {seen.blame}, which no rule knows")
    key = (id(full), id(local))
    known = context.fields.get(key)
    if known is not None:
        return known
    figures = _figures(full, local, len(context.extents))
    reason = full.reason or ("" if _exact(full) else "the rows of a phased or very long relation are covered")
    sizes = tuple(axis.size for axis, _ in figures)
    known = context.fields[key] = _Field(
        sizes,
        tuple(axis.least for axis, _ in figures),
        tuple(size for _, size in figures),
        tuple(axis.stride for axis, _ in figures),
        tuple(axis.padding for axis, _ in figures),
        tuple(axis.center for axis, _ in figures),
        _coverage(sizes, context.extents),
        "bound" if reason else "exact",
        reason,
    )
    return known


def _exact(dependence: Dependence) -> bool:
    return all(leg.relation.exact for leg in dependence.legs)


# ---- the figures of one tensor -----------------------------------------------------------------------------


def _figures(full: Dependence, local: Dependence, rank: int) -> list[tuple[_Axis, Size]]:
    """Figures of each input axis, with the local size beside.

    Where the full field is the whole axis, the grid of the local one says where it stands.
    """
    out: list[tuple[_Axis, Size]] = []
    for axis in range(rank):
        figures = _axis_figures(full, [leg for leg in full.legs if leg.axis == axis])
        inner = figures
        if local is not full:
            inner = _axis_figures(local, [leg for leg in local.legs if leg.axis == axis])
        if figures.padding is None:
            stride = inner.stride if figures.stride is None else figures.stride
            figures = replace(figures, stride=stride, padding=inner.padding, center=inner.center)
        out.append((figures, inner.size))
    return out


_NOTHING = _Axis(0, 0, None, None, None)
_WHOLE = _Axis(None, None, None, None, None)


def _axis_figures(dependence: Dependence, legs: Sequence[Leg]) -> _Axis:
    if not legs:
        return _NOTHING
    if len(legs) > 1:
        return _several(legs)
    leg = legs[0]
    folded = axis_of(dependence, leg)
    relation = leg.relation if folded is None else folded[1]
    assert isinstance(relation, Relation)
    sizes = relation.sizes()
    largest, least = max(sizes), min(sizes)
    stride = None if folded is None else _number(abs(relation.advance), relation.period)
    first, last = relation.lo[0], relation.hi[0]
    placed = relation.bounded and not relation.loose and first <= last and folded is not None
    return _Axis(
        None if largest == inf else int(largest),
        None if least == inf else int(least),
        stride,
        -int(first) if placed else None,
        (first + last) / 2 if placed else None,
    )


def _number(over: int, under: int) -> float:
    return over // under if over % under == 0 else over / under


def _several(legs: Sequence[Leg]) -> _Axis:
    """Size of a union of ways that no single index orders: exact for constants, else the whole axis."""
    relations = [leg.relation for leg in legs if isinstance(leg.relation, Relation)]
    if all(leg.gridless for leg in legs) and all(relation.bounded for relation in relations):
        size = int(max(r.hi[0] for r in relations) - min(r.lo[0] for r in relations)) + 1
        return _Axis(size, size, None, None, None)
    return _WHOLE


def _coverage(sizes: Sequence[Size], extents: Sequence[Num]) -> float | None:
    """Share of the input's area inside the field; its parts outside of the input do not count."""
    share = 1.0
    for size, extent in zip(sizes, extents, strict=True):
        if size is None:
            continue
        if size == 0:
            return 0.0
        if not is_known(extent) or extent == 0:
            return None
        share *= min(size, extent) / extent
    return share


# ---- totals and notes --------------------------------------------------------------------------------------


def _totals(context: _Context, rows: Sequence[Row]) -> Totals:
    weights: dict[str, Weight] = {}
    missing = False
    macs: Num = 0
    macs_missing = False
    for layer in context.graph:
        known = context.resolved[layer.name]
        if known.weights is None or ((known.unknown or known.assumed) and not layer.weights):
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
    resolved = sum(row.status != "unknown" for row in rows)
    return Totals(
        len(rows), resolved, Params(None, None) if missing else params, None if macs_missing else macs, at_least
    )


def _notes(context: _Context, rows: Sequence[Row], misaligned: Sequence[Misaligned]) -> list[Note]:
    notes = [Note("info", code, layer, message) for code, layer, message in context.graph.notes]
    unknown: dict[str, list[str]] = {}
    for layer in context.graph:
        known = context.resolved[layer.name]
        if known.unknown:
            unknown.setdefault(known.unknown, []).append(layer.name)
        if known.assumed:
            notes.append(Note("warning", "assumed", layer.name, f"{layer.op} is not known; as asked: {known.assumed}"))
    for op, names in unknown.items():
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        why = context.graph[names[0]].attrs.get("why", "")
        message = f"no rule knows {op} ({listed})" + (f": {why}" if why else "")
        notes.append(
            Note("warning", "unknown-op", names[0], f"{message}; --on-unknown bound or identity goes on without")
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
    notes.extend(Note("warning", "bound", name, f"fields from here on are upper bounds: {reason}") for reason, name in bounds.items())
    return notes


