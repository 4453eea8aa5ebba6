"""Recurrent kinds: each step depends on all steps before it.

Sources: Keras's ``SimpleRNN``, ``LSTM``, ``GRU`` (``reset_after`` has two biases), ``ConvLSTM2D``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rfcalc.algebra.number import Num, is_open, prod
from rfcalc.algebra.steps import Broadcast, Contract, Cover, Insert, Lose, Mix, Reduce, Scan, Slide, Step
from rfcalc.algebra.window import backward, slide
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, TensorSpec
from rfcalc.rules.registry import (
    CHOICE,
    COUNT,
    FLAG,
    INTERNAL,
    LAYOUT,
    REQUIRED,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)
from rfcalc.rules.window import BIAS, DILATION, FILTERS, KERNEL, PAD, STRIDE, replaced, resolve_axes

GATES: Final = {"simple": 1, "lstm": 4, "gru": 3}
"""How many products with the input a cell computes at each step."""

STATES: Final = {"simple": 1, "lstm": 2, "gru": 1}

SEQUENCES = Setting("sequences", FLAG, False, "return every step, not only the last")
STATE = Setting("state", FLAG, False, "return the final states as further outputs")
REVERSE = Setting("reverse", FLAG, False, "run from the end, and leave the output in that order")
BIDIRECTIONAL = Setting(
    "bidirectional",
    CHOICE,
    None,
    "run both ways, with weights for each, and merge so",
    ("concat", "sum", "mul", "ave", "none"),
)


def _cell_weights(cell: Mapping[str, Any], features: Num, prefix: str) -> tuple[Parameter, ...]:
    gates, units = GATES[cell["cell"]], cell["units"]
    weights = [
        Parameter(f"{prefix}kernel", (features, gates * units)),
        Parameter(f"{prefix}recurrent_kernel", (units, gates * units)),
    ]
    if cell.get("bias", True):
        double = cell.get("double_bias", False) or (cell["cell"] == "gru" and cell.get("reset_after", True))
        weights.append(Parameter(f"{prefix}bias", (2, gates * units) if double else (gates * units,)))
    return tuple(weights)


def _directions(both: str | None, reverse: bool) -> tuple[bool | None, ...]:
    """For each output whether it runs forward; None for both ways merged into one."""
    if both == "none":
        return (True, False)
    return (None,) if both else (not reverse,)


def _along(length: Num, forward: bool | None, *, turned: bool) -> tuple[Step, ...]:
    """Steps along time; a layer that runs backward leaves its output in that order, as Keras does."""
    if forward is None:
        return (Mix((1,)),)
    if forward or not turned:
        return (Scan(1, forward),)
    if is_open(length):
        return (Lose(1, length, "a sequence of unknown length is reversed"),)
    return (Scan(1, False), Slide(1, backward(length), length))


def _from_states(call: Call, output: TensorSpec) -> tuple[Path, ...]:
    """Paths from the states that a sequence starts from: every output depends on all of each."""
    paths: list[Path] = []
    for k, state in enumerate(call.inputs[1:], 1):
        if len(state.shape) != 2:
            raise AnalysisError(f"a state must be (batch, features), got {format_shape(state.shape)}")
        steps: tuple[Step, ...] = (Contract(1, output.shape[-1]),)
        if len(output.shape) == 3:
            steps = (*steps, Insert((1,)), Broadcast(output.shape))
        paths.append(Path(k, steps))
    return tuple(paths)


def _recurrent(call: Call, cells: tuple[Mapping[str, Any], ...]) -> Result:
    """Weights ``G(C u + u u + u)`` for a cell of G gates, for each direction."""
    if not call.inputs:
        raise AnalysisError(f"{call.kind.name} needs an input")
    spec = call.inputs[0]  # the others are states that it starts from
    if len(spec.shape) != 3:
        raise AnalysisError(
            f"{call.kind.name} needs (batch, steps, features), got {format_shape(spec.shape)}"
        )
    both = call["bidirectional"]
    back = tuple(call.attrs.get("backward_cells") or cells)
    weights: list[Parameter] = []
    macs: Num = 0
    for direction, stack in (("forward/", cells), ("backward/", back)) if both else (("", cells),):
        features = spec.shape[2]
        for number, cell in enumerate(stack):
            prefix = direction + f"{number}/" * (len(stack) > 1)
            weights.extend(_cell_weights(cell, features, prefix))
            macs = macs + spec.shape[1] * GATES[cell["cell"]] * cell["units"] * (features + cell["units"])
            features = cell["units"]
    units = cells[-1]["units"]
    width = units + back[-1]["units"] if both == "concat" else units
    outputs: list[TensorSpec] = []
    paths: list[tuple[Path, ...]] = []
    for forward in _directions(both, call["reverse"]):
        if call["sequences"]:
            outputs.append(TensorSpec((*spec.shape[:2], width), spec.axes[:2] + CHANNEL, spec.dtype))
            along = _along(spec.shape[1], forward, turned=bool(call["reverse"]))
            paths.append((Path(0, (Contract(2, width), *along)),))
        else:
            outputs.append(TensorSpec((spec.shape[0], width), BATCH + CHANNEL, spec.dtype))
            paths.append((Path(0, (Contract(2, width), Reduce((1,)))),))
    if call["state"]:
        for cell in (*cells, *back) if both else cells:
            for _ in range(STATES[cell["cell"]]):
                outputs.append(TensorSpec((spec.shape[0], cell["units"]), BATCH + CHANNEL, spec.dtype))
                paths.append((Path(0, (Contract(2, cell["units"]), Reduce((1,)))),))
    if len(call.inputs) > 1:
        paths = [(*own, *_from_states(call, output)) for own, output in zip(paths, outputs, strict=True)]
    return Result(tuple(outputs), tuple(paths), tuple(weights), macs)


@rule(
    "recurrent",
    Setting("cells", INTERNAL, REQUIRED, "the cells of the stack, each with cell, units, bias, reset_after"),
    Setting("backward_cells", INTERNAL, None, "the cells that run backward, where they differ"),
    SEQUENCES, STATE, REVERSE, BIDIRECTIONAL,
    family="recurrent", summary="A stack of recurrent cells.",
    native=False,
)  # fmt: skip
def recurrent(call: Call) -> Result:
    """Sum over the cells."""
    return _recurrent(call, tuple(call["cells"]))


def _single(call: Call) -> Result:
    """One cell of the kind's own name."""
    name = call.kind.name
    cell = {"cell": "simple" if name == "simple_rnn" else name, "units": call["units"], "bias": call["bias"]}
    if name == "gru":
        cell["reset_after"] = call["reset_after"]
    return _recurrent(call, (cell,))


_COMMON = (
    Setting("units", COUNT, REQUIRED, "features of the state"),
    Setting("bias", FLAG, True, "whether biases are added"),
    SEQUENCES,
    STATE,
    REVERSE,
    BIDIRECTIONAL,
)
rule("simple_rnn", _COMMON, family="recurrent", summary="Recurrent layer with one product a step.")(_single)
rule("lstm", _COMMON, family="recurrent", summary="Long short-term memory: four products a step.")(_single)
rule(
    "gru",
    _COMMON,
    Setting("reset_after", FLAG, True, "reset after the recurrent product, with a bias of its own"),
    family="recurrent",
    summary="Gated recurrent unit: three products a step.",
)(_single)


@rule(
    "conv_lstm",
    FILTERS, KERNEL, STRIDE, PAD, DILATION, BIAS, SEQUENCES, STATE, REVERSE, BIDIRECTIONAL, LAYOUT,
    family="convolution", summary="LSTM whose products are convolutions: the field grows with every step.",
)  # fmt: skip
def conv_lstm(call: Call) -> Result:
    """A convolution of the input, then one recurrent convolution for each step before."""
    if not call.inputs:
        raise AnalysisError(f"{call.kind.name} needs an input")
    spec = call.inputs[0]  # the others are states that it starts from
    channel = call.channel(spec)
    spatial = call.attrs.get("spatial") or tuple(place for place in call.spatial(spec) if place != 1)
    call.check_rank(spec, max(spatial, default=1) + 1)
    axes = resolve_axes(call, spec, spatial)
    kernel, filters = call.per_axis("kernel", len(spatial)), call["filters"]
    both = call["bidirectional"]
    width = filters * 2 if both == "concat" else filters
    length = spec.shape[1]
    steps: list[Step] = []
    extents: dict[int, Num] = {}
    for place, axis, k in zip(spatial, axes, kernel, strict=True):
        extents[place] = axis.extent
        steps.append(Slide(place, axis.window, axis.extent))
        if not is_open(length):
            times = length - 1
            steps.append(Slide(place, slide(times * (k - 1) + 1, lo=times * ((k - 1) // 2)), axis.extent))
        else:
            steps.append(Lose(place, axis.extent, "the field of a convolutional LSTM grows with its steps"))
    steps.append(Contract(channel, width))
    outputs: list[TensorSpec] = []
    paths: list[tuple[Path, ...]] = []
    whole = TensorSpec(replaced(spec, {**extents, channel: width}), spec.axes, spec.dtype)
    last = TensorSpec(whole.shape[:1] + whole.shape[2:], whole.axes[:1] + whole.axes[2:], spec.dtype)
    for forward in _directions(both, call["reverse"]):
        along = _along(length, forward, turned=bool(call["reverse"]))
        outputs.append(whole if call["sequences"] else last)
        paths.append((Path(0, (*steps, *along) if call["sequences"] else (*steps, Reduce((1,)))),))
    if call["state"]:
        state = TensorSpec(
            tuple(
                filters if place == channel else extent
                for place, extent in enumerate(whole.shape)
                if place != 1
            ),
            last.axes,
            spec.dtype,
        )
        for _ in range(4 if both else 2):
            outputs.append(state)
            paths.append((Path(0, (*steps[:-1], Contract(channel, filters), Reduce((1,)))),))
    channels = spec.shape[channel]
    weights = _conv_lstm_weights(call, kernel, channels)
    area = prod(extents.values())
    macs = length * area * prod(kernel) * (channels + filters) * 4 * filters * (2 if both else 1)
    states = range(1, len(call.inputs))
    reason = "what a convolutional LSTM makes of its initial states is not followed"
    started = [
        (*each, *(Path(k, (Cover(output.shape, reason),)) for k in states))
        for each, output in zip(paths, outputs, strict=True)
    ]
    return Result(tuple(outputs), tuple(started), weights, macs)


def _conv_lstm_weights(call: Call, kernel: tuple[Num, ...], channels: Num) -> tuple[Parameter, ...]:
    """Kernels from the input and from the state to the four gates, for each direction."""
    gates = 4 * call["filters"]
    weights: list[Parameter] = []
    for prefix in ("forward/", "backward/") if call["bidirectional"] else ("",):
        weights.append(Parameter(f"{prefix}kernel", (*kernel, channels, gates)))
        weights.append(Parameter(f"{prefix}recurrent_kernel", (*kernel, call["filters"], gates)))
        if call["bias"]:
            weights.append(Parameter(f"{prefix}bias", (gates,)))
    return tuple(weights)
