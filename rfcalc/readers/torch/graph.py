"""Read an exported program: inputs, parameters, then one call after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.extent import named, names_in
from rfcalc.algebra.number import Num, equal, is_known
from rfcalc.errors import AnalysisError, ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import TensorSpec, Weight
from rfcalc.readers.lowering.builder import Builder, Node, Undecided, default_axes
from rfcalc.readers.lowering.hypotheses import read_consistently
from rfcalc.readers.lowering.inputs import Declared, chosen_shape, open_extent, settle
from rfcalc.readers.lowering.layout import guess
from rfcalc.readers.lowering.modules import blocks_of
from rfcalc.readers.lowering.value import Blind, Value, contradict
from rfcalc.readers.options import Options
from rfcalc.readers.torch.aliases import Aliases
from rfcalc.readers.torch.folding import fold, unread
from rfcalc.readers.torch.naming import Names, operator_name
from rfcalc.readers.torch.operation import Operation
from rfcalc.readers.torch.ops import reader_of
from rfcalc.readers.torch.parameters import parameters_of
from rfcalc.readers.torch.program import (
    BUFFER,
    PARAMETER,
    USER,
    Call,
    Frontend,
    Given,
    Program,
    Ref,
    Tensor,
)
from rfcalc.readers.torch.uses import uses_of

DEEPEST: Final = 32
"""Graphs inside of each other."""

LONGEST: Final = 80
"""Letters of what a file says that are told in an error."""

Spelled = Mapping[str, Mapping[int, str]]
"""Names that the user gave to axes of inputs."""


def read_program(
    frontend: Frontend, *, source: str, options: Options, spelled: Spelled | None = None
) -> LayerGraph:
    """Read a program.

    Parameters
    ----------
    frontend : Frontend
        Where it comes from.
    source : str
        Its name, for messages.
    options : Options
        Shapes, extents and layouts that the user gives.
    spelled : mapping, optional
        Names for open extents, by input and axis.

    Returns
    -------
    LayerGraph
        A layer for each call that computes something from an input.

    Raises
    ------
    ReadError
        It is damaged.
    UsageError
        An input or extent that the program does not have, or a size that it was not exported for.
    """
    with _refusing(None, "is damaged, or of a version that is not known"):
        program, declared = _settled(frontend, options, spelled or {})
    return read_consistently(declared, lambda inputs: _Reader(program, options).read(inputs, source))


@contextmanager
def _refusing(where: str | None, what: str) -> Iterator[None]:
    """Make one line of whatever is raised by what no rule expects, since a file may hold anything.

    Raises
    ------
    ReadError
    """
    try:
        yield
    except RfcalcError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0][:LONGEST] or type(error).__name__
        raise ReadError(f"{what}: {reason}", where=where) from error


# ---- inputs ------------------------------------------------------------------------------------------------


def _settled(frontend: Frontend, options: Options, spelled: Spelled) -> tuple[Program, Sequence[Declared]]:
    """Give the program's symbols names, and those that the user gives values their values."""
    program = frontend.read({})
    symbols: dict[str, Num] = {}
    for given in _tensors(program):
        for axis, extent in enumerate(given.meta.shape):
            name = _symbol(extent)
            if name is not None and name not in symbols:
                word = spelled.get(given.path, {}).get(axis)
                symbols[name] = open_extent(given.path, axis) if word is None else named(word)
    if symbols:
        program = frontend.read(symbols)
    declared = _declared(program, options)
    values = _values(program, declared, symbols)
    if values:
        _check_ranges(values, program)
        program = frontend.read({**symbols, **values})
        _check_sizes(program, declared)
    return program, declared


def _tensors(program: Program) -> list[Given]:
    return [each for each in program.inputs if each.role == USER and isinstance(each.meta, Tensor)]


def _symbol(extent: Num) -> str | None:
    """Return the name that an extent is, where it is one and no formula."""
    names = names_in(extent)
    return next(iter(names)) if len(names) == 1 and str(extent) in names else None


def _declared(program: Program, options: Options) -> Sequence[Declared]:
    uses = uses_of(program)
    found = []
    for given in _tensors(program):
        shape = chosen_shape(given.path, given.meta.shape, options) or ()
        axes, told = guess(given.name, shape, uses, integers="int" in given.meta.dtype)
        found.append(Declared(given.path, shape, axes, given.meta.dtype, told))
    return settle(found, options)


def _values(program: Program, declared: Sequence[Declared], symbols: Mapping[str, Num]) -> dict[str, Num]:
    """Return the symbols that the user gave values, with these."""
    spelling = {str(extent): name for name, extent in symbols.items()}
    values: dict[str, Num] = {}
    for given, chosen in zip(_tensors(program), declared, strict=True):
        for axis, (extent, wanted) in enumerate(zip(given.meta.shape, chosen.shape or (), strict=True)):
            name = _symbol(extent)
            if name is not None and name in spelling:
                if wanted is not extent and wanted != extent:
                    values.setdefault(spelling[name], wanted)
            elif is_known(extent) and is_known(wanted) and extent != wanted:
                raise UsageError(
                    f"axis {axis} of the input {given.path!r} has the fixed extent {extent}, not {wanted}; "
                    "export the module with dynamic shapes to change it"
                )
    return values


def _check_ranges(values: Mapping[str, Num], program: Program) -> None:
    for name, value in values.items():
        least, most = program.ranges.get(name, (None, None))
        low = least is not None and is_known(value) and value < least
        if low or (most is not None and is_known(value) and value > most):
            span = f"from {least}" + ("" if most is None else f" to {most}")
            raise UsageError(f"the program was exported for extents {span}, not {value}")


def _check_sizes(program: Program, declared: Sequence[Declared]) -> None:
    for given, chosen in zip(_tensors(program), declared, strict=True):
        for axis, (extent, wanted) in enumerate(zip(given.meta.shape, chosen.shape or (), strict=True)):
            if equal(extent, wanted) is False:
                raise UsageError(f"axis {axis} of the input {given.path!r} must be {extent}, not {wanted}")


# ---- calls -------------------------------------------------------------------------------------------------


class _Reader:
    """What is shared by all graphs of one program."""

    def __init__(self, program: Program, options: Options) -> None:
        self.program = program
        self.builder = Builder(options.on_unknown, marked=True)
        self.classes: dict[tuple[str, ...], tuple[str, str]] = {}

    def read(self, declared: Sequence[Declared], source: str) -> LayerGraph:
        inputs = iter(declared)
        values: dict[str, Any] = {}
        for given in self.program.inputs:
            if given.role == USER and isinstance(given.meta, Tensor):
                each = next(inputs)
                values[given.name] = self.builder.input(each.name, each.shape or (), each.axes, each.dtype)
            else:
                values[given.name] = _held(given)
        scope = Scope(self, self.program, values, 0)
        scope.run()
        outputs = [
            self._returned(raw, value)
            for raw, value in zip(_flat(self.program.outputs), _flat(scope.results()), strict=True)
            if isinstance(value, Value)
        ]
        self._notes()
        returned = [value.edge for value in outputs if value.edge is not None]
        blocks = blocks_of(self.builder.layers, self.classes, returned)
        return self.builder.graph(
            outputs, name=self.program.name, format="torch", source=source, blocks=blocks
        )

    def _returned(self, raw: Any, value: Value) -> Value:
        """Return an output of the program; one made of parameters alone gets a layer that holds them."""
        if value.edge is not None or not value.weights:
            return value
        paths = {given.name: given.path for given in self.program.inputs}
        name = paths.get(raw.name, raw.name)
        calls = {output: call for call in self.program.calls for output, _ in call.outputs}
        op = operator_name(calls[raw.name].target) if raw.name in calls else "parameter"
        return self.builder.stored(Node(name, op, (raw.name,)), value)

    def _notes(self) -> None:
        """Say what is not counted: parameters that nothing uses, and buffers."""
        used = {weight.identity for layer in self.builder.layers.values() for weight in layer.weights or ()}
        spare = {
            each.identity or each.path: each
            for each in self.program.inputs
            if each.role == PARAMETER and (each.identity or each.path) not in used
        }
        first = next(iter(self.builder.layers), "")
        if spare:
            names = ", ".join(each.path for each in list(spare.values())[:3])
            message = (
                f"{_elements(spare.values()):,} parameters take no part when the module runs and are not "
                f"counted: {names}{', ...' if len(spare) > 3 else ''}"
            )
            self.builder.notes.append(("unused-parameters", first, message))
        buffers = [each for each in self.program.inputs if each.role == BUFFER]
        if buffers:
            message = f"{_elements(buffers):,} elements of buffers are no parameters and are not counted"
            self.builder.notes.append(("buffers", first, message))


def _elements(tensors: Any) -> Num:
    return sum(Weight("", each.meta.shape).count for each in tensors if isinstance(each.meta, Tensor))


def _held(given: Given) -> Any:
    """Return a parameter, a buffer or another constant."""
    if not isinstance(given.meta, Tensor):
        return given.meta
    shape, dtype = given.meta.shape, given.meta.dtype
    weights: tuple[Weight, ...] = ()
    if given.role == PARAMETER:
        weights = (Weight(given.identity or given.path, shape, given.trainable, dtype),)
    spec = TensorSpec(shape, default_axes(len(shape)), dtype)
    return Value(spec, data=given.data, weights=weights, unread=given.unread)


def _flat(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)) and not isinstance(values, Ref):
        return [each for value in values for each in _flat(value)]
    return [values]


class Scope:
    """One graph: the program's own, or one inside of an operator.

    Parameters
    ----------
    reader : _Reader
        The program.
    program : Program
        The graph.
    values : dict
        Its inputs by name; results join them.
    depth : int
        How many graphs are around it.
    """

    def __init__(self, reader: _Reader, program: Program, values: dict[str, Any], depth: int) -> None:
        if depth > DEEPEST:
            raise ReadError(f"graphs are nested more than {DEEPEST} deep")
        self._reader = reader
        self._program = program
        self._names = Names(program)
        self._values = values
        self._aliases = Aliases(program)
        self._depth = depth

    def run(self) -> None:
        """Read all calls."""
        for place, call in enumerate(self._program.calls):
            if call.outputs:
                with _refusing(f"call {call.name[:LONGEST]!r}", "cannot be read with its arguments"):
                    self._step(place, call)
        self._reader.classes.update(
            (path, found) for path, found in self._names.classes.items() if path not in self._reader.classes
        )

    def results(self) -> list[Any]:
        """Return what the graph returns."""
        return [self._resolved(each) for each in self._program.outputs]

    def _resolved(self, raw: Any) -> Any:
        if isinstance(raw, Ref):
            return self._values.get(raw.name)
        return [self._resolved(each) for each in raw] if isinstance(raw, (list, tuple)) else raw

    def inline(self, program: Program, args: Sequence[Any], prefix: str) -> list[Any]:
        """Read a graph inside of an operator, called with these arguments."""
        values = {given.name: arg for given, arg in zip(program.inputs, args, strict=False)}
        inner = Scope(self._reader, program, values, self._depth + 1)
        inner.run()
        return inner.results()

    def _step(self, place: int, call: Call) -> None:
        builder = self._reader.builder
        name, block = self._names.of(call)
        tensors = [each for each, meta in call.outputs if isinstance(meta, Tensor)]
        recorded = tuple(meta.shape for _, meta in call.outputs if isinstance(meta, Tensor))
        dtypes = tuple(meta.dtype for _, meta in call.outputs if isinstance(meta, Tensor))
        node = Node(name, operator_name(call.target), tuple(tensors), block, recorded, dtypes)
        operation = Operation(builder, node, call, self._values, self.inline)
        if not tensors:
            self._number(call, operation)
            return
        before = len(builder.layers)
        read = _with_recorded(builder, operation, _attempt(builder, operation))
        weights = parameters_of(operation)
        made = builder.attribute(read, weights, before) if weights else read
        self._values.update(zip(tensors, made, strict=False))
        self._aliases.note(place, call, self._values, operation)

    def _number(self, call: Call, operation: Operation) -> None:
        """Keep a number; one that is taken from a tensor depends on it."""
        moving = [value for value in operation.given if not value.constant and value.rank == 0]
        for name, meta in call.outputs:
            self._values[name] = meta
            if moving and call.target.startswith("aten.") and len(call.args) == 1:
                (self._values[name],) = operation.skip(moving[0])


def _attempt(builder: Builder, operation: Operation) -> tuple[Value, ...]:
    """Read a call; what cannot be read is an operator that nobody knows."""
    before = len(builder.layers)
    why = ""
    try:
        folded = fold(operation)
        if folded is not None:
            return folded
        read = reader_of(operation.op)
        if read is not None:
            made = read(operation)
            if len(made) >= len(operation.node.outputs) and not contradict(made, operation.recorded):
                return unread(operation, made)
            why = "the shapes that it records are not those of its rule"
    except Blind:
        builder.drop(before)
        return unread(operation, builder.blind(operation.node, operation.given))
    except Undecided:
        pass
    except (AnalysisError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        why = str(error).partition("\n")[0]
    builder.drop(before)
    return unread(operation, builder.unknown(operation.node, operation.given, why))


def _with_recorded(builder: Builder, operation: Operation, made: tuple[Value, ...]) -> list[Value]:
    """Put recorded extents and element types in the place of what the rule leaves open."""
    metas = [meta for _, meta in operation.call.outputs if isinstance(meta, Tensor)]
    found = []
    for value, meta in zip(made, metas, strict=False):
        spec = value.spec
        if spec is None or len(spec.shape) != len(meta.shape):
            found.append(value)
            continue
        shape = tuple(
            b if is_known(b) and not is_known(a) else a for a, b in zip(spec.shape, meta.shape, strict=True)
        )
        if shape != spec.shape or spec.dtype != meta.dtype:
            spec = replace(spec, shape=shape, dtype=meta.dtype)
        found.append(value if spec is value.spec else replace(value, spec=spec))
    return found
