"""Where axes go through steps, held against what the algebra says of the same steps."""

from __future__ import annotations

from typing import get_args

import pytest

from rfcalc.algebra import steps as moves
from rfcalc.algebra.axes import through
from rfcalc.algebra.dependence import plain
from rfcalc.algebra.leg import Leg
from rfcalc.algebra.number import prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.relation import identity
from rfcalc.algebra.window import slide

SHAPE = (1, 6, 4, 5)

STEPS = [
    moves.Slide(1, slide(3, lo=1), 6),
    moves.Slide(2, slide(2, stride=2), 2),
    moves.Contract(3, 7),
    moves.Grouped(1, 2, 4),
    moves.Split(1, (2, 3)),
    moves.Merge(2, 2),
    moves.Mix((1, 2)),
    moves.Reduce((1, 3)),
    moves.Reduce((1, 3), keep=True),
    moves.Scan(1),
    moves.Regroup((1, 2, 3, 20)),
    moves.Regroup((6, 20, 1)),
    moves.Permute((0, 3, 1, 2)),
    moves.Insert((1, 3)),
    moves.Squeeze((0,)),
    moves.Broadcast((3, 2, 6, 4, 5)),
    moves.Cover((1, 2), "said"),
    moves.Place(1, 2, 6, 9, 2),
    moves.Lose(2, 3, "said"),
    moves.Hide(Pattern((5,), (0b11011,))),
    moves.Attend(2, (0b1, 0b11, 0b111)),
    moves.AtMost("said"),
]


def test_every_step_is_tried() -> None:
    assert {type(step) for step in STEPS} == set(get_args(moves.Step))


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_steps_lead_where_the_algebra_says(step: moves.Step) -> None:
    """Extents are those of the dependence; a position moves along those axes alone that come from its own."""
    (met,) = through([step], SHAPE)
    for axis in range(1, len(SHAPE)):
        row = tuple((int(place == axis),) for place in range(len(SHAPE)))
        found = step.apply(plain(SHAPE, (Leg(0, row, identity(taps=True)),)), "layer")
        assert met.before == SHAPE
        assert met.after == tuple(map(prod, found.factors))
        moving = {place for leg in found.legs for place, weights in enumerate(leg.weights) if any(weights)}
        behind = set(met.behind(axis))
        assert moving <= behind or isinstance(step, moves.Lose)
        if len(met.sources) == len(SHAPE) and not isinstance(step, (moves.Regroup, moves.Lose, moves.Mix)):
            assert moving == behind


def test_shapes_go_on_from_step_to_step() -> None:
    steps = [moves.Permute((0, 2, 3, 1)), moves.Regroup((1, 20, 6)), moves.Reduce((1,)), moves.Insert((0,))]
    assert [met.after for met in through(steps, SHAPE)] == [(1, 4, 5, 6), (1, 20, 6), (1, 6), (1, 1, 6)]
    assert [met.sources for met in through(steps, SHAPE)] == [
        ((0,), (2,), (3,), (1,)),
        ((0,), (1, 2), (3,)),
        ((0,), (2,)),
        ((), (0,), (1,)),
    ]


def test_a_scalar_is_regrouped_into_axes_of_nothing() -> None:
    (met,) = through([moves.Regroup((1, 1))], ())
    assert met.sources == ((), ())
