"""Where runtimes of ONNX part from its specification, or from each other: what each makes of a layer.

Who does what stands in `rfcalc.readers.runtimes`. A shape that the file records for the very tensor is
evidence: where it is what a runtime gives, the file was made for that runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np

from rfcalc.algebra.number import Num, as_integer, equal, is_known, prove
from rfcalc.readers.lowering.resample import settled
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx.operation import Operation
from rfcalc.readers.runtimes import CODE, chosen, unsettled
from rfcalc.records import NamedTuple
from rfcalc.rules.positions import FLOATS, Sampling, moved_by_floats
from rfcalc.rules.window import window_extent

Pairs = tuple[tuple[Num, Num], ...]


class Pooling(NamedTuple):
    """How a pooling is read.

    Parameters
    ----------
    padding : str or tuple of (Num, Num)
        A word, or (before, after) for each axis.
    ceil : bool
        The number of windows is rounded up.
    short : bool
        A window may be longer than its map by less than a stride.
    message : str
        What there is to say of runtimes.
    """

    padding: str | Pairs
    ceil: bool = False
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
    """Add a note about runtimes to the layer of an operation, if there is one, and return its outputs.

    Of a model in the format of one runtime there is nothing to say.
    """
    if message and not operation.scope.native and made and made[0].edge is not None:
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


# ---- convolution -------------------------------------------------------------------------------------------


def dilated_conv(runtime: str | None, made: Values, rank: int) -> str:
    """Say who runs a convolution with SAME padding and a dilation."""
    shape = made[0].shape[-rank:]
    if not all(map(is_known, shape)):
        return ""
    return chosen("same-dilated-conv", runtime, {"run": rows_of(shape)}).message


# ---- pooling -----------------------------------------------------------------------------------------------


def same_pooling(
    on: Geometry, word: str, found: tuple[Num, ...] | None, runtime: str | None, *, refusing: bool
) -> Pooling:
    """Read a pooling with SAME padding.

    It is read as the specification says, unless a runtime is asked for, or the file records the extents
    `found` that one makes. Of a kind of pooling that is `refusing` onnxruntime takes no negative padding.
    """
    said = tuple(-(-n // s) for n, s in zip(on.extents, on.stride, strict=True))
    pads = _undilated_padding(on, lower=word == "same_lower")
    if max(on.dilation) == 1:
        return _negative(word, pads, said, runtime, refusing=refusing)
    run = _extents(on, pads)
    made = {"dilated": rows_of(said), "undilated": rows_of(run)}
    if min(run) < 1:  # a layer of nothing, which is not followed
        return Pooling(word, message=chosen("same-dilated-pool", None, made).message)
    way, message = chosen("same-dilated-pool", runtime, made, found and rows_of(found))
    return Pooling(word, message=message) if way == "dilated" else Pooling(pads, short=True, message=message)


def _negative(word: str, pads: Pairs, said: Sequence[Num], runtime: str | None, *, refusing: bool) -> Pooling:
    """Read a pooling whose SAME padding would be negative, as its windows leave elements out between them."""
    if min(lo + hi for lo, hi in pads) >= 0:
        return Pooling(word)
    if refusing:
        return Pooling(word, message=chosen("same-long-stride", runtime, {"run": rows_of(said)}).message)
    if min(lo for lo, _ in pads) >= 0:
        return Pooling(word)
    starts = rows_of([max(-lo, 0) for lo, _ in pads])
    way, message = chosen("same-negative", runtime, {"none": "starts at element 0", "cut": f"at {starts}"})
    return Pooling(word if way == "none" else pads, message=message)


def given_pooling(on: Geometry, pads: Pairs, runtime: str | None, *, ceil: bool, largest: bool) -> Pooling:
    """Read a pooling whose padding is given in numbers; `largest` takes the largest of each window."""
    axes = list(zip(on.extents, on.reach, on.stride, pads, strict=True))
    if ceil:
        full = [-(-(n + lo + hi - reach) // s) + 1 for n, reach, s, (lo, hi) in axes]
        left = [window_extent(n, reach, s, lo, hi, ceil=True) for n, reach, s, (lo, hi) in axes]
        if full == left:
            return Pooling(pads, ceil=True)
        made = {"left": rows_of(left), "kept": rows_of(full)}
        way, message = chosen("ceil-max-pool" if largest else "ceil-pool", runtime, made)
        if way == "left":
            return Pooling(pads, ceil=True, message=message)
        ends = [(m - 1) * s + reach - n - lo for m, (n, reach, s, (lo, _)) in zip(full, axes, strict=True)]
        longer = tuple((lo, end) for (lo, _), end in zip(pads, ends, strict=True))
        return Pooling(longer, message=message)
    if any(0 < reach - (n + lo + hi) < s for n, reach, s, (lo, hi) in axes):
        short = [window_extent(n, reach, s, lo, hi, short=True) for n, reach, s, (lo, hi) in axes]
        return Pooling(
            pads, short=True, message=chosen("short-window", runtime, {"one": rows_of(short)}).message
        )
    return Pooling(pads)


def averaged(on: Geometry, pads: Pairs, runtime: str | None) -> str:
    """Say by how many elements the last mean is divided, where windows end behind the padding that counts."""
    full, left = [], []
    for n, reach, s, (lo, hi) in zip(on.extents, on.reach, on.stride, pads, strict=True):
        count = window_extent(n, reach, s, lo, hi, ceil=True)
        over = max(as_integer(count - 1) * s + reach - (n + as_integer(lo) + as_integer(hi)), 0)
        full.append(reach)
        left.append(reach - over)
    made = {"clipped": f"the last mean is of {rows_of(left)}", "full": f"of {rows_of(full)}"}
    return chosen("ceil-average", runtime, made).message if full != left else ""


def _undilated_padding(on: Geometry, *, lower: bool) -> tuple[tuple[int, int], ...]:
    """Return the SAME padding of windows whose taps lie side by side; it may be negative."""
    pairs = []
    for extent, kernel, stride in zip(on.extents, on.kernel, on.stride, strict=True):
        total = (-(-extent // stride) - 1) * stride + kernel - extent
        before = int((total + lower) / 2)  # whole numbers of C++ are cut off toward zero
        pairs.append((before, total - before))
    return tuple(pairs)


def _extents(on: Geometry, pads: Pairs) -> tuple[Num, ...]:
    """Count the windows on each axis, as onnxruntime does, which rounds toward zero."""
    axes = zip(on.extents, on.reach, on.stride, pads, strict=True)
    return tuple(window_extent(n, reach, s, lo, hi, short=True) for n, reach, s, (lo, hi) in axes)


# ---- transposed convolution --------------------------------------------------------------------------------


def same_transposed(
    totals: Sequence[Num], sizes: Sequence[Num], found: tuple[Num, ...] | None, runtime: str | None
) -> tuple[list[Num], str]:
    """Return how much SAME padding takes off each axis, and what to say of runtimes.

    The specification makes the extent times the stride. Where a kernel is shorter than its stride, less than
    nothing is taken off for that: `totals` says how much. Runtimes leave out what sees nothing at the end.
    """
    if not all(map(is_known, totals)) or min(totals) >= 0:
        return list(totals), ""
    made = {"filled": "its extent times the stride", "short": "less than that"}
    if all(map(is_known, sizes)):
        run = [size + min(total, 0) for size, total in zip(sizes, totals, strict=True)]
        made = {"filled": rows_of(sizes), "short": rows_of(run)}
    way, message = chosen("transposed-short", runtime, made, found and rows_of(found))
    return [total if way == "filled" else max(total, 0) for total in totals], message


def larger(totals: Sequence[Num], sizes: Sequence[Num], runtime: str | None) -> str:
    """Say who fills a transposed convolution up to extents that are larger than its full result."""
    if not any(prove(total < 0) for total in totals):
        return ""
    return chosen("transposed-shape", runtime, {"run": rows_of(sizes)}).message


# ---- resizing ----------------------------------------------------------------------------------------------


def copied(
    extents: Sequence[Num],
    sizes: Sequence[Num],
    scales: Sequence[Fraction | None],
    runtime: str | None,
    *,
    linear: bool,
) -> tuple[list[Fraction | None], str]:
    """Return scales, and what to say of them: 1 where an axis that keeps its extent is copied anyway."""
    kept = [equal(extent, size) is True for extent, size in zip(extents, sizes, strict=True)]
    if not any(keeps and scale != 1 for keeps, scale in zip(kept, scales, strict=True)):
        return list(scales), ""
    made = {"sampled": "sampled anew", "whole": "copied" if all(kept) else "sampled anew", "axes": "copied"}
    way, message = chosen("same-extent-linear" if linear else "same-extent", runtime, made)
    if made[way] != "copied":
        return list(scales), message
    return [Fraction(1) if keeps else scale for keeps, scale in zip(kept, scales, strict=True)], message


def antialiased(
    operation: Operation,
    extents: Sequence[Num],
    sizes: Sequence[Num],
    scales: Sequence[Fraction | None],
    runtime: str | None,
) -> tuple[bool, str]:
    """Return whether a resizing widens its kernel where it makes an axis shorter, and what to say of it."""
    if not operation.integer("antialias", 0) or operation.text("mode", "nearest") == "nearest":
        return False, ""
    found = [settled(*each) for each in zip(extents, sizes, scales, strict=True)]
    if all(scale is not None and scale >= 1 for scale in found):
        return True, ""
    way, message = chosen("antialias", runtime, {"wide": "with antialias", "narrow": "without"})
    return way == "wide", message


def nearest(
    how: Sampling,
    extents: Sequence[Num],
    sizes: Sequence[Num],
    scales: Sequence[Fraction | None],
    runtime: str | None,
) -> tuple[str, str]:
    """Return how positions of nearest elements are computed in floats, and how many these move.

    "" is exactly, as where nobody's floats matter.
    """
    for extent, size, scale in zip(extents, sizes, scales, strict=True):
        if not (is_known(extent) and is_known(size)) and _is_uneven(settled(extent, size, scale)):
            return "", unsettled("nearest-floats", runtime)
    made = {"exact": (exact := "exact positions")}
    for floats in FLOATS:
        counts = [
            moved_by_floats(how, floats, extent, size, settled(extent, size, scale))
            for extent, size, scale in zip(extents, sizes, scales, strict=True)
            if is_known(extent) and is_known(size) and extent != size
        ]
        if None in counts:
            continue
        moved = sum(filter(None, counts))
        read = "elements read others" if moved > 1 else "element reads another"
        made[floats] = f"{moved} {read}" if moved else exact
    if set(made.values()) == {exact}:
        return "", ""
    way, message = chosen("nearest-floats", runtime, made)
    return "" if way == "exact" else way, message


def _is_uneven(scale: Fraction | None) -> bool:
    """Tell whether floats may move positions at a scale: it is no power of two."""
    return scale is None or any(n & (n - 1) for n in (scale.numerator, scale.denominator))


_SAMPLED_EXTENTS: Final = 4096
"""Extents up to this are looked through for those at which two ways to round differ."""


def scaled(
    extent: Num, exact: Fraction, near: Fraction, found: Num | None, runtime: str | None
) -> tuple[Num, str]:
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
    made = {
        "single": scaled_extent(extent, float(exact)),
        "exact": int(extent * exact),
        "next": int(extent * float(np.nextafter(np.float32(exact), np.float32(np.inf)))),
        "double": int(extent * float(near)),
    }
    way, message = chosen("scale-extent", runtime, made, found if found == made["double"] else None)
    return made[way], message


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
