"""What the axes of a reshaped tensor are: batch (b), position (s) or channel (c)."""

from __future__ import annotations

from typing import Any

import pytest

from rfcalc.algebra.number import UNKNOWN as N
from rfcalc.graph import TensorSpec
from rfcalc.rules.roles import reshaped


@pytest.mark.parametrize(
    ("shape", "axes", "target", "expected", "folded"),
    [
        ((N, 8, 8, 6), "bssc", (N, 64, 6), "bsc", 1),  # tokens
        ((N, 64, 6), "bsc", (N, 8, 8, 6), "bssc", 1),
        ((N, 64, 6), "bsc", (N, 64, 2, 3), "bscc", 1),  # heads
        ((N, 8, 8, 6), "bssc", (N, 384), "bc", 1),  # flatten
        ((N, 8, 8, 6), "bssc", (N, 8, 48), "bsc", 1),  # rows as a sequence
        ((N, 6, 8, 8), "bcss", (N, 6, 64), "bcs", 1),
        ((N, 6, 8, 8), "bcss", (N, 2, 3, 8, 8), "bccss", 1),  # groups of channels
        (
            (N, 3, 2, 8, 2, 8),
            "bccscs",
            (N, 3, 16, 16),
            "bcss",
            1,
        ),  # not a shuffle, but rows and channels merge
        ((N, 3, 8, 2, 8, 2), "bcscsc", (N, 3, 16, 16), "bcss", 1),  # pixel shuffle
        ((N, 4, 4, 2, 2, 6), "bssssc", (N, 4, 4, 24), "bssc", 1),  # patch merging
        ((N, 8, 8, 6), "bssc", (N, 16, 6), "bsc", 4),  # windows
        ((N, 16, 6), "bsc", (N, 8, 8, 6), "bssc", None),  # and back, where nothing was folded: not known
        ((1, 8, 8, 6), "bssc", (4, 16, 6), "bsc", 4),
        ((N, 5, 8, 8, 6), "bsssc", (N, 8, 8, 6), "bssc", 5),  # frames
        ((N, 28, 28, 1), "bssc", (N, 28, 28), "bss", 1),
        ((N, 28, 28), "bss", (N, 28, 28, 1), "bssc", 1),
        ((N, 28, 28, 1), "bssc", (N, 784), "bc", 1),
        ((N, 28, 28, 1), "bssc", (N, 784, 1), "bsc", 1),
        ((N, 6272), "bc", (N, 7, 7, 128), "bssc", 1),  # a vector becomes a map
        ((N, 16), "bc", (N, 1, 1, 16), "bssc", 1),  # a gate
        ((N, 16), "bc", (N, 16, 1, 1), "bcss", 1),
        ((N, N, N, 6), "bssc", (N, N, 6), "bsc", 1),
        ((N, 4, 1, 1, 6, 2), "bssssc", (N, 4, 6, 2), "bssc", 1),
        ((N, 1, 4, 1, 6, 2), "bssssc", (N, 4, 6, 2), "bssc", 1),
        ((7, N, 6), "sbc", (7, N, 2, 3), "sbcc", 1),  # time before batch
    ],
)
def test_axes_keep_what_they_are_made_of(
    shape: tuple[Any, ...], axes: str, target: tuple[Any, ...], expected: str, folded: int | None
) -> None:
    output = reshaped(TensorSpec(shape, axes), target)
    assert output.axes == expected
    assert output.folded is N if folded is None else output.folded == folded


@pytest.mark.parametrize(
    ("shape", "axes", "target"),
    [
        ((N, 8, 16, 18), "bcss", (N, 1, 2304)),  # a group norm of one group, as exporters spell it
        ((N, 8, 16, 18), "bcss", (N, 2, 1152)),  # of two
        ((N, 8, 16, 18), "bcss", (N, 2304)),
        ((N, 16, 18, 8), "bssc", (N, 2304)),
        ((N, 16, 18, 8), "bssc", (N, 16, 144)),
        ((2, 6, 8), "bcs", (2, 1, 48)),
        ((N, 3, 4, 5, 6), "bcsss", (N, 3, 4, 30)),  # positions alone
        ((N, 3, 4, 5, 6), "bsscs", (N, 12, 30)),
    ],
)
def test_axes_that_were_merged_come_back(shape: tuple[Any, ...], axes: str, target: tuple[Any, ...]) -> None:
    merged = reshaped(TensorSpec(shape, axes), target)
    assert reshaped(merged, shape).axes == axes
    assert len(merged.axes) == len(target)


def test_what_an_axis_is_made_of_counts_only_at_its_extent() -> None:
    mixed = reshaped(TensorSpec((N, 8, 16, 18), "bcss"), (N, 2304))
    other = TensorSpec((N, 1152), mixed.axes, mixed=mixed.mixed)
    assert reshaped(other, (N, 4, 16, 18)).axes == "bssc"  # as of any vector
