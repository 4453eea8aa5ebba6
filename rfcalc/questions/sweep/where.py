"""Conditions on designs, ``params < 5e6 and field >= 224``, and the measures that designs are chosen by.

A condition is parsed by :mod:`ast` against a whitelist and never evaluated as code, as expressions of model
files are (`rfcalc.algebra.expression`). What is compared with a figure that is not known is neither true nor
false, and a design is kept only if its condition is true.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import numpy as np

from rfcalc.algebra.expression import DEEPEST, LONGEST
from rfcalc.errors import UsageError
from rfcalc.questions.sweep.columns import ALONG, COVERAGE, ERROR, holds_words
from rfcalc.questions.sweep.ratios import (
    ARITHMETIC,
    SIGNS,
    Number,
    Term,
    Text,
    Truth,
    compare,
    negative,
    number,
    opposite,
    truth,
    whole,
)
from rfcalc.questions.sweep.tables import Columns, known
from rfcalc.wording import quoted

_CONTENTS: Final = (
    "a condition holds names of columns, numbers, < <= > >= == !=, and, or, not, + - * / // **, ( )"
)
_LONGEST_NUMBER: Final = 400  # digits, before and behind the point

SMALLEST: Final[Mapping[str, str]] = {
    "field": "receptive_field",
    "extent": "extent",
    "stride": "effective_stride",
}
"""Names for the smallest figure over the axes of the (first) layer that is told."""


_Run = Callable[[Columns], Term]


@dataclass(frozen=True)
class Condition:
    """A condition on designs.

    Parameters
    ----------
    text : str
        As it was given.
    names : frozenset of str
        The names in it.
    """

    text: str
    names: frozenset[str]

    def holds(self, columns: Columns) -> Any:
        """Return for each design whether the condition is true.

        Raises
        ------
        UsageError
            There is no such column, or a word is compared with a number.
        """
        built = _Parser(self.text, columns).built
        shape = np.shape(next(iter(columns.values())))
        return np.broadcast_to(truth(built(columns), self.text).yes, shape)


def condition(text: str) -> Condition:
    """Parse a condition.

    Raises
    ------
    UsageError
        Something in it is not on the whitelist.

    Examples
    --------
    >>> columns = {"params": np.array([10, 2**62]), "kernel": np.array([3, 5])}
    >>> condition("params * 4 > 2**64 - 1 and kernel / 2 > 2.4").holds(columns).tolist()
    [False, True]
    """
    tree = _parsed(text)
    words = {_column_name(node) for node in ast.walk(tree)}
    return Condition(text, frozenset(name for name in words if name))


def values_of(name: str, columns: Columns) -> Number:
    """Return a column, or the smallest figure over the axes that a name such as ``field`` stands for.

    Raises
    ------
    UsageError
        There is none of that name, or it holds words.
    """
    found = _named(name, columns)
    if isinstance(found, Text):
        raise UsageError(f"{name!r} holds words, which are not measured")
    return found


# ---- parsing -----------------------------------------------------------------------------------------------


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise UsageError(f"a condition of {len(text):,} characters; at most {LONGEST} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise UsageError(f"{quoted(text)} is not a condition; {_CONTENTS}") from None
    _check(tree, text, 0)
    return tree


def _check(node: ast.AST, text: str, depth: int) -> None:
    if depth > DEEPEST:
        raise UsageError(f"{quoted(text)} has more than {DEEPEST} operations inside one another; split it up")
    if isinstance(node, ast.Attribute) and not _column_name(node):
        raise UsageError(f"{quoted(text)} is not a condition; {_CONTENTS}")
    if not isinstance(node, _ALLOWED):
        raise UsageError(f"{quoted(text)} is not a condition; {_CONTENTS}")
    for inner in ast.iter_child_nodes(node):
        _check(inner, text, depth + 1)


_ALLOWED: Final = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, *ARITHMETIC, ast.Compare, *SIGNS,
    ast.Name, ast.Load, ast.Attribute, ast.Constant,
)  # fmt: skip


def _column_name(node: ast.AST) -> str:
    """Return the name that a node spells, with the points in it; empty where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _column_name(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


class _Parser:
    """Turns a condition into functions of columns, by the names that there are."""

    def __init__(self, text: str, columns: Mapping[str, Any]) -> None:
        self._text, self._columns = text, columns
        self.built = self._build(_parsed(text))

    def _build(self, node: ast.expr) -> _Run:
        builders: Mapping[type[ast.expr], Callable[[Any], _Run]] = {
            ast.Constant: self._constant,
            ast.BoolOp: self._together,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.Compare: self._compared,
        }
        build = builders.get(type(node))
        return self._name(_column_name(node)) if build is None else build(node)

    def _unary(self, node: ast.UnaryOp) -> _Run:
        inner = self._build(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda columns: opposite(truth(inner(columns), self._text))
        return lambda columns: negative(number(inner(columns), self._text))

    def _binary(self, node: ast.BinOp) -> _Run:
        apply, text = ARITHMETIC[type(node.op)], self._text
        left, right = self._build(node.left), self._build(node.right)
        return lambda columns: apply(number(left(columns), text), number(right(columns), text), text)

    def _name(self, name: str) -> _Run:
        if name in ("true", "false") and name not in self._columns:
            value = name == "true"
            return lambda _: whole(int(value))
        return lambda columns: _named(name, columns)

    def _constant(self, node: ast.Constant) -> _Run:
        value = node.value
        if isinstance(value, str):
            if value in self._columns or value in SMALLEST:
                return self._name(value)
            return lambda _: Text(np.array(value, dtype=object))
        if isinstance(value, bool):
            return lambda _: whole(int(value))
        if type(value) is int:
            return lambda _: whole(value)
        spelled = ast.get_source_segment(self._text.strip(), node) or ""
        exact = _decimal(spelled, self._text)
        return lambda _: Number(exact.numerator, exact.denominator, np.True_)

    def _together(self, node: ast.BoolOp) -> _Run:
        parts = [self._build(value) for value in node.values]

        def run(columns: Columns) -> Truth:
            found = [truth(part(columns), self._text) for part in parts]
            yes, no = [each.yes for each in found], [each.no for each in found]
            if isinstance(node.op, ast.And):
                return Truth(_all(yes), _any(no))
            return Truth(_any(yes), _all(no))

        return run

    def _compared(self, node: ast.Compare) -> _Run:
        parts = [self._build(each) for each in (node.left, *node.comparators)]
        signs = [SIGNS[type(sign)] for sign in node.ops]

        def run(columns: Columns) -> Truth:
            terms = [part(columns) for part in parts]
            pairs = zip(terms, signs, terms[1:], strict=False)
            found = [compare(left, sign, right, self._text) for left, sign, right in pairs]
            return Truth(_all([each.yes for each in found]), _any([each.no for each in found]))

        return run


def _all(masks: Sequence[Any]) -> Any:
    found = masks[0]
    for mask in masks[1:]:
        found = found & mask
    return found


def _any(masks: Sequence[Any]) -> Any:
    found = masks[0]
    for mask in masks[1:]:
        found = found | mask
    return found


def _decimal(spelled: str, text: str) -> Fraction:
    """Return what a decimal number says, exactly: 0.1 is a tenth."""
    try:
        value = Decimal(spelled.replace("_", ""))
    except InvalidOperation:
        raise UsageError(f"{quoted(text)} holds {spelled}, which is no number; {_CONTENTS}") from None
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise UsageError(f"{quoted(text)} holds a number that is too large or too small")
    return Fraction(value)


# ---- names -------------------------------------------------------------------------------------------------


def _named(name: str, columns: Columns) -> Number | Text:
    if name in columns:
        return _column(name, columns)
    axes = _axes_of(SMALLEST[name], columns) if name in SMALLEST else []
    if not axes:
        from difflib import get_close_matches

        names = [*columns, *SMALLEST]
        close = get_close_matches(name, names, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
        raise UsageError(f"there is no column {name!r}{hint}")
    return _least([_column(axis, columns) for axis in axes])


def _axes_of(figure: str, columns: Columns) -> list[str]:
    """List the columns of a figure of the first layer, an axis each."""
    first = next((name for name in columns if _figure(name)[1] == f"{ALONG[0]}_0"), "")
    before = _figure(first)[0]
    found = (name for name in columns if name.startswith(f"{before}{figure}_"))
    return [name for name in found if name.removeprefix(f"{before}{figure}_").isdecimal()]


def _figure(name: str) -> tuple[str, str]:
    """Part the name of a column into the layer, with its point, and the figure."""
    layer, point, figure = name.rpartition(".")
    return layer + point, figure


def _column(name: str, columns: Columns) -> Number | Text:
    values = columns[name]
    there = known(values)
    plain = np.ma.filled(values, 0)
    if plain.dtype.kind in "fc":
        return Number(0, 1, there, plain)
    if holds_words(name, plain):
        return Text(plain, np.True_ if name == ERROR else plain != "")
    top = plain.astype(np.int64) if plain.dtype.kind in "bui" else plain
    before, figure = _figure(name)
    if figure.startswith("receptive_field_") and not there.all():
        everything = ~there & known(columns[before + COVERAGE])  # the field of the whole axis has no size
        if everything.any():
            return Number(np.where(everything, 1, top), np.where(everything, 0, 1), there | everything)
    return Number(top, 1, there)


def _least(axes: Sequence[Number | Text]) -> Number:
    """Return the smallest of figures along axes; known where all of them are."""
    numbers = [each for each in axes if isinstance(each, Number)]
    found = numbers[0]
    for other in numbers[1:]:
        less = compare(other, "<", found, "").yes
        both = found.known & other.known
        if found.real is not None and other.real is not None:
            found = Number(0, 1, both, np.where(less, other.real, found.real))
        else:
            top, bottom = np.where(less, other.top, found.top), np.where(less, other.bottom, found.bottom)
            found = Number(top, bottom if np.any(bottom != 1) else 1, both)
    return found
