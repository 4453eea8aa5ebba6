"""Functions of single elements, and what passes its input on."""

from __future__ import annotations

from dataclasses import replace

from rfcalc.algebra.number import as_integer, is_known, prove
from rfcalc.graph.layer import Extras, Stage, TensorSpec
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.folding import MOST_KNOWN
from rfcalc.readers.lowering.mix import chosen, elementwise, triangular
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op
from rfcalc.readers.onnx.tensors import dtype_name

ACTIVATIONS = (
    *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh"),
    *("Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg"),
    *("Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus"),
    *("Softsign", "Sqrt", "Swish", "Tan", "Tanh", "BitwiseNot", "Bernoulli"),
)

COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")

_KINDS = {
    **{
        name: name.lower() for name in ("Add", "Mul", "Div", "Sub", "Min", "Max", "Sum", "Mean", "Pow", "Mod")
    },
    "Sum": "add",
    "Mul": "multiply",
    "Div": "divide",
    "Sub": "subtract",
    "Min": "minimum",
    "Max": "maximum",
    "Mean": "average",
    "SwiGLU": "multiply",
    **dict.fromkeys(("Pow", "Mod", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"), "elementwise"),
}


@op(*ACTIVATIONS, tells="same")
@op("Clip", tells="same", spare=range(1, 4))
@op("ThresholdedRelu", tells="same", spare=range(1, 3))
def activation(operation: Operation) -> Values:
    """A function of each element; bounds and slopes that are further inputs are no weights."""
    x = operation[0]
    moving = [value for value in operation.given[1:] if not value.constant]
    if moving and not x.constant:
        return elementwise(operation, "elementwise", (x, *moving), function=operation.op)
    return operation.add("activation", (x,), {"function": operation.op})


@op(*_KINDS, tells="same")
def binary(operation: Operation) -> Values:
    """Element by element, stretched to one shape."""
    kind = _KINDS[operation.op]
    inputs = operation.given
    if (
        operation.integer("broadcast", 0) and len(inputs) == 2
    ):  # before version 7 the smaller one stood anywhere
        inputs = [inputs[0], _aligned(inputs[1], operation.integer("axis", -1), inputs[0])]
    return elementwise(operation, kind, inputs, function=operation.op)


def _aligned(value: Value, axis: int, other: Value) -> Value:
    """Let a constant that starts at an axis of another tensor stretch along those behind it."""
    if axis < 0 or not value.constant or value.spec is None or other.spec is None:
        return value
    missing = other.rank - axis - value.rank
    if missing < 1:
        return value
    return replace(value, spec=TensorSpec((*value.shape, *(1,) * missing), "s" * (value.rank + missing)))


@op("PRelu", tells="window")
def prelu(operation: Operation) -> Values:
    """The slopes are weights, before version 7 one for each channel."""
    x, slope = operation[0], operation[1]
    if operation.opset < 7 and slope.spec is not None and slope.rank == 1:
        slope = _aligned(slope, 1, x)
    return elementwise(operation, "elementwise", (x, slope), function="PRelu")


def without_weights(value: Value) -> Value:
    """Return a constant of which no parameter is left, since only what it decides matters."""
    return replace(value, weights=()) if value.constant else value


@op(*COMPARISONS, spare=range(3))
@op("And", "Or", "Xor")
def comparison(operation: Operation) -> Values:
    """True or false for each element."""
    inputs = [without_weights(value) for value in operation.given]
    return elementwise(operation, "elementwise", inputs, function=operation.op)


@op("Not", "IsNaN", "IsInf")
def test(operation: Operation) -> Values:
    """True or false for each element."""
    attrs = {"function": operation.op}
    return operation.add("activation", (without_weights(operation[0]),), attrs)


@op("Where", tells="same", spare=(0,))
def where(operation: Operation) -> Values:
    """One of two values, as a condition says."""
    condition, yes, no = without_weights(operation[0]), operation[1], operation[2]
    return chosen(operation, condition, yes, no, function="Where")


@op("Identity", "Dropout", tells="same")
def identity(operation: Operation) -> Values:
    """Nothing changes at inference; a mask of what is dropped has the same shape."""
    extras = Extras(copies=max(len(operation.node.outputs) - 1, 0))
    made = operation.add("identity", (operation[0],), {}, extras)
    if operation[0].constant:
        return (operation[0], *made[1:])
    return made


@op("Cast", "CastLike", "BitCast", tells="same")
def cast(operation: Operation) -> Values:
    """Another element type."""
    (made,) = operation.add("identity", (operation[0],))
    code = operation.integer("to", 0)
    if made.spec is None or not code:
        return (made,)
    return (
        replace(made, spec=TensorSpec(made.spec.shape, made.spec.axes, dtype_name(code), made.spec.folded)),
    )


@op("RotaryEmbedding", tells="features", spare=range(1, 4))
def rotary(operation: Operation) -> Values:
    """X, tables of cosines and sines, positions."""
    return _turned(operation, operation.optional(3))


@op("RotaryEmbedding", domain=MICROSOFT, tells="features", spare=range(1, 4))
def runtimes_rotary(operation: Operation) -> Values:
    """X, positions, tables of cosines and sines."""
    return _turned(operation, operation.optional(1))


def _turned(operation: Operation, positions: Value | None) -> Values:
    """Turn each feature of a head with its partner, by an angle that its position has.

    The input is (batch, heads, positions, features), or has the heads in the features.
    """
    x = operation[0]
    heads = operation.integer("num_heads", 0) if x.rank == 3 else 1
    size = x.shape[-1]
    if not is_known(size) or heads < 1 or size % heads or prove(size > MOST_KNOWN):
        raise Undecided
    each = int(as_integer(size)) // heads
    turned = operation.integer("rotary_embedding_dim", 0) or each
    step = _partners(each, turned, interleaved=bool(operation.integer("interleaved", 0)))
    indices = tuple(start + partner for start in range(0, each * heads, each) for partner in step)
    partner = (1, (Stage("take", {"axis": -1, "indices": indices}),))
    if positions is None or positions.constant:
        return operation.add("add", (x, x), {}, Extras(prepare=(partner,)))
    axes = (1, 3) if x.rank == 4 else (2,)
    spread = (2, (Stage("expand_dims", {"axes": axes}),) if positions.rank == 2 else ())
    return operation.add("add", (x, x, positions), {}, Extras(prepare=(partner, spread)))


def _partners(features: int, turned: int, *, interleaved: bool) -> list[int]:
    """Return for each feature of a head which other it is turned with: itself behind those that are."""
    half = turned // 2
    return [(k ^ 1 if interleaved else (k + half) % turned) if k < 2 * half else k for k in range(features)]


@op("Trilu")
def triangle(operation: Operation) -> Values:
    """Elements above or below a diagonal become zero."""
    x, diagonal = operation[0], operation.whole(1) or (0,)
    upper = bool(operation.integer("upper", 1))
    if x.spec is None:
        return operation.builder.blind(operation.node, (x,))
    return triangular(operation, x, int(diagonal[0]), upper=upper)


@op("Gelu", "FastGelu", "BiasGelu", "QuickGelu", "BiasAdd", domain=MICROSOFT)
def gelu(operation: Operation) -> Values:
    """An activation, with a bias added first."""
    return elementwise(operation, "elementwise", operation.given, function=operation.op)
