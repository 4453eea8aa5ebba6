"""Constants of a TensorFlow Lite file: shapes always, elements where these can matter for shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from rfcalc.algebra.number import prod
from rfcalc.errors import ReadError
from rfcalc.graph.layer import TensorSpec, Weight
from rfcalc.readers.lowering.folding import MOST_FLOATS, MOST_KNOWN
from rfcalc.readers.lowering.layout import channels_last
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.tflite.file import Model, Tensor

_PLAIN: Final = {
    **{name: np.dtype(name).newbyteorder("<") for name in ("float16", "float32", "float64")},
    **{name: np.dtype(name).newbyteorder("<") for name in ("int8", "int16", "int32", "int64")},
    **{name: np.dtype(name).newbyteorder("<") for name in ("uint8", "uint16", "uint32", "uint64", "bool")},
}
"""Types of elements that numpy has as well."""

_HALF: Final = {"int4": 2, "uint4": 2, "int2": 4}
"""How many elements of small types share a byte."""


def is_weight(tensor: Tensor) -> bool:
    """Tell whether a constant counts as a parameter where an operation takes it so."""
    return bool(tensor.shape) and (tensor.quantised or "float" in tensor.dtype)


def as_weight(value: Value) -> Value:
    """Return a constant that an operation takes for its kernel or bias, whatever type it has."""
    if not value.constant or value.weights or value.spec is None or not value.spec.shape:
        return value
    weight = Weight(f"constant {id(value)}", value.spec.shape, dtype=value.spec.dtype)
    return replace(value, weights=(weight,))


def constant(model: Model, tensor: Tensor, identity: str) -> Value | None:
    """Read a constant tensor; None where the file holds no elements of it.

    Raises
    ------
    ReadError
        Its elements do not fit its shape.
    """
    held = model.elements(tensor.buffer)
    if held is None and prod(tensor.shape):
        return None
    spec = TensorSpec(tensor.shape, channels_last(len(tensor.shape)), tensor.dtype)
    weights = (Weight(identity, tensor.shape, dtype=tensor.dtype),) if is_weight(tensor) else ()
    if tensor.sparse or held is None:
        data = None if held is not None else np.zeros(tensor.shape, _PLAIN.get(tensor.dtype, "int64"))
        return Value(spec, data=data, weights=weights)
    _check_size(tensor, len(held))
    data = None if tensor.quantised else _elements(tensor, held)
    return Value(spec, data=data, weights=weights)


def _check_size(tensor: Tensor, size: int) -> None:
    """Refuse a constant that has more or fewer bytes than its shape says."""
    count = prod(tensor.shape)
    kind = _PLAIN.get(tensor.dtype)
    if kind is not None:
        wanted = count * kind.itemsize
    elif tensor.dtype in _HALF:
        wanted = -(-count // _HALF[tensor.dtype])
    else:
        return
    if size != wanted:
        raise ReadError(
            f"is a damaged TFLite file: {size} bytes for the shape {list(tensor.shape)} of {tensor.dtype}",
            where=f"tensor {tensor.name!r}",
        )


def _elements(tensor: Tensor, held: Any) -> Any:
    """Return the elements of a small constant, or of a larger one that is a mask; else None."""
    kind = _PLAIN.get(tensor.dtype)
    count = prod(tensor.shape)
    if kind is None or count > (MOST_MASKED if kind.kind in "fb" else MOST_KNOWN):
        return None
    array = np.frombuffer(held, dtype=kind).reshape(tensor.shape)
    if kind.kind != "f" or count <= MOST_FLOATS:
        return array
    if array.ndim == 1:
        return array if 0 in (array[0], array[-1]) else None
    return array if may_be_structural(array) and is_structural(array, learned=True) else None
