"""TensorFlow Lite files written by hand, with the builders of the package that has the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Quantised:
    """A constant whose elements are integers that stand for other numbers."""

    array: np.ndarray


@dataclass(frozen=True)
class Node:
    """An operation: inputs are names of tensors, arrays for constants, or None for those left out."""

    op: str
    inputs: tuple[Any, ...]
    outputs: tuple[str, ...]
    options: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    custom: str = ""


@dataclass(frozen=True)
class Graph:
    """One graph of a file; shapes and types of tensors by name, -1 for an open extent."""

    nodes: tuple[Node, ...]
    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Shape] = field(default_factory=dict)
    name: str = "main"


class Writer:
    """Collects buffers and codes of operations, which all graphs of a file share."""

    def __init__(self) -> None:
        self.b = flatbuffers.Builder(1024)
        self.buffers: list[bytes] = [b""]
        self.codes: list[tuple[int, str]] = []

    def code(self, node: Node) -> int:
        """Return the number of an operation among the codes of the file."""
        key = (getattr(tflite.BuiltinOperator, node.op), node.custom)
        if key not in self.codes:
            self.codes.append(key)
        return self.codes.index(key)

    def offsets(self, items: Sequence[int]) -> int:
        """Write a vector of offsets."""
        self.b.StartVector(4, len(items), 4)
        for each in reversed(items):
            self.b.PrependUOffsetTRelative(each)
        return int(self.b.EndVector())

    def integers(self, numbers: Sequence[int]) -> int:
        """Write a vector of integers of 32 bits."""
        return int(self.b.CreateNumpyVector(np.asarray(numbers, np.int32)))

    def options(self, node: Node) -> int | None:
        """Write the settings of an operation."""
        if not node.options:
            return None
        vectors = {
            name: self.integers(value)
            if not node.options.startswith("Stablehlo")
            else int(self.b.CreateNumpyVector(np.asarray(value, np.int64)))
            for name, value in node.settings.items()
            if isinstance(value, (list, tuple))
        }
        getattr(tflite, f"{node.options}Start")(self.b)
        for name, value in node.settings.items():
            getattr(tflite, f"{node.options}Add{name}")(self.b, vectors.get(name, value))
        return int(getattr(tflite, f"{node.options}End")(self.b))

    def tensor(
        self, name: str, shape: Shape | None, dtype: str, buffer: int, *, quantised: bool, variable: bool
    ) -> int:
        """Write a tensor; -1 in a shape is an open extent."""
        b = self.b
        label = b.CreateString(name)
        extents = None if shape is None else self.integers([1 if n < 0 else n for n in shape])
        signature = self.integers(shape) if shape is not None and -1 in shape else None
        scales = None
        if quantised:
            scale = b.CreateNumpyVector(np.ones(1, np.float32))
            zero = b.CreateNumpyVector(np.zeros(1, np.int64))
            tflite.QuantizationParametersStart(b)
            tflite.QuantizationParametersAddScale(b, scale)
            tflite.QuantizationParametersAddZeroPoint(b, zero)
            scales = tflite.QuantizationParametersEnd(b)
        tflite.TensorStart(b)
        tflite.TensorAddName(b, label)
        if extents is not None:
            tflite.TensorAddShape(b, extents)
        if signature is not None:
            tflite.TensorAddShapeSignature(b, signature)
        if scales is not None:
            tflite.TensorAddQuantization(b, scales)
        tflite.TensorAddType(b, getattr(tflite.TensorType, dtype.upper()))
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddIsVariable(b, variable)
        return int(tflite.TensorEnd(b))

    def graph(self, graph: Graph) -> int:
        """Write one graph."""
        places: dict[str, int] = {}
        tensors: list[int] = []

        def add(name: str, shape: Shape | None, dtype: str, buffer: int = 0, **more: bool) -> int:
            given = {"quantised": False, "variable": False, **more}
            tensors.append(self.tensor(name, shape, dtype, buffer, **given))
            places[name] = len(tensors) - 1
            return places[name]

        def held(value: Any, name: str) -> int:
            if value is None:
                return -1
            if isinstance(value, str):
                return places[value]
            array = value.array if isinstance(value, Quantised) else np.asarray(value)
            self.buffers.append(np.ascontiguousarray(array).tobytes())
            quantised = isinstance(value, Quantised)
            return add(name, array.shape, array.dtype.name, len(self.buffers) - 1, quantised=quantised)

        for name, shape in graph.inputs.items():
            add(name, shape, graph.dtypes.get(name, "float32"))
        for name, shape in graph.variables.items():
            add(name, shape, graph.dtypes.get(name, "float32"), variable=True)
        operators = []
        for number, node in enumerate(graph.nodes):
            taken = [held(value, f"constant_{number}_{place}") for place, value in enumerate(node.inputs)]
            made = [
                add(name, graph.shapes.get(name), graph.dtypes.get(name, "float32")) for name in node.outputs
            ]
            operators.append(self.operator(node, taken, made))
        vectors = [
            self.offsets(tensors),
            self.integers([places[name] for name in graph.inputs]),
            self.integers([places[name] for name in graph.outputs]),
            self.offsets(operators),
            self.b.CreateString(graph.name),
        ]
        tflite.SubGraphStart(self.b)
        for name, vector in zip(("Tensors", "Inputs", "Outputs", "Operators", "Name"), vectors, strict=True):
            getattr(tflite, f"SubGraphAdd{name}")(self.b, vector)
        return int(tflite.SubGraphEnd(self.b))

    def operator(self, node: Node, taken: Sequence[int], made: Sequence[int]) -> int:
        """Write one operation."""
        options = self.options(node)
        inputs, outputs = self.integers(taken), self.integers(made)
        b = self.b
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, self.code(node))
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        if options is not None:
            first = hasattr(tflite.BuiltinOptions, node.options)
            union = tflite.BuiltinOptions if first else tflite.BuiltinOptions2
            number = "" if first else "2"
            getattr(tflite, f"OperatorAddBuiltinOptions{number}Type")(b, getattr(union, node.options))
            getattr(tflite, f"OperatorAddBuiltinOptions{number}")(b, options)
        return int(tflite.OperatorEnd(b))

    def file(self, graphs: Sequence[Graph]) -> bytes:
        """Write a whole file."""
        b = self.b
        written = self.offsets([self.graph(each) for each in graphs])
        codes = []
        for number, custom in self.codes:
            label = b.CreateString(custom) if custom else None
            tflite.OperatorCodeStart(b)
            tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
            tflite.OperatorCodeAddBuiltinCode(b, number)
            tflite.OperatorCodeAddVersion(b, VERSIONS.get(number, 1))
            if label is not None:
                tflite.OperatorCodeAddCustomCode(b, label)
            codes.append(int(tflite.OperatorCodeEnd(b)))
        buffers = []
        for data in self.buffers:
            vector = b.CreateByteVector(data) if data else None
            tflite.BufferStart(b)
            if vector is not None:
                tflite.BufferAddData(b, vector)
            buffers.append(int(tflite.BufferEnd(b)))
        held, listed = self.offsets(buffers), self.offsets(codes)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, listed)
        tflite.ModelAddSubgraphs(b, written)
        tflite.ModelAddBuffers(b, held)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())


VERSIONS = {
    tflite.BuiltinOperator.FULLY_CONNECTED: 5,
    tflite.BuiltinOperator.STRIDED_SLICE: 8,
    tflite.BuiltinOperator.RESIZE_BILINEAR: 3,
    tflite.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR: 3,
    tflite.BuiltinOperator.TRANSPOSE_CONV: 3,
    tflite.BuiltinOperator.GATHER: 5,
    tflite.BuiltinOperator.BROADCAST_TO: 2,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: 2,
}
"""Versions of operations, where settings came with later ones."""


def written(*graphs: Graph) -> bytes:
    """Return a file with these graphs, the first of which is the model's own."""
    return Writer().file(graphs)
