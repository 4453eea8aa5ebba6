"""What comes of two branches, of which the model takes one when it runs."""

from __future__ import annotations

from rfcalc.algebra.number import equal
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Value


def either(
    operation: Lowering, place: int, condition: Value, pair: tuple[Value, Value], *, function: str
) -> Value:
    """Unite one result of two branches, at `place` among the node's outputs: the condition decides.

    Where the two have different shapes, or it is not known whether they have, the result is unknown.
    """
    builder, whole = operation.builder, operation.node
    node = whole._replace(
        outputs=whole.outputs[place : place + 1], recorded=whole.recorded[place : place + 1]
    )
    first, second = pair
    if first.spec is None or second.spec is None or not _agree(first.spec, second.spec):
        return builder.unknown(node, (*pair, condition), "its branches give tensors of different shapes")[0]
    if condition.spec is None:
        return builder.blind(node, (*pair, condition))[0]
    if all(value.constant for value in (*pair, condition)):
        return Value(first.spec, weights=tuple(dict.fromkeys((*first.weights, *second.weights))))
    return elementwise(operation.at(node), "elementwise", (*pair, condition), function=function)[0]


def _agree(a: TensorSpec, b: TensorSpec) -> bool:
    return len(a.shape) == len(b.shape) and all(
        x is y or equal(x, y) for x, y in zip(a.shape, b.shape, strict=True)
    )
