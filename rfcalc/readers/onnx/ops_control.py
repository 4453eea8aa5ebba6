"""Constants and branches."""

from __future__ import annotations

from rfcalc.algebra.number import equal
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.builder import Value
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.onnx.operation import Operation, Values, op
from rfcalc.readers.onnx.tensors import initializer


@op("Constant")
def constant(operation: Operation) -> Values:
    """A tensor in the node itself."""
    from rfcalc.readers.onnx.attributes import attribute_array

    name = operation.node.outputs[0] if operation.node.outputs else operation.node.name
    tensor = operation.attributes.get("value:proto")
    if tensor is not None:
        return (initializer(tensor, name),)
    return (attribute_array(operation.attributes, name),)


@op("If")
def branch(operation: Operation) -> Values:
    """The branch that a known condition takes; else both, where their results have the same shapes."""
    then, other = operation.attributes.get("then_branch"), operation.attributes.get("else_branch")
    condition = operation[0]
    if not hasattr(then, "node") or not hasattr(other, "node"):
        raise operation.wrong("needs the graphs then_branch and else_branch")
    if condition.data is not None:
        taken = then if bool(condition.data.reshape(-1)[0]) else other
        return operation.scope.inline(taken, operation.node)
    inside = operation.node._replace(outputs=())  # the names belong to what comes of both
    first, second = (operation.scope.inline(graph, inside) for graph in (then, other))
    if len(first) != len(second):
        raise operation.wrong(f"one branch has {len(first)} results, the other {len(second)}")
    return tuple(
        _merged(operation, k, condition, pair) for k, pair in enumerate(zip(first, second, strict=True))
    )


def _merged(operation: Operation, place: int, condition: Value, pair: tuple[Value, Value]) -> Value:
    """Unite the results of two branches: either may be taken, and the condition decides."""
    node = operation.node._replace(outputs=operation.node.outputs[place : place + 1])
    if any(value.spec is None for value in pair) or not _agree(pair[0].spec, pair[1].spec):
        why = "its branches give tensors of different shapes"
        return operation.builder.unknown(node, (*pair, condition), why)[0]
    if all(value.constant for value in (*pair, condition)):
        return Value(pair[0].spec, weights=tuple(dict.fromkeys((*pair[0].weights, *pair[1].weights))))
    return elementwise(operation.builder, node, "elementwise", (*pair, condition), function="If")[0]


def _agree(a: TensorSpec | None, b: TensorSpec | None) -> bool:
    return (
        a is not None
        and b is not None
        and len(a.shape) == len(b.shape)
        and all(x is y or equal(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    )
