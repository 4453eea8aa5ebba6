"""Ask by which law a field grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rfcalc.loading import Loading, Model, asked

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.law.report import Law


def law(
    x: Model,
    layer: str | None = None,
    *,
    reach: int | Sequence[int] | None = None,
    **loading: Unpack[Loading],
) -> Law:
    """Tell by which law the field of a layer grows: linearly, geometrically, and in which blocks.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    layer : str, optional
        The layer whose field is meant; by default the last one whose field has a size.
    reach : int or sequence of int, optional
        A field that is wanted, in pixels of the input, on all axes or one for each; by default the extent of
        the input.
    **loading
        The options of `load`.

    Returns
    -------
    Law
        For each spatial axis of the input the blocks that repeat on the way that decides the field, each with
        its closed form; where the input is covered; and how many repeats, which kernel or how much dilation
        would reach the field that is wanted.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer, or `reach` is
        below 1 or has not one number for each axis.

    Notes
    -----
    Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (2019).

    Examples
    --------
    >>> conv = {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}
    >>> pool = {"kind": "max_pool", "kernel": 2}
    >>> found = law({"rfcalc": 1, "input": [224, 224, 3], "layers": [conv, pool] * 3}, reach=224).axes[0]
    >>> [segment.at(n) for segment in found.segments for n in (1, 2, 3)]
    [(4, 2), (10, 4), (22, 8)]
    >>> found.reaches[0].repeats
    7
    """
    from rfcalc.questions.law.find import law_of

    with asked(x, **loading) as run:
        return law_of(run, layer, reach=reach)
