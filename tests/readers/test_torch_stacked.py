"""Sequences put together along a new axis, and maps side by side, against what changes when an input does."""

from __future__ import annotations

from unittest.mock import patch

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import rfcalc  # noqa: E402
from rfcalc.algebra import pieces  # noqa: E402
from tests.readers.torch_changed import Between, check_rows, read  # noqa: E402

pytestmark = pytest.mark.torch


def picks(x, _):
    return torch.stack([x[:, t] for t in range(4)], 1)


def sums(x, _):
    return torch.stack([x[:, : t + 1].sum(1) for t in range(4)], 1)


def recurrence(x, _):
    """The loop that models of a state space and cells spelled out have."""
    state, outputs = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        state = state * 0.5 + x[:, t]
        outputs.append(state)
    return torch.stack(outputs, 1)


def windows(x, _):
    return torch.stack([x[:, t : t + 3] for t in range(4)], 1)


def pair(x, each):
    """What a wide and a narrow layer make of a map, side by side."""
    return [each.around(x), x]


SEQUENCES = {
    "picks": (picks, 4),
    "picks met with positions": (lambda x, m: picks(x, m) + x, 4),
    "sums met with positions": (lambda x, m: sums(x, m) * x, 4),
    "sums, last first": (lambda x, m: torch.stack(list(sums(x, m).unbind(1))[::-1], 1) + x, 4),
    "recurrence": (recurrence, 6),
    "recurrence, positions first": (lambda x, m: recurrence(x, m).transpose(0, 1).transpose(0, 1) * x, 6),
    "recurrence, a step taken": (lambda x, m: recurrence(x, m)[:, 2:3] + x, 6),
    "recurrence, cut": (lambda x, m: recurrence(x, m)[:, 1:4], 6),
    "sums of windows": (lambda x, m: windows(x, m).mean(2), 6),
    "windows in line": (lambda x, m: windows(x, m).flatten(1, 2), 6),
    "windows across": (lambda x, m: windows(x, m).transpose(1, 2).flatten(1, 2), 6),
    "unsqueezed and put end to end": (
        lambda x, m: torch.cat([x[:, : t + 1].sum(1).unsqueeze(1) for t in range(4)], 1) + x,
        4,
    ),
}

MAPS = {
    "interleaved": (lambda x, m: torch.stack(pair(x, m), -1).flatten(-2), 3),
    "interleaved by cat": (lambda x, m: torch.cat([y[..., None] for y in pair(x, m)], -1).flatten(-2), 3),
    "even and odd": (lambda x, m: torch.stack([x[..., ::2], x[..., 1::2]], -1).flatten(-2), 3),
    "lifting": (lambda x, m: torch.stack([x[..., ::2] + x[..., 1::2], x[..., 1::2]], -1).flatten(-2), 3),
    "one behind the other": (lambda x, m: torch.stack(pair(x, m), -2).flatten(-2), 3),
    "as channels": (lambda x, m: torch.stack(pair(x, m), 1).flatten(1, 2), 6),
    "as channels, the second taken": (lambda x, m: torch.stack(pair(x, m), 1).flatten(1, 2)[:, 3:], 3),
    "as channels in turn, the second taken": (
        lambda x, m: torch.stack(pair(x, m), 2).flatten(1, 2)[:, 1::2],
        3,
    ),
    "the second taken": (lambda x, m: torch.stack(pair(x, m), 1)[:, 1], 3),
    "unbound": (lambda x, m: torch.stack(pair(x, m), 2).unbind(2)[1], 3),
    "their maximum": (lambda x, m: torch.stack(pair(x, m), 1).amax(1), 3),
    "weighted": (
        lambda x, m: (torch.stack(pair(x, m), 1).softmax(1) * torch.stack(pair(x, m), 1)).sum(1),
        3,
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_elements_of_a_sequence_that_is_stacked_read_what_they_are_made_of(name: str) -> None:
    function, length = SEQUENCES[name]
    check_rows(Between(function), (1, 3, length))


@pytest.mark.parametrize("name", MAPS)
def test_maps_that_are_stacked_are_told_apart(name: str) -> None:
    function, after = MAPS[name]
    check_rows(Between(function, after=after, first=True), (1, 3, 6))


class Frames(nn.Module):
    """A convolutional recurrence over frames, and a convolution of what it gives for three of them."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.step, self.head, self.at = nn.Conv1d(2, 2, 3, padding=1), nn.Conv2d(2, 2, (2, 1)), at

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, states = x, []
        for _ in range(4):
            state = self.step(state)
            states.append(state)
        return self.head(torch.stack(states, 2))[:, :, self.at]


@pytest.mark.parametrize("at", range(3))
def test_a_window_over_maps_that_see_different_things_reads_its_own(at: int) -> None:
    check_rows(Frames(at), (1, 2, 12))


class Cells(nn.Module):
    """A cell called step by step, from a state of zeros."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.embed, self.cell = nn.Conv1d(3, 4, 1), cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, states = None, []
        for step in self.embed(x).unbind(2):
            state = self.cell(step, state)
            states.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(states, 2)


@pytest.mark.parametrize(
    ("kind", "gates"), [(nn.RNNCell, 1), (nn.GRUCell, 3), (nn.LSTMCell, 4)], ids=["RNN", "GRU", "LSTM"]
)
@pytest.mark.parametrize("bias", [True, False])
def test_cells_cost_two_products_and_read_the_steps_before(kind, gates: int, bias: bool) -> None:
    """At each step one from the input and one from the state, as in a layer that runs over the steps."""
    module = Cells(kind(4, 2, bias=bias))
    check_rows(module, (1, 3, 5))
    totals = rfcalc.analyze(read(module, (1, 3, 5))).totals
    assert totals.macs == 5 * 3 * 4 + 5 * gates * 2 * (4 + 2)
    assert totals.params.total == sum(each.numel() for each in module.parameters())


class Many(nn.Module):
    """What one layer, applied again and again, makes each time, side by side; some of it is taken."""

    def __init__(self, taken) -> None:
        super().__init__()
        self.step, self.head, self.taken = nn.Conv1d(2, 2, 3, padding=1), nn.Conv1d(2, 2, 1), taken

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = [x]
        for _ in range(40):
            states.append(self.step(states[-1]))
        return self.head(self.taken(torch.stack(states, 2)))


@pytest.mark.parametrize(
    "taken",
    [lambda x: x[:, :, 1], lambda x: x[:, :, 2:40:30].flatten(2), lambda x: x.amax(2) + x[:, :, 0]],
    ids=["one", "two in line", "their maximum"],
)
def test_many_maps_are_told_apart(taken) -> None:
    check_rows(Many(taken), (1, 2, 8))


class NoPrefix(nn.Module):
    """Layers of a vision transformer without a class token, which take off none and put none before."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.embed, self.layers = nn.Conv1d(3, 4, 2, 2), nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x).transpose(1, 2)
        for layer in self.layers:
            y = layer(x)
            x = x + torch.cat([y[:, :0], y[:, 0:] * 2], 1)
        return x.transpose(1, 2)


def test_no_tokens_are_no_piece() -> None:
    check_rows(NoPrefix(3), (1, 3, 16))


def test_no_tokens_cost_no_more_in_a_deep_model_than_in_a_shallow_one() -> None:
    def unions(depth: int) -> int:
        graph = read(NoPrefix(depth), (1, 3, 16))
        with (
            patch("rfcalc.engine.propagate.unite", wraps=pieces.unite) as outer,
            patch("rfcalc.algebra.pieces.unite", wraps=pieces.unite) as inner,
        ):
            assert rfcalc.analyze(graph).rows[-1].status == "exact"
        return outer.call_count + inner.call_count

    assert unions(12) - unions(8) == unions(8) - unions(4)
