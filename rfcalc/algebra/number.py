"""The number vocabulary of the rules: one spelling for integers, formulas and arrays.

A rule is written once over ``Num``. Whatever is dynamic in it uses only ``+ - * //`` and the helpers
of this module, so that the same lines yield numbers (``int``), formulas (``sympy.Expr``), a grid of
designs (numpy integer arrays) or :data:`UNKNOWN` where the source leaves an extent open.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, Final

Num = Any
"""An ``int``, an ``Extent``, a ``sympy.Expr``, a numpy integer array or :data:`UNKNOWN`."""


class Unknown:
    """An extent that the source leaves open; arithmetic on it stays open, comparison is undecided."""

    __slots__ = ()

    is_open: Final = True

    def _absorb(self, _other: object = None) -> Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _absorb
    __lt__ = __le__ = __gt__ = __ge__ = _absorb

    def __mul__(self, other: object) -> Any:
        # nothing times anything is nothing, also where the anything is not known
        return 0 if type(other) is int and other == 0 else self

    __rmul__ = __mul__

    def __neg__(self) -> Unknown:
        return self

    def __bool__(self) -> bool:
        raise TypeError("an unknown number has no truth value; ask prove()")

    def __reduce__(self) -> str:
        return "UNKNOWN"

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = Unknown()


def is_known(value: Num) -> bool:
    """Tell whether `value` is a plain integer.

    >>> is_known(3), is_known(UNKNOWN)
    (True, False)
    """
    return type(value) is int


def is_open(value: Num) -> bool:
    """Tell whether `value` is an extent that the file leaves open, with a name or without.

    >>> is_open(UNKNOWN), is_open(7)
    (True, False)
    """
    return getattr(value, "is_open", False) is True


def is_one(value: Num) -> bool:
    """Tell whether `value` is certainly 1.

    >>> is_one(1), is_one(UNKNOWN)
    (True, False)
    """
    return is_known(value) and bool(value == 1)


def _family(a: Num, b: Num) -> str:
    if a is UNKNOWN or b is UNKNOWN:
        return "unknown"
    found = "int"
    for value in (a, b):
        module = type(value).__module__.partition(".")[0]
        if module in ("sympy", "numpy"):
            return module
        if module == "rfcalc":
            found = "extent"
    return found


def cdiv(a: Num, b: Num) -> Num:
    """Divide and round up, spelled with floor alone because floor and ceiling never cancel in sympy.

    >>> cdiv(7, 2)
    4
    """
    return (a + b - 1) // b


def _extreme(name: str, a: Num, b: Num) -> Num:
    if type(a) is int and type(b) is int:
        return max(a, b) if name == "maximum" else min(a, b)
    family = _family(a, b)
    if family == "unknown":
        return UNKNOWN
    if family == "numpy":  # an array exists, so numpy is loaded already
        return getattr(sys.modules["numpy"], name)(a, b)
    if family == "sympy":
        from rfcalc.algebra import symbols

        return symbols.maximum(a, b) if name == "maximum" else symbols.minimum(a, b)
    if family == "extent":
        from rfcalc.algebra import extent

        return extent.larger(a, b) if name == "maximum" else extent.smaller(a, b)
    return max(a, b) if name == "maximum" else min(a, b)


def maximum(a: Num, b: Num) -> Num:
    """Return the larger of two numbers; of arrays, element by element.

    >>> maximum(2, 5), maximum(2, UNKNOWN)
    (5, ?)
    """
    return _extreme("maximum", a, b)


def minimum(a: Num, b: Num) -> Num:
    """Return the smaller of two numbers; of arrays, element by element.

    >>> minimum(2, 5)
    2
    """
    return _extreme("minimum", a, b)


def prod(values: Iterable[Num]) -> Num:
    """Multiply numbers; a zero among them wins over an unknown.

    >>> prod([2, 3, 4]), prod([2, UNKNOWN]), prod([UNKNOWN, 0])
    (24, ?, 0)
    """
    result: Num = 1
    for value in values:
        result = result * value
    return result


def greatest_common(a: Num, b: Num) -> Num:
    """Return the greatest common divisor; of arrays, element by element.

    >>> greatest_common(12, 18)
    6
    """
    family = _family(a, b)
    if family in ("unknown", "extent"):
        return UNKNOWN
    if family == "numpy":
        return sys.modules["numpy"].gcd(a, b)
    if family == "sympy":
        from rfcalc.algebra import symbols

        return symbols.greatest_common(a, b)
    return math.gcd(a, b)


def prove(condition: Any) -> bool | None:
    """Decide a comparison of numbers: True, False, or None where it cannot be decided.

    >>> prove(3 > 2), prove(UNKNOWN > 2)
    (True, None)
    """
    if condition is True or condition is False:
        return bool(condition)
    if condition is UNKNOWN:
        return None
    module = type(condition).__module__.partition(".")[0]
    if module == "numpy":
        return True if condition.all() else None if condition.any() else False
    if module == "sympy":
        from rfcalc.algebra import symbols

        return symbols.decide(condition)
    raise TypeError(f"prove() takes a comparison of numbers, got {type(condition).__name__}")


def equal(a: Num, b: Num) -> bool | None:
    """Decide whether two numbers are equal: True, False, or None where it cannot be decided.

    >>> equal(3, 3), equal(3, 4), equal(3, UNKNOWN)
    (True, False, None)
    """
    if type(a) is int and type(b) is int:
        return a == b
    family = _family(a, b)
    if family == "unknown":
        return None
    if family == "sympy":
        from rfcalc.algebra import symbols

        return symbols.equal(symbols.formula_of(a), symbols.formula_of(b))
    if family == "extent":
        from rfcalc.algebra import extent

        return extent.equal(a, b)
    return prove(a == b)
