"""How the calls of a functional model feed each other: their order, their numbers, the tensors between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.readers.keras.config import Config, shown
from rfcalc.readers.keras.entries import SEQUENTIAL, is_model
from rfcalc.readers.keras.nodes import Node, Ref, flatten

Entries = Mapping[str, tuple[Config, list[Node]]]
"""Layers of a model by name, each with its calls."""


class Tensors:
    """Tensors of a functional model, by layer, call and output."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, int, int], Edge] = {}
        self._layers: dict[tuple[str, int], str] = {}

    def __contains__(self, key: tuple[str, int, int]) -> bool:
        return key in self._edges

    def add(self, name: str, index: int, edges: Sequence[Edge]) -> None:
        """Add the outputs of a call."""
        for place, edge in enumerate(edges):
            self._edges[name, index, place] = edge

    def add_layer(self, name: str, index: int, layer: str) -> None:
        """Add all outputs of a call of `layer`, whose rule says later how many there are."""
        self._edges[name, index, 0] = (layer, 0)
        self._layers[name, index] = layer

    def bind(self, inputs: Any, given: Any, where: str) -> None:
        """Bind the inputs of a nested model to the tensors that it is called on."""
        if isinstance(inputs, dict) and isinstance(given, dict) and set(inputs) <= set(given):
            pairs = [(r, e) for name in inputs for r, e in zip(flatten(inputs[name]), edges_in(given[name]))]  # noqa: B905  lengths are compared below
        elif isinstance(given, dict) and {ref.layer for ref in flatten(inputs)} <= set(given):
            pairs = [(ref, edge) for ref in flatten(inputs) for edge in given[ref.layer]]
        else:
            pairs = list(zip(flatten(inputs), edges_in(given)))  # noqa: B905  lengths are compared below
        wanted = len(list(flatten(inputs)))
        if len(pairs) != wanted:
            raise ReadError(f"takes {wanted} inputs, but is called on {len(pairs)}", where=where)
        self._edges.update((ref.key, edge) for ref, edge in pairs)

    def get(self, key: tuple[str, int, int], where: str) -> Edge:
        """Return a tensor."""
        edge = self._edges.get(key)
        if edge is not None:
            return edge
        layer = self._layers.get(key[:2])
        if layer is None:
            raise ReadError(f"there is no tensor {shown(list(key))}", where=where)
        return layer, key[2]


def edges_in(given: Any) -> list[Edge]:
    """Tensors of a structure of edges, in Keras's order."""
    if isinstance(given, dict):
        return [edge for name in sorted(given) for edge in edges_in(given[name])]
    if isinstance(given, list):
        return [edge for each in given for edge in edges_in(each)]
    return [given]


def given_to(node: Node, edges: list[Edge]) -> Any:
    """Return what a nested model is called on, by name where it is called on a dict."""
    if len(node.args) == 1 and isinstance(node.args[0], dict):
        rest = iter(edges)  # in the order of the sorted names
        return {
            name: [edge for _, edge in zip(flatten(value), rest, strict=False)]
            for name, value in sorted(node.args[0].items())
        }
    return list(edges)


def node_bases(entries: Entries, outputs: Sequence[Ref]) -> tuple[dict[str, int], dict[str, int]]:
    """Index of each layer's first node, in calls and in the model's outputs.

    A model that was built on inputs of its own has a call already. Keras 2 counts it everywhere, Keras 3 in
    the outputs of the model around it alone. As every call is used somewhere, the indices in use tell; the
    version decides where they do not.
    """
    # of a live model all calls are counted from its first in the document
    nested = {n for n, (entry, _) in entries.items() if is_model(entry) and "weights" not in entry.data}
    base, returned = dict.fromkeys(entries, 0), dict.fromkeys(entries, 0)
    if not nested:
        return base, returned
    taken: dict[str, set[int]] = {name: set() for name in nested}
    given: dict[str, set[int]] = {name: set() for name in nested}
    keras3 = True
    for entry, nodes in entries.values():
        raw = entry.get("inbound_nodes")
        keras3 &= not (isinstance(raw, list) and raw and not (isinstance(raw[0], dict) and "args" in raw[0]))
        for ref in (ref for node in nodes for ref in node.refs):
            if ref.layer in nested:
                taken[ref.layer].add(ref.node)
    for ref in outputs:
        if ref.layer in nested:
            given[ref.layer].add(ref.node)
    for name in nested:
        entry, nodes = entries[name]
        usual = int(entry.get("class_name") not in SEQUENTIAL)
        if keras3:
            base[name] = _base(taken[name], len(nodes), 0)
            returned[name] = _base(given[name], len(nodes), usual)
        else:
            base[name] = returned[name] = _base(taken[name] | given[name], len(nodes), 1)
    return base, returned


def _base(used: set[int], count: int, usual: int) -> int:
    """Return the index of the first of `count` calls, such that all those in use are among them."""
    if 0 in used:
        return 0
    most = max(used, default=0)
    return most - count + 1 if most >= count else usual


def ordered(entries: Entries, base: Mapping[str, int], where: str) -> list[tuple[str, int]]:
    """Order the calls of a functional model so that producers come first."""
    waiting: dict[tuple[str, int], int] = {}
    consumers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for name, (entry, nodes) in entries.items():
        for k, node in enumerate(nodes):
            key = (name, k + base[name])
            producers = dict.fromkeys((ref.layer, ref.node) for ref in node.refs)
            for producer in producers:
                if producer[0] not in entries or not (
                    0 <= producer[1] - base[producer[0]] < len(entries[producer[0]][1])
                ):
                    what = f"its input {shown(producer[0])} (call {producer[1]}) is no layer of this model"
                    raise ReadError(what, where=f"{entry.where}.inbound_nodes")
                consumers.setdefault(producer, []).append(key)
            waiting[key] = len(producers)
    ready = [key for key, count in waiting.items() if count == 0]
    order = []
    for key in ready:  # grows while it is walked
        order.append(key)
        for consumer in consumers.get(key, ()):
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                ready.append(consumer)
    if len(order) < len(waiting):
        stuck = [name for (name, _), count in waiting.items() if count]
        raise ReadError(f"the layers form a cycle, through {', '.join(map(repr, stuck[:4]))}", where=where)
    return order
