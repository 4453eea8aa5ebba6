"""The layer graph: named layers in the source's order, checked once, never changed."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from rfcalc.errors import GraphError, UsageError
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    import networkx

STATE: Final = "state"
"""The code of a note that says what a model keeps from one call to the next."""


class Block(NamedTuple):
    """A nested model or a named block of layers.

    Parameters
    ----------
    path : tuple of str
        Its own name last, the names of the blocks around it before.
    op : str
        What the source calls it (``Functional``, ``Sequential``, ``block``).
    outputs : tuple of Edge
        The tensors that leave it.
    is_layer : bool
        True where the source itself counts it as a layer, as Keras does with nested models.
    inputs : tuple of Edge
        The tensors that enter it.
    label : str
        What the source calls it, where that is not its path with slashes.
    """

    path: tuple[str, ...]
    op: str
    outputs: tuple[Edge, ...]
    is_layer: bool = False
    inputs: tuple[Edge, ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """The source's name, or the path with slashes."""
        return self.label or "/".join(self.path)


class LayerGraph:
    """Layers, joined by the tensors between them.

    Parameters
    ----------
    layers : iterable of Layer
        In the source's order, which breaks ties of the topological order.
    name : str
        The model's own name.
    format : str
        ``rfcalc``, ``keras``, ``onnx``, ``openvino``, ``tflite``, ``torch`` or ``jax``.
    source : str
        File name, or a word such as ``<dict>``.
    outputs : iterable of Edge, optional
        The tensors that the model returns; by default those that no layer takes.
    blocks : iterable of Block, optional
        Nested models and named blocks.
    notes : iterable of (code, layer, message), optional
        What the reader wants said with the result.
    results : mapping, optional
        What the rules say of layers, by name, where the reader has applied them already to these very inputs.
    origin : object, optional
        What it was read from, where that can be run: a module, and what it is called with. It is not pickled.
    made_for : (str, tuple of int), optional
        What in the file says which extents the model was made for, where it leaves them open.

    Raises
    ------
    GraphError
        A name used twice, an input that no layer makes, or a cycle, each by name.

    Examples
    --------
    >>> graph = LayerGraph([Layer("x", "input", "Input"), Layer("y", "identity", "Identity", (("x", 0),))])
    >>> [layer.name for layer in graph]
    ['x', 'y']
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        *,
        name: str = "model",
        format: str = "rfcalc",
        source: str = "",
        outputs: Iterable[Edge] | None = None,
        blocks: Iterable[Block] = (),
        notes: Iterable[tuple[str, str, str]] = (),
        results: Mapping[str, Any] | None = None,
        origin: Any = None,
        made_for: tuple[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.origin = origin
        self.made_for = made_for
        self.name = name
        self.format = format
        self.source = source
        self.notes = tuple(notes)
        self.results: Mapping[str, Any] = results or {}
        by_name: dict[str, Layer] = {}
        for layer in layers:
            if layer.name in by_name:
                raise GraphError(
                    "two layers have this name; give each its own", where=f"layer {layer.name!r}"
                )
            by_name[layer.name] = layer
        self.layers: Mapping[str, Layer] = {name: by_name[name] for name in _topological(by_name)}
        self.outputs: tuple[Edge, ...] = tuple(outputs) if outputs is not None else self._leaves()
        for producer, _ in self.outputs:
            if producer not in by_name:
                raise GraphError(f"the model returns the output of {producer!r}, which is no layer")
        self.blocks: Mapping[tuple[str, ...], Block] = {block.path: block for block in blocks}

    def __iter__(self) -> Iterator[Layer]:
        """Layers in topological order, ties broken by the source's order."""
        return iter(self.layers.values())

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, name: str) -> Layer:
        return self.layers[name]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what the graph was read from: a live module, with all its weights, stays where it is."""
        return {**self.__dict__, "origin": None}

    def __repr__(self) -> str:
        return f"<LayerGraph {self.name!r}: {len(self)} layers>"

    def called(self, name: str) -> LayerGraph:
        """Return the same model by another name."""
        if name == self.name:
            return self
        same = copy(self)
        same.name = name
        return same

    def with_layers(self, layers: Iterable[Layer], results: Mapping[str, Any] | None = None) -> LayerGraph:
        """Return the same model with other layers, checked anew; blocks, outputs and notes stay."""
        return self._remade(layers, results)

    def with_settings(self, layers: Iterable[Layer]) -> LayerGraph:
        """Return the same model in which some layers have other settings.

        Names, inputs and order stay, so that nothing is checked anew; what was worked out is left behind.
        """
        made = copy(self)
        made.layers = {**self.layers, **{layer.name: layer for layer in layers}}
        made.results, made.origin = {}, None
        made.inputs = tuple([made.layers[layer.name] for layer in self.inputs])
        return made

    def with_cuts(self, names: Collection[str]) -> LayerGraph:
        """Return the same model in which dependence ends at some layers; shapes and weights stay."""
        return self._remade(
            [replace(layer, cut=True) if layer.name in names else layer for layer in self], self.results
        )

    def with_notes(self, notes: Iterable[tuple[str, str, str]]) -> LayerGraph:
        """Return the same model with more to say."""
        more = tuple(notes)
        return self._remade(self, self.results, more) if more else self

    def with_results(self, layers: Iterable[Layer], results: Mapping[str, Any]) -> LayerGraph:
        """Return the same model with layers that have other settings, and with what the rules say of them."""
        return self._remade(layers, results, origin=self.origin)

    def _remade(
        self,
        layers: Iterable[Layer],
        results: Mapping[str, Any] | None,
        notes: Iterable[tuple[str, str, str]] = (),
        origin: Any = None,
    ) -> LayerGraph:
        """Return the same model of other layers, with notes beside its own."""
        return LayerGraph(
            layers,
            name=self.name,
            format=self.format,
            source=self.source,
            outputs=self.outputs,
            blocks=self.blocks.values(),
            notes=(*self.notes, *notes),
            results=results,
            origin=origin,
            made_for=self.made_for,
        )

    @cached_property
    def inputs(self) -> tuple[Layer, ...]:
        """The model's inputs."""
        return tuple(layer for layer in self if layer.kind == "input")

    def _leaves(self) -> tuple[Edge, ...]:
        taken = {producer for layer in self for producer, _ in layer.inputs}
        return tuple((name, 0) for name in self.layers if name not in taken)

    def find_tensor(self, name: str) -> Edge:
        """Return the tensor of a layer or an output by name; of a nested model or block, its first output.

        Raises
        ------
        UsageError
            There is none of that name.
        """
        if name in self.layers:
            return name, 0
        for layer in self:
            if name in layer.outputs:
                return layer.name, layer.outputs.index(name)
        for block in self.blocks.values():
            if block.name == name:
                return block.outputs[0]
        import difflib

        close = difflib.get_close_matches(name, list(self.layers), 3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UsageError(f"the model has no layer or tensor {name!r}{hint}")

    def to_networkx(self) -> networkx.MultiDiGraph[str]:
        """Give the graph to networkx, with a key for each tensor: paths, dominators, drawing.

        Returns
        -------
        networkx.MultiDiGraph
            Nodes are layer names with the layer under ``"layer"``; an edge carries ``output`` (which of the
            producer's outputs) and ``input`` (which place in the consumer's inputs).
        """
        import networkx

        graph: networkx.MultiDiGraph[str] = networkx.MultiDiGraph(name=self.name)
        for layer in self:
            graph.add_node(layer.name, layer=layer)
        for layer in self:
            for place, (producer, output) in enumerate(layer.inputs):
                graph.add_edge(producer, layer.name, output=output, input=place)
        return graph


def _topological(layers: Mapping[str, Layer]) -> list[str]:
    """Order names so that producers come first, the earliest in the source first among equals."""
    rank = {name: place for place, name in enumerate(layers)}
    waiting: dict[str, int] = {}
    consumers: dict[str, list[str]] = {}
    for layer in layers.values():
        producers = dict.fromkeys(producer for producer, _ in layer.inputs)
        for producer in producers:
            if producer not in rank:
                raise GraphError(
                    f"its input {producer!r} is no layer of this model; check the spelling",
                    where=f"layer {layer.name!r}",
                )
            consumers.setdefault(producer, []).append(layer.name)
        waiting[layer.name] = len(producers)
    ready = [rank[name] for name, count in waiting.items() if count == 0]
    names = list(layers)
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for consumer in consumers.get(name, ()):
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                heapq.heappush(ready, rank[consumer])
    if len(order) < len(names):
        raise GraphError(f"the layers form a cycle: {_cycle(layers)}")
    return order


def _cycle(layers: Mapping[str, Layer], most: int = 8) -> str:
    import graphlib

    sorter = graphlib.TopologicalSorter(
        {layer.name: [p for p, _ in layer.inputs] for layer in layers.values()}
    )
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        loop = [repr(name) for name in error.args[1]]
        return " -> ".join(loop if len(loop) <= most else [*loop[: most - 1], "...", loop[-1]])
    raise AssertionError("a graph without a cycle was not ordered")
