"""Mixed radix: tensor axes as products of digits, split, merged and regrouped by reshapes.

A digit is its extent and, for each leg of a dependence, how far the leg's virtual index moves with it.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import prod
from operator import index

from rfcalc.algebra.number import UNKNOWN, Num, is_known, is_one, is_same
from rfcalc.algebra.relation import MAX_PERIOD, Relation
from rfcalc.algebra.rows import Rows
from rfcalc.algebra.window import Window, gather, picked

Digit = tuple[Num, tuple[int, ...]]
"""(extent, weight for each leg)."""


def is_mixed_radix(digits: Sequence[tuple[Num, int]]) -> bool:
    """Tell whether digits, (extent, weight), can be read off the index that they add up to.

    >>> is_mixed_radix([(8, 7), (7, 1)]), is_mixed_radix([(8, 1), (8, 1)])
    (True, False)
    """
    room: Num = 1
    for extent, weight in sorted(digits, key=lambda digit: digit[1]):
        if not is_known(room) or weight % room:
            return False
        room = weight * extent if is_known(extent) else UNKNOWN
    return True


def mixing_window(mixed: Sequence[tuple[Num, int]]) -> Window | None:
    """Window over the virtual index that lets some of its digits, (extent, weight), run freely."""
    period = _period(mixed)
    return None if period is None else _mixing(index(period), tuple((index(e), w) for e, w in mixed))


@lru_cache(maxsize=64)
def _mixing(period: int, mixed: tuple[tuple[int, int], ...]) -> Window:
    """Return the window that lets digits run freely; layers of one shape ask for the same one."""
    moves = sorted({sum(t) for t in product(*(range(0, w * e, w) for e, w in mixed))})
    starts = _without(period, mixed)
    groups = {start: [start + move for move in moves] for start in set(starts)}
    # outputs with the same start share one list of taps: there may be thousands of them
    return gather(period, period, [groups[start] for start in starts])


def forgetting_window(unread: Sequence[tuple[Num, int]]) -> Window | None:
    """Window over the virtual index that takes some of its digits, (extent, weight), for 0."""
    period = _period(unread)
    return None if period is None else picked(period, _without(period, unread))


def _period(digits: Sequence[tuple[Num, int]]) -> int | None:
    """After how many indices digits repeat; None where that is not known, or too late to be listed."""
    if not all(is_known(extent) for extent, _ in digits):
        return None
    period = max(weight * extent for extent, weight in digits)
    return period if 0 < period <= MAX_PERIOD else None


def _without(period: int, digits: Sequence[tuple[Num, int]]) -> list[int]:
    """Return each index of a period less what some digits add to it."""
    left = list(range(period))
    for extent, weight in digits:
        left = [rest - i // weight % extent * weight for i, rest in enumerate(left)]
    return left


def one_window(window: Window, weight: int, extent: Num) -> Window | None:
    """Let the first window over the outermost digit of a virtual index be all that is left of the digit.

    What is below the digit moves on as it did; the digit moves the virtual index by `weight`.

    Examples
    --------
    >>> list(one_window(gather(1, 0, [[2]]), 8, 3).indices(5))
    [21]
    """
    if window.slack or not is_known(extent):
        return None
    taps = window.inside(0, index(extent))
    return gather(1, 1, [[weight * tap for tap in taps]]) if taps else None


def strided_window(window: Window, weight: int, extents: tuple[Num, Num] | None) -> Window | None:
    """Let a window read one digit of a virtual index that moves `weight` times as fast.

    Parameters
    ----------
    window : Window
        What an index of the digit reads.
    weight : int
        How far the virtual index moves with the digit; the digits below it stay as they are.
    extents : (Num, Num), optional
        Extents of the digit before and after, where other digits stand above it: the window does not reach
        into their neighbours. None for the outermost digit.

    Returns
    -------
    Window or None
        None where it repeats too late to be listed, or where an extent is not known.

    Examples
    --------
    >>> from rfcalc.algebra.window import slide
    >>> moved = strided_window(slide(3, lo=1), 2, None)
    >>> [list(moved.indices(i)) for i in (2, 3)]
    [[0, 2, 4], [1, 3, 5]]
    """
    if window.slack or not (is_known(window.period) and is_known(window.advance)):
        return None
    if extents is None:
        if window.border != "drop":
            return None
        period, advance = window.period, window.advance
        taps = [window.indices(i) for i in range(period)] if period * weight <= MAX_PERIOD else []
    else:
        before, after = extents
        if not (is_known(before) and is_known(after) and after > 0):
            return None
        period, advance = after, before
        taps = [window.inside(i, before) for i in range(period)] if period * weight <= MAX_PERIOD else []
    if not taps:
        return None
    rows = [[weight * tap + low for tap in row] for row in taps for low in range(weight)]
    return gather(period * weight, advance * weight, rows)


@lru_cache(maxsize=64)
def placed_window(start: int, extent: int, total: int) -> Window:
    """Window of one part of a concatenation: outputs before and behind it need nothing of it."""
    nothing: list[int] = []
    rows = [nothing] * start + [[i] for i in range(extent)] + [nothing] * (total - start - extent)
    return gather(total, total, rows)


def regroup_digits(flat: list[Digit], shape: list[Num], blank: tuple[int, ...]) -> list[list[Digit]] | None:
    """Share out digits to the axes of `shape`, from both ends so that one unknown may lie between."""
    front: list[list[Digit]] = []
    back: list[list[Digit]] = []
    while shape:
        group = _take(flat, shape[-1], blank)
        if group is None:
            break
        shape.pop()
        back.insert(0, group)
    while shape:
        if flat and is_same(flat[0][0], shape[0]) and len(shape) > 1:
            front.append([flat.pop(0)])
            shape.pop(0)
            continue
        break
    if len(shape) == 1 and not is_known(shape[0]):
        return [*front, flat or [(1, blank)], *back]
    if shape or any(extent != 1 for extent, _ in flat):
        return None
    return [*front, *back]


def _take(flat: list[Digit], extent: Num, blank: tuple[int, ...]) -> list[Digit] | None:
    """Take digits worth `extent` from the inner end of `flat`, splitting the last one where it must."""
    if not is_known(extent):
        if flat and flat[-1][0] is not UNKNOWN and is_same(flat[-1][0], extent):
            return [flat.pop()]
        return None
    group: list[Digit] = []
    taken: list[Digit] = []
    wanted = extent
    while wanted > 1:
        if not flat or not is_known(flat[-1][0]):
            flat.extend(reversed(taken))
            return None
        size, weights = flat.pop()
        taken.append((size, weights))
        if size <= wanted:
            if size == 0 or wanted % size:
                flat.extend(reversed(taken))
                return None
            group.insert(0, (size, weights))
            wanted //= size
            continue
        if size % wanted:
            flat.extend(reversed(taken))
            return None
        group.insert(0, (wanted, weights))
        flat.append((size // wanted, tuple(w * wanted for w in weights)))
        wanted = 1
    return group or [(1, blank)] if extent == 1 else group or None


def merge_digits(group: list[Digit]) -> list[Digit]:
    """Join neighbouring digits that count on from each other for every leg; drop those of one element."""
    out: list[Digit] = []
    for extent, given in group:
        weights = (0,) * len(given) if is_one(extent) else given
        if (
            out
            and is_known(extent)
            and all(o == w * extent for o, w in zip(out[-1][1], weights, strict=True))
        ):
            out[-1] = (out[-1][0] * extent, weights)
        elif extent != 1 or len(group) == 1:
            out.append((extent, weights))
    return out or [(1, tuple(0 for _ in group[0][1]))]


def common_digits(x: tuple[Num, ...], y: tuple[Num, ...]) -> tuple[Num, ...] | None:
    """Return the coarsest digits that refine both; None where there are none.

    >>> common_digits((12,), (3, 4)), common_digits((2, 6), (4, 3))
    ((3, 4), (2, 2, 3))
    """
    if x == y:
        return x
    if len(x) == 1 and len(y) == 1:  # the same extent, known to one side only
        return x if is_known(x[0]) else y
    left, right = list(x), list(y)
    out: list[Num] = []
    while left and right:
        p, q = left.pop(), right.pop()
        if is_same(p, q):
            out.insert(0, p)
        elif not (is_known(p) and is_known(q)):
            return None
        else:
            small, large, rest = (p, q, right) if p < q else (q, p, left)
            if small == 0 or large % small:
                return None
            out.insert(0, small)
            rest.append(large // small)
    return None if left or right else tuple(out)


def split_weights(old: Sequence[Num], weights: Sequence[int], new: Sequence[Num]) -> tuple[int, ...]:
    """Spell the weights of one axis for finer digits.

    >>> split_weights((12,), (1,), (3, 4))
    (4, 1)
    """
    out: list[int] = []
    fine = list(new)
    for extent, weight in zip(reversed(old), reversed(weights), strict=True):
        covered = 1
        while fine and (covered == 1 or (is_known(extent) and covered < extent)):
            digit = fine.pop()
            out.insert(0, weight * covered)
            covered = covered * digit if is_known(digit) else covered
            if not is_known(extent):
                break
    return tuple(out)


@lru_cache(maxsize=64)
def _folding(inner: tuple[int, ...], weights: tuple[int, ...]) -> Window:
    """Return the window of an axis over an index that its digits, all but the outermost known, move."""
    indices = [0]
    for extent, weight in zip(inner, weights[1:], strict=True):
        indices = [start + weight * value for start in indices for value in range(extent)]
    return picked(weights[0], indices)


def fold(relation: Relation | Rows, digits: Sequence[Num], weights: Sequence[int]) -> Relation | Rows | None:
    """Spell a relation over the digits of one axis as a relation over that axis's index."""
    inner = digits[1:] if len(digits) > 1 else ()
    if not all(map(is_known, inner)) or prod(inner) > MAX_PERIOD:
        return None
    outer = digits[0]
    extent: Num = outer * prod(inner) if is_known(outer) else UNKNOWN
    if weights[0] == 0 and not is_known(outer):
        return None
    window = _folding(tuple(map(index, inner)), tuple(weights))
    return (
        relation.after(window, extent)
        if isinstance(relation, Relation)
        else relation.after(window, int(extent))
    )
