"""The U-Nets of csbdeep and StarDist, rebuilt in PyTorch, and by how much their tiles overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def unet(depth: int, kernel: int, pool: int, *, grid: int = 1, after: int = 0, axes: int = 1) -> Any:
    """Return csbdeep's `unet_block`, with one channel a map.

    Parameters
    ----------
    depth, kernel, pool : int
        How often it pools, and the windows.
    grid : int
        By what power of two the input is reduced before, two convolutions and a maximum a time.
    after : int
        How many convolutions follow.
    axes : int
        Over how many axes.
    """
    import torch
    from torch import nn

    convolution = {1: nn.Conv1d, 2: nn.Conv2d}[axes]
    pooling = {1: nn.MaxPool1d, 2: nn.MaxPool2d}[axes]

    def convs(channels: int, count: int = 2) -> nn.Sequential:
        sizes = [channels, *[1] * (count - 1)] if count else []
        layers = (convolution(size, 1, kernel, padding=kernel // 2, bias=False) for size in sizes)
        return nn.Sequential(*(layer for conv in layers for layer in (conv, nn.ReLU())))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            halvings = grid.bit_length() - 1
            self.before = nn.Sequential(*(nn.Sequential(convs(1), pooling(2)) for _ in range(halvings)))
            self.down = nn.ModuleList(convs(1) for _ in range(depth))
            self.pool = pooling(pool)
            self.middle = convs(1)
            self.up = nn.ModuleList(convs(2) for _ in range(depth))
            self.after = convs(1, after)

        def forward(self, x: Any) -> Any:
            x = self.before(x)
            kept = []
            for each in self.down:
                kept.append(each(x))
                x = self.pool(kept[-1])
            x = self.middle(x)
            for each in self.up:
                x = each(torch.cat([nn.functional.interpolate(x, scale_factor=float(pool)), kept.pop()], 1))
            return self.after(x)

    return Net().eval()


def overlap(net: Callable[[Any], Any], block: int, guess: int, grid: int = 1) -> int:
    """Measure what the rows of one aligned block read beyond it, on the side where that is more.

    The output has a row for `grid` rows of the input.
    """
    from tests.claims.probe import reached

    def every_row(x: Any) -> Any:
        return net(x).repeat_interleave(grid, 2)

    start = (2 * guess // block + 2) * block
    reads = [
        reached(every_row, (1, 1, 2 * start + block), 2, row) for row in range(start, start + block, grid)
    ]
    before = start - min(read.first for read in reads)
    return max(before, max(read.last for read in reads) - (start + block - 1))
