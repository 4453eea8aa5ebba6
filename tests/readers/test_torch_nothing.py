"""Products with zeros: a factor that is zero, everywhere or in a block, leaves nothing of others there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.test_torch_unread import rows, saved  # noqa: E402
from tests.readers.torch_changed import Between, check_rows  # noqa: E402

pytestmark = pytest.mark.torch

T = 9
ROWS = slice(None), slice(2, 5)


def zeros(x: Tensor, *shape: int) -> Tensor:
    return torch.zeros(shape or x.shape, dtype=x.dtype)


def put(k: Tensor, place: Any, what: Tensor | float) -> Tensor:
    k[place] = what
    return k


def scores(x: Tensor) -> Tensor:
    return x @ x.transpose(1, 2)


def gated(x: Tensor) -> Tensor:
    """Return the states of a gated unit whose first is zero."""
    state, states = x.new_zeros(x[:, 0].shape), []
    for i in range(T):
        gate = torch.sigmoid(x[:, i] + state)
        state = gate * state + (1 - gate) * torch.tanh(x[:, i])
        states.append(state)
    return torch.stack(states, 1)


EVERYWHERE: dict[str, Callable[[Tensor], Tensor]] = {
    "like another": lambda x: x + torch.sigmoid(x.flip(1)) * torch.zeros_like(x),
    "of its shape": lambda x: x + torch.sigmoid(x.flip(1)) * torch.zeros(x.shape, dtype=x.dtype),
    "new": lambda x: x + torch.sigmoid(x.flip(1)) * x.new_zeros(x.shape),
    "made by a product": lambda x: x + torch.sigmoid(x.flip(1)) * (x * 0),
    "a number": lambda x: x + x.flip(1) * 0.0,
    "a number of a matrix": lambda x: x + (scores(x) * 0) @ x,
    "a matrix before": lambda x: x + zeros(x, T, T) @ x,
    "a matrix behind": lambda x: x + scores(x) @ zeros(x, T, 3),
    "a layer": lambda x: x + functional.linear(x.flip(1), zeros(x, 3, 3)),
    "letters": lambda x: x + torch.einsum("ij,bjc->bic", zeros(x, T, T), x),
    "what is divided": lambda x: x + torch.zeros_like(x) / (x.flip(1) ** 2 + 1),
    "through views": lambda x: x + x.flip(1) * zeros(x, 1, 3, T).transpose(1, 2)[:, :, :1].expand(x.shape),
    "a state": gated,
}
BLOCKS: dict[str, Callable[[Tensor], Tensor]] = {
    "padding": lambda x: functional.pad(x[:, 2:5], (0, 0, 2, 4)) * x.flip(1),
    "joined": lambda x: torch.cat([zeros(x)[:, :2], x[:, 2:5], zeros(x)[:, 5:]], 1) * x.flip(1),
    "stacked": lambda x: torch.stack([zeros(x)[:, 0], *[x[:, 2]] * 7, x[:, 1] * 0], 1) * x.flip(1),
    "written": lambda x: put(torch.zeros_like(x), ROWS, x[:, 4:7]) * x.flip(1),
    "one row": lambda x: put(torch.zeros_like(x), (slice(None), 3), x[:, 4]) * x.flip(1),
    "every second row": lambda x: put(zeros(x), (slice(None), slice(0, None, 2)), x[:, :5]) * x.flip(1),
    "zeros written": lambda x: put(x.flip(1).clone(), ROWS, 0.0) * x,
    "written, as both factors": lambda x: (
        put(zeros(x), ROWS, x[:, 4:7]) @ (put(zeros(x), ROWS, x[:, 4:7]).transpose(1, 2) @ x)
    ),
    "ones written": lambda x: put(zeros(x), ROWS, 1.0) * x.flip(1),
    "joined with ones": lambda x: torch.cat([zeros(x)[:, :2] + 1, x[:, 2:]], 1) * x.flip(1),
}
CASES = {
    **{f"all: {name}": function for name, function in EVERYWHERE.items()},
    **{f"in part: {name}": function for name, function in BLOCKS.items()},
}
SAVED = ("all: like another", "all: a number", "in part: written", "in part: joined")


@pytest.mark.parametrize("case", CASES)
def test_what_is_multiplied_by_zero_is_not_read(case: str) -> None:
    check_rows(Between(lambda x, _: CASES[case](x)), (1, 3, T))


@pytest.mark.parametrize("case", SAVED)
def test_the_same_of_a_saved_program(case: str, tmp_path: Path) -> None:
    axis, measured = saved(lambda x, _: CASES[case](x), tmp_path)
    assert (axis.status, rows(axis)) == ("exact", measured)


@pytest.mark.parametrize("capture", ["record", "export"])
def test_a_state_that_is_still_to_be_filled_hides_nothing(capture: str) -> None:
    """Buffers of nothing but zeros are filled while a model is trained or runs, as parameters are."""
    module = Between(lambda x, m: x + m.state * x.flip(1) + m.scale * x.roll(1, 1))
    module.register_buffer("state", torch.zeros(T, 1))
    module.scale = nn.Parameter(torch.zeros(1))
    graph = rfcalc.from_torch(module, [(1, 3, T)], capture=capture)
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    assert list(axis.masks) == [1 << i | 1 << (T - 1 - i) | 1 << (i - 1) % T for i in range(T)]
