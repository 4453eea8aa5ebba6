"""What reports are made of, whatever shows them: headings, paragraphs, listings and tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from rfcalc.errors import UsageError
from rfcalc.reports.tables import Table
from rfcalc.wording import MARKUP


class Heading(NamedTuple):
    """A heading of plain text."""

    text: str


class Paragraph(NamedTuple):
    """A paragraph of plain text."""

    text: str


class Listing(NamedTuple):
    """Lines of plain text, to be shown as they stand."""

    text: str


Piece: TypeAlias = "Heading | Paragraph | Listing | Table"
"""What a report is made of, whatever the markup language."""


def in_notebook(text: str) -> str:
    """Wrap HTML for a notebook, where MathJax would read a name with dollars as a formula, links and all."""
    return f'<div class="tex2jax_ignore mathjax_ignore">\n{text}</div>\n'


class Shown:
    """What every result has that is made of pieces: its renderings for documents and for notebooks."""

    __slots__ = ()

    def pieces(self) -> Sequence[Piece]:
        """Return what the report is made of: headings, sentences, tables of plain text."""
        raise NotImplementedError

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the report for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        raise NotImplementedError

    def to_markup(self, markup: str) -> str:
        """Return the report in a markup language.

        Parameters
        ----------
        markup : str
            ``markdown``, ``rst``, ``asciidoc``, ``latex`` or ``html``.

        Raises
        ------
        UsageError
            There is no such markup language.
        """
        if markup not in MARKUP:
            raise UsageError(f"there is no markup language {markup!r}; rfcalc writes {', '.join(MARKUP)}")
        from rfcalc.reports.markup import rendered

        return rendered(self.pieces(), markup)

    def to_markdown(self) -> str:
        """Return the report as Markdown: tables, and what they come to in sentences."""
        return self.to_markup("markdown")

    def _repr_html_(self) -> str:
        return in_notebook(self.to_markup("html"))

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
