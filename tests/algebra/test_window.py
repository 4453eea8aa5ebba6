"""Windows against the sets that they are by definition."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra.number import UNKNOWN
from rfcalc.algebra.window import gather, rises, same_padding, slide
from tests.algebra.plain import Drawn, windows

OUTPUTS = range(-9, 18)


@given(windows)
def test_indices_are_the_set(drawn: Drawn) -> None:
    window, sets = drawn
    for i in OUTPUTS:
        indices = list(window.indices(i))
        assert frozenset(indices) == sets(i)
        assert indices == sorted(set(indices))


@given(windows)
def test_ends_of_what_is_not_empty(drawn: Drawn) -> None:
    window, sets = drawn
    for i in OUTPUTS:
        if sets(i) and window.regular:
            assert (window.first(i), window.last(i)) == (min(sets(i)), max(sets(i)))


@given(windows, st.integers(0, 17))
def test_many_at_once_are_each_by_itself(drawn: Drawn, count: int) -> None:
    window, sets = drawn
    assert [frozenset(row) for row in window.rows(count)] == [sets(i) for i in range(count)]
    firsts, lasts = window.ends(count)
    assert list(firsts) == [window.first(i) for i in range(count)]
    assert list(lasts) == [window.last(i) for i in range(count)]


@given(windows)
def test_period(drawn: Drawn) -> None:
    window, sets = drawn
    for i in OUTPUTS:
        assert sets(i + window.period) == {j + window.advance for j in sets(i)}


@given(windows)
def test_regular_means_no_hole_and_no_way_back(drawn: Drawn) -> None:
    window, sets = drawn
    if window.regular:
        assert all(sets(i) for i in OUTPUTS)
        assert all(min(sets(i)) <= min(sets(i + 1)) and max(sets(i)) <= max(sets(i + 1)) for i in OUTPUTS)


@given(windows, st.integers(1, 12))
def test_padding_is_dropped(drawn: Drawn, extent: int) -> None:
    window, sets = drawn
    for i in OUTPUTS:
        assert set(window.inside(i, extent)) == sets(i) & set(range(extent))


@pytest.mark.parametrize(
    ("border", "folded"),
    [
        ("reflect", [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]),
        ("symmetric", [3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1]),
        ("edge", [0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3]),
        ("wrap", [3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]),
        ("drop", [None, None, None, None, None, 0, 1, 2, 3, None, None, None]),
    ],
)
def test_borders(border: str, folded: list[int | None]) -> None:
    """Elements 0 to 3 stand at places 5 to 8 of what each border makes of them."""
    if border == "reflect":
        folded = [1, *folded[:-1]]  # the mirror stands on the border element: it is not repeated
    window = gather(1, 1, [[-5]])._replace(border=border)
    assert [next(iter(window.inside(i, 4)), None) for i in range(12)] == folded


@given(st.lists(st.integers(-3, 9), min_size=1, max_size=5), st.integers(0, 9))
def test_rises(ends: list[int], advance: int) -> None:
    unrolled = [end + advance * q for q in range(3) for end in ends]
    assert rises(ends, advance) == (unrolled == sorted(unrolled))


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_same_padding_is_the_least_that_suffices(n: int, k: int, s: int, d: int) -> None:
    total = same_padding(n, k, s, d)
    wanted = ceil(Fraction(n, s))
    reach = d * (k - 1) + 1
    enough = [p for p in range(total + 2) if (n + p - reach) // s + 1 >= wanted]
    assert min(enough) == total


def test_same_padding_of_an_open_extent() -> None:
    assert same_padding(UNKNOWN, 3, 1, 2) == 4
    assert same_padding(UNKNOWN, 3, 2) is UNKNOWN


def test_slack_moves_nothing() -> None:
    assert list(slide(3, stride=2, lo=1, slack=1).indices(3)) == [5, 6, 7]
