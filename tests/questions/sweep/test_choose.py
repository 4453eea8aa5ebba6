"""Choosing designs: conditions, fronts, the first by a measure, samples."""

from __future__ import annotations

import itertools
import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcalc.errors import UsageError
from rfcalc.questions.sweep.choose import Choice, Measure, front, measure, measures
from rfcalc.questions.sweep.sample import sampled
from rfcalc.questions.sweep.space import Axis, Space
from rfcalc.questions.sweep.tables import Columns, joined, listed, picked, rows
from rfcalc.questions.sweep.where import condition

WIDE = 2**62


def ma(values: list[Any]) -> Any:
    held = [0 if value is None else value for value in values]
    wide = any(abs(value) >= 2**63 for value in held)
    return np.ma.MaskedArray(
        np.array(held, dtype=object if wide else None), [value is None for value in values]
    )


COLUMNS: Columns = {
    "design": np.arange(5),
    "kernel": np.array([3, 5, 7, 3, 5]),
    "pool": np.array([True, False, True, False, True]),
    "variant": np.array(["plain", "strided", "plain", "strided", "plain"], dtype=object),
    "error": np.array(["", "", "", "", "too large"], dtype=object),
    "params": ma([100, WIDE, 2**70, 7, None]),
    "macs": ma([10, WIDE, 30, 40, None]),
    "extent_0": ma([4, 5, 6, 7, None]),
    "receptive_field_0": ma([10, 20, None, 30, None]),
    "effective_stride_0": ma([1.0, 2.0, 0.5, 4.0, None]),
    "extent_1": ma([3, 9, 9, 9, None]),
    "receptive_field_1": ma([12, 15, None, None, None]),
    "effective_stride_1": ma([2.0, 1.0, 0.5, 4.0, None]),
    "coverage": ma([0.1, 0.5, 1.0, 0.9, None]),
    "status": np.array(["exact", "bound", "exact", "unknown", ""], dtype=object),
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("params < 5e6", [0, 3]),
        ("params < 100.5 and params > 99.5", [0]),
        ("status == 'exact'", [0, 2]),
        ("status != 'exact'", [1, 3]),  # of a design that cannot be built it is neither
        ("not (status == 'exact' or status == 'bound')", [3]),
        ("not params < 5e6", [1, 2]),  # what is not known is not so either
        ("params >= 2**62 and params <= 2 ** 70", [1, 2]),
        ("params * 4 >= 2**64", [1, 2]),
        ("params + macs > 2**63 - 1", [1, 2]),
        ("macs * macs == 2**124", [1]),
        ("macs - 2**62 == 0", [1]),
        ("-macs < -40", [1]),
        ("macs / params == 1", [1]),
        ("macs / params > 5.7", [3]),
        ("params / 3 == 100 / 3", [0]),
        ("params // 3 == 33", [0]),
        ("-params // 3 == -34", [0]),
        ("kernel / 0 > 1 or not kernel / 0 > 1", []),
        ("kernel // 0 > 1", []),
        ("3 < kernel <= 7", [1, 2, 4]),
        ("pool", [0, 2, 4]),
        ("not pool", [1, 3]),
        ("pool == false", [1, 3]),
        ("pool and kernel == 7 or not pool and kernel == 3", [2, 3]),
        ("variant == 'plain' and macs > 0", [0, 2]),
        ("variant != 'plain'", [1, 3]),
        ("error == ''", [0, 1, 2, 3]),
        ("field >= 15", [1, 2, 3]),  # the smaller one; the whole input is larger than any number
        ("field >= 31", [2]),
        ("field == 10", [0]),
        ("receptive_field_0 > 10**30", [2]),
        ("receptive_field_1 * 2 > 10**30", [2, 3]),
        ("receptive_field_0 - receptive_field_0 == 0", [0, 1, 3]),  # of infinity nothing is known
        ("extent < 5", [0]),
        ("stride == 1", [0, 1]),
        ("stride < 1", [2]),
        ("coverage >= 0.5", [1, 2, 3]),
        ("coverage * 10 == 1", [0]),
        ("'extent_0' > 5", [2, 3]),
        ("1_000 > params", [0, 3]),
    ],
)
def test_conditions(text: str, kept: list[int]) -> None:
    assert np.flatnonzero(condition(text).holds(COLUMNS)).tolist() == kept


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a condition"),
        ("params <", "is not a condition"),
        ("__import__('os').system('true')", "is not a condition"),
        ("params.real > 1", "no column 'params.real'"),
        ("(params).real > 1", "no column 'params.real'"),
        ("[1][0] > 0", "is not a condition"),
        ("lambda: 1", "is not a condition"),
        ("params if pool else macs", "is not a condition"),
        ("params | macs", "is not a condition"),
        ("params % 2 == 0", "is not a condition"),
        ("params in (1, 2)", "is not a condition"),
        ("params is None", "is not a condition"),
        ("f'{params}' == 'a'", "is not a condition"),
        ("parms > 3", "no column 'parms'; did you mean 'params'"),
        ("params", None),
        ("coverage", "takes a number or a word for a condition"),
        ("variant", "takes a number or a word for a condition"),
        ("variant == 3", "compares a word with a number"),
        ("params == 'plain'", "compares a word with a number; there is no column 'plain'"),
        ("variant < 'plain'", "with == and != alone"),
        ("variant + 1 > 2", "takes a word for a number"),
        ("(params > 1) + 1 > 2", "takes a condition for a number"),
        ("params ** 257 > 2", "from 0 to 256"),
        ("params ** macs > 2", "from 0 to 256"),
        ("(2 ** 256) ** 256 > params", "number that is too large"),
        ("params > 1e999", "too large or too small"),
        ("params > 1j", "no number"),
        ("x" * 501, "at most 500"),
        ("-" * 90 + "params > 1", "inside one another"),
    ],
)
def test_what_is_no_condition(text: str, says: str | None) -> None:
    if says is None:
        assert condition(text).holds(COLUMNS).tolist() == [True, True, True, True, False]
        return
    with pytest.raises(UsageError, match=says.replace("(", "\\(")):
        condition(text).holds(COLUMNS)


_INT = st.one_of(st.integers(-5, 5), st.integers(-(2**64), 2**64))


SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@given(st.lists(st.tuples(_INT, _INT), min_size=1, max_size=5), st.sampled_from([*SIGNS]))
def test_arithmetic_is_that_of_fractions(pairs: list[tuple[int, int]], sign: str) -> None:
    columns = {"a": ma([a for a, _ in pairs]), "b": ma([b for _, b in pairs])}
    text = f"(a * a - b) / (b + 3) {sign} a * 7 // 2 - 0.25"
    expected = []
    for a, b in pairs:
        if b == -3:
            expected.append(False)
            continue
        sides = Fraction(a * a - b, b + 3), Fraction(a * 7 // 2) - Fraction(1, 4)
        expected.append(SIGNS[sign](*sides))
    assert condition(text).holds(columns).tolist() == expected


# ---- fronts ------------------------------------------------------------------------------------------------


def surpasses(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.tuples(*[st.one_of(st.none(), st.integers(0, 4))] * width), min_size=1, max_size=30
        )
    ),
    st.data(),
)
def test_the_front_is_that_of_the_definition_and_of_its_parts(
    points: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    width = len(points[0])
    largest = data.draw(st.tuples(*[st.booleans()] * width))
    by = tuple(Measure(f"m{n}", down) for n, down in enumerate(largest))
    columns = {"design": np.arange(len(points))}
    columns |= {f"m{n}": ma([point[n] for point in points]) for n in range(width)}
    told = [
        tuple(-x if down and x is not None else x for x, down in zip(p, largest, strict=True)) for p in points
    ]
    whole = [place for place, p in enumerate(told) if None not in p]
    expected = [n for n in whole if not any(surpasses(told[other], told[n]) for other in whole)]
    assert np.flatnonzero(front(columns, by)).tolist() == expected
    cut = data.draw(st.integers(0, len(points)))
    choice = Choice(pareto=by)
    parts = [choice.of(picked(columns, slice(0, cut))), choice.of(picked(columns, slice(cut, None)))]
    assert choice.of(joined(parts))["design"].tolist() == expected


def test_the_front_of_many_designs() -> None:
    chance = np.random.default_rng(0)
    columns = {f"m{n}": chance.integers(-30, 30, 3000) for n in range(3)}
    columns["m3"] = chance.random(3000).round(2)
    for by in ("m0", "m0,-m1", "m0,m1,-m2", "-m3,m0,m1,m2"):
        told = np.stack([(-1 if each.largest else 1) * columns[each.name] for each in measures(by)], axis=1)
        expected = [
            place
            for place, point in enumerate(told)
            if not np.any(np.all(told <= point, axis=1) & np.any(told < point, axis=1))
        ]
        assert np.flatnonzero(front(columns, measures(by))).tolist() == expected


def test_fronts_of_fields_that_are_the_whole_input_and_of_wide_numbers() -> None:
    assert np.flatnonzero(front(COLUMNS, measures("macs,-field"))).tolist() == [0, 2]
    assert np.flatnonzero(front(COLUMNS, measures("-params"))).tolist() == [2]
    assert np.flatnonzero(front(COLUMNS, measures("-coverage,params"))).tolist() == [2, 3]


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=30),
    st.integers(1, 8),
    st.booleans(),
    st.data(),
)
def test_the_first_by_a_measure(values: list[Any], top: int, largest: bool, data: st.DataObject) -> None:
    columns = {"design": np.arange(len(values)), "m": ma(values) if values else ma([0])[:0]}
    choice = Choice(top=top, by=Measure("m", largest))
    there = [n for n, value in enumerate(values) if value is not None]
    expected = sorted(there, key=lambda n: (-values[n] if largest else values[n], n))[:top]
    cut = data.draw(st.integers(0, len(values)))
    parts = [choice.of(picked(columns, slice(0, cut))), choice.of(picked(columns, slice(cut, None)))]
    assert choice.ordered(choice.of(joined(parts)))["design"].tolist() == expected


def test_the_first_without_a_measure_are_those_of_the_smallest_numbers() -> None:
    choice = Choice(top=2)
    assert choice.ordered(choice.of(COLUMNS))["design"].tolist() == [0, 1]


@pytest.mark.parametrize("text", ["", "-", "params,,macs", "params,-params"])
def test_what_is_no_measure(text: str) -> None:
    with pytest.raises(UsageError):
        measures(text)


@pytest.mark.parametrize(("text", "says"), [("parms", "did you mean 'params'"), ("variant", "holds words")])
def test_measures_that_there_are_not(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        front(COLUMNS, [measure(text)])


# ---- samples -----------------------------------------------------------------------------------------------


def space(*lengths: int) -> Space:
    return Space(tuple(Axis(f"a{n}", "parameter", tuple(range(length))) for n, length in enumerate(lengths)))


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 200), st.integers(0, 5), st.booleans()
)
def test_a_sample_holds_each_design_once_in_order(
    lengths: list[int], count: int, seed: int, latin: bool
) -> None:
    made = space(*lengths)
    places = sampled(made, count, seed, latin=latin)
    numbers = made.at(places).numbers().tolist()
    assert numbers == sorted(set(numbers))
    assert all(0 <= number < made.size for number in numbers)
    if latin:
        assert 1 <= len(numbers) <= count
    else:
        assert len(numbers) == min(count, made.size)
    again = sampled(made, count, seed, latin=latin)
    assert [each.tolist() for each in again] == [each.tolist() for each in places]


def test_a_sample_is_the_same_on_every_machine() -> None:
    assert space(1000, 1000).at(sampled(space(1000, 1000), 5, 0)).numbers().tolist() == [
        17330,
        42963,
        282891,
        667902,
        852775,
    ]


def test_a_sample_of_a_space_larger_than_64_bits() -> None:
    made = space(*[1000] * 8)
    numbers = made.at(sampled(made, 1000, 1)).numbers().tolist()
    assert len(set(numbers)) == 1000
    assert numbers == sorted(numbers)
    assert max(numbers) > 2**64
    assert numbers != made.at(sampled(made, 1000, 2)).numbers().tolist()


def test_every_design_is_as_likely() -> None:
    made = space(3, 4)
    drawn = np.zeros(12)
    for seed in range(3000):
        drawn[made.at(sampled(made, 4, seed)).numbers()] += 1
    assert np.abs(drawn / 1000 - 1).max() < 0.12  # five standard deviations


def test_a_latin_hypercube_takes_the_values_of_each_axis_equally_often() -> None:
    made = space(10, 1000, 1000)
    places = sampled(made, 100, 3, latin=True)
    assert np.bincount(places[0]).tolist() == [10] * 10
    assert len(set(places[1].tolist())) == 100


@pytest.mark.parametrize(
    ("count", "seed", "says"), [(0, 0, "is none"), (10**9, 0, "too large"), (3, -1, "below 0")]
)
def test_samples_that_there_are_not(count: int, seed: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        sampled(space(3), count, seed)


def test_tables_are_joined_whatever_their_types() -> None:
    found = joined([{"a": ma([1, None])}, {"a": ma([2**70])}, {"a": np.array([4])}])
    assert listed(found["a"]) == [1, None, 2**70, 4]
    assert rows(found) == 4
    assert list(itertools.chain(listed(picked(found, np.array([2]))["a"]))) == [2**70]
