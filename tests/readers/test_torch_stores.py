"""Constants that are written into: units read what the elements at that time let them, however it is read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.test_torch_recorded import Of  # noqa: E402

pytestmark = pytest.mark.torch

T = 8
SOME = torch.tensor([0.3, -1.7, 2.9, 0.7, -0.2, 1.3, 0.9, 2.2])

Write = Callable[[], Tensor]


def ones(*shape: int) -> Tensor:
    return torch.ones(*shape)


def zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape)


def after(k: Tensor, *writes: Callable[[Tensor], Any]) -> Tensor:
    for write in writes:
        write(k)
    return k


def put(place: Any, what: Any) -> Callable[[Tensor], Any]:
    return lambda k: k.__setitem__(place, what)


def band(k: Tensor) -> None:
    for row in range(T):
        k[row, max(0, row - 1) : row + 2] = 1


FACTORS: dict[str, Write] = {
    "a slice": lambda: after(ones(T), put(slice(2, 5), 0)),
    "some numbers": lambda: after(ones(T), put(slice(2, 5), torch.tensor([0.0, 1.0, 0.0]))),
    "places": lambda: after(ones(T), put(torch.tensor([1, 4]), 0)),
    "where it holds": lambda: after(ones(T), put(torch.arange(T) % 2 == 0, 0)),
    "a part": lambda: after(ones(T), lambda k: k.split(4)[0].zero_()),
    "one of all": lambda: after(ones(T), lambda k: k.unbind(0)[3].zero_()),
    "a factor": lambda: after(ones(T), lambda k: k.mul_(torch.arange(T) > 3)),
    "a view of a view": lambda: after(ones(2, T), lambda k: k.view(-1)[1::4].zero_())[0],
    "a limit": lambda: after(ones(T), put(slice(3), -1), lambda k: k.clamp_(min=0)),
    "a limit in a part, and then some": lambda: after(
        ones(T), lambda k: k[:3].clamp_(max=0), put(slice(6, None), 0)
    ),
    "truth values of numbers": lambda: after(
        torch.zeros(T, dtype=torch.bool), put(slice(3, None), torch.full((5,), 2))
    ),
    "truth values as numbers": lambda: (
        after(torch.zeros(T, dtype=torch.bool), put(slice(3, None), torch.full((5,), 2))).long() - 1
    ),
    "integers of fractions": lambda: after(
        torch.ones(T, dtype=torch.long), put(slice(3, None), torch.full((5,), 0.5))
    ),
    "a reshape that is a copy": lambda: after(ones(T, 2).t(), lambda k: k.reshape(-1)[:5].zero_())[0],
    "a reshape that is a view": lambda: after(ones(2, T), lambda k: k.reshape(-1)[:5].zero_())[0],
    "what was moved, which is the same": lambda: after(ones(T), lambda k: k.to(torch.float32)[:5].zero_()),
    "with a new axis": lambda: after(ones(T), lambda k: k.unsqueeze_(0), put((0, slice(2, 5)), 0)),
    "without an axis": lambda: after(ones(T, 1), lambda k: k.squeeze_(1), put(slice(2, 5), 0)),
    "turned": lambda: after(ones(T, 2), lambda k: k.t_(), put((0, slice(2, 5)), 0))[0],
    "a view from before a new axis": lambda: after(
        ones(T), lambda k: (v := k[2:5], k.unsqueeze_(0), v.zero_())
    ),
    "numbers that say nothing, into zeros": lambda: after(zeros(T), put(slice(2, 5), SOME[:3])),
    "such numbers at places": lambda: after(zeros(T), put(torch.tensor([1, 6]), SOME[:2])),
    "zeros into such numbers": lambda: after(SOME.clone(), put(slice(3, 6), 0)),
    "all of it, in two steps": lambda: after(
        zeros(T, 2), put((..., 0), torch.sin(SOME)), put((..., 1), torch.cos(SOME))
    )[:, 1],
    "more than is looked at in a recording": lambda: after(ones(70_000), put(slice(2, 5), 0))[:T],
}  # fmt: skip
"""What a map is multiplied with."""

MATRICES: dict[str, Write] = {
    "a triangle": lambda: after(ones(T, T), lambda k: k.triu_(1)),
    "a diagonal": lambda: after(zeros(T, T), lambda k: k.fill_diagonal_(1.0)),
    "pairs of places, and a row": lambda: after(
        zeros(T, T), put((range(T), range(T)), 1), lambda k: k[0].add_(1)
    ),
    "row by row": lambda: after(zeros(T, T), band),
}
"""What positions are mixed by."""


def mixed(x: Tensor, k: Tensor) -> Tensor:
    return (k @ x.transpose(1, 2)).transpose(1, 2)


def attended(x: Tensor, k: Tensor) -> Tensor:
    x = x.transpose(1, 2)
    return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=k).transpose(1, 2)


def before_and_after(x: Tensor) -> Tensor:
    k = ones(T)
    y = x * k
    k[2:5] = 0
    return y + x.roll(1, -1) * k


OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "scores": lambda x: attended(x, after(zeros(T, T), put((slice(None), slice(5, None)), -1e30))),
    "infinite scores": lambda x: attended(
        x, after(zeros(T, T), lambda k: k.masked_fill_(ones(T, T).tril() == 0, -torch.inf))
    ),
    "a choice": lambda x: torch.where(
        after(torch.zeros(T, dtype=torch.bool), put(slice(2, 5), True)), x, x.flip(-1)
    ),
    "a choice turned round": lambda x: x.masked_fill(
        after(torch.zeros(T, dtype=torch.bool), put(slice(0, T, 3), True), lambda k: k.logical_not_()), 0.0
    ),
    "an index": lambda x: x[..., after(torch.arange(T), put(3, 7))],
    "used before and after": before_and_after,
    "a copy and what it is of": lambda x: (
        x * (k := ones(T)) + x.roll(1, -1) * after(k.clone(), put(slice(None, 5), 0))
    ),
}  # fmt: skip

CASES = {
    **{f"factor: {name}": lambda x, write=write: x * write() for name, write in FACTORS.items()},
    **{f"matrix: {name}": lambda x, write=write: mixed(x, write()) for name, write in MATRICES.items()},
    **OTHERS,
}


def field_of(function: Callable[[Tensor], Tensor], how: str, folder: Path) -> Any:
    """Return what the units of the output read along the last axis, as rfcalc says it."""
    module, x = Of(lambda _, x: function(x)), torch.randn(1, 3, T)
    if how == "saved":
        path = folder / "model.pt2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(torch.export.export(module, (x,)), path)
        (axis,) = rfcalc.field(str(path), rfcalc.analyze(str(path)).rows[-1].name).axes
        return axis
    graph = rfcalc.from_torch(module, x, capture=how)
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    return axis


def measured(function: Callable[[Tensor], Tensor]) -> list[int]:
    """Return the same as masks, from changing one position of the input at a time."""
    x = torch.randn(1, 3, T)
    usual = function(x)
    changed = [function(x.index_fill(2, torch.tensor([j]), 9.0)) for j in range(T)]
    return [
        sum(1 << j for j in range(T) if not torch.equal(changed[j][..., unit], usual[..., unit]))
        for unit in range(T)
    ]


@pytest.mark.parametrize("how", ["record", "export", "saved"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_read_by_the_elements_at_that_time(case: str, how: str, tmp_path: Path) -> None:
    axis = field_of(CASES[case], how, tmp_path)
    assert (axis.status, list(axis.masks)) == ("exact", measured(CASES[case]))


def unfolded(k: Tensor) -> None:
    k.unfold(0, 2, 2)[1] = 0


NOT_FOLLOWED: dict[str, Callable[[Tensor], Tensor]] = {
    "a view that overlaps": lambda x: x * after(ones(T), unfolded),
    "strides": lambda x: mixed(x, after(zeros(T, T), lambda k: k.as_strided((T,), (T + 1,)).fill_(1))),
    "nothing that is evaluated": lambda x: x * after(ones(T), put(slice(3), -1), lambda k: k.erfinv_()),
    "the same in a part, and then some": lambda x: x * after(
        ones(T), lambda k: k[:3].zero_().erfinv_(), put(slice(6, None), 0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_FOLLOWED)
def test_what_is_not_followed_is_a_bound(case: str, tmp_path: Path) -> None:
    axis = field_of(NOT_FOLLOWED[case], "export", tmp_path)
    assert axis.status == "bound"
    said = axis.masks if axis.extent == T else axis.masks * T
    assert all(mine | true == mine for mine, true in zip(said, measured(NOT_FOLLOWED[case]), strict=True))
