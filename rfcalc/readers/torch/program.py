"""What the reader needs of an exported program, wherever it comes from: memory or a file.

A program is a list of calls of ATen operators in the order of execution, with the shape of every result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from rfcalc.algebra.number import Num
from rfcalc.records import NamedTuple

USER, PARAMETER, BUFFER, CONSTANT, OTHER = "user", "parameter", "buffer", "constant", "other"
"""What an input of the program is."""


class Tensor(NamedTuple):
    """What is recorded of a tensor.

    Parameters
    ----------
    shape : tuple of Num
        Extents.
    dtype : str
        Element type, as numpy names it.
    """

    shape: tuple[Num, ...]
    dtype: str


class Ref(NamedTuple):
    """The result of another call, or an input of the program, by its name."""

    name: str


class Given(NamedTuple):
    """An input of the program.

    Parameters
    ----------
    name : str
        What calls refer to it by.
    role : str
        `USER`, `PARAMETER`, `BUFFER`, `CONSTANT` or `OTHER`.
    path : str
        The fully qualified name of a parameter or buffer, or the name that the user gave an input.
    meta : Tensor or Num, optional
        Its shape; a number where it is one.
    identity : str
        The same for tied parameters.
    trainable : bool
        Whether a parameter takes part in training.
    data : array, optional
        Elements of a small tensor, or of a mask.
    unread : bool
        Whether nobody has looked at the elements of a tensor that is no parameter.
    """

    name: str
    role: str
    path: str
    meta: Any = None
    identity: str = ""
    trainable: bool = True
    data: Any = None
    unread: bool = False


class Call(NamedTuple):
    """A call of an operator.

    Parameters
    ----------
    name : str
        Its name in the program.
    target : str
        The operator, such as ``aten.conv2d.default``.
    args : mapping
        Arguments by their names in the operator's schema; those left out have their default.
    outputs : tuple of (str, Tensor or Num or None)
        Names of the results, and what is recorded of them.
    stack : tuple of (str, str, str)
        Key, path and class of the modules around it, outermost first.
    """

    name: str
    target: str
    args: Mapping[str, Any]
    outputs: tuple[tuple[str, Any], ...]
    stack: tuple[tuple[str, str, str], ...] = ()


class Program(NamedTuple):
    """Calls, from inputs to outputs.

    Parameters
    ----------
    name : str
        The module's class.
    inputs : sequence of Given
        Its inputs, parameters and buffers among them.
    calls : sequence of Call
        In the order of execution.
    outputs : sequence
        What it returns: references, numbers or None.
    ranges : mapping
        Least and most of each symbol, where there are any.
    """

    name: str
    inputs: Sequence[Given]
    calls: Sequence[Call]
    outputs: Sequence[Any]
    ranges: Mapping[str, tuple[int | None, int | None]] = {}


class Frontend(Protocol):
    """Where a program comes from."""

    def read(self, symbols: Mapping[str, Num]) -> Program:
        """Return the program with these numbers in the place of symbols; others become named extents."""
        ...


DTYPES: Final = (
    *("unknown", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32"),
    *("complex64", "complex128", "bool", "bfloat16"),
)
"""Element types by the numbers that saved programs have for them."""


def refs_in(value: Any) -> list[str]:
    """Return the names that an argument refers to, those in lists included.

    >>> refs_in([Ref("x"), 3, (Ref("y"),)])
    ['x', 'y']
    """
    if type(value) is Ref:
        return [value.name]
    if isinstance(value, (list, tuple)) and type(value) is not Program:
        return [name for each in value for name in refs_in(each)]
    return []
