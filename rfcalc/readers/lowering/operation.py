"""One operation of a source while its layers are added: what the functions of the lowering take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.graph.layer import PLAIN, Extras
from rfcalc.readers.lowering.builder import Builder, Node, Undecided
from rfcalc.readers.lowering.value import Value, Values


class Lowering:
    """An operation, and the builder that takes its layers.

    Parameters
    ----------
    builder : Builder
        Where its layers go.
    node : Node
        Its name and outputs.
    """

    __slots__ = ("builder", "node")

    def __init__(self, builder: Builder, node: Node) -> None:
        self.builder = builder
        self.node = node

    def add(
        self,
        kind: str,
        inputs: Sequence[Value],
        attrs: Mapping[str, Any] | None = None,
        extras: Extras = PLAIN,
        *,
        weights: Sequence[Value | None] = (),
    ) -> Values:
        """Add the layer of the operation, and return its outputs; see `Builder.add`."""
        return self.builder.add(self.node, kind, inputs, attrs, extras, weights=weights)

    def skip(self, value: Value) -> Values:
        """Add a layer that changes nothing."""
        return self.add("identity", (value,))

    def at(self, node: Node) -> Lowering:
        """Return the same for another node."""
        return Lowering(self.builder, node)

    def part(self, name: str) -> Lowering:
        """Return a step of the operation, whose result is none of the operation's own."""
        return self.at(self.node._replace(name=f"{self.node.name}.{name}", outputs=()))


class Placed(Lowering):
    """An operation of a file whose inputs are told by their places.

    Parameters
    ----------
    builder : Builder
        Where its layers go.
    node : Node
        Its name and outputs.
    op : str
        Its type.
    inputs : sequence of (Value or None)
        Its tensors; None for those left out.
    """

    __slots__ = ("inputs", "op")

    def __init__(self, builder: Builder, node: Node, op: str, inputs: Sequence[Value | None]) -> None:
        super().__init__(builder, node)
        self.op = op
        self.inputs = inputs

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
    def spare(self) -> Sequence[int]:
        """The places of inputs at which it takes constants that are no weights."""
        return ()

    @property
    def taken(self) -> list[Value]:
        """The inputs that are there; of constants that an operation takes for no weights none is left."""
        spare = self.spare
        return [
            replace(value, weights=()) if place in spare and value.weights else value
            for place, value in enumerate(self.inputs)
            if value is not None
        ]

    def wrong(self, message: str) -> AnalysisError:
        """Return an error that names the operation."""
        return AnalysisError(f"{self.op}: {message}", where=f"layer {self.node.name!r}")

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

    def unknown(self, why: str = "") -> Values:
        """Add it as an operation that nobody knows."""
        return self.builder.unknown(self.node, self.taken, why)
