"""Kinds of audio front ends: spectrograms."""

from __future__ import annotations

from rfcalc.algebra.steps import Broadcast, Insert, Permute, Slide, Step
from rfcalc.graph.layer import CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.registry import AXIS, COUNT, FLAG, NATURAL, REQUIRED, Call, Path, Result, Setting, rule
from rfcalc.rules.window import axis_window


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
    summary="Short-time transform: each frame of samples becomes some bins.",
)
def frames(call: Call) -> Result:
    """Frames are counted as the outputs of a convolution."""
    from dataclasses import replace

    spec = call.only()
    place = call.axis(spec, call["axis"])
    padding = (call["before"], call["after"])
    axis = axis_window(spec.shape[place], call["kernel"], call["stride"], 1, padding)
    window = replace(axis.window, border="reflect") if call["border"] else axis.window
    shape = (*spec.shape[:place], axis.extent, call["bins"], *spec.shape[place + 1 :])
    steps: list[Step] = [Slide(place, window, axis.extent), Insert((place + 1,)), Broadcast(shape)]
    roles = spec.axes[:place] + SPATIAL + CHANNEL + spec.axes[place + 1 :]
    output = TensorSpec(shape, roles, spec.dtype)
    if call["transposed"]:
        order = [*range(place), place + 1, place, *range(place + 2, len(shape))]
        steps.append(Permute(tuple(order)))
        output = TensorSpec(tuple(shape[a] for a in order), "".join(roles[a] for a in order), spec.dtype)
    return Result((output,), ((Path(0, tuple(steps)),),))
