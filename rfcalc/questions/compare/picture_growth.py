"""The field against depth, for a model and its counterfactuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rfcalc.questions.compare.growth_lines import Growth, Series, growth_of, points_of, size_of
from rfcalc.questions.compare.result import ComparisonResult
from rfcalc.render.pictures import figure, look, name, names, set_legend, set_title, units_of
from rfcalc.wording import axis_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOGARITHMIC: Final = 40
"""From this ratio of the largest to the smallest field on, growth is read on a logarithmic scale."""

_LETTER: Final = 0.068  # inches that a letter at an axis takes
_LINE: Final = 0.17  # inches that a line of letters takes
_LONGEST_LABEL: Final = 24
_POINTS_PER_INCH: Final = 72


def growth_picture(comparison: ComparisonResult) -> Figure:
    """Draw how far each layer sees, for each of the models compared.

    A line goes from layer to layer as the graph does, so that a branch is a line of its own.

    Parameters
    ----------
    comparison : ComparisonResult
        A model and its counterfactuals.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    axis = _widest_axis(comparison)
    growth = growth_of(comparison, axis)
    width = min(max(5.6, 2.4 + 0.26 * len(growth.layers)), 11.0)
    picture, (axes,) = figure(width, 4.0)
    extent = _extent(comparison, axis)
    room = _apart(growth, width) * _POINTS_PER_INCH
    handles = [_draw(axes, place, each, extent, room) for place, each in enumerate(growth.series)]
    words = _unit(comparison, axis)
    if extent is not None:
        _input_line(axes, extent, words)
    if extent is not None and any(each.everywhere for each in growth.series):
        handles.append(_hollow("sees all of the input, whatever its size"))
    if growth.joins:
        handles.append(_dot("joins branches"))
    scale = _scale(axes, growth, extent)
    _ticks(picture, axes, growth, width)
    axes.set_xlabel("\n".join(["layer, in the order of the model", *_reserves(growth)]))
    axes.set_ylabel(f"receptive field, {words} of the input{_along(comparison, axis)}\n({scale} scale)")
    base = comparison.entries[0].result
    if base is not None:
        set_title(picture, axes, f"How far the layers of {base.name or base.source} see")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    set_legend(picture, handles)
    return picture


def _draw(axes: Any, place: int, series: Series, extent: int | None, room: float) -> Any:
    """Draw the lines of one model, with marks that stand `room` points apart; what the legend shows of it."""
    from matplotlib.lines import Line2D

    seen = look(place)
    style: dict[str, Any] = {"color": seen.colour, "linestyle": seen.dashes, "marker": seen.marker}
    style["markersize"] = min(max(7.5 - 1.3 * place, 3.5), max(room, 2.0))  # of points on each other all show
    label = ", ".join(map(name, series.names))
    for number, line in enumerate(series.lines):
        windows = [k for k, point in enumerate(line) if not point.joins]
        axes.plot(
            [point.place for point in line],
            [point.field for point in line],
            label=label if number == 0 else "_branch",
            linewidth=1.5 if number == 0 else 0.9,
            markevery=windows,
            **style,
        )
        joins = [point for point in line if point.joins]
        dots = {"color": seen.colour, "marker": ".", "linestyle": "none", "markersize": 3.0}
        axes.plot([p.place for p in joins], [p.field for p in joins], label="_joins", **dots)
    if extent is not None and series.everywhere:
        hollow = {**style, "linestyle": "none", "markerfacecolor": "white"}
        heights = [extent] * len(series.everywhere)
        axes.plot(series.everywhere, heights, label="_everywhere", clip_on=False, **hollow)
    return Line2D([], [], label=label, **style)


def _reserves(growth: Growth) -> list[str]:
    """Say what the fields that are drawn are not."""
    points = set(points_of(growth))
    bounds = sum(not point.exact for point in points)
    said = [f"upper bounds, not exact: {bounds:,} of {len(points):,} fields"] if bounds else []
    if not all(point.whole for point in points):
        said.append("gates, through which a layer sees everything, are cut")
    return said


def _hollow(label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color="0.3", marker="o", markerfacecolor="white", linestyle="none", label=label)


def _dot(label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color="0.3", marker=".", markersize=3.0, linestyle="none", label=label)


# ---- the input ---------------------------------------------------------------------------------------------


def _rank(comparison: ComparisonResult) -> int:
    base = comparison.entries[0].result
    assert base is not None
    return len(next((each.spatial for each in base.inputs if each.name == base.input), ()))


def _along(comparison: ComparisonResult, axis: int) -> str:
    """Name the axis, unless fields are the same along all."""
    rows = [row for _, every in comparison.depths for row in every if row is not None]
    rank = _rank(comparison)
    if rank < 2 or all(len({size_of(row, k) for k in range(rank)}) == 1 for row in rows):
        return ""
    return f" along its {axis_names(rank)[axis]}s"


def _unit(comparison: ComparisonResult, axis: int) -> str:
    """Return what the positions along an axis are."""
    base = comparison.entries[0].result
    assert base is not None
    return units_of(next((each for each in base.inputs if each.name == base.input), None))[axis]


def _widest_axis(comparison: ComparisonResult) -> int:
    """Return the axis along which the fields of the first model come to most."""
    axes = range(max(_rank(comparison), 1))
    return max(
        axes, key=lambda axis: max((size_of(rows[0], axis) or 0 for _, rows in comparison.depths), default=0)
    )


def _extent(comparison: ComparisonResult, axis: int) -> int | None:
    """Return the size of the input along an axis, where it is known."""
    base = comparison.entries[0].result
    assert base is not None
    extents = next((each.spatial for each in base.inputs if each.name == base.input), ())
    extent = extents[axis] if axis < len(extents) else None
    return extent if isinstance(extent, int) else None


def _input_line(axes: Any, extent: int, words: str) -> None:
    """Draw the size of the input, and say beside the axes what the line is."""
    axes.axhline(extent, color="0.4", linewidth=1.0, linestyle=(0, (8, 3)), zorder=1, label="_input")
    axes.text(
        1.01,
        extent,
        f"the whole input:\n{extent:,} {words}",
        transform=axes.get_yaxis_transform(),
        ha="left",
        va="center",
        fontsize=8,
        color="0.25",
    )


# ---- scales ------------------------------------------------------------------------------------------------


def _scale(axes: Any, growth: Growth, extent: int | None) -> str:
    """Choose the scale of the fields, and say which it is."""
    from matplotlib.ticker import MaxNLocator, NullFormatter

    fields = [point.field for point in points_of(growth) if point.field]
    largest = max([*fields, extent or 0], default=1)
    if fields and max(fields) / min(fields) >= _LOGARITHMIC:
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(top=largest * 1.3)
        return "logarithmic"
    axes.set_ylim(0, largest * 1.06)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return "linear"


def _apart(growth: Growth, width: float) -> float:
    """Return how many inches there are about from one layer to the next."""
    return (width - 2.2) / max(len(growth.layers), 1)


def _ticks(picture: Figure, axes: Any, growth: Growth, width: float) -> None:
    """Name the layers with windows, every so many where there is no room for all."""
    windows = [place for place, layer in enumerate(growth.layers) if layer not in growth.joins]
    apart = _apart(growth, width)
    labels = names([growth.layers[place] for place in windows], _LONGEST_LABEL)
    flat = max(map(len, labels), default=0) * _LETTER + 0.1 <= apart
    chosen: list[int] = []
    for k, place in enumerate(windows):
        if not chosen or (place - windows[chosen[-1]]) * apart >= (apart if flat else _LINE):
            chosen.append(k)
    shown = [labels[k] for k in chosen]
    axes.set_xticks([windows[k] for k in chosen], shown, rotation=0 if flat else 90)
    if not flat:  # the axes stay as high as they are
        picture.set_figheight(picture.get_figheight() + max(map(len, shown), default=0) * _LETTER)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlim(-0.6, max(len(growth.layers), 1) - 0.4)
