"""Arithmetic in a model file: ``"2 * width"``, parsed against a whitelist and never evaluated as code.

A model file is untrusted, so the text is parsed by :mod:`ast`, every node of the tree has to be one that
is listed here, and the size of the text, of the tree and of every number on the way is bounded.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num, cdiv, equal, is_known, maximum, minimum, prove
from rfcalc.errors import ReadError
from rfcalc.wording import quoted

LONGEST: Final = 500
"""Characters of an expression."""

DEEPEST: Final = 64
"""Operations inside one another; a sum of n terms counts n - 1."""

LARGEST: Final = 2**63 - 1
"""Magnitude of a number in a model file, and of every result on the way to it."""

FUNCTIONS: Final = ("ceildiv", "max", "min")
"""What an expression may call, and therefore no name of a parameter."""

NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
"""Pattern of a name in an expression."""

ALPHABET: Final = r"A-Za-z0-9_ +\-*/(),"
"""What an expression is written with, as the inside of a character class."""

_FOREIGN: Final = f"[^{ALPHABET}]"
# Python would take 1or 2 for "1 or 2" with a warning, and 0x10 or 1e3 for numbers
_GLUED: Final = r"(?<![A-Za-z0-9_])[0-9][0-9_]*[A-Za-z][A-Za-z0-9_]*"
_CONTENTS: Final = "an expression holds integers, names, + - * // ** ( ), min, max and ceildiv"

_Run = Callable[[Mapping[str, Num]], Num]


class _UndefinedError(Exception):
    """The arithmetic has no result; the text goes on from the expression's own."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Parameters
    ----------
    text : str
        As it stands in the file.
    names : frozenset of str
        The names that it uses.

    Examples
    --------
    >>> parse("2 * width + 1").evaluate({"width": 16})
    33
    """

    text: str
    names: frozenset[str]
    _run: _Run = field(repr=False, compare=False)

    def evaluate(self, names: Mapping[str, Num]) -> Num:
        """Work out the value.

        Parameters
        ----------
        names : mapping of str to Num
            What each name stands for.

        Returns
        -------
        Num
            An ``int`` where all names are integers.

        Raises
        ------
        ReadError
            A name without a value, a division by zero, a negative exponent, a number beyond `LARGEST`.
        """
        try:
            return self._run(names)
        except KeyError as error:
            known = ", ".join(sorted(names)) or "none"
            raise ReadError(
                f"{quoted(self.text)} uses the unknown name {error.args[0]!r} (known names: {known})"
            ) from None
        except _UndefinedError as error:
            raise ReadError(f"{quoted(self.text)} {error}") from None


def evaluate(text: str, names: Mapping[str, Num] | None = None) -> Num:
    """Parse an expression and work out its value.

    Parameters
    ----------
    text : str
        Integers, names, ``+ - * // **``, parentheses, ``min``, ``max`` and ``ceildiv``.
    names : mapping of str to Num, optional
        What each name stands for.

    Returns
    -------
    Num
        The value.

    Raises
    ------
    ReadError
        As :func:`parse` and :meth:`Expression.evaluate`.

    Examples
    --------
    >>> evaluate("ceildiv(n, 2) * 2 ** (k - 1)", {"n": 7, "k": 3})
    16
    >>> evaluate("n / 2", {"n": 7})
    Traceback (most recent call last):
    ...
    rfcalc.errors.ReadError: 'n / 2' divides with /; write // to round down, or ceildiv(a, b) to round up
    """
    return parse(text).evaluate(names or {})


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse an expression.

    Parameters
    ----------
    text : str
        At most `LONGEST` characters.

    Returns
    -------
    Expression
        With the names that it uses.

    Raises
    ------
    ReadError
        Anything that is not on the whitelist, or too long, or nested too deeply.
    """
    if len(text) > LONGEST:
        raise ReadError(f"an expression of {len(text):,} characters; at most {LONGEST} are read")
    if not text.strip():
        raise ReadError(f"an empty expression; {_CONTENTS}")
    found = re.search(_FOREIGN, text) or re.search(_GLUED, text)
    if found:
        raise ReadError(f"{quoted(text)} has {found.group()!r}; {_CONTENTS}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    # a stack of brackets or signs exhausts the parser in one way or another, by version of Python
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ReadError(f"{quoted(text)} is not an expression; {_CONTENTS}") from None
    names: set[str] = set()
    run = _build(tree, text, names, 0)
    return Expression(text, frozenset(names), run)


def _build(node: ast.expr, text: str, names: set[str], depth: int) -> _Run:
    """Turn a node of the whitelist into a function of the names' values."""
    if depth > DEEPEST:
        raise ReadError(f"{quoted(text)} has more than {DEEPEST} operations inside one another; split it up")
    build = _NODES.get(type(node))
    if build is None:
        raise ReadError(f"{quoted(text)} is not arithmetic; {_CONTENTS}")
    return build(node, text, names, depth + 1)


def _constant(node: ast.Constant, text: str, _names: set[str], _depth: int) -> _Run:
    value = node.value
    if type(value) is not int:
        raise ReadError(f"{quoted(text)} holds {value!r}, which is no integer")
    return _fixed(_bounded(value, text))


def _fixed(value: Num) -> _Run:
    return lambda _values: value


def _name(node: ast.Name, text: str, names: set[str], _depth: int) -> _Run:
    name = node.id
    if name in FUNCTIONS:
        raise ReadError(f"{quoted(text)} uses {name} without its arguments, as in {name}(a, b)")
    names.add(name)
    return operator.itemgetter(name)


def _binary(node: ast.BinOp, text: str, names: set[str], depth: int) -> _Run:
    apply = _OPERATORS.get(type(node.op))
    if apply is None:
        hint = (
            "divides with /; write // to round down, or ceildiv(a, b) to round up"
            if isinstance(node.op, ast.Div)
            else f"uses an operator that is not read; {_CONTENTS}"
        )
        raise ReadError(f"{quoted(text)} {hint}")
    left = _build(node.left, text, names, depth)
    right = _build(node.right, text, names, depth)
    return lambda values: _result(apply(left(values), right(values)))


def _unary(node: ast.UnaryOp, text: str, names: set[str], depth: int) -> _Run:
    if not isinstance(node.op, ast.USub):
        raise ReadError(f"{quoted(text)} uses an operator that is not read; {_CONTENTS}")
    inner = _build(node.operand, text, names, depth)
    return lambda values: -inner(values)


def _call(node: ast.Call, text: str, names: set[str], depth: int) -> _Run:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    apply = _CALLS.get(name)
    if apply is None or node.keywords:
        raise ReadError(f"{quoted(text)} calls something else than min, max or ceildiv")
    if len(node.args) < 2 or (name == "ceildiv" and len(node.args) > 2):
        raise ReadError(f"{quoted(text)}: {name} takes two arguments{' or more' * (name != 'ceildiv')}")
    parts = [_build(argument, text, names, depth) for argument in node.args]
    return lambda values: functools.reduce(apply, [part(values) for part in parts])


def _bounded(value: int, text: str) -> int:
    if not -LARGEST <= value <= LARGEST:
        raise ReadError(f"{quoted(text)} holds a number beyond 2**63")
    return value


def _result(value: Num) -> Num:
    """Return a result as a plain integer where it is one, once it is known not to be huge."""
    if is_known(value):
        if not -LARGEST <= value <= LARGEST:
            raise _UndefinedError("gives a number beyond 2**63")
        return value
    # symbols that cancel leave an integer of sympy's
    return _result(int(value)) if getattr(value, "is_Integer", False) else value


def _floor_divide(a: Num, b: Num) -> Num:
    if equal(b, 0) is True:
        raise _UndefinedError("divides by zero")
    return a // b


def _ceil_divide(a: Num, b: Num) -> Num:
    if prove(b >= 1) is False:
        raise _UndefinedError("has a ceildiv by less than one")
    return _result(cdiv(a, b))


def _power(a: Num, b: Num) -> Num:
    """Raise to a power; the exponent is bounded first, so that the result cannot grow out of hand."""
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if prove(b >= 0) is False:
        raise _UndefinedError("has a negative exponent")
    small = is_known(a) and -1 <= a <= 1
    if is_known(b) and b > 64 and not small:
        raise _UndefinedError("gives a number beyond 2**63")
    return a**b


_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Num, Num], Num]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: _floor_divide,
    ast.Pow: _power,
}

_CALLS: Final[Mapping[str, Callable[[Num, Num], Num]]] = {
    "ceildiv": _ceil_divide,
    "max": maximum,
    "min": minimum,
}

_NODES: Final[Mapping[type[ast.expr], Callable[..., _Run]]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Call: _call,
}
