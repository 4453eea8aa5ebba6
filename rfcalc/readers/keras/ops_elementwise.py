"""Operations of Keras on each element by itself: arithmetic, comparisons, functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rfcalc.readers.keras.operation import Operation, OperationMaker
from rfcalc.readers.keras.settings import Made


def _pointwise(kind: str) -> Callable[[Operation], Made]:
    """Element-wise over any number of tensors; with one, and no constant array, an activation."""

    def make(op: Operation) -> Made:
        constants = op.constants()
        if len(op.edges) == 1 and not constants:
            return "activation", {"function": op.name.lower()}
        return kind, {
            "constants": constants,
            **({"function": op.name.lower()} if kind == "elementwise" else {}),
        }

    return make


def _where(op: Operation) -> Made:
    if sum(each is not None for each in (*op.node.args, *op.node.kwargs.values())) < 2:
        return "unknown", {"why": "how many elements it finds depends on the values"}
    return _pointwise("elementwise")(op)


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
_ARITHMETIC: Final = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Divide": "divide",
    "TrueDivide": "divide",
    "DivideNoNan": "divide",
    "Maximum": "maximum",
    "Minimum": "minimum",
}

ELEMENTWISE: Final[dict[str, OperationMaker]] = {
    **{name: _pointwise("elementwise") for name in (*_UNARY, *_BINARY)},
    **{name: _pointwise(kind) for name, kind in _ARITHMETIC.items()},
    "Where": _where,
    "BatchNorm": lambda _op: ("identity", {}),
}
