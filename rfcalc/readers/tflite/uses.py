"""What the operations of a TensorFlow Lite graph tell of the axes of their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rfcalc.readers.lowering.layout import Use, Uses, reshaped
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.tflite.file import Operator, Subgraph
from rfcalc.readers.tflite.operation import op as known


def uses_of(graph: Subgraph, constants: Mapping[int, Value]) -> Uses:
    """Return a function that lists the uses of a tensor, which it is given by its number."""
    takers: dict[int, list[tuple[int, Operator]]] = {}
    for op in graph.operators:
        for place, tensor in enumerate(op.inputs):
            takers.setdefault(tensor, []).append((place, op))

    def uses(tensor: str) -> Iterator[Use]:
        for place, op in takers.get(int(tensor), ()):
            use = _use(place, op, graph, constants)
            if use is not None:
                yield use

    return uses


def _use(place: int, op: Operator, graph: Subgraph, constants: Mapping[int, Value]) -> Use | None:
    output = str(op.outputs[0]) if op.outputs else "-1"
    kind = known.told(op.op, place)
    if kind is not None:
        return Use(kind, output if kind == "same" else "")
    if place:
        return None
    if op.op == "TRANSPOSE":
        order = _numbers(op, constants)
        return None if order is None else Use("permute", output, order)
    if op.op not in ("RESHAPE", "EXPAND_DIMS", "SQUEEZE"):
        return None
    before, after = graph.tensors[op.inputs[0]].signature, graph.tensors[op.outputs[0]].signature
    return _reshaped(before, after, output)


def _reshaped(before: Sequence[int], after: Sequence[int], output: str) -> Use | None:
    """Tell what a reshape says: axes of one element come, go or change places, or a signal is cut up."""
    if len(before) == 2 < len(after) and before[0] == after[0] and 1 not in after[1:]:
        return Use("signal")
    if before.count(-1) > 1 or after.count(-1) > 1:
        return None
    return reshaped(before, after, output)


def _numbers(op: Operator, constants: Mapping[int, Value]) -> tuple[int, ...] | None:
    """Return the integers of an operation's second input, where it is a constant."""
    value = constants.get(op.inputs[1]) if len(op.inputs) > 1 else None
    if value is None or value.data is None:
        return None
    return tuple(int(each) for each in value.data.reshape(-1).tolist())
