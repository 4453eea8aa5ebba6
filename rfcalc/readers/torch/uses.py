"""What the calls of a program tell of the axes of its inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.readers.lowering.layout import Use, Uses, reshaped
from rfcalc.readers.torch.naming import operator_name
from rfcalc.readers.torch.operation import op as known
from rfcalc.readers.torch.program import Call, Program, Tensor, refs_in

_SPATIAL: Final = re.compile(r"([123])d")
"""Where an operator's name says how many axes are positions."""


def uses_of(program: Program) -> Uses:
    """Return a function that lists the uses of a tensor."""
    takers: dict[str, list[Call]] = {}
    shapes: dict[str, tuple[Num, ...]] = {
        name: meta.shape
        for name, meta in (
            *((each.name, each.meta) for each in program.inputs),
            *(output for call in program.calls for output in call.outputs),
        )
        if isinstance(meta, Tensor)
    }
    for call in program.calls:
        for name in dict.fromkeys(name for value in call.args.values() for name in refs_in(value)):
            takers.setdefault(name, []).append(call)

    def uses(name: str) -> Iterator[Use]:
        for call in takers.get(name, ()):
            use = _use(name, call, shapes)
            if use is not None:
                yield use

    return uses


def _use(name: str, call: Call, shapes: Mapping[str, tuple[Num, ...]]) -> Use | None:
    op = operator_name(call.target)
    output = call.outputs[0][0] if call.outputs else ""
    shape, made = shapes.get(name, ()), shapes.get(output, ())
    kind = known.told(op)
    if kind == "same":
        return Use("same", output) if len(made) == len(shape) else None
    if kind == "indices":
        return Use("indices")
    if op == "addmm" and name in refs_in(call.args["mat1"]):
        return Use("features")
    if name not in refs_in(next(iter(call.args.values()), None)):
        return Use("state") if kind == "steps" and name in refs_in(call.args.get("hx")) else None
    if kind == "steps" and call.args.get("batch_first"):
        kind = "features"
    if kind == "signal" and not _is_last(call.args.get("dim"), len(shape)):
        return None
    if kind == "window" and (axes := _SPATIAL.search(op)) and len(shape) == int(axes[1]) + 1:
        kind = "sample"
    return Use(kind) if kind else _moved(op, call, output, shape, made)


def _is_last(axes: Any, rank: int) -> bool:
    """Tell whether a transform goes along the last axis, as one does that says nothing of it."""
    listed = axes if isinstance(axes, list) else [-1 if axes is None else axes]
    return all(type(axis) is int and axis % max(rank, 1) == rank - 1 for axis in listed)


def _moved(op: str, call: Call, output: str, before: tuple[Num, ...], after: tuple[Num, ...]) -> Use | None:
    args: Mapping[str, Any] = call.args
    rank = len(before)
    if op == "permute":
        return Use("permute", output, tuple(place % rank for place in args["dims"]))
    if op == "transpose" and rank:
        order = list(range(rank))
        a, b = args["dim0"] % rank, args["dim1"] % rank
        order[a], order[b] = order[b], order[a]
        return Use("permute", output, tuple(order))
    if op == "unsqueeze":
        return Use("unsqueeze", output, (args["dim"],))
    if op in ("view", "reshape", "squeeze", "flatten", "unflatten", "_unsafe_view"):
        return reshaped(before, after, output)
    if op in ("select", "unbind"):
        return Use("select", output, (args.get("dim", 0),))
    return None
