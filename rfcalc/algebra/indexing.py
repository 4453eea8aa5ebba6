"""Read a dependence by the index of a tensor axis: what stride and rows it has along that axis.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from math import prod

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.digits import fold
from rfcalc.algebra.legs import Leg
from rfcalc.algebra.masked import settled
from rfcalc.algebra.number import is_known
from rfcalc.algebra.plain_maps import only_place
from rfcalc.algebra.relation import NeedTaps, Relation
from rfcalc.algebra.rows import Rows, require_room
from rfcalc.errors import AnalysisError


def axis_of(dependence: Dependence, leg: Leg) -> tuple[int, Relation | Rows] | None:
    """Find the one tensor axis that indexes a leg, and the relation over that axis's index.

    None where the leg has no grid, where its index is spread over several axes, or where the axis carries
    another leg's index too (tokens of a flattened map).
    """
    place = only_place(leg.weights)
    whole = place is not None
    if place is None:
        places = [place for place, weights in enumerate(leg.weights) if weights != (0,) and any(weights)]
        if len(places) != 1:
            return None
        place = places[0]
    for other in dependence.legs:
        if other.axis != leg.axis and any(other.weights[place]):
            return None
    if whole:
        return place, leg.relation
    try:
        folded = fold(leg.relation, dependence.factors[place], leg.weights[place])
    except NeedTaps:  # along this axis the index does not go up steadily, so it is no grid
        return None
    return None if folded is None else (place, folded)


def rows_by_index(dependence: Dependence, axis: int) -> tuple[tuple[int, ...], bool]:
    """List the rows along one input axis as bit masks, and whether they are exact."""
    rows = rows_of_axis(dependence, axis)
    return rows.masks, rows.exact


def rows_of_axis(dependence: Dependence, axis: int) -> Rows:
    """Return the rows of a concrete dependence along one input axis.

    One row for each index of the tensor axis that the legs lie on; where one lies on several, of the one that
    moves most; where each lies on another, of the first of them; where they lie on none, a single row.
    """
    dependence = settled(dependence)
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    first = _first_place(dependence, axis)
    found = [_rows_along(dependence, leg, first) for leg in legs] or [Rows([0])]
    return reduce(Rows.join, found)


def indices_of(dependence: Dependence, rank: int) -> tuple[int, ...]:
    """Tell for each axis of the input which index of the tensor its rows go with; the first is 0.

    Axes with one number share an index, as the rows and columns of a map do that was flattened. An axis whose
    rows go with none has a number of its own.

    Parameters
    ----------
    dependence : Dependence
        What a tensor depends on, at a size that is known.
    rank : int
        How many axes the input has.
    """
    dependence = settled(dependence)
    places = [_first_place(dependence, axis) for axis in range(rank)]
    keys = [-axis - 1 if place is None else place for axis, place in enumerate(places)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return tuple([numbers[key] for key in keys])


def _first_place(dependence: Dependence, axis: int) -> int | None:
    """Return the axis of the tensor that the rows along an axis of the input go with, or None."""
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    places = [place for leg in legs if (place := _place_of(dependence, leg)) is not None]
    # where rows go with several axes (queries and keys, a map and its transpose), the first is asked
    return min(places, default=None)


def _place_of(dependence: Dependence, leg: Leg) -> int | None:
    """Return the axis of the tensor that a leg lies on, of several the one that moves it most."""
    places = _moving(dependence, leg)
    return max(places, key=lambda place: max(leg.weights[place]), default=None)


def _moving(dependence: Dependence, leg: Leg) -> list[int]:
    """List the axes of the tensor that move a leg's index."""
    indexed = [place for place, weights in enumerate(leg.weights) if any(weights)]
    # an axis of one element orders nothing, unless there is no other
    return [place for place in indexed if dependence.factors[place] != (1,)] or indexed[:1]


def _rows_along(dependence: Dependence, leg: Leg, place: int | None) -> Rows:
    """List the rows of a leg by the index of an axis; a single row, of all, where it does not lie on it."""
    rows = leg.relation
    assert isinstance(rows, Rows)
    places = _moving(dependence, leg)
    if not places:
        return rows.constant()
    if len(places) == 1 and leg.weights[places[0]] == (1,):
        # the leg may have rows beyond the axis, left of digits that a reduction took away
        (extent,) = dependence.factors[places[0]]
        own = rows.head(extent) if is_known(extent) and extent < len(rows) else rows
        return own if places[0] == place else own.opened().constant()
    digits = {p: _digits(dependence, leg, p) for p in places}
    require_room(prod(e for p in places for e, _ in digits[p]), 0)
    others = _offsets([digit for p in places if p != place for digit in digits[p]])
    starts = _offsets(digits[place]) if place in digits else [0]
    return rows.at([[start + k for k in others] for start in starts])


def _digits(dependence: Dependence, leg: Leg, place: int) -> list[tuple[int, int]]:
    """Return extent and weight of each digit of an axis; of an open batch that moves nothing, one sample."""
    found = []
    for extent, weight in zip(dependence.factors[place], leg.weights[place], strict=True):
        if not is_known(extent) and weight:
            raise AnalysisError("the field lies on an axis of unknown extent; give the input's size")
        found.append((int(extent) if is_known(extent) else 1, weight))
    return found


def _offsets(digits: Sequence[tuple[int, int]]) -> list[int]:
    """List what digits, (extent, weight), come to, for all their values in order."""
    return [sum(values) for values in product(*([w * value for value in range(e)] for e, w in digits))]
