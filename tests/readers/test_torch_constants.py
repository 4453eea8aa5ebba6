"""Constants with zeros among other numbers as factors, against what changes when the input does."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.torch_changed import check_rows, read  # noqa: E402

pytestmark = pytest.mark.torch

PLACE = torch.arange(6)
CONSTANTS = {
    "triangle": torch.ones(6, 6).tril(),
    "decay": (0.5 ** (PLACE[:, None] - PLACE).abs()).tril(),
    "band": ((PLACE[:, None] - PLACE).abs() < 2).float(),
    "picked": torch.eye(6)[[0, 2, 5]],
    "filters": torch.tensor([[0.2, 0.5, 0, 0, 0, 0], [0, 0.3, 0.9, 0.1, 0, 0], [0, 0, 0, 0.4, 0.5, 0.6]]),
    "chosen": torch.ones(6, 6) * (PLACE < 3),
    "blocks": torch.block_diag(torch.rand(2, 2), torch.rand(3, 3), torch.rand(1, 1)) + 0,
    "scattered": torch.tensor([0, 0.3, 1, 0.2, 0, 0.7]),
    "window": torch.hann_window(6),
    "taps": torch.tensor([[[0.0, 1, 0, 2, 0]]]),
}


class Constant(nn.Module):
    """A function of a map, constants and a parameter between two convolutions of one position."""

    def __init__(self, function) -> None:
        super().__init__()
        self.before, self.behind = nn.Conv1d(3, 3, 1), nn.Conv1d(3, 2, 1)
        self.weight = nn.Parameter(torch.ones(6, 6))
        for name, tensor in CONSTANTS.items():
            self.register_buffer(name, tensor.clone(), persistent=False)
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.behind(self.function(self, self.before(x)))


def columns(x, matrix):
    """Multiply a matrix with the positions of each sample, as if they were its rows."""
    return (matrix @ x.transpose(1, 2)).transpose(1, 2)


CASES = {
    "a triangle before": lambda m, x: columns(x, m.triangle),
    "a triangle behind": lambda m, x: x @ m.triangle,
    "a decay before": lambda m, x: columns(x, m.decay),
    "a decay behind": lambda m, x: x @ m.decay,
    "a decay, batched": lambda m, x: torch.bmm(x, m.decay[None]),
    "a selection": lambda m, x: x @ m.picked.T,
    "a bank of filters": lambda m, x: x @ m.filters.T,
    "a bank of filters as a layer": lambda m, x: functional.linear(x, m.filters),
    "a bank of filters, by letters": lambda m, x: torch.einsum("bct,st->bcs", x, m.filters),
    "a bank of filters, summed": lambda m, x: (x[:, :, None] * m.filters).sum(-1),
    "blocks": lambda m, x: x @ m.blocks,
    "weights times a band": lambda m, x: x @ (m.weight * m.band),
    "weights times a decay": lambda m, x: columns(x, m.weight * m.decay),
    "a permutation that the module makes": lambda m, x: x @ torch.eye(6, dtype=x.dtype).roll(1, 0),
    "a triangle picked element by element": lambda m, x: (
        x @ m.triangle.gather(1, (torch.arange(4)[:, None] + torch.tensor([2, 0, 1])) % 6).repeat(2, 1)[:6]
    ),
    "what two masks leave in common": lambda m, x: (
        x @ torch.einsum("i,j->ij", m.triangle[3], 1 - m.triangle[1])
    ),
    "steps that two masks make": lambda m, x: x @ torch.einsum("ij,kj->ik", m.triangle, m.picked),
    "the first half behind": lambda m, x: x @ m.chosen.T,
    "the first half before": lambda m, x: columns(x, m.chosen),
    "the first half, by letters": lambda m, x: torch.einsum("bct,st->bcs", x, m.chosen),
    "for the first half behind": lambda m, x: x @ m.chosen,
    "zeros here and there": lambda m, x: (x * m.scattered).cumsum(-1),
    "a window function": lambda m, x: (x * m.window).cumsum(-1),
    "a kernel with zeros": lambda m, x: functional.conv1d(x, m.taps.expand(3, 1, 5), padding=2, groups=3),
    "weights alone": lambda m, x: x @ m.weight,
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_constant_multiplies_by_zero_is_not_read(name: str) -> None:
    check_rows(Constant(CASES[name]), (1, 3, 6))


def test_zeros_that_training_may_change_say_nothing() -> None:
    module = Constant(lambda m, x: x @ m.weight)
    with torch.no_grad():
        module.weight.copy_(torch.eye(6))
    (axis,) = rfcalc.field(read(module, (1, 3, 6)), "behind").axes
    assert set(axis.masks) == {0b111111}


class Nothing(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """A map beside the rows of it that no index names."""

    def forward(self, x: Any) -> Any:
        return torch.cat([x, x[:, :, torch.tensor([], dtype=torch.long)]], 2)


@pytest.mark.parametrize("capture", ["auto", "export"])
def test_no_index_takes_no_rows(capture: str) -> None:
    rows = {
        row.op: row
        for row in rfcalc.analyze(rfcalc.from_torch(Nothing(), (1, 3, 8, 8), capture=capture)).rows
    }
    assert (rows["index"].output_shape, rows["index"].receptive_field) == ((1, 3, 0, 8), (0, 0))
    assert (rows["cat"].status, rows["cat"].receptive_field) == ("exact", (1, 1))
