"""Arithmetic on small tensors of integers that is done while the program is read: indices, mostly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import is_known, prod
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Undecided, default_axes
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value, numpy_name
from rfcalc.readers.torch.functions import MORE, Fold, bounded, elements, given, of_elements
from rfcalc.readers.torch.operation import Operation
from rfcalc.readers.torch.parameters import SHAPES_ALONE
from rfcalc.readers.torch.program import Tensor

MOST_KNOWN: Final = 1 << 16
"""Elements of a tensor of other numbers than those of masks that are kept."""


def _divide(operation: Operation, np: Any) -> Any:
    a, b = given(operation, "self", np), given(operation, "other", np)
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
    return function(given(operation, "self", np), operation.integer("diagonal", 0))


def _reversed(operation: Operation, np: Any) -> Any:
    if operation.raw("alpha", 1) != 1:
        raise Undecided
    return np.subtract(given(operation, "other", np), given(operation, "self", np))


def _where(operation: Operation, np: Any) -> Any:
    return np.where(*(given(operation, name, np) for name in ("condition", "self", "other")))


def _masked_fill(operation: Operation, np: Any) -> Any:
    x, mask, value = (given(operation, name, np) for name in ("self", "mask", "value"))
    return np.where(mask, value, x)


def _copied(operation: Operation, np: Any) -> Any:
    return np.broadcast_to(given(operation, "src", np), operation.recorded[0])


def _key(operation: Operation, np: Any) -> tuple[Any, ...]:
    """Return the places that an indexing names, along all axes."""
    return tuple(
        slice(None) if raw is None else np.asarray(elements(operation.as_value(raw)))
        for raw in operation.call.args["indices"]
    )


def _put(operation: Operation, np: Any) -> Any:
    if operation.flag("accumulate"):
        raise Undecided
    found = given(operation, "self", np).copy()
    found[_key(operation, np)] = given(operation, "values", np)
    return found


def _index_filled(operation: Operation, np: Any) -> Any:
    found = given(operation, "self", np).copy()
    axis = operation.axis("dim", found.ndim)
    found[(slice(None),) * axis + (given(operation, "index", np),)] = given(operation, "value", np)
    return found


def _diagonal_filled(operation: Operation, np: Any) -> Any:
    found = given(operation, "self", np).copy()
    np.fill_diagonal(found, operation.raw("fill_value"), wrap=operation.flag("wrap"))
    return found


def _select(operation: Operation, np: Any) -> Any:
    array = given(operation, "self", np)
    return array[(slice(None),) * operation.axis("dim", array.ndim) + (operation.integer("index"), ...)]


def _narrowed(operation: Operation, np: Any) -> Any:
    array = given(operation, "self", np)
    start = operation.integer("start")
    place = slice(start, start + operation.integer("length"))
    return array[(slice(None),) * operation.axis("dim", array.ndim) + (place,)]


def _parts(operation: Operation, np: Any) -> Any:
    """Parts of an axis, as long as the program records them; without that axis where it is taken apart."""
    array = given(operation, "self", np)
    axis = operation.axis("dim", array.ndim, 0)
    made, start = [], 0
    for shape in operation.recorded:
        whole = len(shape) == array.ndim
        place = slice(start, start + shape[axis]) if whole else start
        made.append(array[(slice(None),) * axis + (place, ...)])  # an element alone would be no view
        start += shape[axis] if whole else 1
    return tuple(made)


def _filled_tensor(operation: Operation, np: Any) -> Any:
    return np.full(operation.recorded[0], given(operation, "value", np))


def _eye(operation: Operation, np: Any) -> Any:
    return np.eye(*operation.recorded[0])


def _repeat(operation: Operation, np: Any) -> Any:
    array, repeats = given(operation, "self", np), operation.integers("repeats")
    bounded((*array.shape, *repeats))
    return np.tile(array, repeats)


def _differences(operation: Operation, np: Any) -> Any:
    joined = [given(operation, "self", np)]
    axis = operation.axis("dim", joined[0].ndim, -1)
    for name, place in (("prepend", 0), ("append", len(joined) + 1)):
        if operation.call.args.get(name) is not None:
            joined.insert(place, given(operation, name, np))
    return np.diff(np.concatenate(joined, axis=axis), operation.integer("n", 1), axis)


def _arange(operation: Operation, np: Any) -> Any:
    start, end, step = (
        operation.raw(name, other) for name, other in (("start", 0), ("end", None), ("step", 1))
    )
    bounded((abs(int((end - start) / step)),))
    return np.arange(start, end, step)


def _filled(number: int) -> Fold:
    return lambda operation, np: np.full(operation.recorded[0], number)


def _full(operation: Operation, np: Any) -> Any:
    return np.full(operation.recorded[0], operation.raw("fill_value"))


def _scalar(operation: Operation, np: Any) -> Any:
    return np.asarray(operation.raw("s"))


def _shaped(operation: Operation, np: Any) -> Any:
    return given(operation, "self", np).reshape(operation.recorded[0])


def _same(operation: Operation, np: Any) -> Any:
    return given(operation, "self", np)


def _expand(operation: Operation, np: Any) -> Any:
    return np.broadcast_to(given(operation, "self", np), operation.recorded[0])


def _slice(operation: Operation, np: Any) -> Any:
    array = given(operation, "self", np)
    key = [slice(None)] * array.ndim
    bounds = (operation.raw(name, other) for name, other in (("start", None), ("end", None), ("step", 1)))
    key[operation.axis("dim", array.ndim, 0)] = slice(*bounds)
    return array[tuple(key)]


def _index(operation: Operation, np: Any) -> Any:
    return given(operation, "self", np)[_key(operation, np)]


def _meshgrid(operation: Operation, np: Any) -> Any:
    arrays = [np.asarray(elements(value)) for value in operation.several("tensors")]
    return tuple(np.meshgrid(*arrays, indexing=operation.text("indexing", "ij")))


def _joined(function: str) -> Fold:
    def fold(operation: Operation, np: Any) -> Any:
        arrays = [np.asarray(elements(value)) for value in operation.several("tensors")]
        return getattr(np, function)(arrays, axis=operation.integer("dim", 0))

    return fold


def _transpose(operation: Operation, np: Any) -> Any:
    return np.swapaxes(given(operation, "self", np), operation.integer("dim0"), operation.integer("dim1"))


def _rolled(operation: Operation, np: Any) -> Any:
    return np.roll(
        given(operation, "self", np), operation.integers("shifts"), operation.integers("dims", ()) or None
    )


_FOLDS: Final[dict[str, Fold]] = {
    **MORE,
    "aten.rsub": _reversed,
    "aten.tril": _triangle,
    "aten.triu": _triangle,
    "aten.where": _where,
    "aten.masked_fill": _masked_fill,
    "aten.fill": _filled_tensor,
    "aten.eye": _eye,
    "aten.repeat": _repeat,
    "aten.diff": _differences,
    "aten.div": _divide,
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
    "aten.meshgrid": _meshgrid,
    "aten.cat": _joined("concatenate"),
    "aten.stack": _joined("stack"),
    "aten.expand": _expand,
    "aten.broadcast_to": _expand,
    "aten.transpose": _transpose,
    "aten.permute": lambda operation, np: np.transpose(
        given(operation, "self", np), operation.integers("dims")
    ),
    "aten.flip": lambda operation, np: np.flip(given(operation, "self", np), operation.integers("dims")),
    "aten.roll": _rolled,
    "aten.select": _select,
    "aten.narrow": _narrowed,
    "aten.t": lambda operation, np: given(operation, "self", np).T,
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
"""What operators do to arrays, beside those whose names numpy knows."""


def fold_of(op: str) -> Fold:
    """Return what an operator does to arrays, as far as that is known."""
    return _FOLDS.get(op, of_elements)


def fold(operation: Operation) -> tuple[Value, ...] | None:
    """Evaluate a call on known arguments; None where that cannot be done.

    Results are small tensors, and those of any size that are masks or become some.
    """
    metas = [meta for _, meta in operation.call.outputs if isinstance(meta, Tensor)]
    if not all(_is_small(meta) for meta in metas):
        return None
    shapes_alone = operation.op.partition(".")[2] in SHAPES_ALONE
    for value in () if shapes_alone else operation.given:
        if value.data is None or value.edge is not None or value.weights:
            return None
    try:
        import numpy as np

        with np.errstate(all="ignore"):
            made = fold_of(operation.op)(operation, np)
        arrays = made if isinstance(made, tuple) else (made,)
        return tuple(_value(each, meta, np) for each, meta in zip(arrays, metas, strict=True))
    except (Undecided, AnalysisError, ValueError, TypeError, LookupError, ArithmeticError, ImportError):
        return None


_RANDOM: Final = frozenset(
    (
        *("rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "randperm", "normal"),
        *("uniform", "exponential", "cauchy", "log_normal", "geometric", "random", "bernoulli"),
        *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"),
    )
)
"""Operators whose results are numbers as they come, no masks."""

_PICKING: Final = frozenset(("index", "_unsafe_index", "index_select", "embedding", "gather", "take"))
"""Operators that pick elements of their first tensor, whichever the others say."""


def unread(operation: Operation, made: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return results of which those constants are told that may be masks: they are not known, nor learned."""
    open_ = [value.edge is None and value.data is None and value.mask is None for value in made]
    name = operation.op.partition(".")[2]
    if not any(open_) or name in _RANDOM:
        return made
    given = operation.given[:1] if name in _PICKING else operation.given
    if any(value.weights for value in given) and not any(value.unread for value in given):
        return made
    return tuple(
        replace(value, unread=True) if each else value for value, each in zip(made, open_, strict=True)
    )


def _value(array: Any, meta: Tensor, np: Any) -> Value:
    """Return a constant; of many numbers none are kept but those of a mask."""
    found = np.asarray(array, dtype=numpy_name(meta.dtype)).reshape(meta.shape)
    spec = TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype)
    return Value(spec, data=found if is_kept(found) else None)


def is_kept(array: Any) -> bool:
    """Tell whether elements are kept: few, or those of a mask."""
    return array.size <= MOST_KNOWN or (may_be_structural(array) and is_structural(array))


def _is_small(meta: Tensor) -> bool:
    numbers = meta.dtype.startswith(("int", "uint", "bool", "float", "bfloat"))
    return numbers and all(map(is_known, meta.shape)) and prod(meta.shape) <= MOST_MASKED
