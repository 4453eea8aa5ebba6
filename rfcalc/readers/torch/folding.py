"""Arithmetic on small tensors of integers that is done while the program is read: indices, mostly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rfcalc.algebra.number import is_known, prod
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Undecided, default_axes
from rfcalc.readers.lowering.masks import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value, numpy_name
from rfcalc.readers.torch.operation import Operation
from rfcalc.readers.torch.program import Tensor

MOST_KNOWN: Final = 1 << 16
"""Elements of a tensor that is evaluated."""

Fold = Callable[[Operation, Any], Any]
"""From an operation and numpy to the elements of its result."""


def _array(operation: Operation, name: str, np: Any) -> Any:
    return _elements(operation[name], np)


def _elements(value: Value, np: Any) -> Any:
    if value.data is None or value.edge is not None:
        raise Undecided
    return np.asarray(value.data)


def _binary(function: str) -> Fold:
    def fold(operation: Operation, np: Any) -> Any:
        if operation.raw("alpha", 1) != 1:
            raise Undecided
        return getattr(np, function)(_array(operation, "self", np), _array(operation, "other", np))

    return fold


def _unary(function: str) -> Fold:
    return lambda operation, np: getattr(np, function)(_array(operation, "self", np))


def _divide(operation: Operation, np: Any) -> Any:
    a, b = _array(operation, "self", np), _array(operation, "other", np)
    if not np.all(b):
        raise Undecided
    mode = operation.raw("rounding_mode")
    if mode is None:
        return a / b
    if mode != "floor":
        raise Undecided
    return a // b


def _triangle(operation: Operation, np: Any) -> Any:
    function = getattr(np, operation.op.removeprefix("aten."))
    return function(_array(operation, "self", np), operation.integer("diagonal", 0))


def _reversed(operation: Operation, np: Any) -> Any:
    if operation.raw("alpha", 1) != 1:
        raise Undecided
    return np.subtract(_array(operation, "other", np), _array(operation, "self", np))


def _where(operation: Operation, np: Any) -> Any:
    return np.where(*(_array(operation, name, np) for name in ("condition", "self", "other")))


def _masked_fill(operation: Operation, np: Any) -> Any:
    x, mask, value = (_array(operation, name, np) for name in ("self", "mask", "value"))
    return np.where(mask, value, x)


def _copied(operation: Operation, np: Any) -> Any:
    return np.broadcast_to(_array(operation, "src", np), operation.recorded[0])


def _key(operation: Operation, np: Any) -> tuple[Any, ...]:
    """Return the places that an indexing names, along all axes."""
    return tuple(
        slice(None) if raw is None else _elements(operation.as_value(raw), np)
        for raw in operation.call.args["indices"]
    )


def _put(operation: Operation, np: Any) -> Any:
    if operation.flag("accumulate"):
        raise Undecided
    found = _array(operation, "self", np).copy()
    found[_key(operation, np)] = _array(operation, "values", np)
    return found


def _index_filled(operation: Operation, np: Any) -> Any:
    found = _array(operation, "self", np).copy()
    axis = operation.axis("dim", found.ndim)
    found[(slice(None),) * axis + (_array(operation, "index", np),)] = _array(operation, "value", np)
    return found


def _diagonal_filled(operation: Operation, np: Any) -> Any:
    found = _array(operation, "self", np).copy()
    np.fill_diagonal(found, operation.raw("fill_value"), wrap=operation.flag("wrap"))
    return found


def _select(operation: Operation, np: Any) -> Any:
    array = _array(operation, "self", np)
    return array[(slice(None),) * operation.axis("dim", array.ndim) + (operation.integer("index"), ...)]


def _narrowed(operation: Operation, np: Any) -> Any:
    array = _array(operation, "self", np)
    start = operation.integer("start")
    place = slice(start, start + operation.integer("length"))
    return array[(slice(None),) * operation.axis("dim", array.ndim) + (place,)]


def _parts(operation: Operation, np: Any) -> Any:
    """Parts of an axis, as long as the program records them; without that axis where it is taken apart."""
    array = _array(operation, "self", np)
    axis = operation.axis("dim", array.ndim, 0)
    made, start = [], 0
    for shape in operation.recorded:
        whole = len(shape) == array.ndim
        place = slice(start, start + shape[axis]) if whole else start
        made.append(array[(slice(None),) * axis + (place, ...)])  # an element alone would be no view
        start += shape[axis] if whole else 1
    return tuple(made)


def _filled_tensor(operation: Operation, np: Any) -> Any:
    return np.full(operation.recorded[0], _array(operation, "value", np))


def _eye(operation: Operation, np: Any) -> Any:
    return np.eye(*operation.recorded[0])


def _repeat(operation: Operation, np: Any) -> Any:
    array, repeats = _array(operation, "self", np), operation.integers("repeats")
    return np.tile(array, repeats)


def _cumulated(operation: Operation, np: Any) -> Any:
    return np.cumsum(_array(operation, "self", np), axis=operation.integer("dim"))


def _differences(operation: Operation, np: Any) -> Any:
    joined = [_array(operation, "self", np)]
    axis = operation.axis("dim", joined[0].ndim, -1)
    for name, place in (("prepend", 0), ("append", len(joined) + 1)):
        if operation.call.args.get(name) is not None:
            joined.insert(place, _array(operation, name, np))
    return np.diff(np.concatenate(joined, axis=axis), operation.integer("n", 1), axis)


def _arange(operation: Operation, np: Any) -> Any:
    start, end, step = (
        operation.raw(name, other) for name, other in (("start", 0), ("end", None), ("step", 1))
    )
    return np.arange(start, end, step)


def _filled(number: int) -> Fold:
    return lambda operation, np: np.full(operation.recorded[0], number)


def _full(operation: Operation, np: Any) -> Any:
    return np.full(operation.recorded[0], operation.raw("fill_value"))


def _scalar(operation: Operation, np: Any) -> Any:
    return np.asarray(operation.raw("s"))


def _shaped(operation: Operation, np: Any) -> Any:
    return _array(operation, "self", np).reshape(operation.recorded[0])


def _same(operation: Operation, np: Any) -> Any:
    return _array(operation, "self", np)


def _expand(operation: Operation, np: Any) -> Any:
    return np.broadcast_to(_array(operation, "self", np), operation.recorded[0])


def _slice(operation: Operation, np: Any) -> Any:
    array = _array(operation, "self", np)
    key = [slice(None)] * array.ndim
    bounds = (operation.raw(name, other) for name, other in (("start", None), ("end", None), ("step", 1)))
    key[operation.axis("dim", array.ndim, 0)] = slice(*bounds)
    return array[tuple(key)]


def _index(operation: Operation, np: Any) -> Any:
    return _array(operation, "self", np)[_key(operation, np)]


def _gathered(operation: Operation, np: Any) -> Any:
    array, index = _array(operation, "self", np), _array(operation, "index", np)
    axis = operation.axis("dim", array.ndim)
    others = tuple(slice(None if k == axis else extent) for k, extent in enumerate(index.shape))
    return np.take_along_axis(array[others], index, axis)


def _einsum(operation: Operation, np: Any) -> Any:
    equation = operation.text("equation").replace(" ", "")
    arrays = [_elements(value, np) for value in operation.several("tensors")]
    terms = equation.partition("->")[0].split(",")
    shapes = zip(terms, arrays, strict=True)
    extents = dict(pair for term, array in shapes for pair in zip(term, array.shape, strict=True))
    if "." in equation or prod(extents.values()) > MOST_MASKED:
        raise Undecided
    return np.einsum(equation, *arrays)


def _meshgrid(operation: Operation, np: Any) -> Any:
    arrays = [_elements(value, np) for value in operation.several("tensors")]
    return tuple(np.meshgrid(*arrays, indexing=operation.text("indexing", "ij")))


def _joined(function: str) -> Fold:
    def fold(operation: Operation, np: Any) -> Any:
        arrays = [_elements(value, np) for value in operation.several("tensors")]
        return getattr(np, function)(arrays, axis=operation.integer("dim", 0))

    return fold


def _transpose(operation: Operation, np: Any) -> Any:
    return np.swapaxes(_array(operation, "self", np), operation.integer("dim0"), operation.integer("dim1"))


def _rolled(operation: Operation, np: Any) -> Any:
    return np.roll(
        _array(operation, "self", np), operation.integers("shifts"), operation.integers("dims", ()) or None
    )


FOLDS: Final[dict[str, Fold]] = {
    "aten.add": _binary("add"),
    "aten.sub": _binary("subtract"),
    "aten.rsub": _reversed,
    "aten.tril": _triangle,
    "aten.triu": _triangle,
    "aten.where": _where,
    "aten.masked_fill": _masked_fill,
    "aten.fill": _filled_tensor,
    "aten.eye": _eye,
    "aten.repeat": _repeat,
    "aten.cumsum": _cumulated,
    "aten.diff": _differences,
    "aten.__and__": _binary("bitwise_and"),
    "aten.__or__": _binary("bitwise_or"),
    "aten.logical_xor": _binary("logical_xor"),
    "aten.bitwise_xor": _binary("bitwise_xor"),
    "aten.isinf": _unary("isinf"),
    "aten.sign": _unary("sign"),
    "aten.mul": _binary("multiply"),
    "aten.div": _divide,
    "aten.floor_divide": _binary("floor_divide"),
    "aten.remainder": _binary("remainder"),
    "aten.maximum": _binary("maximum"),
    "aten.minimum": _binary("minimum"),
    "aten.bitwise_and": _binary("bitwise_and"),
    "aten.bitwise_or": _binary("bitwise_or"),
    "aten.logical_and": _binary("logical_and"),
    "aten.logical_or": _binary("logical_or"),
    "aten.eq": _binary("equal"),
    "aten.ne": _binary("not_equal"),
    "aten.lt": _binary("less"),
    "aten.le": _binary("less_equal"),
    "aten.gt": _binary("greater"),
    "aten.ge": _binary("greater_equal"),
    "aten.neg": _unary("negative"),
    "aten.abs": _unary("absolute"),
    "aten.bitwise_not": _unary("invert"),
    "aten.logical_not": _unary("logical_not"),
    "aten.arange": _arange,
    "aten.full": _full,
    "aten.full_like": _full,
    "aten.new_full": _full,
    "aten.new_ones": _filled(1),
    "aten.new_zeros": _filled(0),
    "aten.scalar_tensor": _scalar,
    "aten.zeros": _filled(0),
    "aten.zeros_like": _filled(0),
    "aten.ones": _filled(1),
    "aten.ones_like": _filled(1),
    "aten.slice": _slice,
    "aten.index": _index,
    "aten.gather": _gathered,
    "aten.einsum": _einsum,
    "aten.meshgrid": _meshgrid,
    "aten.cat": _joined("concatenate"),
    "aten.stack": _joined("stack"),
    "aten.expand": _expand,
    "aten.broadcast_to": _expand,
    "aten.transpose": _transpose,
    "aten.permute": lambda operation, np: np.transpose(
        _array(operation, "self", np), operation.integers("dims")
    ),
    "aten.flip": lambda operation, np: np.flip(_array(operation, "self", np), operation.integers("dims")),
    "aten.roll": _rolled,
    "aten.select": _select,
    "aten.narrow": _narrowed,
    "aten.t": lambda operation, np: _array(operation, "self", np).T,
    **dict.fromkeys(("aten.split", "aten.split_with_sizes", "aten.chunk", "aten.unbind"), _parts),
    "aten.copy": _copied,
    "aten.zero": _filled(0),
    "aten.index_put": _put,
    "aten.index_fill": _index_filled,
    "aten.fill_diagonal": _diagonal_filled,
    **dict.fromkeys(
        (
            "aten.clone",
            "aten.contiguous",
            "aten.detach",
            "aten.to",
            "aten._to_copy",
            "aten.alias",
            "aten.lift_fresh_copy",
        ),
        _same,
    ),
    **dict.fromkeys(
        (
            "aten.view",
            "aten.reshape",
            "aten.flatten",
            "aten.squeeze",
            "aten.unsqueeze",
            "aten.unflatten",
            "aten.ravel",
        ),
        _shaped,
    ),
}
"""What each operator does to arrays."""


def fold(operation: Operation) -> tuple[Value, ...] | None:
    """Evaluate a call on known arguments; None where that cannot be done.

    Results are small tensors of integers, and those of any type that are masks or become some.
    """
    function = FOLDS.get(operation.op)
    metas = [meta for _, meta in operation.call.outputs if isinstance(meta, Tensor)]
    if function is None or not all(_is_small(meta) for meta in metas):
        return None
    if any(value.data is None or value.edge is not None or value.weights for value in operation.given):
        return None
    try:
        import numpy as np

        with np.errstate(all="ignore"):
            made = function(operation, np)
        arrays = made if isinstance(made, tuple) else (made,)
        return tuple(_value(array, meta, np) for array, meta in zip(arrays, metas, strict=True))
    except (Undecided, ValueError, TypeError, LookupError, ArithmeticError, ImportError):
        return None


def _value(array: Any, meta: Tensor, np: Any) -> Value:
    """Return a constant; floats are kept of masks alone.

    Raises
    ------
    Undecided
        It holds other floats, whose elements say nothing of an architecture.
    """
    found = np.asarray(array, dtype=numpy_name(meta.dtype)).reshape(meta.shape)
    if found.dtype.kind not in "biu" and not (may_be_structural(found) and is_structural(found)):
        raise Undecided
    if found.dtype.kind in "iu" and found.size > MOST_KNOWN and not may_be_structural(found):
        raise Undecided
    return Value(TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype), data=found)


def _is_small(meta: Tensor) -> bool:
    numbers = meta.dtype.startswith(("int", "uint", "bool", "float", "bfloat"))
    return numbers and all(map(is_known, meta.shape)) and prod(meta.shape) <= MOST_MASKED
