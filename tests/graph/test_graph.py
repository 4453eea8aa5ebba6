"""The layer graph: order, names, cycles, dangling inputs, networkx."""

from __future__ import annotations

import networkx as nx
import pytest

from rfcalc.errors import GraphError
from rfcalc.graph import Layer, LayerGraph, TensorSpec, Weight


def layer(name: str, *inputs: str, kind: str = "identity") -> Layer:
    return Layer(name, kind, kind, tuple((producer, 0) for producer in inputs))


def test_topological_order_breaks_ties_by_the_order_of_the_source() -> None:
    graph = LayerGraph([layer("c", "b"), layer("x"), layer("b", "x"), layer("a", "x"), layer("d", "a", "c")])
    assert [each.name for each in graph] == ["x", "b", "c", "a", "d"]


def test_outputs_are_the_leaves_unless_given() -> None:
    layers = [layer("x"), layer("a", "x"), layer("b", "x")]
    assert LayerGraph(layers).outputs == (("a", 0), ("b", 0))
    assert LayerGraph(layers, outputs=[("x", 0)]).outputs == (("x", 0),)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([layer("x"), layer("x")], "layer 'x': two layers have this name"),
        ([layer("x"), layer("a", "y")], "layer 'a': its input 'y' is no layer"),
        ([layer("a", "b"), layer("b", "a")], "the layers form a cycle: 'a' -> 'b' -> 'a'"),
        ([layer("a", "a")], "cycle: 'a' -> 'a'"),
    ],
    ids=["duplicate", "dangling", "cycle", "loop"],
)
def test_what_is_no_graph_is_named(layers: list[Layer], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        LayerGraph(layers)
    assert message in str(caught.value)


def test_a_long_cycle_is_shortened() -> None:
    ring = [layer(f"n{k}", f"n{(k - 1) % 1000}") for k in range(1000)]
    with pytest.raises(GraphError) as caught:
        LayerGraph(ring)
    assert len(str(caught.value)) < 200


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(GraphError, match="returns the output of 'y'"):
        LayerGraph([layer("x")], outputs=[("y", 0)])


def test_networkx_keeps_parallel_edges_and_their_places() -> None:
    graph = LayerGraph([layer("x"), layer("square", "x", "x", kind="multiply")]).to_networkx()
    assert nx.is_directed_acyclic_graph(graph)
    assert sorted(data["input"] for _, _, data in graph.edges(data=True)) == [0, 1]
    assert graph.nodes["square"]["layer"].kind == "multiply"


def test_a_tensor_needs_a_role_for_each_axis() -> None:
    with pytest.raises(ValueError, match="2 extents but 3 axis roles"):
        TensorSpec((1, 2), "bsc")
    spec = TensorSpec((8, 5, 6, 3), "bssc")
    assert (spec.spatial, spec.elements) == ((5, 6), 90)
    assert Weight("kernel", (3, 3, 4)).count == 36
