"""Which axis is the batch, told from the whole graph; figures for a batch of one and of two are the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers import torch_layouts as layouts  # noqa: E402
from tests.readers import torch_roles as roles  # noqa: E402

pytestmark = pytest.mark.torch

LSTM = 4 * 2 * 64
"""MACs of one step of an LSTM of 8 features and 8 units."""


def exported(module: Any, x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module, (x,))


def counted(module: Any, x: Any) -> int:
    """Return the multiply-accumulates that PyTorch counts outside of its fast paths: no recurrent layer's."""
    with FlopCounterMode(display=False) as counter:
        module.train()(x)
    module.eval()
    return int(counter.get_total_flops()) // 2


def reads(module: Any, x: Any, given: int, made: int) -> list[tuple[int, int] | None]:
    """Measure what each index of an axis of the output reads along an axis of the input."""
    found: list[list[int]] = []
    for seed in range(3):
        torch.manual_seed(seed)
        words = not x.is_floating_point()
        x = torch.randint(1, 10, x.shape) if words else torch.randn(x.shape, dtype=torch.float64)
        with torch.no_grad():
            before = module(x).movedim(made, 0).flatten(1)
            found = found or [[] for _ in before]
            for row in range(x.shape[given]):
                other = x.clone()
                other.movedim(given, 0)[row] += 1 if not words else 5
                after = module(other).movedim(made, 0).flatten(1)
                for place in (before != after).any(1).nonzero().flatten().tolist():
                    found[place].append(row)
    return [(min(taps), max(taps)) if taps else None for taps in found]


@pytest.mark.parametrize("kind", roles.MODULES)
def test_one_sample_costs_what_one_of_two_does(kind: Any) -> None:
    torch.manual_seed(0)
    module = kind().eval()
    one, two = (rfcalc.analyze(exported(module, torch.randn(n, *kind.shape))) for n in (1, 2))
    assert [row.name for row in one.rows] == [row.name for row in two.rows]
    for a, b in zip(one.rows, two.rows, strict=True):
        assert (a.macs, a.activations, a.receptive_field, a.status) == (
            b.macs,
            b.activations,
            b.receptive_field,
            b.status,
        ), a.name
    assert one.totals.macs is not None
    if kind not in (roles.RowsOfMap, roles.DualPath):
        assert one.totals.macs == counted(module, torch.randn(1, *kind.shape))


def test_recurrent_layers_along_merged_axes_are_counted() -> None:
    """PyTorch counts no recurrent layers, so they are counted by hand: cells x steps x gates x weights."""
    x = torch.randn(1, *roles.RowsOfMap.shape)
    gru, lstm = (48 * 2 * gates * 3 * (4 + 3) for gates in (3, 4))
    assert rfcalc.analyze(exported(roles.RowsOfMap().eval(), x)).totals.macs == gru + lstm + 48 * 12 * 4
    x = torch.randn(1, *roles.DualPath.shape)
    macs = 2 * 48 * 4 * 4 * (4 + 4) + 48 * 4 * 6
    assert rfcalc.analyze(exported(roles.DualPath().eval(), x)).totals.macs == macs


T, B = 10, 3
LINEAR = T * 6 * 8
ENCODER = LINEAR + T * 4 * 8 * 8 + 2 * T * T * 8 + T * 2 * 8 * 16  # projections, scores, two linear layers
LAYOUTS: dict[str, tuple[Callable[[], Any], tuple[int, ...], int, int, int | None]] = {
    # module, shape, axis of the input, axis of the output, MACs where PyTorch does not count them
    "lstm": (layouts.TimeFirstRecurrent, (T, B, 6), 0, 0, LINEAR + T * LSTM),
    "lstm-one": (layouts.TimeFirstRecurrent, (T, 1, 6), 0, 0, LINEAR + T * LSTM),
    "gru-both-ways": (
        lambda: layouts.TimeFirstRecurrent(torch.nn.GRU, bidirectional=True),
        (T, B, 6),
        0,
        0,
        LINEAR + T * LSTM * 3 // 2,
    ),
    "lstm-samples-first": (
        lambda: layouts.TimeFirstRecurrent(batch_first=True),
        (B, T, 6),
        1,
        1,
        LINEAR + T * LSTM,
    ),
    "convolution": (layouts.TimeFirstConvolution, (T, B, 6), 0, 0, None),
    "cumsum": (layouts.TimeFirstSum, (T, B, 6), 0, 0, None),
    "einsum": (layouts.TimeFirstEinsum, (T, B, 6), 0, 0, None),
    "linear-attention": (layouts.TimeFirstLinearAttention, (T, B, 6), 0, 0, None),
    "mean": (layouts.TimeFirstMean, (T, B, 6), 0, 0, None),
    "heads": (layouts.TimeFirstHeads, (T, B, 6), 0, 0, None),
    "encoder": (layouts.TimeFirstEncoder, (T, B, 6), 0, 0, ENCODER),
    "encoder-one": (layouts.TimeFirstEncoder, (T, 1, 6), 0, 0, ENCODER),
    "causal": (layouts.TimeFirstCausal, (T, B, 6), 0, 0, ENCODER),
    "causal-one": (layouts.TimeFirstCausal, (T, 1, 6), 0, 0, ENCODER),
    "words": (layouts.TimeFirstWords, (T, B), 0, 0, T * LSTM * 3 // 4),
    "samples-first-encoder": (layouts.SamplesFirstEncoder, (B, T, 6), 1, 1, ENCODER),
    "samples-first-encoder-one": (layouts.SamplesFirstEncoder, (1, T, 6), 1, 1, ENCODER),
    "samples-first-heads": (layouts.SamplesFirstHeads, (B, T, 6), 1, 1, None),
    "samples-first-heads-one": (layouts.SamplesFirstHeads, (1, T, 6), 1, 1, None),
    "one-sequence": (layouts.OneSequence, (T, 6), 0, 0, LINEAR + T * LSTM * 3 // 4),
    "frames": (layouts.FramesAsSamples, (T, 3, 6, 6), 0, 1, None),
    "table": (layouts.Rows, (T, 6), 0, 0, None),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_batch_is_what_nothing_mixes(name: str) -> None:
    build, shape, given, made, macs = LAYOUTS[name]
    torch.manual_seed(0)
    module = build().double().eval()
    words = len(shape) == 2 and name == "words"
    x = torch.randint(1, 10, shape) if words else torch.randn(shape, dtype=torch.float64)
    graph = rfcalc.load(exported(module, x))
    axes = graph.inputs[0].attrs["axes"]
    field = rfcalc.field(graph, graph.outputs[0][0])
    mine = field.axes[[k for k, role in enumerate(axes) if role == "s"].index(given)]
    measured = reads(module, x, given, made)
    rows = [row and (row[0], row[1]) for row in mine.rows]
    if len(rows) == 1:  # a map without positions: one row for all of it
        rows = rows * len(measured)
    assert mine.status == "exact"
    assert rows == measured
    samples = shape[axes.index("b")] if "b" in axes else 1
    truth = counted(module, x) // samples if macs is None else macs
    assert rfcalc.analyze(graph).totals.macs == truth


def test_a_layout_that_is_given_is_obeyed() -> None:
    x = torch.randn(T, B, 6)
    program = exported(layouts.TimeFirstRecurrent().eval(), x)
    (note,) = [note for note in rfcalc.analyze(program).notes if note.code == "layout"]
    for said in ("TNC", "--layout NTC", "'last'"):
        assert said in note.message
    given = rfcalc.analyze(program, layout="NTC")
    assert not [note for note in given.notes if note.code == "layout"]
    assert given.inputs[0].spatial == (B,)
    assert rfcalc.analyze(program, layout="TNC").totals == rfcalc.analyze(program).totals


def test_a_mean_over_samples_that_nothing_reads_leaves_them_samples() -> None:
    module = layouts.Usage()
    one, two = (rfcalc.analyze(exported(module, torch.randn(n, 3, 8, 8))) for n in (1, 2))
    assert not [note for note in two.notes if note.code == "layout"]
    assert one.totals.macs == two.totals.macs == counted(module, torch.randn(1, 3, 8, 8))


@pytest.mark.parametrize("kind", [layouts.MeanOfSteps, layouts.LastStep])
def test_steps_that_are_taken_together_or_apart_are_no_samples(kind: Any) -> None:
    result = rfcalc.analyze(exported(kind(), torch.randn(T, B, 6)))
    assert result.inputs[0].spatial == (T,)
    assert result.rows[-1].receptive_field == ((None,) if kind is layouts.MeanOfSteps else (1,))
    assert result.totals.macs == LINEAR


def test_each_of_two_inputs_has_its_own_layout() -> None:
    x, y = torch.randn(7, 2, 8), torch.randn(5, 2, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.nn.Transformer(8, 2, 1, 1, 16, dropout=0.0)
        result = rfcalc.analyze(torch.export.export(module.eval(), (x, y)))
    assert [each.spatial for each in result.inputs] == [(7,), (5,)]
    encoder = 7 * 4 * 64 + 2 * 7 * 7 * 8 + 7 * 2 * 8 * 16
    decoder = 5 * 4 * 64 + 2 * 5 * 5 * 8 + (5 + 7) * 2 * 64 + 2 * 5 * 7 * 8 + 5 * 2 * 8 * 16
    assert result.totals.macs == encoder + decoder


class Chunks(torch.nn.Module):
    """Attention in overlapping chunks of a sequence, as Longformer writes it: heads stand in front."""

    def __init__(self) -> None:
        super().__init__()
        self.out = torch.nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        heads = x.transpose(0, 1).reshape(12, x.shape[0] * 2, 4).transpose(0, 1)
        chunks = heads.as_strided(
            (heads.shape[0], 5, 4, 4), (heads.stride(0), heads.stride(1) * 2, *heads.stride()[1:])
        )
        scores = torch.einsum("bcxd,bcyd->bcxy", chunks, chunks)
        mixed = torch.einsum("bcxy,bcyd->bcxd", scores, chunks)[:, :3]
        return self.out(mixed.reshape(x.shape[0], 2, 12, 4).transpose(1, 2).reshape(x.shape[0], 12, 8))


def test_heads_that_a_bounded_operator_leaves_in_front_are_no_samples() -> None:
    x = torch.randn(1, 12, 8)
    result = rfcalc.analyze(rfcalc.from_torch(Chunks(), x))
    assert result.totals.macs == counted(Chunks(), x) == 2 * (2 * 5 * 4 * 4 * 4) + 12 * 64
    assert result.rows[-1].spatial == (12,)


@pytest.mark.parametrize("batch", [1, 3])
def test_where_nothing_is_bounded_otherwise_samples_stay_samples(batch: int) -> None:
    """A bounded operator between convolutions: of two samples one costs as much as of one."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), _Turned(), torch.nn.Conv2d(4, 5, 3))
    result = rfcalc.analyze(rfcalc.from_torch(module, torch.randn(batch, 3, 9, 9)))
    assert result.totals.macs == 7 * 7 * 4 * 27 + 5 * 5 * 5 * 36


class _Turned(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x.rot90(1, (2, 3))


class Mixing(torch.nn.Module):
    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.tokens, self.features = torch.nn.Linear(9, 9), torch.nn.Linear(4, 4)
        self.norm, self.taps = torch.nn.LayerNorm(4), torch.nn.Conv1d(4, 4, 1)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def mixed(m: Any, x: Any) -> Any:
    return m.features(m.tokens(x.transpose(1, 2)).transpose(1, 2))


def filtered(x: Any, axis: int) -> Any:
    return torch.fft.irfft(torch.fft.rfft(x, dim=axis), n=x.shape[axis], dim=axis)


EITHER: dict[str, Callable[[Any, Any], Any]] = {
    "tokens, then features": mixed,
    "a transform of steps": lambda m, x: filtered(x, 1),
    "a transform of the last axis": lambda m, x: filtered(x, -1),
    "transforms of both": lambda m, x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
}
TOLD: dict[str, Callable[[Any, Any], Any]] = {
    "a norm of features first": lambda m, x: mixed(m, m.norm(x)),
    "features first": lambda m, x: mixed(m, m.features(x)),
    "a convolution first": lambda m, x: filtered(m.taps(x.transpose(1, 2)), -1),
    "a norm, and a transform": lambda m, x: filtered(m.norm(x), 1),
    "nothing mixed": lambda m, x: x * 2,
}


@pytest.mark.parametrize("case", [*EITHER, *TOLD])
def test_a_note_says_that_positions_and_features_are_mixed_alike(case: str) -> None:
    graph = rfcalc.from_torch(Mixing({**EITHER, **TOLD}[case]), [(2, 9, 4)])
    notes = [
        note.message for note in rfcalc.analyze(graph).notes if note.message.startswith("nothing tells pos")
    ]
    assert len(notes) == (case in EITHER)
    assert all("--layout NTC" in note for note in notes)


def test_the_layout_that_the_note_names_is_taken() -> None:
    graph = rfcalc.from_torch(Mixing(mixed), [(2, 9, 4)], layout="NTC")
    assert graph["x"].attrs["axes"] == "bsc"
    assert not [note for note in rfcalc.analyze(graph).notes if note.code == "layout"]
