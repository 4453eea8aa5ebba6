"""What the input decides to add to scores of attention, against what changes when the input does."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.torch_changed import check_rows  # noqa: E402

pytestmark = pytest.mark.torch


class Windowed(nn.Module):
    """Attention within windows of three positions; `bias` makes what is added to the scores."""

    def __init__(self, bias) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(3, 3) for _ in range(3))
        self.table, self.scores, self.gate = nn.Parameter(torch.ones(5, 3)), nn.Linear(3, 3), nn.Linear(3, 1)
        self.register_buffer("distance", torch.arange(3)[:, None] - torch.arange(3) + 2)
        self.bias = bias

    def forward(self, x):
        x = x.transpose(1, 2).reshape(2, 1, 3, 3)
        q, k, v = self.query(x), self.key(x), self.value(x)
        x = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.bias(self, q, k))
        return x.reshape(1, 6, 3).transpose(1, 2)


def of_columns(m, q, k):
    """What two tables of half the positions each say of a query, put together as SAM's encoder does."""
    even = torch.einsum("bhqc,qkc->bhqk", q, m.table[m.distance])
    odd = torch.einsum("bhqc,qkc->bhqk", q, m.table[m.distance.flip(0)])
    return (even[..., :, None] + odd[..., None, :])[..., 0].view(2, 1, 3, 3)


EXACT = {
    "queries with a table of distances": lambda m, q, k: torch.einsum(
        "bhqc,qkc->bhqk", q, m.table[m.distance]
    ),
    "queries with two tables": of_columns,
    "a linear layer of the queries": lambda m, q, k: m.scores(q),
    "queries with keys": lambda m, q, k: torch.tanh(q @ k.transpose(-1, -2)) * 16,
    "a table of which a gate takes part": lambda m, q, k: (
        m.table[:, 0][m.distance] * torch.sigmoid(m.gate(q)) - 0.5
    ),
    "the same for each query": lambda m, q, k: m.gate(k).transpose(-1, -2) / 3,
}

HIDING = {
    "filled with infinity": lambda m, q, k: m.scores(q).masked_fill(m.scores(k) > 0, float("-inf")),
    "a choice": lambda m, q, k: torch.where(m.scores(k) > 0, m.scores(q), torch.tensor(-1e9)),
    "a large number": lambda m, q, k: torch.relu(m.scores(q)) * -1e9,
    "a large number that is turned": lambda m, q, k: -(torch.relu(m.scores(q)) * 1e9),
    "a comparison": lambda m, q, k: (m.scores(q) > 0).double() * -1.0,
    "a logarithm": lambda m, q, k: torch.relu(m.scores(q)).log(),
    "true and false": lambda m, q, k: (m.scores(q) > 0) | torch.eye(3, dtype=torch.bool),
    "a quotient": lambda m, q, k: m.scores(q) / torch.relu(m.scores(k)),
}


@pytest.mark.parametrize("name", EXACT)
def test_what_is_added_to_scores_hides_no_key_by_itself(name: str) -> None:
    check_rows(Windowed(EXACT[name]), (1, 3, 6))


@pytest.mark.parametrize("name", HIDING)
def test_what_may_hide_keys_is_a_bound(name: str) -> None:
    check_rows(Windowed(HIDING[name]), (1, 3, 6), "bound")


def test_a_mask_that_the_model_is_given_is_a_bound() -> None:
    class Given(nn.Module):
        def forward(self, x, mask):
            return functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = rfcalc.from_torch(Given(), [(1, 2, 4, 3), (1, 2, 4, 4)])
    assert rfcalc.analyze(graph).rows[-1].status == "bound"
