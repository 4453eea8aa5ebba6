"""What results have in common: a document, and renderings for terminals, documents and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.errors import UsageError
from rfcalc.render.pieces import Piece
from rfcalc.wording import MARKUP


class Documented:
    """A result that has a document: plain data, and the same as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain data with raw figures."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return the document as JSON, the same bytes from run to run."""
        from rfcalc.render.document import dump

        return dump(self.to_dict())


class Shown:
    """A result that says what it is made of, and has its renderings from that."""

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

    def shortened(self) -> Shown:
        """Return it as a terminal gets it, where nobody asked for all: by default as it is."""
        return self

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{self._about()}>"

    def _about(self) -> str:
        """Return what the result is of, for a line that stands for it: ``print`` shows all of it."""
        model, layer = getattr(self, "model", ""), getattr(self, "layer", "")
        return f" of {layer} in {model}" if layer else f" of {model}"

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
        from rfcalc.render.markup import rendered

        return rendered(self.pieces(), markup)

    def to_markdown(self) -> str:
        """Return the report as Markdown: tables, and what they come to in sentences."""
        return self.to_markup("markdown")

    def _repr_html_(self) -> str:
        from rfcalc.render.markup import in_notebook

        return in_notebook(self.to_markup("html"))

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
