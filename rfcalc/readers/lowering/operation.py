"""One operation of a source while its layers are added: what the functions of the lowering take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfcalc.graph.layer import PLAIN, Extras
from rfcalc.readers.lowering.builder import Builder, Node
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
