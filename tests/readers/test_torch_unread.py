"""Constants that a saved program computes: evaluated, or else a bound where they may be masks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.torch_changed import Between, changed_rows  # noqa: E402

pytestmark = pytest.mark.torch

T = 9
NEVER = -torch.inf
KEYS = slice(None), None


def places() -> Tensor:
    return torch.arange(T)


def apart() -> Tensor:
    return places()[:, None] - places()


def ahead() -> Tensor:
    return torch.full((T, T), NEVER).triu(1)


def far() -> Tensor:
    """Return numbers that no table of the reader evaluates: 0 for keys that come later, else 0 or more."""
    return torch.special.erfinv((apart() < 0).double() * 0.999)


ADDED: dict[str, Callable[[], Tensor]] = {
    "infinity as a number": lambda: torch.nan_to_num(ahead()),
    "infinity as another number": lambda: torch.nan_to_num(ahead(), neginf=-1e4),
    "a limit": lambda: apart().clamp(-1, 0) * 1e9,
    "a logarithm": lambda: torch.log(torch.ones(T, T).tril()),
    "squares": lambda: (apart() ** 2).sub(5).sign().relu() * -1e9,
    "distances in steps": lambda: apart().abs().floor_divide(3).clamp(max=1) * -1e9,
    "the larger place": lambda: torch.maximum(places()[:, None], places()).sub(places()[:, None]) * -1e9,
    "sums": lambda: ((places()[:, None, None] - places()[None, :, None]) ** 2).sum(-1).clamp(0, 4) * -1e9,
    "a slope": lambda: apart().abs() * -0.5,
    "waves": lambda: torch.sin(apart() * 0.1),
}
"""What scores have added."""

FACTORS: dict[str, Callable[[], Tensor]] = {
    "a row of a line": lambda: (torch.linspace(-1, 1, T) > 0)[KEYS],
    "an outer product": lambda: torch.einsum("i,j->ij", torch.ones(T), places() > 3.0),
    "a product": lambda: torch.ones(T, T).tril() @ torch.ones(T, T).tril(),
    "one of many": lambda: functional.one_hot(places() // 2, T),
    "written to places": lambda: torch.zeros(T, T).scatter(1, (places() // 2)[KEYS], 1.0),
    "looked up": lambda: torch.eye(T).gather(0, places().flip(0)[KEYS].expand(T, T)),
    "looked up in rows": lambda: torch.eye(T).index_select(0, places() // 3),
    "something around": lambda: functional.pad(torch.ones(5, 5), (2, 2, 0, 4)),
    "a diagonal": lambda: torch.diag(torch.ones(T - 1), 1),
    "repeated": lambda: torch.tensor([0.0, 1, 0]).repeat_interleave(3)[KEYS],
    "a decay": lambda: torch.pow(0.5, apart().abs()).tril(),
    "a softmax": lambda: ahead().softmax(-1),
    "exponents": lambda: ahead().exp(),
    "averages": lambda: torch.ones(T, T).tril() / torch.ones(T, T).tril().sum(-1, keepdim=True),
}
"""What multiplies positions: a matrix from the left, a column element by element."""


def attended(x: Tensor, scores: Callable[[Tensor], Tensor]) -> Tensor:
    return scores(x @ x.transpose(1, 2)).softmax(-1) @ x


def times(x: Tensor, k: Tensor) -> Tensor:
    return x * k.to(x.dtype) if k.shape[-1] == 1 else k.to(x.dtype) @ x


KNOWN: dict[str, Callable[..., Tensor]] = {
    **{f"added: {n}": lambda x, m, f=f: attended(x, lambda a: a + f().to(x.dtype)) for n, f in ADDED.items()},
    **{f"factor: {n}": lambda x, m, f=f: times(x, f()) for n, f in FACTORS.items()},
    "a learned table": lambda x, m: attended(x, lambda a: a + m.table[apart() + T - 1]),
    "a table beside the weights": lambda x, m: attended(x, lambda a: a + m.numbers),
    "such a table as a matrix": lambda x, m: m.numbers @ x,
    "waves beside features": lambda x, m: x + torch.sin(places() * 0.3)[KEYS],
}
"""What is exact."""

UNKNOWN: dict[str, Callable[..., Tensor]] = {
    "added": lambda x, m: attended(x, lambda a: a - far() * 1e9),
    "taken from": lambda x, m: attended(x, lambda a: far() * -1e9 - a),
    "multiplied": lambda x, m: (x @ x.transpose(1, 2) * far()) @ x,
    "compared": lambda x, m: attended(x, lambda a: a.masked_fill(a * 0 < far(), -1e9)),
    "a choice": lambda x, m: torch.where(far()[:, :1] > 0, x, 1.0),
    "in attention": lambda x, m: functional.scaled_dot_product_attention(x, x, x, far() * -1e9),
    "a matrix": lambda x, m: far() @ x,
    "letters": lambda x, m: torch.einsum("ij,bjc->bic", far(), x),
    "a factor of positions": lambda x, m: x * far()[:, :1],
    "a part of a learned matrix": lambda x, m: (m.weights * far()) @ x,
    "written into": lambda x, m: attended(x, lambda a: a + torch.zeros(T, T).double().copy_(far() * -1e9)),
}
"""What is a bound: nobody evaluates the constant."""


def saved(function: Callable[..., Tensor], folder: Path) -> tuple[Any, list[int]]:
    """Return what the last layer reads along the positions, and what was measured."""
    module = Between(function)
    module.table = nn.Parameter(torch.randn(2 * T - 1))
    module.weights = nn.Parameter(torch.randn(T, T))
    module.register_buffer("numbers", torch.randn(T, T))
    module, shape = module.double().eval(), (1, 3, T)
    path = folder / "model.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (torch.randn(shape, dtype=torch.float64),)), path)
    graph = rfcalc.load(path)
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    return axis, changed_rows(module, shape, 2, 2)


def rows(axis: Any) -> list[int]:
    return list(axis.masks) * (T if len(axis.masks) == 1 else 1)


@pytest.mark.parametrize("case", KNOWN)
def test_constants_are_evaluated(case: str, tmp_path: Path) -> None:
    axis, measured = saved(KNOWN[case], tmp_path)
    assert (axis.status, rows(axis)) == ("exact", measured)


@pytest.mark.parametrize("case", UNKNOWN)
def test_constants_that_are_not_evaluated_make_a_bound(case: str, tmp_path: Path) -> None:
    axis, measured = saved(UNKNOWN[case], tmp_path)
    assert axis.status == "bound"
    assert all(mine | true == mine for mine, true in zip(rows(axis), measured, strict=True))
