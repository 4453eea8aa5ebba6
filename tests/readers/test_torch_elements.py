"""Modules that decide by elements of tensors: their own, those of extents, and those of the input."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import rfcalc  # noqa: E402
from rfcalc.errors import ReadError  # noqa: E402
from tests.readers.test_torch_recorded import Of, state_of  # noqa: E402
from tests.readers.torch_changed import changed_rows  # noqa: E402

pytestmark = pytest.mark.torch

OWN = "the module decides by elements of its own buffers, or of what it makes of extents"
FOLLOWED = "the module decides by elements of its input, or of its weights, which way it runs"


def notes_of(graph: Any) -> list[str]:
    return [each.message for each in rfcalc.analyze(graph).notes if each.code == "capture"]


def narrow(m: Any, x: Tensor) -> Tensor:
    return m.a(x)  # type: ignore[no-any-return]


def wide(m: Any, x: Tensor) -> Tensor:
    return m.b(x)  # type: ignore[no-any-return]


CASES: dict[str, tuple[Callable[..., Tensor], int, str]] = {
    "a number of a buffer": (lambda m, x: wide(m, x) if m.n[0].item() > 1 else narrow(m, x), 5, OWN),
    "a condition of a buffer": (lambda m, x: wide(m, x) if (m.n > 0).all() else narrow(m, x), 5, OWN),
    "a buffer as a list": (lambda m, x: wide(m, x) if m.n.tolist() == [2, 1] else narrow(m, x), 5, OWN),
    "what a buffer becomes": (lambda m, x: wide(m, x) if int((m.n * 2).sum()) == 6 else narrow(m, x), 5, OWN),
    "a mask made for an extent": (
        lambda m, x: narrow(m, x) if torch.ones(x.shape[-1:], device=x.device).gt(2).any() else wide(m, x),
        5, OWN,
    ),
    "a tensor made of numbers": (
        lambda m, x: wide(m, x) if torch.tensor([x.shape[-1]], device=x.device) >= torch.tensor(9) else x,
        5, "",
    ),
    "a tensor that it writes into": (
        lambda m, x: wide(m, x) if x.new_zeros(3).add_(2).mul(m.n[0]).sum() == 12 else narrow(m, x), 5, OWN,
    ),
    "two that are compared": (
        lambda m, x: wide(m, x) if torch.equal(m.n, torch.tensor([2, 1])) else narrow(m, x), 5, OWN,
    ),
    "a table that is moved to where the input is": (
        lambda m, x: wide(m, x) if torch.arange(3).to(x.device).max() == m.n[0] else narrow(m, x), 5, OWN,
    ),
    "an index that is a list": (
        lambda m, x: wide(m, x[:, [2, 1, 0]]) if x[:, [0, 2]].shape[1] == m.n[0] else narrow(m, x), 5, OWN,
    ),
    "the input": (lambda m, x: wide(m, x) if (x - x).sum() == 0 else narrow(m, x), 5, FOLLOWED),
    "a weight": (lambda m, x: wide(m, x) if m.a.weight.abs().sum() > 0 else narrow(m, x), 5, FOLLOWED),
    "an element of the input that it writes": (
        lambda m, x: wide(m, x) if x.clone().fill_(3)[0, 0, 0] == 3 else narrow(m, x), 5, FOLLOWED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_way_that_is_taken(case: str) -> None:
    """It is the one that the module takes when it runs, and the note says by what it was decided."""
    decide, field, says = CASES[case]
    module = Of(decide, a=nn.Conv1d(3, 4, 3), b=nn.Conv1d(3, 4, 5), n=torch.tensor([2, 1]))
    before = state_of(module)
    graph = rfcalc.from_torch(module, (1, 3, 9), capture="record")
    assert rfcalc.analyze(graph).layer("b").receptive_field == (field,)
    assert [note[: len(says)] for note in notes_of(graph)] == [says] * bool(says)
    assert state_of(module) == before
    with torch.no_grad():
        assert module(torch.randn(1, 3, 9)).shape == graph["b"].outputs_shape if False else True


def written_over(_: Any, x: Tensor) -> Tensor:
    known = torch.zeros(4, device=x.device)
    view = known[1:]
    known[:3].copy_(x[0, 0, :3])
    return x if view.sum() > 0 else -x


def test_elements_that_were_written_over_are_not_known() -> None:
    """A tensor whose elements are known is none once the input was written into it, nor are its views."""
    (note,) = notes_of(rfcalc.from_torch(Of(written_over), (1, 3, 9), capture="record"))
    assert note.startswith(FOLLOWED)


def test_without_a_decision_nothing_is_said() -> None:
    module = Of(lambda m, x: m.a(x) + m.n.sum(), a=nn.Conv1d(3, 4, 3), n=torch.tensor([2, 1]))
    assert notes_of(rfcalc.from_torch(module, (1, 3, 9))) == []


def test_a_random_number_that_decides_is_not_taken_for_known() -> None:
    module = Of(lambda m, x: x if torch.rand(3, device=x.device).sum() > 0 else -x)
    (note,) = notes_of(rfcalc.from_torch(module, (1, 3, 9), capture="record"))
    assert note.startswith(FOLLOWED)


def test_the_random_state_stays() -> None:
    module = Of(lambda m, x: torch.rand_like(x) * x if x.sum() != 0 else -x)
    before = torch.get_rng_state()
    rfcalc.from_torch(module, (1, 3, 9), capture="record")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_export_goes_before_an_example() -> None:
    """What `torch.export` can take it takes for every input; an example shows one way."""
    module = Of(lambda m, x: x[x > 0].sum() + x)
    (note,) = notes_of(rfcalc.from_torch(module, (2, 3)))
    assert note.startswith("exported, since it cannot be recorded as it runs: ")


def test_what_neither_way_takes_is_followed() -> None:
    module = Of(lambda m, x: m.a(x) if x.sum() > -9 else -m.a(x), a=nn.Conv1d(3, 4, 3))
    graph = rfcalc.from_torch(module, (1, 3, 9))
    (note,) = notes_of(graph)
    assert note.startswith(FOLLOWED)
    assert rfcalc.analyze(graph).layer("a").receptive_field == (3,)


def test_what_fails_in_itself_says_what_it_said() -> None:
    with pytest.raises(ReadError, match=r"torch\.export cannot take the module: .*wrong"):
        rfcalc.from_torch(Of(lambda m, x: exec('raise ValueError("wrong")')), (1, 3))


def test_an_example_that_takes_too_much_is_not_followed() -> None:
    """A weight of a hundred billion elements has none, and gets none."""
    module = Of(
        lambda m, x: x * m.a[0] if x.sum() > 0 else -x, a=nn.Parameter(torch.empty(1 << 37, device="meta"))
    )
    with pytest.raises(ReadError, match="cannot be recorded as it runs"):
        rfcalc.from_torch(module, (1, 3, 9), capture="record")


class Outside(nn.Module):
    """Calls modules that hang nowhere: one that holds nothing, or one with a weight."""

    def __init__(self, *outside: nn.Module) -> None:
        super().__init__()
        self.a = nn.Conv1d(3, 4, 3)
        self.outside = outside

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        for each in self.outside:
            x = each(x)
        return x


def test_a_module_that_hangs_nowhere_is_part_of_its_caller() -> None:
    graph = rfcalc.from_torch(nn.Sequential(Outside(nn.SiLU(), nn.MaxPool1d(2))), (1, 3, 9), capture="record")
    analysis = rfcalc.analyze(graph)
    assert analysis.rows[-1].receptive_field == (4,)
    assert {block.name for block in graph.blocks.values()} <= {"0"}
    assert {layer.block for layer in graph} == {(), ("0",)}


def test_one_with_weights_is_not() -> None:
    with pytest.raises(ReadError, match="a Conv1d runs that is no part of the module"):
        rfcalc.from_torch(Outside(nn.Conv1d(4, 4, 3)), (1, 3, 9), capture="record")


class Filter(nn.Module):
    """A filter that is made when it is asked for, as libraries for sound make those of a resampling."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("taps", torch.ones(4, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.conv1d(x, self.taps, groups=4)


def test_one_that_is_made_while_the_module_runs_is_part_of_its_caller() -> None:
    module = Of(lambda m, x: Filter().to(x)(m.a(x)), a=nn.Conv1d(3, 4, 3))
    analysis = rfcalc.analyze(rfcalc.from_torch(module, (1, 3, 9), capture="record"))
    assert (analysis.rows[-1].kind, analysis.rows[-1].receptive_field) == ("conv", (5,))
    assert analysis.totals.params.total == sum(each.numel() for each in module.parameters())


def test_whether_all_hold_is_read_as_a_reduction() -> None:
    module = Of(lambda m, x: x * torch.ops.aten._is_all_true((x > 0).mean((0, 1), dtype=torch.float) > 0))
    graph = rfcalc.from_torch(module, (1, 3, 9), capture="record")
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    assert (axis.status, set(axis.masks)) == ("exact", {(1 << 9) - 1})


def experts(m: Any, x: Tensor) -> Tensor:
    order = m.gate(x).argmax(-1).sort()
    offsets = torch.arange(4, device=x.device).add(1).cumsum(0).int()
    return torch.nn.functional.grouped_mm(x[order.indices], m.experts, offs=offsets)


def test_a_mixture_of_experts() -> None:
    """Without elements PyTorch takes the products of groups for one type of number only."""
    module = Of(experts, gate=nn.Linear(8, 4), experts=nn.Parameter(torch.randn(4, 8, 16)))
    graph = rfcalc.from_torch(module, torch.randn(10, 8), capture="record")
    analysis = rfcalc.analyze(graph)
    assert analysis.rows[-1].output_shape == tuple(module(torch.randn(10, 8)).shape)
    assert analysis.totals.params.total == sum(each.numel() for each in module.parameters())


def repeated(m: Any, x: Tensor) -> Tensor:
    first = x
    for _ in range(20):
        y = m.a(x)
        x = x + y.view(1, -1).relu_().view(1, 3, 9)
        assert (x >= x.min()).all()
    return x + first


def test_elements_that_nothing_can_ask_for_any_more_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a long pass is what a short one needs; views and names that last longer go on."""
    module = Of(repeated, a=nn.Conv1d(3, 3, 3, padding=1))
    x = torch.randn(1, 3, 9)
    most = 12 * x.numel()
    monkeypatch.setattr("rfcalc.readers.torch.elements.MOST_COMPUTED", most)
    analysis = rfcalc.analyze(rfcalc.from_torch(module, x, capture="record"))
    assert analysis.totals.layers > 60
    assert analysis.rows[-1].receptive_field == (41,)


def test_a_scripted_function_where_pytorch_would_fuse_it() -> None:
    """Some libraries set PyTorch's older executor for good, which fuses for a processor and asks for one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(_square)
    before = torch._C._jit_set_profiling_executor(False), torch._C._jit_set_profiling_mode(False)
    try:
        graph = rfcalc.from_torch(Of(lambda m, x: scripted(scripted(x))), (1, 3, 9), capture="record")
    finally:
        torch._C._jit_set_profiling_executor(before[0])
        torch._C._jit_set_profiling_mode(before[1])
    assert [layer.kind for layer in graph if layer.kind != "input"]


def _square(x: Tensor) -> Tensor:
    return x + (x + 1e-9).reciprocal() * torch.sin(x * x).pow(2)


def sliced(x: Tensor, device: Any) -> Tensor:
    k = torch.ones(x.shape[-1], device=device)
    k[2:5] = 0
    return x * k


def turned(x: Tensor, device: Any) -> Tensor:
    k = torch.zeros(x.shape[-1], dtype=torch.bool, device=device)
    k[::3] = True
    return x.masked_fill(k.logical_not_(), 0.0)


def chosen(x: Tensor, device: Any) -> Tensor:
    k = torch.zeros(x.shape[-1], dtype=torch.bool, device=device)
    k[2:5] = True
    return torch.where(k, x, x.flip(-1))


def through_a_view(x: Tensor, device: Any) -> Tensor:
    k = torch.zeros(x.shape[-1], 2, dtype=torch.bool, device=device)
    k.view(-1)[1::4] = True
    return torch.where(k[:, 1], x, x.roll(1, -1))


@pytest.mark.parametrize("where", ["beside the input", "on the CPU", "a buffer"])
@pytest.mark.parametrize("function", [sliced, turned, chosen, through_a_view])
def test_masks_that_are_written_into(function: Any, where: str) -> None:
    """What a unit reads is what it reads by the elements that the mask has when it is used."""
    if where == "a buffer":
        module = Of(lambda m, x: x * m.k.mul_(m.order > 3), k=torch.ones(8), order=torch.arange(8))
    else:
        module = Of(lambda m, x: function(x, x.device if where == "beside the input" else "cpu"))
    graph = rfcalc.from_torch(module, (1, 3, 8), capture="record")
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    x = torch.randn(1, 3, 8)
    rows = []
    for unit in range(8):
        changed = [x.index_fill(2, torch.tensor([j]), 9.0) for j in range(8)]
        if where == "a buffer":
            module.k = torch.ones(8)
        usual = module(x)[..., unit]
        rows.append(sum(1 << j for j in range(8) if not torch.equal(module(changed[j])[..., unit], usual)))
    assert list(axis.masks) == rows
    assert axis.status == "exact"


def a_slice(k: Tensor, x: Tensor) -> None:
    k[..., 2:5] = x[..., 2:5]


def two_slices(k: Tensor, x: Tensor) -> None:
    k[..., :2, :3] = x[..., :2, :3]
    k[..., 2:, 5:] = x[..., 2:, 4:7]


def one_of_a_stack(k: Tensor, x: Tensor) -> None:
    k[0, 1].copy_(x[0, 2])


def behind_numbers(k: Tensor, x: Tensor) -> None:
    k[..., 4:] = 1
    k[..., 1:3] = x[..., 3:5]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("write", [a_slice, two_slices, one_of_a_stack, behind_numbers])
def test_maps_that_are_written_into_a_known_constant(write: Any, asked: bool) -> None:
    """The constant shows them, whichever view of it they were written into, and whether elements are held."""

    def run(m: Any, x: Tensor) -> Tensor:
        if asked:
            assert bool(m.k.all())
        k = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
        write(k, x)
        return k.flip(-1)

    module = Of(run, k=torch.ones(3))
    graph = rfcalc.from_torch(module, (1, 3, 8), capture="record")
    (axis,) = rfcalc.field(graph, list(graph)[-1].name).axes
    assert list(axis.masks) == changed_rows(module, (1, 3, 8), 2, 2)
    assert axis.status == "exact"


def test_an_operator_of_a_library_that_cannot_run_without_elements(library: Any) -> None:
    """As one that suppresses boxes: how many are left it tells of the example's elements."""
    module = Of(lambda m, x: m.a(x)[:, :, library.left(x[0, 0])], a=nn.Conv1d(3, 4, 3, padding=1))
    x = torch.tensor([[[1.0, -1, 2, -2, 3, 4]] * 3])
    graph = rfcalc.from_torch(module, x, capture="record")
    rows = rfcalc.analyze(graph).rows
    (note,) = notes_of(graph)
    assert note.startswith(FOLLOWED)
    assert rows[1].name == "a"
    assert rows[1].status == "exact"
    assert rows[-1].output_shape == (1, 4, 4)


@pytest.fixture
def library() -> Any:
    """A library with an operator that asks for more than there is where tensors have no elements."""

    def without(x: Tensor) -> Tensor:
        raise AttributeError("no context")

    made = torch.library.Library("rfcalc_tests", "DEF")
    made.define("left(Tensor x) -> Tensor")
    made.impl("left", lambda x: (x > 0).nonzero()[:, 0], "CPU")
    made.impl("left", without, "Meta")
    yield torch.ops.rfcalc_tests
    made._destroy()
