"""What it takes to see so far: repeats, kernels and dilations, solved for in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rfcalc.algebra.number import Num
from rfcalc.questions.law.growth import Segment


@dataclass(frozen=True, slots=True)
class Reach:
    """What it takes for the model to see so far, other things being as they are.

    Parameters
    ----------
    field : int
        The field that is wanted, in pixels of the input.
    segment : int
        The number of the segment that is changed, from 0.
    repeats : int, optional
        Fewest repeats of it that do; None where none do.
    further : int, optional
        How many more than it has; negative where fewer would do.
    kernel : int, optional
        The smallest odd kernel, 3 or more, of its convolutions that does.
    dilation : int, optional
        The smallest dilation of its convolutions that does; of growing ones, that of the first repeat.
    why : str
        Why what is None cannot be, or an empty string.
    """

    field: int
    segment: int
    repeats: int | None
    further: int | None
    kernel: int | None
    dilation: int | None
    why: str


def reaches_of(segments: Sequence[Segment], wanted: int) -> tuple[Reach, ...]:
    """Solve for each segment, with the others as they are.

    Examples
    --------
    >>> from rfcalc.questions.law.growth import Step
    >>> reaches_of([Segment((Step(3),), 2, 1, ("a", "b"), 1, 1)], 28)[0].repeats
    14
    """
    tail: Num = 0
    found = []
    for place in reversed(range(len(segments))):
        segment = segments[place]
        found.append(_reach(segment, place, wanted, tail))
        gained, jump = replace(segment, field=0, jump=1).at(segment.count)
        tail = gained + tail * jump
    return tuple(reversed(found))


def _reach(segment: Segment, place: int, wanted: int, tail: Num) -> Reach:
    repeats = segment.until(wanted, tail)
    kernel = dilation = None
    why = []
    if repeats is None:
        why.append("its windows of one element add nothing, however often they repeat")
    if any(step.adjustable for step in segment.block):
        half = _solved([_with(segment, tail, kernel=2 * half + 1) for half in (1, 2)], wanted)
        kernel = 2 * half + 1
        dilation = _solved([_with(segment, tail, dilation=each) for each in (1, 2)], wanted)
    else:
        why.append("it has no convolution with a window that could be made wider")
    further = None if repeats is None else repeats - segment.count
    return Reach(wanted, place, repeats, further, kernel, dilation, "; ".join(why))


def _with(segment: Segment, tail: Num, *, kernel: int | None = None, dilation: int | None = None) -> int:
    """Return the field in the end with other convolutions; poolings, and windows of one element, stay."""
    block = tuple(
        step._replace(
            kernel=step.kernel if kernel is None else kernel,
            dilation=step.dilation if dilation is None else dilation,
        )
        if step.adjustable
        else step
        for step in segment.block
    )
    field, jump = replace(segment, block=block).at(segment.count)
    return int(field + tail * jump)


def _solved(fields: Sequence[int], wanted: int) -> int:
    """Return the smallest number from 1 on for which a field is large enough, given those for 1 and 2.

    The field is linear in it, since kernels and dilations of the other steps stay as they are.
    """
    first, second = fields
    return max(1, 1 - (first - wanted) // (second - first))
