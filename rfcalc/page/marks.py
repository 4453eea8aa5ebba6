"""Where a reviewer would look twice: joins out of line, layers with nothing left to see, holes, full view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rfcalc.engine.result import AnalysisResult
from rfcalc.engine.run import Run
from rfcalc.engine.taps import opens, suspects
from rfcalc.engine.unproductive import useful
from rfcalc.records import NamedTuple

_SAID_ONCE = frozenset(("global", "unequal-strides", "unknown-op", "assumed", "cut"))
"""Codes of notes about one layer, which is marked with what the note says."""


class Mark(NamedTuple):
    """Something about one layer: a code of a note, its level, and what is to be said of this layer."""

    layer: str
    code: str
    level: str
    message: str


def marks_of(run: Run, result: AnalysisResult) -> list[Mark]:
    """Return what is to be said of single layers of a model, in no order.

    Parameters
    ----------
    run : Run
        The model.
    result : AnalysisResult
        Its analysis.
    """
    said = (
        Mark(note.layer, note.code, note.level, note.message)
        for note in result.notes
        if note.code in _SAID_ONCE and note.layer
    )
    return [*said, *_misaligned(run), *_unproductive(run), *_holes(run)]


def _misaligned(run: Run) -> Iterator[Mark]:
    for join in run.joins:
        most = max((offset or 0 for offset in join.offset), default=0)
        if most and not join.drifts:
            message = f"branches meet whose fields are centred apart, by {most:g} {_units(run)} of the input"
            yield Mark(join.layer, "misaligned", "warning" if most >= 1 else "info", message)


def _unproductive(run: Run) -> Iterator[Mark]:
    found = useful(run.graph, run.views.local_field, run.extents)
    for name, productive in ({} if found is None else found.productive).items():
        if not productive:
            message = (
                "the map that it takes sees more than the whole input already: it may add little "
                "(Richter et al. 2021)"
            )
            yield Mark(name, "unproductive", "info", message)


def _holes(run: Run) -> Iterator[Mark]:
    if not any(opens(each, run.fields) for each in suspects(run.graph, run.resolved)):
        return
    from rfcalc.engine.holes import countable

    if not countable(run):
        return
    for name, axes in run.axis_taps.items():
        holed = [axis for axis in axes if axis is not None and axis.gap]
        if holed:
            worst = max(holed, key=lambda axis: axis.gap)
            message = (
                f"its fields have holes: {worst.taps:,} of the {worst.span:,} {_units(run)} that they span "
                f"on an axis are read, with gaps of up to {worst.gap:,}"
            )
            yield Mark(name, "holes", "warning", message)


def _units(run: Run) -> str:
    """Return what positions of the input are called, of all axes together."""
    return run.units[0] if len(set(run.units)) == 1 else "positions"


def marks_document(marks: Iterable[Mark], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return marks as plain data, by the rows of the analysis; those of layers without a row are left out."""
    found = [
        {"row": places[mark.layer], "code": mark.code, "level": mark.level, "message": mark.message}
        for mark in marks
        if mark.layer in places
    ]
    return sorted(found, key=lambda each: (each["row"], each["code"]))
