"""What all units of a tensor together reach of the input: what windows on the way drop, none of them sees.

A field is that of a map without an end; the map that there is ends somewhere. A pooling of 2 leaves the last
of 11 rows out, so that what lies behind sees less of the input than all, a global layer too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import inf

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.legs import Leg, span_of
from rfcalc.algebra.masked import settled
from rfcalc.algebra.number import (
    Num,
    all_integers,
    cdiv,
    greatest,
    is_known,
    least_of,
    maximum,
    minimum,
)
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import LayerFields
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Edge
from rfcalc.records import NamedTuple


class Stretch(NamedTuple):
    """The first and the last index of an axis of the input that are reached; those between may not all be.

    Where a window lies in padding alone, or has taps apart, it may begin earlier and end later than is read.
    """

    first: Num
    last: Num

    @property
    def extent(self) -> Num:
        """How many there are from the first to the last."""
        return self.last - self.first + 1


Reached = tuple[Stretch | None, ...]
"""A stretch of each spatial axis of the input; None where nothing is reached."""


class Reach:
    """What the units of each tensor of a model reach, all together.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    seen : mapping
        What the second pass knows of every layer.
    extents : sequence of Num
        The extents of the input's spatial axes.

    Examples
    --------
    >>> from rfcalc import load
    >>> from rfcalc.engine.run import Run
    >>> run = Run(load({"rfcalc": 1, "input": [11, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2}, {"kind": "global_pool"},
    ... ]}))
    >>> Reach(run.graph, run.fields, run.extents).of(("global_pool_1", 0))
    (Stretch(first=0, last=9),)
    """

    def __init__(self, graph: LayerGraph, seen: Mapping[str, LayerFields], extents: Sequence[Num]) -> None:
        self._graph = graph
        self._seen = seen
        self._extents = extents

    def of(self, edge: Edge) -> Reached | None:
        """Return what a tensor reaches; None where it is not known what it depends on."""
        return self._found.get(edge)

    @cached_property
    def _found(self) -> Mapping[Edge, Reached]:
        found: dict[Edge, Reached] = {}
        whole = tuple(Stretch(0, extent - 1) for extent in self._extents)
        for layer in self._graph:
            seen = self._seen[layer.name]
            if len(layer.inputs) == 1 and layer.inputs[0][1] == 0 and self._seen[layer.inputs[0][0]] is seen:
                if layer.inputs[0] in found:  # most layers hand on the very dependence of what they take
                    found[layer.name, 0] = found[layer.inputs[0]]
                continue
            given = [edge for edge in layer.inputs if edge in found]
            behind = self._united([found[edge] for edge in given]) if layer.inputs else whole
            for output, dependence in enumerate(seen.full):
                if dependence is None:
                    continue
                handed = [found[edge] for edge in given if self._held(edge) is dependence]
                found[layer.name, output] = handed[0] if handed else self._reached(dependence, behind)
        return found

    def _held(self, edge: Edge) -> Dependence | None:
        producer, output = edge
        full = self._seen[producer].full
        return full[output] if output < len(full) else None

    def _united(self, reached: Sequence[Reached]) -> Reached:
        """Return what any of some tensors reaches."""
        if len(reached) == 1:
            return reached[0]
        return tuple(_union([each[axis] for each in reached]) for axis in range(len(self._extents)))

    def _reached(self, dependence: Dependence, behind: Reached) -> Reached:
        """Return what a tensor reaches of what its inputs do."""
        if dependence.masked is not None:
            dependence = settled(dependence)
        return tuple(
            None if before is None else _within(dependence, axis, before)
            for axis, before in enumerate(behind)
        )


def _union(several: Sequence[Stretch | None]) -> Stretch | None:
    """Return the stretch from the first index that any reaches to the last."""
    some = [each for each in several if each is not None]
    if len(some) < 2:
        return some[0] if some else None
    return Stretch(least_of([each.first for each in some]), greatest([each.last for each in some]))


def _within(dependence: Dependence, axis: int, before: Stretch) -> Stretch | None:
    """Return what the rows of a map along an axis hold of a stretch, where they hold something."""
    held: Stretch | None = None
    for leg in dependence.legs:
        if leg.axis == axis:
            if _reaches_all(leg, dependence, before):
                return before
            for each in _rows(leg, dependence, before):
                held = _union((held, each))
                if _is_same(held, before):  # because there is no more: most maps reach it with two rows
                    return before
    return held


def _reaches_all(leg: Leg, dependence: Dependence, before: Stretch) -> bool:
    """Tell whether the first row of a steady map holds the first index, and the last the last, as mostly."""
    relation = leg.relation
    assert isinstance(relation, Relation)
    lo, hi, advance = relation.lo[0], relation.hi[0], relation.advance
    if relation.period != 1 or advance < 0 or lo > hi or not all_integers(before):
        return False
    moved = advance and advance * (span_of(dependence.factors, leg.weights) - 1)
    hi += relation.slack
    return is_known(moved) and lo <= before.first <= hi and lo + moved <= before.last <= hi + moved


def _is_same(held: Stretch | None, before: Stretch) -> bool:
    """Tell whether two stretches of known ends are the same."""
    return held is not None and all_integers((*held, *before)) and held == before


def _rows(leg: Leg, dependence: Dependence, before: Stretch) -> Iterator[Stretch]:
    """List what rows hold of a stretch: of each phase the first and the last that hold something.

    The first row and the last come before all others: they reach farthest, nearly always.
    """
    relation = leg.relation
    assert isinstance(relation, Relation)
    count = span_of(dependence.factors, leg.weights)
    advance = abs(relation.advance)
    for row in _outside_in(relation.period):
        lo, hi = relation.lo[row], relation.hi[row]
        if lo > hi or (row and is_known(count) and row >= count):
            continue
        most = (count - 1 - row) // relation.period if advance else 0  # how often this phase comes again
        back = advance * most if relation.advance < 0 else 0
        first = before.first if lo == -inf else lo - back
        last = before.last if hi == inf else hi - back + relation.slack
        if advance and lo != -inf and hi != inf:
            start = maximum(cdiv(before.first - last, advance), 0)
            stop = minimum((before.last - first) // advance, most)
        else:
            start, stop = 0, most
        found = Stretch(
            maximum(first + advance * start, before.first), minimum(last + advance * stop, before.last)
        )
        if not (is_known(found.first) and is_known(found.last)) or found.first <= found.last:
            yield found


def _outside_in(count: int) -> Iterator[int]:
    """List some indices: the first, the last, then the others.

    >>> list(_outside_in(4)), list(_outside_in(1))
    ([0, 3, 1, 2], [0])
    """
    yield 0
    if count > 1:
        yield count - 1
        yield from range(1, count - 1)
