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
from typing import Any, Final, NamedTuple

from rfcalc.algebra import steps as moves
from rfcalc.algebra.number import Num, is_known
from rfcalc.algebra.steps import Step
from rfcalc.algebra.window import POINTWISE
from rfcalc.engine.edit import groups
from rfcalc.engine.propagate import ancestors, require_known
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.layer import SPATIAL, Edge, Layer, TensorSpec
from rfcalc.questions.effective.report import EffectiveField
from rfcalc.questions.effective.result import SHARES, EffectiveAxis, narrowest
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

_GONE: Final = -1
"""The place of an axis all of whose positions were read together."""


class _Spot(NamedTuple):
    """Where the axis is in a tensor.

    Parameters
    ----------
    place : int
        Its place, or `_GONE`.
    length : int
        Its positions there; 1 where it is gone.
    merged : bool
        It is one digit of the axis at that place, as behind a flatten.
    """

    place: int
    length: int
    merged: bool = False


_NOWHERE: Final = _Spot(_GONE, 1)


class _Way:
    """One path of a rule, walked from its input: where the axis is before each step.

    Parameters
    ----------
    layer : Layer
        For messages.
    shape : tuple of Num
        Of the input.
    spot : _Spot
        Of the axis in the input.
    """

    def __init__(self, layer: Layer, shape: tuple[Num, ...], spot: _Spot) -> None:
        self.layer = layer
        self.shape = list(shape)
        self.spot = spot
        self.walked: list[tuple[Step, _Spot]] = []

    def walk(self, steps: Sequence[Step]) -> _Way:
        """Follow the axis through the steps."""
        for step in steps:
            self.walked.append((step, self.spot))
            _WALK[type(step)](self, step)
        return self

    def lost(self) -> AnalysisError:
        """Say that the axis cannot be followed."""
        op = self.layer.op
        message = f"{op} regroups the positions of the map, so that what each weighs is not followed"
        return AnalysisError(message, where=f"layer {self.layer.name!r}")

    def move(self, places: int) -> None:
        if self.spot.place != _GONE:
            self.spot = self.spot._replace(place=self.spot.place + places)

    def slide(self, step: moves.Slide) -> None:
        if step.axis == self.spot.place:
            if self.spot.merged:
                raise self.lost()
            self.spot = self.spot._replace(length=_extent(step.extent))
        self.shape[step.axis] = step.extent

    def stay(self, step: moves.Mix | moves.Scan) -> None:
        if isinstance(step, moves.Scan) and step.axis == self.spot.place and self.spot.merged:
            raise self.lost()

    def contract(self, step: moves.Contract) -> None:
        self.shape[step.axis] = step.extent
        self.spot = _NOWHERE if self.spot.place == step.axis else self.spot

    def reduce(self, step: moves.Reduce) -> None:
        self.spot = _NOWHERE if self.spot.place in step.axes else self.spot
        if step.keep:
            for axis in step.axes:
                self.shape[axis] = 1
        else:
            self.drop(step.axes)

    def squeeze(self, step: moves.Squeeze) -> None:
        self.spot = _NOWHERE if self.spot.place in step.axes else self.spot
        self.drop(step.axes)

    def drop(self, axes: Sequence[int]) -> None:
        self.move(-sum(axis < self.spot.place for axis in axes))
        self.shape = [extent for axis, extent in enumerate(self.shape) if axis not in axes]

    def permute(self, step: moves.Permute) -> None:
        if self.spot.place != _GONE:
            self.spot = self.spot._replace(place=step.order.index(self.spot.place))
        self.shape = [self.shape[axis] for axis in step.order]

    def insert(self, step: moves.Insert) -> None:
        for axis in sorted(step.axes):
            self.move(int(axis <= self.spot.place))
            self.shape.insert(axis, 1)

    def broadcast(self, step: moves.Broadcast) -> None:
        self.move(len(step.shape) - len(self.shape))
        self.shape = list(step.shape)
        if self.spot.place != _GONE and self.spot.length == 1:
            self.spot = self.spot._replace(length=_extent(self.shape[self.spot.place]))

    def regroup(self, step: moves.Regroup) -> None:
        put = 0
        for sources, extents in groups(self.shape, step.shape):
            if self.spot.place in sources:
                self.spot = self.regrouped(put, sources, extents)
                break
            put += len(extents)
        self.shape = list(step.shape)

    def regrouped(self, put: int, sources: Sequence[int], extents: Sequence[Num]) -> _Spot:
        """Find the axis in the extents that stand for these, from place `put` on."""
        others = [source for source in sources if source != self.spot.place and self.shape[source] != 1]
        long = [place for place, extent in enumerate(extents) if extent != 1] or [0]
        if len(long) > 1:
            raise self.lost()
        return _Spot(put + long[0], self.spot.length, self.spot.merged or bool(others))

    def put(self, step: moves.Place) -> None:
        if step.axis == self.spot.place and not self.spot.merged:
            self.spot = self.spot._replace(length=_extent(step.total))
        self.shape[step.axis] = step.total

    def lose(self, step: moves.Lose) -> None:
        if step.axis == self.spot.place:
            raise self.lost()
        self.shape[step.axis] = step.extent

    def doubt(self, step: moves.AtMost) -> None:
        raise self.lost()

    def cover(self, step: moves.Cover) -> None:
        self.spot = _NOWHERE
        self.shape = list(step.shape)


_WALK: Final[Mapping[type, Callable[[_Way, Any], None]]] = {
    moves.Slide: _Way.slide,
    moves.Mix: _Way.stay,
    moves.Scan: _Way.stay,
    moves.Contract: _Way.contract,
    moves.Reduce: _Way.reduce,
    moves.Permute: _Way.permute,
    moves.Insert: _Way.insert,
    moves.Squeeze: _Way.squeeze,
    moves.Broadcast: _Way.broadcast,
    moves.Regroup: _Way.regroup,
    moves.Place: _Way.put,
    moves.Lose: _Way.lose,
    moves.Cover: _Way.cover,
    moves.AtMost: _Way.doubt,
}


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
        for output, path, way in ways.get(layer.name, ()):
            weights = held.get((layer.name, output))
            if weights is None:
                continue
            source = layer.inputs[path.input]
            handed = _handed_back(weights, way)
            before = held.get(source)
            held[source] = handed if before is None else [a + b for a, b in zip(before, handed, strict=True)]
    return _summed_up(held.get((start[0], 0), []), None if spot.place == _GONE else index, edge[0])


def _extent(extent: Num) -> int:
    assert is_known(extent)
    return int(extent)


_Ways = Mapping[str, list[tuple[int, Path, _Way]]]


def _followed(
    chain: Sequence[Layer], resolved: Mapping[str, LayerInfo], start: Edge
) -> tuple[Mapping[Edge, _Spot], _Ways]:
    """Follow an axis of the input through all layers: where it is in each tensor, the way of each path."""
    count = _extent(_spec((start[0], 0), resolved).shape[start[1]])
    spots: dict[Edge, _Spot] = {(start[0], 0): _Spot(start[1], count)}
    ways: dict[str, list[tuple[int, Path, _Way]]] = {}
    for layer in chain:
        if layer.name == start[0] or not any(edge in spots for edge in layer.inputs):
            continue
        result = resolved[layer.name].result
        if result is None or resolved[layer.name].unknown:
            raise AnalysisError(f"no rule knows {layer.op}", where=f"layer {layer.name!r}")
        for output in range(len(result.outputs)):
            for path in _paths(layer, result, output, spots):
                source = layer.inputs[path.input]
                way = _Way(layer, _spec(source, resolved).shape, spots[source]).walk(path.steps)
                ways.setdefault(layer.name, []).append((output, path, way))
                known = spots.get((layer.name, output), _NOWHERE)
                if known != _NOWHERE and way.spot not in (known, _NOWHERE):
                    raise way.lost()
                spots[layer.name, output] = way.spot if known == _NOWHERE else known
    return spots, ways


def _paths(layer: Layer, result: Result, output: int, spots: Mapping[Edge, _Spot]) -> Sequence[Path]:
    """Return the paths to an output that depend on the axis, with gates cut."""
    given = [spots.get(edge) for edge in layer.inputs]
    grid = any(spot is not None and spot != _NOWHERE for spot in given)
    gates = [spot == _NOWHERE and grid and result.gate for spot in given]
    return [
        path
        for path in result.gated or result.paths[output]
        if given[path.input] is not None and not gates[path.input]
    ]


def _handed_back(weights: Weights, way: _Way) -> Weights:
    """Hand the weights of an output back to the input of a path."""
    if way.spot == _NOWHERE:
        weights = [sum(weights)]  # it may have been stretched over a map that another branch has
    for step, spot in reversed(way.walked):
        weights = _back(weights, step, spot)
    return weights


def _back(weights: Weights, step: Step, spot: _Spot) -> Weights:
    """Hand weights back over one step; `spot` is where the axis was before it."""
    beside = isinstance(step, moves.Place) and (step.axis != spot.place or spot.merged)
    if isinstance(step, moves.Place) and beside:
        part, whole = _extent(step.extent), _extent(step.total)
        return [weight * part / whole for weight in weights]  # so many of the channels are its own
    if spot.place == _GONE:
        return [sum(weights)]
    if isinstance(step, (moves.Slide, moves.Place, moves.Scan)):
        return _BACK[type(step)](weights, step, spot.length) if step.axis == spot.place else weights
    if _reads_all(step, spot.place) or len(weights) != spot.length:
        return [sum(weights) / spot.length] * spot.length
    return weights


def _reads_all(step: Step, place: int) -> bool:
    if isinstance(step, moves.Contract):
        return step.axis == place
    return isinstance(step, moves.Cover) or (
        isinstance(step, (moves.Mix, moves.Reduce, moves.Squeeze)) and place in step.axes
    )


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
