"""Nodes of a Keras model that are operations, not layers: ``x + y``, ``x[:, ::2]``, ``keras.ops``."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.graph import Edge
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.image_ops import IMAGE_OPERATIONS
from rfcalc.readers.keras.nodes import Node
from rfcalc.readers.keras.operation import AtRunTimeError, Maker, Operation
from rfcalc.readers.keras.shape_ops import SHAPE_OPERATIONS

Made = tuple[str, dict[str, Any], list[Edge]]


def _pointwise(kind: str) -> Maker:
    """Element-wise over any number of tensors; with one, and no constant array, an activation."""

    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        constants = op.constants()
        if len(op.edges) == 1 and not constants:
            return "activation", {"function": op.name.lower()}
        return kind, {
            "constants": constants,
            **({"function": op.name.lower()} if kind == "elementwise" else {}),
        }

    return make


def _reduce(op: Operation) -> tuple[str, dict[str, Any]]:
    keep = op.value("keepdims", "keep_dims", default=False) is True
    axes = op.axes("axis", "axes")
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": op.name.lower()}


def _every(axes: tuple[int, ...] | None) -> Any:
    """Axes of a reduction; without any, the batch axis goes too."""
    return "all" if axes is None else axes


def _along(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        axes = op.axes("axis", default=-1)
        return ("unknown", {"why": "it runs over all axes"}) if axes is None else (kind, {"axis": axes})

    return make


def _quantile(op: Operation) -> tuple[str, dict[str, Any]]:
    if not isinstance(op.value("q", place=1), (int, float)):
        return "unknown", {"why": "several quantiles at once"}
    axes = op.axes("axis", place=2)
    keep = op.value("keepdims", default=False) is True
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": "quantile"}


def _einsum(op: Operation) -> tuple[str, dict[str, Any]]:
    if op.constants():
        return "unknown", {"why": "a product with an array written into the file"}
    equation = op.value("subscripts", "equation", place=0)
    if not isinstance(equation, str):
        op.wrong("subscripts", "an equation", equation)
    return "einsum", {"equation": equation}


def _matmul(op: Operation) -> tuple[str, dict[str, Any]]:
    if op.constants() or len(op.edges) != 2:
        return "unknown", {"why": "a product with an array written into the file"}
    turned = [
        any(op.value(f"{word}_{side}", default=False) is True for word in ("transpose", "adjoint"))
        for side in "ab"
    ]
    if any(turned):  # TensorFlow's options
        left, right = "...ki" if turned[0] else "...ik", "...jk" if turned[1] else "...kj"
        return "einsum", {"equation": f"{left},{right}->...ij"}
    return "matmul", {}


def _norm(kind: str) -> Maker:
    return lambda op: (kind, {"axes": op.axes("axis", default=-1), "scale": False, "center": False})


def _one_hot(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.value("num_classes", "depth", place=1)
    if type(size) is not int or op.value("axis", default=-1) not in (-1, None):
        return "unknown", {"why": "one-hot coding along another axis"}
    return "one_hot", {"size": size}


def _cumulative(op: Operation) -> tuple[str, dict[str, Any]]:
    axis = op.value("axis", place=1)
    if type(axis) is not int:
        return "unknown", {"why": "it runs over the flattened tensor"}
    return "cumulative", {"axis": axis, "reverse": op.value("reverse", default=False) is True}


def _sorted(op: Operation) -> tuple[str, dict[str, Any]]:
    axes = op.axes("axis", default=-1)
    return ("softmax", {"axis": axes}) if axes else ("unknown", {"why": "it sorts the flattened tensor"})


_UNARY: Final = (
    "Absolute", "Abs", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctanh", "Cast", "Ceil",
    "Celu", "Clip", "Copy", "Cos", "Cosh", "Elu", "Erf", "Erfinv", "Exp", "Exp2", "Expm1", "Floor",
    "FloorDivide", "Gelu", "HardShrink", "HardSigmoid", "HardSilu", "HardSwish", "HardTanh", "Isfinite",
    "Isinf", "Isnan", "LeakyRelu", "Log", "Log10", "Log1p", "Log2", "LogSigmoid", "LogicalNot",
    "NanToNum", "Negative", "OnesLike", "ZerosLike", "FullLike", "Reciprocal", "Relu", "Relu6", "Round",
    "Rsqrt", "Selu", "Sigmoid", "Sign", "Signbit", "Silu", "Sin", "Sinh", "SoftShrink", "Softplus",
    "Softsign", "SparsePlus", "SparseSigmoid", "Sqrt", "Square", "Squareplus", "StopGradient", "Tan",
    "Tanh", "TanhShrink", "Threshold", "Trunc", "Identity", "Real", "Imag", "Conjugate", "Angle", "Tril",
    "Triu", "Bernoulli", "BitwiseNot", "BitwiseInvert", "Cbrt", "Conj", "ConvertToTensor", "Deg2rad",
    "Erfc", "Fabs", "I0", "Isneginf", "Isposinf", "Isreal", "Rad2deg", "SaturateCast", "Sinc",
)  # fmt: skip
_BINARY: Final = (
    "Power", "Mod", "Arctan2", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual",
    "LogicalAnd", "LogicalOr", "LogicalXor", "Where", "SquaredDifference", "Hypot", "Logaddexp",
    "BitwiseAnd", "BitwiseOr", "BitwiseXor", "SelectV2", "BitwiseLeftShift", "BitwiseRightShift", "Fmax",
    "Fmin", "Fmod", "Gcd", "Heaviside", "Isclose", "Lcm", "Ldexp", "LeftShift", "Logaddexp2", "Nextafter",
    "RightShift",
)  # fmt: skip
_REDUCE: Final = (
    "All", "Amax", "Amin", "Any", "Argmax", "Argmin", "Average", "CountNonzero", "Logsumexp", "Max",
    "Mean", "Median", "Min", "Nanmax", "Nanmean", "Nanmedian", "Nanmin", "Nanprod", "Nanstd", "Nansum",
    "Nanvar", "Norm", "Prod", "Ptp", "Std", "Sum", "Var",
)  # fmt: skip

OPERATIONS: Final[dict[str, Maker]] = {
    **SHAPE_OPERATIONS,
    **IMAGE_OPERATIONS,
    **{name: _pointwise("elementwise") for name in (*_UNARY, *_BINARY)},
    **dict.fromkeys(_REDUCE, _reduce),
    "Quantile": _quantile,
    "Add": _pointwise("add"),
    "Subtract": _pointwise("subtract"),
    "Multiply": _pointwise("multiply"),
    "Divide": _pointwise("divide"),
    "TrueDivide": _pointwise("divide"),
    "DivideNoNan": _pointwise("divide"),
    "Maximum": _pointwise("maximum"),
    "Minimum": _pointwise("minimum"),
    "Softmax": _along("softmax"),
    "LogSoftmax": _along("softmax"),
    "Sparsemax": _along("softmax"),
    "Sort": _sorted,
    "Argsort": _sorted,
    "Cumsum": _cumulative,
    "Cumprod": _cumulative,
    "Normalize": lambda op: ("unit_norm", {"axes": op.axes("axis", default=-1)}),
    "LayerNorm": _norm("layer_norm"),
    "RMSNorm": _norm("rms_norm"),
    "Ravel": lambda op: ("reshape", {"shape": (-1,)}),
    "Flip": lambda op: (
        ("flip", {"axes": op.axes("axis")})
        if op.axes("axis")
        else ("unknown", {"why": "it reverses every axis"})
    ),
    "BroadcastTo": lambda op: ("broadcast_to", {"shape": op.shape("shape")}),
    "Einsum": _einsum,
    "Matmul": _matmul,
    "OneHot": _one_hot,
    "DotProductAttention": lambda _op: ("head_attention", {}),
    "BatchNorm": lambda _op: ("identity", {}),
}
"""Every operation that a rule exists for, by its class name in Keras 3."""

_KERAS2: Final = {
    "math.add": "Add", "__operators__.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
    "math.truediv": "TrueDivide", "math.divide": "TrueDivide", "math.maximum": "Maximum",
    "math.minimum": "Minimum", "math.pow": "Power", "math.abs": "Absolute", "math.sqrt": "Sqrt",
    "math.square": "Square", "math.exp": "Exp", "math.log": "Log", "math.sigmoid": "Sigmoid",
    "math.negative": "Negative", "math.reduce_mean": "Mean", "math.reduce_sum": "Sum",
    "math.reduce_max": "Max", "math.reduce_min": "Min", "math.reduce_prod": "Prod",
    "math.reduce_std": "Std", "math.reduce_variance": "Var", "math.reduce_any": "Any",
    "math.reduce_all": "All", "math.argmax": "Argmax", "math.l2_normalize": "Normalize",
    "math.cumsum": "Cumsum", "math.floordiv": "FloorDivide", "math.greater": "Greater", "math.less": "Less",
    "math.equal": "Equal", "math.not_equal": "NotEqual", "math.tanh": "Tanh", "math.softplus": "Softplus",
    "math.erf": "Erf", "math.floormod": "Mod", "nn.relu": "Relu", "nn.relu6": "Relu6",
    "nn.softmax": "Softmax", "nn.sigmoid": "Sigmoid", "nn.tanh": "Tanh", "nn.silu": "Silu",
    "nn.swish": "Silu", "nn.gelu": "Gelu", "nn.elu": "Elu", "nn.leaky_relu": "LeakyRelu",
    "nn.space_to_depth": "SpaceToDepth", "nn.depth_to_space": "DepthToSpace", "linalg.matmul": "Matmul",
    "linalg.einsum": "Einsum", "image.resize": "Resize", "cast": "Cast", "identity": "Identity",
    "reshape": "Reshape", "transpose": "Transpose", "concat": "Concat", "stack": "Stack",
    "unstack": "Unstack", "split": "Split", "expand_dims": "ExpandDims", "squeeze": "Squeeze",
    "tile": "Tile", "repeat": "Repeat", "pad": "Pad", "clip_by_value": "Clip", "one_hot": "OneHot",
    "reverse": "Flip", "roll": "Roll", "broadcast_to": "BroadcastTo", "where": "Where",
    "stop_gradient": "StopGradient", "ones_like": "OnesLike", "zeros_like": "ZerosLike",
    "math.rsqrt": "Rsqrt", "math.log1p": "Log1p", "math.reciprocal": "Reciprocal", "math.sin": "Sin",
    "math.cos": "Cos", "math.floor": "Floor", "math.ceil": "Ceil", "math.round": "Round", "math.sign": "Sign",
    "math.divide_no_nan": "DivideNoNan", "math.squared_difference": "SquaredDifference",
    "math.greater_equal": "GreaterEqual", "math.less_equal": "LessEqual", "math.logical_and": "LogicalAnd",
    "math.logical_or": "LogicalOr", "math.logical_not": "LogicalNot", "math.reduce_logsumexp": "Logsumexp",
    "nn.selu": "Selu", "nn.softplus": "Softplus", "nn.log_softmax": "LogSoftmax",
    "nn.l2_normalize": "Normalize", "compat.v1.transpose": "Transpose",
    "convert_to_tensor": "ConvertToTensor",
}  # fmt: skip
"""Functions of TensorFlow in a ``TFOpLambda`` of Keras 2, by what they are called in Keras 3."""


def is_operation(entry: Config, class_name: str) -> bool:
    """Tell whether an entry of a model is an operation and no layer: Keras says so by its module."""
    if class_name in ("TFOpLambda", "SlicingOpLambda"):
        return True
    module = entry.get("module")
    return isinstance(module, str) and ".ops" in module


def make_operation(class_name: str, config: Config, node: Node, edges: list[Edge]) -> Made:
    """Return the canonical kind of an operation, its settings and its tensors."""
    name = class_name
    if class_name == "TFOpLambda":
        function = config.text("function", "")
        name = _KERAS2.get(function, function)
    maker = OPERATIONS.get(name)
    if maker is None:
        return "unknown", {"why": "no rule for this operation"}, edges
    try:
        kind, attrs = maker(Operation(name, config, node, edges))
    except AtRunTimeError as error:
        return "unknown", {"why": f"its {error} is worked out when the model runs"}, edges
    # a shape may hold tensors, which say how long axes are and not what is in them
    return kind, attrs, edges[:1] if kind in ("reshape", "broadcast_to") else edges
