"""What two models come to: before, after, and the difference."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.engine.costs import field_of, focus_of
from rfcalc.engine.result import AnalysisResult
from rfcalc.questions.diff.report_words import signed
from rfcalc.questions.diff.result import DiffResult
from rfcalc.render import humanise
from rfcalc.render.columns import total_cell
from rfcalc.render.escape import shorten
from rfcalc.render.humanise import plain
from rfcalc.render.table import LEFT, RIGHT, Table

_LONGEST_NAME: Final = 24


def totals_table(diff: DiffResult) -> Table:
    """Lay out totals before, after, and their difference."""
    old, new = diff.old, diff.new
    params = [result.totals.params.total for result in (old, new)]
    rows = [_row("parameters", old, new, params, "params")]
    still = [result.totals.params.non_trainable for result in (old, new)]
    if any(still):
        rows.append(
            _row("  trainable", old, new, [r.totals.params.trainable for r in (old, new)], "trainable")
        )
    rows.append(_row("MACs", old, new, [result.totals.macs for result in (old, new)], "macs"))
    if not diff.comparable:  # formats cut layers in their own ways, so these would say nothing
        layers = [result.totals.layers for result in (old, new)]
        rows.insert(0, _row("layers", old, new, layers, "layers"))
        activations = [result.footprint.activations for result in (old, new)]
        rows.append(_row("activations", old, new, activations, "activations"))
    rows.append(_field(diff))
    return Table(("", "before", "after", "change"), (LEFT, RIGHT, RIGHT, RIGHT), tuple(rows))


def _row(
    title: str, old: AnalysisResult, new: AnalysisResult, values: list[Any], figure: str
) -> tuple[str, ...]:
    short = figure in ("macs", "activations")
    cells = []
    for result, value in zip((old, new), values, strict=True):
        known = plain(value) is not None
        cells.append(
            (humanise.short if short else humanise.number)(value) if known or figure == "activations"
            else total_cell(result, figure, value)
        )  # fmt: skip
    one, two = map(plain, values)
    if not isinstance(one, int) or not isinstance(two, int):
        return (title, *cells, "?")
    share = f" ({(two - one) / one:+.1%})" if one and one != two and figure != "layers" else ""
    return (title, *cells, signed(two - one, "macs" if short else "params") + share)


def _field(diff: DiffResult) -> tuple[str, ...]:
    """Compare what the last window of the new model sees with what it saw, or the last window there."""
    name = focus_of(diff.new.rows)
    same = (each.old.row.name for each in diff.entries if each.old and each.new and each.name == name)
    before = next(same, None)
    names = [before or focus_of(diff.old.rows), name]
    results = (diff.old, diff.new)
    rows = [result.layer(each) if each else None for result, each in zip(results, names, strict=True)]
    fields = [None if row is None else field_of(row) for row in rows]
    bounds = [row is not None and row.status == "bound" for row in rows]
    cells = [
        "-" if field is None else "~" * bound + humanise.extents(field)
        for field, bound in zip(fields, bounds, strict=True)
    ]
    one_layer = before is not None or names[0] == names[1]
    title = f"field of {shorten(name, _LONGEST_NAME)}" if one_layer else "field of the last window"
    one, two = fields
    if bounds[0] != bounds[1] and one != two:  # what is at most so much may be what the other has
        return (title, *cells, "?")
    if one is None or two is None or len(one) != len(two) or None in (*one, *two):
        return (title, *cells, "?" if one != two else "0")
    moves = [b - a for a, b in zip(one, two, strict=True)]  # type: ignore[operator]  # none of them is None
    if not any(moves):
        return (title, *cells, "0")
    if all(move >= 0 for move in moves) or all(move <= 0 for move in moves):
        return (
            title,
            *cells,
            ("+" if max(moves) > 0 else "-") + humanise.extents([abs(move) for move in moves]),
        )
    return (title, *cells, ", ".join(f"{move:+d}" for move in moves))
