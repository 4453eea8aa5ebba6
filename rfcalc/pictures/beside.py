"""Pictures of one unit, of a model and beside it of what it might be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rfcalc.counterfactuals.variants import Counterfactual, DoesNotApply, counterfactual
from rfcalc.engine.edit import POOLS
from rfcalc.engine.rows import focus_or
from rfcalc.engine.run import Run
from rfcalc.errors import UsageError
from rfcalc.pictures.picture_lines import Panel, Words, lines_picture
from rfcalc.pictures.side import side_of, widest_axis
from rfcalc.questions.effective.find import effective_field
from rfcalc.questions.effective.picture import effective_picture
from rfcalc.questions.field.picture import field_picture
from rfcalc.questions.field.result import check_places
from rfcalc.wording import axis_names

if TYPE_CHECKING:
    from rfcalc.render.pictures import Picture

_SMALLER: Final = ("plain", "unstrided")
"""What shows what poolings do, or where these cannot be taken out, or are none, what strides do."""


def lines_beside(
    run: Run, layer: str | None, at: Sequence[int] | None, variants: Sequence[str] | None
) -> Picture:
    """Draw the side view of one unit, of the model and of what it might be.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer of the unit; by default the last that there is room for.
    at : sequence of int, optional
        Its index on each spatial axis; by default the middle.
    variants : sequence of str, optional
        Counterfactuals; by default the first that says something.

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.plot` raises.
    """
    rank = len(run.extents)
    if not rank:
        raise UsageError("the input has no spatial axes, so that there are no units beside each other")
    if at is not None:
        check_places(at, rank)
    axis = widest_axis(run, layer)
    base = side_of(run, layer, axis, None if at is None else at[axis])
    top = base.rows[-1]
    panels = [Panel(_title(run), base)]
    for each, changed in others(run, variants):
        if _has(changed, top.layer, each.phrase, needed=variants is not None):
            other = side_of(changed, top.layer, axis, near=top.at(base.unit))
            if variants is not None or other.sees != base.sees:
                panels.append(Panel(each.phrase, other))
    if len(panels) == 1:
        panels = [Panel("", base)]
    return lines_picture(panels, _words(run, axis))


def effective_of(run: Run, layer: str | None, at: Sequence[int] | None) -> Picture:
    """Draw how much each position of the input weighs in one unit.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer of the unit; by default the last convolution whose field has a size.
    at : sequence of int, optional
        Its index on each spatial axis; by default the middle.

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.plot` raises.
    """
    return effective_picture(effective_field(run, focus_or(run, layer), at), run.units)


def _words(run: Run, axis: int) -> Words:
    """Return what the positions of the input are called along an axis."""
    rank = len(run.extents)
    return Words(run.units[axis], "" if rank == 1 else f"{axis_names(rank)[axis]}s")


def field_beside(
    run: Run, layer: str | None, at: Sequence[int] | None, variants: Sequence[str] | None, image: str | None
) -> Picture:
    """Draw the field of one unit on the input, and what it would be in counterfactuals.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer of the unit; by default the last convolution whose field has a size.
    at : sequence of int, optional
        Its index on each spatial axis; by default the middle.
    variants : sequence of str, optional
        Counterfactuals; by default none.
    image : str, optional
        A picture to draw on.

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.plot` raises.
    """
    layer = focus_or(run, layer)
    beside = [(each.phrase, changed) for each, changed in others(run, variants or ())]
    for phrase, changed in beside:
        _has(changed, layer, phrase, needed=True)
    return field_picture(run, layer, at, image, beside=beside, title=_title(run))


def others(run: Run, variants: Sequence[str] | None) -> Iterator[tuple[Counterfactual, Run]]:
    """List counterfactuals of a model, each with the model that it makes.

    Where none are named it is the model without its pooling, or else without its strides.

    Raises
    ------
    AnalysisError
        The model has not the one that is named.
    """
    wanted = _SMALLER if variants is None else variants
    for each in map(counterfactual, wanted):
        try:
            changed = each.build(run)
        except DoesNotApply:
            if variants is not None:
                raise
            continue
        if variants is None and changed.graph is run.graph:
            continue
        yield each, changed
        if variants is None:
            return


def _has(run: Run, layer: str, phrase: str, *, needed: bool) -> bool:
    """Tell whether a counterfactual has the layer of the unit.

    Raises
    ------
    UsageError
        It has not, and that was asked for.
    """
    try:
        run.graph.find_tensor(layer)
    except UsageError:
        if needed:
            raise UsageError(f"{phrase} the model has no {layer!r}; name a layer that both have") from None
        return False
    return True


def _title(run: Run) -> str:
    return "with pooling" if any(layer.kind in POOLS for layer in run.graph) else "as it is"
