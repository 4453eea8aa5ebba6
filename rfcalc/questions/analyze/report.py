"""The table for a terminal: it fits the width.

Columns are left out first, and a line below says which; then long formulas move below the table, where
their number stands for them; names are shortened last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from rfcalc.engine.result import AnalysisResult, Footprint, Peak, Row
from rfcalc.engine.totals import intensity_of
from rfcalc.records import NamedTuple
from rfcalc.render import humanise
from rfcalc.render.apart import shorten_apart
from rfcalc.render.columns import DOCUMENT, Column, build, choose, has_area, total_cell
from rfcalc.render.escape import cells, shorten, terminal, terminals, widest
from rfcalc.render.fold import fold
from rfcalc.render.humanise import plain
from rfcalc.render.notes import note_line
from rfcalc.render.pieces import Piece
from rfcalc.render.shown import Shown
from rfcalc.render.table import LEFT, aligned, ruled
from rfcalc.rules.registry import of_family
from rfcalc.wording import few

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
    "coverage",
    "macs",
    "effective_stride",
)
"""What a narrow one goes without, the first first: coverage, which the field mostly tells, before costs."""

_GAP: Final = 2
_NAME_SHARE: Final = 0.3  # of the width: beyond it a name is shortened rather than a column left out
_NAME_SHARE_BESIDE_FORMULAS: Final = 0.25  # the same, rather than a formula moved below the table
_LEAST_NAME: Final = 12
_LONGEST_OP: Final = 24
_LONGEST_FORMULA: Final = 48  # beyond it a cell is not read at a glance, however wide the terminal
_REFERENCE: Final = 4  # [12]
_LABEL: Final = 12
_LONGEST_PLACE: Final = 40
_MOST_OPEN: Final = 6  # names of open extents that are said in one line

_WITH_FORMULAS: Final = frozenset(
    {"output_shape", "spatial", "params", "trainable", "non_trainable", "macs", "activations"}
)
_WRITTEN_OVER: Final = frozenset(of_family("activation", "join", "normalisation"))
"""Kinds that may write over what they read: memory is counted so."""

_UNTOLD: Final = frozenset({"jax", "onnx", "openvino", "tflite"})
"""Formats that say at most of a normalisation's mean and variance whether a parameter is trained."""

_FORMULA: Final = r"[(*⌊]| [+-] "  # in no other figure of those columns


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
        return cls(name, title, align, column, widest((title, *column)))


class Ways(NamedTuple):
    """How a reader gets what a table leaves out, in the words of the command or of the library.

    Parameters
    ----------
    columns : str
        The columns that there was no room for.
    layers : str
        The layers that were folded.
    dims : callable
        Numbers for open extents: from names and what they may be to what has to be said.
    """

    columns: str
    layers: str
    dims: Callable[[Sequence[tuple[str, str]]], str]


LIBRARY: Final = Ways(
    "columns=[...], a larger width",
    "rows has all",
    lambda dims: f"dims={{{', '.join(f'{name!r}: {size}' for name, size in dims)}}}",
)
"""How a caller of the library does."""


def analysis_text(
    result: AnalysisResult,
    *,
    width: int = 80,
    unicode: bool = True,
    columns: Sequence[Column] | None = None,
    notes: bool = True,
    ways: Ways = LIBRARY,
    fold_long: bool = False,
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
    ways : Ways
        How to get what the table leaves out, for the lines that say so.
    fold_long : bool
        Let one line stand for a module and one for a block's repeats, where there are many rows.
    """
    glyphs = _UNICODE if unicode else _ASCII
    hidden = ""
    if fold_long:
        from rfcalc.questions.analyze.folding import folded

        result, hidden = folded(result, glyphs.ellipsis)
    usual = _usual_columns(result) if columns is None else columns
    if columns is None:
        strips, longest = _fit(result, usual, width, glyphs)
    else:
        strips = [_strip(result, column, glyphs) for column in columns]
        longest = _longest_formula(strips, width)
    strips, formulas = _numbered(strips, longest)
    strips = [_squeeze(strip, strips, width, glyphs) for strip in strips]
    lines = [*_head(result, width, glyphs), "", *_table(strips, glyphs)]
    if formulas:
        lines += [*_listed(formulas, width), glyphs.rule * _total_width(strips)]
    lines += _foot(result, width, glyphs)
    lines += _open(result, width, ways, glyphs)
    if len(strips) < len(usual):
        shown = {strip.name for strip in strips}
        if any(column.name == "receptive_field_min" and column.name not in shown for column in usual):
            lines.append("fields differ from unit to unit; the largest is shown")
        lines.append(_left_out(usual, strips, width, ways.columns))
    if hidden:
        lines += fold(f"folded: {hidden} ({ways.layers})", width)
    if notes and result.notes:
        lines.append("")
        modules = result.module_of
        for note in result.notes:
            lines += fold(note_line(note, unicode=unicode, modules=modules), width, indent=2)
    return "\n".join(lines) + "\n"


class AnalysisTable(Shown):
    """The layers of a result without its notes, and the columns to show of them.

    Parameters
    ----------
    result : AnalysisResult
        What to show.
    columns : sequence of Column, optional
        By default those that are usual for a document, or fit the terminal.
    ways : Ways
        As of `analysis_text`.
    fold_long : bool
        As of `analysis_text`.
    """

    __slots__ = ("_columns", "_fold_long", "_result", "_ways")

    def __init__(
        self,
        result: AnalysisResult,
        columns: Sequence[Column] | None = None,
        *,
        ways: Ways = LIBRARY,
        fold_long: bool = False,
    ) -> None:
        self._result, self._columns, self._ways, self._fold_long = result, columns, ways, fold_long

    def shortened(self) -> AnalysisTable:
        """Return it with one line for a module and for a block's repeats, where there are many rows."""
        return AnalysisTable(self._result, self._columns, ways=self._ways, fold_long=True)

    def pieces(self) -> Sequence[Piece]:
        """Return the layers, and their totals, as a table."""
        return [build(self._result, self._columns or choose(DOCUMENT), total=True)]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the table for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        return analysis_text(
            self._result,
            width=width,
            unicode=unicode,
            columns=self._columns,
            notes=False,
            ways=self._ways,
            fold_long=self._fold_long,
        )


def _usual_columns(result: AnalysisResult) -> Sequence[Column]:
    # most models do not upsample, and every output sees as much as its neighbours
    phased = any(row.receptive_field_min != row.receptive_field for row in result.rows)
    # of an input of open extents no share is known
    sized = any(row.coverage not in (None, 1) for row in result.rows)
    idle = {"receptive_field_min": not phased, "coverage": not sized}
    return choose(name for name in DEFAULT if not idle.get(name))


# ---- columns -----------------------------------------------------------------------------------------------


def _strip(result: AnalysisResult, column: Column, glyphs: Glyphs) -> _Strip:
    if column.name == "name":
        return _Strip.of("name", column.title, LEFT, _names(result, glyphs))
    render = _SHORT_CELLS.get(column.name)
    if render is None:
        texts = [glyphs.formula(column.cell(row)) for row in result.rows]
        texts = terminals(texts, unicode=glyphs.unicode)
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
        names.append("  " * level + name)
    return terminals(names, unicode=glyphs.unicode)


def _fit(
    result: AnalysisResult, usual: Sequence[Column], width: int, glyphs: Glyphs
) -> tuple[list[_Strip], int]:
    """Lay out what has to be there, and then what else fits beside names of a fair length.

    What is left out is not laid out either: that is most of the time that a narrow table takes. The number is
    the length beyond which formulas do not stand in the table.
    """
    columns = {column.name: column for column in usual}
    strips = {name: _strip(result, columns[name], glyphs) for name in columns if name not in DROPPED}
    longest = _longest_formula(list(strips.values()), width)
    widths = {name: _width_with(strip, longest) for name, strip in strips.items()}
    widths["name"] = min(widths["name"], max(_LEAST_NAME, int(width * _NAME_SHARE)))
    for name in reversed(DROPPED):
        if name not in columns:
            continue
        strip = _strip(result, columns[name], glyphs)
        widths[name] = _width_with(strip, longest)
        if sum(widths.values()) + _GAP * (len(widths) - 1) > width:
            break
        strips[name] = strip
    return [strips[name] for name in columns if name in strips], longest


def _left_out(usual: Sequence[Column], strips: Sequence[_Strip], width: int, ways: str) -> str:
    """Say in one line which columns there was no room for, and how to see them."""
    shown = {strip.name for strip in strips}
    titles = [_SHORT_TITLES.get(column.name, column.title) for column in usual if column.name not in shown]
    named = (few(titles, most) for most in range(len(titles), 0, -1))
    lines = [f"not shown: {names} ({ways})" for names in (*named, humanise.sentence(len(titles), "column"))]
    return next((line for line in lines if cells(line) <= width), lines[-1])


def _total_width(strips: Sequence[_Strip]) -> int:
    return sum(strip.width for strip in strips) + _GAP * (len(strips) - 1)


def _squeeze(strip: _Strip, strips: Sequence[_Strip], width: int, glyphs: Glyphs) -> _Strip:
    """Shorten the names in the middle where the table is still too wide."""
    excess = _total_width(strips) - width
    if strip.name != "name" or excess <= 0:
        return strip
    room = max(strip.width - excess, _LEAST_NAME)
    return _Strip.of(strip.name, strip.title, strip.align, shorten_apart(strip.cells, room, glyphs.ellipsis))


# ---- formulas ----------------------------------------------------------------------------------------------


def _long(strip: _Strip, longest: int) -> list[int]:
    """Tell which rows have a formula of more than so many columns; most tables have none, and cost little."""
    if strip.width <= longest or strip.name not in _WITH_FORMULAS:
        return []
    return [
        place for place, text in enumerate(strip.cells) if cells(text) > longest and re.search(_FORMULA, text)
    ]


def _width_with(strip: _Strip, longest: int) -> int:
    """Return how wide a column is without its long formulas."""
    if not (long := set(_long(strip, longest))):
        return strip.width
    rest = (cells(text) for place, text in enumerate(strip.cells) if place not in long)
    return max(cells(strip.title), _REFERENCE, *rest)


def _longest_formula(strips: Sequence[_Strip], width: int) -> int:
    """Return the length up to which formulas can stand in the table for it to fit, beside shortened names."""
    fair = max(_LEAST_NAME, int(width * _NAME_SHARE_BESIDE_FORMULAS))
    names = sum(min(strip.width, fair) for strip in strips if strip.name == "name")
    others = [strip for strip in strips if strip.name != "name"]
    room = width - names - _GAP * (len(strips) - 1)
    longest = _LONGEST_FORMULA
    while sum(widths := [_width_with(strip, longest) for strip in others]) > room:
        # the widest formula that is left goes next
        lengths = [
            cells(strip.cells[place])
            for strip, taken in zip(others, widths, strict=True)
            if taken > _REFERENCE
            for place in _long(strip, _REFERENCE)
        ]
        shorter = [length for length in lengths if length <= longest]
        if not shorter:
            break
        longest = max(shorter) - 1
    return longest


def _numbered(strips: Sequence[_Strip], longest: int) -> tuple[list[_Strip], dict[str, str]]:
    """Put a number for each long formula, from the first row on; equal ones have the same."""
    places = sorted((place, column) for column, strip in enumerate(strips) for place in _long(strip, longest))
    columns = [list(strip.cells) for strip in strips]
    formulas: dict[str, str] = {}
    for place, column in places:
        text = columns[column][place]
        columns[column][place] = formulas.setdefault(text, f"[{len(formulas) + 1}]")
    return [
        _Strip.of(strip.name, strip.title, strip.align, texts)
        for strip, texts in zip(strips, columns, strict=True)
    ], formulas


def _listed(formulas: Mapping[str, str], width: int) -> list[str]:
    margin = max(map(len, formulas.values())) + _GAP
    return [
        line for text, number in formulas.items() for line in fold(f"{number:<{margin}}{text}", width, margin)
    ]


# ---- lines -------------------------------------------------------------------------------------------------


def _head(result: AnalysisResult, width: int, glyphs: Glyphs) -> list[str]:
    clean = partial(terminal, unicode=glyphs.unicode)
    title = f"{clean(result.name or result.source)} ({clean(result.format)})"
    if not result.inputs:
        return [title]
    inputs = [f"{clean(each.name)} {humanise.shape(each.shape)}" for each in result.inputs]
    several = len(inputs) > 1
    label = "inputs " if several else "" if result.inputs[0].name == "input" else "input "
    chosen = f"; fields are in pixels of {clean(result.input)}" if several else ""
    line = f"{label}{', '.join(inputs)}{chosen}"
    if cells(title) + 3 + cells(line) <= width:
        return [f"{title}   {line}"]
    return [shorten(each, width, glyphs.ellipsis) for each in (title, line)]


def _table(strips: Sequence[_Strip], glyphs: Glyphs) -> list[str]:
    rows = [tuple(strip.title for strip in strips), *zip(*(strip.cells for strip in strips), strict=True)]
    return ruled(aligned(rows, [strip.align for strip in strips], " " * _GAP), unicode=glyphs.unicode)


def _foot(result: AnalysisResult, width: int, glyphs: Glyphs) -> list[str]:
    totals = result.totals
    counts = f"{totals.layers:,}"
    if totals.resolved < totals.layers:
        counts = f"{totals.resolved:,} of {totals.layers:,} resolved"
    params = total_cell(result, "params", totals.params.total) + _split(result)
    macs = total_cell(result, "macs", totals.macs)
    about = "" if (short := humanise.short(totals.macs)) == macs or totals.macs is None else f" ({short})"
    lines = [
        ("layers", counts),
        ("parameters", f"{params}{_stored(result.footprint)}"),
        ("MACs", f"{macs}{about} at batch 1; FLOPs = 2 x MACs" if macs != "?" else macs),
        *_held(result, glyphs),
    ]
    return [
        line
        for label, text in lines
        for line in fold(f"{label:<{_LABEL}}{glyphs.formula(text)}", width, _LABEL)
    ]


def _split(result: AnalysisResult) -> str:
    """Return how many of the parameters are trained, as far as the file says."""
    totals = result.totals
    trainable = total_cell(result, "trainable", totals.params.trainable)
    fixed = total_cell(result, "non_trainable", totals.params.non_trainable)
    if result.format in _UNTOLD:
        return "" if fixed in ("0", "?") else f" ({fixed} of them non-trainable)"
    if plain(totals.params.non_trainable) == 0:
        return " (all trainable)"
    # of which nothing is known says nothing, and then the rest is the total
    return "" if "?" in (trainable, fixed) else f" ({trainable} trainable, {fixed} non-trainable)"


def _open(result: AnalysisResult, width: int, ways: Ways, glyphs: Glyphs) -> list[str]:
    """Say which extents are open, how to give them numbers, and which they were likely made for."""
    found = result.open_size.get()
    if found is None or len(found.names) > _MOST_OPEN:
        return []
    names = [terminal(name, unicode=glyphs.unicode) for name in found.names]
    likely = [str(size) for size in found.likely] or ["N"] * len(names)
    given = ways.dims(list(zip(names, likely, strict=True)))
    why = f" ({terminal(found.told_by, unicode=glyphs.unicode)})" if found.likely else ""
    return fold(f"{'open':<{_LABEL}}{', '.join(names)}; numbers with {given}{why}", width, _LABEL)


def _stored(footprint: Footprint) -> str:
    """Return what the parameters take up, by type of element."""
    sizes = footprint.param_bytes
    if not sizes:
        return ""
    largest = sorted(sizes, key=lambda dtype: (-float(sizes[dtype]), dtype)) if len(sizes) > 1 else sizes
    return "; " + ", ".join(f"{humanise.size(sizes[dtype])} in {dtype}" for dtype in largest)


def _held(result: AnalysisResult, glyphs: Glyphs) -> list[tuple[str, str]]:
    """Return the lines of what activations take up; none where a size is open."""
    found, intensity = result.footprint, intensity_of(result)
    if found.peak is None:
        return []
    text = f"{humanise.short(found.activations)} at batch 1, {humanise.size(found.activation_bytes)}; "
    text += f"at most {_peak(found.peak, glyphs)} at a time"
    if any(row.kind in _WRITTEN_OVER for row in result.rows):
        text += ", sums and activations in place"
    if found.reordered is not None:
        text += f", {_peak(found.reordered, glyphs)} in a better order"
    lines = [("activations", text)]
    if intensity is not None:
        lines.append(("intensity", f"{intensity:.3g} MACs for each byte that layers read and write"))
    return lines


def _peak(peak: Peak, glyphs: Glyphs) -> str:
    layer = shorten(terminal(peak.layer, unicode=glyphs.unicode), _LONGEST_PLACE, glyphs.ellipsis)
    return f"{humanise.size(peak.bytes)} (in {layer})"
