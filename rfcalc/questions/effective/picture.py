"""What each position of the input weighs in a unit, beside the theoretical field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rfcalc.questions.effective.result import SHARES, EffectiveAxis, EffectiveResult, narrowest_span
from rfcalc.render.pictures import figure, look, name
from rfcalc.wording import axis_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN: Final = 0.06
_GREYS: Final = ("0.45", "0.68", "0.86")
"""Of the parts that hold most of the weight, from the narrowest on."""


def effective_picture(effective: EffectiveResult) -> Figure:
    """Draw the weight of each position along each axis, and the spans that hold half of it and more.

    Parameters
    ----------
    effective : EffectiveResult
        What the positions weigh, shares of the whole, by position in pixels of the input.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    alike = len({axis.weights for axis in effective.axes}) == 1
    axes_of = list(zip(effective.axes, axis_names(len(effective.axes)), strict=True))[: 1 if alike else None]
    picture, panels = figure(min(5.6 + 2.7 * (len(axes_of) - 1), 11.0), 3.9, columns=len(axes_of))
    for panel, (axis, along) in zip(panels, axes_of, strict=True):
        _profile(panel, axis)
        panel.set_xlabel("position in the input, pixels" if alike else f"input {along}s")
        panel.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)
    panels[0].set_ylabel("share of the weight")
    at = [axis.at for axis in effective.axes]
    unit = "" if None in at else f" at ({', '.join(map(str, at))})"
    each = ", along each axis" if alike and len(at) > 1 else ""
    panels[0].set_title(f"What weighs in a unit of {name(effective.layer)}{unit}{each}", loc="left")
    return picture


def _profile(panel: Any, axis: EffectiveAxis) -> None:
    """Draw one axis: positions from a little before the field to a little behind it."""
    margin = max(int(axis.field * _MARGIN), 1)
    positions = range(max(axis.first - margin, 0), min(axis.last + margin + 1, axis.extent))
    edges = [positions.start - 0.5, *(position + 0.5 for position in positions)]
    weights = [axis.weights[position] for position in positions]
    dashed = {"color": look(2).colour, "linestyle": "dashed", "linewidth": 1.2}
    panel.axvline(axis.first - 0.5, label=f"theoretical field: {axis.field}", **dashed)
    panel.axvline(axis.last + 0.5, **dashed)
    panel.stairs(weights, edges, color=look(0).colour, linewidth=1.2)
    for share, grey in reversed(list(zip(SHARES, _GREYS, strict=True))):
        begin, end = narrowest_span(axis.weights, share)
        inside = weights[begin - positions.start : end - positions.start]
        sides = [begin - 0.5, *(position + 0.5 for position in range(begin, end))]
        panel.stairs(inside, sides, fill=True, color=grey, label=f"{share:.0%} of the weight: {end - begin}")
    panel.set_ylim(bottom=0)
    panel.margins(x=0.01)
    panel.xaxis.get_major_locator().set_params(integer=True)
