"""Places within windows as channels, and channels as places: the steps that keep them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.algebra.steps import Contract, Grouped, Merge, Permute, Slide, Split, Step
from rfcalc.algebra.window import Window, apart
from rfcalc.rules.registry import CHOICE, Setting

ORDER: Final = Setting(
    "order",
    CHOICE,
    "places_first",
    "what counts slower among the new channels: 'places_first' the place in the window (TensorFlow, ONNX), "
    "'channels_first' the channel (PyTorch)",
    ("places_first", "channels_first"),
)


def unfolded(
    rank: int, channel: int, windows: Mapping[int, tuple[Window, Num, Num]], order: str
) -> tuple[Step, ...] | None:
    """Turn the places within windows into channels.

    Parameters
    ----------
    rank : int
        How many axes the tensor has.
    channel : int
        Its channel axis.
    windows : mapping
        For each axis its window, how many there are, and how many places each has.
    order : str
        See `ORDER`.

    Returns
    -------
    tuple of Step or None
        None where the places are not known in number.
    """
    if not all(is_known(places) for _, _, places in windows.values()):
        return None
    steps: list[Step] = []
    for axis in sorted(windows, reverse=True):
        window, extent, places = windows[axis]
        steps += [Slide(axis, apart(window, places), extent * places), Split(axis, (extent, places))]
    moved = [axis + sum(other < axis for other in windows) for axis in range(rank)]
    inner = [moved[axis] + 1 for axis in sorted(windows)]
    own = [moved[channel]]
    merged = [*inner, *own] if order == "places_first" else [*own, *inner]
    permuted = [place for axis in range(rank) for place in (merged if axis == channel else [moved[axis]])]
    return (*steps, Permute(tuple(permuted)), Merge(channel, len(merged)))


def folded(
    rank: int, channel: int, channels: Num, blocks: Mapping[int, Num], order: str
) -> tuple[Step, ...] | None:
    """Turn channels into the places within blocks: undo :func:`unfolded` for blocks side by side.

    Parameters
    ----------
    rank, channel, order
        As there.
    channels : Num
        How many channels are left.
    blocks : mapping
        For each axis the length of a block.

    Returns
    -------
    tuple of Step or None
        None where the blocks are not known in length.
    """
    if not all(map(is_known, blocks.values())):
        return None
    axes = sorted(blocks)
    extents = tuple(blocks[axis] for axis in axes)
    first = order == "channels_first"
    split = Split(channel, (channels, *extents) if first else (*extents, channels))
    count = len(axes)
    after = [axis + count if axis > channel else axis for axis in range(rank)]
    after[channel] = channel if first else channel + count
    inner = {axis: channel + k + int(first) for k, axis in enumerate(axes)}
    order_of = [
        place
        for axis in range(rank)
        for place in ([after[axis], inner[axis]] if axis in blocks else [after[axis]])
    ]
    merges = tuple(Merge(axis, 2) for axis in axes)
    return (split, Permute(tuple(order_of)), *merges)


def by_groups(steps: tuple[Step, ...], groups: Num) -> tuple[Step, ...] | None:
    """Let the channels that the last of `steps` contracts be read group by group; None for a single group."""
    if not is_known(groups) or groups == 1:
        return None
    *before, last = steps
    assert isinstance(last, Contract)
    return (*before, Grouped(last.axis, groups, last.extent))
