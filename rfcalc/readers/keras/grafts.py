"""Graphs of other readers in the place of a Keras layer: what its code does, under its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from rfcalc.graph import Block, Edge, Layer, LayerGraph
from rfcalc.graph.layer import Weight
from rfcalc.records import NamedTuple


class Graft(NamedTuple):
    """What a layer does, as a graph, and its weights by the identities that the graph knows them by.

    Weights that Keras does not count are none.
    """

    graph: LayerGraph
    weights: Mapping[str, tuple[Weight, ...]]


class Grafted(NamedTuple):
    """The layers and blocks of a graph under another name, what it returns, and what is said of it."""

    layers: list[Layer]
    blocks: list[Block]
    outputs: list[Edge]
    notes: list[tuple[str, str, str]]


_OWN: Final = "layer"
"""What the trace calls the layer, whose parts are named by it."""

_SAID_ELSEWHERE: Final = "unused-parameters"
"""A note of which the whole model has one."""


def grafted(
    graft: Graft, path: tuple[str, ...], edges: list[Edge], owner: str, fresh: Callable[[str], str]
) -> Grafted:
    """Return the layers of a graph, called on these tensors.

    Parameters
    ----------
    graft : Graft
        The graph.
    path : tuple of str
        The names around it, its own last.
    edges : list of Edge
        The tensors that it is called on.
    owner : str
        The name of its first call, by which layers belong together.
    fresh : callable
        Returns a name that no layer has, like the one that is wanted.
    """
    given = iter(edges)
    tensors: dict[str, str] = {}
    entering: dict[str, Edge] = {}
    layers: list[Layer] = []

    def moved(edge: Edge) -> Edge:
        return entering[edge[0]] if edge[0] in entering else (tensors[edge[0]], edge[1])

    for layer in graft.graph:
        if layer.kind == "input":
            entering[layer.name] = next(given)
            continue
        word = "/".join(_words((layer.name,)))
        name = tensors[layer.name] = fresh("/".join((*path, word)))
        first = f"{owner}/{word}"
        held = [each for weight in layer.weights or () for each in graft.weights.get(weight.identity, ())]
        layers.append(
            replace(
                layer,
                name=name,
                inputs=tuple(map(moved, layer.inputs)),
                weights=tuple(dict.fromkeys(held)),
                owner=None if name == first else first,
                block=(*path, *_words(layer.block)),
                trainable=True,
            )
        )
    blocks = [
        Block(
            (*path, *words),
            block.op,
            tuple(map(moved, block.outputs)),
            inputs=tuple(map(moved, block.inputs)),
        )
        for block in graft.graph.blocks.values()
        if (words := _words(block.path))
    ]
    notes = [
        (code, tensors.get(layer, layers[0].name if layers else ""), text)
        for code, layer, text in graft.graph.notes
        if code != _SAID_ELSEWHERE
    ]
    return Grafted(layers, blocks, list(map(moved, graft.graph.outputs)), notes)


def _words(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names without the one that the trace gave the layer itself."""
    found = []
    for name in names:
        parts = name.replace(".", "/").split("/")
        found += parts[1:] if parts[0] == _OWN else parts
    return tuple(found)
