"""Ask how a model may be run on pieces of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rfcalc.arguments import plain
from rfcalc.loading import Loading, Model, asked, read_once

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.tiles.report import Tiles


def tiles(
    x: Model,
    layer: str | None = None,
    *,
    tile: int | Sequence[int] | None = None,
    size: int | Sequence[int] | None = None,
    memory: int | None = None,
    rate: float | None = None,
    cut_gates: bool = False,
    image: int | Sequence[int] | None = None,
    **loading: Unpack[Loading],
) -> Tiles:
    """Tell how to run a model on tiles of an image, or on chunks of a stream, as if on all of it.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    layer : str, optional
        The layer, or output tensor, that is wanted; by default the model's first output.
    tile : int or sequence of int, optional
        The largest tile in pixels, for all axes or for each; with a size, 512 by default.
    size : int or sequence of int, optional
        The size of the input to plan for, in pixels along each axis; by default its own.
    memory : int, optional
        In place of `tile`: bytes that the activations of a tile may take at their peak, at batch 1.
    rate : float, optional
        Samples a second, so that a stream's latency is given in milliseconds too.
    cut_gates : bool
        Leave out gates (squeeze-and-excitation and the like) and statistics over the map. Tiles then come
        near the whole image, and are not the same.
    image : int or sequence of int, optional
        What `size` was called.
    **loading
        The options of `load`.

    Returns
    -------
    Tiles
        For each axis the halo, where tiles may start, which sizes they may have, the smallest, by how much
        neighbours overlap, or what forbids to cut it; a plan, where `tile`, `size` or `memory` is given; for
        sequences history, look-ahead and latency. All lengths are in pixels (samples) of the input.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer, where the model does
        not take the image, or the tile is too small.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [None, None, 1], "layers": [
    ...     {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"},
    ...     {"kind": "max_pool", "kernel": 2},
    ...     {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"},
    ... ]}
    >>> found = tiles(model, size=(256, 256), tile=128)
    >>> axis = found.axes[0]
    >>> axis.before, axis.after, axis.align, axis.smallest, axis.overlap
    (3, 3, 2, 9, 8)
    >>> found.plan.strips[0][1]
    Strip(start=120, stop=248, first=62, last=122, skip=2, keep=62)
    """
    from rfcalc.questions.tiles.find import Wish, tiles_of

    wanted = plain(image if size is None else size)
    wish = Wish(_sizes(plain(tile)), _sizes(wanted), plain(memory), rate, cut_gates)
    with asked(read_once(x, at_many_sizes=True), **loading) as run:
        return tiles_of(run, wish, layer)


def _sizes(given: int | Sequence[int] | None) -> Sequence[int] | None:
    return (given,) if isinstance(given, int) else given
