"""The field against depth, for a model and its counterfactuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rfcalc.engine.costs import field_of
from rfcalc.engine.result import Row
from rfcalc.questions.compare.report import title_of
from rfcalc.questions.compare.result import ComparisonResult
from rfcalc.render.pictures import figure, look, name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LABELS: Final = 26
_LOGARITHMIC: Final = (
    40  # from this ratio of the largest to the smallest field on, growth is read on a log scale
)
_AXES: Final = {1: ("",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


class Series(NamedTuple):
    """The fields of one model, by depth.

    Parameters
    ----------
    names : tuple of str
        The models that it stands for; those whose fields are the same share a line.
    points : tuple of (int, int)
        Depth, counted in the layers shown, and field in pixels.
    everywhere : tuple of int
        Depths at which a layer sees the whole axis, whatever its size.
    """

    names: tuple[str, ...]
    points: tuple[tuple[int, int], ...]
    everywhere: tuple[int, ...]


def growth_picture(comparison: ComparisonResult) -> Figure:
    """Draw how far each layer sees, for each of the models compared.

    Parameters
    ----------
    comparison : ComparisonResult
        A model and its counterfactuals, or several models.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    axis = _widest_axis(comparison)
    labels = [label for label, _ in comparison.depths]
    width = min(max(5.0, 2.2 + 0.26 * len(labels)), 11.0)
    picture, (axes,) = figure(width, 4.4)
    every = series(comparison, axis)
    for place, each in enumerate(every):
        seen = look(place)
        depths, fields = zip(*each.points, strict=True) if each.points else ((), ())
        axes.plot(
            depths,
            fields,
            color=seen.colour,
            marker=seen.marker,
            linestyle=seen.dashes,
            markersize=4.5,
            linewidth=1.4,
            label=", ".join(map(name, each.names)),
        )
    extent = _extent(comparison, axis)
    if extent is not None:
        _input_line(axes, extent, len(labels))
        for place, each in enumerate(every):
            axes.plot(
                each.everywhere,
                [extent] * len(each.everywhere),
                color=look(place).colour,
                marker=look(place).marker,
                markerfacecolor="white",
                linestyle="none",
                markersize=6 - 1.2 * place,
            )
    _scale(axes, every)
    _ticks(axes, labels)
    axes.set_xlabel("layer" if comparison.counterfactuals else "depth, in layers that see further")
    axes.set_ylabel(f"receptive field, pixels of the input{_along(comparison, axis)}")
    base = comparison.entries[0].result
    if comparison.counterfactuals and base is not None:
        axes.set_title(f"How far the layers of {name(base.name or base.source)} see", loc="left")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="best")
    return picture


def series(comparison: ComparisonResult, axis: int) -> list[Series]:
    """Return the lines of the picture: gates cut, what has no size left out, equal ones together."""
    found: dict[tuple[Any, Any], list[str]] = {}
    for place, entry in enumerate(comparison.entries):
        if entry.result is None:
            continue
        rows = [(depth, rows[place]) for depth, (_, rows) in enumerate(comparison.depths)]
        points = tuple((depth, size) for depth, row in rows if (size := _size(row, axis)) is not None)
        everywhere = tuple(depth for depth, row in rows if row is not None and _is_global(row, axis))
        found.setdefault((points, everywhere), []).append(title_of(comparison, entry))
    return [Series(tuple(names), *lines) for lines, names in found.items()]


def _is_global(row: Row, axis: int) -> bool:
    field = row.receptive_field
    return field is not None and axis < len(field) and field[axis] is None and _size(row, axis) is None


def _size(row: Row | None, axis: int) -> int | None:
    field = None if row is None else field_of(row)
    return None if field is None or axis >= len(field) else field[axis]


def _rank(comparison: ComparisonResult) -> int:
    base = comparison.entries[0].result
    assert base is not None
    return len(next((each.spatial for each in base.inputs if each.name == base.input), ()))


def _along(comparison: ComparisonResult, axis: int) -> str:
    """Name the axis, unless fields are the same along all."""
    fields = [field_of(row) for _, rows in comparison.depths for row in rows if row is not None]
    if all(len(set(field)) == 1 for field in fields if field):
        return ""
    which = _AXES.get(_rank(comparison), ())
    return f" along its {which[axis]}" if which else ""


def _widest_axis(comparison: ComparisonResult) -> int:
    """Return the axis along which the fields of the first model come to most."""
    sizes = [0] * max(_rank(comparison), 1)
    for _, rows in comparison.depths:
        field = None if rows[0] is None else field_of(rows[0])
        for axis, size in enumerate(field or ()):
            sizes[axis] = max(sizes[axis], size or 0)
    return sizes.index(max(sizes))


def _extent(comparison: ComparisonResult, axis: int) -> int | None:
    """Return the size of the input along an axis, where it is known."""
    base = comparison.entries[0].result
    assert base is not None
    extents = next((each.spatial for each in base.inputs if each.name == base.input), ())
    extent = extents[axis] if axis < len(extents) else None
    return extent if isinstance(extent, int) else None


def _input_line(axes: Any, extent: int, count: int) -> None:
    """Draw the size of the input."""
    axes.axhline(extent, color="0.4", linewidth=1.0, linestyle=(0, (8, 3)), zorder=1)
    axes.annotate(
        f"the whole input: {extent}",
        (max(count - 1, 0), extent),
        xytext=(0, 5),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8,
        color="0.25",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )


def _scale(axes: Any, every: list[Series]) -> None:
    sizes = [size for each in every for _, size in each.points if size]
    if sizes and max(sizes) / min(sizes) >= _LOGARITHMIC:
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:.0f}")
    else:
        axes.set_ylim(bottom=0)


def _ticks(axes: Any, labels: list[str]) -> None:
    """Name the layers, every so many where there is no room for all."""
    step = -(-len(labels) // _MOST_LABELS) if labels else 1
    places = list(range(0, len(labels), step))
    axes.set_xticks(places, [name(labels[place], 22) for place in places], rotation=60, ha="right")
    for tick in axes.get_xticklabels():
        tick.set_rotation_mode("anchor")
        tick.set_fontsize(7.5)
