"""All operators that the reader knows; importing this module registers them."""

from rfcalc.readers.torch import (  # noqa: F401  each module registers its operators
    ops_attention,
    ops_control,
    ops_create,
    ops_elementwise,
    ops_index,
    ops_mix,
    ops_norm,
    ops_recurrent,
    ops_resample,
    ops_shape,
    ops_signal,
    ops_window,
)
