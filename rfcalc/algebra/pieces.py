"""Axes that are put together of pieces, each of which keeps an index of its own.

A class token before the tokens of a map, padding behind them, or the tokens of two maps one after the other
make an axis that no single index orders: its rows can be listed, but not split into those of a map any more.
So the union remembers what each piece depends on, as a tensor of its own. A slice that takes one piece gives
that piece back, a slice that takes part of it slides in it; padding adds a piece that depends on nothing;
element-wise operations unite piece by piece. What reads several pieces at once (attention, a mean) needs all
that any of them needs; what cannot be followed piece by piece is followed as a whole.

The words, and in which order these modules take a step: docs/architecture.md, "How a field passes a reshape".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import Final

from rfcalc.algebra import parts
from rfcalc.algebra.axes import worked
from rfcalc.algebra.dependence import Dependence, Piece, Pieces, plain
from rfcalc.algebra.number import UNKNOWN, Num, is_known, is_one, is_same, prod, prove
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.pieced_together import differ, framed, placed, woven
from rfcalc.algebra.relation import UnequalSlopes
from rfcalc.algebra.steps import Broadcast, Contract, Merge, Mix, Place, Reduce, Regroup, Slide, Step
from rfcalc.algebra.window import POINTWISE, Window, gather, slide
from rfcalc.records import NamedTuple

MOST_PIECES: Final = 32
"""Pieces of one axis that are told apart; of more the axis is followed as a whole."""

MOST_STACKED: Final = 256
"""The same where pieces see different things along other axes, which the whole cannot say."""

MOST_ELEMENTS: Final = 1 << 16
"""Elements of an axis that are looked at one by one, where a window takes them in no plain order."""


class _Run(NamedTuple):
    """Neighbouring outputs of a window that read one piece, and how; without a piece, nothing."""

    piece: int | None
    window: Window
    extent: Num


# ---- along a path ----------------------------------------------------------------------------------------


def follow(step: Step, dependence: Dependence, source: str) -> Dependence:
    """Carry a dependence over a step, and with it the parts of its channels and the pieces of its axes."""
    if dependence.pieces is None:
        if isinstance(step, Slide) and _is_tangled(step, dependence):
            return _of_tokens(step, dependence, source)
        return parts.follow_parts(step, dependence, source)
    bare = dependence._replace(pieces=None)
    after = parts.follow_parts(step, bare, source)
    if after is bare:
        return dependence
    try:
        found = _carried(step, dependence, dependence.pieces, after, source)
    except UnequalSlopes:
        return after
    if isinstance(step, (Regroup, Merge)):
        mask = _marked(dependence)
        if mask is not None:
            left = parts.emptied(step, bare, mask, found._replace(pieces=None), source)
            return left._replace(pieces=found.pieces)
    return found


def _marked(dependence: Dependence) -> Pattern | None:
    """Return which elements belong to a piece that depends on anything; None where all do."""
    pieces = dependence.pieces
    assert pieces is not None
    total = _extent(dependence, pieces.axis)
    along = _alive(dependence, pieces.axis, total) if is_known(total) and total <= MOST_ELEMENTS else None
    if along is None or all(along):
        return None
    shape = [1] * len(dependence.factors)
    shape[pieces.axis] = total
    return parts.pattern_of(along, shape)


def _alive(dependence: Dependence, axis: int, extent: Num) -> list[bool] | None:
    """Tell of each index of an axis whether its piece depends on anything; None where extents are open."""
    pieces = dependence.pieces
    if not is_known(extent):
        return None
    if pieces is None or pieces.axis != axis:
        return [bool(dependence.legs)] * int(extent)
    if not (is_known(pieces.lead) and is_known(pieces.tail)):
        return None
    found: list[bool] = []
    for piece in pieces.each:
        own = _alive(piece.dependence, axis, piece.extent) if pieces.alone else None
        if own is None:
            if not is_known(piece.extent):
                return None
            own = [bool(piece.dependence.legs)] * int(piece.extent * pieces.tail)
        found += own
    return found * int(pieces.lead)


def _carried(step: Step, before: Dependence, pieces: Pieces, after: Dependence, source: str) -> Dependence:
    """Let every piece take the step that the whole took; where it mixes them they are united."""
    rank = len(before.factors)
    if isinstance(step, Slide) and step.axis == pieces.axis:
        return _cut(step, pieces, after, source)
    if isinstance(step, (Reduce, Contract, Mix)) and pieces.axis in worked(step, rank):
        return _mixed(step, pieces, after, source)
    moved = _regrouped(step, before, pieces) if isinstance(step, Regroup) else None
    if moved is None:
        found = None if isinstance(step, Regroup) else parts.moved(step, rank, (pieces.axis,))
        if found is None:
            return after
        moved = pieces._replace(axis=found[0])
    each = tuple(
        Piece(piece.extent, follow(_for_piece(step, moved, piece), piece.dependence, source))
        for piece in pieces.each
    )
    made = moved._replace(each=each)
    if isinstance(step, Regroup):
        after = woven(after, pieces, made, source)
    elif isinstance(step, (Reduce, Contract)):
        after = placed(after, pieces, made, source)
    return after._replace(pieces=made)


def _for_piece(step: Step, moved: Pieces, piece: Piece) -> Step:
    """Spell a step that names a shape for a piece, which has another extent along the axis."""
    if isinstance(step, (Regroup, Broadcast)):
        width = moved.width(piece.extent)
        return step._replace(shape=(*step.shape[: moved.axis], width, *step.shape[moved.axis + 1 :]))
    return step


def _regrouped(step: Regroup, before: Dependence, pieces: Pieces) -> Pieces | None:
    """Find where a reshape leaves the pieces, merged with other axes or apart; None where it cuts them."""
    extents = [_extent(before, place) for place in range(len(before.factors))]
    outer, inner = [*extents[: pieces.axis], pieces.lead], [pieces.tail, *extents[pieces.axis + 1 :]]
    for place in range(len(step.shape)):
        lead, tail = _ratio(outer, step.shape[:place]), _ratio(inner, step.shape[place + 1 :])
        if lead is not None and tail is not None:
            return pieces._replace(axis=place, lead=lead, tail=tail)
    return None


def _ratio(over: Sequence[Num], under: Sequence[Num]) -> Num | None:
    """Divide the elements of some axes by those of others; None where that is no whole number, or not known.

    What axes have in common need not be known.
    """
    over, under = [e for e in over if not is_one(e)], [e for e in under if not is_one(e)]
    while over and under and is_same(over[0], under[0]):
        del over[0], under[0]
    while over and under and is_same(over[-1], under[-1]):
        del over[-1], under[-1]
    a, b = prod(over), prod(under)
    if not under:
        return a
    if a is not UNKNOWN and is_same(a, b):
        return 1
    return a // b if is_known(a) and is_known(b) and b > 0 and not a % b else None


def _mixed(step: Reduce | Contract | Mix, pieces: Pieces, after: Dependence, source: str) -> Dependence:
    """Let every element read all pieces; where the axis stays, each of them keeps its grid."""
    if not isinstance(step, Mix):
        read = [follow(step, piece.dependence, source) for piece in pieces.each]
        return _better(after, reduce(lambda a, b: unite(a, b, source), read))
    over = Reduce(step.axes, keep=True)
    read = [follow(over, piece.dependence, source) for piece in pieces.each]
    together = reduce(lambda a, b: unite(a, b, source), read)
    each = []
    for piece in pieces.each:
        mixed = follow(step, piece.dependence, source)
        shape = tuple(_extent(mixed, place) for place in range(len(mixed.factors)))
        each.append(Piece(piece.extent, unite(mixed, follow(Broadcast(shape), together, source), source)))
    return after._replace(pieces=pieces._replace(each=tuple(each)))


def _better(whole: Dependence, pieced: Dependence) -> Dependence:
    """Return what is known of the pieces where of the whole only a bound is."""
    exact = not pieced.reason and all(leg.relation.exact for leg in pieced.legs)
    return pieced if whole.reason and exact else whole


def several(dependence: Dependence) -> Iterator[Dependence]:
    """List a dependence, those of the parts of its channels, and those of the pieces of its axes."""
    yield dependence
    if dependence.parts is not None:
        yield from dependence.parts.each
    if dependence.pieces is not None:
        for piece in dependence.pieces.each:
            yield from several(piece.dependence)


# ---- joins -----------------------------------------------------------------------------------------------


def unite(a: Dependence, b: Dependence, source: str) -> Dependence:
    """Unite two dependences of tensors of one shape, part by part and piece by piece.

    Raises
    ------
    UnequalSlopes
        Two grids of unknown extent that advance differently.
    """
    if a.pieces is None and b.pieces is None:
        return parts.unite_parts(a, b, source)
    union = parts.unite_parts(a._replace(pieces=None), b._replace(pieces=None), source)
    if not a.legs or not b.legs:
        return union._replace(pieces=(a if a.legs else b).pieces)
    held, other = (a, b) if a.pieces is not None else (b, a)
    assert held.pieces is not None
    pieces, others = held.pieces, other.pieces
    extents = pieces.extents
    if others is not None and others.axis == pieces.axis:
        common = _common(extents, others.extents) if _merged_alike(pieces, others) else None
        if common is None or len(common) < 2:
            return union
        extents = common
    mine, theirs = (_apart(each, pieces, extents, source) for each in (held, other))
    if mine is None or theirs is None:
        return union
    try:
        each = tuple(
            Piece(extent, unite(x, y, source)) for extent, x, y in zip(extents, mine, theirs, strict=True)
        )
    except UnequalSlopes:
        return union
    return union._replace(pieces=pieces._replace(each=each))


def _merged_alike(a: Pieces, b: Pieces) -> bool:
    return is_same(a.lead, b.lead) and is_same(a.tail, b.tail)


def concatenated(
    union: Dependence, starts: Sequence[Dependence], places: Sequence[Place], source: str
) -> Dependence:
    """Remember of what a concatenation is put together: positions as pieces, channels as parts.

    Parameters
    ----------
    union : Dependence
        What the result depends on as a whole.
    starts : sequence of Dependence
        What the inputs depend on.
    places : sequence of Place
        Where each of them goes.
    source : str
        The layer's name.
    """
    if not places[0].alike:
        union = framed(union, starts, places, source)
        pieces = _end_to_end(starts, places)
        return union if pieces is None else union._replace(pieces=pieces)
    labelled = parts.labelled(union._replace(pieces=None), starts, places)
    if union.pieces is None or labelled.parts is None:
        return labelled._replace(pieces=union.pieces)
    columns: list[list[Dependence]] = []
    for start in starts:
        column = _apart(start, union.pieces, union.pieces.extents, source)
        if column is None:
            return labelled
        columns.append(column)
    each = tuple(
        Piece(piece.extent, concatenated(piece.dependence, column, places, source))
        for piece, column in zip(union.pieces.each, zip(*columns, strict=True), strict=True)
    )
    return labelled._replace(pieces=union.pieces._replace(each=each))


def _end_to_end(starts: Sequence[Dependence], places: Sequence[Place]) -> Pieces | None:
    """List the pieces of a concatenation in order, with those between that depend on nothing."""
    axis, total = places[0].axis, places[0].total
    each: list[Piece] = []
    at: Num = 0
    for start, place in zip(starts, places, strict=True):
        gap = place.before - at
        if not is_same(gap, 0):
            if not prove(gap > 0):
                return None
            each.append(Piece(gap, _nothing(start, axis, gap)))
        own = start.pieces
        whole = own is None or own.axis != axis or not own.alone
        if not is_same(place.extent, 0):  # no prefix, as a model without class token has, is no piece
            each += (Piece(place.extent, start),) if whole or own is None else own.each
        at = place.before + place.extent
    rest = total - at
    if not is_same(rest, 0):
        if not prove(rest > 0):
            return None
        each.append(Piece(rest, _nothing(starts[0], axis, rest)))
    pieces = Pieces(axis, tuple(each))
    if len(each) > MOST_PIECES and (len(each) > MOST_STACKED or not differ(pieces)):
        return None
    return pieces if len(each) > 1 else None


# ---- along the axis itself -------------------------------------------------------------------------------


def _cut(step: Slide, pieces: Pieces, after: Dependence, source: str) -> Dependence:
    """Let a window read the pieces, where each of its outputs reads one piece alone, or single elements."""
    runs = _runs(step, pieces)
    if runs is None or len(runs) > _room(pieces):
        return _gathered(step, pieces, after, source)
    each = []
    for run in runs:
        if run.piece is None:
            read = _nothing(pieces.each[0].dependence, step.axis, run.extent)
        else:
            piece = pieces.each[run.piece]
            taken = step._replace(window=run.window, extent=run.extent)
            read = follow(taken, piece.dependence, source)
        each.append(Piece(run.extent, read))
    if len(each) == 1:
        return each[0].dependence
    return after._replace(pieces=Pieces(step.axis, tuple(each)))


def _room(pieces: Pieces) -> int:
    """Count the pieces that may be made of some: no fewer than there are."""
    return max(MOST_PIECES, len(pieces.each))


def _gathered(step: Slide, pieces: Pieces, after: Dependence, source: str) -> Dependence:
    """Unite what each output of a window reads, where the pieces are single elements that differ."""
    total = len(pieces.each)
    single = pieces.alone and all(map(is_one, pieces.extents)) and not step.window.slack
    if not (single and is_known(step.extent) and 0 < step.extent <= _room(pieces) and differ(pieces)):
        return after
    each = []
    for i in range(step.extent):
        read = [pieces.each[tap].dependence for tap in step.window.inside(i, total)]
        if not read:
            read = [_nothing(pieces.each[0].dependence, step.axis, 1)]
        each.append(Piece(1, reduce(lambda a, b: unite(a, b, source), read)))
    return after._replace(pieces=Pieces(step.axis, tuple(each)))


def _apart(
    dependence: Dependence, like: Pieces, extents: Sequence[Num], source: str
) -> list[Dependence] | None:
    """Cut a tensor into pieces of these extents along the axis of others; None where it cannot be cut."""
    axis, pieces = like.axis, dependence.pieces
    if pieces is not None and pieces.axis == axis and _merged_alike(pieces, like):
        own = pieces.extents
        if len(own) == len(extents) and all(map(is_same, own, extents)):
            return [piece.dependence for piece in pieces.each]
    if pieces is None and not any(any(leg.weights[axis]) for leg in dependence.legs):
        return [dependence.foreign(axis, like.width(extent)) for extent in extents]
    if not like.alone:
        return None
    out = []
    start: Num = 0
    for extent in extents:
        out.append(follow(Slide(axis, slide(1, lo=-start), extent), dependence, source))
        start = start + extent
    return out


def _common(a: Sequence[Num], b: Sequence[Num]) -> list[Num] | None:
    """Return the extents of the pieces that two ways to cut an axis have together; None if not known."""
    if len(a) == len(b) and all(map(is_same, a, b)):
        return list(a)
    if not all(map(is_known, (*a, *b))):
        return None
    ends = sorted({*_bounds(a), *_bounds(b)})
    if len(ends) > max(MOST_PIECES, len(a) + 1, len(b) + 1):
        return None
    return [stop - start for start, stop in pairwise(ends)]


def _bounds(extents: Sequence[Num]) -> list[Num]:
    """List where pieces of these extents begin, and where the last one ends."""
    bounds: list[Num] = [0]
    for extent in extents:
        bounds.append(bounds[-1] + extent)
    return bounds


def _runs(step: Slide, pieces: Pieces) -> list[_Run] | None:
    """Share out the outputs of a window to the pieces that they read; None where one reads several."""
    window = step.window
    bounds = [bound * pieces.tail for bound in _bounds(pieces.extents)]
    if _is_range(window) and is_one(pieces.lead):
        return _ranges(window.first(0), step.extent, bounds)
    if window.slack or not all(is_known(each) for each in (*bounds, pieces.lead, step.extent)):
        return None
    total = pieces.lead * bounds[-1]
    if max(total, step.extent) > MOST_ELEMENTS:
        return None
    widths = [stop - start for start, stop in pairwise(bounds)]
    owners = [
        (k, lead * width + place)
        for lead in range(pieces.lead)
        for k, width in enumerate(widths)
        for place in range(width)
    ]
    groups: list[tuple[int | None, list[list[int]]]] = []
    for i in range(step.extent):
        taken = [owners[tap] for tap in window.inside(i, total)]
        read = {owner for owner, _ in taken}
        if len(read) > 1 or len(groups) > _room(pieces):
            return None
        owner = next(iter(read), None)
        if not groups or groups[-1][0] != owner:
            groups.append((owner, []))
        groups[-1][1].append([place for _, place in taken])
    return [_Run(owner, _window_of(rows), len(rows)) for owner, rows in groups]


def _is_range(window: Window) -> bool:
    """Tell whether a window takes elements one after the other, as a slice, a crop and padding do."""
    return bool(
        window.border == "drop"
        and window.taps is None
        and window.regular
        and is_known(window.period)
        and window.period == 1
        and is_same(window.advance, 1)
        and is_same(window.slack, 0)
        and is_same(window.first(0), window.last(0))
    )


def _ranges(start: Num, count: Num, bounds: Sequence[Num]) -> list[_Run] | None:
    """Share out `count` neighbours from `start` to the pieces; None where it is not known which they meet."""
    stop = start + count
    runs = []
    for piece, low, high in _stretches(start, stop, bounds):
        first, last = _larger(start, low), _smaller(stop, high)
        if first is None or last is None:
            return None
        empty = prove(last <= first)
        if empty is None:
            return None
        if not empty:
            within = slide(1, lo=low - first) if piece is not None else POINTWISE
            runs.append(_Run(piece, within, last - first))
    return runs or None


def _stretches(start: Num, stop: Num, bounds: Sequence[Num]) -> Iterator[tuple[int | None, Num, Num]]:
    """List the pieces with their ends, and what lies before the first and behind the last."""
    yield None, start, bounds[0]
    for piece, (low, high) in enumerate(pairwise(bounds)):
        yield piece, low, high
    yield None, bounds[-1], stop


def _larger(a: Num, b: Num) -> Num | None:
    more = prove(a >= b)
    return None if more is None else a if more else b


def _smaller(a: Num, b: Num) -> Num | None:
    less = prove(a <= b)
    return None if less is None else a if less else b


def _window_of(rows: Sequence[Sequence[int]]) -> Window:
    """Return a window that reads these rows, in regular steps where they are so."""
    if all(len(row) == 1 for row in rows) and len(rows) > 1:
        (first,), (second,), *_ = rows
        by = second - first
        if by > 0 and all(row[0] == first + by * i for i, row in enumerate(rows)):
            return slide(1, stride=by, lo=-first)
    return gather(len(rows), len(rows), rows)


def _is_tangled(step: Slide, dependence: Dependence) -> bool:
    """Tell whether a window takes elements one after the other of an axis that no one index orders."""
    axis = step.axis
    rows = [row for leg in dependence.legs if (row := leg.weights[axis]) != (0,) and any(row)]
    if not rows or rows == [(1,)] or step.alike:
        return False
    same = step.window is POINTWISE and is_same(step.extent, _extent(dependence, step.axis))
    return not same and _is_range(step.window)


def _of_tokens(step: Slide, dependence: Dependence, source: str) -> Dependence:
    """Take tokens of a map: whole rows of it are a map again, and padding beside them is a piece."""
    start, before = step.window.first(0), _extent(dependence, step.axis)
    row = prod(dependence.factors[step.axis][1:])
    known = all(map(is_known, (start, before, step.extent, row)))
    if known and row > 1 and step.extent > 0 and not start % row and not step.extent % row:
        shape = [_extent(dependence, place) for place in range(len(dependence.factors))]
        before_axis, behind = shape[: step.axis], shape[step.axis + 1 :]
        moves: tuple[Step, ...] = (
            Regroup((*before_axis, before // row, row, *behind)),
            Slide(step.axis, slide(1, lo=-(start // row)), step.extent // row),
            Regroup((*before_axis, step.extent, *behind)),
        )
        return reduce(lambda each, move: parts.follow_parts(move, each, source), moves, dependence)
    after = parts.follow_parts(step, dependence, source)
    if prove(step.extent > before) is not True:
        return after
    return _cut(step, Pieces(step.axis, (Piece(before, dependence),)), after, source)


def _nothing(like: Dependence, axis: int, extent: Num) -> Dependence:
    """Return a tensor shaped like another but for one axis, which depends on nothing."""
    shape = [_extent(like, place) for place in range(len(like.factors))]
    shape[axis] = extent
    return plain(shape)


def _extent(dependence: Dependence, axis: int) -> Num:
    return prod(dependence.factors[axis])
