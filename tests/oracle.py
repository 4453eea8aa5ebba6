"""What each element depends on, by enumeration: the truth that rfcalc is held against.

Everything here follows from the definitions of the layers and shares no code with rfcalc. An `Op` says which
input indices an output index reads along one axis, over all integers; the *line* oracle chases them back
through a graph without borders, and the *sized* oracle keeps a set for each element of each tensor and drops
what lies outside of a tensor at the very layer that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, lcm
from typing import Any

import numpy as np

Document = dict[str, Any]
Taps = Callable[[int], list[int]]

WHOLE = None
"""In place of a set: the whole axis."""

POINTWISE = {"relu", "activation", "batch_norm", "dropout", "identity", "linear", "prelu", "unit_norm"}
JOINS = {"add", "multiply", "subtract", "average", "maximum", "minimum"}
POOLS = ("max_pool", "average_pool", "lp_pool", "median_pool")
"""Kinds that slide a window as `max_pool` does, with its settings."""

CONVS = {"conv", "depthwise_conv", "separable_conv"}
MIXES = {"softmax", "layer_norm", "instance_norm", "group_norm", "multi_head_attention"}


@dataclass(frozen=True)
class Op:
    """One layer along one axis: which inputs output i reads, the output extent, how far it moves on."""

    taps: Taps
    extent: int
    slope: Fraction
    clamp: bool = False  # an index beyond the border means the border element


def per_axis(value: Any, axis: int) -> Any:
    return value[axis] if isinstance(value, (list, tuple)) else value


def both_sides(padding: Any, axis: int) -> tuple[int, int]:
    here = per_axis(padding, axis)
    before, after = here if isinstance(here, (list, tuple)) else (here, here)
    return before, after


# ---- windows ---------------------------------------------------------------------------------------------


def window(settings: Mapping[str, Any], axis: int, n: int, *, pool: bool) -> Op:
    """Convolution or pooling: output i reads s*i - p + d*t for t in 0 ... k-1."""
    k = per_axis(settings["kernel"], axis)
    s = per_axis(settings.get("stride", k if pool else 1), axis)
    d = per_axis(settings.get("dilation", 1), axis)
    padding = settings.get("padding", "valid")
    reach = d * (k - 1) + 1
    if padding in (
        "same",
        "same_lower",
    ):  # TensorFlow's definition: ceil(n / s) outputs, as centred as may be
        extent = ceil(Fraction(n, s))
        total = max((extent - 1) * s + reach - n, 0)
        before = total // 2 if padding == "same" else total - total // 2
        after = total - before
    else:
        if padding == "valid":
            before, after = 0, 0
        elif padding == "causal":
            before, after = reach - 1, 0
        else:
            before, after = both_sides(padding, axis)
        extent = sum(1 for start in range(0, n + before + after, s) if start + reach <= n + before + after)
        if settings.get("ceil"):  # PyTorch: round up, but a window that starts in the end padding is dropped
            extent = ceil(Fraction(n + before + after - reach, s)) + 1
            while (extent - 1) * s >= n + before:
                extent -= 1
    return Op(lambda i: [s * i - before + d * t for t in range(k)], extent, Fraction(s))


def transposed(settings: Mapping[str, Any], axis: int, n: int) -> Op:
    """Transposed convolution: input j writes to s*j + d*t - p."""
    k = per_axis(settings["kernel"], axis)
    s = per_axis(settings.get("stride", 1), axis)
    d = per_axis(settings.get("dilation", 1), axis)
    padding = settings.get("padding", "valid")
    reach = d * (k - 1) + 1
    extra = per_axis(settings.get("output_padding", 0), axis)
    if padding == "same":  # the gradient of the convolution with SAME padding from the output to n
        extent = n * s
        if "output_padding" in settings:
            extent = (n - 1) * s + reach - 2 * (reach // 2) + extra
        before = max((n - 1) * s + reach - extent, 0) // 2
    elif padding == "valid" and "output_padding" not in settings:  # Keras: no shorter than n * s
        before, extent = 0, n * s + max(reach - s, 0)
    else:
        before, after = (0, 0) if padding == "valid" else both_sides(padding, axis)
        extent = (n - 1) * s + reach - before - after + extra

    def taps(i: int) -> list[int]:
        first = (i + before - reach) // s - 1
        writers = range(first, first + reach // s + 4)
        return [j for j in writers for t in range(k) if s * j + d * t - before == i]

    return Op(taps, extent, Fraction(1, s))


RADII = {"linear": 1, "cubic": 2, "lanczos3": 3, "lanczos5": 5}


def resample(mode: str, n: int, m: int, *, antialias: bool = False) -> Op:
    """Half-pixel resampling from n to m: output i lies at (i + 1/2) * n/m - 1/2.

    An interpolation kernel of radius R is 1 at 0 and 0 at all other integers; against aliases it is stretched
    by the factor that the map shrinks by.
    """
    step = Fraction(n, m)
    unit = 2 * max(n, m) if antialias else 2 * m  # of the kernel, as all distances here in 1/(2m) elements

    def taps(i: int) -> list[int]:
        if mode == "nearest":
            return [(2 * i + 1) * n // (2 * m)]
        at, radius = (2 * i + 1) * n - m, RADII[mode]
        far = radius * unit // (2 * m) + 1
        near = range(at // (2 * m) - far, at // (2 * m) + far + 2)
        away = {j: abs(2 * m * j - at) for j in near}
        return [j for j, x in away.items() if x == 0 or (x < radius * unit and x % unit)]

    return Op(taps, m, step, clamp=not antialias)


def adaptive(n: int, m: int) -> Op:
    """Output i of m covers [i, i + 1) * n/m."""
    step = Fraction(n, m)
    return Op(lambda i: list(range(floor(i * step), ceil((i + 1) * step))), m, step)


def pads(settings: Mapping[str, Any], axis: int, n: int) -> Op:
    before, after = both_sides(settings["padding"], axis)
    mode = settings.get("mode", "constant")

    def taps(i: int) -> list[int]:
        j = i - before
        if mode == "constant" or 0 <= j < n:
            return [j]
        if mode == "edge":
            return [0 if j < 0 else n - 1]
        if mode == "wrap":
            return [j + n if j < 0 else j - n]
        if mode == "symmetric":
            return [-j - 1 if j < 0 else 2 * n - 1 - j]
        return [-j if j < 0 else 2 * n - 2 - j]

    return Op(taps, n + before + after, Fraction(1))


def along(  # noqa: PLR0911, PLR0912  one case a kind reads best
    kind: str, settings: Mapping[str, Any], axis: int, n: int
) -> Op | None:
    """Give the op of a layer along a spatial axis of n elements; None where the layer is no such op."""
    same = Fraction(1)
    if kind in POINTWISE:
        return Op(lambda i: [i], n, same)
    if kind in CONVS or kind in POOLS:
        return window(settings, axis, n, pool=kind in POOLS)
    if kind == "transposed_conv":
        return transposed(settings, axis, n)
    if kind == "upsample":
        return resample(settings.get("mode", "nearest"), n, n * per_axis(settings["scale"], axis))
    if kind == "resize":
        mode, m = settings.get("mode", "linear"), per_axis(settings["size"], axis)
        antialias = bool(settings.get("antialias"))
        return adaptive(n, m) if mode == "area" else resample(mode, n, m, antialias=antialias)
    if kind == "pad":
        return pads(settings, axis, n)
    if kind == "crop":
        before, after = both_sides(settings["cropping"], axis)
        return Op(lambda i: [i + before], n - before - after, same)
    if kind == "space_to_depth":
        b = settings["block"]
        return Op(lambda i: [b * i + t for t in range(b)], n // b, Fraction(b))
    if kind == "depth_to_space":
        b = settings["block"]
        return Op(lambda i: [i // b], n * b, Fraction(1, b))
    if kind == "adaptive_pool":
        return adaptive(n, per_axis(settings["size"], axis))
    if kind == "center_crop":
        m = per_axis(settings["size"], axis)
        return Op(lambda i: [i + (n - m) // 2], m, same)
    if kind == "repeat":
        c = settings["count"]
        return Op(lambda i: [i // c], n * c, Fraction(1, c))
    if kind == "tile":
        return Op(lambda i: [i % n], n * settings["repeats"][axis + 1], same)
    return None


# ---- the sized oracle ------------------------------------------------------------------------------------


def layers_of(document: Document) -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """Read the layers of a document in which each one has a name and says its inputs."""
    for layer in document["layers"]:
        settings = {key: value for key, value in layer.items() if key not in {"name", "kind", "inputs"}}
        given = layer["inputs"]
        yield layer["name"], layer["kind"], settings, [given] if isinstance(given, str) else given


def gathered(array: np.ndarray, place: int, rows: Iterable[Iterable[int]]) -> np.ndarray:
    """Let output i along an axis read the elements of row i."""
    source = np.moveaxis(array, place, 0)
    listed = list(rows)
    out = np.zeros((len(listed), *source.shape[1:]), dtype=object)
    for i, row in enumerate(listed):
        for j in row:
            out[i] = out[i] | source[j]
    return np.moveaxis(out, 0, place)


def slid(array: np.ndarray, place: int, op: Op) -> np.ndarray:
    """Let each output element read the union of what its taps along one axis depend on."""
    n = array.shape[place]

    def inside(i: int) -> set[int]:  # padding depends on nothing
        taps = op.taps(i)
        return {min(max(j, 0), n - 1) for j in taps} if op.clamp else {j for j in taps if 0 <= j < n}

    return gathered(array, place, map(inside, range(op.extent)))


def united(array: np.ndarray, places: Iterable[int]) -> np.ndarray:
    """Union along axes, which stay with one element."""
    for place in places:
        array = gathered(array, place, [range(array.shape[place])])
    return array


def running(array: np.ndarray, place: int, *, reverse: bool) -> np.ndarray:
    """Union of all up to each index, or from it on."""
    n = array.shape[place]
    return gathered(array, place, [range(i, n) if reverse else range(i + 1) for i in range(n)])


def _recurrent(array: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    whole = settings.get("bidirectional", "none") != "none"
    steps = running(array, 0, reverse=bool(settings.get("reverse")))
    if not settings.get("sequences"):
        return united(array, [0])[0]
    if whole:
        return array * 0 | united(array, [0])
    return steps[::-1] if settings.get("reverse") else steps  # Keras: what runs from the end starts there


def _places(value: Any, rank: int) -> list[int]:
    """Tensor axes, batch and channels among them, as places in an array that has neither."""
    axes = value if isinstance(value, (list, tuple)) else [value]
    return [(axis % (rank + 2)) - 1 for axis in axes if axis % (rank + 2) not in {0, rank + 1}]


def sized(
    document: Document, axes: Sequence[int] = (0,), *, nothing: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Give for each tensor an array of bit sets: the input elements each of its elements depends on.

    Of the model's spatial axes only `axes` are followed, together; bit j is element j of the input in
    row-major order. Channels are not told apart. What layers of `nothing` put out depends on nothing.
    """
    extents = [document["input"][axis] for axis in axes]
    start = np.empty(tuple(extents), dtype=object)
    for number, index in enumerate(np.ndindex(*extents)):
        start[index] = 1 << number
    tensors = {"input": start}
    for name, kind, settings, inputs in layers_of(document):
        tensors[name] = _sized_layer(kind, settings, [tensors[each] for each in inputs], axes)
        if name in nothing:
            tensors[name] = tensors[name] * 0
    return tensors


def _sized_layer(  # noqa: PLR0911, PLR0912  one case a kind reads best
    kind: str, settings: Mapping[str, Any], given: Sequence[np.ndarray], axes: Sequence[int]
) -> np.ndarray:
    array = given[0]
    rank = array.ndim
    if kind in JOINS:
        for other in given[1:]:
            array = array | other  # numpy stretches axes of one element, as the layers do
        return array
    if kind == "concat":
        if settings.get("axis", -1) in {-1, rank + 1}:
            for other in given[1:]:
                array = array | other
            return array
        return np.concatenate(given, axis=settings["axis"] - 1)
    if kind == "global_pool":
        total = united(array, range(rank))
        return total if settings.get("keepdims") else total.reshape(())
    if kind in {"softmax", "layer_norm"}:
        places = _places(settings.get("axis", settings.get("axes", -1)), rank)
        if kind == "softmax" and all(array.shape[place] == 1 for place in places):
            return array * 0  # of one element it is 1, whatever that is
        return array * 0 | united(array, places)
    if kind in {"instance_norm", "group_norm"}:
        return array * 0 | united(array, range(rank))
    if kind == "multi_head_attention":
        places = _places(settings["axes"], rank) if "axes" in settings else range(rank)
        return array * 0 | united(array, places)
    if kind == "reduce":
        places = _places(settings["axes"], rank)
        total = united(array, places)
        return total if settings.get("keepdims") else total.squeeze(tuple(places))
    if kind == "cumulative":
        return running(array, *_places(settings["axis"], rank), reverse=bool(settings.get("reverse")))
    if kind == "flip":
        return np.flip(array, _places(settings["axes"], rank))
    if kind == "roll":
        return np.roll(array, settings["shift"], _places(settings["axes"], rank))
    if kind in {"lstm", "gru", "simple_rnn"}:
        return _recurrent(array, settings)
    if kind == "reshape":
        return array.reshape(settings["shape"][1:-1])
    if kind == "permute":
        return array.transpose([axis - 1 for axis in settings["order"][1:-1]])
    if kind == "select":
        return array.take(settings["index"], axis=settings["axis"] - 1)
    for place, axis in enumerate(axes):
        op = along(kind, settings, axis, array.shape[place])
        if op is None:
            raise NotImplementedError(kind)
        array = slid(array, place, op)
    return array


def bits(mask: int) -> list[int]:
    return [j for j in range(mask.bit_length()) if mask >> j & 1]


def span(mask: int) -> tuple[int, int, int] | None:
    """First index, last index and how many, as `rfcalc.field` gives them."""
    there = bits(mask)
    return (there[0], there[-1], len(there)) if there else None


# ---- the line oracle -------------------------------------------------------------------------------------


class Line:
    """The same graph on an axis without borders: output i of a layer reads a set of integers, or all of them.

    Extents enter only where a layer's own definition has them: SAME padding, resizing, adaptive pooling.
    """

    def __init__(self, document: Document, axis: int = 0) -> None:
        self.ops: dict[str, tuple[list[str], Op | None]] = {}
        self.slopes: dict[str, set[Fraction]] = {"input": {Fraction(1)}}
        self.periods: dict[str, int] = {"input": 1}
        """After so many outputs the rows come round again."""
        self.arrays = arrays = sized(document, (axis,))
        for name, kind, settings, inputs in layers_of(document):
            slopes = set().union(*(self.slopes[each] for each in inputs))
            if kind in JOINS or kind == "concat":
                op = Op(lambda i: [i], 0, Fraction(1))
            elif kind == "softmax" and arrays[name].size == 1:
                op, slopes = Op(lambda i: [], 0, Fraction(1)), set()
            elif kind in MIXES or kind == "global_pool":
                op = None
                slopes = slopes if kind in MIXES else set()
            else:
                op = along(kind, settings, axis, arrays[inputs[0]].size)
                if op is None:
                    raise NotImplementedError(kind)
                slopes = {slope * op.slope for slope in slopes}
            self.ops[name] = inputs, op
            self.slopes[name] = slopes
            step = 1 if op is None else op.slope.denominator
            self.periods[name] = step * lcm(*(self.periods[each] for each in inputs))
        self.taps = lru_cache(maxsize=None)(self._taps)

    def _taps(self, name: str, i: int) -> frozenset[int] | None:
        """Input indices that output i of a layer reads; WHOLE for all of them."""
        if name == "input":
            return frozenset({i})
        inputs, op = self.ops[name]
        if op is None:
            return WHOLE
        found: set[int] = set()
        for each in inputs:
            for j in op.taps(i):
                below = self.taps(each, j)
                if below is WHOLE:
                    return WHOLE
                found |= below
        return frozenset(found)

    def slope(self, name: str) -> Fraction | None:
        """Input elements that one output index moves on; None where paths disagree or none has a grid."""
        (only,) = self.slopes[name] if len(self.slopes[name]) == 1 else (None,)
        return only


def spread(taps: frozenset[int]) -> int:
    """Span of a set: 0 if empty."""
    return max(taps) - min(taps) + 1 if taps else 0
