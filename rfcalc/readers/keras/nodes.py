"""How a Keras model wires its layers: ``inbound_nodes``, as Keras 2 and as Keras 3 spell them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.graph.layer import Weight
from rfcalc.readers.keras.config import read_shape, shown

DEEPEST: Final = 64
"""Nesting of a call's arguments."""


# plain classes: dataclasses would slow every start, and tuples are arguments themselves


class Ref:
    """A tensor: its layer, which of the layer's calls, which of its outputs, and the recorded shape."""

    __slots__ = ("layer", "node", "shape", "tensor")

    def __init__(self, layer: str, node: int, tensor: int, shape: tuple[Num, ...] | None = None) -> None:
        self.layer = layer
        self.node = node
        self.tensor = tensor
        self.shape = shape

    @property
    def key(self) -> tuple[str, int, int]:
        """What identifies the tensor."""
        return (self.layer, self.node, self.tensor)


class Constant:
    """An array: its shape, its elements as nested lists, and of a live model the weights it is made of."""

    __slots__ = ("shape", "value", "weights")

    def __init__(
        self, shape: tuple[Num, ...], value: object = None, weights: tuple[Weight, ...] = ()
    ) -> None:
        self.shape = shape
        self.value = value
        self.weights = weights


class Slice:
    """A Python slice."""

    __slots__ = ("start", "step", "stop")

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start = start
        self.stop = stop
        self.step = step


class Node:
    """One call of a layer.

    Parameters
    ----------
    args : tuple
        Its arguments, with `Ref` for tensors.
    kwargs : mapping
        Those with a name.

    Attributes
    ----------
    masks : list of Ref
        Tensors that are given as masks, by name.
    refs : list of Ref
        Tensors among the arguments in the order that Keras flattens them, then those of masks.
    """

    __slots__ = ("args", "kwargs", "masks", "refs")

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.args = args
        self.kwargs = kwargs
        self.refs = [*flatten(args)]
        self.masks: list[Ref] = []
        for name, value in kwargs.items():
            (self.masks if name.endswith("mask") else self.refs).extend(flatten(value))
        self.refs += self.masks

    def split_masks(self, edges: list[Edge]) -> tuple[list[Edge], list[Edge]]:
        """Part the tensors of `refs` into what the call is on and its masks."""
        count = len(edges) - len(self.masks)
        return edges[:count], edges[count:]


def flatten(value: Any) -> Iterator[Ref]:
    """Tensors of a structure; those of a dict by sorted keys, as Keras does it."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from flatten(each)
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from flatten(value[name])


def constants_in(value: Any) -> Iterator[Constant]:
    """Arrays of a structure."""
    if isinstance(value, Constant):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from constants_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from constants_in(each)


def read_nodes(value: object, where: str) -> list[Node]:
    """Read ``inbound_nodes``."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ReadError(f"must be a list, got {shown(value)}", where=where)
    return [_read_node(each, f"{where}[{k}]") for k, each in enumerate(value)]


def _read_node(value: object, where: str) -> Node:
    if isinstance(value, dict) and ("args" in value or "kwargs" in value or not value):
        args, kwargs = value.get("args", []), value.get("kwargs") or {}
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ReadError("must have a list args and an object kwargs", where=where)
        return Node(
            tuple(read_argument(each, where) for each in args),
            {name: read_argument(each, where) for name, each in kwargs.items()},
        )
    if isinstance(value, list):
        return _read_node_2(value, where)
    if isinstance(value, dict):  # Keras 2 calls a model with named inputs so
        return _read_node_2([value], where)
    raise ReadError(f"must be an object or a list, got {shown(value)}", where=where)


def read_argument(value: object, where: str, depth: int = 0) -> Any:
    """Read one argument of Keras 3: lists as tuples, tensors, slices and arrays as what they are."""
    if depth > DEEPEST:
        raise ReadError("arguments are nested too deep", where=where)
    if isinstance(value, list):
        return tuple(read_argument(each, where, depth + 1) for each in value)
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if not isinstance(kind, str) or not isinstance(config, dict):
        return {name: read_argument(each, where, depth + 1) for name, each in value.items()}
    special = _SPECIAL.get(kind)
    return {"class_name": kind} if special is None else special(config, where)


def _tensor(config: Mapping[str, Any], where: str) -> Ref:
    shape = config.get("shape")
    known = None if shape is None else read_shape(shape, f"{where}.shape")
    return _read_ref(config.get("keras_history"), where, known)


def _array(config: Mapping[str, Any], _where: str) -> Constant:
    return Constant(array_shape(config.get("value")), config.get("value"))


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any], str], Any]]] = {
    "__keras_tensor__": _tensor,
    "__slice__": lambda config, _where: Slice(config.get("start"), config.get("stop"), config.get("step")),
    "__ellipsis__": lambda _config, _where: Ellipsis,
    "__numpy__": _array,
    "__tensor__": _array,
    "__array__": _array,
}
"""What Keras 3 writes for arguments that are no plain JSON."""


def array_shape(value: object) -> tuple[int, ...]:
    """Shape of an array written as nested lists."""
    shape: list[int] = []
    while isinstance(value, list) and len(shape) < DEEPEST:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _read_ref(value: object, where: str, shape: tuple[Num, ...] | None = None) -> Ref:
    """Read ``[layer, node, tensor]``."""
    if (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and type(value[1]) is int
        and type(value[2]) is int
        and min(value[1], value[2]) >= 0
    ):
        return Ref(value[0], value[1], value[2], shape)
    raise ReadError(f"must be [layer, call, output], got {shown(value)}", where=where)


def _is_ref(value: object) -> bool:
    """Tell whether a list of Keras 2 names a tensor."""
    if not isinstance(value, list) or len(value) not in (3, 4):
        return False
    return isinstance(value[0], str) and value[0] != "_CONSTANT_VALUE" and type(value[1]) is int


def _read_node_2(value: list[Any], where: str) -> Node:
    """Read a node of Keras 2: a list of tensors, each with the call's keywords, or one tensor alone."""
    entries = [value] if _is_ref(value) or (value and value[0] == "_CONSTANT_VALUE") else value
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for entry in entries:
        args.append(_argument_2(entry, where))
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], dict):
            kwargs.update({name: _argument_2(each, where) for name, each in entry[3].items()})
    return Node(tuple(args), kwargs)


def _argument_2(value: object, where: str, depth: int = 0) -> Any:
    """Read one argument of Keras 2."""
    if depth > DEEPEST:
        raise ReadError("arguments are nested too deep", where=where)
    if _is_ref(value):
        return _read_ref(value, where)
    if isinstance(value, list):
        if value and value[0] == "_CONSTANT_VALUE":
            return value[2] if len(value) > 2 else None
        return tuple(_argument_2(each, where, depth + 1) for each in value)
    return _object_2(value, where, depth) if isinstance(value, dict) else value


def _object_2(value: dict[str, Any], where: str, depth: int) -> Any:
    if set(value) >= {"start", "stop", "step"}:
        return Slice(value["start"], value["stop"], value["step"])
    if value.get("class_name") == "__ellipsis__" or value.get("type") == "ellipsis":
        return Ellipsis
    return {name: _argument_2(each, where, depth + 1) for name, each in value.items()}


def read_structure(value: object, where: str, depth: int = 0) -> Any:
    """Read ``input_layers`` or ``output_layers``: one tensor, a list or a dict of them."""
    if depth > DEEPEST:
        raise ReadError("is nested too deep", where=where)
    if _is_ref(value):
        return _read_ref(value, where)
    if isinstance(value, list):
        return tuple(read_structure(each, f"{where}[{k}]", depth + 1) for k, each in enumerate(value))
    if isinstance(value, dict):
        return {name: read_structure(each, f"{where}.{name}", depth + 1) for name, each in value.items()}
    raise ReadError(f"must name tensors, got {shown(value)}", where=where)
