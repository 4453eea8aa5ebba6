"""Branches, calls of other graphs, and variables that stay from one call to the next."""

from __future__ import annotations

from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.branches import either
from rfcalc.readers.lowering.layout import channels_last
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.tflite.operation import Operation, op


@op("IF")
def branch(operation: Operation) -> Values:
    """The branch that a known condition takes; else both, where their results have the same shapes."""
    condition, given = operation[0], operation.inputs[1:]
    graphs = [operation.integer(f"{name}SubgraphIndex", -1) for name in ("Then", "Else")]
    if condition.data is not None and condition.data.size:
        taken = graphs[0] if bool(condition.data.reshape(-1)[0]) else graphs[1]
        return operation.scope.inline(taken, operation.node, given)
    inside = operation.node._replace(outputs=())  # the names belong to what comes of both
    first, second = (operation.scope.inline(graph, inside, given) for graph in graphs)
    if len(first) != len(second):
        raise operation.wrong(f"one branch has {len(first)} results, the other {len(second)}")
    return tuple(
        either(operation, k, condition, pair, function="IF")
        for k, pair in enumerate(zip(first, second, strict=True))
    )


@op("CALL", "STABLEHLO_COMPOSITE")
def call(operation: Operation) -> Values:
    """Another graph of the file in the place of the operation."""
    name = "Subgraph" if operation.op == "CALL" else "DecompositionSubgraphIndex"
    return operation.scope.inline(operation.integer(name, -1), operation.node, operation.inputs)


@op("WHILE", "STABLEHLO_WHILE")
def loop(operation: Operation) -> Values:
    """How often it runs is computed: it is unknown, with the weights that its graphs hold."""
    graphs = [operation.integer(f"{name}SubgraphIndex", -1) for name in ("Cond", "Body")]
    held = [value for graph in graphs for value in operation.scope.held_inside(graph)]
    return operation.builder.unknown(operation.node, (*operation.taken, *held))


@op("CALL_ONCE", "ASSIGN_VARIABLE")
def nothing(operation: Operation) -> Values:
    """What a variable is set to is read in the next call."""
    return ()


@op("VAR_HANDLE")
def handle(operation: Operation) -> Values:
    """The name of a variable."""
    return (Value(TensorSpec((), "", "resource")),)


@op("READ_VARIABLE")
def read(operation: Operation) -> Values:
    """What an earlier call left: the end of a map is positions before the first one, all else unknown."""
    if operation.past is not None and operation.shapes[0] is not None:
        shape = operation.shapes[0]  # the concatenation that it goes to is read as padding
        return (Value(TensorSpec(shape, channels_last(len(shape)))),)
    return operation.scope.left(operation.node)
