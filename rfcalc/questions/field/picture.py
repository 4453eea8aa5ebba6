"""The field of one unit, drawn on the input or on an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rfcalc.engine.result import Row
from rfcalc.engine.run import Run
from rfcalc.errors import ReadError, UsageError
from rfcalc.questions.field.find import field_of
from rfcalc.questions.field.result import FieldResult, check_output, check_places
from rfcalc.render.pictures import figure, name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST_IMAGE: Final = 64_000_000  # pixels; more is no photograph that a model is asked about
_FIELD: Final = "#0072B2"
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


def field_picture(
    run: Run, layer: str | None, at: Sequence[int] | None = None, image: str | None = None
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

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.field` raises; also where matplotlib is not installed, or the image cannot
        be read.
    """
    from rfcalc.engine.rows import analyze_run, focus_or

    layer = focus_or(run, layer)
    found = field_of(run, layer)
    unit = tuple(len(axis.rows) // 2 for axis in found.axes) if at is None else tuple(at)
    check_places(unit, len(found.axes))
    for axis, index in zip(found.axes, unit, strict=True):
        check_output(index, len(axis.rows))
    return unit_picture(found, unit, analyze_run(run).layer(layer), image)


def unit_picture(field: FieldResult, at: tuple[int, ...], row: Row, image: str | None = None) -> Figure:
    """Draw the field of one unit on the input.

    Parameters
    ----------
    field : FieldResult
        The fields of all units of the layer.
    at : tuple of int
        The unit, an index for each spatial axis.
    row : Row
        The figures of its layer, which say what of its window lies in padding.
    image : str, optional
        A picture to draw it on, scaled to the size of the input.

    Raises
    ------
    RfcalcError
        matplotlib is not installed, or the image cannot be read.
    """
    extents = [
        Extent(axis.input_extent, axis.masks[index], _window(row, place, index))
        for place, (axis, index) in enumerate(zip(field.axes, at, strict=True))
    ]
    rows, columns = _plane(extents)
    shape = rows.size / columns.size
    picture, (axes,) = figure(5.0, min(max(4.6 * shape, 1.0), 9.0) + 1.1)
    if image is not None:
        axes.imshow(_pixels(image), extent=_bounds(rows, columns), aspect="auto", interpolation="bilinear")
    _draw(axes, rows, columns, over_image=image is not None)
    axes.set_title(_title(field, at, extents, image is not None), loc="left")
    axes.set_xlabel("columns" if len(extents) > 1 else "positions")
    axes.set_ylabel("rows" if len(extents) > 1 else "")
    if len(extents) == 1:
        axes.set_yticks([])
    return picture


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


def _plane(extents: list[Extent]) -> tuple[Extent, Extent]:
    """Return what is drawn from top to bottom and from left to right: the last two axes."""
    if len(extents) == 1:
        return Extent(1, 1, (0, 0)), extents[0]
    return extents[-2], extents[-1]


def _bounds(rows: Extent, columns: Extent) -> tuple[float, float, float, float]:
    return (-0.5, columns.size - 0.5, rows.size - 0.5, -0.5)


def _draw(axes: Any, rows: Extent, columns: Extent, *, over_image: bool) -> None:
    whole = ((0, rows.size - 1), (0, columns.size - 1))
    _box(axes, *whole, "the input", facecolor="none" if over_image else "0.95", edgecolor="black")
    if rows.window is not None and columns.window is not None:
        inside = all(
            first >= 0 and last < each.size
            for each in (rows, columns)
            for first, last in [each.window or (0, 0)]
        )
        label = "" if inside else "its window in padding"
        look = {"facecolor": "none", "edgecolor": "0.3", "hatch": "////", "linewidth": 0.8}
        _box(axes, rows.window, columns.window, label, zorder=-1, **look)  # the input lies over it
    label = "what the unit depends on"
    for y, height in _runs(rows.mask):
        for x, width in _runs(columns.mask):
            look = {"facecolor": _FIELD, "edgecolor": _FIELD, "alpha": 0.55}
            _box(axes, (y, y + height - 1), (x, x + width - 1), label, zorder=2, **look)
            label = ""
    _limits(axes, rows, columns)
    axes.figure.legend(loc="outside lower center", frameon=False, ncols=3, fontsize=8)


def _box(axes: Any, rows: tuple[int, int], columns: tuple[int, int], label: str, **look: Any) -> None:
    """Draw a box around pixels, from the first to the last row and column."""
    from matplotlib.patches import Rectangle

    (y0, y1), (x0, x1) = rows, columns
    corner = (x0 - 0.5, y0 - 0.5)
    axes.add_patch(Rectangle(corner, x1 - x0 + 1, y1 - y0 + 1, label=label or None, **look))


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


def _limits(axes: Any, rows: Extent, columns: Extent) -> None:
    """Show the input, and what of the window lies beside it."""
    ends = []
    for each in (columns, rows):
        first, last = each.window or (0, each.size - 1)
        room = max(each.size * 0.03, 0.6) if each.size > 1 else 0.0
        ends.append((min(first, 0) - 0.5 - room, max(last, each.size - 1) + 0.5 + room))
    axes.set_xlim(*ends[0])
    axes.set_ylim(*reversed(ends[1]))
    if min(rows.size, columns.size) > 1:
        axes.set_aspect("equal")
    if max(rows.size, columns.size) <= _SMALL:
        axes.set_xticks([place - 0.5 for place in range(columns.size + 1)], minor=True)
        axes.set_yticks([place - 0.5 for place in range(rows.size + 1)], minor=True)
        axes.grid(which="minor", color="0.8", linewidth=0.4)
        axes.tick_params(which="minor", length=0)


def _title(field: FieldResult, at: tuple[int, ...], extents: list[Extent], on_image: bool) -> str:
    size = "x".join(str(each.size) for each in extents)
    index = ", ".join(map(str, at))
    scaled = f"\nthe image is scaled to {size}" if on_image else ""
    more = ""
    if len(extents) > 2:
        runs = _runs(extents[0].mask)
        more = f"\nslices {runs[0][0]} to {runs[-1][0] + runs[-1][1] - 1}" if runs else ""
    return f"{name(field.layer)} at ({index}) on {name(field.input)} ({size}){more}{scaled}"


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
