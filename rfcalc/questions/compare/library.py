"""Compare a model with what it might be, or models with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Loading, Model, asked, load, run_of
from rfcalc.progress import Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.compare.report import Comparison


def compare(
    x: Model,
    *others: Model,
    variants: Sequence[str] | None = None,
    progress: Progress | None = None,
    **loading: Unpack[Loading],
) -> Comparison:
    """Compare a model with its counterfactuals, or several models with each other.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    *others
        Models to compare it with.
    variants : sequence of str, optional
        Counterfactuals of a single model, such as ``plain`` and ``dilated``; see `variant`. By default
        those that say most of the model.
    progress : callable, optional
        Is told how many models are done, and of how many; of 0 where that is not known.
    **loading
        The options of `load`, for each of the models.

    Returns
    -------
    Comparison
        For each of them fields in pixels of the input by layer, map sizes, parameters, MACs and bytes of
        activations at batch 1; with what that comes to, in sentences.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such counterfactual, or
        where counterfactuals are asked for of several models. One that a model does not have is no error: its
        entry says why.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "filters": 32, "kernel": 3}, {"kind": "max_pool", "kernel": 2},
    ...     {"kind": "conv", "name": "last", "filters": 64, "kernel": 3},
    ... ]}
    >>> [(entry.name, entry.bill.field) for entry in compare(net, variants=["plain"]).entries]
    [('original', (8, 8)), ('plain', (5, 5))]
    """
    from rfcalc.questions.compare.find import compare_counterfactuals, compare_models

    if not others:
        with asked(x, **loading) as run:
            return compare_counterfactuals(run, variants, progress)
    if variants is not None:
        raise UsageError("counterfactuals are of one model; compare several without them")
    return compare_models([run_of(load(each, **loading), loading) for each in (x, *others)], progress)


def variant(x: Model, name: str, **loading: Unpack[Loading]) -> LayerGraph:
    """Return a counterfactual of a model: what it would be without its pooling, without strides, and so on.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    name : str
        ``plain`` (no pooling), ``unstrided`` (no strides), ``strided`` (convolutions for poolings),
        ``dilated`` (poolings at stride 1, what follows dilated), ``atrous`` (the same for every stride),
        ``average``, ``median``, ``max`` (other poolings), ``pool:K:N`` (a K x K pooling after every N
        convolutions).
    **loading
        The options of `load`.

    Returns
    -------
    LayerGraph
        To give to `analyze`, `field` or `compare`.

    Raises
    ------
    AnalysisError
        The model has no such counterfactual; it says which layer forbids it.
    UsageError
        There is no counterfactual of that name.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2}, {"kind": "conv", "name": "c", "filters": 8, "kernel": 3},
    ... ]}
    >>> load(net).layers.keys() - variant(net, "plain").layers.keys()
    {'max_pool_1'}
    """
    from rfcalc.counterfactuals.variants import counterfactual

    chosen = counterfactual(name)
    with asked(x, **loading) as run:
        return chosen.build(run).graph
