"""How blocks of layers move a field, and what so many repeats of a block come to in closed form.

A layer of kernel k, stride s and dilation d takes a field r and a jump j (pixels between units) to

    r' = r + (k - 1) * d * j,    j' = j * s.

That is an affine map of (r, j), and so is a block of layers, with a gain g and a stride S:

    r' = r + g * j,    j' = S * j,    g = sum over its layers of (k - 1) * d * (product of strides before).

So n repeats are the n-th power of a matrix, which has a closed form: ``r(n) = r0 + g*j0*n`` for S = 1, the
linear growth of plain convolutions, and ``r(n) = r0 + g*j0*(S**n - 1)/(S - 1)`` otherwise, geometric. Where
dilations are multiplied by c from one repeat to the next, each gain is c times the one before; then c*S takes
the place of S in the field, and the jump stays S**n.

Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill, 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from rfcalc.algebra.number import Num
from rfcalc.engine.attribution import Cause
from rfcalc.records import NamedTuple


class Step(NamedTuple):
    """One layer that moves (r, j).

    Parameters
    ----------
    kernel, stride, dilation : int
        Its window, in elements of its input.
    cause : str
        What the layer counts as: ``convolution``, ``pooling``, or ``other`` (a slice, pixels moved to
        channels).
    """

    kernel: Num
    stride: Num = 1
    dilation: Num = 1
    cause: Cause = "convolution"

    @property
    def adjustable(self) -> bool:
        """It is a convolution over more than one element: one that could be made wider."""
        return self.cause == "convolution" and self.kernel != 1

    def dilated(self, factor: Num) -> Step:
        """Return the step with its dilation multiplied."""
        return self._replace(dilation=self.dilation * factor)


def after(steps: Sequence[Step], field: Num, jump: Num) -> tuple[Num, Num]:
    """Return field and jump behind some layers.

    Parameters
    ----------
    steps : sequence of Step
        The layers, the first first; their settings may be formulas.
    field, jump : Num
        Those before them, in pixels of the input.

    Examples
    --------
    >>> after([Step(3), Step(2, 2, cause="pooling")] * 2, 1, 1)
    (10, 4)
    """
    for step in steps:
        field = field + (step.kernel - 1) * step.dilation * jump
        jump = jump * step.stride
    return field, jump


@dataclass(frozen=True, slots=True)
class Segment:
    """A block, and how often it stands on end.

    Parameters
    ----------
    block : tuple of Step
        What repeats; of a run of growing dilations its first repeat.
    count : int
        How often.
    factor : int
        What dilations are multiplied by from one repeat to the next.
    layers : tuple of str
        The layers of all repeats.
    field, jump : int
        Those before it, r0 and j0, in pixels of the input.
    """

    block: tuple[Step, ...]
    count: int
    factor: int
    layers: tuple[str, ...]
    field: Num
    jump: Num

    @property
    def gain(self) -> Num:
        """What the first repeat adds to the field for each pixel of the jump, g."""
        return after(self.block, 0, 1)[0]

    @property
    def stride(self) -> Num:
        """What one repeat multiplies the jump by, S."""
        return prod([step.stride for step in self.block], start=1)

    @property
    def ratio(self) -> Num:
        """What one repeat multiplies the growth by: the stride, times the factor of the dilations."""
        return self.factor * self.stride

    @property
    def growth(self) -> str:
        """``linear``, ``geometric``, or ``constant`` where nothing is added."""
        if self.gain == 0:
            return "constant"
        return "linear" if self.ratio == 1 else "geometric"

    def at(self, count: int) -> tuple[Num, Num]:
        """Return field and jump behind so many repeats, by the law.

        >>> Segment((Step(3), Step(2, 2)), 2, 1, (), 1, 1).at(3)
        (22, 8)
        """
        return self.field + self.gain * self.jump * _series(self.ratio, count), self.jump * self.stride**count

    def until(self, field: int, tail: Num = 0) -> int | None:
        """Return the fewest repeats behind which the field is so large; None where none are enough.

        Parameters
        ----------
        field : int
            Pixels of the input that are to be seen.
        tail : int
            The gain of what stands behind the repeats, and is to be counted in.

        Examples
        --------
        >>> Segment((Step(3),), 2, 1, (), 1, 1).until(28)
        14
        >>> Segment((Step(3), Step(2, 2)), 2, 1, (), 1, 1).until(28)
        4
        """
        if self.field + tail * self.jump >= field:
            return 0
        if self.gain == 0 and (tail == 0 or self.stride == 1):
            return None
        if self.ratio == 1:
            return int(-((self.field + tail * self.jump - field) // (self.gain * self.jump)))

        def seen(count: int) -> bool:
            there, jump = self.at(count)
            return bool(there + tail * jump >= field)

        return _least(seen)


def _series(ratio: Num, count: int) -> Num:
    """Return ``1 + ratio + ... + ratio**(count - 1)``."""
    if type(ratio) is not int:
        return sum((ratio**turn for turn in range(count)), start=0)
    return count if ratio == 1 else (ratio**count - 1) // (ratio - 1)


def _least(holds: Callable[[int], bool]) -> int:
    """Return the smallest positive exponent for which a condition holds; then it goes on to hold."""
    high = 1
    while not holds(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
