"""Operations on constants that are evaluated while a file is read, and which of the results are kept."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np

from rfcalc.algebra.number import is_known, prod
from rfcalc.readers.lowering.arrays import Fold, hold_formulas, varied
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value

MOST_KNOWN: Final = 1 << 16
"""Elements of a constant of integers that are kept; indices and shapes have fewer."""

MOST_FLOATS: Final = 64
"""Elements of a constant of floats that are kept; scales and the like have fewer."""


def evaluated(
    function: Fold | None,
    operation: Any,
    given: Sequence[Value],
    rounds: Callable[[Any], bool] | None = None,
) -> list[Any] | None:
    """Return what an operation makes of known arrays; None where they are not known, or it cannot be said.

    Parameters
    ----------
    function : callable, optional
        What the operation does to arrays.
    operation : object
        The operation, for the function.
    given : sequence of Value
        What it takes.
    rounds : callable, optional
        Tells of the operation whether it works on floats, or makes them, even where formulas stand for these.

    Raises
    ------
    Undecided
        The result depends on an extent that is open.
    """
    if function is None or not given:
        return None
    for value in given:
        if value.data is None or value.edge is not None:
            return None
    arrays = [np.asarray(value.data) for value in given]
    differs = varied(arrays)
    if differs is not None:
        floats = any(array.dtype.kind == "f" for array in arrays)
        if floats or (rounds is not None and rounds(operation)):
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
    results = [np.asarray(array) for array in (made if isinstance(made, tuple) else (made,))]
    return results if all(map(is_kept, results)) else None


def is_kept(array: Any) -> bool:
    """Tell whether an array is small enough to be kept, or a mask."""
    if array.size <= (MOST_FLOATS if array.dtype.kind == "f" else MOST_KNOWN):
        return True
    return array.dtype.kind in "bfiu" and may_be_structural(array) and is_structural(array, learned=True)


def bounded(extents: Iterable[Any]) -> None:
    """Refuse to make an array of so many elements that it is no mask either.

    Raises
    ------
    Undecided
    """
    if prod(extents) > MOST_MASKED:
        raise Undecided


# ---- what operations of several formats do ----------------------------------------------------------------


def truncated(a: Any, b: Any) -> Any:
    """Divide integers; what is left over is cut towards zero, where numpy rounds down.

    Raises
    ------
    Undecided
        By zero.
    """
    if (b == 0).any():
        raise Undecided
    return (np.abs(a) // np.abs(b)) * np.sign(a) * np.sign(b)


def reduced(each: Callable[[Any, Any], Any], array: Any, axes: Iterable[int], *, keep: bool) -> Any:
    """Reduce an array along axes, element by element, so that formulas are too.

    Raises
    ------
    Undecided
        There is nothing along one of them.
    """
    places = {axis % array.ndim for axis in axes}
    result = array
    for place in sorted(places, reverse=True):
        if result.shape[place] == 0:
            raise Undecided
        parts = np.moveaxis(result, place, 0)
        result = reduce(each, [np.asarray(part, dtype=array.dtype) for part in parts])
    result = np.asarray(result, dtype=array.dtype)
    shape = [1 if place in places else extent for place, extent in enumerate(array.shape)]
    return result.reshape(shape) if keep else result


def counted(_: Any, args: list[Any]) -> Any:
    """List numbers from a start to a limit by steps.

    Raises
    ------
    Undecided
        There are too many, or it depends on an open extent how many.
    """
    start, limit, step = (array.reshape(-1).tolist()[0] for array in args)
    if any(isinstance(each, float) for each in (start, limit, step)):
        count = max(math.ceil((limit - start) / step), 0)
        if count > MOST_KNOWN:
            raise Undecided
        return start + np.arange(count) * step
    if not all(map(is_known, (start, limit, step))) or step == 0 or abs((limit - start) // step) > MOST_KNOWN:
        raise Undecided
    return np.arange(start, limit, step, dtype=np.int64)


def stretched(array: Any, shape: Sequence[Any]) -> Any:
    """Stretch an array to a shape."""
    bounded(shape)
    return np.broadcast_to(array, shape).copy()


def tiled(array: Any, repeats: Sequence[Any]) -> Any:
    """Put copies of an array end to end."""
    bounded((*array.shape, *repeats))
    return np.tile(array, repeats)


def padded(array: Any, pairs: Sequence[tuple[int, int]], fill: Any) -> Any:
    """Put a number before and behind the elements of each axis.

    Raises
    ------
    Undecided
        Elements are cut instead, or there are too many.
    """
    if any(min(pair) < 0 for pair in pairs):
        raise Undecided
    bounded(extent + sum(pair) for extent, pair in zip(array.shape, pairs, strict=True))
    return np.pad(array, pairs, constant_values=np.asarray(fill).item())


def numbers_only(function: Callable[[Any], Any]) -> Fold:
    """Apply a function of single elements, which formulas have not."""

    def fold(_: Any, args: list[Any]) -> Any:
        if hold_formulas(args):
            raise Undecided
        return function(args[0])

    return fold
