"""Plain PyTorch models of the families that people use, small enough to read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its usual name

# ---- ResNet-50 (He et al. 2015, stride on the 3x3) ---------------------------------------------------------


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride > 1 or channels != 4 * width:
            shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet50(nn.Module):
    def __init__(self, width: int = 64, depths: tuple[int, ...] = (3, 4, 6, 3), classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for k, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(channels, width << k, 2 if k and not j else 1))
                channels = 4 * width << k
            self.add_module(f"layer{k + 1}", nn.Sequential(*blocks))
        self.stages = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for k in range(self.stages):
            x = self.get_submodule(f"layer{k + 1}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


# ---- ViT (Dosovitskiy et al. 2020) -------------------------------------------------------------------------


class EncoderBlock(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class ViT(nn.Module):
    def __init__(
        self,
        size: int = 224,
        patch: int = 16,
        dim: int = 768,
        depth: int = 12,
        heads: int = 12,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, dim, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embedding = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        self.layers = nn.Sequential(*(EncoderBlock(dim, heads, 4 * dim) for _ in range(depth)))
        self.ln = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embedding
        return self.head(self.ln(self.layers(x))[:, 0])


# ---- U-Net (Ronneberger et al. 2015) -----------------------------------------------------------------------


def double(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
    )


class UNet(nn.Module):
    def __init__(self, width: int = 4, levels: int = 2, *, transposed: bool = True) -> None:
        super().__init__()
        self.down = nn.ModuleList(double(3 if not k else width << (k - 1), width << k) for k in range(levels))
        self.middle = double(width << (levels - 1), width << levels)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width << k, width << k, 2, 2)
            if transposed
            else nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(2 * width << k, width << k, 1)
            )
            for k in reversed(range(levels))
        )
        self.join = nn.ModuleList(double(2 * width << k, width << k) for k in reversed(range(levels)))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips), strict=True):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)


# ---- windows (Liu et al. 2021) -----------------------------------------------------------------------------


class WindowAttention(nn.Module):
    def __init__(self, dim: int, heads: int, window: int, shift: int, *, masked: bool = True) -> None:
        super().__init__()
        self.heads, self.window, self.shift, self.masked = heads, window, shift, masked
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        places = torch.stack(
            torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        ).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", apart[:, :, 0] * (2 * window - 1) + apart[:, :, 1])

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, dim = x.shape
        w = self.window
        y = self.norm(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = (
            y.view(batch, height // w, w, width // w, w, dim)
            .permute(0, 1, 3, 2, 4, 5)
            .reshape(-1, w * w, dim)
        )
        q, k, v = self.qkv(y).reshape(-1, w * w, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (dim // self.heads) ** -0.5) @ k.transpose(-2, -1)
        scores = scores + self.table[self.index.view(-1)].view(w * w, w * w, -1).permute(2, 0, 1).unsqueeze(0)
        if self.shift and self.masked:
            mask = self._mask(height, width)
            scores = scores.view(batch, -1, self.heads, w * w, w * w) + mask[None, :, None]
            scores = scores.view(-1, self.heads, w * w, w * w)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, w * w, dim)
        y = self.proj(y).view(batch, height // w, width // w, w, w, dim).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(batch, height, width, dim)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        return x + y

    def _mask(self, height: int, width: int) -> Tensor:
        w, regions = self.window, torch.zeros(height, width)
        slices = ((0, -w), (-w, -self.shift), (-self.shift, None))
        for i, rows in enumerate(slices):
            for j, columns in enumerate(slices):
                regions[slice(*rows), slice(*columns)] = 3 * i + j
        regions = regions.view(height // w, w, width // w, w).permute(0, 2, 1, 3).reshape(-1, w * w)
        apart = regions[:, None] - regions[:, :, None]
        return apart.masked_fill(apart != 0, -1.0).masked_fill(apart == 0, 0.0)


class Windows(nn.Module):
    def __init__(self, dim: int = 8, window: int = 4) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 2, 2)
        self.blocks = nn.Sequential(
            WindowAttention(dim, 2, window, 0), WindowAttention(dim, 2, window, window // 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.embed(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


# ---- blocks of other families ------------------------------------------------------------------------------


class ShuffleUnit(nn.Module):
    """ShuffleNet V2 (Ma et al. 2018)."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        half = channels // 2
        self.stem = nn.Conv2d(3, channels, 3, 2, 1)
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, 1, 1, groups=half),
            nn.Conv2d(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.stem(x).chunk(2, dim=1)
        y = torch.cat([left, self.branch(right)], 1)
        batch, channels, height, width = y.shape
        return (
            y.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, -1, height, width)
        )


class ConvNeXtBlock(nn.Module):
    """ConvNeXt (Liu et al. 2022), with its detour over channels last."""

    def __init__(self, dim: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, dim, 4, 4)
        self.depthwise = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.widen, self.narrow = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(F.gelu(self.widen(y)))
        return x + y.permute(0, 3, 1, 2)


class Excite(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2017)."""

    def __init__(self, dim: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, dim, 3, 2, 1)
        self.reduce, self.expand = nn.Conv2d(dim, 2, 1), nn.Conv2d(2, dim, 1)
        self.after = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        scale = torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))
        return self.after(x * scale)


class SubPixel(nn.Sequential):
    """ESPCN (Shi et al. 2016)."""

    def __init__(self, factor: int = 3) -> None:
        super().__init__(
            nn.Conv2d(1, 8, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(8, factor**2, 3, padding=1),
            nn.PixelShuffle(factor),
            nn.Conv2d(1, 1, 3, padding=1),
        )


class Dilated(nn.Module):
    """A temporal convolutional network (Bai et al. 2018): causal, dilated."""

    def __init__(self, levels: int = 4, width: int = 4) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv1d(1 if not k else width, width, 3, dilation=2**k))
            for k in range(levels)
        )
        self.head = nn.Conv1d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        for k, conv in enumerate(self.convs):
            x = F.relu(conv(F.pad(x, (2 * 2**k, 0))))
        return self.head(x)


class Recurrent(nn.Module):
    def __init__(self, cell: str = "LSTM", **settings: Any) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 6, 3, 2, 1)
        self.cell = getattr(nn, cell)(6, 5, batch_first=True, **settings)
        self.head = nn.Linear(
            (settings.get("proj_size") or 5) * (2 if settings.get("bidirectional") else 1), 3
        )

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.cell(self.conv(x).transpose(1, 2))
        return self.head(y)


class Tied(nn.Module):
    """A language model whose last layer is its table of words."""

    def __init__(self, words: int = 11, dim: int = 6) -> None:
        super().__init__()
        self.table = nn.Embedding(words, dim)
        self.block = EncoderBlock(dim, 2, 12)
        self.head = nn.Linear(dim, words, bias=False)
        self.head.weight = self.table.weight

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.block(self.table(words)))


class Resizes(nn.Module):
    """Every way of resizing, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        made = [
            F.interpolate(x, size=(11, 20), mode=mode) for mode in ("nearest", "nearest-exact", "bilinear")
        ]
        made += [F.interpolate(x, scale_factor=1.5, mode=mode) for mode in ("nearest", "bilinear", "bicubic")]
        made += [F.interpolate(x, size=(9, 24), mode="bilinear", align_corners=True)]
        made += [F.interpolate(x, size=(7, 5), mode="area")]
        made += [F.interpolate(x, size=(7, 5), mode="bilinear", antialias=True)]
        return made


class Moves(nn.Module):
    """Slices, rolls, pads, folds and lookups."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular")
        self.register_buffer("order", torch.tensor([3, 1, 2, 0]))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        made = [
            x[:, :, 1:-1:2, ::3],
            x.roll(2, 3),
            x.flip(2),
            x[:, :, self.order],
            F.pad(x, (1, 2, 0, 3), "reflect"),
        ]
        made += [
            F.pad(x, (-1, 2, 0, -2)),
            F.pixel_unshuffle(x, 2),
            x.repeat_interleave(2, 3),
            x.tile(1, 1, 2, 1),
        ]
        made += [torch.stack(x.unbind(2)[:3], 2), torch.index_select(x, 3, torch.arange(0, 6, 2))]
        made += [F.adaptive_avg_pool2d(x, (5, 3)), F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)]
        made += [x.cumsum(2), x.softmax(3), x.amax(3, keepdim=True), x.unfold(2, 4, 2).sum(-1)]
        made += [torch.einsum("bchw,bcwk->bchk", x, x.transpose(2, 3)), x.split([2, 5, 5], 2)[1]]
        kept = torch.zeros_like(x)
        kept[:, :, 2:6] = x[:, :, :4]
        return [*made, kept]
