"""What the operations of an ONNX graph tell of the axes of their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import onnx

from rfcalc.readers.lowering.builder import Value
from rfcalc.readers.lowering.layout import Use, Uses
from rfcalc.readers.onnx.tensors import initializer

WINDOW: Final = frozenset(
    (
        *(
            "Conv",
            "ConvTranspose",
            "MaxPool",
            "AveragePool",
            "LpPool",
            "DeformConv",
            "QLinearConv",
            "ConvInteger",
        ),
        *(
            "GlobalAveragePool",
            "GlobalMaxPool",
            "GlobalLpPool",
            "BatchNormalization",
            "InstanceNormalization",
        ),
        *("GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth", "FusedConv", "GridSample", "RoiAlign"),
        *("MaxRoiPool", "PRelu", "Upsample"),
    )
)
FEATURES: Final = frozenset(
    (
        *(
            "MatMul",
            "Gemm",
            "FusedMatMul",
            "FusedGemm",
            "LayerNormalization",
            "RMSNormalization",
            "Attention",
        ),
        *(
            "SimplifiedLayerNormalization",
            "SkipLayerNormalization",
            "MatMulInteger",
            "QLinearMatMul",
            "QGemm",
        ),
        *("MultiHeadAttention", "NhwcConv", "NhwcMaxPool"),
    )
)
STEPS: Final = frozenset(("LSTM", "GRU", "RNN"))
SAME: Final = frozenset(
    (
        *(
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Pow",
            "Max",
            "Min",
            "Clip",
            "Cast",
            "Identity",
            "Dropout",
            "Pad",
            "Slice",
        ),
        *(
            "Abs",
            "Neg",
            "Sqrt",
            "Log",
            "Exp",
            "Relu",
            "Sigmoid",
            "Tanh",
            "LeakyRelu",
            "Elu",
            "Erf",
            "HardSwish",
        ),
        *(
            "QuantizeLinear",
            "DequantizeLinear",
            "Concat",
            "Split",
            "Resize",
            "Where",
            "Round",
            "Floor",
            "Softmax",
        ),
    )
)


_Takers = dict[str, list[tuple[int, onnx.NodeProto]]]


def uses_of(graph: onnx.GraphProto, constants: Mapping[str, Value]) -> Uses:
    """Return a function that lists the uses of a tensor."""
    takers: _Takers | None = None
    known: dict[str, Value] = {}

    def uses(name: str) -> Iterator[Use]:
        nonlocal takers, known
        if takers is None:
            takers, known = {}, dict(constants)
            _collect(graph, takers, known)
        for place, node in takers.get(name, ()):
            use = _use(place, node, known)
            if use is not None:
                yield use

    return uses


def _collect(graph: onnx.GraphProto, takers: _Takers, known: dict[str, Value]) -> None:
    """List what takes each tensor, branches included, and the constants among the operations."""
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            for each in node.attribute:
                if each.type == onnx.AttributeProto.TENSOR:
                    known[node.output[0]] = initializer(each.t, node.output[0])
        for place, taken in enumerate(node.input):
            takers.setdefault(taken, []).append((place, node))
        for each in node.attribute:
            if each.type == onnx.AttributeProto.GRAPH:
                _collect(each.g, takers, known)


def _use(place: int, node: onnx.NodeProto, constants: Mapping[str, Value]) -> Use | None:
    op = node.op_type
    output = node.output[0] if node.output else ""
    if op in SAME:
        return Use("same", output)
    if op == "Gather" and place == 1:
        return Use("indices")
    if op in STEPS and place in (5, 6):
        return Use("state")
    if place:
        return None
    if op in WINDOW:
        return Use("window")
    if op in FEATURES:
        return Use("features")
    if op in STEPS:
        return Use("features" if _attribute(node, "layout") else "steps")
    if op == "STFT":
        return Use("signal")
    if op == "Transpose":
        return Use("permute", output, tuple(_attribute(node, "perm") or ()))
    if op == "Unsqueeze":
        axes = _attribute(node, "axes") or _elements(node, 1, constants)
        return Use("unsqueeze", output, tuple(axes)) if axes else None
    if op == "Reshape":
        target = _elements(node, 1, constants)
        if target is not None and len(target) == 3 and target[1] == 1:  # (batch, samples) gets a channel
            return Use("unsqueeze", output, (1,))
    return None


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    for each in node.attribute:
        if each.name == name:
            return tuple(each.ints) if each.type == onnx.AttributeProto.INTS else each.i
    return None


def _elements(node: onnx.NodeProto, place: int, constants: Mapping[str, Value]) -> tuple[int, ...] | None:
    value = constants.get(node.input[place]) if len(node.input) > place else None
    if value is None or value.data is None:
        return None
    return tuple(int(each) for each in value.data.reshape(-1).tolist())
