"""One ONNX operation while it is read: its inputs, its attributes, and the table of those that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.readers.lowering.builder import Builder, Node, Undecided
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Value, Values


class Surroundings(Protocol):
    """The graph around an operation, as far as an operation asks it."""

    def inline(self, graph: Any, node: Node) -> Values:
        """Read a graph inside of an operation, which sees the tensors around it."""

    def recorded(self, name: str) -> tuple[Num, ...] | None:
        """Return the shape that the file records for a tensor, while the input is the file's own."""


class Operation(Lowering):
    """One operation, its inputs resolved.

    Parameters
    ----------
    builder : Builder
        Where its layer goes.
    node : Node
        Its name and outputs.
    op : str
        Its type.
    inputs : sequence of (Value or None)
        Its tensors; None for those left out.
    attributes : mapping
        Its attributes as Python values.
    opset : int
        The version of the domain that the file asks for.
    scope : Surroundings
        The graph around it, for operations with graphs of their own.
    """

    __slots__ = ("attributes", "inputs", "op", "opset", "scope")

    def __init__(
        self,
        builder: Builder,
        node: Node,
        op: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        opset: int,
        scope: Surroundings,
    ) -> None:
        super().__init__(builder, node)
        self.op = op
        self.inputs = inputs
        self.attributes = attributes
        self.opset = opset
        self.scope = scope

    def __getitem__(self, place: int) -> Value:
        """Return an input that must be there.

        Raises
        ------
        ReadError
            It is left out.
        """
        value = self.optional(place)
        if value is None:
            raise ReadError(f"{self.op} needs {place + 1} inputs or more", where=f"layer {self.node.name!r}")
        return value

    def optional(self, place: int) -> Value | None:
        """Return an input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    @property
    def given(self) -> list[Value]:
        """The inputs that are there."""
        return [value for value in self.inputs if value is not None]

    @property
    def taken(self) -> list[Value]:
        """The inputs that are there; of constants that an operation takes for no weights none is left."""
        spare = SPARE.get(self.op, ())
        return [
            replace(value, weights=()) if place in spare and value.weights else value
            for place, value in enumerate(self.inputs)
            if value is not None
        ]

    @property
    def graphs(self) -> list[Any]:
        """The graphs among its attributes."""
        return graphs_in(self.attributes)

    # ---- attributes ----------------------------------------------------------------------------------------

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is one integer."""
        return int(self._typed(name, default, int, "an integer"))

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is a text."""
        return str(self._typed(name, default, str, "a text"))

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an attribute that is a list of integers, or None."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(each, int) for each in value):
            raise self.wrong(f"attribute {name!r} must be a list of integers")
        return value

    def _typed(self, name: str, default: Any, kind: type, what: str) -> Any:
        value = self.attributes.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise self.wrong(f"attribute {name!r} must be {what}")
        return value

    def wrong(self, message: str) -> AnalysisError:
        """Return an error that names the operation."""
        return AnalysisError(f"{self.op}: {message}", where=f"layer {self.node.name!r}")

    # ---- numbers -------------------------------------------------------------------------------------------

    def numbers(self, place: int) -> tuple[Num, ...] | None:
        """Return the elements of an input that holds numbers, or None where it is left out.

        Raises
        ------
        Undecided
            They are computed from the input of the model.
        """
        value = self.optional(place)
        if value is None:
            return None
        if value.data is None:
            raise Undecided
        return tuple(value.data.reshape(-1).tolist())

    def whole(self, place: int) -> tuple[int, ...] | None:
        """Return the elements of an input that must be plain integers, as axes are."""
        found = self.numbers(place)
        if found is not None and not all(is_known(each) for each in found):
            raise Undecided
        return found

    def either(self, place: int, name: str) -> tuple[int, ...] | None:
        """Return integers that are an input in newer versions and an attribute in older ones."""
        found = self.whole(place)
        return self.integers(name) if found is None else found

    def axis(self, name: str, default: int, rank: int) -> int:
        """Return an attribute that is the place of an axis, counted from the front."""
        return self.place(self.integer(name, default), rank)

    def place(self, axis: int, rank: int) -> int:
        """Count the place of an axis from the front.

        Raises
        ------
        AnalysisError
            There is no such axis.
        """
        if not -rank <= axis < rank:
            raise self.wrong(f"there is no axis {axis} in a tensor of {rank} axes")
        return axis % rank

    # ---- results -------------------------------------------------------------------------------------------

    def unknown(self) -> Values:
        """Add it as an operation that nobody knows."""
        return self.builder.unknown(self.node, self.taken)


def graphs_in(attributes: Mapping[str, Any]) -> list[Any]:
    """Return the graphs among attributes."""
    return [each for each in attributes.values() if hasattr(each, "node")]


Reader = Callable[[Operation], Values]

READERS: Final[dict[tuple[str, str], Reader]] = {}
"""What reads each operation, by its domain and its name; complete once `ops` is imported."""

TELLS: Final[dict[str, str | Mapping[int, str]]] = {}
"""What operations tell of the axes of their inputs, by name."""

SPARE: Final[dict[str, Sequence[int]]] = {}
"""At which inputs operations take constants that are no weights, by name."""

MICROSOFT: Final = "com.microsoft"


def op(
    *names: str, domain: str = "", tells: str | Mapping[int, str] = "", spare: Sequence[int] = ()
) -> Callable[[Reader], Reader]:
    """Register the decorated function as the reader of these operations.

    Parameters
    ----------
    *names : str
        Their types.
    domain : str
        The domain that defines them.
    tells : str or mapping
        What they tell of the axes of their first input, or of inputs by place, as `lowering.layout` has it:
        ``window``, ``features``, ``steps``; ``same`` where the axes of every input are those of the result.
    spare : sequence of int
        The places of inputs at which they take bounds, scales, zero points or conditions: no weights.

    Raises
    ------
    ValueError
        One of them is registered already.
    """

    def register(function: Reader) -> Reader:
        for name in names:
            if (domain, name) in READERS:
                raise ValueError(f"{name} is registered twice")
            READERS[domain, name] = function
            if tells:
                TELLS[name] = tells
            if spare:
                SPARE[name] = spare
        return function

    return register
