"""The number vocabulary of the rules: one spelling for integers, formulas and many designs.

A rule is written once over ``Num``. Whatever is dynamic in it uses only ``+ - * //`` and the helpers
of this module, so that the same lines yield numbers (``int``), formulas (``sympy.Expr``), a grid of
designs (:mod:`rfcalc.algebra.batch`) or :data:`UNKNOWN` where the source leaves an extent open.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Final

from rfcalc.records import NamedTuple

Num = Any
"""An ``int``, an ``Extent``, a ``sympy.Expr``, a ``Batch`` or :data:`UNKNOWN`."""


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


_KNOWN: Final[set[type]] = {int}
"""Classes of numbers that are known: integers, and what enters here, integers of many designs at once."""


def enter_known(kind: type) -> None:
    """Let numbers of that class count as known."""
    _KNOWN.add(kind)


def is_known(value: Num) -> bool:
    """Tell whether `value` is an integer, of one design or of many.

    >>> is_known(3), is_known(UNKNOWN)
    (True, False)
    """
    return type(value) in _KNOWN


def as_integer(value: Num) -> Num:
    """Return a whole number as an integer, whatever its class was; those of many designs are.

    >>> as_integer(3.0)
    3
    """
    return value if type(value) in _KNOWN else int(value)


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


class Family(NamedTuple):
    """How one kind of number answers what it has no operator for.

    Each function takes numbers of which at least one is of this kind.

    Parameters
    ----------
    rank : int
        Where two kinds meet, the one of higher rank answers; integers have rank 0.
    maximum, minimum, greatest_common : callable
        What the functions of these names return.
    equal : callable
        Whether two numbers are equal: True, False, or None where it cannot be decided.
    decide : callable
        The same of what a comparison of such numbers gives.
    """

    rank: int
    maximum: Callable[[Num, Num], Num]
    minimum: Callable[[Num, Num], Num]
    greatest_common: Callable[[Num, Num], Num]
    equal: Callable[[Num, Num], bool | None]
    decide: Callable[[Any], bool | None]


def of_no_comparison(condition: Any) -> bool | None:
    """Refuse to decide what is no comparison.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError(f"prove() takes a comparison of numbers, got {type(condition).__name__}")


def unknown(*_: Any) -> Num:
    """Return UNKNOWN, whatever the numbers."""
    return UNKNOWN


def undecided(*_: Any) -> None:
    """Return None, whatever the numbers."""


_INTEGERS: Final = Family(0, max, min, math.gcd, operator.eq, of_no_comparison)

_OPEN: Final = Family(3, unknown, unknown, unknown, undecided, undecided)

_FAMILIES: Final[dict[str | type, Family]] = {}
"""Families by class, or by its package. The modules of other numbers enter theirs; they import this one."""


def enter(kind: str | type, family: Family) -> None:
    """Let `family` answer for numbers of a class, or for those whose class is of a package."""
    _FAMILIES[kind] = family


def _family(*values: Num) -> Family:
    """Return the family that answers for numbers that meet, or for a comparison."""
    found = _INTEGERS
    for value in values:
        if value is UNKNOWN:
            return _OPEN
        kind = type(value)
        family = _FAMILIES.get(kind) or _FAMILIES.get(kind.__module__.partition(".")[0], _INTEGERS)
        if family.rank > found.rank:
            found = family
    return found


def cdiv(a: Num, b: Num) -> Num:
    """Divide and round up, spelled with floor alone because floor and ceiling never cancel in sympy.

    >>> cdiv(7, 2)
    4
    """
    return (a + b - 1) // b


def maximum(a: Num, b: Num) -> Num:
    """Return the larger of two numbers; of many designs, design by design.

    >>> maximum(2, 5), maximum(2, UNKNOWN)
    (5, ?)
    """
    return max(a, b) if type(a) is int and type(b) is int else _family(a, b).maximum(a, b)


def minimum(a: Num, b: Num) -> Num:
    """Return the smaller of two numbers; of many designs, design by design.

    >>> minimum(2, 5)
    2
    """
    return min(a, b) if type(a) is int and type(b) is int else _family(a, b).minimum(a, b)


_PLAIN: Final = frozenset((int,))


def all_integers(values: Iterable[object]) -> bool:
    """Tell whether all of some numbers are plain integers, as nearly always.

    >>> all_integers((3, 4)), all_integers((3, UNKNOWN))
    (True, False)
    """
    return _PLAIN.issuperset(map(type, values))


def greatest(values: Sequence[Num]) -> Num:
    """Return the largest of some numbers.

    >>> greatest([2, 5, 3])
    5
    """
    return max(values) if all_integers(values) else reduce(maximum, values)


def least_of(values: Sequence[Num]) -> Num:
    """Return the smallest of some numbers.

    >>> least_of([2, 5, 3])
    2
    """
    return min(values) if all_integers(values) else reduce(minimum, values)


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
    """Return the greatest common divisor; of many designs, design by design.

    >>> greatest_common(12, 18)
    6
    """
    return _family(a, b).greatest_common(a, b)


def prove(condition: Any) -> bool | None:
    """Decide a comparison of numbers: True, False, or None where it cannot be decided.

    >>> prove(3 > 2), prove(UNKNOWN > 2)
    (True, None)
    """
    if condition is True or condition is False:
        return bool(condition)
    return _family(condition).decide(condition)


def equal(a: Num, b: Num) -> bool | None:
    """Decide whether two numbers are equal: True, False, or None where it cannot be decided.

    >>> equal(3, 3), equal(3, 4), equal(3, UNKNOWN)
    (True, False, None)
    """
    return a == b if type(a) is int and type(b) is int else _family(a, b).equal(a, b)


def is_same(a: Num, b: Num) -> bool:
    """Tell whether two extents are certainly the same one; an unknown matches an unknown at its place.

    >>> is_same(3, 3), is_same(UNKNOWN, UNKNOWN), is_same(UNKNOWN, 3)
    (True, True, False)
    """
    return a is b or equal(a, b) is True
