"""The tensors that an ONNX file holds, counted without its graph being read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import onnx


def held_tensors(data: bytes | onnx.ModelProto) -> dict[str, int]:
    """Count the elements of all constant tensors of a file by name, wherever it keeps them.

    Parameters
    ----------
    data : bytes or ModelProto
        The file's contents; the elements of its tensors are not looked at.
    """
    model = onnx.load_model_from_string(data) if isinstance(data, bytes) else data
    graphs = list(graphs_of(model.graph))
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for function in model.functions for node in function.node]
    counts = {tensor.name: prod(tensor.dims) for graph in graphs for tensor in graph.initializer}
    for sparse in (tensor for graph in graphs for tensor in graph.sparse_initializer):
        counts[sparse.values.name] = prod(sparse.dims)
    for node in nodes:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    counts[node.output[0]] = prod(attribute.t.dims)
                elif attribute.floats:
                    counts[node.output[0]] = len(attribute.floats)
    return counts


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Walk a graph and those inside of its nodes."""
    todo: list[Any] = [graph]
    while todo:
        one = todo.pop()
        yield one
        todo += _inside(attribute for node in one.node for attribute in node.attribute)


def _inside(attributes: Iterable[Any]) -> Iterator[onnx.GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
