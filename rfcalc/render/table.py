"""Tables of plain text, and how one is laid out for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.records import NamedTuple
from rfcalc.render.apart import shorten_apart
from rfcalc.render.escape import cells, terminal, widest

LEFT: Final = "left"
RIGHT: Final = "right"

_GAP: Final = "  "
_LEAST_NAME: Final = 12


class Table(NamedTuple):
    """Cells as text, not yet escaped for any format."""

    titles: tuple[str, ...]
    aligns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


def laid_out(table: Table, width: int, *, unicode: bool) -> list[str]:
    """Lay a table out for a terminal; where it is too wide, names are cut in the middle.

    Parameters
    ----------
    table : Table
        Cells of plain text, with a row of sums where there is one.
    width : int
        Columns of the terminal.
    unicode : bool
        False for a terminal that shows ASCII alone.
    """
    ellipsis = "…" if unicode else "..."
    total = () if table.total is None else (table.total,)
    rows = [tuple(terminal(cell, unicode=unicode) for cell in row) for row in (*table.rows, *total)]
    widths = [widest(strip) for strip in zip(table.titles, *rows, strict=True)]
    widths = _narrowed(widths, table.aligns, width - len(_GAP) * (len(widths) - 1))
    strips = [
        shorten_apart(strip, room, ellipsis)
        for strip, room in zip(zip(table.titles, *rows, strict=True), widths, strict=True)
    ]
    lines = aligned(list(zip(*strips, strict=True)), table.aligns)
    return ruled(lines, unicode=unicode, total=table.total is not None)


def _narrowed(widths: Sequence[int], aligns: Sequence[str], room: int) -> list[int]:
    """Take what there is no room for from the columns of names: half of the first, then from the widest."""
    left = [place for place, align in enumerate(aligns) if align == LEFT]
    narrow = list(widths)
    for first in left[:1]:
        wanted = widths[first] - max(sum(widths) - room, 0)
        narrow[first] = max(wanted, widths[first] // 2, min(_LEAST_NAME, widths[first]))
    while sum(narrow) > room and (cut := [place for place in left if narrow[place] > _LEAST_NAME]):
        narrow[max(cut, key=lambda place: narrow[place])] -= 1
    return narrow


def aligned(rows: Sequence[Sequence[str]], aligns: Sequence[str], gap: str = _GAP) -> list[str]:
    """Put cells in columns as wide as their widest.

    Parameters
    ----------
    rows : sequence of sequence of str
        Cells, already escaped for a terminal; the titles are a row too.
    aligns : sequence of str
        `LEFT` or `RIGHT`, for each column.
    gap : str
        What stands between columns.

    Examples
    --------
    >>> aligned([("layer", "field"), ("conv1", "3")], (LEFT, RIGHT))
    ['layer  field', 'conv1      3']
    """
    widths = [widest(strip) for strip in zip(*rows, strict=True)]
    return [gap.join(map(padded, row, widths, aligns)).rstrip() for row in rows]


def ruled(lines: Sequence[str], *, unicode: bool, total: bool = False) -> list[str]:
    """Put rules below the titles, which are the first line, and below the rows; with a total, above it."""
    ruler = ("─" if unicode else "-") * widest(lines)
    if total:
        return [lines[0], ruler, *lines[1:-1], ruler, lines[-1]]
    return [lines[0], ruler, *lines[1:], ruler]


def padded(text: str, room: int, align: str) -> str:
    """Fill a cell up with blanks.

    >>> padded("ab", 4, RIGHT)
    '  ab'
    """
    blank = " " * (room - cells(text))
    return blank + text if align == RIGHT else text + blank
