"""Every parameter that an output depends on counts: the truth is which of them get a gradient."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402

pytestmark = pytest.mark.torch

nn, functional = torch.nn, torch.nn.functional


class Model(nn.Module):
    """A module with parameters `a`, `b` and `c` of these shapes, other members, and a function as forward."""

    def __init__(self, forward: Any, *shapes: Any, **members: Any) -> None:
        super().__init__()
        for name, shape in zip("abc", shapes, strict=False):
            self.register_parameter(name, nn.Parameter(torch.rand(*shape) + 0.5))
        for name, member in members.items():
            if isinstance(member, nn.Module):
                self.add_module(name, member)
            else:
                self.register_buffer(name, member)
        self.function = forward

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def _gated(m: Any, x: Any) -> Any:
    """Gated positional self-attention: its positions' scores are made of parameters and a buffer."""
    q, k = m.qk(x).chunk(2, -1)
    positions = m.pos(m.distances).squeeze(-1).softmax(-1)
    gate = torch.sigmoid(m.a)
    scores = (1 - gate) * (q @ k.transpose(-2, -1)).softmax(-1) + gate * positions
    return scores @ m.v(x)


def _conditioned(m: Any, x: Any) -> Any:
    """A map scaled and shifted by what an embedded time and an embedded class together say."""
    both = m.late(functional.silu(m.early(m.time))) + m.classes(m.label)
    shift, scale = m.modulation(functional.silu(both)).chunk(2, 1)
    return x * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


def _written(m: Any, x: Any) -> Any:
    table = torch.zeros(6, 8)
    table[1] = m.a
    table[2:4] += m.b
    return x + table


MAP, TOKENS = (1, 4, 8, 8), (1, 6, 8)
TIME, LABEL = torch.rand(1, 6), torch.tensor([3])

CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "product": (
        lambda: Model(lambda m, x: x + torch.sigmoid(m.a) * m.b.softmax(-1), (4, 1, 1), (4, 8, 8)),
        MAP,
    ),
    "rows and columns": (lambda: Model(lambda m, x: x + (m.a + m.b), (4, 8, 1), (4, 1, 8)), MAP),
    "a b + c": (lambda: Model(lambda m, x: x + m.a * m.b + m.c, (4, 1, 1), (4, 8, 8), (4, 1, 1)), MAP),
    "larger of two": (lambda: Model(lambda m, x: x.maximum(m.a.maximum(m.b)), (4, 8, 8), (4, 1, 1)), MAP),
    "one of two": (
        lambda: Model(
            lambda m, x: x + torch.where(m.mask, m.a * 2, m.b),
            (4, 8, 8),
            (4, 1, 1),
            mask=torch.rand(8, 8) > 0.5,
        ),
        MAP,
    ),
    "between two": (lambda: Model(lambda m, x: x * m.a.lerp(m.b, m.c), (6, 8), (8,), (8,)), TOKENS),
    "resized": (
        lambda: Model(
            lambda m, x: x + functional.interpolate(m.a * m.b, size=(8, 8), mode="bicubic"),
            (1, 4, 3, 3),
            (4, 1, 1),
        ),
        MAP,
    ),
    "masked": (
        lambda: Model(
            lambda m, x: x * (m.a + m.b).masked_fill(m.mask, 0.0), (6, 8), (8,), mask=torch.rand(6, 8) > 0.5
        ),
        TOKENS,
    ),
    "looked up": (
        lambda: Model(lambda m, x: x * (m.table(torch.arange(6) % 3) + m.a), (8,), table=nn.Embedding(3, 8)),
        TOKENS,
    ),
    "bounds": (lambda: Model(lambda m, x: x.clamp(-m.b.abs(), m.a + m.b.abs()), (8,), (8,)), TOKENS),
    "threshold": (lambda: Model(lambda m, x: torch.where(x > m.a, x * m.b, m.a), (8,), (8,)), TOKENS),
    "written in place": (lambda: Model(_written, (8,), (2, 8)), TOKENS),
    "some unused": (lambda: Model(lambda m, x: x * (m.a.exp() * m.b), (8,), (6, 1), (7,)), TOKENS),
    "a shape alone": (
        lambda: Model(lambda m, x: x + torch.zeros_like(m.a) + m.b.expand_as(m.a) * 2, (6, 8), (8,)),
        TOKENS,
    ),
    "gated positions": (
        lambda: Model(
            _gated,
            (1,),
            qk=nn.Linear(8, 16, bias=False),
            v=nn.Linear(8, 8),
            pos=nn.Linear(3, 1),
            distances=torch.rand(6, 6, 3),
        ),
        TOKENS,
    ),
    "time and class": (
        lambda: Model(
            _conditioned,
            early=nn.Linear(6, 8),
            late=nn.Linear(8, 8),
            classes=nn.Embedding(10, 8),
            modulation=nn.Linear(8, 8),
            time=TIME,
            label=LABEL,
        ),
        MAP,
    ),
    "learned state": (
        lambda: Model(
            lambda m, x: m.cell(x, (m.a, m.b))[0], (1, 1, 8), (1, 1, 8), cell=nn.LSTM(8, 8, batch_first=True)
        ),
        TOKENS,
    ),
    "a temperature is returned": (
        lambda: Model(lambda m, x: (m.head(x), m.a.exp()), (1,), head=nn.Linear(8, 4)),
        TOKENS,
    ),
    "a parameter is returned": (
        lambda: Model(lambda m, x: (m.head(x), m.a), (3, 4), head=nn.Linear(8, 4)),
        TOKENS,
    ),
    "behind an unknown operator": (
        lambda: Model(
            lambda m, x: m.cell(torch.trapezoid(x[..., None] * m.a, dim=-1) * m.b)[0],
            (8, 3),
            (8,),
            cell=nn.GRU(8, 4, batch_first=True),
        ),
        TOKENS,
    ),
}


def reached(module: Any, shape: tuple[int, ...]) -> int:
    """Count the elements of parameters that some output has a gradient by."""
    made = module(torch.rand(shape))
    outputs = made if isinstance(made, tuple) else (made,)
    total = sum((output * torch.rand_like(output)).sum() for output in outputs)
    held = list(module.parameters())
    found = torch.autograd.grad(total, held, allow_unused=True)
    return sum(each.numel() for each, slope in zip(held, found, strict=True) if slope is not None)


@pytest.mark.parametrize("name", CASES)
def test_all_that_get_a_gradient_count(name: str) -> None:
    build, shape = CASES[name]
    torch.manual_seed(0)
    module = build().eval()
    truth = reached(module, shape)
    analysis = rfcalc.analyze(rfcalc.from_torch(module, shape))
    assert analysis.totals.params.total == truth
    held = sum(each.numel() for each in module.parameters())
    said = [note.message for note in analysis.notes if note.code == "unused-parameters"]
    assert [int(text.split()[0].replace(",", "")) for text in said] == (
        [held - truth] if held > truth else []
    )


@pytest.mark.parametrize("name", ["product", "threshold", "learned state", "a parameter is returned"])
def test_verify_agrees(name: str) -> None:
    build, shape = CASES[name]
    found = rfcalc.verify(rfcalc.from_torch(build().eval(), shape))
    assert found.holds, str(found)


def test_saved_programs_say_the_same() -> None:
    import io

    build, shape = CASES["a b + c"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(build().eval(), (torch.rand(shape),))
        stream = io.BytesIO()
        torch.export.save(program, stream)
    assert rfcalc.analyze(stream.getvalue()).totals.params.total == 4 + 256 + 4


# ---- multiply-accumulates ----------------------------------------------------------------------------------


def _quantised(m: Any, x: Any) -> Any:
    """Each vector of a map is replaced by the nearest of a table."""
    z = m.before(x).permute(0, 2, 3, 1)
    nearest = torch.cdist(z.reshape(-1, 4), m.table.weight).argmin(1)
    return m.behind(m.table(nearest).view(z.shape).permute(0, 3, 1, 2))


@pytest.mark.parametrize("codes", [16, 5, 1])
@pytest.mark.parametrize("side", [8, 2])
def test_distances_hide_no_counts(codes: int, side: int) -> None:
    module = Model(
        _quantised,
        before=nn.Conv2d(3, 4, 2, 2),
        table=nn.Embedding(codes, 4),
        behind=nn.Conv2d(4, 8, 3, padding=1),
    )
    analysis = rfcalc.analyze(rfcalc.from_torch(module, (1, 3, side, side)))
    places = (side // 2) ** 2
    found = {row.name: row.macs for row in analysis if row.macs}
    assert found == {"before": places * 48, "cdist": places * codes * 4, "behind": places * 288}
    assert analysis.totals.complete


def test_a_matrix_of_weights_counts_no_samples() -> None:
    module = Model(lambda m, x: (m.a @ x.reshape(6, 8).transpose(0, 1)).softmax(0), (5, 8))
    analysis = rfcalc.analyze(rfcalc.from_torch(module, TOKENS))
    assert analysis.totals.macs == 5 * 8 * 6


def test_a_count_that_is_not_known_has_its_reason() -> None:
    """Of four elements of a batch axis, two for each sample, three are kept."""
    module = Model(
        lambda m, x: m.head(torch.bmm(x.reshape(4, 3, 8), m.a)[:3].reshape(9, 5)),
        (4, 8, 5),
        head=nn.Linear(5, 2),
    )
    analysis = rfcalc.analyze(rfcalc.from_torch(module, (2, 6, 8), layout="NTC"))
    assert analysis.layer("bmm").macs == 2 * 3 * 8 * 5
    head = analysis.layer("head")
    assert (head.macs, head.status) == (None, "exact")
    assert head.reason.startswith("its multiply-accumulates are not known")
    assert [note.layer for note in analysis.notes if note.code == "uncounted"] == ["head"]
    assert analysis.totals.at_least["macs"] == 240


ATTENTION = [
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True},
]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("settings", ATTENTION, ids="+".join)
def test_attention_with_more_keys_is_counted(settings: dict[str, bool], batch: int) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True, **settings)
    module = Model(lambda m, x: m.at(x, x, x, need_weights=False)[0], at=attention)
    graph = rfcalc.from_torch(module, (batch, 6, 8), layout="NTC")
    keys = 6 + len(settings)
    assert rfcalc.analyze(graph).totals.macs == 6 * 8 * 24 + 2 * 6 * keys * 8 + 6 * 8 * 8


def test_a_run_holds_no_parameter_against_a_model_that_does_not_use_it() -> None:
    module = Model(lambda m, x: m.head(x), (5, 3), head=nn.Linear(3, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rfcalc.verify(rfcalc.from_torch(module, (1, 4, 3), layout="NTC"))
    assert found.holds, found.differences
