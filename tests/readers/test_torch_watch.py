"""Watching a module that runs anyway: what is said of it, and that it runs as it would."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812  its usual name

import rfcalc  # noqa: E402
from rfcalc.errors import ReadError, UsageError  # noqa: E402
from tests.readers import torch_models as models  # noqa: E402
from tests.readers.test_torch_recorded import CASES, Of, told  # noqa: E402

pytestmark = pytest.mark.torch


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.MaxPool2d(2),
        nn.Flatten(), nn.LazyLinear(5),
    )  # fmt: skip


def trained(module: Any, watched: bool) -> tuple[list[Tensor], Any]:
    """Train for three steps; return gradients, weights, buffers and the random state, and what was seen."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    seen = None

    def run() -> None:
        for _ in range(3):
            optimizer.zero_grad()
            module(torch.randn(4, 3, 12, 12)).square().mean().backward()
            optimizer.step()

    if watched:
        with rfcalc.watch(module) as seen:
            run()
    else:
        run()
    gradients = [each.grad for each in module.parameters() if each.grad is not None]
    return [*gradients, *module.parameters(), *module.buffers(), torch.get_rng_state()], seen


def test_it_learns_as_it_would() -> None:
    """Gradients, weights, statistics and random numbers are bit for bit what they are without watching."""
    module = network()
    module(torch.zeros(4, 3, 12, 12))
    other = copy.deepcopy(module)
    wanted, _ = trained(other, watched=False)
    found, seen = trained(module, watched=True)
    assert len(found) == len(wanted)
    assert all(map(torch.equal, found, wanted))
    ((shape, count),) = [(each.inputs, each.count) for each in seen]
    assert (dict(shape), count) == ({"input": (4, 3, 12, 12)}, 3)


def test_what_is_said_of_a_pass_that_trains() -> None:
    """The figures are those of inference, and a note says so."""
    module = network()
    module(torch.zeros(4, 3, 12, 12))
    _, seen = trained(module, watched=True)
    wanted = rfcalc.analyze(rfcalc.from_torch(module, (4, 3, 12, 12)))
    assert [row.receptive_field for row in seen.analysis] == [row.receptive_field for row in wanted]
    assert [row.params for row in seen.analysis] == [row.params for row in wanted]
    assert [row.macs for row in seen.analysis] == [row.macs for row in wanted]
    (note,) = [each.message for each in seen.analysis.notes if each.code == "capture"]
    assert note.startswith("recorded while it trained: batch normalisation is told as it is for inference")


def tensors_for(shape: Any, module: Any) -> list[Tensor]:
    shapes = shape if isinstance(shape, list) else [shape]
    indices = any(isinstance(each, nn.Embedding) for each in module.modules()) and len(shapes[0]) == 2
    return [torch.zeros(each, dtype=torch.int64 if indices else torch.float32) for each in shapes]


@pytest.mark.parametrize("case", CASES)
def test_a_watched_pass_is_recorded_as_any(case: str) -> None:
    build, shape = CASES[case]
    module = build().eval()
    with rfcalc.watch(module) as seen, torch.no_grad():
        module(*tensors_for(shape, module))
    document = seen.analysis.to_dict()
    for layer in document["layers"]:
        layer.pop("outputs", None)
    document["notes"] = [each for each in document["notes"] if each["code"] != "capture"]
    assert document == told(module, shape, "record")


def test_a_pass_for_each_size() -> None:
    module = nn.Conv2d(3, 4, 3)
    with rfcalc.watch(module) as seen:
        for size in (8, 9, 8, 8):
            module(torch.zeros(1, 3, size, size))
    assert [(each.inputs["input"], each.count) for each in seen] == [((1, 3, 8, 8), 3), ((1, 3, 9, 9), 1)]
    assert [each.analysis.rows[-1].output_shape for each in seen] == [(1, 4, 6, 6), (1, 4, 7, 7)]
    assert (
        repr(seen)
        == "<Watch of Conv2d: [<Pass at input 1x3x8x8, 3 times>, <Pass at input 1x3x9x9, 1 times>]>"
    )
    with pytest.raises(UsageError, match="<Conv2d>: the module ran at 2 sizes; take each pass's analysis"):
        seen.analysis  # noqa: B018


def test_a_part_of_what_runs() -> None:
    module = models.ResNet50(8, (1, 1, 1, 1), 10).eval()
    with rfcalc.watch(module.layer1) as seen:
        module(torch.zeros(1, 3, 32, 32))
    assert [dict(each.inputs) for each in seen] == [{"input": (1, 8, 8, 8)}]
    assert seen.analysis.rows[-1].receptive_field == (3, 3)


class Called(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3)

    def forward(self, x: Tensor, scale: float = 1.0, *, mask: Tensor | None = None) -> Any:
        y = self.conv(x) * scale
        return {"y": y if mask is None else y * mask}


def test_arguments_by_name() -> None:
    module = Called()
    with rfcalc.watch(module) as seen:
        module(torch.zeros(1, 3, 9), mask=torch.ones(7))
        module(x=torch.zeros(1, 3, 9), mask=torch.ones(7))
        module(torch.zeros(1, 3, 9), scale=2.0)
    assert [(dict(each.inputs), each.count) for each in seen] == [
        ({"x": (1, 3, 9), "mask": (7,)}, 2),
        ({"x": (1, 3, 9)}, 1),
    ]


def test_the_module_stays_as_it_is() -> None:
    """Also while it is watched, so that copies and files of it are what they would be."""
    module, usual = nn.Sequential(nn.Conv1d(3, 4, 3)), nn.Module.__call__
    before = dict(module.__dict__)
    with rfcalc.watch(module):
        module(torch.zeros(1, 3, 9))
        assert module.__dict__ == before
        copied = copy.deepcopy(module)
        loaded = pickle.loads(pickle.dumps(module))
    for other in (copied, loaded):
        with torch.no_grad():
            other[0].weight.zero_()
            other[0].bias.zero_()
        assert not other(torch.ones(1, 3, 9)).any()
    assert nn.Module.__call__ is usual
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_two_that_end_in_the_order_of_their_beginning() -> None:
    module, usual = nn.Conv1d(3, 4, 3), nn.Module.__call__
    first, second = rfcalc.watch(module), rfcalc.watch(module)
    one, two = first.__enter__(), second.__enter__()
    module(torch.zeros(1, 3, 9))
    module(torch.zeros(1, 3, 9))
    first.__exit__(None, None, None)
    module(torch.zeros(1, 3, 9))
    second.__exit__(None, None, None)
    assert nn.Module.__call__ is usual
    assert [each.count for each in one] == [2]
    assert [each.count for each in two] == [3]
    assert one.analysis.rows[-1].receptive_field == two.analysis.rows[-1].receptive_field == (3,)


def test_a_part_within_a_whole() -> None:
    """One pass at a time is recorded: the part's is its second."""
    module = models.ResNet50(8, (1, 1, 1, 1), 10).eval()
    x = torch.zeros(1, 3, 32, 32)
    with rfcalc.watch(module) as whole, rfcalc.watch(module.layer1) as part:
        module(x)
        with pytest.raises(ReadError, match="another one around it was recorded"):
            part.analysis  # noqa: B018
        module(x)
    assert part.analysis.rows[-1].receptive_field == (3, 3)
    assert [each.count for each in (*whole, *part)] == [2, 2]


def test_passes_that_run_in_other_ways_are_others() -> None:
    class Ways(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv1d(3, 4, 3), nn.Conv1d(3, 4, 5)

        def forward(self, x: Tensor, how: Any = None) -> Any:
            return self.b(x) if self.training or (how or {}).get("wide") else self.a(x)

    module, x = Ways(), torch.zeros(1, 3, 9)
    with rfcalc.watch(module) as seen:
        module(x)
        module.eval()
        module(x)
        module(x, how={"wide": 1})
        module(x, how={"wide": 0})
    fields = [each.analysis.rows[-1].receptive_field for each in seen]
    assert fields == [(5,), (3,), (5,), (3,)]


def test_layers_that_are_built_when_they_run() -> None:
    module = nn.Sequential(nn.LazyConv1d(4, 3), nn.ReLU())
    with rfcalc.watch(module) as seen:
        module(torch.zeros(1, 3, 9))
        module(torch.zeros(1, 3, 9))
    assert seen.analysis.rows[-1].receptive_field == (3,)


def test_hooks_run() -> None:
    module = nn.Sequential(nn.Conv1d(3, 4, 3))
    calls: list[str] = []
    module.register_forward_pre_hook(lambda *_: calls.append("before"))
    module[0].register_forward_hook(lambda *_: calls.append("within"))
    module.register_forward_hook(lambda *_: calls.append("after"))
    with rfcalc.watch(module) as seen:
        module(torch.zeros(1, 3, 9))
    assert calls == ["before", "within", "after"]
    assert seen.analysis.layer("0").receptive_field == (3,)


def test_an_error_of_the_module_is_its_own() -> None:
    module = nn.Conv1d(3, 4, 3)
    with rfcalc.watch(module) as seen:
        with pytest.raises(RuntimeError, match="channels"):
            module(torch.zeros(1, 5, 9))
        with pytest.raises(TypeError, match="forward"):
            module()
        module(torch.zeros(1, 3, 9))
    assert len(seen) == 1


def test_a_module_that_does_not_run() -> None:
    with rfcalc.watch(nn.Conv1d(3, 4, 3)) as seen:
        pass
    with pytest.raises(UsageError, match="<Conv1d>: the module has not run"):
        seen.analysis  # noqa: B018


def test_what_cannot_be_recorded_runs_on() -> None:
    module = Of(lambda m, x: x * m.count.add_(1))
    module.count = torch.zeros(3)
    with rfcalc.watch(module) as seen:
        assert torch.equal(module(torch.ones(2, 3)), torch.ones(2, 3))
    with pytest.raises(ReadError, match="could not be recorded: it writes into a tensor that is no buffer"):
        seen.analysis  # noqa: B018


def test_elements_that_decide() -> None:
    module = Of(lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), a=nn.Conv1d(3, 4, 3), b=nn.Conv1d(3, 4, 5))
    with rfcalc.watch(module) as seen:
        module(torch.ones(1, 3, 9))
    assert seen.analysis.layer("a").receptive_field == (3,)
    (note,) = [each.message for each in seen.analysis.notes if each.code == "capture"]
    assert note.startswith("the module asked for elements of tensors while it ran")


def test_passes_of_other_threads_are_not_seen() -> None:
    module = nn.Conv1d(3, 4, 3)
    with rfcalc.watch(module) as seen:
        thread = threading.Thread(target=lambda: module(torch.zeros(1, 3, 20)))
        thread.start()
        thread.join()
        module(torch.zeros(1, 3, 9))
    assert [dict(each.inputs) for each in seen] == [{"input": (1, 3, 9)}]


def test_a_module_that_calls_itself() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(3, 3, 3)

        def forward(self, x: Tensor, deep: bool = True) -> Any:
            x = self.conv(F.pad(x, (1, 1)))
            return self(x, deep=False) if deep else x

    module = Twice()
    with rfcalc.watch(module) as seen:
        module(torch.zeros(1, 3, 9))
    assert seen.analysis.rows[-1].receptive_field == (5,)


def test_what_cannot_be_watched() -> None:
    compiled = nn.Module()
    compiled._orig_mod = nn.Conv1d(3, 4, 3)  # as torch.compile wraps a module
    with pytest.raises(UsageError, match=r"watch it before torch\.compile"), rfcalc.watch(compiled):
        pass
    with pytest.raises(UsageError, match="a PyTorch model is"), rfcalc.watch("net"):
        pass


PASSES: dict[str, Any] = {
    "a condition": lambda m, x: torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a - 1, (x,)),
    "vmap": lambda m, x: torch.vmap(lambda a: m.c(a[None])[0])(x),
    "a gradient inside": lambda m, x: torch.func.grad(lambda a: m.c(a).sum())(x),
    "a sparse tensor": lambda m, x: torch.eye(9).to_sparse() @ x[0].T,
    "a module that hangs nowhere": lambda m, x: m.outside[0](x),
}


@pytest.mark.parametrize("case", PASSES)
def test_a_recording_that_fails_stands_in_no_way(case: str) -> None:
    """The pass gives what it gives; it is recorded, or says why not."""
    torch.manual_seed(0)
    module, x = Of(PASSES[case], c=nn.Conv1d(3, 3, 3, padding=1)), torch.randn(1, 3, 9)
    module.outside = [nn.Conv1d(3, 3, 1)]  # in a list, so that it is no part of the module
    wanted = module(x)
    with rfcalc.watch(module) as seen:
        assert torch.equal(module(x), wanted)
    (only,) = seen
    try:
        rfcalc.analyze(only.graph, on_unknown="bound")
    except ReadError as error:
        assert "the pass could not be recorded: " in str(error)  # noqa: PT017  either is right
