"""The atrous form: steps are not taken, and what follows is dilated in their place, so that fields stay.

Sources: Holschneider et al. (1989), the algorithme à trous; Yu and Koltun, "Multi-scale context aggregation
by dilated convolutions" (2016); Chen et al., "DeepLab" (2017).

A map of the original stands in the atrous form at every n-th element of a larger one. That n, the *spacing*,
is carried through the graph for each axis of each tensor, by the very steps that the rules give.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from rfcalc.algebra import steps as moves
from rfcalc.algebra.axes import Met, through
from rfcalc.algebra.number import Num, is_known, is_one
from rfcalc.counterfactuals.swaps import rounded_up, sides
from rfcalc.engine.edit import (
    POOLS,
    DoesNotApply,
    changed,
    edited,
    fits_already,
    has_window,
    input_of,
    is_pooling,
    setting,
)
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo, spec_of
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec
from rfcalc.rules.registry import Path

Spacing = tuple[Num, ...]
"""For each axis of a tensor how many elements of the atrous form lie from one of the original to the next."""

_MERGED: Final = (
    0  # elements of the original lie between others in no regular way; only sums over all may follow
)
_ANY: Final = -1  # one element that is stretched to whatever it meets
_FREE: Final = (1, _ANY)
"""Spacings of elements that lie as they did."""

Taken: TypeAlias = tuple[Num, ...] | None


def dilated(run: Run) -> Run:
    """Return the model with its poolings at stride 1, and what follows them dilated.

    Every layer has exactly the field that it had before, on a larger map: element i of a map saw what element
    ``i * n`` sees now, n being the product of the strides that are not taken. Only what takes all of a map,
    as global pooling does, takes all of the larger one.

    Parameters
    ----------
    run : Run
        The model. Strides of convolutions stay.

    Raises
    ------
    DoesNotApply
        What follows a pooling has no atrous form, or a join does not fit any more.

    Examples
    --------
    >>> import rfcalc
    >>> from rfcalc.engine.run import Run
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2},
    ...     {"kind": "conv", "name": "c", "filters": 8, "kernel": 3},
    ... ]}
    >>> row = rfcalc.analyze(dilated(Run(rfcalc.load(model))).graph).layer("c")
    >>> row.receptive_field, row.spatial
    ((6, 6), (23, 23))
    """
    return _atrous(run, lambda layer: layer.kind in POOLS)


def atrous(run: Run) -> Run:
    """Return the model with every stride at 1, and what follows dilated: `dilated` for convolutions as well.

    Parameters
    ----------
    run : Run
        The model.

    Raises
    ------
    DoesNotApply
        What follows a stride has no atrous form, or a join does not fit any more.
    """
    return _atrous(run, lambda layer: has_window(layer) or layer.kind == "conv_lstm")


def _atrous(run: Run, flattened: Callable[[Layer], bool]) -> Run:
    graph = run.graph
    if not any(map(flattened, graph)):
        return run
    before = run.resolved
    whole = {
        layer.name
        for layer in graph
        if layer.kind in POOLS and before[layer.name].result and not is_pooling(layer, before)
    }
    while True:
        try:
            return _form(run, flattened, whole)
        except _Unequal as clash:
            # beside a map that stays large, a pooling of the whole map is one more window that can be dilated
            windows = _nearest(graph, clash.behind, whole)
            if not windows:
                raise
            whole -= windows


def _form(run: Run, flattened: Callable[[Layer], bool], whole: Collection[str]) -> Run:
    """Return the model without the strides of some layers; what is `whole` goes on to take all of its map."""
    graph, before = run.graph, run.resolved
    spacings: dict[Edge, Spacing] = {}
    changes: dict[str, tuple[Layer, ...]] = {}
    for layer in graph:
        result = before[layer.name].result
        if result is None or before[layer.name].unknown:
            raise DoesNotApply(f"no rule knows {layer.op}", layer.name)
        given = [spacings[edge] for edge in layer.inputs]
        flat = flattened(layer) and layer.name not in whole
        taken: Taken = None
        if has_window(layer) and (flat or _spaced(given)):
            spread, taken = _window(layer, given[0], before, flat=flat, whole=layer.name in whole)
            if spread is not layer:
                changes[layer.name] = (spread,)
        elif flat and not all(map(is_one, setting(layer, input_of(layer, before), "stride"))):
            raise DoesNotApply("its state goes over the map as well, and has no atrous form", layer.name)
        elif layer.kind in ("pad", "crop") and _spaced(given):
            changes[layer.name] = (_border(layer, given[0], before),)
            taken = tuple(1 for _ in input_of(layer, before).spatial)
        elif _spaced(given) and fits_already(layer, before):
            changes[layer.name] = ()
            taken = tuple(1 for _ in input_of(layer, before).spatial)
        for place, (spec, paths) in enumerate(zip(result.outputs, result.paths, strict=True)):
            found = [
                _carried(layer, given[p.input], spec_of(before, layer.inputs[p.input]).shape, p, taken)
                for p in paths
            ]
            joined = _joined(layer, found, [layer.inputs[p.input][0] for p in paths], spec.shape)
            if layer.name in whole:  # its one window stands at the front
                places = _places(layer, spec)
                joined = tuple(1 if axis in places else space for axis, space in enumerate(joined))
            spacings[layer.name, place] = joined
    return changed(run, changes)


class _Unequal(DoesNotApply):
    """A layer joins maps of which one keeps its steps and another does not.

    Parameters
    ----------
    message, layer : str
        Which layer, and what meets in it.
    behind : sequence of str
        The layers that hand it the maps which kept their steps.
    """

    def __init__(self, message: str, layer: str, behind: Sequence[str]) -> None:
        super().__init__(message, layer)
        self.behind = behind


def _nearest(graph: LayerGraph, start: Sequence[str], wanted: Collection[str]) -> set[str]:
    """Return the wanted layers that are met first on the way back from some layers to the inputs."""
    found: set[str] = set()
    seen: set[str] = set()
    ahead = list(start)
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in wanted:
            found.add(name)
        else:
            ahead += [producer for producer, _ in graph[name].inputs]
    return found


def _spaced(given: Sequence[Spacing]) -> bool:
    return any(not is_one(space) for spacing in given for space in spacing)


def _map_of(layer: Layer, before: Mapping[str, LayerInfo]) -> TensorSpec:
    """Return the tensor that a layer takes, with the axes over which it is repeated."""
    return spec_of(before, layer.inputs[0])


# ---- layers that are written anew --------------------------------------------------------------------------


def _places(layer: Layer, spec: TensorSpec) -> tuple[int, ...]:
    """Return the axes of a layer's map along which it works, also where it is repeated over others."""
    lead = layer.extras.lead
    places = layer.attrs.get("spatial")
    if places is None:
        return tuple(place for place, role in enumerate(spec.axes) if role == "s" and place > lead)
    return tuple(place % (len(spec.shape) - lead) + lead for place in places)


def _spacing(layer: Layer, given: Spacing, before: Mapping[str, LayerInfo]) -> tuple[Num, ...]:
    """Return the spacing of the axes along which a layer works."""
    spacing = tuple(given[place] for place in _places(layer, _map_of(layer, before)))
    if _MERGED in spacing or _ANY in spacing:
        raise DoesNotApply("its map was regrouped before, and has no atrous form", layer.name)
    return spacing


def _window(
    layer: Layer, given: Spacing, before: Mapping[str, LayerInfo], *, flat: bool, whole: bool
) -> tuple[Layer, tuple[Num, ...]]:
    """Dilate a layer by the spacing of its input; the steps that it does not take are returned."""
    spec = input_of(layer, before)
    spacing = _spacing(layer, given, before)
    strides = setting(layer, spec, "stride")
    if all(map(is_one, spacing)) and (not flat or all(map(is_one, strides))):
        return layer, tuple(1 for _ in strides)
    settings: dict[str, Any] = {
        "dilation": tuple(d * n for d, n in zip(setting(layer, spec, "dilation"), spacing, strict=True)),
        "stride": _stride(strides, spacing, flat=flat, whole=whole),
        "padding": _padding(layer, spec, spacing, before),
        "ceil": None,
    }
    return edited(layer, **settings), strides if flat else tuple(1 for _ in strides)


def _stride(strides: Sequence[Num], spacing: Sequence[Num], *, flat: bool, whole: bool) -> tuple[Num, ...]:
    """Keep a stride or take it away; a pooling of the whole map goes on to take one window."""
    if flat:
        return tuple(1 for _ in spacing)
    return tuple(s * n for s, n in zip(strides, spacing, strict=True)) if whole else tuple(strides)


def _padding(
    layer: Layer, spec: TensorSpec, spacing: Sequence[Num], before: Mapping[str, LayerInfo]
) -> object:
    """Return the padding that keeps the taps where they were.

    Padding to the same size stays that, whatever the size; its first half is what it was.
    """
    padding = (
        rounded_up(layer, spec, before) if layer.attrs.get("ceil") else layer.attrs.get("padding", "valid")
    )
    if padding in ("valid", "causal"):
        return padding
    if padding not in ("same", "same_lower"):
        return tuple((lo * n, hi * n) for (lo, hi), n in zip(sides(padding, spec), spacing, strict=True))
    result = before[layer.name].result
    assert result is not None
    windows = {step.axis: step.window for step in result.paths[0][0].steps if isinstance(step, moves.Slide)}
    found = []
    settings = (setting(layer, spec, name) for name in ("kernel", "dilation"))
    for place, n, k, d in zip(_places(layer, _map_of(layer, before)), spacing, *settings, strict=True):
        window = windows[place]
        if not is_known(window.slack) or window.slack != 0:
            raise DoesNotApply("its padding depends on the size of its map, which is not known", layer.name)
        lo = -window.first(0) * n
        found.append((lo, d * n * (k - 1) - lo))
    return tuple(found)


def _border(layer: Layer, given: Spacing, before: Mapping[str, LayerInfo]) -> Layer:
    """Pad or crop by as much of the original's elements."""
    spec = input_of(layer, before)
    if layer.attrs.get("mode", "constant") != "constant":
        raise DoesNotApply(
            f"its border is padded by {layer.attrs['mode']}, which has no atrous form", layer.name
        )
    name = "padding" if layer.kind == "pad" else "cropping"
    spacing = _spacing(layer, given, before)
    amounts = zip(sides(layer.attrs[name], spec), spacing, strict=True)
    settings: dict[str, Any] = {name: tuple((lo * n, hi * n) for (lo, hi), n in amounts)}
    return edited(layer, **settings)


# ---- the spacing behind a layer ----------------------------------------------------------------------------


def _carried(layer: Layer, given: Spacing, shape: Sequence[Num], path: Path, taken: Taken) -> Spacing:
    """Carry the spacing of an input through a path.

    Of a layer that was written anew, `taken` are the steps that its windows do not take any more.
    """
    ahead, spacing = None if taken is None else iter(taken), given
    for met in through(path.steps, shape):
        step = met.step
        if _refused(met, spacing, slid=ahead is None):
            message = f"{layer.op} follows a step that is not taken, and has no atrous form"
            raise DoesNotApply(message, layer.name)
        spacing = tuple([_behind(layer, met, spacing, axis) for axis in range(len(met.after))])
        if ahead is not None and isinstance(step, moves.Slide) and not step.alike:
            n = next(ahead)
            spacing = tuple([space * n if axis == step.axis else space for axis, space in enumerate(spacing)])
    return spacing


def _refused(met: Met, spacing: Spacing, *, slid: bool) -> bool:
    """Tell whether a step cannot be taken over elements that lie apart; `slid`: not by a window either."""
    step = met.step
    if isinstance(step, moves.Slide):
        return (slid or step.alike) and spacing[step.axis] not in _FREE
    if isinstance(step, (moves.Place, moves.Lose)):
        return not is_one(spacing[step.axis])
    if isinstance(step, moves.Squeeze):
        return any(spacing[axis] not in _FREE for axis in step.axes)
    if isinstance(step, moves.Broadcast):  # of a larger map it may be that nothing is stretched
        return any(_stretched(met, axis) and space not in _FREE for axis, space in enumerate(spacing))
    return isinstance(step, moves.Cover) and _spaced([spacing])


def _stretched(met: Met, axis: int) -> bool:
    """Tell whether the one element of an axis is put at several places."""
    return is_one(met.before[axis]) and all(not is_one(met.after[place]) for place in met.behind(axis))


def _behind(layer: Layer, met: Met, spacing: Spacing, axis: int) -> Num:
    """Return the spacing of an axis behind a step, which leaves elements where they are."""
    sources = met.sources[axis]
    if isinstance(met.step, moves.Broadcast):
        return _ANY if not sources or _stretched(met, sources[0]) else spacing[sources[0]]
    if all(is_one(spacing[source]) for source in sources):
        return 1
    if len(met.behind(sources[0])) > 1:
        raise DoesNotApply("it regroups a map in which a step is not taken", layer.name)
    return spacing[sources[0]] if len(sources) == 1 else _MERGED


def _joined(
    layer: Layer, found: Sequence[Spacing], producers: Sequence[str], shape: Sequence[Num]
) -> Spacing:
    """Return the spacing of what comes of several inputs."""
    if not found:
        return (1,) * len(shape)
    joined: list[Num] = []
    for extent, spaces in zip(shape, zip(*found, strict=True), strict=True):
        fixed = [space for space in spaces if space != _ANY]
        if is_one(extent) and all(is_known(space) and space > 1 for space in fixed):
            fixed = (
                [max(fixed)] if fixed else []
            )  # one element stands at the front, however far the next were
        if any(space != fixed[0] for space in fixed[1:]):
            listed = " and ".join(str(space) for space in dict.fromkeys(fixed))
            raise _Unequal(
                f"it joins a map whose steps are kept and one whose steps are not (dilated by {listed})",
                layer.name,
                [name for name, space in zip(producers, spaces, strict=True) if is_one(space)],
            )
        joined.append(fixed[0] if fixed else _ANY)
    return tuple(joined)
