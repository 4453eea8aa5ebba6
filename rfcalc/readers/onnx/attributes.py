"""Attributes of ONNX operations as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx

from rfcalc.errors import ReadError
from rfcalc.readers.lowering.arrays import constant_value
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.onnx.tensors import dtype_name, elements

_KIND = onnx.AttributeProto


def attributes_of(node: Any, bound: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read the attributes of an operation; inside a function some stand for those of its call."""
    found: dict[str, Any] = {}
    for each in node.attribute:
        if each.ref_attr_name:
            for suffix in ("", ":proto"):
                value = (bound or {}).get(each.ref_attr_name + suffix)
                if value is not None:
                    found[each.name + suffix] = value
            continue
        found[each.name] = _value(each)
        if each.type == _KIND.TENSOR:
            found[f"{each.name}:proto"] = each.t
    return found


def _value(each: onnx.AttributeProto) -> Any:
    """Return what an attribute holds."""
    held = _HELD.get(each.type)
    return None if held is None else held(each)


def _filling(tensor: onnx.TensorProto) -> Any:
    """Return the elements of a small tensor, or an empty array of its type."""
    dtype = dtype_name(tensor.data_type)
    found = elements(tensor, tuple(tensor.dims), dtype, tensor.name)
    if found is not None:
        return found
    try:
        return np.zeros(1, dtype=dtype)
    except TypeError:
        return np.zeros(1, dtype=np.float32)


_HELD: Final[Mapping[int, Callable[[onnx.AttributeProto], Any]]] = {
    _KIND.INT: lambda each: each.i,
    _KIND.INTS: lambda each: tuple(each.ints),
    _KIND.FLOAT: lambda each: each.f,
    _KIND.FLOATS: lambda each: tuple(each.floats),
    _KIND.STRING: lambda each: each.s.decode("utf-8", "replace"),
    _KIND.STRINGS: lambda each: tuple(text.decode("utf-8", "replace") for text in each.strings),
    _KIND.GRAPH: lambda each: each.g,
    _KIND.TENSOR: lambda each: _filling(each.t),
}
"""What an attribute of each type holds."""


def attribute_array(attributes: Mapping[str, Any], name: str) -> Value:
    """Return the constant that a ``Constant`` operation spells as plain numbers.

    Raises
    ------
    ReadError
        It holds none.
    """
    for key, kind, scalar in (
        ("value_int", np.int64, True),
        ("value_ints", np.int64, False),
        ("value_float", np.float32, True),
        ("value_floats", np.float32, False),
    ):
        if attributes.get(key) is not None:
            array = np.array(attributes[key], dtype=kind)
            return constant_value(array.reshape(()) if scalar else array.reshape(-1))
    if "value_string" in attributes or "value_strings" in attributes:
        return constant_value(np.zeros((), dtype=np.int64))
    raise ReadError("holds no value", where=f"layer {name!r}")
