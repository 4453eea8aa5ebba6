"""Extents that a program leaves open: formulas of sympy, in memory or as text, become rfcalc's own.

Formulas of a file are never evaluated by sympy, which would run code: they are parsed against a whitelist.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

from rfcalc.algebra.extent import named
from rfcalc.algebra.number import UNKNOWN, Num, cdiv, maximum, minimum, prod
from rfcalc.errors import ReadError

LONGEST: Final = 10_000
"""Characters of a formula in a file; more are damage."""

Symbols = Mapping[str, Num]


def _power(base: Num, exponent: Num) -> Num:
    if type(exponent) is not int or not 0 <= exponent <= 8:
        return UNKNOWN
    return prod([base] * exponent)


def _same(value: Num) -> Num:
    return value


FUNCTIONS: Final[Mapping[str, Callable[..., Num]]] = {
    "Add": lambda *terms: sum(terms, 0),
    "Mul": lambda *factors: prod(factors),
    "Pow": _power,
    "FloorDiv": lambda a, b: a // b,
    "CleanDiv": lambda a, b: a // b,
    "CeilDiv": cdiv,
    "Mod": lambda a, b: a % b,
    "PythonMod": lambda a, b: a % b,
    "Max": lambda *values: reduce(maximum, values),
    "Min": lambda *values: reduce(minimum, values),
    "TruncToInt": _same,
    "FloorToInt": _same,
    "CeilToInt": _same,
    "RoundToInt": _same,
    "ToFloat": _same,
    "Integer": _same,
    "Identity": _same,
}
"""What the functions of a formula compute; of whole numbers, rounding and floats change nothing."""

OPERATORS: Final[Mapping[type, Callable[[Num, Num], Num]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: _power,
}


def symbol(name: str, symbols: Symbols) -> Num:
    """Return the number that stands for a symbol; one that comes from the data has none."""
    if name in symbols:
        return symbols[name]
    return UNKNOWN if name.startswith(("u", "zuf", "f")) and name.lstrip("uzf").isdigit() else named(name)


def from_formula(expression: Any, symbols: Symbols) -> Num:
    """Convert a formula that sympy holds; UNKNOWN where it is more than arithmetic of whole numbers."""
    kind = type(expression).__name__
    if getattr(expression, "is_Symbol", False):
        return symbol(expression.name, symbols)
    if getattr(expression, "is_Integer", False):
        return int(expression)
    if getattr(expression, "is_Float", False):
        return int(expression) if float(expression).is_integer() else UNKNOWN
    function = FUNCTIONS.get(kind)
    if function is None:
        return UNKNOWN
    return _applied(function, [from_formula(each, symbols) for each in expression.args])


def _applied(function: Callable[..., Num], values: list[Num]) -> Num:
    if any(value is UNKNOWN for value in values):
        return UNKNOWN
    try:
        return function(*values)
    except (ArithmeticError, TypeError, ValueError):
        return UNKNOWN


def from_text(text: object, symbols: Symbols) -> Num:
    """Convert a formula in a file, as sympy spells it in either of its ways.

    Raises
    ------
    ReadError
        It is no formula, or absurdly long.

    Examples
    --------
    >>> from_text("Mul(Integer(2), Symbol('s0', integer=True))", {"s0": 7})
    14
    >>> from_text("s0//2 + 1", {})
    (s0//2) + 1
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ReadError("holds an extent that is no formula")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ReadError(f"holds an extent that is no formula: {text[:40]!r}") from None
    return _evaluated(tree, symbols)


def _evaluated(tree: ast.expr, symbols: Symbols) -> Num:
    if isinstance(tree, ast.Constant):
        return tree.value if type(tree.value) is int and abs(tree.value) < 1 << 63 else UNKNOWN
    if isinstance(tree, ast.Name):
        return symbol(tree.id, symbols)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return _called(tree.func.id, tree.args, symbols)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_evaluated(tree.operand, symbols)
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
        return _applied(
            OPERATORS[type(tree.op)], [_evaluated(tree.left, symbols), _evaluated(tree.right, symbols)]
        )
    return UNKNOWN


def _called(name: str, args: list[ast.expr], symbols: Symbols) -> Num:
    first = args[0] if args else None
    if name == "Symbol" and isinstance(first, ast.Constant):
        return symbol(str(first.value), symbols)
    function = FUNCTIONS.get(name)
    return UNKNOWN if function is None else _applied(function, [_evaluated(each, symbols) for each in args])
