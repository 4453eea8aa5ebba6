"""Normalisation: what is learned, what moves in training, and over what the statistics are taken.

At inference a batch normalisation uses stored statistics and is an identity; the others take their
statistics from the very map, so where they reach over spatial axes every output depends on all of it.
"""

from __future__ import annotations

from rfcalc.algebra.number import Num, cdiv, equal, is_known, is_one, is_open
from rfcalc.algebra.steps import Lose, Mix, Slide, Step
from rfcalc.algebra.window import gather as listed
from rfcalc.algebra.window import slide, within_groups
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import CHANNEL, TensorSpec
from rfcalc.rules.plain import HERE
from rfcalc.rules.registry import (
    AXES,
    AXIS,
    COUNT,
    FLAG,
    INTERNAL,
    LAYOUT,
    PER_AXIS,
    REQUIRED,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    find,
    rule,
)

SCALE = Setting("scale", FLAG, True, "whether a factor is learned")
CENTER = Setting("center", FLAG, True, "whether an offset is learned")


def _affine(call: Call, shape: tuple[Num, ...]) -> tuple[Parameter, ...]:
    """Learned factor and offset."""
    roles = (("gamma", "scale"), ("beta", "center"))
    return tuple([Parameter(role, shape) for role, setting in roles if call[setting]])


def _statistics(spec: TensorSpec, axes: tuple[int, ...], weights: tuple[Parameter, ...]) -> Result:
    """Normalise by statistics over `axes`: global along them, local with the statistics cut."""
    return Result((spec,), ((Path(0, (Mix(axes),)),),), weights, gated=(HERE,))


@rule(
    "batch_norm",
    Setting("axis", AXIS, None, "the axis that keeps its own statistics; by default the channels"),
    SCALE, CENTER,
    Setting("renorm", FLAG, False, "batch renormalisation, with three more moving vectors"),
    family="normalisation", summary="Batch normalisation; at inference with stored statistics.",
)  # fmt: skip
def batch_norm(call: Call) -> Result:
    """Weights gamma and beta, and the moving mean and variance that training does not learn."""
    spec = call.only()
    axes = _feature_axes(call, spec)
    shape = tuple([spec.shape[axis] for axis in axes])
    stored = ["moving_mean", "moving_variance"]
    if call["renorm"]:
        stored += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    moving = [Parameter(role, shape, trainable=False) for role in stored]
    return Result((spec,), ((HERE,),), (*_affine(call, shape), *moving))


def _feature_axes(call: Call, spec: TensorSpec) -> tuple[int, ...]:
    axis = call["axis"]
    if axis is None:
        return (call.channel(spec),)
    return tuple([call.axis(spec, place) for place in (axis if isinstance(axis, (tuple, list)) else (axis,))])


@rule(
    "layer_norm",
    Setting("axes", AXES, (-1,), "axes of the statistics and of the weights"),
    SCALE, CENTER,
    family="normalisation", summary="Layer normalisation over some axes of each sample.",
)  # fmt: skip
def layer_norm(call: Call) -> Result:
    """Weights gamma and beta over the axes."""
    spec = call.only()
    axes = tuple(sorted(call.axis(spec, place) for place in call["axes"]))
    return _statistics(spec, axes, _affine(call, tuple(spec.shape[axis] for axis in axes)))


@rule(
    "rms_norm",
    Setting("axes", AXES, (-1,), "axes of the mean square and of the weights"),
    SCALE,
    family="normalisation",
    summary="Normalisation by the root mean square.",
)
def rms_norm(call: Call) -> Result:
    """One weight, gamma, over the axes."""
    spec = call.only()
    axes = tuple(sorted(call.axis(spec, place) for place in call["axes"]))
    weights = (Parameter("gamma", tuple(spec.shape[axis] for axis in axes)),) if call["scale"] else ()
    return _statistics(spec, axes, weights)


@rule(
    "group_norm",
    Setting("groups", COUNT, 32, "groups of channels"),
    Setting("axis", AXIS, None, "the channel axis; by default the one tagged so"),
    SCALE, CENTER,
    family="normalisation", summary="Normalisation over the map and a group of channels.",
)  # fmt: skip
def group_norm(call: Call) -> Result:
    """Weights gamma and beta, one for each channel."""
    spec = call.only()
    axis = call.channel(spec) if call["axis"] is None else call.axis(spec, call["axis"])
    channels, groups = spec.shape[axis], call["groups"]
    if is_known(channels) and is_known(groups) and groups > 0 and channels % groups:
        raise AnalysisError(f"{channels} channels do not divide into {groups} groups")
    others = tuple(place for place in range(1, len(spec.shape)) if place != axis)
    size = 1 if is_known(groups) and groups < 1 else channels // groups
    group: Step = Slide(axis, within_groups(size), channels)
    if is_open(size):
        group = Lose(axis, channels, "groups of an axis of unknown extent")
    path = Path(0, (Mix(others), group))
    return Result((spec,), ((path,),), _affine(call, (channels,)), gated=(HERE,))


@rule(
    "instance_norm",
    SCALE,
    CENTER,
    family="normalisation",
    summary="Normalisation over the map, channel by channel.",
)
def instance_norm(call: Call) -> Result:
    """Weights gamma and beta, one for each channel."""
    spec = call.only()
    channel = call.channel(spec)
    axes = tuple(place for place in range(1, len(spec.shape)) if place != channel)
    return _statistics(spec, axes, _affine(call, (spec.shape[channel],)))


@rule(
    "unit_norm",
    Setting("axes", AXES, (-1,), "axes of the norm"),
    family="normalisation",
    summary="Scale to unit length along axes.",
)
def unit_norm(call: Call) -> Result:
    """No weights."""
    spec = call.only()
    return _statistics(spec, tuple(call.axis(spec, place) for place in call["axes"]), ())


@rule(
    "channel_scale",
    Setting("size", COUNT, REQUIRED, "channels"),
    family="normalisation",
    summary="A learned factor for each channel.",
)
def channel_scale(call: Call) -> Result:
    """One weight for each channel; stretches along the last axis."""
    spec = call.only()
    if equal(spec.shape[-1], call["size"]) is False:
        raise AnalysisError(f"{call['size']} factors do not fit {spec.shape[-1]} channels")
    return Result((spec,), ((HERE,),), (Parameter("gamma", (call["size"],)),))


@rule(
    "local_response_norm",
    Setting("size", COUNT, 5, "neighbouring channels that are taken together"),
    Setting("axis", INTERNAL, None, "the axis of the neighbours; by default the channels"),
    family="normalisation",
    summary="Normalisation by neighbouring channels.",
)
def local_response_norm(call: Call) -> Result:
    """Channel c reads from ``c - (size-1)//2`` to ``c + size//2``; no weights."""
    spec = call.only()
    axis = call.channel(spec) if call["axis"] is None else call.axis(spec, call["axis"])
    size = call["size"]
    near: Step = Slide(axis, slide(size, lo=(size - 1) // 2), spec.shape[axis], spec.axes[axis] == CHANNEL)
    return Result((spec,), ((Path(0, (near,)),),))


@rule(
    "tile_equalization",
    Setting("tiles", PER_AXIS, REQUIRED, "tiles along each spatial axis"),
    LAYOUT,
    summary="Histogram equalisation tile by tile, between whose curves every pixel interpolates (CLAHE).",
    native=False,
)
def tile_equalization(call: Call) -> Result:
    """Tiles are ``ceil(n/g)`` long; a pixel reads the two tiles along each axis whose centres are nearest."""
    spec = call.only()
    spatial = call.spatial(spec)
    steps: list[Step] = []
    for axis, tiles in zip(spatial, call.per_axis("tiles", len(spatial)), strict=True):
        extent = spec.shape[axis]
        if is_one(tiles):
            steps.append(Mix((axis,)))
        elif is_known(extent) and is_known(tiles):
            steps.append(Slide(axis, listed(extent, extent, _tile_rows(extent, tiles)), extent))
        else:
            steps.append(
                Lose(axis, extent, "how long tiles are depends on the extent; give the input's size")
            )
    return Result((spec,), ((Path(0, tuple(steps)),),))


def _tile_rows(extent: int, tiles: int) -> list[list[int]]:
    """List what each pixel reads along one axis, whose last tiles are filled up by what mirrors there."""
    length = cdiv(extent, tiles)

    def tile(number: int) -> set[int]:
        number = min(max(number, 0), tiles - 1)
        inside = (pixel % (2 * extent) for pixel in range(number * length, (number + 1) * length))
        return {pixel if pixel < extent else 2 * extent - 1 - pixel for pixel in inside}

    rows = []
    for pixel in range(extent):
        before, rest = divmod(
            2 * pixel - length, 2 * length
        )  # in half pixels, from the centre of the first tile
        rows.append(sorted(tile(before) | (tile(before + 1) if rest else set())))
    return rows


@rule(
    "normalization",
    Setting("axes", AXES, (-1,), "axes that keep their own statistics"),
    Setting("given", FLAG, False, "the statistics are constants of the layer"),
    family="normalisation",
    summary="Keras's preprocessing layer: stored mean and variance.",
    native=False,
)
def normalization(call: Call) -> Result:
    """Weights mean, variance and a counter, none of them trained."""
    spec = call.only()
    if call["given"]:
        return Result((spec,), ((HERE,),))
    shape = tuple(spec.shape[call.axis(spec, place)] for place in call["axes"])
    stored = (("mean", shape), ("variance", shape), ("count", ()))
    return Result(
        (spec,), ((HERE,),), tuple(Parameter(role, extents, trainable=False) for role, extents in stored)
    )


@rule(
    "spectral_norm",
    Setting("wrapped", INTERNAL, REQUIRED, "kind and attrs of the layer whose kernel is normalised"),
    summary="A layer whose kernel is divided by its largest singular value.",
    native=False,
)
def spectral_norm(call: Call) -> Result:
    """As the wrapped layer, with a stored singular vector as long as the kernel's last axis."""
    wrapped = call["wrapped"]
    kind = find(wrapped["kind"])
    if kind is None:
        raise AnalysisError(f"spectral normalisation of the unknown kind {wrapped['kind']!r}")
    result = kind.rule(Call(kind, wrapped["attrs"], call.inputs))
    if not result.weights:
        raise AnalysisError(f"spectral normalisation needs a layer with a kernel, got {kind.name}")
    vector = Parameter("vector_u", (1, result.weights[0].shape[-1]), trainable=False)
    return Result(
        result.outputs, result.paths, (*result.weights, vector), result.macs, result.gated, result.gate
    )
