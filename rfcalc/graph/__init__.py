"""Layers, tensors and weights, and the graph that they form."""

from rfcalc.graph.graph import Block, LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec, Weight

__all__ = ["Block", "Edge", "Layer", "LayerGraph", "TensorSpec", "Weight"]
