"""How much each input position weighs in a unit: path counts, each layer averaging over its window.

A unit's field says which positions reach it; of these, those in the middle do so on many more paths than
those at the rim. Take each layer to average over its window, and over the whole axis where it reads all of
it: then a position weighs the sum, over all paths from it to the unit, of the products of these shares.
That needs neither weights nor a framework; it is the expected gradient of a network with random weights and
no nonlinearities, up to scale.

Source: Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional
neural networks" (2016).

The weights are found along one axis at a time, from the unit back to the input. Along other axes each path
has its whole weight, as it does away from their borders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra import steps as moves
from rfcalc.algebra.axes import Met, through
from rfcalc.algebra.number import Num, is_known
from rfcalc.algebra.steps import Step
from rfcalc.algebra.window import POINTWISE
from rfcalc.engine.propagate import ancestors, require_known
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.layer import SPATIAL, Edge, Layer, TensorSpec
from rfcalc.questions.effective.report import EffectiveField
from rfcalc.questions.effective.result import SHARES, EffectiveAxis, narrowest
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path, Result


def effective_field(run: Run, layer: str, at: Sequence[int] | None = None) -> EffectiveField:
    """Weigh the positions of the input in one unit of a layer, gates cut.

    Parameters
    ----------
    run : Run
        The model.
    layer : str
        A layer, or an output tensor.
    at : sequence of int, optional
        The unit, an index for each spatial axis of the input; by default the one in the middle.

    Raises
    ------
    UsageError
        There is no such layer or unit, or the input has no fixed size.
    AnalysisError
        A layer on the way regroups the axis, or no rule knows it.
    """
    graph, name = run.graph, run.chosen.name
    edge = graph.find_tensor(layer)
    start = _spec((name, 0), run.resolved)
    require_known(start, name)
    chain = ancestors(graph, edge[0])
    if all(each.name != name for each in chain):
        raise UsageError(f"{layer!r} does not depend on the input {name!r}")
    rank = len(start.spatial)
    if at is not None and len(at) != rank:
        raise UsageError(f"the input has {rank} spatial axes, but the unit {len(at)} indices")
    places = [place for place, role in enumerate(start.axes) if role == SPATIAL]
    axes = []
    for axis, place in enumerate(places):
        index = None if at is None else at[axis]
        axes.append(_weighed(chain, run.resolved, (name, place), edge, index))
    return EffectiveField(graph.name, layer, name, tuple(axes))


def _spec(edge: Edge, resolved: Mapping[str, LayerInfo]) -> TensorSpec:
    known = resolved[edge[0]]
    if known.result is None or known.unknown:
        raise AnalysisError("no rule knows this op, or one before it", where=f"layer {edge[0]!r}")
    return known.result.outputs[edge[1]]


# ---- where the axis is -------------------------------------------------------------------------------------

GONE: Final = -1
"""The place of an axis all of whose positions were read together."""


class Spot(NamedTuple):
    """Where the axis is in a tensor.

    Parameters
    ----------
    place : int
        Its place, or `GONE`.
    length : int
        Its positions there; 1 where it is gone.
    merged : bool
        It is one digit of the axis at that place, as behind a flatten.
    """

    place: int
    length: int
    merged: bool = False


NOWHERE: Final = Spot(GONE, 1)


class Way(NamedTuple):
    """One path of a rule, and where the axis is before each of its steps, and behind the last."""

    path: Path
    spots: Sequence[Spot]


def _walked(layer: Layer, path: Path, shape: Sequence[Num], spot: Spot) -> Way:
    """Follow the axis of an input of some shape through a path."""
    spots = [spot]
    for met in through(path.steps, shape):
        spots.append(_behind(layer, met, spots[-1]))
    return Way(path, spots)


def _behind(layer: Layer, met: Met, spot: Spot) -> Spot:
    """Return where the axis is behind a step."""
    step = met.step
    along = isinstance(step, (moves.Lose, moves.Slide, moves.Scan)) and step.axis == spot.place
    if isinstance(step, moves.AtMost) or (along and (spot.merged or isinstance(step, moves.Lose))):
        raise _lost(layer)
    places = met.behind(spot.place)
    long = [place for place in places if met.after[place] != 1] or places[:1]
    if not long:
        return NOWHERE
    if len(long) > 1:
        raise _lost(layer)
    others = [axis for axis in met.sources[long[0]] if axis != spot.place and met.before[axis] != 1]
    merged = spot.merged or bool(others)
    kept = merged or isinstance(step, moves.Regroup)
    return Spot(long[0], spot.length if kept else _extent(met.after[long[0]]), merged)


def _lost(layer: Layer) -> AnalysisError:
    """Say that the axis cannot be followed."""
    message = f"{layer.op} regroups the positions of the map, so that what each weighs is not followed"
    return AnalysisError(message, where=f"layer {layer.name!r}")


# ---- weights, from the unit back ---------------------------------------------------------------------------

Weights = list[float]


def _weighed(
    chain: Sequence[Layer], resolved: Mapping[str, LayerInfo], start: Edge, edge: Edge, at: int | None
) -> EffectiveAxis:
    """Weigh the positions of the axis at place ``start[1]`` of the input ``start[0]``."""
    spots, ways = _followed(chain, resolved, start)
    if edge not in spots:
        raise UsageError(f"{edge[0]!r} does not depend on the input {start[0]!r} along every axis")
    spot = spots[edge]
    if spot.merged:
        message = "its positions are merged with channels; ask for the layer before it"
        raise AnalysisError(message, where=f"layer {edge[0]!r}")
    index = spot.length // 2 if at is None else at
    if not 0 <= index < spot.length:
        raise UsageError(
            f"there is no output {index} on an axis of {spot.length}; give 0 to {spot.length - 1}"
        )
    held: dict[Edge, Weights] = {edge: [float(k == index) for k in range(spot.length)]}
    for layer in reversed(chain):
        if layer.name == start[0]:
            continue
        for output, way in ways.get(layer.name, ()):
            weights = held.get((layer.name, output))
            if weights is None:
                continue
            source = layer.inputs[way.path.input]
            handed = _handed_back(weights, way)
            before = held.get(source)
            held[source] = handed if before is None else [a + b for a, b in zip(before, handed, strict=True)]
    return _summed_up(held.get((start[0], 0), []), None if spot.place == GONE else index, edge[0])


def _extent(extent: Num) -> int:
    assert is_known(extent)
    return int(extent)


_Ways = Mapping[str, list[tuple[int, Way]]]


def _followed(
    chain: Sequence[Layer], resolved: Mapping[str, LayerInfo], start: Edge
) -> tuple[Mapping[Edge, Spot], _Ways]:
    """Follow an axis of the input through all layers: where it is in each tensor, the way of each path."""
    spots = {(start[0], 0): begin(resolved, start)}
    ways: dict[str, list[tuple[int, Way]]] = {}
    for layer in chain:
        if layer.cut:
            spots.pop((layer.name, 0), None)  # of the input, which has one before its turn
        elif layer.name != start[0] and (found := ways_of(layer, resolved, spots)):
            ways[layer.name] = found
    return spots, ways


def begin(resolved: Mapping[str, LayerInfo], start: Edge) -> Spot:
    """Return where the axis at place ``start[1]`` of the input ``start[0]`` is in that input."""
    return Spot(start[1], _extent(_spec((start[0], 0), resolved).shape[start[1]]))


def ways_of(
    layer: Layer, resolved: Mapping[str, LayerInfo], spots: dict[Edge, Spot]
) -> list[tuple[int, Way]]:
    """Follow an axis through one layer; say in `spots` where it is in what the layer puts out.

    Raises
    ------
    AnalysisError
        The layer regroups the axis, or no rule knows it.
    """
    ways: list[tuple[int, Way]] = []
    if not any(edge in spots for edge in layer.inputs):
        return ways
    result = resolved[layer.name].result
    if result is None or resolved[layer.name].unknown:
        raise AnalysisError(f"no rule knows {layer.op}", where=f"layer {layer.name!r}")
    for output in range(len(result.outputs)):
        for path in _paths(layer, result, output, spots):
            source = layer.inputs[path.input]
            way = _walked(layer, path, _spec(source, resolved).shape, spots[source])
            ways.append((output, way))
            known, spot = spots.get((layer.name, output), NOWHERE), way.spots[-1]
            if known != NOWHERE and spot not in (known, NOWHERE):
                raise _lost(layer)
            spots[layer.name, output] = spot if known == NOWHERE else known
    return ways


def _paths(layer: Layer, result: Result, output: int, spots: Mapping[Edge, Spot]) -> Sequence[Path]:
    """Return the paths to an output that depend on the axis, with gates cut."""
    given = [spots.get(edge) for edge in layer.inputs]
    grid = any(spot is not None and spot != NOWHERE for spot in given)
    gates = [spot == NOWHERE and grid and result.gate for spot in given]
    return [
        path
        for path in result.gated or result.paths[output]
        if given[path.input] is not None and not gates[path.input]
    ]


def _handed_back(weights: Weights, way: Way) -> Weights:
    """Hand the weights of an output back to the input of a path."""
    if way.spots[-1] == NOWHERE:
        weights = [sum(weights)]  # it may have been stretched over a map that another branch has
    for step, spot in zip(reversed(way.path.steps), way.spots[-2::-1], strict=True):
        weights = _back(weights, step, spot)
    return weights


def _back(weights: Weights, step: Step, spot: Spot) -> Weights:
    """Hand weights back over one step; `spot` is where the axis was before it."""
    beside = isinstance(step, moves.Place) and (step.axis != spot.place or spot.merged)
    if isinstance(step, moves.Place) and beside:
        part, whole = _extent(step.extent), _extent(step.total)
        return [weight * part / whole for weight in weights]  # so many of the channels are its own
    if spot.place == GONE:
        return [sum(weights)]
    if isinstance(step, (moves.Slide, moves.Place, moves.Scan)):
        return _BACK[type(step)](weights, step, spot.length) if step.axis == spot.place else weights
    mixed = isinstance(step, moves.Mix) and spot.place in step.axes
    if mixed or len(weights) != spot.length:  # as where the axis ends, and where it is stretched
        return [sum(weights) / spot.length] * spot.length
    return weights


def _slid_back(weights: Weights, step: moves.Slide, count: int) -> Weights:
    """Share each weight out over the taps of its window."""
    window = step.window
    if window is POINTWISE:
        return weights[:count] + [0.0] * (count - len(weights))
    found = [0.0] * count
    for index, weight in enumerate(weights):
        if weight:
            taps = window.indices(index)
            share = weight / max(len(taps), 1)  # what lies in padding is lost
            for tap in window.placed(taps, count):
                found[tap] += share
    return found


def _scanned_back(weights: Weights, step: moves.Scan, count: int) -> Weights:
    """Share each weight out over all up to its index, or from it on."""
    order = weights if step.forward else weights[::-1]
    total, found = 0.0, [0.0] * count
    for index in reversed(range(count)):
        total += order[index] / (index + 1)
        found[index] = total
    return found if step.forward else found[::-1]


def _cut_back(weights: Weights, step: moves.Place, count: int) -> Weights:
    """Take the part of a concatenation that came from here."""
    begin = _extent(step.before)
    return weights[begin : begin + count]


_BACK: Final[Mapping[type, Callable[[Weights, Any, int], Weights]]] = {
    moves.Slide: _slid_back,
    moves.Scan: _scanned_back,
    moves.Place: _cut_back,
}


def _summed_up(weights: Weights, at: int | None, layer: str) -> EffectiveAxis:
    total = sum(weights)
    if not total:
        raise AnalysisError("it depends on no position of the input", where=f"layer {layer!r}")
    shares = tuple(weight / total for weight in weights)
    some = [index for index, share in enumerate(shares) if share]
    widths = tuple(narrowest(shares, share) for share in SHARES)
    return EffectiveAxis(len(shares), at, shares, some[0], some[-1], widths)
