"""Resizing, and sampling at computed positions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.readers.lowering.resample import resize as lower
from rfcalc.readers.lowering.resample import settled
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.runtimes import CODE
from rfcalc.readers.torch.operation import Operation, op
from rfcalc.rules.positions import FUSED, Sampling, nearest_in_floats

_RESIZES = {
    **{f"upsample_nearest{n}d": ("nearest", "asymmetric", "floor", n) for n in (1, 2, 3)},
    **{f"_upsample_nearest_exact{n}d": ("nearest", "half_pixel", "round_prefer_ceil", n) for n in (1, 2, 3)},
    "upsample_linear1d": ("linear", "half_pixel", "", 1),
    "upsample_bilinear2d": ("linear", "half_pixel", "", 2),
    "upsample_trilinear3d": ("linear", "half_pixel", "", 3),
    "upsample_bicubic2d": ("cubic", "half_pixel", "", 2),
    "_upsample_bilinear2d_aa": ("linear", "half_pixel", "aa", 2),
    "_upsample_bicubic2d_aa": ("cubic", "half_pixel", "aa", 2),
}


@op(*_RESIZES, tells="window")
def resize(operation: Operation) -> Values:
    """To an extent, or by a factor, which then also says where outputs sample the input."""
    mode, coordinates, rounding, rank = _RESIZES[operation.op.partition(".")[2]]
    x = operation["input" if "input" in operation.call.args else "self"]
    if x.spec is None:
        raise Blind
    if operation.flag("align_corners"):
        coordinates = "align_corners"
    given: list[Fraction | None] = [Fraction(1)] * x.rank
    raw = _given_scales(operation, rank)
    given[x.rank - rank :] = _scales(raw, x)
    if mode == "linear" or rounding == "aa":  # an axis that keeps its extent is copied, whatever its factor
        sizes = zip(x.shape, operation.recorded[0], given, strict=True)
        given = [Fraction(1) if is_known(n) and n == m else each for n, m, each in sizes]
    floats = "" if mode != "nearest" or x.spec.dtype == "float64" else "multiplied"
    made = lower(
        operation,
        x,
        operation.recorded[0],
        scales=given,
        mode=mode,
        coordinates=coordinates,
        rounding=rounding if mode == "nearest" else "round_prefer_floor",
        antialias=rounding == "aa",
        floats=floats,
        factors=[None] * (x.rank - rank) + [float(each) if _is_factor(each) else None for each in raw],
    )
    if floats and made[0].edge is not None:
        how = Sampling(coordinates, rounding)
        copies = "upsample_nearest2d" in operation.op and "exact" not in operation.op
        count = _disputed(how, x, operation.recorded[0], given, copies=copies)
        if count:
            read = "one element reads" if count == 1 else f"{count} elements read"
            message = f"{read} one of two: which one, differs between kernels of PyTorch"
            operation.builder.notes.append((CODE, made[0].edge[0], message))
    return made


def _disputed(
    how: Sampling, x: Value, sizes: Sequence[Num], scales: Sequence[Fraction | None], *, copies: bool
) -> int:
    """Count the elements of which PyTorch's kernels read different ones.

    They round positions differently, and some of them copy an axis that keeps its extent, where `copies`.
    """
    count = 0
    for extent, size, scale in zip(x.shape, sizes, scales, strict=True):
        if not (is_known(extent) and is_known(size)) or (one := settled(extent, size, scale)) == 1:
            continue
        rows = nearest_in_floats(how, "multiplied", extent, size, one)
        other = nearest_in_floats(how, FUSED, extent, size, one)
        if copies and extent == size:
            other = tuple(range(extent))
        count += sum(a != b for a, b in zip(rows, other, strict=False))
    return count


def _given_scales(operation: Operation, rank: int) -> Sequence[Any]:
    """Return what is given of factors, for each axis of the window; they make the extents too."""
    raw = operation.raw("scale_factors")
    if raw is not None:
        return tuple(raw)
    names = ("scales",) if rank == 1 else ("scales_d", "scales_h", "scales_w")[-rank:]
    return [operation.raw(name) for name in names]


def _is_factor(given: Any) -> bool:
    return isinstance(given, (int, float)) and given > 0


def _scales(raw: Sequence[Any], x: Value) -> list[Fraction | None]:
    """Return the factors that positions are computed with; None where it is the ratio of the extents."""
    found: list[Fraction | None] = []
    for each, extent in zip(raw, x.shape[-len(raw) :], strict=True):
        factor = Fraction(each) if _is_factor(each) else None
        if factor is not None and factor.denominator > 64 and not is_known(extent):
            factor = factor.limit_denominator(64)
        found.append(factor)
    return found


@op("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", tells="window")
def grid_sample(operation: Operation) -> Values:
    """The input is read at positions that a grid gives."""
    x, grid = operation["input"], operation["grid"]
    moving = "where a grid sample reads is computed"
    reason = "a grid of positions is not followed" if grid.constant else moving
    return operation.cover((x, grid), reason)


@op("affine_grid_generator")
def affine_grid(operation: Operation) -> Values:
    """A position for each element of a map, from a matrix."""
    return operation.cover((operation["theta"],), "positions are computed")
