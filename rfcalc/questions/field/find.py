"""The exact field at a concrete size: what each output index of a layer needs, padding dropped on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of, indices_of, rows_of_axis
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.rows import Masks, mask_of, require_room, span_of_row
from rfcalc.engine.propagate import (
    LayerFields,
    ancestors,
    require_known,
)
from rfcalc.engine.result import Note, Status
from rfcalc.engine.run import Run
from rfcalc.engine.taps import opens, suspects
from rfcalc.engine.totals import asked_notes
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Layer
from rfcalc.questions.field.crossing import crossing_note
from rfcalc.questions.field.report import Field
from rfcalc.questions.field.result import _LARGE, FieldAxis, check_output, places_of
from rfcalc.rules.registry import Result


def field_of(run: Run, layer: str, at: Sequence[int] | None = None) -> Field:
    """Give the exact field of a layer, or of an output tensor, at the input's size.

    With `at` of that one unit; then of a large map no more is worked out than that needs.

    Raises
    ------
    UsageError
        There is no such layer, or the input has no fixed size.
    AnalysisError
        A layer does not fit its inputs, or an op on the way is not known.
    """
    graph, spec = run.graph, run.spec
    name, output = graph.find_tensor(layer)
    require_known(spec, run.chosen.name)
    if at is None:
        _require_few(run.resolved[name].result, output, layer)
    chain = ancestors(graph, name)
    seen = run.rows_to(chain, asked=at is not None and max(spec.spatial, default=0) > _LARGE)
    dependence = required(seen.full[output], seen, layer)
    fields = _without_border(run, chain)
    free = fields[name].full[output]
    indices = indices_of(dependence, len(spec.spatial))
    if at is not None:
        at = places_of(at, indices, layer)
    axes = tuple(
        _axis(dependence, free, axis, extent, None if at is None else at[axis])
        for axis, extent in enumerate(spec.spatial)
    )
    notes = [
        *asked_notes(chain, run.resolved),
        *bound_note(dependence, layer),
        *crossing_note(chain, fields, len(spec.spatial), layer),
    ]
    place = None if at is None else tuple(at)
    shared = indices if len(set(indices)) < len(indices) else ()
    return Field(graph.name, layer, run.chosen.name, axes, tuple(notes), tuple(run.units), shared, place)


def _require_few(result: Result | None, output: int, layer: str) -> None:
    """Refuse, before anything is worked out, to list the rows of a tensor of too many positions."""
    if result is not None:
        require_room(
            max((int(n) for n in result.outputs[output].spatial if is_known(n)), default=0), 0, layer
        )


def required(dependence: Dependence | None, seen: LayerFields, layer: str) -> Dependence:
    """Return what a tensor depends on.

    Raises
    ------
    AnalysisError
        An op on the way is not known.
    """
    if dependence is None:
        raise AnalysisError(
            f"it depends on {seen.blame}, which no rule knows; --on-unknown bound goes on without",
            where=f"layer {layer!r}",
        )
    return dependence


def bound_note(dependence: Dependence, layer: str) -> list[Note]:
    """Say why a field is an upper bound, where it is one."""
    return [Note("warning", "bound", layer, dependence.reason)] if dependence.reason else []


def _axis(
    dependence: Dependence, free: Dependence | None, axis: int, extent: int, unit: int | None
) -> FieldAxis:
    rows = rows_of_axis(dependence, axis)
    status: Status = "exact" if rows.exact and not dependence.reason else "bound"
    assert is_known(extent)
    wanted = range(len(rows))
    if unit is not None:
        check_output(unit, len(rows))
        wanted = range(unit, unit + 1)
    found = rows.some(wanted)
    windows = None if free is None or status == "bound" else _windows(free, axis, wanted)
    large = max(len(found), extent) > _LARGE
    masks = Masks(found) if large else tuple(map(mask_of, found))
    spans = tuple(map(span_of_row, found))
    return FieldAxis(len(rows), extent, status, spans, masks, windows)


def _without_border(run: Run, chain: Sequence[Layer]) -> Mapping[str, LayerFields]:
    """Follow the same layers on an infinite map, tap by tap only where some window leaves pixels out."""
    seen = run.fields_to(chain)
    if any(opens(each, seen) for each in suspects(chain, run.resolved)):
        return run.fields_to(chain, taps=True)
    return seen


def _windows(free: Dependence, axis: int, wanted: Sequence[int]) -> tuple[int, ...] | None:
    """Count the taps of each output index on an infinite map; None where they have no end, or no one grid."""
    if not free.reason and all(leg.axis != axis for leg in free.legs):
        return (0,) * len(wanted)
    relation = relation_along(free, axis)
    if relation is None:
        return None
    if relation.taps is None:  # nothing is left out between the ends
        counts = [max(int(hi) - int(lo) + 1, 0) for lo, hi in zip(relation.lo, relation.hi, strict=True)]
    else:
        counts = [taps.bit_count() for taps in relation.taps]
    return tuple(counts[index % relation.period] for index in wanted)


def relation_along(free: Dependence, axis: int) -> Relation | None:
    """Return what outputs read along an axis where there is no border.

    None where that has no end, is on no one grid, or is not known exactly.
    """
    legs = [leg for leg in free.legs if leg.axis == axis]
    if len(legs) != 1 or free.reason:
        return None
    found = axis_of(free, legs[0])
    relation = None if found is None else found[1]
    if not isinstance(relation, Relation) or not relation.bounded or not relation.exact or relation.listed:
        return None
    return relation
