"""One call of an operation: its arguments, each checked, wherever Keras 2 or Keras 3 writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.graph.layer import CHANNEL, PLAIN, SPATIAL, Extras, Stage, TensorSpec
from rfcalc.readers.keras.config import LARGEST, Config, shown
from rfcalc.readers.keras.nodes import Constant, Node, Ref, array_shape, flatten, read_argument
from rfcalc.readers.keras.settings import Made


class AtRunTimeError(Exception):
    """An argument is worked out when the model runs, so the operation is not known; its text says which."""


class Operation:
    """One call of an operation: constructor arguments in the config, call arguments in the node.

    Parameters
    ----------
    name : str
        Class name of the operation (``Reshape``) or its function in Keras 2 (``reshape``).
    config : Config
        The entry's config.
    node : Node
        The call.
    edges : list of Edge
        The tensors that it is called on, in order.
    """

    def __init__(self, name: str, config: Config, node: Node, edges: list[Edge]) -> None:
        self.name = name
        self.config = config
        self.node = node
        self.edges = edges

    def value(self, *names: str, place: int | None = None, default: Any = None) -> Any:
        """Return an argument by any of its names, or by its place among the call's arguments."""
        for name in names:
            if name in self.config.data:
                return read_argument(self.config.data[name], f"{self.config.where}.{name}")
            if name in self.node.kwargs:
                return self.node.kwargs[name]
        if place is not None and place < len(self.node.args):
            return self.node.args[place]
        return default

    def axes(self, *names: str, default: Any = None, place: int = 1) -> tuple[int, ...] | None:
        """Return an argument that names axes."""
        value = self.value(*names, place=place, default=default)
        if value is None:
            return None
        values = listed(value)
        if not all(type(each) is int for each in values):
            self.wrong(names[0], "an axis or a list of axes", value)
        return values

    def axis(self, *names: str, default: int = -1, place: int = 1) -> int:
        """Return an argument that names one axis."""
        axes = self.axes(*names, default=default, place=place)
        if axes is None or len(axes) != 1:
            self.wrong(names[0], "one axis", axes)
        return axes[0]

    def shape(self, *names: str, place: int = 1) -> tuple[Any, ...]:
        """Return an argument that is a shape; entries that are tensors are open."""
        value = self.value(*names, place=place)
        values = listed(value)
        if value is None or not all(
            each is None or type(each) is int or type(each) is Ref for each in values
        ):
            self.wrong(names[0], "a list of extents", value)
        return tuple(UNKNOWN if type(each) is Ref else each for each in values)

    def numbers(self, *names: str, place: int | None = None, least: int = 1) -> tuple[int, ...]:
        """Return an argument that is a whole number or a list of them."""
        value = self.value(*names, place=place)
        if type(value) is Constant or any(flatten(value)):
            raise AtRunTimeError(names[0])
        values = listed(value)
        if not values or not all(type(each) is int and least <= each <= LARGEST for each in values):
            self.wrong(names[0], f"a whole number of at least {least}, or a list of them", value)
        return values

    def constants(self) -> tuple[tuple[Num, ...], ...]:
        """Return the shapes of constant arrays among the arguments; Keras 2 writes them as lists."""
        return tuple(
            each.shape if isinstance(each, Constant) else array_shape(each)
            for each in (*self.node.args, *self.node.kwargs.values())
            if isinstance(each, (Constant, list))
        )

    def operands(self, values: Sequence[Any], axes: Callable[[int], str]) -> Extras:
        """Return the arrays among operands, at their places; `axes` tells the roles for a number of axes."""
        tensors = [each for each in values if isinstance(each, (Constant, Ref))]
        found = [
            (place, TensorSpec(each.shape, axes(len(each.shape))))
            for place, each in enumerate(tensors)
            if isinstance(each, Constant) and each.shape
        ]
        return Extras(operands=tuple(found)) if found else PLAIN

    def wrong(self, name: str, what: str, value: object) -> NoReturn:
        """Refuse an argument."""
        raise ReadError(f"{name} must be {what}, got {shown(value)}", where=self.config.where)


OperationMaker = Callable[[Operation], Made | Stage]
"""What reads the calls of one operation."""


def features(rank: int) -> str:
    """Return the roles of a matrix's axes, which no sample made."""
    return (SPATIAL * rank)[1:] + CHANNEL


def listed(value: Any) -> tuple[Any, ...]:
    """Return a list as it is, and one value as a list of one."""
    return value if isinstance(value, tuple) else (value,)
