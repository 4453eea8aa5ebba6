"""Where branches meet that see differently along several axes: less is seen than the box of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import lcm

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.result import Note
from rfcalc.graph.layer import Layer
from rfcalc.questions.field.result import CROSSING

Ends = tuple[int, int, Sequence[float], Sequence[float]]
"""Period, advance, first and last input index of what outputs read along an axis."""


def crossing_note(
    chain: Sequence[Layer], fields: Mapping[str, LayerFields], axes: int, layer: str
) -> list[Note]:
    """Say that the box of a unit holds more than the unit sees, where branches cross on the way to it.

    Parameters
    ----------
    chain : sequence of Layer
        What it depends on, in order, the layer last.
    fields : mapping
        What these depend on where there is no border.
    axes : int
        How many spatial axes the input has.
    layer : str
        The layer, for the note.
    """
    for each in chain:
        if axes < 2 or len(each.inputs) < 2:
            continue
        given = [fields[name].full[output] for name, output in each.inputs if name in fields]
        seen = [dependence for dependence in given if dependence is not None and dependence.legs]
        boxes = [tuple(_ends(dependence, axis) for axis in range(axes)) for dependence in seen]
        if any(_cross(a, b) for a, b in combinations(dict.fromkeys(boxes), 2)):
            message = (
                f"branches meet at {each.name!r} that see differently along several axes: what is said of "
                "each axis holds, and of their box a unit sees a part"
            )
            return [Note("info", CROSSING, layer, message)]
    return []


def _ends(dependence: Dependence, axis: int) -> Ends | None:
    """Return what outputs read along an axis; None where that has no end, or is on no one grid."""
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    found = axis_of(dependence, legs[0]) if len(legs) == 1 else None
    relation = None if found is None else found[1]
    if not isinstance(relation, Relation) or not relation.bounded or relation.listed:
        return None
    return relation.period, relation.advance, tuple(relation.lo), tuple(relation.hi)


def _cross(a: Sequence[Ends | None], b: Sequence[Ends | None]) -> bool:
    """Tell whether two boxes differ along several axes, and neither lies within the other."""
    differ = [(one, other) for one, other in zip(a, b, strict=True) if one != other]
    if len(differ) < 2:
        return False
    return not all(_within(one, other) for one, other in differ) and not all(
        _within(other, one) for one, other in differ
    )


def _within(inner: Ends | None, outer: Ends | None) -> bool:
    if outer is None or inner is None:
        return outer is None
    period = lcm(inner[0], outer[0])
    if inner[1] * outer[0] != outer[1] * inner[0]:
        return False
    return all(
        _at(outer, 2, k) <= _at(inner, 2, k) and _at(inner, 3, k) <= _at(outer, 3, k) for k in range(period)
    )


def _at(ends: Ends, place: int, unit: int) -> float:
    """Return the first (2) or last (3) index that a unit reads."""
    period, advance, *both = ends
    row: Sequence[float] = both[place - 2]
    return row[unit % period] + advance * (unit // period)
