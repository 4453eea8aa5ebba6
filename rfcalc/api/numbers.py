"""Whole numbers of other libraries, such as numpy's, as Python's own."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, TypeVar

T = TypeVar("T")


def plain(value: T) -> T:
    """Return a number, or what holds numbers, with every whole number as an ``int``.

    Parameters
    ----------
    value : object
        A number, a sequence or a mapping of such, or anything else, which stays as it is.

    Examples
    --------
    >>> import numpy
    >>> plain({"x": (numpy.int64(8), None)}), plain(True)
    ({'x': (8, None)}, True)
    """
    return _plain(value)  # type: ignore[no-any-return]  # of the same sort


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    if type(value).__name__ == "ndarray" and value.ndim == 1:
        return tuple(map(_plain, value.tolist()))
    return value
