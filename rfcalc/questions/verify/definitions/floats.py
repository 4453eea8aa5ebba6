"""Positions of nearest elements in floats of 32 bits, with fractions that are rounded as these are."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

_HALF = Fraction(1, 2)


def rounded(at: Fraction, how: str) -> int:
    """Return the whole position that stands for one between two."""
    if how == "round_prefer_floor":
        return ceil(at - _HALF)
    if how == "round_prefer_ceil":
        return floor(at + _HALF)
    return floor(at) if how == "floor" else ceil(at)


def in_floats(floats: str, how: tuple[str, str], n: int, m: int, scale: Fraction | None) -> list[int]:
    """Return which element of `n` each of `m` reads; nothing where that is not known.

    A runtime divides the position by the scale, or multiplies by its inverse, which PyTorch and TensorFlow
    Lite do of positions that are rounded down alone, or between corners that stay where they are.
    """
    s = Fraction(m, n) if scale is None else Fraction(scale)
    if floats in ("divided", "tolerant"):
        return _divided(how, s, m, tolerant=floats == "tolerant")
    if floats == "lite" and how == ("align_corners", "round_prefer_ceil"):
        step = float32(Fraction(n - 1, max(m - 1, 1)))
        return [floor(float32(i * step) + _HALF) for i in range(m)]
    centred = (
        ("half_pixel", "round_prefer_ceil") if floats == "multiplied" else ("tf_half_pixel_for_nn", "floor")
    )
    if how not in (("asymmetric", "floor"), centred):
        return []
    start = _HALF if how == centred else Fraction(0)
    return [floor(float32((i + start) * float32(1 / s))) for i in range(m)]


def _divided(how: tuple[str, str], s: Fraction, m: int, *, tolerant: bool) -> list[int]:
    where, rounding = how
    centred = where == "half_pixel" or (where == "pytorch_half_pixel" and m > 1)
    if not centred and where not in ("asymmetric", "tf_half_pixel_for_nn"):
        return []
    start = Fraction(0) if where == "asymmetric" else _HALF
    at = [float32((i + start) / float32(s)) for i in range(m)]
    if centred:
        at = [float32(each - _HALF) for each in at]
    if tolerant:
        at = [floor(x) + _HALF if abs(x - floor(x) - _HALF) <= Fraction(1, 10**6) else x for x in at]
    return [rounded(each, rounding) for each in at]


def float32(x: Fraction) -> Fraction:
    """Round to a number of 24 binary digits, ties to even.

    >>> float32(Fraction(1, 3))
    Fraction(11184811, 33554432)
    """
    if x <= 0:
        return -float32(-x) if x < 0 else x
    unit = Fraction(2) ** (x.numerator.bit_length() - x.denominator.bit_length() - 24)
    while x / unit >= 1 << 24:
        unit *= 2
    return round(x / unit) * unit
