"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Value


def recurrent(
    operation: Lowering,
    x: Value,
    weights: Sequence[Value | None],
    states: Sequence[Value | None] = (),
    *,
    cell: str,
    units: Num,
    direction: str = "forward",
    time: int = 0,
    layers: int = 1,
    apart: bool = False,
    states_first: bool = True,
    projection: Num | None = None,
) -> tuple[Value, ...]:
    """Add a recurrent layer; its outputs are all steps, then the last states.

    `time` is the axis of the steps, 0 or 1. With `apart` the directions have an axis of their own in the
    output; `states_first` says that they come before the batch in the states.
    """
    if x.spec is None:
        raise Blind
    attrs: dict[str, Any] = {
        "cell": cell,
        "units": units,
        "direction": direction,
        "time": time,
        "layers": layers,
        "apart": apart,
        "states_first": states_first,
    }
    if projection is not None:
        attrs["projection"] = projection
    moving = [state for state in states if state is not None and not state.constant]
    held = [state for state in states if state is not None and state.constant]
    learned = [state for state in held if _is_learned(operation.builder, state)]
    return operation.add("sequence", (x, *moving), attrs, weights=(*weights, *learned))


def _is_learned(b: Builder, state: Value) -> bool:
    """Tell whether a constant first state is a parameter.

    Where the format does not mark parameters it is one only if it is known to hold more than zeros, since
    exporters write zeros for states that the model does not give.
    """
    return b.marked or (state.data is not None and any(state.data.ravel().tolist()))
