"""CSBDeep: by how much the tiles of its U-Nets overlap."""

from __future__ import annotations

from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import halo, unet

CASES = {
    f"depth {depth}, kernel {kernel}, pool {pool}": (depth, kernel, pool)
    for depth, kernel, pool in (
        (1, 3, 2), (2, 3, 2), (3, 3, 2), (4, 3, 2), (1, 5, 2), (2, 5, 2), (3, 5, 2), (1, 7, 2),
        (2, 7, 2), (2, 7, 4), (3, 7, 4),
    )
}  # fmt: skip


def found() -> Found:
    """Ask the function, run such a U-Net, and let rfcalc read it."""
    from csbdeep.internals.predict import tile_overlap

    from tests.claims.probe import positive

    says, measured, own = Figures(), Figures(), Figures()
    for case, (depth, kernel, pool) in CASES.items():
        net = positive(_net(depth, kernel, pool))
        says[case] = tile_overlap(depth, kernel, pool)
        measured[case] = _overlap(net, pool**depth, says[case])
        own[case] = halo(rfcalc.from_torch(net.float(), [(1, 1, pool**depth * 4)], dynamic=True))
    return Found(says, measured, own)


def _net(depth: int, kernel: int, pool: int) -> Any:
    """Return the U-Net of csbdeep's unet_block in PyTorch, over one axis, with one channel a map."""
    import torch
    from torch import nn

    def level(channels: int) -> nn.Sequential:
        convs = (nn.Conv1d(before, 1, kernel, padding=kernel // 2, bias=False) for before in (channels, 1))
        return nn.Sequential(*(layer for conv in convs for layer in (conv, nn.ReLU())))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(level(1) for _ in range(depth))
            self.middle = level(1)
            self.up = nn.ModuleList(level(2) for _ in range(depth))

        def forward(self, x: Any) -> Any:
            kept = []
            for each in self.down:
                kept.append(each(x))
                x = nn.functional.max_pool1d(kept[-1], pool)
            x = self.middle(x)
            for each in self.up:
                x = each(torch.cat([nn.functional.interpolate(x, scale_factor=float(pool)), kept.pop()], 1))
            return x

    return Net().eval()


def _overlap(net: Any, block: int, guess: int) -> int:
    """Measure what the rows of one aligned block read beyond it, on the side where that is more."""
    from tests.claims.probe import reached

    start = (2 * guess // block + 2) * block
    reads = [reached(net, (1, 1, 2 * start), 2, row) for row in range(start, start + block)]
    before = start - min(read.first for read in reads)
    return max(before, max(read.last for read in reads) - (start + block - 1))


def ours() -> Figures:
    """Ask rfcalc for the halo of the same U-Nets."""
    return {case: halo(unet(*settings)) for case, settings in CASES.items()}


CLAIM = Claim(
    "csbdeep",
    "csbdeep",
    "csbdeep",
    "`csbdeep.internals.predict.tile_overlap`",
    "`rfcalc.tiles(...)`, the halo",
    "Enough, and mostly exact, for tiles that start at multiples of the pooling, as its own do (its "
    "`unet_block` was rebuilt in PyTorch; the function needs no TensorFlow). Four of these cases "
    "overlap by a few rows more than is read.",
    found,
    ours,
    more_is_safe=True,
)
