"""All primitives that the reader knows; importing this module registers them."""

from __future__ import annotations

from typing import Final

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
from rfcalc.readers.jaxpr.operation import op

known: Final = op.readers
reader_of: Final = op.reader
