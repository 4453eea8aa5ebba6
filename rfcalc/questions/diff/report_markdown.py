"""A difference as Markdown, for a comment on a pull request: short enough for one."""

from __future__ import annotations

from typing import Final

from rfcalc.questions.diff.report_sentences import sentences
from rfcalc.questions.diff.report_totals import totals_table
from rfcalc.questions.diff.report_words import TO, figure_cell, former_name, kind_of, settings_texts, title_of
from rfcalc.questions.diff.result import DiffResult, Entry
from rfcalc.render.escape import shorten
from rfcalc.render.markdown import markdown
from rfcalc.render.markup import tabulated
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.table import LEFT, RIGHT, Table

_LONGEST: Final = 80
_FIGURES: Final = ("output_shape", "receptive_field", "effective_stride", "params", "macs")
_TITLES: Final = ("", "layer", "change", "output", "field", "stride", "params", "MACs")
_ALIGNS: Final = (LEFT, LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT)
_MOST_SENTENCES: Final = 40


def diff_markdown(diff: DiffResult, limit: int, *, every: bool) -> str:
    """Render a difference as Markdown.

    Parameters
    ----------
    diff : DiffResult
        What to show.
    limit : int
        Bytes that it may have.
    every : bool
        Show layers too that are themselves as before.
    """
    head, *rest = sentences(diff)
    table = totals_table(diff)
    rows = [tuple(map(_arrow, row)) for row in table.rows]
    listed = "".join(f"- {_clean(each)}\n" for each in rest[:_MOST_SENTENCES])
    before = "\n".join(
        [
            f"**{_clean(shorten(title_of(diff), 2 * _LONGEST))}**: {_clean(head)}\n",
            tabulated(table.titles, rows, table.aligns, "markdown"),
            *([listed] if listed else []),
        ]
    )
    shown = [entry for entry in diff.entries if entry.state not in ("same", "" if every else "affected")]
    if not shown:
        return before
    changes = tabulated(
        _TITLES, [_row(entry, across=diff.comparable) for entry in shown], _ALIGNS, "markdown"
    )
    whole = f"{before}\n{changes}"
    return whole if len(whole.encode()) <= limit else _cut(before, changes, limit)


def diff_pieces(diff: DiffResult) -> list[Piece]:
    """Return what a difference is made of in a document, which has room for all changes."""
    head, *rest = sentences(diff)
    totals = totals_table(diff)
    totals = totals._replace(rows=tuple(tuple(map(_arrow, row)) for row in totals.rows))
    shown = [entry for entry in diff.entries if entry.state not in ("same", "affected")]
    rows = tuple(_row(entry, across=diff.comparable) for entry in shown)
    return [
        Paragraph(_arrow(f"{title_of(diff)}: {head}.")),
        totals,
        *(Paragraph(_arrow(f"{each[:1].upper()}{each[1:]}.")) for each in rest),
        *([Table(_TITLES, _ALIGNS, rows)] if rows else []),
    ]


def _row(entry: Entry, *, across: bool) -> tuple[str, ...]:
    alone = entry.old is None or entry.new is None
    what = kind_of(entry) if alone else "; ".join([*former_name(entry), *settings_texts(entry)])
    figures = [figure_cell(entry, name, across=across) for name in _FIGURES]
    texts = (entry.state, entry.name, what, *figures)
    return tuple(_arrow(shorten(text, _LONGEST)) for text in texts)


def _arrow(text: str) -> str:
    return text.replace(TO, " → ")


def _clean(text: str) -> str:
    return markdown(_arrow(text))


def _cut(before: str, changes: str, limit: int) -> str:
    """Leave out the last rows, and say how many."""
    lines = changes.splitlines(keepends=True)
    count = len(lines) - 2
    room = limit - len(before.encode()) - len(_note(count, count).encode()) - 2
    kept = 0
    used = 0
    for line in lines:
        used += len(line.encode())
        if used > room:
            break
        kept += 1
    if kept <= 2:  # no row fits, and headings alone say nothing
        return f"{before}\n{_note(count, count)}"
    left = count - (kept - 2)
    return f"{before}\n{''.join(lines[:kept])}\n{_note(left, count)}"


def _note(left: int, count: int) -> str:
    return f"{left:,} of {count:,} changes are left out here, since a comment has no room for them.\n"
