"""Arithmetic on constants that is done while the program is read: indices and masks, mostly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rfcalc.algebra.number import prod
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.jaxpr.operation import Operation
from rfcalc.readers.jaxpr.program import INLINED, SAME, Tensor, body_of
from rfcalc.readers.lowering.builder import Undecided, default_axes
from rfcalc.readers.lowering.folding import MOST_KNOWN, truncated
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value, numpy_name

Fold = Callable[[Any, Mapping[str, Any], tuple[Any, ...], tuple[int, ...]], Any]
"""From numpy, the settings, the operands and the recorded shape to the elements of the result."""


def _plain(function: str) -> Fold:
    return lambda np, params, given, shape: getattr(np, function)(*given)


def _along(function: str) -> Fold:
    def fold(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        (x,), axis = given, params["axis"]
        if params["reverse"]:
            x = np.flip(x, axis)
        made = getattr(np, function)(x, axis=axis)
        return np.flip(made, axis) if params["reverse"] else made

    return fold


def _reduced(function: str) -> Fold:
    return lambda np, params, given, shape: getattr(np, function)(given[0], axis=tuple(params["axes"]))


def _iota(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    axis = params["dimension"]
    line = np.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.broadcast_to(line, shape)


def _broadcast(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    kept = params["broadcast_dimensions"]
    thin = [1] * len(shape)
    for place, extent in zip(kept, given[0].shape, strict=True):
        thin[place] = extent
    return np.broadcast_to(given[0].reshape(thin), shape)


def _divide(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    a, b = given
    return a / b if a.dtype.kind == "f" else truncated(a, b)


def _remainder(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    if not np.all(given[1]):
        raise Undecided
    return np.fmod(*given)


def _select(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    which, *cases = given
    return np.choose(which.astype(int), np.broadcast_arrays(*cases)) if len(cases) < 32 else None


def _slice(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    starts, limits = params["start_indices"], params["limit_indices"]
    steps = params["strides"] or (1,) * len(starts)
    return given[0][tuple(map(slice, starts, limits, steps))]


def _rounded(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    (x,) = given
    even = "EVEN" in str(params.get("rounding_method")) or int(params.get("rounding_method", 0)) == 1
    return np.round(x) if even else np.where(x < 0, np.ceil(x - 0.5), np.floor(x + 0.5))


def _bits(function: str) -> Fold:
    def fold(np: Any, params: Mapping[str, Any], given: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        logical = given[0].dtype.kind == "b"
        return getattr(np, f"{'logical' if logical else 'bitwise'}_{function}")(*given)

    return fold


FOLDS: Final[Mapping[str, Fold]] = {
    **{
        name: _plain(name)
        for name in ("abs", "ceil", "cos", "exp", "floor", "log", "sign", "sin", "sqrt", "square")
    },
    "round": _rounded,
    "neg": _plain("negative"),
    "is_finite": _plain("isfinite"),
    "integer_pow": lambda np, params, given, shape: given[0] ** params["y"],
    "pow": lambda np, params, given, shape: np.power(*given),
    **{"add": _plain("add"), "sub": _plain("subtract"), "mul": _plain("multiply"), "div": _divide},
    **{"max": _plain("maximum"), "min": _plain("minimum"), "rem": _remainder},
    **{"eq": _plain("equal"), "ne": _plain("not_equal"), "lt": _plain("less"), "le": _plain("less_equal")},
    **{"gt": _plain("greater"), "ge": _plain("greater_equal")},
    **{"and": _bits("and"), "or": _bits("or"), "xor": _bits("xor")},
    "not": lambda np, params, given, shape: np.invert(given[0]),
    "clamp": lambda np, params, given, shape: np.clip(given[1], given[0], given[2]),
    "select_n": _select,
    "iota": _iota,
    "broadcast_in_dim": _broadcast,
    **dict.fromkeys(
        ("reshape", "squeeze", "expand_dims"), lambda np, params, given, shape: given[0].reshape(shape)
    ),
    "transpose": lambda np, params, given, shape: np.transpose(given[0], params["permutation"]),
    "concatenate": lambda np, params, given, shape: np.concatenate(given, params["dimension"]),
    "stack": lambda np, params, given, shape: np.stack(given, params["axis"]),
    "tile": lambda np, params, given, shape: np.tile(given[0], params["reps"]),
    "rev": lambda np, params, given, shape: np.flip(given[0], tuple(params["dimensions"])),
    "slice": _slice,
    **{"cumsum": _along("cumsum"), "cumprod": _along("cumprod")},
    **{"reduce_sum": _reduced("sum"), "reduce_max": _reduced("max"), "reduce_min": _reduced("min")},
    **{"reduce_and": _reduced("all"), "reduce_or": _reduced("any"), "reduce_prod": _reduced("prod")},
    **dict.fromkeys(SAME, lambda np, params, given, shape: given[0]),
}
"""What each primitive does to arrays."""


_EVALUATED: Final = frozenset(
    (
        *("scatter", "scatter-add", "scatter-mul", "scatter-min", "scatter-max", "scatter-sub"),
        *("scatter_add", "scatter_mul", "scatter_min", "scatter_max", "scatter_sub"),
        *("gather", "dynamic_slice", "dynamic_update_slice", "pad", "split", "sort", "top_k"),
        *("argmax", "argmin", "cummax", "cummin", "cumlogsumexp", "dot_general", "scan"),
        *("exp2", "expm1", "log1p", "tanh", "logistic", "erf", "rsqrt", "cbrt", "tan", "sinh", "cosh"),
        *("shift_left", "shift_right_logical", "shift_right_arithmetic"),
    )
)
"""Primitives that JAX is asked for itself: they have no effects, and end."""

_LONGEST: Final = 4096
"""Steps of a scan that is evaluated."""


def fold(operation: Operation) -> tuple[Value, ...] | None:
    """Evaluate a call on known operands; None where that cannot be done.

    Results are small tensors, as the matrices are by which images are resized, and masks of any size.
    """
    function = FOLDS.get(operation.op)
    if not all(map(_is_small, operation.call.metas)):
        return None
    for value in operation.given:
        if value.data is None or value.edge is not None or value.weights:
            return None
    if function is None:
        return _evaluated(operation)
    (meta,) = operation.call.metas
    try:
        import numpy as np

        given = tuple([np.asarray(value.data) for value in operation.given])
        with np.errstate(all="ignore"):
            return (_held(function(np, operation.params, given, meta.shape), meta),)
    except (Undecided, ValueError, TypeError, LookupError, ArithmeticError, ImportError):
        return None


def _evaluated(operation: Operation) -> tuple[Value, ...] | None:
    """Return what JAX itself makes of known operands; None where it is not asked, or cannot say."""
    primitive, metas = operation.call.primitive, operation.call.metas
    params = {name: value for name, value in operation.params.items() if name != "unused"}
    if primitive is None or not _may_evaluate(primitive.name, params):
        return None
    if primitive.name in ("dot_general", "scan") and sum(map(_size, operation.given)) > 2 * MOST_KNOWN:
        return None
    import jax.numpy as jnp
    import numpy as np

    try:
        given = [
            jnp.asarray(np.asarray(value.data), dtype="bool" if value.spec is None else value.spec.dtype)
            for value in operation.given
        ]
        made = primitive.bind(*given, **params)
        results = made if primitive.multiple_results else [made]
        return tuple([_held(np.asarray(each), meta) for each, meta in zip(results, metas, strict=True)])
    except Exception:  # whatever JAX raises; then its elements are not known
        return None


def _size(value: Value) -> int:
    return 0 if value.spec is None else int(prod(value.spec.shape))


def _may_evaluate(name: str, params: Mapping[str, Any]) -> bool:
    """Tell whether a primitive has no effects and ends soon, with the functions inside of it."""
    if name not in _EVALUATED:
        return False
    if name != "scan":
        return True
    return params["length"] <= _LONGEST and _is_plain(params["jaxpr"].jaxpr)


def _is_plain(jaxpr: Any) -> bool:
    """Tell whether a function holds nothing but primitives that are evaluated."""
    for eqn in jaxpr.eqns:
        body = body_of(eqn.params) if eqn.primitive.name in INLINED else None
        if body is not None:
            if not _is_plain(body[0]):
                return False
        elif eqn.primitive.name not in FOLDS and not _may_evaluate(eqn.primitive.name, eqn.params):
            return False
    return True


def _held(array: Any, meta: Tensor) -> Value:
    """Return elements as a constant.

    Raises
    ------
    Undecided
        There are too many, and they are no mask.
    """
    import numpy as np

    found = np.asarray(array, dtype=numpy_name(meta.dtype)).reshape(meta.shape)
    if found.size > MOST_KNOWN and not (may_be_structural(found) and is_structural(found)):
        raise Undecided
    return Value(TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype), data=found)


def constant(array: Any, meta: Tensor) -> Value:
    """Return an array that a function holds; of floats those of masks and single numbers alone are kept.

    Others may be weights that the function closes over, whose elements say nothing of an architecture.
    """
    import numpy as np

    spec = TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype)
    if not _is_small(meta):
        return Value(spec)
    try:
        value = _held(array, meta)
    except (Undecided, ValueError, TypeError, RuntimeError):
        return Value(spec)
    found = np.asarray(value.data)
    plain = found.dtype.kind in "biu" or found.size == 1
    return value if plain or (may_be_structural(found) and is_structural(found)) else Value(spec)


def _is_small(meta: Tensor) -> bool:
    numbers = meta.dtype.startswith(("int", "uint", "bool", "float", "bfloat")) and "_" not in meta.dtype
    return numbers and prod(meta.shape) <= MOST_MASKED and "float8" not in meta.dtype
