"""MONAI: the size that comes out of a window."""

from __future__ import annotations

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import output_row

CASES = {"6 rows, window 3, stride 2": False, "the same, pooled with ceil_mode=True": True}


def found() -> Found:
    """Ask the function, and the pooling layer."""
    import torch
    from monai.networks.layers.convutils import calculate_out_shape

    says, measured, own = Figures(), Figures(), Figures()
    for case, ceil in CASES.items():
        layer = torch.nn.MaxPool1d(3, 2, ceil_mode=ceil)
        says[case] = int(calculate_out_shape(6, 3, 2, 0)[0])
        measured[case] = layer(torch.zeros(1, 1, 6)).shape[-1]
        own[case] = int(output_row(layer, (1, 1, 6)).output_shape[-1])
    return Found(says, measured, own)


def ours() -> Figures:
    """Ask rfcalc of the pooling."""
    rows = Figures()
    for case, ceil in CASES.items():
        layer = {"kind": "max_pool", "kernel": 3, "stride": 2, "ceil": ceil}
        rows[case] = int(
            rfcalc.analyze({"rfcalc": 1, "input": [6, 1], "layers": [layer]}).rows[-1].spatial[0]
        )
    return rows


CLAIM = Claim(
    "monai",
    "monai",
    "monai",
    "`calculate_out_shape(6, 3, 2, 0)`",
    "`rfcalc.analyze(...)`, the output shape",
    "Right for convolutions. It cannot be told of ceil mode, and then says one row less.",
    found,
    ours,
)
