"""The whole of an axis whose pieces see different things along other axes than their own.

What is stacked along a new axis does not move with it: two maps side by side, the sums up to each step of a
sequence. As long as the axis stays apart that is no matter, for the rows along another axis are those of
all that stands side by side. But as soon as a reshape merges the axis with the one that the pieces move
along, or what they moved along is summed up, the index of the piece says what an element needs. Here the
whole is put together anew from its pieces, so that its rows say so.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

from rfcalc.algebra import parts
from rfcalc.algebra.dependence import Dependence, Pieces
from rfcalc.algebra.masked import are_listed, are_rows, bordered, crossed
from rfcalc.algebra.number import Num, equal, is_known, prod
from rfcalc.algebra.relation import MAX_PERIOD, UnequalSlopes
from rfcalc.algebra.steps import Place
from rfcalc.algebra.window import gather

_LOST: Final = (
    "maps that see different things lie side by side in {!r}, and are too many or too long to be listed"
)


def differ(pieces: Pieces) -> bool:
    """Tell whether pieces that see anything move differently along axes that are not their own."""
    ways = [
        frozenset(
            leg for leg in piece.dependence.legs if not leg.gridless and not any(leg.weights[pieces.axis])
        )
        for piece in pieces.each
        if piece.dependence.legs
    ]
    return any(way != ways[0] for way in ways[1:])


def woven(after: Dependence, before: Pieces, pieces: Pieces, source: str) -> Dependence:
    """Return the whole of an axis that a reshape merged others into; a bound where it cannot be listed.

    Parameters
    ----------
    after : Dependence
        The whole as the reshape made it, in which every piece sees what any of them does.
    before, pieces : Pieces
        The pieces before the reshape and behind it.
    source : str
        The layer's name.
    """
    grown = not (equal(pieces.lead, before.lead) and equal(pieces.tail, before.tail))
    if not grown or pieces.alone or not differ(before):
        return after
    extents, tail = pieces.extents, pieces.tail
    if not (is_known(tail) and all(map(is_known, extents))) or any(p.dependence.masked for p in pieces.each):
        return after.doubted(_LOST.format(source))
    total = sum(extents)
    start = 0
    found = []
    for piece, extent in zip(pieces.each, extents, strict=True):
        rows = [
            [(place - start) * tail + k] if start <= place < start + extent else []
            for place in range(total)
            for k in range(tail)
        ]
        window = gather(total * tail, extent * tail, rows)
        width = pieces.width(total)
        found.append(piece.dependence.slide(pieces.axis, window, width, source, beside=True))
        start += extent
    return _united(after, found, source)


def placed(after: Dependence, before: Pieces, pieces: Pieces, source: str) -> Dependence:
    """Return the whole where what pieces moved along was summed up, by the index along their own axis.

    The parameters are those of :func:`woven`, with a step that works on other axes for the reshape.
    """
    if not pieces.alone or len(set(map(frozenset, _constants(pieces)))) < 2:
        return after
    if [len(each) for each in _constants(before)] == [len(each) for each in _constants(pieces)]:
        return after
    if any(piece.dependence.masked for piece in pieces.each):
        return after
    total = prod(after.factors[pieces.axis])
    start: Num = 0
    found = []
    for piece in pieces.each:
        part = piece.dependence
        found.append(part.place(pieces.axis, start, piece.extent, total, source, parts=len(pieces.each)))
        start = start + piece.extent
    return _united(after, found, source)


def framed(
    after: Dependence, starts: Sequence[Dependence], places: Sequence[Place], source: str
) -> Dependence:
    """Return a concatenation whose pieces need nothing outside of their own places.

    Where the legs of a piece move along the axis, their rows say so. Where only those of other pieces do, or
    a mask says which elements of a piece hold anything, rows are listed by the index on the axis too.

    Parameters
    ----------
    after : Dependence
        The whole, in which a piece whose legs stand by the axis is claimed for the others too.
    starts, places : sequence
        What the pieces need, and where each of them goes.
    source : str
        The layer's name.
    """
    axis, total = places[0].axis, places[0].total
    if after.reason or not is_known(total) or total > MAX_PERIOD:
        return after
    crossing = crossed(starts, axis)
    if any(start.masked for start in starts):
        crossing = {leg.axis for start in starts for leg in start.legs}
    if not crossing or not (are_rows(starts) or are_listed(starts, crossing)):
        return after
    found = []
    for start, place in zip(starts, places, strict=True):
        if not is_known(place.before) or not is_known(place.extent):
            return after
        kept = [place.before <= index < place.before + place.extent for index in range(total)]
        part = parts.follow_parts(place, start._replace(pieces=None), source)
        found.append(bordered(part, axis, kept, crossing, source))
    union = reduce(lambda a, b: parts.unite_parts(a, b, source), found)
    return after if union.reason else union


def _constants(pieces: Pieces) -> list[list[object]]:
    """List for each piece the legs that move along no axis."""
    return [[leg for leg in piece.dependence.legs if leg.gridless] for piece in pieces.each]


def _united(after: Dependence, found: list[Dependence], source: str) -> Dependence:
    """Unite pieces that are placed; where that is a bound, the whole as it was is a better one."""
    try:
        union = reduce(lambda a, b: a.join(b, source), found)
    except UnequalSlopes:
        return after.doubted(_LOST.format(source))
    if union.reason or not all(leg.relation.exact for leg in union.legs):
        return after.doubted(union.reason or _LOST.format(source))
    return union
