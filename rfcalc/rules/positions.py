"""Positions of nearest elements as runtimes compute them, in floats of 32 bits.

A position that is a whole number, or half of one, may then lie a little beside it, and another element is
read. Sums, products and quotients of floats of 32 bits are worked out in 64 and rounded: that is the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import ceil, floor
from typing import TYPE_CHECKING, Final

from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

FLOATS: Final = ("divided", "tolerant", "multiplied")
"""Ways to compute a position: divided by the scale (OpenVINO); the same, where what is within a millionth of
a half counts as a half (onnxruntime); or multiplied by its inverse (PyTorch)."""

FUSED: Final = "fused"
"""As multiplied, but the product is not rounded before a half is taken off, as some kernels of PyTorch do."""

LITE: Final = "lite"
"""Multiplied by the step between positions, at the three kinds of coordinates that TensorFlow Lite has."""

_NEAR: Final = 1e-6

MOST: Final = 1 << 16
"""Outputs along an axis up to which positions in floats are worked out."""


class Sampling(NamedTuple):
    """Where outputs sample the input, and how such a position is rounded."""

    coordinates: str
    rounding: str


def single(number: float) -> float:
    """Round to a float of 32 bits.

    >>> single(0.1)
    0.10000000149011612
    """
    return float(array("f", (number,))[0])


def moved_by_floats(how: Sampling, floats: str, extent: int, size: int, scale: Fraction | None) -> int | None:
    """Count the elements that floats make read another one; None where these are not known."""
    found = nearest_in_floats(how, floats, extent, size, scale)
    exact = nearest_in_floats(how, "", extent, size, scale)
    return sum(a != b for a, b in zip(exact, found, strict=True)) if found else None


@lru_cache(512)
def nearest_in_floats(
    how: Sampling, floats: str, extent: int, size: int, scale: Fraction | None
) -> tuple[int, ...]:
    """Return for each output the element that it reads; exactly where `floats` is empty.

    Where positions in floats are not known, or there are more than `MOST`, nothing is returned.

    >>> nearest_in_floats(Sampling("asymmetric", "floor"), "multiplied", 2, 82, None).index(1)
    42
    >>> nearest_in_floats(Sampling("asymmetric", "floor"), "", 2, 82, None).index(1)
    41
    """
    from fractions import Fraction  # its import takes longer than most analyses

    if not 0 < size <= MOST or extent < 1:
        return ()
    if how.coordinates == "align_corners":
        ratio = Fraction(max(size - 1, 1), max(extent - 1, 1))
    else:
        ratio = Fraction(size, extent) if scale is None else scale
    found = _WAYS[floats](how, ratio, size)
    return tuple([min(max(each, 0), extent - 1) for each in found])


_SHIFTS: Final = {
    "asymmetric": (0, 0),
    "align_corners": (0, 0),
    "tf_half_pixel_for_nn": (1, 0),
    "half_pixel": (1, 1),
    "pytorch_half_pixel": (1, 1),
}
"""How many halves are added to an index before it is scaled, and taken off behind it."""


def _exact(how: Sampling, ratio: Fraction, size: int) -> list[int]:
    if _unknown(how, size):
        return []
    shift, back = _SHIFTS[how.coordinates]
    return [_exactly(ratio, 2 * i + shift, back, how.rounding) for i in range(size)]


def _divided(how: Sampling, ratio: Fraction, size: int, near: float = 0.0) -> list[int]:
    if _unknown(how, size) or how.coordinates == "align_corners":
        return []
    shift, back = _SHIFTS[how.coordinates]
    factor = single(float(ratio))
    at = [single((i + shift / 2) / factor) for i in range(size)]
    return [_rounded(single(each - back / 2), how.rounding, near) for each in at]


def _tolerant(how: Sampling, ratio: Fraction, size: int) -> list[int]:
    return _divided(how, ratio, size, _NEAR)


def _multiplied(how: Sampling, ratio: Fraction, size: int) -> list[int]:
    """What PyTorch has: ``nearest`` and ``nearest-exact``."""
    if how not in (_NEAREST, _NEAREST_EXACT):
        return []
    factor, shift = single(1 / float(ratio)), _SHIFTS[how.coordinates][0] / 2
    return [floor(single((i + shift) * factor)) for i in range(size)]


def _fused(how: Sampling, ratio: Fraction, size: int) -> list[int]:
    if how != _NEAREST_EXACT:
        return _multiplied(how, ratio, size)
    factor = single(1 / float(ratio))
    return [floor(single(max(single((i + 0.5) * factor - 0.5), 0.0) + 0.5)) for i in range(size)]


def _lite(how: Sampling, ratio: Fraction, size: int) -> list[int]:
    factor = single(1 / float(ratio))
    if how == Sampling("align_corners", "round_prefer_ceil"):
        return [floor(single(i * factor) + 0.5) for i in range(size)]
    if how not in (_NEAREST, Sampling("tf_half_pixel_for_nn", "floor")):
        return []
    shift = _SHIFTS[how.coordinates][0] / 2
    return [floor(single((i + shift) * factor)) for i in range(size)]


_NEAREST: Final = Sampling("asymmetric", "floor")
_NEAREST_EXACT: Final = Sampling("half_pixel", "round_prefer_ceil")

_WAYS: Final[Mapping[str, Callable[[Sampling, Fraction, int], list[int]]]] = {
    "": _exact,
    "divided": _divided,
    "tolerant": _tolerant,
    "multiplied": _multiplied,
    FUSED: _fused,
    LITE: _lite,
}


def _unknown(how: Sampling, size: int) -> bool:
    """Tell whether positions are not those of a line."""
    return how.coordinates not in _SHIFTS or (how.coordinates == "pytorch_half_pixel" and size == 1)


def _exactly(ratio: Fraction, twice: int, back: int, how: str) -> int:
    """Round the position of which `twice` is the double before it is scaled, less half of `back`."""
    n, d = twice * ratio.denominator - back * ratio.numerator, 2 * ratio.numerator
    if how == "round_prefer_floor":
        return -((d - 2 * n) // (2 * d))
    if how == "round_prefer_ceil":
        return (2 * n + d) // (2 * d)
    return n // d if how == "floor" else -(-n // d)


def _rounded(at: float, how: str, near: float = 0.0) -> int:
    """Round a position; `near` is how far beside a half still counts as one."""
    low = floor(at)
    if how in ("round_prefer_floor", "round_prefer_ceil"):
        over = at - low - 0.5
        if abs(over) <= near:
            return low if how == "round_prefer_floor" else low + 1
        return low + (over > 0)
    return low if how == "floor" else ceil(at)
