"""Ask what each unit of a layer truly depends on, and by which phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rfcalc.arguments import plain
from rfcalc.loading import Loading, Model, asked

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.field.report import Field
    from rfcalc.questions.field.report_phases import Phases


def field(
    x: Model, layer: str | None = None, at: Sequence[int] | None = None, **loading: Unpack[Loading]
) -> Field:
    """Tell what each output index of a layer truly depends on, at the input's own size.

    Padding depends on nothing and is dropped at the layer that adds it, so that fields near the border are
    smaller than `analyze` says.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`; all spatial extents of the input have to be known.
    layer : str, optional
        A layer, or an output tensor; by default the last convolution whose field has a size.
    at : sequence of int, optional
        The one output unit to look at, an index for each spatial axis of the input.
    **loading
        The options of `load`. With ``on_unknown="report"`` it is an error if the layer depends on an op that
        no rule knows.

    Returns
    -------
    Field
        For each axis and output index the first and the last input index, and how many there are; which of
        its window lies in padding; and by `Field.seeing` the units that see a pixel.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer or unit, or
        an extent is open.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [5, 5, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 1, "kernel": 3, "padding": "same"},
    ... ]}
    >>> field(model, "c1").axes[0].rows
    ((0, 1, 2), (0, 2, 3), (1, 3, 3), (2, 4, 3), (3, 4, 2))
    >>> field(model, "c1", at=(0, 2)).box
    ((0, 1), (1, 3))
    >>> field(model, "c1").seeing((0, 2)).box
    ((0, 1), (1, 3))
    """
    from rfcalc.engine.rows import focus_or, further_note
    from rfcalc.questions.field.find import field_of

    with asked(x, **loading) as run:
        focus = focus_or(run, layer)
        found = field_of(run, focus, plain(at))
        return found if layer else replace(found, notes=(*found.notes, *further_note(run, focus)))


def phases(x: Model, layer: str | None = None, **loading: Unpack[Loading]) -> Phases:
    """Tell which pixels each output phase of a layer reads, far from the border.

    Behind upsampling the fields of neighbours differ in size: they repeat after a period of outputs.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    layer : str, optional
        A layer, or an output tensor; by default the last convolution whose field has a size.
    **loading
        The options of `load`.

    Returns
    -------
    Phases
        For each axis the first and the last pixel that each phase reads, and by how much they move on.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [8, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2}, {"kind": "upsample", "name": "u", "scale": 2},
    ...     {"kind": "conv", "name": "c", "filters": 1, "kernel": 2},
    ... ]}
    >>> phases(net, "c").axes[0].rows
    ((0, 1), (0, 3))
    """
    from rfcalc.engine.rows import focus_or
    from rfcalc.questions.field.find_phases import phases_of

    with asked(x, **loading) as run:
        return phases_of(run, focus_or(run, layer))
