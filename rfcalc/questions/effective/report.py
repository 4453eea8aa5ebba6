"""The effective field of a unit: its document, and the same for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from rfcalc.questions.effective.result import SHARES, EffectiveAxis, EffectiveResult
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import extents
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out
from rfcalc.wording import axis_names, few

SCHEMA: Final = "rfcalc/effective/1"

_BARS: Final = {True: "▁▂▃▄▅▆▇█", False: ".:-=+*#%"}
_PROFILE: Final = 40


class EffectiveField(Documented, Shown, EffectiveResult):
    """The result of `rfcalc.effective`: what each position of the input weighs in one unit.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.effective({"rfcalc": 1, "input": [28, 1], "layers": [
    ...     {"kind": "conv", "filters": 1, "kernel": 3},
    ...     {"kind": "conv", "name": "c2", "filters": 1, "kernel": 3},
    ... ]}, "c2")
    >>> [round(9 * weight) for weight in found.axes[0].weights if weight]
    [1, 2, 3, 2, 1]
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/effective/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [_axis_document(axis) for axis in self.axes],
        }

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return widths and profiles for a terminal, and what they come to as a sentence.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = [*fold(terminal(_head(self), unicode=unicode), width), ""]
        lines += [*laid_out(_table(self.axes, unicode=unicode), width, unicode=unicode), ""]
        return "\n".join((*lines, *fold(terminal(self.sentence, unicode=unicode), width))) + "\n"

    def pieces(self) -> list[Piece]:
        """Return widths and profiles as a table, with what it shows above and what it comes to below."""
        table = _table(self.axes, unicode=True)
        return [Paragraph(f"{_head(self)}:"), table, Paragraph(self.sentence)]

    @property
    def sentence(self) -> str:
        """How much of what the unit sees holds half of the weight."""
        spans = {(axis.widths[0], axis.field) for axis in self.axes}
        if len(spans) == 1:
            half, field = spans.pop()
            each = "Along each axis half" if len(self.axes) > 1 else "Half"
            return f"{each} of the weight lies within {half:,} of {field:,} positions. {_CAVEAT}"
        named = zip(self.axes, axis_names(len(self.axes)), strict=True)
        within = few([f"{axis.widths[0]:,} of {axis.field:,} {name}s" for axis, name in named])
        return f"Half of the weight lies within {within}. {_CAVEAT}"


_CAVEAT: Final = (
    "Weight counts the ways from an input position to the unit, as if each layer averaged over its window: "
    "trained weights, and which maximum a pooling takes, are not looked at."
)


def _head(field: EffectiveResult) -> str:
    at = [axis.at for axis in field.axes]
    unit = "" if None in at else f" at ({', '.join(map(str, at))})"
    size = extents([axis.extent for axis in field.axes])
    return f"{field.layer} of {field.model}{unit}: what weighs in it, in pixels of {field.input} ({size})"


def _axis_document(axis: EffectiveAxis) -> dict[str, Any]:
    return {
        "extent": axis.extent,
        "at": axis.at,
        "first": axis.first,
        "last": axis.last,
        "field": axis.field,
        "widths": {f"{share:g}": width for share, width in zip(SHARES, axis.widths, strict=True)},
        "weights": list(axis.weights),
    }


def _table(axes: Sequence[EffectiveAxis], *, unicode: bool) -> Table:
    titles = ("axis", "field", *(f"{share:.0%}" for share in SHARES), "weight by position")
    rows = tuple(
        (f"{name}s", str(axis.field), *map(str, axis.widths), profile(axis, unicode=unicode))
        for axis, name in zip(axes, axis_names(len(axes)), strict=True)
    )
    return Table(titles, (LEFT, *(RIGHT,) * (len(titles) - 2), LEFT), rows)


def profile(axis: EffectiveAxis, *, unicode: bool = True, most: int = _PROFILE) -> str:
    """Draw the weights from the first position to the last as bars, some positions to a bar where many.

    Parameters
    ----------
    axis : EffectiveAxis
        What positions weigh.
    unicode : bool
        False for a terminal that shows ASCII alone.
    most : int
        How many bars there is room for.
    """
    weights = axis.weights[axis.first : axis.last + 1]
    count = min(most, len(weights))
    edges = [place * len(weights) // count for place in range(count + 1)]
    heights = [sum(weights[begin:end]) / (end - begin) for begin, end in pairwise(edges)]
    bars = _BARS[unicode]
    top = max(heights)
    return "".join(bars[min(int(height / top * len(bars)), len(bars) - 1)] for height in heights)
