"""What each unit of each layer reads of the input, for a page that looks it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import indices_of, rows_of_axis
from rfcalc.algebra.number import is_known
from rfcalc.algebra.rows import Row, Rows
from rfcalc.engine.open_sizes import open_size_of
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import spec_of
from rfcalc.engine.taps import opens, suspects
from rfcalc.errors import RfcalcError
from rfcalc.graph.layer import Edge
from rfcalc.page.stretches import NOTHING, WHOLE, Span, stretches_of
from rfcalc.page.weights import weights_document
from rfcalc.questions.effective.every import every_unit
from rfcalc.questions.field.find import relation_along

_MOST_UNITS: Final = 1 << 16
"""Units of a map along an axis, up to which they are listed."""

_MOST_ELEMENTS: Final = 1 << 12
"""Elements of what is no map, as behind a flatten, up to which they are listed: who would go through more?"""

_ONE_UNIT: Final = "rfcalc field --at tells it of one"

_LONGEST_PERIOD: Final = 64
"""Units after which fields repeat, up to which runs are told by periods."""


def fields_document(run: Run, edges: Sequence[Edge | None]) -> tuple[dict[str, Any] | None, str]:
    """Return what every unit of some tensors reads, or None and why that is not known.

    Parameters
    ----------
    run : Run
        The model, at the size that is asked about.
    edges : sequence of (Edge or None)
        The tensor of each row of the analysis; None where a row has none.
    """
    if not run.extents:
        return None, "the input has no spatial axes, so that there is nothing to see on a map"
    if not all(map(is_known, run.extents)):
        return (
            None,
            f"the size of the input is open; give one{_size_to_give(run)} to see what each unit reads",
        )
    try:
        seen = run.rows
    except RfcalcError as error:
        return None, f"what each unit reads is not listed ({error}); {_ONE_UNIT}"
    table = _Table(len(run.extents))
    free = _without_border(run)
    why = {row: reason for row, edge in enumerate(edges) if (reason := _too_many(run, seen, edge))}
    listed = [None if row in why else edge for row, edge in enumerate(edges)]
    document = {
        "of": [_map(table, seen, free, edge, gates=True) for edge in listed],
        "local": [_map(table, seen, free, edge, gates=False) for edge in listed],
        "why": {str(row): reason for row, reason in why.items()},
        "maps": [list(axes) for axes, _ in table.maps],
        "indices": [list(indices) for _, indices in table.maps],
        "axes": table.axes,
        "taps": table.taps,
        "weights": weights_document(every_unit(run), edges),
    }
    return document, ""


def _size_to_give(run: Run) -> str:
    """Return how a size is given that the model was likely made for, where that is known."""
    found = open_size_of(run.graph, run.resolved, run.chosen)
    if found is None or not found.likely:
        return ""
    pairs = zip(found.names, found.likely, strict=True)
    return f", such as {' '.join(f'--dim {name}={extent}' for name, extent in pairs)},"


def _too_many(run: Run, seen: Mapping[str, LayerFields], edge: Edge | None) -> str:
    """Say that there are too many units in a tensor to list what each of them reads; else an empty string."""
    dependence = None if edge is None else seen[edge[0]].full[edge[1]]
    if edge is None or dependence is None:
        return ""
    is_map = len(spec_of(run.resolved, edge).spatial) == len(run.extents)
    most, count = _MOST_UNITS if is_map else _MOST_ELEMENTS, _units(dependence)
    return "" if count <= most else f"what each of {count:,} units reads is not listed; {_ONE_UNIT}"


def _units(dependence: Dependence) -> int:
    """Return how many elements lie along the longest of the axes whose elements do not all read the same."""
    moved = [place for place in range(len(dependence.factors)) if dependence.moves(place)]
    counts = (
        prod(int(extent) if is_known(extent) else 1 for extent in dependence.factors[place])
        for place in moved
    )
    return max(counts, default=1)


@dataclass
class _Table:
    """Maps and axes that were told already, each once."""

    rank: int
    maps: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = field(default_factory=dict)
    axes: list[dict[str, Any]] = field(default_factory=list)
    taps: list[list[int]] = field(default_factory=list)
    _known: dict[int, tuple[Dependence, int | None]] = field(default_factory=dict)
    _axes: dict[tuple[object, ...], int] = field(default_factory=dict)
    _taps: dict[int, int] = field(default_factory=dict)

    def map_of(self, dependence: Dependence, free: Dependence | None) -> int | None:
        """Return the number of what a tensor depends on; None where its rows cannot be listed."""
        if id(dependence) not in self._known:
            try:
                found = tuple(self._axis(dependence, free, axis) for axis in range(self.rank))
                told = found, indices_of(dependence, self.rank)
                number: int | None = self.maps.setdefault(told, len(self.maps))
            except RfcalcError:  # of a map that is too large
                number = None
            self._known[id(dependence)] = dependence, number
        return self._known[id(dependence)][1]

    def _axis(self, dependence: Dependence, free: Dependence | None, axis: int) -> int:
        rows = rows_of_axis(dependence, axis)
        exact = rows.exact and not dependence.reason
        window = _window(free, axis) if exact else None
        key = (_listed(rows), exact, None if window is None else (window["advance"], *window["spans"]))
        if key not in self._axes:
            self._axes[key] = len(self.axes)
            self.axes.append(self._told(rows, exact, window))
        return self._axes[key]

    def _told(self, rows: Rows, exact: bool, window: dict[str, Any] | None) -> dict[str, Any]:
        spans = [self._span(row) for row in rows.rows]
        period = 1 if window is None else len(window["spans"])
        periods = (1,) if not 1 < period <= _LONGEST_PERIOD else (1, period)
        runs = [
            [each.units, each.first_step, each.last_step, *map(list, each.spans)]
            for each in stretches_of(spans, periods)
        ]
        if window is not None:
            window = {**window, "spans": [list(span) for span in window["spans"]]}
        return {"extent": len(rows), "exact": exact, "runs": runs, "window": window}

    def _span(self, row: Row) -> Span:
        first, last, bits = row
        if first > last:
            return NOTHING
        if not bits:
            return Span(first, last, WHOLE)
        if bits not in self._taps:
            self._taps[bits] = len(self.taps)
            self.taps.append(stretched(bits))
        return Span(first, last, self._taps[bits])


def _listed(rows: Rows) -> tuple[Row, ...]:
    return tuple(rows.rows)


def stretched(bits: int) -> list[int]:
    """Return how many bits from the lowest on are set, not set, set again, and so on.

    >>> stretched(0b1100111)
    [3, 2, 2]
    """
    found = []
    while bits:
        ones = (~bits & (bits + 1)).bit_length() - 1
        found.append(ones)
        bits >>= ones
        zeros = (bits & -bits).bit_length() - 1
        if bits:
            found.append(zeros)
            bits >>= zeros
    return found


def _map(
    table: _Table,
    seen: Mapping[str, LayerFields],
    free: Mapping[str, LayerFields],
    edge: Edge | None,
    *,
    gates: bool,
) -> int | None:
    """Return the number of the map of a tensor; None where what it depends on is not known."""
    if edge is None:
        return None
    name, output = edge
    rows, open_rows = seen[name], free[name]
    dependence = (rows.full if gates else rows.local)[output]
    if dependence is None:
        return None
    return table.map_of(dependence, (open_rows.full if gates else open_rows.local)[output])


def _without_border(run: Run) -> Mapping[str, LayerFields]:
    """Return what layers depend on on an infinite map, tap by tap where some window leaves pixels out."""
    from rfcalc.engine.holes import countable

    if any(opens(each, run.fields) for each in suspects(run.graph, run.resolved)) and countable(run):
        return run.taps
    return run.fields


def _window(free: Dependence | None, axis: int) -> dict[str, Any] | None:
    """Return what units read where there is no border; None where that has no end, or is on no one grid."""
    relation = None if free is None else relation_along(free, axis)
    if relation is None or relation.slack or relation.period > _LONGEST_PERIOD:
        return None
    spans = []
    for place, (lo, hi) in enumerate(zip(relation.lo, relation.hi, strict=True)):
        first, last = int(lo), int(hi)
        count = max(last - first + 1, 0) if relation.taps is None else relation.taps[place].bit_count()
        spans.append((first, last, count))
    return {"advance": relation.advance, "spans": spans}
