"""The field of one unit, drawn on the input or on an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rfcalc.engine.result import Row
from rfcalc.engine.rows import analyze_run, focus_or
from rfcalc.engine.run import Run
from rfcalc.errors import ReadError, UsageError
from rfcalc.questions.field.find import field_of
from rfcalc.questions.field.result import FieldResult, check_output, check_places
from rfcalc.records import NamedTuple
from rfcalc.render.pictures import figure, set_legend, set_title, units_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST_IMAGE: Final = 64_000_000  # pixels; more is no photograph that a model is asked about
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Of the field of the unit, and of those beside it."""

_SMALL: Final = 40  # pixels of the input up to which each is drawn


class Extent(NamedTuple):
    """The field of the unit along one axis.

    Parameters
    ----------
    size : int
        Pixels of the input.
    mask : int
        The pixels it depends on, as bits.
    window : (int, int), optional
        First and last pixel of its window, padding included; None where that differs from unit to unit.
    """

    size: int
    mask: int
    window: tuple[int, int] | None


class Drawn(NamedTuple):
    """The field of one unit: how it is called, and what it is along each axis."""

    title: str
    extents: Sequence[Extent]


def field_picture(
    run: Run,
    layer: str | None,
    at: Sequence[int] | None = None,
    image: str | None = None,
    *,
    beside: Sequence[tuple[str, Run]] = (),
    title: str = "",
) -> Figure:
    """Draw the field of one unit of a layer on the input.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer, or an output tensor; by default the last convolution whose field has a size.
    at : sequence of int, optional
        The unit, an index for each spatial axis; by default the one in the middle.
    image : str, optional
        A picture to draw it on, scaled to the size of the input.
    beside : sequence of (str, Run)
        Other models, and how they are called: the field of their unit above the same place is drawn too.
    title : str
        How the model is called among them.

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.field` raises; also where matplotlib is not installed, or the image cannot
        be read.
    """
    layer = focus_or(run, layer)
    found = field_of(run, layer)
    unit = tuple(len(axis.rows) // 2 for axis in found.axes) if at is None else tuple(at)
    check_places(unit, len(found.axes))
    for axis, index in zip(found.axes, unit, strict=True):
        check_output(index, len(axis.rows))
    row = analyze_run(run).layer(layer)
    fields = [Drawn(title, _extents(found, unit, row))]
    for called, other in beside:
        same, figures = field_of(other, layer), analyze_run(other).layer(layer)
        fields.append(Drawn(called, _extents(same, _above(same, fields[0].extents), figures)))
    words = units_of(next((each for each in analyze_run(run).inputs if each.name == found.input), None))
    return unit_picture(found, unit, fields, words, image)


def unit_picture(
    field: FieldResult,
    at: tuple[int, ...],
    fields: Sequence[Drawn],
    words: Sequence[str],
    image: str | None = None,
) -> Figure:
    """Draw the field of one unit on the input.

    Parameters
    ----------
    field : FieldResult
        The fields of all units of the layer.
    at : tuple of int
        The unit, an index for each spatial axis.
    fields : sequence of Drawn
        Its field, and those of units of other models.
    words : sequence of str
        What the positions along each axis are counted in.
    image : str, optional
        A picture to draw it on, scaled to the size of the input.

    Raises
    ------
    RfcalcError
        matplotlib is not installed, or the image cannot be read.
    """
    planes = [Drawn(each.title, _plane(each.extents)) for each in fields]
    rows, columns = planes[0].extents
    flat = len(fields[0].extents) == 1
    least = 1.0 if flat else 2.0  # inches; what is written beside an axis has to have room
    picture, (axes,) = figure(5.4, min(max(4.9 * rows.size / columns.size, least), 9.0) + 0.9)
    shown = None if image is None else _pixels(image)
    if shown is not None:
        axes.imshow(shown, extent=_bounds(rows, columns), aspect="auto", interpolation="antialiased")
    handles = _draw(axes, planes, over_image=image is not None)
    set_legend(picture, [*handles, *_boxes(axes, planes, fields, words, over_image=image is not None)])
    scaled = shown is not None and shown.size != (columns.size, rows.size)
    set_title(picture, axes, _title(field, at, fields[0].extents, scaled))
    axes.set_xlabel(f"{words[-1]} of the input" if flat else f"columns of the input, {words[-1]}")
    axes.set_ylabel("" if flat else f"rows of the input, {words[-2]}")
    if flat:
        axes.set_yticks([])
    return picture


def _extents(field: FieldResult, at: Sequence[int], row: Row) -> list[Extent]:
    return [
        Extent(axis.input_extent, axis.masks[index], _window(row, place, index))
        for place, (axis, index) in enumerate(zip(field.axes, at, strict=True))
    ]


def _above(field: FieldResult, extents: Sequence[Extent]) -> list[int]:
    """Return the unit whose field has its middle nearest to that of a field."""

    def middle(mask: int) -> float:
        return ((mask & -mask).bit_length() - 1 + mask.bit_length() - 1) / 2

    wanted = [middle(each.mask) for each in extents]
    return [
        min(range(len(axis.rows)), key=lambda index: abs(middle(axis.masks[index]) - place))
        for axis, place in zip(field.axes, wanted, strict=True)
    ]


def _window(row: Row, axis: int, index: int) -> tuple[int, int] | None:
    """Return the window of a unit as it would be without a border."""
    sizes, least, strides, padding = (
        None if each is None else each[axis]
        for each in (
            row.receptive_field,
            row.receptive_field_min,
            row.effective_stride,
            row.effective_padding,
        )
    )
    if sizes is None or sizes != least or strides is None or padding is None or strides != int(strides):
        return None
    first = int(index * strides - padding)
    return first, first + int(sizes) - 1


def _plane(extents: Sequence[Extent]) -> tuple[Extent, Extent]:
    """Return what is drawn from top to bottom and from left to right: the last two axes."""
    if len(extents) == 1:
        return Extent(1, 1, (0, 0)), extents[0]
    return extents[-2], extents[-1]


def _bounds(rows: Extent, columns: Extent) -> tuple[float, float, float, float]:
    return (-0.5, columns.size - 0.5, rows.size - 0.5, -0.5)


def _draw(axes: Any, planes: Sequence[Drawn], *, over_image: bool) -> list[Any]:
    """Draw the input, and what of the windows lies beside it; what the legend says of them."""
    rows, columns = planes[0].extents
    whole = ((0, rows.size - 1), (0, columns.size - 1))
    look: dict[str, Any] = {"facecolor": "none" if over_image else "0.95", "edgecolor": "black"}
    handles = [_box(axes, *whole, "the input", **look)]
    for place, plane in enumerate(planes):
        rows, columns = plane.extents
        if rows.window is None or columns.window is None or _is_inside(plane.extents):
            continue
        look = {"facecolor": "none", "edgecolor": _COLOURS[place % len(_COLOURS)], "hatch": "////"}
        label = (
            f"window {plane.title} in padding".replace("  ", " ")
            if len(planes) > 1
            else "its window in padding"
        )
        handles.append(_box(axes, rows.window, columns.window, label, zorder=-1, linewidth=0.8, **look))
    _limits(axes, planes, grid=not over_image)
    return handles


def _is_inside(plane: Sequence[Extent]) -> bool:
    """Tell whether no part of a window lies beside the input."""
    return all(each.window is None or (each.window[0] >= 0 and each.window[1] < each.size) for each in plane)


def _boxes(
    axes: Any, planes: Sequence[Drawn], fields: Sequence[Drawn], words: Sequence[str], *, over_image: bool
) -> list[Any]:
    """Draw what the units depend on; what the legend says of them."""
    handles = []
    for place, (plane, field) in enumerate(zip(planes, fields, strict=True)):
        sizes = [each.mask.bit_count() for each in field.extents]
        called = f"{field.title}: " if len(fields) > 1 else "what the unit depends on: "
        unit = words[0] if len(set(words)) == 1 else "positions"
        label = f"{called}{'x'.join(map(str, sizes))} {unit}"
        colour = _COLOURS[place % len(_COLOURS)]
        look: dict[str, Any] = {"edgecolor": colour, "facecolor": colour, "alpha": 0.55, "linewidth": 1.0}
        if over_image:
            look = {"edgecolor": colour, "facecolor": "none", "linewidth": 2.0}
        drawn = [
            _box(axes, (y, y + height - 1), (x, x + width - 1), label, zorder=2 + place, **look)
            for y, height in _runs(plane.extents[0].mask)
            for x, width in _runs(plane.extents[1].mask)
        ]
        handles += drawn[:1]
    return handles


def _box(axes: Any, rows: tuple[int, int], columns: tuple[int, int], label: str, **look: Any) -> Any:
    """Draw a box around pixels, from the first to the last row and column."""
    from matplotlib.patches import Rectangle

    (y0, y1), (x0, x1) = rows, columns
    corner = (x0 - 0.5, y0 - 0.5)
    return axes.add_patch(Rectangle(corner, x1 - x0 + 1, y1 - y0 + 1, label=label, **look))


def _runs(mask: int) -> list[tuple[int, int]]:
    """Return runs of neighbouring bits, as first index and length.

    >>> _runs(0b1011100)
    [(2, 3), (6, 1)]
    """
    runs = []
    place = 0
    while mask:
        skip = (mask & -mask).bit_length() - 1
        mask >>= skip
        length = (~mask & (mask + 1)).bit_length() - 1
        runs.append((place + skip, length))
        mask >>= length
        place += skip + length
    return runs


def _limits(axes: Any, planes: Sequence[Drawn], *, grid: bool) -> None:
    """Show the input, and what of the windows lies beside it."""
    rows, columns = planes[0].extents
    ends = []
    for axis, each in ((1, columns), (0, rows)):
        windows = [plane.extents[axis].window or (0, each.size - 1) for plane in planes]
        room = max(each.size * 0.03, 0.6) if each.size > 1 else 0.0
        first, last = min(first for first, _ in windows), max(last for _, last in windows)
        ends.append((min(first, 0) - 0.5 - room, max(last, each.size - 1) + 0.5 + room))
    axes.set_xlim(*ends[0])
    axes.set_ylim(*reversed(ends[1]))
    if min(rows.size, columns.size) > 1:
        axes.set_aspect("equal")
    if grid and max(rows.size, columns.size) <= _SMALL:
        axes.set_xticks([place - 0.5 for place in range(columns.size + 1)], minor=True)
        axes.set_yticks([place - 0.5 for place in range(rows.size + 1)], minor=True)
        axes.grid(which="minor", color="0.8", linewidth=0.4)
        axes.tick_params(which="minor", length=0)


def _title(field: FieldResult, at: tuple[int, ...], extents: Sequence[Extent], is_scaled: bool) -> str:
    size = "x".join(str(each.size) for each in extents)
    index = ", ".join(map(str, at))
    scaled = f"\nthe image is scaled to {size}" if is_scaled else ""
    more = ""
    if len(extents) > 2:
        runs = _runs(extents[0].mask)
        more = f"\nslices {runs[0][0]} to {runs[-1][0] + runs[-1][1] - 1}" if runs else ""
    bound = "" if all(axis.status == "exact" for axis in field.axes) else "\nan upper bound, not exact"
    return f"What unit ({index}) of {field.layer} sees of {field.input} ({size}){more}{bound}{scaled}"


def _pixels(path: str) -> Any:
    """Read an image; a huge one is refused by its header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            width, height = opened.size
            if width * height > _LARGEST_IMAGE:
                raise UsageError(f"--image has {width}x{height} pixels; scale it down first", source=path)
            return opened.convert("RGB").copy()
    except FileNotFoundError:
        raise ReadError("no such image", source=path) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).partition("\n")[0]
        raise ReadError(f"is no image that can be read: {reason}", source=path) from error
