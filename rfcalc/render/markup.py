"""Tables and whole reports for documents: Markdown, reStructuredText, AsciiDoc, LaTeX, HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from rfcalc.render import escape
from rfcalc.render.markdown import markdown, markdown_line
from rfcalc.render.pieces import Heading, Listing, Paragraph, Piece
from rfcalc.render.table import LEFT, Table

_STYLES: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    # tabulate's own escaping is for cells that nobody escaped yet, and misses what a hostile name can do
    "markdown": ("pipe", markdown),
    "rst": ("rst", escape.rst),
    "asciidoc": ("", escape.asciidoc),  # tabulate's sets the width of columns by the characters of the source
    "latex": ("latex_raw", escape.latex),
    "html": ("unsafehtml", escape.html),
}

# every < and > of a cell is escaped, so these are tags; the blanks align nothing in HTML
_HTML_PADDING: Final = re.compile(r"(?<=>) +|(?<=<t[dh]) +(?=>)| +(?=</t[dh]>)")


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
_LINES: Final[Mapping[str, Callable[[str], str]]] = {"markdown": markdown_line}
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
    >>> from rfcalc.render.pieces import Heading, Paragraph
    >>> print(rendered([Heading("a_"), Paragraph("# b")], "markdown"), end="")
    ### a\_
    <BLANKLINE>
    &#35; b
    """
    return ("" if markup == "html" else "\n").join(_rendered(piece, markup) for piece in pieces)


def in_notebook(text: str) -> str:
    """Wrap HTML for a notebook, where MathJax would read a name with dollars as a formula, links and all."""
    return f'<div class="tex2jax_ignore mathjax_ignore">\n{text}</div>\n'


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
