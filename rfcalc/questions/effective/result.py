"""The answer, as plain data: what is found, before it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SHARES: Final = (0.5, 0.9, 0.99)
"""Shares of the weight whose width is told."""


_ENOUGH: Final = 1 - 1e-9  # a sum of shares, as far as floating point goes


@dataclass(frozen=True, slots=True)
class EffectiveAxis:
    """What the positions of one spatial axis weigh in one unit.

    Parameters
    ----------
    extent : int
        Positions of the input.
    at : int, optional
        The unit's index on this axis; None where its layer keeps no grid.
    weights : tuple of float
        For each position its share of the weight; they sum to 1.
    first, last : int
        The first and the last position that weigh anything.
    widths : tuple of int
        For each of `SHARES` the fewest neighbouring positions that hold so much.
    """

    extent: int
    at: int | None
    weights: tuple[float, ...]
    first: int
    last: int
    widths: tuple[int, ...]

    @property
    def field(self) -> int:
        """Positions from the first to the last that weigh anything."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class EffectiveResult:
    """What the positions of the input weigh in one unit of a layer.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input.
    axes : tuple of EffectiveAxis
        One for each spatial axis of the input.
    """

    model: str
    layer: str
    input: str
    axes: tuple[EffectiveAxis, ...]


def narrowest(weights: Sequence[float], share: float) -> int:
    """Return the fewest neighbouring positions that hold a share of the weight.

    >>> narrowest([0.1, 0.2, 0.4, 0.2, 0.1], 0.5), narrowest([0.1, 0.2, 0.4, 0.2, 0.1], 0.8)
    (2, 3)
    """
    begin, end = narrowest_span(weights, share)
    return end - begin


def narrowest_span(weights: Sequence[float], share: float) -> tuple[int, int]:
    """Return where the fewest neighbouring positions lie that hold a share of the weight, the end excluded.

    Of several that are as narrow the one that lies most in the middle of the weight.

    >>> narrowest_span([0.1, 0.2, 0.4, 0.2, 0.1], 0.8)
    (1, 4)
    """
    total = sum(weights)
    wanted = share * total * _ENOUGH
    middle = sum(place * weight for place, weight in enumerate(weights)) / total if total else 0.0
    best = (len(weights), 0.0, 0, len(weights))
    begin, held = 0, 0.0
    for end, weight in enumerate(weights, 1):
        held += weight
        while begin < end and held - weights[begin] >= wanted:
            held -= weights[begin]
            begin += 1
        if held >= wanted:
            best = min(best, (end - begin, abs((begin + end - 1) / 2 - middle), begin, end))
    return best[2:]
