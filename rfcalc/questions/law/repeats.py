"""Blocks that repeat in a sequence of windows, dilations growing or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.engine.repeats import Piece, cheapest
from rfcalc.questions.law.growth import Segment, Step, after
from rfcalc.records import NamedTuple

_LONGEST_BLOCK: Final = 24  # steps; a longer one that repeats is rare, and each length is tried at each place
_RUN: Final = 0.5  # what it costs to say that something repeats, in steps said
_LEAST_DILATED: Final = 3  # two dilations are no progression yet


class _Run(NamedTuple):
    """For so many steps on end the step a block further on is the same, its dilation multiplied."""

    factor: int = 1
    steps: int = 0


def segments_of(steps: Sequence[Step], layers: Sequence[str]) -> tuple[Segment, ...]:
    """Put steps together into blocks that repeat.

    Parameters
    ----------
    steps : sequence of Step
        From the input on.
    layers : sequence of str
        The layer of each.

    Examples
    --------
    >>> vgg = [Step(3), Step(3), Step(2, 2, cause="pooling")] * 2 + [Step(5)]
    >>> [(len(segment.block), segment.count, segment.field) for segment in segments_of(vgg, "abcdefg")]
    [(3, 2, 1), (1, 1, 16)]
    """
    segments = []
    field: Num = 1
    jump: Num = 1
    place = 0
    for piece in _pieces(steps):
        end = place + piece.steps
        block = tuple(steps[place : place + piece.length])
        segments.append(Segment(block, piece.times, piece.factor, tuple(layers[place:end]), field, jump))
        field, jump = after(steps[place:end], field, jump)
        place = end
    return tuple(segments)


def _pieces(steps: Sequence[Step]) -> list[Piece]:
    """Cut a sequence of steps into blocks that repeat, with the same dilations or with growing ones."""
    count = len(steps)
    lengths = range(1, min(_LONGEST_BLOCK, count // 2) + 1)
    same = {length: _runs(steps, length, growing=False) for length in lengths}
    grown = {length: _runs(steps, length, growing=True) for length in lengths}

    def blocks_at(place: int) -> Iterator[Piece]:
        for length in lengths:
            uniform = length > 1 and same[1][place].steps >= length - 1  # then its one step repeats, for less
            yield from _repeats(length, _Run() if uniform else same[length][place], 2)
            yield from _repeats(length, grown[length][place], _LEAST_DILATED)

    return cheapest(count, blocks_at, lambda _, piece: piece.length + _RUN)


def _repeats(length: int, run: _Run, least: int) -> Iterator[Piece]:
    """List the pieces that a run allows: as often as it goes, or less, to leave steps to a block behind."""
    times = run.steps // length + 1
    for fewer in range(_LONGEST_BLOCK // length + 2):
        if times - fewer < least:
            return
        yield Piece(length, times - fewer, run.factor)


def _runs(steps: Sequence[Step], length: int, *, growing: bool) -> list[_Run]:
    """For each place tell how far steps are repeated by those `length` further on, with one factor."""
    runs = [_Run()] * len(steps)
    for place in range(len(steps) - length - 1, -1, -1):
        step, later = steps[place], steps[place + length]
        following = runs[place + 1]
        if step.kernel == 1 or not growing:  # a window of one element has no dilation that could grow
            if step == later:
                runs[place] = _Run(following.factor, following.steps + 1)
            continue
        factor, rest = divmod(later.dilation, step.dilation)
        if rest or factor < 2 or step.dilated(factor) != later:
            continue
        joins = following.factor in (1, factor)
        runs[place] = _Run(int(factor), following.steps + 1 if joins else 1)
    return runs
