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
from rfcalc.counterfactuals.variants import COUNTERFACTUALS, DoesNotApply, counterfactual
from rfcalc.engine.edit import groups
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


def test_the_model_of_the_tutorial() -> None:
    plain = rfcalc.analyze(rfcalc.variant(MODELS / "pooling.json", "plain"))
    pooling = rfcalc.analyze(MODELS / "pooling.json")
    assert (pooling.layer("conv3").receptive_field, pooling.totals.params.total) == ((18, 18), 104_202)
    assert (plain.layer("conv3").receptive_field, plain.totals.params.total) == ((7, 7), 712_202)
    strided = rfcalc.analyze(rfcalc.variant(MODELS / "pooling.json", "strided"))
    assert strided.totals.params.total == 104_202 + (4 * 32**2 + 32) + (4 * 64**2 + 64)
    dilated = rfcalc.analyze(rfcalc.variant(MODELS / "pooling.json", "dilated"))
    assert dilated.layer("conv3").receptive_field == (18, 18)
    assert dilated.layer("conv3").spatial == (28 - 18 + 1, 28 - 18 + 1)


def test_vgg16_without_pooling() -> None:
    model = cases("applications")["VGG16"]["model"]
    before, plain = rfcalc.analyze(model), rfcalc.analyze(rfcalc.variant(model, "plain"))
    assert before.layer("block5_conv3").receptive_field == (196, 196)
    assert plain.layer("block5_conv3").receptive_field == (27, 27)
    assert plain.layer("fc1").params.total == 25_690_112 * 4_096 + 4_096


def branches(*layers: dict[str, Any]) -> Layers:
    """Two branches of the input, which are added."""
    return [{**layer, "inputs": ["input"]} for layer in layers] + [
        {"kind": "add", "name": "j", "inputs": [layer["name"] for layer in layers]}
    ]


SAME = {"padding": "same", "filters": 3}


@pytest.mark.parametrize(
    ("name", "layers", "shape", "layer", "expected"),
    [
        # what stands there, its map, its field and where the field begins
        ("plain", [pool(3, stride=2, padding=1, name="p"), conv(name="c")], (17,), "c", (15, 3, 0)),
        ("plain", [PAD, PAD | {"name": "y"}, pool(name="p"), conv(name="c")], (8,), "c", (8, 3, 1)),
        ("plain", branches(pool(3, stride=1, padding="same", name="p"), conv(name="c", **SAME)), (9,), "j",
         (9, 3, 1)),
        ("strided", [pool(3, stride=2, ceil=True, name="p")], (8,), "p", (4, 3, 0)),
        ("strided", [pool(3, stride=2, padding="same", name="p")], (8,), "p", (4, 3, 0)),
        ("strided", [pool(3, stride=2, padding="same", name="p")], (9,), "p", (5, 3, 1)),
        ("strided", [pool(1, stride=2, padding=[[0, 1]], ceil=True, name="p")], (2,), "p", (1, 1, 0)),
        ("strided", [pool(1, stride=2, padding=[[0, 1]], name="p")], (2,), "p", (2, 1, 0)),
        ("dilated", [pool(3, stride=2, padding="same", name="p"), conv(name="c")], (8,), "c", (4, 7, 0)),
        ("dilated", [pool(3, stride=2, padding="same", name="p"), conv(name="c")], (9,), "c", (5, 7, 1)),
        ("dilated", [pool(3, stride=2, padding=[[2, 0]], name="p"), conv(name="c")], (9,), "c", (5, 7, 2)),
        ("dilated", [pool(name="p"), conv(4, padding="same", name="c")], (8,), "c", (7, 8, 2)),
        ("dilated", [pool(name="p"), conv(4, padding="same_lower", name="c")], (8,), "c", (7, 8, 4)),
        ("dilated", [pool(name="p"), conv(padding="causal", name="c")], (8,), "c", (7, 6, 4)),
        ("dilated", [pool(name="p"), {"kind": "crop", "name": "k", "cropping": 1}, conv(name="c")], (16,),
         "c", (7, 6, -2)),
        ("dilated", [pool(name="p"), pool(3, stride=1, name="q"), conv(name="c")], (16,), "c", (7, 10, 0)),
        ("atrous", [conv(stride=2, name="a"), conv(stride=3, name="b"), conv(name="c")], (40,), "c",
         (22, 19, 0)),
        ("unstrided", [pool(3, stride=2, padding="same", name="p"), conv(name="c")], (8,), "c", (6, 5, 1)),
        ("unstrided", [conv(2, stride=2, name="a"),
                       {"kind": "transposed_conv", "filters": 3, "kernel": 2, "stride": 2, "name": "t"}],
         (8,), "t", (8, 3, 1)),
        ("pool:2:1", [conv(name="c", padding="same"), conv(name="d", padding="same")], (8,), "d_pool",
         (2, 10, 3)),
        ("pool:3:2", [conv(name="c", padding="same"), conv(name="d", padding="same")], (9,), "d_pool",
         (3, 7, 2)),
    ],
)  # fmt: skip
def test_by_hand(name: str, layers: Layers, shape: Any, layer: str, expected: tuple[int, ...]) -> None:
    row = rfcalc.analyze(rfcalc.variant(net(layers, *shape), name)).layer(layer)
    assert (row.spatial[0], row.receptive_field[0], row.effective_padding[0]) == expected


def test_three_axes_of_different_windows() -> None:
    layers = [pool([1, 2, 3], name="p"), conv(3, name="c")]
    found = {
        name: figures(rfcalc.variant(net(layers, 8, 12, 18), name))["c"] for name in ("plain", "dilated")
    }
    assert found["plain"].receptive_field == (3, 3, 3)
    assert found["dilated"].receptive_field == (3, 6, 9)
    assert found["dilated"].spatial == (6, 7, 10)


def test_a_pooling_at_the_ends_of_a_model() -> None:
    graph = rfcalc.load(net([pool(name="p"), conv(name="c"), pool(name="q")]))
    assert rfcalc.variant(graph, "plain").outputs == (("c", 0),)
    assert rfcalc.variant(graph, "pool").outputs == (("q", 0),)
    only = rfcalc.variant(net([pool(name="p")]), "plain")
    assert [layer.kind for layer in only] == ["input"]
    assert only.outputs == (("input", 0),)


def test_a_border_that_the_model_returns_stays() -> None:
    graph = net([PAD, pool(name="p")], 8, outputs=["z", "p"])
    assert figures(rfcalc.variant(graph, "plain"))["z"].spatial == (10,)


def test_several_inputs() -> None:
    layers = [pool(name="p", inputs=["x"]), conv(2, stride=2, name="c", inputs=["y"], filters=3),
              {"kind": "concat", "name": "j", "inputs": ["p", "c"]}]  # fmt: skip
    inputs = {"x": {"shape": [8, 3]}, "y": {"shape": [8, 3]}}
    model = {"rfcalc": 1, "inputs": inputs, "layers": layers}
    row = rfcalc.analyze(rfcalc.variant(model, "unstrided"), input="y").layer("j")
    assert (row.spatial, row.receptive_field) == ((7,), (2,))
    for name in ("plain", "dilated"):
        assert variant(rfcalc.load(model), name) is None


# ---- layers of Keras: repeated, shared, nested -------------------------------------------------------------


def window(**settings: Any) -> dict[str, Any]:
    return {"padding": "valid", "data_format": "channels_last", **settings}


CONV = window(filters=4, kernel_size=[3, 3], strides=[1, 1])
POOL = window(pool_size=[2, 2], strides=[2, 2])


def keras(*layers: tuple[str, str, dict[str, Any], Any], shape: Any = (16, 16, 3)) -> dict[str, Any]:
    """Make a model of (class, name, settings, calls), with the inputs of each call; the last is returned."""

    def edge(name: str) -> list[Any]:
        head, _, place = name.partition("@")
        return [head, int(place or 0), 0, {}]

    source = {"name": "x", "batch_input_shape": [None, *shape]}
    made: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": "x", "config": source, "inbound_nodes": []}
    ]
    for kind, name, config, calls in layers:
        nodes = [[edge(each) for each in call.split()] for call in calls]
        made.append(
            {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}
        )
    config = {"name": "m", "layers": made, "input_layers": [["x", 0, 0]]}
    return {"class_name": "Functional", "config": {**config, "output_layers": [[layers[-1][1], 0, 0]]},
            "keras_version": "2.13.1", "backend": "tensorflow"}  # fmt: skip


def repeated(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"layer": {"class_name": kind, "config": {"name": "inner", **config}}}


BORDER = {"padding": [[1, 1], [0, 1]], "data_format": "channels_last"}
VIDEO = keras(
    ("TimeDistributed", "a", repeated("Conv2D", CONV), ["x"]),
    ("TimeDistributed", "p", repeated("MaxPooling2D", POOL), ["a"]),
    ("TimeDistributed", "z", repeated("ZeroPadding2D", BORDER), ["p"]),
    ("TimeDistributed", "b", repeated("Conv2D", {**CONV, "strides": [2, 2]}), ["z"]),
    ("TimeDistributed", "f", repeated("Flatten", {}), ["b"]),
    ("LSTM", "r", {"units": 3}, ["f"]),
    shape=(4, 16, 16, 3),
)


@pytest.mark.parametrize(
    ("name", "layer", "spatial", "field", "before"),
    [
        ("plain", "b", (4, 7, 7), (1, 5, 5), (0, 1, 0)),
        ("strided", "p", (4, 7, 7), (1, 4, 4), (0, 0, 0)),
        ("dilated", "b", (4, 7, 6), (1, 8, 8), (0, 2, 0)),
        ("atrous", "b", (4, 13, 11), (1, 8, 8), (0, 2, 0)),
        ("pool:2:2", "b_pool", (4, 2, 1), (1, 12, 12), (0, 2, 0)),
    ],
)
def test_layers_that_are_repeated_over_time(
    name: str, layer: str, spatial: Any, field: Any, before: Any
) -> None:
    row = figures(rfcalc.variant(VIDEO, name))[layer]
    assert (row.spatial, row.receptive_field, row.effective_padding) == (spatial, field, before)
    if name in ("dilated", "atrous"):
        assert_fields_stay(rfcalc.load(VIDEO), name)


def test_what_is_repeated_has_the_spacing_of_its_own_axes() -> None:
    model = keras(
        ("MaxPooling3D", "p", window(pool_size=[1, 2, 2], strides=[1, 2, 2]), ["x"]),
        ("TimeDistributed", "z", repeated("ZeroPadding2D", BORDER), ["p"]),
        ("TimeDistributed", "b", repeated("Conv2D", CONV), ["z"]),
        shape=(8, 16, 16, 3),
    )
    rows = figures(rfcalc.variant(model, "dilated"))
    assert (rows["z"].spatial, rows["z"].effective_padding) == ((8, 19, 17), (0, 2, 0))
    assert_fields_stay(rfcalc.load(model), "dilated")


SHARED = keras(
    ("Conv2D", "a", CONV, ["x"]),
    ("MaxPooling2D", "p", POOL, ["a", "b"]),
    ("Conv2D", "b", {**CONV, "filters": 8}, ["p"]),
    ("Conv2D", "c", {**CONV, "kernel_size": [1, 1]}, ["p@1"]),
)


def test_a_pooling_that_is_called_twice() -> None:
    assert figures(rfcalc.variant(SHARED, "plain"))["c"].receptive_field == (5, 5)
    assert figures(rfcalc.variant(SHARED, "dilated"))["c"].receptive_field == (10, 10)
    before, after = (rfcalc.analyze(each).totals.params.total
                     for each in (SHARED, rfcalc.variant(SHARED, "strided")))  # fmt: skip
    assert after - before == (4 * 4 * 4 + 4) + (4 * 8 * 8 + 8)  # maps of 4 and of 8 channels share no kernel


def test_a_pooling_that_is_called_twice_on_maps_alike() -> None:
    model = keras(
        ("MaxPooling2D", "p", POOL, ["x", "x"]),
        ("Add", "s", {}, ["p p@1"]),
    )
    assert rfcalc.analyze(rfcalc.variant(model, "strided")).totals.params.total == 4 * 3 * 3 + 3


def test_weights_that_are_shared_and_no_longer_fit() -> None:
    model = keras(
        ("Conv2D", "h", {**CONV, "kernel_size": [2, 2], "strides": [2, 2], "filters": 3}, ["x"]),
        ("MaxPooling2D", "p", POOL, ["x"]),
        ("Flatten", "f", {}, ["h", "p"]),
        ("Dense", "d", {"units": 5}, ["f", "f@1"]),
        ("Add", "s", {}, ["d d@1"]),
    )
    with pytest.raises(DoesNotApply, match="it shares 'd/kernel' with 'd'") as caught:
        rfcalc.variant(model, "plain")
    assert caught.value.layer == "d@2"


def nested(*layers: Any, name: str = "inner") -> tuple[str, str, dict[str, Any], list[str]]:
    return ("Functional", name, keras(*layers, shape=(14, 14, 4))["config"], ["a"])


def test_poolings_in_nested_models() -> None:
    model = keras(
        ("Conv2D", "a", CONV, ["x"]),
        nested(("MaxPooling2D", "p", POOL, ["x"])),
        ("Conv2D", "b", CONV, ["inner"]),
    )
    plain = rfcalc.variant(model, "plain")
    assert not plain.blocks
    assert figures(plain)["b"].receptive_field == (5, 5)
    strided = rfcalc.analyze(rfcalc.variant(model, "strided"))
    assert strided.layer("inner").params.total == strided.layer("inner/p").params.total == 4 * 4 * 4 + 4
    assert figures(rfcalc.variant(model, "dilated"))["b"].receptive_field == (8, 8)


def test_a_nested_model_that_returns_a_pooling() -> None:
    model = keras(
        ("Conv2D", "a", CONV, ["x"]),
        nested(("Conv2D", "c", CONV, ["x"]), ("MaxPooling2D", "p", POOL, ["c"])),
        ("Conv2D", "b", CONV, ["inner"]),
    )
    plain = rfcalc.variant(model, "plain")
    assert plain.blocks["inner",].outputs == (("inner/c", 0),)
    assert rfcalc.analyze(plain).layer("inner").spatial == (12, 12)


def test_a_recurrent_convolution_keeps_no_stride() -> None:
    model = keras(
        ("ConvLSTM2D", "a", {**CONV, "strides": [2, 2], "padding": "same"}, ["x"]), shape=(4, 16, 16, 3)
    )
    assert figures(rfcalc.variant(model, "unstrided"))["a"].spatial == (16, 16)
    with pytest.raises(DoesNotApply, match="its state goes over the map as well"):
        rfcalc.variant(model, "atrous")


# ---- operations of ONNX ------------------------------------------------------------------------------------


@pytest.mark.onnx
def test_indices_that_are_used() -> None:
    """Only max pooling has them, of the map it takes."""
    pytest.importorskip("onnx")
    from tests.readers.onnx_build import model, node

    nodes = [
        node("MaxPool", "x", "p i", kernel_shape=[2, 2], strides=[2, 2]),
        node("MaxUnpool", "p i", "u", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    graph = rfcalc.load(model(nodes, {"x": [1, 3, 8, 8]}, "u"))
    for name in ("plain", "strided", "dilated", "average", "median"):
        with pytest.raises(DoesNotApply, match=r"'p'|'u'"):
            rfcalc.variant(graph, name)
    unused = rfcalc.load(model(nodes[:1], {"x": [1, 3, 8, 8]}, "p"))
    for name in ("plain", "strided", "dilated", "average", "median"):
        assert rfcalc.analyze(rfcalc.variant(unused, name)).totals.complete
    returned = rfcalc.load(model(nodes[:1], {"x": [1, 3, 8, 8]}, "p i"))
    with pytest.raises(DoesNotApply, match="its indices are used by the model's output"):
        rfcalc.variant(returned, "strided")


@pytest.mark.onnx
def test_weights_with_as_many_elements() -> None:
    """One feature before the dense layer: its kernel has as many elements as its bias, and grows alone."""
    pytest.importorskip("onnx")
    from tests.readers.onnx_build import model, node, weight

    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[2, 1], strides=[2, 1]),
        node("Flatten", "p", "f"),
        node("Gemm", "f w b", "y", transB=1),
    ]
    constants = [weight("w", 10, 1), weight("b", 10)]
    graph = rfcalc.load(model(nodes, {"x": [1, 1, 3, 1]}, "y", constants))
    found = rfcalc.variant(graph, "dilated")
    assert rfcalc.analyze(found).totals.params.total == 2 * 10 + 10


# ---- sizes that follow ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["average", "strided", "median"])
def test_a_summary_stays_as_it_is_where_its_map_does(name: str) -> None:
    layers = [pool(name="p"), conv(name="c"), {"kind": "average_pool", "kernel": 18, "name": "all"}]
    assert figures(rfcalc.variant(net(layers), name))["all"] == figures(net(layers))["all"]


def test_what_a_file_records_of_an_unknown_op_holds_for_its_own_size() -> None:
    layers = [pool(name="p"), {"kind": "unknown", "name": "u", "op": "Odd", "shape": [None, 20, 20, 3]}]
    assert rfcalc.analyze(net(layers)).layer("u").spatial == (20, 20)
    assert rfcalc.analyze(rfcalc.variant(net(layers), "plain")).layer("u").output_shape is None
    assert rfcalc.analyze(rfcalc.variant(net(layers), "average")).layer("u").spatial == (20, 20)


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
            assert after[layer].effective_padding == before[layer].effective_padding, layer
        if before[layer].kind not in ("linear", "recurrent"):  # which a flatten may stand before
            assert after[layer].params == before[layer].params, layer


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


SMALL = {
    f"{book}: {name}": case["model"]
    for book, step in (("models", 4), ("layers", 20), ("structure", 4), ("dependence", 6))
    for name, case in list(cases(book).items())[::step]
}
"""A sample of small Keras models, of every sort."""


@pytest.mark.parametrize("model", [*SMALL, *sorted(path.stem for path in MODELS.glob("*.json"))])
def test_all_counterfactuals_of_all_sorts_of_models(model: str) -> None:
    """Either they work, and say the same when their rules are run anew, or a line says why not."""
    try:
        graph = rfcalc.load(SMALL[model] if model in SMALL else MODELS / f"{model}.json")
    except rfcalc.ReadError:
        pytest.skip("its layers are not in its file")
    for name in COUNTERFACTUALS:
        if name in ("dilated", "atrous"):
            assert_fields_stay(graph, name)
        changed = variant(graph, name)
        if changed not in (None, graph):
            assert figures(changed.with_layers(changed)) == figures(changed)


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
    """And more: unit i of a map sees the very pixels that unit i * spacing sees in the atrous form."""
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
        assert apart[::spacing] == rows


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
        ("dilated", [pool(stride=40, name="p"), conv(1, filters=3, name="c", inputs=["input"]),
                     {"kind": "add", "name": "j", "inputs": ["p", "c"]}], "j", "no atrous form"),
        ("dilated", [pool(name="p"), {"kind": "reshape", "name": "r", "shape": [None, 400, 3]},
                     {**PAD, "padding": 1}], "z", "regrouped before"),
        ("plain", [pool(name="p"), {"kind": "reshape", "name": "r", "shape": [None, 4, 5, 20, 3]}], "r",
         "another length now"),
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
    assert rfcalc.analyze(rfcalc.variant(graph, "unstrided")).layer("c").receptive_field == (5, 5)
    stack = rfcalc.load(net(STACK, None, 40))
    row = rfcalc.analyze(rfcalc.variant(stack, "atrous")).layer("c")
    assert (row.receptive_field, row.spatial) == ((20, 20), (None, 21))
    same = rfcalc.load(net([pool(3, stride=2, padding="same", name="p")], None, None))
    with pytest.raises(DoesNotApply, match="which is not known"):
        rfcalc.variant(same, "dilated")


@pytest.mark.parametrize("extents", [(16, 16), (None, None)])
def test_joins_break_whether_or_not_their_sizes_are_known(extents: tuple[int | None, ...]) -> None:
    graph = rfcalc.load(net(branches(pool(name="p"), conv(2, stride=2, name="c", filters=3)), *extents))
    for name in ("plain", "dilated"):
        with pytest.raises(DoesNotApply, match="it joins") as caught:
            rfcalc.variant(graph, name)
        assert caught.value.layer == "j"
    assert rfcalc.analyze(rfcalc.variant(graph, "unstrided")).layer("j").receptive_field == (2, 2)


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
