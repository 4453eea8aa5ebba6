"""Longest common subsequences of long sequences, at a cost that grows in proportion to their length.

What is small is compared element by element. Else elements that occur once in both are anchors (patience
diff), and between them the same is done again; what has no anchor is paired in order of occurrence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

_CELLS: Final = 10_000
"""Pairs of elements that are compared with each other, between two anchors."""

_DEEPEST: Final = 24
"""How often what lies between anchors is searched for further ones."""

Pair = tuple[int, int]
Gap = tuple[int, int, int, int]


class Work:
    """How many elements were looked at."""

    def __init__(self) -> None:
        self.steps = 0


def aligned(old: Sequence[int], new: Sequence[int], work: Work) -> list[Pair]:
    """Return the places of equal elements that stand in the same order in both.

    Parameters
    ----------
    old, new : sequence of int
        What to align.
    work : Work
        Where the effort is counted.

    Examples
    --------
    >>> aligned([1, 2, 3, 4], [1, 3, 5, 4], Work())
    [(0, 0), (2, 1), (3, 3)]
    """
    pairs: list[Pair] = []
    gaps: list[tuple[Gap, int]] = [((0, len(old), 0, len(new)), 0)]
    while gaps:
        gap, depth = gaps.pop()
        ends, (a, b, c, d) = _ends(old, new, gap)
        pairs += ends
        work.steps += len(ends) + b - a + d - c
        if a == b or c == d:
            continue
        if (b - a) * (d - c) <= _CELLS:
            work.steps += (b - a) * (d - c)
            pairs += _table(old, new, (a, b, c, d))
            continue
        anchors = _rising(_once(old, new, (a, b, c, d)))
        if not anchors or depth == _DEEPEST:
            pairs += _rising(_by_occurrence(old, new, (a, b, c, d)))
            continue
        pairs += anchors
        for (i, j), (k, m) in zip([(a - 1, c - 1), *anchors], [*anchors, (b, d)], strict=True):
            if i + 1 < k and j + 1 < m:
                gaps.append(((i + 1, k, j + 1, m), depth + 1))
    return sorted(pairs)


def _ends(old: Sequence[int], new: Sequence[int], gap: Gap) -> tuple[list[Pair], Gap]:
    """Pair what two stretches begin and end with."""
    a, b, c, d = gap
    pairs = []
    while a < b and c < d and old[a] == new[c]:
        pairs.append((a, c))
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
        pairs.append((b, d))
    return pairs, (a, b, c, d)


def _places(sequence: Sequence[int], start: int, stop: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for place in range(start, stop):
        found.setdefault(sequence[place], []).append(place)
    return found


def _once(old: Sequence[int], new: Sequence[int], gap: Gap) -> list[Pair]:
    """Pair the elements that occur once in both stretches."""
    a, b, c, d = gap
    there = _places(new, c, d)
    return [
        (here[0], there[element][0])
        for element, here in _places(old, a, b).items()
        if len(here) == 1 and len(there.get(element, ())) == 1
    ]


def _by_occurrence(old: Sequence[int], new: Sequence[int], gap: Gap) -> list[Pair]:
    """Pair the first of equal elements with the first, the second with the second, and so on."""
    a, b, c, d = gap
    there = _places(new, c, d)
    pairs = [
        pair
        for element, here in _places(old, a, b).items()
        for pair in zip(here, there.get(element, ()), strict=False)
    ]
    return sorted(pairs)


def _rising(pairs: Sequence[Pair]) -> list[Pair]:
    """Return a longest choice of pairs that rises in both places; given are those in order of the first."""
    tails: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tails, place)
        before.append(last[length - 1] if length else -1)
        tails[length : length + 1] = [place]
        last[length : length + 1] = [number]
    chosen = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


def _table(old: Sequence[int], new: Sequence[int], gap: Gap) -> list[Pair]:
    """Find a longest common subsequence by the table of all pairs."""
    a, b, c, d = gap
    best = [[0] * (d - c + 1) for _ in range(b - a + 1)]
    for i in reversed(range(b - a)):
        for j in reversed(range(d - c)):
            best[i][j] = (
                best[i + 1][j + 1] + 1 if old[a + i] == new[c + j] else max(best[i + 1][j], best[i][j + 1])
            )
    pairs = []
    i = j = 0
    while i < b - a and j < d - c:
        if old[a + i] == new[c + j]:
            pairs.append((a + i, c + j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
