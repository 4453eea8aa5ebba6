"""The graphs of a TensorFlow Lite file: the tensors of each, and its operations, read one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.errors import AnalysisError, GraphError, ReadError, RfcalcError
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Builder, Node, Undecided
from rfcalc.readers.lowering.inputs import open_extent
from rfcalc.readers.lowering.layout import channels_last
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.options import Options
from rfcalc.readers.tflite.file import CUSTOM, MALFORMED, Model, Operator, Subgraph, Tensor
from rfcalc.readers.tflite.flat import damaged
from rfcalc.readers.tflite.folding import fold
from rfcalc.readers.tflite.names import layer_name, modules_around
from rfcalc.readers.tflite.operation import Operation
from rfcalc.readers.tflite.operation import op as known
from rfcalc.readers.tflite.ops import reader_of
from rfcalc.readers.tflite.streams import Rates, Stream, streams_of
from rfcalc.readers.tflite.tensors import constant

MOST_NODES: Final = 500_000
"""Operations that are read, those of called graphs included."""

DEEPEST: Final = 32
"""Graphs that call each other."""

_LEFT: Final = "it holds what earlier calls left, which is not followed"


class File:
    """What is shared by all graphs of one file.

    Parameters
    ----------
    model : Model
        What the file says.
    options : Options
        What the user says.
    constants : dict
        The constants of each graph by tensor, as far as they were read, for all readings of the file.
    """

    def __init__(self, model: Model, options: Options, constants: dict[int, dict[int, Value]]) -> None:
        self.model = model
        self.options = options
        self.builder = Builder(options.on_unknown)
        self.given: list[Value] = []
        """The inputs of the model, as they are while it is read."""
        self.count = 0
        self._constants = constants

    def spend(self) -> None:
        """Count an operation, and refuse to go on without end.

        Raises
        ------
        ReadError
            There are too many.
        """
        self.count += 1
        if self.count > MOST_NODES:
            raise ReadError(f"has more than {MOST_NODES:,} operations")

    def graph(self, place: int) -> Subgraph:
        """Return one of the graphs.

        Raises
        ------
        ReadError
            There is none of that number.
        """
        if not 0 <= place < len(self.model.subgraphs):
            raise damaged(f"there is no subgraph {place}")
        return self.model.subgraphs[place]

    def constants(self, place: int) -> dict[int, Value]:
        """Return the constants of a graph, by tensor."""
        if place not in self._constants:
            self._constants[place] = self._found_constants(place)
        return self._constants[place]

    def _found_constants(self, place: int) -> dict[int, Value]:
        graph = self.graph(place)
        made = {tensor for op in graph.operators for tensor in op.outputs} | set(graph.inputs)
        names = Counter(each.name for each in graph.tensors)
        found = {}
        for op in graph.operators:
            for number in (*op.inputs, *graph.outputs):
                if number < 0 or number in made or number in found:
                    continue
                tensor = graph.tensors[number]
                if tensor.variable:
                    continue
                single = names[tensor.name] == 1 and not place
                identity = tensor.name if single else f"{tensor.name}#{place}.{number}"
                value = constant(self.model, tensor, identity)
                if value is not None:
                    found[number] = value
        return found


class Scope:
    """The tensors of one graph: the model's own, or one that it calls.

    Parameters
    ----------
    file : File
        The file.
    place : int
        Which of its graphs.
    prefix : str
        Stands before the names of its operations.
    depth : int
        How many graphs are around it.
    """

    def __init__(self, file: File, place: int, *, prefix: str = "", depth: int = 0) -> None:
        if depth > DEEPEST:
            raise ReadError(f"its graphs call each other more than {DEEPEST} deep; do they call themselves?")
        self.file = file
        self.subgraph = file.graph(place)
        self.prefix = prefix
        self.depth = depth
        self.values: dict[int, Value] = dict(file.constants(place))
        self.streams: dict[int, Stream] = {}
        self._rates: dict[int, Rates] = {}
        if not depth:
            self._find_streams()

    def _find_streams(self) -> None:
        """Find the variables of the model's own graph that keep the end of a map."""
        if not any(op.op == "READ_VARIABLE" for op in self.subgraph.operators):
            return
        integers = {
            tensor: tuple(value.data.reshape(-1).tolist())
            for tensor, value in self.values.items()
            if value.data is not None and value.data.dtype.kind in "iu"
        }
        for stream in streams_of(self.subgraph, integers):
            self.streams[stream.read] = self.streams[stream.joint] = stream

    # ---- tensors -------------------------------------------------------------------------------------------

    def find(self, tensor: int, who: str) -> Value:
        """Return a tensor.

        Raises
        ------
        GraphError
            Nobody makes it.
        """
        value = self.values.get(tensor)
        if value is not None:
            return value
        said = self.subgraph.tensors[tensor]
        if said.variable:  # its elements are zero before the first call
            return Value(_empty(said))
        raise GraphError(f"{who} needs the tensor {said.name!r}, which nothing makes")

    # ---- operations ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read the operations, which stand in the order in which they run."""
        for place, op in enumerate(self.subgraph.operators):
            self.file.spend()
            self._step(place, op)

    def _step(self, place: int, op: Operator) -> None:
        outputs = [each for each in op.outputs if each >= 0]
        tensors = [self.subgraph.tensors[each] for each in outputs]
        kind = op.custom or op.op
        name = self.prefix + layer_name(tensors[0].name if tensors else "", kind)
        node = Node(
            name,
            kind,
            tuple([each.name for each in tensors]),
            modules_around(name) if "/" in name else (),
            recorded=tuple([self._recorded(each) for each in tensors]),
            dtypes=tuple([each.dtype for each in tensors]),
        )
        values = self.values
        inputs = [
            None if each < 0 else values.get(each) or self.find(each, f"layer {name!r}") for each in op.inputs
        ]
        stream = self.streams.get(place)
        operation = Operation(
            self.file.builder,
            node,
            op.op,
            inputs,
            op.settings,
            [each.signature if each.ranked else None for each in tensors],
            self,
            None if stream is None else stream.size,
        )
        made = self._made(operation)
        missing = node.outputs[len(made) :]
        if missing:  # an output that the operation is not known to have
            left = node._replace(outputs=missing, recorded=node.recorded[len(made) :])
            made = (*made, *operation.builder.unknown(left, operation.given))
        values.update(zip(outputs, made, strict=False))

    def _made(self, operation: Operation) -> Values:
        builder = self.file.builder
        why = ""
        try:
            read = None if operation.op == CUSTOM else reader_of(operation.op)
            if read is not None:
                folded = fold(operation)
                return read(operation) if folded is None else folded
        except Undecided as undecided:
            why = str(undecided) or "a number that it needs is computed only when the model runs"
        except Blind:
            return builder.blind(operation.node, operation.taken)
        except RfcalcError as error:
            error.where = error.where or f"layer {operation.node.name!r}"
            raise
        except MALFORMED as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise AnalysisError(
                f"{operation.op} cannot be read: {reason}", where=f"layer {operation.node.name!r}"
            ) from error
        return operation.unknown(why)

    def _recorded(self, tensor: Tensor) -> tuple[Num, ...] | None:
        """Return the shape that the file records for a tensor, while the input is the file's own."""
        options = self.file.options
        if not tensor.ranked or options.shapes or options.dims:
            return None
        return tensor.signature if -1 not in tensor.signature else extents(tensor.name, tensor.signature)

    # ---- what operations ask -------------------------------------------------------------------------------

    def inline(self, subgraph: int, node: Node, inputs: Sequence[Value | None]) -> Values:
        """Read another graph of the file in the place of an operation."""
        inner = Scope(self.file, subgraph, prefix=f"{node.name}/", depth=self.depth + 1)
        for tensor, value in zip(inner.subgraph.inputs, inputs, strict=False):
            if value is not None:
                inner.values[tensor] = value
        inner.run()
        given = {id(value) for value in inputs}
        made = tuple(inner.find(each, f"the result of {node.name!r}") for each in inner.subgraph.outputs)
        for value, output in zip(made, node.outputs, strict=False):
            if id(value) not in given:
                self.file.builder.rename(value, output)
        return made

    def held_inside(self, subgraph: int) -> Iterable[Value]:
        """Return the constants that are weights in a graph that is not read, such as a loop's body."""
        values = self.file.constants(subgraph)
        for each in self.file.graph(subgraph).operators:
            self.file.spend()
            for place, tensor in enumerate(each.inputs):
                value = values.get(tensor)
                if value is not None and value.weights and place not in known.spare.get(each.op, ()):
                    yield value

    def left(self, node: Node) -> Values:
        """Return what earlier calls left: of what is not followed anything may depend on it."""
        return self.file.builder.unknown(node, self.file.given, _LEFT)

    def steady(self, value: Value, axis: int) -> bool:
        """Tell whether a map goes on along an axis from one call to the next."""
        rates = self._rates.setdefault(axis, Rates(self.file.builder, axis))
        return rates.steady(value.edge)


def extents(name: str, shape: Sequence[int]) -> tuple[Num, ...]:
    """Return the extents of a tensor, open ones by name."""
    return tuple(open_extent(name, axis) if n < 0 else n for axis, n in enumerate(shape))


def _empty(tensor: Tensor) -> TensorSpec:
    return TensorSpec(tensor.shape, channels_last(len(tensor.shape)), tensor.dtype)
