"""Say what changed from one model to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.loading import Loading, Model, load

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.graph.graph import LayerGraph
    from rfcalc.questions.diff.report import Diff


def diff(old: Model, new: Model, *, common: bool = False, **loading: Unpack[Loading]) -> Diff:
    """Say what changed from one model to another: layers added, removed, changed, and what comes of it.

    Layers are matched by graph: by what they are, by what lies before and behind them, and by their names. A
    model whose layers were all renamed has not changed. Models of different formats are compared in those
    layers that mean the same in every format: weighted layers, windows, joins, and what changes the grid.

    Parameters
    ----------
    old, new : path, open file, mapping or LayerGraph
        The models, as for `load`; also ``REV:path``, a file as it is in a revision of git, such as
        ``HEAD~1:models/net.json``.
    common : bool
        Compare models of one format as those of different ones, which suits exports by different tools.
    **loading
        The options of `load`, for both models.

    Returns
    -------
    Diff
        For each layer what became of it, with shapes in elements, fields and strides in pixels of the input,
        parameters, and MACs at batch 1 before and after; how changes go on downstream; totals.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; ReadError too where git has no such file.

    Examples
    --------
    >>> def net(*kernels):
    ...     return {"rfcalc": 1, "input": [64, 64, 3], "layers": [
    ...         {"kind": "conv", "filters": 16, "kernel": kernel, "padding": "same"} for kernel in kernels
    ...     ]}
    >>> found = diff(net(3, 3, 3), net(3, 5, 3, 3))
    >>> [(entry.state, entry.name) for entry in found.entries if entry.state not in ("same", "affected")]
    [('added', 'conv_2')]
    >>> found.new.totals.macs - found.old.totals.macs
    26214400
    """
    from rfcalc.questions.diff.find import diff_graphs

    return diff_graphs(
        _loaded(old, loading),
        _loaded(new, loading),
        input=loading.get("input"),
        on_unknown=loading.get("on_unknown", "report"),
        common=common,
    )


def _loaded(x: Model, loading: Loading) -> LayerGraph:
    """Load a model, out of git where that is what its name says."""
    if isinstance(x, str):
        from rfcalc.questions.diff.revision import read_revision
        from rfcalc.readers.detect import names_code

        # main:net may be a module and its factory too; what git has comes first, as reading it runs no code
        factory = names_code(x) and _is_module(x.partition(":")[0].partition(".")[0])
        return load(read_revision(x, or_else=factory) or x, **loading)
    return load(x, **loading)


def _is_module(name: str) -> bool:
    """Tell whether there is a module of that name, without importing it."""
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
