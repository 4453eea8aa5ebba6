"""What all pictures share: colours, marks, names, and how they become bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.render.escape import shorten, visible
from rfcalc.render.humanise import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Picture: TypeAlias = "Figure"

FORMATS: Final = ("svg", "png", "pdf")
"""What a picture can be written as."""

_LONGEST_NAME: Final = 28
_DATES: Final[dict[str, dict[str, Any]]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
_SETTINGS: Final = {
    "svg.hashsalt": "rfcalc",  # the same bytes from run to run
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
    Look("#0072B2", "^", "dashdot", "...."),
    Look("#CC79A7", "D", "dotted", "xxxx"),
    Look("#009E73", "v", (0, (5, 1)), "----"),
    Look("#56B4E9", "P", (0, (3, 1, 1, 1, 1, 1)), "++++"),
    Look("#D55E00", "X", (0, (1, 3)), "oo"),
)
"""Okabe and Ito's colours, which the colour-blind tell apart, in an order that greys differ."""


def look(place: int) -> Look:
    """Return how the series at a place looks; there may be more than looks."""
    return LOOKS[place % len(LOOKS)]


def figure(width: float, height: float, *, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """Make an empty picture of so many inches, with axes side by side.

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
        axes = made.subplots(1, columns, squeeze=False)[0]
    return made, list(axes)


def name(text: str, longest: int = _LONGEST_NAME) -> str:
    """Make a name harmless, and short enough to stand at an axis."""
    return shorten(visible(text), longest, "\u2026")


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
    with mpl.rc_context(_SETTINGS):
        picture.savefig(out, format=form, dpi=160, metadata=_DATES[form])
    return out.getvalue()
