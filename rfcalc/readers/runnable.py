"""Whether a runtime can be given a model, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.detect import names_code
from rfcalc.readers.documents import read_document
from rfcalc.readers.options import Options
from rfcalc.readers.signatures import ONNX, TFLITE, TORCH


def can_run(model: Any, graph: LayerGraph) -> bool:
    """Tell whether there is something of a model that a runtime can be given."""
    if isinstance(model, LayerGraph):
        return graph.origin is not None
    if graph.format == TFLITE:
        from importlib.util import find_spec

        return find_spec("ai_edge_litert") is not None
    named = isinstance(model, str) and names_code(model)
    return graph.format == ONNX or (graph.format == TORCH and named)


def running(model: Any, graph: LayerGraph, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return what runs a model: see :class:`rfcalc.readers.running.Running`.

    Parameters
    ----------
    model : path, bytes, Document, onnx.ModelProto, LayerGraph or str
        What was read; a graph that knows its module; or ``package.module:factory``.
    graph : LayerGraph
        What it was read as, with these shapes of its inputs.
    shapes : mapping
        By input.
    """
    if graph.format == ONNX:
        from rfcalc.readers.onnx.run import OnnxRun

        document = read_document(model, format=ONNX)
        return OnnxRun(document.content, shapes, document.directory)
    if graph.format == TFLITE:
        from rfcalc.readers.tflite.run import TfliteRun

        return TfliteRun(read_document(model).content, shapes)
    from rfcalc.readers.torch.run import TorchRun

    if graph.origin is not None and isinstance(model, LayerGraph):
        return TorchRun(*graph.origin)
    from rfcalc.readers.torch.factory import build_module

    return TorchRun(build_module(model), list(shapes.values()))


def observe(running: Any, chosen: str, plan: Any, claims: Any, counted: frozenset[str]) -> Any:
    """Run a model; see :func:`rfcalc.readers.running.observe`."""
    from rfcalc.readers.running import observe as run

    return run(running, chosen, plan.rows, claims, passes=plan.passes, counted=counted)


def at_shapes(
    graph: LayerGraph, shapes: Mapping[str, Sequence[int]], layout: str | Mapping[str, str] | None
) -> LayerGraph:
    """Read the module behind a graph anew, called with other shapes."""
    from rfcalc.readers.torch.capture import read_module

    module, example, capture = graph.origin
    layouts = {"": layout} if isinstance(layout, str) else layout
    return read_module(module, example.at(shapes), options=Options(layout=layouts), capture=capture)
