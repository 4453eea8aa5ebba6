"""The side view: that its lines are what units are computed from, and that it says what it leaves out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import rfcalc
from rfcalc import load
from rfcalc.engine.run import Run
from rfcalc.errors import RfcalcError
from rfcalc.pictures.picture_lines import Panel, Words, lines_picture
from rfcalc.pictures.reading import Window
from rfcalc.pictures.side import MOST_ROWS, MOST_UNITS, Side, side_of, widest_axis
from rfcalc.questions.field.find import field_of
from tests.readers.test_keras_truth import cases

MODELS = Path(__file__).parents[2] / "docs" / "models"


def conv(**settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 1, "padding": "same", "kernel": 3, **settings}


def run_of(*layers: dict[str, Any], extent: int = 24) -> Run:
    return Run(load({"rfcalc": 1, "input": [extent, 1], "layers": list(layers)}))


def lines(picture: Figure, panel: int = 0) -> list[tuple[float, ...]]:
    """Return the lines of a panel that are no padding: from a unit to what it reads, by place and row."""
    first = next(each for each in picture.axes[panel].collections if isinstance(each, LineCollection))
    return [tuple(round(float(x), 3) for x, _ in segment) for segment in first.get_segments()]


# ---- what units read ---------------------------------------------------------------------------------------


def test_rows_from_the_input_up() -> None:
    side = side_of(Run(load(MODELS / "pooling.json")), "conv3", 1, 1)
    assert [(row.layer, row.extent, row.jump, row.field) for row in side.rows] == [
        ("input", 28, 1, 1),
        ("conv1", 26, 1, 3),
        ("pool1", 13, 2, 4),
        ("conv2", 11, 2, 8),
        ("pool2", 5, 4, 10),
        ("conv3", 3, 4, 18),
    ]
    assert side.rows[-1].reads == {1: (1, 2, 3)}
    assert side.rows[-2].reads == {1: (2, 3), 2: (4, 5), 3: (6, 7)}
    assert sorted(side.rows[0].reads) == list(range(4, 22))
    assert (side.sees, side.extent, side.beside, side.below) == (18, 28, 0, ())


def test_dilation_leaves_holes() -> None:
    side = side_of(run_of(conv(name="a", dilation=4)), "a", 0, 10)
    assert side.rows[-1].reads == {10: (6, 10, 14)}
    assert side.rows[-1].window == Window(3, Fraction(1), 4)
    assert sorted(side.rows[0].reads) == [6, 10, 14]


def test_strides_are_jumps() -> None:
    side = side_of(run_of(conv(name="a", stride=3, padding="valid"), conv(name="b")), "b", 0, 2)
    assert [row.jump for row in side.rows] == [1, 3, 3]
    assert side.rows[1].reads == {1: (3, 4, 5), 2: (6, 7, 8), 3: (9, 10, 11)}
    assert [side.rows[1].at(index) for index in (1, 2)] == [4, 7]


def test_padding_is_told_apart() -> None:
    side = side_of(run_of(conv(name="a", kernel=5), conv(name="b")), "b", 0, 0)
    assert side.rows[2].reads == {0: (-1, 0, 1)}
    assert side.rows[1].reads == {0: (-2, -1, 0, 1, 2), 1: (-1, 0, 1, 2, 3)}
    assert sorted(side.rows[0].reads) == [0, 1, 2, 3]
    assert side.sees == 4


def test_upsampling_halves_the_jump() -> None:
    layers = [conv(name="a", stride=2), {"kind": "upsample", "scale": 2, "name": "up"}, conv(name="b")]
    side = side_of(run_of(*layers), "b", 0, 7)
    assert [(row.layer, row.jump) for row in side.rows] == [("input", 1), ("a", 2), ("up", 1), ("b", 1)]
    assert side.rows[2].reads == {6: (3,), 7: (3,), 8: (4,)}
    assert side.rows[2].window is None  # units differ: some read the same as the one before


def composed(side: Side) -> int:
    """Return what the chosen unit depends on by the lines that are drawn, as bits."""
    needed = {side.unit}
    for below, row in zip(side.rows[-2::-1], side.rows[:0:-1], strict=True):
        assert set(row.reads) == needed
        needed = {tap for read in row.reads.values() for tap in read if 0 <= tap < below.extent}
    assert set(side.rows[0].reads) == needed
    return sum(1 << index for index in needed)


def chains() -> list[list[dict[str, Any]]]:
    """Return chains of windows with and without padding, strides, dilation, and of all units."""
    found = []
    for padding in ("same", "valid"):
        for first in ({"kernel": 3}, {"kernel": 4, "stride": 3}, {"kernel": 2, "dilation": 3}):
            for then in (
                {"kernel": 2, "stride": 2},
                {"kernel": 3, "dilation": 2},
                {"kernel": 1, "stride": 2},
            ):
                layers = [conv(padding=padding, **first), {"kind": "relu"}, conv(padding=padding, **then)]
                found.append([*layers, conv(name="last", padding=padding)])
    return found


@pytest.mark.parametrize("layers", chains(), ids=range(len(chains())))
def test_lines_of_a_chain_lead_to_all_that_the_unit_depends_on(layers: list[dict[str, Any]]) -> None:
    """Composed row by row they are the field that the second pass finds in one go."""
    run = run_of(*layers, extent=33)
    masks = field_of(run, "last").axes[0].masks
    for unit, mask in enumerate(masks):
        side = side_of(run, "last", 0, unit)
        assert composed(side) == mask
        assert (side.beside, side.sees) == (0, mask.bit_count())


def test_of_branches_the_longest_is_drawn_and_the_rest_is_said() -> None:
    layers = [
        conv(name="a"),
        conv(name="far", dilation=6, inputs=["a"]),
        conv(name="b", inputs=["a"]),
        conv(name="c", inputs=["b"]),
        {"kind": "add", "name": "join", "inputs": ["far", "c"]},
        conv(name="last"),
    ]
    run = run_of(*layers, extent=60)
    side = side_of(run, "last", 0, 30)
    assert [row.layer for row in side.rows] == ["input", "a", "far", "last"]
    drawn, all_of_it = composed(side), field_of(run, "last").axes[0].masks[30]
    assert drawn & ~all_of_it == 0
    assert side.beside == (all_of_it & ~drawn).bit_count() > 0
    picture = rfcalc.plot(run.graph, what="lines", layer="last")
    assert f"on other ways the unit sees {side.beside} more samples" in picture.axes[0].get_xlabel()


# ---- what there is room for --------------------------------------------------------------------------------


def test_the_last_layer_that_there_is_room_for() -> None:
    run = Run(load(cases("applications")["ResNet50"]["model"]))
    side = side_of(run, None, widest_axis(run, None))
    assert side.sees <= MOST_UNITS
    assert len(side.rows) <= MOST_ROWS
    assert side.rows[-1].layer == "conv3_block1_2_conv"
    assert side.beyond[0] == "conv3_block2_2_conv"


def test_a_layer_that_sees_too_much_is_drawn_from_above() -> None:
    run = Run(load(cases("applications")["ResNet50"]["model"]))
    side = side_of(run, "conv4_block1_2_conv", 1)
    assert side.rows[-1].layer == "conv4_block1_2_conv"
    assert side.below[0] == "input_layer"
    assert all(len(row.reads) <= MOST_UNITS for row in side.rows)
    assert side.sees == 131
    label = rfcalc.plot(run.graph, what="lines", layer="conv4_block1_2_conv").axes[0].get_xlabel()
    assert "not drawn, as their rows are too long: input_layer" in label


@pytest.mark.parametrize("layer", ["flatten", "classes", "input"])
def test_what_has_no_rows_is_refused(layer: str) -> None:
    with pytest.raises(RfcalcError, match=r"keeps no map|needs a layer above the input"):
        rfcalc.plot(MODELS / "pooling.json", what="lines", layer=layer)


# ---- the picture -------------------------------------------------------------------------------------------


def test_with_pooling_and_without() -> None:
    picture = rfcalc.plot(MODELS / "pooling.json", what="lines", layer="conv3", at=(1, 1))
    assert [axes.get_title(loc="left") for axes in picture.axes] == [
        "with pooling: unit 1 of conv3 sees 18 of 28 pixels",
        "without pooling: unit 9 of conv3 sees 7 of 28 pixels",
    ]
    assert len({axes.get_xlim() for axes in picture.axes}) == 1  # the same pixels above each other
    above, below = lines(picture), lines(picture, 1)
    assert {(12.5, 8.5), (12.5, 12.5), (12.5, 16.5)} <= set(above)  # conv3 reads three units of pool2
    assert {end for start, end in below if start == 12} == {11, 12, 13}
    assert len(above) == 3 + 3 * 2 + 6 * 3 + 8 * 2 + 16 * 3
    assert len(below) == 3 + 3 * 3 + 5 * 3


def test_bounds_are_said() -> None:
    side = side_of(Run(load(MODELS / "pooling.json")), "conv3", 1, 1)
    picture = lines_picture(
        [Panel("", side._replace(exact=False, bounds=("conv2",)))], Words("pixels", "columns")
    )
    (axes,) = picture.axes
    assert axes.get_title(loc="left") == "unit 1 of conv3 sees at most 18 of 28 pixels"
    assert "at most what is drawn is read by: conv2" in axes.get_xlabel()


def test_a_model_without_strides_stands_alone() -> None:
    picture = rfcalc.plot(MODELS / "wavenet.json", what="lines")
    (axes,) = picture.axes
    assert axes.get_title(loc="left").startswith("unit ")
    assert "dilation 2" in axes.get_yticklabels()[2].get_text()


def test_counterfactuals_that_are_named() -> None:
    picture = rfcalc.plot(MODELS / "pooling.json", what="lines", layer="conv3", variants=["dilated", "plain"])
    titles = [axes.get_title(loc="left").partition(":")[0] for axes in picture.axes]
    assert titles == ["with pooling", "with dilation in place of the steps of pooling", "without pooling"]
    assert "sees 18 of 28" in picture.axes[1].get_title(loc="left").replace("\n", " ")
