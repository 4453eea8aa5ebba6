"""What the axes of a model's input are, where its format does not say: what is done first tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rfcalc.algebra.number import Num, equal, is_one
from rfcalc.errors import UsageError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL
from rfcalc.readers.lowering.builder import default_axes
from rfcalc.readers.lowering.regroup import before_regroup, before_select, regrouped
from rfcalc.records import NamedTuple

TURNED: Final = "turned"
"""What tells roles where weights sum over another axis than the last: features, or positions."""

FURTHEST: Final = 64
"""Operations that are followed before the usual order is assumed."""


class Use(NamedTuple):
    """What one operation does with a tensor.

    Parameters
    ----------
    kind : str
        ``window`` (channels are axis 1: convolution, pooling, batch normalisation), ``sample`` (the same
        without a batch: channels are axis 0), ``channels_last`` (a window over a batch of maps whose
        channels are the last axis, as in TensorFlow), ``features`` (channels
        are the last axis: linear layers, layer normalisation), ``steps`` (axis 0 is time, axis 1 the batch),
        ``state`` (what a recurrent layer starts from: its axis 1 is the batch), ``indices`` (every axis is
        positions), ``permute``, ``unsqueeze``, ``squeeze``, ``regroup`` (a reshape), ``select`` (one of an
        axis),
        ``kernel`` (channels and a window, of no sample), ``signal`` (the last axis is time), ``parts``
        (axis 1 is time, the last one real and imaginary parts) or ``same`` (axes stay).
    output : str
        The tensor that it makes, for the last kinds.
    detail : tuple of int
        The order of a permutation, the places of axes of one element that come or go, how many axes before
        and behind a reshape belong together, or the axis of which one element is taken.
    """

    kind: str
    output: str = ""
    detail: tuple[int, ...] = ()


Uses = Callable[[str], Iterable[Use]]


class Guess(NamedTuple):
    """What an input's axes are taken for.

    Parameters
    ----------
    axes : str
        A letter for each axis.
    told : str
        The kind of the use that told, empty where none did.
    """

    axes: str
    told: str = ""


def guess(name: str, shape: Sequence[Num], uses: Uses, *, integers: bool = False) -> Guess:
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
    Guess
        A letter for each axis, as in ``TensorSpec.axes``, and what told them.

    Examples
    --------
    >>> table = {"x": [Use("permute", "y", (0, 3, 1, 2))], "y": [Use("window")]}
    >>> guess("x", (1, 32, 32, 3), lambda name: table.get(name, ())).axes
    'bssc'
    """
    rank = len(shape)
    found = _settled(name, rank, uses, [FURTHEST])
    if found is not None:
        return found
    if integers and rank == 2:
        return Guess(BATCH + SPATIAL)
    if rank == 3 and is_one(shape[2]) and not is_one(shape[1]):  # samples of one channel
        return Guess(BATCH + SPATIAL + CHANNEL)
    return Guess(default_axes(rank))


def channels_last(rank: int) -> str:
    """Roles of axes that nothing is known of: batch, positions, channels, as TensorFlow orders them.

    >>> channels_last(4), channels_last(2), channels_last(1)
    ('bssc', 'bc', 'c')
    """
    return BATCH + SPATIAL * (rank - 2) + CHANNEL if rank > 1 else CHANNEL * rank


def _settled(name: str, rank: int, uses: Uses, left: list[int]) -> Guess | None:
    for use in uses(name):
        left[0] -= 1
        if left[0] < 0:
            return None
        found = _told(use, rank, uses, left)
        if found is not None and len(found.axes) == rank:
            return found
    return None


def _told(use: Use, rank: int, uses: Uses, left: list[int]) -> Guess | None:
    """Tell the roles from one use; None where it leaves them open."""
    detail = use.detail
    moves: dict[str, tuple[int, Callable[[Guess | None], Guess | None]]] = {
        "same": (rank, lambda found: found),
        "permute": (rank, lambda found: _before_permute(use, rank, found)),
        "unsqueeze": (rank + len(detail), lambda found: _before_unsqueeze(rank, detail, found)),
        "squeeze": (
            rank - len(detail),
            lambda found: _before(found, lambda axes: _before_squeeze(detail, axes)),
        ),
        "regroup": (
            sum(detail[1::2]),
            lambda found: _before(found, lambda axes: before_regroup(detail, axes)),
        ),
        "select": (
            rank - 1,
            lambda found: _before(found, lambda axes: before_select(detail[0] % rank, axes)),
        ),
    }
    if use.kind in moves:
        behind, before = moves[use.kind]
        return before(_settled(use.output, behind, uses, left))
    fixed = {
        "window": default_axes(rank),
        "sample": CHANNEL + SPATIAL * (rank - 1),
        "channels_last": channels_last(rank) if rank > 1 else None,
        "features": BATCH + SPATIAL * (rank - 2) + CHANNEL if rank > 1 else None,
        "steps": SPATIAL + BATCH + CHANNEL,
        "indices": BATCH + SPATIAL * (rank - 1),
        "state": CHANNEL + BATCH + CHANNEL,
        "signal": (BATCH + CHANNEL * (rank - 2) + SPATIAL) if rank > 1 else SPATIAL,
        "kernel": CHANNEL * 2 + SPATIAL * (rank - 2) if rank > 2 else None,
        "parts": (BATCH + SPATIAL + CHANNEL)[:rank],
    }
    axes = fixed.get(use.kind)
    return None if axes is None else Guess(axes, use.kind)


def _before(found: Guess | None, roles: Callable[[str], str | None]) -> Guess | None:
    """Tell the roles before an operation from those behind it."""
    axes = None if found is None else roles(found.axes)
    return None if found is None or axes is None else found._replace(axes=axes)


def _before_unsqueeze(rank: int, detail: Sequence[int], found: Guess | None) -> Guess | None:
    """Tell the roles before axes of one element are inserted; signals in a row are samples."""
    if found is None:
        return None
    places = {place % (rank + len(detail)) for place in detail}
    axes = "".join(role for place, role in enumerate(found.axes) if place not in places)
    if found.told == "signal" and BATCH not in axes and axes[:1] == SPATIAL and len(axes) > 1:
        axes = BATCH + axes[1:]
    return found._replace(axes=axes)


def _before_squeeze(places: Sequence[int], axes: str) -> str:
    """Tell the roles before axes of one element are dropped; the first of them was the batch."""
    letters = list(axes.replace(BATCH, SPATIAL) if 0 in places else axes)
    for place in places:
        letters.insert(place, SPATIAL if place else BATCH)
    return "".join(letters)


def _before_permute(use: Use, rank: int, found: Guess | None) -> Guess | None:
    """Tell the roles before axes are reordered from those behind.

    A linear layer tells which axis holds features, and nothing of the others: the first one is the batch.
    """
    if found is None:
        closes = _closes(use.detail)
        return Guess(BATCH + SPATIAL * (rank - 2) + CHANNEL, "permute") if closes else None
    if len(use.detail) != len(found.axes):  # of a tensor that was stretched to more axes since
        return None
    axes = "".join(role for _, role in sorted(zip(use.detail, found.axes, strict=True)))
    if found.told not in ("features", TURNED) or axes.count(CHANNEL) != 1:
        return Guess(axes, found.told)
    axes = axes.replace(BATCH, SPATIAL)
    place = axes.index(SPATIAL)
    axes = axes[:place] + BATCH + axes[place + 1 :]
    return Guess(axes, "features" if axes[-1] == CHANNEL else TURNED)


def reshaped(before: Sequence[Num], after: Sequence[Num], output: str) -> Use | None:
    """Return what a reshape tells, whose result tells the rest.

    >>> reshaped((2, 9, 4), (18, 4), "y").kind, reshaped((4, 100), (1, 4, 100), "y").kind
    ('regroup', 'unsqueeze')
    """
    moved = ones_moved(before, after)
    if moved is not None:
        return Use(moved[0], output, moved[1])
    counts = regrouped(before, after)
    return None if counts is None else Use("regroup", output, counts)


def ones_moved(before: Sequence[Num], after: Sequence[Num]) -> tuple[str, tuple[int, ...]] | None:
    """Tell which axes of one element a reshape inserts or drops, or moves, if it does nothing else.

    Where one of several could be meant it is not the first, which is the batch.

    >>> ones_moved((1, 22, 100), (1, 1, 22, 100)), ones_moved((1, 4, 100), (4, 100))
    (('unsqueeze', (1,)), ('squeeze', (0,)))
    >>> ones_moved((8, 28, 28, 1), (8, 1, 28, 28))
    ('permute', (0, 3, 1, 2))
    """
    if len(before) > len(after):
        moved = ones_moved(after, before)
        return None if moved is None else ("squeeze", moved[1])
    if len(before) == len(after):
        return _permuted(before, after)
    places, left = [], list(before)
    for place, extent in enumerate(after):
        spare = len(after) - place - len(left)
        if left and equal(left[0], extent) and not (is_one(extent) and place and spare and len(left) > 1):
            left.pop(0)
        elif is_one(extent) and spare:
            places.append(place)
        else:
            return None
    return ("unsqueeze", tuple(places)) if places and not left else None


def _permuted(before: Sequence[Num], after: Sequence[Num]) -> tuple[str, tuple[int, ...]] | None:
    """Tell how a reshape of as many axes moves those of one element; None where it does more."""
    ones = [place for place, extent in enumerate(before) if is_one(extent)]
    wide = [place for place in range(len(before)) if place not in ones]
    left = [extent for extent in after if not is_one(extent)]
    if len(wide) != len(left) or not all(equal(before[k], n) for k, n in zip(wide, left, strict=True)):
        return None
    places = {True: iter(ones), False: iter(wide)}
    return "permute", tuple([next(places[is_one(extent)]) for extent in after])


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


def spelled_layout(axes: str) -> str:
    """Spell roles as ``--layout`` takes them; empty where it cannot.

    >>> spelled_layout("sbc"), spelled_layout("bssc")
    ('TNC', 'NHWC')
    """
    count = axes.count(SPATIAL)
    letters = iter({1: "T", 2: "HW", 3: "DHW"}.get(count, "TUVWXYZ"))
    text = "".join({BATCH: "N", CHANNEL: "C"}.get(role) or next(letters, "") for role in axes)
    return text if len(set(text)) == len(axes) else ""
