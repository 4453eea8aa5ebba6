"""The semiring of relations against plain sets: composition, union, their laws, and spellings."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rfcalc.algebra.relation import MAX_PERIOD, NeedTaps, Relation, UnequalSlopes, identity, whole
from rfcalc.algebra.window import gather, slide, spread
from tests.algebra.plain import Drawn, as_window, chain, ends_agree, relation_of, row, same, tried, windows

chains = st.lists(windows, min_size=1, max_size=3)
OUTPUTS = range(-7, 14)
Simple = tuple[int, int, int]


def is_reduced(relation: Relation) -> bool:
    """No shorter period repeats the rows."""
    for period in range(1, relation.period):
        if relation.period % period or relation.advance % (relation.period // period):
            continue
        advance = relation.advance * period // relation.period
        if all(
            row(relation, i + period) == {j + advance for j in row(relation, i)}
            for i in range(relation.period)
        ):
            return False
    return True


# ---- composition -------------------------------------------------------------------------------------------


@given(chains)
def test_composition_is_of_sets(steps: list[Drawn]) -> None:
    relation = relation_of(steps)
    sets = chain(steps)
    assert relation.exact
    assert same(relation, sets)
    assert ends_agree(relation, sets)
    assert relation.sizes() == [max(r) - min(r) + 1 if r else 0 for r in map(sets, range(relation.period))]


@given(chains)
def test_composition_is_reduced(steps: list[Drawn]) -> None:
    assert is_reduced(relation_of(steps))


@given(windows, windows, windows)
def test_composition_is_associative(a: Drawn, b: Drawn, c: Drawn) -> None:
    left = relation_of([a, b]).after(c[0])
    right = relation_of([a]).after(as_window(relation_of([b, c])))
    assert all(row(left, i) == row(right, i) for i in OUTPUTS)
    assert left.period == right.period
    assert left.advance == right.advance


@given(windows)
def test_identity_is_neutral(drawn: Drawn) -> None:
    window, sets = drawn
    unit = identity(taps=True)
    assert same(unit.after(window), sets)
    assert same(unit.after(window).after(slide(1)), sets)
    assert unit.after(slide(1)) == unit


@given(chains)
def test_intervals_are_the_ends_of_the_taps(steps: list[Drawn]) -> None:
    """Where intervals are enough they are exact, and where no row is empty or moves back they are enough."""
    plain = tried(lambda: relation_of(steps, taps=False))
    if all(window.regular for window, _ in steps):
        assert plain is not None
    if plain is not None:
        assert plain.exact
        assert ends_agree(plain, chain(steps))


@given(st.lists(windows, min_size=2, max_size=3))
def test_empty_rows_ask_for_taps(steps: list[Drawn]) -> None:
    """Intervals with gaps in them, whose taps nobody knows any more."""
    assume(not steps[0][0].regular)
    gapped = (slide(2, dilation=2), lambda i: frozenset((i, i + 2)))
    with pytest.raises(NeedTaps):
        relation_of([gapped, *steps], taps=False)


@given(chains)
def test_intervals_without_gaps_are_spelled_with_taps_where_they_need_them(steps: list[Drawn]) -> None:
    relation = tried(lambda: relation_of(steps, taps=False))
    assume(relation is not None)
    if relation.taps is not None or relation.solid:
        assert same(relation.with_taps(), chain(steps))


simple = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(-3, 6))
"""Kernel, dilation and padding of a window."""


@given(st.integers(1, 3), simple, simple)
def test_unions_without_gaps_are_known_for_that(stride: int, one: Simple, other: Simple) -> None:
    a, b = (identity().after(slide(k, stride=stride, dilation=d, lo=lo)) for k, d, lo in (one, other))
    union = a.join(b)

    def sets(i: int) -> frozenset[int]:
        return frozenset(i * stride - lo + t * d for k, d, lo in (one, other) for t in range(k))

    assert ends_agree(union, sets)
    if union.solid:
        assert same(union.filled(), sets)
    elif a.solid and b.solid:
        assert len(sets(0)) < max(sets(0)) - min(sets(0)) + 1


def test_matrix_power() -> None:
    """Twenty 3x3 convolutions of stride 2 by the textbook's recursion."""
    relation, size, jump = identity(), 1, 1
    for _ in range(20):
        relation = relation.after(slide(3, stride=2, lo=1))
        size, jump = size + 2 * jump, jump * 2
    assert relation.sizes() == [size] == [2**21 - 1]
    assert (relation.period, relation.advance) == (1, 2**20)


def test_a_long_period_is_a_bound() -> None:
    relation = identity(taps=True)
    for stride in (2, 3, 5, 7, 11, 13):
        relation = relation.after(spread(stride, stride=stride))
    assert relation.whole
    assert not relation.exact
    assert MAX_PERIOD < 2 * 3 * 5 * 7 * 11 * 13


# ---- union -------------------------------------------------------------------------------------------------


@st.composite
def parallel(draw: st.DrawFn, count: int = 2) -> list[list[Drawn]]:
    """Chains of equal slope: the same strides in any order, and a way down and up again that each has alone.

    So two branches may have periods of which neither divides the other.
    """
    from tests.algebra import plain

    strides = draw(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), min_size=1, max_size=2))
    made = []
    for _ in range(count):
        steps = []
        detour = draw(st.integers(1, 3))
        for down, stride in [(True, detour), *draw(st.permutations(strides)), (False, detour)]:
            make = plain._slide if down else plain._spread
            kernel, dilation, lo = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(-2, 3))
            steps.append(make(kernel, stride, dilation, lo))
        made.append(steps)
    return made


@given(parallel())
def test_union_is_of_sets(branches: list[list[Drawn]]) -> None:
    a, b = branches
    joined = relation_of(a).join(relation_of(b))
    assert joined.exact
    assert same(joined, lambda i: chain(a)(i) | chain(b)(i))
    assert ends_agree(joined, lambda i: chain(a)(i) | chain(b)(i))
    assert is_reduced(joined)


@given(parallel())
def test_union_of_intervals(branches: list[list[Drawn]]) -> None:
    a, b = branches
    joined = tried(lambda: relation_of(a, taps=False).join(relation_of(b, taps=False)))
    if joined is not None:
        assert joined.exact
        assert ends_agree(joined, lambda i: chain(a)(i) | chain(b)(i))


@given(parallel(count=3))
def test_union_is_a_semilattice(branches: list[list[Drawn]]) -> None:
    a, b, c = map(relation_of, branches)
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(a) == a
    assert a.join(b).join(b) == a.join(b)


@given(parallel(), windows)
def test_composition_distributes_over_union(branches: list[list[Drawn]], outer: Drawn) -> None:
    a, b = map(relation_of, branches)
    together, apart = a.join(b).after(outer[0]), a.after(outer[0]).join(b.after(outer[0]))
    assert all(row(together, i) == row(apart, i) for i in OUTPUTS)
    assert together == apart


@given(parallel(), windows)
def test_composition_distributes_from_the_other_side(branches: list[list[Drawn]], inner: Drawn) -> None:
    a, b = map(relation_of, branches)
    base = identity(taps=True).after(inner[0])
    together = base.after(as_window(a.join(b)))
    apart = base.after(as_window(a)).join(base.after(as_window(b)))
    assert all(row(together, i) == row(apart, i) for i in OUTPUTS)


@given(windows, windows)
def test_unequal_slopes_are_refused(a: Drawn, b: Drawn) -> None:
    left, right = relation_of([a]), relation_of([b])
    assume(left.advance * right.period != right.advance * left.period)
    with pytest.raises(UnequalSlopes):
        left.join(right)


# ---- the whole axis ----------------------------------------------------------------------------------------


@given(windows)
def test_the_whole_axis_absorbs(drawn: Drawn) -> None:
    relation = relation_of([drawn])
    everything = whole(relation.period, relation.advance)
    for joined in (relation.join(everything), everything.join(relation)):
        assert joined.whole
        assert joined.exact
        assert joined.advance * relation.period == relation.advance * joined.period
    assert relation.opened().whole


@given(windows)
def test_the_whole_axis_stays_whole_but_for_empty_windows(drawn: Drawn) -> None:
    window, sets = drawn
    after = whole(1, 1).after(window)
    for i in OUTPUTS:
        lo, hi = after.ends(i)
        assert (lo, hi) == (-inf, inf) if sets(i) else lo > hi
    assert after.advance * window.period == window.advance * after.period


@given(windows)
def test_opened_on_one_side(drawn: Drawn) -> None:
    relation = relation_of([drawn])
    causal, later = relation.opened(above=False), relation.opened(below=False)
    for i in OUTPUTS:
        assert causal.ends(i)[0] == -inf
        assert later.ends(i)[1] == inf
        if row(relation, i):
            assert causal.ends(i)[1] == relation.ends(i)[1]
            assert later.ends(i)[0] == relation.ends(i)[0]


# ---- spellings ---------------------------------------------------------------------------------------------


@given(chains, st.integers(1, 6))
def test_over_and_reduced(steps: list[Drawn], times: int) -> None:
    relation = relation_of(steps)
    longer = relation.over(relation.period * times)
    assert (longer.period, longer.advance) == (relation.period * times, relation.advance * times)
    assert all(row(longer, i) == row(relation, i) for i in OUTPUTS)
    assert longer.reduced() == relation
    assert longer.reduced().reduced() == longer.reduced()


def test_rows_with_the_same_ends_and_other_holes_are_not_the_same() -> None:
    relation = identity(taps=True).after(gather(2, 2, [[0, 1, 3], [1, 3, 4]]))
    assert relation.period == 2
    assert [row(relation, i) for i in (2, 3)] == [{2, 3, 5}, {3, 5, 6}]


@given(chains, st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_an_offset_that_is_not_known_is_covered(steps: list[Drawn], k: int, stride: int, slack: int) -> None:
    """A window that lies anywhere between its place and `slack` further on, over any grid."""
    relation = relation_of(steps).after(slide(k, stride=stride, lo=slack, slack=slack), source="open")
    covered = relation.spread_out()
    for move in range(slack + 1):
        moved = relation_of(steps).after(slide(k, stride=stride, lo=slack - move))
        assert all(row(moved, i) <= row(covered, i) for i in OUTPUTS)
        if relation.exact:  # then it is one of these, moved as a whole
            assert relation.sizes() == moved.sizes()


@given(windows, st.integers(0, 5))
def test_spread_out_covers_every_offset(drawn: Drawn, slack: int) -> None:
    base = relation_of([drawn])
    loose = Relation(base.period, base.advance, base.lo, base.hi, base.taps, slack, frozenset({"c"}))
    covered = loose.spread_out()
    for i in OUTPUTS:
        assert row(covered, i) == {j + move for j in row(base, i) for move in range(slack + 1)}
    assert covered.exact == (slack == 0)


@given(windows)
def test_constant_is_row_0(drawn: Drawn) -> None:
    relation = relation_of([drawn])
    constant = relation.constant()
    assert (constant.period, constant.advance) == (1, 0)
    assert all(row(constant, i) == row(relation, 0) for i in OUTPUTS)


def test_equal_relations_hash_alike() -> None:
    a, b = (identity(taps=True).after(slide(3, lo=1)) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != identity(taps=True)
    assert a != "a"


def test_holes() -> None:
    relation = identity(taps=True)
    for _ in range(3):
        relation = relation.after(slide(3, dilation=2, lo=2))
    assert relation.sizes() == [13]
    assert row(relation, 0) == {-6, -4, -2, 0, 2, 4, 6}


def test_rows_that_move_back_need_taps() -> None:
    backward = gather(2, 2, [[3], [0]])
    assert not backward.regular
    gapped = identity().after(slide(2, dilation=2))
    with pytest.raises(NeedTaps):
        gapped.after(backward).after(slide(2))
    assert row(identity().after(backward).after(slide(2)), 0) == {0, 3}
