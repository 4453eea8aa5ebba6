"""One call of a primitive while it is read, and the table of those that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.jaxpr.program import Call, Held
from rfcalc.readers.lowering.builder import Builder, Node, Undecided, default_axes
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.registry import Registry
from rfcalc.readers.lowering.value import Blind, Value, Values

Inline = Callable[[Any, Sequence[Any], Sequence[Value], tuple[str, ...]], list[Value]]
"""Reads a jaxpr: takes it, its constants, what it is called with, and names of scopes."""


class Operation(Lowering):
    """One call, with its operands.

    Parameters
    ----------
    builder : Builder
        Where its layers go.
    node : Node
        Its name and outputs.
    call : Call
        What the program says.
    given : list of Value
        Its operands.
    inline : callable
        Reads a function inside of the call.
    """

    __slots__ = ("call", "given", "inline")

    def __init__(self, builder: Builder, node: Node, call: Call, given: list[Value], inline: Inline) -> None:
        super().__init__(builder, node)
        self.call = call
        self.given = given
        self.inline = inline

    def __getitem__(self, place: int) -> Value:
        """Return an operand whose shape is known.

        Raises
        ------
        Blind
            It is not.
        """
        value = self.given[place]
        if value.spec is None:
            raise Blind
        return value

    @property
    def op(self) -> str:
        """The primitive."""
        return self.call.op

    @property
    def params(self) -> Mapping[str, Any]:
        """Its settings."""
        return self.call.params

    @property
    def shape(self) -> tuple[int, ...]:
        """The recorded shape of its first result."""
        return self.call.metas[0].shape

    def integer(self, name: str) -> int:
        """Return a setting that is a number, perhaps one of numpy's."""
        return int(self.params[name])

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a setting that is a row of numbers."""
        return tuple(map(int, self.params[name]))

    def elements(self, place: int) -> Any:
        """Return the elements of a constant operand as an array.

        Raises
        ------
        Undecided
            They are computed when the model runs, or not kept.
        """
        import numpy as np

        value = self.given[place]
        if value.edge is not None or value.data is None or value.weights:
            raise Undecided
        return np.asarray(value.data)

    def only(self, place: int) -> Operation:
        """Return the operation with one of its results, as a call of its own."""
        node = self.node
        part = node._replace(
            outputs=node.outputs[place : place + 1],
            recorded=node.recorded[place : place + 1],
            dtypes=node.dtypes[place : place + 1],
        )
        call = self.call._replace(
            outputs=self.call.outputs[place : place + 1], metas=self.call.metas[place : place + 1]
        )
        return Operation(self.builder, part, call, self.given, self.inline)

    def cover(self, inputs: Sequence[Value], reason: str) -> Values:
        """Add results of recorded shapes, each of which may depend on everything."""
        made: list[Value] = []
        for place, meta in enumerate(self.call.metas):
            attrs = {"shape": meta.shape, "axes": _axes_like(inputs, meta.shape), "reason": reason}
            made += self.builder.add(self.only(place).node, "cover", inputs, attrs)
        return tuple(made)

    def fresh(self) -> Values:
        """Return results that depend on nothing, of recorded shapes."""
        return tuple(fresh(meta.shape, meta.dtype) for meta in self.call.metas)


def fresh(shape: tuple[int, ...], dtype: str) -> Value:
    """Return a constant of which nothing but its shape is known."""
    return Value(TensorSpec(shape, default_axes(len(shape)), dtype))


def literal(held: Held) -> Value:
    """Return a number that stands in the program as a constant."""
    number = held.number
    plain = number.item() if hasattr(number, "item") and not getattr(number, "shape", ()) else number
    return Value(TensorSpec((), "", held.meta.dtype), data=plain if isinstance(plain, (int, float)) else None)


def _axes_like(inputs: Sequence[Value], shape: tuple[int, ...]) -> str:
    """Return roles for a result whose axes nothing is known of: those of an operand of that shape."""
    for value in inputs:
        if value.edge is not None and value.spec is not None and value.spec.shape == shape:
            return value.spec.axes
    for value in inputs:
        if value.edge is not None and value.spec is not None and value.rank == len(shape):
            return value.spec.axes
    return default_axes(len(shape))


op: Final[Registry[Operation]] = Registry()
"""What reads each primitive; complete once `ops` is imported."""
