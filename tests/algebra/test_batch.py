"""Numbers of many designs say of each what its own number says, or that the designs have to be run apart."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra.batch import Batch, Divided, Mixed, batch, parts_of, spelling, values_of
from rfcalc.algebra.number import (
    UNKNOWN,
    as_integer,
    cdiv,
    equal,
    greatest,
    greatest_common,
    is_known,
    is_one,
    least_of,
    maximum,
    minimum,
    prod,
    prove,
)

SMALL = st.integers(-30, 30)
WIDE = st.one_of(
    SMALL, st.integers(-(2**70), 2**70), st.sampled_from([2**63 - 1, -(2**63), 2**31, 2**53 + 1])
)

OPERATIONS: list[Callable[[Any, Any], Any]] = [
    operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.truediv,
    maximum, minimum, cdiv, greatest_common, lambda a, b: abs(a) - b, lambda a, b: prod((a, b, a)),
    lambda a, b: greatest([a, b, 3]), lambda a, b: least_of([a, b, 3]), lambda a, b: divmod(a, b)[1],
]  # fmt: skip
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def each(number: Any, count: int) -> list[Any]:
    """List the value of each design."""
    return np.broadcast_to(np.asarray(values_of(number), dtype=object), (count,)).tolist()


@given(st.lists(st.tuples(WIDE, WIDE), min_size=1, max_size=6), st.sampled_from(OPERATIONS), st.booleans())
def test_arithmetic_is_that_of_each_design(
    pairs: list[tuple[int, int]], operation: Callable[[Any, Any], Any], same: bool
) -> None:
    pairs = [(a, (pairs[0][1] if same else b) or 7) for a, b in pairs]
    found = operation(batch([a for a, _ in pairs]), batch([b for _, b in pairs]))
    assert each(found, len(pairs)) == [operation(a, b) for a, b in pairs]


@given(st.lists(st.tuples(WIDE, WIDE), min_size=1, max_size=6), st.sampled_from(COMPARISONS))
def test_a_comparison_holds_for_all_for_none_or_divides(
    pairs: list[tuple[int, int]], compare: Callable[[Any, Any], Any]
) -> None:
    truths = [compare(a, b) for a, b in pairs]
    found = compare(batch([a for a, _ in pairs]), batch([b for _, b in pairs]))
    if isinstance(found, Mixed):
        assert len(set(truths)) == 2
        with pytest.raises(Divided) as divided:
            bool(found)
        assert np.broadcast_to(divided.value.labels, (len(pairs),)).tolist() == truths
    else:
        assert set(truths) == {found}


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 40)), min_size=2, max_size=5))
def test_powers(pairs: list[tuple[int, int]]) -> None:
    found = batch([a for a, _ in pairs]) ** batch([b for _, b in pairs])
    assert each(found, len(pairs)) == [a**b for a, b in pairs]


def test_where_all_designs_agree_it_is_a_plain_number() -> None:
    width = batch([16, 32])
    assert type(width) is Batch
    for number in (batch([3, 3]), width - width, width // 64, width % 16, 0 * width, maximum(width, 99)):
        assert type(number) is int


def test_batches_count_as_known_numbers() -> None:
    width = batch([16, 32])
    assert is_known(width)
    assert not is_one(width)
    assert as_integer(width) is width
    assert prove(width > 8) is True
    assert equal(width, 7) is False
    assert equal(width, width) is True


def test_what_is_open_or_endless_stays_so() -> None:
    width = batch([16, 32])
    assert width + UNKNOWN is UNKNOWN
    assert UNKNOWN * width is UNKNOWN
    assert maximum(width, UNKNOWN) is UNKNOWN
    assert width - inf == -inf
    assert inf - width == inf
    assert width + -inf == -inf
    assert maximum(width, inf) == inf
    assert minimum(width, inf) is width
    assert (width < inf) is True
    assert (width == -inf) is False


@pytest.mark.parametrize(
    "use", [range, int, float, operator.index, lambda n: [0] * n, lambda n: [7, 8, 9][n], bool]
)
def test_where_one_number_is_needed_designs_are_divided(use: Callable[[Any], Any]) -> None:
    with pytest.raises(Divided) as divided:
        use(batch([0, 2, 2]))
    assert divided.value.labels.tolist() in ([0, 2, 2], [False, True, True])


def test_a_divisor_that_is_zero_for_some_designs() -> None:
    with pytest.raises(Divided):
        12 // batch([0, 4])
    with pytest.raises(ZeroDivisionError):
        batch([12, 8]) % 0


@pytest.mark.parametrize(
    "use",
    [
        Fraction, lambda n: Fraction(n, 7), lambda n: Fraction(7, n), lambda n: n * Fraction(1, 2),
        lambda n: Fraction(1, 2) * n, lambda n: n + Fraction(1, 2), lambda n: Fraction(1, 2) - n,
        lambda n: n / Fraction(1, 2), lambda n: n < Fraction(1, 2), lambda n: Fraction(1, 2) == n,
    ],
)  # fmt: skip
def test_a_fraction_takes_each_design_for_itself(use: Callable[[Any], Any]) -> None:
    with pytest.raises(Divided) as divided:
        use(batch([4, 5]))
    assert divided.value.labels.tolist() == [4, 5]


def test_numbers_in_texts_are_those_of_each_design() -> None:
    with spelling() as held:
        text = f"a map of {batch([4, 5])}, {batch([1000, 2000]):,} in all"
    pieces = parts_of(text)
    assert [head for head, _, _ in pieces] == ["a map of ", ", ", " in all"]
    numbers = [held[place].values.tolist() for _, place, _ in pieces if place is not None]
    assert numbers == [[4, 5], [1000, 2000]]
    assert pieces[1][2] == ","


def test_a_batch_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(batch([1, 2**70])))
    assert again.values.tolist() == [1, 2**70]
    assert again.most == 2**70


def test_shares_of_numbers_beyond_64_bits_stay_shares() -> None:
    numbers = [2**64, 1, 2, 3]  # their shares are within 64 bits again
    wide = batch(numbers)
    for found, truth in (
        (0.25 * wide, [0.25 * each for each in numbers]),
        (wide + 0.5, [each + 0.5 for each in numbers]),
        (wide * (batch([1, 2, 3, 4]) / 8), [each * (n + 1) / 8 for n, each in enumerate(numbers)]),
    ):
        assert values_of(found).tolist() == truth
