"""Attributes of ONNX operations as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx

from rfcalc.errors import ReadError
from rfcalc.readers.lowering.arrays import constant_value
from rfcalc.readers.lowering.value import Value

_KIND = onnx.AttributeProto


def attributes_of(node: Any, bound: Mapping[str, Any] | None) -> dict[str, Any]:
    """Read the attributes of an operation; inside a function some stand for those of its call.

    Tensors and graphs are left as the file has them.
    """
    found: dict[str, Any] = {}
    for each in node.attribute:
        if each.ref_attr_name:
            value = (bound or {}).get(each.ref_attr_name)
            if value is not None:
                found[each.name] = value
            continue
        found[each.name] = _value(each)
    return found


def _value(each: onnx.AttributeProto) -> Any:
    """Return what an attribute holds."""
    held = _HELD.get(each.type)
    return None if held is None else held(each)


_HELD: Final[Mapping[int, Callable[[onnx.AttributeProto], Any]]] = {
    _KIND.INT: lambda each: each.i,
    _KIND.INTS: lambda each: tuple(each.ints),
    _KIND.FLOAT: lambda each: each.f,
    _KIND.FLOATS: lambda each: tuple(each.floats),
    _KIND.STRING: lambda each: each.s.decode("utf-8", "replace"),
    _KIND.STRINGS: lambda each: tuple(text.decode("utf-8", "replace") for text in each.strings),
    _KIND.GRAPH: lambda each: each.g,
    _KIND.TENSOR: lambda each: each.t,
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
