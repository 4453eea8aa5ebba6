"""Operations of TensorFlow Lite with their settings, each as a model of its own.

What they do is in tests/data/tflite/truth.json: shapes, and what depends on what, as LiteRT says
(``python -m tests.readers.tflite.oracle`` writes it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.readers.tflite.build import Graph, Node, Quantised, Shape

SAME, VALID = 0, 1
RELU, RELU6, TANH = 1, 3, 4


def w(*shape: int) -> np.ndarray:
    """Weights: no zeros among them, and nothing that cancels."""
    count = int(np.prod(shape))
    return (0.5 + (np.arange(count) * 7 % 11) / 11).astype(np.float32).reshape(shape)


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def table(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array(rows, np.int32)


@dataclass(frozen=True)
class Case:
    """A model of one input ``x``, whose output is ``out``.

    `exact` says that fields must be exact; else they must cover the truth.
    """

    name: str
    x: Shape
    nodes: tuple[Node, ...]
    layout: str = "NHWC"
    exact: bool = True
    params: int = 0
    macs: int | None = None
    outputs: tuple[str, ...] = ("out",)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Shape] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def graph(self, shapes: Mapping[str, Shape] | None = None) -> Graph:
        """Return the graph, with the shapes that its tensors are to record."""
        return Graph(self.nodes, {"x": self.x}, self.outputs, shapes or {}, self.dtypes, self.variables)


def one(name: str, x: Shape, op: str, *inputs: Any, options: str = "", **more: Any) -> Case:
    """A case of one operation that takes x first; names in capitals are its settings."""
    settings = {key: value for key, value in more.items() if key[0].isupper()}
    given = {key: value for key, value in more.items() if not key[0].isupper()}
    outputs = given.get("outputs", ("out",))
    return Case(name, x, (Node(op, ("x", *inputs), outputs, options, settings),), **given)


def conv(name: str, x: Shape, kernel: np.ndarray, *, op: str = "CONV_2D", **more: Any) -> Case:
    bias = np.ones(kernel.shape[0] if op == "CONV_2D" else kernel.shape[-1], np.float32)
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}[op]
    given: dict[str, Any] = {"StrideH": 1, "StrideW": 1, "params": kernel.size + bias.size, **more}
    return one(name, x, op, kernel, bias, options=options, **given)


def stride(height: int, width: int) -> dict[str, int]:
    return {"StrideH": height, "StrideW": width}


def dilation(height: int, width: int) -> dict[str, int]:
    return {"DilationHFactor": height, "DilationWFactor": width}


def pool(name: str, op: str, x: Shape, size: tuple[int, int], **more: Any) -> Case:
    sides = {"FilterHeight": size[0], "FilterWidth": size[1]}
    return one(name, x, op, options="Pool2DOptions", **sides, **more)


def sliced(name: str, x: Shape, begin: Any, end: Any, steps: Any, **more: Any) -> Case:
    given = (ints(*begin), ints(*end), ints(*steps))
    return one(name, x, "STRIDED_SLICE", *given, options="StridedSliceOptions", **more)


TWO = stride(2, 2)
MAP: Shape = (1, 9, 7, 3)

WINDOWS = [
    conv("conv same", MAP, w(4, 3, 3, 3), Padding=SAME, macs=9 * 7 * 4 * 27),
    conv("conv same stride 2", (1, 8, 7, 3), w(4, 3, 3, 3), Padding=SAME, **TWO),
    conv("conv same even kernel", (1, 8, 9, 2), w(4, 4, 2, 2), Padding=SAME, **stride(3, 2)),
    conv("conv valid", MAP, w(2, 3, 2, 3), Padding=VALID, **stride(2, 1)),
    conv("conv dilated same", (1, 11, 10, 2), w(2, 3, 3, 2), Padding=SAME, **dilation(2, 3)),
    conv("conv dilated valid", (1, 11, 10, 2), w(2, 3, 2, 2), Padding=VALID, **dilation(3, 2)),
    conv("conv relu", MAP, w(4, 3, 3, 3), Padding=SAME, FusedActivationFunction=RELU),
    conv("conv grouped", (1, 6, 6, 4), w(6, 3, 3, 2), Padding=SAME),
    conv("depthwise", MAP, w(1, 3, 3, 3), op="DEPTHWISE_CONV_2D", Padding=SAME, DepthMultiplier=1),
    conv(
        "depthwise multiplier", (1, 8, 6, 3), w(1, 2, 3, 6), op="DEPTHWISE_CONV_2D", Padding=SAME,
        DepthMultiplier=2, **TWO, macs=4 * 3 * 6 * 6,
    ),
    conv(
        "depthwise dilated", (1, 10, 9, 2), w(1, 3, 3, 2), op="DEPTHWISE_CONV_2D", Padding=VALID,
        DepthMultiplier=1, **dilation(2, 2), FusedActivationFunction=RELU6,
    ),
    pool("max pool same", "MAX_POOL_2D", (1, 7, 8, 2), (3, 2), Padding=SAME, **TWO),
    pool("max pool valid", "MAX_POOL_2D", (1, 7, 8, 2), (2, 2), Padding=VALID, **stride(2, 3)),
    pool("average pool same", "AVERAGE_POOL_2D", (1, 7, 8, 2), (3, 3), Padding=SAME, **stride(2, 1)),
    pool("l2 pool", "L2_POOL_2D", (1, 6, 8, 2), (2, 2), Padding=VALID, **TWO),
]  # fmt: skip


def transposed(name: str, x: Shape, size: tuple[int, ...], kernel: np.ndarray, **more: Any) -> Case:
    node = Node("TRANSPOSE_CONV", (ints(*size), kernel, "x"), ("out",), "TransposeConvOptions", more)
    return Case(name, x, (node,), params=kernel.size)


WINDOWS += [
    transposed("transposed same", (1, 4, 5, 2), (1, 8, 10, 3), w(3, 3, 3, 2), Padding=SAME, **TWO),
    transposed("transposed same odd", (1, 4, 5, 2), (1, 7, 9, 3), w(3, 4, 3, 2), Padding=SAME, **TWO),
    transposed("transposed valid", (1, 4, 5, 2), (1, 9, 11, 3), w(3, 3, 3, 2), Padding=VALID, **TWO),
    transposed("transposed longer", (1, 4, 5, 2), (1, 10, 12, 3), w(3, 3, 3, 2), Padding=VALID, **TWO),
    transposed("transposed wide", (1, 3, 3, 2), (1, 9, 9, 2), w(2, 2, 2, 2), Padding=SAME, **stride(3, 3)),
    Case(
        "conv 3d", (1, 5, 6, 4, 2),
        (
            Node(
                "CONV_3D", ("x", w(3, 2, 3, 2, 4), np.ones(4, np.float32)), ("out",), "Conv3DOptions",
                {"Padding": SAME, "StrideD": 2, "StrideH": 1, "StrideW": 2},
            ),
        ),
        layout="NDHWC", params=3 * 2 * 3 * 2 * 4 + 4,
    ),
]  # fmt: skip


def resized(
    op: str, x: Shape, size: tuple[int, int], *, corners: bool = False, centres: bool = False
) -> Case:
    short = "bilinear" if op == "RESIZE_BILINEAR" else "nearest"
    mode = "corners" if corners else "centres" if centres else "plain"
    options = "ResizeBilinearOptions" if short == "bilinear" else "ResizeNearestNeighborOptions"
    name = f"{short} {mode} {x[1]}x{x[2]} to {size[0]}x{size[1]}"
    return one(name, x, op, ints(*size), options=options, AlignCorners=corners, HalfPixelCenters=centres)


RESIZES = [
    resized(op, x, size, corners=corners, centres=centres)
    for op in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    for corners, centres in ((False, False), (True, False), (False, True))
    for x, size in (((1, 4, 5, 2), (8, 10)), ((1, 6, 5, 1), (9, 3)), ((1, 8, 7, 1), (4, 5)))
] + [  # where floats of 32 bits move a position over the next element
    resized("RESIZE_NEAREST_NEIGHBOR", (1, 14, 2, 1), (46, 41)),
    resized("RESIZE_NEAREST_NEIGHBOR", (1, 14, 2, 1), (23, 41), centres=True),
    resized("RESIZE_NEAREST_NEIGHBOR", (1, 14, 8, 1), (23, 47), corners=True),
]

SHAPES = [
    one("reshape", (1, 6, 4, 2), "RESHAPE", ints(1, 6, -1)),
    one("reshape setting", (1, 6, 4, 2), "RESHAPE", options="ReshapeOptions", NewShape=[1, 24, 2]),
    one("squeeze", (1, 6, 1, 2), "SQUEEZE", options="SqueezeOptions", SqueezeDims=[2]),
    one("squeeze negative", (1, 6, 1, 2), "SQUEEZE", options="SqueezeOptions", SqueezeDims=[-2]),
    one("expand dims", (1, 6, 4, 2), "EXPAND_DIMS", np.array(2, np.int32)),
    one("transpose", (1, 6, 4, 2), "TRANSPOSE", ints(0, 2, 1, 3)),
    one("pad", (1, 6, 4, 2), "PAD", table((0, 0), (1, 2), (0, 3), (0, 0))),
    one("pad v2", (1, 6, 4, 2), "PADV2", table((0, 0), (2, 0), (1, 1), (0, 1)), np.array(3, np.float32)),
    one("mirror reflect", (1, 6, 4, 2), "MIRROR_PAD", table((0, 0), (2, 3), (1, 1), (0, 0)),
        options="MirrorPadOptions", Mode=0),
    one("mirror symmetric", (1, 6, 4, 2), "MIRROR_PAD", table((0, 0), (2, 3), (1, 1), (0, 0)),
        options="MirrorPadOptions", Mode=1),
    sliced("slice steps", (1, 9, 8, 2), (0, 1, 7, 0), (1, 9, 0, 2), (1, 3, -2, 1)),
    sliced("slice masks", (1, 9, 8, 2), (0, 5, 2, 0), (0, 2, 6, 0), (1, 1, 1, 1),
           BeginMask=0b1011, EndMask=0b1001),
    sliced("slice negative", (1, 9, 8, 2), (0, -4, -3, 0), (1, -1, 99, 2), (1, 1, 1, 1)),
    sliced("slice shrink", (1, 9, 8, 2), (0, 2, 3, 0), (1, 9, 4, 2), (1, 1, 1, 1), ShrinkAxisMask=0b100),
    sliced("slice shrink last", (1, 9, 8, 2), (0, 0, -1, 0), (1, 9, 0, 2), (1,) * 4, ShrinkAxisMask=0b100),
    sliced("slice ellipsis", (1, 9, 8, 2), (0, 2, 0), (1, 0, 2), (1, 1, 1), EllipsisMask=0b10),
    sliced("slice ellipsis end", (1, 9, 8, 2), (0, 0, 0), (1, 0, 1), (1, 1, 1), EllipsisMask=0b10),
    sliced("slice new axis", (1, 9, 8, 2), (0, 0, 3, 0), (1, 0, 9, 8), (1, 1, 1, 1), NewAxisMask=0b10,
           EndMask=0b1),
    sliced("slice few axes", (1, 9, 8, 2), (0, 4), (1, 9), (1, 2)),
    one("slice", (1, 9, 8, 2), "SLICE", ints(0, 2, 1, 0), ints(1, 5, -1, 2)),
    one("gather", (1, 9, 8, 2), "GATHER", ints(4, 0, 4), options="GatherOptions", Axis=1),
    one("gather matrix", (1, 9, 8, 2), "GATHER", table((4, 0), (2, 8)), options="GatherOptions", Axis=1),
    one("gather one", (1, 9, 8, 2), "GATHER", np.array(3, np.int32), options="GatherOptions", Axis=2),
    one("gather nd", (1, 6, 5, 2), "GATHER_ND", table((0, 4), (0, 1))[None]),
    one("gather nd scattered", (1, 6, 5, 2), "GATHER_ND", table((0, 4, 0), (0, 1, 3)), exact=False),
    one("unpack", (1, 3, 6, 2), "UNPACK", options="UnpackOptions", Num=3, Axis=1,
        outputs=("out", "o1", "o2")),
    one("split v", (1, 9, 6, 2), "SPLIT_V", ints(2, -1, 3), np.array(1, np.int32), options="SplitVOptions",
        NumSplits=3, outputs=("o0", "out", "o2")),
    Case("split", (1, 9, 6, 2), (
        Node("SPLIT", (np.array(1, np.int32), "x"), ("o0", "out", "o2"), "SplitOptions", {"NumSplits": 3}),
    ), outputs=("o0", "out", "o2")),
    one("pack", (1, 6, 4, 2), "PACK", "x", options="PackOptions", ValuesCount=2, Axis=2),
    one("concatenation", (1, 6, 4, 2), "CONCATENATION", "x", options="ConcatenationOptions", Axis=-3),
    one("tile", (1, 4, 3, 2), "TILE", ints(1, 2, 3, 1)),
    one("broadcast to", (1, 4, 1, 2), "BROADCAST_TO", ints(1, 4, 3, 2)),
    one("reverse", (1, 6, 4, 2), "REVERSE_V2", ints(1)),
    one("space to depth", (1, 6, 4, 2), "SPACE_TO_DEPTH", options="SpaceToDepthOptions", BlockSize=2),
    one("depth to space", (1, 3, 4, 8), "DEPTH_TO_SPACE", options="DepthToSpaceOptions", BlockSize=2),
    Case("space to batch and back", (1, 8, 9, 2), (
        Node("SPACE_TO_BATCH_ND", ("x", ints(2, 3), table((1, 1), (0, 3))), ("batches",)),
        Node("CONV_2D", ("batches", w(3, 2, 2, 2), np.ones(3, np.float32)), ("convolved",), "Conv2DOptions",
             {"Padding": VALID, **stride(1, 1)}),
        Node("BATCH_TO_SPACE_ND", ("convolved", ints(2, 3), table((1, 0), (0, 2))), ("out",)),
    ), params=27),
    one("one hot", (1, 6), "ONE_HOT", np.array(4, np.int32), np.array(1, np.float32), np.array(0, np.float32),
        options="OneHotOptions", Axis=-1, layout="NT", dtypes={"x": "int32"}),
]  # fmt: skip

KEEP = {"KeepDims": True}


def reduced(op: str, axes: np.ndarray, **more: Any) -> Case:
    keep = " keep" if more.get("KeepDims") else ""
    name = f"{op.lower()} {axes.tolist()}{keep}"
    return one(name, (1, 5, 4, 3), op, axes, options="ReducerOptions", **more)


MIXES = [
    one("fully connected", (1, 6), "FULLY_CONNECTED", w(4, 6), np.ones(4, np.float32),
        options="FullyConnectedOptions", layout="NC", params=28, macs=24),
    one("fully connected flat", (1, 4, 3, 2), "FULLY_CONNECTED", w(5, 24), None,
        options="FullyConnectedOptions", params=120),
    one("fully connected rows", (1, 6, 4), "FULLY_CONNECTED", w(5, 4), None, options="FullyConnectedOptions",
        KeepNumDims=True, layout="NTC", params=20, FusedActivationFunction=RELU),
    one("fully connected rows folded", (1, 6, 4), "FULLY_CONNECTED", w(5, 4), None,
        options="FullyConnectedOptions", layout="NTC", params=20),
    one("batch matmul", (1, 6, 4), "BATCH_MATMUL", w(1, 4, 5), options="BatchMatMulOptions", layout="NTC",
        params=20),
    one("batch matmul of itself", (1, 6, 4), "BATCH_MATMUL", "x", options="BatchMatMulOptions", AdjY=True,
        layout="NTC"),
    reduced("MEAN", ints(1, 2)),
    reduced("MEAN", ints(1, 2), **KEEP),
    reduced("SUM", ints(-2), **KEEP),
    reduced("REDUCE_MAX", ints(2)),
    reduced("REDUCE_MIN", ints(1)),
    reduced("REDUCE_PROD", ints(3), **KEEP),
    one("arg max", (1, 5, 4, 3), "ARG_MAX", np.array(3, np.int32), options="ArgMaxOptions", OutputType=2,
        dtypes={"out": "int32"}),
    one("softmax", (1, 5, 4), "SOFTMAX", options="SoftmaxOptions", Beta=1.0, layout="NTC"),
    one("log softmax", (1, 5, 4), "LOG_SOFTMAX", layout="NTC"),
    one("l2 norm", (1, 5, 4, 3), "L2_NORMALIZATION"),
    one("local response", (1, 3, 4, 6), "LOCAL_RESPONSE_NORMALIZATION",
        options="LocalResponseNormalizationOptions", Radius=1, Bias=1.0, Alpha=0.5, Beta=0.5),
    one("top k", (1, 5, 6), "TOPK_V2", np.array(2, np.int32), outputs=("out", "places"), layout="NTC",
        dtypes={"places": "int32"}),
    one("cumsum", (1, 5, 4, 3), "CUMSUM", np.array(1, np.int32), options="CumsumOptions"),
    one("cumsum reverse exclusive", (1, 5, 4, 3), "CUMSUM", np.array(1, np.int32), options="CumsumOptions",
        Reverse=True, Exclusive=True),
    Case("embedding lookup", (5,), (Node("EMBEDDING_LOOKUP", ("x", w(7, 3)), ("out",)),), layout="N",
         dtypes={"x": "int32"}, params=21),
    Case("rfft", (1, 1, 8), (
        Node("RFFT2D", ("x", ints(1, 8)), ("spectrum",)),
        Node("COMPLEX_ABS", ("spectrum",), ("out",)),
    ), layout="NCT", dtypes={"spectrum": "complex64"}),
    Case("rfft of the first samples", (1, 1, 11), (
        Node("RFFT2D", ("x", ints(1, 8)), ("spectrum",)),
        Node("REAL", ("spectrum",), ("out",)),
    ), layout="NCT", dtypes={"spectrum": "complex64"}),
]  # fmt: skip

_UNARY = ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "NEG", "RELU")
_UNARY += ("RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ROUND", "SIN", "SQUARE", "TANH", "GELU", "SIGN")
_BINARY = (
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "MAXIMUM",
    "MINIMUM",
    "POW",
    "SQUARED_DIFFERENCE",
    "FLOOR_DIV",
    "FLOOR_MOD",
)
_FUSING = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions"}

ELEMENTS = [
    *(one(op.lower(), (1, 4, 3, 2), op) for op in _UNARY),
    *(
        one(f"{op.lower()} constant", (1, 4, 3, 2), op, w(1, 1, 2) + 1, options=_FUSING.get(op, ""), params=2)
        for op in _BINARY
    ),
    one("add stretched", (1, 4, 1, 2), "ADD", w(1, 1, 3, 1), options="AddOptions", params=3,
        FusedActivationFunction=RELU),
    one("prelu", (1, 4, 3, 2), "PRELU", w(1, 1, 2), params=2),
    Case("select", (1, 4, 3, 2), (
        Node("GREATER", ("x", np.array(0, np.float32)), ("condition",)),
        Node("SELECT_V2", ("condition", "x", w(2)), ("out",)),
    ), dtypes={"condition": "bool"}, params=2),
    Case("cast", (1, 4, 3, 2), (
        Node("CAST", ("x",), ("whole",), "CastOptions", {"InDataType": 0, "OutDataType": 2}),
        Node("CAST", ("whole",), ("out",), "CastOptions", {"InDataType": 2, "OutDataType": 0}),
    ), dtypes={"whole": "int32"}),
    Case("dequantised kernel", (1, 6, 5, 2), (
        Node("DEQUANTIZE", (np.ones((3, 3, 3, 2), np.float16),), ("kernel",)),
        Node("CONV_2D", ("x", "kernel", np.ones(3, np.float32)), ("out",), "Conv2DOptions",
             {"Padding": SAME, **stride(1, 1)}),
    ), params=57),
    Case("quantised kernel", (1, 6, 5, 2), (
        Node("DEQUANTIZE", (Quantised(np.ones((3, 3, 3, 2), np.int8)),), ("kernel",)),
        Node("CONV_2D", ("x", "kernel", np.ones(3, np.float32)), ("out",), "Conv2DOptions",
             {"Padding": SAME, **stride(1, 1)}),
    ), params=57),
]  # fmt: skip


def shape_arithmetic() -> Case:
    """A reshape whose target is computed from the shape of the input."""
    nodes = (
        Node("SHAPE", ("x",), ("shape",), "ShapeOptions", {"OutType": 2}),
        Node("STRIDED_SLICE", ("shape", ints(1), ints(2), ints(1)), ("rows",), "StridedSliceOptions",
             {"ShrinkAxisMask": 1}),
        Node("MUL", ("rows", np.array(2, np.int32)), ("twice",), "MulOptions"),
        Node("PACK", (np.array(1, np.int32), "twice", np.array(4, np.int32)), ("target",), "PackOptions",
             {"ValuesCount": 3, "Axis": 0}),
        Node("RESHAPE", ("x", "target"), ("out",)),
    )  # fmt: skip
    dtypes = dict.fromkeys(("shape", "rows", "twice", "target"), "int32")
    return Case("shape arithmetic", (1, 6, 8), nodes, layout="NTC", dtypes=dtypes)


def filled() -> Case:
    """A tensor of one value, as large as the input, and a range that it is added to."""
    nodes = (
        Node("SHAPE", ("x",), ("shape",), "ShapeOptions", {"OutType": 2}),
        Node("FILL", ("shape", np.array(2, np.float32)), ("twos",)),
        Node("ADD", ("x", "twos"), ("out",), "AddOptions"),
    )
    return Case("fill", (1, 6, 8), nodes, layout="NTC", dtypes={"shape": "int32"})


def lstm(name: str, *, time_major: bool) -> Case:
    units, features = 3, 4
    gates = (*(w(units, features) for _ in range(4)), *(w(units, units) * 0.1 for _ in range(4)))
    biases = tuple(np.ones(units, np.float32) for _ in range(4))
    inputs = ("x", *gates, None, None, None, *biases, None, None, "state", "cell")
    settings = {"FusedActivationFunction": TANH, "TimeMajor": time_major}
    node = Node(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, ("out",), "UnidirectionalSequenceLSTMOptions", settings
    )
    count = 4 * units * (features + units + 1)
    return Case(
        name, (6, 1, features) if time_major else (1, 6, features), (node,),
        layout="TNC" if time_major else "NTC", params=count, macs=6 * 4 * units * (features + units),
        variables={"state": (1, units), "cell": (1, units)},
    )  # fmt: skip


def rnn() -> Case:
    units, features = 3, 4
    inputs = ("x", w(units, features) * 0.05, w(units, units) * 0.5, -w(units) * 0.1, "state")
    node = Node("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, ("out",), "SequenceRNNOptions",
                {"FusedActivationFunction": TANH})  # fmt: skip
    count = units * (features + units + 1)
    return Case("rnn", (1, 6, features), (node,), layout="NTC", params=count, variables={"state": (1, units)})


def both_rnn(*, merged: bool) -> Case:
    units, features = 3, 4
    way = (w(units, features) * 0.05, w(units, units) * 0.5, -w(units) * 0.1)
    inputs = ("x", *way, "fw", *way, "bw", None, None, None)
    outputs = ("out",) if merged else ("out", "back")
    node = Node("BIDIRECTIONAL_SEQUENCE_RNN", inputs, outputs, "BidirectionalSequenceRNNOptions",
                {"FusedActivationFunction": TANH, "MergeOutputs": merged})  # fmt: skip
    count = 2 * units * (features + units + 1)
    return Case(
        "both rnn" if merged else "both rnn apart", (1, 6, features), (node,), layout="NTC", params=count,
        exact=merged, outputs=outputs, variables={"fw": (1, units), "bw": (1, units)},
    )  # fmt: skip


def svdf() -> Case:
    filters, features, memory, rank = 6, 4, 5, 2
    inputs = ("x", w(filters, features), w(filters, memory), np.ones(filters // rank, np.float32), "state")
    node = Node("SVDF", inputs, ("out",), "SVDFOptions", {"Rank": rank})
    count = filters * (features + memory) + filters // rank
    return Case("svdf", (1, features), (node,), layout="NC", params=count, macs=filters * (features + memory),
                variables={"state": (1, filters * memory)})  # fmt: skip


def both_lstm() -> Case:
    units, features = 3, 4
    gates = (*(w(units, features) * 0.2 for _ in range(4)), *(w(units, units) * 0.3 for _ in range(4)))
    way = (*gates, None, None, None, *(np.ones(units, np.float32) for _ in range(4)), None, None)
    inputs = ("x", *way, *way, "fs", "fc", "bs", "bc", *(None,) * 9)
    node = Node("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, ("out",), "BidirectionalSequenceLSTMOptions",
                {"FusedActivationFunction": TANH, "MergeOutputs": True, "TimeMajor": True})  # fmt: skip
    count = 2 * 4 * units * (features + units + 1)
    return Case("both lstm", (6, 1, features), (node,), layout="TNC", params=count,
                variables=dict.fromkeys(("fs", "fc", "bs", "bc"), (1, units)))  # fmt: skip


def rnn_step() -> Case:
    inputs = ("x", w(3, 4), w(3, 3), w(3), "state")
    node = Node("RNN", inputs, ("out",), "RNNOptions", {"FusedActivationFunction": TANH})
    return Case("rnn step", (1, 4), (node,), layout="NC", params=24, macs=21, variables={"state": (1, 3)})


def lstm_step() -> Case:
    units, features = 3, 4
    gates = (*(w(units, features) for _ in range(4)), *(w(units, units) for _ in range(4)))
    inputs = ("x", *gates, None, None, None, *(w(units) for _ in range(4)), None, None, "state", "cell")
    node = Node("LSTM", inputs, ("out",), "LSTMOptions", {"FusedActivationFunction": TANH})
    return Case("lstm step", (1, features), (node,), layout="NC", params=96, macs=84,
                variables={"state": (1, units), "cell": (1, units)})  # fmt: skip


def selected_rows() -> Case:
    """SELECT with a condition of one axis, which chooses whole samples."""
    nodes = (
        Node("REDUCE_MAX", ("x", ints(1, 2, 3)), ("largest",), "ReducerOptions"),
        Node("GREATER", ("largest", np.array(2, np.float32)), ("condition",)),
        Node("NEG", ("x",), ("negative",)),
        Node("SELECT", ("condition", "x", "negative"), ("out",)),
    )
    return Case("select samples", (1, 4, 3, 2), nodes, dtypes={"condition": "bool"})


MORE = [
    both_lstm(),
    rnn_step(),
    lstm_step(),
    selected_rows(),
    Case("add n", (1, 4, 3, 2), (Node("ADD_N", ("x", "x", "x"), ("out",), "AddNOptions"),)),
    one("gather in batches", (1, 6, 4), "GATHER", table((2, 5, 2)), options="GatherOptions", Axis=1,
        BatchDims=1, layout="NTC", exact=False),
    one("dynamic update", (1, 6, 4), "DYNAMIC_UPDATE_SLICE", w(1, 2, 4), ints(0, 3, 0), layout="NTC",
        exact=False),
    Case("scatter nd", (2, 4), (Node("SCATTER_ND", (table((3,), (0,)), "x", ints(6, 4)), ("out",)),),
         layout="NC", exact=False),
    one("reverse sequence", (1, 6, 4), "REVERSE_SEQUENCE", ints(4), options="ReverseSequenceOptions",
        SeqDim=1, BatchDim=0, layout="NTC", exact=False),
    one("matrix diag", (1, 5), "MATRIX_DIAG", layout="NC", exact=False),
    Case("broadcast args", (1, 1, 4), (
        Node("BROADCAST_ARGS", (ints(1, 3, 1), ints(1, 1, 4)), ("target",)),
        Node("BROADCAST_TO", ("x", "target"), ("out",)),
    ), layout="NTC", dtypes={"target": "int32"}),
    Case("range", (1, 6, 4), (
        Node("SHAPE", ("x",), ("shape",), "ShapeOptions", {"OutType": 2}),
        Node("STRIDED_SLICE", ("shape", ints(1), ints(2), ints(1)), ("steps",), "StridedSliceOptions",
             {"ShrinkAxisMask": 1}),
        Node("RANGE", (np.array(0, np.int32), "steps", np.array(2, np.int32)), ("even",)),
        Node("GATHER", ("x", "even"), ("out",), "GatherOptions", {"Axis": 1}),
    ), layout="NTC", dtypes=dict.fromkeys(("shape", "steps", "even"), "int32")),
    Case("transposed 3d", (1, 2, 3, 2, 2), (
        Node("CONV_3D_TRANSPOSE", (ints(1, 4, 6, 4, 3), w(2, 3, 2, 3, 2), "x"), ("out",), "Conv3DOptions",
             {"Padding": SAME, "StrideD": 2, "StrideH": 2, "StrideW": 2}),
    ), layout="NDHWC", params=72),
    Case("stablehlo", (1, 4, 3, 2), (
        Node("STABLEHLO_ADD", ("x", w(1, 4, 3, 2)), ("sum",)),
        Node("STABLEHLO_MULTIPLY", ("sum", "x"), ("product",)),
        Node("STABLEHLO_MAXIMUM", ("product", "x"), ("out",)),
    ), params=24),
]  # fmt: skip

OTHERS = [
    shape_arithmetic(),
    filled(),
    lstm("lstm", time_major=False),
    lstm("lstm time first", time_major=True),
    rnn(),
    both_rnn(merged=True),
    both_rnn(merged=False),
    svdf(),
]

CASES = [*WINDOWS, *RESIZES, *SHAPES, *MIXES, *ELEMENTS, *OTHERS, *MORE]
