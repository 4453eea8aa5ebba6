"""Tiles: by hand, and against networks of one channel that are computed whole and in pieces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import AnalysisError, UsageError
from tests.readers.onnx_graphs import graph_bytes

MODELS = Path(__file__).parents[2] / "docs" / "models"


def net(*layers: dict[str, Any], extent: int | None = None, **more: Any) -> dict[str, Any]:
    return {"rfcalc": 1, "input": [extent, 1], "layers": list(layers), **more}


def conv(kernel: int = 3, **settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 1, "kernel": kernel, **settings}


def pool(kernel: int = 2, **settings: Any) -> dict[str, Any]:
    return {"kind": "average_pool", "kernel": kernel, **settings}


def up(kernel: int, stride: int) -> dict[str, Any]:
    return {"kind": "transposed_conv", "filters": 1, "kernel": kernel, "stride": stride}


# ---- by hand -----------------------------------------------------------------------------------------------

LSTM = {"kind": "lstm", "units": 4, "sequences": True}

# model: halo, starts, divisor and remainder of sizes, smallest, overlap, lost
TRUTHS: dict[str, tuple[dict[str, Any], tuple[int, int], int, tuple[int, int], int, int, tuple[int, int]]] = {
    "same 3": (net(conv(padding="same")), (1, 1), 1, (1, 0), 3, 2, (1, 1)),
    "valid 3": (net(conv()), (0, 2), 1, (1, 0), 3, 2, (0, 0)),
    "pointwise": (net(conv(1)), (0, 0), 1, (1, 0), 1, 0, (0, 0)),
    "dilated": (net(conv(dilation=2, padding="same")), (2, 2), 1, (1, 0), 5, 4, (2, 2)),
    "causal": (net(conv(2, dilation=4, padding="causal")), (4, 0), 1, (1, 0), 5, 4, (4, 0)),
    "pool": (net(pool()), (0, 0), 2, (1, 0), 2, 0, (0, 0)),
    # the border of 1 stays where it is, and the outputs go down to every other
    "strided": (net(conv(stride=2, padding=1)), (1, 0), 2, (1, 0), 4, 2, (1, 0)),
    # of an even extent, 'same' pads behind alone; of an odd one it would pad both ends
    "strided same": (net(conv(stride=2, padding="same")), (0, 1), 2, (2, 0), 4, 2, (0, 1)),
    # what an odd extent leaves over at the end is dropped, and its border with it
    "three levels": (net(*3 * [conv(padding="same"), pool()]), (7, 7), 8, (1, 0), 23, 15, (1, 0)),
    "transposed": (net(up(2, 2)), (0, 0), 1, (1, 0), 1, 0, (0, 0)),
    "overlapping transposed": (net(up(4, 2)), (1, 0), 1, (1, 0), 2, 1, (2, 2)),
    # the two outputs of one pixel need 5, but the last of one and the first of the next need 4
    "up and window": (
        net(conv(padding="same"), up(2, 2), conv(padding="same")),
        (2, 2),
        1,
        (1, 0),
        4,
        3,
        (3, 3),
    ),
    "down and up": (net(pool(), conv(padding="same"), up(2, 2)), (2, 2), 2, (1, 0), 6, 4, (2, 2)),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_by_hand(name: str) -> None:
    model, halo, align, sizes, smallest, overlap, lost = TRUTHS[name]
    (axis,) = rfcalc.tiles(model).axes
    assert axis.blocker is None
    assert (axis.before, axis.after) == halo
    assert axis.align == align
    assert (axis.divisor, axis.remainder) == sizes
    assert axis.smallest == smallest
    assert axis.overlap == overlap
    assert axis.lost == lost
    assert axis.proven


def test_a_unet_needs_sizes_that_its_skips_restore() -> None:
    found = rfcalc.tiles(MODELS / "unet.json", size=(1024, 768), tile=512)
    for axis in found.axes:
        assert (axis.before, axis.after, axis.align, axis.divisor, axis.remainder) == (94, 94, 16, 16, 0)
        assert (axis.smallest, axis.overlap, axis.lost) == (208, 192, (94, 94))
    assert found.plan is not None
    assert found.plan.count == 6
    assert found.plan.strips[0][1] == (320, 832, 418, 738, 98, 418)
    assert found.plan.output == (1024, 768)
    assert found.seamless
    assert found.status == "exact"


def test_a_unet_without_padding_takes_sizes_with_a_remainder() -> None:
    """What is pooled by two and comes up again meets its skip where that was even."""
    layers = [
        {**conv(), "name": "down"},
        pool(),
        {**up(2, 2), "name": "up"},
        {"kind": "add", "inputs": ["up", "down"]},
    ]
    (axis,) = rfcalc.tiles(net(*layers)).axes
    assert (axis.divisor, axis.remainder) == (2, 0)
    layers[0] = {**conv(4), "name": "down"}
    (axis,) = rfcalc.tiles(net(*layers)).axes
    assert (axis.divisor, axis.remainder) == (2, 1)


def test_lengths_in_time() -> None:
    found = rfcalc.tiles(MODELS / "wavenet.json", rate=16000)
    stream = found.stream
    assert stream is not None
    assert (stream.history, stream.look_ahead, stream.chunk, stream.latency) == (3069, 0, 1, 0)
    assert stream.ms(stream.history) == 191.8125


def test_latency_waits_for_a_chunk_and_what_comes_after() -> None:
    stream = rfcalc.tiles(net(conv(8, stride=4), conv(3, padding="same"))).stream
    assert stream is not None
    # an output reads samples -4 to 11 around its own four
    assert (stream.history, stream.look_ahead, stream.chunk, stream.latency) == (4, 8, 4, 11)


def test_a_recurrent_layer_needs_its_state() -> None:
    found = rfcalc.tiles(net(conv(3, stride=2, padding=1), {**LSTM, "name": "memory"}))
    (axis,) = found.axes
    assert axis.blocker is not None
    assert (axis.blocker.trouble, axis.blocker.layer) == ("state", "memory")
    assert found.stream == (None, 0, 2, 1, None)
    assert not found.seamless


def test_both_ways_there_is_no_stream() -> None:
    found = rfcalc.tiles(net({"kind": "lstm", "units": 4, "sequences": True, "bidirectional": "concat"}))
    assert found.axes[0].blocker is not None
    assert found.axes[0].blocker.trouble == "whole"
    assert found.stream is None


GATED = {
    "rfcalc": 1,
    "input": [64, 64, 4],
    "layers": [
        {"kind": "conv", "name": "a", "filters": 4, "kernel": 3, "padding": "same"},
        {"kind": "global_pool", "name": "squeeze", "keepdims": True},
        {"kind": "conv", "name": "excite", "filters": 4, "kernel": 1},
        {"kind": "multiply", "name": "scaled", "inputs": ["a", "excite"]},
        {"kind": "conv", "name": "b", "filters": 4, "kernel": 3, "padding": "same"},
    ],
}


def test_a_gate_forbids_tiles_unless_it_is_cut() -> None:
    found = rfcalc.tiles(GATED)
    for axis in found.axes:
        assert axis.blocker is not None
        assert axis.blocker[:2] == ("whole", "squeeze")
        assert axis.blocker.cuttable
    assert not found.seamless
    cut = rfcalc.tiles(GATED, cut_gates=True, tile=32)
    assert [(axis.before, axis.after) for axis in cut.axes] == [(2, 2)] * 2
    assert cut.plan is not None
    assert cut.plan.count == 9
    assert not cut.seamless
    assert cut.status == "bound"
    assert "approximation" in str(cut)


def test_what_is_global_says_which_layer() -> None:
    found = rfcalc.tiles(MODELS / "resnet.json", tile=16)
    assert {axis.blocker and axis.blocker.layer for axis in found.axes} == {"pool"}
    assert found.plan is None


def test_an_axis_that_is_seen_whole_is_taken_whole() -> None:
    """Attention along rows alone: columns may be cut still."""
    layers = [
        {"kind": "reduce", "name": "rows", "axes": [1], "keepdims": True},
        {"kind": "add", "inputs": ["input", "rows"]},
        {"kind": "conv", "filters": 1, "kernel": [1, 3], "padding": "same"},
    ]
    found = rfcalc.tiles({"rfcalc": 1, "input": [20, 30, 1], "layers": layers}, tile=12)
    assert [axis.blocker is None for axis in found.axes] == [False, True]
    assert found.plan is not None
    assert found.plan.tile == (20, 12)
    assert found.plan.output == (20, 30)


def test_memory_chooses_the_tile() -> None:
    found = rfcalc.tiles(MODELS / "unet.json", size=(2048, 2048), memory=500_000_000)
    assert found.plan is not None
    peak = found.plan.memory.peak
    assert peak is not None
    assert peak <= 500_000_000
    larger = tuple(size + 16 for size in found.plan.tile)
    more = rfcalc.tiles(MODELS / "unet.json", size=larger, tile=larger).plan
    assert more is not None
    assert more.memory.peak is not None
    assert more.memory.peak > 500_000_000
    with pytest.raises(AnalysisError, match="even the smallest tile takes"):
        rfcalc.tiles(MODELS / "unet.json", size=(2048, 2048), memory=1_000_000)


def test_peak_and_sum() -> None:
    """Input of 4 bytes a pixel, two maps of 8 channels: at most two of these at a time."""
    model = {"rfcalc": 1, "input": [10, 10, 1], "layers": [
        {"kind": "conv", "filters": 8, "kernel": 1}, {"kind": "conv", "filters": 8, "kernel": 1},
    ]}  # fmt: skip
    plan = rfcalc.tiles(model, tile=10).plan
    assert plan is not None
    assert plan.memory == (2 * 3200, 400 + 2 * 3200)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"image": (500, 512)}, r"does not take an image of 500x512.*it takes 512x512"),
        ({"image": (512,)}, r"one size for each of 2 spatial axes"),
        ({"image": (512, 0)}, r"positive whole numbers"),
        ({"tile": 100}, r"too small; the smallest is 208"),
        ({"tile": 256, "memory": 10}, r"not both"),
        ({"memory": 0}, r"positive number of bytes"),
        ({"rate": 44100}, r"a rate is for sequences"),
        ({"layer": "nothing"}, r"no layer or tensor 'nothing'"),
    ],
)
def test_wrong_wishes(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rfcalc.tiles(MODELS / "unet.json", **{"image": (1024, 1024), **wish})


def test_a_plan_needs_an_image() -> None:
    with pytest.raises(UsageError, match="no fixed size"):
        rfcalc.tiles(net(conv()), tile=8)


def test_a_file_that_fixes_its_sizes_cannot_be_cut() -> None:
    """A reshape of the file's own, as exporters write it: at another size it is another model."""
    layers = [conv(), {"kind": "reshape", "shape": [14, 2]}]
    (axis,) = rfcalc.tiles(net(*layers, extent=30)).axes
    assert axis.blocker is not None


@pytest.mark.onnx
def test_sizes_that_are_fixed_behind_a_layer_do_not_matter_for_it() -> None:
    """One YOLO at 256x160, whose heads are reshaped to 32x20, and another with open sizes."""
    fixed, opened = graph_bytes("own.yolo"), graph_bytes("own.yolo.dyn")
    for layer in ("node_conv2d_39", "node_conv2d_41"):
        one, two = rfcalc.tiles(fixed, layer), rfcalc.tiles(opened, layer)
        assert one.status == "exact"
        assert [axis._replace(extent=None) for axis in one.axes] == list(two.axes)
    (told,) = {axis.blocker.trouble for axis in rfcalc.tiles(fixed, "node_view").axes if axis.blocker}
    assert told == "fixed"


@pytest.mark.onnx
def test_what_a_branch_takes_from_outside_is_read_for_it() -> None:
    """Of a tensor inside of an If only what it names says that the graph around it depends on it."""
    from onnx import helper

    from rfcalc.readers.onnx.uses import needed

    inside = helper.make_graph(
        [helper.make_node("Mul", ["shared", "shared"], ["deep"])], "inside",
        [], [helper.make_tensor_value_info("deep", 1, None)],
    )  # fmt: skip
    nodes = [
        helper.make_node("Relu", ["x"], ["shared"]),
        helper.make_node("Relu", ["x"], ["spare"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=inside, else_branch=inside),
        helper.make_node("Neg", ["y"], ["z"]),
    ]
    assert [node.output[0] for node in needed(nodes, "y")] == ["shared", "y"]
    assert [node.output[0] for node in needed(nodes, "spare")] == ["spare"]


# ---- against networks that are computed --------------------------------------------------------------------

PRIME = 2_147_483_647
"""Values are whole numbers modulo this: no rounding, so that equal is equal."""


def weights(layer: int, count: int) -> list[int]:
    draw = random.Random(layer)
    return [draw.randrange(1, PRIME) for _ in range(count)]


def run(layers: Sequence[dict[str, Any]], x: list[int]) -> list[int]:
    """Compute the layers one after the other; an ``add`` adds what the layer that it names gave."""
    made: dict[str, list[int]] = {"input": x}
    for number, layer in enumerate(layers):
        x = made[layer["name"]] = step(number, layer, x, made)
    return x


def step(number: int, layer: dict[str, Any], x: list[int], made: dict[str, list[int]]) -> list[int]:
    if layer["kind"] == "add":
        assert len(made[layer["inputs"][0]]) == len(x)
        return [(a + b) % PRIME for a, b in zip(made[layer["inputs"][0]], x, strict=True)]
    if layer["kind"] == "upsample":
        return [value for value in x for _ in range(layer["scale"])]
    kernel, stride = layer["kernel"], layer.get("stride", 1)
    w = weights(number, kernel)
    if layer["kind"] == "transposed_conv":
        out = [7] * (len(x) * stride + max(kernel - stride, 0))
        for j, value in enumerate(x):
            for k in range(kernel):
                out[j * stride + k] = (out[j * stride + k] + w[k] * value) % PRIME
        return out
    reach = layer.get("dilation", 1) * (kernel - 1) + 1
    lo, hi = sides(layer.get("padding", "valid"), len(x), reach, stride)
    padded = [0] * lo + x + [0] * hi
    return [
        (7 + sum(w[k] * padded[i + k * layer.get("dilation", 1)] for k in range(kernel))) % PRIME
        for i in range(0, len(padded) - reach + 1, stride)
    ]


def sides(padding: Any, extent: int, reach: int, stride: int) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    if padding == "same":
        total = max((-(-extent // stride) - 1) * stride + reach - extent, 0)
        return total // 2, total - total // 2
    ((lo, hi),) = padding
    return lo, hi


PADDINGS = st.one_of(
    st.sampled_from(["valid", "same"]),
    st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda p: [list(p)]),
)
CONVS = st.builds(
    lambda kernel, stride, dilation, padding: conv(kernel, stride=stride, dilation=dilation, padding=padding),
    st.integers(1, 4), st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 1, 2]), PADDINGS,
)  # fmt: skip
CAUSAL = st.builds(
    lambda kernel, d: conv(kernel, dilation=d, padding="causal"), st.integers(2, 3), st.integers(1, 4)
)
UPS = st.one_of(
    st.builds(up, st.integers(1, 4), st.integers(1, 3)),
    st.builds(lambda size: {"kind": "upsample", "scale": size}, st.integers(2, 3)),
)


@st.composite
def stacks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Windows, transposed windows and upsamplings, and perhaps a skip over a way down and up."""
    layers = draw(st.lists(st.one_of(CONVS, CONVS, CAUSAL, UPS), min_size=1, max_size=4))
    if draw(st.booleans()):
        size = draw(st.integers(2, 3))
        inner = [conv(3, padding="same"), *draw(st.lists(st.just(conv(3, padding="same")), max_size=1))]
        raised = up(size, size) if draw(st.booleans()) else {"kind": "upsample", "scale": size}
        layers = [*layers, conv(1), conv(size, stride=size), *inner, raised, {"kind": "add"}]
        layers[-1]["inputs"] = [f"n{len(layers) - len(inner) - 4}", f"n{len(layers) - 2}"]
    return [{**layer, "name": f"n{k}"} for k, layer in enumerate(layers)]


def same(a: list[int], b: list[int]) -> list[bool]:
    return [x == y for x, y in zip(a, b, strict=False)]


@given(stacks(), st.integers(0, 40), st.integers(0, 30), st.integers(0, 10**6))
def test_tiles_are_the_whole(layers: list[dict[str, Any]], more: int, larger: int, seed: int) -> None:
    """Put together as planned they give the whole output; one output more at a cut would be another."""
    try:
        (axis,) = rfcalc.tiles(net(*layers)).axes
    except UsageError:
        assume(False)
    assert axis.smallest is not None
    assert axis.align is not None
    # an image that leaves whatever remainder, if the model takes it, and any tile of a size that then fits
    image = axis.smallest + 2 * axis.align + more
    try:
        (axis,) = rfcalc.tiles(net(*layers), size=image).axes
    except UsageError:
        assume(False)
    assert axis.blocker is None, axis.blocker
    assert axis.divisor is not None
    assert axis.smallest is not None
    tile = min(axis.smallest + larger // axis.divisor * axis.divisor, image)
    found = rfcalc.tiles(net(*layers), size=image, tile=tile)
    assert found.plan is not None
    (strips,) = found.plan.strips
    draw = random.Random(seed)
    x = [draw.randrange(1, PRIME) for _ in range(image)]
    whole = run(layers, x)
    assert len(whole) == found.plan.output[0]
    out: list[int] = []
    for strip in strips:
        assert strip.stop - strip.start <= found.plan.tile[0]
        y = run(layers, x[strip.start : strip.stop])
        assert strip.first == len(out)
        out += y[strip.skip : strip.keep]
        assert len(out) == strip.last
    assert out == whole
    _assert_sharp(layers, x, whole, found.axes[0], found.plan.tile[0])


def _assert_sharp(layers: list[dict[str, Any]], x: list[int], whole: list[int], axis: Any, tile: int) -> None:
    """Where a tile was cut, the outputs next to those that are kept differ."""
    start = (len(x) - tile) // axis.align * axis.align
    if not axis.lost or not start:
        return
    outputs, pixels = axis.scale
    y = run(layers, x[start : start + tile])
    equal = same(y, whole[start * outputs // pixels :])
    before, after = axis.lost
    if before:
        assert not equal[before - 1]
    y = run(layers, x[:tile])
    if after and tile < len(x):
        equal = [*same(y, whole), *[False] * (len(y) - len(whole))]
        assert not equal[len(y) - after]


@given(st.integers(3, 5), st.integers(1, 3), st.integers(0, 20))
def test_one_pixel_less_of_the_halo_is_too_little(kernel: int, dilation: int, start: int) -> None:
    layers = [{**conv(kernel, dilation=dilation, padding="same"), "name": f"n{k}"} for k in range(2)]
    (axis,) = rfcalc.tiles(net(*layers)).axes
    assert axis.before is not None
    assert axis.after is not None
    x = weights(99, 80)
    whole = run(layers, x)
    a, b = start + 20, start + 25  # the outputs that are wanted

    def wanted(first: int, last: int) -> list[int]:
        return run(layers, x[first:last])[a - first : b - first]

    first, last = a - axis.before, b + axis.after
    assert wanted(first, last) == whole[a:b]
    assert wanted(first + 1, last) != whole[a:b]
    assert wanted(first, last - 1) != whole[a:b]


# ---- inputs without end -----------------------------------------------------------------------------------

HUGE = 2**53


def wide(rows: int, *layers: dict[str, Any], columns: int = 64) -> dict[str, Any]:
    return {"rfcalc": 1, "input": [rows, columns, 1], "layers": list(layers)}


LONG: dict[str, tuple[dict[str, Any], ...]] = {
    "same 3": (conv(padding="same"),),
    "valid 5": (conv(5),),
    "pool": (conv(padding="same"), pool()),
    "two levels": (conv(padding="same"), pool(), conv(padding="same"), pool()),
    "strided": (conv(stride=2, padding=1), conv(3, padding="same")),
    "by threes": (conv(3, stride=3), conv(3, padding="same")),
    "down and up": (pool(), conv(padding="same"), {"kind": "upsample", "scale": 2}),
    "transposed": (up(4, 2),),
}


@pytest.mark.parametrize("rows", [10**6, HUGE])
@pytest.mark.parametrize("name", LONG)
def test_a_long_axis_is_planned_as_a_short_one(name: str, rows: int) -> None:
    """Strides divide what the rows differ by, so that all but the number of tiles is the same."""
    step = 36
    short = rfcalc.tiles(wide(360 + rows % step, *LONG[name]), tile=64)
    found = rfcalc.tiles(wide(rows, *LONG[name]), tile=64)
    assert [axis._replace(extent=None) for axis in found.axes] == [
        axis._replace(extent=None) for axis in short.axes
    ]
    assert found.status == short.status == "exact"
    assert found.plan is not None
    assert short.plan is not None
    strips, few = found.plan.strips[0], short.plan.strips[0]
    assert strips[:3] == few[:3]
    assert strips[-1].stop == rows
    assert strips[-1].last == found.plan.output[0]
    for number in (1, 2, len(strips) // 2, len(strips) - 2, len(strips) - 1):
        assert strips[number].first == strips[number - 1].last
        assert strips[number].start % (found.axes[0].align or 0) == 0
        assert strips[number].keep - strips[number].skip == strips[number].last - strips[number].first
    assert found.plan.count == len(strips) * len(found.plan.strips[1])
    assert "more)" in str(found)


def test_both_axes_are_long() -> None:
    found = rfcalc.tiles(wide(HUGE, conv(padding="same"), pool(), columns=HUGE), tile=64)
    assert [axis.lost for axis in found.axes] == [(1, 1)] * 2
    assert found.plan is not None
    assert found.plan.count == len(found.plan.strips[0]) ** 2


def test_a_halo_that_is_too_long_to_compare() -> None:
    found = rfcalc.tiles(net(conv(dilation=10**9, padding="same"), extent=HUGE), tile=10**12)
    (axis,) = found.axes
    assert (axis.before, axis.after, axis.lost, axis.smallest) == (
        10**9,
        10**9,
        (10**9, 10**9),
        2 * 10**9 + 1,
    )
    assert not axis.proven
    assert found.status == "bound"


def test_tiles_are_listed_as_they_repeat() -> None:
    """All ends of neighbouring tiles meet, and each is what the document's rule makes of it."""
    found = rfcalc.tiles(wide(HUGE, conv(padding="same"), pool()), tile=16)
    assert found.plan is not None
    strips = found.plan.strips[0]
    told = found.to_dict()["plan"]["strips"][0]
    assert told["tiles"] == len(strips) > 100_000
    assert told["times"] + 1 + (told["last"] is not None) == told["tiles"]
    far = told["times"] - 1
    final = strips[far + 1]
    for name, ends in (("input", (final.start, final.stop)), ("output", (final.first, final.last))):
        assert tuple(end + far * told["step"][name] for end in told["repeated"][name]) == ends
    assert told["last"]["input"][1] == HUGE
    listed = rfcalc.tiles(wide(2000, conv(padding="same"), pool()), tile=16).to_dict()["plan"]["strips"][0]
    assert [each["input"] for each in listed[:2]] == [told["first"]["input"], told["repeated"]["input"]]
