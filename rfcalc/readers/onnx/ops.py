"""All operations that are known; importing this registers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rfcalc.readers.lowering.value import Values
from rfcalc.readers.onnx import (  # noqa: F401  each module registers its operations
    ops_contrib,
    ops_control,
    ops_elementwise,
    ops_mix,
    ops_norm,
    ops_quantized,
    ops_recurrent,
    ops_resample,
    ops_shape,
    ops_signal,
    ops_window,
)
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op

reader_of: Final = op.reader


def known() -> Mapping[tuple[str, str], Callable[[Operation], Values]]:
    """Return what reads each operation of ONNX, by its domain and its name."""
    return {key: reader for key, reader in op.readers.items() if key[0] in ("", MICROSOFT)}
