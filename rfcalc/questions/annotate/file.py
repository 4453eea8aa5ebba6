"""An ONNX file as it is written: what is in it that annotations are about, and the file with these in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.questions.annotate.wire import (
    Field,
    delimited,
    entry,
    fields,
    head,
    inside,
    text_in,
    text_of,
    whole,
)
from rfcalc.records import NamedTuple

OURS: Final = "rfcalc."
"""What the keys of our metadata begin with."""

# numbers of fields in onnx.proto
_GRAPH, _MODEL_METADATA, _FUNCTION = 7, 14, 25
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO, _SPARSE = 1, 5, 11, 12, 13, 15
_NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN, _NODE_METADATA = 2, 3, 4, 5, 7, 9
_TENSOR_NAME, _SPARSE_VALUES = 8, 1
_ATTRIBUTE_GRAPHS = (6, 11)
_DIM_PARAM = (2, 1, 2, 1, 2)  # type, tensor_type, shape, dim, dim_param


_SMALL: Final = 4096
"""Bytes of a tensor whose elements may be a shape, or other numbers that types and shapes follow from."""


class NodeAt(NamedTuple):
    """An operation of the file's graph.

    Parameters
    ----------
    name : str
        The name of its layer: its own, or else that of its first output, or its type.
    outputs : tuple of str
        The tensors that it makes.
    calls : bool
        It is a call of a function in the file, or has graphs inside it.
    """

    name: str
    outputs: tuple[str, ...]
    calls: bool


class Info(NamedTuple):
    """What is written of a tensor: its name, the number of its type, its extents; a text is a name of one.

    An extent that is open and has no name is None.
    """

    name: str
    dtype: int
    shape: tuple[int | str | None, ...]


class OnnxFile:
    """The bytes of an ONNX file.

    Parameters
    ----------
    data : bytes
        What the file holds.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._top = list(fields(self._data))
        self._graphs = [each for each in self._top if each.number == _GRAPH]
        functions = {
            (_domain(text_in(self._data, each, 10)), text_in(self._data, each, 1))
            for each in self._top
            if each.number == _FUNCTION
        }
        nodes, told = [], set()
        letters: set[str] = set()
        for field in self._inside_graphs():
            if field.number == _NODE:
                nodes.append(self._node(field, functions))
            elif field.number in (_INPUT, _OUTPUT, _VALUE_INFO):
                told.add(text_in(self._data, field, 1))
                letters.update(text_of(self._data, each) for each in inside(self._data, field, *_DIM_PARAM))
            elif field.number == _INITIALIZER:
                told.add(text_in(self._data, field, _TENSOR_NAME))
            elif field.number == _SPARSE:
                told.add(text_in(self._data, field, _SPARSE_VALUES, _TENSOR_NAME))
        self.nodes: tuple[NodeAt, ...] = tuple(nodes)
        self.told = frozenset(told)
        """Tensors of which the file says the type, or holds the elements."""
        self.letters = frozenset(each for each in letters if each.strip())
        """The names that the file has for open extents."""

    def _inside_graphs(self) -> Iterator[Field]:
        for graph in self._graphs:
            yield from fields(self._data, graph.body, graph.end)

    def _node(self, field: Field, functions: set[tuple[str, str]]) -> NodeAt:
        data = self._data
        outputs, calls = [], False
        name = op = domain = ""
        for each in fields(data, field.body, field.end):
            if each.number == _NODE_OUTPUT:
                outputs.append(text_of(data, each))
            elif each.number == _NODE_NAME:
                name = text_of(data, each)
            elif each.number == _NODE_OP:
                op = text_of(data, each)
            elif each.number == _NODE_DOMAIN:
                domain = _domain(text_of(data, each))
            elif each.number == _NODE_ATTRIBUTE:
                calls = calls or any(
                    held.number in _ATTRIBUTE_GRAPHS for held in fields(data, each.body, each.end)
                )
        op_name = f"{domain}.{op}" if domain else op
        named = name or next(filter(None, outputs), "") or op_name
        return NodeAt(named, tuple(outputs), calls or (domain, op) in functions)

    def light(self) -> bytes:
        """Return the file without the elements of its larger tensors."""
        found: list[bytes | memoryview] = []
        for field in self._top:
            if field.number != _GRAPH:
                found.append(self._data[field.start : field.end])
                continue
            held = [self._lightened(each) for each in fields(self._data, field.body, field.end)]
            found += [head(_GRAPH, sum(map(len, held))), *held]
        return b"".join(found)

    def _lightened(self, field: Field) -> bytes | memoryview:
        if field.number != _INITIALIZER or field.end - field.start <= _SMALL:
            return self._data[field.start : field.end]
        small = [
            self._data[each.start : each.end]
            for each in fields(self._data, field.body, field.end)
            if each.end - each.start <= _SMALL
        ]
        return delimited(_INITIALIZER, b"".join(small))

    def pieces(
        self, nodes: Sequence[Mapping[str, str]], infos: Sequence[Info], about: Mapping[str, str]
    ) -> Iterator[bytes | memoryview]:
        """Yield the file with annotations in the place of those that it has, piece by piece.

        Parameters
        ----------
        nodes : sequence of mapping
            For each operation its metadata.
        infos : sequence of Info
            Tensors of which the file says nothing yet.
        about : mapping
            The metadata of the model.
        """
        places = iter(nodes)
        for field in self._top:
            if field.number == _GRAPH:
                last = field is self._graphs[-1]
                held = list(self._graph(field, places, infos if last else ()))
                yield head(_GRAPH, sum(map(len, held)))
                yield from held
            elif not self._is_ours(field, _MODEL_METADATA):
                yield self._data[field.start : field.end]
        for key, value in about.items():
            yield entry(_MODEL_METADATA, key, value)

    def _graph(
        self, graph: Field, nodes: Iterator[Mapping[str, str]], infos: Sequence[Info]
    ) -> Iterator[bytes | memoryview]:
        begun = graph.body  # of what is passed on as it is
        for field in fields(self._data, graph.body, graph.end):
            if field.number != _NODE:
                continue
            changed = self._changed(field, next(nodes))
            if changed is not None:
                yield self._data[begun : field.start]
                yield changed
                begun = field.end
        yield self._data[begun : graph.end]
        for info in infos:
            yield delimited(_VALUE_INFO, _info(info))

    def _changed(self, node: Field, metadata: Mapping[str, str]) -> bytes | None:
        """Return an operation with other metadata of ours; None where it has none, and gets none."""
        held = list(fields(self._data, node.body, node.end))
        kept = [each for each in held if not self._is_ours(each, _NODE_METADATA)]
        if not metadata and len(kept) == len(held):
            return None
        old = b"".join(self._data[each.start : each.end] for each in kept)
        return delimited(_NODE, old + b"".join(entry(_NODE_METADATA, *each) for each in metadata.items()))

    def _is_ours(self, field: Field, number: int) -> bool:
        return field.number == number and text_in(self._data, field, 1).startswith(OURS)


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _info(info: Info) -> bytes:
    """Write a ValueInfoProto."""
    dims = b"".join(delimited(1, _dim(extent)) for extent in info.shape)
    tensor = whole(1, info.dtype) + delimited(2, dims)
    return delimited(1, info.name) + delimited(2, delimited(1, tensor))


def _dim(extent: int | str | None) -> bytes:
    if extent is None:
        return b""
    return delimited(2, extent) if isinstance(extent, str) else whole(1, extent)


def written_extent(extent: Num, letters: frozenset[str]) -> int | str | None:
    """Return an extent as the file writes it: a number, a name that the file has, or None for any other.

    >>> from rfcalc.algebra.extent import named
    >>> written_extent(3, frozenset()), written_extent(named("N"), frozenset("N"))
    (3, 'N')
    >>> written_extent(named("N") + 1, frozenset("N")), written_extent(named("M"), frozenset("N"))
    (None, None)
    """
    if isinstance(extent, int):
        return extent
    name = str(extent)
    return name if name in letters else None
