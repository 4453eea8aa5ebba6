"""One TensorFlow Lite operation while it is read: its inputs, its settings, and the table of those known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.graph.layer import Stage
from rfcalc.readers.lowering.builder import Builder, Node, Undecided
from rfcalc.readers.lowering.operation import Lowering
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


class Operation(Lowering):
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

    __slots__ = ("inputs", "op", "past", "scope", "settings", "shapes")

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
        super().__init__(builder, node)
        self.op = op
        self.inputs = inputs
        self.settings = settings
        self.shapes = shapes
        self.scope = scope
        self.past = past

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

    def whole(self, place: int) -> tuple[int, ...]:
        """Return the elements of an input that must be plain integers, as axes are.

        Raises
        ------
        ReadError
            It is left out.
        """
        self[place]
        found = self.numbers(place) or ()
        if not all(is_known(each) for each in found):
            raise Undecided
        return tuple([int(each) for each in found])

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

    def fused(self, made: Values) -> Values:
        """Return the result of the layer that was added, with the fused activation in it."""
        stages = self.then
        if not stages or not made or made[0].edge is None:
            return made
        return self.builder.followed(made, stages)

    def unknown(self, why: str = "") -> Values:
        """Add it as an operation that nobody knows."""
        return self.builder.unknown(self.node, self.taken, why)


Reader = Callable[[Operation], Values]

READERS: Final[dict[str, Reader]] = {}
"""What reads each operation, by its name; complete once `ops` is imported."""

TELLS: Final[dict[str, Mapping[int, str]]] = {}
"""What operations tell of the axes of their inputs, by name and the place of the input."""

SPARE: Final[dict[str, Sequence[int]]] = {}
"""At which inputs operations take constants that are no weights, by name."""


def op(
    *names: str, tells: str | Mapping[int, str] = "", spare: Sequence[int] = ()
) -> Callable[[Reader], Reader]:
    """Register the decorated function as the reader of these operations.

    Parameters
    ----------
    *names : str
        Their names in the schema.
    tells : str or mapping
        What they tell of the axes of their first input, or of inputs by place, as `lowering.layout` has it;
        ``same`` where the axes of every input are those of the result.
    spare : sequence of int
        The places of inputs at which they take conditions, bounds and the like: no weights.

    Raises
    ------
    ValueError
        One of them is registered already.
    """

    def register(function: Reader) -> Reader:
        for name in names:
            if name in READERS:
                raise ValueError(f"{name} is registered twice")
            READERS[name] = function
            if tells:
                TELLS[name] = (
                    dict.fromkeys(range(MOST_AXES), tells)
                    if tells == "same"
                    else ({0: tells} if isinstance(tells, str) else tells)
                )
            if spare:
                SPARE[name] = spare
        return function

    return register
