"""Graphs inside of operators: branches, and wrappers that change nothing that is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.algebra.number import equal
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Value
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.torch.operation import Operation, Values, op
from rfcalc.readers.torch.program import Program, Ref

HIGHER = "higher_order"


def _arguments(operation: Operation) -> list[Any]:
    """Return what is not a graph: tensors and numbers, those in lists one by one."""
    found: list[Any] = []
    for raw in operation.call.args.values():
        found += raw if isinstance(raw, list) else [raw]
    return found


def _graphs(operation: Operation) -> list[Program]:
    return [raw for raw in operation.call.args.values() if isinstance(raw, Program)]


def _passed(operation: Operation, graph: Program) -> list[Any]:
    """Return what a graph is called with: the last arguments, as many as it takes."""
    rest = [raw for raw in _arguments(operation) if not isinstance(raw, Program)]
    taken = rest[len(rest) - len(graph.inputs) :] if graph.inputs else []
    return [_resolved(operation, raw) for raw in taken]


def _resolved(operation: Operation, raw: Any) -> Any:
    return operation.as_value(raw) if isinstance(raw, Ref) else raw


@op("wrap", "wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", namespace=HIGHER)
@op("wrap_activation_checkpoint", "invoke_subgraph", "strict_mode", "hints_wrapper", namespace=HIGHER)
def wrapped(operation: Operation) -> Values:
    """The graph itself."""
    (graph,) = _graphs(operation)
    return tuple(operation.inline(graph, _passed(operation, graph), operation.node.name))


@op("cond", namespace=HIGHER)
def branch(operation: Operation) -> Values:
    """Both branches, where their results have the same shapes."""
    then, other = _graphs(operation)
    condition = operation.as_value(next(iter(operation.call.args.values())))
    first, second = (
        operation.inline(graph, _passed(operation, graph), operation.node.name) for graph in (then, other)
    )
    return tuple(
        _merged(operation, k, condition, pair) for k, pair in enumerate(zip(first, second, strict=True))
    )


def _merged(operation: Operation, place: int, condition: Value, pair: Sequence[Any]) -> Value:
    """Unite the results of two branches: either may be taken, and the condition decides."""
    node = operation.node._replace(
        outputs=operation.node.outputs[place : place + 1], recorded=operation.node.recorded[place : place + 1]
    )
    values = [operation.as_value(each) for each in pair]
    if any(value.spec is None for value in values) or not _agree(values[0].spec, values[1].spec):
        return operation.builder.unknown(
            node, (*values, condition), "its branches give tensors of different shapes"
        )[0]
    if all(value.constant for value in (*values, condition)):
        return Value(values[0].spec, weights=tuple(dict.fromkeys((*values[0].weights, *values[1].weights))))
    return elementwise(operation.builder, node, "elementwise", (*values, condition), function="cond")[0]


def _agree(a: TensorSpec | None, b: TensorSpec | None) -> bool:
    return (
        a is not None
        and b is not None
        and len(a.shape) == len(b.shape)
        and all(x is y or equal(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    )
