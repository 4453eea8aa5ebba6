"""The field by output phase: behind upsampling, neighbours see fields of different sizes."""

from __future__ import annotations

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.run import Run
from rfcalc.engine.totals import asked_notes
from rfcalc.questions.field.find import bound_note, required
from rfcalc.questions.field.report_phases import Phases
from rfcalc.questions.field.result import PhaseAxis


def phases_of(run: Run, layer: str) -> Phases:
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
    notes = [*asked_notes(chain, run.resolved), *bound_note(dependence, layer)]
    axes = tuple(_axis(dependence, axis) for axis in range(len(run.extents)))
    return Phases(run.graph.name, layer, run.chosen.name, axes, tuple(notes), tuple(run.units))


def _axis(dependence: Dependence, axis: int) -> PhaseAxis:
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    folded = axis_of(dependence, legs[0]) if len(legs) == 1 else None
    relation = None if folded is None else folded[1]
    if not isinstance(relation, Relation) or not relation.bounded:
        return PhaseAxis(0, ())
    rows = tuple((int(a), int(b)) if a <= b else None for a, b in zip(relation.lo, relation.hi, strict=True))
    exact = relation.exact and not relation.loose and not dependence.reason
    return PhaseAxis(relation.advance, rows, exact)
