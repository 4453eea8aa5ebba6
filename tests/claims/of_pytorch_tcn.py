"""pytorch-tcn: how far its padding says that it looks."""

from __future__ import annotations

from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found

KERNEL, DILATIONS = 4, (1, 2, 4, 8)
MODELS = {"causal": True, "not causal": False}


def found() -> Found:
    """Add the padding of the layers up, change the input, and let rfcalc read the models."""
    from pytorch_tcn import TCN
    from pytorch_tcn.pad import TemporalPad1d

    from tests.claims.probe import positive, reached

    says, measured, own = Figures(), Figures(), Figures()
    for name, causal in MODELS.items():
        model = TCN(1, [2] * len(DILATIONS), kernel_size=KERNEL, causal=causal, dropout=0.0).eval()
        pads = [each for each in model.modules() if isinstance(each, TemporalPad1d)]
        row = 200
        reach = reached(positive(model), (1, 1, 2 * row), 2, row)
        padded = [sum(each.left_padding for each in pads), sum(each.right_padding for each in pads)]
        says |= _sides(name, *padded)
        measured |= _sides(name, row - reach.first, reach.last - row)
        own |= _halo(name, rfcalc.from_torch(model.float(), [(1, 1, 2 * row)], dynamic=True))
    return Found(says, measured, own)


def _sides(name: str, before: int, after: int) -> Figures:
    return {f"{name}, steps before": before, f"{name}, steps after": after}


def _halo(name: str, model: Any) -> Figures:
    (axis,) = rfcalc.tiles(model).axes
    return _sides(name, int(axis.before), int(axis.after))


def ours() -> Figures:
    """Ask rfcalc for the halo of the same convolutions, two a dilation."""
    figures = Figures()
    for name, causal in MODELS.items():
        layers = []
        for dilation in DILATIONS:
            reach = (KERNEL - 1) * dilation
            padding = [reach, 0] if causal else [reach // 2, reach - reach // 2]
            conv = {"filters": 1, "kernel": KERNEL, "dilation": dilation, "padding": [padding]}
            layers.extend([{"kind": "conv", **conv}] * 2)
        figures |= _halo(name, {"rfcalc": 1, "input": [None, 1], "layers": layers})
    return figures


CLAIM = Claim(
    "pytorch-tcn",
    "pytorch-tcn",
    "pytorch_tcn",
    "`TemporalPad1d.left_padding` and `right_padding`, summed over the layers",
    "`rfcalc.tiles(...)`, the halo",
    "Right. It has no figure for the whole field; the padding of its layers adds up to it, and what "
    "streaming keeps in buffers is as long.",
    found,
    ours,
)
