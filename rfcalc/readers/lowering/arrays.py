"""Arithmetic on the elements of constants, done while a file is read; where extents are open, on formulas.

Elements are numpy arrays, of integers where all are known and of objects where some are formulas; numpy
applies the same operators to both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from rfcalc.algebra.number import Num, cdiv, equal, is_known, is_open, maximum, minimum, prove
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Undecided, default_axes
from rfcalc.readers.lowering.value import Value

Fold = Callable[[Any, list[Any]], Any]
"""What an operation does to arrays: it takes the operation and the arrays."""

each_max = np.frompyfunc(maximum, 2, 1)
each_min = np.frompyfunc(minimum, 2, 1)


def constant_value(data: Any) -> Value:
    """Return a constant whose elements are known.

    >>> constant_value(array_of((1, 3))).shape
    (2,)
    """
    return Value(TensorSpec(data.shape, default_axes(data.ndim), data.dtype.name), data=data)


def array_of(numbers: Iterable[Num]) -> Any:
    """Return numbers as an array: of integers, or where some are open of objects."""
    listed = list(numbers)
    if all(type(number) is int and -(1 << 62) < number < 1 << 62 for number in listed):
        return np.array(listed, dtype=np.int64)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def plain(array: Any) -> Any:
    """Return objects that are all plain integers as integers again."""
    if array.dtype.kind != "O":
        return np.asarray(array)
    return array_of(array.reshape(-1)).reshape(array.shape)


class Ratio:
    """A quotient of open extents as a float: what comes of it is rounded later, one way or the other.

    >>> Ratio(7, 2).rounded(up=True)
    4
    """

    __slots__ = ("over", "under")

    def __init__(self, over: Any, under: Any) -> None:
        self.over = over
        self.under = under

    def rounded(self, *, up: bool) -> Any:
        """Return the next whole number, upwards or downwards."""
        return cdiv(self.over, self.under) if up else self.over // self.under

    def __mul__(self, other: Any) -> Any:
        return Ratio(self.over * whole(other), self.under)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        return Ratio(self.over + whole(other) * self.under, self.under)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -whole(other)


def whole(value: Any) -> Any:
    """Return a float without a fraction as an integer; formulas are whole already.

    Raises
    ------
    Undecided
        It has a fraction, or is itself a quotient.
    """
    if is_known(value) or is_open(value):
        return value
    if isinstance(value, (float, np.floating, np.integer)) and float(value).is_integer():
        return int(value)
    raise Undecided


def quotient(a: Any, b: Any) -> Any:
    """Divide as floats do, where an extent is open."""
    if isinstance(a, Ratio):
        return Ratio(a.over, a.under * whole(b))
    over, under = whole(a), whole(b)
    return over // under if is_known(under) and under == 1 else Ratio(over, under)


each_quotient = np.frompyfunc(quotient, 2, 1)
each_whole = np.frompyfunc(whole, 1, 1)


def varied(arrays: Sequence[Any]) -> Num | None:
    """Return an element that is a number of many designs, if there is one."""
    objects = (each for array in arrays if array.dtype.kind == "O" for each in array.reshape(-1).tolist())
    return next((each for each in objects if is_known(each) and type(each) is not int), None)


def hold_formulas(args: list[Any]) -> bool:
    """Tell whether one of the arrays holds formulas."""
    return any(array.dtype.kind == "O" for array in args)


def arithmetic(function: Callable[[Any, Any], Any]) -> Fold:
    """Apply an operator; floats that meet formulas must be whole."""

    def fold(_: Any, args: list[Any]) -> Any:
        a, b = args
        if a.dtype.kind == "O" and b.dtype.kind == "f":
            b = each_whole(b)
        if b.dtype.kind == "O" and a.dtype.kind == "f":
            a = each_whole(a)
        return function(a, b)

    return fold


def compared(function: Callable[[Any, Any], Any]) -> Fold:
    """Apply a comparison, which must be decided for each element."""

    def compare(_: Any, args: list[Any]) -> Any:
        result = function(args[0], args[1])
        decided = [
            bool(each) if isinstance(each, (bool, np.bool_)) else prove(each)
            for each in np.asarray(result).reshape(-1)
        ]
        if None in decided:
            raise Undecided
        return np.array(decided, dtype=bool).reshape(np.shape(result))

    return compare


def all_equal(_: Any, args: list[Any]) -> Any:
    """Compare element by element."""
    a, b = np.broadcast_arrays(*args)
    if not hold_formulas([a, b]):
        return a == b
    decided = [equal(x, y) for x, y in zip(a.reshape(-1).tolist(), b.reshape(-1).tolist(), strict=True)]
    if None in decided:
        raise Undecided
    return np.array(decided, dtype=bool).reshape(a.shape)


def extreme(each: Any, at_once: Any) -> Fold:
    """Take the largest or smallest: of formulas each by itself, of numbers all at once."""

    def fold(_: Any, args: list[Any]) -> Any:
        objects = any(array.dtype.kind == "O" for array in args)
        return reduce(each if objects else at_once, args)

    return fold
