"""Recurrent layers."""

from __future__ import annotations

from rfcalc.readers.lowering.recurrent import recurrent as lower
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op
from rfcalc.readers.onnx.tensors import as_weight

_CELLS = {"LSTM": "lstm", "GRU": "gru", "RNN": "simple"}
_STEPS = {0: "steps", 5: "state", 6: "state"}


@op(*_CELLS, tells=_STEPS)
def recurrent(operation: Operation) -> Values:
    """X, W, R, B, lengths, first states, peepholes; outputs are all steps and the last states."""
    kernel, again = operation[1], operation[2]
    steps_second = operation.integer("layout", 0)
    return lower(
        operation,
        operation[0],
        (kernel, again, operation.optional(3), operation.optional(7)),
        (operation.optional(5), operation.optional(6)),
        cell=_CELLS[operation.op],
        units=again.shape[-1],
        direction=operation.text("direction", "forward"),
        time=1 if steps_second else 0,
        apart=True,
        states_first=not steps_second,
    )


@op("DynamicQuantizeLSTM", domain=MICROSOFT, tells=_STEPS)
def quantized_lstm(operation: Operation) -> Values:
    """As ``LSTM``, with transposed integer weights, whose scales and zero points come last."""
    kernel, again = as_weight(operation[1]), as_weight(operation[2])
    return lower(
        operation,
        operation[0],
        (kernel, again, operation.optional(3), operation.optional(7)),
        (operation.optional(5), operation.optional(6)),
        cell="lstm",
        units=operation.integer("hidden_size", 0) or again.shape[1],
        direction=operation.text("direction", "forward"),
        apart=True,
    )
