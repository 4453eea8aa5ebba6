"""Tables for documents (Markdown, reStructuredText, LaTeX, HTML) and for spreadsheets (CSV)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from rfcalc.analysis.result import AnalysisResult
from rfcalc.reports import escape, humanise
from rfcalc.reports.tables import MARKUP, USUAL, Column, build, choose
from rfcalc.reports.text import note_line

_STYLES: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    # tabulate's own escaping is for cells that nobody escaped yet, and misses what a hostile name can do
    "markdown": ("pipe", escape.markdown),
    "rst": ("rst", escape.rst),
    "latex": ("latex_raw", escape.latex),
    "html": ("unsafehtml", escape.html),
}

# every < and > of a cell is escaped, so these are tags; the blanks align nothing in HTML
_HTML_PADDING: Final = re.compile(r"(?<=>) +|(?<=<t[dh]) +(?=>)| +(?=</t[dh]>)")

FORMATS: Final = tuple(_STYLES)
"""The markup languages."""


def analysis_markup(result: AnalysisResult, markup: str, columns: Sequence[Column] | None = None) -> str:
    """Render the layers of a result, and their totals, as a table for a document.

    Parameters
    ----------
    result : AnalysisResult
        What to show.
    markup : str
        One of `FORMATS`.
    columns : sequence of Column, optional
        What to show; by default `tables.MARKUP`.
    """
    table = build(result, choose(MARKUP) if columns is None else columns, total=True)
    rows = [*table.rows, *([table.total] if table.total else [])]
    return tabulated(table.titles, rows, table.aligns, markup)


def tabulated(
    titles: Sequence[str], rows: Sequence[Sequence[str]], aligns: Sequence[str], markup: str
) -> str:
    """Render cells of plain text as a table in a markup language, escaped for it."""
    # its import costs as much as click's, and the terminal's table goes without
    from tabulate import tabulate

    style, clean = _STYLES[markup]
    text = tabulate(
        [[clean(cell) for cell in row] for row in rows],
        headers=[clean(title) for title in titles],
        tablefmt=style,
        # a layer may be called 1e3, and 0.10 is no number to round
        disable_numparse=True,
        colalign=list(aligns) if rows else None,
    )
    return (_HTML_PADDING.sub("", text) if markup == "html" else str(text)) + "\n"


_BETWEEN_PARAGRAPHS: Final = {"html": ("<p>", "</p>\n")}


def paragraphs(texts: Sequence[str], markup: str) -> str:
    """Render sentences as paragraphs of a markup language, escaped for it."""
    _, clean = _STYLES[markup]
    before, after = _BETWEEN_PARAGRAPHS.get(markup, ("", "\n"))
    return ("" if markup == "html" else "\n").join(f"{before}{clean(text)}{after}" for text in texts)


def notebook(result: AnalysisResult) -> str:
    """Render a result as HTML for a notebook: what it is, the table, the notes."""
    inputs = ", ".join(f"{each.name} {humanise.shape(each.shape)}" for each in result.inputs)
    about = escape.html(f"({result.format}), input {inputs}")
    head = f"<p><b>{escape.html(result.name)}</b> {about}</p>\n"
    notes = "".join(f"<li>{escape.html(note_line(note))}</li>" for note in result.notes)
    return head + analysis_markup(result, "html") + (f"<ul>{notes}</ul>\n" if notes else "")


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
