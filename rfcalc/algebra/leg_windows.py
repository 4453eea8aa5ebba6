"""What windows and joins make of a single leg, and why that is sometimes but a bound.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from rfcalc.algebra.legs import Factors, Leg, Weights, digits_of, trimmed
from rfcalc.algebra.number import Num, is_known, is_one
from rfcalc.algebra.places import plainly_spelled
from rfcalc.algebra.relation import MAX_PERIOD, Relation
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.slopes import evened
from rfcalc.algebra.window import Window, gather
from rfcalc.wording import few


def tidied(leg: Leg, factors: Factors) -> Leg:
    """Drop from a leg's index the digits of one element, and rows that no index reaches any more."""
    weights = tuple(
        tuple(0 if is_one(extent) else w for extent, w in zip(digits, row, strict=True))
        for digits, row in zip(factors, leg.weights, strict=True)
    )
    if not any(map(any, weights)):
        return Leg(leg.axis, weights, leg.relation.constant())
    return shortened(Leg(leg.axis, weights, leg.relation), factors)


def shortened(leg: Leg, factors: Factors) -> Leg:
    """Drop rows that no index reaches any more; where one digit moves the index, say how far rows move on."""
    plain = plainly_spelled(trimmed(leg, factors), factors)
    relation, digits = plain.relation, digits_of(factors, plain.weights)
    if isinstance(relation, Rows) or not relation.uneven or len(digits) != 1 or digits[0][1] != 1:
        return plain
    return plain._replace(relation=evened(relation, relation.listed)) if relation.listed else plain


def is_constant(relation: Relation | Rows) -> bool:
    """Tell whether every index needs the same."""
    if isinstance(relation, Rows):
        return relation.alike
    return relation.whole


def constant(leg: Leg) -> Relation | Rows:
    """Return what every index needs, where it is the same."""
    return leg.relation if leg.gridless or isinstance(leg.relation, Relation) else leg.relation.constant()


def still_needed(leg: Leg, axis: int, window: Window, digits: Sequence[Num], extent: Num) -> Leg | None:
    """Say of a constant leg which outputs of a window still need it; None where no rows can."""
    if not leg.gridless or not is_known(extent):
        return None
    before = prod(digits)
    if isinstance(leg.relation, Relation):
        if not leg.relation.bounded or extent > MAX_PERIOD:
            return None
        rows = [[0] if window.inside(i, before) else [] for i in range(extent)]
        relation = leg.relation.of_map(1).after(gather(extent, extent, rows), extent)
        return Leg(leg.axis, put(leg.weights, axis, (1,)), relation) if relation.exact else None
    (mask,) = leg.relation.constant().masks or (0,)
    masks = [mask if window.inside(i, before) else 0 for i in range(extent)]
    return Leg(leg.axis, put(leg.weights, axis, (1,)), leg.relation.like(masks, leg.relation.exact))


def of_this_map(
    relation: Relation, digits: Sequence[Num], window: Window, extent: Num, source: str
) -> Relation | None:
    """Compose for the rows of this very map alone, where those of any map would be too many."""
    if not all(map(is_known, digits)) or not is_known(extent) or prod(digits) > MAX_PERIOD or window.slack:
        return None
    after = relation.of_map(prod(digits)).after(window, extent, source)
    return after if after.exact else None


def turned(relation: Relation | Rows, window: Window, before: Num, extent: Num) -> Relation | Rows:
    """Let rows that are listed wrap around a map as long as a window makes it of one of `before` rows."""
    if isinstance(relation, Relation) and relation.listed and relation.turn is not None:
        turn, rest = divmod(relation.turn * extent * window.advance, before * window.period)
        return relation.as_turned(None if rest else turn)
    return relation


def misses(window: Window, digits: Sequence[Num], extent: Num) -> bool:
    """Tell whether some output reads nothing of an axis, which a leg without a grid cannot say."""
    if not (is_known(extent) and all(map(is_known, digits))):
        return False
    before = prod(digits)
    if window.border != "drop" or extent < 1:
        return False
    # windows without gaps that move on evenly: if any lies outside the map, the first or the last one does
    if window.regular and window.taps is None and window.step == 1:
        return bool(window.last(0) < 0 or window.first(extent - 1) >= before)
    return extent > MAX_PERIOD or not all(window.inside(i, before) for i in range(extent))


def why_covered(relation: Relation | Rows, window: Window, source: str) -> str:
    """Say why a window gave a bound from exact rows."""
    if window.slack:
        return f"the padding of {source!r} depends on an open extent; give the input's size"
    return f"the phases or the taps of {source!r} are too many to be listed"


def why_widened(a: Sequence[Leg], b: Sequence[Leg], union: Sequence[Leg], source: str) -> str:
    """Say why a join gave a bound from exact sides: their offsets differ by what is not known."""
    if all(leg.relation.exact for leg in union) or not all(leg.relation.exact for leg in (*a, *b)):
        return ""
    loose = {name for leg in (*a, *b) if isinstance(leg.relation, Relation) for name in leg.relation.loose}
    if not loose:
        return f"the phases or the taps of the branches that meet in {source!r} are too many to be listed"
    names = few(map(repr, sorted(loose)))
    return (
        f"branches meet in {source!r} whose offset depends on the padding of {names}, so on an open extent; "
        "give the input's size"
    )


def put(rows: tuple[tuple[Num, ...], ...], place: int, row: tuple[Num, ...]) -> tuple[tuple[Num, ...], ...]:
    """Return rows with another one at a place."""
    return (*rows[:place], row, *rows[place + 1 :])


def moves_beside(weights: Weights, axis: int) -> bool:
    """Tell whether a leg's index moves along other axes than this one."""
    return any(map(any, weights[:axis])) or any(map(any, weights[axis + 1 :]))
