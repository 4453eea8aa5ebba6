"""From an OpenVINO file to a layer graph, by way of the operations of ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx
from onnx import helper

from rfcalc.errors import ReadError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.onnx.graph import read_onnx
from rfcalc.readers.onnx.operation import MICROSOFT
from rfcalc.readers.onnx.scope import MALFORMED
from rfcalc.readers.onnx.sidecar import Said
from rfcalc.readers.openvino import (  # noqa: F401  each module registers its layers
    layers_control,
    layers_mix,
    layers_plain,
    layers_shape,
    layers_window,
    own,
)
from rfcalc.readers.openvino.constants import reader_of
from rfcalc.readers.openvino.document import parse
from rfcalc.readers.openvino.translate import OPSET, OWN, Translation
from rfcalc.readers.options import Options

FORMAT = "openvino"


def read_openvino(data: bytes, *, source: str, options: Options) -> LayerGraph:
    """Read a model.

    Parameters
    ----------
    data : bytes
        What the ``.xml`` holds.
    source : str
        Its name.
    options : Options
        As for an ONNX file.

    Raises
    ------
    ReadError
        It is damaged, or no model.
    """
    own_size = not (options.shapes or options.dims)
    memory = None if options.memory is None else options.memory.setdefault((FORMAT, own_size), {})
    found = None if memory is None else memory.get(FORMAT)
    if found is None:
        try:
            found = _translated(data, source, options.directory, own_size=own_size)
        except MALFORMED as error:  # what a damaged file may hold is not foreseen everywhere
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ReadError(f"is damaged, or says what cannot be: {reason}") from error
        if memory is not None:
            memory[FORMAT] = found
    model, types, said = found
    followed = options._replace(memory=memory, runtime="openvino")
    graph = read_onnx(model, source=source, options=followed, shapes_hold=True)
    layers = [replace(layer, op=_type(layer, types)) for layer in graph]
    named = graph.with_results(layers, graph.results).with_notes(said)
    named.format = FORMAT
    return named


def _type(layer: Any, types: dict[str, str]) -> str:
    """Return what OpenVINO calls a layer, or the layer that it is a part of."""
    if layer.kind == "input":
        return "Parameter"
    name = layer.name
    while name and name not in types:
        name = name.rpartition(".")[0]
    return types.get(name, str(layer.op))


def _translated(
    data: bytes, source: str, directory: str | None, *, own_size: bool
) -> tuple[onnx.ModelProto, dict[str, str], tuple[Said, ...]]:
    """Return a model as one of ONNX, the types that OpenVINO gives its layers, and what is to be said."""
    net = parse(data)
    if not net.layers:
        raise ReadError("is an OpenVINO model without layers")
    read, say = reader_of(net, directory, source)
    translation = Translation(net, read, own_size=own_size)
    graph = translation.graph()
    sets = [
        helper.make_opsetid(domain, version) for domain, version in (("", OPSET), (MICROSOFT, 1), (OWN, 1))
    ]
    model = helper.make_model(graph, opset_imports=sets)
    return model, translation.types, say()
