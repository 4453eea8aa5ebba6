"""Fields of attention in shifted windows, as of Swin, whose masks hide what a shift brought together.

The truth is measured: gradients in double precision of every unit of the last map, whose largest extent is
taken. Maps are large enough that a field of that size lies inside of them.
"""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

WIDTH = 4


def _shifted(x: Any, moves: tuple[int, int], *, by_roll: bool) -> Any:
    """Move a map (N, H, W, C) around its borders, as `torch.roll` does or put together of two slices."""
    if by_roll:
        return torch.roll(x, moves, (1, 2))
    for axis, move in zip((1, 2), moves, strict=True):
        extent = x.shape[axis]
        if move % extent:
            cut = extent - move % extent
            x = torch.cat([x.narrow(axis, cut, extent - cut), x.narrow(axis, 0, cut)], axis)
    return x


class Block(torch.nn.Module):
    """Attention in windows that were shifted and are shifted back, added to what it was given."""

    def __init__(
        self,
        size: tuple[int, int],
        window: tuple[int, int],
        shift: tuple[int, int],
        *,
        by_roll: bool,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.window, self.shift, self.by_roll, self.residual = (
            size,
            window,
            shift,
            by_roll,
            residual,
        )
        self.qkv = torch.nn.Linear(WIDTH, 3 * WIDTH)
        region = torch.zeros(size)
        for number, (rows, columns) in enumerate(
            (rows, columns) for rows in self._strips(0) for columns in self._strips(1)
        ):
            region[rows, columns] = number
        token = self._partitioned(region[None, :, :, None])[..., 0]
        apart = token[:, None, :] != token[:, :, None]
        self.register_buffer("mask", torch.zeros(apart.shape).masked_fill(apart, -torch.inf))

    def _strips(self, axis: int) -> list[slice]:
        window, shift = self.window[axis], self.shift[axis]
        if not shift:
            return [slice(None)]
        return [slice(0, -window), slice(-window, -shift), slice(-shift, None)]

    def _partitioned(self, x: Any) -> Any:
        (height, width), (h, w) = self.size, self.window
        x = x.reshape(x.shape[0], height // h, h, width // w, w, x.shape[-1])
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h * w, x.shape[-1])

    def forward(self, x: Any) -> Any:
        (height, width), (h, w) = self.size, self.window
        back = (-self.shift[0], -self.shift[1])
        q, k, v = self.qkv(self._partitioned(_shifted(x, back, by_roll=self.by_roll))).chunk(3, -1)
        scores = q @ k.transpose(1, 2) + self.mask
        y = (scores.softmax(-1) @ v).reshape(-1, height // h, width // w, h, w, WIDTH)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, WIDTH)
        y = _shifted(y, self.shift, by_roll=self.by_roll)
        return x + y if self.residual else y


class Net(torch.nn.Module):
    """A convolution with a window of 3, blocks, and perhaps another such convolution."""

    def __init__(self, blocks: list[Block], *, head: bool = False) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, WIDTH, 3, padding=1)
        self.blocks = torch.nn.Sequential(*blocks)
        self.head = torch.nn.Conv2d(WIDTH, WIDTH, 3, padding=1) if head else torch.nn.Identity()

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def _measured(net: Net, size: tuple[int, int]) -> tuple[int, int]:
    """Return the largest extents of what the units of the last map read."""
    torch.manual_seed(0)
    net = net.double().eval()
    x = torch.randn(1, 3, *size, dtype=torch.double, requires_grad=True)
    maps = net(x)[0].sum(0)
    height = width = 0
    for unit in maps.reshape(-1):
        (gradient,) = torch.autograd.grad(unit, x, retain_graph=True)
        rows, columns = (gradient[0].abs().sum(0) > 1e-12).nonzero().T
        height = max(height, int(rows.max() - rows.min()) + 1)
        width = max(width, int(columns.max() - columns.min()) + 1)
    return height, width


@pytest.mark.parametrize("by_roll", [True, False], ids=["roll", "slices"])
@pytest.mark.parametrize(
    ("size", "window", "shifts", "options"),
    [
        ((8, 8), (4, 4), [(2, 2)], {"residual": False}),
        ((8, 8), (4, 4), [(2, 2)], {}),
        ((16, 8), (4, 4), [(2, 2)], {}),  # a shift around a map that is not square
        ((8, 8), (4, 4), [(1, 1)], {}),
        ((16, 8), (4, 2), [(2, 1)], {}),
        ((16, 16), (4, 4), [(0, 0), (2, 2)], {}),
        ((12, 16), (2, 4), [(1, 2), (0, 1)], {}),  # one shift behind another
        ((16, 12), (4, 2), [(2, 1)], {"head": True}),  # a window that goes across what was moved around
    ],
)
def test_a_shift_back_brings_rows_to_where_they_were(
    size: tuple[int, int],
    window: tuple[int, int],
    shifts: list[tuple[int, int]],
    options: dict[str, bool],
    by_roll: bool,
) -> None:
    residual, head = options.get("residual", True), options.get("head", False)
    net = Net([Block(size, window, shift, by_roll=by_roll, residual=residual) for shift in shifts], head=head)
    row = rfcalc.analyze(rfcalc.from_torch(net, (1, 3, *size))).rows[-1]
    assert (row.status, row.receptive_field) == ("exact", _measured(net, size))


def test_a_map_of_other_rows_is_put_beside_one_without_claiming_its_columns() -> None:
    """The last column needs what it needs, however far the others see: concatenated in the second shift."""
    size, window = (20, 8), (4, 2)
    blocks = [Block(size, window, shift, by_roll=False) for shift in ((2, 0), (2, 1))]
    row = rfcalc.analyze(rfcalc.from_torch(Net(blocks), (1, 3, *size))).rows[-1]
    assert row.receptive_field == _measured(Net(blocks), size)


def test_a_shift_along_one_axis_alone() -> None:
    net = Net([Block((9, 9), (3, 3), (1, 0), by_roll=True)])
    row = rfcalc.analyze(rfcalc.from_torch(net, (1, 3, 9, 9))).rows[-1]
    assert (row.status, row.receptive_field) == ("exact", _measured(net, (9, 9)))
