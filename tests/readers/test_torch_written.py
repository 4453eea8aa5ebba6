"""Elements that are written into a tensor, in place or not, against what changes when the input does."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from tests.readers.torch_changed import Between, check_rows  # noqa: E402

pytestmark = pytest.mark.torch

SOME = torch.tensor([0, 3])
KEPT = torch.tensor([True, False, True, False, False, False])


def zeros_in_a_block(x, m):
    x = x.clone()
    x[..., 2:4] = 0
    return x


def zeros_at_the_end(x, m):
    x = x.clone()
    x[..., -1] = 0
    return x


def every_other_filled(x, m):
    x = x.clone()
    x[:, :, ::2].fill_(1.0)
    return x


def block_of_a_block(x, m):
    x = x.clone()
    x[:, :, 1:3][:, :, 0] = 0
    return x


def added_to_what_is_behind(x, m):
    x = x.clone()
    x[:, :, 1:] += m.around(x)[:, :, :-1]
    return x


def copied_into_a_block(x, m):
    y = m.around(x).clone()
    y[:, :, 1:3].copy_(x[:, :, 3:5])
    return y


def one_of_another_map(x, m):
    x = x.clone()
    x[:, :, 2] = m.around(x)[:, :, 5]
    return x


def put_where_a_mask_says(x, m):
    x = x.clone()
    x[:, :, KEPT] = 0
    return x


def put_at_indices(x, m):
    x = x.clone()
    x[:, :, SOME] = m.around(x)[:, :, torch.tensor([4, 5])]
    return x


def shifted(x, m):
    y = torch.zeros_like(x)
    y[:, :, 1:] = x[:, :, :-1]
    y[:, :, 0] = x[:, :, 5]
    return y


def recurrence(x, m):
    y, state = torch.zeros_like(x), torch.zeros_like(x[:, :, 0])
    for t in range(x.shape[2]):
        state = state * 0.5 + x[:, :, t]
        y[:, :, t] = state
    return y


def interleaved(x, m):
    y = torch.zeros(1, 3, 12, dtype=x.dtype)
    y[:, :, ::2] = m.around(x)
    y[:, :, 1::2] = x
    return y


def channels(x, m):
    y = m.around(x).clone()
    y[:, 1:] = x[:, 1:]
    return y[:, 1:2].expand(1, 3, 6)


def a_mean_everywhere(x, m):
    y = m.around(x)
    y[:, :, 2:4] = x.mean()
    return y


def reshaped_in_place(x, m):
    y = x.clone()
    y.unsqueeze_(-1).transpose_(0, 3)
    y[:, :, 3] = 0
    return y.transpose_(0, 3).squeeze_(-1)


EXACT = {
    **{
        each.__name__.replace("_", " "): each
        for each in (
            *(zeros_in_a_block, zeros_at_the_end, every_other_filled, block_of_a_block),
            *(added_to_what_is_behind, copied_into_a_block, one_of_another_map, put_where_a_mask_says),
            *(put_at_indices, shifted, recurrence, interleaved, channels, a_mean_everywhere),
            reshaped_in_place,
        )
    },
    "slice_scatter": lambda x, m: x.slice_scatter(m.around(x)[:, :, :2], 2, 4, 6),
    "select_scatter": lambda x, m: x.select_scatter(m.around(x)[:, :, 5], 2, 0),
    "index_fill": lambda x, m: x.index_fill(2, SOME, 0.0),
    "index_copy": lambda x, m: x.index_copy(2, SOME, m.around(x)[:, :, 4:6]),
}


def zeros_where_it_is_positive(x, m):
    x = x.clone()
    x[x > 0] = 0
    return x


def view_of_before(x, m):
    """Write through one view, and read another one that was taken before."""
    x = x.clone()
    flat, x[:, :, 1:3] = x.view(1, 18), 0
    return flat.view(1, 3, 6)


def a_part_reshaped_in_place(x, m):
    x = x.clone()
    part = x[:, :, :4]
    part.transpose_(1, 2)
    part[:, 1] = 0
    return x


BOUND = {
    "a part reshaped in place": a_part_reshaped_in_place,
    "zeros where it is positive": zeros_where_it_is_positive,
    "a view of before": view_of_before,
    "index_add": lambda x, m: x.index_add(2, SOME, m.around(x)[:, :, 4:6]),
    "scatter": lambda x, m: x.scatter(2, SOME.expand(1, 3, 2), m.around(x)[:, :, 4:6]),
}


@pytest.mark.parametrize("name", EXACT)
def test_what_is_written_replaces_what_was_there(name: str) -> None:
    check_rows(Between(EXACT[name], first=True), (1, 3, 6))


@pytest.mark.parametrize("name", BOUND)
def test_what_cannot_be_followed_is_a_bound(name: str) -> None:
    check_rows(Between(BOUND[name], first=True), (1, 3, 6), "bound")


class Token(nn.Module):
    """A learned vector in the place of the first position: it counts, and hides what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.head = nn.Parameter(torch.ones(3)), nn.Conv1d(3, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, :, 0] = self.token
        return self.head(x)


def test_a_parameter_that_is_written_counts() -> None:
    check_rows(Token(), (1, 3, 6))
