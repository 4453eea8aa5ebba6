"""ONNX models of which one extent is given and another open: what is computed of both has a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import rfcalc
from tests.readers.onnx_build import helper, ints, model, node

onnxruntime = pytest.importorskip("onnxruntime")
numpy_helper = pytest.importorskip("onnx").numpy_helper

ROWS, COLUMNS = 6, 9
"""The size at which models are run."""


def number(name: str, value: float) -> Any:
    return helper.make_tensor(name, 1, (), [value])


def table(name: str, array: Any, dtype: type = np.float32) -> Any:
    return numpy_helper.from_array(np.asarray(array, dtype), name)


SIZES = [
    node("Shape", "x", "shape"),
    node("Gather", "shape two", "h", axis=0),
    node("Gather", "shape three", "w", axis=0),
    node("Concat", "h w", "hw", axis=0),
]
NUMBERS = [ints("two", 2), ints("three", 3), ints("one", 1), ints("zero", 0), ints("up", -1, 1)]


def rows_of_numbers(size: str, to: str) -> list[Any]:
    """Return what makes 0, 1, 2, ... of an extent, as floats."""
    return [
        node("Squeeze", f"{size} zero", f"{size}_only"),
        node("Cast", f"{size}_only", f"{size}_float", to=1),
        node("Range", f"start {size}_float step", to),
    ]


def built(nodes: Sequence[Any], constants: Sequence[Any] = ()) -> Any:
    """Return a model that adds a grid to its input, and pools."""
    given = [*NUMBERS, number("start", 0.0), number("step", 1.0), *constants]
    last = [
        node("Add", "x grid", "sum"),
        node("MaxPool", "sum", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ]
    return model([*SIZES, *nodes, *last], {"x": (1, 2, "H", "W")}, "y", given)


COORDINATES = [*rows_of_numbers("h", "range"), node("Reshape", "range up2", "column")]
UP = ints("up2", -1, 1)

GRIDS: dict[str, tuple[list[Any], list[Any]]] = {
    "expand": ([*COORDINATES, node("Expand", "column hw", "grid")], [UP]),
    "stacked": (
        [
            *COORDINATES,
            node("Expand", "column hw", "wide"),
            node("Unsqueeze", "wide zero", "one_of_them"),
            node("Concat", "one_of_them one_of_them", "grid", axis=0),
        ],
        [UP],
    ),
    "tile": (
        [*COORDINATES, node("Concat", "one w", "times", axis=0), node("Tile", "column times", "grid")],
        [UP],
    ),
    "fraction": (  # the middle of each cell, in shares of the width
        [
            *COORDINATES,
            node("Add", "column half", "middle"),
            node("Cast", "w", "w_float", to=1),
            node("Mul", "middle w_float", "grid"),
        ],
        [UP, number("half", 0.5)],
    ),
    "slice": (
        [node("Slice", "ramp zero w last", "grid")],
        [table("ramp", np.arange(1, 33)), ints("last", -1)],
    ),
    "rows": (
        [node("Slice", "ramp zero hw_end axes", "part"), node("Expand", "part hw", "grid")],
        [table("ramp", np.arange(1, 33).reshape(32, 1)), ints("axes", 0)],
    ),
    "pad": (
        [
            node("Sub", "w one", "missing"),
            node("Concat", "zero missing", "pads", axis=0),
            node("Pad", "first pads", "grid"),
        ],
        [table("first", [3.0])],
    ),
}
GRIDS["rows"][0].insert(0, node("Identity", "h", "hw_end"))

CUT = {"slice": "W", "rows": "H"}
"""Grids that are cut out of a constant by an extent, which has to be given for it."""

GIVEN: tuple[dict[str, int], ...] = ({}, {"H": ROWS}, {"W": COLUMNS}, {"H": ROWS, "W": COLUMNS})


@pytest.mark.parametrize("dims", GIVEN, ids=str)
@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_of_coordinates(grid: str, dims: dict[str, int]) -> None:
    made = built(*GRIDS[grid])
    found = rfcalc.analyze(made, dims=dims)
    unknown = [note.message for note in found.notes if note.code == "unknown-op"]
    row = found.layer("y")
    if CUT.get(grid, "") not in (
        "",
        *dims,
    ):  # how much is left of a constant is not followed, and that is said
        assert row.status == "unknown"
        assert "the shape of a constant that it takes is not known" in unknown[0]
        return
    assert not unknown
    assert (row.receptive_field, row.effective_stride, row.status) == ((3, 3), (1, 1), "exact")
    assert row.output_shape is not None
    assert [n for n in row.output_shape if n is not None] == [1, 2, *dims.values()]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_models_run_and_see_so_much(grid: str) -> None:
    session = onnxruntime.InferenceSession(built(*GRIDS[grid]).SerializeToString())
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (1, 2, ROWS, COLUMNS)).astype(np.float32)
    (before,) = session.run(None, {"x": x})
    assert before.shape == x.shape
    seen = np.zeros(COLUMNS, bool)
    for column in range(COLUMNS):
        for _ in range(20):
            other = x.copy()
            other[..., column] += random.uniform(-2000, 2000, other[..., column].shape)
            seen[column] |= bool((session.run(None, {"x": other})[0] != before)[..., 4].any())
    assert np.flatnonzero(seen).tolist() == [3, 4, 5]


# ---- what may hide something -------------------------------------------------------------------------------

CAUSAL = np.where(np.tri(32) > 0, 0, -np.inf)

MASKS: dict[str, tuple[list[Any], list[Any]]] = {
    "slice": (
        [node("Slice", "mask zeros hw axes", "grid"), node("Add", "x grid", "scores")],
        [table("mask", CAUSAL[:8, :8]), ints("zeros", 0, 0), ints("axes", 0, 1)],
    ),
    "tile": (
        [
            node("Concat", "one w", "times", axis=0),
            node("Tile", "mask times", "grid"),
            node("Mul", "x grid", "scores"),
        ],
        [table("mask", np.tri(ROWS)[:, 3:4])],
    ),
    "zeros": (
        [node("Slice", "mask zeros hw axes", "grid"), node("Mul", "x grid", "scores")],
        [table("mask", np.tri(8)), ints("zeros", 0, 0), ints("axes", 0, 1)],
    ),
}


@pytest.mark.parametrize("dims", [{"H": ROWS}, {"W": COLUMNS}, {}], ids=str)
@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_of_open_extents_is_never_exact(mask: str, dims: dict[str, int]) -> None:
    """At a size of its own each of these hides something: then fields are smaller."""
    nodes, constants = MASKS[mask]
    last = [node("Softmax", "scores", "y", axis=-1), node("ReduceSum", "y last", "z", keepdims=1)]
    made = model(
        [*SIZES, *nodes, *last], {"x": (1, 2, "H", "W")}, "z", [*NUMBERS, *constants, ints("last", -1)]
    )
    found = rfcalc.analyze(made, dims=dims)
    assert "exact" not in {found.layer(name).status for name in ("y", "z")}
