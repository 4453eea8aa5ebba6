"""Numbers of many designs at once: whole numbers and their quotients, exact, and where they are known.

A number is a numerator over a denominator, in 64 bits as long as these hold it, else in Python's integers;
over 0 it is larger than any number, as the field of a layer that sees the whole input is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from rfcalc.errors import UsageError
from rfcalc.questions.sweep.space import WIDEST
from rfcalc.records import NamedTuple
from rfcalc.wording import quoted

_LARGEST_POWER: Final = 256
_MOST_BITS: Final = 1 << 14


class Number(NamedTuple):
    """Numbers of designs, and where they are known.

    `real` is given of what is no whole number nor a quotient of such; else it is `top` over `bottom`.
    """

    top: Any
    bottom: Any
    known: Any
    real: Any = None


class Truth(NamedTuple):
    """Where a condition is true, and where it is false; it is neither where a figure is not known."""

    yes: Any
    no: Any


class Text(NamedTuple):
    """Words of designs, such as the names of counterfactuals, and where there is one."""

    values: Any
    known: Any = np.True_


Term: TypeAlias = "Number | Truth | Text"

# ---- arithmetic --------------------------------------------------------------------------------------------


def whole(value: int) -> Number:
    """Return a whole number."""
    return Number(value, 1, np.True_)


def number(term: Term, text: str) -> Number:
    """Return a term that is to be a number; `text` is the condition."""
    if isinstance(term, Number):
        return term
    raise UsageError(
        f"{quoted(text)} takes {'a condition' if isinstance(term, Truth) else 'a word'} for a number"
    )


def truth(term: Term, text: str) -> Truth:
    """Return a term that is to be a condition, such as that of a switch alone."""
    if isinstance(term, Truth):
        return term
    if isinstance(term, Number) and term.real is None:  # of a switch: pool, not pool
        return compare(term, "!=", whole(0), text)
    raise UsageError(f"{quoted(text)} takes a number or a word for a condition; compare it with something")


def opposite(term: Truth) -> Truth:
    """Return where a condition is false, and where it is true."""
    return Truth(term.no, term.yes)


def _real(number: Number) -> Any:
    if number.real is not None:
        return number.real
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(np.asarray(number.top, dtype=float), np.asarray(number.bottom, dtype=float))


def negative(number: Number) -> Number:
    """Return minus a number."""
    if number.real is not None:
        return number._replace(real=-number.real)
    return number._replace(top=_times(number.top, -1))


def _bound(values: Any) -> int:
    """Return a bound of the magnitude of whole numbers."""
    if isinstance(values, int):
        return abs(values)
    if values.size == 0:
        return 0
    return max(abs(int(values.min())), abs(int(values.max())))


def _wide(values: Any) -> Any:
    return values if isinstance(values, int) else np.asarray(values).astype(object)


def _times(a: Any, b: Any) -> Any:
    """Multiply whole numbers, in Python's own where 64 bits might not hold the product."""
    if isinstance(b, int) and b == 1:
        return a
    if isinstance(a, int) and a == 1:
        return b
    if _bound(a) * _bound(b) >= WIDEST:
        a, b = _wide(a), _wide(b)
    return a * b


def _plus(a: Any, b: Any) -> Any:
    if _bound(a) + _bound(b) >= WIDEST:
        a, b = _wide(a), _wide(b)
    return a + b


def _narrowed(number: Number) -> Number:
    """Drop what has no value: nothing over nothing."""
    if isinstance(number.bottom, int) and number.bottom:
        return number
    nothing = (np.asarray(number.bottom) == 0) & (np.asarray(number.top) == 0)
    return number._replace(known=number.known & ~nothing.astype(bool))


def _add(a: Number, b: Number, _text: str) -> Number:
    both = a.known & b.known
    if a.real is not None or b.real is not None:
        return Number(0, 1, both, _real(a) + _real(b))
    top = _plus(_times(a.top, b.bottom), _times(b.top, a.bottom))
    return _narrowed(Number(top, _times(a.bottom, b.bottom), both))


def _subtract(a: Number, b: Number, text: str) -> Number:
    return _add(a, negative(b), text)


def _multiply(a: Number, b: Number, _text: str) -> Number:
    both = a.known & b.known
    if a.real is not None or b.real is not None:
        return Number(0, 1, both, _real(a) * _real(b))
    return _narrowed(Number(_times(a.top, b.top), _times(a.bottom, b.bottom), both))


def _divide(a: Number, b: Number, _text: str) -> Number:
    both = a.known & b.known
    if a.real is not None or b.real is not None:
        divisor = np.asarray(_real(b))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Number(0, 1, both & (divisor != 0), _real(a) / np.where(divisor == 0, 1.0, divisor))
    top, bottom = _times(a.top, b.bottom), _times(a.bottom, b.top)
    nothing = np.asarray(b.top) == 0
    sign = np.where(np.asarray(bottom) < 0, -1, 1)  # a denominator is never below 0
    if np.all(sign == 1):
        return _narrowed(Number(top, bottom, both & ~nothing.astype(bool)))
    return _narrowed(Number(_times(top, sign), _times(bottom, sign), both & ~nothing.astype(bool)))


def _floor_divide(a: Number, b: Number, text: str) -> Number:
    found = _divide(a, b, text)
    if found.real is not None:
        return found._replace(real=np.floor(found.real))
    if isinstance(found.bottom, int) and found.bottom == 1:
        return found
    bottom = np.asarray(found.bottom)
    nothing = (bottom == 0).astype(bool)
    return Number(found.top // np.where(nothing, 1, bottom), 1, found.known & ~nothing)


def _power(a: Number, b: Number, text: str) -> Number:
    exponent = b.top if b.real is None and isinstance(b.top, int) and b.bottom == 1 else None
    if exponent is None or not 0 <= exponent <= _LARGEST_POWER:
        raise UsageError(f"{quoted(text)}: the exponent of ** is a whole number from 0 to {_LARGEST_POWER}")
    if a.real is None and exponent * max(_bound(a.top), _bound(a.bottom)).bit_length() > _MOST_BITS:
        raise UsageError(f"{quoted(text)} holds a number that is too large")
    found = whole(1)._replace(known=a.known)
    for _ in range(exponent):
        found = _multiply(found, a, text)
    return found


ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Number, Number, str], Number]]] = {
    ast.Add: _add,
    ast.Sub: _subtract,
    ast.Mult: _multiply,
    ast.Div: _divide,
    ast.FloorDiv: _floor_divide,
    ast.Pow: _power,
}

SIGNS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def compare(a: Term, sign: str, b: Term, text: str) -> Truth:
    """Compare two terms, each with each design's own."""
    if isinstance(a, Text) and isinstance(b, Text):
        if sign not in ("==", "!="):
            raise UsageError(f"{quoted(text)}: words are compared with == and != alone")
        found = np.asarray(_COMPARE[sign](a.values, b.values), dtype=bool)
        both = a.known & b.known
        return Truth(found & both, ~found & both)
    if isinstance(a, Text) or isinstance(b, Text):
        word = next(each for each in (a, b) if isinstance(each, Text)).values
        hint = f"; there is no column {word.item()!r}" if np.ndim(word) == 0 else ""
        raise UsageError(f"{quoted(text)} compares a word with a number{hint}")
    left, right = number(a, text), number(b, text)
    if left.real is not None or right.real is not None:
        found = _COMPARE[sign](_real(left), _real(right))
    else:
        found = _COMPARE[sign](_times(left.top, right.bottom), _times(right.top, left.bottom))
    both = left.known & right.known
    found = np.asarray(found, dtype=bool)
    return Truth(found & both, ~found & both)
