"""Work out a family of designs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rfcalc.arguments import plain
from rfcalc.designs import is_sweep
from rfcalc.errors import UsageError
from rfcalc.loading import Loading, Model, read_once
from rfcalc.progress import Progress

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from rfcalc.questions.sweep.grid import Values
    from rfcalc.questions.sweep.report import Sweep


def sweep(
    x: Model,
    over: Mapping[str, Values] | None = None,
    *,
    layers: Sequence[str] = (),
    where: str | None = None,
    pareto: str | Sequence[str] | None = None,
    top: int | None = None,
    by: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    latin: bool = False,
    path: str | os.PathLike[str] | None = None,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    most: int | None = None,
    progress: Progress | None = None,
    **loading: Unpack[Loading],
) -> Sweep:
    """Work out every design of a family: what it sees, what it costs, and which of them to choose.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    over : mapping, optional
        What is varied: the values of each parameter of a native model, such as ``range(16, 257, 16)`` or
        ``[True, False]``; and of ``variant`` the names of counterfactuals, as for `variant`, of any model.
        The last moves fastest. An extent in `dims` that is several is varied too, behind these.
    layers : sequence of str
        The layers whose figures are told; by default those of the last map.
    where : str, optional
        Keep the designs of which this is true: ``"params < 5e6 and field >= 224"``. Names are those of the
        columns, and ``field``, ``extent`` and ``stride`` the smallest over the axes of the first layer.
    pareto : str or sequence of str, optional
        Keep the designs that no other surpasses in all of these measures: columns, the smaller the better, or
        behind a minus the larger the better, ``"params,macs,-field"``.
    top : int, optional
        Keep so many designs.
    by : str, optional
        The best first, by this measure; by default in the order of their numbers.
    sample : int, optional
        Work out a random sample of so many designs, none of them twice.
    seed : int
        The seed of a random sample: the same seed gives the same designs.
    latin : bool
        Draw the sample as a Latin hypercube: the values of each axis come equally often. Designs that it
        hits twice count once, so there may be fewer.
    path : path, optional
        Where to write the designs, as Parquet, or as CSV where the name ends in ``.csv``: whole or not at
        all; while the sweep runs, what is done lies in a folder beside it.
    resume : bool
        Go on where a sweep of the same model, grid and options was stopped.
    workers : int, optional
        Work in so many processes of this machine; by default in this one.
    scheduler : str, optional
        Work on the Dask cluster whose scheduler has this address.
    most : int, optional
        Hold so many designs in the result, the first; by default all of them, or of a file the first 20.
    progress : callable, optional
        Is told how many designs are done, and of how many.
    **loading
        The options of `load`; an extent in `dims` may be several.

    Returns
    -------
    Sweep
        A row for each design that is kept, with its number, its values, why it cannot be built, and its
        figures: parameters, multiply-accumulates, elements of all activations and of the peak of these at
        batch 1, and of each layer extents, field, stride, padding (in pixels of the input) and coverage.

    Raises
    ------
    RfcalcError
        Of the kinds that `load` raises; UsageError too where the model lacks what is varied, or where a
        condition or a measure means nothing. That a design cannot be built is no error: its row says why.

    Examples
    --------
    >>> net = {"rfcalc": 1, "parameters": {"width": 8, "kernel": 3}, "input": [12, 12, 3], "layers": [
    ...     {"kind": "conv", "filters": "width", "kernel": "kernel"}, {"kind": "max_pool", "kernel": 2},
    ... ]}
    >>> found = sweep(net, {"width": [8, 16], "kernel": [3, 5]}, pareto="params,-field")
    >>> [(row["design"], row["params"], row["receptive_field_0"]) for row in found]
    [(0, 224, 4), (1, 608, 6)]
    """
    from rfcalc.questions.sweep.choose import Choice, measure, measures
    from rfcalc.questions.sweep.find import Means, Request, sweep_of
    from rfcalc.questions.sweep.grid import check_set, space_of
    from rfcalc.questions.sweep.task import Sampling
    from rfcalc.questions.sweep.where import condition

    if is_sweep(x) and loading.get("design") is None:
        raise UsageError(
            "is the file of a sweep; write a design of it as a model, with --write 0 --output net.json, and "
            "vary that",
            source=str(x),
        )
    space, fixed = space_of(over, loading.get("dims"))
    check_set(space, loading.get("parameters"))
    by_all = () if pareto is None else measures(pareto if isinstance(pareto, str) else ",".join(pareto))
    if top is not None and top < 1:
        raise UsageError(f"the first {top} designs are none; give a number from 1 on")
    if sample is None and latin:
        raise UsageError("a Latin hypercube is a way to draw a sample; say of how many designs")
    request = Request(
        read_once(x),
        {**loading, "dims": fixed or None},
        space,
        tuple(layers),
        None if where is None else condition(where),
        Choice(by_all, top, None if by is None else measure(by)),
        None if sample is None else Sampling(plain(sample), plain(seed), latin),
    )
    file = None if path is None else Path(path)
    return sweep_of(request, Means(workers, scheduler, progress), file, resume=resume, most=most)
