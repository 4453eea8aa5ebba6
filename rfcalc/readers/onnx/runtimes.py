"""Where runtimes of ONNX part from its specification, or from each other: what they give, for a note.

Measured with onnxruntime 1.20 and 1.32, OpenVINO 2026.4 and onnx 1.23 (shape inference and reference
evaluator). A shape that the file records for the very tensor is evidence: where it is what a runtime gives,
the file was made for that runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from rfcalc.algebra.number import Num, is_known
from rfcalc.algebra.window import same_padding
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx.operation import Operation
from rfcalc.rules.window import window_extent

CODE: Final = "runtimes"
"""The code of notes about runtimes that part."""

Pairs = tuple[tuple[Num, Num], ...]


class Pooling(NamedTuple):
    """How a pooling is read.

    Parameters
    ----------
    padding : str or tuple of (Num, Num)
        A word, or (before, after) for each axis.
    short : bool
        A window may be longer than its map by less than a stride.
    message : str
        What there is to say of runtimes.
    """

    padding: str | Pairs
    short: bool = False
    message: str = ""


class Geometry(NamedTuple):
    """Known extents of the spatial axes of a map, and how a window moves over them."""

    extents: Sequence[int]
    kernel: Sequence[int]
    stride: Sequence[int]
    dilation: Sequence[int]

    @property
    def reach(self) -> list[int]:
        """How many elements each window spans."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]


def say(operation: Operation, made: Values, message: str) -> Values:
    """Add a note about runtimes to the layer of an operation, if there is one, and return its outputs."""
    if message and made and made[0].edge is not None:
        operation.builder.notes.append((CODE, made[0].edge[0], message))
    return made


def recorded(operation: Operation, rank: int) -> tuple[Num, ...] | None:
    """Return the last `rank` extents that the file records for the first output, where all are known."""
    names = operation.node.outputs
    shape = operation.scope.recorded(names[0]) if names and names[0] else None
    if shape is None or len(shape) < rank or not all(map(is_known, shape[-rank:])):
        return None
    return tuple(shape[-rank:])


def rows_of(extents: Sequence[Num]) -> str:
    """Spell extents for people.

    >>> rows_of((6, 8)), rows_of((6,))
    ('6x8', '6')
    """
    return "x".join(map(str, extents))


# ---- pooling -----------------------------------------------------------------------------------------------


def same_pooling(on: Geometry, word: str, found: tuple[Num, ...] | None) -> Pooling:
    """Read a pooling with SAME padding, of which onnxruntime leaves the dilation out.

    It is read as the specification says, unless the file records the extents `found` that onnxruntime makes.
    """
    if max(on.dilation) == 1:
        return Pooling(word)
    pads = _undilated_padding(on, lower=word == "same_lower")
    said = tuple(-(-n // s) for n, s in zip(on.extents, on.stride, strict=True))
    run = _extents(on, pads)
    if min(run) < 1:
        return Pooling(word)
    if found == run != said:
        message = (
            f"padded without regard to its dilation, as onnxruntime does, to {rows_of(run)}, which the file "
            f"records; the specification makes {rows_of(said)}"
        )
        return Pooling(pads, message=message)
    message = (
        f"padded as the specification says, to {rows_of(said)}; onnxruntime leaves the dilation out of its "
        f"SAME padding, makes {rows_of(run)}, and reads other rows"
    )
    return Pooling(word, message=message)


def given_pooling(on: Geometry, pads: Pairs, *, ceil: bool) -> Pooling:
    """Read a pooling whose padding is given in numbers."""
    axes = list(zip(on.extents, on.reach, on.stride, pads, strict=True))
    if ceil:
        full = tuple(-(-(n + lo + hi - reach) // s) + 1 for n, reach, s, (lo, hi) in axes)
        if full == tuple(window_extent(n, reach, s, lo, hi, ceil=True) for n, reach, s, (lo, hi) in axes):
            return Pooling(pads)
        message = (
            "a last window that would start in the padding is left out, as in the specification, PyTorch and "
            "new versions of onnxruntime; OpenVINO, onnxruntime 1.20 and shape inference before opset 22 "
            f"keep it and make {rows_of(full)}"
        )
        return Pooling(pads, message=message)
    if any(0 < reach - (n + lo + hi) < s for n, reach, s, (lo, hi) in axes):
        message = (
            "its window is longer than its map by less than a stride: one element, as in onnxruntime and "
            "shape inference, which round toward zero; PyTorch and Keras refuse such a pooling"
        )
        return Pooling(pads, True, message)
    return Pooling(pads)


def _undilated_padding(on: Geometry, *, lower: bool) -> Pairs:
    """Return the SAME padding of windows whose taps lie side by side."""
    pairs = []
    for extent, kernel, stride in zip(on.extents, on.kernel, on.stride, strict=True):
        total = same_padding(extent, kernel, stride)
        less = total // 2
        pairs.append((total - less, less) if lower else (less, total - less))
    return tuple(pairs)


def _extents(on: Geometry, pads: Pairs) -> tuple[Num, ...]:
    """Count the windows on each axis."""
    axes = zip(on.extents, on.reach, on.stride, pads, strict=True)
    return tuple(window_extent(n, reach, s, lo, hi) for n, reach, s, (lo, hi) in axes)


# ---- transposed convolution --------------------------------------------------------------------------------


def filled(
    sizes: Sequence[Num], extra: Sequence[int], added: Sequence[Num], found: tuple[Num, ...] | None
) -> tuple[list[Num], str]:
    """Return what SAME padding adds at the end where a kernel is shorter than its stride, and what to say.

    The specification makes the extent times the stride, of which the last rows then see nothing; runtimes
    leave these out. `extra` is the output padding that is asked for, `added` what the specification makes of
    it.
    """
    run = tuple(size - (more - own) for size, more, own in zip(sizes, added, extra, strict=True))
    if found == run:
        return list(extra), (
            f"its kernel is shorter than its stride, and SAME padding takes nothing off: {rows_of(run)}, "
            f"which the file records and runtimes of ONNX give; the specification makes {rows_of(sizes)}"
        )
    return list(added), (
        f"filled up to {rows_of(sizes)}, as the specification says and Keras does; onnxruntime, OpenVINO and "
        f"shape inference leave out what sees nothing at the end, and make {rows_of(run)}"
    )


# ---- resizing ----------------------------------------------------------------------------------------------

_SAMPLED_EXTENTS: Final = 4096
"""Extents up to this are looked through for those at which two ways to round differ."""


def scaled(extent: Num, exact: Fraction, near: Fraction, found: Num | None) -> tuple[Num, str]:
    """Return the extent that a scale makes, ``floor(n * scale)``, and what to say of it.

    Runtimes multiply in floats of 32 bits. `near` is the simple fraction that such a float stands for; where
    the file records what that makes, as PyTorch does, which keeps the scale in 64 bits, it is taken.
    """
    plain = extent * near.numerator // near.denominator
    if not is_known(extent):
        at = None if near == exact else first_unlike(float(exact), near.numerator, near.denominator)
        warning = (
            f"its scale of {float(near):.6g} is multiplied in floats of 32 bits: from an extent of {at} on "
            "some maps come out an element smaller than the formula says"
        )
        return plain, warning if at else ""
    run, inferred = scaled_extent(extent, float(exact)), int(extent * exact)
    if found == plain != run:
        message = (
            f"{plain} elements of {extent}, as the file records and PyTorch makes; onnxruntime rounds the "
            f"scale to 32 bits and makes {run}"
        )
        return plain, message
    message = (
        f"{run} elements of {extent}, as onnxruntime and PyTorch make, which multiply by the scale in "
        f"floats; exact arithmetic on its 32 bits, as in shape inference, makes {inferred}"
    )
    return run, message if run != inferred else ""


def scaled_extent(extent: int, scale: float) -> int:
    """Multiply an extent and a scale as runtimes do, in floats of 32 bits, and round down.

    >>> scaled_extent(3, 10 / 3), scaled_extent(45, 2.6)
    (10, 116)
    """
    return int(np.float32(extent) * np.float32(scale))


@lru_cache(64)
def first_unlike(scale: float, numerator: int, denominator: int) -> int | None:
    """Return the first extent n whose ``n * numerator // denominator`` runtimes do not make of `scale`.

    >>> first_unlike(2.6, 13, 5), first_unlike(1.5, 3, 2)
    (45, None)
    """
    extents = np.arange(1, _SAMPLED_EXTENTS + 1)
    made = np.floor(extents.astype(np.float32) * np.float32(scale))
    formula = np.array([n * numerator // denominator for n in range(1, _SAMPLED_EXTENTS + 1)], dtype=object)
    unlike = np.flatnonzero(made != formula.astype(np.float64))
    return int(extents[unlike[0]]) if unlike.size else None
