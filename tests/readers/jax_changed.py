"""What the outputs of a function truly depend on: what changes with which index of its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

Row = tuple[int, int, int] | None
"""The first and the last index that is read, and how many are."""


def changed(function: Callable[[Any], Any], shape: Sequence[int], axis: int) -> list[Any]:
    """Return for each index of an axis which elements of the output change with what stands there."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0.1, 1.0, shape)
    run = jax.jit(function)
    before = np.asarray(run(x))
    found = []
    for index in range(shape[axis]):
        seen = np.zeros(before.shape, bool)
        for size in (1.0, 50.0):
            other = x.copy()
            place = (*(slice(None) for _ in range(axis)), index)
            other[place] = other[place] + size * rng.uniform(0.5, 1.5, other[place].shape)
            seen |= np.asarray(run(other)) != before
        found.append(seen)
    return found


def rows_of(found: Sequence[Any], place: int | None) -> list[Row]:
    """Return what each index of an axis of the output reads; with no place, what the whole output does."""
    reads = np.stack(list(found))
    rows: list[Row] = []
    for index in range(1 if place is None else reads.shape[place + 1]):
        part = reads if place is None else reads.take(index, axis=place + 1)
        taps = part.reshape(len(reads), -1).any(axis=1).nonzero()[0]
        rows.append((int(taps[0]), int(taps[-1]), len(taps)) if len(taps) else None)
    return rows
