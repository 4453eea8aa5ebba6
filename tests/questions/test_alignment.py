"""Where branches meet: offsets that are known, sizes at which they vanish, and paddings that mend them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.questions.align.find import MAX_SIZES
from tests.readers.test_keras_truth import cases
from tests.render import golden


def keras(name: str, file: str = "applications") -> dict[str, Any]:
    model: dict[str, Any] = cases(file)[name]["model"]
    return model


def two_branches(left: list[dict[str, Any]], right: list[dict[str, Any]], size: int | None) -> dict[str, Any]:
    """A sequence of `size` elements, two branches of windows, and their sum."""
    layers: list[dict[str, Any]] = []
    ends = []
    for side, branch in (("a", left), ("b", right)):
        last = "input"
        for place, window in enumerate(branch):
            name = f"{side}{place}"
            layers.append({"kind": "max_pool", "name": name, "inputs": [last], **window})
            last = name
        ends.append(last)
    layers.append({"kind": "add", "name": "sum", "inputs": ends})
    return {"rfcalc": 1, "input": [size, 1], "layers": layers}


SAME = {"kernel": 3, "stride": 2, "padding": "same"}
STEP = {"kernel": 1, "stride": 2}


# ---- models that are known ---------------------------------------------------------------------------------


def test_xception_is_out_of_line_at_its_own_size() -> None:
    """149 -> 147 -> 74 -> 37: a pooling of an even map begins one element later than the shortcut."""
    found = rfcalc.align(keras("Xception"))
    assert len(found.joins) == 12
    assert [(join.layer, join.offset) for join in found.misaligned] == [("add_1", (4.0, 4.0))]
    assert [(mend.layer, mend.before, mend.now, mend.after) for mend in found.mends] == [
        ("block3_pool", "same", ((0, 1), (0, 1)), ((1, 1), (1, 1)))
    ]
    assert found.mended


def test_xception_is_in_line_where_all_four_maps_are_odd() -> None:
    """The maps that its poolings take have to be odd: (n - 1)//2 - 2, then halved and rounded up."""

    def odd(size: int) -> bool:
        extent = (size - 3) // 2 + 1 - 2
        for _ in range(4):
            if extent % 2 == 0:
                return False
            extent = (extent + 1) // 2
        return True

    sizes = range(275, 331)
    found = rfcalc.align(keras("Xception"), sizes)
    assert [row.size for row in found.sizes if row.aligned] == [size for size in sizes if odd(size)]
    assert {mend.layer for mend in found.mends} == {f"block{n}_pool" for n in (2, 3, 4, 13)}
    assert all(row.aligned for row in found.mended_sizes)


@pytest.mark.parametrize("name", ["resnet_v1_50@224", "resnet_v1_50@321"])
def test_slim_resnets_are_in_line_at_every_size(name: str) -> None:
    found = rfcalc.align(keras(name, "slim"), range(220, 236))
    assert len(found.joins) == 16
    assert not found.misaligned
    assert all(row.aligned for row in found.sizes)


@pytest.mark.parametrize(
    ("name", "joins"), [("ResNet50", 16), ("DenseNet121", 58), ("InceptionV3", 15), ("EfficientNetB0", 9)]
)
def test_models_that_are_in_line(name: str, joins: int) -> None:
    found = rfcalc.align(keras(name))
    assert len(found.joins) == joins
    assert not found.misaligned
    assert found.sentences == (f"All {joins} joins align at {'x'.join(map(str, found.size))}.",)
    assert not [note for note in rfcalc.analyze(keras(name)).notes if note.code == "misaligned"]


def test_the_analysis_says_so() -> None:
    (note,) = (note for note in rfcalc.analyze(keras("Xception")).notes if note.code == "misaligned")
    assert note.level == "warning"
    assert note.layer == "add_1"
    assert note.message.startswith("a join unites branches whose fields are centred apart, by 4 pixels")


def test_half_a_pixel_is_no_warning() -> None:
    model = two_branches([{"kernel": 2, "stride": 1, "padding": "same"}], [{"kernel": 1, "stride": 1}], 8)
    (note,) = rfcalc.analyze(model).notes
    assert (note.level, note.code, note.layer) == ("info", "misaligned", "sum")
    found = rfcalc.align(model)
    assert [join.offset for join in found.joins] == [(0.5,)]
    assert found.mends == ()
    assert not found.mended


# ---- by hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "centers", "offset"),
    [
        (8, ((1.0,), (0.0,)), 1.0),  # windows [0, 2], [2, 4], ... beside 0, 2, ...
        (9, ((0.0,), (0.0,)), 0.0),  # windows [-1, 1], [1, 3], ...
    ],
)
def test_same_padding_by_parity(size: int, centers: tuple[tuple[float, ...], ...], offset: float) -> None:
    (join,) = rfcalc.align(two_branches([SAME], [STEP], size)).joins
    assert join.centers == centers
    assert join.offset == (offset,)


def test_offsets_are_in_pixels_of_the_input() -> None:
    """Two elements apart behind a stride of 4 are 8 pixels."""
    left = [{"kernel": 4, "stride": 4}, {"kernel": 5, "stride": 1, "padding": [[2, 2]]}]
    right = [{"kernel": 4, "stride": 4}, {"kernel": 5, "stride": 1, "padding": [[4, 0]]}]
    found = rfcalc.align(two_branches(left, right, 64))
    assert [join.offset for join in found.joins] == [(8.0,)]
    assert [(mend.layer, mend.after) for mend in found.mends] == [("b1", ((2, 2),))]


@pytest.mark.parametrize(
    ("padding", "before", "now", "says"),
    [
        # of an even map the last window ends inside: what the layer states is told, not what is left of it
        (
            [[1, 1], [1, 1]],
            ((1, 1), (1, 1)),
            ((1, 0), (1, 0)),
            "0 before and 1 after on every axis in place of 1 and 1",
        ),
        (1, ((1, 1), (1, 1)), ((1, 0), (1, 0)), "0 before and 1 after on every axis in place of 1 and 1"),
        (
            [[1, 1], [0, 1]],
            ((1, 1), (0, 1)),
            ((1, 0), (0, 1)),
            "0 before and 1 after on every axis in place of 1 and 1 along axis 0, 0 and 1 along axis 1",
        ),
    ],
)
def test_the_padding_of_a_mend_is_told_as_the_layer_states_it(
    padding: Any, before: Any, now: Any, says: str
) -> None:
    window = {"kernel": 3, "stride": 2}
    model = {
        "rfcalc": 1,
        "input": [8, 8, 1],
        "layers": [
            {"kind": "max_pool", "name": "a", **window, "padding": padding},
            *({"kind": "max_pool", "name": each, "inputs": ["input"], **window, "padding": [[0, 1], [0, 1]]}
              for each in "bc"),
            {"kind": "add", "name": "sum", "inputs": ["a", "b", "c"]},
        ],
    }  # fmt: skip
    found = rfcalc.align(model)
    (mend,) = found.mends
    assert (mend.before, mend.now, mend.after) == (before, now, ((0, 1), (0, 1)))
    assert f"'sum' aligns when 'a' pads {says}." in found.sentences
    assert found.to_dict()["mends"][0]["before"] == [list(pair) for pair in before]


def test_upsampling_is_in_line_where_its_phases_lie_around_the_pixel() -> None:
    """i//2 beside i: half a pixel before and half a pixel behind, in turn."""
    model = {
        "rfcalc": 1,
        "input": [8, 1],
        "layers": [
            {"kind": "max_pool", "name": "p", "kernel": 2},
            {"kind": "upsample", "name": "u", "scale": 2},
            {"kind": "concat", "name": "c", "inputs": ["u", "input"]},
        ],
    }
    (join,) = rfcalc.align(model).joins
    assert join.centers == ((0.0,), (0.0,))


def test_gates_are_no_branches() -> None:
    model = {
        "rfcalc": 1,
        "input": [8, 8, 4],
        "layers": [
            {"kind": "conv", "name": "c", "filters": 4, "kernel": 3, "padding": "same"},
            {"kind": "global_pool", "name": "g", "keepdims": True},
            {"kind": "multiply", "name": "m", "inputs": ["c", "g"]},
        ],
    }
    assert rfcalc.align(model).joins == ()
    assert rfcalc.align(model).sentences == ("No branches meet in this model.",)


def test_sizes_that_break_shapes() -> None:
    model = {
        "rfcalc": 1,
        "input": [None, 1],
        "layers": [
            {"kind": "max_pool", "name": "p", "kernel": 2},
            {"kind": "upsample", "name": "u", "scale": 2},
            {"kind": "concat", "name": "c", "inputs": ["u", "input"], "axis": -1},
        ],
    }
    rows = rfcalc.align(model, range(1, 6)).sizes
    assert [(row.size, row.aligned, row.layer) for row in rows] == [
        (1, None, "p"),
        (2, True, ""),
        (3, None, "c"),
        (4, True, ""),
        (5, None, "c"),
    ]
    assert "the window of 2 is larger than the map of 1" in rows[0].message


def test_joins_that_are_known_as_such_only_where_extents_are() -> None:
    """How an adaptive pooling divides an open axis is not known, nor what meets behind it."""
    model = {
        "rfcalc": 1,
        "input": [None, 1],
        "layers": [
            {"kind": "max_pool", "name": "p", **SAME},
            {"kind": "adaptive_avg_pool", "name": "g", "size": 4, "inputs": ["input"]},
            {"kind": "add", "name": "early", "inputs": ["p", "g"]},
            {"kind": "max_pool", "name": "q", **STEP},
            {"kind": "max_pool", "name": "r", "inputs": ["early"], **SAME},
            {"kind": "add", "name": "late", "inputs": ["q", "r"]},
        ],
    }
    found = rfcalc.align(model, [7, 8])  # of 7 pixels the four windows do not begin in even steps
    assert found.size == (8,)
    assert [join.layer for join in found.joins] == ["early", "late"]
    assert [row.offsets for row in found.sizes] == [((0.5,), (0.0,)), ((0.5,), (2.0,))]
    assert "Branches lie apart at 7 and 8 in 'early', 'late', by 2 pixels at most." in found.sentences
    assert [len(row["offsets"]) for row in found.to_dict()["sizes"]] == [2, 2]


def test_a_size_is_needed_where_padding_depends_on_it() -> None:
    model = two_branches([SAME], [STEP], None)
    with pytest.raises(rfcalc.UsageError, match="has no fixed size; give one with --input-shape"):
        rfcalc.align(model)
    assert rfcalc.align(model, [9, 8]).size == (8,)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([], "there is no size"),
        ([0], "0 is no size"),
        ([8, -1], "-1 is no size"),
        (["8"], "'8' is no size"),
        (range(1, 10**9), f"more than {MAX_SIZES:,} sizes"),
        ([10**9], "is no size"),
    ],
)
def test_wrong_sizes(sizes: Any, says: str) -> None:
    with pytest.raises(rfcalc.UsageError) as caught:
        rfcalc.align(two_branches([SAME], [STEP], 8), sizes)
    assert says in str(caught.value)


# ---- against brute force -----------------------------------------------------------------------------------


def taps(windows: list[dict[str, Any]], size: int, output: int) -> set[int]:
    """What output 0 needs, window by window, as TensorFlow pads; the padding goes on for ever."""
    starts = []
    for window in windows:
        k, s, d = window["kernel"], window["stride"], window["dilation"]
        reach, out = d * (k - 1) + 1, -(-size // s)
        starts.append((s, d, k, max((out - 1) * s + reach - size, 0) // 2))
        size = out
    found = {output}
    for s, d, k, before in reversed(starts):
        found = {s * i - before + d * t for i in found for t in range(k)}
    return found


branches = st.lists(
    st.fixed_dictionaries({
        "kernel": st.integers(1, 5),
        "stride": st.integers(1, 3),
        "dilation": st.integers(1, 2),
        "padding": st.just("same"),
    }),
    min_size=1,
    max_size=3,
)  # fmt: skip


@given(branches, st.permutations([1, 2, 3]), branches, st.integers(20, 90))
def test_centres_are_those_of_the_taps(
    left: list[dict[str, Any]], order: list[int], right: list[dict[str, Any]], size: int
) -> None:
    # the same steps in another order, with other windows
    steps = [window["stride"] for window in left]
    shuffled = [steps[place - 1] for place in order if place <= len(steps)]
    padded = (right * 3)[: len(steps)]
    right = [{**window, "stride": step} for window, step in zip(padded, shuffled, strict=True)]
    found = rfcalc.align(two_branches(left, right, size))
    expected = []
    for branch in (left, right):
        needed = taps(branch, size, 0)
        expected.append(((min(needed) + max(needed)) / 2,))
    (join,) = found.joins
    assert join.centers == tuple(expected)
    assert join.offset == (abs(expected[0][0] - expected[1][0]),)
    for mend in found.mends:
        sides = [[dict(window) for window in branch] for branch in (left, right)]
        sides["ab".index(mend.layer[0])][int(mend.layer[1])]["padding"] = [list(mend.after[0])]
        after = rfcalc.align(two_branches(*sides, size))
        assert [each.offset for each in after.joins] == [(0.0,)]
        assert rfcalc.analyze(two_branches(*sides, size)).rows[-1].spatial == (
            rfcalc.analyze(two_branches(left, right, size)).rows[-1].spatial
        )


# ---- what it looks like ------------------------------------------------------------------------------------


def test_text_as_expected() -> None:
    found = rfcalc.align(keras("Xception"), range(290, 331))
    for width in (80, 160):
        golden.check(f"align.{width}.txt", found.to_text(width))
    golden.check("align.md", found.to_markdown())
    golden.check("align.json", found.to_json())
    assert found.to_text(unicode=False).isascii()
    assert str(found) == found.to_text()


def test_a_document_for_other_programs() -> None:
    document = rfcalc.align(two_branches([SAME], [STEP], 8), [1, 8, 9]).to_dict()
    assert document["schema"] == "rfcalc/alignment/1"
    assert document["size"] == [8]
    assert document["joins"] == [
        {
            "layer": "sum",
            "branches": [
                {"layer": "a0", "output": 0, "center": [1.0]},
                {"layer": "b0", "output": 0, "center": [0.0]},
            ],
            "offset": [1.0],
            "aligned": False,
        }
    ]
    assert document["mends"] == [
        {"join": "sum", "layer": "a0", "before": "same", "now": [[0, 1]], "after": [[1, 1]], "size": [8]}
    ]
    assert [row["aligned"] for row in document["sizes"]] == [True, False, True]


def test_causal_layers_look_back_on_purpose() -> None:
    """Residuals of a WaveNet unite the present with what a causal window saw; both end there."""
    result = rfcalc.analyze(Path(__file__).parents[2] / "docs" / "models" / "wavenet.json")
    assert "misaligned" not in {note.code for note in result.notes}
    assert rfcalc.align(Path(__file__).parents[2] / "docs" / "models" / "wavenet.json").misaligned == ()


# ---- what is said where nothing was found ------------------------------------------------------------------

APART: dict[str, Any] = {
    "rfcalc": 1,
    "layers": [
        {"kind": "conv", "name": "a", "filters": 1, "kernel": 2},
        {"kind": "crop", "name": "b", "cropping": [[0, 1]], "inputs": ["input"]},
        {"kind": "add", "name": "s", "inputs": ["a", "b"]},
    ],
}
"""A window of two elements lies half an element off, whatever its padding."""


def test_joins_that_nothing_mends_are_named() -> None:
    """No padding of whole elements moves a branch by half of one."""
    told = "No padding of one layer was found that aligns 's'."
    assert told in rfcalc.align({**APART, "input": [8, 1]}).sentences
    opened = rfcalc.align({**APART, "input": [None, 1]}).sentences
    assert told not in opened
    assert "Give sizes of the input (--sizes) to see what would mend it." in opened


def test_sizes_that_cannot_be_run_are_told_apart_from_those_out_of_line() -> None:
    model = {
        "rfcalc": 1,
        "input": [8, 1],
        "layers": [
            {"kind": "max_pool", "name": "p", "kernel": 2},
            {"kind": "upsample", "name": "u", "scale": 2},
            {"kind": "concat", "name": "c", "inputs": ["u", "input"], "axis": -1},
        ],
    }
    odd = rfcalc.align(model, range(3, 8, 2)).sentences
    assert "None of the 3 sizes from 3 to 7 can be run." in odd
    assert not any("at which all joins align" in each for each in odd)
    assert any("are joined along axis 2, but differ along axis 1" in each for each in odd)
    assert "All joins align at all 3 sizes from 4 to 8." in rfcalc.align(model, range(4, 9, 2)).sentences
