"""Windows whose places become channels, then are put back, taken out or convolved apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

import rfcalc  # noqa: E402
from rfcalc.rules.registry import Path  # noqa: E402
from tests.readers.test_torch_fields import compare  # noqa: E402
from tests.readers.torch_fields import made_positive, recorded  # noqa: E402

pytestmark = pytest.mark.torch

IMAGE = (1, 3, 16, 12)


class Case(NamedTuple):
    """What is computed, with which layers, of which input, and the field of the last unit that it has."""

    forward: Callable[[Any, Any], Any]
    field: tuple[int, ...]
    layers: Mapping[str, Callable[[], Any]] = MappingProxyType({})
    shape: tuple[int, ...] = IMAGE


def conv(*args: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: nn.Conv2d(*args, **kwargs)


def put_back(x: Any, kernel: int, **settings: Any) -> Any:
    return F.fold(F.unfold(x, kernel, **settings) * 2, x.shape[2:], kernel, **settings)


def centre(x: Any) -> Any:
    return F.unfold(x, 3, padding=1).view(1, 3, 9, *x.shape[2:])[:, :, 4]


def outlook(self: Any, x: Any) -> Any:
    """Outlook attention: weights for each place of each window mix the window, and windows are put back."""
    size = x.shape[2:]
    value = F.unfold(self.value(x), 3, padding=1).view(1, 4, 9, -1).transpose(2, 3)
    weights = self.weigh(x).flatten(2).transpose(1, 2).reshape(1, 1, -1, 9, 9)
    mixed = weights.softmax(-1) @ value.transpose(1, 2).reshape(1, 1, -1, 4, 9).transpose(3, 4)
    columns = mixed.permute(0, 1, 4, 3, 2).reshape(1, 36, -1)
    return F.fold(columns, size, 3, padding=1)


def focus(x: Any) -> Any:
    return torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)


class Gain(nn.Module):
    """A weight for each sample of a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))


CASES = {
    "fold of unfold": Case(lambda s, x: put_back(x, 3, padding=1), (1, 1)),
    "fold of unfold, strided": Case(lambda s, x: put_back(x, 4, stride=2), (1, 1)),
    "fold of unfold, side by side": Case(lambda s, x: put_back(x, 2, stride=2), (1, 1)),
    "fold of unfold, dilated": Case(lambda s, x: put_back(x, 3, dilation=2), (1, 1)),
    "fold of unfold, dilated, strided, padded": Case(
        lambda s, x: put_back(x, 3, dilation=2, stride=2, padding=2), (1, 1)
    ),
    "fold of unfold behind a convolution": Case(
        lambda s, x: s.b(put_back(s.a(x), 3, padding=1)),
        (5, 5),
        {"a": conv(3, 4, 3, padding=1), "b": conv(4, 2, 3)},
    ),
    "fold elsewhere": Case(lambda s, x: F.fold(F.unfold(x, 3), x.shape[2:], 3, padding=0)[..., 1:], (1, 1)),
    "folded at another stride": Case(
        lambda s, x: F.fold(F.unfold(x, 3, stride=3), (9, 7), 3, stride=2), (2, 2), shape=(1, 2, 12, 9)
    ),
    "outlook attention": Case(
        outlook, (5, 5), {"value": conv(3, 4, 1), "weigh": conv(3, 81, 1)}, (1, 3, 7, 6)
    ),
    "unfold, mixed by a product, folded": Case(
        lambda s, x: F.fold(s.a(F.unfold(x, 3, padding=1)), x.shape[2:], 3, padding=1),
        (5, 5),
        {"a": lambda: nn.Conv1d(27, 27, 1)},
    ),
    "unfold, each channel mixed by itself, folded": Case(
        lambda s, x: F.fold(s.a(F.unfold(x, 3, padding=1)), x.shape[2:], 3, padding=1),
        (5, 5),
        {"a": lambda: nn.Conv1d(27, 27, 1, groups=3)},
    ),
    "unfold, each row of the window by itself, folded": Case(
        lambda s, x: F.fold(s.a(F.unfold(x, 3, padding=1)), x.shape[2:], 3, padding=1),
        (1, 5),
        {"a": lambda: nn.Conv1d(27, 27, 1, groups=9)},
    ),
    "unfold is a convolution": Case(
        lambda s, x: s.a(F.unfold(x, 3, padding=1, stride=2)).view(1, 5, 8, 6),
        (3, 3),
        {"a": lambda: nn.Conv1d(27, 5, 1)},
    ),
    "centre of unfolded windows": Case(lambda s, x: centre(x), (1, 1)),
    "centre beside the mean of windows": Case(
        lambda s, x: centre(x) - F.unfold(x, 3, padding=1).view(1, 3, 9, 16, 12).mean(2), (3, 3)
    ),
    "left column of unfolded windows": Case(
        lambda s, x: F.unfold(x, 3, padding=1).view(1, 3, 3, 3, 16, 12)[:, :, :, 0].sum(2), (3, 1)
    ),
    "rows of channels of unfolded windows": Case(
        lambda s, x: s.a(F.unfold(x, 2).view(1, 12, 15, 11)[:, 2:8]), (2, 2), {"a": conv(6, 4, 1)}
    ),
    "one row of unfolded windows": Case(
        lambda s, x: s.a(F.unfold(x, 2).view(1, 12, 15, 11)[:, 2:4]), (1, 2), {"a": conv(2, 4, 1)}
    ),
    "unshuffled, channels apart, shuffled": Case(
        lambda s, x: F.pixel_shuffle(s.a(F.pixel_unshuffle(x, 4)), 4),
        (9, 9),
        {"a": conv(48, 48, 3, padding=1, groups=48)},
        (1, 3, 16, 24),
    ),
    "unshuffled, channels apart, twice as many": Case(
        lambda s, x: F.pixel_shuffle(s.a(F.pixel_unshuffle(x, 2)), 2),
        (6, 5),
        {"a": conv(12, 24, 3, padding=1, groups=12)},
    ),
    "unshuffled, by groups, shuffled": Case(
        lambda s, x: F.pixel_shuffle(s.a(F.pixel_unshuffle(x, 2)), 2),
        (5, 6),
        {"a": conv(12, 12, 3, padding=1, groups=6)},
    ),
    "unshuffled, by groups across channels, shuffled": Case(
        lambda s, x: F.pixel_shuffle(s.a(F.pixel_unshuffle(x, 2)), 2),
        (6, 6),
        {"a": conv(12, 12, 3, padding=1, groups=4)},
    ),
    "unshuffled, convolved, shuffled": Case(
        lambda s, x: F.pixel_shuffle(s.a(F.pixel_unshuffle(x, 4)), 4),
        (12, 12),
        {"a": conv(48, 48, 3, padding=1)},
        (1, 3, 16, 24),
    ),
    "unshuffled, depthwise, pointwise": Case(
        lambda s, x: s.b(s.a(F.pixel_unshuffle(x, 2))),
        (6, 6),
        {"a": conv(12, 12, 3, padding=1, groups=12), "b": conv(12, 4, 1)},
    ),
    "one phase of an unshuffled map": Case(lambda s, x: F.pixel_unshuffle(x, 2)[:, 1::4], (1, 1)),
    "one channel of an unshuffled map": Case(
        lambda s, x: s.a(F.pixel_unshuffle(x, 2)[:, 3]), (1, 3), {"a": lambda: nn.Conv1d(8, 8, 2, groups=8)}
    ),
    "half of an unshuffled map": Case(
        lambda s, x: s.a(F.pixel_unshuffle(x, 2).chunk(2, 1)[1]), (2, 2), {"a": conv(6, 4, 1)}
    ),
    "an unshuffled map beside a convolution, cut again": Case(
        lambda s, x: torch.cat([F.pixel_unshuffle(x, 2), s.a(x)], 1)[:, 4:12].sum(1),
        (2, 2),
        {"a": conv(3, 4, 4, stride=2, padding=1)},
    ),
    "a convolution beside an unshuffled map, cut again": Case(
        lambda s, x: torch.cat([F.pixel_unshuffle(x, 2), s.a(x)], 1)[:, 12:],
        (4, 4),
        {"a": conv(3, 4, 4, stride=2, padding=1)},
    ),
    "an unshuffled map added to a strided one": Case(
        lambda s, x: s.b(F.pixel_unshuffle(x, 2)) + s.a(x),
        (6, 6),
        {"a": conv(3, 4, 4, stride=2, padding=1), "b": conv(12, 4, 3, padding=1)},
    ),
    "focus": Case(lambda s, x: s.a(focus(x)), (6, 6), {"a": conv(12, 4, 3, padding=1)}),
    "focus, channels apart": Case(
        lambda s, x: s.a(focus(x))[:, 3:6], (5, 5), {"a": conv(12, 12, 3, padding=1, groups=12)}
    ),
    "maps of two fields, channels apart, cut": Case(
        lambda s, x: s.c(torch.cat([s.a(x), s.b(x)], 1))[:, 4:],
        (5, 5),
        {
            "a": conv(3, 4, 5, padding=2),
            "b": conv(3, 4, 3, padding=1),
            "c": conv(8, 8, 3, padding=1, groups=8),
        },
    ),
    "transposed, channels apart": Case(
        lambda s, x: s.a(F.pixel_unshuffle(x, 2))[:, ::4],
        (5, 5),
        {"a": lambda: nn.ConvTranspose2d(12, 12, 3, padding=1, groups=12)},
    ),
    "frames by half, a gain, overlap-add": Case(
        lambda s, x: F.fold(
            (x.unfold(2, 8, 4)[:, 0] * s.gain.weight).transpose(1, 2), (1, 40), (1, 8), stride=(1, 4)
        ),
        (1,),
        {"gain": Gain},
        (1, 1, 40),
    ),
    "frames by half, mixed, overlap-add": Case(
        lambda s, x: F.fold(s.a(x.unfold(2, 8, 4)[:, 0]).transpose(1, 2), (1, 40), (1, 8), stride=(1, 4)),
        (12,),
        {"a": lambda: nn.Linear(8, 8)},
        (1, 1, 40),
    ),
    "second half of frames": Case(
        lambda s, x: s.a(x.unfold(2, 8, 4)[:, 0, :, 4:].transpose(1, 2)),
        (12,),
        {"a": lambda: nn.Conv1d(4, 2, 3)},
        (1, 1, 40),
    ),
    "convolved over frames, each sample by itself": Case(
        lambda s, x: s.a(x.unfold(2, 8, 4)[:, 0].transpose(1, 2)),
        (9 + 7,),
        {"a": lambda: nn.Conv1d(8, 8, 3, groups=8)},
        (1, 1, 40),
    ),
}


class Net(nn.Module):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        for name, make in case.layers.items():
            setattr(self, name, make())

    def forward(self, x: Any) -> Any:
        return self.case.forward(self, x)


@pytest.mark.parametrize("name", CASES)
def test_every_row_is_the_one_that_pytorch_reads(name: str) -> None:
    case = CASES[name]
    module = made_positive(Net(case))
    x = torch.rand(case.shape, dtype=torch.float64, requires_grad=True)
    program = torch.export.export(module, (x,))
    graph = rfcalc.from_torch(module, x, capture="export")  # tensors are told apart by the export's names
    compared, wrong = compare(graph, recorded(program, x), x)
    assert not wrong
    assert compared
    rows = list(rfcalc.analyze(graph))
    assert {row.status for row in rows} == {"exact"}
    assert rows[-1].receptive_field == case.field


@pytest.mark.parametrize("name", CASES)
def test_enumeration_says_the_same(name: str) -> None:
    graph = rfcalc.from_torch(Net(CASES[name]).eval(), torch.zeros(CASES[name].shape))
    assert not rfcalc.verify(graph).differences


@pytest.mark.parametrize(
    "name",
    ["fold of unfold", "unshuffled, channels apart, shuffled", "frames by half, a gain, overlap-add"],
)
def test_enumeration_finds_channels_that_are_taken_together(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "followed", property(lambda path: path.steps))
    graph = rfcalc.from_torch(Net(CASES[name]).eval(), torch.zeros(CASES[name].shape))
    found = rfcalc.verify(graph).differences
    assert found
    assert {each.what for each in found} <= {"rows", "receptive_field"}


SPECTROGRAMS = {
    "short window": ({"win_length": 10}, (3, 12)),
    "short window, one sample more before": ({"win_length": 9}, (3, 11)),
    "window of the whole frame": ({}, (0, 15)),
    "short frames": ({"win_length": 4, "hop_length": 3}, (6, 9)),
    "a first element of zero": ({"window": torch.hann_window(16)}, (1, 15)),
    "zeros at both ends": ({"window": torch.hann_window(16, periodic=False)}, (1, 14)),
    "a short one that begins with zero": ({"window": torch.hann_window(10), "win_length": 10}, (4, 12)),
    "zeros inside": ({"window": torch.tensor([1.0, 0, 0, 2] * 4)}, (0, 15)),
}


@pytest.mark.parametrize("form", ["record", "saved"])
@pytest.mark.parametrize("name", SPECTROGRAMS)
def test_a_spectrogram_reads_its_window(name: str, form: str, tmp_path: Any) -> None:
    given, (first, last) = SPECTROGRAMS[name]
    settings = {"n_fft": 16, "hop_length": 4, "win_length": 16, **given}
    window = settings.pop("window", torch.hamming_window(settings["win_length"])).double()

    class Spectrogram(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("window", window)
            self.mix = nn.Conv1d(9, 1, 1).double()

        def forward(self, x: Any) -> Any:
            z = torch.stft(x, window=self.window, center=False, return_complex=True, **settings)
            return self.mix(z.abs())

    module, x = Spectrogram(), torch.rand(1, 60, dtype=torch.float64)
    before = module(x)[0, 0]
    reads: list[list[int]] = [[] for _ in before]
    for sample in range(60):
        moved = x.clone()
        moved[0, sample] += 1
        for frame in (module(moved)[0, 0] - before).abs().gt(1e-9).nonzero().flatten().tolist():
            reads[frame].append(sample)
    measured = [(row[0], row[-1], len(row)) for row in reads]
    if form == "record":
        graph = rfcalc.from_torch(module, x)
    else:
        torch.export.save(torch.export.export(module, (x,)), tmp_path / "model.pt2")
        graph = rfcalc.load(tmp_path / "model.pt2")
    assert list(rfcalc.field(graph, "mix").axes[0].rows) == measured
    assert measured[0] == (first, last, int((window != 0).sum()))
    assert not rfcalc.verify(graph).differences
