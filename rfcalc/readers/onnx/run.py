"""Run an ONNX model with stand-in weights, and see which rows of its maps change with a row of the input.

Weights are positive, so that few changes cancel, and of about the size that keeps values where they are. The
runtime executes what the file says: run files alone that you trust.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from rfcalc.errors import ReadError

_LOUD: Final = 64.0
"""What is added to the row that changes, beside values of about 1: it must not drown in rounding."""

_BATCH_NORM: Final = {1: 1.0, 2: 0.1, 3: 0.0, 4: 1.0}
"""Scale, offset, mean and variance by their place among the inputs of a BatchNormalization."""


def changed_rows(
    data: bytes | onnx.ModelProto,
    shapes: Mapping[str, Sequence[int]],
    chosen: str,
    axis: int,
    rows: Sequence[int],
    maps: Mapping[str, int],
) -> list[dict[str, frozenset[int]]]:
    """Change one row of the input after the other, and tell which rows of some maps change with it.

    Parameters
    ----------
    data : bytes or ModelProto
        The file's contents.
    shapes : mapping
        A shape for each input.
    chosen : str
        The input that is changed.
    axis : int
        Its tensor axis on which the rows lie.
    rows : sequence of int
        Which rows, one after the other.
    maps : mapping
        For each tensor that is looked at its axis on which the rows lie.

    Returns
    -------
    list of dict
        For each of `rows` the rows of each map that are not what they were.

    Raises
    ------
    ReadError
        onnxruntime is not installed, or cannot run the model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ReadError(
            "running ONNX needs the onnxruntime package: pip install 'rfcalc[onnx-runtime]'"
        ) from None
    model = onnx.ModelProto()
    model.CopyFrom(onnx.load_model_from_string(data) if isinstance(data, bytes) else data)
    _fill(model.graph)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in maps)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    random = np.random.default_rng(0)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        feeds = {
            each.name: _values(each.type, shapes.get(each.name, ()), random) for each in session.get_inputs()
        }
        before = session.run(list(maps), feeds)
        found = []
        for row in rows:
            value = feeds[chosen].copy()
            value[(slice(None),) * axis + (row,)] += np.asarray(_LOUD, value.dtype)
            after = session.run(list(maps), {**feeds, chosen: value})
            pairs = zip(maps.items(), before, after, strict=True)
            found.append({name: _changed(a, b, place) for (name, place), a, b in pairs})
    except Exception as error:  # the runtime has exceptions of its own, and many of them
        reason = str(error).strip().partition("\n")[0]
        raise ReadError(f"onnxruntime cannot run it with stand-in weights: {reason}") from error
    return found


def _changed(before: Any, after: Any, axis: int) -> frozenset[int]:
    others = tuple(place for place in range(before.ndim) if place != axis)
    different = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return frozenset(np.nonzero(different.any(axis=others))[0].tolist())


def _values(kind: str, shape: Sequence[int], random: Any) -> Any:
    """Make an input: about 1 in every element, all different; of whole numbers small ones."""
    if "float" in kind or "double" in kind:
        dtype = np.float64 if "double" in kind else np.float16 if "float16" in kind else np.float32
        return random.uniform(0.5, 1.5, shape).astype(dtype)
    return np.ones(shape, np.bool_ if "bool" in kind else np.int32 if "int32" in kind else np.int64)


def _fill(graph: onnx.GraphProto) -> None:
    """Put positive numbers in place of the data that lie outside of the file."""
    normal = {
        name: _BATCH_NORM[place]
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for place, name in enumerate(node.input)
        if place in _BATCH_NORM
    }
    random = np.random.default_rng(1)
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            filled = numpy_helper.from_array(_weights(tensor, normal.get(tensor.name), random), tensor.name)
            tensor.CopyFrom(filled)


def _weights(tensor: onnx.TensorProto, constant: float | None, random: Any) -> Any:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    shape = tuple(tensor.dims)
    if not np.issubdtype(dtype, np.floating):
        raise ReadError(f"the whole numbers of {tensor.name!r} are not in the file, and cannot be made up")
    if constant is not None or len(shape) < 2:
        return np.full(shape, 0.1 if constant is None else constant, dtype)
    taken = prod(shape[1:]) if len(shape) > 2 else max(shape)
    return (random.uniform(0.5, 1.5, shape) / taken).astype(dtype)
