"""Counterfactuals: against models that were written the other way, and fields that have to stay.

`dilated` and `atrous` keep every field: on published networks, and on random stacks row by row.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.analysis.counterfactuals import COUNTERFACTUALS, DoesNotApply, counterfactual
from rfcalc.analysis.counterfactuals.rewrite import groups
from tests.readers.test_keras_truth import cases

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "docs" / "models"

Layers = list[dict[str, Any]]


def net(layers: Layers, *shape: int | None, **more: Any) -> dict[str, Any]:
    named = [{"name": f"l{place}", **layer} for place, layer in enumerate(layers)]
    return {"rfcalc": 1, "input": [*(shape or (40, 40)), 3], "layers": named, **more}


def conv(kernel: Any = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 4, "kernel": kernel, **more}


def pool(kernel: Any = 2, **more: Any) -> dict[str, Any]:
    return {"kind": "max_pool", "kernel": kernel, **more}


def variant(graph: Any, name: str) -> Any:
    """Return a counterfactual; None where the model has none, and a line says which layer forbids it."""
    refused: list[DoesNotApply] = []
    try:
        return rfcalc.variant(graph, name)
    except DoesNotApply as error:
        refused.append(error)
    assert refused[0].layer in graph.layers or refused[0].layer.endswith("_pool")
    assert "\n" not in str(refused[0])
    return None


def figures(model: Any) -> dict[str, Any]:
    """What is said of each layer by name, but for where it is and what it is called."""
    return {
        row.name: row._replace(inputs=(), op="", block="")
        for row in rfcalc.analyze(model)
        if not row.container
    }


# ---- against models written the other way ------------------------------------------------------------------


def test_plain_is_the_model_without_its_poolings() -> None:
    found = figures(rfcalc.variant(MODELS / "pooling.json", "plain"))
    assert found == figures(MODELS / "plain.json")


STACK = [conv(name="a"), pool(name="p"), conv(name="b"), pool(3, stride=2, name="q"), conv(name="c")]
PAD = {"kind": "pad", "name": "z", "padding": 1}
RELU = {"kind": "activation", "function": "relu", "name": "r"}
DENSE = [{"kind": "flatten", "name": "f"}, {"kind": "linear", "name": "d", "units": 10}]


@pytest.mark.parametrize(
    ("name", "layers", "other"),
    [
        ("plain", STACK + DENSE, [STACK[0], STACK[2], STACK[4], *DENSE]),
        ("plain", [pool(name="p"), *STACK[2:]], [STACK[2], STACK[4]]),
        ("plain", [*STACK, pool(name="last")], [STACK[0], STACK[2], STACK[4]]),
        ("plain", [conv(name="a"), PAD, pool(3, stride=2), conv(name="b")],
         [conv(name="a"), conv(name="b")]),
        ("unstrided", [conv(5, stride=2, name="a"), pool(3, stride=2, name="p"), *DENSE],
         [conv(5, name="a"), pool(3, stride=1, name="p"), *DENSE]),
        ("unstrided", [pool(name="p"), conv(name="a")], [pool(stride=1, name="p"), conv(name="a")]),
        ("strided", STACK + DENSE,
         [STACK[0], conv(2, stride=2, name="p"), STACK[2], conv(3, stride=2, name="q"), STACK[4], *DENSE]),
        ("strided", [pool(3, stride=2, ceil=True, name="p")],
         [conv(3, stride=2, filters=3, padding=[[0, 1], [0, 1]], name="p")]),
        ("dilated", STACK + DENSE,
         [STACK[0], pool(stride=1, name="p"), conv(dilation=2, name="b"),
          pool(3, stride=1, dilation=2, name="q"), conv(dilation=4, name="c"), *DENSE]),
        ("dilated", [pool(name="p"), conv(padding="same", name="a")],
         [pool(stride=1, name="p"), conv(dilation=2, padding=[[2, 2], [2, 2]], name="a")]),
        ("dilated",
         [pool(name="p"), {"kind": "pad", "name": "z", "padding": [[1, 2], [0, 1]]}, conv(name="a")],
         [pool(stride=1, name="p"), {"kind": "pad", "name": "z", "padding": [[2, 4], [0, 2]]},
          conv(dilation=2, name="a")]),
        ("dilated", [pool(name="p"), conv(stride=2, name="a"), conv(name="b")],
         [pool(stride=1, name="p"), conv(stride=2, dilation=2, name="a"), conv(dilation=2, name="b")]),
        ("atrous", [pool(name="p"), conv(stride=2, name="a"), conv(name="b")],
         [pool(stride=1, name="p"), conv(dilation=2, name="a"), conv(dilation=4, name="b")]),
        ("average", STACK, [{**layer, "kind": layer["kind"].replace("max", "average")} for layer in STACK]),
        ("median", STACK, [{**layer, "kind": layer["kind"].replace("max", "median")} for layer in STACK]),
        ("pool", [conv(name="a"), RELU, conv(name="b"), *DENSE],
         [conv(name="a"), RELU, pool(name="a_pool"), conv(name="b"), pool(name="b_pool"), *DENSE]),
        ("pool:3:2", [conv(name="a"), conv(name="b"), conv(name="c")],
         [conv(name="a"), conv(name="b"), pool(3, name="b_pool"), conv(name="c")]),
    ],
)  # fmt: skip
def test_the_same_as_written_by_hand(name: str, layers: Layers, other: Layers) -> None:
    assert figures(rfcalc.variant(net(layers), name)) == figures(net(other))


def test_strided_convolutions_have_weights_and_biases() -> None:
    before = rfcalc.analyze(MODELS / "pooling.json").totals.params.total
    after = rfcalc.analyze(rfcalc.variant(MODELS / "pooling.json", "strided")).totals.params.total
    assert after - before == sum(2 * 2 * c * c + c for c in (32, 64))


def test_the_model_itself_stays() -> None:
    graph = rfcalc.load(MODELS / "pooling.json")
    before = figures(graph)
    for name in COUNTERFACTUALS:
        try:
            rfcalc.variant(graph, name)
        except DoesNotApply:
            continue
    assert figures(graph) == before


def test_summaries_of_the_whole_map_stay() -> None:
    """A pooling whose window is the map is global pooling by another name, whatever the map."""
    layers = [conv(name="a"), pool(name="p"), pool(19, name="all"), *DENSE]
    found = figures(rfcalc.variant(net(layers), "plain"))
    assert found["all"].output_shape == (None, 1, 1, 4)
    assert found["all"].kind == "global_pool"
    assert found["d"].params.total == 4 * 10 + 10


# ---- fields stay -------------------------------------------------------------------------------------------


def assert_fields_stay(graph: Any, name: str) -> None:
    changed = variant(graph, name)
    if changed is None:
        return
    before, after = figures(graph), figures(changed)
    for layer in before.keys() & after.keys():
        if before[layer].status == "exact":
            assert after[layer].receptive_field == before[layer].receptive_field, layer
            assert after[layer].local_receptive_field == before[layer].local_receptive_field, layer


@pytest.mark.parametrize("name", ["dilated", "atrous"])
@pytest.mark.parametrize("model", cases("applications"))
def test_published_networks_keep_their_fields(model: str, name: str) -> None:
    assert_fields_stay(rfcalc.load(cases("applications")[model]["model"]), name)


APPLY = {
    "dilated": ["DenseNet121", "EfficientNetB0", "MobileNetV2", "ResNet50", "VGG16"],
    "atrous": [
        "DenseNet121",
        "EfficientNetB0",
        "InceptionV3",
        "MobileNetV2",
        "ResNet50",
        "VGG16",
        "Xception",
    ],
}


@pytest.mark.parametrize("name", APPLY)
def test_where_it_applies(name: str) -> None:
    applies = []
    for model in APPLY["atrous"]:
        try:
            rfcalc.variant(cases("applications")[model]["model"], name)
        except DoesNotApply:
            continue
        applies.append(model)
    assert applies == APPLY[name]


@pytest.mark.onnx
@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/data/onnx").glob("t*.onnx.gz"))[::6], ids=lambda p: p.stem
)
def test_onnx_models(path: Path) -> None:
    """All counterfactuals of a sample: either they work, and fields stay that have to, or they say why."""
    onnx = pytest.importorskip("onnx")
    graph = rfcalc.load(onnx.load_from_string(gzip.decompress(path.read_bytes())))
    for name in ("dilated", "atrous"):
        assert_fields_stay(graph, name)
    for name in ("plain", "strided", "unstrided", "pool"):
        changed = variant(graph, name)
        assert changed is None or rfcalc.analyze(changed).totals.params.total is not None


# ---- random stacks -----------------------------------------------------------------------------------------


KINDS = ("conv", "depthwise_conv", "max_pool", "average_pool", "pad", "activation", "add")
SIDES = st.tuples(st.integers(0, 2), st.integers(0, 2))


@st.composite
def stacks(draw: st.DrawFn) -> Layers:
    layers: Layers = []
    for place in range(draw(st.integers(1, 6))):
        kind = draw(
            st.sampled_from(
                ["conv", "depthwise_conv", "max_pool", "average_pool", "pad", "activation", "add"]
            )
        )
        name = f"l{place}"
        if kind == "activation":
            layers.append({"kind": kind, "name": name, "function": "relu"})
        elif kind == "pad":
            layers.append(
                {
                    "kind": kind,
                    "name": name,
                    "padding": [draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))],
                }
            )
        elif kind == "add":
            before = layers[-1]["name"] if layers else "input"
            same = {"kernel": draw(st.sampled_from([1, 3])), "filters": 3, "padding": "same"}
            layers.append({"kind": "conv", "name": f"{name}a", "inputs": [before], **same})
            layers.append({"kind": "conv", "name": f"{name}b", "inputs": [before], "kernel": 1, "filters": 3})
            layers.append({"kind": "add", "name": name, "inputs": [f"{name}a", f"{name}b"]})
        else:
            window = {"kernel": draw(st.integers(1, 4)), "dilation": draw(st.integers(1, 2))}
            window["stride"] = draw(st.sampled_from([1, 1, 2, 3]))
            pad: Any = draw(st.sampled_from(["valid", "same", "causal", "both"]))
            window["padding"] = (
                [draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))] if pad == "both" else pad
            )
            if kind.endswith("pool") and pad in ("valid", "both"):
                window["ceil"] = draw(st.booleans())
            more = {"filters": 3} if kind == "conv" else {}
            layers.append({"kind": kind, "name": name, **window, **more})
    return layers


def loaded(layers: Layers, extent: int) -> Any:
    """Load a stack and see that its windows fit."""
    graph = rfcalc.load(net(layers, extent))
    try:
        rfcalc.analyze(graph)
    except rfcalc.AnalysisError:
        assume(False)
    return graph


@pytest.mark.parametrize("name", ["dilated", "atrous"])
@given(layers=stacks(), extent=st.integers(30, 45))
@settings(deadline=None)
def test_every_field_stays(name: str, layers: Layers, extent: int) -> None:
    """And more: unit i of a map sees the very pixels that unit i * spacing sees in the atrous form.

    That holds where no window hangs over the end: a map may end earlier than its atrous form does.
    """
    graph = loaded(layers, extent)
    try:
        changed = rfcalc.variant(graph, name)
    except DoesNotApply:
        return
    before, after = figures(graph), figures(changed)
    assert list(before) == list(after)
    for layer, row in before.items():
        other = after[layer]
        assert other.receptive_field == row.receptive_field
        assert other.effective_padding == row.effective_padding
        spacing = int(row.effective_stride[0] // other.effective_stride[0])
        rows = rfcalc.field(graph, layer).axes[0].masks
        apart = rfcalc.field(changed, layer).axes[0].masks
        for place, mask in enumerate(rows):
            end = place * row.effective_stride[0] - row.effective_padding[0] + row.receptive_field[0]
            if end <= extent:
                assert apart[place * spacing] == mask


@given(layers=stacks(), extent=st.integers(30, 45))
@settings(deadline=None)
def test_plain_and_unstrided_stacks(layers: Layers, extent: int) -> None:
    """Against the same stack with its poolings left out, and with strides of 1."""
    graph = loaded(layers, extent)
    pools = [layer["name"] for layer in layers if layer["kind"].endswith("pool")]
    summaries = {name for name in pools if rfcalc.analyze(graph).layer(name).spatial == (1,)}
    assume(not summaries)  # which stay
    takers = {a["name"]: [b["kind"] for b in layers[k + 1 : k + 2]] for k, a in enumerate(layers)}
    left = [
        layer
        for layer in layers
        if layer["name"] not in pools
        and not (layer["kind"] == "pad" and any(kind.endswith("pool") for kind in takers[layer["name"]]))
    ]
    assume(all("inputs" not in layer for layer in layers))  # names of what is left out
    flat = [{**layer, "stride": 1} if "stride" in layer else layer for layer in layers]
    for name, other in (("plain", left), ("unstrided", flat)):
        try:
            expected = figures(net(other, extent))
        except rfcalc.AnalysisError:
            with pytest.raises(DoesNotApply):
                rfcalc.variant(graph, name)
            continue
        except rfcalc.RfcalcError:
            continue  # nothing is left of it
        assert figures(rfcalc.variant(graph, name)) == expected


# ---- what cannot be ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layers", "layer", "says"),
    [
        ("plain", [conv(stride=2, name="a", padding="same"), pool(name="p", inputs=["input"]),
                   {"kind": "concat", "name": "j", "inputs": ["a", "p"]}], "j", "no longer of one size"),
        ("dilated", [pool(name="p"), {"kind": "upsample", "name": "u", "scale": 2}], "u", "no atrous form"),
        ("dilated", [pool(name="p"), {**PAD, "mode": "reflect"}], "z", "padded by reflect"),
        ("dilated", [pool(name="p"), {"kind": "unknown", "name": "u", "op": "Odd"}], "u", "no rule"),
        ("pool", [conv(19), conv(19)], "l1", "the window of 19 is larger than the map of 11"),
        ("dilated", [conv(stride=2, name="a", padding="same"), pool(name="p", inputs=["input"]),
                     {"kind": "concat", "name": "j", "inputs": ["a", "p"]}], "j", "whose steps are kept"),
    ],
)  # fmt: skip
def test_refused(name: str, layers: Layers, layer: str, says: str) -> None:
    with pytest.raises(DoesNotApply) as caught:
        rfcalc.variant(net(layers), name)
    assert says in caught.value.message
    assert caught.value.layer == layer
    assert "\n" not in str(caught.value)


def test_open_sizes() -> None:
    """What follows from a size is unknown, or refused where the change needs it."""
    graph = rfcalc.load(net([pool(3, stride=2, ceil=True, name="p"), conv(name="c")], None, None))
    assert rfcalc.analyze(rfcalc.variant(graph, "plain")).layer("c").receptive_field == (3, 3)
    with pytest.raises(DoesNotApply, match="the size of its map has to be known"):
        rfcalc.variant(graph, "strided")
    same = rfcalc.load(net([pool(3, stride=2, padding="same", name="p")], None, None))
    with pytest.raises(DoesNotApply, match="which is not known"):
        rfcalc.variant(same, "dilated")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((1, 6, 5, 4), (1, 2, 3, 20), [((0,), (1,)), ((1,), (2, 3)), ((2, 3), (20,))]),
        ((2, 3, 4), (24,), [((0, 1, 2), (24,))]),
        ((24,), (2, 3, 4), [((0,), (2, 3, 4))]),
        ((4, 6), (6, 4), [((0, 1), (6, 4))]),
        ((1, 8, 1, 1), (1, 8), [((0,), (1,)), ((1, 2, 3), (8,))]),
    ],
)
def test_groups(old: tuple[int, ...], new: tuple[int, ...], expected: Any) -> None:
    assert groups(old, new) == expected


def test_names() -> None:
    assert counterfactual("pool:3:2").name == "pool:3:2"
    with pytest.raises(rfcalc.UsageError):
        counterfactual("pool:2:0")
