"""Concrete rows against plain sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra.rows import (
    Rows,
    identity_rows,
    mask_of,
    row_of,
    row_span,
    span_of_row,
    union_of,
)
from rfcalc.algebra.rows_on_demand import identity_on_demand
from rfcalc.algebra.window import Window, slide
from rfcalc.errors import AnalysisError
from tests.algebra.plain import Drawn, windows

sets_of_taps = st.lists(st.frozensets(st.integers(0, 12)), min_size=1, max_size=8)


@given(st.lists(st.integers(0, 1 << 40), max_size=5))
def test_union_is_that_of_the_sets(masks: list[int]) -> None:
    union = 0
    for mask in masks:
        union |= mask
    assert mask_of(union_of(map(row_of, masks))) == union
    assert union_of(map(row_of, masks)) == row_of(union)  # spelled in the one way that there is
    found = span_of_row(row_of(union))
    bits = [j for j in range(union.bit_length()) if union >> j & 1]
    assert found == ((bits[0], bits[-1], len(bits)) if bits else None)


WINDOWS = st.builds(
    slide, st.integers(1, 4), stride=st.integers(1, 3), dilation=st.integers(1, 3), lo=st.integers(0, 3)
)


@given(st.integers(1, 30), st.lists(st.tuples(WINDOWS, st.integers(1, 30)), max_size=4), st.booleans())
def test_asked_rows_are_those_of_all(extent: int, windows: list[tuple[Window, int]], scanned: bool) -> None:
    eager, asked = identity_rows(extent), identity_on_demand(extent)
    for place, (window, size) in enumerate(windows):
        before = eager, asked
        eager, asked = eager.after(window, size), asked.after(window, size)
        if place == 1 and scanned:
            eager, asked = eager.opened(above=False), asked.opened(above=False)
        if len(before[0]) == size:
            eager, asked = eager.join(before[0]), asked.join(before[1])
        if place == 2 and scanned:
            eager, asked = eager.join(eager.opened()), asked.join(asked.opened())
    assert [asked.some([i])[0] for i in range(len(asked))] == list(eager.rows)


STEADY = st.builds(slide, st.integers(1, 5), stride=st.integers(1, 2), lo=st.integers(0, 4))


@given(st.integers(1, 30), st.lists(st.tuples(STEADY, st.integers(1, 30)), max_size=3), st.integers(1, 9))
def test_a_run_of_steady_rows_is_told_by_its_ends(
    extent: int, windows: list[tuple[Window, int]], kernel: int
) -> None:
    eager, asked = identity_rows(extent), identity_on_demand(extent)
    for window, size in [*windows, (slide(kernel), 7)]:
        eager, asked = eager.after(window, size), asked.after(window, size)
        if asked.column.steady:
            assert not any(bits or first > last for first, last, bits in eager.rows)
    assert asked.some(range(len(asked))) == list(eager.rows)
    assert asked.opened().some([0]) == [eager.opened().rows[0]]
    for below in (True, False):
        one_way = eager.opened(below=below, above=not below)
        assert asked.opened(below=below, above=not below).some(range(len(asked))) == list(one_way.rows)


def test_a_reduction_of_a_billion_rows_reads_two() -> None:
    rows = identity_on_demand(10**9).after(slide(3, lo=1), 10**9)
    assert rows.opened().some([7]) == [(0, 10**9 - 1, 0)]
    assert len(rows.column._known) == 2
    with pytest.raises(AnalysisError, match="depends on too much of the map"):  # every other one, and gaps
        rows.after(slide(10**8, dilation=2), 1).some([0])


def rows_of(sets: list[frozenset[int]]) -> Rows:
    return Rows([sum(1 << j for j in taps) for taps in sets])


def sets_of(rows: Rows) -> list[frozenset[int]]:
    return [frozenset(j for j in range(mask.bit_length()) if mask >> j & 1) for mask in rows.masks]


@given(sets_of_taps, windows, st.integers(1, 10))
def test_composition_drops_the_padding_at_once(sets: list[frozenset[int]], drawn: Drawn, extent: int) -> None:
    window, taps = drawn
    wanted = [frozenset().union(*(sets[j] for j in taps(i) if 0 <= j < len(sets))) for i in range(extent)]
    assert sets_of(rows_of(sets).after(window, extent)) == wanted


@given(sets_of_taps, st.data())
def test_union(sets: list[frozenset[int]], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.frozensets(st.integers(0, 12)), min_size=len(sets), max_size=len(sets)))
    a, b = rows_of(sets), rows_of(other)
    assert sets_of(a.join(b)) == [x | y for x, y in zip(sets, other, strict=True)]
    assert a.join(b) == b.join(a)
    assert a.join(a) == a


@given(sets_of_taps, st.frozensets(st.integers(0, 12)))
def test_a_constant_belongs_to_every_row(sets: list[frozenset[int]], constant: frozenset[int]) -> None:
    a, b = rows_of(sets), rows_of([constant])
    assert sets_of(a.join(b)) == sets_of(b.join(a)) == [taps | constant for taps in sets]


@given(sets_of_taps)
def test_opened(sets: list[frozenset[int]]) -> None:
    rows = rows_of(sets)
    everything = frozenset().union(*sets)
    assert sets_of(rows.opened()) == [everything] * len(sets)
    before = [frozenset().union(*sets[: i + 1]) for i in range(len(sets))]
    after = [frozenset().union(*sets[i:]) for i in range(len(sets))]
    assert sets_of(rows.opened(above=False)) == before
    assert sets_of(rows.opened(below=False)) == after


@given(sets_of_taps)
def test_exactness_is_kept(sets: list[frozenset[int]]) -> None:
    bound = Rows(rows_of(sets).masks, exact=False)
    for made in (
        bound.after(slide(1), 1),
        bound.join(rows_of(sets)),
        rows_of(sets).join(bound),
        bound.opened(),
    ):
        assert not made.exact
    assert not bound.constant().exact
    assert bound.constant().masks == bound.masks[:1]
    assert bound != rows_of(sets)


@given(st.frozensets(st.integers(0, 90)))
def test_row_span(taps: frozenset[int]) -> None:
    wanted = (min(taps), max(taps), len(taps)) if taps else None
    assert row_span(sum(1 << j for j in taps)) == wanted


@given(st.integers(0, 20), windows)
def test_identity_is_neutral(extent: int, drawn: Drawn) -> None:
    window, taps = drawn
    made = identity_rows(extent).after(window, 9)
    assert sets_of(made) == [taps(i) & set(range(extent)) for i in range(9)]
    assert made.after(slide(1), 9) == made
