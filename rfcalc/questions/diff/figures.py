"""In which figures a layer differs from its counterpart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.diff.result import FIGURES, Side

DEPENDS: Final[Mapping[str, frozenset[str]]] = {
    "output_shape": frozenset(("output_shape",)),
    "params": frozenset(("output_shape",)),
    "macs": frozenset(("output_shape",)),
}
"""On which figures of a layer's inputs some of its own depend, and on nothing else that lies before it."""


OF_FIELDS: Final = frozenset(("receptive_field", "receptive_field_min", "effective_stride", "center"))
"""The figures that are upper bounds, or follow from some, where the status says so."""


def bounded_alone(old: Row, new: Row) -> bool:
    """Tell whether the field of a layer is known in both models, and in one of them as a bound alone."""
    return {old.status, new.status} == {"exact", "bound"}


def rows_of(graph: LayerGraph, result: AnalysisResult) -> dict[str, Row]:
    """Return the row of every layer of a graph: of one that is called several times that of the call."""
    rows = {row.name: row for row in result.rows if not row.container}
    calls: dict[str, int] = {}
    found = {}
    for layer in graph:
        row = rows[layer.source_name]
        number = calls.get(row.name, 0)
        calls[row.name] = number + 1
        found[layer.name] = row.calls[number] if row.calls else row
    return found


class Compared:
    """How figures of two models are compared.

    Parameters
    ----------
    old, new : AnalysisResult
        The models.
    comparable : bool
        They are of different formats: axes may stand in another order, so maps and elements are compared.
    """

    def __init__(self, old: AnalysisResult, new: AnalysisResult, comparable: bool) -> None:
        self._batches = tuple(_batch(result) for result in (old, new))
        self._comparable = comparable

    def figures(self, old: Side, new: Side) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the figures that differ, and those that are known on one side alone."""
        different, unclear = [], []
        for name in FIGURES:
            same = self._same(name, old, new)
            if same is None:
                unclear.append(name)
            elif not same:
                different.append(name)
        return tuple(different), tuple(unclear)

    def _same(self, name: str, old: Side, new: Side) -> bool | None:
        if name == "params":
            return _alike(old.params, new.params)
        if name == "output_shape":
            return self._shapes(old.row, new.row)
        one, two = getattr(old.row, name), getattr(new.row, name)
        if name in ("macs", "status"):
            return _alike(one, two)
        if one is None or two is None:
            return True if one is two else None
        same = bool(one == two)
        if name == "receptive_field":
            same &= old.row.local_receptive_field == new.row.local_receptive_field
        # what is at most so much may be what the other model has
        return None if not same and name in OF_FIELDS and bounded_alone(old.row, new.row) else same

    def _shapes(self, one: Row, two: Row) -> bool | None:
        if self._comparable:
            if one.output_shape is None or two.output_shape is None:
                return True if one.output_shape is two.output_shape else None
            return all_alike((*map_of(one, two), one.activations), (*map_of(two, one), two.activations))
        shapes = [
            _without(row.output_shape, batch) for row, batch in zip((one, two), self._batches, strict=True)
        ]
        if shapes[0] is None or shapes[1] is None:
            return True if shapes[0] is shapes[1] else None
        return all_alike(shapes[0], shapes[1])


def map_of(row: Row, beside: Row) -> tuple[Num | None, ...]:
    """Return the extents of a map as they are compared with another's.

    One element of a map is as good as none; so is one along an axis that the other map does not have.
    """
    wide = tuple(extent for extent in row.spatial if extent != 1)
    return wide if not wide or len(row.spatial) != len(beside.spatial) else row.spatial


def _batch(result: AnalysisResult) -> Num | None:
    """Return the first extent of the chosen input, which stands for the batch."""
    shape = next((each.shape for each in result.inputs if each.name == result.input), ())
    return shape[0] if shape else None


def _without(shape: Sequence[Num | None] | None, batch: Num | None) -> Sequence[Num | None] | None:
    """Leave out the batch axis, whose extent may be another in each file."""
    return shape[1:] if shape and shape[0] == batch else shape


def _alike(one: Any, two: Any) -> bool | None:
    if one is None or two is None:
        return True if one is two else None
    return bool(one == two)


def all_alike(one: Sequence[Any], two: Sequence[Any]) -> bool | None:
    """Compare extents: a difference outweighs what is known on one side alone."""
    if len(one) != len(two):
        return False
    found = [_alike(a, b) for a, b in zip(one, two, strict=True)]
    return False if False in found else None if None in found else True
