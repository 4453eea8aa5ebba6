"""Ask how much each input position weighs in a unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rfcalc.loading import Loading, Model, asked

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.effective.report import EffectiveField


def effective(
    x: Model, layer: str | None = None, at: Sequence[int] | None = None, **loading: Unpack[Loading]
) -> EffectiveField:
    """Tell how much each position of the input weighs in one unit, each layer averaging over its window.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`; all spatial extents of the input have to be known.
    layer : str, optional
        A layer, or an output tensor; by default the last convolution whose field has a size.
    at : sequence of int, optional
        The unit, an index for each spatial axis of the input; by default the one in the middle.
    **loading
        The options of `load`.

    Returns
    -------
    EffectiveField
        For each axis the weights of all positions, which sum to 1, and the fewest neighbouring positions, in
        pixels of the input, that hold 50%, 90% and 99% of the weight.

    Raises
    ------
    RfcalcError
        Of the kinds that `field` raises; AnalysisError too where a layer on the way regroups positions.

    Notes
    -----
    Source: Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional
    neural networks" (2016).

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [64, 64, 1], "layers": [
    ...     {"kind": "conv", "name": f"c{k}", "filters": 1, "kernel": 3} for k in range(10)
    ... ]}
    >>> found = effective(model, "c9")
    >>> found.axes[0].field, found.axes[0].widths
    (21, (4, 9, 13))
    """
    from rfcalc.engine.rows import focus_or
    from rfcalc.questions.effective.find import effective_field

    with asked(x, **loading) as run:
        return effective_field(run, focus_or(run, layer), at)
