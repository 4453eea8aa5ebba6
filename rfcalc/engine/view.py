"""What one tensor sees: the figures that are made from its dependence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.legs import Leg, span_of
from rfcalc.algebra.masked import settled
from rfcalc.algebra.number import (
    Num,
    as_integer,
    greatest,
    is_known,
    least_of,
    maximum,
    minimum,
    prod,
)
from rfcalc.algebra.relation import Relation
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.reach import Reach, Reached, Stretch
from rfcalc.engine.result import Size, Status
from rfcalc.graph.layer import Edge
from rfcalc.records import NamedTuple

SEVERAL: Final = (
    "it is reached by several ways that no one index orders; rfcalc field lists what each index needs"
)

COVERED: Final = (
    "more is covered than is needed: phases repeat too late to be listed, "
    "or padding depends on an open extent"
)


class _Axis(NamedTuple):
    """Figures of one tensor along one spatial axis of the input."""

    size: Size
    least: Size
    stride: float | None
    padding: Size
    center: float | None


class FieldView(NamedTuple):
    """The part of a row that says what the tensor sees."""

    receptive_field: tuple[Size, ...] | None = None
    receptive_field_min: tuple[Size, ...] | None = None
    local_receptive_field: tuple[Size, ...] | None = None
    effective_stride: tuple[float | None, ...] | None = None
    effective_padding: tuple[Size, ...] | None = None
    center: tuple[float | None, ...] | None = None
    coverage: float | None = None
    status: Status = "unknown"
    reason: str = ""


class Views:
    """What tensors see, each worked out once: most layers hand on the very dependence of their input.

    Parameters
    ----------
    seen : mapping
        What the second pass knows of every layer.
    extents : sequence of Num
        The extents of the input's spatial axes.
    reach : Reach
        What tensors reach of the input.
    before : Views, optional
        Those of a model of which this one was made: layers that did not change share what they depend on.
    """

    def __init__(
        self,
        seen: Mapping[str, LayerFields],
        extents: Sequence[Num],
        reach: Reach,
        before: Views | None = None,
    ) -> None:
        self._seen = seen
        self._extents = extents
        self._before = before  # keeps its dependences alive: their id() are among the keys of `_known`
        self.reach = reach
        self._known: dict[tuple[int, int, Reached | None], FieldView] = {}
        if before is not None and before._extents == extents:
            self._known.update(before._known)

    def of(self, edge: Edge) -> FieldView:
        """Say what a tensor sees."""
        producer, place = edge
        seen = self._seen[producer]
        if place >= len(seen.full) or seen.full[place] is None:
            return view_of(seen, place, self._extents)
        reached = self.reach.of(edge)
        key = (id(seen.full[place]), id(seen.local[place]), reached)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = view_of(seen, place, self._extents, reached)
        return found

    def local_field(self, edge: Edge) -> tuple[Size, ...] | None:
        """Return a field with gates cut; None where it is not known, or only an upper bound of it is."""
        view = self.of(edge)
        return view.local_receptive_field if view.status == "exact" else None


def view_of(
    seen: LayerFields, place: int, extents: Sequence[Num], reached: Reached | None = None
) -> FieldView:
    """Say what output `place` of a layer sees of an input of those spatial extents, and reaches of it."""
    full, local = (seen.full[place], seen.local[place]) if place < len(seen.full) else (None, None)
    if full is None or local is None:
        return FieldView(reason=f"depends on {seen.blame}, which no rule knows")
    if full.masked is not None or local.masked is not None:
        full, local = settled(full), settled(full if local is full else local)
    rank = len(extents)
    axes, inner = _figures(full, local, rank)
    reason = _why_bound(full, rank) or (_why_bound(local, rank) if local is not full else "")
    sizes, least, strides, paddings, centers = zip(*axes, strict=True) if axes else ((),) * 5
    return FieldView(
        sizes,
        least,
        inner,
        strides,
        paddings,
        centers,
        _coverage(sizes, extents, reached),
        "bound" if reason else "exact",
        reason,
    )


MOST_VALUES: Final = 1 << 16
"""Combinations of digits that are looked at one by one."""


def _why_bound(dependence: Dependence, rank: int) -> str:
    """Say why sizes cover more than is needed, where they do."""
    if dependence.reason:
        return dependence.reason
    if not _exact(dependence):
        return COVERED
    return "" if _ordered(dependence, rank) else SEVERAL


def _ordered(dependence: Dependence, rank: int) -> bool:
    """Tell whether the size along every axis is known: one way, constants alone, or one that is global."""
    if len({leg.axis for leg in dependence.legs}) == len(dependence.legs):  # as of most tensors
        return True
    for axis in range(rank):
        legs = [leg for leg in dependence.legs if leg.axis == axis]
        known = len(legs) < 2 or all(leg.gridless for leg in legs)
        known = known or any(isinstance(leg.relation, Relation) and leg.relation.whole for leg in legs)
        if not known and _sizes_of_union(dependence, legs) is None:
            return False
    return True


def _exact(dependence: Dependence) -> bool:
    return all(leg.relation.exact for leg in dependence.legs)


def _figures(full: Dependence, local: Dependence, rank: int) -> tuple[list[_Axis], tuple[Size, ...]]:
    """Figures of each input axis, and their local sizes.

    Where the full field is the whole axis, the grid of the local one says where it stands.
    """
    out: list[_Axis] = []
    sizes: list[Size] = []
    for axis in range(rank):
        inner = figures = _axis_figures(full, axis)
        if local is not full:
            inner = _axis_figures(local, axis)
        if figures.padding is None and figures is not inner:
            stride = inner.stride if figures.stride is None else figures.stride
            figures = figures._replace(stride=stride, padding=inner.padding, center=inner.center)
        out.append(figures)
        sizes.append(inner.size)
    return out, tuple(sizes)


_NOTHING = _Axis(0, 0, None, None, None)
_WHOLE = _Axis(None, None, None, None, None)


def _axis_figures(dependence: Dependence, axis: int) -> _Axis:
    """Return the figures of one axis of the input."""
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    if not legs:
        return _NOTHING
    if len(legs) > 1:
        return _several(dependence, legs)
    leg = legs[0]
    folded = axis_of(dependence, leg)
    relation = leg.relation if folded is None else folded[1]
    assert isinstance(relation, Relation)
    if folded is not None and relation.is_interval():
        first, last = relation.lo[0], relation.hi[0]
        size = as_integer(last - first) + 1
        place = (None, None) if relation.loose else (-as_integer(first), (first + last) / 2)
        return _Axis(size, size, abs(relation.advance) or None, *place)
    sizes = relation.sizes()
    if len(sizes) > 1:  # where they repeat only behind the end of the map, the last ones belong to no output
        whole = span_of(dependence.factors, leg.weights)
        count = whole if folded is None else prod(dependence.factors[folded[0]])
        if is_known(count) and count > 0:
            sizes = sizes[: minimum(count, len(sizes))]
    largest, least = greatest(sizes), least_of(sizes)
    stride = None
    if folded is not None and relation.advance and not relation.uneven:
        stride = _number(abs(relation.advance), relation.period)
    first, last = relation.lo[0], relation.hi[0]
    placed = relation.bounded and not relation.loose and first <= last and folded is not None
    placed = placed and not relation.uneven
    return _Axis(
        None if largest == inf else as_integer(largest),
        None if least == inf else as_integer(least),
        stride,
        -as_integer(first) if placed else None,
        (first + last) / 2 if placed else None,
    )


def _number(over: int, under: int) -> float:
    return over // under if over % under == 0 else over / under


def _several(dependence: Dependence, legs: Sequence[Leg]) -> _Axis:
    """Size of a union of ways that no single index orders; where they cannot be listed, the whole axis."""
    relations = [leg.relation for leg in legs if isinstance(leg.relation, Relation)]
    if all(leg.gridless for leg in legs) and all(relation.bounded for relation in relations):
        size = int(max(r.hi[0] for r in relations) - min(r.lo[0] for r in relations)) + 1
        return _Axis(size, size, None, None, None)
    sizes = _sizes_of_union(dependence, legs)
    return _WHOLE if sizes is None else _Axis(sizes[1], sizes[0], None, None, None)


def _sizes_of_union(dependence: Dependence, legs: Sequence[Leg]) -> tuple[int, int] | None:
    """Least and largest size over all digits that move the ways, such as those of a query and a key."""
    digits = [
        (extent, tuple(leg.weights[axis][place] for leg in legs))
        for axis, extents in enumerate(dependence.factors)
        for place, extent in enumerate(extents)
        if any(leg.weights[axis][place] for leg in legs)
    ]
    if not all(is_known(extent) for extent, _ in digits) or prod(int(e) for e, _ in digits) > MOST_VALUES:
        return None
    relations = [leg.relation for leg in legs if isinstance(leg.relation, Relation)]
    if len(relations) < len(legs) or not all(r.bounded and not r.loose for r in relations):
        return None
    indices = {(0,) * len(legs)}
    for extent, weights in digits:
        indices = {
            tuple(i + w * k for i, w in zip(index, weights, strict=True))
            for index in indices
            for k in range(extent)
        }
    sizes = set()
    for index in indices:
        ends = [r.ends(i) for r, i in zip(relations, index, strict=True)]
        held = [(a, b) for a, b in ends if a <= b]
        sizes.add(int(max(b for _, b in held) - min(a for a, _ in held)) + 1 if held else 0)
    return min(sizes), max(sizes)


def _coverage(sizes: Sequence[Size], extents: Sequence[Num], reached: Reached | None) -> float | None:
    """Share of the input's area inside the field, without what lies outside of it or is not reached."""
    if reached is None:
        reached = tuple(Stretch(0, extent - 1) for extent in extents)
    share: Num = 1.0
    for size, extent, stretch in zip(sizes, extents, reached, strict=True):
        if size == 0 or stretch is None:
            return 0.0
        if not is_known(extent) or extent == 0:
            return None
        inside = maximum(stretch.extent, 0)
        share *= (inside if size is None else minimum(size, inside)) / extent
    return share  # type: ignore[no-any-return]  # a float, or one for each of many designs
