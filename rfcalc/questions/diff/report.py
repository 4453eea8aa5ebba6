"""A difference between two models: its document, the same for a terminal, and for a pull request."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.engine.result import AnalysisResult
from rfcalc.questions.diff.report_sentences import sentences
from rfcalc.questions.diff.result import DiffResult, Entry, Side
from rfcalc.render.document import totals_document
from rfcalc.render.humanise import plain
from rfcalc.render.pieces import Piece
from rfcalc.render.shown import Documented, Shown

SCHEMA: Final = "rfcalc/diff/1"

MARKDOWN_LIMIT: Final = 65_536
"""What a comment on a pull request may hold; counted in bytes, so that it holds in characters too."""


class Diff(Documented, Shown, DiffResult):
    """The result of `rfcalc.diff`: what became of each layer, and how that goes on downstream.

    Examples
    --------
    >>> import rfcalc
    >>> def net(kernel):
    ...     return {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...         {"kind": "conv", "name": "c1", "filters": 8, "kernel": kernel, "padding": "same"},
    ...         {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3, "padding": "same"},
    ...     ]}
    >>> diff = rfcalc.diff(net(3), net(5))
    >>> [(entry.name, entry.state) for entry in diff.entries]
    [('input', 'same'), ('c1', 'changed'), ('c2', 'affected')]
    >>> print(diff.answer[1])
    the field of 'c2' downstream of 'c1' grows by 2x2 (5x5 to 7x7)
    """

    __slots__ = ()

    def _about(self) -> str:
        return f" of {self.old.name} and {self.new.name}: {self.answer[0]}"

    @property
    def answer(self) -> tuple[str, ...]:
        """What it comes to, in sentences made from the figures; the first says how much has changed."""
        return sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/diff/1``, as plain data with raw figures."""
        return diff_document(self)

    def to_markdown(self, limit: int = MARKDOWN_LIMIT, *, every: bool = False) -> str:
        """Return totals, sentences and a table of changes as Markdown.

        Parameters
        ----------
        limit : int
            Bytes that it may have; rows that do not fit are left out, and a note says how many.
        every : bool
            Show layers too that are themselves as before, and have other figures.
        """
        from rfcalc.questions.diff.report_markdown import diff_markdown

        return diff_markdown(self, limit, every=every)

    def to_text(self, width: int = 80, *, unicode: bool = True, every: bool = False) -> str:
        """Return changes, sentences and totals for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        every : bool
            Show every change on lines of its own, and layers too that are themselves as before and have other
            figures; by default what fits on a screen.
        """
        from rfcalc.questions.diff.report_text import diff_text

        return diff_text(self, width, unicode=unicode, every=every)

    def pieces(self) -> list[Piece]:
        """Return how much has changed, totals, what comes of it, and a table of all changes."""
        from rfcalc.questions.diff.report_markdown import diff_pieces

        return diff_pieces(self)


# ---- the document ------------------------------------------------------------------------------------------


def diff_document(diff: DiffResult) -> dict[str, Any]:
    """Return the document as plain data."""
    states = ("added", "removed", "changed", "affected", "same")
    return {
        "schema": SCHEMA,
        "changed": diff.changed,
        "across_formats": diff.comparable,
        "old": _model_document(diff.old),
        "new": _model_document(diff.new),
        "delta": _delta(diff),
        "summary": {
            **{state: sum(entry.state == state for entry in diff.entries) for state in states},
            "renamed": len(diff.renamed),
        },
        "layers": [_entry_document(entry) for entry in diff.entries],
        "spread": [
            {
                "figure": each.figure,
                "direction": each.direction,
                "causes": list(each.causes),
                "layers": each.layers,
                "most": each.most,
                "old": _json(each.old),
                "new": _json(each.new),
            }
            for each in diff.spread
        ],
        "not_compared": [each._asdict() for each in diff.uncompared],
        "respelled": [{"old": list(each.old), "new": list(each.new)} for each in diff.respelled],
        "merged": diff.merged,
        "answer": list(sentences(diff)),
        "notes": [note._asdict() for note in diff.notes],
    }


def _model_document(result: AnalysisResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "format": result.format,
        "source": result.source.replace("\\", "/").rpartition("/")[2],
        "input": result.input,
        "totals": totals_document(result),
    }


def _delta(diff: DiffResult) -> dict[str, Any]:
    old, new = totals_document(diff.old), totals_document(diff.new)
    names = ("layers", "params", "trainable", "non_trainable", "macs")
    return {name: None if None in (old[name], new[name]) else new[name] - old[name] for name in names}


def _entry_document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {"state": entry.state}
    brief = entry.state == "same"
    document["old"] = None if entry.old is None else _side_document(entry.old, brief=brief)
    document["new"] = None if entry.new is None else _side_document(entry.new, brief=brief)
    if entry.settings:
        document["settings"] = [
            {"name": each.name, "old": _json(each.old), "new": _json(each.new)} for each in entry.settings
        ]
    if entry.rewired:
        document["rewired"] = True
    if entry.figures:
        document["differs"] = list(entry.figures)
    if entry.unclear:
        document["one_sided"] = list(entry.unclear)
    return document


_FIGURES: Final = (
    "output_shape",
    "receptive_field",
    "receptive_field_min",
    "local_receptive_field",
    "effective_stride",
    "center",
)


def _side_document(side: Side, *, brief: bool) -> dict[str, Any]:
    row = side.row
    document: dict[str, Any] = {"name": row.name, "kind": row.kind, "op": row.op}
    if brief:
        return document
    document["inputs"] = list(row.inputs)
    for name in _FIGURES:
        document[name] = _json(getattr(row, name))
    document["params"] = plain(side.params)
    document["macs"] = plain(row.macs)
    document["status"] = row.status
    return document


def _json(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_json(each) for each in value]
    if isinstance(value, (str, bool)):
        return value
    return plain(value)
