"""The table for a terminal: it fits the width, by leaving out columns first and shortening names last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from rfcalc.analysis.result import AnalysisResult, Note, Row
from rfcalc.reports import humanise
from rfcalc.reports.escape import cells, shorten, terminal
from rfcalc.reports.humanise import plain
from rfcalc.reports.tables import LEFT, RIGHT, Column, choose, has_area, total_cell

DEFAULT: Final = (
    "name",
    "op",
    "output_shape",
    "receptive_field",
    "receptive_field_min",
    "effective_stride",
    "effective_padding",
    "coverage",
    "params",
    "macs",
    "activations",
)
"""What a wide terminal shows, from left to right."""

DROPPED: Final = (
    "activations",
    "effective_padding",
    "op",
    "receptive_field_min",
    "macs",
    "coverage",
    "effective_stride",
)
"""What a narrow one goes without, the first first."""

_GAP: Final = 2
_NAME_SHARE: Final = 0.3  # of the width: beyond it a name is shortened rather than a column left out
_LEAST_NAME: Final = 12
_LONGEST_OP: Final = 24


class Glyphs(NamedTuple):
    """What a terminal that shows Unicode gets, and another in its stead."""

    unicode: bool
    ellipsis: str
    rule: str

    def formula(self, text: str) -> str:
        """Spell the floor of a formula with what the terminal shows."""
        return text if self.unicode else text.replace("⌊", "floor(").replace("⌋", ")")


_UNICODE: Final = Glyphs(True, "…", "─")
_ASCII: Final = Glyphs(False, "...", "-")

_SHORT_CELLS: Final[Mapping[str, Callable[[Row, Glyphs], str]]] = {
    "coverage": lambda row, glyphs: (
        humanise.bar(row.coverage, unicode=glyphs.unicode) if has_area(row) else "-"
    ),
    "macs": lambda row, glyphs: glyphs.formula(humanise.short(row.macs)),
    "activations": lambda row, glyphs: glyphs.formula(humanise.short(row.activations)),
    "op": lambda row, glyphs: shorten(terminal(row.op, unicode=glyphs.unicode), _LONGEST_OP, glyphs.ellipsis),
}
_SHORT_TITLES: Final = {"coverage": "covers"}


class _Strip(NamedTuple):
    """One column, laid out."""

    name: str
    title: str
    align: str
    cells: list[str]
    width: int

    @classmethod
    def of(cls, name: str, title: str, align: str, column: list[str]) -> _Strip:
        return cls(name, title, align, column, max(map(cells, (title, *column))))


def analysis_text(
    result: AnalysisResult,
    *,
    width: int = 80,
    unicode: bool = True,
    columns: Sequence[Column] | None = None,
    notes: bool = True,
) -> str:
    """Render a result for a terminal.

    Parameters
    ----------
    result : AnalysisResult
        What to show.
    width : int
        Columns of the terminal.
    unicode : bool
        False for a terminal that shows ASCII alone.
    columns : sequence of Column, optional
        What to show; by default what fits. Columns asked for are all shown, however wide.
    notes : bool
        Put the notes below.
    """
    glyphs = _UNICODE if unicode else _ASCII
    if columns is None:
        strips = _fit(result, width, glyphs)
    else:
        strips = [_strip(result, column, glyphs) for column in columns]
    strips = [_squeeze(strip, strips, width, glyphs) for strip in strips]
    lines = [*_head(result, width, glyphs), "", *_table(strips, glyphs), *_foot(result, glyphs)]
    if notes and result.notes:
        lines += ["", *(note_line(note, unicode=unicode) for note in result.notes)]
    return "\n".join(lines) + "\n"


def note_line(note: Note, *, unicode: bool = True) -> str:
    """Write a note as one line.

    >>> note_line(Note("warning", "misaligned", "add", "branches of unequal strides"))
    "warning: layer 'add': branches of unequal strides"
    """
    level = "note" if note.level == "info" else note.level
    where = f"layer '{note.layer}': " if note.layer else ""
    return terminal(f"{level}: {where}{note.message}", unicode=unicode)


def _usual_columns(result: AnalysisResult) -> Sequence[Column]:
    # most models do not upsample, and every output sees as much as its neighbours
    phased = any(row.receptive_field_min != row.receptive_field for row in result.rows)
    return choose(name for name in DEFAULT if phased or name != "receptive_field_min")


# ---- columns -----------------------------------------------------------------------------------------------


def _strip(result: AnalysisResult, column: Column, glyphs: Glyphs) -> _Strip:
    if column.name == "name":
        return _Strip.of("name", column.title, LEFT, _names(result, glyphs))
    render = _SHORT_CELLS.get(column.name)
    if render is None:
        texts = [terminal(glyphs.formula(column.cell(row)), unicode=glyphs.unicode) for row in result.rows]
    else:
        texts = [render(row, glyphs) for row in result.rows]
    return _Strip.of(column.name, _SHORT_TITLES.get(column.name, column.title), column.align, texts)


def _names(result: AnalysisResult, glyphs: Glyphs) -> list[str]:
    """Indent the layers of a nested model below its row, without its name in front of theirs."""
    depth: dict[str, int] = {}
    names = []
    for row in result.rows:
        level = depth.get(row.block, 0)
        name = row.name.removeprefix(row.block + "/") if level else row.name
        if row.container:
            depth[row.name] = level + 1
        if len(row.calls) > 1:
            name += f" ({len(row.calls)} calls)"
        names.append("  " * level + terminal(name, unicode=glyphs.unicode))
    return names


def _fit(result: AnalysisResult, width: int, glyphs: Glyphs) -> list[_Strip]:
    """Lay out what has to be there, and then what else fits beside names of a fair length.

    What is left out is not laid out either: that is most of the time that a narrow table takes.
    """
    columns = {column.name: column for column in _usual_columns(result)}
    strips = {name: _strip(result, columns[name], glyphs) for name in columns if name not in DROPPED}
    fair = max(_LEAST_NAME, int(width * _NAME_SHARE))
    for name in reversed(DROPPED):
        if name not in columns:
            continue
        strip = _strip(result, columns[name], glyphs)
        wider = [*strips.values(), strip]
        if _total_width(wider) - max(strips["name"].width - fair, 0) > width:
            break
        strips[name] = strip
    return [strips[name] for name in columns if name in strips]


def _total_width(strips: Sequence[_Strip]) -> int:
    return sum(strip.width for strip in strips) + _GAP * (len(strips) - 1)


def _squeeze(strip: _Strip, strips: Sequence[_Strip], width: int, glyphs: Glyphs) -> _Strip:
    """Shorten the names in the middle where the table is still too wide."""
    excess = _total_width(strips) - width
    if strip.name != "name" or excess <= 0:
        return strip
    room = max(strip.width - excess, _LEAST_NAME)
    return _Strip.of(
        strip.name, strip.title, strip.align, [_shorten_name(cell, room, glyphs) for cell in strip.cells]
    )


def _shorten_name(cell: str, room: int, glyphs: Glyphs) -> str:
    name = cell.lstrip(" ")
    indent = min(len(cell) - len(name), max(room - _LEAST_NAME, 0))  # however deep, some of the name is left
    return " " * indent + shorten(name, room - indent, glyphs.ellipsis)


# ---- lines -------------------------------------------------------------------------------------------------


def _head(result: AnalysisResult, width: int, glyphs: Glyphs) -> list[str]:
    clean = partial(terminal, unicode=glyphs.unicode)
    title = f"{clean(result.name or result.source)} ({clean(result.format)})"
    inputs = [f"{clean(each.name)} {humanise.shape(each.shape)}" for each in result.inputs]
    label = "input" if len(inputs) == 1 else "inputs"
    chosen = "" if len(inputs) < 2 else f"; fields are in pixels of {clean(result.input)}"
    line = f"{label} {', '.join(inputs)}{chosen}"
    if not inputs:
        return [title]
    if cells(title) + 3 + cells(line) <= width:
        return [f"{title}   {line}"]
    return [shorten(each, width, glyphs.ellipsis) for each in (title, line)]


def _table(strips: Sequence[_Strip], glyphs: Glyphs) -> list[str]:
    rule = glyphs.rule * _total_width(strips)
    count = len(strips[0].cells)
    lines = [_line([strip.title for strip in strips], strips), rule]
    lines += [_line([strip.cells[place] for strip in strips], strips) for place in range(count)]
    return [*lines, rule]


def _line(texts: Sequence[str], strips: Sequence[_Strip]) -> str:
    return (" " * _GAP).join(map(_pad, texts, strips)).rstrip()


def _pad(text: str, strip: _Strip) -> str:
    blank = " " * (strip.width - cells(text))
    return blank + text if strip.align == RIGHT else text + blank


def _foot(result: AnalysisResult, glyphs: Glyphs) -> list[str]:
    totals = result.totals
    counts = f"{totals.layers:,}"
    if totals.resolved < totals.layers:
        counts = f"{totals.resolved:,} of {totals.layers:,} resolved"
    params = total_cell(result, "params", totals.params.total)
    if plain(totals.params.non_trainable) == 0:
        split = " (all trainable)"
    else:
        trainable = total_cell(result, "trainable", totals.params.trainable)
        fixed = total_cell(result, "non_trainable", totals.params.non_trainable)
        # of which nothing is known says nothing, and then the rest is the total
        split = "" if "?" in (trainable, fixed) else f" ({trainable} trainable, {fixed} non-trainable)"
    macs = total_cell(result, "macs", totals.macs)
    about = "" if (short := humanise.short(totals.macs)) == macs or totals.macs is None else f" ({short})"
    lines = [
        ("layers", counts),
        ("parameters", f"{params}{split}"),
        ("MACs", f"{macs}{about} at batch 1; FLOPs = 2 x MACs"),
    ]
    return [f"{label:<12}{glyphs.formula(text)}" for label, text in lines]
