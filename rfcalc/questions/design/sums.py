"""Which sums of one cost completions can still come to, where that cost has to be large, or exact."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd, inf
from typing import Final

from rfcalc.questions.design.ahead import Ahead, Node
from rfcalc.questions.design.blocks import Site

_BITS: Final = 1 << 20
"""How many sums are told apart at most."""

_ALL_BITS: Final = 1 << 29
"""The same, of all places together: 64 MB, and once more where they are looked at."""


class Sums:
    """The sums of one cost that completions come to: rather some too many than one too few.

    A set of sums is a number whose bit *b* is set where a sum lies in *b*, *b* + 1 times a unit. The unit is
    what divides every cost, where the numbers do not become too long by it, and sums are exact then.

    Parameters
    ----------
    ahead : Ahead
        The ways on from each site, with what is left counted in blocks.
    which : int
        The cost, by its number in `MEASURES`; not the peak, which is no sum.
    starts : iterable of Site
        Where completions begin.
    blocks : int
        How many blocks they may have.
    """

    def __init__(self, ahead: Ahead, which: int, starts: Iterable[Site], blocks: int) -> None:
        self._ahead = ahead
        self._known: dict[tuple[Node, int], int] = {}
        self._bytes: dict[tuple[Node, int], bytes] = {}
        largest = max((ahead.most(site, blocks)[which] for site in starts), default=0)
        nodes = ahead.nodes()  # all that can be reached, now that the most is known
        self._heads = {node: {costs[which] for _, costs in ahead.heads(node)} for node in nodes}
        self._ways = {node: {(way.node, way.costs[which]) for way in ahead.every_way(node)} for node in nodes}
        every = {cost for ways in self._ways.values() for _, cost in ways}.union(*self._heads.values())
        self._divisor = divisor = gcd(*every) or 1
        places = sum(len(node.most) for node in nodes) or 1
        bits = max(1, min(_BITS, _ALL_BITS // places))
        self._unit = divisor * max(1, -(-int(max(largest, 0)) // (divisor * bits)))

    def least(self, site: Site, blocks: int, floor: float) -> tuple[float, int]:
        """Return the least sum of those that are no less than a floor, and how many blocks it takes at least.

        It is infinite where there is none, and may be too small, never too large.

        Parameters
        ----------
        site : Site
            Where completions begin.
        blocks : int
            How many blocks they may have.
        floor : int
            What the sum has to be at least.
        """
        node = self._ahead.node(site)
        floor = max(0, -(-int(floor) // self._divisor) * self._divisor)
        place = _first_bit(self._told(node, blocks), floor // self._unit)
        if place is None:
            return inf, blocks
        fewest = blocks
        while fewest and _has(self._told(node, fewest - 1), place):
            fewest -= 1
        return max(floor, place * self._unit), fewest

    def _told(self, node: Node, blocks: int) -> bytes:
        """Return a set of sums as bytes, of which a few can be looked at."""
        found = self._bytes.get((node, blocks))
        if found is None:
            sums = self._sums(node, blocks)
            found = self._bytes[node, blocks] = sums.to_bytes(sums.bit_length() // 8 + 1, "little")
        return found

    def _sums(self, node: Node, blocks: int) -> int:
        found = self._known.get((node, blocks))
        if found is None:
            found = 0
            for cost in self._heads[node]:
                found |= self._moved(1, cost)
            for after, cost in self._ways[node] if blocks else ():
                found |= self._moved(self._sums(after, blocks - 1), cost)
            self._known[node, blocks] = found
        return found

    def _moved(self, sums: int, cost: int) -> int:
        """Return sums with a cost more; between two units it may be either."""
        units, rest = divmod(cost, self._unit)
        moved = sums << units
        return moved | moved << 1 if rest else moved


def _has(told: bytes, place: int) -> bool:
    """Tell whether a bit is set."""
    byte, bit = divmod(place, 8)
    return byte < len(told) and bool(told[byte] >> bit & 1)


def _first_bit(told: bytes, first: int) -> int | None:
    r"""Return the lowest bit that is set of those from one on; None where there is none.

    >>> _first_bit(b"\x04\x00\x01", 3), _first_bit(b"\x04", 2), _first_bit(b"\x04", 3)
    (16, 2, None)
    """
    byte, bit = divmod(first, 8)
    width = 64
    while byte < len(told):
        bits = int.from_bytes(told[byte : byte + width], "little") >> bit
        if bits:
            return byte * 8 + bit + (bits & -bits).bit_length() - 1
        byte, bit, width = byte + width, 0, 2 * width
    return None
