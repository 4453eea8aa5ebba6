"""Definitions of what slides windows: convolution, pooling, resampling, padding, blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from typing import Any, Final

from rfcalc.questions.verify.definitions.floats import in_floats, rounded
from rfcalc.questions.verify.definitions.given import Given, NotDefined, define
from rfcalc.questions.verify.sets import Sets, united

Rows = list[list[int]]


def windows(
    n: int, k: int, s: int, d: int, padding: Any, *, ceil_mode: bool = False, short: bool = False
) -> Rows:
    """List what each output of a convolution or pooling reads: ``s*i - before + d*t`` for t in 0 ... k-1."""
    reach = d * (k - 1) + 1
    if padding in (
        "same",
        "same_lower",
    ):  # TensorFlow's definition: ceil(n / s) outputs, as centred as may be
        count = ceil(Fraction(n, s))
        total = max((count - 1) * s + reach - n, 0)
        before = total // 2 if padding == "same" else total - total // 2
    else:
        if isinstance(padding, str):
            before, after = (reach - 1, 0) if padding == "causal" else (0, 0)
        else:
            before, after = padding
        count = sum(1 for start in range(0, n + before + after, s) if start + reach <= n + before + after)
        if ceil_mode:  # a last window may hang over the end, unless it starts in the end padding
            count = ceil(Fraction(n + before + after - reach, s)) + 1
            while (count - 1) * s >= n + before:
                count -= 1
        elif short and not count and reach - (n + before + after) < s:
            count = 1  # the quotient is rounded toward zero, and one is added
    return [[s * i - before + d * t for t in range(k)] for i in range(count)]


def slid(given: Given, x: Sets, places: Sequence[int], **rounding: bool) -> Sets:
    """Let windows slide along axes."""
    alive = given["alive"] if given.kind == "conv" else None  # where its kernel is zero at the others
    for at, (place, rows) in enumerate(_windows_of(given, x, places, **rounding).items()):
        x = x.read(place, rows if alive is None else [[row[tap] for tap in alive[at]] for row in rows])
    return x


def _windows_of(given: Given, x: Sets, places: Sequence[int], **rounding: bool) -> dict[int, Rows]:
    """List the windows of a layer along each of some axes."""
    rank = len(places)
    kernel, dilation = given.each("kernel", rank), given.each("dilation", rank)
    stride = kernel if given["stride"] is None else given.each("stride", rank)
    settings = zip(places, kernel, stride, dilation, _paddings(given, rank), strict=True)
    return {place: windows(x.shape[place], k, s, d, p, **rounding) for place, k, s, d, p in settings}


def _paddings(given: Given, rank: int) -> list[Any]:
    """Return the padding along each axis: a word, or how much on both sides."""
    word = given["padding"]
    return [word] * rank if isinstance(word, str) else given.sides("padding", rank)


def in_groups(x: Sets, channel: int, groups: int, filters: int) -> Sets:
    """Let each filter read the channels of its own group."""
    if groups == 1:  # all filters read the same, which is united once
        return x.whole(channel, filters)
    depth, copies = x.shape[channel] // groups, filters // groups
    return x.read(channel, (range(f // copies * depth, (f // copies + 1) * depth) for f in range(filters)))


@define("conv")
def _convolution(given: Given, x: Sets) -> Sets:
    """Every output reads its window in the channels of its group."""
    channel = given.channel
    groups = given["groups"] if given["depth"] is None else x.shape[channel] // given["depth"]
    return in_groups(slid(given, x, given.spatial), channel, groups, given["filters"])


@define("separable_conv", "local_conv")
def _separable(given: Given, x: Sets) -> Sets:
    """Every filter reads its window in all channels."""
    return slid(given, x, given.spatial).whole(given.channel, given["filters"])


@define("depthwise_conv")
def _depthwise(given: Given, x: Sets) -> Sets:
    channel = given.channel
    count = x.shape[channel]
    return in_groups(slid(given, x, given.spatial), channel, count, count * given["multiplier"])


@define("patches")
def _patches(given: Given, x: Sets) -> Sets:
    """Channel c and place t of a window make one channel, in an order that is set."""
    rows = _windows_of(given, x, given.spatial)
    return into_channels(x, given.channel, rows, first=given["order"] == "places_first")


def into_channels(x: Sets, channel: int, rows: dict[int, Rows], *, first: bool) -> Sets:
    """Turn the places of windows on some axes into channels, those of one channel side by side or apart."""
    shape: list[int] = []
    for axis, extent in enumerate(x.shape):
        shape += [len(rows[axis]), len(rows[axis][0])] if axis in rows else [extent]
    for axis, windows_ in rows.items():
        x = x.read(axis, [[tap] for row in windows_ for tap in row])
    at = {axis: axis + sum(other < axis for other in rows) for axis in range(len(x.shape))}
    inside = [at[axis] + 1 for axis in sorted(rows)]
    mixed = [*inside, at[channel]] if first else [at[channel], *inside]
    order = [place for axis in at for place in (mixed if axis == channel else [at[axis]])]
    target = [shape[at[axis]] for axis in at]
    for place in inside:
        target[channel] *= shape[place]
    return x.reshape(shape).permute(order).reshape(target)


def out_of_channels(x: Sets, channel: int, blocks: dict[int, int], *, first: bool) -> Sets:
    """Turn channels into the places of blocks on some axes."""
    lengths = [blocks[axis] for axis in sorted(blocks)]
    left = x.shape[channel] // prod(lengths)
    cut = [*lengths, left] if first else [left, *lengths]
    more = len(lengths)
    own = channel + (more if first else 0)
    inside = dict(zip(sorted(blocks), range(channel + (not first), own + more + 1), strict=False))
    order: list[int] = []
    target: list[int] = []
    for axis, extent in enumerate(x.shape):
        at = own if axis == channel else axis + (more if axis > channel else 0)
        order += [at, inside[axis]] if axis in blocks else [at]
        target.append(left if axis == channel else extent * blocks.get(axis, 1))
    return x.reshape((*x.shape[:channel], *cut, *x.shape[channel + 1 :])).permute(order).reshape(target)


@define("max_pool", "average_pool", "lp_pool", "median_pool")
def _pooling(given: Given, x: Sets) -> Sets:
    return slid(given, x, given.spatial, ceil_mode=bool(given["ceil"]), short=bool(given["short"]))


@define("tile_equalization")
def _equalized(given: Given, x: Sets) -> Sets:
    """Each pixel reads whole tiles, those whose centres are the next ones on both sides, and itself."""
    places = given.spatial
    for place, tiles in zip(places, given.each("tiles", len(places)), strict=True):
        n = x.shape[place]
        length = -(-n // tiles)
        centres = [Fraction(length, 2) + length * t for t in range(tiles)]
        rows = []
        for pixel in range(n):
            near = [t for t, centre in enumerate(centres) if abs(centre - pixel) < length]
            near = near or [min(range(tiles), key=lambda t: abs(centres[t] - pixel))]
            taps = [tap for t in near for tap in range(t * length, (t + 1) * length)]
            rows.append([_bordered(tap, n, "symmetric") for tap in taps])
        x = x.read(place, rows)
    return x


@define("global_pool")
def _global_pooling(given: Given, x: Sets) -> Sets:
    places = given.spatial
    for place in places:
        x = x.whole(place, 1)
    return x if given["keepdims"] else x.drop(places)


@define("adaptive_pool")
def _adaptive_pooling(given: Given, x: Sets) -> Sets:
    """Output i of m takes the elements that lie in the i-th m-th of the axis, wholly or in part."""
    places = given.spatial
    for place, m in zip(places, given.each("size", len(places)), strict=True):
        x = x.read(place, parted(x.shape[place], m))
    return x


def parted(n: int, m: int) -> Rows:
    """List the elements of each of m equal parts of n, those that are cut belonging to both sides."""
    return [list(range(floor(Fraction(i * n, m)), ceil(Fraction((i + 1) * n, m)))) for i in range(m)]


@define("transposed_conv")
def _transposed(given: Given, x: Sets) -> Sets:
    """Input j writes to ``s*j + d*t - before`` for t in 0 ... k-1."""
    places = given.spatial
    rank = len(places)
    extras: Sequence[int | None] = [None] * rank
    if given["output_padding"] is not None:
        extras = given.each("output_padding", rank)
    settings = zip(
        places,
        given.each("kernel", rank),
        given.each("stride", rank),
        given.each("dilation", rank),
        _paddings(given, rank),
        extras,
        strict=True,
    )
    for place, k, s, d, padding, extra in settings:
        x = x.read(place, _writers(x.shape[place], k, s, d, padding, extra))
    return in_groups(x, given.channel, given["groups"], given["filters"])


def _writers(n: int, k: int, s: int, d: int, padding: Any, extra: int | None) -> Rows:
    """List the inputs that write to each output; beyond the axis there would be more, which are padding."""
    reach = d * (k - 1) + 1
    full = (n - 1) * s + reach
    before = 0
    if padding == "valid":
        count = max(full, n * s) if extra is None else full + extra
    elif padding == "same":  # the gradient of the convolution with SAME padding that leads from it to n
        count = n * s if extra is None else full - 2 * (reach // 2) + extra
        before = max(full - count, 0) // 2
    else:
        before, after = padding
        count = full - before - after + (extra or 0)
    far = reach // s + 2
    return [
        [
            j
            for j in range((i + before) // s - far, (i + before) // s + far + 1)
            if any(s * j + d * t - before == i for t in range(k))
        ]
        for i in range(count)
    ]


# ---- resampling --------------------------------------------------------------------------------------------

_RADII: Final = {"linear": 1, "cubic": 2, "lanczos3": 3, "lanczos5": 5}


def _kernel(at: Fraction, mode: str, wide: Fraction) -> list[int]:
    """List the elements for which an interpolation kernel at a position is not zero.

    A kernel of radius R is 1 at 0 and 0 at all other whole distances; against aliases it is stretched.
    """
    far = ceil(_RADII[mode] * wide) + 1
    away = {j: abs(j - at) / wide for j in range(floor(at) - far, ceil(at) + far + 1)}
    return [j for j, x in away.items() if x == 0 or (x < _RADII[mode] and x.denominator != 1)]


def half_pixel(n: int, m: int, mode: str, *, antialias: bool = False) -> Rows:
    """List what each of m samples of n elements reads, all of the same size, half-pixel centred."""
    if mode == "nearest":
        return [[floor((i + Fraction(1, 2)) * n / m)] for i in range(m)]
    if mode == "area":
        return parted(n, m)
    wide = max(Fraction(n, m), Fraction(1)) if antialias else Fraction(1)
    return [_kernel((i + Fraction(1, 2)) * Fraction(n, m) - Fraction(1, 2), mode, wide) for i in range(m)]


def bordered(x: Sets, place: int, rows: Rows, mode: str) -> Sets:
    """Read rows, where elements of the map stand for what lies beyond the border; the set says so."""
    n = x.shape[place]
    found = x.read(place, [[_bordered(j, n, mode) for j in row] for row in rows])
    beyond = [any(not 0 <= j < n for j in row) for row in rows]
    if not any(beyond) or x.is_aside(place):
        return found
    marks = Sets.nothing(x.shape, x.outside).read(place, [[-1] if b else [0] for b in beyond])
    return united(found, marks)


@define("upsample")
def _upsampled(given: Given, x: Sets) -> Sets:
    places = given.spatial
    for place, scale in zip(places, given.each("scale", len(places)), strict=True):
        x = _resampled(x, place, x.shape[place] * scale, given["mode"])
    return x


@define("resize")
def _resized(given: Given, x: Sets) -> Sets:
    places = given.spatial
    for place, size in zip(places, given.each("size", len(places)), strict=True):
        if given["aspect"] and x.shape[place] != size:
            raise NotDefined("resizing that keeps the aspect ratio")
        x = _resampled(x, place, size, given["mode"], antialias=bool(given["antialias"]))
    return x


def _resampled(x: Sets, place: int, m: int, mode: str, *, antialias: bool = False) -> Sets:
    n = x.shape[place]
    rows = half_pixel(n, m, mode, antialias=antialias)
    # a kernel that is stretched drops what it would read beyond the border, else it is the border itself
    return x.read(place, rows) if antialias and n > m else bordered(x, place, rows, "edge")


@define("resample")
def _resampled_axes(given: Given, x: Sets) -> Sets:
    """As ONNX says: a transformation gives the position, rounding or a kernel what is read there."""
    for k, (axis, size, scale, region) in enumerate(given["axes"]):
        place = axis % len(x.shape)
        n = x.shape[place]
        if given["factors"] and given["factors"][k] is not None:
            size = int(n * given["factors"][k])  # noqa: PLW2901  # the size in the file is that of another n
        at = _position(given["coordinates"], n, size, scale, region)
        positions = [at(i) for i in range(size)]
        wide = Fraction(1)
        if given["antialias"] and given["mode"] != "nearest":
            wide = max(Fraction(n, size) if scale is None else 1 / scale, Fraction(1))
        if given["mode"] == "nearest":
            free = [[rounded(position, given["rounding"])] for position in positions]
            if given["floats"]:
                how = given["coordinates"], given["rounding"]
                free = [[j] for j in in_floats(given["floats"], how, n, size, scale)] or free
        else:
            free = [_kernel(position, given["mode"], wide) for position in positions]
        if given["coordinates"] == "tf_crop_and_resize":
            free = [row if 0 <= at <= n - 1 else [-1] for row, at in zip(free, positions, strict=True)]
            x = x.read(
                place, [[_bordered(j, n, "edge") for j in row] if row != [-1] else row for row in free]
            )
        elif wide > 1:
            x = x.read(place, free)
        else:
            x = bordered(x, place, free, "edge")
    return x


def _position(
    transformation: str, n: int, m: int, scale: Fraction | None, region: Any
) -> Callable[[int], Fraction]:
    """Return where each output samples the input, as the ONNX specification of Resize writes it."""
    s = Fraction(m, n) if scale is None else Fraction(scale)
    half = Fraction(1, 2)
    start, end = region or (Fraction(0), Fraction(1))
    adjusted = Fraction(m) / (s * n)
    center = Fraction(n, 2)
    formulas: dict[str, Callable[[int], Fraction]] = {
        "half_pixel": lambda i: (i + half) / s - half,
        "pytorch_half_pixel": lambda i: (i + half) / s - half if m > 1 else Fraction(0),
        "half_pixel_symmetric": lambda i: center * (1 - adjusted) + (i + half) / s - half,
        "align_corners": lambda i: Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0),
        "asymmetric": lambda i: i / s,
        "tf_half_pixel_for_nn": lambda i: (i + half) / s,
        "tf_crop_and_resize": lambda i: (
            start * (n - 1) + i * (end - start) * Fraction(n - 1, m - 1)
            if m > 1
            else half * (start + end) * (n - 1)
        ),
    }
    return formulas[transformation]


# ---- borders, blocks ---------------------------------------------------------------------------------------


@define("pad")
def _padded(given: Given, x: Sets) -> Sets:
    places = given.spatial
    for place, (before, after) in zip(places, given.sides("padding", len(places)), strict=True):
        first, last = max(-before, 0), x.shape[place] + min(after, 0)  # what is taken off cannot be repeated
        x = x.read(place, ([j] for j in range(first, last)))
        rows = [[j] for j in range(-max(before, 0), last - first + max(after, 0))]
        x = bordered(x, place, rows, given["mode"])
    return x


def _bordered(j: int, n: int, mode: str) -> int:
    """Return the element that stands at index j of a map of n, beyond its border too."""
    if mode == "constant" or 0 <= j < n:
        return j
    if mode == "edge":
        return min(max(j, 0), n - 1)
    if mode == "wrap":
        return j % n
    if mode == "symmetric":
        j %= 2 * n
        return j if j < n else 2 * n - 1 - j
    j = j % (2 * n - 2) if n > 1 else 0
    return j if j < n else 2 * n - 2 - j


@define("crop")
def _cropped(given: Given, x: Sets) -> Sets:
    places = given.spatial
    for place, (before, after) in zip(places, given.sides("cropping", len(places)), strict=True):
        x = x.read(place, ([j] for j in range(before, x.shape[place] - after)))
    return x


@define("center_crop")
def _center_cropped(given: Given, x: Sets) -> Sets:
    places = given.spatial
    sizes = given.each("size", len(places))
    if any(x.shape[place] < size for place, size in zip(places, sizes, strict=True)):
        raise NotDefined("cropping more than there is, which resizes")
    for place, size in zip(places, sizes, strict=True):
        start = (x.shape[place] - size) // 2
        x = x.read(place, ([j] for j in range(start, start + size)))
    return x


@define("space_to_depth")
def _blocks_to_channels(given: Given, x: Sets) -> Sets:
    b = given["block"]
    rows = {place: windows(x.shape[place], b, b, 1, "valid") for place in given.spatial}
    return into_channels(x, given.channel, rows, first=given["order"] == "places_first")


@define("depth_to_space")
def _channels_to_blocks(given: Given, x: Sets) -> Sets:
    blocks = dict.fromkeys(given.spatial, given["block"])
    return out_of_channels(x, given.channel, blocks, first=given["order"] == "places_first")


@define("fold")
def _folded(given: Given, x: Sets) -> Sets:
    """Columns are added up to a map: place t of window i goes to ``s*i - before + d*t``."""
    sizes, kernel, stride = given["sizes"], given["kernel"], given["stride"]
    axes = list(zip(sizes, kernel, stride, given["dilation"], given["padding"], strict=True))
    grid = [len(windows(n, k, s, d, p)) for n, k, s, d, p in axes]
    channels = x.shape[1] // prod(kernel)
    apart = x.reshape((x.shape[0], channels, *kernel, *grid))
    rank = len(axes)
    total: Sets | None = None
    for taps in product(*map(range, kernel)):
        one = apart
        for axis, t in enumerate(taps):
            one = one.read(2 + axis, [[t]])
        one = one.drop(range(2, 2 + rank))
        for axis in reversed(range(rank)):
            n, _, s, d, (before, _) = axes[axis]
            at = [y + before - d * taps[axis] for y in range(n)]
            one = one.read(2 + axis, ([y // s] if y % s == 0 else [] for y in at))
        total = one if total is None else united(total, one)
    assert total is not None
    return total.whole(1, channels)
