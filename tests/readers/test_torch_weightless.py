"""Modules built without memory for weights: what is no weight keeps its elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from rfcalc.errors import ReadError  # noqa: E402
from rfcalc.readers.torch.weightless import built  # noqa: E402

pytestmark = pytest.mark.torch


class Net(nn.Module):
    def __init__(self, then: Callable[[Any], None] = lambda net: None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.table = nn.Parameter(torch.randn(4, 4) * 0.02)
        self.register_buffer("order", torch.arange(4).flip(0))
        self.register_buffer("mask", torch.ones(3, 3).triu(1).bool())
        self.rates = [each.item() for each in torch.linspace(0, 1, 3)]
        nn.init.kaiming_normal_(self.conv.weight)
        then(self)


def test_weights_have_no_elements_and_the_rest_has() -> None:
    net = built(Net)
    assert {each.device.type for each in net.parameters()} == {"meta"}
    assert net.order.tolist() == [3, 2, 1, 0]
    assert net.mask.sum() == 3
    assert net.rates == [0, 0.5, 1]


def test_with_weights() -> None:
    assert {each.device.type for each in built(Net, weights=True).parameters()} == {"cpu"}


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(4))
        self.register_buffer("product", self.table * torch.arange(4))


def test_what_mixes_weights_with_the_rest_is_built_wholly_without() -> None:
    """A weight times a table needs one device for both."""
    net = built(Mixing)
    assert net.product.device.type == net.table.device.type == "meta"


def test_what_asks_for_the_elements_of_weights_has_them() -> None:
    net = built(lambda: Net(lambda net: setattr(net, "largest", float(net.table.max()))))
    assert {each.device.type for each in net.parameters()} == {"cpu"}


def test_without_memory_or_not_at_all() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        built(lambda: Net(lambda net: float(net.table.max())), fall_back=False)


def test_what_fails_fails_as_it_says() -> None:
    calls: list[int] = []

    def fails() -> Any:
        calls.append(1)
        raise ValueError("no such block")

    with pytest.raises(ValueError, match="no such block"):
        built(fails)
    assert len(calls) == 3


def test_what_rfcalc_refuses_is_asked_once() -> None:
    calls: list[int] = []

    def refused() -> Any:
        calls.append(1)
        raise ReadError("there is no such architecture")

    with pytest.raises(ReadError, match="no such architecture"):
        built(refused)
    assert calls == [1]
