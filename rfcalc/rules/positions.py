"""Positions of nearest elements as runtimes compute them, in floats of 32 bits.

A position that is a whole number, or half of one, may then lie a little beside it, and another element is
read. Sums, products and quotients of floats of 32 bits are worked out in 64 and rounded: that is the same.
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Final, NamedTuple

FLOATS: Final = ("divided", "tolerant", "multiplied")
"""Ways to compute a position: divided by the scale (OpenVINO); the same, where what is within a millionth of
a half counts as a half (onnxruntime); or multiplied by its inverse (PyTorch)."""

FUSED: Final = "fused"
"""As multiplied, but the product is not rounded before a half is taken off, as some kernels of PyTorch do."""

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
    ratio = Fraction(size, extent) if scale is None else scale
    if floats in ("multiplied", FUSED):
        how = _MULTIPLIED.get(how, Sampling("", ""))
    if (
        how.coordinates not in _SHIFTS
        or size > MOST
        or (how.coordinates == "pytorch_half_pixel" and size == 1)
    ):
        return ()
    shift, back = _SHIFTS[how.coordinates]
    if not floats:
        found = [_exactly(ratio, 2 * i + int(2 * shift), int(2 * back), how.rounding) for i in range(size)]
    elif floats == FUSED and shift:
        factor = single(1 / float(ratio))
        found = [floor(single(max(single((i + shift) * factor - 0.5), 0.0) + 0.5)) for i in range(size)]
    elif floats in ("multiplied", FUSED):
        factor = single(1 / float(ratio))
        found = [_rounded(single((i + shift) * factor), how.rounding) for i in range(size)]
    else:
        near = _NEAR if floats == "tolerant" else 0.0
        factor = single(float(ratio))
        found = [
            _rounded(_minus(single((i + shift) / factor), back), how.rounding, near) for i in range(size)
        ]
    return tuple([min(max(each, 0), extent - 1) for each in found])


_SHIFTS: Final = {
    "asymmetric": (0.0, 0.0),
    "half_pixel": (0.5, 0.5),
    "pytorch_half_pixel": (0.5, 0.5),
    "tf_half_pixel_for_nn": (0.5, 0.0),
}
"""What is added to an index before it is scaled, and taken off behind it."""


_MULTIPLIED: Final = {
    Sampling("asymmetric", "floor"): Sampling("asymmetric", "floor"),
    Sampling("half_pixel", "round_prefer_ceil"): Sampling("tf_half_pixel_for_nn", "floor"),
}
"""What PyTorch has, ``nearest`` and ``nearest-exact``, and how it computes these."""


def _minus(position: float, back: float) -> float:
    return single(position - back) if back else position


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
