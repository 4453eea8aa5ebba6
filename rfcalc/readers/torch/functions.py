"""Functions of constants: of single elements by the names that numpy has for them, others from a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from rfcalc.algebra.number import prod
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mask_constants import MOST_MASKED
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.torch.operation import Operation

MOST_PRODUCTS: Final = 1 << 28
"""Products of elements that a sum of them has, all in all."""

Fold = Callable[[Operation, Any], Any]
"""From an operation and numpy to the elements of its result."""

_SPELLED: Final = {
    **{"abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh"},
    **{"atan": "arctan", "atanh": "arctanh", "atan2": "arctan2", "neg": "negative", "pow": "power"},
    **{"sgn": "sign", "round": "rint", "fix": "trunc", "sub": "subtract", "mul": "multiply"},
    **{"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater"},
    **{"ge": "greater_equal", "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor"},
    **{"bitwise_not": "invert", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"},
    **{"__lshift__": "left_shift", "__rshift__": "right_shift", "mm": "matmul", "bmm": "matmul"},
    **{"special_expm1": "expm1", "special_log1p": "log1p", "clamp_min": "maximum", "clamp_max": "minimum"},
    **{"true_divide": "divide", "mv": "matmul"},
}
"""What numpy calls functions that it spells otherwise."""


def given(operation: Operation, name: str, np: Any) -> Any:
    """Return the elements of an argument.

    Raises
    ------
    Undecided
        They are not known.
    """
    return np.asarray(elements(operation[name]))


def elements(value: Value) -> Any:
    """Return the elements of a constant.

    Raises
    ------
    Undecided
        They are not known.
    """
    if value.data is None or value.edge is not None:
        raise Undecided
    return value.data


def of_elements(operation: Operation, np: Any) -> Any:
    """Apply the function of single elements, or the matrix product, that numpy has under this name.

    Raises
    ------
    Undecided
        It has none, or none that takes so many.
    """
    name = operation.op.partition(".")[2]
    function = getattr(np, _SPELLED.get(name, name), None)
    args = [each for each in operation.call.args if each != "alpha"]
    if not isinstance(function, np.ufunc) or function.nin != len(args):
        raise Undecided
    operands = [given(operation, each, np) for each in args]
    if function is np.matmul:
        bounded((*operation.recorded[0], operands[0].shape[-1]), MOST_PRODUCTS)
    kinds = [each.dtype for each in operands if each.ndim and each.dtype.kind == "f"]
    if kinds:  # a number takes the type of the tensor beside it
        operands = [each if each.ndim else each.astype(kinds[0]) for each in operands]
    if "alpha" in operation.call.args:
        operands[-1] = operands[-1] * operation.raw("alpha")
    return function(*operands)


def bounded(extents: Iterable[Any], most: int = MOST_MASKED) -> None:
    """Refuse to make so many elements, as what is recorded wrongly may ask for.

    Raises
    ------
    Undecided
    """
    if prod(extents) > most:
        raise Undecided


def _finite(operation: Operation, np: Any) -> Any:
    names = {"nan": 0.0, "posinf": None, "neginf": None}
    ends = {name: operation.raw(name, usual) for name, usual in names.items()}
    return np.nan_to_num(given(operation, "self", np), **ends)


def _clamped(operation: Operation, np: Any) -> Any:
    ends = [
        None if operation.call.args.get(name) is None else given(operation, name, np)
        for name in ("min", "max")
    ]
    return np.clip(given(operation, "self", np), *ends)


def _reduced(operation: Operation, np: Any) -> Any:
    """Reduce axes, or all of them; the largest along an axis with its place is two results."""
    if len(operation.recorded) != 1 or "other" in operation.call.args or "dtype" in operation.call.args:
        raise Undecided
    x = given(operation, "self", np)
    axes = operation.axes("dim", x.ndim)
    name = operation.op.partition(".")[2]
    if name.startswith("arg"):
        axis = None if axes is None else axes[0]
        return getattr(np, name)(x, axis=axis).reshape(operation.recorded[0])
    return getattr(np, name)(x, axis=axes, keepdims=operation.flag("keepdim"))


def _cumulated(operation: Operation, np: Any) -> Any:
    function = getattr(np, operation.op.removeprefix("aten."))
    return function(given(operation, "self", np), axis=operation.integer("dim"))


def _softmax(operation: Operation, np: Any) -> Any:
    x = given(operation, "self", np)
    axis = operation.axis("dim", x.ndim)
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def _gathered(operation: Operation, np: Any) -> Any:
    x, index = given(operation, "self", np), given(operation, "index", np)
    axis = operation.axis("dim", x.ndim)
    places = tuple(slice(None) if k == axis else slice(index.shape[k]) for k in range(x.ndim))
    return np.take_along_axis(x[places], index, axis)


def _scattered(operation: Operation, np: Any) -> Any:
    name = "value" if "value" in operation.call.args else "src"
    found, index = given(operation, "self", np).copy(), given(operation, "index", np)
    if "reduce" in operation.call.args:
        raise Undecided
    axis = operation.axis("dim", found.ndim)
    written = given(operation, name, np)
    written = written[tuple(map(slice, index.shape))] if written.ndim else written
    inside = tuple(slice(None) if k == axis else slice(index.shape[k]) for k in range(found.ndim))
    np.put_along_axis(found[inside], index, written, axis)
    return found


def _selected(operation: Operation, np: Any) -> Any:
    x = given(operation, "self", np)
    return np.take(x, given(operation, "index", np), axis=operation.axis("dim", x.ndim))


def _einsum(operation: Operation, np: Any) -> Any:
    operands = [np.asarray(elements(each)) for each in operation.several("tensors")]
    equation = operation.text("equation").replace(" ", "")
    if "." in equation:
        raise Undecided
    terms = equation.partition("->")[0].split(",")
    extents = {
        letter: extent
        for term, each in zip(terms, operands, strict=True)
        for letter, extent in zip(term, each.shape, strict=True)
    }
    bounded(extents.values(), MOST_PRODUCTS)
    return np.einsum(equation, *operands)


def _lined(operation: Operation, np: Any) -> Any:
    steps = operation.integer("steps")
    bounded((steps,))
    return np.linspace(operation.raw("start"), operation.raw("end"), steps)


def _triangular(operation: Operation, np: Any) -> Any:
    row, column = operation.integer("row"), operation.integer("col")
    bounded((row, column))
    function = getattr(np, operation.op.removeprefix("aten."))
    return np.stack(function(row, operation.integer("offset", 0), column))


def _padded(operation: Operation, np: Any) -> Any:
    x, pads = given(operation, "self", np), operation.integers("pad")
    if operation.text("mode", "constant") != "constant":
        raise Undecided
    pairs = [(0, 0)] * (x.ndim - len(pads) // 2) + list(zip(pads[-2::-2], pads[-1::-2], strict=True))
    cut = tuple(slice(max(-a, 0), extent - max(-b, 0)) for (a, b), extent in zip(pairs, x.shape, strict=True))
    bounded(extent + max(a, 0) + max(b, 0) for (a, b), extent in zip(pairs, x.shape, strict=True))
    wide = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return np.pad(x[cut], wide, constant_values=operation.raw("value", 0) or 0)


def _diagonals(operation: Operation, np: Any) -> Any:
    x, offset = given(operation, "self", np), operation.raw("diagonal", operation.raw("offset", 0))
    if operation.op == "aten.diag":
        return np.diag(x, offset)
    return np.diagonal(x, offset, operation.integer("dim1", 0), operation.integer("dim2", 1))


def _repeated(operation: Operation, np: Any) -> Any:
    repeats = operation.integer("repeats")
    x = given(operation, "self", np)
    bounded((*x.shape, repeats))
    return np.repeat(x, repeats, axis=operation.raw("dim"))


def _one_hot(operation: Operation, np: Any) -> Any:
    return np.eye(operation.recorded[0][-1])[given(operation, "self", np)]


def _choice(function: Callable[[Any, Any], Any]) -> Fold:
    return lambda operation, np: function(given(operation, "self", np), np)


MORE: Final[dict[str, Fold]] = {
    "aten.nan_to_num": _finite,
    **dict.fromkeys(("aten.clamp", "aten.clip"), _clamped),
    **dict.fromkeys(
        (
            *("aten.sum", "aten.mean", "aten.prod", "aten.amax", "aten.amin", "aten.max", "aten.min"),
            *("aten.any", "aten.all", "aten.argmax", "aten.argmin"),
        ),
        _reduced,
    ),
    **dict.fromkeys(("aten.cumsum", "aten.cumprod"), _cumulated),
    **dict.fromkeys(("aten.softmax", "aten._softmax"), _softmax),
    "aten.gather": _gathered,
    "aten.scatter": _scattered,
    "aten.index_select": _selected,
    "aten.einsum": _einsum,
    "aten.linspace": _lined,
    **dict.fromkeys(("aten.tril_indices", "aten.triu_indices"), _triangular),
    **dict.fromkeys(("aten.pad", "aten.constant_pad_nd"), _padded),
    **dict.fromkeys(("aten.diag", "aten.diagonal"), _diagonals),
    "aten.repeat_interleave": _repeated,
    "aten.one_hot": _one_hot,
    "aten.outer": lambda operation, np: np.outer(given(operation, "self", np), given(operation, "vec2", np)),
    "aten.sigmoid": _choice(lambda x, np: 1 / (1 + np.exp(-x))),
    "aten.relu": _choice(lambda x, np: np.maximum(x, 0)),
    "aten.rsqrt": _choice(lambda x, np: 1 / np.sqrt(x)),
    "aten.reciprocal": _choice(lambda x, np: 1 / x),
    "aten.softplus": _choice(lambda x, np: np.logaddexp(x, 0)),
    "aten.isposinf": _choice(lambda x, np: x == np.inf),
    "aten.isneginf": _choice(lambda x, np: x == -np.inf),
}
"""What else operators do to arrays."""
