"""Functions of single elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.jaxpr.program import COMPARED, PAIRED, SAME, SINGLE
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mix import chosen, elementwise
from rfcalc.readers.lowering.value import Value, Values

_NAMES = {"logistic": "sigmoid", "integer_pow": "pow"}
"""What functions are called elsewhere."""


_CHOSEN = "which of several tensors is taken is computed from constants that are not evaluated"


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
    alive = _deciding(operation.op, inputs)
    return elementwise(operation, "elementwise", inputs, function=operation.op, alive=alive)


def _deciding(op: str, inputs: Sequence[Value]) -> dict[int, Any] | None:
    """Return which elements an ``and`` or ``or`` with a known constant leaves of the other operand."""
    import numpy as np

    if op not in ("and", "or") or len(inputs) != 2:
        return None
    for place, value in enumerate(inputs):
        if value.edge is None and value.data is not None and inputs[1 - place].edge is not None:
            data = np.asarray(value.data)
            if op == "and":
                return {1 - place: data != 0}
            return {1 - place: ~data} if data.dtype.kind == "b" else None
    return None


@op("select_n", tells="same")
def select(operation: Operation) -> Values:
    """One of several tensors, as an index for each element says."""
    which, *cases = operation.given
    which = without_weights(which)
    if any(each.spec is None for each in operation.given):
        raise Undecided
    only = _only(which, cases)
    if only is not None:
        return (only,)
    if which.constant and which.data is None and sum(not case.constant for case in cases) > 1:
        return operation.cover([case for case in cases if not case.constant], _CHOSEN)
    if len(cases) == 2 and which.spec is not None and which.spec.dtype == "bool":
        no, yes = cases
        listed = [value for value in (which, yes, no) if value.edge is not None or value.weights]
        return chosen(operation, which, yes, no, function="where", inputs=listed or [which, yes, no])
    alive = _picked(which, cases)
    return elementwise(operation, "elementwise", [which, *cases], function="select_n", alive=alive)


def _only(which: Value, cases: Sequence[Value]) -> Value | None:
    """Return the case that a known index takes everywhere; None where it takes several."""
    import numpy as np

    if which.edge is not None or which.data is None:
        return None
    index = np.asarray(which.data).reshape(-1)
    taken = int(index[0]) if index.size and (index == index[0]).all() else -1
    return cases[taken] if 0 <= taken < len(cases) else None


def _picked(which: Value, cases: Sequence[Value]) -> dict[int, Any] | None:
    """Return which elements a known index takes of each case, by its place behind the index."""
    import numpy as np

    if which.edge is not None or which.data is None:
        return None
    index = np.asarray(which.data)
    return {place: index == place - 1 for place in range(1, len(cases) + 1)}
