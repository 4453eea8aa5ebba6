"""The layers of a result for documents, for notebooks, and for spreadsheets (CSV)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.engine.result import AnalysisResult
from rfcalc.questions.analyze.report import AnalysisTable
from rfcalc.render import escape, humanise
from rfcalc.render.columns import USUAL, Column
from rfcalc.render.markup import in_notebook
from rfcalc.render.notes import note_line


def analysis_markup(result: AnalysisResult, markup: str, columns: Sequence[Column] | None = None) -> str:
    """Render the layers of a result, and their totals, as a table for a document.

    Parameters
    ----------
    result : AnalysisResult
        What to show.
    markup : str
        One of `rfcalc.wording.MARKUP`.
    columns : sequence of Column, optional
        What to show; by default `tables.DOCUMENT`.
    """
    return AnalysisTable(result, columns).to_markup(markup)


def notebook(result: AnalysisResult) -> str:
    """Render a result as HTML for a notebook: what it is, the table, the notes."""
    inputs = ", ".join(f"{each.name} {humanise.shape(each.shape)}" for each in result.inputs)
    about = escape.html(f"({result.format}), input {inputs}")
    head = f"<p><b>{escape.html(result.name)}</b> {about}</p>\n"
    notes = "".join(f"<li>{escape.html(note_line(note))}</li>" for note in result.notes)
    return in_notebook(head + analysis_markup(result, "html") + (f"<ul>{notes}</ul>\n" if notes else ""))


def analysis_csv(result: AnalysisResult, columns: Sequence[Column] | None = None) -> str:
    """Render the layers of a result as CSV: raw figures, JSON's names, lists as JSON writes them.

    An empty cell is a figure that is not known; ``[null, null]`` is the whole of both axes.
    """
    import csv
    import io

    chosen = USUAL if columns is None else columns
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in chosen])
    for row in result.rows:
        writer.writerow([_csv_cell(column.value(row)) for column in chosen])
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return escape.csv(_csv_list(value))
    return escape.csv(value) if isinstance(value, str) else value


def _csv_list(values: Sequence[Any]) -> str:
    import json

    # names stand bare: a list of them is read by people, a list of figures by programs
    if values and all(isinstance(value, str) for value in values):
        return json.dumps([escape.visible(value) for value in values], ensure_ascii=False)
    return json.dumps(values)
