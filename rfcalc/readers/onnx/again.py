"""Read an ONNX file again at another size: what an operation gives of the same tensors is known.

A file whose shapes are fixed, or worked out by its own operations, has to be read at each size that is asked
for. Most of what that takes is the same every time: constants, and operations on maps whose extents do not
change from one size to the next, as those behind strides do. An operation is told by its place in the file
and by the very tensors that it takes; equal tensors of two readings are therefore made one. What an operation
gives is remembered only if it looked at nothing else: neither at the layers before its inputs nor at the
shapes that the file records nor at graphs around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.graph.layer import Layer
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.onnx.modules import Modules
from rfcalc.records import NamedTuple
from rfcalc.rules.apply import RuleMemo
from rfcalc.rules.registry import Result

if TYPE_CHECKING:
    import onnx

    from rfcalc.readers.lowering.layout import Use, Uses

MOST_BYTES: Final = 4096
"""Size of the constants that are compared element by element."""


class _Step(NamedTuple):
    """What one operation did.

    Parameters
    ----------
    inputs : tuple
        What it took; what is held keeps its identity.
    made : tuple of (str, Value)
        The tensors that it made, by name.
    number : int
        Stands for the names of all layers so far; 0 where it adds nothing but tensors.
    cost : int
        Operations that it came to.
    layers, results : tuple
        What it added to the graph.
    notes : tuple
        What it had to say.
    large, biased, zeros : tuple
        What it told of its layers.
    """

    inputs: tuple[Value | None, ...]
    made: tuple[tuple[str, Value], ...]
    number: int = 0
    cost: int = 0
    layers: tuple[tuple[str, Layer], ...] = ()
    results: tuple[tuple[str, Result], ...] = ()
    notes: tuple[tuple[str, str, str], ...] = ()
    large: tuple[str, ...] = ()
    biased: tuple[str, ...] = ()
    zeros: tuple[Any, ...] = ()

    @property
    def tells(self) -> bool:
        """It says more than what layers there are."""
        return bool(self.notes or self.large or self.biased or self.zeros)


class Operations(NamedTuple):
    """The operations of a file in order, and what they did.

    Parameters
    ----------
    nodes : sequence of NodeProto
        The operations.
    inputs, outputs : sequence of tuple of str
        The names of what they take and make.
    steps : sequence of dict
        What they did, by the identity of what they took.
    settled : set of int
        Those that work on constants alone, and give what they gave.
    """

    nodes: Sequence[onnx.NodeProto]
    inputs: Sequence[tuple[str, ...]]
    outputs: Sequence[tuple[str, ...]]
    steps: Sequence[dict[tuple[int, ...], _Step]]
    settled: set[int]


class Memory:
    """What is remembered of one file from reading to reading, with the same options but for shapes."""

    def __init__(self) -> None:
        self.model: Any = None
        """The file, parsed, and what its tables in other files said."""
        self.constants: dict[str, Value] | None = None
        self.held: dict[str, Value] = {}
        """The constants, and what operations make of them."""
        self.found: dict[int, Any] = {}
        """What the file says of operations, by their places."""
        self.modules = Modules()
        self.uses: dict[str, tuple[Use, ...]] = {}
        self.rules = RuleMemo()
        """Rules that were applied while no extent was open: formulas that are equal may not be one object."""
        self.operations: Operations | None = None
        self._values: dict[object, Value] = {}
        self._extents: dict[Num, Num] = {}
        self._names: dict[tuple[int, tuple[str, ...]], int] = {}

    def ordered(self, nodes: Iterable[onnx.NodeProto]) -> Operations:
        """Keep the operations in their order."""
        listed = list(nodes)
        self.operations = Operations(
            listed,
            [tuple(node.input) for node in listed],
            [tuple(node.output) for node in listed],
            [{} for _ in listed],
            set(),
        )
        return self.operations

    def shape(self, extents: tuple[Num, ...]) -> tuple[Num, ...]:
        """Return a shape in which the open extents of one name are one object in all readings."""
        return tuple([n if is_known(n) else self._extents.setdefault(n, n) for n in extents])

    def one(self, place: int, name: str, value: Value) -> Value:
        """Return the tensor that was made here in another reading, if it is the same."""
        data = value.data
        if value.mask is not None or (data is not None and data.size * data.itemsize > MOST_BYTES):
            return value
        elements = None
        if data is not None:
            held = tuple(data.ravel().tolist()) if data.dtype == object else data.tobytes()
            elements = (data.dtype.str, data.shape, held)
        try:
            key = (place, name, value.spec, value.edge, value.weights, value.computed, elements)
            return self._values.setdefault(key, value)
        except TypeError:  # an extent that cannot be compared
            return value

    def named(self, before: int, names: Iterable[str]) -> int:
        """Number the names of all layers so far, by the number of those before."""
        return self._names.setdefault((before, tuple(names)), len(self._names) + 1)


class _Table(dict[Any, Any]):
    """A table that tells when it is read."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def __getitem__(self, key: Any) -> Any:
        self._look()
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return an entry, or what stands in for it."""
        self._look()
        return super().get(key, default)


class _Names(set[str]):
    """Names that tell when they are asked for, and in which order they were added."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look
        self.added: list[str] = []

    def __contains__(self, name: object) -> bool:
        self._look()
        return super().__contains__(name)

    def add(self, name: str) -> None:
        """Add a name."""
        super().add(name)
        self.added.append(name)


class Reading:
    """One reading of a file that is read several times.

    Parameters
    ----------
    memory : Memory
        What is remembered of the file.
    builder : Builder
        Where layers are built; its tables are watched from here on.
    """

    def __init__(self, memory: Memory, builder: Builder) -> None:
        self._memory = memory
        self._builder = builder
        self._number = 0
        self._looked = False
        builder.layers, builder.results, builder.zeros = (_Table(self.look) for _ in range(3))
        builder.large, builder.biased = _Names(self.look), _Names(self.look)
        self._large, self._biased = builder.large.added, builder.biased.added

    def look(self) -> None:
        """Say that an operation looks at something else than its inputs."""
        self._looked = True

    def end(self) -> None:
        """Watch no more."""
        self._builder.layers, self._builder.results = dict(self._builder.layers), dict(self._builder.results)

    def run(
        self,
        operations: Operations,
        values: dict[str, Value],
        step: Callable[[int], None],
        spend: Callable[[int], int],
    ) -> None:
        """Run all operations of a file; what they did of the same tensors before they do again.

        Parameters
        ----------
        operations : Operations
            The operations.
        values : dict
            The tensors by name.
        step : callable
            Runs the operation at a place.
        spend : callable
            Counts so many operations, and returns how many there were so far.
        """
        settled, held = operations.settled, self._memory.held
        values.update(held)
        spend(len(settled))
        for place, (names, steps) in enumerate(zip(operations.inputs, operations.steps, strict=True)):
            if place in settled:
                continue
            inputs = tuple(map(values.get, names))
            key = (self._number, *map(id, inputs))
            done = steps.get(key)
            if done is not None:
                values.update(done.made)
                spend(done.cost)
                if done.number:
                    self._add(done)
                continue
            before = spend(0)
            self._looked = False
            done = self._done(operations, place, inputs, values, step)._replace(cost=spend(0) - before)
            if self._looked:
                continue
            steps[key] = done
            if done.cost == 1 and not done.number and all(not name or name in held for name in names):
                settled.add(place)
                held.update(done.made)

    def _add(self, done: _Step) -> None:
        """Add the layers that an operation added before."""
        builder = self._builder
        for name, layer in done.layers:
            builder.layers[name] = layer
        for name, result in done.results:
            builder.results[name] = result
        if done.tells:
            builder.notes += done.notes
            for name in done.large:
                builder.large.add(name)
            for name in done.biased:
                builder.biased.add(name)
            builder.zeros.update(done.zeros)
        self._number = done.number

    def _done(
        self,
        operations: Operations,
        place: int,
        inputs: tuple[Value | None, ...],
        values: dict[str, Value],
        step: Callable[[int], None],
    ) -> _Step:
        """Run an operation, and return what it did."""
        builder, memory = self._builder, self._memory
        tables: tuple[Any, ...] = (
            *(builder.layers, builder.results, builder.notes),
            *(self._large, self._biased, builder.zeros),
        )
        before = list(map(len, tables))
        step(place)
        made = []
        for name in operations.outputs[place]:
            if name:
                value = values[name] = memory.one(place, name, values[name])
                made.append((name, value))
        if list(map(len, tables)) == before:
            return _Step(inputs, tuple(made))
        layers, *others = [_added(table, count) for table, count in zip(tables, before, strict=True)]
        self._number = memory.named(self._number, [name for name, _ in layers])
        return _Step(inputs, tuple(made), self._number, 0, layers, *others)


def remembered(uses: Uses, memory: Memory) -> Uses:
    """Return the uses of tensors, each looked for once."""

    def found(name: str) -> tuple[Use, ...]:
        if name not in memory.uses:
            memory.uses[name] = tuple(uses(name))
        return memory.uses[name]

    return found


def _added(table: Any, since: int) -> tuple[Any, ...]:
    """Return what was added to a table or a list after the first `since`, in order."""
    if isinstance(table, list):
        return tuple(table[since:])
    return tuple(islice(reversed(table.items()), len(table) - since))[::-1]
