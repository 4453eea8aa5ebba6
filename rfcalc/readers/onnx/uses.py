"""What the operations of an ONNX graph tell of the axes of their inputs, and which of them a tensor needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, Final

import onnx

from rfcalc.readers.lowering.layout import Use, Uses, reshaped
from rfcalc.readers.lowering.registry import EVERY
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.onnx.operation import op as known
from rfcalc.readers.onnx.tensors import initializer

BRANCHING: Final = frozenset(("If", "Loop", "Scan"))


def uses_of(graph: onnx.GraphProto, constants: Mapping[str, Value]) -> Uses:
    """Return a function that lists the uses of a tensor; it looks no further than its caller does."""

    def uses(name: str) -> Iterator[Use]:
        for place, node in _takers(graph, name):
            use = _use(place, node, graph, constants)
            if use is not None:
                yield use

    return uses


def _takers(graph: onnx.GraphProto, name: str) -> Iterator[tuple[int, onnx.NodeProto]]:
    """Find the operations that take a tensor, those of branches included."""
    for node in graph.node:
        if name in node.input:
            yield list(node.input).index(name), node
        elif node.op_type in BRANCHING:
            for each in node.attribute:
                if each.type == onnx.AttributeProto.GRAPH:
                    yield from _takers(each.g, name)


def _use(
    place: int, node: onnx.NodeProto, graph: onnx.GraphProto, constants: Mapping[str, Value]
) -> Use | None:
    op = node.op_type
    output = node.output[0] if node.output else ""
    kind = known.told(op, place)
    if kind == EVERY:
        return Use("same", output)
    if kind is not None:
        return Use("features" if kind == "steps" and _attribute(node, "layout") else kind)
    return None if place else _moving(node, output, graph, constants)


def _moving(
    node: onnx.NodeProto, output: str, graph: onnx.GraphProto, constants: Mapping[str, Value]
) -> Use | None:
    """Tell how an operation moves axes, whose result tells the rest."""
    op = node.op_type
    if op == "Transpose":
        return Use("permute", output, tuple(_attribute(node, "perm") or ()))
    if op == "Unsqueeze":
        axes = _attribute(node, "axes") or _elements(node, 1, graph, constants)
        return Use("unsqueeze", output, tuple(axes)) if axes else None
    if op == "Squeeze":
        axes = _attribute(node, "axes") or _elements(node, 1, graph, constants)
        return Use("squeeze", output, tuple(sorted(axes))) if axes and min(axes) >= 0 else None
    if op == "Reshape":
        return _reshaped(node, output, graph, constants)
    if op == "Gather":
        index = _array(node, 1, graph, constants)
        return (
            None if index is None or index.ndim else Use("select", output, (_attribute(node, "axis") or 0,))
        )
    return None


def _reshaped(
    node: onnx.NodeProto, output: str, graph: onnx.GraphProto, constants: Mapping[str, Value]
) -> Use | None:
    """Tell which axes of one element a reshape inserts or drops, if that is all it does."""
    target = _elements(node, 1, graph, constants)
    if target is None:
        return None
    before = _declared(node.input[0], graph)
    if before is None:  # (batch, samples) gets a channel
        return Use("unsqueeze", output, (1,)) if len(target) == 3 and target[1] == 1 else None
    keep = not _attribute(node, "allowzero")
    after = [before[k] if each == 0 and keep and k < len(before) else each for k, each in enumerate(target)]
    if -1 in after and -1 not in before and (known := -prod(after)) > 0:
        after[after.index(-1)] = prod(before) // known
    return reshaped(before, after, output)


def _declared(name: str, graph: onnx.GraphProto) -> list[int] | None:
    """Return the declared shape of a tensor, -1 for an open extent; None where more than one is open."""
    for each in (*graph.input, *graph.value_info):
        if each.name == name and each.type.tensor_type.HasField("shape"):
            dims = each.type.tensor_type.shape.dim
            shape = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]
            return shape if shape.count(-1) <= 1 else None
    return None


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    for each in node.attribute:
        if each.name == name:
            return tuple(each.ints) if each.type == onnx.AttributeProto.INTS else each.i
    return None


def _elements(
    node: onnx.NodeProto, place: int, graph: onnx.GraphProto, constants: Mapping[str, Value]
) -> tuple[int, ...] | None:
    """Return the integers of an input, where they are an initializer or a constant of the graph."""
    data = _array(node, place, graph, constants)
    return None if data is None else tuple(int(each) for each in data.reshape(-1).tolist())


def _array(node: onnx.NodeProto, place: int, graph: onnx.GraphProto, constants: Mapping[str, Value]) -> Any:
    """Return an input that is an initializer or a constant of the graph; None for any other."""
    if len(node.input) <= place:
        return None
    name = node.input[place]
    value = constants.get(name)
    if value is None:
        maker = next((each for each in graph.node if name in each.output), None)
        held = [] if maker is None or maker.op_type != "Constant" else list(maker.attribute)
        value = next(
            (initializer(each.t, name) for each in held if each.type == onnx.AttributeProto.TENSOR), None
        )
    return None if value is None else value.data


def needed(nodes: Sequence[onnx.NodeProto], tensor: str) -> list[onnx.NodeProto]:
    """Return the operations that a tensor depends on, in the order in which they stand."""
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    found: set[int] = set()
    queue = [tensor]
    while queue:
        place = makers.get(queue.pop())
        if place is not None and place not in found:
            found.add(place)
            queue += _taken(nodes[place])
    return [nodes[place] for place in sorted(found)]


def _taken(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors that an operation takes, and the graphs inside of it."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for each in graph.node:
                yield from _taken(each)
            yield from (each.name for each in graph.output)
