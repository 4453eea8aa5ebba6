"""What the axes of a model's input are, where its format does not say: what is done first tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from rfcalc.algebra.number import Num, is_one
from rfcalc.errors import UsageError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL
from rfcalc.readers.lowering.builder import default_axes

FURTHEST: Final = 64
"""Operations that are followed before the usual order is assumed."""


class Use(NamedTuple):
    """What one operation does with a tensor.

    Parameters
    ----------
    kind : str
        ``window`` (channels are axis 1: convolution, pooling, batch normalisation), ``sample`` (the same
        without a batch: channels are axis 0), ``features`` (channels
        are the last axis: linear layers, layer normalisation), ``steps`` (axis 0 is time, axis 1 the batch),
        ``state`` (what a recurrent layer starts from: its axis 1 is the batch), ``indices`` (every axis is
        positions), ``permute``, ``unsqueeze``, ``signal`` (the last axis is time) or ``same`` (axes stay).
    output : str
        The tensor that it makes, for the last kinds.
    detail : tuple of int
        The order of a permutation, the places of new axes.
    """

    kind: str
    output: str = ""
    detail: tuple[int, ...] = ()


Uses = Callable[[str], Iterable[Use]]


def guess_axes(name: str, shape: Sequence[Num], uses: Uses, *, integers: bool = False) -> str:
    """Tell the roles of an input's axes from the first operation that settles them.

    Parameters
    ----------
    name : str
        The tensor.
    shape : sequence of Num
        Its extents.
    uses : callable
        What is done with a tensor of that name.
    integers : bool
        Its elements are integers: words or bytes, where nothing else says what they are.

    Returns
    -------
    str
        A letter for each axis, as in ``TensorSpec.axes``.

    Examples
    --------
    >>> table = {"x": [Use("permute", "y", (0, 3, 1, 2))], "y": [Use("window")]}
    >>> guess_axes("x", (1, 32, 32, 3), lambda name: table.get(name, ()))
    'bssc'
    """
    rank = len(shape)
    found = _settled(name, rank, uses, [FURTHEST])
    if found is not None:
        return found
    if integers and rank == 2:
        return BATCH + SPATIAL
    if rank == 3 and is_one(shape[2]) and not is_one(shape[1]):  # samples of one channel
        return BATCH + SPATIAL + CHANNEL
    return default_axes(rank)


def _settled(name: str, rank: int, uses: Uses, left: list[int]) -> str | None:
    for use in uses(name):
        left[0] -= 1
        if left[0] < 0:
            return None
        found = _told(use, rank, uses, left)
        if found is not None and len(found) == rank:
            return found
    return None


def _told(use: Use, rank: int, uses: Uses, left: list[int]) -> str | None:
    """Tell the roles from one use; None where it leaves them open."""
    if use.kind == "same":
        return _settled(use.output, rank, uses, left)
    if use.kind == "permute":
        moved = _settled(use.output, rank, uses, left)
        if moved is None:
            return BATCH + SPATIAL * (rank - 2) + CHANNEL if _closes(use.detail) else None
        return "".join(role for _, role in sorted(zip(use.detail, moved, strict=True)))
    if use.kind == "unsqueeze":
        wider = rank + len(use.detail)
        axes = _settled(use.output, wider, uses, left)
        places = {place % wider for place in use.detail}
        return None if axes is None else "".join(a for k, a in enumerate(axes) if k not in places)
    fixed = {
        "window": default_axes(rank),
        "sample": CHANNEL + SPATIAL * (rank - 1),
        "features": BATCH + SPATIAL * (rank - 2) + CHANNEL if rank > 1 else None,
        "steps": SPATIAL + BATCH + CHANNEL,
        "indices": BATCH + SPATIAL * (rank - 1),
        "state": CHANNEL + BATCH + CHANNEL,
        "signal": (BATCH + CHANNEL * (rank - 2) + SPATIAL) if rank > 1 else SPATIAL,
    }
    return fixed.get(use.kind)


def _closes(order: Sequence[int]) -> bool:
    """Tell whether a permutation brings the last axis right behind the batch."""
    rank = len(order)
    return rank > 3 and tuple(order) == (0, rank - 1, *range(1, rank - 1))


def parse_layout(text: str, rank: int) -> str:
    """Read a layout such as ``NHWC``: N is the batch, C channels, any other letter positions.

    Raises
    ------
    UsageError
        It does not name each axis once.

    Examples
    --------
    >>> parse_layout("NHWC", 4)
    'bssc'
    """
    letters = text.strip().upper()
    if len(letters) != rank or not letters.isalpha() or len(set(letters)) != rank:
        raise UsageError(f"--layout {text!r} does not name {rank} axes, one letter each, such as NCHW or NTC")
    return "".join({"N": BATCH, "B": BATCH, "C": CHANNEL}.get(letter, SPATIAL) for letter in letters)
