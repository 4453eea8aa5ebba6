"""Kinds of audio front ends: spectrograms."""

from __future__ import annotations

from rfcalc.algebra.number import is_known
from rfcalc.algebra.steps import Broadcast, Contract, Insert, Mix, Permute, Slide, Split, Step
from rfcalc.algebra.window import apart
from rfcalc.graph.layer import CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.registry import (
    AXIS,
    COUNT,
    FLAG,
    INTERNAL,
    LAYOUT,
    NATURAL,
    REQUIRED,
    TEXT,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    rule,
)
from rfcalc.rules.window import PAD, axis_window, replaced, thinned


@rule(
    "frames",
    Setting("kernel", COUNT, REQUIRED, "samples of each frame"),
    Setting("stride", COUNT, 1, "samples between frames"),
    Setting("bins", COUNT, REQUIRED, "values that come of each frame"),
    Setting("before", NATURAL, 0, "samples padded in front"),
    Setting("after", NATURAL, 0, "samples padded behind"),
    Setting("border", FLAG, False, "the padding reflects the signal"),
    Setting("axis", AXIS, -1, "the time axis"),
    Setting("transposed", FLAG, False, "bins before frames"),
    Setting("plain", FLAG, False, "the bins of a frame are its samples, as they are"),
    Setting("window", INTERNAL, None, "the samples of a frame that are read; by default all"),
    Setting(
        "clips", INTERNAL, False, "values are clipped at a distance from the largest of the whole tensor"
    ),
    family="windows",
    summary="Short-time transform: each frame of samples becomes some bins.",
)
def frames(call: Call) -> Result:
    """Frames are counted as the outputs of a convolution."""
    spec = call.only()
    place = call.axis(spec, call["axis"])
    padding = (call["before"], call["after"])
    kernel, stride = call["kernel"], call["stride"]
    axis = axis_window(spec.shape[place], kernel, stride, 1, padding)
    window = axis.window
    if call["window"] is not None:
        window = thinned(window, call["window"])
    window = window._replace(border="reflect") if call["border"] else window
    shape = (*spec.shape[:place], axis.extent, call["bins"], *spec.shape[place + 1 :])
    steps: list[Step] = [Slide(place, window, axis.extent), Insert((place + 1,)), Broadcast(shape)]
    samples: list[Step] | None = None
    if call["plain"] and is_known(kernel):
        own = (axis.extent, kernel)
        samples = [Slide(place, apart(window, kernel), axis.extent * kernel), Split(place, own)]
    roles = spec.axes[:place] + SPATIAL + CHANNEL + spec.axes[place + 1 :]
    output = TensorSpec(shape, roles, spec.dtype)
    if call["transposed"]:
        order = [*range(place), place + 1, place, *range(place + 2, len(shape))]
        steps.append(Permute(tuple(order)))
        samples = None if samples is None else [*samples, Permute(tuple(order))]
        output = TensorSpec(tuple(shape[a] for a in order), "".join(roles[a] for a in order), spec.dtype)
    near = Path(0, tuple(steps), None if samples is None else tuple(samples))
    if not call["clips"]:
        return Result((output,), ((near,),))
    whole = Path(0, (*steps, Mix(tuple(range(len(shape))))))
    return Result((output,), ((whole,),), gated=(near,))


@rule(
    "stft",
    Setting("kernel", COUNT, REQUIRED, "samples of each frame"),
    Setting("stride", COUNT, REQUIRED, "samples between frames"),
    Setting("bins", COUNT, REQUIRED, "frequencies of each frame"),
    Setting("mode", TEXT, "log", "what is kept: real, imag, stft (both) or a function of both"),
    PAD,
    Setting("expand", FLAG, False, "keep the channels apart from the bins"),
    LAYOUT,
    summary="Keras's spectrogram: a convolution with stored sines and cosines.",
    native=False,
)
def stft(call: Call) -> Result:
    """Weights: one kernel of ``k * bins`` for the real part and one for the imaginary part."""
    spec = call.only()
    (place,), channel = call.spatial(spec), call.channel(spec)
    kernel, bins, mode = call["kernel"], call["bins"], call["mode"]
    axis = axis_window(spec.shape[place], kernel, call["stride"], 1, call["padding"])
    parts = [part for part, other in (("real", "imag"), ("imag", "real")) if mode != other]
    width = bins * 2 if mode == "stft" else bins
    channels = spec.shape[channel]
    steps: list[Step] = [Slide(place, axis.window, axis.extent)]
    if call["expand"]:
        shape = replaced(spec, {place: axis.extent})
        behind = place + 1
        shape = (*shape[:behind], width, *shape[behind:])
        roles = spec.axes[:behind] + CHANNEL + spec.axes[behind:]
        steps += [Insert((behind,)), Broadcast(shape)]
    else:
        shape, roles = replaced(spec, {place: axis.extent, channel: width * channels}), spec.axes
        steps.append(Contract(channel, width * channels))
    weights = tuple(Parameter(f"{part}_kernel", (kernel, 1, bins)) for part in parts)
    macs = axis.extent * channels * kernel * bins * len(parts)
    return Result((TensorSpec(shape, roles, spec.dtype),), ((Path(0, tuple(steps)),),), weights, macs)
