"""Functions of single elements."""

from __future__ import annotations

from typing import Any

from rfcalc.algebra.number import is_known
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering.mix import chosen, elementwise, scaled, triangular
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.torch.operation import Operation, op
from rfcalc.readers.torch.ops_index import without_weights

ACTIVATIONS = (
    *("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "celu", "cos", "cosh"),
    *("deg2rad", "digamma", "elu", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor"),
    *("frac", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "lgamma"),
    *("log", "log10", "log1p", "log2", "log_sigmoid", "logit", "mish", "nan_to_num", "neg"),
    *("negative", "rad2deg", "reciprocal", "relu", "relu6", "round", "rrelu", "rsqrt", "selu"),
    *("sigmoid", "sign", "silu", "sin", "sinc", "sinh", "softplus", "softshrink", "softsign"),
    *("sqrt", "square", "tan", "tanh", "tanhshrink", "threshold", "trunc", "fix", "angle", "sgn"),
    *("log_sigmoid_forward", "special_erf", "special_expit", "special_log1p", "special_expm1"),
    *("special_erfcx", "special_i0", "i0", "absolute", "arccos", "arcsin", "arctan"),
    *("special_logit", "signbit"),
)
TESTS = ("bitwise_not", "logical_not", "isnan", "isinf", "isfinite", "isposinf", "isneginf")
COMPARISONS = (
    *("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "isclose"),
    *("greater", "greater_equal", "less", "less_equal", "not_equal", "__and__", "__or__"),
    *("__xor__", "bitwise_and", "bitwise_or", "bitwise_xor", "__lshift__", "__rshift__"),
    *("bitwise_left_shift", "bitwise_right_shift", "isin"),
)
KINDS = {
    **{"add": "add", "sub": "subtract", "subtract": "subtract", "rsub": "subtract", "mul": "multiply"},
    **{"multiply": "multiply", "div": "divide", "divide": "divide", "true_divide": "divide"},
    **{"maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum"},
    **dict.fromkeys(
        (
            *("pow", "floor_divide", "remainder", "fmod", "atan2", "arctan2", "hypot", "xlogy"),
            *("logaddexp", "logaddexp2", "copysign", "nextafter", "heaviside", "special_xlogy"),
            *("ldexp", "complex", "polar", "clamp", "clip", "clamp_min", "clamp_max", "lerp"),
            *("addcmul", "addcdiv"),
        ),
        "elementwise",
    ),
}

PAIRS = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


@op(*ACTIVATIONS, tells="same")
def activation(operation: Operation) -> Values:
    """A function of each element."""
    attrs: dict[str, Any] = {"function": operation.node.op}
    x = operation[next(iter(operation.call.args))]
    made = operation.add("activation", (x,), attrs)
    return (*made, *operation.fresh()[1:])


@op(*TESTS)
def test(operation: Operation) -> Values:
    """True or false for each element."""
    attrs = {"function": operation.node.op}
    return operation.add("activation", (without_weights(operation["self"]),), attrs)


@op("prelu", "_prelu_kernel", tells="window")
@op(*KINDS, tells="same")
def binary(operation: Operation) -> Values:
    """Element by element, stretched to one shape."""
    kind = KINDS.get(operation.op.partition(".")[2], "elementwise")
    inputs = _pair(operation) if kind in PAIRS and "other" in operation.call.args else _operands(operation)
    if kind in ("multiply", "divide") and len(inputs) == 2 and inputs[1] is inputs[0]:
        kind = "elementwise"  # a square is no gate
    if operation.op in ("aten.prelu", "aten._prelu_kernel") and inputs[1].spec is not None:
        return _prelu(operation, *inputs)
    return elementwise(operation, kind, inputs, function=operation.node.op)


def _pair(operation: Operation) -> list[Value]:
    """Return both operands, plain numbers too, in the operation's order; `alpha` is part of the second."""
    first, second = operation["self"], operation["other"]
    if operation.op == "aten.rsub":
        first, second = second, first
    return [first, scaled(operation, second, operation.raw("alpha", 1))]


def _operands(operation: Operation) -> list[Value]:
    """Return the tensors among the arguments, plain numbers only where there is but one tensor."""
    tensors = operation.given
    return tensors if tensors else [operation["self"]]


def _prelu(operation: Operation, x: Value, slopes: Value) -> Values:
    """Slopes for each channel, the second axis."""
    attrs: dict[str, Any] = {"function": "prelu"}
    if slopes.constant:
        return operation.add("activation", (x,), attrs, weights=(slopes,))
    return operation.cover((x, slopes), "slopes are computed")


@op(*COMPARISONS)
def comparison(operation: Operation) -> Values:
    """True or false for each element."""
    inputs = [without_weights(value) for value in _operands(operation)]
    return elementwise(operation, "elementwise", inputs, function=operation.node.op)


@op("where", tells="same")
def where(operation: Operation) -> Values:
    """One of two values, as a condition says."""
    if "self" not in operation.call.args:
        return operation.cover(operation.given, "which elements hold is computed")
    condition = without_weights(operation["condition"])
    yes, no = operation["self"], operation["other"]
    inputs = [condition, *(value for value in (yes, no) if value in operation.given)]
    return chosen(operation, condition, yes, no, function="where", inputs=inputs)


@op("masked_fill")
def masked_fill(operation: Operation) -> Values:
    """A value where a mask says so."""
    x, mask, value = operation["self"], without_weights(operation["mask"]), operation["value"]
    inputs = (x, mask) if value.constant else (x, mask, value)
    return chosen(operation, mask, value, x, function="masked_fill", inputs=inputs)


@op("tril", "triu")
def triangle(operation: Operation) -> Values:
    """Elements above or below a diagonal become zero."""
    x = operation["self"]
    diagonal = operation.integer("diagonal", 0)
    return triangular(operation, x, diagonal, upper=operation.op == "aten.triu")


@op("glu")
def glu(operation: Operation) -> Values:
    """Half of an axis, mostly of the channels, opens and shuts the other half."""
    x = operation["self"]
    axis = operation.axis("dim", x.rank, -1)
    half = operation.recorded[0][axis]
    if x.spec is not None and x.spec.axes[axis] != "s":
        attrs = {"axis": axis, "size": half, "indices": False}
        return operation.add("top_k", (x,), attrs)
    if not is_known(half):
        return operation.cover((x,), "where the second half begins depends on the extent")
    pairs = tuple((k, k + half) for k in range(half))
    return operation.add("take", (x,), {"axis": axis, "indices": pairs})


@op("view_as_real", "view_as_complex")
def complex_parts(operation: Operation) -> Values:
    """Real and imaginary part as a last axis of two, or the other way."""
    x = operation["self"]
    if operation.op == "aten.view_as_complex":
        return operation.add("reduce", (x,), {"axes": (-1,), "mode": "complex"})
    then = (Stage("top_k", {"axis": -1, "size": 2, "indices": False}),)
    return operation.add("expand_dims", (x,), {"axes": (-1,)}, Extras(then=then))


@op("imag")
def imaginary(operation: Operation) -> Values:
    """One part of each number."""
    return operation.skip(operation["self"])
