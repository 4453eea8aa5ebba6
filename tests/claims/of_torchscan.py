"""torchscan: the receptive field that its reports show."""

from __future__ import annotations

from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, chain, output_row

CHAINS: dict[str, tuple[Window, ...]] = {
    "one 3x3": (Window(3, 1, 1),),
    "two 3x3": (Window(3, 1, 1), Window(3, 1, 1)),
    "3x3 with stride 2, then 3x3": (Window(3, 2, 1), Window(3, 1, 1)),
}


def found() -> Found:
    """Ask for the report of the last layer, move along its output, and let rfcalc read the chain."""
    import torch
    import torchscan

    from tests.claims.probe import positive, reached

    says, measured, own = Figures(), Figures(), Figures()
    for case, windows in CHAINS.items():
        net = torch.nn.Sequential(
            *(torch.nn.Conv2d(1, 1, kernel, stride, padding) for kernel, stride, padding, _ in windows)
        )
        last = torchscan.crawl_module(net.eval(), (1, 64, 64))["layers"][-1]["metrics"]
        row = output_row(net, (1, 1, 64, 64))
        first, second = (reached(positive(net), (1, 1, 64, 64), 2, place) for place in (10, 11))
        says |= _both(case, int(last["receptive_field"]["value"]), int(last["effective_stride"]["value"]))
        measured |= _both(case, first.last - first.first + 1, second.first - first.first)
        own |= _both(case, int(row.receptive_field[0]), int(row.effective_stride[0]))
    return Found(says, measured, own)


def _both(case: str, field: int, stride: int) -> Figures:
    return {f"{case}: field": field, f"{case}: stride": stride}


def ours() -> Figures:
    """Ask rfcalc of the same chains."""
    figures = Figures()
    for case, windows in CHAINS.items():
        row: Any = rfcalc.analyze(chain(windows, None)).rows[-1]
        figures |= _both(case, int(row.receptive_field[0]), int(row.effective_stride[0]))
    return figures


CLAIM = Claim(
    "torchscan",
    "torchscan",
    "torchscan",
    '`crawl_module(...)`, "receptive_field" and "effective_stride" of the last layer',
    "`rfcalc.analyze(...)`, the field and the effective stride",
    "They are the window and the stride of each layer alone, and nothing adds them up along a network.",
    found,
    ours,
)
