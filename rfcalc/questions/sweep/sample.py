"""Samples of a space that is too large to work out: the same seed gives the same designs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rfcalc.errors import UsageError
from rfcalc.questions.sweep.space import WIDEST, Space

_MOST: Final = 100_000_000
"""Designs of a sample, which is held in memory."""


def sampled(space: Space, count: int, seed: int, *, latin: bool = False) -> list[Any]:
    """Return for each axis the indices of the designs of a sample, each once, in the order of their numbers.

    Parameters
    ----------
    space : Space
        The space.
    count : int
        How many designs; all of them where there are no more. A Latin hypercube may hold fewer, as designs
        that it hits twice count once.
    seed : int
        The seed. The numbers are those of the generator PCG64, drawn in a way of rfcalc's own, so
        that they do not change with releases of numpy; those of a Latin hypercube are scipy's.
    latin : bool
        Spread the sample so that the values of each axis come equally often.

    Raises
    ------
    UsageError
        It is none, or too large to be held.
    """
    if count < 1:
        raise UsageError(f"a sample of {count:,} designs is none; give a number from 1 on")
    if count > _MOST:
        raise UsageError(f"a sample of {count:,} designs is too large; at most {_MOST:,} are drawn")
    if seed < 0:
        raise UsageError(f"the seed {seed} is below 0; give one from 0 on")
    if latin:
        return _distinct(_latin(space, count, seed))
    if count >= space.size:
        return _places(space, np.arange(space.size, dtype=np.int64))
    bits = np.random.PCG64(seed)
    if space.size < WIDEST:
        return _places(space, _numbers(bits, space.size, count))
    found: list[Any] = [np.empty(0, dtype=np.int64) for _ in space.axes]
    while len(found[0]) < count:  # what is drawn twice is drawn again
        missing = count - len(found[0])
        drawn = [_below(bits, length, missing) for length in space.lengths]
        found = _distinct([np.concatenate(pair) for pair in zip(found, drawn, strict=True)])
    return found


def _numbers(bits: Any, size: int, count: int) -> Any:
    """Draw numbers below `size`, none twice, in order; of more than half of all, those that are left out."""
    if 2 * count > size:
        kept = np.ones(size, dtype=bool)
        if count < size:
            kept[_numbers(bits, size, size - count)] = False
        return np.flatnonzero(kept)
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        found = np.unique(np.concatenate([found, _below(bits, size, count - len(found))]))
    return found


def _below(bits: Any, bound: int, count: int) -> Any:
    """Draw numbers below a bound, each as likely: as many bits as it takes, and again what is not below."""
    shift = np.uint64(64 - max((bound - 1).bit_length(), 1))
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        drawn = bits.random_raw(count - len(found)) >> shift
        found = np.concatenate([found, drawn[drawn < bound].astype(np.int64)])
    return found


def _latin(space: Space, count: int, seed: int) -> list[Any]:
    try:
        from scipy.stats import qmc
    except ImportError:
        raise UsageError("a Latin hypercube needs scipy: pip install 'rfcalc[sweep]'") from None
    lengths = np.array(space.lengths)
    generator = np.random.Generator(np.random.PCG64(seed))
    points = qmc.LatinHypercube(len(lengths), seed=generator).random(count)
    places = np.minimum((points * lengths).astype(np.int64), lengths - 1)
    return list(places.T)


def _places(space: Space, numbers: Any) -> list[Any]:
    return list(space.chosen(numbers).indices)


def _distinct(places: list[Any]) -> list[Any]:
    """Sort designs by their numbers, and keep each once."""
    order = np.lexsort(places[::-1])
    ordered = [each[order] for each in places]
    fresh = np.ones(len(order), dtype=bool)
    if len(order) > 1:
        fresh[1:] = np.any([each[1:] != each[:-1] for each in ordered], axis=0)
    return [each[fresh] for each in ordered]
