"""Resizing, and sampling at computed positions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rfcalc.algebra.number import is_known
from rfcalc.readers.lowering.resample import resize as lower
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.torch.operation import Operation, op

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
    return lower(
        operation,
        x,
        operation.recorded[0],
        scales=given,
        mode=mode,
        coordinates=coordinates,
        rounding=rounding if mode == "nearest" else "round_prefer_floor",
        antialias=rounding == "aa",
        floats="" if mode != "nearest" or x.spec.dtype == "float64" else "multiplied",
        factors=[None] * (x.rank - rank) + [float(each) if _is_factor(each) else None for each in raw],
    )


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
