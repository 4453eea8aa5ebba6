"""The commuting square: a rule run on numbers, on formulas with the numbers put in, and on arrays agrees.

Every specimen of every kind (rfcalc/rules/specimens.py) is sampled with numbers that fit together.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rfcalc.algebra import symbols
from rfcalc.algebra.number import Num
from rfcalc.algebra.steps import Place, Slide
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
def test_numbers_formulas_and_arrays_agree(specimen: Specimen) -> None:
    formulas = run(
        specimen,
        lambda letter: symbols.symbol(letter, natural=letter[:1] in "pqo"),
        symbols.symbol("i", natural=True),
    )
    arrays: dict[str, Any] = {}

    def make_array(letter: str) -> Any:
        return arrays.setdefault(letter, np.array([sample(letter, seed) for seed in range(SAMPLES)]))

    index = np.arange(SAMPLES)
    grid = run(specimen, make_array, index)
    for seed in range(SAMPLES):
        numbers = run(specimen, lambda letter, seed=seed: sample(letter, seed), seed)
        assert numbers.keys() == formulas.keys() == grid.keys()
        letters = {
            s.name: sample(s.name, seed)
            for value in formulas.values()
            for s in getattr(value, "free_symbols", ())
            if s.name != "i"
        }
        for where, number in numbers.items():
            assert isinstance(number, int), where
            if seed < FORMULA_SAMPLES:
                formula = symbols.substitute(formulas[where], {**letters, "i": seed})
                assert formula == number, (where, formulas[where], letters)
            cell = grid[where]
            assert (cell[seed] if isinstance(cell, np.ndarray) else cell) == number, where
