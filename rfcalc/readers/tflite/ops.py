"""All operations that are known; importing this registers them."""

from __future__ import annotations

from collections.abc import Mapping

from rfcalc.readers.tflite import (  # noqa: F401  each module registers its operations
    ops_control,
    ops_elementwise,
    ops_mix,
    ops_recurrent,
    ops_resample,
    ops_shape,
    ops_signal,
    ops_window,
)
from rfcalc.readers.tflite.operation import READERS, Reader


def reader_of(name: str) -> Reader | None:
    """Return what reads an operation, or None."""
    return READERS.get(name)


def known() -> Mapping[str, Reader]:
    """Return what reads each operation, by its name."""
    return READERS
