"""Draw how fields grow, what layers cost, what a unit sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rfcalc.errors import UsageError
from rfcalc.loading import Loading, Model, asked
from rfcalc.questions.compare.library import compare

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from rfcalc.render.pictures import Picture


def plot(
    x: Model,
    path: str | os.PathLike[str] | None = None,
    *,
    what: Literal["growth", "costs", "effective", "field"] = "growth",
    variants: Sequence[str] | None = None,
    layer: str | None = None,
    at: Sequence[int] | None = None,
    image: str | os.PathLike[str] | None = None,
    **loading: Unpack[Loading],
) -> Picture:
    """Draw a picture of a model, with matplotlib.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    path : path, optional
        Where to write it, as SVG, PNG or PDF by its suffix; by default it is only returned.
    what : str
        ``growth``: the field against depth, for the model and its counterfactuals; ``costs``: their
        parameters by layer; ``field``: what one unit depends on, and what of its window lies in padding;
        ``effective``: what each position weighs in one unit.
    variants : sequence of str, optional
        Counterfactuals, as for `compare`.
    layer : str, optional
        For ``field`` and ``effective`` the layer of the unit; of the latter by default the last convolution.
    at : sequence of int, optional
        Its index on each spatial axis; by default the middle.
    image : path, optional
        For ``field`` an image to draw on; it is scaled to the size of the input.
    **loading
        The options of `load`.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, with pixels of the input, or parameters, on its axes.

    Raises
    ------
    RfcalcError
        Of the kinds that `compare`, `field` and `effective` raise; also where matplotlib is not installed,
        or the image cannot be read.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "filters": 8, "kernel": 3}, {"kind": "max_pool", "kernel": 2},
    ... ]}
    >>> plot(model).axes[0].get_ylabel()  # doctest: +SKIP
    'receptive field, pixels of the input along its rows'
    """
    from rfcalc.render.pictures import drawn, suffix_of
    from rfcalc.render.write import write

    form = None if path is None else suffix_of(str(path))
    if what == "field":
        picture = _unit(x, layer, at, None if image is None else str(image), loading)
    elif what == "effective" and image is None:
        from rfcalc.questions.effective.library import effective
        from rfcalc.questions.effective.picture import effective_picture

        picture = effective_picture(effective(x, layer, at, **loading))
    elif layer is not None or at is not None or image is not None:
        raise UsageError('a layer or a unit is for a picture of a field, an image for what="field" alone')
    else:
        from rfcalc.questions.compare.picture_costs import costs_picture
        from rfcalc.questions.compare.picture_growth import growth_picture

        comparison = compare(x, variants=variants, **loading)
        picture = growth_picture(comparison) if what == "growth" else costs_picture(comparison)
    if form is not None:
        write(drawn(picture, form), str(path))
    return picture


def _unit(
    x: Model, layer: str | None, at: Sequence[int] | None, image: str | None, loading: Loading
) -> Picture:
    """Return the picture of the field of one unit."""
    from rfcalc.questions.field.picture import field_picture

    with asked(x, **loading) as run:
        return field_picture(run, layer, at, image)
