"""What a scan found, and what a question to a catalogue gives: documents, and the same for people."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rfcalc.questions.scan.result import ScanResult
from rfcalc.render import escape
from rfcalc.render.fold import paragraph
from rfcalc.render.frames import INTEGER, REAL, TEXT, Series, Tabular, chosen, series
from rfcalc.render.humanise import plain, sentence
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out

SCHEMA: Final = "rfcalc/scan/1"
ROWS: Final = "rfcalc/rows/1"


class Scanned(Documented, Shown, ScanResult):
    """The result of `rfcalc.scan`: how many models there are, and what could not be analysed."""

    __slots__ = ()

    def _about(self) -> str:
        return f" into {self.catalogue}: {self.summary}"

    @property
    def summary(self) -> str:
        """What was met, in a line."""
        models = sentence(self.models, "model")
        if self.files != self.models:
            models += f" in {sentence(self.files, 'file')}"
        parts = [models, sentence(len(self.failures), "failure"), f"{self.unchanged:,} unchanged"]
        if self.others:
            parts.append(f"{sentence(self.others, 'file')} without a model")
        if self.gone:
            parts.append(f"{self.gone:,} gone")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/scan/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "catalogue": self.catalogue,
            "models": self.models,
            "files": self.files,
            "unchanged": self.unchanged,
            "others": self.others,
            "gone": self.gone,
            "failures": [failure._asdict() for failure in self.failures],
        }

    def to_csv(self) -> str:
        """Return the failures as CSV."""
        return _csv(("path", "kind", "reason"), self.failures)

    def _table(self) -> Table:
        rows = tuple((each.path, each.kind, each.reason) for each in self.failures)
        return Table(("file", "failure", "reason"), (LEFT, LEFT, LEFT), rows)

    def pieces(self) -> list[Piece]:
        """Return the summary, and the failures as a table."""
        said: list[Piece] = [Paragraph(f"{self.catalogue}: {self.summary}")]
        return [*said, self._table()] if self.failures else said

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return it for a terminal: the summary, then each failure with its reason."""
        lines = paragraph(escape.terminal(f"{self.catalogue}: {self.summary}", unicode=unicode), width)
        for each in self.failures:
            said = escape.terminal(f"{each.path}: {each.kind}: {each.reason}", unicode=unicode)
            lines += [f"  {line}" for line in paragraph(said, width - 2)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, repr=False)
class Rows(Tabular, Documented, Shown):
    """What a question to a catalogue gives: `columns`, and `rows` of values.

    Parameters
    ----------
    catalogue : str
        The file that was asked.
    columns : tuple of str
        Names, each once.
    rows : tuple of tuple
        A value for each column: a number, a text, bytes or None.
    """

    catalogue: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def _about(self) -> str:
        return f" of {self.catalogue}: {sentence(len(self.rows), 'row')} of {', '.join(self.columns)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/rows/1``, as plain data."""
        rows = [dict(zip(self.columns, map(_data, row), strict=True)) for row in self.rows]
        return {"schema": ROWS, "columns": list(self.columns), "rows": rows}

    def to_csv(self) -> str:
        """Return it as CSV; an empty cell is a value that is not there."""
        return _csv(self.columns, self.rows)

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        made = [
            series(
                name, form_of(each[place] for each in self.rows), [_data(each[place]) for each in self.rows]
            )
            for place, name in enumerate(self.columns)
        ]
        return chosen(made, columns)

    def _table(self) -> Table:
        aligns = tuple(LEFT if each.form == TEXT else RIGHT for each in self._series(None))
        return Table(self.columns, aligns, tuple(tuple(map(_cell, row)) for row in self.rows))

    def pieces(self) -> list[Piece]:
        """Return the rows as a table."""
        return [self._table()]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the rows as a table for a terminal."""
        return "\n".join(laid_out(self._table(), width, unicode=unicode)) + "\n"


def form_of(values: Iterable[Any]) -> str:
    """Return what the values of a column are, of which those that are not there say nothing.

    >>> form_of([1, None, 2]), form_of([1, 2.5]), form_of([1, "2"]), form_of([None])
    ('integer', 'real', 'text', 'text')
    """
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        return INTEGER
    return REAL if kinds and kinds <= {int, float} else TEXT


def _data(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    return plain(value) if isinstance(value, float) and value - value != 0 else value


def _cell(value: Any) -> str:
    """Write a value for people."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1e6 else f"{value:.6g}"
    return value.hex() if isinstance(value, bytes) else str(value)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([escape.csv(column) for column in columns])
    for row in rows:
        cells = ["" if value is None else _data(value) for value in row]
        writer.writerow([escape.csv(each) if isinstance(each, str) else each for each in cells])
    return out.getvalue()
