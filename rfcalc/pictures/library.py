"""Draw how fields grow, what layers cost, what a unit sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from rfcalc.errors import UsageError
from rfcalc.loading import Loading, Model, asked
from rfcalc.progress import Progress
from rfcalc.questions.compare.library import compare

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from rfcalc.render.pictures import Picture


TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "growth": ("variants",),
    "costs": ("variants",),
    "field": ("layer", "at", "image", "variants"),
    "effective": ("layer", "at"),
    "lines": ("layer", "at", "variants"),
    "pareto": ("pareto",),
}
"""The arguments of `plot` that each picture takes."""


def plot(
    x: Model,
    path: str | os.PathLike[str] | None = None,
    *,
    what: Literal["growth", "costs", "effective", "field", "lines", "pareto"] = "growth",
    variants: Sequence[str] | None = None,
    layer: str | None = None,
    at: Sequence[int] | None = None,
    image: str | os.PathLike[str] | None = None,
    pareto: str | None = None,
    progress: Progress | None = None,
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
        ``effective``: what each position weighs in one unit; ``lines``: the side view, rows of units from
        the input up, and which of them one unit depends on, with pooling and without; ``pareto``: the designs
        of a sweep by two figures, those that no other surpasses and the rest, where `x` is the file of one.
    variants : sequence of str, optional
        Counterfactuals, as for `compare`; for ``field`` and ``lines`` they are drawn beside the model, by
        default none for ``field``, and for ``lines`` what the model is without its pooling.
    layer : str, optional
        For ``field``, ``effective`` and ``lines`` the layer of the unit; by default the last convolution, of
        ``lines`` the last layer before it that can be drawn.
    at : sequence of int, optional
        Its index on each spatial axis; by default the middle.
    image : path, optional
        For ``field`` an image to draw on; it is scaled to the size of the input.
    pareto : str, optional
        For ``pareto`` the two figures, as for `sweep`; by default those that the file was chosen by, or the
        parameters and the field.
    progress : callable, optional
        Is told how many models are done, and of how many; of 0 where that is not known.
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
    check_taken(what, {"layer": layer, "at": at, "image": image, "variants": variants, "pareto": pareto})
    if what == "pareto":
        picture = _pareto(x, pareto, loading)
    elif what in {"field", "effective", "lines"}:
        from rfcalc.pictures.beside import effective_of, field_beside, lines_beside

        with asked(x, **loading) as run:
            if what == "effective":
                picture = effective_of(run, layer, at)
            elif what == "lines":
                picture = lines_beside(run, layer, at, variants)
            else:
                picture = field_beside(run, layer, at, variants, None if image is None else str(image))
    else:
        from rfcalc.questions.compare.picture_costs import costs_picture
        from rfcalc.questions.compare.picture_growth import growth_picture

        comparison = compare(x, variants=variants, progress=progress, **loading)
        picture = growth_picture(comparison) if what == "growth" else costs_picture(comparison)
    if form is not None:
        write(drawn(picture, form), str(path))
    return picture


def _pareto(x: Model, pareto: str | None, loading: Mapping[str, object]) -> Picture:
    from rfcalc.designs import is_sweep
    from rfcalc.pictures.picture_pareto import pareto_picture

    if not is_sweep(x):
        raise UsageError("is not the file of a sweep, as rfcalc sweep --output writes it", source=str(x))
    if any(loading.values()):
        raise UsageError("the file of a sweep says how its model was read; leave that out", source=str(x))
    from pathlib import Path

    return pareto_picture(Path(str(x)), pareto)


def check_taken(
    what: str, given: Mapping[str, object], spelled: Callable[[str], str] = repr, option: str = "what"
) -> None:
    """Refuse arguments that a picture does not take.

    Parameters
    ----------
    what : str
        The picture.
    given : mapping
        The arguments by name; None for those that are not given.
    spelled : callable
        How the one who asked spells an argument.
    option : str
        How the one who asked says which picture.

    Raises
    ------
    UsageError
        One is given that it does not take.
    """
    for name, value in given.items():
        if value is not None and name not in TAKES[what]:
            *others, last = (f"{option} {each}" for each, taken in TAKES.items() if name in taken)
            raise UsageError(
                f"{spelled(name)} is for {' and '.join([', '.join(others), last][not others :])}"
            )
