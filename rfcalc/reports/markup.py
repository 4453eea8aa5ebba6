"""Tables for documents (Markdown, reStructuredText, AsciiDoc, LaTeX, HTML) and for spreadsheets (CSV)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rfcalc.analysis.result import AnalysisResult
from rfcalc.reports import escape, humanise
from rfcalc.reports.pieces import Heading, Listing, Paragraph, Piece, in_notebook
from rfcalc.reports.tables import LEFT, USUAL, Column, Table
from rfcalc.reports.text import AnalysisTable, note_line

_STYLES: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    # tabulate's own escaping is for cells that nobody escaped yet, and misses what a hostile name can do
    "markdown": ("pipe", escape.markdown),
    "rst": ("rst", escape.rst),
    "asciidoc": ("", escape.asciidoc),  # tabulate's sets the width of columns by the characters of the source
    "latex": ("latex_raw", escape.latex),
    "html": ("unsafehtml", escape.html),
}

# every < and > of a cell is escaped, so these are tags; the blanks align nothing in HTML
_HTML_PADDING: Final = re.compile(r"(?<=>) +|(?<=<t[dh]) +(?=>)| +(?=</t[dh]>)")


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


def tabulated(
    titles: Sequence[str], rows: Sequence[Sequence[str]], aligns: Sequence[str], markup: str
) -> str:
    """Render cells of plain text as a table in a markup language, escaped for it."""
    style, clean = _STYLES[markup]
    heads = [clean(title) for title in titles]
    cells = [[clean(cell) for cell in row] for row in rows]
    if markup == "asciidoc":
        return _asciidoc(heads, cells, aligns)
    if markup == "rst" and len(heads) == 1:
        style = "grid"  # a simple table of one column would be a title
    # its import costs as much as click's, and the terminal's table goes without
    from tabulate import tabulate

    text = tabulate(
        cells,
        headers=heads,
        tablefmt=style,
        # a layer may be called 1e3, and 0.10 is no number to round
        disable_numparse=True,
        colalign=list(aligns) if rows else None,
    )
    return (_HTML_PADDING.sub("", text) if markup == "html" else str(text)) + "\n"


def _asciidoc(heads: Sequence[str], rows: Sequence[Sequence[str]], aligns: Sequence[str]) -> str:
    marks = ",".join("<" if align == LEFT else ">" for align in aligns)
    lines = [" ".join(f"| {cell}" for cell in row).rstrip() for row in (heads, *rows)]
    return "\n".join([f'[cols="{marks}",options="header"]', "|===", lines[0], "", *lines[1:], "|===", ""])


# ---- whole reports -----------------------------------------------------------------------------------------


_HEADINGS: Final = {
    "markdown": "### {}\n",
    "rst": ".. rubric:: {}\n",  # a title's underline would have to fit those of the document around it
    "asciidoc": "[discrete]\n=== {}\n",
    "latex": "\\paragraph{{{}}}\n",
    "html": "<h3>{}</h3>\n",
}
_LINES: Final[Mapping[str, Callable[[str], str]]] = {"markdown": escape.markdown_line}
"""How a line of text is escaped where otherwise than a cell."""


def rendered(pieces: Iterable[Piece], markup: str) -> str:
    r"""Render a report in a markup language, every text escaped for it.

    Parameters
    ----------
    pieces : iterable of Piece
        What it is made of.
    markup : str
        One of `rfcalc.wording.MARKUP`.

    Examples
    --------
    >>> from rfcalc.reports.pieces import Heading, Paragraph
    >>> print(rendered([Heading("a_"), Paragraph("# b")], "markdown"), end="")
    ### a\_
    <BLANKLINE>
    &#35; b
    """
    return ("" if markup == "html" else "\n").join(_rendered(piece, markup) for piece in pieces)


def _rendered(piece: Piece, markup: str) -> str:
    line = _LINES.get(markup, _STYLES[markup][1])
    match piece:
        case Heading():
            return _HEADINGS[markup].format(line(piece.text))
        case Paragraph():
            return f"<p>{line(piece.text)}</p>\n" if markup == "html" else f"{line(piece.text)}\n"
        case Listing():
            return listing(piece.text, markup)
        case Table():
            rows = [*piece.rows, *([piece.total] if piece.total else [])]
            return tabulated(piece.titles, rows, piece.aligns, markup)


def listing(text: str, markup: str) -> str:
    """Render lines of plain text as they stand, so that nothing in them is read as markup.

    Parameters
    ----------
    text : str
        Lines; control characters in them are spelled out.
    markup : str
        One of `rfcalc.wording.MARKUP`.
    """
    lines = [escape.visible(line) for line in text.rstrip("\n").split("\n")]
    if markup == "rst":
        return "::\n\n" + "\n".join(f"   {line}".rstrip() for line in lines) + "\n"
    if markup == "html":
        return "<pre>" + "\n".join(map(escape.html, lines)) + "</pre>\n"
    if any(_READ_IN_LISTINGS[markup].match(line) for line in lines):
        lines = [f" {line}" for line in lines]  # all of these are read at the start of a line alone
    if markup == "markdown":
        longest = max(map(len, re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        return "\n".join([f"{fence}text", *lines, fence, ""])
    if markup == "asciidoc":
        return "\n".join(["....", *lines, "....", ""])
    lines = [line.replace("\\end{verbatim", "\\end {verbatim") for line in lines]
    return "\n".join(["\\begin{verbatim}", *lines, "\\end{verbatim}", ""])


_READ_IN_LISTINGS: Final = {
    "markdown": re.compile(r"\s*<!--"),
    # the preprocessor knows no listings, and a line of dots ends one
    "asciidoc": re.compile(r"\\?(include|ifdef|ifndef|ifeval|endif)::|\.{4}|//"),
    "latex": re.compile(r"%"),
}
"""Lines that are read even in a listing, by a converter or by `rfcalc docs`."""


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
