"""All primitives that the reader knows; importing this module registers them."""

from __future__ import annotations

from collections.abc import Mapping

from rfcalc.readers.jaxpr import (  # noqa: F401  each module registers its primitives
    ops_control,
    ops_create,
    ops_elementwise,
    ops_index,
    ops_loop,
    ops_mix,
    ops_shape,
    ops_window,
)
from rfcalc.readers.jaxpr.operation import READERS, Reader


def reader_of(name: str) -> Reader | None:
    """Return what reads a primitive, or None."""
    return READERS.get(name)


def known() -> Mapping[str, Reader]:
    """Return what reads each primitive, by its name."""
    return READERS
