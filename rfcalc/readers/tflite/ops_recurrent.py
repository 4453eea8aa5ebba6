"""Recurrent layers: sequences, and single steps whose state stays from one call to the next."""

from __future__ import annotations

from typing import Any

from rfcalc.algebra.number import equal
from rfcalc.graph.graph import STATE
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering.recurrent import recurrent
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.tflite.operation import Operation, op
from rfcalc.readers.tflite.tensors import as_weight

KEPT = "its state stays from one call to the next; what it reads of earlier calls is in no field"


def _weights(operation: Operation, *places: int) -> list[Value | None]:
    """Return inputs that are weights, of which any may be left out."""
    values = (operation.optional(place) for place in places)
    return [None if value is None else as_weight(value) for value in values]


def _kept(operation: Operation, made: Values) -> Values:
    """Say that a layer reads what earlier calls left."""
    if made[0].edge is not None:
        operation.builder.notes.append((STATE, made[0].edge[0], KEPT))
    return made


def _sizes(operation: Operation, cell: int, again: int) -> dict[str, Any]:
    """Return the features of a cell and of what it puts out, by the weights of its output gate."""
    units, out = operation[cell].shape[0], operation[again].shape[1]
    return {"units": units, "projection": None if equal(units, out) else out}


@op("UNIDIRECTIONAL_SEQUENCE_LSTM")
def lstm(operation: Operation) -> Values:
    """X, weights of four gates for it and for the state, peepholes, biases, projection, states, norms."""
    return _kept(
        operation,
        recurrent(
            operation,
            operation[0],
            _weights(operation, *range(1, 18), *range(20, 24)),
            cell="lstm",
            time=0 if operation.flag("TimeMajor") else 1,
            **_sizes(operation, 4, 8),
        )[:1],
    )


@op("UNIDIRECTIONAL_SEQUENCE_RNN")
def rnn(operation: Operation) -> Values:
    """X, weights for it and for the state, bias, state."""
    return _kept(
        operation,
        recurrent(
            operation,
            operation[0],
            _weights(operation, 1, 2, 3),
            cell="simple",
            units=operation[2].shape[0],
            time=0 if operation.flag("TimeMajor") else 1,
        )[:1],
    )


@op("BIDIRECTIONAL_SEQUENCE_LSTM")
def both_lstm(operation: Operation) -> Values:
    """X, the weights of an LSTM for each way, states, and what a layer before it hands on besides."""
    if operation.optional(39) is not None:
        return operation.unknown("it takes a second sequence")
    sizes, back = _sizes(operation, 4, 8), _sizes(operation, 21, 25)
    if sizes != back:
        return operation.unknown("its two ways differ")
    return _both(operation, _weights(operation, *range(1, 35)), "lstm", sizes)


@op("BIDIRECTIONAL_SEQUENCE_RNN")
def both_rnn(operation: Operation) -> Values:
    """X, weights for it and the state, bias and state, for each way."""
    if operation.optional(9) is not None:
        return operation.unknown("it takes a second sequence")
    units, back = operation[2].shape[0], operation[6].shape[0]
    if not equal(units, back):
        return operation.unknown("its two ways differ")
    return _both(operation, _weights(operation, 1, 2, 3, 5, 6, 7), "simple", {"units": units})


def _both(operation: Operation, weights: list[Value | None], cell: str, sizes: dict[str, Any]) -> Values:
    """Add a layer that runs both ways, whose results are put side by side or stay apart."""
    merged = operation.flag("MergeOutputs")
    made = recurrent(
        operation if merged else operation.part("both"),
        operation[0],
        weights,
        cell=cell,
        direction="bidirectional",
        time=0 if operation.flag("TimeMajor") else 1,
        **sizes,
    )
    _kept(operation, made)
    if merged:
        return made[:1]
    return operation.add("split", made[:1], {"axis": -1, "sections": 2})


@op("RNN")
def rnn_step(operation: Operation) -> Values:
    """X, weights for it and for the state, bias, state: one step of a recurrent layer."""
    weights = _weights(operation, 1, 2, 3)
    return _step(operation, weights, {"cell": "simple", "units": operation[2].shape[0]})


@op("LSTM")
def lstm_step(operation: Operation) -> Values:
    """As UNIDIRECTIONAL_SEQUENCE_LSTM for one step; the basic kind takes state and product together."""
    if operation.integer("KernelType"):
        return operation.unknown("the basic kind of cell is not read")
    weights = _weights(operation, *range(1, 18), *range(20, 24))
    return _step(operation, weights, {"cell": "lstm", **_sizes(operation, 4, 8)})


def _step(operation: Operation, weights: list[Value | None], attrs: dict[str, Any]) -> Values:
    """Add one step of a recurrent layer, as a sequence of one."""
    x = operation[0]
    if x.spec is None:
        raise Blind
    extras = Extras(
        prepare=((0, (Stage("expand_dims", {"axes": (1,)}),)),), then=(Stage("squeeze", {"axes": (1,)}),)
    )
    attrs = {key: value for key, value in attrs.items() if value is not None}
    return _kept(
        operation, operation.add("sequence", (x,), {**attrs, "time": 1}, extras, weights=weights)[:1]
    )


@op("SVDF", tells="features")
def svdf(operation: Operation) -> Values:
    """X, features, times, bias, state: a linear layer, then a window over so many calls."""
    x, features, times = operation[0], as_weight(operation[1]), as_weight(operation[2])
    filters, memory = times.shape
    rank = operation.integer("Rank")
    if x.spec is None:
        raise Blind
    if rank < 1 or filters % rank:
        raise operation.wrong(f"{filters} filters do not fall into ranks of {rank}")
    window = {
        "filters": filters,
        "kernel": (memory,),
        "padding": "valid",
        "groups": filters,
        "depth": 1,
        "spatial": (1,),
        "channel": 2,
    }
    batch = x.shape[0]
    then = (
        Stage("expand_dims", {"axes": (1,)}),
        Stage("pad", {"padding": ((memory - 1, 0),), "mode": "constant", "spatial": (1,)}),
        Stage("conv", window),
        Stage("reshape", {"shape": (batch, filters // rank, rank)}),
        Stage("reduce", {"axes": (2,), "keepdims": False, "mode": "sum"}),
    )
    weights = (features, times, *_weights(operation, 3))
    return _kept(
        operation, operation.add("linear", (x,), {"units": filters}, Extras(then=then), weights=weights)
    )
