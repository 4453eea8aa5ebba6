"""Numbers of many designs at once, on which the rules and both passes run as they are.

A :class:`Batch` is an integer that differs from design to design. Arithmetic gives batches, and a plain
integer where all designs agree. A comparison gives a truth value where it holds for all designs or for none.
Where it holds for some, whoever asks for its truth ends the run with :class:`Divided`, which says for which:
the designs are then run apart (`rfcalc.engine.designs`). So every ``if`` on the way from file to figure is
taken by all designs of a run alike, and a run on a batch says of each design what a run on its numbers says.

Integers stay exact: what may not fit into 64 bits is held as Python's integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from numbers import Rational
from typing import Any, Final, TypeAlias

import numpy as np

from rfcalc.algebra.number import UNKNOWN, Family, Num, enter, enter_known

Array: TypeAlias = Any
"""An array of numpy's, of int64, of float64, or of objects that are Python's integers."""

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1

_spelled: ContextVar[list[Batch] | None] = ContextVar("spelled", default=None)

_OPENING, _CLOSING = "\ue000", "\ue001"
"""What encloses the number of a batch in a text, private characters that no message holds otherwise."""


class Divided(BaseException):
    """Designs differ in what decides the way on; they have to be run apart.

    No error, and therefore no `Exception`: nobody on the way may take it for one.

    Parameters
    ----------
    labels : array
        What decides, for each design; it broadcasts to the shape of the designs.
    """

    def __init__(self, labels: Array) -> None:
        super().__init__("designs differ in what decides the way on")
        self.labels = labels


class Mixed:
    """A comparison that holds for some designs."""

    __slots__ = ("mask",)

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def __bool__(self) -> bool:
        raise Divided(self.mask)


class Batch:
    """An integer (or a share) for each of several designs, not all the same.

    Make one with :func:`batch`.

    Parameters
    ----------
    values : array
        The numbers, in an array that broadcasts to the shape of the designs.
    least, most : int or float
        The smallest and the largest of them.

    Examples
    --------
    >>> width = batch([16, 32, 64])
    >>> (3 * width + 1) // 2
    <Batch [24 48 96]>
    >>> width - width, width > 8, width == 7
    (0, True, False)
    """

    __slots__ = ("least", "most", "values")

    def __init__(self, values: Array, least: Any, most: Any) -> None:
        self.values = values
        self.least = least
        self.most = most

    # ---- arithmetic --------------------------------------------------------------------------------------

    def __add__(self, other: Num) -> Num:
        ends = _ends(other)
        if ends is None:
            return other if _absorbs(other) else _no_number(self, other)
        return _made(*_operands(self, other, (self.least + ends[0], self.most + ends[1])), np.add)

    __radd__ = __add__

    def __neg__(self) -> Num:
        return 0 - self

    def __abs__(self) -> Num:
        return self if self.least >= 0 else larger(self, -self)

    def __sub__(self, other: Num) -> Num:
        ends = _ends(other)
        if ends is None:
            return -other if _absorbs(other) else _no_number(self, other)
        return _made(*_operands(self, other, (self.least - ends[1], self.most - ends[0])), np.subtract)

    def __rsub__(self, other: Num) -> Num:
        ends = _ends(other)
        if ends is None:
            return other if _absorbs(other) else _no_number(self, other)
        a, b = _operands(self, other, (ends[0] - self.most, ends[1] - self.least))
        return _made(b, a, np.subtract)

    def __mul__(self, other: Num) -> Num:
        ends = _ends(other)
        if ends is None:
            return UNKNOWN if other is UNKNOWN else _no_number(self, other)
        corners = [a * b for a in (self.least, self.most) for b in ends]
        return _made(*_operands(self, other, corners), np.multiply)

    __rmul__ = __mul__

    def __floordiv__(self, other: Num) -> Num:
        return _divided(self, other, np.floor_divide)

    def __rfloordiv__(self, other: Num) -> Num:
        return _divided(other, self, np.floor_divide)

    def __mod__(self, other: Num) -> Num:
        return _divided(self, other, np.mod)

    def __rmod__(self, other: Num) -> Num:
        return _divided(other, self, np.mod)

    def __divmod__(self, other: Num) -> tuple[Num, Num]:
        return self // other, self % other

    def __rdivmod__(self, other: Num) -> tuple[Num, Num]:
        return other // self, other % self

    def __truediv__(self, other: Num) -> Num:
        return _divided(self, other, np.true_divide)

    def __rtruediv__(self, other: Num) -> Num:
        return _divided(other, self, np.true_divide)

    def __pow__(self, other: Num) -> Num:
        return _power(self, other)

    def __rpow__(self, other: Num) -> Num:
        return _power(other, self)

    # ---- comparison --------------------------------------------------------------------------------------

    def __lt__(self, other: Num) -> Any:
        return _compared(self, other, np.less, lambda a, b, c, d: (b < c, a >= d))

    def __le__(self, other: Num) -> Any:
        return _compared(self, other, np.less_equal, lambda a, b, c, d: (b <= c, a > d))

    def __gt__(self, other: Num) -> Any:
        return _compared(self, other, np.greater, lambda a, b, c, d: (a > d, b <= c))

    def __ge__(self, other: Num) -> Any:
        return _compared(self, other, np.greater_equal, lambda a, b, c, d: (a >= d, b < c))

    def __eq__(self, other: object) -> Any:
        return self is other or _compared(self, other, np.equal, lambda a, b, c, d: (False, b < c or a > d))

    def __ne__(self, other: object) -> Any:
        if self is other:
            return False
        return _compared(self, other, np.not_equal, lambda a, b, c, d: (b < c or a > d, False))

    # by identity, though equal batches may be two objects: a cache then misses, which costs time and no more
    __hash__ = object.__hash__

    # ---- where one number is needed ----------------------------------------------------------------------

    def __bool__(self) -> bool:
        if self.least > 0 or self.most < 0:
            return True
        return bool(self != 0)

    def __index__(self) -> int:
        raise Divided(self.values)

    __int__ = __index__

    @property
    def numerator(self) -> int:
        """What a fraction is made of: one number."""
        raise Divided(self.values)

    denominator = numerator

    def __float__(self) -> float:
        raise Divided(self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return Batch, (self.values, self.least, self.most)

    # ---- texts -------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        texts = _spelled.get()
        return f"<Batch {self.values.ravel()}>" if texts is None else format(self)

    def __format__(self, spec: str) -> str:
        texts = _spelled.get()
        if texts is None:
            return repr(self)
        texts.append(self)
        return f"{_OPENING}{len(texts) - 1}:{spec}{_CLOSING}"

    __str__ = __repr__


def batch(values: Any) -> Num:
    """Return one number for many designs: a plain one where all are the same.

    Parameters
    ----------
    values : array_like
        Integers, one a design.

    Examples
    --------
    >>> batch([3, 3]), batch([2**62, 3]) * 4 // 2**62
    (3, <Batch [4 0]>)
    """
    array = np.asarray(values)
    if array.dtype.kind not in "ib":  # numpy makes floats, or numbers without a sign, of what is too large
        array = np.array(values, dtype=object)
    return _number(array)


def values_of(number: Num) -> Any:
    """Return the array that a number is, or a number of one value itself."""
    return number.values if type(number) is Batch else number


def larger(a: Num, b: Num) -> Num:
    """Return the larger of two numbers, design by design."""
    return _extreme(a, b, np.maximum, lambda p, q: p >= q)


def smaller(a: Num, b: Num) -> Num:
    """Return the smaller of two numbers, design by design."""
    return _extreme(a, b, np.minimum, lambda p, q: p <= q)


def _gcd(a: Num, b: Num) -> Num:
    x, y = _operands(a, b, [-end for each in (a, b) for end in _ends(each) or ()])
    if object in (getattr(x, "dtype", None), getattr(y, "dtype", None)):
        return _number(np.asarray(np.frompyfunc(math.gcd, 2, 1)(x, y)))
    return _made(x, y, np.gcd)


enter_known(Batch)
Rational.register(Batch)  # so that a fraction asks for its numerator, and designs are run apart
for _kind in (Batch, Mixed):
    enter(_kind, Family(2, larger, smaller, _gcd, lambda a, b: bool(a == b), bool))


# ---- texts -------------------------------------------------------------------------------------------------


@contextmanager
def spelling() -> Iterator[list[Batch]]:
    """Let numbers of many designs stand in texts by their place in the list that is given; see `parts_of`."""
    token = _spelled.set([])
    try:
        held = _spelled.get()
        assert held is not None
        yield held
    finally:
        _spelled.reset(token)


def parts_of(text: str) -> list[tuple[str, int | None, str]]:
    """Take a text apart: pieces of text, each with the number that follows it, and how that is written.

    >>> parts_of("a map of 3")
    [('a map of 3', None, '')]
    """
    found: list[tuple[str, int | None, str]] = []
    head, *others = text.split(_OPENING)
    for other in others:
        marked, _, tail = other.partition(_CLOSING)
        number, _, spec = marked.partition(":")
        found.append((head, int(number), spec))
        head = tail
    found.append((head, None, ""))
    return found


# ---- inside ------------------------------------------------------------------------------------------------


def _ends(number: Any) -> tuple[Any, Any] | None:
    """Return the least and the largest value of a number; None of what is open, endless or no number."""
    if type(number) is Batch:
        return number.least, number.most
    if type(number) is int or type(number) is bool or (type(number) is float and math.isfinite(number)):
        return number, number
    return None


def _no_number(a: Any, b: Any) -> Any:
    """Say that two numbers cannot be computed with; with a fraction, each design is run by itself."""
    for each, other in ((a, b), (b, a)):
        if isinstance(each, Fraction):
            raise Divided(other.values)
    return NotImplemented


def _absorbs(other: Any) -> bool:
    """Tell whether a sum with anything is `other` itself: what is open, or endless."""
    return other is UNKNOWN or (type(other) is float and math.isinf(other))


def _operands(a: Any, b: Any, results: Any) -> tuple[Any, Any]:
    """Return two numbers for numpy, wide enough for the results whose ends are given."""
    x, y = values_of(a), values_of(b)
    ends = [*results, *(end for end in (a, b) if type(end) is int)]
    if all(type(end) is float or _LEAST <= end <= _MOST for end in ends):
        return x, y
    return _as_objects(x), _as_objects(y)


def _as_objects(value: Any) -> Any:
    return value.astype(object) if isinstance(value, np.ndarray) and value.dtype != object else value


def _made(a: Any, b: Any, function: Callable[[Any, Any], Any]) -> Num:
    return _number(np.asarray(function(a, b)))


def _number(values: Array) -> Num:
    """Return a batch, or the one number that all designs have."""
    if values.dtype == object and type(values.flat[0]) is float:  # of a share and integers beyond 64 bits
        values = values.astype(np.float64)
    if values.dtype == np.float64:
        least, most = float(values.min()), float(values.max())
        return least if least == most else Batch(values, least, most)
    least, most = int(values.min()), int(values.max())
    if least == most:
        return least
    if values.dtype != object or (least >= _LEAST and most <= _MOST):
        values = values.astype(np.int64, copy=False)
    return Batch(values, least, most)


def _divided(a: Any, b: Any, function: Callable[[Any, Any], Any]) -> Num:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if _ends(a) is None or _ends(b) is None:
        return _no_number(a, b)
    if not b:  # designs whose divisor is zero are run apart, and are told of it there
        raise ZeroDivisionError("division by zero")
    x, y = _operands(a, b, (-value for value in (_ends(a) or ()) if type(value) is int))
    if function is not np.true_divide:
        return _made(x, y, function)
    if all(type(end) is float or abs(end) <= 2**53 for each in (a, b) for end in _ends(each) or ()):
        return _made(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), function)
    exact = np.frompyfunc(lambda p, q: p / q, 2, 1)(_as_objects(x), _as_objects(y))
    return _number(np.asarray(exact).astype(np.float64))


def _power(a: Num, b: Num) -> Num:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if _ends(a) is None or _ends(b) is None:
        return NotImplemented
    if b < 0:
        raise ValueError("a negative power is no integer")
    exact = np.frompyfunc(pow, 2, 1)(_as_objects(values_of(a)), _as_objects(values_of(b)))
    return _number(np.asarray(exact))


def _compared(
    a: Batch,
    b: Any,
    function: Callable[[Any, Any], Any],
    by_ends: Callable[[Any, Any, Any, Any], tuple[bool, bool]],
) -> Any:
    """Compare with a number: by the ends alone where they tell, else design by design."""
    ends = (b, b) if type(b) is float else _ends(b)
    if ends is None:
        return UNKNOWN if b is UNKNOWN else _no_number(a, b)
    always, never = by_ends(a.least, a.most, *ends)
    if always or never:
        return bool(always)
    mask = np.asarray(function(*_operands(a, b, ()))).astype(bool)
    if mask.all():
        return True
    return Mixed(mask) if mask.any() else False


def _extreme(a: Num, b: Num, function: Callable[[Any, Any], Any], wins: Callable[[Any, Any], bool]) -> Num:
    for one, other in ((a, b), (b, a)):
        if type(one) is float and math.isinf(one):
            return one if wins(one, 0) else other
    ends, others = _ends(a), _ends(b)
    if ends is None or others is None:
        return UNKNOWN
    if all(wins(p, q) for p in ends for q in others):
        return a
    if all(wins(q, p) for p in ends for q in others):
        return b
    return _made(*_operands(a, b, ()), function)
