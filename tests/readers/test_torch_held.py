"""Parameters are counted as what modules hold: parametrised, normalised, adapted or quantised."""

from __future__ import annotations

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


def test_packed_weights_are_refused_in_one_line() -> None:
    module = nn.Sequential(nn.Linear(6, 4))
    made = quietly(lambda each: quantization.quantize_dynamic(each, {nn.Linear}), module)
    message = (
        "<Sequential>: '0._packed_params' (LinearPackedParams) holds weights that are packed for a "
        "processor; read the module as it was before it was converted"
    )
    with pytest.raises(rfcalc.ReadError) as error:
        rfcalc.from_torch(made, [ROWS])
    assert str(error.value) == message


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
