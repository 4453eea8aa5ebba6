"""Types of elements: what an operation of ONNX makes of the types that it takes, by its schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from onnx import ModelProto, defs, shape_inference

from rfcalc.readers.onnx.tensors import dtype_name, named_type
from rfcalc.records import NamedTuple


class _Signature(NamedTuple):
    """The types of a schema: variables such as ``T``, or names of types; the last one may repeat."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fixed: Mapping[str, str]


@lru_cache(maxsize=1 << 12)
def output_types(
    op: str,
    domain: str,
    version: int,
    inputs: tuple[str | None, ...],
    to: int | None,
    count: int,
) -> tuple[str | None, ...]:
    """Return the types of an operation's outputs; None for one that the schema leaves open.

    Parameters
    ----------
    op, domain, version : str, str, int
        The operation and its operator set.
    inputs : tuple of (str or None)
        The types of what it takes.
    to : int, optional
        Of a cast the number of the type that it makes.
    count : int
        How many outputs it has.

    Examples
    --------
    >>> output_types("Where", "", 16, ("bool", "float16", "float16"), None, 1)
    ('float16',)
    >>> output_types("Cast", "", 13, ("float32",), 10, 1)
    ('float16',)
    >>> output_types("ArgMax", "", 13, ("float32",), None, 1)
    ('int64',)
    """
    signature = _signature(op, domain, version)
    if signature is None or not signature.outputs:
        return ()
    if op == "Cast" and to is not None:
        return (dtype_name(to),)
    bound: dict[str, str] = {}
    last = len(signature.inputs) - 1
    for place, dtype in enumerate(inputs):
        if dtype is not None and last >= 0:
            bound.setdefault(signature.inputs[min(place, last)], dtype)
    names = [signature.outputs[min(place, len(signature.outputs) - 1)] for place in range(count)]
    return tuple([signature.fixed.get(name) or bound.get(name) for name in names])


@lru_cache(maxsize=1 << 10)
def _signature(op: str, domain: str, version: int) -> _Signature | None:
    """Return what a schema says of types; None where there is no such operation."""
    try:
        schema = defs.get_schema(op, version, domain)
    except defs.SchemaError:
        return None
    fixed = {
        each.type_param_str: named_type(each.allowed_type_strs[0])
        for each in schema.type_constraints
        if len(each.allowed_type_strs) == 1
    }
    inputs, outputs = (
        tuple([formal.type_str for formal in formals]) for formals in (schema.inputs, schema.outputs)
    )
    fixed.update((name, named_type(name)) for name in outputs if name.startswith("tensor("))
    return _Signature(inputs, outputs, fixed)


Inferred: TypeAlias = tuple[int, "tuple[int | None, ...] | None"]
"""The number of a type, and a shape as far as it is known, None for an extent that is open."""


def inferred_types(data: bytes) -> dict[str, Inferred]:
    """Return the types that ONNX itself infers for the tensors inside of a model; none where it fails.

    Parameters
    ----------
    data : bytes
        What the model's file holds; the elements of large tensors may be missing.
    """
    try:
        whole = shape_inference.infer_shapes(data)
        model = whole if isinstance(whole, ModelProto) else ModelProto.FromString(whole)
    except Exception:  # of whatever kind the library has for a model that it does not understand
        return {}
    found: dict[str, Inferred] = {}
    for info in model.graph.value_info:
        kind = info.type.tensor_type
        if kind.elem_type:
            dims = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)
            found[info.name] = (kind.elem_type, dims if kind.HasField("shape") else None)
    return found
