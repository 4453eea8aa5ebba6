"""A page to look at: a model, what each unit sees of the input, what layers cost, what pooling bought."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from rfcalc.arguments import plain
from rfcalc.errors import UsageError
from rfcalc.loading import Loading, Model, asked, load, read_once, run_of
from rfcalc.render.document import dump

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from rfcalc.counterfactuals.variants import Counterfactual
    from rfcalc.engine.run import Run
    from rfcalc.questions.compare.report import Comparison


_MOST_SIZES: Final = 50


@dataclass(frozen=True, repr=False)
class Report:
    """The result of `rfcalc.report`: a document, and the page that shows it.

    Parameters
    ----------
    model : str
        What the page is about.
    document : mapping
        ``rfcalc/report/1``, as plain data.
    """

    model: str
    document: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/report/1``, as plain data."""
        return dict(self.document)

    def to_json(self) -> str:
        """Return the document as JSON, the same bytes from run to run."""
        return dump(self.to_dict())

    def to_html(self) -> str:
        """Return the page: one file that needs no network and no server."""
        from rfcalc.page.shell import page

        return page(self.document, self.model)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Raises
        ------
        RfcalcError
            It cannot be written.
        """
        from rfcalc.render.write import write

        write(self.to_html(), str(path))

    def __repr__(self) -> str:
        return f"<Report of {self.model}>"

    def _repr_html_(self) -> str:
        # a frame of its own: neither its styles nor those of the notebook reach into the other
        return (
            f'<iframe srcdoc="{html.escape(self.to_html())}" title="{html.escape(self.model)}" '
            'sandbox="allow-scripts" width="100%" height="860" style="border:0"></iframe>'
        )


def report(
    x: Model,
    other: Model | None = None,
    *,
    variants: Sequence[str] | None = None,
    sizes: Iterable[int | Sequence[int]] = (),
    image: str | os.PathLike[str] | None = None,
    rate: float | None = None,
    **loading: Unpack[Loading],
) -> Report:
    """Make a page that shows a model: its layers, what each unit of them sees, what they cost.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    other : path, open file, mapping or LayerGraph, optional
        A model to put beside it; the page says what changed.
    variants : sequence of str, optional
        Counterfactuals to put beside it, as for `variant`; by default what it is without its pooling, or
        else without its strides, where it has that.
    sizes : iterable of int or of sequence of int, optional
        Further sizes of the input to switch between: one extent for all its axes, or one each.
    image : path, optional
        A PNG or JPEG picture to draw fields on.
    rate : float, optional
        Positions of the input in a second, for a time axis.
    **loading
        The options of `load`, for both models.

    Returns
    -------
    Report
        To write to a file with ``save``; in a notebook it is shown.

    Raises
    ------
    RfcalcError
        Of the kinds that `compare` raises; also where the picture cannot be read.

    Examples
    --------
    >>> made = report({"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "filters": 8, "kernel": 3}, {"kind": "max_pool", "kernel": 2},
    ... ]})
    >>> [model["title"] for model in made.to_dict()["models"]], made.to_html()[:15]
    (['model', 'without pooling'], '<!doctype html>')
    """
    if other is not None and variants is not None:
        raise UsageError("counterfactuals are of one model; leave them out beside another model")
    x = read_once(x, at_many_sizes=True)
    with asked(x, **loading) as run:
        picture = _picture(image, len(run.extents))
        _check_rate(plain(rate), len(run.extents))
        extents = _all_extents(run, _few(plain(sizes)))
        if other is None:
            models, comparison = _with_variants(run, variants, extents)
            found: Mapping[str, Any] | None = None
        else:
            models, comparison, found = _with_other(run, other, loading, extents)
        return _made(models, comparison, found, picture, rate)


def _made(
    models: list[dict[str, Any]],
    comparison: Comparison,
    found: Mapping[str, Any] | None,
    picture: str | None,
    rate: float | None,
) -> Report:
    from rfcalc.page.document import SCHEMA, comparison_parts
    from rfcalc.version import VERSION

    document = {
        "schema": SCHEMA,
        "rfcalc": VERSION,
        "models": models,
        **comparison_parts(comparison, min(len(model["units"]) for model in models)),
        "diff": found,
        "image": picture,
        "rate": rate,
    }
    return Report(models[0]["title"], document)


def _picture(image: str | os.PathLike[str] | None, rank: int) -> str | None:
    """Return the picture that fields are drawn on, as a page holds it."""
    if image is None:
        return None
    if rank != 2:
        raise UsageError(f"a picture has rows and columns; this input has {rank} spatial axes")
    from rfcalc.page.image import image_url

    return image_url(str(image))


def _check_rate(rate: object, rank: int) -> None:
    """Refuse a rate that is none, or for an input without a time axis alone."""
    if rate is None:
        return
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate < float("inf"):
        raise UsageError("the rate has to be a positive number of positions a second")
    if rank != 1:
        raise UsageError(f"a rate is for sequences; this input has {rank} spatial axes")


def _few(sizes: object) -> list[Any]:
    """Return the sizes, if a page can hold so many."""
    if not isinstance(sizes, Iterable) or isinstance(sizes, (str, bytes)):
        raise UsageError(f"sizes are a list of sizes, not {sizes!r}")
    found = list(islice(sizes, _MOST_SIZES + 1))
    if len(found) > _MOST_SIZES:
        raise UsageError(f"more than {_MOST_SIZES} sizes are too many for one page; take larger steps")
    return found


def _all_extents(run: Run, sizes: Iterable[int | Sequence[int]]) -> list[tuple[int, ...]]:
    """Return the extents of the chosen input for the sizes that are asked for, each once."""
    found = dict.fromkeys(_extents(run, plain(size)) for size in sizes)
    return [extents for extents in found if extents != run.extents]


def _extents(run: Run, size: int | Sequence[int]) -> tuple[int, ...]:
    """Return the extents of the chosen input for one size."""
    rank = len(run.extents)
    if not rank:
        raise UsageError("the input has no spatial axes, and so no other sizes")
    found = tuple(size) if isinstance(size, (list, tuple)) else (size,) * rank
    if any(type(extent) is not int or extent < 1 for extent in found):
        raise UsageError(f"{size!r} is no size of an input; give whole numbers from 1 on")
    if len(found) != rank:
        raise UsageError(f"a size of {len(found)} extents, but the input has {rank} spatial axes")
    return found  # type: ignore[return-value]  # of whole numbers, as was seen


def _with_variants(
    run: Run, variants: Sequence[str] | None, extents: Sequence[Sequence[int]]
) -> tuple[list[dict[str, Any]], Comparison]:
    """Return the model and its counterfactuals."""
    from rfcalc.page.document import model_document
    from rfcalc.pictures.beside import others
    from rfcalc.questions.compare.find import compare_counterfactuals

    models = [model_document(run, run.graph.name, "", extents)]
    for each, changed in others(run, variants):
        # at another size it is made of the model of that size, whose file may be read again for it
        about = f"{each.name}: {each.summary}"
        at = partial(_built_at, run, each)
        models.append(model_document(changed, each.phrase, about, extents, at))
    return models, compare_counterfactuals(run, variants)


def _built_at(run: Run, each: Counterfactual, *extents: int) -> Run:
    """Return a counterfactual of a model at another size."""
    return each.build(run.at(*extents))


def _with_other(
    run: Run, other: Model, loading: Loading, extents: Sequence[Sequence[int]]
) -> tuple[list[dict[str, Any]], Comparison, Mapping[str, Any]]:
    """Return two models, and what changed from one to the other."""
    from rfcalc.page.document import model_document
    from rfcalc.questions.compare.find import compare_models
    from rfcalc.questions.diff.find import diff_graphs

    other = read_once(other, at_many_sizes=True)
    graph = load(other, **loading)
    second = run_of(graph, loading, other)
    comparison = compare_models([run, second])
    models = [
        model_document(each, entry.name, "", extents)
        for each, entry in zip((run, second), comparison.entries, strict=True)
    ]
    changed = diff_graphs(
        run.graph,
        graph,
        input=loading.get("input"),
        on_unknown=loading.get("on_unknown", "report"),
        runs=(run, second),
    )
    return models, comparison, changed.to_dict()
