"""Programs that are recorded as a module runs: the same as exported ones, and the module stays as it was."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812  its usual name

import rfcalc  # noqa: E402
from rfcalc.errors import ReadError, UsageError  # noqa: E402
from rfcalc.readers.torch.arguments import example_of  # noqa: E402
from rfcalc.readers.torch.capture import evaluating, unfused  # noqa: E402
from rfcalc.readers.torch.program import USER  # noqa: E402
from rfcalc.readers.torch.recorded import record  # noqa: E402
from tests.readers import torch_models as models  # noqa: E402

pytestmark = pytest.mark.torch


class Of(nn.Module):
    """A module of a function and some parts."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            elif isinstance(part, nn.Parameter):
                self.register_parameter(name, part)
            else:
                self.register_buffer(name, part)
        self.function = function

    def forward(self, *given: Any) -> Any:
        return self.function(self, *given)


def written(m: Any, x: Tensor) -> Tensor:
    y = m.conv(x)
    y[:, :2] += 1
    y[:, :, 0].mul_(2)
    y.relu_()
    return y


def by_shape(m: Any, x: Tensor) -> Tensor:
    while x.shape[-1] > 4:
        x = m.conv(F.pad(x, (1, 1, 1, 1)))[..., ::2, ::2]
    return x if x.shape[1] == 4 else x.mean((2, 3))


def assigned(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    y[..., 2:4] = 0.5
    return y


CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "ResNet-50": (lambda: models.ResNet50(8, (2, 1, 1, 1), 10), (1, 3, 64, 64)),
    "in place, through views": (lambda: Of(written, conv=nn.Conv2d(3, 4, 3)), (1, 3, 9, 9)),
    "decided by shapes": (lambda: Of(by_shape, conv=nn.Conv2d(4, 4, 3)), (1, 4, 20, 20)),
    "chunks put together": (
        lambda: Of(
            lambda m, x: torch.cat([m.a(each) for each in x.chunk(3, 1)][::-1], 1), a=nn.Conv2d(2, 2, 3),
        ),
        (1, 6, 8, 8),
    ),
    "one layer, three calls": (
        lambda: Of(lambda m, x: m.a(m.b(m.a(F.relu(m.a(x))))), a=nn.Conv1d(4, 4, 3), b=nn.BatchNorm1d(4)),
        (1, 4, 16),
    ),
    "a table that is looked up": (
        lambda: Of(
            lambda m, x: x[..., m.order] + m.bias[m.order],
            order=torch.tensor([3, 1, 2]), bias=nn.Parameter(torch.zeros(5)),
        ),
        (1, 4, 5),
    ),
    "a causal mask": (
        lambda: Of(
            lambda m, x: F.softmax((x @ x.transpose(1, 2)).masked_fill(m.mask, float("-inf")), -1) @ x,
            mask=torch.ones(6, 6, dtype=torch.bool).triu(1),
        ),
        (1, 6, 8),
    ),
    "attention": (
        lambda: Of(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)), (1, 5, 8),
    ),
    "a transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), (1, 5, 8),
    ),
    "an LSTM": (
        lambda: Of(lambda m, x: m.a(x)[0], a=nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)),
        (1, 7, 3),
    ),
    "a GRU and its state": (lambda: Of(lambda m, x: m.a(x), a=nn.GRU(3, 4)), (7, 1, 3)),
    "up and down": (
        lambda: Of(
            lambda m, x: m.up(F.interpolate(m.down(x), scale_factor=2.0, mode="bilinear")),
            down=nn.Conv2d(3, 4, 3, 2, 1), up=nn.ConvTranspose2d(4, 2, 2, 2),
        ),
        (1, 3, 16, 16),
    ),
    "windows unfolded": (
        lambda: Of(lambda m, x: F.fold(F.unfold(x, 3, padding=1), (8, 8), 3, padding=1)), (1, 2, 8, 8),
    ),
    "groups normalised": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.SiLU()), (1, 3, 8, 8),
    ),
    "places counted": (
        lambda: Of(lambda m, x: m.a(torch.arange(x.shape[1])) + x, a=nn.Embedding(9, 4)), (1, 6, 4),
    ),
    "tokens": (lambda: Of(lambda m, x: m.a(x).mean(1), a=nn.Embedding(9, 4)), (1, 6)),
    "two inputs": (
        lambda: Of(lambda m, x, y: m.a(x) * y, a=nn.Conv1d(2, 3, 3, padding=1)), [(1, 2, 8), (1, 3, 8)],
    ),
    "outputs in a mapping": (
        lambda: Of(lambda m, x: {"a": m.a(x), "rest": [x * 2, (F.relu(x),)]}, a=nn.Conv1d(2, 3, 3)),
        (1, 2, 8),
    ),
    "one layer by two names": (
        lambda: Of(lambda m, x: m.b(F.relu(m.a(x))), a=(layer := nn.Conv1d(3, 3, 1)), b=layer), (1, 3, 8),
    ),
    "one layer in a list": (
        lambda: Of(lambda m, x: m.stack(x), stack=nn.Sequential(*[nn.Conv1d(3, 3, 1)] * 3)), (1, 3, 8),
    ),
    "a block that comes again, and what it holds": (
        lambda: Of(
            lambda m, x: m.act(m.again(m.block(x))),
            block=(block := nn.Sequential(nn.Conv1d(3, 3, 1), nn.ReLU())), again=block, act=block[1],
        ),
        (1, 3, 8),
    ),
    "a number assigned": (lambda: Of(assigned, a=nn.Conv1d(3, 3, 1)), (1, 3, 8)),
    "a constant made as it runs": (
        lambda: Of(lambda m, x: x * torch.tensor([1.0, 0.0, 1.0]) + x.new_zeros(3)), (1, 2, 3),
    ),
}  # fmt: skip


def told(module: Any, shape: Any, capture: Any) -> dict[str, Any]:
    """Return the document of a module; names of tensors are those of a trace, and left out."""
    document = rfcalc.analyze(rfcalc.from_torch(module, shape, capture=capture)).to_dict()
    for layer in document["layers"]:
        layer.pop("outputs", None)
    return document


@pytest.mark.parametrize("meta", [False, True], ids=["weights", "meta"])
@pytest.mark.parametrize("case", CASES)
def test_recorded_and_exported_say_the_same(case: str, meta: bool) -> None:
    build, shape = CASES[case]
    module = build().eval()
    if meta and case not in ("a table that is looked up", "a causal mask"):  # elements are lost there
        module = module.to("meta")
    assert told(module, shape, "record") == told(module, shape, "export")


def state_of(module: Any) -> list[Any]:
    held = [*module.named_parameters(), *module.named_buffers()]
    hooks = [len(each._forward_hooks) + len(each._forward_pre_hooks) for each in module.modules()]
    return [(name, id(each), each._version, each.grad) for name, each in held] + hooks


def test_nothing_of_the_module_changes() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), models.ResNet50(8, (1, 1, 1, 1))
    )
    module = nn.Sequential(module[0], module[1], module[2]).train()
    calls: list[str] = []
    module[0].register_forward_hook(lambda *_: calls.append("hook"))
    before, values = state_of(module), [each.clone() for each in module.state_dict().values()]
    random_state, modes = torch.get_rng_state(), [each.training for each in module.modules()]
    rfcalc.from_torch(module, (2, 3, 8, 8), capture="record")
    assert state_of(module) == before
    assert all(map(torch.equal, values, module.state_dict().values()))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [each.training for each in module.modules()] == modes
    assert torch.is_grad_enabled()
    assert calls == ["hook"]  # hooks are part of how it runs
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert not torch.nn.modules.module._global_forward_hooks


def keeps(m: Any, x: Tensor) -> Tensor:
    """Keep tensors from run to run, as caches of masks and rotations do."""
    m.calls += 1
    m.mask = torch.ones(x.shape[-1], device=x.device)
    m.cache[0] = m.mask
    m.table.append(m.mask * 2)
    m.by_size[x.shape[-1]] = m.mask
    m.order = m.order + 1
    m.extra = nn.Parameter(m.mask.clone())
    m.register_buffer("late", m.mask, persistent=False)
    return x * m.mask


@pytest.mark.parametrize("capture", ["record", "export"])
def test_what_a_module_keeps_from_run_to_run_is_put_back(capture: Any) -> None:
    module = Of(keeps, order=torch.zeros(3, dtype=torch.int64))
    first = torch.zeros(1)
    module.calls, module.mask, module.cache = 0, first, [first]
    module.table, module.by_size, order = [], {1: first}, module.order
    names = set(module.__dict__)
    try:
        rfcalc.from_torch(module, (1, 3), capture=capture)
    except ReadError:  # an export may refuse what the module does; nothing stays of it either
        assert capture == "export"
    assert (module.calls, module.table, list(module.by_size)) == (0, [], [1])
    assert module.mask is first
    assert module.cache[0] is first
    assert module.order is order
    assert set(module.__dict__) == names
    assert list(module.state_dict()) == ["order"]
    assert not list(module.parameters())


def test_nothing_changes_where_the_module_fails() -> None:
    module = Of(lambda m, x: m.conv(x).view(7, 7), conv=nn.Conv2d(3, 4, 3)).train()
    before = state_of(module)
    with pytest.raises(ReadError, match="cannot be recorded as it runs: RuntimeError: shape"):
        rfcalc.from_torch(module, (1, 3, 8, 8), capture="record")
    assert state_of(module) == before
    assert module.training
    assert not torch.nn.modules.module._global_forward_pre_hooks


def filled(m: Any, x: Tensor) -> Tensor:
    y = torch.zeros(1, 3, 12)  # where no device is said it has elements
    y[:, :, ::2] = x
    return y


def test_what_writes_into_a_tensor_of_its_own_cannot_be_recorded() -> None:
    says = "cannot be recorded as it runs: .*writes into a tensor that it made on another device"
    with pytest.raises(ReadError, match=says):
        rfcalc.from_torch(Of(filled), (1, 3, 6), capture="record")


def test_a_tensor_that_is_no_buffer_stays_as_it_was() -> None:
    module = Of(lambda m, x: x * m.count.add_(1))
    module.count = torch.zeros(3)
    with pytest.raises(ReadError, match="it writes into a tensor that is no buffer"):
        rfcalc.from_torch(module, (2, 3), capture="record")
    assert torch.equal(module.count, torch.zeros(3))


def test_what_cannot_be_recorded_is_exported_and_said() -> None:
    module = Of(lambda m, x: x[x > 0].sum() + x)
    graph = rfcalc.from_torch(module, (2, 3))
    (note,) = [each for each in rfcalc.analyze(graph).notes if each.code == "capture"]
    assert note.message.startswith("exported, since it cannot be recorded as it runs: ")
    assert "meta" in note.message


def test_a_recurrent_layer_is_one_call_whatever_its_length() -> None:
    module = nn.LSTM(3, 4, batch_first=True)
    short, long = (calls_of(module, torch.empty(1, steps, 3)) for steps in (5, 500))
    assert [each.target for each in short] == [each.target for each in long]
    assert "aten.lstm.input" in {each.target for each in long}


def test_modules_of_other_threads_are_not_recorded() -> None:
    other, done = nn.Linear(2, 2), threading.Event()

    def run_until_done() -> None:
        while not done.is_set():
            other(torch.zeros(1, 2))

    thread = threading.Thread(target=run_until_done)
    thread.start()
    try:
        module = models.ResNet50(8, (1, 1, 1, 1), 10)
        graph = rfcalc.from_torch(module, (1, 3, 32, 32), capture="record")
    finally:
        done.set()
        thread.join()
    assert len(graph) == len(rfcalc.from_torch(module, (1, 3, 32, 32), capture="record"))


def test_what_capture_may_be() -> None:
    module = nn.Conv2d(3, 4, 3)
    with pytest.raises(UsageError, match="capture is one of auto, record, export, not 'trace'"):
        rfcalc.from_torch(module, (1, 3, 8, 8), capture="trace")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="leave out capture, or dynamic"):
        rfcalc.from_torch(module, (1, 3, 8, 8), True, capture="record")


# ---- recorded calls, run -----------------------------------------------------------------------------------


def calls_of(module: Any, *given: Any) -> Any:
    return recorded(module, *given).program.calls


def recorded(module: Any, *given: Any) -> Any:
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    empty = [each.to("meta") for each in given]
    with evaluating(module), unfused():
        return record(module, example_of(module, given), empty, tensors)


def replay(module: Any, *given: Any) -> list[Any]:
    """Run what was recorded on tensors that have elements."""
    found = recorded(module, *given)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    values = dict(zip(example_of(module, given).names, given, strict=True))
    values |= {each.name: tensors[each.path] for each in found.program.inputs if each.role != USER}
    with torch.no_grad():
        return found.play(values, lambda _, work: work())


class Wild(nn.Module):
    """A module of random operations: views that are written, parts that are shared, branches by shape."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.convs = nn.ModuleList([nn.Conv1d(4, 4, 3, padding=1) for _ in range(3)])
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("order", torch.tensor([2, 0, 3, 1]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        choose = random.Random(self.seed)
        kept = [x.clone()]
        for _ in range(choose.randint(3, 9)):
            y = choose.choice(kept)
            kind = choose.randrange(10)
            if kind == 0:
                y = self.convs[choose.randrange(3)](y)
            elif kind == 1:
                y = self.norm(y)
            elif kind == 2:
                y = torch.cat(y.chunk(2, 1)[::-1], 1)
            elif kind == 3:
                y[:, choose.randrange(4)].mul_(choose.randint(2, 3))
            elif kind == 4:
                view = y.transpose(1, 2)
                view[:, : choose.randint(1, 5)] += 1
            elif kind == 5:
                y = y[:, self.order].relu_()
            elif kind == 6:
                y = y + choose.choice(kept) if y.shape == kept[0].shape else y * 2
            elif kind == 7:
                y.add_(kept[0])
            elif kind == 8:
                y = F.pad(F.max_pool1d(y, 3, 1), (1, 1)) if y.shape[-1] > 4 else y
            else:
                y[:, 1:3, 2:4] = y[:, :2, :2].clone()
            kept.append(y)
        return kept[-1], choose.choice(kept)


def check_wild(seed: int) -> None:
    torch.manual_seed(seed)
    module, x = Wild(seed).eval(), torch.randn(2, 4, 8)
    with torch.no_grad():
        wanted = module(x.clone())
    for found, each in zip(replay(module, x.clone()), wanted, strict=True):
        assert torch.equal(found, each)


@pytest.mark.parametrize("seed", range(25))
def test_what_was_recorded_gives_what_the_module_gives(seed: int) -> None:
    check_wild(seed)


@pytest.mark.long
def test_two_thousand_modules_that_were_recorded() -> None:
    for seed in range(1000, 3000):
        check_wild(seed)
