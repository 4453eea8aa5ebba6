"""Read a program: inputs, parameters, then one call after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import prod
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer, TensorSpec, Weight
from rfcalc.readers.jaxpr.folding import constant, fold
from rfcalc.readers.jaxpr.naming import Names, operator_name
from rfcalc.readers.jaxpr.operation import Operation, literal
from rfcalc.readers.jaxpr.ops import reader_of
from rfcalc.readers.jaxpr.patterns import recognised
from rfcalc.readers.jaxpr.program import (
    BUFFER,
    CONSTANT,
    PARAMETER,
    USER,
    Atom,
    Call,
    Given,
    Held,
    Program,
    meta_of,
    program_of,
)
from rfcalc.readers.jaxpr.uses import Inside, name_of, uses_of
from rfcalc.readers.lowering.builder import Builder, Node, Undecided, default_axes
from rfcalc.readers.lowering.hypotheses import read_consistently
from rfcalc.readers.lowering.inputs import Declared, settle
from rfcalc.readers.lowering.layout import guess
from rfcalc.readers.lowering.modules import blocks_of
from rfcalc.readers.lowering.value import Blind, Value, contradict
from rfcalc.readers.options import Options

DEEPEST: Final = 32
"""Functions inside of each other."""

_SHAPES_ALONE: Final = frozenset(("scan", "cond", "while"))
"""Primitives that hold functions, whose calls are read one by one."""


def read_program(program: Program, *, name: str, source: str, options: Options) -> LayerGraph:
    """Read a program.

    Parameters
    ----------
    program : Program
        The calls.
    name : str
        What the model is called.
    source : str
        The same, for messages.
    options : Options
        Layouts that the user gives.

    Returns
    -------
    LayerGraph
        A layer for each call that computes something from an input.
    """
    whole = recognised(program)
    inside = _Inside()
    declared = settle(_declared(whole, inside.program), options)
    return read_consistently(
        declared, lambda inputs: _Reader(whole, name, options, inside).read(inputs, source)
    )


class _Inside:
    """Functions inside of calls as programs, each of which is made once."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, Program]] = {}

    def program(self, jaxpr: Any, consts: Sequence[Any]) -> Program:
        """Return a function as a program; its operands may depend on anything, so they count as moving."""
        if id(jaxpr) not in self._found:
            given = [Given(CONSTANT, "", meta_of(var.aval)) for var in jaxpr.invars]
            made = program_of(_Closed(jaxpr, consts), given)
            inputs = {
                number: each._replace(role=USER) if each.data is None else each
                for number, each in made.inputs.items()
            }
            self._found[id(jaxpr)] = (jaxpr, recognised(made._replace(inputs=inputs)))
        return self._found[id(jaxpr)][1]


def _declared(program: Program, inside: Inside) -> Sequence[Declared]:
    uses = uses_of(program, inside)
    found = []
    for number, given in program.inputs.items():
        if given.role == USER:
            integers = "int" in given.meta.dtype
            axes, told = guess(name_of(number), given.meta.shape, uses, integers=integers)
            found.append(Declared(given.path, given.meta.shape, axes, given.meta.dtype, told))
    return found


class _Reader:
    """What is shared by all functions of one program.

    Parameters
    ----------
    program : Program
        The calls.
    name : str
        What the model is called.
    options : Options
        What the user says.
    inside : _Inside
        Functions inside of calls.
    """

    def __init__(self, program: Program, name: str, options: Options, inside: _Inside) -> None:
        self.program = program
        self.builder = Builder(options.on_unknown, marked=True)
        self._name = name
        self.inside = inside

    def read(self, declared: Sequence[Declared], source: str) -> LayerGraph:
        inputs = iter(declared)
        values: dict[int, Value] = {}
        for number, given in self.program.inputs.items():
            if given.role == USER:
                each = next(inputs)
                values[number] = self.builder.input(each.name, each.shape or (), each.axes, each.dtype)
            else:
                values[number] = _held(given)
        made = Scope(self, self.program, values, (), 0).run()
        outputs = [self._returned(value) for value in made]
        self._whole_again()
        self._notes()
        layers = self.builder.layers
        returned = [value.edge for value in outputs if value.edge is not None]
        blocks = blocks_of(layers, _classes(layers.values()), returned)
        return self.builder.graph(outputs, name=self._name, format="jax", source=source, blocks=blocks)

    def _returned(self, value: Value) -> Value:
        """Return an output of the program; one made of parameters alone gets a layer that holds them."""
        if value.edge is not None or not value.weights:
            return value
        return self.builder.stored(Node(value.weights[0].identity, "parameter"), value)

    def _whole_again(self) -> None:
        """Count a tensor whole of which some layers take parts, and others all."""
        layers = self.builder.layers
        held = {weight.identity for layer in layers.values() for weight in layer.weights or ()}
        parts = {name for name in held if name.endswith("]") and name.rpartition("[")[0] in held}
        if not parts:
            return
        whole = {w.identity: w for layer in layers.values() for w in layer.weights or ()}
        for layer in list(layers.values()):
            weights = tuple(
                whole[w.identity.rpartition("[")[0]] if w.identity in parts else w
                for w in layer.weights or ()
            )
            layers[layer.name] = replace(layer, weights=tuple(dict.fromkeys(weights)))

    def _notes(self) -> None:
        """Say what is not counted: unused parameters, buffers, and arrays of the function's own."""
        layers = self.builder.layers
        used = {weight.identity for layer in layers.values() for weight in layer.weights or ()}
        used |= {name.rpartition("[")[0] for name in used if name.endswith("]")}
        first = next(iter(layers), "")
        spare = {
            each.identity: each
            for each in self.program.inputs.values()
            if each.role == PARAMETER and each.identity not in used
        }
        if spare:
            names = ", ".join(each.path for each in list(spare.values())[:3])
            message = (
                f"{_elements(spare.values()):,} parameters take no part when the function runs and are not "
                f"counted: {names}{', ...' if len(spare) > 3 else ''}"
            )
            self.builder.notes.append(("unused-parameters", first, message))
        buffers = [each for each in self.program.inputs.values() if each.role == BUFFER]
        if buffers:
            message = f"{_elements(buffers):,} elements of buffers are no parameters and are not counted"
            self.builder.notes.append(("buffers", first, message))
        own = [each for each in self.program.inputs.values() if _is_table(each)]
        if own:
            message = (
                f"{_elements(own):,} elements of arrays that the function itself holds are no parameters and "
                "are not counted; what shall count is handed to it, as params"
            )
            self.builder.notes.append(("constants", first, message))


class _Closed:
    """A jaxpr with its constants."""

    def __init__(self, jaxpr: Any, consts: Sequence[Any]) -> None:
        self.jaxpr, self.consts = jaxpr, consts


def _is_table(given: Given) -> bool:
    return given.role == CONSTANT and "float" in given.meta.dtype and prod(given.meta.shape) > 1


def _elements(tensors: Iterable[Given]) -> int:
    return sum(int(prod(each.meta.shape)) for each in tensors)


def _classes(layers: Iterable[Layer]) -> dict[tuple[str, ...], tuple[str, str]]:
    """Return what modules are called, and their classes, as far as the names tell."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for layer in layers:
        for depth in range(1, len(layer.block) + 1):
            path = layer.block[:depth]
            found.setdefault(path, ("/".join(path), path[-1].rstrip("0123456789").rstrip("_") or "Module"))
    return found


def _held(given: Given) -> Value:
    """Return a parameter, a buffer or another constant."""
    meta = given.meta
    if given.data is not None:
        return constant(given.data, meta)
    spec = TensorSpec(meta.shape, default_axes(len(meta.shape)), meta.dtype)
    if given.role != PARAMETER:
        return Value(spec)
    return Value(spec, weights=(Weight(given.identity, meta.shape, dtype=meta.dtype),))


class Scope:
    """A program while it is read.

    Parameters
    ----------
    reader : _Reader
        What all of them share.
    program : Program
        The calls.
    values : dict
        Its inputs by number; results join them.
    outer : tuple of str
        Names of the scopes around it.
    depth : int
        How many functions are around it.
    """

    def __init__(
        self,
        reader: _Reader,
        program: Program,
        values: dict[int, Value],
        outer: tuple[str, ...],
        depth: int,
    ) -> None:
        if depth > DEEPEST:
            raise ReadError(f"functions are nested more than {DEEPEST} deep")
        self._reader = reader
        self._program = program
        self._names = Names(program) if not depth else _Inner(program)
        self._values = values
        self._outer = outer
        self._depth = depth

    def run(self) -> list[Value]:
        """Read all calls, and return what the program does."""
        for call in self._program.calls:
            self._step(call)
        return [self._value(atom) for atom in self._program.outputs]

    def _value(self, atom: Atom) -> Value:
        return literal(atom) if isinstance(atom, Held) else self._values[atom]

    def _inlined(self, call: Call, block: tuple[str, ...]) -> Any:
        """Return what reads functions inside of a call."""

        def inline(
            jaxpr: Any, consts: Sequence[Any], args: Sequence[Value], stack: tuple[str, ...]
        ) -> list[Value]:
            program = self._reader.inside.program(jaxpr, consts)
            given = iter(args)
            values = {
                number: _held(each) if each.data is not None else next(given)
                for number, each in program.inputs.items()
            }
            return Scope(self._reader, program, values, (*block, *stack), self._depth + 1).run()

        return inline

    def _step(self, call: Call) -> None:
        builder = self._reader.builder
        name, block = self._names.of(call, self._outer)
        recorded = tuple([meta.shape for meta in call.metas])
        dtypes = tuple([meta.dtype for meta in call.metas])
        given = [self._value(atom) for atom in call.inputs]
        around = (*self._outer, *self._names.within(call))
        spelled = name if around else _by_weights(name, given)
        node = Node(spelled, operator_name(call), (), block, recorded, dtypes)
        operation = Operation(builder, node, call, given, self._inlined(call, around))
        before = len(builder.layers)
        made = _with_recorded(operation, _attempt(builder, operation))
        weights = () if call.op in _SHAPES_ALONE else _weights_of(given)
        if weights:
            made = list(builder.attribute(made, weights, before))
        self._values.update(zip(call.outputs, made, strict=False))


def _by_weights(name: str, given: Sequence[Value]) -> str:
    """Return the name of a layer that no scope names, after the parameters that it holds, if any."""
    held = [value.weights[0].identity for value in given if len(value.weights) == 1]
    path = held[0].rpartition("/")[0] if held else ""
    if path in ("", "params"):
        return name
    return path if name in ("conv", "dot", "gather") else f"{path}/{name}"


class _Inner(Names):
    """Names inside of another call: no scope is that of the whole model."""

    def __init__(self, program: Program) -> None:
        super().__init__(program._replace(calls=()))


def _weights_of(given: Sequence[Value]) -> tuple[Weight, ...]:
    """Return the parameters whose elements a call takes."""
    return tuple(dict.fromkeys([weight for value in given for weight in value.weights]))


def _attempt(builder: Builder, operation: Operation) -> Sequence[Value]:
    """Read a call; what cannot be read is an operation that nobody knows."""
    before = len(builder.layers)
    why = ""
    if all(0 in meta.shape for meta in operation.call.metas):
        return operation.fresh()  # it holds nothing
    try:
        folded = fold(operation)
        if folded is not None:
            return folded
        read = reader_of(operation.op)
        if read is not None:
            made = read(operation)
            metas = operation.call.metas
            if len(made) >= len(metas) and not contradict(made, [meta.shape for meta in metas]):
                return made
            why = "the shapes that are recorded are not those of its rule"
    except Blind:
        builder.drop(before)
        return builder.blind(_named(operation), operation.given)
    except Undecided:
        pass
    except (AnalysisError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        why = str(error).partition("\n")[0]
    builder.drop(before)
    if all(value.constant for value in operation.given):
        weights = _weights_of(operation.given)
        return [replace(value, weights=weights) for value in operation.fresh()]
    return builder.unknown(_named(operation), operation.given, why)


def _named(operation: Operation) -> Node:
    """Return the node with a name for each of its results, as operations have that nobody knows."""
    return operation.node._replace(outputs=tuple(str(number) for number in operation.call.outputs))


def _with_recorded(operation: Operation, made: Sequence[Value]) -> list[Value]:
    """Put recorded element types in the place of what the rule says."""
    found = []
    for value, meta in zip(made, operation.call.metas, strict=False):
        spec = value.spec
        other = spec is not None and spec.shape == meta.shape and spec.dtype != meta.dtype
        found.append(replace(value, spec=replace(spec, dtype=meta.dtype)) if spec and other else value)
    return found
