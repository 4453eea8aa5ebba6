"""How the field grows: the blocks that repeat on the way that decides it, and the law of each.

A layer of kernel k, stride s and dilation d takes a field r and a jump j (pixels between units) to

    r' = r + (k - 1) * d * j,    j' = j * s.

That is an affine map of (r, j), and so is a block of layers, with a gain g and a stride S:

    r' = r + g * j,    j' = S * j,    g = sum over its layers of (k - 1) * d * (product of strides before).

So n repeats are the n-th power of a matrix, which has a closed form: ``r(n) = r0 + g*j0*n`` for S = 1, the
linear growth of plain convolutions, and ``r(n) = r0 + g*j0*(S**n - 1)/(S - 1)`` otherwise, geometric. Layers
whose dilation is multiplied by c each time grow like the latter, with c for S, though their jump stays.

Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill, 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, NamedTuple

from rfcalc.algebra.number import Num
from rfcalc.analysis.attribution import Attributor, AxisAttribution, Contribution
from rfcalc.analysis.figures import analyze_graph
from rfcalc.analysis.result import AnalysisResult
from rfcalc.graph.graph import LayerGraph

_LONGEST_BLOCK: Final = 24  # steps; a longer one that repeats is rare, and finding it takes cubic time
_RUN: Final = 0.5  # what it costs to say that something repeats, in steps said
_MOST: Final = 1 << 40  # repeats, kernels and dilations beyond this are no answer
_LEAST_DILATED: Final = 3  # two dilations are no progression yet


class Step(NamedTuple):
    """One layer that moves (r, j).

    Parameters
    ----------
    kernel, stride, dilation : int
        Its window, in elements of its input.
    pooling : bool
        It is a pooling, and not a convolution.
    """

    kernel: Num
    stride: Num = 1
    dilation: Num = 1
    pooling: bool = False


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
    >>> after([Step(3), Step(2, 2, pooling=True)] * 2, 1, 1)
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
        What repeats; of a run of growing dilations its first layer.
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
        """What one repeat multiplies the growth by: the stride, or the factor of the dilations."""
        return self.factor if self.factor != 1 else self.stride

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


def _series(ratio: Num, count: int) -> Num:
    """Return ``1 + ratio + ... + ratio**(count - 1)``."""
    if type(ratio) is not int:
        return sum((ratio**turn for turn in range(count)), start=0)
    return count if ratio == 1 else (ratio**count - 1) // (ratio - 1)


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
    kernel : int, optional
        The smallest odd kernel of its convolutions that does.
    dilation : int, optional
        The smallest dilation of its convolutions that does.
    """

    field: int
    segment: int
    repeats: int | None
    kernel: int | None
    dilation: int | None


@dataclass(frozen=True, slots=True)
class AxisLaw:
    """How the field grows along one spatial axis of the input.

    Parameters
    ----------
    extent : int, optional
        Pixels of the input; None where it is open.
    segments : tuple of Segment
        From the input on.
    field : int
        What the last of them sees.
    covered : (str, int, int), optional
        The first layer that sees the whole extent, the number of its segment, and its repeat, from 1.
    local : bool
        It is the field with gates cut, since these make it global.
    reason : str
        Why the law ends before the layer, where it does.
    reaches : tuple of Reach
        Answers to what it takes to see so far: one for each segment with a convolution that could be changed.
    """

    extent: int | None
    segments: tuple[Segment, ...]
    field: int
    covered: tuple[str, int, int] | None
    local: bool
    reason: str
    reaches: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class LawResult:
    """How the field of a layer came to be.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input.
    axes : tuple of AxisLaw
        One for each spatial axis of the input.
    """

    model: str
    layer: str
    input: str
    axes: tuple[AxisLaw, ...]


def law_of(
    graph: LayerGraph, layer: str | None = None, *, reach: int | None = None, input: str | None = None
) -> LawResult:
    """Find the law by which a field grows.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    layer : str, optional
        The layer whose field is meant; by default the last one whose field has a size.
    reach : int, optional
        A field in pixels that is wanted; by default the extent of the input.
    input : str, optional
        The input that fields lie in.

    Raises
    ------
    UsageError
        There is no such layer or input.
    AnalysisError
        A layer does not fit its inputs.
    """
    attributor = Attributor(graph, input=input)
    name = _deepest(analyze_graph(graph, input=input)) if layer is None else layer
    attribution = attributor.attribute(name)
    extents = graph[attribution.input].attrs["shape"]
    axes = graph[attribution.input].attrs["axes"]
    spatial = [extent for extent, role in zip(extents, axes, strict=True) if role == "s"]
    return LawResult(
        graph.name,
        name,
        attribution.input,
        tuple(
            _axis(each, extent if isinstance(extent, int) else None, reach)
            for each, extent in zip(attribution.axes, spatial, strict=True)
        ),
    )


def _deepest(result: AnalysisResult) -> str:
    """Return the last layer of a map whose field, gates cut, has a size."""
    found = result.rows[-1].name
    for row in result.rows:
        local = row.local_receptive_field
        if row.spatial and not row.container and local and None not in local:
            found = row.name
    return found


def _axis(attribution: AxisAttribution, extent: int | None, reach: int | None) -> AxisLaw:
    steps, layers, reason = _steps(attribution)
    segments = _segments(steps, layers)
    field = int(segments[-1].at(segments[-1].count)[0]) if segments else 1
    wanted = extent if reach is None else reach
    reaches: tuple[Reach, ...] = ()
    if wanted is not None:
        reaches = tuple(
            _reach(segments, place, wanted) for place, each in enumerate(segments) if _changeable(each)
        )
    return AxisLaw(extent, segments, field, _covered(segments, extent), attribution.local, reason, reaches)


def _steps(attribution: AxisAttribution) -> tuple[list[Step], list[str], str]:
    """Return the windows on the way, up to the first that the law does not hold for."""
    steps: list[Step] = []
    layers: list[str] = []
    for each in attribution.steps:
        why = _unfit(each)
        if why:
            return steps, layers, f"{each.layer!r} ({each.op}) {why}"
        assert each.kernel is not None
        assert each.dilation is not None
        stride = int(each.stride)
        steps.append(Step(each.kernel, stride, each.dilation, each.cause == "pooling"))
        layers.append(each.layer)
    return steps, layers, "" if attribution.local else attribution.reason


def _unfit(step: Contribution) -> str:
    if step.cause == "upsampling" or step.stride.denominator != 1:
        return "upsamples, so that its outputs see fields of different sizes"
    if step.kernel is None or step.dilation is None or step.stride < 1:
        return "has no one window"
    if len(step.sides) != 2:
        return "is on a branch that decides one end of the field alone"
    if step.own != (step.kernel - 1) * step.dilation:
        return "cuts its window short"
    return ""


# ---- blocks that repeat ------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """A block of so many steps, so many times, dilations multiplied by a factor each time."""

    length: int
    times: int
    factor: int = 1

    @property
    def steps(self) -> int:
        """How many steps it is in all."""
        return self.length * self.times


def _segments(steps: Sequence[Step], layers: Sequence[str]) -> tuple[Segment, ...]:
    """Put steps together into blocks that repeat, so that the least has to be said."""
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


def _pieces(steps: Sequence[Step]) -> list[_Piece]:
    """Cut a sequence of steps into pieces, the cheapest way to say it; the longest first among equals."""
    count = len(steps)
    costs = [0.0] * (count + 1)
    best = [_Piece(1, 1)] * count
    for place in reversed(range(count)):
        options = [(1 + costs[place + 1], -1, _Piece(1, 1))]
        for piece in _repeats(steps, place):
            options.append((piece.length + _RUN + costs[place + piece.steps], -piece.steps, piece))
        costs[place], _, best[place] = min(options)
    pieces, place = [], 0
    while place < count:
        pieces.append(best[place])
        place += best[place].steps
    return pieces


def _repeats(steps: Sequence[Step], place: int) -> list[_Piece]:
    """Return the blocks that repeat from a place on, as often as they do, and less often."""
    found = []
    for length in range(1, min(_LONGEST_BLOCK, (len(steps) - place) // 2) + 1):
        times = _times(steps, place, length, lambda step, _: step)
        found += [_Piece(length, count) for count in range(2, times + 1)]
    first = steps[place]
    following = steps[place + 1] if place + 1 < len(steps) else first
    factor, rest = divmod(following.dilation, first.dilation)
    if first.kernel != 1 and first.stride == 1 and factor > 1 and not rest:
        times = _times(
            steps, place, 1, lambda step, turn: step._replace(dilation=step.dilation * factor**turn)
        )
        found += [_Piece(1, count, int(factor)) for count in range(_LEAST_DILATED, times + 1)]
    return found


def _times(steps: Sequence[Step], place: int, length: int, grown: Callable[[Step, int], Step]) -> int:
    block = steps[place : place + length]
    turn = 1
    while True:
        begin = place + turn * length
        if list(steps[begin : begin + length]) != [grown(step, turn) for step in block]:
            return turn
        turn += 1


# ---- how far -----------------------------------------------------------------------------------------------


def _covered(segments: Sequence[Segment], extent: int | None) -> tuple[str, int, int] | None:
    """Find the first layer that sees all of an extent."""
    if extent is None:
        return None
    for number, segment in enumerate(segments):
        field, jump = segment.field, segment.jump
        for place, layer in enumerate(segment.layers):
            turn, inside = divmod(place, len(segment.block))
            step = segment.block[inside]
            grown = step._replace(dilation=step.dilation * segment.factor**turn)
            field, jump = after([grown], field, jump)
            if field >= extent:
                return layer, number, turn + 1
    return None


def _changeable(segment: Segment) -> bool:
    return any(not step.pooling and step.kernel > 1 for step in segment.block)


def _reach(segments: Sequence[Segment], place: int, wanted: int) -> Reach:
    """Solve for the repeats, the kernel and the dilation of one segment."""
    segment = segments[place]
    rest = [
        step._replace(dilation=step.dilation * each.factor**turn)
        for each in segments[place + 1 :]
        for turn in range(each.count)
        for step in each.block
    ]

    def seen(block: tuple[Step, ...], count: int) -> bool:
        changed = Segment(block, count, segment.factor, (), segment.field, segment.jump)
        return bool(after(rest, *changed.at(count))[0] >= wanted)

    def with_kernel(half: int) -> bool:
        return seen(tuple(_put(step, kernel=2 * half + 1) for step in segment.block), segment.count)

    def with_dilation(dilation: int) -> bool:
        return seen(tuple(_put(step, dilation=dilation) for step in segment.block), segment.count)

    half = _least(with_kernel, 1)
    return Reach(
        wanted,
        place,
        _least(lambda count: seen(segment.block, count), 0, doubling=segment.ratio == 1),
        None if half is None else 2 * half + 1,
        _least(with_dilation, 1),
    )


def _put(step: Step, *, kernel: int | None = None, dilation: int | None = None) -> Step:
    """Change the window of a convolution; poolings, and convolutions of one element, stay."""
    if step.pooling or step.kernel == 1:
        return step
    return step._replace(
        kernel=step.kernel if kernel is None else kernel,
        dilation=step.dilation if dilation is None else dilation,
    )


def _least(holds: Callable[[int], bool], start: int, *, doubling: bool = True) -> int | None:
    """Return the smallest number from `start` on for which a condition holds that then goes on to hold.

    Without `doubling` numbers are tried one by one, as exponents have to be.
    """
    if holds(start):
        return start
    low, high = start, start + 1
    while not holds(high):
        if high > (_MOST if doubling else _MOST.bit_length()):
            return None
        low, high = high, high * 2 if doubling else high + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
