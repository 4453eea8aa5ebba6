"""What a TensorFlow Lite file says: its graphs, tensors, operations and where the elements of constants are.

The package ``tflite`` has the schema: names of operations and types, and of the settings of operations. The
tables are read by :mod:`~.flat`.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import tflite

from rfcalc.errors import ReadError
from rfcalc.readers.tflite.flat import Bytes, Table, damaged
from rfcalc.readers.tflite.settings import Settings
from rfcalc.records import NamedTuple

MOST_AXES: Final = 64
"""Axes of a tensor; more are a damaged file."""

IDENTIFIER: Final = b"TFL3"

CUSTOM: Final = "CUSTOM"

NONE: Final = "NONE"
"""The settings of an operation that has none."""

MALFORMED: Final = (
    struct.error,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
"""What Python raises where a file holds something else than it should."""

_OPS: Final = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
_TYPES: Final = {
    code: name.lower() for name, code in vars(tflite.TensorType).items() if isinstance(code, int)
} | {19: "int2", 20: "uint4"}
_SETTINGS: Final = tuple(
    {code: name for name, code in vars(union).items() if isinstance(code, int)}
    for union in (tflite.BuiltinOptions, tflite.BuiltinOptions2)
)
"""Which class reads the settings of an operation, by the number that the file has of it."""


class Tensor(NamedTuple):
    """A tensor as a file declares it.

    Parameters
    ----------
    name : str
        Its name.
    shape : tuple of int
        Its extents.
    signature : tuple of int
        The same, but -1 where an extent is open.
    ranked : bool
        Whether the file says how many axes it has.
    dtype : str
        The type of its elements.
    buffer : int
        Which buffer holds its elements.
    quantised : bool
        Its elements are integers that stand for other numbers.
    variable : bool
        It keeps its elements from one call to the next.
    sparse : bool
        Its buffer holds only those of its elements that are not zero.
    """

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    ranked: bool
    dtype: str
    buffer: int
    quantised: bool
    variable: bool
    sparse: bool


class Operator(NamedTuple):
    """An operation as a file declares it.

    Parameters
    ----------
    op : str
        What it is called in the schema; of a custom one ``CUSTOM``.
    custom : str
        The name of a custom operation.
    inputs, outputs : tuple of int
        Its tensors; -1 for an input that is left out.
    settings : Settings, optional
        Its settings, where it has any.
    """

    op: str
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    settings: Settings | None


class Subgraph(NamedTuple):
    """A graph of a file: its tensors, its operations in the order in which they run, inputs and outputs."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Model(NamedTuple):
    """All that is read of a file.

    Parameters
    ----------
    subgraphs : tuple of Subgraph
        The first one is the model's own.
    buffers : tuple of (int, int)
        Where the elements of constants begin, and how many bytes there are.
    data : bytes
        The file.
    signatures : tuple of (str, int)
        The ways in which it can be called, by name, each with its subgraph.
    """

    subgraphs: tuple[Subgraph, ...]
    buffers: tuple[tuple[int, int], ...]
    data: bytes
    signatures: tuple[tuple[str, int], ...]

    def elements(self, buffer: int) -> Any:
        """Return the bytes of a buffer; None where it holds none.

        Raises
        ------
        ReadError
            There is no such buffer, or it ends behind the file.
        """
        if not 0 <= buffer < len(self.buffers):
            raise damaged(f"there is no buffer {buffer}")
        start, size = self.buffers[buffer]
        if start + size > len(self.data):
            raise damaged(f"buffer {buffer} ends behind the file")
        return memoryview(self.data)[start : start + size] if size else None


def at_fault(error: Exception) -> ReadError:
    """Return the one line for what Python raises where a file holds something else than it should."""
    if isinstance(error, struct.error):
        return damaged("it ends too early, or an offset in it is wrong")
    return damaged(str(error).partition("\n")[0] or type(error).__name__)


def parse(data: bytes) -> Model:
    """Read the contents of a file.

    Raises
    ------
    ReadError
        It is damaged.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise damaged("it does not begin as one does")
    try:
        return _model(Bytes(data))
    except MALFORMED as error:
        raise at_fault(error) from error


def _model(file: Bytes) -> Model:
    """Read the whole file."""
    root = file.root()
    codes = [_code(each) for each in root.tables(1)]
    buffers = tuple([_buffer(each) for each in root.tables(4)])
    subgraphs = tuple([_subgraph(each, codes) for each in root.tables(2)])
    signatures = tuple([(each.text(2), each.number(4, "I")) for each in root.tables(7)])
    return Model(subgraphs, buffers, file.data, signatures)


def _code(table: Table) -> tuple[str, str]:
    """Return which operation a code stands for; older files have the number in a field of its own."""
    number = max(table.number(3, "i"), table.number(0, "b"))
    op = _OPS.get(number, f"BUILTIN_{number}")
    return op, table.text(1) if op == CUSTOM else ""


def _buffer(table: Table) -> tuple[int, int]:
    """Return where elements begin (in files of 2 GB behind all tables), and their size."""
    start = table.number(1, "Q")
    return (start, table.number(2, "Q")) if start > 1 else table.bytes_at(0)


def _subgraph(table: Table, codes: list[tuple[str, str]]) -> Subgraph:
    """Read one graph."""
    tensors = tuple([_tensor(each) for each in table.tables(0)])
    count = len(tensors)
    operators = tuple([_operator(each, codes, count) for each in table.tables(3)])
    inputs, outputs = (_places(table, field, count) for field in (1, 2))
    return Subgraph(table.text(4), tensors, operators, inputs, outputs)


def _tensor(table: Table) -> Tensor:
    """Read what is said of a tensor."""
    name = table.text(3)
    said, signature = table.numbers(0), table.numbers(7) or ()
    shape = said or ()
    if len(shape) > MOST_AXES or (signature and len(signature) != len(shape)):
        raise damaged(f"tensor {name!r} has {len(shape)} axes, or {len(signature)}")
    if shape and min(shape) < 0:
        raise damaged(f"tensor {name!r} has the shape {list(shape)}")
    scales = table.table(4)
    return Tensor(
        name,
        shape,
        signature or shape,
        said is not None or bool(table.number(8, "?")),
        _TYPES.get(table.number(1, "b"), "undefined"),
        table.number(2, "I"),
        scales is not None and scales.count(2, 4) > 0,
        bool(table.number(5, "?")),
        table.position(6) is not None,
    )


def _places(table: Table, field: int, count: int) -> tuple[int, ...]:
    """Read which tensors an operation or a graph takes or makes; -1 is none."""
    found = table.numbers(field) or ()
    if found and not -1 <= min(found) <= max(found) < count:
        raise damaged(f"there is no tensor {max(found)}")
    return found


def _operator(table: Table, codes: list[tuple[str, str]], tensors: int) -> Operator:
    """Read one operation, and which of two fields its settings are in."""
    op, custom = codes[table.number(0, "I")]
    settings = None
    for names, which, field in ((_SETTINGS[0], 3, 4), (_SETTINGS[1], 11, 12)):
        name = names.get(table.number(which, "B"), NONE)
        at = None if name == NONE else table.position(field)
        if at is not None and hasattr(tflite, name):
            settings = Settings(name, table.file, at)
    inputs, outputs = _places(table, 1, tensors), _places(table, 2, tensors)
    return Operator(op, custom, inputs, outputs, settings)
