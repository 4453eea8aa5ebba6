"""What is said of one layer: its settings and figures, as people read them. Nothing here is escaped yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.questions.diff.result import DiffResult, Entry, Setting, Side
from rfcalc.render import humanise
from rfcalc.render.columns import COLUMNS, field_cell
from rfcalc.render.escape import shorten

MARKS: Final = {"added": "+", "removed": "-", "changed": "~", "affected": ">", "same": " "}

TO: Final = " -> "
"""Between a figure before and after; a renderer puts an arrow there where it can."""

_LONGEST_VALUE: Final = 32
_LONGEST_TITLE: Final = 64

_STRIDE: Final = COLUMNS["effective_stride"].cell
_CENTER: Final = COLUMNS["center"].cell


def title_of(diff: DiffResult) -> str:
    """Return what is compared with what."""
    return TO.join(_model_title(result) for result in (diff.old, diff.new))


def _model_title(result: AnalysisResult) -> str:
    named = result.source and not result.source.startswith("<")  # <dict> is no file
    return f"{shorten(result.source if named else result.name, _LONGEST_TITLE)} ({result.format})"


def former_name(entry: Entry) -> list[str]:
    """Say what a layer was called, where that was something else."""
    if entry.renamed and entry.old is not None:
        return [f"was {shorten(entry.old.row.name, _LONGEST_VALUE)}"]
    return []


def setting_text(setting: Setting) -> str:
    """Write a setting that is another one.

    >>> setting_text(Setting("kernel", (3, 3), (5, 5))), setting_text(Setting("bias", True, False))
    ('kernel 3x3 -> 5x5', 'bias yes -> no')
    """
    return f"{setting.name.replace('_', ' ')} {value_text(setting.old)}{TO}{value_text(setting.new)}"


def value_text(value: Any) -> str:
    """Write the value of a setting.

    >>> value_text((3, 3)), value_text(((1, 1), (0, 2))), value_text(None), value_text("same")
    ('3x3', '1x0+2', 'none', 'same')
    >>> value_text((None, 3)), value_text(((0, 1, None), (2, 3, 4)))
    ('?x3', '0+1+nonex2+3+4')
    >>> value_text(("batch", 3, "height"))
    'batch x 3 x height'
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and value:
        between = " x " if any(isinstance(each, str) for each in value) else "x"
        return shorten(between.join(map(_part, value)), _LONGEST_VALUE)
    return shorten(str(value), _LONGEST_VALUE) if value != () else "none"


def _part(value: Any) -> str:
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else "+".join(map(value_text, value))
    return "?" if value is None else str(value)


def settings_texts(entry: Entry) -> list[str]:
    """Write what is another in a layer itself."""
    texts = [setting_text(setting) for setting in entry.settings]
    if entry.rewired and entry.old is not None and entry.new is not None:
        texts.append(f"takes {_inputs(entry.old.row)}{TO}{_inputs(entry.new.row)}")
    return texts


def _inputs(row: Row) -> str:
    names = [shorten(name, _LONGEST_VALUE) for name in row.inputs[:3]]
    return ", ".join(names) + (", ..." if len(row.inputs) > 3 else "")


# ---- figures -----------------------------------------------------------------------------------------------


def shapes_text(shapes: Sequence[Sequence[Num | None] | None]) -> list[str]:
    """Write shapes to be compared: without the batch where it is open in one of them.

    >>> shapes_text([(1, 16, 8, 8), (None, 16, 4, 4)]), shapes_text([(1, 16), (1, 8)])
    (['16x8x8', '16x4x4'], ['1x16', '1x8'])
    """
    known = [shape for shape in shapes if shape is not None and len(shape) > 1]
    if len({len(shape) for shape in known}) == 1 and any(shape[0] is None for shape in known):
        return [humanise.shape(shape if shape is None else (None, *shape[1:])) for shape in shapes]
    return [humanise.shape(shape) for shape in shapes]


def _map_text(row: Row) -> str:
    """Write the map of an output and its channels, in one order for all formats."""
    if row.activations is None or None in row.spatial:
        return humanise.shape(row.output_shape)
    extent: Any = 1
    for size in row.spatial:
        extent = extent * size
    return humanise.extents((*row.spatial, row.activations // extent if extent else 0))


_CELLS: Final[Mapping[str, Callable[[Row], str]]] = {
    "receptive_field": field_cell,
    "receptive_field_min": COLUMNS["receptive_field_min"].cell,
    "effective_stride": _STRIDE,
    "center": _CENTER,
    "status": lambda row: row.status,
}
_TITLES: Final = {
    "output_shape": "output",
    "receptive_field": "field",
    "effective_stride": "eff. stride",
    "center": "centre",
    "status": "status",
}


def figure_cell(entry: Entry, figure: str, *, across: bool = False) -> str:
    """Write a figure of a layer: before and after where it is another one, else as it is."""
    sides = [side for side in (entry.old, entry.new) if side is not None]
    if figure in ("params", "macs"):
        return _amount(entry, figure)
    if figure == "output_shape":
        if across:
            cells = [_map_text(side.row) for side in sides]
        else:
            cells = shapes_text([side.row.output_shape for side in sides])
    else:
        cells = [_CELLS[figure](side.row) for side in sides]
    return TO.join(cells) if len(set(cells)) > 1 and figure in entry.figures else cells[-1]


def _amount(entry: Entry, figure: str) -> str:
    """Write how much more or less a layer takes."""
    values = [_number(side, figure) for side in (entry.old, entry.new) if side is not None]
    if None in values:
        return "?" if len(values) == 1 else ""
    if entry.old is None:
        return signed(values[0], figure)
    if entry.new is None:
        return signed(-values[0], figure)
    return signed(values[1] - values[0], figure) if figure in entry.figures else ""


def _number(side: Side, figure: str) -> Any:
    return side.params if figure == "params" else side.row.macs


def signed(value: Num, figure: str) -> str:
    """Write a change of a count.

    >>> signed(1024, "params"), signed(-118013952, "macs"), signed(0, "macs")
    ('+1,024', '-118 M', '0')
    """
    text = humanise.short(abs(value)) if figure == "macs" else humanise.number(abs(value))
    return text if value == 0 else f"{'+' if value > 0 else '-'}{text}"


def figures_texts(entry: Entry, *, across: bool = False) -> Iterator[str]:
    """Write the figures that are others, or those of a layer that only one model has."""
    alone = entry.old is None or entry.new is None
    for figure in ("output_shape", "receptive_field", "effective_stride"):
        if figure in entry.figures or (alone and figure != "effective_stride"):
            yield f"{_TITLES[figure]} {figure_cell(entry, figure, across=across)}"
    if "receptive_field_min" in entry.figures and "receptive_field" not in entry.figures:
        yield f"smallest field {figure_cell(entry, 'receptive_field_min')}"
    if "center" in entry.figures and not {"receptive_field", "effective_stride"} & {*entry.figures}:
        yield f"centre {figure_cell(entry, 'center')}"
    for figure, word in (("params", "params"), ("macs", "MACs")):
        text = figure_cell(entry, figure)
        if text not in ("", "0"):
            yield f"{text} {word}"
    if "status" in entry.figures:
        yield f"status {figure_cell(entry, 'status')}"


def kind_of(entry: Entry) -> str:
    """Return what the sources call a layer."""
    ops = list(dict.fromkeys(side.row.op for side in (entry.old, entry.new) if side is not None))
    return TO.join(ops)
