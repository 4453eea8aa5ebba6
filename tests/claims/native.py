"""Small models in rfcalc's own format, and what rfcalc is asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import rfcalc

Layer = dict[str, Any]


class Window(NamedTuple):
    """A convolution along one axis: kernel, stride, padding on each side."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


def output_row(module: Any, *shapes: tuple[int, ...]) -> Any:
    """Return the row of the first output of a PyTorch module, on inputs of these shapes."""
    graph = rfcalc.from_torch(module, list(shapes))
    return rfcalc.analyze(graph).layer(graph.outputs[0][0])


def chain(windows: Iterable[Window], extent: int | None) -> dict[str, Any]:
    """Return a chain of convolutions over one axis."""
    layers = [{"kind": "conv", "filters": 1, **window._asdict()} for window in windows]
    return {"rfcalc": 1, "input": [extent, 1], "layers": layers}


def extents(windows: Iterable[Window], extent: int) -> list[int]:
    """Return how many rows each map of a chain has, 0 from where the map before is too short."""
    windows = list(windows)
    try:
        rows = rfcalc.analyze(chain(windows, extent)).rows
    except rfcalc.AnalysisError:
        return [*extents(windows[:-1], extent), 0]
    return [int(row.spatial[0]) for row in rows]  # the input first


def extent_after(windows: Iterable[Window], extent: int) -> int:
    """Return how many rows the last map of a chain has."""
    return extents(windows, extent)[-1]


def stride_of(windows: Iterable[Window]) -> int:
    """Return the stride of the last map of a chain."""
    (found,) = rfcalc.analyze(chain(windows, None)).rows[-1].effective_stride
    return int(found)


def unet(depth: int, kernel: int, pool: int) -> dict[str, Any]:
    """Return a U-Net over one axis: two convolutions a level, maxima, and repetition upwards."""
    layers = list[Layer]()

    def level(name: str, before: str) -> str:
        conv = {"kind": "conv", "filters": 1, "kernel": kernel, "padding": "same"}
        layers.extend([{**conv, "name": f"{name}_0", "inputs": before}, {**conv, "name": f"{name}_1"}])
        return f"{name}_1"

    tensor = "input"
    for step in range(depth):
        level(f"down{step}", tensor)
        layers.append({"kind": "max_pool", "name": f"pool{step}", "kernel": pool})
        tensor = f"pool{step}"
    tensor = level("middle", tensor)
    for step in reversed(range(depth)):
        layers.append({"kind": "upsample", "name": f"up{step}", "inputs": tensor, "scale": pool})
        layers.append({"kind": "concat", "name": f"cat{step}", "inputs": [f"down{step}_1", f"up{step}"]})
        tensor = level(f"end{step}", f"cat{step}")
    return {"rfcalc": 1, "input": [None, 1], "layers": layers}


def halo(model: Any) -> int:
    """Return how many rows tiles overlap their kept part by, on the side that needs more."""
    (axis,) = rfcalc.tiles(model).axes
    return int(max(axis.before, axis.after))
