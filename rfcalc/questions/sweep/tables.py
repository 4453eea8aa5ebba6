"""Columns of designs, as dicts of arrays: picking rows of them, and joining them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Columns: TypeAlias = dict[str, Any]
"""Arrays by name, all equally long; what is not known is masked."""


def rows(columns: Columns) -> int:
    """Return how many rows there are."""
    return len(next(iter(columns.values()))) if columns else 0


def picked(columns: Columns, chosen: Any) -> Columns:
    """Return the rows that a mask, a slice or an array of places chooses."""
    return {name: values[chosen] for name, values in columns.items()}


def joined(parts: Sequence[Columns]) -> Columns:
    """Put tables of the same columns below each other."""
    if len(parts) == 1:
        return parts[0]
    return {name: _stacked([part[name] for part in parts]) for name in parts[0]}


def _stacked(arrays: Sequence[Any]) -> Any:
    if any(array.dtype == object for array in arrays):
        arrays = [array.astype(object) for array in arrays]
    if any(isinstance(array, np.ma.MaskedArray) for array in arrays):
        return np.ma.concatenate(arrays)
    return np.concatenate(arrays)


def known(values: Any) -> Any:
    """Return where a column is known, as an array of truth values."""
    return ~np.ma.getmaskarray(values)


def listed(values: Any) -> list[Any]:
    """Return a column as Python's own values, None where it is not known.

    >>> listed(np.ma.MaskedArray([1, 2], [False, True]))
    [1, None]
    """
    found: list[Any] = values.tolist()
    return found
