"""Small networks that counters of multiply-accumulates are asked of, with the truth by hand.

A multiply-accumulate is one of a matrix product or a convolution: biases, norms and maxima count none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import rfcalc


class Net(NamedTuple):
    """A network.

    Parameters
    ----------
    name : str
        What the page calls it.
    build : callable
        Makes the module.
    shape : tuple of int
        Shape of its input.
    macs, params : int
        The truth.
    formula : str
        How the multiply-accumulates come about, as Python.
    """

    name: str
    build: Callable[[], Any]
    shape: tuple[int, ...]
    params: int
    formula: str

    @property
    def macs(self) -> int:
        """What the formula gives."""
        return int(eval(self.formula, {"__builtins__": {}}))


def _module(forward: Callable[..., Any], **parts: Any) -> Any:
    """Return a module of some parts."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, x: Any) -> Any:
            return forward(self, x)

    return Module().eval()


def _conv() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(64, 64, 3, padding=1)).eval()


def _norm() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()).eval()


def _transposed() -> Any:
    from torch import nn

    return nn.Sequential(nn.ConvTranspose2d(64, 32, 2, stride=2)).eval()


def _pool() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.MaxPool2d(2)).eval()


def _linear() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(16, 32)).eval()


def _shared() -> Any:
    from torch import nn

    return _module(lambda self, x: self.layer(self.layer(x)), layer=nn.Linear(16, 16))


def _lstm() -> Any:
    from torch import nn

    return _module(lambda self, x: self.layer(x)[0], layer=nn.LSTM(20, 30, batch_first=True))


def _attention() -> Any:
    from torch import nn

    return _module(
        lambda self, x: self.layer(x, x, x, need_weights=False)[0],
        layer=nn.MultiheadAttention(64, 4, batch_first=True),
    )


def _products() -> Any:
    from torch.nn import functional

    return _module(lambda self, x: functional.scaled_dot_product_attention(x, x, x))


NETS = (
    Net("Conv2d 64 to 64, 3x3, bias, on 28x28", _conv, (1, 64, 28, 28), 36_928, "64*64*3*3 * 28*28"),
    Net("Conv2d 3 to 8, 3x3, BatchNorm2d, ReLU, on 16x16", _norm, (1, 3, 16, 16), 232, "3*8*3*3 * 14*14"),
    Net(
        "ConvTranspose2d 64 to 32, 2x2, stride 2, on 14x14",
        _transposed,
        (1, 64, 14, 14),
        8_224,
        "64*32*2*2 * 14*14",
    ),
    Net("Conv2d 8 to 8, 1x1, MaxPool2d 2, on 16x16", _pool, (1, 8, 16, 16), 64, "8*8 * 16*16"),
    Net("Linear 16 to 32 on 10 positions", _linear, (1, 10, 16), 544, "16*32 * 10"),
    Net("Linear 16 to 16, run twice, on 5 positions", _shared, (1, 5, 16), 272, "2 * 16*16 * 5"),
    Net("LSTM 20 to 30, 6 steps", _lstm, (1, 6, 20), 6_240, "4 * (20*30 + 30*30) * 6"),
    Net(
        "MultiheadAttention of 64, 4 heads, 10 positions",
        _attention,
        (1, 10, 64),
        16_640,
        "4 * 64*64 * 10 + 2 * 10*10 * 64",
    ),
    Net(
        "scaled_dot_product_attention, 2 heads of 32, 10 positions",
        _products,
        (1, 2, 10, 32),
        0,
        "2 * 2 * 10*10 * 32",
    ),
)


def ours(net: Net) -> tuple[int, int]:
    """Return multiply-accumulates and parameters as rfcalc counts them."""
    totals = rfcalc.analyze(rfcalc.from_torch(net.build(), [net.shape])).totals
    return int(totals.macs), int(totals.params.total)
