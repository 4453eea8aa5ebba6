"""Functions of single elements, and what passes its input on."""

from __future__ import annotations

from dataclasses import replace

from rfcalc.readers.lowering.mix import chosen, elementwise
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.readers.tflite.tensors import as_weight

_ACTIVATIONS = (
    *("ABS", "CEIL", "COMPLEX_ABS", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG"),
    *("LOGISTIC", "NEG", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIGN", "SIN"),
    *("SQRT", "SQUARE", "TANH"),
)
_STABLE_ACTIVATIONS = tuple(
    f"STABLEHLO_{name}"
    for name in (
        "ABS",
        "CBRT",
        "COSINE",
        "EXPONENTIAL",
        "FLOOR",
        "LOG",
        "LOGISTIC",
        "NEGATE",
        "RSQRT",
        "TANH",
    )
)
_FUNCTIONS = {"LOGISTIC": "sigmoid", "NEGATE": "neg", "EXPONENTIAL": "exp", "COSINE": "cos"}
"""Where another format has another name for the same function."""

_KINDS = {
    "ADD": "add",
    "ADD_N": "add",
    "SUB": "subtract",
    "MUL": "multiply",
    "DIV": "divide",
    "MAXIMUM": "maximum",
    "MINIMUM": "minimum",
    **dict.fromkeys(
        ("ATAN2", "BITWISE_XOR", "FLOOR_DIV", "FLOOR_MOD", "POW", "RIGHT_SHIFT", "SQUARED_DIFFERENCE"),
        "elementwise",
    ),
    "STABLEHLO_ADD": "add",
    "STABLEHLO_SUBTRACT": "subtract",
    "STABLEHLO_MULTIPLY": "multiply",
    "STABLEHLO_DIVIDE": "divide",
    "STABLEHLO_MAXIMUM": "maximum",
    "STABLEHLO_MINIMUM": "minimum",
    **dict.fromkeys(
        ("STABLEHLO_POWER", "STABLEHLO_REMAINDER", "STABLEHLO_SHIFT_LEFT"),
        "elementwise",
    ),
}

_COMPARISONS = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL", "STABLEHLO_COMPARE")


def function_of(name: str) -> str:
    """Return what a function of single elements is called by the other formats.

    >>> function_of("STABLEHLO_LOGISTIC"), function_of("RELU6")
    ('sigmoid', 'relu6')
    """
    short = name.removeprefix("STABLEHLO_")
    return _FUNCTIONS.get(short, short.lower())


@op(*_ACTIVATIONS, *_STABLE_ACTIVATIONS, tells="same")
def activation(operation: Operation) -> Values:
    """A function of each element."""
    return operation.add("activation", (operation[0],), {"function": function_of(operation.op)})


@op(*_KINDS, tells="same")
def binary(operation: Operation) -> Values:
    """Element by element, stretched to one shape."""
    kind = _KINDS[operation.op]
    return operation.fused(elementwise(operation, kind, operation.given, function=function_of(operation.op)))


@op("PRELU", tells="channels_last")
def prelu(operation: Operation) -> Values:
    """The slopes are weights."""
    return elementwise(operation, "elementwise", (operation[0], operation[1]), function="prelu")


def without_weights(value: Value) -> Value:
    """Return a constant of which no parameter is left, since only what it decides matters."""
    return replace(value, weights=()) if value.constant else value


@op(*_COMPARISONS, spare=range(2))
@op("LOGICAL_AND", "LOGICAL_OR", "STABLEHLO_AND", "STABLEHLO_OR")
def comparison(operation: Operation) -> Values:
    """True or false for each element."""
    inputs = [without_weights(value) for value in operation.given]
    return elementwise(operation, "elementwise", inputs, function=function_of(operation.op))


@op("LOGICAL_NOT", "BUCKETIZE")
def test(operation: Operation) -> Values:
    """What each element is, or in which range it lies."""
    return operation.add("activation", (without_weights(operation[0]),), {"function": operation.op.lower()})


@op("SELECT", "SELECT_V2", "STABLEHLO_SELECT", tells="same", spare=(0,))
def where(operation: Operation) -> Values:
    """One of two values, as a condition says; of SELECT one of a single axis may choose whole rows."""
    condition, yes, no = without_weights(operation[0]), operation[1], operation[2]
    if operation.op == "SELECT" and condition.rank == 1 < yes.rank and condition.spec is not None:
        missing = yes.rank - 1
        if condition.constant:
            shape = (*condition.shape, *(1,) * missing)
            spec = replace(condition.spec, shape=shape, axes=condition.spec.axes + "s" * missing)
            data = None if condition.data is None else condition.data.reshape(shape)
            condition = replace(condition, spec=spec, data=data, mask=None)
        else:
            (condition,) = operation.part("rows").add(
                "expand_dims", (condition,), {"axes": tuple(range(1, yes.rank))}
            )
    return chosen(operation, condition, yes, no, function="where")


@op("STABLEHLO_CLAMP", tells={1: "same"}, spare=(0, 2))
def clamp(operation: Operation) -> Values:
    """Bounds that are constants are no weights."""
    low, x, high = operation[0], operation[1], operation[2]
    moving = [value for value in (low, high) if not value.constant]
    if moving:
        return elementwise(operation, "elementwise", (x, *moving), function="clamp")
    return operation.add("activation", (x,), {"function": "clamp"})


@op("CAST", "BITCAST", "STABLEHLO_CONVERT", tells="same")
def cast(operation: Operation) -> Values:
    """Another element type."""
    x = operation[0]
    (made,) = operation.add("identity", (x,))
    return (replace(x, spec=made.spec) if x.constant and made.spec is not None else made,)


@op("QUANTIZE", "DEQUANTIZE", "FAKE_QUANT", tells="same")
def requantize(operation: Operation) -> Values:
    """The same elements in another number format; a constant stays the weight that it is."""
    x = operation[0]
    if x.constant:
        held = as_weight(x)
        data = None if operation.op == "FAKE_QUANT" else _plain(x)
        # spelled out, since this runs for every weight that is stored in 16 bits
        return (Value(held.spec, None, data, held.weights, held.computed, held.mask),)
    return operation.add("activation", (x,), {"function": operation.op.lower()})


def _plain(value: Value) -> object:
    """Return the elements of a constant that was only stored as another type of floats."""
    return value.data if value.data is not None and value.data.dtype.kind == "f" else None


@op("DENSIFY")
def densify(operation: Operation) -> Values:
    """A constant whose zeros the file leaves out."""
    x = operation[0]
    return (x,) if x.constant else operation.unknown()


@op("ZEROS_LIKE")
def zeros_like(operation: Operation) -> Values:
    """Zeros, as many as another tensor has elements."""
    x = operation[0]
    return (Value(None if x.spec is None else x.spec),)
