"""Modules whose axes have to be followed through reshapes: positions in the batch axis, batches of one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class NewAxis(nn.Module):
    """EEGNet: electrodes become rows of a map of one channel."""

    shape = (22, 100)

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Conv2d(1, 8, (1, 5), padding=(0, 2), bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.electrodes = nn.Conv2d(8, 16, (22, 1), groups=8)
        self.pool = nn.AvgPool2d((1, 4))

    def forward(self, x: Any) -> Any:
        b, c, t = x.shape
        return self.pool(self.electrodes(self.norm(self.time(x.reshape(b, 1, c, t)))))


class RowsOfMap(nn.Module):
    """Sequencer: recurrent layers along the rows and along the columns of a map."""

    shape = (4, 6, 8)

    def __init__(self) -> None:
        super().__init__()
        self.across = nn.GRU(4, 3, batch_first=True, bidirectional=True)
        self.down = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
        self.mix = nn.Linear(12, 4)

    def forward(self, x: Any) -> Any:
        x = x.permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        rows = self.across(x.reshape(-1, w, c))[0].view(b, h, w, -1)
        columns = self.down(x.permute(0, 2, 1, 3).reshape(-1, h, c))[0].view(b, w, h, -1)
        return self.mix(torch.cat([rows, columns.permute(0, 2, 1, 3)], dim=-1))


class DualPath(nn.Module):
    """Dual-path recurrent net: within chunks of a sequence, then across them."""

    shape = (4, 48)

    def __init__(self) -> None:
        super().__init__()
        self.intra = nn.LSTM(4, 4, batch_first=True)
        self.inter = nn.LSTM(4, 4, batch_first=True)
        self.out = nn.Conv1d(4, 6, 1)

    def forward(self, x: Any) -> Any:
        b, c, t = x.shape
        x = x.view(b, c, 6, 8).permute(0, 2, 3, 1)
        x = self.intra(x.reshape(b * 6, 8, c))[0].view(b, 6, 8, c).permute(0, 2, 1, 3)
        x = self.inter(x.reshape(b * 8, 6, c))[0].view(b, 8, 6, c).permute(0, 3, 2, 1)
        return self.out(x.reshape(b, c, t))


class Attend(nn.Module):
    """Attention of two heads over the positions of (samples, positions, features)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((scores @ v).transpose(1, 2).reshape(b, n, c))


class Vit(nn.Module):
    """Patches by a convolution, then attention over all of them."""

    shape = (3, 8, 12)

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.attend = Attend(8)

    def forward(self, x: Any) -> Any:
        return self.attend(self.patch(x).flatten(2).transpose(1, 2))


class Windows(nn.Module):
    """Swin and SAM: attention within windows of a channels-last map, and a convolution behind."""

    shape = (3, 8, 12)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.attend = Attend(8)
        self.neck = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = self.stem(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        x = x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, c)
        x = self.attend(x).view(b, h // 4, w // 4, 4, 4, c)
        x = x.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, c)
        return self.neck(x.permute(0, 3, 1, 2))


class OneWindow(Windows):
    """The same where one window is the whole map."""

    shape = (3, 4, 4)


class Unfolded(nn.Module):
    """MobileViT: the pixels of patches that lie alike attend to each other."""

    shape = (3, 8, 12)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.attend = Attend(8)
        self.back = nn.Conv2d(8, 3, 1)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        b, c, h, w = x.shape
        x = x.reshape(b * c * (h // 2), 2, w // 2, 2).transpose(1, 2)
        x = x.reshape(b, c, h * w // 4, 4).transpose(1, 3).reshape(b * 4, h * w // 4, c)
        x = self.attend(x).contiguous().view(b, 4, h * w // 4, c).transpose(1, 3)
        x = x.reshape(b * c * (h // 2), w // 2, 2, 2).transpose(1, 2)
        return self.back(x.reshape(b, c, h, w))


class ChannelsLast(nn.Module):
    """A channels-last image, put right for a convolution, and a linear layer behind."""

    shape = (8, 12, 3)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.lin = nn.Linear(4, 5)

    def forward(self, x: Any) -> Any:
        return self.lin(self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class Waveform(nn.Module):
    """A waveform without a channel axis."""

    shape = (256,)

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv1d(1, 8, 5)
        self.b = nn.Conv1d(8, 8, 3, stride=2)

    def forward(self, x: Any) -> Any:
        return self.b(self.a(x.view(x.shape[0], 1, -1)))


class HeadsInBatch(nn.Module):
    """Attention whose heads are merged into the batch axis, by bmm."""

    shape = (10, 8)

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: Any) -> Any:
        b, n, c = x.shape
        q, k, v = (
            layer(x).view(b, n, 2, 4).transpose(1, 2).reshape(b * 2, n, 4)
            for layer in (self.q, self.k, self.v)
        )
        y = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(dim=-1), v)
        return self.o(y.view(b, 2, n, 4).transpose(1, 2).reshape(b, n, c))


class Encoder(nn.Module):
    """torch's encoder, samples first."""

    shape = (10, 16)

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class Frames(nn.Module):
    """Frames of a video one by one in a 2-D convolution, then a convolution over time."""

    shape = (3, 6, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.space = nn.Conv2d(3, 4, 3, padding=1)
        self.time = nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x: Any) -> Any:
        b, c, t, h, w = x.shape
        x = self.space(x.transpose(1, 2).reshape(b * t, c, h, w))
        x = x.view(b, t, 4, h, w).permute(0, 3, 4, 2, 1).reshape(b * h * w, 4, t)
        return self.time(x).view(b, h, w, 4, t).permute(0, 3, 4, 1, 2)


class Groups(nn.Module):
    """Channels shuffled between groups, and a gate over the map."""

    shape = (8, 6, 6)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.squeeze = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        b, c, h, w = x.shape
        x = self.conv(x).view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        gate = self.squeeze(F.adaptive_avg_pool2d(x, 1).view(b, c)).sigmoid()
        return x * gate.view(b, c, 1, 1)


MODULES = (
    NewAxis,
    RowsOfMap,
    DualPath,
    Vit,
    Windows,
    OneWindow,
    Unfolded,
    ChannelsLast,
    Waveform,
    HeadsInBatch,
    Encoder,
    Frames,
    Groups,
)
