"""Modules that tell which axis of their input is the batch only by what they mix."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Behind(nn.Module):
    """A linear layer, and then what a function makes of it."""

    def __init__(self, last: Any = None, width: int = 6, units: int = 8) -> None:
        super().__init__()
        self.proj = nn.Linear(width, units)
        if last is not None:
            self.last = last

    def forward(self, x: Any) -> Any:
        return self.behind(self.proj(x))

    def behind(self, x: Any) -> Any:
        raise NotImplementedError


class TimeFirstRecurrent(Behind):
    def __init__(self, kind: Any = nn.LSTM, **settings: Any) -> None:
        super().__init__(kind(8, 8, **settings))

    def behind(self, x: Any) -> Any:
        return self.last(x)[0]


class TimeFirstConvolution(Behind):
    def __init__(self) -> None:
        super().__init__(nn.Conv1d(8, 8, 3, padding=1))

    def behind(self, x: Any) -> Any:
        return self.last(x.permute(1, 2, 0)).permute(2, 0, 1)


class TimeFirstSum(Behind):
    def behind(self, x: Any) -> Any:
        return torch.cumsum(x, dim=0)


class TimeFirstEinsum(Behind):
    def behind(self, x: Any) -> Any:
        scores = torch.einsum("tbc,sbc->bts", x, x).softmax(dim=-1)
        return torch.einsum("bts,sbc->tbc", scores, x)


class TimeFirstLinearAttention(Behind):
    """No softmax: keys are contracted with values first."""

    def behind(self, x: Any) -> Any:
        return torch.einsum("tbc,bcd->tbd", x, torch.einsum("sbc,sbd->bcd", x, x))


class TimeFirstMean(Behind):
    """A mean over time that is taken off again."""

    def behind(self, x: Any) -> Any:
        return x - x.mean(dim=0, keepdim=True)


class TimeFirstHeads(Behind):
    def __init__(self) -> None:
        super().__init__(nn.MultiheadAttention(8, 2))

    def behind(self, x: Any) -> Any:
        return self.last(x, x, x)[0]


class TimeFirstEncoder(Behind):
    def __init__(self) -> None:
        super().__init__(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0))

    def behind(self, x: Any) -> Any:
        return self.last(x)


class TimeFirstCausal(TimeFirstEncoder):
    """A causal mask restricts what steps see of each other; they still do."""

    def behind(self, x: Any) -> Any:
        return self.last(x, src_mask=nn.Transformer.generate_square_subsequent_mask(len(x)).to(x.dtype))


class TimeFirstWords(nn.Module):
    """Words, time first, behind an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.last = nn.GRU(8, 8)

    def forward(self, x: Any) -> Any:
        return self.last(self.embedding(x))[0]


class SamplesFirstEncoder(Behind):
    def __init__(self) -> None:
        super().__init__(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True))

    def behind(self, x: Any) -> Any:
        return self.last(x)


class SamplesFirstHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.last(x, x, x)[0]


class OneSequence(Behind):
    """No batch at all: (steps, features)."""

    def __init__(self) -> None:
        super().__init__(nn.GRU(8, 8))

    def behind(self, x: Any) -> Any:
        return self.last(x)[0]


class FramesAsSamples(nn.Module):
    """Frames of one video in the place of samples, and attention over them behind a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.last = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        y = self.conv(x).mean(dim=(2, 3))[None]
        return self.last(y, y, y)[0]


class Rows(nn.Module):
    """A transformer over the rows of a table, each row a token: (rows, features)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, 8) for _ in range(3))

    def forward(self, x: Any) -> Any:
        return (self.q(x) @ self.k(x).T).softmax(dim=-1) @ self.v(x)


class Usage(nn.Module):
    """A codebook, and beside the map how much it is used: a mean over all samples that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.codes = nn.Parameter(torch.randn(6, 4))

    def forward(self, x: Any) -> Any:
        z = self.conv(x).permute(0, 2, 3, 1).contiguous()
        chosen = (z.view(-1, 4) @ self.codes.t()).softmax(dim=-1)
        return (chosen @ self.codes).view(z.shape), chosen.mean(dim=0)


class MeanOfSteps(Behind):
    """The mean over time, which comes first."""

    def behind(self, x: Any) -> Any:
        return x.mean(dim=0)


class LastStep(Behind):
    """The last of the steps, which come first."""

    def behind(self, x: Any) -> Any:
        return x[-1]
