"""Where branches meet: the centres of their fields, and how far these lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import gcd
from typing import TYPE_CHECKING, Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.number import Num, prove
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Broadcast, Place
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.result import Note
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path

if TYPE_CHECKING:
    from fractions import Fraction

Offset = float | None
"""Pixels of the input; None where it is not known."""

_OPEN = "padding before it depends on an extent that is open"
_GRIDS = "its branches lie on grids of different strides"
_AHEAD = "whether it looks back on purpose depends on an extent that is open"
_MOST_ROWS: Final = 1 << 14
"""Rows of a join that are compared one by one, on an axis along which its branches drift apart."""


class Drift(NamedTuple):
    """How far the centres of branches of different strides lie apart from row to row, in input pixels.

    Parameters
    ----------
    first, last : float
        In the first row, and in the last.
    least, most : float
        The least and the most of all rows.
    """

    first: float
    last: float
    least: float
    most: float


class Join(NamedTuple):
    """A layer in which branches meet that have a grid.

    Parameters
    ----------
    layer : str
        Its name.
    branches : tuple of Edge
        The tensors that meet, each once; those that keep no grid, as gates, are left out.
    centers : tuple of tuple of (float or None)
        For each branch, and each spatial axis of the input, the centre of the field of output 0, in input
        pixels; where fields differ by phase, the mean over a period, brought back to output 0. None where it
        has none.
    offset : tuple of (float or None)
        For each axis how far the centres lie apart at most; None where that is not known.
    reason : str
        Why it is not known.
    drift : tuple of (Drift or None)
        For each axis along which branches have different strides, how far they lie apart in which rows; None
        where all rows are alike, or it is not known.
    strides : tuple of (float or None)
        For each axis how many pixels lie between what neighbouring outputs see; None where branches differ.
    """

    layer: str
    branches: tuple[Edge, ...]
    centers: tuple[tuple[Offset, ...], ...]
    offset: tuple[Offset, ...]
    reason: str = ""
    drift: tuple[Drift | None, ...] = ()
    strides: tuple[Offset, ...] = ()

    @property
    def drifts(self) -> bool:
        """Branches are known to lie otherwise in one row than in another."""
        return any(self.drift)

    @property
    def aligned(self) -> bool:
        """No centre is known to lie apart from another."""
        return not any(self.offset) and not self.reason


class _Placed(NamedTuple):
    """Where a branch stands on one axis: the centre of output 0, the slope, the layers that leave it open.

    With them the dependence and the number of outputs; where all are alike, the last pixel of output 0.
    """

    center: float | Fraction
    slope: tuple[int, int]
    loose: frozenset[str]
    relation: Relation
    count: Num
    last: float | None = None


class Met(NamedTuple):
    """A layer in which branches meet, and where each stands on each axis; None where it has no grid."""

    layer: Layer
    spots: Mapping[Edge, tuple[_Placed | None, ...]]

    @property
    def asks_extents(self) -> bool:
        """How far the branches lie apart depends on how many rows there are."""
        return any(_asks_extents(column) for column in zip(*self.spots.values(), strict=True))

    def join(self, extents: Sequence[Num]) -> Join:
        """Say how the branches meet on an input of such extents."""
        columns = list(zip(*self.spots.values(), strict=True))
        offsets, reasons, drift = zip(*map(_offset, columns, extents), strict=True)
        centers = tuple(
            tuple(None if spot is None or spot.loose else float(spot.center) for spot in placed)
            for placed in self.spots.values()
        )
        reason = next(filter(None, reasons), "")
        strides = tuple(map(_stride, columns))
        return Join(self.layer.name, tuple(self.spots), centers, offsets, reason, drift, strides)


def joins_of(
    layers: Iterable[Layer],
    resolved: Mapping[str, LayerInfo],
    seen: Mapping[str, LayerFields],
    extents: Sequence[Num],
) -> list[Join]:
    """List the layers in which branches meet, gates and statistics over the map cut.

    Parameters
    ----------
    layers : iterable of Layer
        The layers to look at.
    resolved, seen : mapping
        What the two passes know of them.
    extents : sequence of Num
        Extents of the spatial axes of the input.
    """
    found = []
    for layer in layers:
        if len(layer.inputs) > 1:
            join = join_at(layer, resolved, seen, extents)
            if join is not None:
                found.append(join)
    return found


def join_at(
    layer: Layer, resolved: Mapping[str, LayerInfo], seen: Mapping[str, LayerFields], extents: Sequence[Num]
) -> Join | None:
    """Say how the branches of a layer meet; None where fewer than two have a grid."""
    met = met_at(layer, resolved, seen, len(extents))
    return None if met is None else met.join(extents)


def met_at(
    layer: Layer, resolved: Mapping[str, LayerInfo], seen: Mapping[str, LayerFields], rank: int
) -> Met | None:
    """Find where the branches of a layer stand; None where fewer than two have a grid."""
    known = resolved[layer.name]
    if known.result is None or not known.result.paths:
        return None
    spots: dict[Edge, tuple[_Placed | None, ...]] = {}
    for path in known.result.paths[0]:
        edge = layer.inputs[path.input]
        dependence = seen[edge[0]].local[edge[1]] if edge not in spots else None
        if dependence is None or not _meets(path, len(known.result.outputs[0].shape), dependence):
            continue
        branch = resolved[edge[0]].result
        assert branch is not None
        placed = _placed(dependence, path, branch.outputs[edge[1]].shape, rank)
        if any(placed):
            spots[edge] = placed
    return Met(layer, spots) if len(spots) > 1 else None


def _meets(path: Path, rank: int, dependence: Dependence) -> bool:
    """Tell whether a branch enters index by index: as it is, stretched, or as a part of a concatenation."""
    return len(dependence.factors) == rank and all(
        isinstance(step, (Broadcast, Place)) for step in path.steps
    )


def _placed(
    dependence: Dependence, path: Path, shape: Sequence[Num], rank: int
) -> tuple[_Placed | None, ...]:
    """Find where a branch stands on each axis; None where it has no grid, no end, or goes several ways."""
    spots: list[_Placed | None] = [None] * rank
    joined = {step.axis for step in path.steps if isinstance(step, Place) and not step.alike}
    several: set[int] = set()
    for leg in dependence.legs:
        if leg.gridless:
            continue
        if spots[leg.axis] is not None:
            several.add(leg.axis)
        found = axis_of(dependence, leg)
        if found is None or found[0] in joined or not isinstance(found[1], Relation) or found[1].uneven:
            continue
        spots[leg.axis] = _spot(found[1], shape[found[0]])
    return tuple(None if axis in several else spot for axis, spot in enumerate(spots))


def _spot(relation: Relation, count: Num) -> _Placed | None:
    if relation.period == 1 and relation.bounded:
        if relation.lo[0] > relation.hi[0]:
            return None
        center = (relation.lo[0] + relation.hi[0]) / 2
        return _Placed(center, (1, relation.advance), relation.loose, relation, count, relation.hi[0])
    return _phased(relation, count)


def _phased(relation: Relation, count: Num) -> _Placed | None:
    """Take the mean over a period, each row brought back to output 0."""
    from fractions import Fraction  # its import takes longer than most analyses of a join

    rows = [(i, a + b) for i, (a, b) in enumerate(zip(relation.lo, relation.hi, strict=True)) if a <= b]
    if not relation.bounded or not rows:
        return None
    common = gcd(relation.period, relation.advance)
    slope = Fraction(relation.advance, relation.period)
    indices, ends = zip(*rows, strict=True)
    center = (Fraction(int(sum(ends)), 2) - sum(indices) * slope) / len(rows)
    slopes = relation.period // common, relation.advance // common
    return _Placed(center, slopes, relation.loose, relation, count)


def _offset(column: Sequence[_Placed | None], extent: Num) -> tuple[Offset, str, Drift | None]:
    """Compare the branches along one axis: how far apart at most, why that is not known, and row by row."""
    spots = [spot for spot in column if spot is not None]
    if len(spots) < 2:
        return 0.0, "", None
    first = spots[0]
    if any(spot.slope != first.slope for spot in spots):
        drift = _drift(spots)
        return (None, _GRIDS, None) if drift is None else (drift.most, "", drift)
    if any(spot.loose != first.loose for spot in spots):
        return None, _OPEN, None
    centers = [spot.center for spot in spots]
    apart = float(max(centers) - min(centers))
    if apart and _have_one_end(spots):
        past = _ends_inside(first, extent)
        if past is None:
            return None, _AHEAD, None
        if past:  # causal layers look back on purpose: what they have in common is the present
            return 0.0, "", None
    return apart, "", None


def _stride(column: Sequence[_Placed | None]) -> Offset:
    """Return the stride that branches have in common along one axis."""
    slopes = {spot.slope for spot in column if spot is not None}
    if len(slopes) != 1:
        return None
    ((outputs, pixels),) = slopes
    return pixels / outputs


def _have_one_end(spots: Sequence[_Placed]) -> bool:
    """Tell whether all branches move pixel by pixel and end at the same one, as causal ones do."""
    first = spots[0]
    return first.slope == (1, 1) and all(spot.last is not None and spot.last == first.last for spot in spots)


def _asks_extents(column: Sequence[_Placed | None]) -> bool:
    """Tell whether extents have a say in how far the branches lie apart along one axis."""
    spots = [spot for spot in column if spot is not None]
    if len(spots) < 2:
        return False
    if any(spot.slope != spots[0].slope for spot in spots):
        return True
    centers = {spot.center for spot in spots}
    return len(centers) > 1 and _have_one_end(spots)


def _ends_inside(spot: _Placed, extent: Num) -> bool | None:
    """Tell whether the last output reads no pixel behind the input's last; None where extents are open.

    A window that is padded at its far end looks ahead, so that it is no causal one.
    """
    assert spot.last is not None
    if spot.last <= 0:
        return True
    return prove(spot.count + int(spot.last) <= extent)


def _drift(spots: Sequence[_Placed]) -> Drift | None:
    """Say how far centres lie apart from row to row; None where these can't be listed."""
    count = spots[0].count
    if type(count) is not int or not 0 < count <= _MOST_ROWS:
        return None
    if any(spot.count != count or spot.loose or not spot.relation.bounded for spot in spots):
        return None
    rows = []
    for row in range(count):
        ends = [spot.relation.ends(row) for spot in spots]
        centers = [(first + last) / 2 for first, last in ends if first <= last]
        if len(centers) > 1:
            rows.append(float(max(centers) - min(centers)))
    return Drift(rows[0], rows[-1], min(rows), max(rows)) if rows else None


def misaligned_note(
    layers: Iterable[Layer],
    resolved: Mapping[str, LayerInfo],
    seen: Mapping[str, LayerFields],
    extents: Sequence[Num],
) -> list[Note]:
    """Say in one note which joins unite branches whose centres lie apart; parameters as of `joins_of`."""
    every = list(layers)
    if not any(
        any(join.offset) and not join.drifts
        for layer in every
        if len(layer.inputs) > 1 and not _plainly_aligned(layer, seen)
        if (join := join_at(layer, resolved, seen, extents)) is not None
    ):
        return []
    joins = joins_of(every, resolved, seen, extents)
    apart = [join for join in joins if any(join.offset) and not join.drifts]
    worst = max(apart, key=lambda join: max(offset or 0 for offset in join.offset))
    most = max(offset or 0 for offset in worst.offset)
    count = f"{len(apart)} joins unite" if len(apart) > 1 else "a join unites"
    return [
        Note(
            "warning" if most >= 1 else "info",
            "misaligned",
            apart[0].layer,
            f"{count} branches whose fields are centred apart, by {most:g} pixels of the input at most "
            f"({worst.layer!r}); rfcalc align --sizes says at which sizes they align, and what would mend it",
        )
    ]


def _plainly_aligned(layer: Layer, seen: Mapping[str, LayerFields]) -> bool:
    """Tell without much ado, as of most joins, that all branches have one centre on each axis."""
    centers: dict[int, float] = {}
    for producer, output in layer.inputs:
        dependence = seen[producer].local[output]
        for leg in dependence.legs if dependence is not None else ():
            relation = leg.relation
            if relation.whole or not isinstance(relation, Relation):
                continue
            center = relation.lo[0] + relation.hi[0]
            if relation.period != 1 or center != centers.setdefault(leg.axis, center):
                return False
    return True
