"""One call of an ATen operator while it is read, and the table of those that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.readers.lowering.builder import Builder, Node, Undecided, default_axes
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.registry import Registry
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.torch.program import Call, Given, Program, Ref, Tensor


class Operation(Lowering):
    """One call, with its arguments resolved.

    Parameters
    ----------
    builder : Builder
        Where its layer goes.
    node : Node
        Its name and outputs.
    call : Call
        What the program says.
    values : mapping
        The results so far, by name: values, and numbers.
    inline : callable
        Reads a graph inside of the operator: takes it and what it is called with.
    """

    __slots__ = ("call", "inline", "op", "overload", "values")

    def __init__(
        self,
        builder: Builder,
        node: Node,
        call: Call,
        values: Mapping[str, Any],
        inline: Callable[[Program, Sequence[Any], str], list[Any]],
    ) -> None:
        super().__init__(builder, node)
        self.call = call
        namespace, _, rest = call.target.partition(".")
        name, _, self.overload = rest.partition(".")
        self.op = f"{namespace}.{bare(name)}"
        self.inline = inline
        self.values = values

    def over(self, values: Mapping[str, Any], args: Mapping[str, Any] | None = None) -> Operation:
        """Return the operation on other values, and perhaps with other arguments."""
        call = self.call if args is None else self.call._replace(args=dict(args))
        return Operation(self.builder, self.node, call, values, self.inline)

    # ---- tensors -------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Value:
        """Return an argument that is a tensor, or a number that stands for one.

        Raises
        ------
        AnalysisError
            It is left out.
        """
        value = self.optional(name)
        if value is None:
            raise AnalysisError(f"{self.op} needs {name!r}")
        return value

    def optional(self, name: str) -> Value | None:
        """Return an argument that is a tensor, or None where it is left out."""
        raw = self.call.args.get(name)
        return None if raw is None else self.as_value(raw)

    def several(self, name: str) -> list[Value]:
        """Return an argument that is a list of tensors."""
        return [self.as_value(each) for each in self.call.args.get(name) or () if each is not None]

    @property
    def given(self) -> list[Value]:
        """All tensors among the arguments."""
        return [value for raw in self.call.args.values() for value in self._tensors(raw)]

    def _tensors(self, raw: Any) -> list[Value]:
        if isinstance(raw, Ref):
            value = self.values.get(raw.name)
            return [value] if isinstance(value, Value) else []
        if isinstance(raw, Given):
            return [constant(raw)]
        if isinstance(raw, list):
            return [value for each in raw for value in self._tensors(each)]
        return []

    def as_value(self, raw: Any) -> Value:
        """Return a tensor; a number becomes a constant without axes.

        Raises
        ------
        Undecided
            It was overwritten through another view.
        """
        if isinstance(raw, Ref):
            raw = self.values[raw.name]
        if isinstance(raw, Value):
            return raw
        if isinstance(raw, Given):
            return constant(raw)
        if raw is None:
            raise Undecided
        return scalar(raw)

    # ---- numbers -------------------------------------------------------------------------------------------

    def raw(self, name: str, default: Any = None) -> Any:
        """Return an argument as it is, its references to numbers replaced."""
        value = self.call.args.get(name)
        return default if value is None else self._plain(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Ref):
            found = self.values.get(value.name)
            if isinstance(found, Value):
                return UNKNOWN
            return found
        return [self._plain(each) for each in value] if isinstance(value, list) else value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an argument that must be a plain integer.

        Raises
        ------
        Undecided
            It is computed.
        """
        value = self.raw(name, default)
        if type(value) is bool:
            return int(value)
        if not is_known(value):
            raise Undecided
        return int(value)

    def number(self, name: str, default: Num = None) -> Num:
        """Return an argument that is a number, perhaps an open one."""
        return self.raw(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an argument that is true or false."""
        return bool(self.raw(name, default))

    def text(self, name: str, default: str = "") -> str:
        """Return an argument that is a text."""
        return str(self.raw(name, default))

    def numbers(self, name: str, default: Sequence[Num] | None = None) -> tuple[Num, ...]:
        """Return an argument that is a list of numbers, or a single one."""
        value = self.raw(name, default)
        if value is None:
            raise Undecided
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)

    def integers(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return an argument that must be a list of plain integers."""
        values = self.numbers(name, default)
        if not all(is_known(value) for value in values):
            raise Undecided
        return values

    def per_axis(self, name: str, rank: int, default: Num) -> tuple[Num, ...]:
        """Return an argument that has a number for each of `rank` axes, or one for all, or none."""
        values = self.numbers(name, ())
        if not values:
            return (default,) * rank
        return values * rank if len(values) == 1 else values

    def axis(self, name: str, rank: int, default: int | None = None) -> int:
        """Return an argument that is the place of an axis, counted from the front."""
        return place(self.integer(name, default), rank)

    def axes(self, name: str, rank: int) -> tuple[int, ...] | None:
        """Return an argument that is a list of places of axes; None for all of them."""
        value = self.raw(name)
        if value is None or value == []:
            return None
        return tuple(place(each, rank) for each in self.integers(name))

    # ---- results -------------------------------------------------------------------------------------------

    @property
    def recorded(self) -> list[tuple[Num, ...]]:
        """Shapes of the results, as the program has them."""
        return [meta.shape for _, meta in self.call.outputs if isinstance(meta, Tensor)]

    @property
    def copies(self) -> int:
        """How many results there are beside the first."""
        return max(len(self.recorded) - 1, 0)

    def unknown(self) -> Values:
        """Add it as an operator that nobody knows."""
        return self.builder.unknown(self.node, self.given)

    def cover(self, inputs: Sequence[Value], reason: str) -> Values:
        """Add results of recorded shapes, each of which may depend on everything."""
        made: list[Value] = []
        for k, shape in enumerate(self.recorded):
            node = self.node._replace(outputs=self.node.outputs[k : k + 1])
            attrs = {"shape": shape, "axes": _covered_axes(inputs, shape), "reason": reason}
            made += self.builder.add(node, "cover", inputs, attrs)
        return tuple(made)

    def fresh(self) -> Values:
        """Return results that depend on nothing, of recorded shapes."""
        return tuple(
            Value(TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype))
            for _, meta in self.call.outputs
            if isinstance(meta, Tensor)
        )


def _covered_axes(inputs: Sequence[Value], shape: Sequence[Num]) -> str:
    """Return roles for a result of which only the shape is known.

    Its batch axis is where that of an argument is, and of the same extent; heads of attention, windows or
    whatever else stands in front are not taken for samples, of which the costs of one are counted.
    """
    plain = default_axes(len(shape))
    given = [value.spec for value in inputs if value.spec is not None and not value.constant]
    batches = [(spec.axes.index(BATCH), spec) for spec in given if spec.axes.count(BATCH) == 1]
    if BATCH not in plain or any(not place and spec.shape[0] == shape[0] for place, spec in batches):
        return plain
    like = next((spec for spec in given if len(spec.shape) == len(shape)), None)
    if like is not None:
        same = zip(like.axes, like.shape, shape, strict=True)
        return "".join(role if role != BATCH or a == b else SPATIAL for role, a, b in same)
    if any(spec.shape[place] != 1 for place, spec in batches):
        return plain
    return SPATIAL * (len(shape) - 1) + CHANNEL


def bare(name: str) -> str:
    """Return the name of an operator without the mark that it works in place.

    >>> bare("relu_"), bare("__and__"), bare("_softmax")
    ('relu', '__and__', '_softmax')
    """
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def place(axis: int, rank: int) -> int:
    """Count the place of an axis from the front.

    Raises
    ------
    AnalysisError
        There is no such axis.
    """
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise AnalysisError(f"there is no axis {axis} in a tensor of {rank} axes")
    return axis % max(rank, 1)


def scalar(number: Any) -> Value:
    """Return a number as a constant without axes."""
    return Value(TensorSpec((), ""), data=number if isinstance(number, (int, float, bool)) else None)


def constant(given: Given) -> Value:
    """Return a tensor that the program itself holds."""
    if not isinstance(given.meta, Tensor):
        return Value(None)
    shape = given.meta.shape
    spec = TensorSpec(shape, default_axes(len(shape)), given.meta.dtype)
    return Value(spec, data=given.data, unread=given.unread)


op: Final[Registry[Operation]] = Registry("aten")
"""What reads each operator, whatever its overload; complete once `ops` is imported."""
