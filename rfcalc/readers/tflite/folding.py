"""Operations on constants that are evaluated while the file is read; where extents are open, on formulas."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any, Final

import numpy as np

from rfcalc.algebra.number import is_known, prod
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
    varied,
)
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.masks import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.tflite.operation import Operation
from rfcalc.readers.tflite.slices import cuts_of
from rfcalc.readers.tflite.tensors import MOST_FLOATS, MOST_KNOWN


def _check(count: int) -> None:
    if count > MOST_MASKED:
        raise Undecided


def _divided(_: Operation, args: list[Any]) -> Any:
    """Divide; integers are cut towards zero, as in C."""
    a, b = args
    if hold_formulas(args):
        return a // b
    if a.dtype.kind == "f":
        return a / b
    if (b == 0).any():
        raise Undecided
    return (np.abs(a) // np.abs(b)) * np.sign(a) * np.sign(b)


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


def _numbers_only(function: Callable[[Any], Any]) -> Fold:
    """Apply a function of single elements, which formulas have not."""

    def fold(_: Operation, args: list[Any]) -> Any:
        if hold_formulas(args):
            raise Undecided
        return function(args[0])

    return fold


def _axes(operation: Operation, rank: int) -> tuple[int, ...]:
    return tuple(operation.place(axis, rank) for axis in operation.whole(1))


def _reduced(each: Callable[[Any, Any], Any]) -> Fold:
    def fold(operation: Operation, args: list[Any]) -> Any:
        array = args[0]
        places = set(_axes(operation, array.ndim))
        result = array
        for place in sorted(places, reverse=True):
            if result.shape[place] == 0:
                raise Undecided
            parts = np.moveaxis(result, place, 0)
            result = reduce(each, [np.asarray(part, dtype=array.dtype) for part in parts])
        if operation.flag("KeepDims"):
            shape = [1 if place in places else extent for place, extent in enumerate(array.shape)]
            result = np.asarray(result, dtype=array.dtype).reshape(shape)
        return np.asarray(result, dtype=array.dtype)

    return fold


def _range(_: Operation, args: list[Any]) -> Any:
    start, limit, step = (array.reshape(-1).tolist()[0] for array in args)
    if any(array.dtype.kind == "f" for array in args):
        count = max(math.ceil((limit - start) / step), 0)
        if count > MOST_KNOWN:
            raise Undecided
        return start + np.arange(count) * step
    if not all(map(is_known, (start, limit, step))) or step == 0 or abs((limit - start) // step) > MOST_KNOWN:
        raise Undecided
    return np.arange(start, limit, step, dtype=np.int64)


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
    if any(min(pair) < 0 for pair in pairs):
        raise Undecided
    _check(prod(extent + sum(pair) for extent, pair in zip(args[0].shape, pairs, strict=True)))
    fill = np.asarray(args[2]).item() if len(args) > 2 else 0
    return np.pad(args[0], pairs, constant_values=fill)


def _tile(operation: Operation, args: list[Any]) -> Any:
    repeats = operation.whole(1)
    _check(prod((*args[0].shape, *repeats)))
    return np.tile(args[0], repeats)


def _broadcast(operation: Operation, args: list[Any]) -> Any:
    target = operation.whole(1)
    _check(prod(target))
    return np.broadcast_to(args[0], target).copy()


def _broadcast_args(_: Operation, args: list[Any]) -> Any:
    if hold_formulas(args):
        raise Undecided
    return np.array(np.broadcast_shapes(*(tuple(each.tolist()) for each in args)), dtype=np.int64)


def _squeeze(operation: Operation, args: list[Any]) -> Any:
    axes = operation.integers("SqueezeDims")
    return np.squeeze(args[0], axis=tuple(axes) if axes else None)


FOLDS: Final[dict[str, Fold]] = {
    "ABS": _numbers_only(np.abs),
    "ADD": arithmetic(lambda a, b: a + b),
    "BROADCAST_ARGS": _broadcast_args,
    "BROADCAST_TO": _broadcast,
    "CAST": _cast,
    "CEIL": _numbers_only(np.ceil),
    "CONCATENATION": lambda operation, args: np.concatenate(args, axis=operation.integer("Axis")),
    "DIV": _divided,
    "EQUAL": all_equal,
    "EXPAND_DIMS": lambda operation, args: np.expand_dims(args[0], operation.whole(1)[0]),
    "FLOOR": _numbers_only(np.floor),
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
    "RANGE": _range,
    "REDUCE_MAX": _reduced(each_max),
    "REDUCE_MIN": _reduced(each_min),
    "REDUCE_PROD": _reduced(lambda a, b: a * b),
    "RESHAPE": _reshape,
    "ROUND": _numbers_only(np.round),
    "SELECT": lambda _, args: np.where(args[0], args[1], args[2]),
    "SELECT_V2": lambda _, args: np.where(args[0], args[1], args[2]),
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_by_sizes,
    "SQRT": _numbers_only(np.sqrt),
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _slice,
    "SUB": arithmetic(lambda a, b: a - b),
    "SUM": _reduced(lambda a, b: a + b),
    "TILE": _tile,
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
    function, given = FOLDS.get(operation.op), operation.given
    if function is None or not given or operation.then or operation.past is not None:
        return None
    for value in given:
        if value.data is None or value.edge is not None:
            return None
    arrays = [np.asarray(value.data) for value in given]
    differs = varied(arrays)
    if differs is not None and any(array.dtype.kind == "f" for array in arrays):
        operator.index(differs)  # floats are rounded: each of many designs for itself
    try:
        made = function(operation, arrays)
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError, np.exceptions.AxisError):
        if differs is not None:
            operator.index(differs)
        return None
    except (AttributeError, Undecided):
        if differs is not None:
            operator.index(differs)  # what is not worked out for many designs at once is for each
        raise
    results = made if isinstance(made, tuple) else (made,)
    if any(_is_too_large(np.asarray(array)) for array in results):
        return None
    weights = tuple(dict.fromkeys(weight for value in given for weight in value.weights))
    computed = any(value.computed for value in given)
    return tuple(_value(array, operation, place, weights, computed) for place, array in enumerate(results))


def _is_too_large(array: Any) -> bool:
    """Tell whether an array is too large to be kept for what it may say of shapes or masks."""
    if array.size <= (MOST_FLOATS if array.dtype.kind == "f" else MOST_KNOWN):
        return False
    return array.dtype.kind not in "bfiu" or not (
        may_be_structural(array) and is_structural(array, learned=True)
    )


def _value(array: Any, operation: Operation, place: int, weights: tuple[Any, ...], computed: bool) -> Value:
    made = constant_value(plain(np.asarray(array)))
    dtype = operation.node.dtypes[place] if place < len(operation.node.dtypes) else None
    spec = made.spec if made.spec is None or not dtype else replace(made.spec, dtype=dtype)
    return Value(
        spec, data=made.data, weights=weights if made.data.dtype.kind == "f" else (), computed=computed
    )
