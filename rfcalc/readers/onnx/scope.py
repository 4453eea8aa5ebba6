"""The graphs of an ONNX file: the tensors that each sees, and its operations, read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import onnx

from rfcalc.algebra.extent import named
from rfcalc.algebra.number import Num, equal
from rfcalc.errors import AnalysisError, GraphError, ReadError, RfcalcError
from rfcalc.readers.lowering.builder import Builder, Node, Undecided
from rfcalc.readers.lowering.inputs import open_extent
from rfcalc.readers.lowering.value import Blind, Value
from rfcalc.readers.onnx import runtimes
from rfcalc.readers.onnx.again import Memory, Reading
from rfcalc.readers.onnx.attributes import attributes_of
from rfcalc.readers.onnx.folding import fold, unfolded
from rfcalc.readers.onnx.modules import Modules
from rfcalc.readers.onnx.operation import Operation, graphs_in, op
from rfcalc.readers.onnx.ops import reader_of
from rfcalc.readers.onnx.sidecar import Said
from rfcalc.readers.onnx.tensors import LONGEST_EXTENT, MOST_AXES, initializer
from rfcalc.readers.onnx.types import output_types
from rfcalc.readers.options import Options
from rfcalc.records import NamedTuple

MALFORMED: Final = (
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    ArithmeticError,
    RecursionError,
)
"""What Python raises where a file holds something else than it should."""

MOST_NODES: Final = 500_000
"""Operations that are read, those of functions and branches included."""

TOO_MANY: Final = f"has more than {MOST_NODES:,} operations"

DEEPEST: Final = 32
"""Functions and branches inside of each other."""

STANDARD: Final = ("", "ai.onnx")


def all_text(*names: object) -> None:
    """Refuse names that are not UTF-8, which the protobuf library hands out as bytes.

    Raises
    ------
    ReadError
    """
    if bytes in map(type, names):
        raise ReadError("is damaged: it holds names that are no text")


class File:
    """What is shared by all graphs of one file.

    Scopes hold it, and it holds none of them: without a cycle all is gone as soon as the graph is read.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        options: Options,
        said: Sequence[Said],
        memory: Memory | None,
        *,
        shapes_hold: bool = False,
    ) -> None:
        self.model = model
        self.options = options
        self.memory = memory
        self.builder = Builder(options.on_unknown)
        self.modules = Modules() if memory is None else memory.modules
        self.reading = None if memory is None else Reading(memory, self.builder)
        self.builder.notes += said
        self.functions = {(f.domain, f.name): f for f in model.functions}
        self.count = 0
        self.resized = bool(options.shapes or options.dims)
        self.native = shapes_hold
        self.shapes_hold = shapes_hold and not self.resized

        if len(model.graph.node) > MOST_NODES:
            raise ReadError(TOO_MANY)

    def spend(self, operations: int = 1) -> int:
        """Count an operation, and refuse to go on without end; return how many there were.

        Raises
        ------
        ReadError
            There are too many.
        """
        self.count += operations
        if self.count > MOST_NODES:
            raise ReadError(TOO_MANY)
        return self.count

    def look(self) -> None:
        """Say that an operation looks at something else than its inputs."""
        if self.reading is not None:
            self.reading.look()


class Scope:
    """The tensors of one graph: the model's own, a function's, or a branch's.

    Parameters
    ----------
    file : File
        The file.
    outer : Scope, optional
        The graph around it, whose tensors it sees.
    opsets : mapping
        The version of each domain.
    prefix : str
        Stands before the names of its operations.
    bound : mapping, optional
        Values of the attributes of a function.
    depth : int
        How many functions and branches are around it.
    """

    def __init__(
        self,
        file: File,
        outer: Scope | None,
        opsets: Mapping[str, int],
        *,
        prefix: str = "",
        bound: Mapping[str, Any] | None = None,
        depth: int = 0,
    ) -> None:
        self.file = file
        self.outer = outer
        self.opsets = opsets
        self.prefix = prefix
        self.bound = bound
        self.depth = depth
        self.values: dict[str, Value] = {}
        self.given: list[Value] = []
        self._recorded: dict[str, tuple[Num, ...]] | None = None
        self._infos: Iterable[onnx.ValueInfoProto] = ()
        if depth > DEEPEST:
            raise ReadError(
                f"functions or branches are nested more than {DEEPEST} deep; do they call themselves?"
            )

    @property
    def runtime(self) -> str | None:
        """The runtime that the model is read for; None for none."""
        return self.file.options.runtime

    @property
    def native(self) -> bool:
        """Whether the model is in the format of that runtime, and read as it alone runs it."""
        return self.file.native

    # ---- tensors -------------------------------------------------------------------------------------------

    def constants(self, graph: onnx.GraphProto) -> None:
        """Take in the constants of a graph."""
        self.infos(graph)
        for tensor in graph.initializer:
            all_text(tensor.name)
            self.values[tensor.name] = initializer(tensor, self.prefix + tensor.name)
        for sparse in graph.sparse_initializer:
            name = sparse.values.name
            dense = onnx.TensorProto(dims=sparse.dims, data_type=sparse.values.data_type, name=name)
            dense.data_location = onnx.TensorProto.EXTERNAL  # its elements are not needed
            self.values[name] = initializer(dense, self.prefix + name)

    def infos(self, graph: onnx.GraphProto) -> None:
        """Take in the shapes that a graph records."""
        self._infos = graph.value_info

    def find(self, name: str, who: str) -> Value:
        """Return a tensor of this graph or of those around it.

        Raises
        ------
        GraphError
            Nobody makes it.
        """
        value = self.seen(name)
        if value is None:
            raise GraphError(f"{who} needs the tensor {name!r}, which nothing makes")
        return value

    def seen(self, name: str) -> Value | None:
        """Return a tensor of this graph or of those around it, or None."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.values.get(name)
            if value is not None:
                return value
            scope = scope.outer
        return None

    def recorded(self, name: str) -> tuple[Num, ...] | None:
        """Return the shape that the file records for a tensor, while the input is the file's own."""
        self.file.look()
        return None if self.file.resized else self._own(name)

    def _own(self, name: str) -> tuple[Num, ...] | None:
        """Return the shape that the file records for a tensor at its own size."""
        if self._recorded is None:
            shapes = ((info.name, shape_of(info)) for info in (*self._infos, *self.file.model.graph.output))
            self._recorded = {name: shape for name, shape in shapes if shape is not None}
        return self._recorded.get(name)

    # ---- operations ----------------------------------------------------------------------------------------

    def run(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Read operations; they should come in order, and are put in order where they do not."""
        memory, reading = self.file.memory, self.file.reading
        if memory is None or reading is None or self.depth:
            for node in _ordered(nodes, self):
                self._step(node)
            return
        operations = memory.operations or memory.ordered(_ordered(nodes, self))
        found = memory.found

        def step(place: int) -> None:
            self.file.spend()
            if place not in found:
                found[place] = self._found(operations.nodes[place])
            self._perform(found[place])

        reading.run(operations, self.values, step, self.file.spend)

    def inline(self, graph: onnx.GraphProto, node: Node) -> tuple[Value, ...]:
        """Read a graph inside of an operation, which sees the tensors around it."""
        self.file.look()
        inner = Scope(
            self.file,
            self,
            self.opsets,
            prefix=f"{node.name}/{graph.name or 'branch'}/",
            bound=self.bound,
            depth=self.depth + 1,
        )
        inner.constants(graph)
        inner.run(graph.node)
        made = [inner.find(each.name, f"the result of {node.name!r}") for each in graph.output]
        return self._handed_out(made, [each.name for each in graph.output], inner, node.outputs)

    def _held_inside(self, graph: onnx.GraphProto, node: Node) -> Iterable[Value]:
        """Return the constants that are weights in a graph that is not read, such as a loop's body."""
        self.file.look()
        inner = Scope(
            self.file,
            self,
            self.opsets,
            prefix=f"{node.name}/{graph.name or 'body'}/",
            depth=self.depth + 1,
        )
        inner.constants(graph)
        for proto in graph.node:
            self.file.spend()
            attributes = attributes_of(proto, self.bound)
            if proto.op_type == "Constant" and hasattr(attributes.get("value"), "dims"):
                name = proto.output[0]
                inner.values[name] = initializer(attributes["value"], inner.prefix + name)
            spare = op.spare.get(proto.op_type, ())
            for place, name in enumerate(proto.input):
                value = inner.seen(name)
                if value is not None and value.weights and place not in spare:
                    yield value
            for each in graphs_in(attributes):
                yield from inner._held_inside(each, node)

    def _step(self, proto: onnx.NodeProto) -> None:
        self.file.spend()
        self._perform(self._found(proto))

    def _found(self, proto: onnx.NodeProto) -> _Found:
        """Return what the file says of an operation."""
        outputs = tuple(proto.output)
        name, kind, domain = proto.name, proto.op_type, proto.domain  # each look at the file costs
        all_text(name, kind, domain, *outputs)
        domain = "" if domain in STANDARD else domain
        op = f"{domain}.{kind}" if domain else kind
        named_by = name or next(filter(None, outputs), "") or op
        named = self.prefix + named_by
        node = Node(named, op, outputs, self.file.modules.of(proto, named))
        return _Found(node, kind, domain, tuple(proto.input), attributes_of(proto, self.bound))

    def _perform(self, found: _Found) -> None:
        """Read an operation."""
        node, values, attributes = found.node, self.values, found.attributes
        inputs = [
            values.get(name) or self.find(name, f"layer {node.name!r}") if name else None
            for name in found.inputs
        ]
        version = self.opsets.get(found.domain, 1)
        types = tuple([None if value is None or value.spec is None else value.spec.dtype for value in inputs])
        to = attributes.get("to")
        to = to if isinstance(to, int) else None  # an attribute of a hostile file may be anything
        dtypes = output_types(found.kind, found.domain, version, types, to, len(node.outputs))
        if dtypes != (types[0] if types else None,):  # as of most operations
            node = node._replace(dtypes=dtypes)
        operation = Operation(self.file.builder, node, found.kind, inputs, attributes, version, self)
        made = self._made(operation, found.domain)
        missing = node.outputs[len(made) :]
        if any(missing):  # an output that the operation is not known to have
            made = (*made, *operation.builder.unknown(node._replace(outputs=missing), operation.given))
        for name, value in zip(node.outputs, made, strict=False):
            if name:
                values[name] = value

    def _made(self, operation: Operation, domain: str) -> tuple[Value, ...]:
        builder = self.file.builder
        layers, notes = len(builder.layers), len(builder.notes)
        why = ""
        try:
            made = self._by_rule(operation, domain)
            why = self._other_shape(operation.node, made) if made is not None else ""
            if made is not None and not why:
                return made
            builder.drop(layers, notes)
        except Undecided as undecided:
            why = str(undecided) or "a number that it needs is computed only when the model runs"
        except Blind:
            return builder.blind(self._known(operation.node), operation.taken)
        except RfcalcError as error:
            error.where = error.where or f"layer {operation.node.name!r}"
            raise
        except MALFORMED as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise AnalysisError(
                f"{operation.op} cannot be read: {reason}", where=f"layer {operation.node.name!r}"
            ) from error
        inside = [value for graph in operation.graphs for value in self._held_inside(graph, operation.node)]
        return builder.unknown(self._known(operation.node), (*operation.taken, *inside), why)

    def _by_rule(self, operation: Operation, domain: str) -> tuple[Value, ...] | None:
        """Return what the rule or the function of an operation makes; None where it has neither."""
        read = reader_of(operation.op, domain)
        if not domain:
            try:
                folded = fold(operation)
            except Undecided as undecided:
                return unfolded(operation, read, undecided)
            if folded is not None:
                return folded
        if read is not None:
            return read(operation)
        function = self.file.functions.get((domain, operation.op))
        return None if function is None else self._call(function, operation)

    def _other_shape(self, node: Node, made: Sequence[Value]) -> str:
        """Say which shape the file records, where that holds and a rule makes another; "" elsewhere.

        It is the same in all readings that share a memory, and so is nothing that an operation looks at.
        """
        if not self.file.shapes_hold:
            return ""
        for name, value in zip(node.outputs, made, strict=False):
            own = self._own(name) if name and value.spec is not None and not value.constant else None
            if own is None or value.data is not None:
                continue
            pairs = zip(value.shape, own, strict=False)
            if len(own) != value.rank or any(equal(a, b) is False for a, b in pairs):
                by_rule, by_file = (runtimes.rows_of(shape) for shape in (value.shape, own))
                return f"the file says that it makes {by_file}; by its rule it would make {by_rule}"
        return ""

    def _known(self, node: Node) -> Node:
        """Add the shapes that the file records, for an operation whose own are not known."""
        return node._replace(recorded=tuple(self.recorded(name) for name in node.outputs))

    def _call(self, function: onnx.FunctionProto, operation: Operation) -> tuple[Value, ...]:
        """Read a local function in the place of its call."""
        self.file.look()
        bound = {each.name: each for each in function.attribute_proto}
        given = {**attributes_of(_Holder(bound.values()), None), **operation.attributes}
        opsets = {
            ("" if each.domain in STANDARD else each.domain): each.version for each in function.opset_import
        }
        inner = Scope(
            self.file, None, opsets, prefix=f"{operation.node.name}/", bound=given, depth=self.depth + 1
        )
        for name, value in zip(function.input, operation.inputs, strict=False):
            if value is not None:
                inner.values[name] = value
                inner.given.append(value)
        inner.run(function.node)
        made = [inner.find(name, f"the result of {operation.node.name!r}") for name in function.output]
        return self._handed_out(made, function.output, inner, operation.node.outputs)

    def _handed_out(
        self, made: Sequence[Value], names: Sequence[str], inner: Scope, outputs: Sequence[str]
    ) -> tuple[Value, ...]:
        """Let tensors that were made inside bear the names that they have outside."""
        for value, name, output in zip(made, names, outputs, strict=False):
            if output and name in inner.values and value not in inner.given:
                self.file.builder.rename(value, output)
        return tuple(made)


class _Found(NamedTuple):
    """What a file says of one operation.

    Parameters
    ----------
    node : Node
        Its name and outputs.
    kind, domain : str
        What it does.
    inputs : tuple of str
        The tensors that it takes.
    attributes : mapping
        Its attributes.
    """

    node: Node
    kind: str
    domain: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class _Holder:
    """Attributes that belong to no node."""

    def __init__(self, attributes: Iterable[onnx.AttributeProto]) -> None:
        self.attribute = attributes


def _ordered(nodes: Sequence[onnx.NodeProto], scope: Scope) -> Iterable[onnx.NodeProto]:
    """Put operations in an order in which producers come first; most files have it already."""
    producers: dict[str, int] = {}
    early: set[str] = set()  # taken before any operation made them
    for place, node in enumerate(nodes):
        early.update([name for name in node.input if name not in producers])
        for name in node.output:
            if name and producers.setdefault(name, place) != place:
                raise GraphError(f"the tensor {name!r} is made by two operations")
    if early.isdisjoint(producers):
        return nodes
    import graphlib

    needs = {
        place: {producers[name] for name in node.input if name in producers}
        for place, node in enumerate(nodes)
    }
    try:
        return [nodes[place] for place in graphlib.TopologicalSorter(needs).static_order()]
    except graphlib.CycleError as error:
        loop = [repr(nodes[place].name or nodes[place].op_type) for place in error.args[1]]
        shown = loop if len(loop) <= 8 else [*loop[:7], "...", loop[-1]]
        raise GraphError(f"the operations form a cycle: {' -> '.join(shown)}") from None


def shape_of(value: onnx.ValueInfoProto) -> tuple[Num, ...] | None:
    """Return the extents of a declared tensor, open ones by name; None where it has no shape."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    if len(kind.shape.dim) > MOST_AXES:
        raise ReadError(f"has {len(kind.shape.dim):,} axes", where=f"tensor {value.name!r}")
    return tuple(_extent(dim, value.name, axis) for axis, dim in enumerate(kind.shape.dim))


def _extent(dim: Any, name: str, axis: int) -> Num:
    if dim.dim_value > 0:
        if dim.dim_value >= LONGEST_EXTENT:
            raise ReadError(f"has an extent of {dim.dim_value}", where=f"tensor {name!r}")
        return int(dim.dim_value)
    all_text(dim.dim_param)
    text = dim.dim_param.strip()
    if text.isdigit() and 0 < int(text) < LONGEST_EXTENT:
        return int(text)
    if not text or not any(letter.isalnum() for letter in text) or text.lstrip("-").isdigit():
        return open_extent(name, axis)
    return named(text)
