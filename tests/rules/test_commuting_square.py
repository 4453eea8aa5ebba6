"""The commuting square: a rule agrees on numbers, on formulas with the numbers put in, and on many designs.

Every specimen of every kind (rfcalc/rules/specimens.py) is sampled with numbers that fit together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rfcalc.algebra import symbols
from rfcalc.algebra.batch import Batch
from rfcalc.algebra.number import Num
from rfcalc.algebra.steps import Place, Slide
from rfcalc.engine.designs import Part, each_way, reason_of
from rfcalc.errors import RfcalcError
from rfcalc.rules.apply import apply_rule
from rfcalc.rules.registry import Result, kinds
from rfcalc.rules.specimens import SPECIMENS, Specimen

SAMPLES = 25
FORMULA_SAMPLES = 6  # substitution is slow
SIZES = {
    "B": (1, 4),
    "k": (1, 6),
    "s": (1, 4),
    "d": (1, 3),
    "p": (0, 5),
    "q": (0, 5),
    "o": (0, 2),
    "m": (1, 9),
    "r": (2, 9),
}
"""Ranges of the letters; every other one is between 1 and 12."""


def sample(letter: str, seed: int) -> int:
    """Give a letter a number; extents, channels and filters are multiples of every group and block count."""
    rng = random.Random(f"{letter} {seed}")
    if letter == "g":
        return rng.choice([1, 2, 3, 6])
    if letter == "b":
        return rng.choice([1, 2])
    if letter in "HWTN":
        return 24 * rng.randint(2, 4)
    if letter in "CF":
        return 12 * rng.randint(1, 4)
    if letter == "a":
        return rng.randint(1, 11)  # part of C, which is at least 12
    return rng.randint(*SIZES.get(letter[0], (1, 12)))


def figures(result: Result, i: Num) -> Iterator[tuple[str, Num]]:
    """List everything dynamic that a rule says, with where it stands; windows are asked for output i."""
    for number, output in enumerate(result.outputs):
        for place, extent in enumerate(output.shape):
            yield f"extent {number}.{place}", extent
    for weight in result.weights:
        yield f"weight {weight.role}", weight.count
    yield "macs", result.macs
    for number, paths in enumerate(result.paths):
        for path in paths:
            for place, step in enumerate(path.steps):
                where = f"path {number}.{path.input}.{place}"
                if isinstance(step, Slide):
                    window = step.window
                    yield from (
                        (f"{where} first", window.first(i)),
                        (f"{where} last", window.last(i)),
                        (f"{where} step", window.step),
                        (f"{where} period", window.period),
                        (f"{where} advance", window.advance),
                        (f"{where} extent", step.extent),
                    )
                elif isinstance(step, Place):
                    yield from ((f"{where} before", step.before), (f"{where} total", step.total))


def run(specimen: Specimen, make: Any, i: Num) -> dict[str, Num]:
    attrs, inputs = specimen.build(make)
    return dict(figures(apply_rule(kinds()[specimen.kind], attrs, inputs), i))


def test_every_kind_has_a_specimen() -> None:
    assert {specimen.kind for specimen in SPECIMENS} == set(kinds())


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: f"{s.kind} {s.title}".strip())
def test_numbers_and_formulas_agree(specimen: Specimen) -> None:
    formulas = run(
        specimen,
        lambda letter: symbols.symbol(letter, natural=letter[:1] in "pqo"),
        symbols.symbol("i", natural=True),
    )
    for seed in range(FORMULA_SAMPLES):
        numbers = run(specimen, lambda letter, seed=seed: sample(letter, seed), seed)
        assert numbers.keys() == formulas.keys()
        letters = {
            s.name: sample(s.name, seed)
            for value in formulas.values()
            for s in getattr(value, "free_symbols", ())
            if s.name != "i"
        }
        for where, number in numbers.items():
            assert isinstance(number, int), where
            formula = symbols.substitute(formulas[where], {**letters, "i": seed})
            assert formula == number, (where, formulas[where], letters)


def wild(letter: str, seed: int) -> int:
    """Give a letter a number whatever the others are, so that some designs cannot be built."""
    rng = random.Random(f"wild {letter} {seed}")
    return rng.randint(0 if letter[:1] in "pqo" else 1, 9)


def wide(letter: str, seed: int) -> int:
    """Give a letter a number that fits the others; channels and filters may be as many as 2**40."""
    rng = random.Random(f"wide {letter} {seed}")
    return 12 * 2 ** rng.randint(0, 36) if letter in ("C", "F") else sample(letter, seed)


@pytest.mark.parametrize("numbers", [sample, wild, wide], ids=lambda each: each.__name__)
@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: f"{s.kind} {s.title}".strip())
def test_designs_that_are_run_together_agree_with_each_by_itself(
    specimen: Specimen, numbers: Callable[[str, int], int]
) -> None:
    index = np.arange(SAMPLES)

    def together(part: Part) -> dict[str, Num]:
        def number(letter: str) -> Num:
            return part.number(np.array([numbers(letter, seed) for seed in range(SAMPLES)], object), index)

        return run(specimen, number, part.number(index, index))

    seen: set[int] = set()
    for outcome in each_way(Part.of((SAMPLES,)), together):
        for place, seed in enumerate(outcome.part.positions((SAMPLES,)).tolist()):
            seen.add(seed)
            alone, refusal = by_itself(specimen, lambda letter, seed=seed: numbers(letter, seed), seed)
            assert outcome.refused(place) == refusal
            assert (outcome.value or {}).keys() == alone.keys()
            for where, value in (outcome.value or {}).items():
                held = outcome.part.value(value.values, place) if isinstance(value, Batch) else value
                assert held == alone[where], (where, seed)
    assert seen == set(range(SAMPLES))


def by_itself(specimen: Specimen, make: Any, i: int) -> tuple[dict[str, Num], str]:
    """Run a rule on numbers: what it says, and why it refuses where it does."""
    try:
        return run(specimen, make, i), ""
    except RfcalcError as error:
        return {}, reason_of(error)


def test_some_of_the_designs_cannot_be_built() -> None:
    refusals = [
        by_itself(specimen, lambda letter, seed=seed: wild(letter, seed), seed)[1]
        for specimen in SPECIMENS
        for seed in range(SAMPLES)
    ]
    assert len([refusal for refusal in refusals if refusal]) > 100
