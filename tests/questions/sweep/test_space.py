"""The space of designs: numbers, boxes, lists."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.errors import UsageError
from rfcalc.questions.sweep.grid import dims_of, over_of, space_of
from rfcalc.questions.sweep.space import Axis, Space
from rfcalc.questions.sweep.task import Span, Spans


def space(*lengths: int) -> Space:
    return Space(tuple(Axis(f"a{n}", "parameter", tuple(range(length))) for n, length in enumerate(lengths)))


@st.composite
def parts(draw: st.DrawFn) -> tuple[Space, int, int]:
    made = space(*draw(st.lists(st.integers(1, 5), min_size=0, max_size=5)))
    first, last = sorted(draw(st.tuples(st.integers(0, made.size), st.integers(0, made.size))))
    return made, first, last


@given(parts())
def test_boxes_hold_each_design_once_in_order(part: tuple[Space, int, int]) -> None:
    made, first, last = part
    blocks = made.block(first, last)
    assert [n for block in blocks for n in block.numbers().tolist()] == list(range(first, last))
    every = list(itertools.product(*(axis.values for axis in made.axes)))
    assert [values for block in blocks for values in block.designs()] == every[first:last]
    assert len(blocks) <= max(2 * len(made.axes) - 1, 1)
    for block in blocks:
        assert np.broadcast_shapes(*(index.shape for index in block.indices)) == block.shape
        assert block.size == block.numbers().size
        for place in range(len(made.axes)):
            assert block.column(place).tolist() == [values[place] for values in block.designs()]


@given(parts(), st.randoms(use_true_random=False))
def test_a_list_holds_the_designs_that_are_chosen(part: tuple[Space, int, int], random: object) -> None:
    made, first, last = part
    numbers = np.array(range(first, last), dtype=np.int64)[::-1]
    block = made.chosen(numbers)
    assert block.numbers().tolist() == numbers.tolist() or not made.axes
    if made.axes:
        assert list(block.designs()) == [tuple(made.design(int(number)).values()) for number in numbers]


def test_a_whole_space_is_one_box() -> None:
    assert [block.shape for block in space(3, 4, 5).block(0, 60)] == [(3, 4, 5)]
    assert [index.shape for index in space(3, 4).block(0, 12)[0].indices] == [(3, 1), (1, 4)]


def test_the_last_axis_moves_fastest() -> None:
    made, _ = space_of({"width": [8, 16], "pool": [True, False]})
    assert [made.design(number) for number in range(3)] == [
        {"width": 8, "pool": True},
        {"width": 8, "pool": False},
        {"width": 16, "pool": True},
    ]


def test_a_space_larger_than_64_bits_counts_on() -> None:
    made = space(*[1000] * 7)
    assert made.size == 10**21
    (block,) = made.block(10**21 - 2, 10**21)
    assert block.numbers().tolist() == [10**21 - 2, 10**21 - 1]
    chosen = made.chosen(np.array([10**20 + 7], dtype=object))
    assert chosen.numbers().tolist() == [10**20 + 7]
    assert list(chosen.designs()) == [tuple(made.design(10**20 + 7).values())]


def test_values_keep_their_type() -> None:
    made = Axis("pool", "parameter", (True, False, 1))
    assert [type(value) for value in made.array.tolist()] == [bool, bool, int]
    assert Axis("pool", "parameter", (True, False)).array.dtype == bool
    assert Axis("width", "parameter", (2**40, 3)).array.tolist() == [2**40, 3]
    assert Axis("width", "parameter", (2**70, 3)).array.tolist() == [2**70, 3]


def test_a_space_can_be_pickled() -> None:
    made = space(2, 3)
    assert pickle.loads(pickle.dumps(made)) == made
    assert pickle.loads(pickle.dumps(made.block(1, 3)))[0].numbers().tolist() == [1, 2]


@pytest.mark.parametrize("number", [-1, 6])
def test_a_design_that_there_is_not(number: int) -> None:
    with pytest.raises(UsageError, match="numbered from 0 to 5"):
        space(2, 3).design(number)


def test_what_the_command_line_takes() -> None:
    assert over_of(["width=16:256:80", "kernel=3,5,7", "depth=1:3,8", "pool=true,False", "one=4"]) == {
        "width": [16, 96, 176, 256],
        "kernel": [3, 5, 7],
        "depth": [1, 2, 3, 8],
        "pool": [True, False],
        "one": [4],
    }
    assert over_of(["variant=plain,pool:3:2"]) == {"variant": ["plain", "pool:3:2"]}
    assert over_of(["variant=1,2"]) == {"variant": [1, 2]}  # a parameter of that name
    assert dims_of(["W=64", "H=8:16:4"]) == ({"W": 64}, {"H": [8, 12, 16]})


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["width"], "not of the form NAME="),
        (["width="], "not of the form NAME="),
        (["=3"], "not of the form NAME="),
        (["width=a"], "'a' is not a whole number"),
        (["width=3:1"], "holds no size"),
        (["width=1:9:0"], "steps of 0"),
        (["width=1", "width=2"], "given twice for 'width'"),
        (["width=1:9000000"], "takes 9,000,000 values"),
        (["width=1,,2"], "'' is not a whole number"),
    ],
)
def test_what_the_command_line_does_not_take(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        over_of(texts)


@pytest.mark.parametrize(
    ("over", "dims", "says"),
    [
        ({}, {}, "nothing is varied"),
        ({}, {"H": 32}, "nothing is varied"),
        ({"width": []}, {}, "over nothing"),
        ({"width": [3, 4, 3]}, {}, "over 3 twice"),
        ({"pool": [True, True]}, {}, "over true twice"),
        ({"H": [3]}, {"H": [3]}, "'H' is varied twice"),
        ({"width": ["a"]}, {}, "'a', which is no whole number"),
        ({"width": [1.5]}, {}, "1.5, which is no whole number"),
        ({}, {"H": [True]}, "no whole number"),
        ({"variant": ["plane"]}, {}, "no counterfactual 'plane'"),
    ],
)
def test_what_cannot_be_varied(over: dict[str, list[object]], dims: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        space_of(over, dims)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 40), st.data())
def test_chunks_are_boxes_and_hold_everything_once(
    lengths: list[int], size: int, data: st.DataObject
) -> None:
    made = space(*lengths)
    first, last = sorted(data.draw(st.tuples(st.integers(0, made.size), st.integers(0, made.size))))
    done = [Span(first, last)] if first < last else []
    spans = Spans(made.size, done, made.lengths)
    spans._size = size
    found = list(spans)
    covered = sorted([*found, *done])
    assert covered[0].first == 0
    assert covered[-1].last == made.size
    assert all(before.last == behind.first for before, behind in itertools.pairwise(covered))
    assert all(span.last - span.first <= size for span in found)
    if not done:
        assert all(len(made.block(*span)) == 1 for span in found)
