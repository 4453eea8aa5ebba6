"""Tables of plain text, and how one is laid out for a terminal."""

from __future__ import annotations

from typing import Final, NamedTuple

from rfcalc.render.apart import shorten_apart
from rfcalc.render.escape import cells, terminal

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
    ellipsis, rule = ("…", "─") if unicode else ("...", "-")
    total = () if table.total is None else (table.total,)
    rows = [tuple(terminal(cell, unicode=unicode) for cell in row) for row in (*table.rows, *total)]
    widths = [max(map(cells, strip)) for strip in zip(table.titles, *rows, strict=True)]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    for place in range(len(widths)) if excess > 0 else ():
        if table.aligns[place] == LEFT and excess > 0:
            cut = min(excess, max(widths[place] - _LEAST_NAME, 0))
            widths[place], excess = widths[place] - cut, excess - cut
    strips = [
        shorten_apart(strip, room, ellipsis)
        for strip, room in zip(zip(table.titles, *rows, strict=True), widths, strict=True)
    ]
    lines = [_GAP.join(map(padded, row, widths, table.aligns)).rstrip() for row in zip(*strips, strict=True)]
    ruler = rule * (sum(widths) + len(_GAP) * (len(widths) - 1))
    sums = [] if table.total is None else [ruler, lines.pop()]
    return [lines[0], ruler, *lines[1:], *sums] if sums else [lines[0], ruler, *lines[1:], ruler]


def padded(text: str, room: int, align: str) -> str:
    """Fill a cell up with blanks.

    >>> padded("ab", 4, RIGHT)
    '  ab'
    """
    blank = " " * (room - cells(text))
    return blank + text if align == RIGHT else text + blank
