"""Ask for the field of one layer by output phase."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from rfcalc.api.models import Loading, Model, about, load, run_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.reports.phases import Phases


def phases(x: Model, layer: str, **loading: Unpack[Loading]) -> Phases:
    """Tell which pixels each output phase of a layer reads, far from the border.

    Behind upsampling the fields of neighbours differ in size: they repeat after a period of outputs.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    layer : str
        A layer, or an output tensor.
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
    from rfcalc.analysis.phases import phases_of
    from rfcalc.reports.phases import Phases

    graph = load(x, **loading)
    with about(graph):
        result = phases_of(run_of(graph, loading), layer)
    return Phases(**{each.name: getattr(result, each.name) for each in fields(result)})
