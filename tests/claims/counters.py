"""Ask counters for multiply-accumulates and parameters of small networks, each in a process of its own.

Some replace functions of PyTorch, or leave hooks behind, and would count each other.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import multiprocessing
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.benchmarks import counters as others
from tests.benchmarks.others import told
from tests.claims.nets import NETS, Net

LIMIT = 120
"""Seconds for one answer."""


class Counter(NamedTuple):
    """A counter: what the page calls it, its package, what is imported, and how it is asked."""

    name: str
    package: str
    module: str
    run: Callable[[Any, Any], tuple[float, float | None]]


def calflops(model: Any, x: Any) -> tuple[float, float | None]:
    """Return what it calls MACs."""
    from calflops import calculate_flops

    _, macs, params = calculate_flops(model, args=[x], output_as_string=False, print_results=False)
    return macs, params


def onnx_tool(model: Any, x: Any) -> tuple[float, float | None]:
    """Count an ONNX export."""
    import onnx
    import torch
    from onnx_tool import Model

    file = io.BytesIO()
    torch.onnx.export(model, (x,), file, dynamo=False)
    graph = Model(onnx.load_from_string(file.getvalue())).graph
    graph.shape_infer()
    graph.profile()
    return graph.macs[0], graph.params


COUNTERS = (
    Counter("PyTorch's FlopCounterMode, halved", "torch", "torch", others.torch_itself),
    Counter("fvcore", "fvcore", "fvcore", others.fvcore),
    Counter("thop", "thop", "thop", others.thop),
    Counter("ptflops, pytorch", "ptflops", "ptflops", others.ptflops("pytorch")),
    Counter("ptflops, aten", "ptflops", "ptflops", others.ptflops("aten")),
    Counter("torchinfo", "torchinfo", "torchinfo", others.torchinfo),
    Counter("calflops", "calflops", "calflops", calflops),
    Counter("onnx-tool", "onnx-tool", "onnx_tool", onnx_tool),
)


def asked(counter: Counter) -> dict[str, Any]:
    """Return what a counter says of every network, with its version."""
    said = {net.name: _apart(counter, net) for net in NETS}
    return {"version": importlib.metadata.version(counter.package), "says": said}


def installed(counter: Counter) -> bool:
    """Tell whether a counter can be asked here."""
    return importlib.util.find_spec(counter.module) is not None


def _apart(counter: Counter, net: Net) -> Any:
    """Return multiply-accumulates and parameters, or the error, from a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(counter, net, theirs))
    process.start()
    theirs.close()
    found = ours.recv() if ours.poll(LIMIT) else f"error: not done within {LIMIT} s"
    process.kill()
    process.join()
    return found


def _tell(counter: Counter, net: Net, pipe: Any) -> None:
    import torch

    def ask() -> list[int | None]:
        macs, params = counter.run(net.build(), torch.zeros(net.shape))
        return [round(macs), None if params is None else round(params)]

    pipe.send(told(ask))
