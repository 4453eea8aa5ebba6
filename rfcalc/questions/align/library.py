"""Ask whether the branches of a model meet centred on the same pixels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rfcalc.arguments import plain
from rfcalc.loading import Loading, Model, asked, read_once
from rfcalc.progress import Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.align.report import Alignment


def align(
    x: Model,
    sizes: Iterable[int] | None = None,
    *,
    progress: Progress | None = None,
    **loading: Unpack[Loading],
) -> Alignment:
    """Say of each join how far the centres of its branches lie apart, and at which sizes they do not.

    A window that steps with SAME padding starts at a pixel that depends on whether the size is even; where a
    branch steps with one window and its neighbour with another, the sum may unite what belongs to different
    pixels.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    sizes : iterable of int, optional
        Sizes to look at, in pixels along every spatial axis of the input, such as ``range(224, 321)``.
    progress : callable, optional
        Is told how many sizes are done, and of how many; of 0 where that is not known.
    **loading
        The options of `load`.

    Returns
    -------
    Alignment
        The joins with the offsets of their branches in pixels of the input, at the model's own size; the
        same for all `sizes`, with those that break shapes; and other paddings that mend it, where there are
        some, checked by running the rules with them.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there are too many sizes, or none.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [8, 8, 1], "layers": [
    ...     {"kind": "max_pool", "name": "a", "kernel": 3, "stride": 2, "padding": "same"},
    ...     {"kind": "conv", "name": "b", "inputs": ["input"], "filters": 1, "kernel": 1, "stride": 2},
    ...     {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    ... ]}
    >>> found = align(net, sizes=range(8, 12))
    >>> [join.offset for join in found.joins]
    [(1.0, 1.0)]
    >>> [row.size for row in found.sizes if row.aligned]
    [9, 11]
    >>> [(mend.layer, mend.after) for mend in found.mends]
    [('a', ((1, 1), (1, 1)))]
    """
    from rfcalc.collecting import collector_paused
    from rfcalc.questions.align.find import align_run, check_sizes

    checked = () if sizes is None else check_sizes(plain(sizes))
    with asked(read_once(x, at_many_sizes=True), **loading) as run, collector_paused():
        return align_run(run, checked, progress)
