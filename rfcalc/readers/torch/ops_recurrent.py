"""Recurrent layers."""

from __future__ import annotations

from typing import Any

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering.recurrent import recurrent as lower
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.torch.operation import Operation, op

_CELLS = {"lstm": "lstm", "gru": "gru", "rnn_tanh": "simple", "rnn_relu": "simple"}


@op(*_CELLS, tells="steps")
def recurrent(operation: Operation) -> Values:
    """Input, first states, parameters of all layers and directions; all steps and the last states."""
    if operation.overload != "input":
        return operation.unknown()  # sequences of unequal lengths, packed
    cell = _CELLS[operation.op.partition(".")[2]]
    weights = operation.several("params")
    raw: Any = operation.call.args["hx"]
    states = operation.several("hx") if isinstance(raw, list) else [operation["hx"]]
    units, projection = weights[1].shape[0], None
    gates = {"lstm": 4, "gru": 3, "simple": 1}[cell]
    units = units // gates
    if cell == "lstm" and weights[1].shape[1] != units:
        projection = weights[1].shape[1]
    return lower(
        operation,
        operation["input"],
        weights,
        states,
        cell=cell,
        units=units,
        direction="bidirectional" if operation.flag("bidirectional") else "forward",
        time=1 if operation.flag("batch_first") else 0,
        layers=operation.integer("num_layers", 1),
        projection=projection,
    )


@op("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def cell(operation: Operation) -> Values:
    """One step: input, states, parameters."""
    x, kernel, again = operation["input"], operation["w_ih"], operation["w_hh"]
    weights = (kernel, again, operation.optional("b_ih"), operation.optional("b_hh"))
    raw: Any = operation.call.args["hx"]
    states = operation.several("hx") if isinstance(raw, list) else [operation["hx"]]
    # a matrix for the input and one for the state are one for both; at the first step the state is constant
    joined = operation.part("joined").add("concat", (x, states[0]), {"axis": -1})
    gates = operation.part("gates").add("linear", joined, {"units": kernel.shape[0]}, weights=weights)
    # each unit of the new state is made of the gates and the states before; top_k, since it makes few
    # channels of all, and no kind is a gate of its own
    stage = Stage("top_k", {"axis": -1, "size": again.shape[1], "indices": False})
    taken = (*gates, *(each for each in states if not each.constant))
    return operation.add("concat", taken, {"axis": -1}, Extras(then=(stage,), copies=operation.copies))
