"""Arithmetic on shapes, done while the file is read; where extents are open, on formulas.

Elements are numpy arrays, of integers where all are known and of objects where some are formulas; numpy
applies the same operators to both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from rfcalc.errors import AnalysisError
from rfcalc.readers.lowering.arrays import (
    Fold,
    Ratio,
    all_equal,
    arithmetic,
    compared,
    constant_value,
    each_max,
    each_min,
    each_quotient,
    each_whole,
    extreme,
    hold_formulas,
    plain,
    whole,
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
from rfcalc.readers.lowering.masks import mask_of
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.onnx.operation import Operation
from rfcalc.readers.onnx.tensors import dtype_name


def _are_floats(operation: Operation) -> bool:
    return any(value.spec is not None and value.spec.dtype.startswith("float") for value in operation.given)


def _rounds(operation: Operation) -> bool:
    makes_floats = operation.op == "Cast" and dtype_name(operation.integer("to", 7)).startswith("float")
    return makes_floats or _are_floats(operation)


def _divided(operation: Operation, args: list[Any]) -> Any:
    a, b = args
    if hold_formulas(args):
        return each_quotient(a, b) if _are_floats(operation) else a // b
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return a / b
    return truncated(a, b)


def _cast(operation: Operation, args: list[Any]) -> Any:
    (array,) = args
    code = operation.integer("to", 7)
    name = dtype_name(code)
    if array.dtype.kind == "O":
        return array if name.startswith("float") else _each_rounded(array, False)
    try:
        kind = np.dtype(name)
    except TypeError:
        raise Undecided from None
    with np.errstate(invalid="ignore"):
        return array.astype(kind)


def _round_one(value: Any, up: bool) -> Any:
    return value.rounded(up=up) if isinstance(value, Ratio) else whole(value)


_each_rounded = np.frompyfunc(_round_one, 2, 1)


def _rounded(function: Callable[[Any], Any], *, up: bool | None = None) -> Fold:
    def fold(_: Operation, args: list[Any]) -> Any:
        if args[0].dtype.kind == "O":
            if up is None:
                raise Undecided
            return _each_rounded(args[0], up)
        return args[0] if args[0].dtype.kind not in "f" else function(args[0])

    return fold


def _clip(operation: Operation, args: list[Any]) -> Any:
    result = args[0]
    for place, (each, at_once) in ((1, (each_max, np.maximum)), (2, (each_min, np.minimum))):
        bound = operation.optional(place)
        limit = None if bound is None else bound.data
        if limit is None and operation.opset < 11:
            limit = operation.attributes.get("min" if place == 1 else "max")
        if limit is not None:
            result = each(result, each_whole(limit)) if result.dtype.kind == "O" else at_once(result, limit)
    return result


def _slice(operation: Operation, args: list[Any]) -> Any:
    if "starts" in operation.attributes:
        starts, ends = operation.integers("starts") or (), operation.integers("ends") or ()
        axes, steps = operation.integers("axes"), None
    else:
        starts, ends = operation.whole(1) or (), operation.whole(2) or ()
        axes, steps = operation.whole(3), operation.whole(4)
    key = [slice(None)] * args[0].ndim
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        step = 1 if steps is None else steps[k]
        stop: int | None = end
        extent = args[0].shape[k if axes is None else axes[k]]
        if step < 0 and end < -extent:
            stop = None
        # before the first element is the first one, where numpy takes none
        first = 0 if step < 0 and start < -extent else start
        key[k if axes is None else axes[k]] = slice(first, stop, step)
    return args[0][tuple(key)]


def _axes(operation: Operation, name: str = "axes") -> tuple[int, ...] | None:
    return operation.either(1, name)


def _unsqueeze(operation: Operation, args: list[Any]) -> Any:
    axes = _axes(operation) or ()
    rank = args[0].ndim + len(axes)
    result = args[0]
    for axis in sorted(axis % rank for axis in axes):
        result = np.expand_dims(result, axis)
    return result


def _squeeze(operation: Operation, args: list[Any]) -> Any:
    axes = _axes(operation)
    return np.squeeze(args[0], axis=None if not axes else tuple(axes))


def _reduced(each: Callable[[Any, Any], Any]) -> Fold:
    def fold(operation: Operation, args: list[Any]) -> Any:
        array, axes = args[0], _axes(operation)
        if not axes and operation.integer("noop_with_empty_axes", 0):
            return array
        return reduced(each, array, axes or range(array.ndim), keep=bool(operation.integer("keepdims", 1)))

    return fold


def _expand(operation: Operation, args: list[Any]) -> Any:
    return stretched(args[0], np.broadcast_shapes(args[0].shape, tuple(operation.whole(1) or ())))


def _trilu(operation: Operation, args: list[Any]) -> Any:
    diagonal = operation.whole(1) or (0,)
    if args[0].dtype.kind == "O":
        raise Undecided
    return (np.triu if operation.integer("upper", 1) else np.tril)(args[0], int(diagonal[0]))


def _reshape(operation: Operation, args: list[Any]) -> Any:
    target = operation.whole(1) if len(operation.inputs) > 1 else operation.integers("shape")
    keep = not operation.integer("allowzero", 0)
    shape = [
        args[0].shape[place] if keep and extent == 0 and place < args[0].ndim else extent
        for place, extent in enumerate(target or ())
    ]
    return args[0].reshape(shape)


def _replacing(operation: Operation) -> None:
    """Refuse updates that are added to what is there, or otherwise reduced with it."""
    if operation.text("reduction", "none") != "none":
        raise Undecided


def _scatter_nd(operation: Operation, args: list[Any]) -> Any:
    _replacing(operation)
    data, indices, updates = args
    result = np.array(data, dtype=object if updates.dtype.kind == "O" else data.dtype)
    depth = indices.shape[-1]
    rows = indices.reshape(-1, depth)
    values = updates.reshape((len(rows), *data.shape[depth:]))
    for row, value in zip(rows, values, strict=True):
        result[tuple(int(each) for each in row)] = value
    return result


def _scatter_elements(operation: Operation, args: list[Any]) -> Any:
    _replacing(operation)
    data, indices, updates = args
    if data.ndim != 1:
        raise Undecided
    result = np.array(data, dtype=object if updates.dtype.kind == "O" else data.dtype)
    for index, value in zip(indices.tolist(), updates.tolist(), strict=True):
        result[index] = value
    return result


def _split(operation: Operation, args: list[Any]) -> Any:
    axis = operation.integer("axis", 0)
    sizes = operation.whole(1) if len(operation.inputs) > 1 else None
    sizes = operation.integers("split") if sizes is None else sizes
    if sizes is None:  # equal parts, the last one shorter
        parts = len(operation.node.outputs)
        each = -(-args[0].shape[axis] // parts)
        return tuple(np.split(args[0], range(each, each * parts, each), axis=axis))
    return tuple(np.split(args[0], np.cumsum(sizes)[:-1], axis=axis))


def _pad(operation: Operation, args: list[Any]) -> Any:
    if operation.text("mode", "constant") != "constant" or operation.optional(3) is not None:
        raise Undecided
    pads = operation.whole(1) if len(operation.inputs) > 1 else operation.integers("pads")
    half = len(pads or ()) // 2
    pairs = list(zip((pads or ())[:half], (pads or ())[half:], strict=True))
    filling = operation.optional(2)
    return padded(args[0], pairs, operation.attributes.get("value", 0) if filling is None else filling.data)


def _mod(operation: Operation, args: list[Any]) -> Any:
    if args[1].dtype.kind != "O" and (args[1] == 0).any():
        raise Undecided
    if operation.integer("fmod", 0):  # the sign of the dividend, as in C
        return np.fmod(*args)
    return args[0] % args[1]


def _power(_: Operation, args: list[Any]) -> Any:
    if hold_formulas(args):
        raise Undecided
    return np.power(args[0].astype(float), args[1]).astype(args[0].dtype)


FOLDS: Final[dict[str, Fold]] = {
    "Abs": numbers_only(np.abs),
    "Add": arithmetic(lambda a, b: a + b),
    "And": lambda _, args: args[0] & args[1],
    "Cast": _cast,
    "Ceil": _rounded(np.ceil, up=True),
    "Clip": _clip,
    "Concat": lambda operation, args: np.concatenate(args, axis=operation.integer("axis", 0)),
    "Div": _divided,
    "Equal": all_equal,
    "Expand": _expand,
    "Floor": _rounded(np.floor, up=False),
    "Gather": lambda operation, args: np.take(
        args[0], args[1].astype(np.int64), axis=operation.integer("axis", 0)
    ),
    "Greater": compared(lambda a, b: a > b),
    "GreaterOrEqual": compared(lambda a, b: a >= b),
    "Less": compared(lambda a, b: a < b),
    "LessOrEqual": compared(lambda a, b: a <= b),
    "Max": extreme(each_max, np.maximum),
    "Min": extreme(each_min, np.minimum),
    "Mod": _mod,
    "Mul": arithmetic(lambda a, b: a * b),
    "Neg": lambda _, args: -args[0],
    "Not": lambda _, args: ~args[0],
    "Or": lambda _, args: args[0] | args[1],
    "Pad": _pad,
    "Pow": _power,
    "Range": counted,
    "ReduceMax": _reduced(each_max),
    "ReduceMin": _reduced(each_min),
    "ReduceProd": _reduced(lambda a, b: a * b),
    "ReduceSum": _reduced(lambda a, b: a + b),
    "Reshape": _reshape,
    "Round": _rounded(np.round),
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _rounded(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": arithmetic(lambda a, b: a - b),
    "Tile": lambda operation, args: tiled(args[0], operation.whole(1) or ()),
    "Transpose": lambda operation, args: np.transpose(args[0], operation.integers("perm")),
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "Where": lambda _, args: np.where(args[0], args[1], args[2]),
}
"""What each operation does to arrays."""


_DECISIONS: Final = frozenset(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"))
"""Operations of which nothing is said where they can't be evaluated: what they decide may hide something."""

_SINGLE: Final = frozenset(("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "Pow"))
"""Operations on single elements: how masks go through them is known whatever the other operand."""


def unfolded(
    operation: Operation, read: Callable[[Operation], tuple[Value, ...]] | None, undecided: Undecided
) -> tuple[Value, ...]:
    """Return constants by their shapes, where their elements depend on an extent that is open.

    Raises
    ------
    Undecided
        Their shapes are not known either, or a mask goes where it cannot be followed.
    """
    if read is None or operation.op in _DECISIONS:
        raise undecided
    try:
        made = read(operation)
    except (AnalysisError, ValueError, TypeError, LookupError, ArithmeticError):
        raise undecided from None
    if operation.op in _SINGLE or all(mask_of(value) is None for value in operation.given):
        return made
    if any(value.mask is None for value in made):  # which elements it hides is lost
        raise undecided
    return made


def fold(operation: Operation) -> tuple[Value, ...] | None:
    """Evaluate an operation whose inputs are all known; None where they are not, or it is not one of these.

    Raises
    ------
    Undecided
        The result depends on an extent that is open.
    """
    given = operation.given
    arrays = evaluated(FOLDS.get(operation.op), operation, given, _rounds)
    if arrays is None:
        return None
    values = [_value(array, operation) for array in arrays]
    if any(value.computed for value in given):
        values = [replace(value, computed=True) for value in values]
    return tuple(values)


def _value(array: Any, operation: Operation) -> Value:
    made = constant_value(plain(array))
    if made.data.dtype.kind == "O":  # formulas have no type of their own
        typed = operation.given[1 if operation.op == "Where" else 0].spec
        dtype = "" if typed is None else typed.dtype
        if operation.op == "Cast":
            dtype = dtype_name(operation.integer("to", 7))
        return Value(replace(made.spec, dtype=dtype) if made.spec else None, data=made.data)
    if made.data.dtype.kind != "f":
        return made
    weights = tuple(dict.fromkeys(weight for value in operation.given for weight in value.weights))
    return Value(made.spec, data=made.data, weights=weights)
