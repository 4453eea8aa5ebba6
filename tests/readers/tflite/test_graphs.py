"""Whole graphs of TensorFlow Lite: branches, loops, custom operations, variables, names, open extents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rfcalc
from rfcalc.errors import AnalysisError, GraphError, UsageError

pytest.importorskip("tflite")

from tests.readers.tflite.build import Graph, Node, Quantised, Shape, written
from tests.readers.tflite.cases import VALID, ints, stride, w

CONV = {"Padding": VALID, **stride(1, 1)}


def conv(x: str, out: str, *kernel: int, **settings: Any) -> Node:
    return Node("CONV_2D", (x, w(*kernel), None), (out,), "Conv2DOptions", {**CONV, **settings})


def row(data: bytes, name: str, **given: Any) -> Any:
    return rfcalc.analyze(data, **given).layer(name)


# ---- other graphs of the file ------------------------------------------------------------------------------


def convolving(name: str, shape: Shape, size: int) -> Graph:
    """A graph of one convolution with a square window, padded so that maps stay as they are."""
    before = size // 2
    pads = np.array(((0, 0), (before, size - 1 - before), (before, size - 1 - before), (0, 0)), np.int32)
    nodes = (
        Node("PAD", (f"{name}_x", pads), (f"{name}_padded",)),
        conv(f"{name}_padded", f"{name}_out", shape[-1], size, size, shape[-1]),
    )
    shapes = {f"{name}_out": shape}
    return Graph(nodes, {f"{name}_x": shape}, (f"{name}_out",), shapes, name=name)


def branching(condition: Any) -> bytes:
    shape = (1, 8, 8, 2)
    node = Node(
        "IF", (condition, "x"), ("out",), "IfOptions", {"ThenSubgraphIndex": 1, "ElseSubgraphIndex": 2}
    )
    inputs = {"x": shape} if not isinstance(condition, str) else {"x": shape, "condition": ()}
    main = Graph((node,), inputs, ("out",), {"out": shape}, {"condition": "bool"})
    return written(main, convolving("small", shape, 3), convolving("large", shape, 5))


def test_a_known_condition_takes_its_branch() -> None:
    assert row(branching(np.array(True)), "out").receptive_field == (3, 3)
    assert row(branching(np.array(False)), "out").receptive_field == (5, 5)


def test_a_branch_that_is_chosen_when_it_runs_is_both() -> None:
    found = rfcalc.analyze(branching("condition"), input="x")
    assert found.layer("out").receptive_field == (5, 5)
    assert found.totals.params.trainable == (9 + 25) * 4


def test_a_call_is_read_in_its_place() -> None:
    node = Node("CALL", ("x",), ("out",), "CallOptions", {"Subgraph": 1})
    main = Graph((node,), {"x": (1, 8, 8, 2)}, ("out",), {"out": (1, 8, 8, 2)})
    found = rfcalc.analyze(written(main, convolving("inner", (1, 8, 8, 2), 3)))
    assert found.layer("out").receptive_field == (3, 3)
    assert found.totals.params.trainable == 36


def test_a_loop_is_unknown_and_its_weights_count() -> None:
    shape = (1, 8, 8, 2)
    node = Node("WHILE", ("x",), ("out",), "WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2})
    main = Graph((node,), {"x": shape}, ("out",), {"out": shape})
    test = Node("REDUCE_ANY", ("y", ints(0, 1, 2, 3)), ("more",), "ReducerOptions")
    condition = Graph((test,), {"y": shape}, ("more",), {"more": ()}, {"more": "bool"})
    found = rfcalc.analyze(written(main, condition, convolving("body", shape, 3)))
    assert found.layer("out").status == "unknown"
    assert found.layer("out").output_shape == shape
    assert found.totals.params.trainable == 36


def test_a_graph_that_calls_itself_is_refused() -> None:
    node = Node("CALL", ("x",), ("out",), "CallOptions", {"Subgraph": 0})
    with pytest.raises(rfcalc.RfcalcError, match="call themselves"):
        rfcalc.load(written(Graph((node,), {"x": (1, 4)}, ("out",))))


def test_a_graph_that_is_not_there_is_damage() -> None:
    node = Node("CALL", ("x",), ("out",), "CallOptions", {"Subgraph": 7})
    with pytest.raises(rfcalc.RfcalcError, match="is a damaged TFLite file: there is no subgraph 7"):
        rfcalc.load(written(Graph((node,), {"x": (1, 4)}, ("out",))))


# ---- what is not known -------------------------------------------------------------------------------------


def test_a_custom_operation_is_unknown_by_its_name() -> None:
    nodes = (
        Node("CUSTOM", ("x", w(4, 2)), ("boxes", "scores"), custom="TFLite_Detection_PostProcess"),
        Node("RELU", ("scores",), ("out",)),
    )
    shapes = {"boxes": (1, 10, 4), "scores": (1, 10), "out": (1, 10)}
    data = written(Graph(nodes, {"x": (1, 8, 8, 2)}, ("boxes", "out"), shapes))
    found = rfcalc.analyze(data)
    assert found.layer("boxes").op == "TFLite_Detection_PostProcess"
    assert found.layer("boxes").status == found.layer("out").status == "unknown"
    assert found.layer("boxes").output_shape == (1, 10, 4)
    assert found.totals.params.trainable == 8


def test_an_operation_that_no_version_has_is_unknown() -> None:
    data = written(Graph((Node("HASHTABLE_SIZE", ("x",), ("out",)),), {"x": (1, 4)}, ("out",)))
    assert row(data, "out").status == "unknown"


def test_a_tensor_that_nothing_makes_is_an_error() -> None:
    nodes = (Node("ADD", ("missing", "x"), ("out",), "AddOptions"),)
    data = written(Graph(nodes, {"x": (1, 4), "missing": (1, 4)}, ("out",)))
    assert len(list(rfcalc.load(data))) == 3
    both, one = (np.asarray(listed, np.int32).tobytes() for listed in ((2, 0, 1), (1, 0, 1)))
    assert data.count(both) == 1  # how many inputs the graph has, and which
    with pytest.raises(GraphError, match="needs the tensor 'missing', which nothing makes"):
        rfcalc.load(data.replace(both, one))


# ---- variables ---------------------------------------------------------------------------------------------


def streaming(*, length: int = 1, kept: int = 4, window: int = 5, **end: Any) -> bytes:
    """A model that puts what the last call left before `length` steps, and convolves them."""
    whole = (1, kept + length, 1, 2)
    begin = ints(0, -kept, 0, 0)
    nodes = (
        Node("VAR_HANDLE", (), ("handle",), "VarHandleOptions"),
        Node("READ_VARIABLE", ("handle",), ("before",), "ReadVariableOptions"),
        Node("CONCATENATION", ("before", "x"), ("whole",), "ConcatenationOptions", {"Axis": 1}),
        Node(
            "STRIDED_SLICE",
            ("whole", end.get("begin", begin), ints(0, 0, 0, 0), ints(1, 1, 1, 1)),
            ("left",),
            "StridedSliceOptions",
            {"EndMask": 15, "BeginMask": 13},
        ),
        Node("ASSIGN_VARIABLE", ("handle", "left"), (), "AssignVariableOptions"),
        conv("whole", "out", 3, window, 1, 2, StrideH=end.get("step", 1)),
    )
    steps = (kept + length - window) // end.get("step", 1) + 1
    state = (1, kept, 1, 2)
    shapes = {"handle": (), "before": state, "whole": whole, "left": state, "out": (1, steps, 1, 3)}
    dtypes = {"handle": "resource"}
    return written(Graph(nodes, {"x": (1, length, 1, 2)}, ("out",), shapes, dtypes))


def test_the_end_of_a_map_from_the_last_call_is_positions_before_the_first() -> None:
    found = rfcalc.analyze(streaming())
    assert found.layer("out").receptive_field == (5, 1)
    assert found.layer("out").status == "exact"
    assert [note.code for note in found.notes].count("state") == 1


def test_a_variable_that_keeps_something_else_is_unknown() -> None:
    data = streaming(begin=ints(0, 0, 0, 0))  # the whole map, which is longer than the variable
    assert row(data, "out").status == "unknown"


def test_a_map_that_moves_on_by_less_than_its_length_is_unknown() -> None:
    """Two windows in a row, of which the second leaves out what the first makes of each call."""
    inner = (
        Node("VAR_HANDLE", (), ("handle",), "VarHandleOptions"),
        Node("READ_VARIABLE", ("handle",), ("before",), "ReadVariableOptions"),
        conv("x", "short", 2, 3, 1, 2),
        Node("CONCATENATION", ("before", "short"), ("whole",), "ConcatenationOptions", {"Axis": 1}),
        Node(
            "STRIDED_SLICE",
            ("whole", ints(0, -2, 0, 0), ints(0, 0, 0, 0), ints(1, 1, 1, 1)),
            ("left",),
            "StridedSliceOptions",
            {"EndMask": 15, "BeginMask": 13},
        ),
        Node("ASSIGN_VARIABLE", ("handle", "left"), (), "AssignVariableOptions"),
        conv("whole", "out", 3, 3, 1, 2),
    )
    shapes = {
        "handle": (), "before": (1, 2, 1, 2), "short": (1, 4, 1, 2), "whole": (1, 6, 1, 2),
        "left": (1, 2, 1, 2), "out": (1, 4, 1, 3),
    }  # fmt: skip
    data = written(Graph(inner, {"x": (1, 6, 1, 2)}, ("out",), shapes, {"handle": "resource"}))
    assert row(data, "short").receptive_field == (3, 1)
    assert row(data, "out").status == "unknown"


def test_a_state_is_said_to_stay() -> None:
    from tests.readers.tflite.cases import CASES

    (case,) = (case for case in CASES if case.name == "svdf")
    notes = rfcalc.analyze(written(case.graph())).notes
    assert any(note.code == "state" and "from one call to the next" in note.message for note in notes)


# ---- quantised weights, names, open extents ----------------------------------------------------------------


def test_quantised_weights_count_by_element_with_their_bytes() -> None:
    kernel, bias = Quantised(np.ones((4, 3, 3, 2), np.int8)), Quantised(np.ones(4, np.int32))
    node = Node("CONV_2D", ("x", kernel, bias), ("out",), "Conv2DOptions", CONV)
    data = written(
        Graph((node,), {"x": (1, 8, 8, 2)}, ("out",), {"out": (1, 6, 6, 4)}, {"x": "int8", "out": "int8"})
    )
    found = rfcalc.analyze(data)
    assert found.totals.params.trainable == 76
    assert found.to_dict()["totals"]["param_bytes"] == {"int8": 72, "int32": 16}
    assert found.to_dict()["totals"]["activation_bytes"] == 6 * 6 * 4


NAMES = {
    "model/block_1/conv/Relu;model/block_1/conv/BiasAdd;model/block_1/conv/Conv2D": ("model/block_1/conv", 2),
    "StatefulPartitionedCall/model/dense/BiasAdd": ("model/dense", 1),
    "StatefulPartitionedCall:0": ("conv_2d", 0),
    "Identity": ("conv_2d", 0),
    "conv2d_7": ("conv2d_7", 0),
}


@pytest.mark.parametrize("tensor", NAMES)
def test_layers_are_called_by_what_they_make(tensor: str) -> None:
    name, depth = NAMES[tensor]
    data = written(Graph((conv("x", tensor, 4, 3, 3, 2),), {"x": (1, 8, 8, 2)}, (tensor,)))
    (layer,) = (each for each in rfcalc.load(data) if each.kind == "conv")
    assert layer.name == name
    assert len(layer.block) == depth
    assert layer.outputs == (tensor,)


def test_equal_names_are_told_apart() -> None:
    nodes = (conv("x", "a/Relu", 2, 3, 3, 2), conv("a/Relu", "a/BiasAdd", 2, 3, 3, 2))
    data = written(Graph(nodes, {"x": (1, 8, 8, 2)}, ("a/BiasAdd",)))
    assert [layer.name for layer in rfcalc.load(data)] == ["x", "a", "a#2"]


def open_model() -> bytes:
    shape = (-1, -1, -1, 2)
    return written(Graph((conv("x", "out", 4, 3, 3, 2),), {"x": shape}, ("out",), {"out": (-1, -1, -1, 4)}))


def test_open_extents_stay_open_or_are_given() -> None:
    assert [str(n) for n in rfcalc.load(open_model()).results["out"].outputs[0].shape] == [
        "N",
        "H - 2",
        "W - 2",
        "4",
    ]
    assert row(open_model(), "out", dims={"H": 32, "W": 20}).output_shape[1:] == (30, 18, 4)
    assert row(open_model(), "out", input_shape=(1, 32, 20, 2)).output_shape == (1, 30, 18, 4)
    with pytest.raises(UsageError, match="has 4 axes"):
        rfcalc.analyze(open_model(), input_shape=(32, 20, 2))


def test_another_size_than_a_fixed_reshape_allows_says_so() -> None:
    node = Node("RESHAPE", ("x", ints(1, 64, 2)), ("out",))
    data = written(Graph((node,), {"x": (1, 8, 8, 2)}, ("out",), {"out": (1, 64, 2)}))
    assert row(data, "out").output_shape == (1, 64, 2)
    with pytest.raises(AnalysisError, match="convert it with dynamic shapes"):
        rfcalc.analyze(data, input_shape=(1, 9, 8, 2))


def test_settings_that_are_missing_or_impossible_are_one_line() -> None:
    zero = written(Graph((conv("x", "out", 4, 3, 3, 2, StrideH=0),), {"x": (1, 8, 8, 2)}, ("out",)))
    with pytest.raises(AnalysisError, match="Stride must be positive"):
        rfcalc.load(zero)
    other = Node("CONV_2D", ("x", w(4, 3, 3, 2), None), ("out",), "AddOptions")
    with pytest.raises(rfcalc.RfcalcError, match="is a damaged TFLite file"):
        rfcalc.load(written(Graph((other,), {"x": (1, 8, 8, 2)}, ("out",))))


# ---- StableHLO, which LiteRT has few kernels for: by what its specification says ---------------------------

STABLE = {
    "transpose": (
        Node(
            "STABLEHLO_TRANSPOSE", ("x",), ("out",), "StablehloTransposeOptions", {"Permutation": [0, 2, 1]}
        ),
        (1, 4, 6),
    ),
    "reshape": (Node("STABLEHLO_RESHAPE", ("x",), ("out",)), (1, 12, 2)),
    "slice": (
        Node(
            "STABLEHLO_SLICE", ("x",), ("out",), "StablehloSliceOptions",
            {"StartIndices": [0, 1, 0], "LimitIndices": [1, 6, 4], "Strides": [1, 2, 1]},
        ),
        (1, 3, 4),
    ),
    "concatenate": (
        Node("STABLEHLO_CONCATENATE", ("x", "x"), ("out",), "StablehloConcatenateOptions", {"Dimension": 1}),
        (1, 12, 4),
    ),
    "broadcast": (
        Node(
            "STABLEHLO_BROADCAST_IN_DIM", ("x", ints(0, 2, 3)), ("out",), "StablehloBroadcastInDimOptions",
            {"BroadcastDimensions": [0, 2, 3]},
        ),
        (1, 5, 6, 4),
    ),
    "product": (
        Node(
            "STABLEHLO_DOT_GENERAL", ("x", w(4, 7)), ("out",), "StablehloDotGeneralOptions",
            {"LhsContractingDimensions": [2], "RhsContractingDimensions": [0]},
        ),
        (1, 6, 7),
    ),
    "product in batches": (
        Node(
            "STABLEHLO_DOT_GENERAL", ("x", "x"), ("out",), "StablehloDotGeneralOptions",
            {
                "LhsBatchingDimensions": [0], "RhsBatchingDimensions": [0],
                "LhsContractingDimensions": [2], "RhsContractingDimensions": [2],
            },
        ),
        (1, 6, 6),
    ),
    "clamp": (
        Node("STABLEHLO_CLAMP", (np.array(0, np.float32), "x", np.array(6, np.float32)), ("out",)), (1, 6, 4),
    ),
    "logistic": (Node("STABLEHLO_LOGISTIC", ("x",), ("out",)), (1, 6, 4)),
    "convert": (Node("STABLEHLO_CONVERT", ("x",), ("out",)), (1, 6, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", STABLE)
def test_operations_of_stablehlo(name: str) -> None:
    node, shape = STABLE[name]
    data = written(Graph((node,), {"x": (1, 6, 4)}, ("out",), {"out": shape}))
    found = row(data, "out")
    assert (found.output_shape, found.status) == (shape, "exact")


def test_a_composite_is_read_by_what_it_is_made_of() -> None:
    node = Node(
        "STABLEHLO_COMPOSITE",
        ("x",),
        ("out",),
        "StableHLOCompositeOptions",
        {"DecompositionSubgraphIndex": 1},
    )
    main = Graph((node,), {"x": (1, 8, 8, 2)}, ("out",), {"out": (1, 8, 8, 2)})
    found = rfcalc.analyze(written(main, convolving("inner", (1, 8, 8, 2), 3)))
    assert found.layer("out").receptive_field == (3, 3)
