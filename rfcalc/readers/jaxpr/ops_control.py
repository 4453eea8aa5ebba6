"""Branches, and what no rule knows."""

from __future__ import annotations

from typing import Any

from rfcalc.graph.layer import Extras
from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.jaxpr.program import body_of
from rfcalc.readers.lowering.branches import either
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values

_TAKEN = "which branch is taken is computed from constants that are not evaluated"


@op("cond")
def branch(operation: Operation) -> Values:
    """The branch that a known index takes; else all of them, where their results have the same shapes."""
    index, *given = operation.given
    branches = operation.params["branches"]
    if index.constant and index.data is not None:
        taken = branches[min(max(int(operation.elements(0)), 0), len(branches) - 1)]
        return tuple(operation.inline(taken.jaxpr, taken.consts, given, ()))
    results = [operation.inline(each.jaxpr, each.consts, given, ()) for each in branches]
    made: list[Value] = []
    for place, (first, *others) in enumerate(zip(*results, strict=True)):
        value = first
        for other in others:
            value = either(operation, place, index, (value, other), function="cond")
        if index.constant and value.edge is not None:
            (value,) = operation.add("identity", (value,), {}, Extras(unsure=_TAKEN))
        made.append(value)
    return tuple(made)


@op("while")
def loop(operation: Operation) -> Values:
    """A loop that runs until something holds: its results may depend on all that goes in.

    Raises
    ------
    Undecided
        It multiplies, nobody knows how often.
    """
    if _multiplies(operation.params["body_jaxpr"].jaxpr) or _multiplies(operation.params["cond_jaxpr"].jaxpr):
        raise Undecided
    moving = [value for value in operation.given if value.edge is not None]
    if not moving:
        return operation.fresh()
    return operation.cover(moving, "how often a loop runs is computed")


def _multiplies(jaxpr: Any) -> bool:
    """Tell whether a function holds products or convolutions, or something that may."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ("dot_general", "conv_general_dilated", "ragged_dot", "custom_call"):
            return True
        inner = [each for each in eqn.params.values() if hasattr(each, "eqns")]
        inner += [each for value in eqn.params.values() if isinstance(value, tuple) for each in value]
        body = body_of(eqn.params)
        if body is not None:
            inner.append(body[0])
        if any(_multiplies(getattr(each, "jaxpr", each)) for each in inner if hasattr(each, "eqns")):
            return True
    return False
