"""Legs: the single ways on which a tensor depends on the input.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.rows import Rows
from rfcalc.records import NamedTuple

Factors = tuple[tuple[Num, ...], ...]
"""For each tensor axis the extents of its digits, outermost first."""

Weights = tuple[tuple[int, ...], ...]
"""For each tensor axis, for each of its digits: how far the virtual index moves with it."""


class Leg(NamedTuple):
    """One way on which a tensor depends on one spatial axis of the input.

    Parameters
    ----------
    axis : int
        Which spatial axis of the input.
    weights : tuple of tuple of int
        How the virtual index is made from the digits of the tensor's axes.
    relation : Relation or Rows
        Which input indices each virtual index needs.
    """

    axis: int
    weights: Weights
    relation: Relation | Rows

    @property
    def gridless(self) -> bool:
        """No axis of the tensor indexes it: every element depends on the same input indices."""
        return not any(map(any, self.weights))


def digits_of(factors: Factors, weights: Weights) -> list[tuple[Num, int]]:
    """List the digits that move the virtual index, as (extent, weight)."""
    return [
        (extent, weight)
        for digits, row in zip(factors, weights, strict=True)
        for extent, weight in zip(digits, row, strict=True)
        if weight and extent != 1
    ]


def span_of(factors: Factors, weights: Weights) -> Num:
    """Count the values that a virtual index takes, those between the first and the last."""
    top: Num = 1
    for digits, row in zip(factors, weights, strict=True):
        if not any(row):  # as of most axes
            continue
        for extent, weight in zip(digits, row, strict=True):
            if weight and extent != 1:
                if not is_known(extent):
                    return UNKNOWN
                top += weight * (extent - 1)
    return top
