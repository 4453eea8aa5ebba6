"""Modules with constant masks, as people write them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

INF = float("-inf")


def allowed(name: str, t: int) -> Tensor:
    """True where query (row) may look at key (column)."""
    q, k = torch.arange(t)[:, None], torch.arange(t)[None, :]
    return {
        "causal": k <= q,
        "anticausal": k >= q,
        "ahead": k <= q + 2,
        "sliding": (q - k).abs() <= 2,
        "causal-window": (k <= q) & (k > q - 3),
        "blocks": q // 4 == k // 4,
        "block-causal": k // 3 <= q // 3,
        "prefix": (k < 4) | (k <= q),
        "strided": (q - k) % 3 == 0,
        "dilated": ((q - k).abs() % 2 == 0) & ((q - k).abs() <= 4),
        "two-documents": (q < 5) == (k < 5),
        "sinks": (k < 2) | ((k <= q) & (k > q - 3)),
        "irregular": ((3 * q + 5 * k) % 7 < 3) | (q == k),
    }[name]


PATTERNS = (
    *("causal", "anticausal", "ahead", "sliding", "causal-window", "blocks", "block-causal", "prefix"),
    *("strided", "dilated", "two-documents", "sinks", "irregular"),
)


def _filled(scores: Tensor, keep: Tensor) -> Tensor:
    return scores.masked_fill(~keep, INF)


def _added(scores: Tensor, keep: Tensor) -> Tensor:
    return scores + torch.zeros(keep.shape, dtype=scores.dtype).masked_fill(~keep, INF)


def _minus_billion(scores: Tensor, keep: Tensor) -> Tensor:
    return scores - (1.0 - keep.to(scores.dtype)) * 1e9


def _where(scores: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, scores, torch.tensor(-1e9, dtype=scores.dtype))


def _where_least(scores: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep[None, None], scores, torch.finfo(torch.float32).min)


SPELLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "masked_fill": _filled,
    "added": _added,
    "subtracted": _minus_billion,
    "where": _where,
    "where-least": _where_least,
}


class Attention(nn.Module):
    """Self-attention of two heads, written out, with a buffer for a mask."""

    def __init__(self, keep: Tensor, spelling: str = "masked_fill", c: int = 8) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.spelling = spelling
        self.register_buffer("keep", keep)

    def heads(self, x: Tensor) -> Any:
        b, t, c = x.shape
        return (each.view(b, t, 2, c // 2).transpose(1, 2) for each in self.qkv(x).split(c, 2))

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.heads(x)
        scores = SPELLINGS[self.spelling](q @ k.transpose(-2, -1) / math.sqrt(4), self.keep)
        y = functional.dropout(scores.softmax(-1), 0.1, self.training) @ v
        return self.proj(y.transpose(1, 2).reshape(x.shape))


class Fused(Attention):
    """The same by PyTorch's own function, with a boolean mask or one that is added."""

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.heads(x)
        mask = self.keep
        if self.spelling == "added":
            mask = torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, INF)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(y.transpose(1, 2).reshape(x.shape))


class Made(Attention):
    """The mask is made while the module runs."""

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.heads(x)
        t = x.shape[1]
        scores = q @ k.transpose(-2, -1)
        if self.spelling == "triu":
            scores = scores + torch.triu(torch.full((t, t), INF, dtype=x.dtype), diagonal=1)
        elif self.spelling == "arange":
            place = torch.arange(t)
            scores = scores.masked_fill(place[None, :] > place[:, None], INF)
        elif self.spelling in {
            "documents",
            "moved documents",
        }:  # where positions do not go on, another begins
            place = torch.cat((torch.arange(4), torch.arange(t - 4))).unsqueeze(0)
            ends = (
                {"append": place[:, -1:] + 1} if "moved" in self.spelling else {"prepend": place[:, :1] - 1}
            )
            document = (torch.diff(place, dim=-1, **ends) != 1).cumsum(-1)[0]
            seen = (document[None, :] == document[:, None]) & (torch.arange(t) <= torch.arange(t)[:, None])
            scores = scores + torch.where(seen, torch.zeros((), dtype=x.dtype), -3e38)
        elif self.spelling == "second differences":
            turn = torch.diff(torch.tensor([0, 1, 3, 4, 5, 5, 7, 8, 9, 12, 12]), n=2)
            scores = scores + torch.where((turn != 0)[None, :], -3e38, torch.zeros((), dtype=x.dtype))
        elif self.spelling in {"waves", "waves turned"}:
            hide = torch.sin(torch.arange(t, dtype=x.dtype)) > 0
            yes, no = -3e38, torch.zeros((), dtype=x.dtype)
            scores = scores + (
                torch.where(hide, yes, no) if "turned" in self.spelling else torch.where(~hide, no, yes)
            )
        elif self.spelling == "alibi":
            place = torch.arange(t, dtype=x.dtype)
            slopes = torch.tensor([0.5, 0.25], dtype=x.dtype)[:, None, None]
            scores = scores + slopes * (place[None, :] - place[:, None])
        elif self.spelling == "alibi-causal":
            place = torch.arange(t, dtype=x.dtype)
            slopes = torch.tensor([0.5, 0.25], dtype=x.dtype)[:, None, None]
            bias = slopes * (place[None, :] - place[:, None])
            scores = scores + (bias + torch.triu(torch.full((t, t), INF, dtype=x.dtype), 1))
        elif self.spelling == "after":
            y = scores.softmax(-1) * torch.tril(torch.ones(t, t, dtype=x.dtype))
            return self.proj((y @ v).transpose(1, 2).reshape(x.shape))
        elif self.spelling == "linear":
            y = torch.tril(scores) @ v
            return self.proj(y.transpose(1, 2).reshape(x.shape))
        elif self.spelling == "batched":
            b, h, _, d = q.shape
            flat = torch.bmm(q.reshape(b * h, t, d), k.reshape(b * h, t, d).transpose(1, 2))
            flat = (flat.view(b, h, t, t) + torch.zeros(t, t).masked_fill(~self.keep, INF)).view(b * h, t, t)
            y = torch.bmm(flat.softmax(-1), v.reshape(b * h, t, d)).view(b, h, t, d)
            return self.proj(y.transpose(1, 2).reshape(x.shape))
        elif self.spelling == "einsum":
            y = torch.einsum("bhqk,bhkd->bqhd", scores.masked_fill(~self.keep, INF).softmax(-1), v)
            return self.proj(y.reshape(x.shape))
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape))


MADE = (
    *("triu", "arange", "alibi", "alibi-causal", "after", "linear", "batched", "einsum"),
    *("documents", "moved documents", "second differences"),
)


class Decoder(nn.Module):
    """PyTorch's own layers with a mask."""

    def __init__(self, t: int = 9, c: int = 8, weights: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(c, 2, batch_first=True)
        self.embed = nn.Linear(c, c)
        self.weights = weights
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(t))

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x)
        mask = self.mask.to(x.dtype)
        mixed = self.attention(x, x, x, attn_mask=mask, need_weights=self.weights)[0]
        return torch.neg(mixed + x)  # so that what is looked at comes last


Scores = Callable[[Tensor, Tensor], Tensor]

SHIFTED: dict[str, tuple[Scores, str]] = {
    "halved": (lambda s, low: (s + low) * 0.5, "exact"),
    "shifted": (lambda s, low: (s + low) + 1.0, "exact"),
    "added twice": (lambda s, low: s + low + low, "exact"),
    "added by its half": (lambda s, low: torch.add(s, low / 2, alpha=2), "exact"),
    "taken off, turned": (lambda s, low: torch.sub(s, -low), "exact"),
    "made small": (lambda s, low: (s + low) * 1e-9, "exact"),
    "divided away": (lambda s, low: s.masked_fill(low < 0, -1e4) / 1e4, "exact"),
    "added next to nothing of": (lambda s, low: torch.add(s, low, alpha=1e-9), "exact"),
    "no bias": (lambda s, low: torch.baddbmm(low[None], s, s, beta=0), "exact"),
    "turned": (lambda s, low: (s + low) * -1.0, "bound"),
    "divided by less than nothing": (lambda s, low: (s + low) / -2.0, "bound"),
    "taken from one": (lambda s, low: 1.0 - (s + low), "bound"),
    "taken from nothing": (lambda s, low: torch.rsub(s + low, 0.0), "bound"),
    "chosen, then turned": (lambda s, low: torch.where(low < 0, -1e9, s) * -1, "bound"),
    "taken off again": (lambda s, low: (s + low) - low, "bound"),
    "made up for": (lambda s, low: s + low + (low < 0) * 1e9, "bound"),
    "all hidden": (lambda s, low: s + low + low.T - torch.eye(len(low), dtype=s.dtype) * 1e9, "bound"),
}
"""What is done with scores and a causal mask of -1e9, and whether it can be told what that leaves."""


KEEPING_ZEROS: dict[str, Callable[[Tensor], Tensor]] = {
    "turned": torch.neg,
    "squared": torch.square,
    "bent": torch.tanh,
    "rounded error": torch.erf,
    "rectified in part": functional.leaky_relu,
    "gelu": functional.gelu,
    "no number is zero": torch.nan_to_num,
}
"""What is done with scores of which a triangle of ones and zeros left some."""


class Zeroed(nn.Module):
    """Attention without a softmax, of whose scores a function is taken behind the mask."""

    def __init__(self, name: str, t: int = 6) -> None:
        super().__init__()
        self.function = KEEPING_ZEROS[name]
        self.register_buffer("keep", torch.tril(torch.ones(t, t)))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x @ x.transpose(1, 2) * self.keep.to(x.dtype)) @ x


class Shifted(nn.Module):
    """Attention whose masked scores something is done with before the softmax."""

    def __init__(self, name: str, t: int = 6) -> None:
        super().__init__()
        self.function = SHIFTED[name][0]
        self.register_buffer("low", (torch.tril(torch.ones(t, t)) - 1) * 1e9)

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(1, 2)
        return self.function(scores, self.low.to(x.dtype)).softmax(-1) @ x


class Stack(nn.Module):
    """PyTorch's own encoder or decoder: it looks whether the mask that it is given is the causal one."""

    def __init__(self, what: str, keep: Tensor, c: int = 8) -> None:
        super().__init__()
        kinds = {"encoder": nn.TransformerEncoderLayer, "decoder": nn.TransformerDecoderLayer}
        stacks = {"encoder": nn.TransformerEncoder, "decoder": nn.TransformerDecoder}
        self.stack = stacks[what](kinds[what](c, 2, 16, dropout=0.0, batch_first=True), 2)
        if what == "decoder":
            self.memory = nn.Parameter(torch.randn(1, 5, c))
        self.register_buffer("mask", torch.zeros(keep.shape).masked_fill(~keep, INF))

    def forward(self, x: Tensor) -> Any:
        mask = self.mask.to(x.dtype)
        if isinstance(self.stack, nn.TransformerEncoder):
            return self.stack(x, mask=mask)
        return self.stack(x, self.memory, tgt_mask=mask)


class Masked(nn.Conv2d):
    """A convolution whose kernel is multiplied by zeros and ones."""

    def __init__(self, mask: Tensor, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Any:
        kernel = self.weight * self.mask
        return functional.conv2d(x, kernel, self.bias, self.stride, self.padding, self.dilation)


def _pixels(kind: str, k: int = 5) -> Tensor:
    mask = torch.ones(1, 1, k, k)
    if kind in "AB":
        mask[..., k // 2, k // 2 + (kind == "B") :] = 0
        mask[..., k // 2 + 1 :, :] = 0
    elif kind == "vertical":
        mask[..., k // 2 :, :] = 0
    elif kind == "checker":
        mask[..., 1::2, :] = 0
        mask[..., :, 1::2] = 0
    elif kind == "middle":
        mask.zero_()
        mask[..., k // 2, k // 2] = 1
    return mask


PIXELS: dict[str, Callable[[], Any]] = {
    "type A": lambda: Masked(_pixels("A"), 1, 3, 5, padding=2),
    "type B": lambda: Masked(_pixels("B"), 1, 3, 5, padding=2),
    "A then B": lambda: nn.Sequential(
        Masked(_pixels("A", 7), 1, 3, 7, padding=3), nn.ReLU(), Masked(_pixels("B", 3), 3, 2, 3, padding=1)
    ),
    "vertical stack": lambda: Masked(_pixels("vertical"), 1, 3, 5, padding=2),
    "checker, strided": lambda: Masked(_pixels("checker"), 1, 3, 5, padding=2, stride=2),
    "checker, dilated": lambda: Masked(_pixels("checker"), 1, 3, 5, padding=4, dilation=2),
    "middle": lambda: Masked(_pixels("middle"), 1, 3, 5, padding=2),
    "each channel its own": lambda: Masked(
        torch.cat([_pixels("A"), _pixels("A").flip(2), _pixels("middle")]), 1, 3, 5, padding=2
    ),
}


class Mixer(nn.Module):
    """Mixes positions by a triangle of weights."""

    def __init__(self, how: str, t: int = 9) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(t, t))
        self.lift = nn.Linear(3, 4)
        self.how = how
        self.register_buffer("keep", allowed("sliding", t).float())

    def forward(self, x: Tensor) -> Any:
        x = self.lift(x)
        if self.how == "tril":
            return torch.tril(self.weight) @ x
        if self.how == "linear":
            return functional.linear(x.transpose(1, 2), self.weight * self.keep.to(x.dtype)).transpose(1, 2)
        if self.how == "constant":
            return self.keep.to(x.dtype) @ x
        if self.how == "einsum":
            return torch.einsum("qk,bkc->bqc", self.weight * self.keep, x)
        keep = torch.tensor([1, 1, 0, 1, 0, 1, 1, 1, 0], dtype=torch.bool)[None, :, None]
        if self.how == "mean of some":
            x = torch.where(keep, x, torch.zeros((), dtype=x.dtype))
            return x.cumsum(1)
        return x * keep.to(x.dtype)


MIXERS = ("tril", "linear", "constant", "einsum", "mean of some", "some")


class KeyPadding(Attention):
    """Which keys are hidden comes from the input."""

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.heads(x)
        hide = (x[..., 0] > 0.5)[:, None, None, :]
        scores = (q @ k.transpose(-2, -1)).masked_fill(hide, INF)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape))


class Picture(Attention):
    """Attention over the pixels of a map in raster order, as pixel models do it."""

    def forward(self, x: Tensor) -> Any:
        b, c, h, w = x.shape
        y = super().forward(x.flatten(2).transpose(1, 2))
        return y.transpose(1, 2).reshape(b, c, h, w)


class Windows(nn.Module):
    """Attention in shifted windows: where pixels come from both ends of the map, a mask parts them.

    `spelling` is whether windows are an axis of their own, go into the batch, or are taken by `einsum`.
    """

    def __init__(self, size: tuple[int, int], window: tuple[int, int], shift: int, spelling: str) -> None:
        super().__init__()
        self.size, self.window, self.shift, self.spelling = size, window, shift, spelling
        self.norm, self.qkv = nn.LayerNorm(4), nn.Linear(4, 12)
        regions = torch.zeros(1, *size, 1)
        ends = [(slice(0, -w), slice(-w, -shift), slice(-shift, None)) for w in window]
        for number, (rows, columns) in enumerate((a, b) for a in ends[0] for b in ends[1]):
            regions[:, rows, columns] = number
        of = self.cut(regions).squeeze(-1).squeeze(0)
        self.register_buffer("mask", (of[:, None] != of[:, :, None]).double() * -1e9)

    def cut(self, x: Tensor) -> Tensor:
        (h, w), (a, b), (n, *_, c) = self.size, self.window, x.shape
        return x.reshape(n, h // a, a, w // b, b, c).permute(0, 1, 3, 2, 4, 5).reshape(n, -1, a * b, c)

    def forward(self, x: Tensor) -> Any:
        (h, w), (a, b) = self.size, self.window
        y = self.cut(self.norm(x).roll((-self.shift, -self.shift), (1, 2)))
        mask = self.mask.to(x.dtype)
        if self.spelling == "batch":
            q, k, v = self.qkv(y.flatten(0, 1)).chunk(3, -1)
            scores = (q @ k.mT).unflatten(0, y.shape[:2]) + mask
            y = scores.flatten(0, 1).softmax(-1) @ v
        else:
            q, k, v = self.qkv(y).chunk(3, -1)
            if self.spelling == "einsum":
                scores = torch.einsum("bnid,bnjd->bnij", q, k) + mask
                y = torch.einsum("bnij,bnjd->bnid", scores.softmax(-1), v)
            elif self.spelling == "fused":
                y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            else:
                y = (q @ k.mT + mask).softmax(-1) @ v
        y = y.reshape(-1, h // a, w // b, a, b, 4).permute(0, 1, 3, 2, 4, 5).reshape(x.shape)
        return x + y.roll((self.shift, self.shift), (1, 2))
