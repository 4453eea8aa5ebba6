"""The side view: rows of units from the input up, and which units each of them is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from rfcalc.algebra.indexing import axis_of, rows_of_axis
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import NeedTaps, Relation
from rfcalc.engine.propagate import (
    ancestors,
    fields_in_input,
    require_known,
    seed_periodic,
    seed_rows,
)
from rfcalc.engine.rows import focus_or
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.layer import Edge, Layer, TensorSpec
from rfcalc.questions.field.find import field_of

MOST_UNITS: Final = 64
"""Units of one row that a picture has room for."""

MOST_ROWS: Final = 14
"""Rows of units that a picture has room for."""

_BESIDE: Final = 8
"""Units beside the wanted one that are tried where it reads nothing, as some do behind upsampling."""


Reads = Mapping[int, tuple[int, ...]]
"""For each of some units what it reads in the row below."""


class Window(NamedTuple):
    """What the units of a row read in the row below, where all read alike.

    Parameters
    ----------
    kernel : int
        How many units each reads.
    stride : Fraction
        By how many units one reads further on than the one before it.
    dilation : int
        How far apart those lie that it reads.
    """

    kernel: int
    stride: Fraction
    dilation: int


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
    """

    rows: tuple[SideRow, ...]
    unit: int
    sees: int
    extent: int
    kept: tuple[str, ...]
    below: tuple[str, ...]
    beyond: tuple[str, ...]
    beside: int


class _Hop(NamedTuple):
    """A layer on the way, and which of its inputs the way goes through."""

    layer: Layer
    output: int
    place: int


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
    unit = _unit(run, (last.layer.name, last.output), axis, extent, near) if at is None else at
    if not 0 <= unit < extent:
        raise UsageError(f"there is no output {unit} on an axis of {extent}; give 0 to {extent - 1}")
    rows, kept = _rows(run, hops, axis, unit)
    found = _drawn(run, (last.layer.name, last.output), axis, unit, rows, kept)
    return found._replace(beyond=beyond)


def widest_axis(run: Run, layer: str | None) -> int:
    """Return the axis along which a layer sees most; of several the last, so that columns come first."""
    view = run.views.of(run.graph.find_tensor(focus_or(run, layer)))
    sizes = [size or 0 for size in view.local_receptive_field or view.receptive_field or ()]
    return max(range(len(sizes)), key=lambda axis: (sizes[axis], axis), default=0)


# ---- the way -----------------------------------------------------------------------------------------------


def _way(run: Run, edge: Edge) -> list[_Hop]:
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
    hops: list[_Hop] = []
    while edge[0] != run.chosen.name:
        layer = run.graph[edge[0]]
        hops.append(_Hop(layer, edge[1], taken[layer.name]))
        edge = layer.inputs[taken[layer.name]]
    return hops[::-1]


def _seen(run: Run, edge: Edge) -> int:
    """Return how much a tensor sees, for choosing the way: all axes together, gates cut."""
    view = run.views.of(edge)
    sizes = view.receptive_field
    if sizes is None or None in sizes:
        sizes = view.local_receptive_field
    return sum(size or 0 for size in sizes or ())


def _readable(run: Run, way: Sequence[_Hop], axis: int) -> int:
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


def _widens(run: Run, hop: _Hop, axis: int) -> bool:
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


def _unit(run: Run, edge: Edge, axis: int, extent: int, near: float | None) -> int:
    """Return the unit in the middle, or nearest to a place of the input; of those that read anything."""
    if near is None:
        wanted = extent // 2
    else:
        grid = _grid(run, edge, axis)
        wanted = min(range(extent), key=lambda index: abs(grid.first + index * grid.jump - near))
    beside = sorted(
        range(max(wanted - _BESIDE, 0), min(wanted + _BESIDE + 1, extent)), key=lambda i: abs(i - wanted)
    )
    return next((index for index in beside if _field(run, edge, axis, index)), wanted)


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


def _rows(run: Run, hops: Sequence[_Hop], axis: int, unit: int) -> tuple[list[SideRow], list[str]]:
    """Return the rows from the input up to a unit, and the layers that hand units on as they are."""
    needed: set[int] = {unit}
    rows: list[SideRow] = []
    kept: list[str] = []
    for hop in reversed(hops):
        edge, below = (hop.layer.name, hop.output), hop.layer.inputs[hop.place]
        extent, size = _extent(run, edge, axis), _extent(run, below, axis)
        reads, window = _reads(run, hop, axis, sorted(needed), size)
        if (
            extent == size
            and all(read == (index,) for index, read in reads.items())
            and (rows or len(hops) > 1)
        ):
            kept.append(hop.layer.name)
        else:
            rows.append(_row(run, edge, axis, window, reads))
        needed = {index for read in reads.values() for index in read if 0 <= index < size}
    rows.append(_row(run, (run.chosen.name, 0), axis, None, dict.fromkeys(needed, ())))
    return rows[::-1], kept[::-1]


def _row(run: Run, edge: Edge, axis: int, window: Window | None, reads: Reads) -> SideRow:
    return SideRow(edge[0], _extent(run, edge, axis), *_grid(run, edge, axis), window, reads)


def _reads(run: Run, hop: _Hop, axis: int, wanted: Sequence[int], size: int) -> tuple[Reads, Window | None]:
    """Return what some units of a layer read of what lies below it, padding too, and their window."""
    found = fields_in_input(hop.layer, run.resolved, hop.place, seed_rows)
    dependence = None if found is None else found.local[hop.output]
    if dependence is None:
        raise AnalysisError("no rule knows this op", where=f"layer {hop.layer.name!r}")
    rows = rows_of_axis(dependence, axis)
    if len(rows) <= max(wanted, default=-1):
        raise AnalysisError("it mixes the positions of its input", where=f"layer {hop.layer.name!r}")
    inside = {index: _bits(mask, 0) for index, mask in zip(wanted, _masks(rows, wanted), strict=True)}
    free = _free(run, hop, axis)
    if free is None:
        return inside, None
    reads = {}
    for index in wanted:
        beyond = [place for place in _taps(free, index) if not 0 <= place < size]
        reads[index] = tuple(sorted((*inside[index], *beyond)))
    return reads, _window(free)


def _masks(rows: object, wanted: Sequence[int]) -> list[int]:
    from rfcalc.algebra.rows import Rows, mask_of

    assert isinstance(rows, Rows)
    return [mask_of(row) for row in rows.some(wanted)]


def _free(run: Run, hop: _Hop, axis: int) -> Relation | None:
    """Return what the units of a layer read where there is no border; None where no one grid says that."""
    try:
        found = fields_in_input(
            hop.layer, run.resolved, hop.place, lambda spec: seed_periodic(spec, taps=True)
        )
    except NeedTaps:
        return None
    dependence = None if found is None else found.local[hop.output]
    legs = [] if dependence is None else [leg for leg in dependence.legs if leg.axis == axis]
    if dependence is None or len(legs) != 1 or dependence.reason:
        return None
    held = axis_of(dependence, legs[0])
    relation = None if held is None else held[1]
    if not isinstance(relation, Relation) or not relation.bounded or relation.listed or relation.slack:
        return None
    return relation


def _taps(free: Relation, index: int) -> tuple[int, ...]:
    """Return what a unit reads where there is no border."""
    times, row = divmod(index, free.period)
    first, last = free.lo[row], free.hi[row]
    if first > last:
        return ()
    taps = free.taps[row] if free.taps is not None else (1 << int(last - first) + 1) - 1
    return _bits(taps, int(first) + times * free.advance)


def _bits(mask: int, first: int) -> tuple[int, ...]:
    """List the places of the bits of a mask, counted from `first` on.

    >>> _bits(0b1011, 5)
    (5, 6, 8)
    """
    found = []
    while mask:
        place = (mask & -mask).bit_length() - 1
        found.append(first + place)
        mask &= mask - 1
    return tuple(found)


def _window(free: Relation) -> Window | None:
    """Return the window of a layer, where all its units read alike."""
    if free.period != 1:
        return None
    taps = _taps(free, 0)
    apart = {b - a for a, b in pairwise(taps)}
    if not taps or len(apart) > 1:
        return None
    return Window(len(taps), Fraction(free.advance, free.period), apart.pop() if apart else 1)


# ---- what there is room for --------------------------------------------------------------------------------


def _drawn(run: Run, edge: Edge, axis: int, unit: int, rows: Sequence[SideRow], kept: Sequence[str]) -> Side:
    """Leave out the rows that are too long, and count what comes by other ways."""
    lowest = 0
    for number, row in enumerate(rows[:-2]):
        if len(row.reads) > MOST_UNITS or len(rows) - number > MOST_ROWS:
            lowest = number + 1
    drawn = tuple(rows[lowest:])
    mask = _field(run, edge, axis, unit)
    own = sum(1 << index for index in rows[0].reads)
    below = tuple(row.layer for row in rows[:lowest])
    return Side(
        drawn, unit, mask.bit_count(), rows[0].extent, tuple(kept), below, (), (mask & ~own).bit_count()
    )


def _field(run: Run, edge: Edge, axis: int, unit: int) -> int:
    """Return the pixels that a unit depends on along an axis, on all ways, as bits."""
    spatial = _spec(run, edge).spatial
    at = [int(extent) // 2 if is_known(extent) else 0 for extent in spatial]
    at[axis] = unit
    return field_of(run, edge[0], at).axes[axis].masks[0]
