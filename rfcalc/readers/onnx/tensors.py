"""Constants of an ONNX file: their shapes always, their elements where these can matter for shapes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from rfcalc.algebra.number import Num, prod
from rfcalc.errors import ReadError
from rfcalc.graph.layer import TensorSpec, Weight
from rfcalc.readers.lowering.builder import default_axes
from rfcalc.readers.lowering.folding import MOST_FLOATS, MOST_KNOWN
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.lowering.value import Value

MOST_AXES: Final = 64
"""Axes of a tensor; more are a damaged file."""

LONGEST_EXTENT: Final = 1 << 40

_TYPES: Final = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
_QUANTIZED: Final = re.compile(r"u?int(2|4|8)$")
_FLOATS: Final = re.compile(r"float|double|bfloat")
_RENAMED: Final = {"float": "float32", "double": "float64"}


def dtype_name(code: int) -> str:
    """Return the name of an element type by its number in ONNX.

    >>> dtype_name(1), dtype_name(7)
    ('float32', 'int64')
    """
    name: str = _TYPES.get(code, "undefined")
    return _RENAMED.get(name, name)


def named_type(text: str) -> str:
    """Return the name of an element type as schemas spell it.

    >>> named_type("tensor(float)"), named_type("tensor(int64)")
    ('float32', 'int64')
    """
    name = text.removeprefix("tensor(").removesuffix(")")
    return _RENAMED.get(name, name)


def is_weight(dtype: str, rank: int) -> bool:
    """Tell whether a constant of that type and rank counts as a parameter where an operation takes it so."""
    return rank > 0 and (_FLOATS.match(dtype) is not None or _QUANTIZED.match(dtype) is not None)


def weight_of(name: str, shape: tuple[Num, ...], dtype: str) -> tuple[Weight, ...]:
    """Return the parameter that a constant is, if it is one."""
    return (Weight(name, shape, dtype=dtype),) if is_weight(dtype, len(shape)) else ()


def as_weight(value: Value) -> Value:
    """Return a constant that a quantised operation takes as weights; biases are wider integers."""
    if not value.constant or value.weights or value.spec is None or not value.spec.shape:
        return value
    return replace(
        value, weights=(Weight(f"constant {id(value)}", value.spec.shape, dtype=value.spec.dtype),)
    )


def initializer(tensor: onnx.TensorProto, name: str) -> Value:
    """Read a constant tensor; data that lie outside of the file are neither needed nor looked for.

    Raises
    ------
    ReadError
        Its shape is impossible, or the data do not fit it.
    """
    shape = tuple(tensor.dims)
    if len(shape) > MOST_AXES:
        raise ReadError(f"has {len(shape):,} axes", where=f"tensor {name!r}")
    for extent in shape:
        if not 0 <= extent < LONGEST_EXTENT:
            raise ReadError(f"has an extent of {extent}", where=f"tensor {name!r}")
    dtype = dtype_name(tensor.data_type)
    spec = TensorSpec(shape, default_axes(len(shape)), dtype)
    return Value(spec, data=elements(tensor, shape, dtype, name), weights=weight_of(name, shape, dtype))


def elements(tensor: onnx.TensorProto, shape: tuple[int, ...], dtype: str, name: str) -> Any:
    """Read the elements of a small constant; None where it is none, or they are not in the file."""
    floats = _FLOATS.match(dtype) is not None
    count = prod(shape)
    most = MOST_KNOWN if dtype != "bool" and not floats else MOST_MASKED
    if count > most:
        return None
    if tensor.data_location == onnx.TensorProto.EXTERNAL or not (
        floats or dtype.startswith(("int", "uint", "bool"))
    ):
        return None
    try:
        if floats and count > MOST_FLOATS:
            return _if_structural(tensor, shape)
        return _array(tensor).reshape(shape)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        reason = str(error).partition("\n")[0]
        raise ReadError(
            f"its data do not fit its shape {list(shape)}: {reason}", where=f"tensor {name!r}"
        ) from None


def filling(tensor: onnx.TensorProto) -> Any:
    """Return the elements of a small tensor, or a zero of its type."""
    dtype = dtype_name(tensor.data_type)
    found = elements(tensor, tuple(tensor.dims), dtype, tensor.name)
    if found is not None:
        return found
    try:
        return np.zeros(1, dtype=dtype)
    except TypeError:
        return np.zeros(1, dtype=np.float32)


def _array(tensor: onnx.TensorProto) -> Any:
    """Return the elements of a tensor; of usual types at once, as `to_array` takes its time to tell types."""
    if tensor.data_type not in _USUAL or tensor.HasField("segment"):
        return numpy_helper.to_array(tensor)
    kind, field = _USUAL[tensor.data_type]
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, dtype=kind)
    return np.array(getattr(tensor, field)[:], dtype=kind)


def _if_structural(tensor: onnx.TensorProto, shape: tuple[int, ...]) -> Any:
    """Return the elements of a larger tensor of floats that is a mask, or a window that ends in zeros."""
    if tensor.data_type not in _PLAIN:
        return None
    kind, raw = _PLAIN[tensor.data_type], tensor.raw_data  # which is copied each time it is asked for
    if raw and len(raw) == prod(shape) * np.dtype(kind).itemsize:
        array = np.frombuffer(raw, dtype=kind).reshape(shape)
    elif tensor.float_data and kind == "float32" and len(tensor.float_data) == prod(shape):
        array = np.asarray(tensor.float_data, dtype=kind).reshape(shape)
    else:
        return None
    if array.ndim == 1:
        return array if 0 in (array[0], array[-1]) else None
    return array if may_be_structural(array) and is_structural(array, learned=True) else None


_PLAIN: Final = {1: "float32", 10: "float16", 11: "float64"}
"""Types that numpy has as well, by their numbers in ONNX."""

_USUAL: Final = {1: ("<f4", "float_data"), 7: ("<i8", "int64_data"), 11: ("<f8", "double_data")}
"""How numpy spells the types of most constants, and where these lie if not as bytes, by their numbers."""
