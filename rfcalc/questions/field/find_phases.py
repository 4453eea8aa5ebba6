"""The field by output phase: behind upsampling, neighbours see fields of different sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.result import Note
from rfcalc.engine.run import Run
from rfcalc.engine.totals import assumed_notes
from rfcalc.questions.field.find import bound_note, required


class PhaseAxis(NamedTuple):
    """The fields along one spatial axis of the input, gates cut.

    Parameters
    ----------
    advance : int
        Pixels of the input by which the fields move on from one period to the next.
    rows : tuple of (tuple or None)
        For each phase r the first and the last pixel that output r reads, far from the border: output
        ``r + k * period`` reads those that lie ``k * advance`` further on. None where it reads nothing. No
        rows where the layer keeps no grid or sees the whole axis.
    exact : bool
        False where more is covered than is read.
    """

    advance: int
    rows: tuple[tuple[int, int] | None, ...]
    exact: bool = True

    @property
    def period(self) -> int:
        """After how many outputs the fields repeat."""
        return len(self.rows)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of the field of each phase."""
        return tuple(0 if row is None else row[1] - row[0] + 1 for row in self.rows)


@dataclass(frozen=True, slots=True)
class PhasesResult:
    """The field of one layer by output phase.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that the field lies in.
    axes : tuple of PhaseAxis
        One for each spatial axis of the input.
    notes : tuple of Note
        What else there is to say.
    """

    model: str
    layer: str
    input: str
    axes: tuple[PhaseAxis, ...]
    notes: tuple[Note, ...] = ()


def phases_of(run: Run, layer: str) -> PhasesResult:
    """Give the field of a layer, or of an output tensor, by output phase.

    Raises
    ------
    UsageError
        There is no such layer.
    AnalysisError
        A layer does not fit its inputs, or an op on the way is not known.
    """
    name, output = run.graph.find_tensor(layer)
    chain = ancestors(run.graph, name)
    seen = run.fields_to(chain)[name]
    dependence = required(seen.local[output], seen, layer)
    notes = [*assumed_notes(chain, run.resolved), *bound_note(dependence, layer)]
    axes = tuple(_axis(dependence, axis) for axis in range(len(run.extents)))
    return PhasesResult(run.graph.name, layer, run.chosen.name, axes, tuple(notes))


def _axis(dependence: Dependence, axis: int) -> PhaseAxis:
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    folded = axis_of(dependence, legs[0]) if len(legs) == 1 else None
    relation = None if folded is None else folded[1]
    if not isinstance(relation, Relation) or not relation.bounded:
        return PhaseAxis(0, ())
    rows = tuple((int(a), int(b)) if a <= b else None for a, b in zip(relation.lo, relation.hi, strict=True))
    exact = relation.exact and not relation.loose and not dependence.reason
    return PhaseAxis(relation.advance, rows, exact)
