"""The side view: rows of units from the input up, and which units each of them is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import ancestors, require_known
from rfcalc.engine.rows import focus_or
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.layer import Edge, TensorSpec
from rfcalc.pictures.reading import Hop, Reads, Window, reading_of
from rfcalc.questions.field.find import field_of
from rfcalc.questions.field.result import FieldAxis
from rfcalc.records import NamedTuple

MOST_UNITS: Final = 64
"""Units of one row that a picture has room for."""

MOST_ROWS: Final = 14
"""Rows of units that a picture has room for."""

_BESIDE: Final = 8
"""Units beside the wanted one that are tried where it reads nothing, as some do behind upsampling."""


class SideRow(NamedTuple):
    """The units of one map along one axis.

    Parameters
    ----------
    layer : str
        The layer that makes the map.
    extent : int
        How many units there are.
    jump : float
        How far they lie apart, in pixels of the input.
    first : float
        Where the first of them stands: the centre of its field, in pixels of the input.
    field : int, optional
        How many pixels each of them sees; None where that is not so.
    window : Window, optional
        What each reads in the row below; None of the input, and where units differ.
    reads : mapping of int to tuple of int
        For each unit that the chosen one depends on, what it reads in the row below; indices below 0, or
        beyond the last unit of it, are padding.
    """

    layer: str
    extent: int
    jump: float
    first: float
    field: int | None
    window: Window | None
    reads: Reads

    def at(self, index: int) -> float:
        """Return where a unit stands, in pixels of the input."""
        return self.first + index * self.jump


class Side(NamedTuple):
    """What is drawn of one model.

    Parameters
    ----------
    rows : tuple of SideRow
        From the lowest row to that of the chosen unit.
    unit : int
        The chosen unit.
    sees : int
        How many pixels of the input it depends on, on all ways.
    extent : int
        How many pixels the input has.
    kept : tuple of str
        Layers on the way that hand each unit on as it is, which are not drawn.
    below : tuple of str
        Layers on the way, from the input on, that are left out since their rows are too long to draw.
    beyond : tuple of str
        Layers behind the chosen one, which see too much to be drawn, where none was named.
    beside : int
        How many pixels it depends on by other ways alone.
    bounds : tuple of str
        Layers on the way whose units may read less than is drawn.
    exact : bool
        It depends on just so many pixels; else at most on so many.
    """

    rows: tuple[SideRow, ...]
    unit: int
    sees: int
    extent: int
    kept: tuple[str, ...]
    below: tuple[str, ...]
    beyond: tuple[str, ...]
    beside: int
    bounds: tuple[str, ...]
    exact: bool


def side_of(run: Run, layer: str | None, axis: int, at: int | None = None, near: float | None = None) -> Side:
    """Find the rows of units that one unit depends on along one axis.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer of the unit; by default the last on the way to the last convolution of which one picture
        has room.
    axis : int
        The spatial axis of the input.
    at : int, optional
        The unit; by default that in the middle.
    near : float, optional
        A place in the input, in pixels; by default the unit is the one nearest to it.

    Raises
    ------
    UsageError
        There is no such layer or unit, or the input has no fixed size.
    AnalysisError
        A layer on the way keeps no map, or no rule knows it.
    """
    require_known(run.spec, run.chosen.name)
    edge = run.graph.find_tensor(focus_or(run, layer))
    way = _way(run, edge)
    end = _readable(run, way, axis) if layer is None else len(way)
    beyond = tuple(hop.layer.name for hop in way[end:] if _widens(run, hop, axis))
    way = way[:end]
    hops = [hop for hop in way if hop.layer.kind != "input"]
    if not hops:
        raise UsageError(f"the side view needs a layer above the input; {edge[0]!r} is the input")
    last = hops[-1]
    extent = _extent(run, (last.layer.name, last.output), axis)
    unit = _unit(run, last, axis, extent, near) if at is None else at
    if not 0 <= unit < extent:
        raise UsageError(f"there is no output {unit} on an axis of {extent}; give 0 to {extent - 1}")
    return _drawn(run, last, axis, unit, _rows(run, hops, axis, unit))._replace(beyond=beyond)


def widest_axis(run: Run, layer: str | None) -> int:
    """Return the axis along which a layer sees most; of several the last, so that columns come first."""
    view = run.views.of(run.graph.find_tensor(focus_or(run, layer)))
    sizes = [size or 0 for size in view.local_receptive_field or view.receptive_field or ()]
    return max(range(len(sizes)), key=lambda axis: (sizes[axis], axis), default=0)


# ---- the way -----------------------------------------------------------------------------------------------


def _way(run: Run, edge: Edge) -> list[Hop]:
    """Return the longest way to a tensor: through what sees most, of several the one of most layers."""
    chain = ancestors(run.graph, edge[0])
    longest: dict[str, int] = {}
    taken: dict[str, int] = {}
    for layer in chain:
        places = [k for k, (producer, _) in enumerate(layer.inputs) if producer in longest]
        if layer.name == run.chosen.name:
            longest[layer.name] = 0
        elif places:
            best = max(places, key=lambda k: (_seen(run, layer.inputs[k]), longest[layer.inputs[k][0]]))
            taken[layer.name], longest[layer.name] = best, longest[layer.inputs[best][0]] + 1
    if edge[0] not in longest:
        raise UsageError(f"{edge[0]!r} does not depend on the input {run.chosen.name!r}")
    hops: list[Hop] = []
    while edge[0] != run.chosen.name:
        layer = run.graph[edge[0]]
        hops.append(Hop(layer, edge[1], taken[layer.name]))
        edge = layer.inputs[taken[layer.name]]
    return hops[::-1]


def _seen(run: Run, edge: Edge) -> int:
    """Return how much a tensor sees, for choosing the way: all axes together, gates cut."""
    view = run.views.of(edge)
    sizes = view.receptive_field
    if sizes is None or None in sizes:
        sizes = view.local_receptive_field
    return sum(size or 0 for size in sizes or ())


def _readable(run: Run, way: Sequence[Hop], axis: int) -> int:
    """Return how many hops of a way one picture has room for, maps all; the last of them has a window."""
    found = rows = 1
    for number, hop in enumerate(way, 1):
        if not _keeps_map(run, (hop.layer.name, hop.output), axis):
            break
        size = _size(run, (hop.layer.name, hop.output), axis)
        widens = _widens(run, hop, axis)
        rows += widens
        if size is None or size > MOST_UNITS or rows > MOST_ROWS:
            break
        if widens:
            found = number
    return found


def _keeps_map(run: Run, edge: Edge, axis: int) -> bool:
    """Tell whether the units of a tensor can be drawn: they stand on a grid along the axis."""
    try:
        _extent(run, edge, axis)
        _grid(run, edge, axis)
    except AnalysisError:
        return False
    return True


def _size(run: Run, edge: Edge, axis: int) -> int | None:
    """Return the field of a tensor along an axis, gates cut; None for all of it."""
    view = run.views.of(edge)
    sizes = view.local_receptive_field or view.receptive_field
    return None if sizes is None else sizes[axis]


def _widens(run: Run, hop: Hop, axis: int) -> bool:
    """Tell whether a layer sees more than what it reads."""
    before = _size(run, hop.layer.inputs[hop.place], axis)
    return _size(run, (hop.layer.name, hop.output), axis) != before


def _spec(run: Run, edge: Edge) -> TensorSpec:
    result = run.resolved[edge[0]].result
    if result is None:
        raise AnalysisError("no rule knows this op, or one before it", where=f"layer {edge[0]!r}")
    return result.outputs[edge[1]]


def _extent(run: Run, edge: Edge, axis: int) -> int:
    """Return how many units a map has along an axis."""
    spatial = _spec(run, edge).spatial
    if len(spatial) != len(run.extents):
        raise AnalysisError(
            "it keeps no map, and the side view is one of maps; name a layer before it",
            where=f"layer {edge[0]!r}",
        )
    extent = spatial[axis]
    if not is_known(extent):
        raise AnalysisError(
            "its extent is not known; give one with --input-shape", where=f"layer {edge[0]!r}"
        )
    return int(extent)


def _unit(run: Run, hop: Hop, axis: int, extent: int, near: float | None) -> int:
    """Return the unit in the middle, or nearest to a place of the input; of those that read anything."""
    if near is None:
        wanted = extent // 2
    else:
        grid = _grid(run, (hop.layer.name, hop.output), axis)
        wanted = min(range(extent), key=lambda index: abs(grid.first + index * grid.jump - near))
    beside = sorted(
        range(max(wanted - _BESIDE, 0), min(wanted + _BESIDE + 1, extent)), key=lambda i: abs(i - wanted)
    )
    return next((index for index in beside if _field(run, hop, axis, index).masks[0]), wanted)


class _Grid(NamedTuple):
    """Where the units of a map stand: how far apart, where the first, and how much each sees."""

    jump: float
    first: float
    field: int | None


def _grid(run: Run, edge: Edge, axis: int) -> _Grid:
    """Return where the units of a map stand along an axis, in pixels of the input, gates cut."""
    dependence = run.fields[edge[0]].local[edge[1]]
    legs = [] if dependence is None else [leg for leg in dependence.legs if leg.axis == axis]
    held = axis_of(dependence, legs[0]) if dependence is not None and len(legs) == 1 else None
    relation = None if held is None else held[1]
    if not isinstance(relation, Relation) or not relation.bounded or not relation.advance:
        raise AnalysisError(
            "its units stand on no grid, so that they cannot be drawn", where=f"layer {edge[0]!r}"
        )
    jump = relation.advance / relation.period
    middles = [
        (lo + hi) / 2 - row * jump for row, (lo, hi) in enumerate(zip(relation.lo, relation.hi, strict=True))
    ]
    sizes = set(relation.sizes())
    return _Grid(jump, sum(middles) / len(middles), int(sizes.pop()) if len(sizes) == 1 else None)


# ---- what units read ---------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """Rows from the input up, the layers that hand units on as they are, and those that are bounds."""

    drawn: list[SideRow]
    kept: list[str]
    bounds: list[str]


def _rows(run: Run, hops: Sequence[Hop], axis: int, unit: int) -> _Rows:
    """Return the rows from the input up to a unit."""
    needed: set[int] = {unit}
    found = _Rows([], [], [])
    for hop in reversed(hops):
        edge, below = (hop.layer.name, hop.output), hop.layer.inputs[hop.place]
        extent, size = _extent(run, edge, axis), _extent(run, below, axis)
        reads, window, exact = reading_of(run, hop, axis, sorted(needed), size)
        alike = extent == size and all(read == (index,) for index, read in reads.items())
        if alike and (found.drawn or len(hops) > 1):
            found.kept.append(hop.layer.name)
        else:
            found.drawn.append(_row(run, edge, axis, window, reads))
        found.bounds.extend([] if exact else [hop.layer.name])
        needed = {index for read in reads.values() for index in read if 0 <= index < size}
    found.drawn.append(_row(run, (run.chosen.name, 0), axis, None, dict.fromkeys(needed, ())))
    return _Rows(found.drawn[::-1], found.kept[::-1], found.bounds[::-1])


def _row(run: Run, edge: Edge, axis: int, window: Window | None, reads: Reads) -> SideRow:
    return SideRow(edge[0], _extent(run, edge, axis), *_grid(run, edge, axis), window, reads)


# ---- what there is room for --------------------------------------------------------------------------------


def _drawn(run: Run, hop: Hop, axis: int, unit: int, found: _Rows) -> Side:
    """Leave out the rows that are too long, and count what comes by other ways."""
    rows, lowest = found.drawn, 0
    for number, row in enumerate(rows[:-2]):
        if len(row.reads) > MOST_UNITS or len(rows) - number > MOST_ROWS:
            lowest = number + 1
    field = _field(run, hop, axis, unit)
    own = sum(1 << index for index in rows[0].reads)
    return Side(
        rows=tuple(rows[lowest:]),
        unit=unit,
        sees=field.masks[0].bit_count(),
        extent=rows[0].extent,
        kept=tuple(found.kept),
        below=tuple(row.layer for row in rows[:lowest]),
        beyond=(),
        beside=(field.masks[0] & ~own).bit_count(),
        bounds=tuple(found.bounds),
        exact=field.status == "exact",
    )


def _field(run: Run, hop: Hop, axis: int, unit: int) -> FieldAxis:
    """Return what a unit depends on along an axis, on all ways."""
    spatial = _spec(run, (hop.layer.name, hop.output)).spatial
    at = [int(extent) // 2 if is_known(extent) else 0 for extent in spatial]
    at[axis] = unit
    return field_of(run, hop.tensor, at).axes[axis]
