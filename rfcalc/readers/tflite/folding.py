"""Operations on constants that are evaluated while the file is read; where extents are open, on formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from rfcalc.readers.lowering.arrays import (
    Fold,
    all_equal,
    arithmetic,
    compared,
    constant_value,
    each_max,
    each_min,
    each_whole,
    extreme,
    hold_formulas,
    plain,
)
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.folding import (
    counted,
    evaluated,
    numbers_only,
    padded,
    reduced,
    stretched,
    tiled,
    truncated,
)
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.tflite.operation import Operation
from rfcalc.readers.tflite.slices import cuts_of


def _divided(_: Operation, args: list[Any]) -> Any:
    """Divide; integers are cut towards zero, as in C."""
    a, b = args
    if hold_formulas(args):
        return a // b
    return a / b if a.dtype.kind == "f" else truncated(a, b)


def _floored(function: Callable[[Any, Any], Any]) -> Fold:
    def fold(_: Operation, args: list[Any]) -> Any:
        if not hold_formulas(args) and (args[1] == 0).any():
            raise Undecided
        return function(args[0], args[1])

    return fold


def _cast(operation: Operation, args: list[Any]) -> Any:
    (array,) = args
    name = (operation.node.dtypes or (None,))[0] or "int32"
    if array.dtype.kind == "O":
        return array if name.startswith("float") else each_whole(array)
    try:
        kind = np.dtype(name)
    except TypeError:
        raise Undecided from None
    with np.errstate(invalid="ignore"):
        return array.astype(kind)


def _reduced(each: Callable[[Any, Any], Any]) -> Fold:
    def fold(operation: Operation, args: list[Any]) -> Any:
        places = [operation.place(axis, args[0].ndim) for axis in operation.whole(1)]
        return reduced(each, args[0], places, keep=operation.flag("KeepDims"))

    return fold


def _slice(operation: Operation, args: list[Any]) -> Any:
    found = cuts_of(operation, args[0].shape)
    result = args[0][found.key]
    if found.dropped:
        result = np.squeeze(result, axis=tuple(found.dropped))
    for place in found.new:
        result = np.expand_dims(result, place)
    return result


def _reshape(operation: Operation, args: list[Any]) -> Any:
    target = operation.whole(1) if operation.optional(1) is not None else operation.integers("NewShape") or ()
    return args[0].reshape(target)


def _pack(operation: Operation, args: list[Any]) -> Any:
    return np.stack(args, axis=operation.integer("Axis"))


def _unpack(operation: Operation, args: list[Any]) -> Any:
    array, axis = args[0], operation.integer("Axis")
    return tuple(np.moveaxis(array, axis, 0))


def _gather(operation: Operation, args: list[Any]) -> Any:
    if operation.integer("BatchDims"):
        raise Undecided
    return np.take(args[0], args[1].astype(np.int64), axis=operation.integer("Axis"))


def _split(operation: Operation, args: list[Any]) -> Any:
    (axis, *_) = operation.whole(0)
    return tuple(np.split(args[1], len(operation.node.outputs), axis=axis))


def _split_by_sizes(operation: Operation, args: list[Any]) -> Any:
    sizes, (axis, *_) = operation.whole(1), operation.whole(2)
    if -1 in sizes:
        raise Undecided
    return tuple(np.split(args[0], np.cumsum(sizes)[:-1], axis=axis))


def _pad(operation: Operation, args: list[Any]) -> Any:
    amounts = operation.whole(1)
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    return padded(args[0], pairs, args[2] if len(args) > 2 else 0)


def _broadcast_args(_: Operation, args: list[Any]) -> Any:
    if hold_formulas(args):
        raise Undecided
    return np.array(np.broadcast_shapes(*(tuple(each.tolist()) for each in args)), dtype=np.int64)


def _squeeze(operation: Operation, args: list[Any]) -> Any:
    axes = operation.integers("SqueezeDims")
    return np.squeeze(args[0], axis=tuple(axes) if axes else None)


FOLDS: Final[dict[str, Fold]] = {
    "ABS": numbers_only(np.abs),
    "ADD": arithmetic(lambda a, b: a + b),
    "BROADCAST_ARGS": _broadcast_args,
    "BROADCAST_TO": lambda operation, args: stretched(args[0], operation.whole(1)),
    "CAST": _cast,
    "CEIL": numbers_only(np.ceil),
    "CONCATENATION": lambda operation, args: np.concatenate(args, axis=operation.integer("Axis")),
    "DIV": _divided,
    "EQUAL": all_equal,
    "EXPAND_DIMS": lambda operation, args: np.expand_dims(args[0], operation.whole(1)[0]),
    "FLOOR": numbers_only(np.floor),
    "FLOOR_DIV": _floored(lambda a, b: a // b),
    "FLOOR_MOD": _floored(lambda a, b: a % b),
    "GATHER": _gather,
    "GREATER": compared(lambda a, b: a > b),
    "GREATER_EQUAL": compared(lambda a, b: a >= b),
    "LESS": compared(lambda a, b: a < b),
    "LESS_EQUAL": compared(lambda a, b: a <= b),
    "LOGICAL_AND": lambda _, args: args[0] & args[1],
    "LOGICAL_NOT": lambda _, args: ~args[0],
    "LOGICAL_OR": lambda _, args: args[0] | args[1],
    "MAXIMUM": extreme(each_max, np.maximum),
    "MINIMUM": extreme(each_min, np.minimum),
    "MUL": arithmetic(lambda a, b: a * b),
    "NEG": lambda _, args: -args[0],
    "NOT_EQUAL": lambda operation, args: ~all_equal(operation, args),
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RANGE": counted,
    "REDUCE_MAX": _reduced(each_max),
    "REDUCE_MIN": _reduced(each_min),
    "REDUCE_PROD": _reduced(lambda a, b: a * b),
    "RESHAPE": _reshape,
    "ROUND": numbers_only(np.round),
    "SELECT": lambda _, args: np.where(args[0], args[1], args[2]),
    "SELECT_V2": lambda _, args: np.where(args[0], args[1], args[2]),
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_by_sizes,
    "SQRT": numbers_only(np.sqrt),
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _slice,
    "SUB": arithmetic(lambda a, b: a - b),
    "SUM": _reduced(lambda a, b: a + b),
    "TILE": lambda operation, args: tiled(args[0], operation.whole(1)),
    "TRANSPOSE": lambda operation, args: np.transpose(args[0], operation.whole(1)),
    "UNPACK": _unpack,
}
"""What each operation does to arrays."""


def fold(operation: Operation) -> tuple[Value, ...] | None:
    """Evaluate an operation whose inputs are all known; None where they are not, or it is not one of these.

    Raises
    ------
    Undecided
        The result depends on an extent that is open.
    """
    function = FOLDS.get(operation.op)
    if function is None or operation.past is not None or operation.then:
        return None
    given = operation.given
    arrays = evaluated(function, operation, given)
    if arrays is None:
        return None
    weights = tuple(dict.fromkeys(weight for value in given for weight in value.weights))
    computed = any(value.computed for value in given)
    return tuple(_value(array, operation, place, weights, computed) for place, array in enumerate(arrays))


def _value(array: Any, operation: Operation, place: int, weights: tuple[Any, ...], computed: bool) -> Value:
    made = constant_value(plain(array))
    dtype = operation.node.dtypes[place] if place < len(operation.node.dtypes) else None
    spec = made.spec if made.spec is None or not dtype else replace(made.spec, dtype=dtype)
    return Value(
        spec, data=made.data, weights=weights if made.data.dtype.kind == "f" else (), computed=computed
    )
