"""Targets: what a stack has to come to, as people write it, and as bounds of whole numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil, floor, inf
from typing import Any, Final

from rfcalc.arguments import size_in_bytes
from rfcalc.errors import UsageError
from rfcalc.questions.design.blocks import MEASURES, Sizes
from rfcalc.records import NamedTuple

PER_AXIS: Final = ("field", "output", "stride")
"""Figures that have a size along each axis."""

FIGURES: Final = (*PER_AXIS, *MEASURES)
"""Every figure that a target may be set for."""

_TARGET: Final = re.compile(r"\s*(<=|>=|==?|<|>|≤|≥)\s*(\S.*?)\s*")
_NUMBER: Final = re.compile(r"[0-9][0-9_]{0,30}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?")
_SPELLED: Final = {"≤": "<=", "≥": ">=", "==": "="}

Bound = tuple[float, ...]
"""A number for each axis, or one; infinite where there is no bound."""


class Target(NamedTuple):
    """One comparison that a figure has to stand.

    Parameters
    ----------
    figure : str
        One of `FIGURES`.
    comparison : str
        ``<=``, ``>=``, ``=``, ``<`` or ``>``.
    value : tuple of int or float
        What it is compared with, for each axis, or one number.
    """

    figure: str
    comparison: str
    value: tuple[float, ...]

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """The least and the largest whole numbers that stand it."""
        low: Bound = tuple(-inf for _ in self.value)
        high: Bound = tuple(inf for _ in self.value)
        if self.comparison in (">=", "=", ">"):
            low = tuple(floor(v) + 1 if self.comparison == ">" else ceil(v) for v in self.value)
        if self.comparison in ("<=", "=", "<"):
            high = tuple(ceil(v) - 1 if self.comparison == "<" else floor(v) for v in self.value)
        return low, high

    def holds(self, value: Iterable[float | None]) -> bool:
        """Tell whether a figure stands it, None for a whole axis along each axis."""
        sizes = [inf if size is None else size for size in value]
        low, high = self.bounds
        return all(a <= size <= b for a, size, b in zip(low, sizes, high, strict=True))


def read_targets(given: Mapping[str, Any], rank: int) -> tuple[Target, ...]:
    """Read targets.

    Parameters
    ----------
    given : mapping of str to str
        For figures by name what they have to be, such as ``">=224"`` or ``">=7x7"``; several comparisons
        between commas.
    rank : int
        How many spatial axes the input has.

    Raises
    ------
    UsageError
        One means nothing.

    Examples
    --------
    >>> [tuple(each) for each in read_targets({"field": ">=224,<300", "params": "<=1e6"}, 2)]
    [('field', '>=', (224, 224)), ('field', '<', (300, 300)), ('params', '<=', (1000000,))]
    """
    found: list[Target] = []
    for figure, text in given.items():
        if text is None:
            continue
        for part in str(text).split(","):
            match = _TARGET.fullmatch(part)
            if match is None:
                raise UsageError(
                    f"--{figure}: {part.strip()[:40]!r} is no comparison, such as "
                    f"{'>=7x7' if figure in PER_AXIS else '<=1e6'!r}"
                )
            comparison = _SPELLED.get(match[1], match[1])
            found.append(Target(figure, comparison, _value(figure, match[2], rank)))
    return tuple(found)


def _value(figure: str, text: str, rank: int) -> tuple[float, ...]:
    if figure not in PER_AXIS:
        return (_number(figure, text),)
    parts = re.split(r"\s*[xX×*]\s*", text)  # noqa: RUF001  as people write extents
    numbers = tuple(_number(figure, part) for part in parts)
    if len(numbers) not in (1, rank):
        raise UsageError(
            f"--{figure}: {text[:40]!r} has {len(numbers)} sizes; the input has {rank} spatial axes"
        )
    return numbers * rank if len(numbers) == 1 else numbers


def _number(figure: str, text: str) -> float:
    """Read a number; a whole one as an integer, however large.

    >>> _number("params", "1e6"), _number("params", "2.5"), _number("peak", "8MB")
    (1000000, 2.5, 8000000)
    """
    if not _NUMBER.fullmatch(text):
        if figure == "peak":
            return size_in_bytes(text, f"--{figure}")
        raise UsageError(f"--{figure}: {text[:40]!r} is no number, such as 1000000 or 1e6")
    value = Fraction(text.replace("_", ""))
    return int(value) if value.denominator == 1 else float(value)


class Bounds(NamedTuple):
    """What targets come to: for each figure the least and the largest value.

    Parameters
    ----------
    low, high : mapping of str to tuple
        By figure; those alone that are bounded.
    """

    low: Mapping[str, Bound]
    high: Mapping[str, Bound]

    def cost(self, which: int) -> tuple[float, float]:
        """Return the bounds of a measure, by its number."""
        name = MEASURES[which]
        return self.low.get(name, (-inf,))[0], self.high.get(name, (inf,))[0]

    def within(self, figure: str, sizes: Sizes | tuple[float, ...]) -> bool:
        """Tell whether sizes keep within the bounds of a figure."""
        low, high = self.low.get(figure), self.high.get(figure)
        above = low is None or all(size >= least for size, least in zip(sizes, low, strict=True))
        return above and (high is None or all(size <= most for size, most in zip(sizes, high, strict=True)))


def bounds_of(targets: Iterable[Target]) -> Bounds:
    """Return what targets come to together.

    >>> bounds_of(read_targets({"layers": ">3,<=9,<12"}, 2))
    Bounds(low={'layers': (4,)}, high={'layers': (9,)})
    """
    low: dict[str, Bound] = {}
    high: dict[str, Bound] = {}
    for target in targets:
        least, most = target.bounds
        if least != tuple(-inf for _ in least):
            low[target.figure] = tuple(map(max, least, low.get(target.figure, least)))
        if most != tuple(inf for _ in most):
            high[target.figure] = tuple(map(min, most, high.get(target.figure, most)))
    return Bounds(low, high)
