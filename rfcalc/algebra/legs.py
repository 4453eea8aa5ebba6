"""How legs that meet unite, and other spellings of one leg.

Two legs that move alike with the digits of the tensor's axes are one relation, joined row by row. Where one
moves with more digits than the other (a map added to the means of its windows), the coarser is first spelled
over the finer index. What no single index orders (a map added to its transpose) stays two legs.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence

from rfcalc.algebra.digits import forgetting_window, is_mixed_radix, split_weights
from rfcalc.algebra.leg import Factors, Leg, Weights, digits_of, span_of
from rfcalc.algebra.number import Num, is_known, is_one
from rfcalc.algebra.places import on_one_index
from rfcalc.algebra.relation import MAX_PERIOD, Relation, UnequalSlopes, whole
from rfcalc.algebra.rows import Rows

__all__ = ("Factors", "Leg", "Weights", "covered", "digits_of", "span_of", "split", "trimmed", "unite_legs")


def trimmed(leg: Leg, factors: Factors) -> Leg:
    """Keep the rows that there are once digits have gone: what lies behind them is beyond the border."""
    span = span_of(factors, leg.weights)
    if not is_known(span):
        return leg
    if isinstance(leg.relation, Rows):
        return leg if len(leg.relation) <= span else leg._replace(relation=leg.relation.head(int(span)))
    if leg.relation.listed <= span:
        return leg
    return leg._replace(relation=leg.relation.of_map(int(span)))


def covered(leg: Leg, weights: Weights) -> Leg:
    """Cover what any element needs, where it cannot be followed which element needs what."""
    relation = leg.relation
    if isinstance(relation, Rows):
        every = relation.opened()
        bound: Relation | Rows = (every if any(map(any, weights)) else every.constant()).bound()
    else:
        slope = (relation.period, relation.advance) if any(map(any, weights)) else (1, 0)
        bound = whole(*slope, exact=False, uneven=relation.uneven)
    return Leg(leg.axis, weights, bound)


def split(leg: Leg, old: Factors, new: Factors) -> Leg:
    """Spell a leg for finer digits."""
    weights = tuple(
        mine
        if len(coarse) == len(fine)
        else split_weights(coarse, mine, fine)
        if any(mine)
        else (0,) * len(fine)
        for coarse, mine, fine in zip(old, leg.weights, new, strict=True)
    )
    return Leg(leg.axis, weights, leg.relation)


def unite_legs(a: Sequence[Leg], b: Sequence[Leg], factors: Factors) -> tuple[Leg, ...]:
    """Unite the legs of two dependences on one input, of tensors of the same digits.

    Raises
    ------
    UnequalSlopes
        Two grids of unknown extent that advance differently.
    """
    if [leg[:2] for leg in a] == [leg[:2] for leg in b] and len({leg.axis for leg in a}) == len(a):
        return _side_by_side(a, b, factors)
    legs = list(a)
    for leg in b:
        _add(legs, leg, factors)
    return _absorbed(legs, factors)


def _side_by_side(a: Sequence[Leg], b: Sequence[Leg], factors: Factors) -> tuple[Leg, ...]:
    """Unite legs one by one, as of most maps: one for each axis of the input, and both move alike."""
    legs: list[Leg] = []
    told: tuple[object, object, Relation | Rows] | None = None
    for one, other in zip(a, b, strict=True):
        if told is None or one.relation is not told[0] or other.relation is not told[1]:
            union = _union(one.relation, other.relation, factors, one.weights)
            # only a union that asks for no extent is that of a square's other side too
            told = None if isinstance(union, Rows) or union.listed else (one.relation, other.relation, union)
        else:
            union = told[2]
        legs.append(Leg(one.axis, one.weights, union))
    return tuple(legs)


def _add(legs: list[Leg], leg: Leg, factors: Factors) -> None:
    """Join a leg to the one that goes the same way, or add it as a way of its own."""
    for place, present in enumerate(legs):
        if present.axis != leg.axis:
            continue
        if present.weights == leg.weights:
            relation = _union(present.relation, leg.relation, factors, leg.weights)
            legs[place] = present._replace(relation=relation)
            return
        if present.gridless or leg.gridless:
            continue  # `_absorbed` joins legs that are the same everywhere to those with a grid, at the end
        pair = _on_one_index(present, leg, factors)
        if pair is not None:
            del legs[place]
            relation = _union(pair[0].relation, pair[1].relation, factors, pair[0].weights)
            _add(legs, pair[0]._replace(relation=relation), factors)
            return
    legs.append(leg)


def _on_one_index(a: Leg, b: Leg, factors: Factors) -> tuple[Leg, Leg] | None:
    """Spell two legs over the digits that either reads; None where their indices do not agree."""
    weights = tuple(
        tuple(max(x, y) if 0 in (x, y) or x == y else -1 for x, y in zip(p, q, strict=True))
        for p, q in zip(a.weights, b.weights, strict=True)
    )
    # an axis of one element may become longer (a map is stretched over it); it keeps its weight for that,
    # unless no index could be read with a longer one
    if not is_mixed_radix(_grown(factors, weights)):
        weights = tuple(
            tuple(0 if is_one(extent) else weight for extent, weight in zip(digits, row, strict=True))
            for digits, row in zip(factors, weights, strict=True)
        )
    if any(-1 in row for row in weights) or not is_mixed_radix(digits_of(factors, weights)):
        return on_one_index(a, b, factors)
    pair = (_refined(a, weights, factors), _refined(b, weights, factors))
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _grown(factors: Factors, weights: Weights) -> list[tuple[Num, int]]:
    """List the digits that move an index, with two elements where there is one."""
    return [
        (2 if is_one(extent) else extent, weight)
        for digits, row in zip(factors, weights, strict=True)
        for extent, weight in zip(digits, row, strict=True)
        if weight > 0
    ]


def _refined(leg: Leg, weights: Weights, factors: Factors) -> Leg | None:
    """Spell a leg over an index that also counts digits which it does not read; None where it cannot be."""
    if leg.weights == weights:
        return leg
    unread = [
        (extent, weight)
        for digits, mine, row in zip(factors, leg.weights, weights, strict=True)
        for extent, own, weight in zip(digits, mine, row, strict=True)
        if weight and not own
    ]
    if not unread:
        return leg._replace(weights=weights)
    span = span_of(factors, weights)
    window = forgetting_window(unread)
    if window is None or (isinstance(leg.relation, Rows) and not is_known(span)):
        return None
    if isinstance(leg.relation, Rows):
        return Leg(leg.axis, weights, leg.relation.after(window, int(span)))
    relation = leg.relation.after(window, span)
    if is_known(span) and window.period >= span and not relation.whole:
        relation = relation.of_map(int(span))
    return Leg(leg.axis, weights, relation)


def _union(a: Relation | Rows, b: Relation | Rows, factors: Factors, weights: Weights) -> Relation | Rows:
    if a is b:
        return a
    if isinstance(a, Rows) or isinstance(b, Rows):
        assert isinstance(a, Rows)
        assert isinstance(b, Rows)
        span = span_of(factors, weights)
        if len(a) != len(b) and is_known(span):  # behind the last index there may be rows that nothing reads
            a, b = (each.head(int(span)) if len(each) > span else each for each in (a, b))
        return a.join(b)
    try:
        return a.join(b)
    except UnequalSlopes:
        span = span_of(factors, weights)
        if not is_known(span) or span > MAX_PERIOD:
            raise
        # the extent is known, so the rows of this map can be listed and united one by one
        grid = min((a, b), key=lambda relation: (relation.period, abs(relation.advance)))
        union = _listed(a, span, grid).join(_listed(b, span, grid))
        return union.as_listed(int(span), uneven=True, turn=a.common_turn(b, int(span)))


def _listed(relation: Relation, extent: int, like: Relation) -> Relation:
    """Spell the first `extent` rows outright, moving on as `like` does after the last."""
    advance = extent * like.advance // like.period
    lo, hi, taps = relation.rows(range(extent))
    return Relation(extent, advance, lo, hi, taps, relation.slack, relation.loose, relation.exact)


def _absorbed(legs: list[Leg], factors: Factors) -> tuple[Leg, ...]:
    """Let a constant leg join those with a grid where their rows can say it, and stand back."""
    constants = [leg for leg in legs if leg.gridless]
    if not constants or len(constants) == len(legs):
        return tuple(legs)
    absorbed: set[int] = set()
    out = []
    for leg in legs:
        if not leg.gridless:
            joined = leg
            for k, constant in enumerate(constants):
                if constant.axis == leg.axis:
                    opened = _opened_by(joined, constant, factors)
                    if opened is not None:
                        joined = opened
                        absorbed.add(k)
            out.append(joined)
    return (*out, *(leg for k, leg in enumerate(constants) if k not in absorbed))


def _opened_by(leg: Leg, constant: Leg, factors: Factors) -> Leg | None:
    """Join a constant to a leg with a grid; None where no row can say it."""
    relation, other = leg.relation, constant.relation
    if isinstance(relation, Rows):
        assert isinstance(other, Rows)
        return leg._replace(relation=relation.join(other))
    assert isinstance(other, Relation)
    if other.whole:
        exact = relation.exact and other.exact
        opened = whole(relation.period, relation.advance, exact=exact, uneven=relation.uneven)
        return leg._replace(relation=opened)
    listed = _refined(constant, leg.weights, factors)
    if listed is None:
        return None
    assert isinstance(listed.relation, Relation)
    return leg._replace(relation=_union(relation, listed.relation, factors, leg.weights))
