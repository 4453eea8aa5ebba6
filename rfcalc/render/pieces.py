"""What reports are made of, whatever shows them: headings, paragraphs, listings and tables of plain text."""

from __future__ import annotations

from typing import TypeAlias

from rfcalc.records import NamedTuple
from rfcalc.render.table import Table


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
