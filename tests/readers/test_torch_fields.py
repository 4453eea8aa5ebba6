from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402
from rfcalc.graph.graph import LayerGraph  # noqa: E402
from tests.readers import torch_models as models  # noqa: E402
from tests.readers.torch_fields import made_positive, recorded, rows_of  # noqa: E402

pytestmark = pytest.mark.torch

CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "resnet": (lambda: models.ResNet50(2, (1, 1), 3), (1, 3, 16, 12)),
    "vit": (lambda: models.ViT(8, 4, 4, 1, 2, 3), (1, 3, 8, 8)),
    "unet": (lambda: models.UNet(2), (1, 3, 8, 4)),
    "unet-bilinear": (lambda: models.UNet(2, 1, transposed=False), (1, 3, 12, 14)),
    "windows": (lambda: models.Windows(4), (1, 3, 16, 16)),
    "shuffle": (models.ShuffleUnit, (1, 3, 12, 9)),
    "convnext": (models.ConvNeXtBlock, (1, 3, 16, 24)),
    "excite": (models.Excite, (1, 3, 11, 12)),
    "sub-pixel": (models.SubPixel, (1, 1, 9, 8)),
    "dilated": (models.Dilated, (1, 1, 40)),
    "lstm": (models.Recurrent, (1, 2, 16)),
    "gru": (lambda: models.Recurrent("GRU", bidirectional=True, num_layers=2), (1, 2, 16)),
    "lstm-projected": (lambda: models.Recurrent("LSTM", proj_size=2, num_layers=2), (1, 2, 16)),
    "rnn": (lambda: models.Recurrent("RNN"), (1, 2, 16)),
    "resizes": (models.Resizes, (1, 1, 12, 16)),
    "moves": (models.Moves, (1, 1, 12, 18)),
}


def compare(graph: LayerGraph, tensors: dict[str, Any], x: Any) -> tuple[int, list[str]]:
    """Compare every layer's rows with what was measured: how many there were, and which are wrong."""
    compared, wrong = 0, []
    spatial = [place for place, role in enumerate(graph.inputs[0].attrs["axes"]) if role == "s"]
    for layer in graph:
        tensor = tensors.get(layer.outputs[0] if layer.outputs else layer.name)
        if layer.kind == "input" or not isinstance(tensor, torch.Tensor) or tensor.grad_fn is None:
            continue
        result = rfcalc.field(graph, layer.name)
        axes = graph.results[layer.name].outputs[0].axes
        kept = [place for place, role in enumerate(axes) if role == "s"]
        one = graph.results[layer.name].outputs[0].folded == 1
        if one and len(kept) == 1 and len(spatial) == 2:  # tokens, in the order of the map
            extents = [each.extent for each in result.axes]
            if extents[0] * extents[1] == tensor.shape[kept[0]]:
                tensor = tensor.unflatten(kept[0], extents)
                kept = [kept[0], kept[0] + 1]
        for k, (axis, each) in enumerate(zip(spatial, result.axes, strict=True)):
            if each.extent == 1:
                measured = rows_of(tensor, x, None, axis)
            elif len(kept) == len(spatial) and tensor.shape[kept[k]] == each.extent:
                measured = rows_of(tensor, x, kept[k], axis)
            elif len(kept) == 1 and tensor.shape[kept[0]] == each.extent:  # tokens beside those of the map
                measured = rows_of(tensor, x, kept[0], axis)
            else:
                continue
            compared += 1
            if each.status == "exact" and list(each.rows) != measured:
                wrong.append(f"{layer.name} axis {k}: {each.rows[:4]} is {measured[:4]}")
            if each.status == "bound" and not all(map(covers, each.rows, measured)):
                wrong.append(f"{layer.name} axis {k}: {each.rows[:4]} is no bound of {measured[:4]}")
    return compared, wrong


def covers(row: Any, measured: Any) -> bool:
    return measured is None or (row is not None and row[0] <= measured[0] and measured[1] <= row[1])


@pytest.mark.parametrize("name", CASES)
def test_fields_are_those_that_gradients_have(name: str) -> None:
    build, shape = CASES[name]
    torch.manual_seed(0)
    module = made_positive(build())
    x = (torch.rand(shape, dtype=torch.float64) + 0.5).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (x.detach(),))
    graph = rfcalc.load(program)
    compared, wrong = compare(graph, recorded(program, x), x)
    assert not wrong
    assert compared > len(graph) // 4


def call(function: Callable[[Any], Any]) -> Any:
    """Return a module that calls a function on a convolved map."""

    class Calls(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 4, (3, 1), padding=(1, 0))

        def forward(self, x: Any) -> Any:
            return function(self.conv(x))

    return Calls()


OPERATORS: dict[str, Callable[[Any], Any]] = {
    "addmm": lambda x: torch.addmm(x[0, 0], x[0, 1], x[0, 2, :6]),
    "baddbmm": lambda x: torch.baddbmm(x[0, :, :, :6], x[0], x[0, :, :6]),
    "bmm": lambda x: torch.bmm(x[0], x[0].transpose(1, 2)),
    "matmul-vector": lambda x: x @ x[0, 0, 0],
    "mv": lambda x: torch.mv(x[0, 0], x[0, 1, 0]),
    "outer": lambda x: torch.outer(x[0, 0, :, 0], x[0, 0, 0]),
    "tensordot": lambda x: torch.tensordot(x, x[0], ([1, 2], [0, 1])),
    "cdist": lambda x: torch.cdist(x[0], x[0] + 1),
    "cosine": lambda x: torch.cosine_similarity(x, x.flip(3), 1),
    "attention": lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
    "causal": lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True),
    "channel_shuffle": lambda x: torch.nn.functional.channel_shuffle(x, 2),
    "pixel_shuffle": lambda x: torch.nn.functional.pixel_shuffle(x, 2),
    "glu": lambda x: torch.nn.functional.glu(x, 1),
    "unfold": lambda x: torch.nn.functional.unfold(x, 3, padding=1).view(1, -1, 8, 6),
    "local_response": lambda x: torch.nn.functional.local_response_norm(x, 3),
    "instance_norm": torch.nn.functional.instance_norm,
    "group_norm": lambda x: torch.nn.functional.group_norm(x, 2),
    "rms_norm": lambda x: torch.nn.functional.rms_norm(x, (6,)),
    "normalize": lambda x: torch.nn.functional.normalize(x, dim=1),
    "lp_pool": lambda x: torch.nn.functional.lp_pool2d(x + 1, 2, 2),
    "adaptive_max": lambda x: torch.nn.functional.adaptive_avg_pool2d(x, (None, 4)),
    "replicate": lambda x: torch.nn.functional.pad(x, (2, 1, 0, 1), "replicate"),
    "circular": lambda x: torch.nn.functional.pad(x, (2, 1, 0, 3), "circular"),
    "std": lambda x: x.std(3, keepdim=True),
    "var_mean": lambda x: torch.var_mean(x, (2, 3), keepdim=True)[0],
    "norm": lambda x: x.norm(dim=2),
    "logsumexp": lambda x: x.logsumexp(2),
    "max": lambda x: x.max(2)[0],
    "where": lambda x: torch.where(x > 0, x, x.flip(2)),
    "masked_fill": lambda x: x.masked_fill(torch.eye(8, 6).bool(), 0.0),
    "lerp": lambda x: torch.lerp(x, x.roll(1, 2), 0.3),
    "addcmul": lambda x: torch.addcmul(x, x.roll(1, 2), x),
    "movedim": lambda x: x.movedim((1, 2), (3, 1)),
    "swapaxes": lambda x: x.swapaxes(1, 2),
    "unflatten": lambda x: x.unflatten(2, (4, 2)).flatten(2, 3),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "repeat": lambda x: x.repeat(2, 1, 1, 2)[:1],
    "roll-all": lambda x: x.roll(1),
    "rot90": lambda x: torch.rot90(x, 1, (2, 3)),
    "diagonal": lambda x: x[..., :6, :].diagonal(0, 2, 3),
    "tril": torch.tril,
    "meshgrid": lambda x: x + torch.meshgrid(torch.arange(8), torch.arange(6), indexing="ij")[0],
    "grid-of-indices": lambda x: x[:, :, torch.tensor([[3], [1]]), torch.tensor([0, 2, 5])],
    "index-none": lambda x: x[:, None, :, ::2],
    "negative": lambda x: x[:, :, -3:, -1:],
    "narrow": lambda x: x.narrow(2, 1, 4),
    "topk": lambda x: x.topk(3, 2)[0],
    "sort": lambda x: x.sort(3)[0],
    "cumprod": lambda x: x.cumprod(3),
    "diff": lambda x: x.diff(dim=2),
    "in-place": lambda x: x.clone().mul_(2).add_(x.roll(1, 2)),
    "view-in-place": lambda x: _halved(x.clone()),
    "rfft": lambda x: torch.fft.rfft(x, dim=3).abs(),
    "fftshift": lambda x: torch.fft.fftshift(x, dim=2),
    "stft": lambda x: torch.stft(
        x[0, :, :, 0], 4, 2, window=torch.ones(4).double(), center=False, return_complex=True
    ).abs(),
    "slice-write": lambda x: _written(x.clone()),
    "bilinear": lambda x: torch.nn.functional.bilinear(x, x, torch.ones(2, 6, 6).double()),
    "prelu": lambda x: torch.nn.functional.prelu(x, torch.ones(4).double()),
    "grid_sample": lambda x: torch.nn.functional.grid_sample(
        x, torch.zeros(1, 3, 3, 2).double(), align_corners=False
    ),
    "dynamic-kernel": lambda x: torch.nn.functional.conv2d(x, x[:, :, :3, :3]),
    "stack": lambda x: torch.stack([x, x.roll(1, 2)], 2),
    "no_grad": lambda x: _without_gradients(x) + 1,
    "batch_norm-training": lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
    "write-mT": lambda x: _swapped(x, lambda y: y.mT),
    "write-ravel": lambda x: _swapped(x, lambda y: y.ravel()),
    "write-swapdims": lambda x: _swapped(x, lambda y: y.swapdims(2, 3)),
    "write-broadcast_to": lambda x: _swapped(x, lambda y: y.broadcast_to(y.shape)),
    "write-reshape_as": lambda x: _swapped(x, lambda y: y.reshape_as(y)),
    "write-hsplit": lambda x: _swapped(x, lambda y: y[0, 0].hsplit(2)[0]),
    "write-vsplit": lambda x: _swapped(x, lambda y: y[0, 0].vsplit(2)[0]),
    "write-adjoint": lambda x: _swapped(x, lambda y: y.adjoint()),
    "write-to": lambda x: _swapped(x, lambda y: y.to(torch.float64)[:, :, :3]),
    "overlapping-views": lambda x: _overlapping(x.clone()),
    "glu-positions": lambda x: torch.nn.functional.glu(x, 2),
    "glu-columns": lambda x: torch.nn.functional.glu(x, -1),
    "glu-strided": lambda x: torch.nn.functional.glu(x[:, :, ::2], 2),
    "broadcast_tensors": lambda x: _product(torch.broadcast_tensors(x, torch.ones(4, 1, 1).double())),
    "broadcast_tensors-both": lambda x: _product(torch.broadcast_tensors(x[:, :1], x[:, :, :, :1])),
    "broadcast_tensors-mean": lambda x: _product(torch.broadcast_tensors(x, x.mean(3, keepdim=True))),
    "gather": lambda x: torch.gather(x, 2, torch.arange(0, 8, 3).view(1, 1, -1, 1).expand(1, 4, 3, 6)),
    "gather-fewer": lambda x: torch.gather(x, 2, torch.tensor([5, 1]).view(1, 1, -1, 1).expand(1, 2, 2, 4)),
    "gather-by-channel": lambda x: torch.gather(x, 3, torch.arange(4).view(1, 4, 1, 1).expand(1, 4, 8, 1)),
    "gather-two-by-channel": lambda x: torch.gather(
        x, 2, torch.tensor([[0, 7], [1, 6], [2, 5], [3, 4]]).view(1, 4, 2, 1).expand(1, 4, 2, 6)
    ),
    "gather-by-position": lambda x: torch.gather(x, 2, torch.arange(6).view(1, 1, 1, 6).expand(1, 4, 1, 6)),
    "take_along_dim": lambda x: torch.take_along_dim(x, torch.tensor([6, 0, 2]).view(1, 1, -1, 1), 2),
    "take_along_dim-columns": lambda x: torch.take_along_dim(x, torch.tensor([5, 5, 1]).view(1, 1, 1, -1), 3),
    "index-mask": lambda x: x[:, :, torch.tensor([True, False, False, True] * 2)],
    "index-mask-columns": lambda x: x[..., torch.tensor([False, True, True] * 2)],
    "index-pairs": lambda x: x[:, torch.tensor([0, 2, 1]), torch.tensor([7, 1, 3])],
    "index-pairs-negative": lambda x: x[:, torch.tensor([0, 3]), torch.tensor([-1, 2])],
    "index-positions-in-pairs": lambda x: x[:, :, torch.tensor([0, 3]), torch.tensor([5, 2])],
    "index-windows": lambda x: x[:, :, torch.arange(3)[:, None] * 2 + torch.arange(4)[None]],
    "write-dropout": lambda x: _swapped(x, lambda y: torch.nn.functional.dropout(y, 0.5, False)),
}


def _product(tensors: Any) -> Any:
    first, second = tensors
    return first * second


def _overlapping(x: Any) -> Any:
    seen = x[:, :, 2:]
    x[:, :, :4] = x.flip(3)[:, :, :4]
    return seen * 2


def _swapped(x: Any, view: Callable[[Any], Any]) -> Any:
    """Write what a view shows, the other way round, through the view."""
    y = x.clone()
    part = view(y)
    part.copy_(view(x).flip(part.dim() - 1))
    return y * 2


def _halved(x: Any) -> Any:
    x[:, :, ::2].mul_(0.5)
    return x + 1


def _written(x: Any) -> Any:
    x[:, :, 1] = x[:, :, 0] * 2
    return x * 2


def _without_gradients(x: Any) -> Any:
    with torch.no_grad():
        shape = x.shape
    return x.reshape(shape[0], -1).view(shape)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_known_and_its_field_is_true(name: str) -> None:
    module = made_positive(call(OPERATORS[name]))
    x = (torch.rand((1, 1, 8, 6), dtype=torch.float64) + 0.5).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (x.detach(),))
    graph = rfcalc.load(program)
    assert not [layer.kind for layer in graph if "unknown" in layer.kind]
    compared, wrong = compare(graph, recorded(program, x), x)
    assert not wrong
    assert compared
