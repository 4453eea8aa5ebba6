"""Windows over plain maps: the commonest case of the second pass, all steps of a layer at once.

A map is plain where no reshape has touched it: each axis is one digit, each leg lies on one of them, and
nothing else is known of channels or pieces. Its relations go through windows axis by axis, with none of the
questions that `rfcalc.algebra.dependence` has to ask in general. What is not as plain is left to that module,
which gives the same.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.leg import Leg, Weights
from rfcalc.algebra.number import is_same
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.slopes import is_table
from rfcalc.algebra.steps import Contract, Slide, Step
from rfcalc.algebra.window import POINTWISE, Window


def only_place(weights: Weights) -> int | None:
    """Return the axis on which a leg lies with its whole index; None where it lies on none or several.

    >>> only_place(((0,), (1,), (0,))), only_place(((0,), (0,)))
    (1, None)
    """
    found = None
    for place, row in enumerate(weights):  # a loop: it runs for every layer
        if row == (0,) or (row != (1,) and not any(row)):
            continue
        if found is not None or row != (1,):
            return None
        found = place
    return found


def followed_plainly(steps: Sequence[Step], dependence: Dependence, source: str) -> Dependence | None:
    """Carry the dependence of a plain map over windows and contractions; None where anything is not plain.

    Parameters
    ----------
    steps : sequence of Step
        What one layer does, in order.
    dependence : Dependence
        What the layer takes.
    source : str
        The layer.

    Raises
    ------
    NeedTaps
        Intervals would not be exact.
    """
    factors, legs, reason, *more = dependence
    if more != _NOTHING_MORE or not legs:
        return None
    relations: dict[int, Relation] = {}  # by the axis that they lie on
    for leg in legs:
        place, relation = only_place(leg.weights), leg.relation
        if place is None or place in relations or type(relation) is not Relation or relation.listed:
            return None
        relations[place] = relation
    made = list(factors)
    told: tuple[Relation, Window, Relation] | None = None
    for step in steps:
        axis = getattr(step, "axis", -1)
        if type(step) is Contract and axis not in relations:
            made[axis] = (step.extent,)
            continue
        if type(step) is not Slide or step.alike or len(made[axis]) != 1:
            return None
        if step.window is POINTWISE and is_same(made[axis][0], step.extent):
            continue
        if axis not in relations or is_same(step.extent, 0) or is_table(step.window, step.extent):
            return None
        before = relations[axis]
        if told is None or told[0] is not before or told[1] != step.window:  # else a square's other side
            told = before, step.window, before.after(step.window, step.extent, source)
        after = told[2]
        if after.exact is not before.exact:
            return None
        made[axis], relations[axis] = (step.extent,), after
    pairs = zip(legs, relations.values(), strict=True)
    moved = tuple([Leg(leg.axis, leg.weights, relation) for leg, relation in pairs])
    return Dependence(tuple(made), moved, reason)


_NOTHING_MORE = [None, None, None]
