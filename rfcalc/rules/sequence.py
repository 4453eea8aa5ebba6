"""Recurrent layers as ONNX and PyTorch have them: several directions and layers, time on any axis.

Sources: the ONNX specification of ``LSTM``, ``GRU`` and ``RNN``; ``torch.nn.LSTM``.
"""

from __future__ import annotations

from rfcalc.algebra.number import Num, is_known, prod
from rfcalc.algebra.steps import Broadcast, Contract, Cover, Insert, Mix, Reduce, Scan, Step
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.recurrent import GATES, STATES
from rfcalc.rules.registry import (
    AXIS,
    CHOICE,
    COUNT,
    FLAG,
    REQUIRED,
    TEXT,
    Call,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)

DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


@rule(
    "sequence",
    Setting("cell", TEXT, REQUIRED, "simple, lstm or gru"),
    Setting("units", COUNT, REQUIRED, "features of the state"),
    Setting("projection", COUNT, None, "features of the output, where the state is projected"),
    Setting("direction", CHOICE, "forward", "which way it runs", tuple(DIRECTIONS)),
    Setting("layers", COUNT, 1, "cells one behind the other"),
    Setting("time", AXIS, 0, "the axis of the steps; the other one of the first two is the batch"),
    Setting("apart", FLAG, False, "the directions have an axis of their own, behind that of the steps"),
    Setting("states_first", FLAG, True, "states are (directions, batch, features)"),
    family="recurrent",
    summary="Recurrent layers: steps, then the last states, of each direction.",
    native=False,
)
def sequence(call: Call) -> Result:
    """MACs: ``T G u (C + u)`` for a cell of G gates, in each layer and direction."""
    if not call.inputs:
        raise AnalysisError("a recurrent layer needs an input")
    spec = call.inputs[0]  # the others are states that it starts from
    if len(spec.shape) != 3:
        raise AnalysisError(f"a recurrent layer needs three axes, got {format_shape(spec.shape)}")
    time = call.axis(spec, call["time"])
    ways = DIRECTIONS[call["direction"]]
    width = call["units"] if call["projection"] is None else call["projection"]
    output, steps = _every_step(call, spec, time, ways, width)
    outputs: list[TensorSpec] = [output]
    paths: list[tuple[Path, ...]] = [(Path(0, steps),)]
    for state in range(STATES[call["cell"]]):
        features = call["units"] if state else width
        final, last = _last_state(call, spec, time, ways * call["layers"], features)
        outputs.append(final)
        paths.append((Path(0, last),))
    reason = "what is made of the states that a sequence starts from is not followed"
    started = tuple(
        (*own, *(Path(k, (Cover(each.shape, reason),)) for k in range(1, len(call.inputs))))
        for each, own in zip(outputs, paths, strict=True)
    )
    others = spec.shape[1 - time] if _aside(spec, time) != BATCH else 1
    return Result(
        tuple(outputs), started, (), _macs(call, spec.shape[time], spec.shape[2], ways, width) * others
    )


def _aside(spec: TensorSpec, time: int) -> str:
    """Return what the axis beside the steps holds: samples, or sequences of one sample.

    Where nothing else says where the samples are, the layer itself does.
    """
    seen = BATCH in spec.axes[:time] + spec.axes[time + 1 :] or BATCH not in spec.axes
    own = spec.axes[1 - time]
    return SPATIAL if own != BATCH and seen and is_known(spec.shape[1 - time]) else BATCH


def _every_step(
    call: Call, spec: TensorSpec, time: int, ways: int, width: Num
) -> tuple[TensorSpec, tuple[Step, ...]]:
    """Return the output of every step, and how it depends on the input."""
    direction = call["direction"]
    along: Step = Mix((time,)) if direction == "bidirectional" else Scan(time, direction == "forward")
    roles = "".join(SPATIAL if place == time else _aside(spec, time) for place in (0, 1))
    if not call["apart"]:
        shape = (*spec.shape[:2], width * ways)
        return TensorSpec(shape, roles + CHANNEL, spec.dtype), (Contract(2, width * ways), along)
    place = time + 1 if time == 0 else 2
    shape = (*spec.shape[:2], width)
    whole = (*shape[:place], ways, *shape[place:])
    axes = roles[:place] + CHANNEL + roles[place:] + CHANNEL
    steps = (Contract(2, width), along, Insert((place,)), Broadcast(whole))
    return TensorSpec(whole, axes, spec.dtype), steps


def _last_state(
    call: Call, spec: TensorSpec, time: int, count: Num, features: Num
) -> tuple[TensorSpec, tuple[Step, ...]]:
    """Return the state at the end, and how it depends on the input."""
    batch = spec.shape[1 - time]
    first = bool(call["states_first"])
    shape = (count, batch, features) if first else (batch, count, features)
    aside = _aside(spec, time)
    axes = CHANNEL + aside + CHANNEL if first else aside + CHANNEL * 2
    steps = (Reduce((time,)), Contract(1, features), Insert((0 if first else 1,)), Broadcast(shape))
    return TensorSpec(shape, axes, spec.dtype), steps


def _macs(call: Call, length: Num, features: Num, ways: int, width: Num) -> Num:
    gates, units = GATES[call["cell"]], call["units"]
    total: Num = 0
    for layer in range(call["layers"]):
        given = features if layer == 0 else width * ways
        each = gates * units * (given + width)
        if call["projection"] is not None:
            each = each + units * width
        total = total + prod((length, ways, each))
    return total
