"""Choosing among designs, block by block: the Pareto front of several measures, and the first by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rfcalc.errors import UsageError
from rfcalc.questions.sweep.ratios import Number
from rfcalc.questions.sweep.space import WIDEST
from rfcalc.questions.sweep.tables import Columns, picked, rows
from rfcalc.questions.sweep.where import values_of


@dataclass(frozen=True)
class Measure:
    """A figure that designs are chosen by, the smaller the better, or the larger.

    Parameters
    ----------
    name : str
        A column, or ``field``, ``extent`` or ``stride``, the smallest figure over the axes.
    largest : bool
        The larger the better.
    """

    name: str
    largest: bool = False

    def __str__(self) -> str:
        return f"-{self.name}" if self.largest else self.name


def measure(text: str) -> Measure:
    """Read a measure: ``macs`` for the smallest, ``-field`` for the largest.

    >>> measure("-field")
    Measure(name='field', largest=True)
    """
    name = text.strip()
    largest = name.startswith("-")
    name = name.removeprefix("-").strip()
    if not name:
        raise UsageError(f"{text!r} names no measure; give a column: params, or -field for the largest")
    return Measure(name, largest)


def measures(text: str) -> tuple[Measure, ...]:
    """Read measures between commas, each once.

    >>> [str(each) for each in measures("params, -field")]
    ['params', '-field']
    """
    found = tuple(map(measure, text.split(",")))
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice!r} is measured twice")
    return found


@dataclass(frozen=True)
class Choice:
    """What is kept of the designs.

    Parameters
    ----------
    pareto : tuple of Measure
        Keep those that no other surpasses in all of these: none that is as good in each, and better in one.
        Designs that are equal in all of them are kept together. Empty: keep all.
    top : int, optional
        Keep so many.
    by : Measure, optional
        The best first by this measure, those that are equal by their number; without it in the order of their
        numbers.
    """

    pareto: tuple[Measure, ...] = ()
    top: int | None = None
    by: Measure | None = None

    @property
    def chooses(self) -> bool:
        """Whether anything is left out, or put into another order."""
        return bool(self.pareto) or self.by is not None or self.top is not None

    def of(self, columns: Columns) -> Columns:
        """Return the designs that are kept of these, which lie in the order of their numbers.

        What is kept of two tables below each other is what is kept of what is kept of each, as long as all of
        it is put into order in the end alone (`ordered`).
        """
        if self.pareto:
            columns = picked(columns, front(columns, self.pareto))
        if self.top is not None and rows(columns) > self.top and not self.pareto:
            columns = picked(columns, np.sort(self._best(columns)[: self.top]))
        return columns

    def ordered(self, columns: Columns) -> Columns:
        """Put what is kept of all designs into its order."""
        if self.by is not None:
            columns = picked(columns, self._best(columns))
        return columns if self.top is None else picked(columns, slice(0, self.top))

    def _best(self, columns: Columns) -> Any:
        """Return the places of the designs of which the measure is known, the best first."""
        if self.by is None:
            return np.arange(rows(columns))
        keys, there = _keys(columns, self.by)
        places = np.flatnonzero(np.broadcast_to(there, rows(columns)))
        return places[np.argsort(keys[places], kind="stable")]


def front(columns: Columns, by: Sequence[Measure]) -> Any:
    """Return which designs no other surpasses, as a mask; where a measure is not known, a design is none."""
    found = [_keys(columns, each) for each in by]
    there = np.logical_and.reduce([np.broadcast_to(known, rows(columns)) for _, known in found])
    places = np.flatnonzero(there)
    keys = [values[places] for values, _ in found]
    left = _near(keys)
    points = np.stack([_ranks(values[left]) for values in keys], axis=1)
    mask = np.zeros(rows(columns), dtype=bool)
    mask[places[left[_best_of(points)]]] = True
    return mask


def _near(keys: Sequence[Any]) -> Any:
    """Return the places of those that some good designs do not surpass: quickly, and all of the front's."""
    left = np.arange(len(keys[0]))
    if len(left) < _FEW:
        return left
    scaled = [_scaled(values) for values in keys]
    for weights in _WEIGHTS:
        shares = zip(_cycled(weights, scaled), scaled, strict=True)
        good = left[np.argmin(sum(weight * values[left] for weight, values in shares))]
        at_least = np.logical_and.reduce([values[left] >= values[good] for values in keys])
        larger = np.logical_or.reduce([values[left] > values[good] for values in keys])
        left = left[~(at_least & larger)]
    return left


_FEW: Final = 1000

_WEIGHTS: Final = ((1, 1, 1), (8, 1, 1), (1, 8, 1), (1, 1, 8), (1, 8, 8), (8, 1, 8), (8, 8, 1))
"""Weights of three measures; of more they come again."""


def _cycled(weights: Sequence[int], scaled: Sequence[Any]) -> Sequence[int]:
    return [weights[place % len(weights)] for place in range(len(scaled))]


def _scaled(values: Any) -> Any:
    """Return a measure as shares of its largest magnitude, in floats: enough to find good designs by."""
    real = values.astype(float)
    largest = np.abs(real).max()
    return real / largest if largest and np.isfinite(largest) else real


def _best_of(points: Any) -> Any:
    """Return which rows of an array no other surpasses: as small everywhere, and smaller somewhere."""
    distinct, which = np.unique(points, axis=0, return_inverse=True)
    left = np.arange(len(distinct))
    left = left[np.argsort(distinct.sum(axis=1), kind="stable")]  # nothing surpasses the smallest sum
    kept = np.zeros(len(distinct), dtype=bool)
    while len(left):
        best = left[0]
        kept[best] = True
        left = left[np.any(distinct[left] < distinct[best], axis=1)]
    return kept[which.reshape(-1)]


def _ranks(values: Any) -> Any:
    """Return the ranks of values, the smallest 0, equal ones alike."""
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _keys(columns: Columns, by: Measure) -> tuple[Any, Any]:
    """Return numbers that are the smaller, the better a design is by a measure, and where it is known."""
    number = values_of(by.name, columns)
    keys = _ordered(number)
    if not by.largest:
        return keys, number.known
    if keys.dtype == np.int64 and len(keys) and keys.min() == -WIDEST:
        keys = keys.astype(object)  # it has no opposite in 64 bits
    return -keys, number.known


def _ordered(number: Number) -> Any:
    """Return what is ordered as numbers are: a field of the whole input is larger than any other."""
    if number.real is not None:
        return number.real
    top, bottom = np.asarray(number.top), np.asarray(number.bottom)
    everything = bottom == 0
    if not np.any(everything):
        return top
    largest = max(map(int, top[~everything]), default=0) + 1
    return np.where(everything, largest, top.astype(object))
