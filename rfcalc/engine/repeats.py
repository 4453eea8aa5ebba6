"""A sequence cut into blocks that repeat, so that the least has to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rfcalc.records import NamedTuple


class Piece(NamedTuple):
    """A block of so many steps, so many times; something in it grows by a factor each time.

    Parameters
    ----------
    length : int
        Steps of the block.
    times : int
        How often it stands there.
    factor : int
        What grows is multiplied by this each time; 1 where nothing does.
    """

    length: int
    times: int
    factor: int = 1

    @property
    def steps(self) -> int:
        """How many steps it is in all."""
        return self.length * self.times


SINGLE = Piece(1, 1)
"""A step by itself."""


def cheapest(
    count: int, blocks_at: Callable[[int], Iterable[Piece]], cost: Callable[[int, Piece], float]
) -> list[Piece]:
    """Cut a sequence into pieces, the cheapest way to say it; the longest first among equals.

    Parameters
    ----------
    count : int
        Steps of the sequence.
    blocks_at : callable
        For a place, the blocks that repeat from there on.
    cost : callable
        What it costs to say a block that stands at a place; a step by itself costs 1.

    Examples
    --------
    >>> text = "xababab"
    >>> def blocks_at(place):
    ...     return [Piece(2, 3)] if text[place:] == "ababab" else []
    >>> [(piece.length, piece.times) for piece in cheapest(7, blocks_at, lambda place, piece: 2.5)]
    [(1, 1), (2, 3)]
    """
    costs = [0.0] * (count + 1)
    best = [SINGLE] * count
    for place in reversed(range(count)):
        options = [(1 + costs[place + 1], -1, SINGLE)]
        for piece in blocks_at(place):
            options.append((cost(place, piece) + costs[place + piece.steps], -piece.steps, piece))
        costs[place], _, best[place] = min(options)
    pieces, place = [], 0
    while place < count:
        pieces.append(best[place])
        place += best[place].steps
    return pieces
