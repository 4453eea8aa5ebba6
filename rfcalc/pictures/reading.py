"""What the units of one layer read of what lies below it, padding told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from rfcalc.algebra.indexing import axis_of, rows_of_axis
from rfcalc.algebra.relation import NeedTaps, Relation
from rfcalc.algebra.rows import mask_of
from rfcalc.engine.propagate import fields_in_input, seed_periodic, seed_rows
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Layer
from rfcalc.records import NamedTuple

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


class Hop(NamedTuple):
    """A layer on the way, which of its outputs is on it, and which of its inputs the way goes through."""

    layer: Layer
    output: int
    place: int

    @property
    def tensor(self) -> str:
        """The name of what it puts out there."""
        names = self.layer.outputs
        return names[self.output] if self.output and self.output < len(names) else self.layer.name


class Reading(NamedTuple):
    """What some units of a layer read.

    Parameters
    ----------
    reads : mapping of int to tuple of int
        For each unit what it reads; indices below 0, or beyond the last unit of what it reads, are padding.
    window : Window, optional
        The window of all units, where they read alike.
    exact : bool
        They read just that; else at most that.
    """

    reads: Reads
    window: Window | None
    exact: bool


def reading_of(run: Run, hop: Hop, axis: int, wanted: Sequence[int], size: int) -> Reading:
    """Return what some units of a layer read, gates cut.

    Parameters
    ----------
    run : Run
        The model.
    hop : Hop
        The layer, and the input of it that is meant.
    axis : int
        The spatial axis.
    wanted : sequence of int
        The units.
    size : int
        How many units that input has.

    Raises
    ------
    AnalysisError
        No rule knows the layer, or its units lie on no axis.
    """
    found = fields_in_input(hop.layer, run.resolved, hop.place, seed_rows)
    dependence = None if found is None else found.local[hop.output]
    if dependence is None:
        raise AnalysisError("no rule knows this op", where=f"layer {hop.layer.name!r}")
    rows = rows_of_axis(dependence, axis)
    if len(rows) <= max(wanted, default=-1):
        raise AnalysisError("it mixes the positions of its input", where=f"layer {hop.layer.name!r}")
    inside = {index: _bits(mask_of(row), 0) for index, row in zip(wanted, rows.some(wanted), strict=True)}
    exact = rows.exact and not dependence.reason
    free = _free(run, hop, axis)
    if free is None:
        return Reading(inside, None, exact)
    reads = {}
    for index in wanted:
        beyond = [place for place in _taps(free, index) if not 0 <= place < size]
        reads[index] = tuple(sorted((*inside[index], *beyond)))
    return Reading(reads, _window(free), exact)


def _free(run: Run, hop: Hop, axis: int) -> Relation | None:
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
