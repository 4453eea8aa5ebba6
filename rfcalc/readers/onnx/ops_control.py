"""Constants and branches."""

from __future__ import annotations

from rfcalc.readers.lowering.branches import either
from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx.operation import Operation, op
from rfcalc.readers.onnx.tensors import initializer


@op("Constant")
def constant(operation: Operation) -> Values:
    """A tensor in the node itself."""
    from rfcalc.readers.onnx.attributes import attribute_array

    name = operation.node.outputs[0] if operation.node.outputs else operation.node.name
    tensor = operation.attributes.get("value")
    if hasattr(tensor, "dims"):
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
        either(operation, k, condition, pair, function="If")
        for k, pair in enumerate(zip(first, second, strict=True))
    )
