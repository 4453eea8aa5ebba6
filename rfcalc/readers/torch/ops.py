"""All operators that the reader knows; importing this module registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rfcalc.readers.lowering.value import Values
from rfcalc.readers.torch import (  # noqa: F401  each module registers its operators
    ops_attention,
    ops_control,
    ops_create,
    ops_elementwise,
    ops_index,
    ops_mix,
    ops_norm,
    ops_quantized,
    ops_recurrent,
    ops_resample,
    ops_shape,
    ops_signal,
    ops_window,
)
from rfcalc.readers.torch.operation import Operation, op

known: Final = op.readers


def reader_of(name: str) -> Callable[[Operation], Values] | None:
    """Return what reads an operator, by its namespace and its name, or None."""
    space, _, own = name.partition(".")
    return op.reader(own, space)
