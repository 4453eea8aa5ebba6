"""The side view, drawn: rows of units, and lines down to all that one unit depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from rfcalc.pictures.reading import Window
from rfcalc.pictures.side import Side, SideRow
from rfcalc.records import NamedTuple
from rfcalc.render.fold import fold
from rfcalc.render.pictures import figure, name, names, set_legend, set_title
from rfcalc.wording import few

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH: Final = 7.4
_ROW: Final = 0.62  # inches from one row of units to the next
_BESIDE_ROWS: Final = 1.25  # inches that a title, the numbers of pixels and what is said below them take
_HALF: Final = 0.17  # of a unit's height, in rows
_ROOM: Final = 3  # units that are drawn beside the field
_COLUMNS_BELOW: Final = 72  # of what is said below a panel
_WHOLE: Final = 40  # units of a row up to which all are drawn

_CHOSEN: Final = "#D55E00"
_FIELD: Final = "#0072B2"
_COLUMNS: Final = ("map", "jump", "sees")
_FIRST_COLUMN, _NEXT_COLUMN = 26, 38  # points from the axes to the first column, and from one to the next


class Panel(NamedTuple):
    """One model in the picture, and how it is called above it, where there are several."""

    title: str
    side: Side


class Words(NamedTuple):
    """How the picture calls what it shows.

    Parameters
    ----------
    unit : str
        What the input is counted in: ``pixels``.
    along : str
        The axis: ``columns``; empty where there is but one.
    """

    unit: str
    along: str


def lines_picture(panels: Sequence[Panel], words: Words) -> Figure:
    """Draw rows of units from the input up, for a model and for what it might be, on the same pixels.

    Parameters
    ----------
    panels : sequence of Panel
        What is drawn, from top to bottom.
    words : Words
        How it is called.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    heights = [len(panel.side.rows) * _ROW + _BESIDE_ROWS for panel in panels]
    picture, every = figure(_WIDTH, sum(heights) + 0.2, heights=heights)
    span = _span([panel.side for panel in panels])
    for axes, panel in zip(every, panels, strict=True):
        own = span if panel.side.rows[0].jump == 1 and not panel.side.below else _span([panel.side])
        _draw(axes, panel.side, own)
        _label(axes, panel.side, own, words)
        set_title(picture, axes, _title(panel, words))
    set_legend(picture, _handles([panel.side for panel in panels]))
    return picture


class _View(NamedTuple):
    """The part of the input that is shown, in units of the lowest row."""

    first: float
    last: float


def _span(sides: Sequence[Side]) -> _View:
    """Return what is shown of the lowest rows: a short one whole, else the field and a little more."""
    firsts, lasts = [], []
    for side in sides:
        lowest = side.rows[0]
        reads = [_place(side, *each) for row in side.rows for each in _units(row)]
        reads += [_place(side, below, index) for below, index, _, _ in _taps(side)]
        least, most = min(reads), max(reads)
        whole = max(row.extent for row in side.rows) <= _WHOLE
        firsts.append(min(least, 0) if whole else max(least - _ROOM, min(least, 0)))
        end = lowest.extent - 1
        lasts.append(max(most, end) if whole else min(most + _ROOM, max(most, end)))
    return _View(min(firsts) - 0.5, max(lasts) + 0.5)


def _units(row: SideRow) -> Iterator[tuple[SideRow, int]]:
    """List the units of a row that the chosen one depends on."""
    for index in row.reads:
        yield row, index


def _taps(side: Side) -> Iterator[tuple[SideRow, int, SideRow, int]]:
    """List what each unit reads: the row below and the place in it, the row and the unit."""
    for below, row in zip(side.rows, side.rows[1:], strict=False):
        for index, read in row.reads.items():
            for tap in read:
                yield below, tap, row, index


def _place(side: Side, row: SideRow, index: int) -> float:
    """Return where a unit stands, in units of the lowest row."""
    lowest = side.rows[0]
    return (row.at(index) - lowest.first) / lowest.jump


# ---- units and lines ---------------------------------------------------------------------------------------


def _draw(axes: Any, side: Side, view: _View) -> None:
    from matplotlib.collections import LineCollection

    heights = {row.layer: height for height, row in enumerate(side.rows)}
    inside: list[Any] = []
    padded: list[Any] = []
    for below, tap, row, index in _taps(side):
        ends = [
            (_place(side, row, index), heights[row.layer] - _HALF),
            (_place(side, below, tap), heights[below.layer] + _HALF),
        ]
        (inside if 0 <= tap < below.extent else padded).append(ends)
    axes.add_collection(LineCollection(inside, colors=_FIELD, linewidths=0.7, alpha=0.75, zorder=1))
    dotted: dict[str, Any] = {"colors": "0.45", "linewidths": 0.7, "linestyles": "dotted", "zorder": 1}
    axes.add_collection(LineCollection(padded, **dotted))
    for height, row in enumerate(side.rows):
        _draw_row(axes, side, row, height, view)
    padding = {(heights[below.layer], tap) for below, tap, _, _ in _taps(side) if not 0 <= tap < below.extent}
    for height, tap in sorted(padding):
        row = side.rows[height]
        look = {"facecolor": "white", "edgecolor": "0.45", "linestyle": "dotted", "hatch": "////"}
        _cell(axes, _place(side, row, tap), height, _wide(side, row), **look)
    axes.set_xlim(view.first - 0.3, view.last + 0.3)
    axes.set_ylim(-0.5, len(side.rows) - 0.3)


def _wide(side: Side, row: SideRow) -> float:
    """Return how wide the units of a row are drawn, in units of the lowest row."""
    return 0.72 * min(row.jump / side.rows[0].jump, 1.0)


def _draw_row(axes: Any, side: Side, row: SideRow, height: int, view: _View) -> None:
    """Draw the units of a row that lie in view, and how far two of them lie apart."""
    top = height == len(side.rows) - 1
    half = _wide(side, row) / 2
    places = {index: _place(side, row, index) for index in range(row.extent)}
    shown = [k for k, place in places.items() if view.first <= place - half and place + half <= view.last]
    for index in shown:
        look = {"facecolor": "white", "edgecolor": "0.6"}
        if index in row.reads:
            colour = _CHOSEN if top and index == side.unit else _FIELD
            look = {"facecolor": colour, "edgecolor": colour}
        _cell(axes, _place(side, row, index), height, _wide(side, row), **look)
    if row.jump > side.rows[0].jump and len(shown) > 1:
        _measure(axes, side, row, height, _free_pair(row, shown))


def _free_pair(row: SideRow, shown: Sequence[int]) -> int:
    """Return a unit from which to the next one no line lies above: the last that is read."""
    ends = [index for index in shown[:-1] if index >= max(row.reads, default=-1)]
    return ends[0] if ends else shown[0]


def _measure(axes: Any, side: Side, row: SideRow, height: int, index: int) -> None:
    """Draw the jump from one unit to the next, and write it above."""
    ends = [(_place(side, row, index + k), height + _HALF + 0.08) for k in range(2)]
    arrow = {"arrowstyle": "<->", "color": "0.25", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", *ends, arrowprops=arrow)
    axes.text(ends[0][0], ends[0][1] + 0.07, f"jump {row.jump:.4g}", fontsize=7, color="0.25", va="bottom")


def _cell(axes: Any, x: float, y: float, width: float, **look: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = (x - width / 2, y - _HALF)
    axes.add_patch(Rectangle(corner, width, 2 * _HALF, linewidth=0.7, zorder=2, **look))


# ---- words -------------------------------------------------------------------------------------------------


def _label(axes: Any, side: Side, view: _View, words: Words) -> None:
    """Name the rows on the left, and their figures on the right; say below what is not drawn."""
    shown = names([row.layer for row in side.rows], 22)
    texts = [
        f"{label}\n{_window(row.window)}" if row.window else label
        for label, row in zip(shown, side.rows, strict=True)
    ]
    axes.set_yticks(range(len(texts)), texts, fontsize=8)
    axes.tick_params(axis="y", length=0)
    for spine in ("left", "bottom"):
        axes.spines[spine].set_visible(False)
    for column, title in enumerate(_COLUMNS):
        away = (_FIRST_COLUMN + column * _NEXT_COLUMN, 0)
        _beside(axes, len(side.rows) - 0.42, away, title, "0.35")
        for height, row in enumerate(side.rows):
            _beside(axes, height, away, _figure(row, title), "black")
    lowest = side.rows[0]
    what = f"{words.along} of the input, {words.unit}" if words.along else f"{words.unit} of the input"
    if side.below:
        what = f"units of {name(lowest.layer)}" + (f", along the {words.along}" if words.along else "")
    axes.set_xlabel("\n".join([what, *_left_out(side, view, words)]))
    axes.xaxis.get_major_locator().set_params(integer=True)


def _beside(axes: Any, height: float, away: tuple[float, float], text: str, colour: str) -> None:
    """Write a text so many points beside the axes."""
    place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
    place |= {"ha": "center", "va": "center", "fontsize": 8, "color": colour, "annotation_clip": False}
    axes.annotate(text, (1, height), xytext=away, **place)


def _figure(row: SideRow, title: str) -> str:
    if title == "map":
        return f"{row.extent:,}"
    if title == "jump":
        return f"{row.jump:.4g}"
    return "" if row.field is None else f"{row.field:,}"


def _window(window: Window) -> str:
    """Say what the units of a layer read; nothing where each reads one, one after the other.

    >>> from fractions import Fraction
    >>> _window(Window(3, Fraction(1), 2)), _window(Window(2, Fraction(2), 1))
    ('kernel 3, stride 1, dilation 2', 'kernel 2, stride 2')
    """
    if window.kernel == 1 and window.stride == 1:
        return ""
    apart = f", dilation {window.dilation}" if window.dilation != 1 else ""
    return f"kernel {window.kernel}, stride {window.stride}{apart}"


def _title(panel: Panel, words: Words) -> str:
    side = panel.side
    top = side.rows[-1].layer
    at_most = "" if side.exact else "at most "
    said = f"unit {side.unit} of {top} sees {at_most}{side.sees:,} of {side.extent:,} {words.unit}"
    return f"{panel.title}: {said}" if panel.title else said


def _left_out(side: Side, view: _View, words: Words) -> list[str]:
    """Say what the picture does not show."""
    said = []
    lowest = side.rows[0]
    if view.last - view.first < lowest.extent - 0.5:
        said.append("only units near the field are drawn")
    if side.kept:
        said.append(f"not drawn, as they hand each unit on: {few(map(name, side.kept), 2)}")
    if side.below:
        said.append(f"not drawn, as their rows are too long: {few(map(name, side.below), 2)}")
    if side.beyond:
        said.append(f"not drawn, as their fields are too wide: {few(map(name, side.beyond), 1)}")
    if side.bounds:
        said.append(f"at most what is drawn is read by: {few(map(name, side.bounds), 2)}")
    if side.beside:
        said.append(f"on other ways the unit sees {side.beside:,} more {words.unit}, which are not drawn")
    return [line for each in said for line in fold(each, _COLUMNS_BELOW)]


def _handles(sides: Sequence[Side]) -> list[Any]:
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=_CHOSEN, edgecolor=_CHOSEN, label="the unit"),
        Patch(facecolor=_FIELD, edgecolor=_FIELD, label="what it depends on"),
        Patch(facecolor="white", edgecolor="0.6", label="other units"),
    ]
    if any(not 0 <= tap < below.extent for side in sides for below, tap, _, _ in _taps(side)):
        handles.append(
            Patch(facecolor="white", edgecolor="0.45", linestyle="dotted", hatch="////", label="padding")
        )
    return handles
