"""A file that is read again, with what is remembered of it, is read as if for the first time."""

from __future__ import annotations

import io

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import read_once
from tests.readers.onnx_graphs import graph_bytes

pytestmark = pytest.mark.onnx

MODELS = (
    "own.fpn_retina.ts11dyn",
    "own.espcn_x3.ts11dyn",
    "own.edsr_x2.ts17dyn",
    "own.crnn",
    "own.oddpads",
    "own.hydra",
    "own.flips_rolls",
    "own.added_causal_mask",
)


def said_of(model: object, letters: str, size: int) -> object:
    """Return all that a graph holds at a size of its input, or why it refuses."""
    try:
        graph: LayerGraph = rfcalc.load(model, dims=dict.fromkeys(letters, size))  # type: ignore[arg-type]  models of any kind
    except RfcalcError as error:
        return type(error), error.message, error.where
    layers = [(layer.name, layer.kind, layer.inputs, layer.weights, repr(layer.attrs)) for layer in graph]
    return layers, graph.results, graph.outputs, graph.notes


def letters_of(model: object) -> str:
    chosen = rfcalc.load(model).inputs[0]  # type: ignore[arg-type]  models of any kind
    return {0: "", 1: "T", 2: "HW"}[chosen.attrs["axes"].count("s")]


@pytest.mark.parametrize("name", MODELS)
def test_a_reading_does_not_depend_on_those_before(name: str) -> None:
    content = graph_bytes(name)
    document = read_once(io.BytesIO(content), at_many_sizes=True)
    letters = letters_of(document)
    for size in (32, 33, 34, 32, 64, 65, 7, 33):
        assert said_of(document, letters, size) == said_of(io.BytesIO(content), letters, size)
