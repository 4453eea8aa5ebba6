"""Tiles of networks that run: put together as planned, the outputs of tiles are the output of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402
from rfcalc.reports.tiles import Tiles  # noqa: E402
from tests.readers import torch_models as models  # noqa: E402

pytestmark = pytest.mark.torch

CLOSE = 1e-12
"""Sums of doubles in another order differ by less; a padded border by far more."""


def plain() -> Any:
    """A plain network: windows, a stride, a pooling; smooth activations, so that every tap counts."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2), nn.Tanh(), nn.Conv2d(6, 6, 3, stride=2, padding=1), nn.Tanh(),
        nn.AvgPool2d(2), nn.Conv2d(6, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 4, 3, padding=2, dilation=2),
    )  # fmt: skip


def dilated() -> Any:
    """A causal network of dilated windows (van den Oord et al. 2016)."""
    nn = torch.nn
    layers = []
    for k in range(4):
        layers += [
            nn.ConstantPad1d((2 * 2**k, 0), 0.0),
            nn.Conv1d(4 if k else 1, 4, 3, dilation=2**k),
            nn.Tanh(),
        ]
    return nn.Sequential(*layers)


def smooth(net: Any) -> Any:
    """Let activations be smooth, so that no unit of random weights is dead, and what it sees lost."""
    for name, child in net.named_children():
        if isinstance(child, torch.nn.ReLU):
            setattr(net, name, torch.nn.Tanh())
        else:
            smooth(child)
    return net


CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...], int | tuple[int, ...]]] = {
    # network, shape that it is exported at, image, tile
    "plain": (plain, (1, 3, 32, 40), (83, 96), (48, 60)),
    "unet": (lambda: models.UNet(4), (1, 3, 16, 24), (120, 96), 64),
    "unet-bilinear": (lambda: models.UNet(4, transposed=False), (1, 3, 16, 24), (120, 100), (64, 72)),
    "dilated": (dilated, (1, 1, 40), (200,), 64),
    "sub-pixel": (lambda: models.SubPixel(3), (1, 1, 16, 12), (40, 30), 20),
}


@cache
def tiled(name: str) -> tuple[Any, Any, Tiles]:
    """Return a network in double precision, an image, and how to cut it."""
    make, shape, image, tile = CASES[name]
    torch.manual_seed(0)
    net = smooth(make()).double().eval()
    names = {2: "T"} if len(image) == 1 else {2: "H", 3: "W"}
    graph = rfcalc.from_torch(net, shape, names)
    found = rfcalc.tiles(graph, image=image, tile=tile)
    assert found.plan is not None
    assert found.status == "exact"
    assert found.plan.count > 1
    return net, torch.randn(*shape[:2], *image, dtype=torch.double), found


def pieces(net: Any, x: Any, found: Tiles, axis: int) -> Iterator[tuple[Any, Any]]:
    """Run the tiles that lie along one axis, the others taken whole; with each its strip."""
    assert found.plan is not None
    for strip in found.plan.strips[axis]:
        yield strip, net(x.narrow(2 + axis, strip.start, strip.stop - strip.start))


@pytest.mark.parametrize("name", CASES)
def test_tiles_put_together_are_the_whole(name: str) -> None:
    net, x, found = tiled(name)
    assert found.plan is not None
    with torch.no_grad():
        whole = net(x)
        made = torch.full_like(whole, torch.nan)
        for tile in found.plan.tiles:
            piece = net(x[(..., *(slice(strip.start, strip.stop) for strip in tile))])
            kept = piece[(..., *(slice(strip.skip, strip.keep) for strip in tile))]
            made[(..., *(slice(strip.first, strip.last) for strip in tile))] = kept
    assert whole.shape[2:] == found.plan.output
    assert (made - whole).abs().max() < CLOSE  # which no nan is


@pytest.mark.parametrize("name", CASES)
def test_one_output_more_at_a_cut_is_wrong(name: str) -> None:
    net, x, found = tiled(name)
    wrong = 0
    with torch.no_grad():
        whole = net(x)
        for axis, each in enumerate(found.axes):
            assert each.lost is not None
            assert each.scale is not None
            for strip, piece in pieces(net, x, found, axis):
                base = strip.start * each.scale[0] // each.scale[1]
                size = piece.shape[2 + axis]
                at = []
                if strip.start and each.lost[0]:
                    at.append(each.lost[0] - 1)
                if strip.stop < x.shape[2 + axis] and each.lost[1]:
                    at.append(size - each.lost[1])
                for place in at:
                    left = piece.select(2 + axis, place)
                    difference = left - whole.select(2 + axis, base + place)
                    assert difference.abs().max() > CLOSE
                    wrong += 1
    assert wrong


def test_one_sample_less_of_history_is_too_little() -> None:
    net, x, found = tiled("dilated")
    stream = found.stream
    assert stream is not None
    assert stream.history == 30
    assert stream.latency == 0
    with torch.no_grad():
        whole = net(x)[..., 100:110]
        assert (net(x[..., 100 - 30 : 110])[..., 30:] - whole).abs().max() < CLOSE
        assert (net(x[..., 100 - 29 : 110])[..., 29:] - whole).abs().max() > CLOSE


def test_one_pixel_less_of_the_halo_is_too_little() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Conv2d(3, 1, 5, padding=2)
    ).double()
    (rows, _) = rfcalc.tiles(rfcalc.from_torch(net, (1, 1, 16, 16), {2: "H", 3: "W"})).axes
    assert (rows.before, rows.after) == (3, 3)
    x = torch.randn(1, 1, 40, 40, dtype=torch.double)
    with torch.no_grad():
        whole = net(x)[..., 20:25, :]

        def wanted(first: int, last: int) -> Any:
            return net(x[..., first:last, :])[..., 20 - first : 25 - first, :]

        assert (wanted(17, 28) - whole).abs().max() < CLOSE
        assert (wanted(18, 28) - whole).abs().max() > CLOSE
        assert (wanted(17, 27) - whole).abs().max() > CLOSE


def test_a_file_is_read_again_at_other_sizes(tmp_path: Any) -> None:
    """A saved program with open sizes: shapes come from its own formulas."""
    net = models.UNet(2).eval()
    size = torch.export.Dim("half", min=2, max=512)
    program = torch.export.export(
        net, (torch.zeros(1, 3, 16, 16),), dynamic_shapes=({2: 4 * size, 3: 16},), strict=False
    )
    path = tmp_path / "unet.pt2"
    torch.export.save(program, path)
    found = rfcalc.tiles(path, layer=None, image=(128, 16), tile=64)
    assert found.axes[0].align == 4
    assert found.plan is not None
    assert found.plan.output == (128, 16)


class Numbered(torch.nn.Module):
    """Adds to every position its number, which is another in a tile."""

    def __init__(self, *, joined: bool) -> None:
        super().__init__()
        self.joined = joined
        self.conv = torch.nn.Conv1d(2, 2, 3, padding=1)

    def forward(self, x: Any) -> Any:
        numbers = torch.arange(x.shape[2], dtype=x.dtype)
        if self.joined:
            return torch.cat([self.conv(x), numbers.expand(1, 1, -1)], 1)
        return self.conv(x) + numbers


@pytest.mark.parametrize("joined", [False, True])
def test_values_that_belong_to_a_position_forbid_tiles(joined: bool) -> None:
    (axis,) = rfcalc.tiles(rfcalc.from_torch(Numbered(joined=joined), (1, 2, 16), {2: "T"})).axes
    assert axis.blocker is not None
    assert axis.blocker.trouble == "moved"
    assert axis.blocker.op == ("cat" if joined else "add")
