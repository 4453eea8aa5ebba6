"""Extents that a file leaves open under a name: integer formulas that are cheap enough to carry everywhere.

An :class:`Extent` is a polynomial with integer coefficients over named extents, each at least 1, and over
floors of such polynomials. That is the arithmetic that shapes need: sums, products, whole divisions. It
decides what it can (``2*(H//2) <= H`` it leaves open) and is some thirty times faster than sympy in a fresh
process (docs/architecture.md has the figures); formulas for people are made with sympy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Family, Num, enter, of_no_comparison, unknown
from rfcalc.records import NamedTuple

MOST_TERMS: Final = 64
"""Terms of one formula; where shape arithmetic makes more, the extent is simply unknown."""


class Floor(NamedTuple):
    """A whole division that does not come out even."""

    numerator: Extent
    denominator: Extent | int


class Extreme(NamedTuple):
    """The larger or the smaller of two numbers of which it is not known."""

    larger: bool
    a: Extent | int
    b: Extent | int


_Atom = Any  # a name, a Floor or an Extreme
_Monomial = tuple[tuple[_Atom, int], ...]  # atoms with their powers, sorted


class Extent:
    """A formula in named extents.

    Make one with :func:`named`; arithmetic that leaves nothing open gives back plain integers.

    Examples
    --------
    >>> h = named("H")
    >>> (h + 3) // 2 * 2 - h, (2 * h + 3) // 2
    (-H + 2*((H + 1)//2) + 2, H + 1)
    """

    __slots__ = ("_hash", "terms")

    is_open: Final = True

    def __init__(self, terms: Mapping[_Monomial, int]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return type(other) is Extent and self._hash == other._hash and self.terms == other.terms

    def __add__(self, other: Num) -> Num:
        if other is UNKNOWN:
            return UNKNOWN
        terms = dict(self.terms)
        for monomial, factor in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return _made(terms)

    __radd__ = __add__

    def __neg__(self) -> Num:
        return _made({monomial: -factor for monomial, factor in self.terms.items()})

    def __sub__(self, other: Num) -> Num:
        return self + -other

    def __rsub__(self, other: Num) -> Num:
        return -self + other

    def __mul__(self, other: Num) -> Num:
        if other is UNKNOWN:
            return UNKNOWN
        terms: dict[_Monomial, int] = {}
        for a, p in self.terms.items():
            for b, q in _terms(other).items():
                monomial = _times(a, b)
                terms[monomial] = terms.get(monomial, 0) + p * q
        return _made(terms)

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Num:
        result: Num = 1
        for _ in range(power):
            result = result * self
        return result

    def __floordiv__(self, other: Num) -> Num:
        return UNKNOWN if other is UNKNOWN else _divide(self, other)

    def __rfloordiv__(self, other: Num) -> Num:
        return _divide(other, self)

    def __mod__(self, other: Num) -> Num:
        return self - other * (self // other)

    def __rmod__(self, other: Num) -> Num:
        return other - self * (other // self)

    def __lt__(self, other: Num) -> Any:
        return _below(self, other)

    def __gt__(self, other: Num) -> Any:
        return _below(other, self)

    def __le__(self, other: Num) -> Any:
        return _below(self, other + 1)

    def __ge__(self, other: Num) -> Any:
        return _below(other, self + 1)

    def __bool__(self) -> bool:
        raise TypeError("a formula has no truth value; ask prove()")

    def __repr__(self) -> str:
        return _spell(self)


def named(name: str) -> Extent:
    """Return the open extent of that name.

    >>> named("batch")
    batch
    """
    return Extent({((name, 1),): 1})


def names_in(value: Num) -> frozenset[str]:
    """Return the names of the open extents that a number is made of."""
    if type(value) is not Extent:
        return frozenset()
    found: set[str] = set()
    for monomial in value.terms:
        for atom, _ in monomial:
            if isinstance(atom, str):
                found.add(atom)
            else:
                parts = atom if isinstance(atom, Floor) else atom[1:]
                found.update(*(names_in(part) for part in parts))
    return frozenset(found)


def map_names(value: Num, name: Any, maximum: Any, minimum: Any) -> Num:
    """Build a number anew from what `name` makes of each name: integers, or formulas of another kind."""
    if type(value) is not Extent:
        return value
    total: Num = 0
    for monomial, factor in value.terms.items():
        product: Num = factor
        for atom, power in monomial:
            if isinstance(atom, str):
                made = name(atom)
            elif isinstance(atom, Floor):
                made = map_names(atom.numerator, name, maximum, minimum) // map_names(
                    atom.denominator, name, maximum, minimum
                )
            else:
                pair = (map_names(part, name, maximum, minimum) for part in (atom.a, atom.b))
                made = (maximum if atom.larger else minimum)(*pair)
            for _ in range(power):
                product = product * made
        total = total + product
    return total


def larger(a: Num, b: Num) -> Num:
    """Return the larger of two numbers; extents are taken to be large enough for what rules require."""
    return _extreme(a, b, larger=True)


def smaller(a: Num, b: Num) -> Num:
    """Return the smaller of two numbers."""
    return _extreme(a, b, larger=False)


def equal(a: Num, b: Num) -> bool | None:
    """Decide whether two numbers are equal: True, False, or None where it cannot be decided."""
    difference = a - b
    if type(difference) is int:
        return difference == 0
    if difference is UNKNOWN:
        return None
    least, most = _bounds(difference)
    return False if (least is not None and least > 0) or (most is not None and most < 0) else None


enter(Extent, Family(1, larger, smaller, unknown, equal, of_no_comparison))


# ---- inside ------------------------------------------------------------------------------------------------


def _terms(value: Num) -> Mapping[_Monomial, int]:
    if type(value) is Extent:
        return value.terms
    return {(): int(value)}


def _made(terms: dict[_Monomial, int]) -> Num:
    left = {monomial: factor for monomial, factor in terms.items() if factor}
    if not left:
        return 0
    if len(left) == 1 and () in left:
        return left[()]
    return Extent(left) if len(left) <= MOST_TERMS else UNKNOWN


def _rank(atom: _Atom) -> tuple[bool, str]:
    return not isinstance(atom, str), str(atom)


def _times(a: _Monomial, b: _Monomial) -> _Monomial:
    if not a:
        return b
    if not b:
        return a
    powers = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: _rank(item[0])))


def _over(a: _Monomial, b: _Monomial) -> _Monomial | None:
    """Divide monomials; None where the first is no multiple of the second."""
    powers = dict(a)
    for atom, power in b:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple((atom, power) for atom, power in powers.items() if power)


def _leading(terms: Mapping[_Monomial, int]) -> _Monomial:
    return max(terms, key=lambda monomial: (sum(power for _, power in monomial), str(monomial)))


def _divide(a: Num, b: Num) -> Num:
    """Divide and round down: take out what comes out even, and keep a floor of the rest."""
    if type(b) is int and b <= 0:
        return UNKNOWN
    if b == 1:
        return a
    quotient, rest = _even_part(a, b)
    if type(b) is int and type(rest) is Extent:
        rest, b = _flattened(rest, b)
        more, rest = _even_part(rest, b)
        quotient = quotient + more
    if rest is UNKNOWN:
        return UNKNOWN
    if type(rest) is int and (type(b) is int or rest == 0):
        return quotient + (rest // b if rest else 0)
    return quotient + _proper_floor(rest, b)


def _proper_floor(rest: Num, b: Num) -> Num:
    """Round a quotient down that holds no even part: 0 where it is certainly below 1."""
    least, _ = _bounds(rest)
    if least is not None and least >= 0 and _below(rest, b) is True:
        return 0
    return Extent({((Floor(rest, b), 1),): 1})


def _even_part(a: Num, b: Num) -> tuple[Num, Num]:
    """Split into a multiple of the divisor and the rest."""
    divisor = _terms(b)
    lead = _leading(divisor)
    factor = divisor[lead]
    quotient: Num = 0
    rest: dict[_Monomial, int] = {}
    left = dict(_terms(a))
    for _ in range(2 * MOST_TERMS):
        if not left:
            break
        top = _leading(left)
        shared = _over(top, lead)
        times = left[top] // factor
        if shared is None or not times:
            rest[top] = left.pop(top)
            continue
        part = _made({shared: times})
        quotient = quotient + part
        taken = _made(dict(left)) - part * b
        if taken is UNKNOWN:
            return UNKNOWN, UNKNOWN
        left = dict(_terms(taken))
        if left.get(top):  # what the factor leaves over
            rest[top] = left.pop(top)
        left = {monomial: f for monomial, f in left.items() if f}
    else:
        return 0, a
    if len(divisor) > 1 and rest:  # only a division without rest is of use
        return 0, a
    return quotient, _made(rest)


def _flattened(rest: Num, divisor: int) -> tuple[Num, int]:
    """Merge a floor into the one around it: ``((u // c) + b) // d = (u + b*c) // (c*d)``."""
    if type(rest) is not Extent:
        return rest, divisor
    for monomial, factor in rest.terms.items():
        if factor == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            atom = monomial[0][0]
            if isinstance(atom, Floor) and type(atom.denominator) is int:
                others = rest - Extent({monomial: 1})
                return _flattened(atom.numerator + others * atom.denominator, divisor * atom.denominator)
    return rest, divisor


def _bounds(value: Num) -> tuple[int | None, int | None]:
    """Least and most that a number can be, with every name at least 1; None where there is no such bound."""
    if type(value) is int:
        return value, value
    least: Any = 0
    most: Any = 0
    for first, second, lower, upper in _paired_floors(value):
        least, most = least + lower, most + upper
        value = value - Extent({first: 1}) + Extent({second: 1})
        if type(value) is int:
            return least + value, most + value
    for monomial, factor in value.terms.items():
        low = 1
        for atom, power in monomial:
            floor = _least_of(atom)
            low = low * floor**power if floor is not None and floor >= 0 and low is not None else None  # type: ignore[assignment]  # None from here on
        if not monomial:
            least = None if least is None else least + factor
            most = None if most is None else most + factor
        elif factor > 0:
            least = None if least is None or low is None else least + factor * low
            most = None
        else:
            least = None
            most = None if most is None or low is None else most + factor * low
    return least, most


def _paired_floors(value: Extent) -> list[tuple[_Monomial, _Monomial, int, int]]:
    """Pair floors of which one is taken from the other and whose numerators differ by a number.

    Then ``u//d - v//d`` lies between ``w//d`` and ``ceil(w/d)`` for ``w = u - v``.
    """
    floors = [
        (monomial, factor, monomial[0][0])
        for monomial, factor in value.terms.items()
        if len(monomial) == 1
        and monomial[0][1] == 1
        and isinstance(monomial[0][0], Floor)
        and abs(factor) == 1
    ]
    found: list[tuple[_Monomial, _Monomial, int, int]] = []
    for first, sign, a in floors:
        for second, other, b in floors:
            if sign == 1 and other == -1 and type(a.denominator) is int and a.denominator == b.denominator:
                apart = a.numerator - b.numerator
                if type(apart) is int and not any(second in pair[:2] for pair in found):
                    found.append((first, second, apart // a.denominator, -(-apart // a.denominator)))
                    break
    return found


def _least_of(atom: _Atom) -> int | None:
    if isinstance(atom, str):
        return 1
    if isinstance(atom, Floor):
        least, _ = _bounds(atom.numerator)
        if least is None or type(atom.denominator) is not int:
            return 0 if least is not None and least >= 0 else None
        return least // atom.denominator
    bounds = [_bounds(part)[0] for part in (atom.a, atom.b)]
    if None in bounds:
        return next((b for b in bounds if b is not None), None) if atom.larger else None
    known = [b for b in bounds if b is not None]
    return max(known) if atom.larger else min(known)


def _below(a: Num, b: Num) -> Any:
    """Decide ``a < b``: a bool, or UNKNOWN."""
    difference = b - a
    if difference is UNKNOWN:
        return UNKNOWN
    least, most = _bounds(difference)
    if least is not None and least > 0:
        return True
    return False if most is not None and most <= 0 else UNKNOWN


def _grows(value: Num) -> bool:
    """Tell whether a formula grows without bound with its extents."""
    if type(value) is not Extent:
        return False
    least = _degree(value)
    return least > 0 and all(
        factor > 0
        for monomial, factor in value.terms.items()
        if sum(_atom_degree(atom) * power for atom, power in monomial) == least
    )


def _degree(value: Num) -> int:
    if type(value) is not Extent:
        return 0
    return max(sum(_atom_degree(atom) * power for atom, power in monomial) for monomial in value.terms)


def _atom_degree(atom: _Atom) -> int:
    if isinstance(atom, str):
        return 1
    if isinstance(atom, Floor):
        return max(_degree(atom.numerator) - _degree(atom.denominator), 0)
    return max(_degree(atom.a), _degree(atom.b))


def _extreme(a: Num, b: Num, *, larger: bool) -> Num:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    for one, other in ((a, b), (b, a)):
        if larger and type(other) is int and other <= 1 and _grows(one):
            return one  # as every rule requires, the input is large enough
        if _below(one, other + 1) is True:
            return other if larger else one
    first, second = sorted((a, b), key=str)
    return Extent({((Extreme(larger, first, second), 1),): 1})


def _spell(value: Extent) -> str:
    def atom(each: _Atom, power: int) -> str:
        if isinstance(each, Floor):
            top, under = str(each.numerator), str(each.denominator)
            top = f"({top})" if " " in top or "*" in top else top
            under = f"({under})" if " " in under or "*" in under else under
            text = f"({top}//{under})"
        elif isinstance(each, Extreme):
            text = f"{'max' if each.larger else 'min'}({each.a}, {each.b})"
        else:
            text = each
        return text if power == 1 else f"{text}**{power}"

    parts = []
    for monomial, factor in sorted(
        value.terms.items(), key=lambda item: (not item[0], -sum(p for _, p in item[0]), str(item[0]))
    ):
        names = "*".join(atom(each, power) for each, power in monomial)
        size = abs(factor)
        text = str(size) if not names else names if size == 1 else f"{size}*{names}"
        parts.append((" - " if factor < 0 else " + ") + text)
    first = parts[0]
    return (first[3:] if first.startswith(" + ") else "-" + first[3:]) + "".join(parts[1:])
