"""What is followed plainly is what the general way gives, which is asked for each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra.dependence import Dependence, plain
from rfcalc.algebra.leg import Leg
from rfcalc.algebra.pieces import follow
from rfcalc.algebra.plain_maps import followed_plainly
from rfcalc.algebra.relation import NeedTaps, Relation, identity
from rfcalc.algebra.steps import Contract, Merge, Slide, Step
from rfcalc.algebra.window import POINTWISE, slide, spread

SHAPE = (2, 24, 17, 3)
WINDOWS = (
    POINTWISE,
    slide(3, lo=1),
    slide(2, stride=2),
    slide(5, stride=3, lo=2),
    slide(3, dilation=2, lo=2),
    spread(4, stride=2, lo=1),
    spread(3, stride=2),
)


def _start(*, axes: tuple[int, ...] = (1, 2)) -> Dependence:
    legs = [
        Leg(number, tuple((int(place == axis),) for place in range(4)), identity())
        for number, axis in enumerate(axes)
    ]
    return plain(SHAPE, tuple(legs))


STEPS = st.lists(
    st.one_of(
        st.builds(Slide, st.sampled_from((1, 2)), st.sampled_from(WINDOWS), st.integers(1, 30)),
        st.builds(Contract, st.just(3), st.integers(1, 8)),
    ),
    max_size=6,
)


def _followed(steps: list[Step], start: Dependence) -> Dependence | None:
    """Follow step by step in the general way; None where intervals are not exact."""
    for step in steps:
        try:
            start = follow(step, start, "layer")
        except NeedTaps:
            return None
    return start


@given(STEPS, st.sampled_from([(1, 2), (2, 1), (1,)]))
def test_both_ways_give_the_same(steps: list[Step], axes: tuple[int, ...]) -> None:
    start = _start(axes=axes)
    wanted = _followed(steps, start)
    if wanted is None:
        with pytest.raises(NeedTaps):
            followed_plainly(steps, start, "layer")
        return
    found = followed_plainly(steps, start, "layer")
    assert found is None or found == wanted


@pytest.mark.parametrize("window", WINDOWS[:4])
def test_windows_of_convolutions_and_poolings_are_followed_plainly(window: object) -> None:
    steps = [Slide(1, window, 9), Slide(2, window, 9), Contract(3, 8)]  # type: ignore[arg-type]  # one of WINDOWS
    found = followed_plainly(steps, _start(), "layer")
    assert found is not None
    assert found == _followed(list(steps), _start())


def test_what_is_not_plain_is_left_to_the_general_way() -> None:
    start = _start()
    assert followed_plainly([Merge(1, 2)], start, "layer") is None
    assert followed_plainly([Contract(1, 4)], start, "layer") is None  # an axis of positions is mixed
    assert followed_plainly([Slide(0, slide(2), 1)], start, "layer") is None  # nothing lies on the batch
    assert followed_plainly([], follow(Merge(1, 2), start, "layer"), "layer") is None
    listed = Relation(1, 1, (0,), (0,)).of_map(24)
    legs = (start.legs[0]._replace(relation=listed), start.legs[1])
    assert followed_plainly([], start._replace(legs=legs), "layer") is None


@given(
    st.integers(-8, 8),
    st.integers(0, 8),
    st.integers(-8, 8),
    st.integers(0, 8),
    st.integers(1, 4),
    st.booleans(),
)
def test_intervals_unite_as_rows_do(a: int, wide: int, b: int, high: int, advance: int, exact: bool) -> None:
    """The union of two intervals is the same whether asked as such or as rows of a longer period."""
    one = Relation(1, advance, (a,), (a + wide,), exact=exact)
    other = Relation(1, advance, (b,), (b + high,))
    assert one.join(other) == one.over(2).join(other.over(2)).reduced()
