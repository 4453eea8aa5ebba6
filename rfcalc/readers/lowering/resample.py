"""Resizing of maps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Value

WHOLE: Final = (Fraction(0), Fraction(1))
"""A region that crops nothing."""

CLOSE: Final = Fraction(1, 10**5)
"""A scale that was rounded to a float of 32 bits is this near to the ratio of extents that it stands for."""


def resize(
    operation: Lowering,
    x: Value,
    sizes: Sequence[Num],
    *,
    scales: Sequence[Fraction | None] | None = None,
    regions: Sequence[tuple[Fraction, Fraction]] | None = None,
    mode: str = "linear",
    coordinates: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    antialias: bool = False,
    shrinking: str = "",
    factors: Sequence[float | None] | None = None,
    floats: str = "",
) -> tuple[Value, ...]:
    """Add a resampling of every axis to `sizes`.

    `scales` are those that the source computes positions with, where they are not the ratios of the extents;
    `regions` the parts of the axes that are cropped first, as shares; `shrinking` is how positions on axes
    that become shorter are rounded, where it is not as on the others; `factors` what the source multiplies
    extents by to make `sizes`, where it does, so that they follow another size of the input; `floats` how
    the source computes positions of nearest elements in floats of 32 bits (`rfcalc.rules.positions`), "" for
    exactly.
    """
    if x.spec is None:
        raise Blind
    crops = coordinates == "tf_crop_and_resize"
    axes = []
    for place, (extent, size) in enumerate(zip(x.shape, sizes, strict=True)):
        scale = settled(extent, size, None if scales is None else scales[place])
        region = regions[place] if crops and regions is not None else None
        if scale == 1 and (extent is size or extent == size) and (region is None or region == WHOLE):
            continue
        axes.append((place, size, scale, region))
    attrs: dict[str, Any] = {
        "axes": tuple(axes),
        "mode": mode,
        "coordinates": coordinates,
        "rounding": rounding,
        "antialias": antialias,
    }
    if factors is not None and any(factors[place] is not None for place, *_ in axes):
        attrs["factors"] = tuple(factors[place] for place, *_ in axes)
    if floats and mode == "nearest":
        attrs["floats"] = floats
    then: tuple[Stage, ...] = ()
    shorter = tuple(axis for axis in axes if axis[2] is not None and axis[2] < 1)
    if shrinking and shorter:
        others = tuple(axis for axis in axes if axis not in shorter)
        down = {**attrs, "axes": shorter, "rounding": shrinking}
        attrs, then = ({**attrs, "axes": others}, (Stage("resample", down),)) if others else (down, ())
    return operation.add("resample", (x,), attrs, Extras(then=then))


def settled(extent: Num, size: Num, scale: Fraction | None) -> Fraction | None:
    """Return a scale free of rounding: the ratio of the extents where it means that."""
    if is_known(extent) and is_known(size) and extent > 0 and size > 0:
        ratio = Fraction(size, extent)
        if scale is None or abs(scale - ratio) <= CLOSE * ratio:
            return ratio
    if scale is None:
        return Fraction(1) if extent is size else None
    near = scale.limit_denominator(64)
    return near if abs(near - scale) <= CLOSE * scale else scale
