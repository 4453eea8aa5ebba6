"""What each position of the input weighs in a unit, beside the theoretical field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rfcalc.questions.effective.result import SHARES, EffectiveAxis, EffectiveResult, narrowest_span
from rfcalc.render.pictures import figure, look, set_title
from rfcalc.wording import axis_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN: Final = 0.06
_GREYS: Final = ("0.45", "0.68", "0.86")
"""Of the parts that hold most of the weight, from the narrowest on."""


def effective_picture(effective: EffectiveResult, words: Sequence[str]) -> Figure:
    """Draw the weight of each position along each axis, and the spans that hold half of it and more.

    Parameters
    ----------
    effective : EffectiveResult
        What the positions weigh, shares of the whole, by position in pixels of the input.
    words : sequence of str
        What the positions along each axis are counted in: ``pixels``.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    alike = len({axis.weights for axis in effective.axes}) == 1
    named = zip(effective.axes, axis_names(len(effective.axes)), words, strict=True)
    axes_of = list(named)[: 1 if alike else None]
    # a legend below each panel has room for two columns
    picture, panels = figure(5.6 + 4.0 * (len(axes_of) - 1), 3.9, columns=len(axes_of))
    for panel, (axis, along, word) in zip(panels, axes_of, strict=True):
        _profile(panel, axis, word)
        panel.set_xlabel(f"position in the input, {word}" if alike else f"{along}s of the input, {word}")
        panel.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)
    panels[0].set_ylabel("share of the weight (linear scale)")
    at = [axis.at for axis in effective.axes]
    unit = "a unit" if None in at else f"unit ({', '.join(map(str, at))})"
    each = ", along each axis" if alike and len(at) > 1 else ""
    set_title(picture, panels[0], f"What weighs in {unit} of {effective.layer}{each}", panels=len(panels))
    return picture


def _profile(panel: Any, axis: EffectiveAxis, word: str) -> None:
    """Draw one axis: positions from a little before the field to a little behind it."""
    margin = max(int(axis.field * _MARGIN), 1)
    positions = range(max(axis.first - margin, 0), min(axis.last + margin + 1, axis.extent))
    edges = [positions.start - 0.5, *(position + 0.5 for position in positions)]
    weights = [axis.weights[position] for position in positions]
    dashed = {"color": look(2).colour, "linestyle": "dashed", "linewidth": 1.2}
    panel.axvline(axis.first - 0.5, label=f"what the unit depends on: {axis.field:,} {word}", **dashed)
    panel.axvline(axis.last + 0.5, **dashed)
    panel.stairs(weights, edges, color=look(0).colour, linewidth=1.2)
    for share, grey in reversed(list(zip(SHARES, _GREYS, strict=True))):
        begin, end = narrowest_span(axis.weights, share)
        inside = weights[begin - positions.start : end - positions.start]
        sides = [begin - 0.5, *(position + 0.5 for position in range(begin, end))]
        panel.stairs(
            inside, sides, fill=True, color=grey, label=f"{share:.0%} of the weight: {end - begin:,}"
        )
    panel.set_ylim(bottom=0)
    panel.margins(x=0.01)
    panel.xaxis.get_major_locator().set_params(integer=True)
