"""What the last tensor of a module depends on, measured by changing one index of the input at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import rfcalc
from rfcalc.graph.graph import LayerGraph


class Between(nn.Module):
    """A function of a sequence (sample, position, feature) between two convolutions of one position.

    Parameters
    ----------
    function : callable
        The function, which also takes this module.
    channels : int
        Features.
    after : int, optional
        Features behind the function; as many unless said otherwise.
    first : bool
        Whether the function takes channels first, as convolutions do.
    """

    def __init__(
        self, function: Callable[..., Tensor], channels: int = 3, after: int = 0, *, first: bool = False
    ) -> None:
        super().__init__()
        self.before, self.behind = nn.Conv1d(channels, channels, 1), nn.Conv1d(after or channels, 2, 1)
        self.around = nn.Conv1d(channels, channels, 3, padding=1)
        self.function, self.first = function, first

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        x = self.function(x, self) if self.first else self.function(x.transpose(1, 2), self).transpose(1, 2)
        return self.behind(x)


def changed_rows(module: Any, shape: tuple[int, ...], axis: int, along: int) -> list[int]:
    """Return for each index `along` the result which indices of an axis of the input it reads, as bits."""
    rows: list[int] = []
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(shape, dtype=torch.float64)
        with torch.no_grad():
            for each in module.parameters():
                each.copy_(torch.randn(each.shape, dtype=each.dtype))
            usual = module(x)
            rows = rows or [0] * usual.shape[along]
            for j in range(shape[axis]):
                other = x.clone()
                other.select(axis, j).copy_(torch.randn_like(other.select(axis, j)))
                moved = (module(other) != usual).movedim(along, 0).flatten(1).any(1)
                rows = [row | int(each) << j for row, each in zip(rows, moved, strict=True)]
    return rows


def read(module: Any, shape: tuple[int, ...]) -> LayerGraph:
    """Read an exported module, without the warnings of exporting it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rfcalc.from_torch(module, [shape])


def check_rows(module: Any, shape: tuple[int, ...], status: str = "exact") -> None:
    """Compare the rows of the last layer along the one spatial axis with what was measured.

    Exact rows have to be those, a bound has to hold them; and verification must agree.
    """
    module = module.double().eval()
    graph = read(module, shape)
    last = list(graph)[-1].name
    (axis,) = rfcalc.field(graph, last).axes
    measured = changed_rows(module, shape, len(shape) - 1, len(shape) - 1)
    said = [axis.masks[0]] * len(measured) if len(axis.masks) == 1 else list(axis.masks)
    assert axis.status == status
    assert rfcalc.analyze(graph).rows[-1].status == status
    if status == "exact":
        assert said == measured
    else:
        assert len(said) == len(measured)
        assert all(a & b == b for a, b in zip(said, measured, strict=True))
    found = rfcalc.verify(graph)
    assert found.holds, found.differences
