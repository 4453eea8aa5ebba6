"""Layers of OpenVINO that are the same in ONNX by another name: of single elements, of a few settings."""

from __future__ import annotations

from typing import Any, Final

import onnx

from rfcalc.readers.openvino.document import Layer
from rfcalc.readers.openvino.translate import (
    OWN,
    TYPES,
    Translation,
    UntranslatedError,
    declared,
    flag,
    layer_type,
    number,
    word,
)

_FIRST: Final = {
    "Abs": "Abs", "Acos": "Acos", "Acosh": "Acosh", "Asin": "Asin", "Asinh": "Asinh", "Atan": "Atan",
    "Atanh": "Atanh", "BitwiseNot": "BitwiseNot", "Ceiling": "Ceil", "Clamp": "Clip", "Cos": "Cos",
    "Cosh": "Cosh", "Elu": "Elu", "Erf": "Erf", "Exp": "Exp", "Floor": "Floor", "Gelu": "Gelu",
    "HSigmoid": "HardSigmoid", "HSwish": "HardSwish", "HardSigmoid": "HardSigmoid", "IsInf": "IsInf",
    "IsNaN": "IsNaN", "IsFinite": "IsNaN", "Log": "Log", "LogicalNot": "Not",
    "Mish": "Mish", "Negative": "Neg", "ReLU": "Relu",
    "Round": "Round", "Selu": "Selu", "Sigmoid": "Sigmoid", "Sign": "Sign", "Sin": "Sin", "Sinh": "Sinh",
    "SoftPlus": "Softplus", "SoftSign": "Softsign", "Sqrt": "Sqrt", "Swish": "Swish",
    "Tan": "Tan", "Tanh": "Tanh",
}  # fmt: skip
"""Functions of each element of the first input; slopes and the like that others hold change nothing."""

_BOTH: Final = {
    "Add": "Add", "Divide": "Div", "FloorMod": "Mod", "Maximum": "Max", "Minimum": "Min", "Mod": "Mod",
    "Multiply": "Mul", "Power": "Pow", "Subtract": "Sub", "BitwiseAnd": "BitwiseAnd",
    "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor", "Equal": "Equal", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual",
    "Less": "Less", "LessEqual": "LessOrEqual", "LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor",
}  # fmt: skip


@layer_type("Parameter")
def _parameter(t: Translation, layer: Layer) -> None:
    kind = TYPES.get(layer.data.get("element_type", "f32"), onnx.TensorProto.FLOAT)
    name = t.tensor(layer, layer.outputs[0])
    if layer.id in t.bound:
        t.add(layer, "Identity", [t.bound[layer.id]], [name])
    else:
        t.inputs.append(declared(name, layer.outputs[0], kind))


@layer_type("Const")
def _const(t: Translation, layer: Layer) -> None:
    port = layer.outputs[0]
    kind = TYPES.get(layer.data.get("element_type", ""), onnx.TensorProto.UINT8)
    tensor = onnx.TensorProto(name=t.tensor(layer, port), dims=port.dims or (), data_type=kind)
    data = t.read(layer)
    if data is None:
        tensor.data_location = onnx.TensorProto.EXTERNAL
    else:
        tensor.raw_data = data.tobytes()
    t.initializers.append(tensor)


@layer_type("Result")
def _result(t: Translation, layer: Layer) -> None:
    t.outputs.append(onnx.ValueInfoProto(name=t.take(layer, 0)))


@layer_type("ReadValue")
def _read_value(t: Translation, layer: Layer) -> None:
    # what an earlier run has left is an input that the caller does not see
    t.inputs.append(declared(t.tensor(layer, layer.outputs[0]), layer.outputs[0]))


@layer_type("Assign")
def _assign(t: Translation, layer: Layer) -> None:
    t.outputs.append(onnx.ValueInfoProto(name=t.take(layer, 0)))


@layer_type(*_FIRST)
def _first(t: Translation, layer: Layer) -> None:
    t.add(layer, _FIRST[layer.type], [t.take(layer, 0)])


@layer_type(*_BOTH)
def _both(t: Translation, layer: Layer) -> None:
    if word(layer, "auto_broadcast", "numpy") not in ("numpy", "none"):
        raise UntranslatedError
    ranks = [len(port.dims or ()) for port in layer.inputs]
    # the result keeps its axes where the other input has as many
    inputs = [t.scalar(layer, k) if ranks[1 - k] == max(ranks) else t.take(layer, k) for k in range(2)]
    t.add(layer, _BOTH[layer.type], inputs)


@layer_type("SquaredDifference", "NotEqual")
def _other(t: Translation, layer: Layer) -> None:
    t.add(layer, layer.type, t.all(layer), domain=OWN)


@layer_type("Select")
def _select(t: Translation, layer: Layer) -> None:
    t.add(layer, "Where", t.all(layer))


@layer_type("Convert")
def _convert(t: Translation, layer: Layer) -> None:
    kind = TYPES.get(layer.data.get("destination_type", ""))
    if kind is None:
        raise UntranslatedError
    t.add(layer, "Cast", t.all(layer), to=kind)


@layer_type("ConvertLike")
def _convert_like(t: Translation, layer: Layer) -> None:
    t.add(layer, "CastLike", t.all(layer))


@layer_type("PReLU")
def _prelu(t: Translation, layer: Layer) -> None:
    slope, dims = t.take(layer, 1), layer.inputs[1].dims or ()
    rank = len(layer.inputs[0].dims or ())
    if len(dims) == 1 and rank > 2:  # one slope stands for a channel, which comes second
        slope = t.step(layer, "Reshape", [slope, t.constant([dims[0], *(1,) * (rank - 2)])])
    t.add(layer, "PRelu", [t.take(layer, 0), slope])


@layer_type("FakeQuantize")
def _fake_quantize(t: Translation, layer: Layer) -> None:
    t.add(layer, "FakeQuantize", [t.take(layer, 0)], domain=OWN)


@layer_type("SoftMax", "Softmax", "LogSoftmax")
def _softmax(t: Translation, layer: Layer) -> None:
    op = "LogSoftmax" if layer.type == "LogSoftmax" else "Softmax"
    t.add(layer, op, t.all(layer), axis=number(layer, "axis", 1))


@layer_type("Concat")
def _concat(t: Translation, layer: Layer) -> None:
    t.add(layer, "Concat", t.all(layer), axis=number(layer, "axis", 0))


@layer_type("ShapeOf")
def _shape_of(t: Translation, layer: Layer) -> None:
    t.add(layer, "Shape", t.all(layer))


@layer_type("NonZero", "Range", "Tile", "CumSum", "ReverseSequence")
def _same(t: Translation, layer: Layer) -> None:
    settings: dict[str, dict[str, Any]] = {
        "CumSum": {name: int(flag(layer, name)) for name in ("exclusive", "reverse")},
        "ReverseSequence": {
            "batch_axis": number(layer, "batch_axis", 0),
            "time_axis": number(layer, "seq_axis", 1),
        },
    }
    t.add(layer, layer.type, t.all(layer), **settings.get(layer.type, {}))


@layer_type("Einsum")
def _einsum(t: Translation, layer: Layer) -> None:
    t.add(layer, "Einsum", t.all(layer), equation=layer.data.get("equation", ""))
