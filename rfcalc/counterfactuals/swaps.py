"""Counterfactuals that change layers where they stand: no pooling, no strides, convolutions for poolings.

Source of ``strided``: Springenberg et al., "Striving for simplicity: the all convolutional net" (2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.engine.edit import (
    POOLS,
    STEPPING,
    DoesNotApply,
    changed,
    edited,
    extents_of,
    fits_already,
    has_window,
    input_of,
    is_pooling,
    setting,
)
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Extras, Layer, TensorSpec

Changes = dict[str, tuple[Layer, ...]]

_PLACES: Final = ("spatial", "channel")
"""Settings that say along which axes a layer works."""

_CONVOLUTIONS: Final = ("conv", "depthwise_conv", "separable_conv")
_FOLLOW: Final = ("activation", "batch_norm", "prelu", "local_response_norm", "identity")
"""Kinds that belong to the convolution before them, where they take its output alone."""


def plain(run: Run) -> Run:
    """Return the model with every pooling removed, and the padding that was there for it alone.

    Parameters
    ----------
    run : Run
        The model. Global and adaptive pooling stay, since they summarise a map and do not thin it out; but an
        adaptive pooling that is made for the very size of its map does nothing, and goes.

    Raises
    ------
    DoesNotApply
        A join does not fit any more.

    Examples
    --------
    >>> import rfcalc
    >>> from rfcalc.engine.run import Run
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 8, "kernel": 3},
    ...     {"kind": "max_pool", "kernel": 2},
    ...     {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3},
    ... ]}
    >>> rfcalc.analyze(plain(Run(rfcalc.load(model))).graph).layer("c2").receptive_field
    (5, 5)
    """
    graph, before = run.graph, run.resolved
    changes: Changes = {}
    for layer in graph:
        if is_pooling(layer, before):
            fused = Extras(layer.extras.prepare, layer.extras.then)
            kept = edited(layer, "identity", extras=fused, **dict.fromkeys(layer.attrs))
            changes[layer.name] = (kept,) if fused.walked else ()
        elif fits_already(layer, before):
            changes[layer.name] = ()
    takers: dict[str, set[str]] = {}
    for layer in graph:
        for producer, _ in layer.inputs:
            takers.setdefault(producer, set()).add(layer.name)
    returned = {producer for producer, _ in graph.outputs}
    for layer in graph:
        served = takers.get(layer.name, set())
        if layer.kind == "pad" and served and served <= changes.keys() and layer.name not in returned:
            changes[layer.name] = ()
    return changed(run, changes)


def unstrided(run: Run) -> Run:
    """Return the model with every stride set to 1, those of poolings and of upsampling too.

    Parameters
    ----------
    run : Run
        The model.

    Raises
    ------
    DoesNotApply
        A join does not fit any more.
    """
    graph, before = run.graph, run.resolved
    changes: Changes = {}
    for layer in graph:
        if layer.kind in POOLS and not is_pooling(layer, before):
            continue
        if (has_window(layer) or layer.kind in STEPPING) and _strides(layer, before):
            extra = {"output_padding": None} if layer.kind == "transposed_conv" else {}
            changes[layer.name] = (edited(layer, stride=1, **extra),)
        elif fits_already(layer, before):
            changes[layer.name] = ()
        elif layer.kind == "upsample":
            changes[layer.name] = (edited(layer, scale=1),)
    return changed(run, changes)


def _strides(layer: Layer, before: Mapping[str, LayerInfo]) -> bool:
    return any(not (is_known(s) and s == 1) for s in setting(layer, input_of(layer, before), "stride"))


def strided(run: Run) -> Run:
    """Return the all-convolutional net: for each pooling a convolution of the same window and stride.

    Each keeps the number of channels, and has weights and a bias of its own.

    Parameters
    ----------
    run : Run
        The model.

    Raises
    ------
    DoesNotApply
        A pooling rounds up, and the size of its map is not known.
    """
    graph, before = run.graph, run.resolved
    poolings = [layer for layer in graph if is_pooling(layer, before)]
    _refuse_indices(graph, poolings)
    channels: dict[str, set[Num]] = {}
    for layer in poolings:
        channels.setdefault(layer.source_name, set()).add(_filters(layer, before))
    changes: Changes = {}
    for layer in poolings:
        made = _as_convolution(layer, before)
        if len(channels[layer.source_name]) > 1:  # calls of one pooling, which cannot share a kernel
            made = replace(made, owner=None)
        changes[layer.name] = (made,)
    return changed(run, changes)


def _as_convolution(layer: Layer, before: Mapping[str, LayerInfo]) -> Layer:
    spec = input_of(layer, before)
    settings: dict[str, Any] = {
        "filters": _filters(layer, before),
        "stride": setting(layer, spec, "stride"),
        "ceil": None,
    }
    if layer.attrs.get("ceil"):
        settings["padding"] = rounded_up(layer, spec, before)
    return replace(edited(layer, "conv", extras=_single(layer), **settings), weights=None)


def _single(layer: Layer) -> Extras:
    """Return what an operation does beside its kind, without the indices of a pooling."""
    return layer.extras._replace(copies=0)


def _filters(layer: Layer, before: Mapping[str, LayerInfo]) -> Num:
    """Return how many channels a layer's map has."""
    spec = input_of(layer, before)
    place = layer.attrs.get("channel")
    if place is None:
        place = spec.axes.rfind("c")
        if place < 0:
            raise DoesNotApply("its map has no channels that a convolution could mix", layer.name)
    return spec.shape[place]


def _refuse_indices(graph: LayerGraph, poolings: Sequence[Layer]) -> None:
    """Refuse to replace a pooling whose indices are used, since other layers have none."""
    indexed = {layer.name for layer in poolings if layer.extras.copies}
    taken = [(layer.name, edge) for layer in graph for edge in layer.inputs]
    for taker, (producer, output) in (*taken, *(("the model's output", edge) for edge in graph.outputs)):
        if producer in indexed and output:
            raise DoesNotApply(f"its indices are used by {taker}", producer)


def rounded_up(layer: Layer, spec: TensorSpec, before: Mapping[str, LayerInfo]) -> object:
    """Return the padding that gives a window the output extent which rounding up gave it.

    Raises
    ------
    DoesNotApply
        An extent is not known.
    """
    padding = layer.attrs.get("padding", "valid")
    if padding in ("same", "same_lower", "causal"):
        return padding  # as these fix the extent themselves
    result = before[layer.name].result
    assert result is not None
    sizes = zip(
        extents_of(layer, spec),
        extents_of(layer, result.outputs[0]),
        *(setting(layer, spec, name) for name in ("kernel", "stride", "dilation")),
        sides(padding, spec),
        strict=True,
    )
    found = []
    for n, out, k, s, d, (lo, hi) in sizes:
        if not (is_known(n) and is_known(out)):
            raise DoesNotApply("it rounds up, so that the size of its map has to be known", layer.name)
        least = (out - 1) * s + d * (k - 1) + 1 - n - lo
        found.append((lo, min(max(hi, least), least + s - 1)))  # a window in the end padding alone is dropped
    return tuple(found)


def sides(padding: Any, spec: TensorSpec) -> tuple[tuple[Num, Num], ...]:
    """Return explicit padding as (before, after) for each spatial axis."""
    rank = len(spec.spatial)
    if padding == "valid":
        return ((0, 0),) * rank
    if not isinstance(padding, (tuple, list)):
        return ((padding, padding),) * rank
    return tuple((p[0], p[1]) if isinstance(p, (tuple, list)) else (p, p) for p in padding)


def average(run: Run) -> Run:
    """Return the model with average pooling in place of every other one."""
    return _pooling(run, "average_pool")


def median(run: Run) -> Run:
    """Return the model with median pooling in place of every other one."""
    return _pooling(run, "median_pool")


def maximum(run: Run) -> Run:
    """Return the model with max pooling in place of every other one."""
    return _pooling(run, "max_pool")


def _pooling(run: Run, kind: str) -> Run:
    graph, before = run.graph, run.resolved
    poolings = [layer for layer in graph if is_pooling(layer, before) and layer.kind != kind]
    _refuse_indices(graph, poolings)
    changes: Changes = {layer.name: (edited(layer, kind, extras=_single(layer)),) for layer in poolings}
    return changed(run, changes)


def pooled(run: Run, kernel: int = 2, every: int = 1) -> Run:
    """Return the model with a max pooling after every so many convolutions.

    Parameters
    ----------
    run : Run
        The model. What belongs to a convolution, its normalisation and activation, stays before the pooling.
    kernel : int
        Window and stride of the poolings, in elements.
    every : int
        How many convolutions stand between two of them.

    Raises
    ------
    DoesNotApply
        A join does not fit any more, or a map is too small.
    """
    graph = run.graph
    takers: dict[str, list[Layer]] = {}
    for layer in graph:
        for producer in dict.fromkeys(producer for producer, _ in layer.inputs):
            takers.setdefault(producer, []).append(layer)
    changes: Changes = {}
    convolutions = [layer for layer in graph if layer.kind in _CONVOLUTIONS]
    for place, layer in enumerate(convolutions, 1):
        if place % every:
            continue
        last = layer
        while len(takers.get(last.name, ())) == 1 and takers[last.name][0].kind in _FOLLOW:
            last = takers[last.name][0]
        settings = {"kernel": kernel, **{k: v for k, v in layer.attrs.items() if k in _PLACES}}
        name = _unused(graph, f"{layer.name}_pool")
        extras = Extras(lead=layer.extras.lead)
        pool = Layer(
            name, "max_pool", "max_pool", ((last.name, 0),), settings, block=last.block, extras=extras
        )
        changes[last.name] = (last, pool)
    return changed(run, changes)


def _unused(graph: LayerGraph, name: str) -> str:
    while name in graph.layers:
        name += "_"
    return name
