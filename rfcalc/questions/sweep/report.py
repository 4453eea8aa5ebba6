"""How a sweep is told: a table of designs, and what came of those that are not in it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any, Final

from rfcalc.questions.sweep.columns import ALONG, DESIGN, ERROR, TOTALS, is_real, is_text
from rfcalc.questions.sweep.result import Designs
from rfcalc.render import humanise
from rfcalc.render.escape import cells, cut
from rfcalc.render.fold import fold
from rfcalc.render.frames import FLAG, INTEGER, REAL, TEXT, Series, Tabular, chosen, series
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out

SHORT: Final = 20
"""Designs that a terminal gets, where nobody asks for more."""

_REASONS: Final = 3
_REASON: Final = 30  # columns of the terminal that a reason gets

_TITLES: Final = {"peak_activations": "peak", "receptive_field": "field", "effective_stride": "stride"}
_LEAST: Final = ("stride", "activations", "peak", "extent")
_LEFT_OUT: Final = (ALONG[3],)  # the padding, which few ask for


class Sweep(Tabular, Documented, Shown, Designs):
    """The result of `sweep`: the designs that were chosen, and what came of all others, and their renderings.

    Iterating gives the designs, a dict each; what is not known is None.

    Examples
    --------
    >>> import rfcalc
    >>> net = {"rfcalc": 1, "parameters": {"k": 3}, "input": [9, 9, 1], "layers": [
    ...     {"kind": "conv", "filters": 1, "kernel": "k"},
    ... ]}
    >>> found = rfcalc.sweep(net, {"k": [3, 11]})
    >>> [(row["k"], row["extent_0"], row["error"]) for row in found]
    [(3, 7, ''), (11, None, "layer 'conv_1': the window of 11 is larger than the map of 9; ...")]
    """

    def _about(self) -> str:
        return f" of {self.model}: {self.rows:,} of {self.space.size:,} designs"

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        made = [series(name, _form_of(values), values.tolist()) for name, values in self.columns.items()]
        return chosen(made, columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/sweep/1``."""
        return {
            "schema": "rfcalc/sweep/1",
            "model": self.model,
            "grid": [
                {"name": axis.name, "kind": axis.kind, "values": list(axis.values)}
                for axis in self.space.axes
            ],
            "designs": self.space.size,
            "looked_at": self.looked_at,
            "unbuildable": self.unbuildable,
            "reasons": [each._asdict() for each in self.reasons],
            "kept": self.kept,
            "rows": self.rows,
            "file": self.path or None,
            "columns": list(self.columns),
            "table": list(self),
        }

    def to_csv(self) -> str:
        """Return the designs as CSV; an empty cell is a figure that is not known."""
        from rfcalc.questions.sweep.store import csv_head, csv_of

        return csv_head(list(self.columns)) + csv_of(dict(self.columns))

    def pieces(self) -> Sequence[Piece]:
        """Return the designs as a table, and what came of the others in sentences."""
        return [table(self), *map(Paragraph, sentences(self))]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the table for a terminal, with what came of the others below."""
        return _text(self, width, unicode=unicode)

    def shortened(self) -> Sweep:
        """Return it with the first designs alone, as a terminal gets it."""
        from rfcalc.questions.sweep.tables import picked

        return replace(self, columns=picked(dict(self.columns), slice(0, SHORT)))


def _form_of(values: Any) -> str:
    kind = values.dtype.kind
    if kind == "O":
        return TEXT if any(isinstance(each, str) for each in values.tolist()[:1]) else INTEGER
    return {"b": FLAG, "f": REAL}.get(kind, INTEGER)


def _text(result: Designs, width: int, *, unicode: bool) -> str:
    """Return what a terminal shows."""
    made, left_out = _fitting(
        table(result), width, {DESIGN, ERROR, *(axis.name for axis in result.space.axes)}
    )
    made = _with_reasons_cut(made, width, "…" if unicode else "...")
    lines = [result.model, ""]
    if result.shown:
        lines += [*laid_out(made, width, unicode=unicode), ""]
    if left_out:
        lines += [*fold(f"left out: {', '.join(left_out)}", width, indent=2), ""]
    for sentence in sentences(result):
        lines += fold(sentence, width, indent=2)
    return "\n".join(lines) + "\n"


def _fitting(made: Table, width: int, kept: Set[str]) -> tuple[Table, list[str]]:
    """Leave out figures that a terminal has no room for: those first that say least of a design."""
    left_out: list[str] = []
    figures = [title for title in reversed(made.titles) if title not in kept]
    least = [title for name in _LEAST for title in figures if title.rpartition(".")[2] == name]
    for title in dict.fromkeys((*least, *figures)):
        if _wide(made) <= width:
            break
        place = made.titles.index(title)
        left_out.append(made.titles[place])
        made = Table(
            made.titles[:place] + made.titles[place + 1 :],
            made.aligns[:place] + made.aligns[place + 1 :],
            tuple(row[:place] + row[place + 1 :] for row in made.rows),
        )
    return made, left_out


def _with_reasons_cut(made: Table, width: int, ellipsis: str) -> Table:
    """End reasons where the terminal does; those below the table are whole."""
    if made.titles[-1] != ERROR:
        return made
    room = max(width - _wide(made), 0) + _REASON
    return made._replace(rows=tuple((*row[:-1], cut(row[-1], room, ellipsis)) for row in made.rows))


def _wide(made: Table) -> int:
    strips = list(zip(*made.rows, strict=True)) or [()] * len(made.titles)
    rooms = [max(map(cells, strip), default=0) for strip in strips]
    rooms = [_REASON if title == ERROR else room for title, room in zip(made.titles, rooms, strict=True)]
    widths = [max(cells(title), room) for title, room in zip(made.titles, rooms, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def table(result: Designs) -> Table:
    """Return the designs as a table: their values, figures, and why one cannot be built."""
    lists = {name: values.tolist() for name, values in result.columns.items()}
    errors = lists.pop(ERROR)
    joined = _joined(lists)
    titles = [*joined]
    strips = list(joined.values())
    if any(errors):
        titles.append(ERROR)
        strips.append(errors)
    words = {axis.name for axis in result.space.axes if axis.kind == "variant"}
    aligns = tuple(LEFT if is_text(title) or title in words else RIGHT for title in titles)
    return Table(tuple(titles), aligns, tuple(zip(*strips, strict=True)))


def _joined(lists: dict[str, list[Any]]) -> dict[str, list[str]]:
    """Return the cells by title, figures along axes with a cross between them."""
    found: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for name, values in lists.items():
        if is_text(name) and set(values) <= {"", "exact"}:
            continue  # as nearly always
        layer, point, figure = name.rpartition(".")
        kind, _, axis = figure.rpartition("_")
        if kind not in ALONG or not axis.isdecimal():
            found[f"{layer}{point}{_TITLES.get(figure, figure)}"] = [_cell(name, value) for value in values]
            continue
        if kind in _LEFT_OUT or (layer, kind) in seen:
            continue
        seen.add((layer, kind))
        along = [each for title, each in lists.items() if title.startswith(f"{layer}{point}{kind}_")]
        coverage = lists[f"{layer}{point}coverage"]
        found[f"{layer}{point}{_TITLES.get(kind, kind)}"] = [
            _along(kind, sizes, share is not None) for *sizes, share in zip(*along, coverage, strict=True)
        ]
    return found


def _along(kind: str, sizes: Sequence[Any], told: bool) -> str:
    if kind == "receptive_field" and told and None in sizes:
        return "global" if set(sizes) == {None} else humanise.extents(sizes, "global")
    return "?" if set(sizes) == {None} else humanise.extents(sizes)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "?"
    if isinstance(value, bool):
        return str(value).lower()
    if is_real(name):
        return humanise.percent(value)
    return f"{value:,}" if isinstance(value, int) and name in (*TOTALS, DESIGN) else str(value)


def sentences(result: Designs) -> list[str]:
    """Say how many designs there are, which of them are shown, and why others cannot be built."""
    size, looked_at = result.space.size, result.looked_at
    found = [f"{humanise.sentence(size, 'design')}{_sampled(size, looked_at)}; {_buildable(result)}."]
    if result.reasons:
        shown = result.reasons[:_REASONS]
        most = "; ".join(f"{humanise.sentence(each.designs, 'design')}: {each.reason}" for each in shown)
        more = len(result.reasons) - _REASONS
        found.append(
            f"Why not, the commonest first: {most}{f'; and {more:,} other reasons' if more > 0 else ''}."
        )
    if result.chosen_by:
        left = f"{humanise.sentence(result.rows, 'design')} {'is' if result.rows == 1 else 'are'} left"
        found.append(f"{left}: {result.chosen_by}.")
    if result.path:
        found.append(f"Written to {result.path}.")
    if result.shown < result.rows:
        found.append(f"The first {result.shown:,} of {result.rows:,} are shown.")
    return found


def _sampled(size: int, looked_at: int) -> str:
    return "" if looked_at == size else f", of which a sample of {looked_at:,} was worked out"


def _buildable(result: Designs) -> str:
    if not result.unbuildable:
        return "all of them can be built" if result.looked_at > 1 else "it can be built"
    if result.unbuildable == result.looked_at:
        return "none of them can be built"
    return f"{result.unbuildable:,} cannot be built"
