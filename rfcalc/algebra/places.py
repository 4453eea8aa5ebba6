"""Places within windows: digits of a channel axis that move an index of the input.

Unfolding, frames and pixel unshuffling turn the place within a window into channels, so that an index of the
input is spread over an axis of positions and one of channels. Here such axes are split whatever their
extents, and what takes or mixes some of the channels is followed by listing what each output reads.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final

from rfcalc.algebra.digits import Digit, merge_digits, regroup_digits
from rfcalc.algebra.leg import Factors, Leg, Weights, span_of
from rfcalc.algebra.number import UNKNOWN, Num, is_known, is_one
from rfcalc.algebra.relation import MAX_PERIOD, MAX_TAPS
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.window import Window, gather
from rfcalc.records import NamedTuple

MOST_CHANNELS: Final = 1 << 16
"""Elements of an axis of several digits whose places are listed."""


class _Digit(NamedTuple):
    """One digit of a tensor: where it stands, how many values it has, and how far a leg moves with it."""

    axis: int
    place: int
    extent: Num
    weight: int


def _digits(factors: Factors, weights: Weights, without: int = -1) -> list[_Digit]:
    """List the digits that move an index, those of one axis left out, from the innermost on."""
    found = [
        _Digit(axis, place, extent, weight)
        for axis, (digits, row) in enumerate(zip(factors, weights, strict=True))
        for place, (extent, weight) in enumerate(zip(digits, row, strict=True))
        if weight and not is_one(extent) and axis != without
    ]
    # only the outermost may be of unknown extent
    return sorted(found, key=lambda digit: (not is_known(digit.extent), digit.weight))


def _counted(digits: Sequence[_Digit], room: int) -> list[int] | None:
    """Give digits, from the innermost on, weights that count on from each other; None for too many."""
    found = []
    for number, digit in enumerate(digits):
        if room > MAX_PERIOD:
            return None
        found.append(room)
        if number + 1 < len(digits):
            if not is_known(digit.extent):
                return None
            room *= digit.extent
    return found


def _woven(weights: Weights, digits: Sequence[_Digit], given: Sequence[int]) -> Weights:
    """Return weights with those of some digits replaced."""
    new = {(digit.axis, digit.place): weight for digit, weight in zip(digits, given, strict=True)}
    return tuple(
        tuple(new.get((axis, place), 0) for place in range(len(row))) for axis, row in enumerate(weights)
    )


def _over(leg: Leg, weights: Weights, factors: Factors, window: Window, source: str) -> Leg | None:
    """Carry a leg's relation over to another index; None where it would be a bound."""
    span = span_of(factors, weights)
    relation = leg.relation
    if isinstance(relation, Rows):
        return Leg(leg.axis, weights, relation.after(window, int(span), source)) if is_known(span) else None
    after = relation.after(window, span, source)
    return None if relation.exact and not after.exact else Leg(leg.axis, weights, after)


def reindexed(leg: Leg, factors: Factors, axis: int, window: Window, extent: Num, source: str) -> Leg | None:
    """Slide along an axis that holds some digits of a leg's index, by listing what each output reads.

    The new axis is the innermost digit of a new index, the other digits count on from it.

    Returns
    -------
    Leg or None
        None where an extent is not known, or there is too much to list.
    """
    digits, others = factors[axis], _digits(factors, leg.weights, without=axis)
    if not others or window.slack or not all(map(is_known, digits)) or prod(digits) > MOST_CHANNELS:
        return None
    if not is_known(extent) or not 0 < extent <= MAX_PERIOD:
        return None
    weights = _counted(others, int(extent))
    if weights is None:
        return None
    before = int(prod(digits))
    moves = [
        sum(w * value for w, value in zip(leg.weights[axis], values, strict=True))
        for values in product(*map(range, digits))
    ]
    own = [sorted({moves[tap] for tap in window.inside(j, before)}) for j in range(extent)]
    if all(row == own[0] for row in own):  # which of them it is makes no difference
        own, weights = own[:1], _counted(others, 1) or weights
    starts = _starts(others[:-1])
    if len(starts) * sum(map(len, own)) > MAX_TAPS:
        return None
    rows = [[start + move for move in row] for start in starts for row in own]
    new = _woven(leg.weights, others, weights)
    new = (*new[:axis], (int(len(own) > 1),), *new[axis + 1 :])
    moved = gather(weights[-1], others[-1].weight, rows)
    return _over(leg, new, (*factors[:axis], (extent,), *factors[axis + 1 :]), moved, source)


def picked_digits(
    digits: Sequence[Num], weights: Sequence[tuple[int, ...]], window: Window, extent: Num
) -> tuple[tuple[Num, ...], list[tuple[int, ...]], list[int]] | None:
    """Spell the elements that a window takes of an axis as digits, where they count on evenly.

    Parameters
    ----------
    digits : sequence of Num
        Extents of the digits of the axis.
    weights : sequence of tuple of int
        For each leg how far its index moves with each digit.
    window : Window
        Which element each output takes.
    extent : Num
        How many outputs there are.

    Returns
    -------
    (extents, rows, starts) or None
        The new digits, for each leg how far its index moves with each, and where it starts. None where an
        output takes several elements, or none, or where they follow no such order.

    Examples
    --------
    >>> from rfcalc.algebra.window import slide
    >>> picked_digits((3, 2, 2), [(0, 2, 0)], slide(1, stride=2, lo=-1), 6)
    ((3, 2), [(0, 2)], [0])
    """
    before = total_of(digits)
    if window.slack or not is_known(before) or before > MOST_CHANNELS or not is_known(extent):
        return None
    if not 0 < extent <= MOST_CHANNELS:
        return None
    taken = [window.inside(j, before) for j in range(extent)]
    if any(len(taps) != 1 for taps in taken):
        return None
    values = list(product(*map(range, digits)))
    moves = [
        tuple(sum(w * value for w, value in zip(row, values[tap], strict=True)) for row in weights)
        for (tap,) in taken
    ]
    starts = list(moves[0])
    found: list[tuple[int, tuple[int, ...]]] = []
    while len(moves) > 1:
        digit = _even(moves)
        if digit is None:
            return None
        found.insert(0, digit)
        moves = moves[:: digit[0]]
    if not found:
        return (1,), [(0,)] * len(weights), starts
    rows = [tuple(steps[k] for _, steps in found) for k in range(len(weights))]
    return tuple(size for size, _ in found), rows, starts


def _even(moves: Sequence[tuple[int, ...]]) -> tuple[int, tuple[int, ...]] | None:
    """Find the longest inner digit of a row of indices: its extent, and what each moves by with it."""
    count = len(moves)
    step = tuple(b - a for a, b in zip(moves[0], moves[1], strict=True))
    if min(step) < 0:
        return None
    for size in range(count, 1, -1):
        if count % size == 0 and all(
            moves[j] == tuple(a + j % size * w for a, w in zip(moves[j - j % size], step, strict=True))
            for j in range(count)
        ):
            return size, step
    return None


def shifted(leg: Leg, factors: Factors, start: int) -> Leg | None:
    """Let a leg's index start further on; None where that would be a bound."""
    return leg if start == 0 else _over(leg, leg.weights, factors, gather(1, 1, [[start]]), "")


def _starts(digits: Sequence[_Digit]) -> list[int]:
    """List what digits, from the innermost on, come to for all values, the innermost running fastest."""
    every = product(*(range(int(digit.extent)) for digit in reversed(digits)))
    return [
        sum(digit.weight * value for digit, value in zip(reversed(digits), values, strict=True))
        for values in every
    ]


def on_one_index(a: Leg, b: Leg, factors: Factors) -> tuple[Leg, Leg] | None:
    """Spell two legs over one index that counts all digits of either.

    Both move most with the same digit, or are single rows over the same digits in another order.
    """
    mine, yours = _digits(factors, a.weights), _digits(factors, b.weights)
    if not mine or not yours:
        return None
    order = mine
    if mine[-1][:2] != yours[-1][:2]:
        listed = isinstance(a.relation, Rows) and isinstance(b.relation, Rows)
        if not listed or {digit[:2] for digit in mine} != {digit[:2] for digit in yours}:
            return None
    else:
        inner = {digit[:2]: digit for digit in (*yours[:-1], *mine[:-1])}
        if mine[-1][:2] in inner:
            return None
        order = [*sorted(inner.values(), key=lambda digit: digit.weight), mine[-1]]
    given = _counted(order, 1)
    if given is None:
        return None
    weights = _woven(a.weights, order, given)
    pair = []
    for leg in (a, b):
        own = [digit._replace(weight=leg.weights[digit.axis][digit.place]) for digit in order]
        window = gather(given[-1], own[-1].weight, [[start] for start in _starts(own[:-1])])
        spelled = _over(leg, weights, factors, window, "")
        if spelled is None:
            return None
        pair.append(spelled)
    return pair[0], pair[1]


def plainly_spelled(leg: Leg, factors: Factors) -> Leg:
    """Let an index that one digit alone moves be that digit."""
    digits = _digits(factors, leg.weights)
    if len(digits) != 1 or digits[0].weight == 1 or not leg.relation.exact:
        return leg
    window = gather(1, digits[0].weight, [[0]])
    return _over(leg, _woven(leg.weights, digits, (1,)), factors, window, "") or leg


def narrowed(leg: Leg, factors: Factors) -> Leg:
    """Leave out of an index the digits that make no difference to what is needed, where rows are listed.

    The last digit that an axis has in the index stays: by it a map is known for a grid, and has a stride.

    Examples
    --------
    >>> leg = Leg(0, ((2, 1),), Rows([1, 1, 6, 6]))
    >>> narrowed(leg, ((2, 2),)).weights, narrowed(leg, ((2, 2),)).relation.masks
    (((1, 0),), (1, 6))
    """
    digits = _digits(factors, leg.weights)
    listed = isinstance(leg.relation, Rows) or leg.relation.listed > 0
    if not listed or len(digits) < 2 or not all(is_known(digit.extent) for digit in digits):
        return leg
    for digit in digits:
        others = [other for other in digits if other is not digit]
        if all(other.axis != digit.axis for other in others):
            continue
        starts = _starts(others)
        if _all_alike(
            leg, [[start + digit.weight * k for start in starts] for k in range(int(digit.extent))]
        ):
            weights = _counted(others, 1)
            if weights is None:
                return leg
            window = gather(len(starts), len(starts), [[start] for start in starts])
            moved = _over(leg, _woven(leg.weights, others, weights), factors, window, "")
            return leg if moved is None else narrowed(moved, factors)
    return leg


def _all_alike(leg: Leg, groups: Sequence[Sequence[int]]) -> bool:
    """Tell whether the rows of some indices are, one by one, those of others."""
    if isinstance(leg.relation, Rows):
        rows = leg.relation.rows
        return all([rows[i] for i in group] == [rows[i] for i in groups[0]] for group in groups[1:])
    first = leg.relation.rows(groups[0])
    return all(leg.relation.rows(group) == first for group in groups[1:])


# ---- axes that are split and merged ------------------------------------------------------------------------


def split_axis(
    digits: Sequence[Num], weights: Sequence[tuple[int, ...]], extents: Sequence[Num]
) -> list[list[Digit]] | None:
    """Share out the digits of one axis to several, outermost first; None where they cannot be cut so.

    Parameters
    ----------
    digits : sequence of Num
        Extents of the digits.
    weights : sequence of tuple of int
        For each leg how far its index moves with each digit.
    extents : sequence of Num
        Extents of the axes that take the place of this one.
    """
    flat: list[Digit] = [
        (extent, tuple(mine[place] for mine in weights)) for place, extent in enumerate(digits)
    ]
    blank = (0,) * len(weights)
    if len(flat) == 1 and all(map(is_known, extents[1:])):
        (_, row), steps = flat[0], [int(prod(extents[place + 1 :])) for place in range(len(extents))]
        return [[(extent, tuple(w * step for w in row))] for extent, step in zip(extents, steps, strict=True)]
    return regroup_digits(flat, list(extents), blank) or regroup_digits(
        merge_digits(flat), list(extents), blank
    )


def total_of(digits: Sequence[Num]) -> Num:
    """Multiply extents of which some may be unknown."""
    total: Num = 1
    for extent in digits:
        if extent is UNKNOWN:
            return UNKNOWN
        total = total * extent
    return total
