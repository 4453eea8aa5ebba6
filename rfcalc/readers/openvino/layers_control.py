"""Layers of OpenVINO with graphs inside of them: branches, which are followed; loops are not."""

from __future__ import annotations

import onnx

from rfcalc.readers.openvino.document import Layer, integer
from rfcalc.readers.openvino.translate import Translation, UntranslatedError, layer_type


@layer_type("If")
def _branches(t: Translation, layer: Layer) -> None:
    graphs = {f"{way}_branch": _branch(t, layer, way) for way in ("then", "else")}
    t.add(layer, "If", [t.take(layer, 0)], **graphs)


def _branch(t: Translation, layer: Layer, way: str) -> onnx.GraphProto:
    """Return one of the two graphs, whose parameters are tensors of the graph around it."""
    body, ports = layer.element.find(f"{way}_body"), layer.element.find(f"{way}_port_map")
    if body is None or ports is None:
        raise UntranslatedError
    inner = t.inside(body, layer, way)
    outside = {port.id: t.take(layer, place) for place, port in enumerate(layer.inputs)}
    for each in ports.iterfind("input"):
        external, internal = (
            integer(each.get(name) or "") for name in ("external_port_id", "internal_layer_id")
        )
        if external not in outside or internal is None:
            raise UntranslatedError
        inner.bound[internal] = outside[external]
    results = {
        integer(each.get("external_port_id") or ""): integer(each.get("internal_layer_id") or "")
        for each in ports.iterfind("output")
    }
    graph = inner.graph()
    del graph.output[:]
    for port in layer.outputs:
        result = inner.layers.get(results.get(port.id) or -1)
        if result is None:
            raise UntranslatedError
        graph.output.append(onnx.ValueInfoProto(name=inner.take(result, 0)))
    return graph
