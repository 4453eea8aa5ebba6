"""Reshapes as groups of axes that are merged and split; what roles behind one tell of those before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rfcalc.algebra.number import Num, equal
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL


def regrouped(before: Sequence[Num], after: Sequence[Num]) -> tuple[int, ...] | None:
    """Return how many axes before a reshape, and how many behind it, hold the same elements, group by group.

    None where extents that are not known leave that open, or where all is one group.

    >>> regrouped((2, 9, 4), (18, 4)), regrouped((2, 12, 4), (2, 3, 4, 4))
    ((2, 1, 1, 1), (1, 1, 1, 2, 1, 1))
    """
    counts: list[int] = []
    left, right = list(before), list(after)
    while left and right:
        taken, made = [left.pop(0)], [right.pop(0)]
        if equal(taken[0], made[0]) is not True:
            one, two = taken[0], made[0]
            while one != two:
                known = type(one) is int and type(two) is int and min(one, two) > 0
                if not known or not (left if one < two else right):
                    return None
                if one < two:
                    taken.append(left.pop(0))
                    one *= taken[-1]
                else:
                    made.append(right.pop(0))
                    two *= made[-1]
        counts += [len(taken), len(made)]
    if left or right or len(counts) < 4:
        return None
    return tuple(counts)


def before_regroup(counts: Sequence[int], axes: str) -> str | None:
    """Return the roles of axes before a reshape from those behind it; None where these leave them open.

    Where samples are merged of several axes, the first is the batch, and the others are positions: steps of a
    sequence, frames of a video. If nothing else is, they are channels. Features that are merged tell nothing.

    >>> before_regroup((2, 1, 1, 1), "bc"), before_regroup((2, 1, 1, 1, 1, 1, 1, 1), "bcss")
    ('bsc', 'bscss')
    """
    starts = accumulate(counts[1::2], initial=0)
    found = ""
    doubtful: list[int] = []
    for (taken, made), start in zip(zip(counts[::2], counts[1::2], strict=True), starts, strict=False):
        roles = axes[start : start + made]
        if taken > 1 and (made > 1 or roles == CHANNEL):
            return None
        if made > 1:
            found += _whole(roles)
        elif taken > 1 and roles == BATCH and BATCH not in found:
            doubtful += range(len(found) + 1, len(found) + taken)
            found += BATCH + SPATIAL * (taken - 1)
        else:
            found += roles * taken
    if CHANNEL not in found:
        found = "".join(CHANNEL if place in doubtful else role for place, role in enumerate(found))
    return found if found.count(BATCH) < 2 else None


def _whole(roles: str) -> str:
    """Return the role of an axis that is split into axes of these roles."""
    if roles[-1] == CHANNEL:
        return CHANNEL
    return next(role for role in (SPATIAL, BATCH, CHANNEL) if role in roles)


def before_select(place: int, axes: str) -> str:
    """Return the roles of axes before one element of an axis is taken: of positions, or the only channels.

    >>> before_select(1, "bcss"), before_select(1, "bss")
    ('bscss', 'bcss')
    """
    return axes[:place] + (SPATIAL if CHANNEL in axes else CHANNEL) + axes[place:]
