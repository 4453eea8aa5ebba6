"""Change layers of a graph, and let what lies behind them follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.analysis.propagate import ancestors
from rfcalc.analysis.shapes import Resolved, resolve
from rfcalc.errors import AnalysisError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec
from rfcalc.rules.registry import Call, Result, find, format_shape

POOLS: Final = ("max_pool", "average_pool", "lp_pool", "median_pool")
"""Kinds that take one number of each window; global and adaptive pooling have no window of their own."""

_WINDOW: Final = frozenset(("kernel", "stride", "padding", "dilation"))
_SPREADS: Final = frozenset(("transposed_conv", "fold"))


class DoesNotApply(AnalysisError):
    """A model has no such counterfactual.

    Parameters
    ----------
    message : str
        Why, as a sentence without its layer.
    layer : str
        The layer that forbids it.
    """

    def __init__(self, message: str, layer: str = "") -> None:
        super().__init__(message, where=f"layer {layer!r}" if layer else None)
        self.layer = layer


def has_window(layer: Layer) -> bool:
    """Tell whether a layer slides a window over its input, with a stride of its own."""
    kind = find(layer.kind)
    return kind is not None and kind.defaults.keys() >= _WINDOW and layer.kind not in _SPREADS


def setting(layer: Layer, spec: TensorSpec, name: str) -> tuple[Num, ...]:
    """Return a setting of a window, a number for each spatial axis of its input."""
    kind = find(layer.kind)
    assert kind is not None
    call = Call(kind, layer.attrs, (spec,))
    if name == "stride" and call.attrs.get("stride") is None and kind.defaults["stride"] is None:
        name = "kernel"  # pooling moves by its own window
    return call.per_axis(name, len(call.spatial(spec)))


def input_of(layer: Layer, resolved: Mapping[str, Resolved]) -> TensorSpec:
    """Return the tensor that a layer takes.

    Raises
    ------
    DoesNotApply
        Its shape is not known.
    """
    producer, output = layer.inputs[0]
    result = resolved[producer].result
    if result is None:
        raise DoesNotApply("its input is not known", layer.name)
    spec = result.outputs[output]
    lead = layer.attrs.get("lead", 0)
    return spec.without(range(1, lead + 1)) if lead else spec


def edited(layer: Layer, kind: str | None = None, **attrs: object) -> Layer:
    """Return a layer with other settings, and another kind; None takes a setting away."""
    settings = {name: value for name, value in {**layer.attrs, **attrs}.items() if value is not None}
    if kind is None or kind == layer.kind:
        return replace(layer, attrs=settings)
    return replace(layer, kind=kind, op=kind, attrs=settings)


def rewritten(graph: LayerGraph, changes: Mapping[str, Sequence[Layer]]) -> LayerGraph:
    """Return the graph with other layers in place of some.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    changes : mapping of str to sequence of Layer
        For each layer that changes what stands in its place, in order: the last one hands on the result.
        Nothing in its place hands on its first input.

    Raises
    ------
    DoesNotApply
        A layer is taken away of which another output than the first is used.
    """
    places: dict[str, Edge] = {}  # where the result of a layer is found now

    def at(edge: Edge, taker: str) -> Edge:
        if edge[0] not in places:
            return edge
        if edge[1]:
            raise DoesNotApply(f"{taker} needs its output {edge[1]} as well as the map", edge[0])
        return places[edge[0]]

    layers: list[Layer] = []
    for layer in graph:
        inputs = tuple([at(edge, repr(layer.name)) for edge in layer.inputs])
        put = changes.get(layer.name, (layer,))
        if put:
            layers += [replace(put[0], inputs=inputs), *put[1:]]
        if not put:
            places[layer.name] = inputs[0]
        elif put[-1].name != layer.name:
            places[layer.name] = (put[-1].name, 0)
    present = {layer.block[:depth] for layer in layers for depth in range(1, len(layer.block) + 1)}

    def moved(edges: Sequence[Edge], taker: str) -> tuple[Edge, ...]:
        return tuple([at(edge, taker) for edge in edges])

    blocks = [
        replace(block, outputs=moved(block.outputs, "its block"), inputs=moved(block.inputs, "its block"))
        for block in graph.blocks.values()
        if block.path in present
    ]
    return LayerGraph(
        layers,
        name=graph.name,
        format=graph.format,
        source=graph.source,
        outputs=moved(graph.outputs, "the model's output"),
        blocks=blocks,
        notes=graph.notes,
    )


def settled(graph: LayerGraph, origin: LayerGraph, before: Mapping[str, Resolved]) -> LayerGraph:
    """Return a rewritten graph with what follows from the new sizes of its maps.

    Reshapes that merge the axes of a map are done anew, and dense layers behind them get other weights. The
    rules' results go along with the graph.

    Parameters
    ----------
    graph : LayerGraph
        The model after the change.
    origin : LayerGraph
        The model before it.
    before : mapping
        What the rules said of its layers then.

    Raises
    ------
    DoesNotApply
        A layer does not fit its inputs any more; the message says which, and why.
    """
    loose = graph.with_layers(_loosened(layer, origin, before) for layer in graph)
    try:
        resolved = resolve(loose)
    except AnalysisError as error:
        raise _broken(loose, error) from error
    layers = [_reweighed(layer, before.get(layer.name), resolved[layer.name].result) for layer in loose]
    results = {name: known.result for name, known in resolved.items() if known.result and not known.unknown}
    final = loose.with_layers(layers)
    return LayerGraph(
        final,
        name=final.name,
        format=final.format,
        source=final.source,
        outputs=final.outputs,
        blocks=final.blocks.values(),
        notes=final.notes,
        results=results,
    )


def _loosened(layer: Layer, origin: LayerGraph, before: Mapping[str, Resolved]) -> Layer:
    """Let a reshape to fixed extents that merges axes work out the merged one itself."""
    known = before.get(layer.name)
    if layer.kind != "reshape" or known is None or known.result is None:
        return layer
    old = _tensor(origin[layer.name].inputs[0], before)
    if old is None:
        return layer
    target = known.result.outputs[0].shape
    same = list(map(alike, old.shape, target))
    head = same.index(False) if False in same else len(same)
    rest = len(target) - head
    tail = next(
        (k for k in range(rest) if not alike(old.shape[-1 - k], target[-1 - k])), rest
    ) if len(old.shape) - head > 1 else 0  # fmt: skip
    if rest - tail != 1 or len(old.shape) - head - tail < 2:
        return layer
    kept = target[len(target) - tail :]
    return edited(layer, shape=(*(None for _ in range(head)), -1, *kept))


def alike(a: Num, b: Num) -> bool:
    """Tell whether two extents are known to be the same, or are the very same unknown."""
    return a is b or (is_known(a) and is_known(b) and bool(a == b))


def _tensor(edge: Edge, resolved: Mapping[str, Resolved]) -> TensorSpec | None:
    known = resolved.get(edge[0])
    if known is None or known.result is None or edge[1] >= len(known.result.outputs):
        return None
    return known.result.outputs[edge[1]]


def _broken(graph: LayerGraph, error: AnalysisError) -> DoesNotApply:
    """Say which layer does not fit its inputs any more, and for a join, what meets there."""
    name = next((layer.name for layer in graph if error.where == f"layer {layer.name!r}"), "")
    if not name:
        return DoesNotApply(error.message)
    layers = ancestors(graph, name)[:-1]
    inputs = dict.fromkeys(graph[name].inputs)
    if len(inputs) < 2:
        return DoesNotApply(error.message, name)
    resolved = resolve(LayerGraph(layers))
    maps = [
        f"{producer!r} ({format_shape(spec.shape)})"
        if (spec := _tensor((producer, k), resolved))
        else repr(producer)
        for producer, k in inputs
    ]
    return DoesNotApply(f"it joins {' and '.join(maps[:4])}, which are no longer of one size", name)


def _reweighed(layer: Layer, before: Resolved | None, result: Result | None) -> Layer:
    """Give a layer whose weights the file lists those of its new size: the same tensors, of other shapes."""
    if layer.weights is None or result is None or before is None or before.result is None:
        return layer
    changed = {
        old.count: new.shape
        for old, new in zip(before.result.weights, result.weights, strict=False)
        if old.shape != new.shape
    }
    if not changed:
        return layer
    return replace(
        layer,
        weights=tuple(
            replace(weight, shape=changed.get(weight.count, weight.shape)) for weight in layer.weights
        ),
    )
