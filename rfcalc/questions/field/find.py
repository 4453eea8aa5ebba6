"""The exact field at a concrete size: what each output index of a layer needs, padding dropped on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of, rows_of_axis
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.rows import Masks, mask_of, require_room, span_of_row
from rfcalc.engine.propagate import (
    Seen,
    ancestors,
    require_known,
)
from rfcalc.engine.result import Note, Status
from rfcalc.engine.run import Run
from rfcalc.engine.taps import opens, suspects
from rfcalc.engine.totals import assumed_notes, cut_note
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.layer import Layer
from rfcalc.rules.registry import Result

_LARGE: Final = 1 << 12
"""Rows from which on no more is worked out than is asked for."""

Span = tuple[int, int, int]
"""First input index, last input index, how many taps."""


@dataclass(frozen=True, slots=True)
class FieldAxis:
    """The field along one spatial axis of the input.

    Parameters
    ----------
    extent : int
        Number of output indices; 1 where the layer keeps no grid on this axis.
    input_extent : int
        Number of input indices.
    status : str
        ``exact`` or ``bound``.
    rows : tuple of (tuple or None)
        For each output index that was asked for (first, last, how many taps); None where it depends on
        nothing.
    masks : sequence of int
        The same as bit masks: bit j for input index j. Of a large map each is made when it is looked at.
    windows : tuple of int, optional
        For each output index how many taps it would have if there were no border; None where that is not so
        many, as behind global pooling, or not known.
    """

    extent: int
    input_extent: int
    status: Status
    rows: tuple[Span | None, ...]
    masks: Sequence[int]
    windows: tuple[int, ...] | None = None

    @property
    def lost(self) -> tuple[float, ...] | None:
        """For each output index the share of its window that lies in padding, at whichever layer."""
        if self.windows is None:
            return None
        pairs = zip(self.windows, self.rows, strict=True)
        return tuple(1 - (row[2] if row else 0) / taps if taps else 0.0 for taps, row in pairs)

    @property
    def touching(self) -> int | None:
        """How many output indices lose part of their window to padding."""
        return None if self.lost is None else sum(share > 0 for share in self.lost)


@dataclass(frozen=True, slots=True)
class FieldResult:
    """The field of one layer at a concrete size.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that the field lies in.
    axes : tuple of FieldAxis
        One for each spatial axis of the input.
    notes : tuple of Note
        What else there is to say.
    """

    model: str
    layer: str
    input: str
    axes: tuple[FieldAxis, ...]
    notes: tuple[Note, ...] = ()


def field_of(run: Run, layer: str, at: Sequence[int] | None = None) -> FieldResult:
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
    free = _without_border(run, chain)[name].full[output]
    if at is not None:
        check_places(at, len(spec.spatial))
    axes = tuple(
        _axis(dependence, free, axis, extent, None if at is None else at[axis])
        for axis, extent in enumerate(spec.spatial)
    )
    notes = [*assumed_notes(chain, run.resolved), *cut_note(graph), *bound_note(dependence, layer)]
    return FieldResult(graph.name, layer, run.chosen.name, axes, tuple(notes))


def _require_few(result: Result | None, output: int, layer: str) -> None:
    """Refuse, before anything is worked out, to list the rows of a tensor of too many positions."""
    if result is not None:
        require_room(
            max((int(n) for n in result.outputs[output].spatial if is_known(n)), default=0), 0, layer
        )


def check_places(index: Sequence[int], rank: int) -> None:
    """Refuse an index that has not a place for each spatial axis of the input.

    Raises
    ------
    UsageError
        It has too many or too few.
    """
    if len(index) != rank:
        places = f"{len(index)} place{'s' * (len(index) != 1)}"
        axes = f"{rank} spatial ax{'i' if rank == 1 else 'e'}s"
        raise UsageError(f"({', '.join(map(str, index))}) has {places}, but the input has {axes}")


def check_output(place: int, extent: int) -> None:
    """Refuse an output that is not there.

    Raises
    ------
    UsageError
        It is not.
    """
    if not 0 <= place < extent:
        raise UsageError(f"there is no output {place} on an axis of {extent}; give 0 to {extent - 1}")


def required(dependence: Dependence | None, seen: Seen, layer: str) -> Dependence:
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


def _without_border(run: Run, chain: Sequence[Layer]) -> Mapping[str, Seen]:
    """Follow the same layers on an infinite map, tap by tap only where some window leaves pixels out."""
    seen = run.fields_to(chain)
    if any(opens(each, seen) for each in suspects(chain, run.resolved)):
        return run.fields_to(chain, taps=True)
    return seen


def _windows(free: Dependence, axis: int, wanted: Sequence[int]) -> tuple[int, ...] | None:
    """Count the taps of each output index on an infinite map; None where they have no end, or no one grid."""
    legs = [leg for leg in free.legs if leg.axis == axis]
    if len(legs) != 1 or free.reason:
        return (0,) * len(wanted) if not legs and not free.reason else None
    found = axis_of(free, legs[0])
    relation = None if found is None else found[1]
    if not isinstance(relation, Relation) or not relation.bounded or not relation.exact or relation.listed:
        return None
    if relation.taps is None:  # nothing is left out between the ends
        counts = [max(int(hi) - int(lo) + 1, 0) for lo, hi in zip(relation.lo, relation.hi, strict=True)]
    else:
        counts = [taps.bit_count() for taps in relation.taps]
    return tuple(counts[index % relation.period] for index in wanted)
