"""Every kind of layer, alone and in random graphs on one to three axes, against what each pixel does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.rules.registry import kinds
from tests.oracle import POOLS, Document, layers_of, span
from tests.pixel_models import models
from tests.pixels import RULES, SPATIAL, Pixels

Layers = list[dict[str, Any]]

NO_PIXELS = {"input", "embedding", "one_hot", "frames", "stft"}
"""Kinds whose input is no map: they are tested beside their rules."""

MIRRORED = ("wrap", "reflect", "symmetric")
SEAMS = ("roll",)
"""What lets units near a border see further than the others, whose figures an analysis gives."""


# ---- one model against the pixels --------------------------------------------------------------------------


def check(document: Document) -> bool:
    """Hold all layers against the pixels; tell whether what is said to be exact was held to it."""
    truth = Pixels(document)
    graph = rfcalc.load(document)
    analysis = rfcalc.analyze(graph)
    seams = any(
        kind in SEAMS or (kind == "pad" and settings.get("mode") in MIRRORED)
        for _, kind, settings, _ in layers_of(document)
    )
    # the rows of an axis are those over all of the others: that says all there is of each element only
    # while no element is cut off by its place on another axis
    alive = len(truth.extents) == 1 or all(t.sets.astype(bool).all() for t in truth.tensors.values())
    for name, *_ in layers_of(document):
        row, field = analysis.layer(name), rfcalc.field(graph, name)
        assert row.output_shape is not None
        assert row.output_shape[1:] == truth.tensors[name].shape[1:], name
        for axis, seen in enumerate(field.axes):
            assert seen.rows == tuple(map(span, seen.masks))
            covered, equal = _compared(truth, name, axis, list(seen.masks))
            assert covered, (name, axis, seen)
            if alive and seen.status == "exact":
                assert equal, (name, axis, seen)
            if not seams:
                assert row.receptive_field is not None
                size = row.receptive_field[axis]
                spans = map(span, {int(mask) for mask in truth.along(name, axis).ravel()})
                assert size is None or size >= max((s[1] - s[0] + 1 for s in spans if s), default=0), name
    return alive


def _compared(truth: Pixels, name: str, axis: int, masks: list[int]) -> tuple[bool, bool]:
    """Tell whether rows cover, and whether they are, what the elements need of one input axis."""
    tensor = truth.tensors[name]
    place = tensor.axes.find(SPATIAL[len(truth.extents)][axis])
    if len(masks) == 1:  # the same for all
        needs = (
            truth.rows(name, axis, place) if place > 0 else [int(m) for m in truth.along(name, axis).ravel()]
        )
        return all(n & ~masks[0] == 0 for n in needs), all(n == masks[0] for n in needs)
    places = [place] if place > 0 else [p for p, n in enumerate(tensor.shape) if n == len(masks)]
    rows = [truth.rows(name, axis, p) for p in places]
    assert all(len(each) == len(masks) for each in rows)
    covering = [each for each in rows if all(n & ~m == 0 for n, m in zip(each, masks, strict=True))]
    return bool(covering), masks in covering


# ---- every kind alone --------------------------------------------------------------------------------------


def layer(kind: str, *inputs: str, **settings: Any) -> dict[str, Any]:
    return {"kind": kind, "name": kind, "inputs": list(inputs) or ["input"], **settings}


SEQUENCE, MAP, SQUARE, VIDEO = [9, 2], [6, 8, 2], [5, 5, 2], [3, 4, 5, 2]
ALONE: list[tuple[list[int], list[dict[str, Any]]]] = [
    *(
        (MAP, [layer(kind)])
        for kind in ("relu", "sigmoid", "activation", "identity", "dropout", "prelu", "batch_norm")
    ),
    *((MAP, [layer(kind)]) for kind in ("instance_norm", "local_response_norm", "layer_norm")),
    *((MAP, [layer(kind, axes=[2])]) for kind in ("layer_norm", "rms_norm", "unit_norm")),
    (MAP, [layer("group_norm", groups=2)]),
    (MAP, [layer("channel_scale", size=2)]),
    (MAP, [layer("conv", filters=3, kernel=[2, 3], stride=[1, 2], padding=[[0, 1], [2, 1]], dilation=2)]),
    (MAP, [layer("depthwise_conv", kernel=3, multiplier=2)]),
    (MAP, [layer("separable_conv", filters=3, kernel=2, padding="same")]),
    (MAP, [layer("patches", kernel=[2, 3], padding="same")]),
    (MAP, [layer("transposed_conv", filters=3, kernel=[2, 3], stride=2)]),
    (SEQUENCE, [layer("transposed_conv", filters=1, kernel=3, stride=2, padding="same", output_padding=1)]),
    (SEQUENCE, [layer("transposed_conv", filters=1, kernel=2, stride=3, dilation=2, padding=[[1, 2]])]),
    *((MAP, [layer(kind, kernel=3, stride=2, padding=1)]) for kind in POOLS),
    (MAP, [layer("max_pool", kernel=3, ceil=True)]),
    (MAP, [layer("adaptive_pool", size=[4, 5])]),
    *((MAP, [layer("global_pool", keepdims=keep)]) for keep in (False, True)),
    *((MAP, [layer("upsample", scale=[2, 3], mode=mode)]) for mode in ("nearest", "linear", "lanczos3")),
    *((MAP, [layer("resize", size=[4, 12], mode=mode)]) for mode in ("nearest", "linear", "cubic", "area")),
    *((MAP, [layer("resize", size=[4, 3], mode=mode, antialias=True)]) for mode in ("nearest", "linear")),
    *(
        (MAP, [layer("pad", padding=[[2, 0], [1, 3]], mode=mode)])
        for mode in ("reflect", "symmetric", "edge", "wrap")
    ),
    (SEQUENCE, [layer("pad", padding=2)]),
    (MAP, [layer("crop", cropping=[[2, 1], [0, 3]])]),
    (MAP, [layer("center_crop", size=[3, 5])]),
    (MAP, [layer("space_to_depth", block=2)]),
    (MAP, [layer("conv", filters=8, kernel=1), layer("depth_to_space", "conv", block=2)]),
    (MAP, [layer("flip", axes=[2])]),
    (MAP, [layer("roll", shift=3, axes=[1, 2])]),
    (MAP, [layer("tile", repeats=[1, 2, 1, 2])]),
    (MAP, [layer("repeat", count=3, axis=2)]),
    (MAP, [layer("split", sizes=[4, 4], axis=2)]),
    *(
        (MAP, [layer("max_pool", kernel=2, stride=1, padding="same"), layer(kind, "input", "max_pool")])
        for kind in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "average", "elementwise")
    ),
    (MAP, [layer("max_pool", kernel=[2, 1]), layer("concat", "input", "max_pool", axis=1)]),
    *(
        (SEQUENCE, [layer("global_pool", keepdims=True), other])
        for other in (layer("pad", "global_pool", padding=2), layer("concat", "global_pool", "input", axis=1))
    ),
    (SQUARE, [layer("permute", order=[0, 2, 1, 3]), layer("add", "input", "permute")]),
    (MAP, [layer("stack", "input", "input", axis=3)]),
    (MAP, [layer("softmax", axis=2)]),
    (MAP, [layer("cumulative", axis=1, reverse=True)]),
    *((MAP, [layer("linear", units=3, axis=axis)]) for axis in (-1, 2)),
    (MAP, [layer("reduce", axes=[1], keepdims=True)]),
    *((SEQUENCE, [layer(kind, units=3)]) for kind in ("simple_rnn", "lstm", "gru")),
    *(
        (SEQUENCE, [layer("lstm", units=3, sequences=True, **how)])
        for how in ({}, {"reverse": True}, {"bidirectional": "concat"})
    ),
    (SEQUENCE, [layer("gru", units=3, sequences=True, bidirectional="none"), layer("relu", "gru:1")]),
    *(
        (VIDEO, [layer("conv_lstm", filters=3, kernel=[2, 3], stride=[1, 2], padding="same", **how)])
        for how in ({}, {"sequences": True}, {"sequences": True, "reverse": True})
    ),
    (MAP, [layer("multi_head_attention", heads=1, key_dim=2)]),
    (MAP, [layer("multi_head_attention", heads=2, key_dim=2, axes=[2])]),
    (
        MAP,
        [
            layer("max_pool", kernel=[2, 1]),
            layer("multi_head_attention", "input", "max_pool", heads=2, key_dim=2),
        ],
    ),
    *(
        (SEQUENCE, [layer("crop", cropping=[[2, 3]]), layer(kind, *inputs, causal=causal)])
        for kind in ("dot_attention", "additive_attention")
        for inputs in (["input", "crop"], ["crop", "input"])
        for causal in (False, True)
    ),
    (MAP, [layer("reduce", axes=[2]), layer("einsum", "input", "reduce", equation="bhwc,bhk->bwkh")]),
    (SEQUENCE, [layer("permute", order=[0, 2, 1]), layer("matmul", "input", "permute")]),
    (SEQUENCE, [layer("crop", cropping=2), layer("dot", "input", "crop", axes=[2, 2])]),
    (MAP, [layer("primary_capsules", capsules=3, dim=2, kernel=3, stride=2)]),
    (MAP, [layer("reshape", shape=[None, 48, 2]), layer("capsules", "reshape", count=4, dim=2)]),
    (MAP, [layer("flatten"), layer("linear", "flatten", units=3)]),
    (MAP, [layer("reshape", shape=[None, 3, 2, 8, 2])]),
    (MAP, [layer("permute", order=[0, 2, 3, 1])]),
    (MAP, [layer("expand_dims", axes=[2]), layer("squeeze", "expand_dims", axes=[2])]),
    (MAP, [layer("select", axis=1, index=4)]),
    (SEQUENCE, [layer("flatten"), layer("repeat_vector", "flatten", count=3)]),
    (MAP, [layer("reduce", axes=[1], keepdims=True), layer("broadcast_to", "reduce", shape=[None, 5, 8, 2])]),
]


@pytest.mark.parametrize(("shape", "layers"), ALONE, ids=[layers[-1]["kind"] for _, layers in ALONE])
def test_every_kind_alone(shape: list[int], layers: list[dict[str, Any]]) -> None:
    assert check({"rfcalc": 1, "input": shape, "layers": layers})


def test_no_kind_is_left_out() -> None:
    native = {kind.name for kind in kinds().values() if kind.native}
    alone = {each["kind"] for _, layers in ALONE for each in layers}
    assert native - set(RULES) <= NO_PIXELS, (
        "say which pixels they read: poolings in POOLS of tests/oracle.py, others by @rule in tests/pixels.py"
    )
    assert set(RULES) <= alone, "give them a model in ALONE"


# ---- digits that go ----------------------------------------------------------------------------------------

SINGLE_WINDOW = [
    {"kind": "reshape", "name": "cut", "inputs": ["input"], "shape": [None, 4, 3, 2]},
    {"kind": "permute", "name": "order", "inputs": ["cut"], "order": [0, 2, 1, 3]},
    {"kind": "average_pool", "name": "start", "inputs": ["order"], "kernel": [3, 1], "stride": [3, 1]},
]
"""Windows of 3 elements, pooled to one each: the digit within them has one element left."""

ACROSS_WINDOWS = [
    {"kind": "reshape", "name": "cut", "inputs": ["input"], "shape": [None, 4, 3, 2]},
    {"kind": "reduce", "name": "start", "inputs": ["cut"], "axes": [1]},
]
"""Means over the windows: the digit that counted them has gone."""


@pytest.mark.parametrize(
    ("start", "behind"),
    [
        *(
            (SINGLE_WINDOW, each)
            for each in (
                [{"kind": "conv", "filters": 2, "kernel": [3, 1], "padding": "same"}],
                [{"kind": "conv", "filters": 2, "kernel": 3, "padding": "same"}],
                [{"kind": "tile", "repeats": [1, 3, 1, 1]}, {"kind": "global_pool"}],
                [{"kind": "repeat", "axis": 1, "count": 3}, {"kind": "flatten"}],
                [{"kind": "upsample", "scale": [3, 1]}],
            )
        ),
        *(
            (ACROSS_WINDOWS, each)
            for each in (
                [{"kind": "pad", "padding": [[0, 2]], "mode": "reflect"}],
                [{"kind": "pad", "padding": [[0, 2]], "mode": "edge"}],
                [{"kind": "pad", "padding": [[0, 2]]}],
                [{"kind": "conv", "filters": 2, "kernel": 3, "padding": "same"}],
                [{"kind": "resize", "size": 6}],
                [{"kind": "transposed_conv", "filters": 2, "kernel": 3, "stride": 2}],
            )
        ),
    ],
)
def test_a_digit_that_goes_leaves_nothing_behind(start: Layers, behind: Layers) -> None:
    layers = [dict(each) for each in start]
    for number, each in enumerate(behind):
        layers.append({**each, "name": f"l{number}", "inputs": [layers[-1]["name"]]})
    assert check({"rfcalc": 1, "input": [12, 2], "layers": layers})


# ---- all kinds together ------------------------------------------------------------------------------------


@given(models(rank=1))
def test_graphs_on_one_axis(document: Document) -> None:
    event("exact" if check(document) else "cut off")


@given(models(rank=2))
def test_graphs_on_two_axes(document: Document) -> None:
    event("exact" if check(document) else "cut off")


@given(models(rank=3, layers=6))
def test_graphs_on_three_axes(document: Document) -> None:
    event("exact" if check(document) else "cut off")


# ---- an open extent ----------------------------------------------------------------------------------------


@given(models(rank=1))
def test_what_holds_for_an_open_extent_holds_for_every_one(document: Document) -> None:
    """Exact is exact at this size too, and a bound is no less."""
    sized = rfcalc.analyze(document)
    try:
        opened = rfcalc.analyze({**document, "input": [None, document["input"][-1]]})
    except RfcalcError:  # a reshape to a fixed extent, for one
        event("refused")
        return
    # of an axis of one element the whole may be less than the whole of an open axis
    small = any(1 in row.spatial for row in sized)
    for name, *_ in layers_of(document):
        open_row, row = opened.layer(name), sized.layer(name)
        assert open_row.receptive_field is not None
        assert row.receptive_field is not None
        (size,), (truth,) = open_row.receptive_field, row.receptive_field
        assert size is None or (truth is not None and truth <= size), name
        if open_row.status == row.status == "exact" and not small:
            assert (size, open_row.receptive_field_min) == (truth, row.receptive_field_min), name
            for figure in ("effective_padding", "center", "effective_stride"):
                values = {getattr(open_row, figure), getattr(row, figure)}
                assert len(values - {(None,)}) <= 1, (name, figure)  # one of them may not be able to say
