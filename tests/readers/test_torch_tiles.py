"""Tiles of networks that run: put together as planned, the outputs of tiles are the output of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402
from rfcalc.questions.tiles.report import Tiles  # noqa: E402
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
    found = rfcalc.tiles(graph, size=image, tile=tile)
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
    found = rfcalc.tiles(path, layer=None, size=(128, 16), tile=64)
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


class Scaled(torch.nn.Module):
    """A level down, and up again by what is given; the finer map is joined."""

    def __init__(self, up: Any, *, joins: bool = True, rank: int = 2, down: int = 2) -> None:
        super().__init__()
        nn = torch.nn
        conv, pool = (nn.Conv1d, nn.AvgPool1d) if rank == 1 else (nn.Conv2d, nn.AvgPool2d)
        self.fine, self.pool = conv(1, 2, 3, padding=1), pool(down)
        self.coarse, self.up = conv(2, 2, 3, padding=1), up
        self.last, self.joins = conv(4 if joins else 2, 1, 3, padding=1), joins

    def forward(self, x: Any) -> Any:
        fine = self.fine(x)
        wide = self.up(torch.tanh(self.coarse(self.pool(fine))))
        return self.last(torch.cat([wide, fine], 1) if self.joins else wide)


class By(torch.nn.Module):
    """Resizing by a factor, or to a size."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Any) -> Any:
        return torch.nn.functional.interpolate(x, **self.settings)


STATIC: dict[str, tuple[Callable[[], Any], tuple[int, ...], int]] = {
    # network, image, tile
    "nearest": (lambda: Scaled(torch.nn.Upsample(scale_factor=2)), (64, 64), 32),
    "bilinear": (lambda: Scaled(torch.nn.Upsample(scale_factor=2, mode="bilinear")), (64, 48), 32),
    "bicubic": (lambda: Scaled(By(scale_factor=2, mode="bicubic")), (64, 64), 48),
    "exact": (lambda: Scaled(By(scale_factor=(2, 2), mode="nearest-exact")), (48, 64), 24),
    "by three": (lambda: Scaled(torch.nn.Upsample(scale_factor=3), down=3), (90, 72), 36),
    "one and a half": (lambda: Scaled(By(scale_factor=1.5), joins=False), (64, 64), 32),
    "sequence": (lambda: Scaled(torch.nn.Upsample(scale_factor=2), rank=1), (96,), 32),
    "decoder": (lambda: Scaled(torch.nn.Upsample(scale_factor=4), joins=False), (64, 64), 32),
}


@pytest.mark.parametrize("name", STATIC)
def test_a_factor_is_followed_from_an_export_of_one_size(name: str) -> None:
    """Extents that factors make are those of any size: put together, tiles are the whole."""
    make, image, tile = STATIC[name]
    torch.manual_seed(1)
    net = make().double().eval()
    found = rfcalc.tiles(rfcalc.from_torch(net, (1, 1, *image)), tile=tile)
    names = {2: "T"} if len(image) == 1 else {2: "H", 3: "W"}
    open_ones = rfcalc.tiles(rfcalc.from_torch(net, (1, 1, *image), names), size=image, tile=tile)
    assert found.axes == open_ones.axes
    assert found.plan == open_ones.plan
    assert found.status == "exact"
    assert found.plan is not None
    assert found.plan.count > 1
    x = torch.randn(1, 1, *image, dtype=torch.double)
    with torch.no_grad():
        whole = net(x)
        made = torch.full_like(whole, torch.nan)
        for each in found.plan.tiles:
            piece = net(x[(..., *(slice(strip.start, strip.stop) for strip in each))])
            kept = piece[(..., *(slice(strip.skip, strip.keep) for strip in each))]
            made[(..., *(slice(strip.first, strip.last) for strip in each))] = kept
    assert (made - whole).abs().max() < CLOSE


def test_a_size_that_the_export_fixes_is_said_to_be_fixed() -> None:
    net = Scaled(By(size=(64, 64)))
    found = rfcalc.tiles(rfcalc.from_torch(net, (1, 1, 64, 64)), tile=32)
    assert [axis.blocker is not None and axis.blocker.trouble for axis in found.axes] == ["fixed"] * 2
    assert "is known at this size alone, as sizes in the model are fixed (layer 'cat'" in str(found).replace(
        "\n", " "
    )
    assert "dynamic=True" in str(found)
