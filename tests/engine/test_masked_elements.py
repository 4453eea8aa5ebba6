"""What a mask leaves of an element is no more than the element needs: held on real graphs with masks."""

from __future__ import annotations

import pytest

import rfcalc
from tests.readers.onnx_graphs import graph_bytes


@pytest.mark.parametrize("name", ["own.added_causal_mask", "own.swinir", "smp.UPerNet.resnet18.ints"])
def test_an_element_by_element_layer_needs_no_more_than_what_it_takes(name: str) -> None:
    graph = rfcalc.load(graph_bytes(name))
    rows = {row.name: row for row in rfcalc.analyze(graph).rows}
    compared = 0
    for layer in graph:
        if rows[layer.name].op not in ("Where", "Add", "Mul", "Relu") or len(layer.inputs) != 1:
            continue
        before, after = rows[layer.inputs[0][0]].receptive_field, rows[layer.name].receptive_field
        assert before is not None
        assert after is not None
        for was, now in zip(before, after, strict=True):
            assert was is None or (now is not None and now <= was), layer.name
            compared += 1
    assert compared
