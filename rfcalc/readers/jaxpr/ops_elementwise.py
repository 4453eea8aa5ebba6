"""Functions of single elements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.jaxpr.program import COMPARED, PAIRED, SAME, SINGLE
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mix import chosen, elementwise
from rfcalc.readers.lowering.value import Value, Values

_NAMES = {"logistic": "sigmoid", "integer_pow": "pow"}
"""What functions are called elsewhere."""


def without_weights(value: Value) -> Value:
    """Return a constant of which no parameter is left, since only what it decides matters."""
    return replace(value, weights=()) if value.constant else value


@op(*SAME, tells="same")
def same(operation: Operation) -> Values:
    """The very tensors, perhaps of another element type."""
    return tuple(
        value if value.spec is None else replace(value, spec=replace(value.spec, dtype=meta.dtype))
        for value, meta in zip(operation.given, operation.call.metas, strict=False)
    )


@op(*SINGLE, "activation", "real", "imag", "conj", tells="same")
def single(operation: Operation) -> Values:
    """A function of each element."""
    attrs: dict[str, Any] = {"function": _NAMES.get(operation.op, operation.op)}
    if operation.op == "activation":
        attrs["function"] = operation.params["function"]
    return operation.add("activation", (operation[0],), attrs)


@op(*PAIRED, tells="same")
def paired(operation: Operation) -> Values:
    """Element by element, stretched to one shape."""
    kind = PAIRED[operation.op]
    x, y = operation[0], operation[1]
    if kind in ("multiply", "divide") and y is x:
        kind = "elementwise"  # a square is no gate
    if kind == "divide" and "int" in operation.call.metas[0].dtype:
        kind = "elementwise"
    return elementwise(operation, kind, operation.given, function=operation.op)


@op(*COMPARED)
def compared(operation: Operation) -> Values:
    """True or false for each element, or bits."""
    inputs = [without_weights(value) for value in operation.given]
    return elementwise(operation, "elementwise", inputs, function=operation.op)


@op("select_n", tells="same")
def select(operation: Operation) -> Values:
    """One of several tensors, as an index for each element says."""
    which, *cases = operation.given
    which = without_weights(which)
    if any(each.spec is None for each in operation.given):
        raise Undecided
    if len(cases) == 2 and which.spec is not None and which.spec.dtype == "bool":
        no, yes = cases
        listed = [value for value in (which, yes, no) if value.edge is not None or value.weights]
        return chosen(operation, which, yes, no, function="where", inputs=listed or [which, yes, no])
    return elementwise(operation, "elementwise", [which, *cases], function="select_n")
