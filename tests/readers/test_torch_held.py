"""Parameters are counted as what modules hold: parametrised, normalised, adapted or quantised."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.utils.parametrizations as normed  # noqa: E402
import torch.nn.utils.prune as pruning  # noqa: E402
from torch.ao import quantization  # noqa: E402  torch may be absent
from torch.nn.utils.parametrize import register_parametrization  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = pytest.mark.torch

nn = torch.nn

MAP, ROWS = (1, 3, 8, 8), (1, 6)


class Symmetric(nn.Module):  # type: ignore[misc]  # torch may be absent
    """A weight of which the upper half is held."""

    def forward(self, weight: Any) -> Any:
        return weight.triu() + weight.triu(1).transpose(-1, -2)


class LowRank(nn.Module):  # type: ignore[misc]  # torch may be absent
    """A weight to which a product of two narrow matrices is added."""

    def __init__(self, units: int, features: int) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.rand(2, features)), nn.Parameter(torch.rand(units, 2))

    def forward(self, weight: Any) -> Any:
        return weight + self.b @ self.a


class Adapted(nn.Module):  # type: ignore[misc]  # torch may be absent
    """A layer that is not trained, beside two narrow ones that are (LoRA)."""

    def __init__(self, base: Any, rank: int = 2) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x: Any) -> Any:
        return self.base(x) + 0.5 * self.up(self.down(x))


def parametrised(module: Any, part: Any) -> Any:
    register_parametrization(module, "weight", part)
    return module


def quietly(make: Callable[[Any], Any], module: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(module)


def aware(*, frozen: bool = True) -> Any:
    """Return a module that is trained as if it were quantised."""
    module = nn.Sequential(quantization.QuantStub(), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    module.qconfig = quantization.get_default_qat_qconfig("x86")
    prepared = quietly(quantization.prepare_qat, module.train())
    prepared(torch.rand(1, 3, 8, 8))
    if frozen:
        prepared.apply(quantization.disable_observer)
    return prepared


def pruned(module: Any) -> Any:
    return pruning.l1_unstructured(module, "weight", 0.5)


CASES = {  # name: module, input, multiply-accumulates (those of the layer, however its weight is made)
    "parametrised": (lambda: parametrised(nn.Linear(6, 6), Symmetric()), ROWS, 36),
    "parametrised by parameters": (lambda: parametrised(nn.Linear(6, 4), LowRank(4, 6)), ROWS, 24),
    "weight_norm": (lambda: normed.weight_norm(nn.Conv2d(3, 8, 3)), MAP, 27 * 8 * 36),
    "weight_norm as a hook": (
        lambda: quietly(nn.utils.weight_norm, nn.Conv2d(3, 8, 3)),
        MAP,
        27 * 8 * 36,
    ),
    "spectral_norm": (lambda: normed.spectral_norm(nn.Conv2d(3, 8, 3)), MAP, 27 * 8 * 36),
    "spectral_norm as a hook": (
        lambda: quietly(nn.utils.spectral_norm, nn.Conv2d(3, 8, 3)),
        MAP,
        27 * 8 * 36,
    ),
    "orthogonal": (lambda: normed.orthogonal(nn.Linear(6, 4)), ROWS, 24),
    "pruned": (lambda: pruned(nn.Linear(6, 4)), ROWS, 24),
    "adapted": (lambda: Adapted(nn.Linear(6, 4)), ROWS, 24 + 2 * 6 + 4 * 2),
    "quantisation-aware": (aware, MAP, 27 * 8 * 36 + 72 * 4 * 16),
    "quantisation-aware and observing": (lambda: aware(frozen=False), MAP, 27 * 8 * 36 + 72 * 4 * 16),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", CASES)
def test_parameters_are_those_that_are_held(name: str, device: str) -> None:
    build, shape, macs = CASES[name]
    module = build().to(device)
    held = list(module.parameters())
    found = rfcalc.analyze(rfcalc.from_torch(module, [shape]))
    trained = sum(each.numel() for each in held if each.requires_grad)
    assert (found.totals.params.total, found.totals.params.trainable) == (
        sum(each.numel() for each in held),
        trained,
    )
    assert found.totals.macs == macs
    assert {row.status for row in found.rows} == {"exact"}


class Converted(nn.Module):  # type: ignore[misc]  # torch may be absent
    """What is converted for a processor: windows, a branch, a mean, a product."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv, self.relu = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU()
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, padding=2, dilation=2)
        self.swish = nn.Hardswish()
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=1)
        self.sum = torch.ao.nn.quantized.FloatFunctional()
        self.join = torch.ao.nn.quantized.FloatFunctional()
        self.linear = nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.conv(self.quant(x)))
        x = self.sum.add_relu(x, self.swish(self.depthwise(x)))
        up = self.up(x)
        x = self.join.cat([x.mean((2, 3)), up.mean((2, 3))], 1)
        return self.dequant(self.linear(x))


def converted(build: Callable[[], Any], shape: tuple[int, ...]) -> Any:
    """Return a module as `torch.ao` converts it, all its parts but transposed convolutions by channel."""
    module = build().eval()
    module.qconfig = quantization.get_default_qconfig("fbgemm")
    for each in module.modules():
        if isinstance(each, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
            each.qconfig = quantization.default_qconfig
    prepared = quietly(quantization.prepare, module)
    prepared(torch.randn(shape))
    return quietly(quantization.convert, prepared)


def dynamic(build: Callable[[], Any], _shape: tuple[int, ...]) -> Any:
    kinds = {nn.Linear, nn.LSTM, nn.GRU}
    return quietly(lambda each: quantization.quantize_dynamic(each, kinds), nn.Sequential(build()))


PACKED: dict[str, tuple[Callable[..., Any], Callable[[], Any], tuple[int, ...]]] = {
    "windows and a branch": (converted, Converted, (1, 3, 16, 16)),
    "along one axis": (
        converted,
        lambda: nn.Sequential(
            quantization.QuantStub(), nn.Conv1d(3, 4, 5, stride=2), nn.ConvTranspose1d(4, 2, 3)
        ),
        (1, 3, 20),
    ),
    "norms": (
        converted,
        lambda: nn.Sequential(
            quantization.QuantStub(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4),
            nn.LeakyReLU(), nn.InstanceNorm2d(4, affine=True), nn.ReLU6(), nn.MaxPool2d(2), nn.LayerNorm(3),
            nn.Sigmoid(),
        ),
        (1, 3, 8, 8),
    ),
    "a linear layer": (dynamic, lambda: nn.Linear(6, 4), (2, 6)),
    "an LSTM both ways": (
        dynamic,
        lambda: nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True),
        (2, 5, 4),
    ),
    "a GRU": (dynamic, lambda: nn.GRU(4, 3), (5, 2, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKED)
def test_packed_weights_count_and_see_as_those_on_floats(name: str) -> None:
    convert, build, shape = PACKED[name]
    module = convert(build, shape)
    packed, plain = rfcalc.from_torch(module, [shape]), rfcalc.from_torch(build().eval(), [shape])
    found, wanted = rfcalc.analyze(packed), rfcalc.analyze(plain)
    assert found.totals.params.total == wanted.totals.params.total
    assert found.totals.params.trainable == sum(each.numel() for each in module.parameters())
    assert found.totals.macs == wanted.totals.macs
    assert {row.status for row in found.rows} == {"exact"}
    assert found.rows[-1].output_shape == wanted.rows[-1].output_shape
    assert found.rows[-1].receptive_field == wanted.rows[-1].receptive_field
    assert [code for code, *_ in packed.notes].count("capture") == 1
    weights = {weight.dtype for layer in packed for weight in layer.weights or () if len(weight.shape) > 1}
    assert weights == {"int8"}


def test_a_converted_module_that_runs_twice_counts_once() -> None:
    class Twice(nn.Module):  # type: ignore[misc]  # torch may be absent
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 6)

        def forward(self, x: Any) -> Any:
            return self.inner(self.inner(x))

    found = rfcalc.analyze(rfcalc.from_torch(dynamic(Twice, ROWS), [ROWS])).totals
    assert (found.params.total, found.macs) == (42, 2 * 36 * math.prod(ROWS[:-1]))


def test_packed_weights_that_cannot_be_followed_are_refused_in_one_line() -> None:
    made = quietly(
        lambda each: quantization.quantize_dynamic(each, {nn.LSTMCell}), nn.Sequential(nn.LSTMCell(6, 4))
    )
    with pytest.raises(rfcalc.ReadError) as error:
        rfcalc.from_torch(made, [(2, 6)])
    assert str(error.value) == (
        "<Sequential>: '0' (LSTMCell) holds weights that are packed for a processor, and "
        "quantized.quantized_lstm_cell_dynamic, which runs on them, is not known; read the module as it "
        "was before it was converted"
    )
    with pytest.raises(
        rfcalc.ReadError, match=r"which torch\.export does not take; read the module as it was"
    ):
        rfcalc.from_torch(made, [(2, 6)], capture="export")


class Decomposed(nn.Module):  # type: ignore[misc]  # torch may be absent
    """What conversion makes of an exported convolution: its weight is stored as integers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(4, 3, 3, 3, dtype=torch.int8))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x: Any) -> Any:
        ops = torch.ops.quantized_decomposed
        x = ops.quantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)
        x = ops.dequantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)
        weight = ops.dequantize_per_tensor(self.weight, 0.1, 0, -128, 127, torch.int8)
        return nn.functional.conv2d(x, weight, self.bias)


@pytest.mark.parametrize("capture", ["record", "export"])
def test_a_converted_program(capture: Any) -> None:
    """Of it the integers are a buffer, which is no parameter; rounding reads its own element alone."""
    import torch.ao.quantization.fx._decomposed  # noqa: F401  registers the operators

    found = rfcalc.analyze(rfcalc.from_torch(Decomposed(), [MAP], capture=capture))
    assert (found.totals.params.total, found.totals.macs) == (4, 27 * 4 * 36)
    assert [(row.receptive_field, row.status) for row in found.rows][-1] == ((3, 3), "exact")
    assert "108 elements of buffers" in " ".join(note.message for note in found.notes)


class Experts(nn.Module):  # type: ignore[misc]  # torch may be absent
    """Each row is multiplied by the matrix of the expert that it chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(16, 4, dtype=torch.bfloat16)
        self.matrices = nn.Parameter(torch.ones(4, 16, 8, dtype=torch.bfloat16))

    def forward(self, x: Any) -> Any:
        chosen = self.router(x).argmax(-1)
        counts = torch.zeros(4, dtype=torch.int32, device=x.device)
        ends = counts.scatter_add(0, chosen, torch.ones_like(chosen, dtype=torch.int32)).cumsum(0)
        return torch._grouped_mm(x[chosen.argsort()], self.matrices, offs=ends.to(torch.int32))


def test_experts() -> None:
    """All matrices are held, and each row takes part in one product; which is no more than bounded."""
    found = rfcalc.analyze(rfcalc.from_torch(Experts().to("meta"), [(32, 16)]))
    assert found.totals.params.total == 4 * 16 * 8 + 16 * 4 + 4
    assert found.totals.macs == 32 * 16 * 8 + 32 * 16 * 4
    assert (found.rows[-1].output_shape, found.rows[-1].status) == ((32, 8), "bound")
