"""What the calls of a program tell of the axes of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rfcalc.readers.jaxpr.operation import op as known
from rfcalc.readers.jaxpr.ops_mix import contracts
from rfcalc.readers.jaxpr.program import Call, Program, moving_in, numbers_in
from rfcalc.readers.lowering.layout import Use, Uses, reshaped

_WINDOW, _LAST, _INDICES = "window", "features", "indices"
"""What tensors are called that no call makes: one with batch and channels first, as a convolution takes it in
any order of axes, one with features last, and one of indices."""


Inside = Callable[[Any, Sequence[Any]], Program]
"""Returns a function inside of a call as a program."""


def uses_of(program: Program, inside: Inside) -> Uses:
    """Return a function that lists the uses of a tensor, which is called as `name_of` says."""
    levels = [_Level(program)]

    def within(call: Call) -> str:
        """Return how the tensors of the function inside of a call are called."""
        body = call.params["jaxpr"]
        inner = inside(body.jaxpr, body.consts)
        place = next((k for k, each in enumerate(levels) if each.program is inner), len(levels))
        if place == len(levels):
            levels.append(_Level(inner))
        return str(place)

    def uses(name: str) -> Iterator[Use]:
        place, _, rest = name.partition(":")
        if rest in (_WINDOW, _LAST, _INDICES):
            yield Use(rest)
            return
        level, number = levels[int(place)], int(rest)
        for call in level.takers.get(number, ()):
            use = _stepped(number, call, within) if call.op == "scan" else _use(number, call, level, place)
            if use is not None:
                yield use

    return uses


def name_of(number: int) -> str:
    """Return what a tensor of the whole program is called."""
    return f"0:{number}"


class _Level:
    """A program, and which calls take each tensor."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.moving = moving_in(program)
        self.takers: dict[int, list[Call]] = {}
        for call in program.calls:
            for number in dict.fromkeys(numbers_in(call.inputs)):
                self.takers.setdefault(number, []).append(call)


def _stepped(number: int, call: Call, within: Callable[[Call], str]) -> Use | None:
    """Return what a scan tells: axis 0 of what is cut is time; of all else what a step tells of it."""
    params, place = call.params, call.inputs.index(number)
    if place >= params["num_consts"] + params["num_carry"]:
        return Use("steps") if params["num_carry"] else None
    return Use("same", f"{within(call)}:{place}")


def _use(number: int, call: Call, level: _Level, place: str) -> Use | None:
    output = f"{place}:{call.outputs[0]}" if call.outputs else ""
    before = level.program.metas[number].shape
    after = call.metas[0].shape if call.metas else ()
    if call.op == "conv_general_dilated":
        order = call.params["dimension_numbers"].lhs_spec
        return _first(order, place) if call.inputs[0] == number else None
    if call.op.startswith("reduce_window"):
        return _windowed(call, place)
    if call.op == "dot_general":
        return _product(number, call, len(before), level.moving, place)
    if call.op == "gather":
        looked_up = call.inputs[0] not in level.moving and number == call.inputs[1]
        return _indices(before, place) if looked_up else None
    if known.told(call.op) == "same":
        return Use("same", output) if len(after) == len(before) else None
    return _moved(call, output, before, after)


def _indices(before: Sequence[int], place: str) -> Use:
    """Return what a lookup tells of indices, the last axis of which is one of a single element."""
    return Use("squeeze", f"{place}:{_INDICES}", (len(before) - 1,)) if before else Use("indices")


def _first(order: Sequence[int], place: str) -> Use:
    """Return the use of a tensor that has batch and channels first once its axes are in this order."""
    return Use("permute", f"{place}:{_WINDOW}", tuple(order))


def _windowed(call: Call, place: str) -> Use | None:
    """Return what a pooling tells, where it leaves two axes alone, the first of which is the batch."""
    windows = tuple(call.params["window_dimensions"])
    alone = [axis for axis, extent in enumerate(windows) if extent == 1]
    if len(alone) != 2 or alone[0] != 0 or len(windows) < 3:
        return None
    return _first((*alone, *(axis for axis, extent in enumerate(windows) if extent != 1)), place)


def _product(number: int, call: Call, rank: int, moving: set[int], level: str) -> Use | None:
    """Return what a product with weights tells: which axis holds features."""
    place = call.inputs.index(number)
    if place > 1 or call.inputs[1 - place] in moving:
        return None
    axis = contracts(call, place)
    if axis is None or rank < 2 or call.params["dimension_numbers"][1][place]:
        return None
    if axis == rank - 1:
        return Use("features")
    return Use("permute", f"{level}:{_LAST}", (*(k for k in range(rank) if k != axis), axis))


def _moved(call: Call, output: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Use | None:
    if call.op == "transpose":
        return Use("permute", output, tuple(call.params["permutation"]))
    if call.op == "squeeze":
        return Use("squeeze", output, tuple(call.params["dimensions"]))
    if call.op == "expand_dims":
        return Use("unsqueeze", output, tuple(call.params["dimensions"]))
    if call.op == "broadcast_in_dim":
        kept = tuple(call.params["broadcast_dimensions"])
        new = tuple(place for place in range(len(after)) if place not in kept)
        return Use("unsqueeze", output, new) if new else Use("same", output)
    if call.op == "reshape":
        return reshaped(before, after, output)
    return None
