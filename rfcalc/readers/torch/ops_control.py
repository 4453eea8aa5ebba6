"""Graphs inside of operators: branches, and wrappers that change nothing that is computed."""

from __future__ import annotations

from typing import Any

from rfcalc.readers.lowering.branches import either
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.torch.operation import Operation, op
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


@op("wrap", "wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", domain=HIGHER)
@op("wrap_activation_checkpoint", "invoke_subgraph", "strict_mode", "hints_wrapper", domain=HIGHER)
def wrapped(operation: Operation) -> Values:
    """The graph itself."""
    (graph,) = _graphs(operation)
    return tuple(operation.inline(graph, _passed(operation, graph), operation.node.name))


@op("cond", domain=HIGHER)
def branch(operation: Operation) -> Values:
    """Both branches, where their results have the same shapes."""
    then, other = _graphs(operation)
    condition = operation.as_value(next(iter(operation.call.args.values())))
    first, second = (
        operation.inline(graph, _passed(operation, graph), operation.node.name) for graph in (then, other)
    )
    return tuple(
        either(
            operation,
            k,
            condition,
            (operation.as_value(a), operation.as_value(b)),
            function="cond",
        )
        for k, (a, b) in enumerate(zip(first, second, strict=True))
    )
