"""Resampling with each coordinate transformation that frameworks know.

Source: the ONNX specification of ``Resize``. Output i samples the input position ``x(i) = (A*i + B)/D``,
where scale, extents and transformation give the integers A, B and D; the kernel then reads whole positions
near it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rfcalc.algebra.number import Num, equal, is_known, is_one, is_open
from rfcalc.algebra.steps import Lose, Slide, Step
from rfcalc.algebra.window import Quotient, Stairs, Window, gather
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import TensorSpec
from rfcalc.records import NamedTuple
from rfcalc.rules.expand import RADIUS, antialiased, around, ratio_step
from rfcalc.rules.positions import Sampling, nearest_in_floats
from rfcalc.rules.registry import CHOICE, FLAG, INTERNAL, REQUIRED, TEXT, Call, Path, Result, Setting, rule
from rfcalc.rules.window import replaced

if TYPE_CHECKING:
    from fractions import Fraction

COORDINATES: Final = (
    "half_pixel",
    "pytorch_half_pixel",
    "half_pixel_symmetric",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)

UNKNOWN_RATIO: Final = "resizing: the ratio of extents is not known; give the input's size"

ROUNDING: Final = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


class Axis(NamedTuple):
    """What is known of the resampling of one axis.

    Parameters
    ----------
    extent, size : Num
        Input and output extent.
    scale : Fraction, optional
        Output elements for each input element, where it is given and not taken from the extents.
    region : (Fraction, Fraction), optional
        Start and end of the part that is cropped, as shares of the axis.
    """

    extent: Num
    size: Num
    scale: Fraction | None
    region: tuple[Fraction, Fraction] | None = None


def positions(axis: Axis, coordinates: str) -> tuple[Fraction, Fraction] | None:
    """Return the slope and the start of the sampled positions; None where an extent must be known for it.

    >>> positions(Axis(4, 8, None), "half_pixel")
    (Fraction(1, 2), Fraction(-1, 4))
    """
    from fractions import Fraction  # its import takes longer than most analyses

    if coordinates in ("align_corners", "tf_crop_and_resize"):
        return _between_ends(axis, crops=coordinates == "tf_crop_and_resize")
    scale = _scale(axis)
    if scale is None:
        return None
    half, slope = Fraction(1, 2), 1 / scale
    if coordinates == "half_pixel_symmetric":
        if not (is_known(axis.extent) and is_known(axis.size)):
            return None if scale.denominator > 1 and scale.numerator > 1 else (slope, half * slope - half)
        shift = Fraction(axis.extent, 2) * (1 - Fraction(axis.size) / (scale * axis.extent))
        return slope, half * slope - half + shift
    if coordinates == "pytorch_half_pixel" and is_one(axis.size):
        return Fraction(0), Fraction(0)
    starts = {"asymmetric": Fraction(0), "tf_half_pixel_for_nn": half * slope}
    return slope, starts.get(coordinates, half * slope - half)


def _between_ends(axis: Axis, *, crops: bool) -> tuple[Fraction, Fraction] | None:
    """Positions from the first element (of a region) to the last."""
    from fractions import Fraction

    extent, size = axis.extent, axis.size
    if equal(extent, size) and not crops:
        return Fraction(1), Fraction(0)
    if not (is_known(extent) and is_known(size)):
        return None
    start, end = axis.region if crops and axis.region else (Fraction(0), Fraction(1))
    if size == 1:
        return Fraction(0), (start + end) * (extent - 1) / 2 if crops else Fraction(0)
    return (end - start) * (extent - 1) / (size - 1), start * (extent - 1)


def _scale(axis: Axis) -> Fraction | None:
    """Return the given scale, or the ratio of the extents; None where that is not known."""
    from fractions import Fraction

    extent, size = axis.extent, axis.size
    if axis.scale is not None:
        return axis.scale
    if is_known(extent) and is_known(size):
        return Fraction(size, extent)
    return Fraction(1) if equal(extent, size) else _whole_ratio(extent, size)


def _whole_ratio(extent: Num, size: Num) -> Fraction | None:
    """Return the ratio of open extents, where one is a multiple of the other."""
    from fractions import Fraction

    for a, b, up in ((size, extent, True), (extent, size, False)):
        times = a // b
        if is_known(times) and equal(times * b, a):
            return Fraction(times) if up else Fraction(1, times)
    return None


def sampled(slope: Fraction, start: Fraction, mode: str, rounding: str) -> Window:
    """Window of a kernel that reads at ``slope*i + start``.

    >>> from fractions import Fraction
    >>> [list(sampled(Fraction(1, 2), Fraction(-1, 4), "linear", "").indices(i)) for i in range(3)]
    [[-1, 0], [0, 1], [0, 1]]
    """
    unit = slope.denominator * start.denominator
    a, b, d = int(slope * unit), int(start * unit), unit
    period, advance = slope.denominator, slope.numerator
    if mode == "nearest":
        ends = {
            "round_prefer_floor": Quotient(2 * a, 2 * b + d - 1, 2 * d),
            "round_prefer_ceil": Quotient(2 * a, 2 * b + d, 2 * d),
            "floor": Quotient(a, b, d),
            "ceil": Quotient(a, b + d - 1, d),
        }
        end = Stairs(0, 0, ((1, ends[rounding]),))
        return Window(period, advance, end, end, border="edge")
    more = RADIUS[mode] - 1
    first, last = around(a, b, d, more)
    rows = range(period)
    rising = not more or (
        all(first(i) <= first(i + 1) and last(i) <= last(i + 1) for i in rows) if period <= 4096 else False
    )
    return Window(period, advance, first, last, regular=rising)


def scaled(extent: Num, size: Num, factor: float | None) -> Num:
    """Return the output extent: `size`, or what a factor makes of a known extent, as floats of 64 bits do.

    >>> scaled(20, 64, 1.15), scaled(100, 64, 1.15), scaled(100, 64, None)
    (23, 114, 64)
    """
    return int(extent * factor) if factor is not None and is_known(extent) else size


@rule(
    "resample",
    Setting("axes", INTERNAL, REQUIRED, "(place, size, scale or None, region or None) for each axis"),
    Setting("mode", CHOICE, "linear", "interpolation", ("nearest", *RADIUS)),
    Setting("coordinates", CHOICE, "half_pixel", "where outputs sample the input", COORDINATES),
    Setting("rounding", TEXT, "round_prefer_floor", "of positions between two elements, for nearest"),
    Setting("antialias", FLAG, False, "widen the kernel when shrinking"),
    Setting("floats", INTERNAL, "", "how positions of nearest elements are computed in floats of 32 bits"),
    Setting("factors", INTERNAL, None, "for each axis what makes its size of its extent, or None"),
    family="upsampling",
    summary="Resampling of any axes, with any coordinate transformation.",
    native=False,
)
def resample_axes(call: Call) -> Result:
    """Extents are given, or factors make them; windows repeat with the slope of the sampled positions."""
    spec = call.only()
    mode, coordinates, rounding = call["mode"], call["coordinates"], call["rounding"]
    if coordinates not in COORDINATES or rounding not in ROUNDING:
        raise AnalysisError(f"there is no resampling at {coordinates!r} positions, rounded {rounding!r}")
    extents: dict[int, Num] = {}
    steps: list[Step] = []
    factors = call["factors"] or (None,) * len(call["axes"])
    for (place, given, scale, region), factor in zip(call["axes"], factors, strict=True):
        axis = call.axis(spec, place)
        extents[axis] = size = scaled(spec.shape[axis], given, factor)
        if is_known(size) and size < 1:
            raise AnalysisError(f"an axis would go from {spec.shape[axis]} to {size} elements")
        one = Axis(spec.shape[axis], size, scale, region)
        how = Sampling(coordinates, rounding)
        if (rows := _moved(one, how, call["floats"])) and mode == "nearest":
            steps.append(Slide(axis, gather(one.size, one.extent, [(row,) for row in rows]), one.size))
            continue
        steps.append(_step(axis, one, mode, coordinates, rounding, antialias=bool(call["antialias"])))
    output = TensorSpec(replaced(spec, extents), spec.axes, spec.dtype, spec.folded)
    return Result((output,), ((Path(0, tuple(steps)),),))


def _moved(one: Axis, how: Sampling, floats: str) -> tuple[int, ...]:
    """Return which element each output reads where floats make that another; nothing elsewhere."""
    if not floats or not is_known(one.extent) or not is_known(one.size):
        return ()
    rows = nearest_in_floats(how, floats, one.extent, one.size, one.scale)
    return () if rows == nearest_in_floats(how, "", one.extent, one.size, one.scale) else rows


def _step(axis: int, one: Axis, mode: str, coordinates: str, rounding: str, *, antialias: bool) -> Step:
    shrinks = is_open(one.extent) or is_open(one.size) or one.extent > one.size
    if antialias and mode != "nearest" and shrinks:
        if coordinates not in ("half_pixel", "pytorch_half_pixel"):
            return Lose(axis, one.size, f"antialiased resizing at {coordinates} positions is not followed")
        scale = _scale(one)
        if scale is None:
            return Lose(axis, one.size, UNKNOWN_RATIO)
        step = ratio_step(
            axis, scale.denominator, scale.numerator, lambda n, m, g: antialiased(n, m, g, mode), "resizing"
        )
        return step._replace(extent=one.size) if isinstance(step, (Slide, Lose)) else step
    found = positions(one, coordinates)
    if found is None:
        return Lose(axis, one.size, UNKNOWN_RATIO)
    window = sampled(*found, mode, rounding)
    if coordinates == "tf_crop_and_resize":
        window = _inside(window, *found, one)
    return Slide(axis, window, one.size)


def _inside(window: Window, slope: Fraction, start: Fraction, one: Axis) -> Window:
    """Leave out what is sampled outside of the map, where a constant stands."""
    rows = [
        list(window.inside(i, one.extent)) if 0 <= slope * i + start <= one.extent - 1 else []
        for i in range(one.size)
    ]
    return gather(one.size, one.extent, rows)
