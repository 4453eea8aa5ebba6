"""The field by output phase: its document, and a table for a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from rfcalc.questions.field.result import PhaseAxis, PhasesResult
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import sentence
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import RIGHT, Table, aligned
from rfcalc.wording import axis_names

SCHEMA: Final = "rfcalc/phases/1"


class Phases(Documented, Shown, PhasesResult):
    """The result of `rfcalc.phases`: which pixels each phase of a layer's output reads.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.phases({"rfcalc": 1, "input": [8, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2}, {"kind": "upsample", "scale": 2},
    ...     {"kind": "conv", "name": "c", "filters": 1, "kernel": 3, "padding": "same"},
    ... ]}, "c")
    >>> found.axes[0].sizes, found.axes[0].advance
    ((4, 4), 2)
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/phases/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [
                {
                    "period": axis.period,
                    "advance": axis.advance,
                    "status": "exact" if axis.exact else "bound",
                    "rows": [None if row is None else list(row) for row in axis.rows],
                    "sizes": list(axis.sizes),
                }
                for axis in self.axes
            ],
            "notes": [note._asdict() for note in self.notes],
        }

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return a table of phases for a terminal, equal axes once and equal phases on end in one line.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = fold(terminal(_head(self), unicode=unicode), width)
        for axis, names, unit in _grouped(self):
            lines += ["", *_axis_lines(axis, names, unit)]
        return "\n".join(lines) + "\n"

    def pieces(self) -> list[Piece]:
        """Return a table of phases for each group of equal axes, with a sentence above it."""
        pieces: list[Piece] = [Paragraph(f"{_head(self)}.")]
        for axis, names, unit in _grouped(self):
            titles, *rows = _grid(axis)
            table: list[Piece] = [Table(titles, (RIGHT,) * len(titles), tuple(rows))] if rows else []
            pieces += [Paragraph(f"{_about(axis, names, unit)}{':' if rows else '.'}"), *table]
        return pieces


def _head(result: PhasesResult) -> str:
    units = " and ".join(dict.fromkeys(result.units)) or "pixels"
    return f"{result.layer} ({result.model}): {units} of {result.input} by output phase"


def _grouped(result: PhasesResult) -> list[tuple[PhaseAxis, str, str]]:
    """Put equal axes together: the axis, what such axes are called, what one position of them is."""
    groups: dict[tuple[PhaseAxis, str], list[str]] = {}
    rank = len(result.axes)
    units = result.units or ("pixels",) * rank
    for axis, name, counted in zip(result.axes, axis_names(rank), units, strict=True):
        groups.setdefault((axis, counted.removesuffix("s")), []).append(f"{name}s")
    return [(axis, " and ".join(names), unit) for (axis, unit), names in groups.items()]


def _about(axis: PhaseAxis, name: str, unit: str) -> str:
    if not axis.rows:
        return f"{name}: no phases, since the layer keeps no grid here or sees all of the axis"
    bound = "" if axis.exact else ", at most"
    every = "every output" if axis.period == 1 else f"every {axis.period} outputs"
    return f"{name}: the same {every}, {sentence(axis.advance, unit)} further on{bound}"


def _grid(axis: PhaseAxis) -> list[tuple[str, ...]]:
    """Lay out the phases, equal ones on end in one line."""
    lines: list[tuple[str, ...]] = [("phase", "field", "first", "last")]
    for row, run in groupby(range(axis.period), lambda phase: axis.rows[phase]):
        places = list(run)
        label = str(places[0]) if len(places) == 1 else f"{places[0]} to {places[-1]}"
        if row is None:
            lines.append((label, "none", "", ""))
        else:
            lines.append((label, str(row[1] - row[0] + 1), str(row[0]), str(row[1])))
    return lines


def _axis_lines(axis: PhaseAxis, name: str, unit: str) -> list[str]:
    if not axis.rows:
        return [_about(axis, name, unit)]
    lines = _grid(axis)
    return [_about(axis, name, unit), *aligned(lines, (RIGHT,) * len(lines[0]))]
