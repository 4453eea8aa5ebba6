"""What each element depends on, pixel by pixel: the truth for every kind of layer, also where axes mix.

`tests.oracle` follows one axis at a time; here a tensor is an array of its own shape, batch and channels
included, and each element is the set of all input pixels it depends on (bit j is pixel j in row-major
order), so that nothing is taken for granted about axes. Padding depends on nothing and is dropped by the
layer that adds it. After each layer the channels of a map are united: rfcalc does not tell channels apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import or_
from typing import Any, Final

import numpy as np

from tests.oracle import (
    JOINS,
    POOLS,
    Document,
    along,
    both_sides,
    gathered,
    layers_of,
    per_axis,
    running,
    slid,
    united,
)

Settings = Mapping[str, Any]

SPATIAL: Final = {1: "l", 2: "hw", 3: "dhw"}
"""A letter for each spatial axis of the input; a tensor axis keeps it for as long as it keeps the grid."""

SAME: Final = {
    "activation", "batch_norm", "channel_scale", "dropout", "identity", "prelu", "relu", "sigmoid",
}  # fmt: skip
"""Layers in which each element depends on the element at its own place."""


@dataclass(frozen=True)
class Tensor:
    """Sets of pixels in the shape of the tensor; for each axis a letter: b, c, an input axis's, or ?."""

    sets: np.ndarray
    axes: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sets.shape

    @property
    def spatial(self) -> list[int]:
        return [place for place, letter in enumerate(self.axes) if letter in "dhwl"]

    @property
    def channel(self) -> int:
        return self.axes.rindex("c")


# ---- moves -------------------------------------------------------------------------------------------------


def stretched(sets: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return np.broadcast_to(sets, tuple(shape)).copy()


def windows(tensor: Tensor, kind: str, settings: Settings, places: Sequence[int] | None = None) -> Tensor:
    """Let a layer slide over axes, each as its definition along one axis says."""
    sets = tensor.sets
    for axis, place in enumerate(tensor.spatial if places is None else places):
        op = along(kind, settings, axis, sets.shape[place])
        assert op is not None, f"tests/oracle.py has no taps for {kind!r}: see POOLS and along()"
        sets = slid(sets, place, op)
    return Tensor(sets, tensor.axes)


def mixed_channels(tensor: Tensor, count: int) -> Tensor:
    """Let every one of `count` new channels read all."""
    place = tensor.channel
    return Tensor(gathered(tensor.sets, place, [range(tensor.shape[place])] * count), tensor.axes)


def mixed(tensor: Tensor, places: Sequence[int]) -> Tensor:
    """Let every element read all along some axes, which stay."""
    return Tensor(stretched(united(tensor.sets, places), tensor.shape), tensor.axes)


def reduced(tensor: Tensor, places: Sequence[int], *, keep: bool) -> Tensor:
    sets = united(tensor.sets, places)
    if keep:
        return Tensor(sets, tensor.axes)
    axes = "".join(letter for place, letter in enumerate(tensor.axes) if place not in places)
    return Tensor(sets.squeeze(tuple(places)), axes)


def scanned(tensor: Tensor, place: int, *, reverse: bool) -> Tensor:
    return Tensor(running(tensor.sets, place, reverse=reverse), tensor.axes)


def turned(tensor: Tensor, place: int) -> Tensor:
    return Tensor(np.flip(tensor.sets, place), tensor.axes)


# ---- the layers --------------------------------------------------------------------------------------------

Rule = Callable[..., "Tensor | list[Tensor]"]
RULES: Final[dict[str, Rule]] = {}


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


@rule(*SAME)
def _same(_: Settings, x: Tensor) -> Tensor:
    return x


@rule(*JOINS, "divide", "elementwise")
def _join(_: Settings, *inputs: Tensor) -> Tensor:
    shape = np.broadcast_shapes(*(x.shape for x in inputs))
    longest = max(inputs, key=lambda x: len(x.shape))
    return Tensor(reduce(or_, (stretched(x.sets, shape) for x in inputs)), longest.axes)


@rule("concat")
def _concat(settings: Settings, *inputs: Tensor) -> Tensor:
    return Tensor(np.concatenate([x.sets for x in inputs], settings.get("axis", -1)), inputs[0].axes)


@rule("stack")
def _stack(settings: Settings, *inputs: Tensor) -> Tensor:
    place = settings["axis"]
    axes = inputs[0].axes
    return Tensor(np.stack([x.sets for x in inputs], place), f"{axes[:place]}?{axes[place:]}")


@rule("split")
def _split(settings: Settings, x: Tensor) -> list[Tensor]:
    starts = np.cumsum(settings["sizes"])[:-1]
    return [Tensor(part, x.axes) for part in np.split(x.sets, starts, settings.get("axis", -1))]


@rule("conv", "separable_conv", "transposed_conv")
def _conv(settings: Settings, x: Tensor) -> Tensor:
    kind = "transposed_conv" if settings["kind"] == "transposed_conv" else "conv"
    return mixed_channels(windows(x, kind, settings), settings["filters"])


@rule("depthwise_conv")
def _depthwise_conv(settings: Settings, x: Tensor) -> Tensor:
    return mixed_channels(windows(x, "conv", settings), x.shape[x.channel] * settings.get("multiplier", 1))


@rule(*POOLS, "adaptive_pool", "upsample", "resize", "crop", "center_crop")
def _slide(settings: Settings, x: Tensor) -> Tensor:
    return windows(x, settings["kind"], settings)


@rule("patches")
def _patches(settings: Settings, x: Tensor) -> Tensor:
    taps = prod(per_axis(settings["kernel"], axis) for axis in range(len(x.spatial)))
    return mixed_channels(
        windows(x, "max_pool", settings), x.shape[x.channel] * taps
    )  # strides as of pooling


@rule("space_to_depth")
def _space_to_depth(settings: Settings, x: Tensor) -> Tensor:
    blocks = settings["block"] ** len(x.spatial)
    return mixed_channels(windows(x, "space_to_depth", settings), x.shape[x.channel] * blocks)


@rule("depth_to_space")
def _depth_to_space(settings: Settings, x: Tensor) -> Tensor:
    blocks = settings["block"] ** len(x.spatial)
    return mixed_channels(windows(x, "depth_to_space", settings), x.shape[x.channel] // blocks)


@rule("pad")
def _pad(settings: Settings, x: Tensor) -> Tensor:
    width = [(0, 0)] * len(x.shape)
    for axis, place in enumerate(x.spatial):
        width[place] = both_sides(settings["padding"], axis)
    mode = settings.get("mode", "constant")
    if mode != "constant":
        return Tensor(np.pad(x.sets, width, mode=mode), x.axes)
    sets = np.zeros([n + lo + hi for n, (lo, hi) in zip(x.shape, width, strict=True)], dtype=object)
    sets[tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape, width, strict=True))] = x.sets
    return Tensor(sets, x.axes)


@rule("flip")
def _flip(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(np.flip(x.sets, settings["axes"]), x.axes)


@rule("roll")
def _roll(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(np.roll(x.sets, settings["shift"], settings["axes"]), x.axes)


@rule("tile")
def _tile(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(np.tile(x.sets, settings["repeats"]), x.axes)


@rule("repeat")
def _repeat(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(np.repeat(x.sets, settings["count"], settings["axis"]), x.axes)


@rule("repeat_vector")
def _repeat_vector(settings: Settings, x: Tensor) -> Tensor:
    tokens = Tensor(np.repeat(x.sets[:, None], settings["count"], 1), f"{x.axes[0]}?{x.axes[1:]}")
    every = [range(tokens.shape[-1])] * tokens.shape[-1]
    return Tensor(gathered(tokens.sets, 2, every), tokens.axes)  # a token holds the whole vector


@rule("broadcast_to")
def _broadcast_to(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(stretched(x.sets, [1, *settings["shape"][1:]]), x.axes)


# ---- whole axes --------------------------------------------------------------------------------------------


@rule("global_pool")
def _global_pool(settings: Settings, x: Tensor) -> Tensor:
    return reduced(x, x.spatial, keep=settings.get("keepdims", False))


@rule("reduce")
def _reduce(settings: Settings, x: Tensor) -> Tensor:
    places = settings.get("axes", range(1, len(x.shape)))
    return reduced(x, sorted(a % len(x.shape) for a in places), keep=settings.get("keepdims", False))


@rule("softmax")
def _softmax(settings: Settings, x: Tensor) -> Tensor:
    return mixed(x, [settings.get("axis", -1)])


@rule("layer_norm", "rms_norm", "unit_norm")
def _layer_norm(settings: Settings, x: Tensor) -> Tensor:
    return mixed(x, settings.get("axes", [-1]))


@rule("instance_norm", "group_norm")
def _instance_norm(_: Settings, x: Tensor) -> Tensor:
    return mixed(x, x.spatial)


@rule("local_response_norm")
def _local_response_norm(_: Settings, x: Tensor) -> Tensor:
    return mixed(x, [x.channel])


@rule("linear")
def _linear(settings: Settings, x: Tensor) -> Tensor:
    place = settings.get("axis", -1) % len(x.shape)
    sets = gathered(x.sets, place, [range(x.shape[place])] * settings["units"])
    return Tensor(sets, f"{x.axes[:place]}c{x.axes[place + 1 :]}")


@rule("cumulative")
def _cumulative(settings: Settings, x: Tensor) -> Tensor:
    return scanned(x, settings.get("axis", -1) % len(x.shape), reverse=settings.get("reverse", False))


@rule("simple_rnn", "lstm", "gru")
def _recurrent(settings: Settings, x: Tensor) -> Tensor | list[Tensor]:
    both, reverse = settings.get("bidirectional"), settings.get("reverse", False)
    inner = mixed_channels(x, settings["units"] * (2 if both == "concat" else 1))
    if not settings.get("sequences", False):
        return reduced(inner, [1], keep=False)
    if both == "none":
        return [scanned(inner, 1, reverse=way) for way in (False, True)]
    if both:
        return mixed(inner, [1])
    steps = scanned(inner, 1, reverse=reverse)
    return turned(steps, 1) if reverse else steps  # the steps come out in the order of the run


@rule("conv_lstm")
def _conv_lstm(settings: Settings, x: Tensor) -> Tensor:
    """Step t reads its own input through a convolution, and what step t - 1 gave through another one."""
    places = [place for place in x.spatial if place != 1]
    taken = mixed_channels(windows(x, "conv", settings, places), settings["filters"])
    recurrent = {"kernel": settings["kernel"], "padding": "same"}
    steps: list[np.ndarray] = []
    for t in range(x.shape[1])[:: -1 if settings.get("reverse") else 1]:
        here = taken.sets.take([t], 1)
        if steps:
            here = here | windows(Tensor(steps[-1], x.axes), "conv", recurrent, places).sets
        steps.append(here)
    if settings.get("sequences", False):
        return Tensor(np.concatenate(steps, 1), x.axes)
    return Tensor(steps[-1].squeeze(1), x.axes[:1] + x.axes[2:])


@rule("multi_head_attention", "dot_attention", "additive_attention")
def _attention(settings: Settings, *inputs: Tensor) -> Tensor:
    query, *others = inputs
    last = len(query.shape) - 1
    units = others[-1].shape[-1] if others and settings["kind"] != "multi_head_attention" else query.shape[-1]
    axes = range(1, last) if settings["kind"] == "multi_head_attention" else [last - 1]
    shape = (*query.shape[:-1], units)
    sets = stretched(united(query.sets, [last]), shape)
    axes = settings.get("axes", axes)
    for each in others or [query]:
        read = each.sets
        if settings.get("causal"):  # query i reads the keys up to i
            (axis,) = axes
            rows = [range(min(i + 1, each.shape[axis])) for i in range(query.shape[axis])]
            read = gathered(read, axis, rows)
        else:
            read = united(read, axes)
        sets |= stretched(united(read, [last]), shape)
    return Tensor(sets, query.axes)


@rule("einsum")
def _einsum(settings: Settings, *inputs: Tensor) -> Tensor:
    """An element of the result reads every factor of every product in its sum."""
    left, right = settings["equation"].split("->")
    terms = left.split(",")
    extents: dict[str, int] = {}
    for term, x in zip(terms, inputs, strict=True):
        extents.update(zip(term, x.shape, strict=True))
    sets = np.zeros([extents[letter] for letter in right], dtype=object)
    for term, x in zip(terms, inputs, strict=True):
        summed = [place for place, letter in enumerate(term) if letter not in right]
        kept = [letter for letter in term if letter in right]
        part = united(x.sets, summed).squeeze(tuple(summed))
        part = part.transpose([kept.index(letter) for letter in right if letter in kept])
        sets |= stretched(part.reshape([extents[c] if c in kept else 1 for c in right]), sets.shape)
    return Tensor(sets, "?" * len(right))


@rule("matmul")
def _matmul(_: Settings, x: Tensor, y: Tensor) -> Tensor:
    outer = "abcd"[: len(x.shape) - 2]
    return _einsum({"equation": f"{outer}nk,{outer}km->{outer}nm"}, x, y)  # type: ignore[return-value]  # one output


@rule("dot")
def _dot(settings: Settings, x: Tensor, y: Tensor) -> Tensor:
    left, right = list("aefgh"[: len(x.shape)]), list("aijkl"[: len(y.shape)])
    left[settings["axes"][0]] = right[settings["axes"][1]] = "z"
    out = [letter for letter in (*left, *right[1:]) if letter != "z"]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
    return _einsum({"equation": equation}, x, y)  # type: ignore[return-value]  # one output


@rule("primary_capsules")
def _primary_capsules(settings: Settings, x: Tensor) -> Tensor:
    wide = mixed_channels(windows(x, "conv", settings), settings["capsules"] * settings["dim"])
    return Tensor(wide.sets.reshape(1, -1, settings["dim"]), "b?c")


@rule("capsules")
def _capsules(settings: Settings, x: Tensor) -> Tensor:
    return Tensor(stretched(united(x.sets, [1, 2]), (1, settings["count"], settings["dim"])), "b??")


# ---- shapes ------------------------------------------------------------------------------------------------


@rule("reshape")
def _reshape(settings: Settings, x: Tensor) -> Tensor:
    sets = x.sets.reshape([1, *settings["shape"][1:]])
    if sets.shape == x.shape:
        return Tensor(sets, x.axes)
    cut = x.axes == "blc" and sets.ndim == 4 and sets.shape[-1] == x.shape[-1]
    return Tensor(sets, "bhwc" if cut else "b" + "?" * (sets.ndim - 1))


@rule("flatten")
def _flatten(_: Settings, x: Tensor) -> Tensor:
    return Tensor(x.sets.reshape(1, -1), "b?")


@rule("permute")
def _permute(settings: Settings, x: Tensor) -> Tensor:
    order = settings["order"]
    return Tensor(x.sets.transpose(order), "".join(x.axes[place] for place in order))


@rule("expand_dims")
def _expand_dims(settings: Settings, x: Tensor) -> Tensor:
    (place,) = settings["axes"]
    return Tensor(np.expand_dims(x.sets, place), f"{x.axes[:place]}?{x.axes[place:]}")


@rule("squeeze")
def _squeeze(settings: Settings, x: Tensor) -> Tensor:
    (place,) = settings["axes"]
    return Tensor(x.sets.squeeze(place), x.axes[:place] + x.axes[place + 1 :])


@rule("select")
def _select(settings: Settings, x: Tensor) -> Tensor:
    place = settings["axis"] % len(x.shape)
    return Tensor(x.sets.take(settings["index"], place), x.axes[:place] + x.axes[place + 1 :])


# ---- a model -----------------------------------------------------------------------------------------------


class Pixels:
    """The tensors of a document that has one input, `input`, and names all layers and their inputs."""

    def __init__(self, document: Document) -> None:
        self.extents = tuple(document["input"][:-1])
        start = np.zeros((1, *document["input"]), dtype=object)
        for number, index in enumerate(np.ndindex(self.extents)):
            start[(0, *index)] = 1 << number
        self.tensors = {"input": Tensor(start, f"b{SPATIAL[len(self.extents)]}c")}
        for name, kind, settings, inputs in layers_of(document):
            self.add(name, kind, settings, inputs)

    def add(self, name: str, kind: str, settings: Settings, inputs: Sequence[str]) -> list[str]:
        """Run one more layer; give the names of its outputs."""
        result = RULES[kind]({**settings, "kind": kind}, *(self.tensors[each] for each in inputs))
        outputs = result if isinstance(result, list) else [result]
        names = [name, *(f"{name}:{number}" for number in range(1, len(outputs)))]
        start = self.tensors["input"].axes
        for each, tensor in zip(names, outputs, strict=True):
            back = kind == "reshape" and len(tensor.axes) == len(start)  # put together again: a map as before
            self.tensors[each] = self._united(Tensor(tensor.sets, start) if back else tensor)
        return names

    @staticmethod
    def _united(tensor: Tensor) -> Tensor:
        places = [place for place, letter in enumerate(tensor.axes) if letter == "c"]
        return mixed(tensor, places) if places else tensor

    def along(self, name: str, axis: int) -> np.ndarray:
        """Project the sets of a tensor to one input axis: bit j is index j of that axis."""
        number = np.arange(np.prod(self.extents)).reshape(self.extents)
        slabs = [sum(1 << int(k) for k in number.take(j, axis).ravel()) for j in range(self.extents[axis])]
        seen: dict[int, int] = {}

        def project(pixels: int) -> int:
            if pixels not in seen:
                seen[pixels] = sum(1 << j for j, slab in enumerate(slabs) if pixels & slab)
            return seen[pixels]

        return np.frompyfunc(project, 1, 1)(self.tensors[name].sets)

    def rows(self, name: str, axis: int, place: int) -> list[int]:
        """For each index of a tensor axis the union over all others, projected to one input axis."""
        others = [p for p in range(len(self.tensors[name].shape)) if p != place]
        return [int(mask) for mask in united(self.along(name, axis), others).ravel()]
