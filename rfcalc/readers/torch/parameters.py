"""Which parameters a call takes part of, whatever its reader makes of it."""

from __future__ import annotations

from typing import Final

from rfcalc.graph.layer import Weight
from rfcalc.readers.torch.operation import Operation

SHAPES_ALONE: Final = frozenset(
    (
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided", "zero"),
    )
)
"""Operators that take a tensor for its shape and type alone."""

_LIKE_ANOTHER: Final = frozenset(("expand_as", "view_as", "reshape_as", "type_as", "to"))
"""Operators whose further tensors give a shape or a type alone."""

_HIGHER: Final = "higher_order."
"""Operators that hold graphs, whose calls are read one by one."""


def parameters_of(operation: Operation) -> tuple[Weight, ...]:
    """Return the parameters whose elements a call takes."""
    name = operation.op.partition(".")[2]
    if name in SHAPES_ALONE or operation.op.startswith(_HIGHER):
        return ()
    given = operation.given[:1] if name in _LIKE_ANOTHER else operation.given
    return tuple(dict.fromkeys([weight for value in given for weight in value.weights]))
