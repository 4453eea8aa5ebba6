from __future__ import annotations

from typing import Any

import pytest

import rfcalc
from rfcalc.errors import ReadError
from rfcalc.readers.native import read_native
from rfcalc.readers.native_nodes import MOST_LAYERS
from tests.readers.models import CONV, model, read, wiring

# ---- blocks and repeats ------------------------------------------------------------------------------------

RESIDUAL = {
    "arguments": {"c": "width", "s": 1},
    "layers": [
        {"kind": "conv", "name": "conv", "filters": "c", "kernel": 3, "stride": "s", "padding": "same"},
        {"kind": "add", "inputs": ["conv", "input"]},
    ],
}


def test_a_block_is_expanded_under_its_name() -> None:
    graph = read(
        {"block": "res", "name": "stage1"},
        {"block": "res", "c": "2 * width", "s": 2},
        {"kind": "relu", "inputs": "stage1/conv"},
        blocks={"res": RESIDUAL},
        parameters={"width": 4},
    )
    assert wiring(graph) == {
        "stage1/conv": ["input"],
        "stage1/add_1": ["stage1/conv", "input"],
        "res_1/conv": ["stage1/add_1"],
        "res_1/add_1": ["res_1/conv", "stage1/add_1"],
        "relu_1": ["stage1/conv"],
    }
    assert graph["res_1/conv"].attrs == {"filters": 8, "kernel": 3, "stride": 2, "padding": "same"}
    assert graph["res_1/conv"].block == ("res_1",)
    block = graph.blocks["stage1",]
    assert (block.op, block.is_layer, block.inputs, block.outputs) == (
        "block",
        False,
        (("input", 0),),
        (("stage1/add_1", 0),),
    )


def test_a_block_may_have_several_inputs_and_outputs_and_other_blocks() -> None:
    graph = read(
        {"block": "outer", "name": "o", "inputs": ["a", "b"]},
        {"kind": "add", "name": "end", "inputs": ["o", "o:1"]},
        inputs={"a": [4], "b": [4]},
        blocks={
            "outer": {
                "layers": [{"block": "swap", "inputs": ["input", "input:1"]}],
                "output": ["swap_1", "swap_1:1"],
            },
            "swap": {"layers": [{"kind": "relu", "inputs": "input:1"}], "output": ["relu_1", "input"]},
        },
    )
    assert wiring(graph) == {"o/swap_1/relu_1": ["b"], "end": ["o/swap_1/relu_1", "a"]}
    assert graph["o/swap_1/relu_1"].block == ("o", "swap_1")
    assert set(graph.blocks) == {("o",), ("o", "swap_1")}


def test_copies_stand_in_a_chain() -> None:
    graph = read(
        {**CONV, "name": "c", "repeat": 2},
        {"repeat": 2, "name": "body", "layers": [{**CONV, "name": "x", "filters": "2 ** index"}, "relu"]},
        {"block": "res", "name": "r", "repeat": 2},
        {"kind": "concat", "inputs": ["c", "c/0", "body/1/x", "r"]},
        blocks={"res": {"layers": [{"kind": "add", "name": "add", "inputs": ["input", "input"]}]}},
    )
    assert wiring(graph) == {
        "c/0": ["input"],
        "c/1": ["c/0"],
        "body/0/x": ["c/1"],
        "body/0/relu_1": ["body/0/x"],
        "body/1/x": ["body/0/relu_1"],
        "body/1/relu_1": ["body/1/x"],
        "r/0/add": ["body/1/relu_1", "body/1/relu_1"],
        "r/1/add": ["r/0/add", "r/0/add"],
        "concat_1": ["c/1", "c/0", "body/1/x", "r/1/add"],
    }
    assert [graph[f"body/{i}/x"].attrs["filters"] for i in range(2)] == [1, 2]
    assert graph["r/1/add"].block == ("r", "1")
    assert {path: block.op for path, block in graph.blocks.items()} == {
        ("c",): "repeat",
        ("body", "0"): "repeat",
        ("body", "1"): "repeat",
        ("body",): "repeat",
        ("r", "0"): "block",
        ("r", "1"): "block",
        ("r",): "repeat",
    }


def test_what_a_copy_does_not_put_out_stays_the_same_for_all() -> None:
    graph = read(
        {**CONV, "name": "memory"},
        {"kind": "add", "name": "decode", "inputs": ["input", "memory"], "repeat": 2},
    )
    assert wiring(graph) == {
        "memory": ["input"],
        "decode/0": ["input", "memory"],
        "decode/1": ["decode/0", "memory"],
    }


def test_no_copies_hand_on_what_comes_in() -> None:
    graph = read(
        {**CONV, "name": "a"},
        {**CONV, "name": "b", "repeat": 0},
        {"repeat": "0 * 3", "layers": ["relu"]},
        {"kind": "add", "name": "sum", "inputs": ["b", "repeat_1"]},
    )
    assert wiring(graph) == {"a": ["input"], "sum": ["a", "a"]}
    assert not graph.blocks


def test_a_repeat_sees_the_layers_around_it_and_a_block_does_not() -> None:
    around = {"kind": "add", "name": "add", "inputs": ["input", "skip"]}
    graph = read({**CONV, "name": "skip"}, {"repeat": 2, "name": "r", "layers": [around]})
    assert wiring(graph)["r/1/add"] == ["r/0/add", "skip"]
    with pytest.raises(ReadError) as caught:
        read({**CONV, "name": "skip"}, {"block": "b"}, blocks={"b": {"layers": [around]}})
    assert str(caught.value) == "<dict>: blocks.b.layers[0].inputs[1]: no layer is called 'skip' here"


def test_frozen_blocks_freeze_their_layers() -> None:
    graph = read(
        {"block": "res", "trainable": False}, CONV, blocks={"res": RESIDUAL}, parameters={"width": 1}
    )
    assert [layer.name for layer in graph if not layer.trainable] == ["res_1/conv", "res_1/add_1"]


# ---- shared weights ----------------------------------------------------------------------------------------


def test_a_shared_layer_is_another_call_of_the_first() -> None:
    graph = read(
        {"kind": "conv", "name": "again", "share": "first"},
        {"kind": "conv", "name": "first", "filters": 1, "kernel": 3, "padding": "same", "trainable": False},
        {"share": "again", "repeat": 2, "name": "more"},
    )
    for name in ("again", "more/0", "more/1"):
        layer = graph[name]
        assert (layer.kind, layer.attrs, layer.owner, layer.trainable) == (
            "conv",
            graph["first"].attrs,
            "first",
            False,
        )
    analysis = rfcalc.analyze(model(*[{**CONV, "filters": 1, "name": "a"}, {"share": "a"}]))
    assert analysis.totals.params.total == 10


def test_a_shared_block_shares_layer_by_layer() -> None:
    tower = {"layers": [{**CONV, "name": "conv"}, {"block": "inner", "repeat": 2, "name": "in"}, "gap"]}
    inner = {"layers": [{**CONV, "name": "conv", "padding": "same"}, {"share": "conv", "name": "again"}]}
    graph = read(
        {"block": "tower", "name": "left", "inputs": "x"},
        {"share": "left", "block": "tower", "name": "right", "inputs": "y"},
        {"share": "left/in/1", "name": "once", "inputs": "x"},
        inputs={"x": [9, 9, 8], "y": [9, 9, 8]},
        blocks={"tower": tower, "inner": inner},
    )
    assert graph["right/conv"].inputs == (("y", 0),)
    assert {layer.name: layer.owner for layer in graph if layer.owner} == {
        "left/in/0/again": "left/in/0/conv",
        "left/in/1/again": "left/in/1/conv",
        "right/conv": "left/conv",
        "right/in/0/conv": "left/in/0/conv",
        "right/in/0/again": "left/in/0/conv",
        "right/in/1/conv": "left/in/1/conv",
        "right/in/1/again": "left/in/1/conv",
        "right/gap_1": "left/gap_1",
        "once/conv": "left/in/1/conv",
        "once/again": "left/in/1/conv",
    }


# ---- size --------------------------------------------------------------------------------------------------


def doubling(levels: int, leaf: Any) -> dict[str, Any]:
    """Make blocks each of which holds the next twice."""
    blocks = {f"b{k}": {"layers": [{"block": f"b{k + 1}"}, {"block": f"b{k + 1}"}]} for k in range(levels)}
    return {**blocks, f"b{levels}": {"layers": [leaf]}}


SHARED_TWICE = [{"repeat": 1, "name": "g0", "layers": [{"kind": "relu", "repeat": 0}]}]
for _k in range(1, 40):
    SHARED_TWICE.append(
        {"repeat": 1, "name": f"g{_k}", "layers": [{"share": f"g{_k - 1}/0"}, {"share": f"g{_k - 1}/0"}]}
    )


@pytest.mark.parametrize(
    "document",
    [
        model({"kind": "relu", "repeat": 10**9}),
        model({"kind": "relu", "repeat": 10**18}),
        model({"repeat": "n", "layers": ["relu"]}, parameters={"n": 10**9}),
        model({"repeat": 10**5, "layers": [{"repeat": 10**5, "layers": ["relu"]}]}),
        model(
            {"repeat": 10**5, "layers": [{"repeat": 10**5, "layers": [{"repeat": 0, "layers": ["relu"]}]}]}
        ),
        model({"repeat": 10**5, "layers": [{"repeat": "10**5 * index", "layers": ["relu"]}]}),
        model(
            {"repeat": 1000, "layers": [{"block": "b", "n": 1000}]},
            blocks={"b": {"arguments": ["n"], "layers": [{"kind": "relu", "repeat": "n"}]}},
        ),
        model({"block": "b0"}, blocks=doubling(50, "relu")),
        model({"block": "b0"}, blocks=doubling(50, {"kind": "relu", "repeat": 0})),
        model(*SHARED_TWICE),
        model({"kind": "relu", "repeat": MOST_LAYERS}, "relu"),
    ],
)
def test_too_many_layers_are_refused_at_once(document: dict[str, Any]) -> None:
    with pytest.raises(ReadError) as caught:
        read_native(document)
    assert "the model has more than 200,000 layers with all its copies" in str(caught.value)


def test_blocks_in_a_long_chain_are_refused() -> None:
    blocks = {f"b{k}": {"layers": [{"block": f"b{k + 1}"}]} for k in range(5000)}
    blocks["b5000"] = {"layers": ["relu"]}
    for order in (blocks, dict(reversed(blocks.items()))):
        with pytest.raises(ReadError, match="nested more than 64 deep"):
            read({"block": "b0"}, blocks=order)


def test_the_deepest_model_that_is_allowed_is_read() -> None:
    blocks: dict[str, Any] = {f"b{k}": {"layers": [{"block": f"b{k + 1}", "repeat": 1}]} for k in range(62)}
    blocks["b62"] = {"layers": ["relu"]}
    (layer,) = [layer for layer in read({"block": "b0", "repeat": 1}, blocks=blocks) if layer.kind != "input"]
    assert len(layer.block) == 2 * 63
    with pytest.raises(ReadError, match="nested more than 64 deep"):
        read({"repeat": 1, "layers": [{"repeat": 1, "layers": [{"block": "b0"}]}]}, blocks=blocks)


@pytest.mark.long
def test_a_large_model_is_read() -> None:
    graph = read({"repeat": MOST_LAYERS // 2, "layers": ["relu", {**CONV, "filters": "1 + index"}]})
    assert len(graph) == MOST_LAYERS + 1


def test_long_chains_of_names_for_the_same_tensor_are_followed() -> None:
    empty = [{"kind": "relu", "repeat": 0} for _ in range(20_000)]
    graph = read(*empty, *[{"kind": "relu", "inputs": "relu_20000"} for _ in range(1000)])
    assert {layer.inputs for layer in graph if layer.kind != "input"} == {(("input", 0),)}
