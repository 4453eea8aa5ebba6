"""Nearest elements at positions of 32 bits: against numpy, against exact fractions, and against PyTorch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from rfcalc.questions.verify.definitions import windows
from rfcalc.questions.verify.definitions.floats import float32, in_floats, rounded
from rfcalc.rules.positions import FLOATS, LITE, Sampling, nearest_in_floats, single

HOWS = [
    Sampling(coordinates, rounding)
    for coordinates in ("asymmetric", "half_pixel", "tf_half_pixel_for_nn", "align_corners")
    for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
]
EXTENTS = [1, 2, 3, 7, 12, 28, 40]
SIZES = [1, 2, 5, 12, 16, 41, 82, 110]


@pytest.mark.parametrize("how", HOWS, ids="-".join)
@pytest.mark.parametrize("floats", [*FLOATS, LITE])
def test_the_definition_of_verify_says_the_same(how: Sampling, floats: str) -> None:
    """It rounds fractions to 24 binary digits, and knows nothing of floats."""
    for extent in EXTENTS:
        for size in SIZES:
            rows = nearest_in_floats(how, floats, extent, size, None)
            told = in_floats(floats, how, extent, size, None)
            assert list(rows) == [min(max(each, 0), extent - 1) for each in told], (extent, size)


@pytest.mark.parametrize("how", HOWS, ids="-".join)
def test_exact_positions_are_those_of_fractions(how: Sampling) -> None:
    """As `windows._position` and `rounded` have them, which follow the specification's formulas."""
    for extent in EXTENTS:
        for size in SIZES:
            at = windows._position(how.coordinates, extent, size, None, None)
            told = [rounded(at(i), how.rounding) for i in range(size)]
            rows = nearest_in_floats(how, "", extent, size, None)
            assert list(rows) == [min(max(each, 0), extent - 1) for each in told], (extent, size)


def test_a_float_of_32_bits_is_that_of_numpy() -> None:
    for number in (0.1, 1 / 3, 2.6, 16777217.0, 0.0, -1.1):
        assert single(number) == float(np.float32(number))
        assert float32(Fraction(number)) == Fraction(float(np.float32(number)))


def test_quotients_and_products_are_those_of_numpy() -> None:
    for extent in EXTENTS:
        for size in SIZES:
            scale, index = np.float32(size) / np.float32(extent), np.arange(size, dtype=np.float32)
            divided = np.floor(index / scale).astype(int).clip(0, extent - 1)
            found = nearest_in_floats(Sampling("asymmetric", "floor"), "divided", extent, size, None)
            assert found == tuple(divided), (extent, size)
            inverse = np.float32(extent) / np.float32(size)
            multiplied = np.floor(index * inverse).astype(int).clip(0, extent - 1)
            found = nearest_in_floats(Sampling("asymmetric", "floor"), "multiplied", extent, size, None)
            assert found == tuple(multiplied), (extent, size)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("mode", "how"),
    [
        ("nearest", Sampling("asymmetric", "floor")),
        ("nearest-exact", Sampling("half_pixel", "round_prefer_ceil")),
    ],
)
def test_pytorch_reads_these(mode: str, how: Sampling) -> None:
    """Where its kernels agree with each other, which they do but for 13 of the 16,384 pairs."""
    torch = pytest.importorskip("torch")
    moved = 0
    for extent in range(1, 33):
        row = torch.arange(extent, dtype=torch.float32).reshape(1, 1, extent)
        for size in range(1, 129, 3):
            made = torch.nn.functional.interpolate(row, size=size, mode=mode).flatten().long().tolist()
            either = {nearest_in_floats(how, each, extent, size, None) for each in ("multiplied", "fused")}
            assert tuple(made) in either, (extent, size)
            moved += nearest_in_floats(how, "", extent, size, None) not in either
    assert moved > 3
