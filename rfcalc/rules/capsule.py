"""Capsules: vectors instead of values, routed by agreement (Sabour, Frosst and Hinton 2017)."""

from __future__ import annotations

from rfcalc.algebra.number import prod
from rfcalc.algebra.steps import Contract, Permute, Regroup, Step
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.registry import (
    COUNT,
    FLAG,
    LAYOUT,
    REQUIRED,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    find,
    format_shape,
    rule,
)
from rfcalc.rules.window import BIAS, DILATION, KERNEL, PAD, STRIDE

DIM = Setting("dim", COUNT, REQUIRED, "features of each capsule")


@rule(
    "primary_capsules",
    Setting("capsules", COUNT, REQUIRED, "types of capsules at each position"), DIM,
    KERNEL, STRIDE, PAD, DILATION, BIAS, LAYOUT,
    family="convolution",
    summary="A convolution whose channels are read as capsules, one list of all positions and types.",
)  # fmt: skip
def primary_capsules(call: Call) -> Result:
    """As a convolution with ``capsules * dim`` filters."""
    conv = find("conv")
    assert conv is not None
    settings = {k: v for k, v in call.attrs.items() if k not in ("capsules", "dim")}
    result = conv.rule(Call(conv, {**settings, "filters": call["capsules"] * call["dim"]}, call.inputs))
    spec = result.outputs[0]
    channel = call.channel(call.only())
    order = (*(place for place in range(len(spec.shape)) if place != channel), channel)
    shape = (spec.shape[0], prod(spec.shape[place] for place in order[1:-1]) * call["capsules"], call["dim"])
    steps: tuple[Step, ...] = (*result.paths[0][0].steps, Permute(order), Regroup(shape))
    output = TensorSpec(shape, BATCH + SPATIAL + CHANNEL, spec.dtype)
    return Result((output,), ((Path(0, steps),),), result.weights, result.macs)


@rule(
    "capsules",
    Setting("count", COUNT, REQUIRED, "capsules of the layer"), DIM,
    Setting("iterations", COUNT, 3, "rounds of routing"),
    Setting("bias", FLAG, False, "whether a bias is added"),
    summary="Capsules routed by agreement: each sees all capsules before.",
)  # fmt: skip
def capsules(call: Call) -> Result:
    """Weights ``N * M * D * d``; MACs of the predictions and of the sums and agreements of each round."""
    spec = call.only()
    if len(spec.shape) != 3:
        raise AnalysisError(f"capsules need (batch, capsules, features), got {format_shape(spec.shape)}")
    batch, before, features = spec.shape
    count, dim, rounds = call["count"], call["dim"], call["iterations"]
    output = TensorSpec((batch, count, dim), BATCH + SPATIAL + CHANNEL, spec.dtype)
    weights = [Parameter("kernel", (before, count, dim, features))]
    if call["bias"]:
        weights.append(Parameter("bias", (count, dim)))
    macs = before * count * dim * features + before * count * dim * (2 * rounds - 1)
    steps = (Contract(1, count), Contract(2, dim))
    return Result((output,), ((Path(0, steps),),), tuple(weights), macs)
