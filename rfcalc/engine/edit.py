"""Change layers of a graph, and let what lies behind them follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from rfcalc.algebra.axes import groups
from rfcalc.algebra.number import Num, equal, is_known, is_one, is_same, prod
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo, check_outputs
from rfcalc.errors import AnalysisError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Edge, Extras, Layer, TensorSpec
from rfcalc.rules.registry import Call, Result, find, format_shape, of_family
from rfcalc.rules.window import GLOBAL_MODES

POOLS: Final = of_family("pooling")
"""Kinds that take one number of each window; global and adaptive pooling have no window of their own."""

_WINDOW: Final = frozenset(("kernel", "stride", "padding", "dilation"))
STEPPING: Final = ("transposed_conv", "conv_lstm")
"""Kinds with a stride whose windows are not slid over one map alone: they spread, or go over time as well."""


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


def is_pooling(layer: Layer, resolved: Mapping[str, LayerInfo]) -> bool:
    """Tell whether a layer thins out its map by pooling; a window of all of the map only summarises it."""
    if layer.kind not in POOLS:
        return False
    result = resolved[layer.name].result
    if result is None:
        return True
    spec = input_of(layer, resolved)
    kernel, one = setting(layer, spec, "kernel"), result.outputs[0].spatial
    extents = extents_of(layer, spec)
    whole = all(is_known(n) and is_known(k) and bool(n <= k) for n, k in zip(extents, kernel, strict=True))
    return not (whole and all(map(is_one, one)) and not all(map(is_one, extents)))


def fits_already(layer: Layer, before: Mapping[str, LayerInfo]) -> bool:
    """Tell whether a layer is an adaptive pooling that does nothing, made for a map of the very size it gets.

    On a map that has become larger it would pool, so it goes with the poolings before it.
    """
    result = before[layer.name].result
    if layer.kind != "adaptive_pool" or result is None:
        return False
    return all(map(is_same, input_of(layer, before).shape, result.outputs[0].shape))


def extents_of(layer: Layer, spec: TensorSpec) -> tuple[Num, ...]:
    """Return the extents of the axes along which a layer slides its window."""
    places = layer.attrs.get("spatial")
    return spec.spatial if places is None else tuple(spec.shape[place] for place in places)


def has_window(layer: Layer) -> bool:
    """Tell whether a layer slides a window over its input, with a stride of its own."""
    kind = find(layer.kind)
    return kind is not None and kind.defaults.keys() >= _WINDOW and layer.kind not in (*STEPPING, "fold")


def setting(layer: Layer, spec: TensorSpec, name: str) -> tuple[Num, ...]:
    """Return a setting of a window, a number for each spatial axis of its input."""
    kind = find(layer.kind)
    assert kind is not None
    call = Call(kind, layer.attrs, (spec,))
    if name == "stride" and call.attrs.get("stride") is None and kind.defaults["stride"] is None:
        name = "kernel"  # pooling moves by its own window
    return call.per_axis(name, len(call.spatial(spec)))


def padding_of(layer: Layer, rank: int) -> str | tuple[tuple[Num, Num], ...]:
    """Return the padding that a layer states: a word, or elements before and after for each spatial axis."""
    kind = find(layer.kind)
    assert kind is not None
    call = Call(kind, layer.attrs, ())
    stated = call["padding"]
    return stated if isinstance(stated, str) else call.pairs("padding", rank)


def input_of(layer: Layer, resolved: Mapping[str, LayerInfo]) -> TensorSpec:
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
    lead = layer.extras.lead
    return spec.without(range(1, lead + 1)) if lead else spec


def edited(layer: Layer, kind: str | None = None, *, extras: Extras | None = None, **attrs: object) -> Layer:
    """Return a layer with other settings, another kind, other extras; None takes a setting away."""
    settings = {name: value for name, value in {**layer.attrs, **attrs}.items() if value is not None}
    made = replace(layer, attrs=settings, extras=layer.extras if extras is None else extras)
    return made if kind is None or kind == layer.kind else replace(made, kind=kind, op=kind)


def changed(run: Run, changes: Mapping[str, Sequence[Layer]]) -> Run:
    """Return a run of the model with other layers in place of some, and all that follows from it."""
    return settled(rewritten(run.graph, changes), run) if changes else run


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
            first = put[0] if put[0].inputs == inputs else replace(put[0], inputs=inputs)
            layers += [first, *put[1:]]
        if not put:
            places[layer.name] = inputs[0]
        elif put[-1].name != layer.name:
            places[layer.name] = (put[-1].name, 0)
    present = {layer.block[:depth] for layer in layers for depth in range(1, len(layer.block) + 1)}

    def moved(edges: Sequence[Edge], taker: str) -> tuple[Edge, ...]:
        return tuple([at(edge, taker) for edge in edges])

    blocks = [
        block._replace(outputs=moved(block.outputs, "its block"), inputs=moved(block.inputs, "its block"))
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


def settled(graph: LayerGraph, run: Run) -> Run:
    """Return a run of a rewritten graph with what follows from the new sizes of its maps.

    Reshapes that merge the axes of a map are done anew, and dense layers behind them get other weights; a
    pooling of the whole map goes on to take all of it. The rules' results go along with the graph.

    Parameters
    ----------
    graph : LayerGraph
        The model after the change.
    run : Run
        The model before it.

    Raises
    ------
    DoesNotApply
        A layer does not fit its inputs any more; the message says which, and why.
    """
    origin, before = run.graph, run.resolved
    resolved: dict[str, LayerInfo] = {}
    layers = []
    for layer in graph:
        try:
            fitted = _refitted(layer, origin, before, resolved)
            known = run.resolve_edited(fitted, resolved)
        except AnalysisError as error:
            raise _broken(layer, error, resolved) from error
        if known is not before.get(layer.name):
            fitted = _reweighed(fitted, before.get(layer.name), known.result)
            known = known if fitted.weights is None else known._replace(weights=fitted.weights)
        layers.append(fitted)
        resolved[layer.name] = known
    _check_shared(before, resolved)
    results = {name: known.result for name, known in resolved.items() if known.result and not known.unknown}
    changed = run.edited(graph.with_layers(layers, results), resolved)
    check_outputs(changed.graph, resolved)
    _check_joins(changed, run)
    return changed


def _refitted(
    layer: Layer, origin: LayerGraph, before: Mapping[str, LayerInfo], resolved: Mapping[str, LayerInfo]
) -> Layer:
    """Let a layer follow the new size of its map, where the file fixes what it does with the old one."""
    known = before.get(layer.name)
    pairs = [
        (_tensor(old, before), _tensor(new, resolved))
        for old, new in zip(origin[layer.name].inputs if known else (), layer.inputs, strict=False)
    ]
    if known is None or all(
        old is None or (new is not None and _same(old.shape, new.shape)) for old, new in pairs
    ):
        return layer
    if find(layer.kind) is None:
        return replace(layer, recorded=())  # they hold for the old size alone
    old, new = pairs[0]
    if known.result is None or old is None or new is None or _same(old.shape, new.shape):
        return layer
    if layer.kind == "reshape":
        return _reshaped(layer, old.shape, new.shape, known.result.outputs[0].shape)
    if layer.kind == "resample":
        return _resampled(layer, old.shape, new.shape)
    return _summarising(layer, origin[layer.name], before)


def _summarising(layer: Layer, old: Layer, before: Mapping[str, LayerInfo]) -> Layer:
    """Let a pooling of the whole map go on to take all of it; one that was written anew does so already."""
    mode = layer.kind.removesuffix("_pool")  # what a pooling of the whole map is called as a global one
    fits = layer.kind in POOLS and mode in GLOBAL_MODES
    if not fits or (layer.attrs, layer.extras) != (old.attrs, old.extras) or is_pooling(old, before):
        return layer
    dropped = dict.fromkeys(("kernel", "stride", "padding", "dilation", "ceil"))
    return edited(layer, "global_pool", mode=mode, keepdims=True, **dropped)


def _same(a: Sequence[Num], b: Sequence[Num]) -> bool:
    return len(a) == len(b) and all(map(is_same, a, b))


def _reshaped(layer: Layer, old: Sequence[Num], new: Sequence[Num], made: Sequence[Num]) -> Layer:
    """Spell a reshape to fixed extents anew, from what it made of the old shape."""
    if len(old) != len(new):
        return layer
    target: list[Num] = []
    for sources, extents in groups(old, made):
        kept = all(is_same(old[place], new[place]) for place in sources)
        if not kept and len(extents) != 1:
            raise AnalysisError(
                "it splits an axis of its map into fixed parts, and that axis has another length now"
            )
        target += extents if kept else [prod(new[place] for place in sources)]
    return edited(layer, shape=tuple(target))


def _resampled(layer: Layer, old: Sequence[Num], new: Sequence[Num]) -> Layer:
    """Spread a resampling to fixed extents over all of its map: its scale was the ratio to the old ones."""
    factors = layer.attrs.get("factors") or (None,) * len(layer.attrs["axes"])
    axes = tuple(
        (place, size, scale if factor is not None or is_same(old[place], new[place]) else None, region)
        for (place, size, scale, region), factor in zip(layer.attrs["axes"], factors, strict=True)
    )
    return edited(layer, axes=axes)


def _tensor(edge: Edge, resolved: Mapping[str, LayerInfo]) -> TensorSpec | None:
    known = resolved.get(edge[0])
    if known is None or known.result is None or edge[1] >= len(known.result.outputs):
        return None
    return known.result.outputs[edge[1]]


def _broken(layer: Layer, error: AnalysisError, resolved: Mapping[str, LayerInfo]) -> DoesNotApply:
    """Say which layer does not fit its inputs any more, and for a join, what meets there."""
    inputs = dict.fromkeys(layer.inputs)
    if len(inputs) < 2:
        return DoesNotApply(error.message, layer.name)
    maps = []
    for edge in inputs:
        spec = _tensor(edge, resolved)
        maps.append(f"{edge[0]!r} {'' if spec is None else format_shape(spec.shape)}".rstrip())
    return DoesNotApply(f"it joins {' and '.join(maps[:4])}, which are no longer of one size", layer.name)


def _reweighed(layer: Layer, before: LayerInfo | None, result: Result | None) -> Layer:
    """Give a layer whose weights the file lists those of its new size: the same tensors, of other shapes."""
    if layer.weights is None or result is None or before is None or before.result is None:
        return layer
    pairs = [(old.shape, new.shape) for old, new in zip(before.result.weights, result.weights, strict=False)]
    if all(old == new for old, new in pairs):  # as of convolutions, whatever the size of their maps
        return layer
    weights = []
    for weight in layer.weights:
        alike_in = [pair for pair in pairs if prod(pair[0]) == weight.count]
        pair = next((pair for pair in alike_in if pair[0] == weight.shape), next(iter(alike_in), None))
        if pair is not None:
            pairs.remove(pair)  # another weight may have as many elements
        weights.append(weight if pair is None or pair[0] == pair[1] else replace(weight, shape=pair[1]))
    return replace(layer, weights=tuple(weights))


def _check_shared(before: Mapping[str, LayerInfo], resolved: Mapping[str, LayerInfo]) -> None:
    """Refuse a weight that two layers share and now need in different sizes."""
    clash = _clash(resolved)
    if clash is not None and _clash(before) is None:
        holder, taker, identity = clash
        raise DoesNotApply(
            f"it shares {identity!r} with {holder!r}, and the two need it in different sizes now", taker
        )


def _clash(resolved: Mapping[str, LayerInfo]) -> tuple[str, str, str] | None:
    """Return two layers that hold one weight in different shapes, and its identity."""
    held: dict[str, tuple[str, tuple[Num, ...]]] = {}
    for name, known in resolved.items():
        for weight in known.weights or ():
            holder, shape = held.setdefault(weight.identity, (name, weight.shape))
            if any(is_known(a) and is_known(b) and a != b for a, b in zip(shape, weight.shape, strict=False)):
                return holder, name, weight.identity
    return None


def _check_joins(run: Run, before: Run) -> None:
    """Refuse a join of maps of open size whose strides are no longer the same: their sizes cannot be."""
    joins = {layer.name for layer in run.graph if _is_open_join(layer, run.resolved)}
    found = [each for each in run.misaligned if each.layer in joins] if joins else []
    known = {each.layer for each in before.misaligned} if found else set()
    for each in found:
        if each.layer not in known:
            one, other = each.branches
            raise DoesNotApply(
                f"it joins {one!r} and {other!r}, whose strides are no longer the same "
                "({:g} and {:g})".format(*each.strides),
                each.layer,
            )


def _is_open_join(layer: Layer, resolved: Mapping[str, LayerInfo]) -> bool:
    """Tell whether maps meet in a layer that are not known to be of one size."""
    maps = [spec for spec in (_tensor(edge, resolved) for edge in dict.fromkeys(layer.inputs)) if spec]
    return any(
        not (is_known(a) and is_known(b)) and equal(a, b) is not True
        for spec in maps[1:]
        if len(spec.spatial) == len(maps[0].spatial)
        for a, b in zip(maps[0].spatial, spec.spatial, strict=True)
    )
