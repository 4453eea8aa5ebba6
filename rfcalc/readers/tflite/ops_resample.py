"""Resizing."""

from __future__ import annotations

from fractions import Fraction

from rfcalc.algebra.number import is_known
from rfcalc.readers.lowering.resample import resize as lower
from rfcalc.readers.lowering.value import Blind, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.rules.positions import LITE


@op("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", tells="channels_last", spare=(1,))
def resize(operation: Operation) -> Values:
    """X, height and width of the result: corners may be aligned, or centres of pixels."""
    x, sizes = operation[0], operation.numbers(1) or ()
    if x.spec is None:
        raise Blind
    if len(sizes) != 2 or x.rank != 4:
        raise operation.wrong(f"needs a map and two sizes, got {x.rank} axes and {len(sizes)} sizes")
    if any(is_known(size) and size < 1 for size in sizes):
        raise operation.wrong(f"sizes must be positive, got {list(sizes)}")
    corners, centres = operation.flag("AlignCorners"), operation.flag("HalfPixelCenters")
    if corners and centres:
        raise operation.wrong("aligns both corners and centres")
    linear = operation.op == "RESIZE_BILINEAR"
    return lower(
        operation,
        x,
        (x.shape[0], *sizes, x.shape[3]),
        mode="linear" if linear else "nearest",
        coordinates=_coordinates(corners=corners, centres=centres, linear=linear),
        rounding="round_prefer_ceil" if corners else "floor",
        scales=None if not corners else (Fraction(1), None, None, Fraction(1)),
        floats="" if linear else LITE,
    )


def _coordinates(*, corners: bool, centres: bool, linear: bool) -> str:
    """Return where positions of the result lie on the map."""
    if corners:
        return "align_corners"
    if centres:
        return "half_pixel" if linear else "tf_half_pixel_for_nn"
    return "asymmetric"
