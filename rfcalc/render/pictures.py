"""What all pictures share: colours, marks, names, and how they become bytes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.records import NamedTuple
from rfcalc.render.apart import shorten_apart
from rfcalc.render.escape import cells, shorten, visible
from rfcalc.render.fold import fold
from rfcalc.render.humanise import short
from rfcalc.wording import unit_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rfcalc.engine.result import InputRow

Picture: TypeAlias = "Figure"

FORMATS: Final = ("svg", "png", "pdf")
"""What a picture can be written as."""

_LONGEST_NAME: Final = 28
_COLUMNS_PER_INCH: Final = 11  # of letters of usual width in the size of titles
_TITLE_LINE: Final = 0.17  # inches
_LINE_BELOW: Final = 0.18  # inches
_BESIDE_TITLE: Final = 9  # columns of the numbers and words that stand left of axes
_DATES: Final[dict[str, dict[str, Any]]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
_SETTINGS: Final = {
    "svg.hashsalt": "rfcalc",  # the same bytes from run to run
    "svg.fonttype": "path",  # and the same look whatever fonts there are
    "font.family": "DejaVu Sans",  # which comes with matplotlib
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a layer may be called $x$
}


class Look(NamedTuple):
    """How one series is told from the others: by colour, and in grey by marks, dashes and hatches as well."""

    colour: str
    marker: str
    dashes: Any
    hatch: str


LOOKS: Final = (
    Look("#000000", "o", "solid", ""),
    Look("#E69F00", "s", "dashed", "////"),
    Look("#0072B2", "^", "dashdot", "\\\\\\\\"),
    Look("#CC79A7", "D", "dotted", "xxxx"),
    Look("#009E73", "v", (0, (5, 1)), "----"),
    Look("#56B4E9", "P", (0, (3, 1, 1, 1, 1, 1)), "++++"),
    Look("#D55E00", "X", (0, (1, 3)), "||||"),
)
"""Okabe and Ito's colours, which the colour-blind tell apart, in an order that greys differ."""


def look(place: int) -> Look:
    """Return how the series at a place looks; there may be more than looks."""
    return LOOKS[place % len(LOOKS)]


def figure(
    width: float, height: float, *, columns: int = 1, heights: Sequence[float] = (1,)
) -> tuple[Figure, Sequence[Axes]]:
    """Make an empty picture of so many inches, with axes side by side, or below each other.

    Parameters
    ----------
    width, height : float
        Inches.
    columns : int
        How many axes stand side by side.
    heights : sequence of float
        How high each row of axes is, beside the others.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RfcalcError("drawing needs the matplotlib package: pip install 'rfcalc[plot]'") from error
    with mpl.rc_context(_SETTINGS):
        made = Figure(figsize=(width, height), layout="constrained")
        axes = made.subplots(len(heights), columns, squeeze=False, height_ratios=list(heights))
    return made, [each for row in axes for each in row]


def name(text: str, longest: int = _LONGEST_NAME) -> str:
    """Make a name harmless, and short enough to stand at an axis."""
    return shorten(visible(text), longest, "\u2026")


def names(texts: Sequence[str], longest: int = _LONGEST_NAME) -> list[str]:
    """Make names harmless and short, and keep those apart that differ, by numbers where nothing else does.

    Parameters
    ----------
    texts : sequence of str
        The names, of which the same may come again.
    longest : int
        How many columns each may take, numbers not counted.

    Examples
    --------
    >>> names(["block1_conv1_weight", "block1_conv2_weight"], 9)
    ['…1_weight', '…2_weight']
    >>> names([f"{'a' * 9}{letter}{'a' * 9}" for letter in "bcdef"], 4)
    ['…aaa', 'a…aa', 'aa…a', 'aa…a (2)', 'aa…a (3)']
    """
    different = list(dict.fromkeys(texts))
    found = dict(zip(different, shorten_apart([visible(text) for text in different], longest), strict=True))
    taken: Counter[str] = Counter()
    for text, cut in found.items():
        taken[cut] += 1
        found[text] = cut if taken[cut] == 1 else f"{cut} ({taken[cut]})"
    return [found[text] for text in texts]


def units_of(chosen: InputRow | None) -> Sequence[str]:
    """Return what the positions along each axis of an input are counted in, by its rank and its channels."""
    if chosen is None or not chosen.spatial:
        return ("positions",)
    left = list(chosen.shape)
    for extent in chosen.spatial:
        if extent in left:
            left.remove(extent)
    channels = left[1] if len(left) == 2 else None  # behind the batch
    return unit_names(len(chosen.spatial), channels if isinstance(channels, int) else None)


def set_title(picture: Figure, axes: Axes, text: str, *, panels: int = 1) -> None:
    """Write a title above axes, whole: over several lines where one has no room; the picture grows by them.

    Parameters
    ----------
    picture : Figure
        The picture.
    axes : Axes
        The axes; the title begins at their left end.
    text : str
        The title.
    panels : int
        How many axes stand side by side.
    """
    room = int(picture.get_figwidth() / panels * _COLUMNS_PER_INCH) - _BESIDE_TITLE
    folded = [line for part in text.split("\n") for line in fold(visible(part), room)]
    lines = [line[place : place + room] for line in folded for place in range(0, len(line), room)]
    picture.set_figheight(picture.get_figheight() + _TITLE_LINE * (len(lines) - 1))
    axes.set_title("\n".join(lines), loc="left", fontsize=_SETTINGS["axes.titlesize"])


def set_legend(picture: Figure, handles: Sequence[Any]) -> None:
    """Say below a picture what is what, in as many columns as there is room for; the picture grows by it."""
    widest = max((cells(str(handle.get_label())) for handle in handles), default=0) + 8
    columns = max(int(picture.get_figwidth() * _COLUMNS_PER_INCH) // widest, 1)
    rows = -(-len(handles) // columns)
    picture.set_figheight(picture.get_figheight() + _LINE_BELOW * rows)
    picture.legend(handles=handles, loc="outside lower center", frameon=False, fontsize=8, ncols=columns)


def short_ticks(axis: Any) -> None:
    """Write the numbers at an axis with a unit, as the tables do."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: short(int(value)) if value >= 1 else ""))


def suffix_of(path: str) -> str:
    """Return the format that a file's name asks for.

    Raises
    ------
    UsageError
        It is none of `FORMATS`.
    """
    suffix = path.rpartition(".")[2].lower() if "." in path else ""
    if suffix not in FORMATS:
        known = ", ".join(f".{each}" for each in FORMATS)
        raise UsageError(f"a picture is written as one of {known}; name the file so", source=path)
    return suffix


def drawn(picture: Figure, form: str) -> bytes:
    """Return a picture as bytes, the same from run to run.

    Parameters
    ----------
    picture : Figure
        What to draw.
    form : str
        One of `FORMATS`.
    """
    import matplotlib as mpl

    out = io.BytesIO()
    said = {"Identifier": contents_of(picture)} if form == "svg" else {}
    with mpl.rc_context(_SETTINGS):
        picture.savefig(out, format=form, dpi=160, metadata={**_DATES[form], **said})
    return out.getvalue()


def contents_of(picture: Figure) -> str:
    """Return a digest of what a picture says: its words, its points, its shapes, its images.

    It is the same for every version of matplotlib, which draws the same a little otherwise, and is written
    into SVG files: two that differ in it show other figures.

    Parameters
    ----------
    picture : Figure
        The picture.
    """
    from hashlib import sha256

    parts = _words(picture)
    for axes in picture.axes:
        parts += [_points(line.get_xydata()) for line in axes.lines]
        for patch in axes.patches:
            parts += [_points(patch.get_path().vertices), _points(patch.get_patch_transform().get_matrix())]
            parts.append(f"{patch.get_facecolor()} {patch.get_hatch()}")
        for collection in axes.collections:
            parts += [_points(path.vertices) for path in collection.get_paths()]
        arrays = [image.get_array() for image in axes.images]
        parts += [sha256(array.tobytes()).hexdigest() for array in arrays if array is not None]
    return f"rfcalc:{sha256(chr(10).join(parts).encode()).hexdigest()[:32]}"


def _words(picture: Figure) -> list[str]:
    """List the words of a picture, without numbers at an axis that matplotlib chose."""
    from matplotlib.ticker import FixedFormatter

    found: list[str] = []
    for axes in picture.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
        found += [text.get_text() for text in axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), FixedFormatter):
                found += [text.get_text() for text in axis.get_ticklabels()]
    for legend in [*picture.legends, *(axes.get_legend() for axes in picture.axes)]:
        found += [text.get_text() for text in legend.get_texts()] if legend is not None else []
    return found


def _points(points: Any) -> str:
    return " ".join(f"{x:.4g}" for row in points for x in row)
