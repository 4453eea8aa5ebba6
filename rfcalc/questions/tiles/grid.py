"""Halo, scale and alignment of each axis from the periodic relation, or what forbids to cut it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, lcm
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.relation import MAX_PERIOD, Relation
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.trace import Which
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Layer
from rfcalc.questions.tiles.result import Blocker, Trouble
from rfcalc.questions.tiles.sizes import Case, Sizes
from rfcalc.records import NamedTuple

_REASONS: Final[Mapping[Trouble, str]] = {
    "whole": "needs all of the axis for every output",
    "state": "carries a state over all that came before",
    "ahead": "needs all that comes after a position",
    "lost": "leaves no positions along the axis",
    "tangled": "mixes positions so that no one axis goes with those of the input",
    "bound": "is followed by a bound only",
}


class Grid(NamedTuple):
    """How the wanted output stands on one axis of the input.

    Parameters
    ----------
    relation : Relation
        Which pixels each output needs, away from borders.
    place : int
        Which axis of the output goes with it.
    before, after : int
        The halo around blocks of ``relation.advance`` pixels.
    align : int
        Pixels by which all maps on the way can be moved by whole elements, and phases stay.
    """

    relation: Relation
    place: int
    before: int
    after: int
    align: int

    def outputs(self, pixels: int) -> int:
        """Return how many outputs there are for a number of pixels, a multiple of `align`."""
        return pixels * self.relation.period // self.relation.advance


Standing = tuple[Grid | None, Blocker | None]
"""How the output stands on an axis, and what forbids to cut it; both where a state is carried along it."""


def grids_of(sizes: Sizes, case: Case, *, cut_gates: bool) -> list[Standing]:
    """Tell for each spatial axis of the input how the output stands on it, and why it cannot be cut.

    Raises
    ------
    AnalysisError
        The output depends on an op that no rule knows.
    """
    seen = case.fields
    which: Which = "local" if cut_gates else "full"
    final = getattr(seen[sizes.edge[0]], which)[sizes.edge[1]]
    if final is None:
        raise AnalysisError(
            f"it depends on {seen[sizes.edge[0]].blame}, which no rule knows; "
            "--on-unknown bound or identity goes on without",
            where=f"layer {sizes.edge[0]!r}",
        )
    return [_grid_of(sizes, case, seen, which, axis) for axis in range(sizes.rank)]


def _grid_of(sizes: Sizes, case: Case, seen: Mapping[str, LayerFields], which: Which, axis: int) -> Standing:
    name, place = sizes.edge
    final = getattr(seen[name], which)[place]
    trouble = _trouble(final, axis)
    if not trouble:
        return _grid(case, seen, which, final, axis), None
    layer = _culprit(case, seen, which, axis, name)
    cuttable = False
    if which == "full":
        local = seen[name].local[place]
        cuttable = local is not None and not _trouble(local, axis)
    reason = final.reason or _REASONS["bound"] if trouble == "bound" else _REASONS[trouble]
    grid = None
    found = _standing(final, axis)
    if trouble == "state" and found is not None and found[1].advance > 0 and not found[1].listed:
        grid = _grid(case, seen, which, final, axis)
    return grid, Blocker(trouble, layer.name, layer.op, reason, cuttable)


def _grid(case: Case, seen: Mapping[str, LayerFields], which: Which, final: Dependence, axis: int) -> Grid:
    found = _standing(final, axis)
    assert found is not None
    place, relation = found
    rows = [(a, b) for a, b in zip(relation.lo, relation.hi, strict=True) if a <= b]
    align = lcm(relation.advance, _stride(case, seen, which, axis))
    before = max(int(-a) if a != -inf else 0 for a, _ in rows)
    after = max(int(b) for _, b in rows) - relation.advance + 1
    return Grid(relation, place, before, after, align)


def strides_of(sizes: Sizes, case: Case, which: Which) -> list[int]:
    """Return for each spatial axis of the input by how many pixels all maps on the way move together."""
    seen = case.fields
    return [_stride(case, seen, which, axis) for axis in range(sizes.rank)]


def _stride(case: Case, seen: Mapping[str, LayerFields], which: Which, axis: int) -> int:
    """Return the least pixels by which all maps on the way to the output move by whole elements."""
    return lcm(
        *(
            leg.relation.advance
            for each in _dependences(case, seen, which)
            for leg in each.legs
            if leg.axis == axis and isinstance(leg.relation, Relation) and leg.relation.advance > 0
        )
    )


def _dependences(case: Case, seen: Mapping[str, LayerFields], which: Which) -> list[Dependence]:
    found = {
        id(each): each
        for layer in case.chain
        for each in getattr(seen[layer.name], which)
        if each is not None
    }
    return list(found.values())


def _standing(dependence: Dependence, axis: int) -> tuple[int, Relation] | None:
    """Find the one axis of a tensor that goes with an axis of the input."""
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    found = axis_of(dependence, legs[0]) if len(legs) == 1 else None
    if found is None or not isinstance(found[1], Relation):
        return None
    return found[0], found[1]


def _trouble(dependence: Dependence, axis: int) -> Trouble:
    """Say what forbids to cut a tensor along an axis of the input."""
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    ends = [leg.relation for leg in legs if isinstance(leg.relation, Relation)]
    if any(relation.whole for relation in ends):
        return "whole" if all(relation.exact for relation in ends) else "bound"
    below, above = (any(end in each for each in sides) for end, sides in (
        (-inf, [relation.lo for relation in ends]), (inf, [relation.hi for relation in ends]),
    ))  # fmt: skip
    if below or above:
        return "whole" if below and above else "state" if below else "ahead"
    if not legs or all(leg.gridless for leg in legs):
        return "lost"
    found = _standing(dependence, axis)
    if found is None or found[1].listed or found[1].advance <= 0 or not _has_rows(found[1]):
        return "tangled"
    return "" if found[1].exact and not found[1].loose else "bound"


def _has_rows(relation: Relation) -> bool:
    return relation.period <= MAX_PERIOD and any(
        a <= b for a, b in zip(relation.lo, relation.hi, strict=True)
    )


def _culprit(case: Case, seen: Mapping[str, LayerFields], which: Which, axis: int, name: str) -> Layer:
    """Find the first layer on the way to `name` behind which the axis cannot be cut."""
    layers = {layer.name: layer for layer in case.chain}

    def troubled(edge: tuple[str, int]) -> bool:
        outputs: Sequence[Dependence | None] = getattr(seen[edge[0]], which)
        dependence = outputs[edge[1]] if edge[1] < len(outputs) else None
        # what does not depend on the input at all is no trouble
        return dependence is not None and bool(dependence.legs) and bool(_trouble(dependence, axis))

    layer = layers[name]
    while True:
        before = next((edge for edge in layer.inputs if troubled(edge)), None)
        if before is None:
            return layer
        layer = layers[before[0]]
