"""Resizing."""

from __future__ import annotations

from fractions import Fraction

from rfcalc.algebra.number import Num, is_known
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.resample import resize as lower
from rfcalc.readers.lowering.resample import settled
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.onnx import runtimes
from rfcalc.readers.onnx.operation import Operation, op
from rfcalc.rules.positions import Sampling

_MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}


@op("Resize", tells="same", spare=range(1, 4))
def resize(operation: Operation) -> Values:
    """X, region, scales, sizes; before version 11: X, scales."""
    x = operation[0]
    if operation.opset < 11:  # onnxruntime, which alone runs it, rounds down, and up where it shrinks
        return _upsample(operation, x, operation.numbers(1), shrinking="ceil")
    return sampled(operation, operation.text("nearest_mode", "round_prefer_floor"))


def sampled(operation: Operation, rounding: str, *, shrinking: str = "") -> Values:
    """Read X, region, scales, sizes; `shrinking` is how positions are rounded on axes that become shorter."""
    x = operation[0]
    if x.spec is None:
        raise Blind
    axes = operation.integers("axes")
    places = list(range(x.rank)) if axes is None else [operation.place(axis, x.rank) for axis in axes]
    region, scales, sizes = (operation.numbers(k) or None for k in (1, 2, 3))
    coordinates = operation.text("coordinate_transformation_mode", "half_pixel")
    given: list[Fraction | None] = [Fraction(1)] * x.rank
    target = list(x.shape)
    factors: list[float | None] = [None] * x.rank
    message = ""
    if sizes:
        _match(operation, places, sizes)
        shared, sizes = _aspect(operation, x, places, sizes)
        for place, size in zip(places, sizes, strict=True):
            target[place], given[place] = size, shared
    elif scales:
        _match(operation, places, scales)
        made, extents, message = _scaled(operation, x, places, scales)
        for place, scale, size in zip(places, made, extents, strict=True):
            given[place], target[place] = scale, size
            factors[place] = _factor(x.shape[place], scale, size)
    else:
        raise operation.wrong("there are neither scales nor sizes")
    mode = operation.text("mode", "nearest")
    if mode == "cubic" and operation.attributes.get("cubic_coeff_a") == 0:
        mode = "linear"  # the outer two of its four taps weigh nothing
    if mode not in _MODES:
        raise operation.wrong(f"there is no mode {mode!r}")
    if shrinking and any(
        settled(*each) is None for each in zip(x.shape, target, given, strict=True)
    ):  # it may become shorter, or longer
        raise Undecided
    runtime = operation.scope.runtime
    kept = ""
    if scales and not sizes:
        given, kept = runtimes.copied(x.shape, target, given, runtime, linear=mode == "linear")
    antialias, smoothed = runtimes.antialiased(operation, x.shape, target, given, runtime)
    floats, moved = "", ""
    if mode == "nearest":
        how = Sampling(coordinates, rounding)
        floats, moved = runtimes.nearest(how, x.shape, target, given, runtime)
    resized = lower(
        operation,
        x,
        target,
        scales=given,
        regions=_regions(region, places, x.rank),
        mode=_MODES[mode],
        coordinates=coordinates,
        rounding=rounding,
        antialias=antialias,
        shrinking=shrinking,
        factors=factors,
        floats=floats,
    )
    for each in (message, kept, smoothed, moved):
        runtimes.say(operation, resized, each)
    return resized


def _factor(extent: Num, scale: Fraction, size: Num) -> float | None:
    """Return what a known extent is multiplied by; None where runtimes round what comes of it otherwise."""
    factor = float(scale)
    return factor if is_known(extent) and int(extent * factor) == size else None


def _match(operation: Operation, places: list[int], values: tuple[Num, ...]) -> None:
    if len(values) != len(places):
        raise operation.wrong(f"{len(values)} scales or sizes for {len(places)} axes")


def _scaled(
    operation: Operation, x: Value, places: list[int], scales: tuple[Num, ...]
) -> tuple[list[Fraction], list[Num], str]:
    """Return scales as fractions, the extents that they make, and what to say of runtimes."""
    recorded = runtimes.recorded(operation, x.rank)
    meant: list[Fraction] = []
    sizes: list[Num] = []
    messages = []
    for place, scale in zip(places, scales, strict=True):
        if not isinstance(scale, (int, float)):
            raise Undecided
        if not scale > 0 or scale > 1 << 20:
            raise operation.wrong(f"a scale must be positive, got {scale}")
        exact = Fraction(scale)
        near = exact.limit_denominator(64)
        if abs(near - exact) >= Fraction(1, 10**5) * exact or near.denominator == 1:
            near = exact
        found = recorded and recorded[place]
        size, message = runtimes.scaled(x.shape[place], exact, near, found, operation.scope.runtime)
        meant.append(near)
        sizes.append(size)
        messages.append(message)
    return meant, sizes, next(filter(None, messages), "")


def _aspect(
    operation: Operation, x: Value, places: list[int], sizes: tuple[Num, ...]
) -> tuple[Fraction | None, tuple[Num, ...]]:
    """Change sizes so that the ratio of the extents is kept, by one scale for all axes."""
    policy = operation.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return None, sizes
    extents = [x.shape[place] for place in places]
    if not all(map(is_known, (*extents, *sizes))):
        raise Undecided
    choose = max if policy == "not_smaller" else min
    scale = choose(Fraction(size, extent) for size, extent in zip(sizes, extents, strict=True))
    return scale, tuple(int(scale * extent + Fraction(1, 2)) for extent in extents)


def _regions(
    region: tuple[Num, ...] | None, places: list[int], rank: int
) -> list[tuple[Fraction, Fraction]] | None:
    """Spread the part that is cropped, starts and then ends, over all axes."""
    if region is None or len(region) != 2 * len(places):
        return None
    spread = [(Fraction(0), Fraction(1))] * rank
    for k, place in enumerate(places):
        spread[place] = (_plain(region[k]), _plain(region[len(places) + k]))
    return spread


def _plain(share: Num) -> Fraction:
    """Return the fraction that a float of 32 bits stands for."""
    exact = Fraction(share)
    near = exact.limit_denominator(1000)
    return near if abs(near - exact) < Fraction(1, 10**7) else exact


@op("Upsample", tells="window", spare=range(1, 3))
def upsample(operation: Operation) -> Values:
    """Scales are an attribute, or an input from version 9 on."""
    scales = operation.numbers(1) if len(operation.inputs) > 1 else operation.attributes.get("scales")
    if scales is None:  # version 1
        height, width = (operation.attributes.get(f"{name}_scale") for name in ("height", "width"))
        scales = None if height is None else (1, 1, height, width)
    return _upsample(operation, operation[0], scales)


def _upsample(
    operation: Operation, x: Value, scales: tuple[Num, ...] | None, *, shrinking: str = ""
) -> Values:
    """Resize as it was before coordinates could be chosen: positions are ``i / scale``."""
    if x.spec is None:
        raise Blind
    if scales is None or len(scales) != x.rank:
        raise operation.wrong(f"scales must be {x.rank} numbers")
    made, sizes, message = _scaled(operation, x, list(range(x.rank)), scales)
    resized = lower(
        operation,
        x,
        sizes,
        scales=made,
        mode=_MODES.get(operation.text("mode", "nearest"), "linear"),
        coordinates="asymmetric",
        rounding="floor",
        shrinking=shrinking,
    )
    return runtimes.say(operation, resized, message)


@op("GridSample", tells="window")
def grid_sample(operation: Operation) -> Values:
    """X is read at positions that an input gives."""
    x, grid = operation[0], operation[1]
    target = (*x.shape[:2], *grid.shape[1:-1])
    reason = (
        "where a grid sample reads is computed"
        if not grid.constant
        else "a grid of positions is not followed"
    )
    attrs = {"shape": target, "axes": "bc" + "s" * (len(target) - 2), "reason": reason}
    return operation.add("cover", operation.given, attrs)


@op("AffineGrid")
def affine_grid(operation: Operation) -> Values:
    """A position for each element of a map, from a matrix."""
    sizes = operation.numbers(1) or ()
    target = (sizes[0], *sizes[2:], len(sizes) - 2)
    attrs = {"shape": target, "axes": "b" + "s" * (len(sizes) - 2) + "c", "reason": "positions are computed"}
    return operation.add("cover", (operation[0],), attrs)


@op("RoiAlign", "MaxRoiPool", tells="window")
def region_pool(operation: Operation) -> Values:
    """A small map for each of the regions that an input gives."""
    x, regions = operation[0], operation[1]
    if operation.op == "MaxRoiPool":
        size = operation.integers("pooled_shape") or (1, 1)
    else:
        size = (operation.integer("output_height", 1), operation.integer("output_width", 1))
    attrs = {
        "shape": (regions.shape[0], x.shape[1], *size),
        "axes": "bcss",
        "reason": "where regions lie is computed",
    }
    return operation.add("cover", operation.given, attrs)
