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


def unet(depth: int, kernel: int, pool: int, *, grid: int = 1, after: int = 0) -> dict[str, Any]:
    """Return a U-Net over one axis: two convolutions a level, maxima, and repetition upwards.

    Before it the input may be reduced by a power of two, and convolutions may follow.
    """
    layers = list[Layer]()

    def convs(name: str, before: str, count: int = 2) -> str:
        conv = {"kind": "conv", "filters": 1, "kernel": kernel, "padding": "same"}
        for place in range(count):
            layers.append({**conv, "name": f"{name}_{place}", "inputs": before})
            before = f"{name}_{place}"
        return before

    def pooled(name: str, before: str, window: int) -> str:
        layers.append({"kind": "max_pool", "name": name, "inputs": before, "kernel": window})
        return name

    tensor = "input"
    for step in range(grid.bit_length() - 1):
        tensor = pooled(f"reduce{step}", convs(f"before{step}", tensor), 2)
    kept = []
    for step in range(depth):
        kept.append(convs(f"down{step}", tensor))
        tensor = pooled(f"pool{step}", kept[-1], pool)
    tensor = convs("middle", tensor)
    for step in reversed(range(depth)):
        layers.append({"kind": "upsample", "name": f"up{step}", "inputs": tensor, "scale": pool})
        layers.append({"kind": "concat", "name": f"cat{step}", "inputs": [kept.pop(), f"up{step}"]})
        tensor = convs(f"end{step}", f"cat{step}")
    convs("after", tensor, after)
    return {"rfcalc": 1, "input": [None, 1], "layers": layers}


def halo(model: Any) -> int:
    """Return how many rows tiles overlap their kept part by, on the side that needs more."""
    (axis,) = rfcalc.tiles(model).axes
    return int(max(axis.before, axis.after))
