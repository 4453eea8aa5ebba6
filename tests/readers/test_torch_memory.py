"""Peak activation memory, against the storages that torch itself holds while an exported module runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.memory import peaks_of
from rfcalc.engine.run import Run

torch = pytest.importorskip("torch")
nn = torch.nn

pytestmark = pytest.mark.torch


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, stride, 1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1), nn.BatchNorm2d(2 * width),
        )  # fmt: skip
        self.shortcut = nn.Conv2d(width, 2 * width, 1, stride)

    def forward(self, x: Any) -> Any:
        return torch.relu(self.body(x) + self.shortcut(x))


class Dense(nn.Module):
    """Each layer takes all maps before it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4 * (number + 1), 4, 3, 1, 1) for number in range(4))

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = torch.cat([x, torch.relu(layer(x))], 1)
        return x.mean((2, 3))


class UNet(nn.Module):
    """Two levels down and up again, with joins across."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.low = nn.Conv2d(3, 16, 3, 1, 1), nn.Conv2d(16, 32, 3, 1, 1)
        self.up, self.out = nn.ConvTranspose2d(32, 16, 2, 2), nn.Conv2d(32, 1, 3, 1, 1)

    def forward(self, x: Any) -> Any:
        left = torch.relu(self.down(x))
        low = torch.relu(self.low(nn.functional.max_pool2d(left, 2)))
        return self.out(torch.cat([left, self.up(low)], 1))


class Gated(nn.Module):
    """An inverted residual with squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.deep = nn.Conv2d(8, 32, 1), nn.Conv2d(32, 32, 3, 1, 1, groups=32)
        self.squeeze, self.excite, self.project = (
            nn.Conv2d(32, 8, 1),
            nn.Conv2d(8, 32, 1),
            nn.Conv2d(32, 8, 1),
        )

    def forward(self, x: Any) -> Any:
        y = nn.functional.silu(self.deep(nn.functional.silu(self.expand(x))))
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return x + self.project(y * gate)


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "plain": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(),
            nn.Flatten(), nn.Dropout(), nn.Linear(16 * 11 * 11, 10), nn.Softmax(1),
        ),
        (1, 3, 28, 28),
    ),
    "residual": (lambda: nn.Sequential(Residual(8), Residual(16, 2), nn.AvgPool2d(2)), (1, 8, 16, 16)),
    "dense": (Dense, (1, 4, 12, 12)),
    "unet": (UNet, (1, 3, 32, 32)),
    "gated": (Gated, (1, 8, 14, 14)),
    "perceptron": (
        lambda: nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32)),
        (1, 20, 32),
    ),
}  # fmt: skip
"""Modules without operations in place, and without views other than reshapes: torch gives a transposed tensor
or a slice no storage of its own, where rfcalc counts one, as runtimes that plan memory make one."""


def measured(program: Any, x: Any) -> int:
    """Run an exported program node by node; return the most bytes of storage that are held.

    Each value is dropped behind its last use. What several tensors share is counted once; parameters and
    buffers are not counted.
    """
    signature = program.graph_signature
    state = {**dict(program.named_parameters()), **dict(program.named_buffers())}
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    nodes = list(program.graph.nodes)
    last = {source: node for node in nodes for source in node.all_input_nodes}
    values: dict[Any, Any] = {}
    inputs, most = iter([x]), 0
    stored = {tensor.untyped_storage().data_ptr() for tensor in state.values()}
    del x
    for node in nodes:
        if node.op == "placeholder":
            values[node] = state[held[node.name]] if node.name in held else next(inputs).clone()
        elif node.op == "call_function":
            args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = node.target(*args, **kwargs)
            del args, kwargs
        tensors = torch.utils._pytree.tree_leaves(list(values.values()))
        storages = {
            each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
            for each in tensors
            if isinstance(each, torch.Tensor)
        }
        most = max(most, sum(size for place, size in storages.items() if place not in stored))
        for source in [each for each in values if last.get(each) is node]:
            del values[source]
    return most


@pytest.mark.parametrize("name", MODELS)
def test_the_peak_is_what_torch_holds(name: str) -> None:
    make, shape = MODELS[name]
    torch.manual_seed(0)
    module = make().eval()
    x = torch.randn(shape)
    program = torch.export.export(module, (x,))
    graph = rfcalc.from_torch(module, shape)
    peak, _ = peaks_of(graph, Run(graph).resolved, in_place=False)
    assert peak is not None
    assert peak.bytes == measured(program, x)
