"""All operators that the reader knows; importing this module registers them."""

from __future__ import annotations

from collections.abc import Mapping

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
from rfcalc.readers.torch.operation import READERS, Reader


def reader_of(name: str) -> Reader | None:
    """Return what reads an operator, or None."""
    return READERS.get(name)


def known() -> Mapping[str, Reader]:
    """Return what reads each operator, by its namespace and its name."""
    return READERS
