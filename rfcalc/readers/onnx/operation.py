"""One ONNX operation while it is read: its inputs, its attributes, and the table of those that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from rfcalc.algebra.number import Num
from rfcalc.readers.lowering.builder import Builder, Node
from rfcalc.readers.lowering.operation import Placed
from rfcalc.readers.lowering.registry import Registry
from rfcalc.readers.lowering.value import Value, Values


class Surroundings(Protocol):
    """The graph around an operation, as far as an operation asks it."""

    @property
    def runtime(self) -> str | None:
        """The runtime that the model is read for; None for none."""

    @property
    def native(self) -> bool:
        """Whether the model is in the format of that runtime, and read as it alone runs it."""

    def inline(self, graph: Any, node: Node) -> Values:
        """Read a graph inside of an operation, which sees the tensors around it."""

    def recorded(self, name: str) -> tuple[Num, ...] | None:
        """Return the shape that the file records for a tensor, while the input is the file's own."""


class Operation(Placed):
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

    __slots__ = ("attributes", "opset", "scope")

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
        super().__init__(builder, node, op, inputs)
        self.attributes = attributes
        self.opset = opset
        self.scope = scope

    @property
    def spare(self) -> Sequence[int]:
        """The places of inputs at which it takes constants that are no weights."""
        return op.spare.get(self.op, ())

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

    # ---- numbers -------------------------------------------------------------------------------------------

    def either(self, place: int, name: str) -> tuple[int, ...] | None:
        """Return integers that are an input in newer versions and an attribute in older ones."""
        found = self.whole(place)
        return self.integers(name) if found is None else found

    def axis(self, name: str, default: int, rank: int) -> int:
        """Return an attribute that is the place of an axis, counted from the front."""
        return self.place(self.integer(name, default), rank)


def graphs_in(attributes: Mapping[str, Any]) -> list[Any]:
    """Return the graphs among attributes."""
    return [each for each in attributes.values() if hasattr(each, "node")]


op: Final[Registry[Operation]] = Registry()
"""What reads each operation; complete once `ops` is imported."""

MICROSOFT: Final = "com.microsoft"
