"""One TensorFlow Lite operation while it is read: its inputs, its settings, and the table of those known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from rfcalc.graph.layer import Stage
from rfcalc.readers.lowering.builder import Builder, Node
from rfcalc.readers.lowering.operation import Placed
from rfcalc.readers.lowering.registry import Registry
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.tflite.file import MALFORMED, MOST_AXES, at_fault
from rfcalc.readers.tflite.settings import Settings

_FUSED: Final = {1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh", 5: "sign_bit"}
"""Activations that are fused into operations, by their numbers in the schema."""


class Surroundings(Protocol):
    """The graph around an operation, as far as an operation asks it."""

    def inline(self, subgraph: int, node: Node, inputs: Sequence[Value | None]) -> Values:
        """Read another graph of the file in the place of an operation."""

    def held_inside(self, subgraph: int) -> Iterable[Value]:
        """Return the constants that are weights in a graph that is not read, such as a loop's body."""

    def left(self, node: Node) -> Values:
        """Return what earlier calls left in a variable."""

    def steady(self, value: Value, axis: int) -> bool:
        """Tell whether a map goes on along an axis from one call to the next."""


class Operation(Placed):
    """One operation, its inputs resolved.

    Parameters
    ----------
    builder : Builder
        Where its layer goes.
    node : Node
        Its name and outputs, with the types that the file records.
    op : str
        Its type.
    inputs : sequence of (Value or None)
        Its tensors; None for those left out.
    settings : Settings, optional
        Its settings, where it has any.
    shapes : sequence of (tuple or None)
        The shapes of its outputs that the file records, -1 where they are open.
    scope : Surroundings
        The graph around it, for operations that call other graphs.
    past : tuple of int, optional
        Of a concatenation that puts what earlier calls left before its input: how many positions that are.
    """

    __slots__ = ("past", "scope", "settings", "shapes")

    def __init__(
        self,
        builder: Builder,
        node: Node,
        op: str,
        inputs: Sequence[Value | None],
        settings: Settings | None,
        shapes: Sequence[tuple[int, ...] | None],
        scope: Surroundings,
        past: int | None = None,
    ) -> None:
        super().__init__(builder, node, op, inputs)
        self.settings = settings
        self.shapes = shapes
        self.scope = scope
        self.past = past

    @property
    def spare(self) -> Sequence[int]:
        """The places of inputs at which it takes constants that are no weights."""
        return op.spare.get(self.op, ())

    # ---- settings ------------------------------------------------------------------------------------------

    def integer(self, name: str, default: int = 0) -> int:
        """Return a setting that is one number, by its name in the schema."""
        if self.settings is None:
            return default
        try:
            return self.settings.number(name)
        except MALFORMED as error:
            raise at_fault(error) from error

    def flag(self, name: str) -> bool:
        """Return a setting that is true or false."""
        return bool(self.integer(name))

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return a setting that is a list of integers, or None."""
        if self.settings is None:
            return None
        try:
            found = self.settings.numbers(name, MOST_AXES)
        except MALFORMED as error:
            raise at_fault(error) from error
        if len(found) > MOST_AXES:
            raise self.wrong(f"{name} has more than {MOST_AXES} elements")
        return found or None

    @property
    def then(self) -> tuple[Stage, ...]:
        """The activation that is fused into the operation, as a further stage."""
        if self.settings is None or not self.settings.has("FusedActivationFunction"):
            return ()
        name = _FUSED.get(self.integer("FusedActivationFunction"))
        return (Stage("activation", {"function": name}),) if name else ()

    def whole(self, place: int) -> tuple[int, ...]:
        """Return the elements of an input that must be plain integers, as axes are.

        Raises
        ------
        ReadError
            It is left out.
        """
        self[place]
        return tuple(map(int, super().whole(place) or ()))

    def fused(self, made: Values) -> Values:
        """Return the result of the layer that was added, with the fused activation in it."""
        stages = self.then
        if not stages or not made or made[0].edge is None:
            return made
        return self.builder.followed(made, stages)


op: Final[Registry[Operation]] = Registry()
"""What reads each operation; complete once `ops` is imported."""
