"""What each input position weighs in every unit of every layer, from the input on.

`rfcalc.questions.effective.find` goes back from one unit to the input; for all units of all layers it is
less work to go the other way: what a unit weighs is the mean of what the units in its window weigh. In the
middle of a map these are the same for all units, moved on, and are worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra import steps as moves
from rfcalc.algebra.steps import Step
from rfcalc.algebra.window import POINTWISE
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import SPATIAL, Edge, Layer
from rfcalc.questions.effective.find import GONE, NOWHERE, Spot, Way, begin, ways_of
from rfcalc.records import NamedTuple

_MOST_WORK: Final = 4_000_000
"""Sums of two weights that are made, which takes about a second."""

_UNIT: Final = 40
"""Sums that one unit takes as long as, beside its own."""


_ONE: Final = (1.0,)


class Placed(NamedTuple):
    """What the positions of an axis weigh in a unit: `profile` from position `first` on, 0 elsewhere.

    Profiles that are equal are one object.
    """

    profile: tuple[float, ...]
    first: int


Units = tuple[Placed | None, ...]
"""One for each unit along an axis; None for one in which nothing weighs."""


class Every(NamedTuple):
    """The weights in all units, along one axis of the input.

    Parameters
    ----------
    units : mapping of Edge to Units
        For each tensor that depends on the axis; not of those whose positions are merged with others.
    merged : frozenset of Edge
        The tensors whose positions are merged with others.
    missing : mapping of str to str
        Layers whose weights are not known, and why.
    """

    units: Mapping[Edge, Units]
    merged: frozenset[Edge]
    missing: Mapping[str, str]


def every_unit(run: Run, most_work: int = _MOST_WORK) -> list[Every]:
    """Weigh the positions of the input in every unit of every layer, gates cut, an axis after the other.

    Parameters
    ----------
    run : Run
        The model, at a size that is known.
    most_work : int
        How many sums of two weights are made; layers that need more are missing.

    Examples
    --------
    >>> import rfcalc
    >>> graph = rfcalc.load({"rfcalc": 1, "input": [8, 1], "layers": [
    ...     {"kind": "conv", "name": "c", "filters": 1, "kernel": 3}]})
    >>> [(axis.units["c", 0][5].first, len(axis.units["c", 0])) for axis in every_unit(Run(graph))]
    [(5, 6)]
    """
    name = run.chosen.name
    places = [place for place, role in enumerate(run.spec.axes) if role == SPATIAL]
    mixer = _Mixer(most_work)  # of all axes: those of one extent are worked out once
    return [_along(run, (name, place), mixer) for place in places]


class _TooMuch(Exception):
    """The weights of a layer take too long to work out."""


class _Mixer:
    """Adds up weights, and remembers what it made of the same ones that only lie further on."""

    def __init__(self, most_work: int) -> None:
        self._left = most_work
        self._known: dict[tuple[object, ...], Placed | None] = {}
        self._same: dict[tuple[float, ...], tuple[float, ...]] = {}

    def mixed(self, parts: Sequence[tuple[Placed | None, float]]) -> Placed | None:
        """Return a sum of weights, each times its share.

        Raises
        ------
        _TooMuch
            There is too much to add.
        """
        some = [(unit, share) for unit, share in parts if unit is not None]
        self._spend(_UNIT)
        if not some:
            return None
        start = min(unit.first for unit, _ in some)
        # profiles are made once, so that they are told apart by what they are
        key = tuple((id(unit.profile), unit.first - start, share) for unit, share in some)
        if key not in self._known:
            self._known[key] = self._summed(some, start)
        found = self._known[key]
        return None if found is None else Placed(found.profile, found.first + start)

    def _spend(self, sums: int) -> None:
        self._left -= sums
        if self._left < 0:
            raise _TooMuch(
                "what each position weighs in so many units takes long to work out; "
                "rfcalc effective does so for one unit"
            )

    def _summed(self, parts: Sequence[tuple[Placed, float]], start: int) -> Placed:
        """Return a sum as it is where the first part begins at 0."""
        self._spend(sum(len(unit.profile) for unit, _ in parts))
        total = [0.0] * max(unit.first - start + len(unit.profile) for unit, _ in parts)
        for unit, share in parts:
            for place, weight in enumerate(unit.profile, unit.first - start):
                total[place] += share * weight
        profile = tuple(total)
        return Placed(self._same.setdefault(profile, profile), 0)


def _along(run: Run, start: Edge, mixer: _Mixer) -> Every:
    """Weigh the positions of the axis at place ``start[1]`` of the input ``start[0]``."""
    spot = begin(run.resolved, start)
    spots: dict[Edge, Spot] = {(start[0], 0): spot}
    held: dict[Edge, Units] = {(start[0], 0): tuple(Placed(_ONE, place) for place in range(spot.length))}
    missing: dict[str, str] = {}
    for layer in run.graph:
        why = next((missing[producer] for producer, _ in layer.inputs if producer in missing), "")
        if layer.cut:
            spots.pop((layer.name, 0), None)
            held.pop((layer.name, 0), None)
        elif layer.name == start[0]:
            continue
        elif why:
            missing[layer.name] = why
        else:
            try:
                held.update(_behind(layer, ways_of(layer, run.resolved, spots), spots, held, mixer))
            except (AnalysisError, _TooMuch) as error:
                missing[layer.name] = str(error)
    merged = frozenset(edge for edge in held if spots[edge].merged)
    units = {edge: each for edge, each in held.items() if edge not in merged}
    return Every(units, merged, missing)


def _behind(
    layer: Layer,
    ways: Iterable[tuple[int, Way]],
    spots: Mapping[Edge, Spot],
    held: Mapping[Edge, Units],
    mixer: _Mixer,
) -> dict[Edge, Units]:
    """Return the weights in the units of what a layer puts out."""
    found: dict[Edge, Units] = {}
    for output, way in ways:
        edge = (layer.name, output)
        units = held[layer.inputs[way.path.input]]
        for step, before, behind in zip(way.path.steps, way.spots, way.spots[1:], strict=False):
            units = _over(units, step, before, behind, mixer)
        if way.spots[-1] == NOWHERE and len(units) != spots[edge].length:
            units = units[:1] * spots[edge].length  # stretched over a map that another branch has
        known = found.get(edge)
        if known is None:
            found[edge] = units
        else:
            found[edge] = tuple(
                mixer.mixed(((one, 1.0), (other, 1.0))) for one, other in zip(known, units, strict=True)
            )
    return found


def _over(units: Units, step: Step, before: Spot, behind: Spot, mixer: _Mixer) -> Units:
    """Return the weights behind a step; `before` and `behind` it the axis is there."""
    along = isinstance(step, moves.Place) and step.axis == before.place and not before.merged
    if isinstance(step, moves.Place) and not along:
        share = int(step.extent) / int(step.total)  # so many of the channels are its own
        return tuple(mixer.mixed(((unit, share),)) for unit in units)
    if before.place == GONE:
        return units[:1] * behind.length
    if isinstance(step, (moves.Slide, moves.Place, moves.Scan)):
        return _OVER[type(step)](units, step, behind.length, mixer) if step.axis == before.place else units
    mixes = isinstance(step, moves.Mix) and before.place in step.axes
    if mixes or behind.length != before.length:  # as where the axis ends, and where it is stretched
        return (mixer.mixed(tuple((unit, 1 / len(units)) for unit in units)),) * behind.length
    return units


def _slid(units: Units, step: moves.Slide, count: int, mixer: _Mixer) -> Units:
    """Return for each place of a window the mean of what lies in it."""
    window = step.window
    if window is POINTWISE:
        return (*units[:count], *(None,) * (count - len(units)))
    found = []
    for index in range(count):
        taps = window.indices(index)
        share = 1 / max(len(taps), 1)  # what lies in padding is lost
        found.append(mixer.mixed(tuple((units[tap], share) for tap in window.placed(taps, len(units)))))
    return tuple(found)


def _scanned(units: Units, step: moves.Scan, count: int, mixer: _Mixer) -> Units:
    """Return for each place the mean of all up to it, or from it on."""
    order = units if step.forward else units[::-1]
    found = tuple(
        mixer.mixed(tuple((unit, 1 / (index + 1)) for unit in order[: index + 1])) for index in range(count)
    )
    return found if step.forward else found[::-1]


def _put(units: Units, step: moves.Place, count: int, mixer: _Mixer) -> Units:
    """Return the units at their place in a concatenation."""
    start = int(step.before)
    return (*(None,) * start, *units, *(None,) * (count - start - len(units)))


_OVER: Final[Mapping[type, Callable[[Units, Any, int, _Mixer], Units]]] = {
    moves.Slide: _slid,
    moves.Scan: _scanned,
    moves.Place: _put,
}
