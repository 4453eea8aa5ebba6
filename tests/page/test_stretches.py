"""Spans of units told as stretches: what they stand for is what was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.page.stretches import NOTHING, WHOLE, Span, stretches_of
from tests.page.reading import spans_in

LISTS = {
    "one": [Span(0, 4)],
    "a border, the middle, a border": [Span(0, 1), Span(0, 2), Span(1, 3), Span(2, 4), Span(3, 4)],
    "all alike": [Span(0, 9)] * 7,
    "nothing in the middle": [Span(0, 1), NOTHING, NOTHING, Span(4, 5)],
    "holes that begin alike and end apart": [Span(0, 4, 0), Span(1, 5, 0), Span(2, 6, 0), Span(3, 6, 1)],
    "behind an upsampling": [Span(k // 2, k // 2 + (k % 2)) for k in range(20)],
}


@pytest.mark.parametrize("spans", LISTS.values(), ids=list(LISTS))
@pytest.mark.parametrize("periods", [(1,), (1, 2), (1, 2, 3, 4)])
def test_stretches_stand_for_the_spans(spans: list[Span], periods: tuple[int, ...]) -> None:
    assert spans_in(stretches_of(spans, periods)) == spans


@given(
    st.lists(
        st.one_of(
            st.just(NOTHING),
            st.builds(
                lambda first, length, holes: Span(first, first + length, holes),
                st.integers(0, 6), st.integers(0, 3), st.sampled_from([WHOLE, WHOLE, 0, 1]),
            ),
        ),
        max_size=24,
    ),
    st.sampled_from([(1,), (1, 2), (1, 3), (1, 2, 4)]),
)  # fmt: skip
def test_any_spans(spans: list[Span], periods: tuple[int, ...]) -> None:
    assert spans_in(stretches_of(spans, periods)) == spans


def test_what_moves_on_steadily_is_one_stretch() -> None:
    assert len(stretches_of([Span(2 * k, 2 * k + 6) for k in range(1000)])) == 1
    assert len(stretches_of([Span(k // 2, k // 2 + k % 2) for k in range(1000)], (1, 2))) == 1


def test_spans_of_other_lengths_have_holes_of_their_own() -> None:
    spans = [Span(0, 4, 0), Span(0, 5, 0)]
    assert len(stretches_of(spans)) == 2, "holes are counted from the first position, of one length"
