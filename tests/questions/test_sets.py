"""The sets that verify carries through a graph: what is stored once says the same as element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from itertools import product
from math import prod
from operator import or_
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.engine.run import Run
from rfcalc.questions.verify import sets
from rfcalc.questions.verify.find import enumerate_run
from rfcalc.questions.verify.sets import Sets, end_to_end, united

Index = tuple[int, ...]
Elements = Mapping[Index, int]

SHAPES = ((4, 3, 2), (2, 6, 2), (3, 2, 4), (24,), (2, 2, 6), (4, 1, 6), (1, 12, 2))


def spelled_out(x: Sets) -> Elements:
    """The set of every element."""
    cells = x.over([of or (0,) * extent for of, extent in zip(x.classes, x.shape, strict=True)])
    return dict(zip(product(*map(range, x.shape)), cells, strict=True))


@st.composite
def some_sets(draw: st.DrawFn, shape: Index) -> Sets:
    """Draw sets of a few different values, many of them alike."""
    cells = draw(st.lists(st.sampled_from((0, 1, 2, 6, 16)), min_size=prod(shape), max_size=prod(shape)))
    classes = [tuple(range(extent)) if extent > 1 else () for extent in shape]
    return Sets(shape, classes, cells, 4).squashed()


def read(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    axis = draw.draw(st.integers(0, len(x.shape) - 1))
    row = st.lists(st.integers(0, x.shape[axis] - 1), min_size=1, max_size=4)
    rows = draw.draw(st.lists(row, min_size=1, max_size=5))
    old = spelled_out(x)
    truth = {
        at: reduce(or_, (old[(*at[:axis], j, *at[axis + 1 :])] for j in rows[at[axis]]))
        for at in product(*(range(len(rows) if k == axis else n) for k, n in enumerate(x.shape)))
    }
    return x.read(axis, rows), truth


def whole(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    axis, extent = draw.draw(st.integers(0, len(x.shape) - 1)), draw.draw(st.integers(1, 3))
    return x.whole(axis, extent), spelled_out(x.read(axis, [range(x.shape[axis])] * extent))


def reshape(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    shape = draw.draw(st.sampled_from([shape for shape in SHAPES if prod(shape) == prod(x.shape)]))
    return x.reshape(shape), dict(zip(product(*map(range, shape)), spelled_out(x).values(), strict=True))


def permute(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    order = draw.draw(st.permutations(range(len(x.shape))))
    return x.permute(order), {tuple(at[a] for a in order): cell for at, cell in spelled_out(x).items()}


def concat(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    axis = draw.draw(st.integers(0, len(x.shape) - 1))
    extent = draw.draw(st.integers(0, 3))
    other = draw.draw(some_sets((*x.shape[:axis], extent, *x.shape[axis + 1 :])))
    moved = {
        (*at[:axis], at[axis] + x.shape[axis], *at[axis + 1 :]): c for at, c in spelled_out(other).items()
    }
    return end_to_end([x, other], axis), {**spelled_out(x), **moved}


def unite(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    other = draw.draw(some_sets(tuple(draw.draw(st.sampled_from((1, extent))) for extent in x.shape)))
    second = spelled_out(other.stretch(x.shape))
    return united(x, other), {at: cell | second[at] for at, cell in spelled_out(x).items()}


def without(draw: st.DataObject, x: Sets) -> tuple[Sets, Elements]:
    shape = x.shape[draw.draw(st.integers(0, len(x.shape))) :]
    gone = draw.draw(st.sets(st.sampled_from(list(product(*map(range, shape))))))
    lead = len(x.shape) - len(shape)
    return x.without(shape, gone), {at: 0 if at[lead:] in gone else c for at, c in spelled_out(x).items()}


STEPS: tuple[Callable[[st.DataObject, Sets], tuple[Sets, Elements]], ...] = (
    read, whole, reshape, permute, concat, unite, without,
)  # fmt: skip


@given(st.data())
def test_what_is_stored_once_says_the_same(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(SHAPES))
    x = data.draw(some_sets(shape))
    for step in data.draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)):
        if step is reshape and prod(x.shape) != 24:
            continue
        made, truth = step(data, x)
        assert spelled_out(made) == dict(truth)
        assert spelled_out(made.squashed()) == dict(truth)
        x = made


@given(st.data(), st.sampled_from(SHAPES))
def test_neighbours_that_are_alike_are_one_class(data: st.DataObject, shape: Index) -> None:
    x = data.draw(some_sets(shape))
    old = spelled_out(x)
    for axis, extent in enumerate(shape):
        slices = [[cell for at, cell in old.items() if at[axis] == k] for k in range(extent)]
        changes = [slices[k] != slices[k - 1] for k in range(1, extent)]
        assert x.stored[axis] == 1 + sum(changes)
        assert (x.classes[axis] == ()) == (not any(changes))


def unions(monkeypatch: pytest.MonkeyPatch, filters: int, activations: int) -> int:
    """Count how often two sets are united while a dense block is verified."""
    layers: list[dict[str, Any]] = []
    last = "input"
    for number in range(6):
        layers.append({"kind": "concat", "inputs": ["input", *(f"c{k}" for k in range(number))]})
        layers += [{"kind": "activation"}] * activations
        last = f"c{number}"
        layers.append({"kind": "conv", "name": last, "filters": filters, "kernel": 3, "padding": "same"})
    count = 0

    def counting(first: int, second: int) -> int:
        nonlocal count
        count += 1
        return first | second

    monkeypatch.setattr(sets, "or_", counting)
    found = enumerate_run(Run(rfcalc.load({"rfcalc": 1, "input": [16, 16, filters], "layers": layers})))
    assert found.differences == ()
    assert len(found.rows) == len(layers) + 1
    return count


def test_what_is_alike_is_united_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither channels that read the same nor layers that hand on what they got make more of it."""
    few = unions(monkeypatch, 2, 0)
    assert few > 16
    assert unions(monkeypatch, 64, 0) == few
    assert unions(monkeypatch, 64, 3) == few
