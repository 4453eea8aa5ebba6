"""Dependence through reshapes and transposes against arrays of sets, and the arithmetic of digits."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra.dependence import Dependence, plain
from rfcalc.algebra.digits import common_digits, merge_digits, mixing_window, placed_window, split_weights
from rfcalc.algebra.legs import Leg
from rfcalc.algebra.rows import Rows, identity_rows

MAKES = ("regroup", "permute", "mix", "scan", "reduce", "insert", "contract", "join")


def start(extents: tuple[int, ...], followed: int) -> Dependence:
    """A map each element of which depends on its own place along one axis of it."""
    weights = tuple((1,) if place == followed else (0,) for place in range(len(extents)))
    return plain(extents, (Leg(0, weights, identity_rows(extents[followed])),))


def elements(dependence: Dependence) -> np.ndarray:
    """Spell a dependence out: a bit set for each element of the tensor."""
    extents = [prod(digits) for digits in dependence.factors]
    out = np.zeros(extents, dtype=object)
    for index in np.ndindex(*extents):
        for leg in dependence.legs:
            virtual = 0
            for place, digits, weights in zip(index, dependence.factors, leg.weights, strict=True):
                rest = place
                for extent, weight in zip(reversed(digits), reversed(weights), strict=True):
                    virtual += rest % extent * weight
                    rest //= extent
            assert isinstance(leg.relation, Rows)
            out[index] |= leg.relation.masks[virtual]
    return out


def along(array: np.ndarray, place: int) -> np.ndarray:
    """Union along an axis, which stays."""
    total = array.take([0], axis=place)
    for j in range(1, array.shape[place]):
        total = total | array.take([j], axis=place)
    return total


def running(array: np.ndarray, place: int) -> np.ndarray:
    out = np.moveaxis(array, place, 0).copy()
    for i in range(1, len(out)):
        out[i] = out[i - 1] | out[i]
    return np.moveaxis(out, 0, place)


@st.composite
def shapes_of(draw: st.DrawFn, size: int) -> list[int]:
    """Shapes of so many elements."""
    shape = []
    while size > 1 and len(shape) < 3:
        extent = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
        shape.append(extent)
        size //= extent
    return [*shape, size]


@given(st.data())
def test_moves_are_those_of_arrays(data: st.DataObject) -> None:
    extents = data.draw(st.sampled_from([(12,), (16,), (4, 6), (6, 4), (2, 3, 4), (8, 2), (18,)]))
    dependence = start(extents, data.draw(st.integers(0, len(extents) - 1)))
    truth = elements(dependence)
    for move in data.draw(st.lists(st.sampled_from(MAKES), min_size=1, max_size=6)):
        dependence, truth = moved(data, move, dependence, truth)
        seen = elements(dependence)
        assert seen.shape == truth.shape
        if dependence.reason or not all(leg.relation.exact for leg in dependence.legs):
            assert ((seen | truth) == seen).all()
            return
        assert (seen == truth).all()


def moved(  # noqa: PLR0911  one case a move reads best
    data: st.DataObject, move: str, dependence: Dependence, truth: np.ndarray
) -> tuple[Dependence, np.ndarray]:
    rank = truth.ndim
    axis = data.draw(st.integers(0, rank - 1)) if rank else 0
    if move == "regroup":
        shape = data.draw(shapes_of(truth.size))
        return dependence.regroup(shape, "r"), truth.reshape(shape)
    if move == "permute":
        order = data.draw(st.permutations(range(rank)))
        return dependence.permute(order), truth.transpose(order)
    if move == "insert":
        return dependence.insert((axis,)), np.expand_dims(truth, axis)
    if move == "join":  # with the same elements in another order, as a residual around a transpose is
        order = data.draw(st.permutations(range(rank)))
        other, swapped = dependence.permute(order), truth.transpose(order)
        if swapped.shape != truth.shape:
            return dependence, truth
        return dependence.join(other, "j"), truth | swapped
    if move == "mix":
        return dependence.mix((axis,), "m"), truth * 0 | along(truth, axis)
    if move == "scan":
        return dependence.scan(axis, forward=True, source="s"), running(truth, axis)
    if move == "contract":
        shape = [3 if place == axis else n for place, n in enumerate(truth.shape)]
        return dependence.contract(axis, 3, "c"), np.zeros(shape, dtype=object) | along(truth, axis)
    if rank < 2:
        return dependence, truth
    return dependence.reduce((axis,), keep=False, source="r"), along(truth, axis).squeeze(axis)


# ---- digits ------------------------------------------------------------------------------------------------

digits = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def values(extents: Any, weights: Any) -> list[int]:
    """The virtual index of each element, in order."""
    return [sum(w * t for w, t in zip(weights, index, strict=True)) for index in np.ndindex(*extents)]


@given(digits, st.data())
def test_merged_digits_count_the_same(extents: list[int], data: st.DataObject) -> None:
    row_major = [prod(extents[place + 1 :]) for place in range(len(extents))]
    drawn = [data.draw(st.integers(0, 6)) for _ in extents]
    weights = data.draw(st.sampled_from([row_major, drawn]))
    merged = merge_digits([(extent, (weight,)) for extent, weight in zip(extents, weights, strict=True)])
    assert values([e for e, _ in merged], [w for _, (w,) in merged]) == values(extents, weights)
    if weights == row_major:
        assert len(merged) == 1


@given(st.integers(1, 72), st.data())
def test_common_digits_refine_both(size: int, data: st.DataObject) -> None:
    x, y = (
        tuple(n for n in data.draw(shapes_of(size)) if n > 1) or (1,) for _ in range(2)
    )  # as merged ones are
    common = common_digits(x, y)
    if common is None:
        return
    for coarse in (x, y):
        rest = list(common)
        for extent in coarse:  # each coarse digit is a run of fine ones
            left = extent
            while left > 1:
                assert left % rest[0] == 0
                left //= rest.pop(0)
            while rest and rest[0] == 1:
                rest.pop(0)
        assert not rest
        weights = [prod(coarse[place + 1 :]) for place in range(len(coarse))]
        fine = split_weights(coarse, weights, common)
        assert values(common, fine) == values(coarse, weights)


@given(st.integers(2, 6), st.integers(2, 6), st.booleans())
def test_mixing_window(outer: int, inner: int, inside: bool) -> None:
    """Of an index made of two digits, one runs freely."""
    window = mixing_window([(inner, 1)] if inside else [(outer, inner)])
    assert window is not None
    for i in range(outer * inner):
        a, b = divmod(i, inner)
        wanted = {a * inner + t for t in range(inner)} if inside else {t * inner + b for t in range(outer)}
        assert set(window.indices(i)) == wanted


@given(st.integers(0, 5), st.integers(1, 6), st.integers(0, 5))
def test_placed_window(before: int, extent: int, after: int) -> None:
    total = before + extent + after
    window = placed_window(before, extent, total)
    for i in range(total):
        assert list(window.indices(i)) == ([i - before] if before <= i < before + extent else [])
