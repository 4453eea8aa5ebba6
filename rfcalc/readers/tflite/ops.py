"""All operations that are known; importing this registers them."""

from __future__ import annotations

from typing import Final

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
from rfcalc.readers.tflite.operation import op

known: Final = op.readers
reader_of: Final = op.reader
