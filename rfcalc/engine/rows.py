"""The analysis: the two passes, and one row of figures for each layer of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.collecting import collector_paused
from rfcalc.engine.joins import misaligned_note
from rfcalc.engine.memory import footprint_of
from rfcalc.engine.open_sizes import open_size_of
from rfcalc.engine.reach import Reach
from rfcalc.engine.result import AnalysisResult, Detail, InputRow, Later, Note, Params, Row
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo, known_extent, spec_of
from rfcalc.engine.symbolic import conditions_of
from rfcalc.engine.taps import irregular_layers, opens, suspects
from rfcalc.engine.totals import (
    assumption_of,
    count_params,
    fresh_of,
    has_weights,
    macs_of,
    notes_of,
    totals_of,
    uncounted_note,
    uncounted_reason,
)
from rfcalc.engine.unproductive import unproductive_note
from rfcalc.engine.view import FieldView, Views
from rfcalc.errors import UsageError
from rfcalc.graph.graph import Block, LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec, Weight
from rfcalc.records import NamedTuple


class _Context(NamedTuple):
    """What all rows of one analysis share.

    `resolved` is what the rules say, or with formulas for open extents. `details` works out further figures,
    where these are asked for. `counts` and `shapes` remember what results and tensors come to, which layers
    share that are alike. `uncounted` says why multiply-accumulates may not be known.
    """

    graph: LayerGraph
    resolved: Mapping[str, LayerInfo]
    views: Views
    rank: int
    counts: dict[int, tuple[Num | None, Num | None]]
    shapes: dict[int, tuple[tuple[Num | None, ...], tuple[Num | None, ...]]]
    uncounted: str = ""
    details: Callable[[Edge], Detail] | None = None


def analyze_run(
    run: Run, *, depth: int | None = None, symbolic: bool = False, details: bool = False
) -> AnalysisResult:
    """Analyse a model.

    Parameters
    ----------
    run : Run
        The model.
    depth : int, optional
        Collapse nested models and blocks below this depth into one row each; 1 keeps the outermost layers.
    symbolic : bool
        Give formulas in the open extents of the inputs, where otherwise nothing is known. They hold for
        inputs large enough for every window.
    details : bool
        Work out the figures of `Detail` too.

    Raises
    ------
    AnalysisError
        A layer does not fit its inputs.
    """
    with collector_paused():
        return _analyze(run, depth, symbolic, details)


def figures_of(run: Run) -> list[Row]:
    """Return the rows of an analysis alone."""
    with collector_paused():
        resolved = run.resolved
        uncounted = uncounted_reason(run.graph, resolved)
        context = _Context(run.graph, resolved, run.views, len(run.extents), {}, {}, uncounted)
        return _rows(context, None)[0]


def focus_or(run: Run, layer: str | None) -> str:
    """Return a layer that is named, or else the last window whose field has a size.

    Raises
    ------
    UsageError
        None is named, and there is no such window.
    """
    from rfcalc.engine.costs import focus_of

    found = layer or focus_of(figures_of(run))
    if not found:
        raise UsageError("no convolution of this model has a field of its own; name a layer")
    return found


def further_note(run: Run, focus: str) -> list[Note]:
    """Say where layers behind the last window see much more than it does, as attention over patches does."""
    from rfcalc.engine.costs import field_of

    sizes = {row.name: field_of(row) for row in figures_of(run) if not row.container}
    own = sizes.get(focus) or ()
    further = [name for name, size in sizes.items() if own and size and _is_much_larger(size, own)]
    if not further:
        return []
    message = (
        f"this is the last convolution, and layers behind it see much more: name one, such as {further[-1]!r}"
    )
    return [Note("info", "further", focus, message)]


def _is_much_larger(size: Sequence[Num | None], other: Sequence[Num | None]) -> bool:
    """Tell whether a field that has an end is much larger than another along each axis."""
    pairs = list(zip(size, other, strict=False))
    return all(isinstance(a, int) and isinstance(b, int) and a >= _MUCH * b for a, b in pairs)


_MUCH: Final = 2
"""How many times as far a layer sees that is worth a word; a pooling adds less."""


def _analyze(run: Run, depth: int | None, symbolic: bool, details: bool) -> AnalysisResult:
    graph, fields = run.graph, run.fields
    # dependence does not need the extents; shapes and counts become formulas in them
    resolved = run.formulas if symbolic else run.resolved
    inputs = [_input_row(layer, spec_of(resolved, (layer.name, 0))) for layer in graph.inputs]
    extents = spec_of(resolved, (run.chosen.name, 0)).spatial
    views = Views(fields, extents, Reach(graph, fields, extents)) if symbolic else run.views
    context = _Context(graph, resolved, views, len(extents), {}, {}, uncounted_reason(graph, resolved))
    if details:
        from rfcalc.engine.details import details_of

        context = context._replace(details=details_of(run, views.local_field))
    rows, headings = _rows(context, depth)
    leaves = [row for place, row in enumerate(rows) if place not in headings]
    notes = notes_of(graph, resolved, rows, run.misaligned)
    notes += uncounted_note(leaves, context.uncounted)
    notes += _advice(run, views, extents)
    if symbolic:
        notes += conditions_of(graph, resolved)
    return AnalysisResult(
        graph.name,
        graph.format,
        graph.source,
        tuple(inputs),
        run.chosen.name,
        tuple(rows),
        totals_of(graph, resolved, leaves),
        tuple(notes),
        Later(lambda: footprint_of(graph, resolved)),
        Later(lambda: None if symbolic else open_size_of(graph, resolved, run.chosen)),
        {"/".join(path): block.name for path, block in graph.blocks.items()},
    )


def _advice(run: Run, views: Views, extents: Sequence[Num]) -> list[Note]:
    """Say what a reviewer would object to: branches out of line, layers with nothing left to see, holes."""
    notes = misaligned_note(run.graph, run.resolved, run.fields, extents)
    notes += unproductive_note(run.graph, views.local_field, extents)
    opening = [each for each in suspects(run.graph, run.resolved) if opens(each, run.fields)]
    if opening:
        from rfcalc.engine.holes import holes_note

        notes += holes_note(run, opening)
    if not any(note.code == "holes" for note in notes) and (odd := irregular_layers(run.fields)):
        from rfcalc.engine.holes import apart_note

        notes += apart_note(run, odd)
    return notes


def _input_row(layer: Layer, spec: TensorSpec) -> InputRow:
    return InputRow(layer.name, report_shape(spec), tuple(known_extent(extent) for extent in spec.spatial))


def report_shape(spec: TensorSpec) -> tuple[Num | None, ...]:
    """Spell a shape for a report: None for the batch where it is open, and for unknown extents."""
    return _known(spec.shape)


# ---- rows --------------------------------------------------------------------------------------------------


def _rows(context: _Context, depth: int | None) -> tuple[list[Row], set[int]]:
    """Make a row for each source layer and each block that counts as one, in topological order.

    With them, the places of those blocks whose layers have rows of their own, and which only head these.
    """
    blocks = context.graph.blocks
    rows: list[Row] = []
    calls: dict[str, list[Row]] = {}
    places: dict[str, int] = {}
    counted: set[str] = set()
    shown: set[tuple[str, ...]] = set()
    headings: set[int] = set()
    for layer in context.graph:
        hidden = False
        for length in range(1, len(layer.block) + 1):
            path = layer.block[:length]
            hidden = depth is not None and length >= depth
            block = blocks.get(path)
            if block is not None and path not in shown and (hidden or block.is_layer):
                if not hidden:
                    headings.add(len(rows))
                rows.append(_block_row(context, block, counted if hidden else set()))
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
            rows.append(row._replace(name=owner) if row.name != owner else row)
    for owner, group in calls.items():
        place = places[owner]
        rows[place] = _shared_row(rows[place], group)
    return rows, headings


_RANK: Final = ("exact", "bound", "unknown")


def _doubt(row: Row | FieldView) -> int:
    """Rank how much is in doubt: nothing, the size, everything."""
    return _RANK.index(row.status)


def _shared_row(first: Row, group: Sequence[Row]) -> Row:
    """Make the row of a layer that is called several times: of those that see the input the most doubtful."""
    seeing = [row for row in group if row.receptive_field is None or any(s != 0 for s in row.receptive_field)]
    shown = max(seeing or group, key=_doubt)
    shared = shown._replace(
        name=first.name,
        inputs=first.inputs,
        params=first.params,
        macs=sum_or_none(row.macs for row in group),
        activations=sum_or_none(row.activations for row in group),
        calls=tuple(group),
    )
    return _explained(shared, next((row.reason for row in group if row.macs is None), ""))


def sum_or_none(values: Iterable[Num | None]) -> Num | None:
    """Return a sum, or None where a part of it is not known."""
    total: Num = 0
    for value in values:
        if value is None:
            return None
        total = total + value
    return total


def _layer_row(context: _Context, layer: Layer, counted: set[str]) -> Row:
    known = context.resolved[layer.name]
    fresh: Sequence[Weight] | None = None
    if has_weights(layer, known):
        fresh = ()
        if known.weights:
            fresh = fresh_of(known.weights, counted)
    result = known.result
    head = (
        layer.name,
        layer.kind,
        layer.op,
        (layer.inputs[0][0],)
        if len(layer.inputs) == 1
        else tuple(dict.fromkeys([producer for producer, _ in layer.inputs])),
        layer.outputs,
        "/".join(layer.block),
        False,
    )
    if result is None:
        return _row(context, (layer.name, 0), head, count_params(fresh), None, None)
    if id(result) not in context.counts:  # layers that are alike share what their rule said
        activations = known_extent(sum_or_none([spec.elements for spec in result.outputs]))
        context.counts[id(result)] = (macs_of(known), activations)
    row = _row(context, (layer.name, 0), head, count_params(fresh), *context.counts[id(result)])
    return _explained(row, assumption_of(layer, known) if known.assumed else context.uncounted)


def _block_row(context: _Context, block: Block, counted: set[str]) -> Row:
    inside = [layer for layer in context.graph if layer.block[: len(block.path)] == block.path]
    names = {layer.name for layer in inside}
    weights: dict[str, Weight] | None = {}
    for layer in inside:
        known = context.resolved[layer.name]
        if not has_weights(layer, known):
            weights = None
        elif weights is not None:
            fresh = (weight for weight in known.weights or () if weight.identity not in counted)
            weights.update((weight.identity, weight) for weight in fresh)
    counted.update(weights or ())
    outside = (p for layer in inside for p, _ in layer.inputs if p not in names)
    result = context.resolved[block.outputs[0][0]].result
    spec = None if result is None else result.outputs[block.outputs[0][1]]
    head = (
        block.name,
        "model" if block.is_layer else "block",
        block.op,
        tuple(dict.fromkeys(outside)),
        (),
        "/".join(block.path[:-1]),
        True,
    )
    params = count_params(None if weights is None else list(weights.values()))
    macs = sum_or_none(macs_of(context.resolved[layer.name]) for layer in inside)
    activations = None if spec is None else known_extent(spec.elements)
    row = _row(context, block.outputs[0], head, params, macs, activations)
    worst = max((context.views.of((name, 0)) for name in names), key=_doubt)
    if _doubt(worst) > _doubt(row):  # a side output, or what the output does not depend on
        return row._replace(status=worst.status, reason=worst.reason)
    return _explained(row, context.uncounted)


def _row(
    context: _Context,
    edge: Edge,
    head: tuple[Any, ...],
    params: Params,
    macs: Num | None,
    activations: Num | None,
) -> Row:
    """Put a row together: `head` has its fields up to those of the tensor `edge`."""
    detail = None if context.details is None else context.details(edge)
    return Row._make((*head, *_tensor_figures(context, edge), params, macs, activations, (), detail))


def _explained(row: Row, reason: str) -> Row:
    """Return a row that says why its multiply-accumulates are not known, where nothing else is in doubt."""
    return row if row.macs is not None or row.reason else row._replace(reason=reason)


def _tensor_figures(context: _Context, edge: Edge) -> tuple[Any, ...]:
    """Return the fields of a row that describe one tensor, in their order: its shape, and what it sees."""
    layer, place = edge
    result = context.resolved[layer].result
    view = context.views.of(edge)
    if result is None:
        return (None, (), *view)
    spec = result.outputs[place]
    if id(spec) not in context.shapes:
        context.shapes[id(spec)] = (report_shape(spec), _known(spec.spatial))
    shape, spatial = context.shapes[id(spec)]
    if not spatial:  # a vector keeps no grid, though its elements may come in rows
        nowhere = (None,) * context.rank
        view = view._replace(effective_stride=nowhere, effective_padding=nowhere, center=nowhere)
    return (shape, spatial, *view)


def _known(extents: tuple[Num, ...]) -> tuple[Num | None, ...]:
    """Spell extents for a report."""
    return tuple(map(known_extent, extents))
