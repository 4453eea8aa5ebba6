"""Which constants are masks: of their elements some are zero, or very negative, by their making.

Values of weights say nothing of an architecture; a constant that is 0 or very negative in some order does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.readers.lowering.value import Mask

VERY_NEGATIVE: Final = -1000.0
"""The largest number that hides a score from a softmax."""

FAINT: Final = -30.0
"""The largest number that all but hides one: a softmax leaves ``exp`` of it, 1e-13 of the weight or less."""

MOST_MASKED: Final = 1 << 22
"""Elements of a mask that is looked at."""


def mask_in(data: Any, *, learned: bool = False) -> Mask | None:
    """Return the mask that elements are: zeros in some order, or very negative ones among others.

    Parameters
    ----------
    data : array
        The elements.
    learned : bool
        Whether they may be weights: then zeros count that are all there is beside one other number, or that
        leave a band or a triangle. Of other constants they count where there are many, or in a vector any, as
        the ends of a window function are.
    """
    import numpy as np

    array = np.asarray(data)
    if array.ndim < 1 or array.dtype.kind not in "bfiu" or not 1 < array.size <= MOST_MASKED:
        return None
    if array.dtype.kind == "f":
        low = array <= VERY_NEGATIVE
        if low.all():
            return None
        if low.any():
            return Mask(~low, True, float(array[low].max()))
    zero = array == 0
    if zero.all() or not zero.any():
        return None
    rest = array[~zero]
    if (rest == rest[0]).all():
        return Mask(~zero, False)
    many = zero.ndim == 1 or 4 * np.count_nonzero(zero) >= zero.size
    return Mask(~zero, False) if many and (not learned or _is_band(~zero)) else None


def faint_in(data: Any) -> float | None:
    """Return the number of a mask of zeros and that one number, which all but hides; None where it is none.

    >>> import numpy as np
    >>> faint_in(np.array([[0.0, -100.0], [-100.0, 0.0]])), faint_in(np.array([[0.0, -1e9], [-1e9, 0.0]]))
    (-100.0, None)
    """
    import numpy as np

    array = np.asarray(data)
    if array.ndim < 2 or array.dtype.kind != "f" or not 1 < array.size <= MOST_MASKED:
        return None
    least = float(array.min())
    if not VERY_NEGATIVE < least <= FAINT or not ((array == 0) | (array == least)).all():
        return None
    return least if (array == 0).any() else None


def _is_band(alive: Any) -> bool:
    """Tell whether each row of matrices, or each column, is one run whose ends never move back.

    >>> import numpy as np
    >>> _is_band(np.tril(np.ones((4, 4))) > 0), _is_band(np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]]) > 0)
    (True, False)
    """
    import numpy as np

    if alive.ndim < 2 or min(alive.shape[-2:]) < 3:
        return False
    for matrices in (alive, alive.swapaxes(-1, -2)):
        length = matrices.shape[-1]
        first = matrices.argmax(axis=-1)
        last = length - 1 - matrices[..., ::-1].argmax(axis=-1)
        runs = matrices.any(axis=-1) & (matrices.sum(axis=-1) == last - first + 1)
        if runs.all() and (np.diff(first) >= 0).all() and (np.diff(last) >= 0).all():
            return True
    return False


def array_of(value: object) -> Any:
    """Return nested lists of numbers as an array; None where they are none, or too many.

    Raises
    ------
    ImportError
        numpy is not installed.
    """
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal length
        return None
    return array if array.dtype.kind in "bfiu" and array.size <= MOST_MASKED else None


def is_structural(array: Any, *, learned: bool = False) -> bool:
    """Tell whether elements are those of a mask, or of what masks are made from: all of them alike.

    `learned` says that they may be weights, whose values say nothing.
    """
    flat = array.reshape(-1)
    if not flat.size:
        return False
    return bool((flat == flat[0]).all()) or mask_in(array, learned=learned) is not None


def may_be_structural(array: Any) -> bool:
    """Tell by a few elements whether a tensor of floats may be a mask."""
    flat = array.reshape(-1)
    if flat.size > MOST_MASKED:
        return False
    some = [*flat[:64].tolist(), *flat[:: max(flat.size // 64, 1)][:65].tolist(), *flat[-1:].tolist()]
    return hints(some)  # those that `looked_at` names, without a list of their places


def looked_at(size: int) -> list[int]:
    """Return the places of the elements that `hints` is told of: the first, the last, and some between."""
    return [*range(min(size, 64)), *range(0, size, max(size // 64, 1))][: 64 + 65] + [size - 1][:size]


def hints(some: Sequence[Any]) -> bool:
    """Tell whether elements may be those of a mask: of two kinds, zeros or very negative ones among them."""
    if 0 in some or min(some, default=0.0) <= VERY_NEGATIVE:
        return True
    return len(set(some[:8])) <= 2 and len(set(some)) <= 2  # of most weights a few elements say that they are
