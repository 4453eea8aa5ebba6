"""`rfcalc design`: the search finds what trying every stack finds; numbers are what the page says."""

from __future__ import annotations

import random
from functools import cache
from math import inf
from typing import Any

import pytest

import rfcalc
from rfcalc.questions.design.blocks import MEASURES, Blocks
from rfcalc.questions.design.effort import GIVEN_UP
from rfcalc.questions.design.grammar import read_grammar
from rfcalc.questions.design.model import uses_of
from rfcalc.questions.design.numbering import Numbering
from rfcalc.questions.design.space import Space
from rfcalc.questions.design.targets import read_targets
from tests.questions.design_brute import Enumerator, Stack, choices_of, grammar_of, targets_of

SEEDS = range(20)


@cache
def stacks_of(seed: int) -> tuple[Stack, ...]:
    return tuple(Enumerator(*grammar_of(seed)))


def meets(stack: Stack, targets: dict[str, str], rank: int) -> bool:
    for target in read_targets(targets, rank):
        value = getattr(stack, target.figure)
        if not target.holds(value if isinstance(value, tuple) else (value,)):
            return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cheapest_are_those_of_full_enumeration(seed: int) -> None:
    """Ten random targets for each of 20 grammars: the same stacks, in order, figure by figure; or none."""
    grammar, shape = grammar_of(seed)
    every = stacks_of(seed)
    if not every:
        pytest.skip("no stack of it can be built")
    chance = random.Random(seed)
    for _ in range(10):
        targets = targets_of(every, chance)
        by, top = chance.choice(MEASURES), chance.choice([1, 2, 5, 30])
        right = sorted(
            (stack for stack in every if meets(stack, targets, len(shape) - 1)),
            key=lambda stack: (getattr(stack, by), stack.number),
        )
        found = rfcalc.design(grammar, input=shape, by=by, top=top, **targets)
        assert [_stack(answer) for answer in found.answers] == right[:top], (targets, by, top)
        assert bool(found.nearest) is not bool(right)
        for price in found.prices:
            value = min((getattr(s, by) for s in right if _holds(s, price.target)), default=None)
            assert price.value == value, (targets, by, price)


def _holds(stack: Stack, target: Any) -> bool:
    value = getattr(stack, target.figure)
    return bool(target.holds(value if isinstance(value, tuple) else (value,)))


def _stack(answer: Any) -> Stack:
    figures = answer.figures
    return Stack(answer.number, *figures.costs, figures.field, figures.stride, figures.output)


@pytest.mark.parametrize("seed", SEEDS)
def test_stacks_are_numbered_as_the_page_says(seed: int) -> None:
    document, shape = grammar_of(seed)
    grammar = read_grammar(document)
    numbering, space = Numbering(grammar), Space(Blocks(grammar, shape))
    every = list(choices_of(document))
    assert numbering.up_to(grammar.most_blocks) == len(every)
    built = []
    for number, (chosen, parts) in enumerate(every):
        choice = numbering.choice(number)
        assert numbering.number(choice) == number
        assert grammar.globals[choice.globals] == chosen
        middle = [(grammar.options[each].block.name, grammar.options[each].chosen) for each in choice.options]
        assert middle == [part for part in parts if part[0] not in ("stem", "head")]
        if uses_of(space, choice) is not None:
            built.append(number)
    assert built == [stack.number for stack in stacks_of(seed)]
    with pytest.raises(rfcalc.UsageError, match="has no stack"):
        numbering.choice(len(every))


def test_what_leaves_none_is_told_with_the_nearest() -> None:
    """Against full enumeration: every member of the set is needed, and nothing nearer is there."""
    told = 0
    for seed in SEEDS:
        grammar, shape = grammar_of(seed)
        every = stacks_of(seed)
        chance = random.Random(1000 + seed)
        for _ in range(6 if every else 0):
            targets = targets_of(every, chance)
            found = rfcalc.design(grammar, input=shape, **targets)
            core = [each.target for each in found.nearest]
            for nearest in found.nearest:
                told += 1
                others = [each for each in core if each != nearest.target]
                left = [s for s in every if all(_holds(s, each) for each in others)]
                assert left, "the set is no smallest one"
                assert not any(_holds(s, nearest.target) for s in left)
                _check_nearest(nearest, [_sizes(s, nearest.target.figure) for s in left])
    assert told > 30


def _sizes(stack: Stack, figure: str) -> tuple[float, ...]:
    value = getattr(stack, figure)
    return _sized(value if isinstance(value, tuple) else (value,))


def _check_nearest(nearest: Any, values: list[tuple[float, ...]]) -> None:
    """No stack is nearer on the axis that is furthest off."""
    low, high = nearest.target.bounds
    equal = nearest.target.comparison == "="
    if max(low) > -inf:
        among = [v for v in values if not equal or _within(v, low)]
        best = max((_short(v, low) for v in among), default=None)
        assert (None if nearest.below is None else _short(_sized(nearest.below), low)) == best
    if min(high) < inf:
        among = [v for v in values if not equal or _within(high, v)]
        best = min((_beyond(v, high) for v in among), default=None)
        assert (None if nearest.above is None else _beyond(_sized(nearest.above), high)) == best


def _short(value: tuple[float, ...], low: tuple[float, ...]) -> float:
    return min(size for size, least in zip(value, low, strict=True) if size < least)


def _beyond(value: tuple[float, ...], high: tuple[float, ...]) -> float:
    return max(size for size, most in zip(value, high, strict=True) if size > most)


def _sized(value: tuple[int | None, ...]) -> tuple[float, ...]:
    return tuple(inf if size is None else size for size in value)


def _within(value: tuple[float, ...], most: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(value, most, strict=True))


# ---- costs that have to be large, or exact -----------------------------------------------------------------

FEW = 60_000
"""States that each of these may look at; without sums from the end there would be many millions."""


@pytest.mark.parametrize(
    ("targets", "params"),
    [
        ({"params": ">=1e7"}, 10_000_000),
        ({"params": "=5000"}, 5_000),
        ({"params": ">=1e5,<=2e5"}, 100_000),
        ({"activations": ">=1e6", "params": "<=5000"}, 1_248),
    ],
)
def test_costs_that_have_to_be_large_or_exact(targets: dict[str, str], params: int) -> None:
    """The default grammar, whose stacks nobody can enumerate; figures are confirmed by an analysis."""
    found = rfcalc.design(input=(64, 64, 3), limit_states=FEW, **targets)
    assert found.answers[0].figures.params == params
    assert not [note for note in found.notes if note.code == GIVEN_UP]
    for answer in found.answers:
        assert rfcalc.analyze(answer.model).totals.params.total == answer.figures.params


def test_more_than_any_stack_has_is_said_with_the_most() -> None:
    """The most multiply-accumulates are those of dilated blocks throughout, after the larger stem."""
    found = rfcalc.design(input=(64, 64, 3), params="<=1e6", macs=">=1e12", limit_states=FEW)
    assert not found.answers
    assert [(each.target.figure, each.below) for each in found.nearest] == [("macs", (341_508_096,))]
    widest = rfcalc.design(input=(64, 64, 3), macs="=341508096", limit_states=FEW).answers[0]
    assert [placed.name for placed in widest.placed] == ["stem (kernel 3)", *["dilated (depth 3)"] * 12]


def test_a_search_that_is_too_large_ends_with_an_error() -> None:
    hard = {"input": (64, 64, 3), "params": "=123456", "macs": ">=5e7", "by": "macs"}
    with pytest.raises(rfcalc.AnalysisError, match=r"given up after 5,000 states, and .* is not known"):
        rfcalc.design(**hard, limit_states=5_000)  # type: ignore[arg-type]  # each of its type


@pytest.mark.parametrize(
    ("targets", "limit", "left_out", "said"),
    [
        # what leaves none is found, and how near one comes is not
        ({"params": "=5001"}, 6_000, "how near stacks come", "is what no stack"),
        ({"field": ">=40", "layers": "<=5"}, 300, "what rules every stack out", "rules it out is not known"),
        (
            {"field": ">=20", "output": "=16x16", "stride": "<=4", "layers": "<=12"},
            480,
            "what some steps more cost",
            "cheapest",
        ),
    ],
)
def test_what_is_beside_the_answer_is_left_out_where_it_takes_too_long(
    targets: dict[str, str], limit: int, left_out: str, said: str
) -> None:
    """The answer is the same; what is missing of the rest is said."""
    found = rfcalc.design(input=(64, 64, 3), top=1, limit_states=limit, **targets)
    whole = rfcalc.design(input=(64, 64, 3), top=1, limit_states=FEW, **targets)
    notes = [note.message for note in found.notes if note.code == GIVEN_UP]
    assert len(notes) == 1
    assert left_out in notes[0]
    assert said in " ".join(str(found).split())
    assert found.answers == whole.answers
    assert set(found.prices) <= set(whole.prices)
