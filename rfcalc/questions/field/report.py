"""The field of a layer: its document, and the same for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain, groupby, pairwise
from math import prod
from operator import and_
from typing import Any, Final, TypeVar

from rfcalc.algebra.rows import row_span
from rfcalc.engine.result import Note, Status
from rfcalc.errors import UsageError
from rfcalc.questions.field.result import (
    CROSSING,
    FieldAxis,
    FieldResult,
    Span,
    check_output,
    check_places,
    places_of,
)
from rfcalc.records import NamedTuple
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import percent
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import RIGHT, Table, aligned
from rfcalc.wording import axis_names, few

T = TypeVar("T")

SCHEMA: Final = "rfcalc/field/1"
SEEING: Final = "rfcalc/seeing/1"

_LEAST_STEADY: Final = 6  # lines: fewer are as quickly read as what would stand for them


@dataclass(frozen=True, slots=True, repr=False)
class Field(Documented, Shown, FieldResult):
    """The result of `rfcalc.field`: for each axis the input indices that each output index depends on.

    Parameters
    ----------
    at : tuple of int, optional
        The one output unit that the rows are of; by default they are of all.
    every : bool
        False to let one line of the text stand for rows on end that are each the same step further on.
    """

    at: tuple[int, ...] | None = None
    every: bool = True

    def unit(self, at: Sequence[int]) -> Field:
        """Keep the one output unit at an index: one row an axis.

        Raises
        ------
        UsageError
            The index has too many or too few places, or lies outside of the layer's output.
        """
        places = places_of(at, self.indices or range(len(self.axes)), self.layer)
        return replace(self, axes=tuple(map(_axis_at, self.axes, places)), at=places)

    def shortened(self) -> Field:
        """Return it with one line of the text for rows on end that are each the same step further on."""
        return replace(self, every=False)

    @property
    def box(self) -> tuple[tuple[int, int] | None, ...] | None:
        """First and last input index on each axis, for a field of one unit; None on an axis not seen."""
        if self.at is None:
            return None
        return tuple(None if row is None else row[:2] for axis in self.axes for row in axis.rows)

    def seeing(self, pixel: Sequence[int]) -> Seeing:
        """Turn it round: the units that see a pixel of the input.

        Parameters
        ----------
        pixel : sequence of int
            Its index on each spatial axis of the input.

        Raises
        ------
        UsageError
            It has too many or too few places, or lies outside of the input.
        """
        check_places(pixel, len(self.axes))
        units = self.units or ("pixels",) * len(self.axes)
        seen = list(map(_seeing_at, self.axes, pixel, units))
        for number in set(self.indices):  # a unit sees it that does along all axes of its index
            together = [place for place, each in enumerate(self.indices) if each == number]
            mask = reduce(and_, [seen[place].mask for place in together])
            for place in together:
                seen[place] = seen[place]._replace(units=row_span(mask), mask=mask)
        return Seeing(self.model, self.layer, self.input, tuple(pixel), tuple(seen), self.notes, self.indices)

    @property
    def lost(self) -> float | None:
        """The share of one unit's window that lies in padding; None where the window has no end."""
        shares = [axis.lost for axis in self.axes]
        if self.at is None or any(share is None for share in shares):
            return None
        return 1 - prod(1 - share[0] for share in shares if share is not None)

    @property
    def touching(self) -> tuple[int, int] | None:
        """How many units lose part of their window to padding, and of how many; None where not known."""
        free = 1
        for together in self.shared:
            shares = [axis.lost for axis in together if axis.lost is not None]
            if len(shares) < len(together):
                return None
            free *= sum(not any(unit) for unit in zip(*shares, strict=True))
        return self.count - free, self.count

    @property
    def count(self) -> int:
        """How many units the layer has, by the indices that go with axes of the input."""
        return prod(together[0].extent for together in self.shared)

    def to_dict(self) -> dict[str, Any]:
        """Return the field document, ``rfcalc/field/1``, as plain data."""
        document: dict[str, Any] = {"schema": SCHEMA, "layer": self.layer}
        if self.at is not None and self.box is not None:
            document["at"] = list(self.at)
            document["box"] = [None if span is None else list(span) for span in self.box]
        document["axes"] = [
            {
                "extent": axis.extent,
                "input_extent": axis.input_extent,
                "status": axis.status,
                "rows": [None if row is None else list(row) for row in axis.rows],
                "windows": None if axis.windows is None else list(axis.windows),
            }
            for axis in self.axes
        ]
        if self.at is not None:
            document["lost"] = self.lost
        else:
            document["touching"] = None if self.touching is None else self.touching[0]
            document["units"] = self.count
        if self.indices:
            document["indices"] = list(self.indices)
        return document

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the rows as a table for a terminal, or one unit's field as a sentence.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = fold(terminal(_head(self), unicode=unicode), width)
        if self.at is None:
            for grid in _grids(self, every=self.every, ellipsis="…" if unicode else "..."):
                lines += ["", *aligned(grid, (RIGHT,) * len(grid[0]))]
            for text in _below(self):
                lines += ["", *fold(terminal(text, unicode=unicode), width)]
        return "\n".join(lines) + "\n"

    def pieces(self) -> list[Piece]:
        """Return the rows as a table with a sentence above it, or one unit's field as a sentence."""
        if self.at is not None:
            return [Paragraph(f"{_head(self)}.")]
        tables = [Table(titles, (RIGHT,) * len(titles), tuple(rows)) for titles, *rows in _grids(self)]
        return [Paragraph(f"{_head(self)}:"), *tables, *map(Paragraph, _below(self))]


def _head(field: Field) -> str:
    """Say what the rows are, or what one unit sees."""
    of = f"of {field.input} ({'x'.join(str(axis.input_extent) for axis in field.axes)})"
    bound = ", at most" if any(axis.status != "exact" for axis in field.axes) else ""
    if field.at is None:
        return f"{field.layer} ({field.model}): the part that each output index sees {of}{bound}"
    sees = " x ".join(_words(axis.rows[0], name) for axis, name in _named(field))
    lost = f"; {percent(field.lost)} of its field lie in padding" if field.lost else ""
    return f"{field.layer} at {_tuple(_once(field.at, field.indices))} sees {sees} {of}{bound}{lost}"


def _below(field: Field) -> list[str]:
    """Say how many units are touched by padding, where some are, and what of the input nobody sees."""
    holes = any(row is not None and row[2] <= row[1] - row[0] for axis in field.axes for row in axis.rows)
    told = ["Taps: how many of these are read."] if holes else []
    if field.touching is not None and field.touching[0]:
        touching, units = field.touching
        told.append(
            f"{touching:,} of {units:,} units ({percent(touching / units)}) "
            "have part of their field in padding."
        )
    unseen: dict[tuple[int, tuple[tuple[int, int], ...]], list[str]] = {}
    for axis, name in _named(field):
        runs = axis.unseen
        if runs:
            unseen.setdefault((axis.input_extent, runs), []).append(name)
    return [*told, *(_unseen(names, *found, field.input) for found, names in unseen.items())]


def _unseen(names: Sequence[str], extent: int, runs: Sequence[tuple[int, int]], input: str) -> str:
    """Say which indices of the input are seen by no unit."""
    count = sum(last - first + 1 for first, last in runs)
    one = count == 1 and len(names) == 1
    listed = few([str(first) if first == last else f"{first} to {last}" for first, last in runs])
    if len(runs) > 1:
        listed = f"({listed})"
        many = " and ".join(f"{name}s" for name in names)
        return f"{count:,} of {extent:,} {many} of {input} {listed} are seen by no unit."
    what = " and ".join(name if count == 1 else f"{name}s" for name in names)
    return f"{what.capitalize()} {listed} of {input} {'is' if one else 'are'} seen by no unit."


class SeeingAxis(NamedTuple):
    """Which output indices see one input index.

    Parameters
    ----------
    extent, input_extent : int
        Output and input indices that there are.
    status : str
        ``exact`` or ``bound``.
    units : tuple of int, optional
        The first and the last of them, and how many; None where none does.
    mask : int
        The same as a bit mask over the output indices.
    """

    extent: int
    input_extent: int
    status: Status
    units: Span | None
    mask: int


@dataclass(frozen=True, slots=True, repr=False)
class Seeing(Documented, Shown):
    """The units of a layer that see a pixel: the result of `rfcalc.seeing`.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that the pixel lies in.
    pixel : tuple of int
        Its index on each spatial axis of the input.
    axes : tuple of SeeingAxis
        One for each of these axes; a unit sees the pixel where it is named on all of them.
    notes : tuple of Note
        What else there is to say.
    indices : tuple of int
        As of `Field`.
    """

    model: str
    layer: str
    input: str
    pixel: tuple[int, ...]
    axes: tuple[SeeingAxis, ...]
    notes: tuple[Note, ...] = ()
    indices: tuple[int, ...] = ()

    @property
    def box(self) -> tuple[tuple[int, int] | None, ...]:
        """First and last output index on each axis."""
        return tuple(None if axis.units is None else axis.units[:2] for axis in self.axes)

    @property
    def crosses(self) -> bool:
        """Whether branches meet on the way that see differently along several axes."""
        return any(note.code == CROSSING for note in self.notes)

    @property
    def units(self) -> int:
        """How many units see the pixel; at most, where branches cross or an axis is a bound."""
        return prod(0 if axis.units is None else axis.units[2] for axis in _once(self.axes, self.indices))

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/seeing/1``, as plain data."""
        return {
            "schema": SEEING,
            "layer": self.layer,
            "input": self.input,
            "pixel": list(self.pixel),
            "units": self.units,
            "axes": [
                {
                    "extent": axis.extent,
                    "input_extent": axis.input_extent,
                    "status": axis.status,
                    "units": None if axis.units is None else list(axis.units),
                }
                for axis in self.axes
            ],
            **({"indices": list(self.indices)} if self.indices else {}),
        }

    def pieces(self) -> list[Piece]:
        """Return it as a sentence."""
        return [Paragraph(f"{_seen(self)}.")]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return it as a sentence for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        return "\n".join(fold(terminal(_seen(self), unicode=unicode), width)) + "\n"


def _seen(result: Seeing) -> str:
    size = "x".join(str(axis.input_extent) for axis in result.axes)
    axes = _once(result.axes, result.indices)
    extent = "x".join(str(axis.extent) for axis in axes)
    names = axis_names(len(result.axes))
    if result.indices:  # an index that goes with several axes is that of neither
        names = [
            "unit" if result.indices.count(n) > 1 else name
            for n, name in zip(result.indices, names, strict=True)
        ]
    seen = " x ".join(
        _words(axis.units, name) for axis, name in zip(axes, _once(names, result.indices), strict=True)
    )
    total = prod(axis.extent for axis in axes)
    least = all(axis.status == "exact" for axis in result.axes) and not result.crosses
    bound = "" if least else ", at most"
    where = f"{_tuple(result.pixel)} of {result.input} ({size}) is seen by"
    if not result.units:
        return f"{where} no unit of {result.layer} ({extent}){bound}"
    return f"{where} {seen} of {result.layer} ({extent}): {result.units:,} of {total:,} units{bound}"


def _seeing_at(axis: FieldAxis, place: int, counted: str) -> SeeingAxis:
    if not 0 <= place < axis.input_extent:
        unit, last = counted.removesuffix("s"), axis.input_extent - 1
        raise UsageError(f"there is no {unit} {place} on an axis of {last + 1}; give 0 to {last}")
    units = bytearray(len(axis.rows) // 8 + 1)
    for index, row in enumerate(axis.rows):
        if row is not None and row[0] <= place <= row[1] and axis.masks[index] >> place & 1:
            units[index >> 3] |= 1 << (index & 7)
    mask = int.from_bytes(units, "little")
    return SeeingAxis(len(axis.rows), axis.input_extent, axis.status, row_span(mask), mask)


def _axis_at(axis: FieldAxis, place: int) -> FieldAxis:
    extent = len(axis.rows)
    check_output(place, extent)
    windows = None if axis.windows is None else (axis.windows[place],)
    return replace(axis, rows=(axis.rows[place],), masks=(axis.masks[place],), windows=windows)


def _once(values: Sequence[T], indices: Sequence[int]) -> Sequence[T]:
    """Return the first of the values, an axis each, that go with each index."""
    if not indices:
        return values
    return [values[indices.index(number)] for number in dict.fromkeys(indices)]


def _tuple(index: Sequence[int]) -> str:
    return f"({', '.join(map(str, index))})"


def _named(result: FieldResult) -> list[tuple[FieldAxis, str]]:
    return list(zip(result.axes, axis_names(len(result.axes)), strict=True))


def _words(row: Span | None, name: str) -> str:
    if row is None:
        return f"no {name}"
    first, last, taps = row
    if first == last:
        return f"{name} {first}"
    holes = "" if taps == last - first + 1 else f" ({taps} of {last - first + 1})"
    return f"{name}s {first} to {last}{holes}"


class _Line(NamedTuple):
    """Outputs on end with the same rows for each group of axes."""

    first: int
    last: int
    rows: tuple[Span | None, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the cells of a table."""
        label = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return (label, *chain.from_iterable(map(_cells, self.rows)))


def _grids(result: FieldResult, *, every: bool = True, ellipsis: str = "…") -> list[list[tuple[str, ...]]]:
    """Put the rows of axes with as many outputs side by side, and those of others in a grid of their own."""
    counts = dict.fromkeys(len(axis.rows) for axis in result.axes)
    return [_grid(result, count, every=every, ellipsis=ellipsis) for count in counts]


def _grid(result: FieldResult, count: int, *, every: bool, ellipsis: str) -> list[tuple[str, ...]]:
    """Put the rows of all axes of so many side by side, equal axes once and equal rows on end in one line."""
    groups: dict[tuple[int, tuple[Span | None, ...]], str] = {}
    for axis, name in _named(result):
        if len(axis.rows) != count:
            continue
        key = (axis.input_extent, axis.rows)
        groups[key] = f"{groups[key]} and {name}s" if key in groups else f"{name}s"
    lines = []
    place = 0
    for rows, run in groupby(zip(*(rows for _, rows in groups), strict=True)):
        first, place = place, place + len(list(run))  # a flatten has as many equal rows on end as channels
        lines.append(_Line(first, place - 1, rows))
    titles = ("output", *chain.from_iterable((title, "taps") for title in groups.values()))
    return [titles, *((line.cells() for line in lines) if every else _steady(lines, ellipsis))]


def _steady(lines: Sequence[_Line], ellipsis: str) -> Iterator[tuple[str, ...]]:
    """Let one line stand for those on end that are each the same step further on than the one before."""
    steps = [None, *(_step(*pair) for pair in pairwise(lines))]
    place = 0
    for step, run in groupby(steps):
        mine = lines[place : (place := place + len(list(run)))]
        if step is None or len(mine) < _LEAST_STEADY:
            yield from (line.cells() for line in mine)
            continue
        yield mine[0].cells()
        yield (f"{ellipsis} {len(mine) - 2:,} more", *chain.from_iterable(map(_moves, step)))
        yield mine[-1].cells()


def _step(before: _Line, line: _Line) -> tuple[Span, ...] | None:
    """Return by how much the ends and the taps of a line's rows are further on; None where one is missing."""
    moves: list[Span] = []
    for was, now in zip(before.rows, line.rows, strict=True):
        if was is None or now is None or line.first != line.last:
            return None
        moves.append((now[0] - was[0], now[1] - was[1], now[2] - was[2]))
    return tuple(moves)


def _moves(step: Span) -> tuple[str, str]:
    """Write by how much a row and its taps move from output to output."""
    first, last, taps = step
    ends = f"{first:+} each" if first == last else f"first {first:+}, last {last:+}"
    return ends, f"{taps:+}" if taps else ""


def _cells(row: Span | None) -> tuple[str, str]:
    return ("none", "0") if row is None else (f"{row[0]} to {row[1]}", str(row[2]))
