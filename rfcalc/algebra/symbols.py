"""Formulas: the one place that knows sympy.

All symbols come from one factory, so that equal names are equal symbols: integers, and positive. Only
floor is emitted, and nested floors are flattened by hand, since sympy does neither cancel floor against
ceiling nor merge floors. Nothing here reads text: expressions in files go through
:mod:`rfcalc.algebra.expression`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sympy

from rfcalc.algebra.extent import map_names
from rfcalc.algebra.number import UNKNOWN, Family, Num, enter

_FAR: Final = 10**9
"""An extent so large that every window fits; used to see which side of a maximum is meant."""


@cache
def symbol(name: str, *, natural: bool = False) -> sympy.Symbol:
    """Make the symbol of that name: a positive integer, or with `natural` one that may be zero.

    Examples
    --------
    >>> (symbol("n") + 3) // 2
    floor(n/2 + 3/2)
    """
    if natural:
        return sympy.Symbol(name, integer=True, nonnegative=True)
    return sympy.Symbol(name, integer=True, positive=True)


def maximum(a: Num, b: Num) -> sympy.Expr:
    """Return the larger of two formulas.

    An extent that grows with the input is taken to be large enough, as every rule requires: the floor of
    zero on a window count then falls away.
    """
    for one, other in ((a, b), (b, a)):
        if other == 0 and grows(one):
            return sympy.sympify(one)
    return sympy.Max(a, b)


def minimum(a: Num, b: Num) -> sympy.Expr:
    """Return the smaller of two formulas."""
    return sympy.Min(a, b)


def grows(expression: Any) -> bool:
    """Tell whether a formula grows without bound in its extents (symbols with an upper-case name)."""
    extents = [s for s in sympy.sympify(expression).free_symbols if s.name[:1].isupper() or s.name[:1] == "n"]
    if not extents:
        return False
    others = {s: 1 for s in expression.free_symbols if s not in extents}
    value = expression.subs(others).subs(dict.fromkeys(extents, _FAR))
    return bool(value.is_number and value > _FAR**0.5)


def decide(condition: Any) -> bool | None:
    """Decide a comparison of formulas from what is known of the symbols: True, False or None."""
    if condition in (sympy.true, sympy.false):
        return bool(condition)
    if not isinstance(condition, sympy.core.relational.Relational):
        return None
    difference = sympy.expand(condition.lhs - condition.rhs)
    signs = {
        sympy.GreaterThan: (difference.is_nonnegative, difference.is_negative),
        sympy.StrictGreaterThan: (difference.is_positive, difference.is_nonpositive),
        sympy.LessThan: (difference.is_nonpositive, difference.is_positive),
        sympy.StrictLessThan: (difference.is_negative, difference.is_nonnegative),
        sympy.Equality: (difference.is_zero, difference.is_nonzero),
        sympy.Unequality: (difference.is_nonzero, difference.is_zero),
    }
    yes, no = signs.get(type(condition), (None, None))
    return True if yes else False if no else None


def greatest_common(a: Num, b: Num) -> sympy.Expr:
    """Return the greatest common divisor of two formulas, unevaluated where it is not known.

    ``sympy.gcd`` is that of polynomials, which of two symbols is 1.
    """
    return _Gcd(a, b)


class _Gcd(sympy.Function):  # type: ignore[misc]  # sympy ships no types
    """Greatest common divisor of integers."""

    nargs = 2
    is_integer = True
    is_positive = True

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return sympy.Integer(sympy.igcd(a, b)) if a.is_Integer and b.is_Integer else None

    def _sympystr(self, printer: Any) -> str:
        return f"gcd({', '.join(map(printer.doprint, self.args))})"


def equal(a: Num, b: Num) -> bool | None:
    """Decide whether two formulas are equal, by value and not by structure: True, False or None."""
    difference = sympy.sympify(tidy(sympy.sympify(formula_of(a)) - sympy.sympify(formula_of(b))))
    if difference.is_zero:
        return True
    return False if difference.is_nonzero else None


def tidy(value: Num, *, expand: bool = True) -> Num:
    """Flatten nested floors, and multiply out; other numbers are returned as they are.

    ``floor((floor(u) + b)/c) = floor((u + b)/c)`` for integers b and c > 0.

    Examples
    --------
    >>> n = symbol("n")
    >>> tidy(((n + 1) // 2 + 1) // 2)
    floor(n/4 + 3/4)
    """
    if value is UNKNOWN or isinstance(value, int) or not isinstance(value, sympy.Expr):
        return value
    flat = value.replace(lambda e: isinstance(e, sympy.floor), _flatten)
    flat = sympy.expand(flat) if expand else flat
    return int(flat) if flat.is_Integer else flat


def _flatten(outer: sympy.floor) -> sympy.Expr:
    """Merge a floor into the one around it, where that is allowed."""
    argument = sympy.expand(outer.args[0])
    for term in sympy.Add.make_args(argument):
        weight, inner = term.as_coeff_Mul()
        if isinstance(inner, sympy.floor) and weight.is_Rational and weight.p == 1 and weight.q > 1:
            rest = argument - term
            if (rest * weight.q).is_integer:
                return _flatten(sympy.floor(weight * inner.args[0] + rest))
    return sympy.floor(argument)


def formula_of(value: Num, *, expand: bool = True) -> Num:
    """Turn an open extent with a name into a formula of symbols, and tidy any formula.

    Examples
    --------
    >>> from rfcalc.algebra.extent import named
    >>> formula_of((named("H") + 1) // 2)
    floor(H/2 + 1/2)
    """
    return tidy(map_names(value, symbol, sympy.Max, sympy.Min), expand=expand)


def substitute(value: Num, settings: dict[str, int]) -> Num:
    """Put numbers for symbols, by name."""
    if not isinstance(value, sympy.Expr):
        return value
    result = value.subs({s: settings[s.name] for s in value.free_symbols if s.name in settings})
    return int(result) if result.is_Integer else result


def spell(value: Num) -> str:
    """Write a formula the way that people write it: floors as ``⌊(n + 1)/2⌋``.

    Examples
    --------
    >>> spell((symbol("n") + 3) // 2 + 1)
    '⌊(n + 3)/2⌋ + 1'
    """
    if not isinstance(value, sympy.Expr):
        return "?" if value is UNKNOWN else str(value)
    return str(_Printer().doprint(value))


class _Printer(sympy.printing.str.StrPrinter):  # type: ignore[misc]  # sympy ships no types
    """Sympy's printer, with floors as brackets and fractions over one denominator."""

    def _print_floor(self, expr: sympy.floor) -> str:
        numerator, denominator = sympy.fraction(sympy.together(expr.args[0]))
        over = self._print(numerator)
        if denominator == 1:
            return f"⌊{over}⌋"
        top = f"({over})" if isinstance(numerator, sympy.Add) else over
        under = self._print(denominator)
        return f"⌊{top}/{under if denominator.is_Atom else f'({under})'}⌋"

    def _print_Max(self, expr: sympy.Max) -> str:  # noqa: N802  sympy's own naming
        return f"max({', '.join(self._print(a) for a in sorted(expr.args, key=str))})"

    def _print_Min(self, expr: sympy.Min) -> str:  # noqa: N802  sympy's own naming
        return f"min({', '.join(self._print(a) for a in sorted(expr.args, key=str))})"


enter("sympy", Family(2, maximum, minimum, greatest_common, equal, decide))
