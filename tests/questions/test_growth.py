"""Blocks, their closed forms, and what is solved from them: against counting one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.questions.law.blocks import block_text, depth, formula, general
from rfcalc.questions.law.growth import Segment, Step, after
from rfcalc.questions.law.reach import reaches_of
from rfcalc.questions.law.repeats import segments_of
from tests.questions.test_law import TURNS, conv, net, pool

STEPS = st.builds(
    Step,
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from(["convolution", "pooling", "other"]),
)
BLOCKS = st.lists(STEPS, min_size=1, max_size=3)


def spelled_out(segment: Segment, count: int) -> list[Step]:
    """Every step of so many repeats."""
    return [step.dilated(segment.factor**turn) for turn in range(count) for step in segment.block]


# ---- blocks that repeat ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(BLOCKS, st.integers(1, 4), st.sampled_from([1, 2, 3])), min_size=1, max_size=4))
def test_segments_say_every_step_once(runs: list[tuple[list[Step], int, int]]) -> None:
    """Whatever is put together: spelled out again it is the sequence, with its fields and jumps."""
    steps = [step.dilated(factor**turn) for block, count, factor in runs for turn in range(count)
             for step in block]  # fmt: skip
    names = [f"l{place}" for place in range(len(steps))]
    segments = segments_of(steps, names)
    assert [layer for segment in segments for layer in segment.layers] == names
    place = (1, 1)
    for segment in segments:
        assert (segment.field, segment.jump) == place
        for count in range(segment.count + 1):
            assert segment.at(count) == after(spelled_out(segment, count), segment.field, segment.jump)
        place = segment.at(segment.count)
    found = [each for segment in segments for each in spelled_out(segment, segment.count)]
    assert after(found, 1, 1) == after(steps, 1, 1) == place
    assert [(step.kernel, step.stride) for step in found] == [(step.kernel, step.stride) for step in steps]


CONV, POOL = Step(3), Step(2, 2, cause="pooling")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([CONV] * 5, ["[conv 3] x 5"]),
        ([CONV, POOL] * 3 + [CONV], ["[conv 3, pool 2/2] x 3", "conv 3"]),
        (
            [CONV, CONV, POOL] * 2 + [CONV, CONV, CONV, POOL] * 3,
            ["[conv 3, conv 3, pool 2/2] x 2", "[conv 3 x 3, pool 2/2] x 3"],
        ),
        ([CONV] * 2 + [Step(5), CONV] * 3, ["[conv 3] x 2", "[conv 5, conv 3] x 3"]),
        ([Step(2, 1, 2**turn) for turn in range(4)], ["[conv 2, dilation x2] x 4"]),
        ([Step(3, 1, 3**turn) for turn in range(3) for _ in "ab"], ["[conv 3, conv 3, dilation x3] x 3"]),
        ([Step(3, 1, 1), Step(3, 1, 2)], ["conv 3", "conv 3 d2"]),
        ([Step(3, 2, 2**turn) for turn in range(3)], ["[conv 3/2, dilation x2] x 3"]),
        ([Step(2, 2, cause="other")] * 2, ["[step 2/2] x 2"]),
        ([], []),
    ],
)
def test_the_shortest_account(steps: list[Step], told: list[str]) -> None:
    segments = segments_of(steps, [""] * len(steps))
    assert [block_text(segment) for segment in segments] == told


def test_a_deep_stack_is_put_together_at_once() -> None:
    steps = [CONV, POOL] * 500 + [Step(3 + 2 * (place % 7)) for place in range(1500)]
    segments = segments_of(steps, [""] * len(steps))
    assert [(len(segment.block), segment.count) for segment in segments] == [
        (2, 500),
        (7, 214),
        (1, 1),
        (1, 1),
    ]


# ---- symbols against numbers -------------------------------------------------------------------------------


NEAR = 1 << 8
"""Far fields are too near to each other for the logarithm that sympy takes to decide a ceiling, and slow."""

SETTINGS: dict[str, Any] = {
    "conv": (lambda k, s, d: [conv(k, dilation=d)], lambda k, s, d: (Step(k, 1, d),)),
    "strided conv": (lambda k, s, d: [conv(k, stride=s, dilation=d)], lambda k, s, d: (Step(k, s, d),)),
    "VGG: conv, conv, pool": (
        lambda k, s, d: [conv(k), conv(k, dilation=d), pool(s, stride=s)],
        lambda k, s, d: (Step(k), Step(k, 1, d), Step(s, s, cause="pooling")),
    ),
    "pool, conv": (
        lambda k, s, d: [pool(k, stride=s), conv(5, dilation=d)],
        lambda k, s, d: (Step(k, s, cause="pooling"), Step(5, 1, d)),
    ),
    "two strides": (
        lambda k, s, d: [conv(k, stride=s), conv(3, stride=2, dilation=d)],
        lambda k, s, d: (Step(k, s), Step(3, 2, d)),
    ),
}


@pytest.mark.long
@pytest.mark.parametrize(("k", "s", "d"), [(3, 2, 1), (5, 3, 2), (2, 2, 3), (7, 4, 1)])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_general_law_agrees_with_analyze(name: str, k: int, s: int, d: int) -> None:
    """r(n) in kernel, stride and dilation, numbers put in, is what `analyze` says of n blocks; so is n(R)."""
    build, steps = SETTINGS[name]
    block = steps(k, s, d)
    segment = Segment(block, 2, 1, (), 1, 1)
    numbers = {"r0": 1, "j0": 1}
    for place, step in enumerate(block, 1):
        number = "" if len(block) == 1 else place
        numbers |= {f"k{number}": step.kernel, f"s{number}": step.stride, f"d{number}": step.dilation}
    law = sympy.sympify(general(segment).removeprefix("r(n) = "))  # the project's own text
    inverse = sympy.sympify(depth(segment).removeprefix("n = ").replace("ceil(", "ceiling("))
    numeric = sympy.sympify(formula(segment).removeprefix("r(n) = "))
    analysis = rfcalc.analyze(net(build(k, s, d) * TURNS[-1]))
    for n in TURNS:
        found = analysis.layer(f"l{n * len(block) - 1}").receptive_field
        assert found is not None
        assert law.subs({**numbers, "n": n}) == numeric.subs({"n": n}) == segment.at(n)[0] == found[0]
        assert segment.until(found[0]) == n
        assert segment.until(found[0] + 1) == n + 1
        if found[0] < NEAR:
            assert inverse.subs({**numbers, "R": found[0]}) == n
            assert inverse.subs({**numbers, "R": found[0] + 1}) == n + 1


def test_growing_dilations_in_letters() -> None:
    segment = Segment((Step(3, 2), Step(3, 1)), 3, 2, (), 1, 1)
    assert segment.ratio == 4
    assert general(segment, "g") == "r(n) = r0 + j0*g*((c*s1)**n - 1)/(c*s1 - 1)"
    assert formula(segment) == "r(n) = 2*4**n - 1"
    assert segment.at(3) == after(spelled_out(segment, 3), 1, 1) == (127, 8)


# ---- how far -----------------------------------------------------------------------------------------------


@given(BLOCKS, st.sampled_from([1, 1, 2]), st.integers(1, 300), st.integers(0, 9))
def test_until_is_the_least(block: list[Step], factor: int, wanted: int, tail: int) -> None:
    segment = Segment(tuple(block), 1, factor if any(step.kernel > 1 for step in block) else 1, (), 3, 2)

    def seen(count: int) -> int:
        field, jump = segment.at(count)
        return int(field + tail * jump)

    found = segment.until(wanted, tail)
    if found is None:
        assert seen(50) == seen(0) < wanted
        return
    assert seen(found) >= wanted
    assert found == 0 or seen(found - 1) < wanted


@given(st.lists(st.tuples(BLOCKS, st.integers(1, 3)), min_size=1, max_size=3), st.integers(1, 400))
def test_reaches_are_the_least(runs: list[tuple[list[Step], int]], wanted: int) -> None:
    """So many repeats, such a kernel, such a dilation do, and the next smaller do not: counted one by one."""
    steps = [step for block, count in runs for _ in range(count) for step in block]
    segments = segments_of(steps, [""] * len(steps))
    for reach in reaches_of(segments, wanted):
        place, segment = reach.segment, segments[reach.segment]

        def field(count: int = segment.count, place: int = place, **changes: Any) -> int:
            every: list[Step] = []
            for number, each in enumerate(segments):
                mine = number == place
                block = [
                    step._replace(**changes) if mine and step.adjustable else step for step in each.block
                ]
                every += spelled_out(replace(each, block=tuple(block)), count if mine else each.count)
            return int(after(every, 1, 1)[0])

        if reach.repeats is None:
            assert field(segment.count + 20) < wanted
            assert reach.why
        else:
            assert field(reach.repeats) >= wanted
            assert reach.repeats == 0 or field(reach.repeats - 1) < wanted
            assert reach.further == reach.repeats - segment.count
        if reach.kernel is None:
            assert not any(step.cause == "convolution" and step.kernel > 1 for step in segment.block)
            assert reach.dilation is None
            assert reach.why
            continue
        assert reach.dilation is not None
        assert field(kernel=reach.kernel) >= wanted
        assert reach.kernel == 3 or field(kernel=reach.kernel - 2) < wanted
        assert field(dilation=reach.dilation) >= wanted
        assert reach.dilation == 1 or field(dilation=reach.dilation - 1) < wanted


@pytest.mark.parametrize("size", [10**12, 10**30, 2**200, 2**200 + 1])
def test_sizes_beyond_floating_point(size: int) -> None:
    """Where a floating-point logarithm would be off by one."""
    linear, pooled = Segment((CONV,), 1, 1, (), 1, 1), Segment((POOL,), 1, 1, (), 1, 1)
    assert linear.until(size) == size // 2
    found = pooled.until(size)
    assert found is not None
    assert 2 ** (found - 1) < size <= 2**found
