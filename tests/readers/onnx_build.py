"""ONNX models by hand, in few words. The weights have no data: nothing that rfcalc says depends on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
helper = onnx.helper
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

Shape = Sequence["int | str | None"]


def weight(name: str, *shape: int, dtype: int = FLOAT) -> Any:
    """Return a constant whose data lie in another file, which does not exist."""
    tensor = onnx.TensorProto(name=name, dims=shape, data_type=dtype)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.data")
    return tensor


def ints(name: str, *values: int) -> Any:
    """Return a list of integers."""
    return helper.make_tensor(name, INT64, (len(values),), values)


def node(op: str, inputs: str, outputs: str, *, name: str | None = None, **attributes: Any) -> Any:
    """Return an operation; names of tensors are separated by spaces, and ``-`` leaves an input out."""
    return helper.make_node(
        op,
        ["" if each == "-" else each for each in inputs.split()],
        outputs.split(),
        name=outputs.partition(" ")[0] if name is None else name,
        **attributes,
    )


def declared(name: str, shape: Shape | None, dtype: int = FLOAT) -> Any:
    """Return an input or output with its shape; None for open extents."""
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape | None],
    outputs: str,
    constants: Sequence[Any] = (),
    *,
    opset: int = 17,
    functions: Sequence[Any] = (),
    name: str = "m",
) -> Any:
    """Return a model whose outputs declare no shapes."""
    graph = helper.make_graph(
        list(nodes),
        name,
        [declared(each, shape) for each, shape in inputs.items()],
        [declared(each, None) for each in outputs.split()],
        list(constants),
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.acme", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)


def small(shape: Shape = ("N", 3, "H", "W"), x: str = "x") -> Any:
    """Return a convolution, an activation and a strided convolution: fields of 3, 3 and 5 pixels."""
    nodes = [
        node("Conv", f"{x} w1 b1", "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 w2", "c2", pads=[1, 1, 1, 1], strides=[2, 2]),
    ]
    return model(
        nodes, {x: shape}, "c2", [weight("w1", 8, 3, 3, 3), weight("b1", 8), weight("w2", 16, 8, 3, 3)]
    )


def positive(*shape: int) -> Any:
    """Return random numbers between 0.5 and 1.5."""
    return np.random.default_rng(len(shape)).uniform(0.5, 1.5, shape).astype(np.float32)


def runnable(name: str, shape: Shape, nodes: Sequence[Any], held: Mapping[str, Any], opset: int) -> Any:
    """Return a model with the values of its constants, from ``x`` of a shape to ``y``."""
    tensors = [onnx.numpy_helper.from_array(np.asarray(value), each) for each, value in held.items()]
    made = helper.make_graph(nodes, name, [declared("x", shape)], [declared("y", None)], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
