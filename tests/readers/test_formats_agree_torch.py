"""The architectures of `test_formats_agree` as PyTorch modules: the same figures, layer by layer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import rfcalc
from tests.readers.test_formats_agree import ARCHITECTURES, Architecture, Layer, keras, native, onnx_model

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.torch, pytest.mark.onnx]

nn = torch.nn

FUNCTIONAL = ("add", "concat", "gap")
"""Kinds that a forward pass spells as functions, which have no module to be named after."""


def network(given: Architecture) -> Any:
    """Return a module with a child of the same name for each layer that has one."""
    rank = len(given.extents)
    channels = {"x": given.channels}

    class Network(nn.Module):  # type: ignore[misc]  # torch is optional, and its types are not read
        def __init__(self) -> None:
            super().__init__()
            for layer in given.wired:
                taken = [channels[name] for name in layer.inputs]
                made = sum(taken) if layer.kind == "concat" else taken[0]
                channels[layer.name] = layer.settings.get("filters", layer.settings.get("units", made))
                if layer.kind not in FUNCTIONAL:
                    self.add_module(layer.name, module(layer, taken[0], channels[layer.name], rank))

        def forward(self, x: Any) -> Any:
            values = {"x": x}
            for layer in given.wired:
                taken = [values[name] for name in layer.inputs]
                if layer.kind == "add":
                    values[layer.name] = taken[0] + taken[1]
                elif layer.kind == "concat":
                    values[layer.name] = torch.cat(taken, dim=1)
                elif layer.kind == "gap":
                    values[layer.name] = taken[0].mean(dim=list(range(2, 2 + rank)))
                else:
                    values[layer.name] = getattr(self, layer.name)(padded(layer, taken[0]))
            return values[given.layers[-1].name]

    return Network().eval()


def module(layer: Layer, channels: int, made: int, rank: int) -> Any:
    """Return the module of a layer; padding is a function before it, since ``same`` may be uneven."""
    settings = layer.settings
    window = {"stride": settings.get("stride", 1)}
    dilated = {"dilation": settings.get("dilation", 1), "bias": settings.get("bias", False), **window}
    kernel = settings.get("kernel", 2)
    conv, up, norm, largest, mean = (
        getattr(nn, f"{name}{rank}d") for name in ("Conv", "ConvTranspose", "BatchNorm", "MaxPool", "AvgPool")
    )
    table = {
        "conv": lambda: conv(channels, made, kernel, groups=settings.get("groups", 1), **dilated),
        "depthwise": lambda: conv(channels, channels, kernel, groups=channels, **dilated),
        "up": lambda: up(channels, made, 2, stride=2, bias=False),
        "norm": lambda: norm(channels),
        "relu": nn.ReLU,
        "max_pool": lambda: largest(kernel, **window),
        "avg_pool": lambda: mean(kernel, **window),
        "dense": lambda: nn.Linear(channels, made),
    }
    return table[layer.kind]()


def padded(layer: Layer, x: Any) -> Any:
    """Pad as the layer says: ``same`` puts the odd element behind, ``causal`` everything before."""
    usual = {"conv": "same", "depthwise": "same"}.get(layer.kind, "valid")
    padding = layer.settings.get("padding", usual)
    if padding == "valid" or "kernel" not in layer.settings:
        return x
    stride, reach = (
        layer.settings.get("stride", 1),
        layer.settings.get("dilation", 1) * (layer.settings["kernel"] - 1),
    )
    pairs: list[int] = []
    for extent in reversed(x.shape[2:]):
        total = max((-(-extent // stride) - 1) * stride + reach + 1 - extent, 0)
        before = reach if padding == "causal" else total // 2
        pairs += [before, (reach if padding == "causal" else total) - before]
    return torch.nn.functional.pad(x, pairs) if any(pairs) else x


def figures(analysis: rfcalc.Analysis, names: list[str], *, turned: bool) -> dict[str, tuple[Any, ...]]:
    """Return what is said of layers; the running statistics of torch are buffers and no parameters."""
    rows = {row.name: row for row in analysis}
    found = {}
    for name in names:
        row = rows[name]
        shape = row.output_shape or ()
        found[name] = (
            (shape[-1], *shape[1:-1]) if turned else shape[1:],
            row.receptive_field,
            row.receptive_field_min,
            row.effective_stride,
            row.effective_padding,
            row.center,
            row.status,
            row.params.trainable,
            row.macs,
        )
    return found


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_module_says_what_the_other_formats_say(name: str) -> None:
    architecture = ARCHITECTURES[name]
    graph = rfcalc.from_torch(network(architecture), (1, architecture.channels, *architecture.extents))
    names = [layer.name for layer in architecture.layers if layer.kind not in FUNCTIONAL]
    got = rfcalc.analyze(graph)
    for other, turned in ((native(architecture), True), (onnx_model(architecture), False)):
        expected = rfcalc.analyze(other)
        assert figures(got, names, turned=False) == figures(expected, names, turned=turned)
        assert got.totals.params.trainable == expected.totals.params.trainable
        assert got.totals.macs == expected.totals.macs


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_module_depends_on_what_the_other_formats_say(name: str) -> None:
    architecture = ARCHITECTURES[name]
    graph = rfcalc.from_torch(network(architecture), (1, architecture.channels, *architecture.extents))
    other = rfcalc.load(native(architecture))
    named = [layer.name for layer in architecture.layers if layer.kind in ("conv", "depthwise", "max_pool")]
    for first, last in list(pairwise(named))[::4]:
        for layer in (first, last):
            mine, theirs = (rfcalc.field(each, layer).axes for each in (graph, other))
            assert [axis.rows for axis in mine] == [axis.rows for axis in theirs]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_module_does_not_differ_from_the_other_formats(name: str) -> None:
    architecture = ARCHITECTURES[name]
    graph = rfcalc.from_torch(network(architecture), (1, architecture.channels, *architecture.extents))
    for other in (native(architecture), keras(architecture), onnx_model(architecture)):
        for found in (rfcalc.diff(other, graph), rfcalc.diff(graph, other)):
            assert not found.changed
            assert (found.merged, found.respelled, found.notes) == (0, (), ())
