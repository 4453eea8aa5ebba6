"""Two figures of the designs of a sweep: those that no other surpasses, and the rest."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rfcalc.designs import document_of
from rfcalc.errors import UsageError
from rfcalc.questions.sweep.choose import Choice, Measure, measures
from rfcalc.questions.sweep.store import Store
from rfcalc.questions.sweep.tables import Columns, joined, picked, rows
from rfcalc.questions.sweep.where import values_of
from rfcalc.render.pictures import figure, look, name, set_legend, set_title, short_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL: Final = "params,-field"
"""What designs are weighed by where neither the call nor the file says it."""

_CELLS: Final = 240  # along each axis; of the designs in a cell one is drawn
_WORDS: Final = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "activations": "elements of all activations",
    "peak_activations": "elements of activations at the peak",
    "field": "receptive field in pixels, on its shorter axis",
    "extent": "extent of the map, on its shorter axis",
    "stride": "effective stride, pixels of the input",
    "coverage": "share of the input in the field",
}


def pareto_picture(path: Path, pareto: str | None = None) -> Figure:
    """Draw the designs of a sweep's file by two figures.

    Parameters
    ----------
    path : Path
        The file.
    pareto : str, optional
        The figures, as for `sweep`; by default the first two of those that the file was chosen by.

    Raises
    ------
    ReadError
        It is no file of a sweep.
    UsageError
        There are not two figures, or none of that name.
    RfcalcError
        matplotlib is not installed.
    """
    document = document_of(path)
    told = document["pareto"]
    by = measures(pareto or (",".join(told[:2]) if len(told) > 1 else USUAL))
    if len(by) != 2:
        raise UsageError(f"a picture has two axes; give --pareto two figures, such as {USUAL}")
    best, others, count = _designs(path, by)
    picture, (axes,) = figure(7.0, 4.2)
    left, below = _points(others, by)
    rest: dict[str, Any] = {"s": 7, "color": "0.72", "linewidths": 0, "zorder": 2}
    drawn: list[Any] = [axes.scatter(left, below, label="other designs", **rest)]
    seen = look(2)
    order = sorted(zip(*_points(best, by), strict=True))
    drawn += axes.plot(
        [x for x, _ in order],
        [y for _, y in order],
        color=seen.colour,
        marker=seen.marker,
        markersize=5,
        linewidth=1,
        linestyle="dashed",
        label="the front: no other is as good in both, and better in one",
        zorder=3,
    )
    _finish(axes, by, left)
    model = name(str(document["model"]["name"]))
    set_title(picture, axes, f"{count:,} designs of {model}, {rows(best):,} of them on the front")
    set_legend(picture, drawn)
    return picture


def _designs(path: Path, by: Sequence[Measure]) -> tuple[Columns, Columns, int]:
    """Return the designs of the front, of all others one a cell of the picture, and how many there are."""
    choice = Choice(pareto=tuple(by))
    best: Columns | None = None
    others: Columns | None = None
    count = 0
    for table in _tables(path):
        shown = picked(table, _there(table, by))
        count += rows(shown)
        both = shown if best is None else joined([best, shown])
        best = choice.of(both)
        rest = shown if others is None else joined([others, shown])
        others = picked(rest, _thinned(rest, by))
    assert best is not None
    assert others is not None
    return best, others, count


def _tables(path: Path) -> Iterator[Columns]:
    names: list[str] = []
    if path.suffix.lower() == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            names = next(csv.reader(file))
    return Store(path, names).read()


def _there(table: Columns, by: Sequence[Measure]) -> Any:
    """Return which designs have both figures, and no field that is the whole input, which has no place."""
    import numpy as np

    found = np.ones(rows(table), dtype=bool)
    for each in by:
        number = values_of(each.name, table)
        found &= number.known & (np.asarray(number.bottom) != 0)
    return found


def _points(table: Columns, by: Sequence[Measure]) -> list[list[float]]:
    """Return where designs lie in the picture."""
    found = []
    for each in by:
        number = values_of(each.name, table)
        values = number.top if number.real is None else number.real
        found.append([float(value) for value in values])
    return found


def _thinned(table: Columns, by: Sequence[Measure]) -> Any:
    """Return the places of one design for each cell of the picture."""
    import numpy as np

    cells = []
    for values in _points(table, by):
        held = np.asarray(values)
        held = np.log(held) if _is_wide(values) else held
        low, high = (held.min(), held.max()) if len(held) else (0.0, 0.0)
        cells.append(np.floor((held - low) / ((high - low) or 1.0) * _CELLS).astype(np.int64))
    _, first = np.unique(cells[0] * (_CELLS + 1) + cells[1], return_index=True)
    return np.sort(first)


def _finish(axes: Any, by: Sequence[Measure], x: Sequence[float]) -> None:
    axes.set_xlabel(_label(by[0]))
    axes.set_ylabel(_label(by[1]))
    if _is_wide(x):
        axes.set_xscale("log")
    for axis, each in zip((axes.xaxis, axes.yaxis), by, strict=True):
        if each.name != "coverage":
            short_ticks(axis)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def _is_wide(values: Sequence[float]) -> bool:
    """Tell whether values are better shown by their logarithms."""
    return bool(values) and min(values) > 0 and max(values) > 30 * min(values)


def _label(by: Measure) -> str:
    return f"{_WORDS.get(by.name, by.name)}; {'more' if by.largest else 'less'} is better"
