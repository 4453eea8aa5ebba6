"""The work of a sweep: which designs it looks at, chunk by chunk, and what is kept of a chunk."""

from __future__ import annotations

import operator
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import numpy as np

from rfcalc.questions.sweep.choose import Choice
from rfcalc.questions.sweep.columns import ERROR, is_real
from rfcalc.questions.sweep.evaluate import Evaluator
from rfcalc.questions.sweep.sample import sampled
from rfcalc.questions.sweep.space import Block, Space
from rfcalc.questions.sweep.tables import Columns, joined, picked
from rfcalc.questions.sweep.where import Condition
from rfcalc.records import NamedTuple

LARGEST: Final = 1 << 17
"""Designs of a chunk, at most."""

SMALLEST: Final = 1 << 5

_FIRST: Final = 1 << 10
_SOON, _LATE = 1.0, 6.0  # seconds between which a chunk should take

_REASONS: Final = 10_000  # different reasons that are counted


class Span(NamedTuple):
    """A chunk: the place of its first design among those that are looked at, and of that behind its last."""

    first: int
    last: int


class Sampling(NamedTuple):
    """Which designs are looked at where these are not all."""

    designs: int
    seed: int = 0
    latin: bool = False


class Part(NamedTuple):
    """What came of a chunk.

    Parameters
    ----------
    span : Span
        The chunk.
    columns : dict of str to ndarray
        The designs of it that are kept.
    reasons : mapping of str to int
        Why designs of it cannot be built, and how many.
    kept : int
        Of how many designs the condition is true.
    seconds : float
        How long it took.
    """

    span: Span
    columns: Columns
    reasons: Mapping[str, int]
    kept: int
    seconds: float


@dataclass
class Task:
    """What every worker has to know; it can be pickled, and draws its sample anew then.

    Parameters
    ----------
    evaluator : Evaluator
        Works out the figures of designs.
    space : Space
        All designs.
    where : Condition, optional
        Those alone of which it is true.
    choice : Choice
        What is kept of them.
    sampling : Sampling, optional
        Which of them are looked at; by default all.
    """

    evaluator: Evaluator
    space: Space
    where: Condition | None = None
    choice: Choice = field(default_factory=Choice)
    sampling: Sampling | None = None
    _drawn: list[Any] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_drawn": None}

    @property
    def count(self) -> int:
        """How many designs are looked at."""
        return self.space.size if self.sampling is None else len(self._places[0])

    @property
    def _places(self) -> list[Any]:
        if self._drawn is None:
            assert self.sampling is not None
            designs, seed, latin = self.sampling
            self._drawn = sampled(self.space, designs, seed, latin=latin)
        return self._drawn

    def spans(self, done: Iterable[Span] = ()) -> Spans:
        """Return the chunks of what is not done yet."""
        return Spans(self.count, done, self.space.lengths if self.sampling is None else ())

    def blocks(self, span: Span) -> list[Block]:
        """Return the designs of a chunk."""
        if self.sampling is None:
            return self.space.block(*span)
        return [self.space.at([each[span.first : span.last] for each in self._places])]

    def part(self, span: Span) -> Part:
        """Work a chunk out."""
        began = time.perf_counter()
        columns = joined([self.evaluator.figures(block) for block in self.blocks(span)])
        errors = columns[ERROR]
        broken = np.asarray(errors != "", dtype=bool)
        reasons = Counter(errors[broken].tolist())
        if self.where is not None:
            columns = picked(columns, self.where.holds(columns))
        kept = len(columns[ERROR])
        columns = self.choice.of(columns)
        return Part(span, columns, reasons, kept, time.perf_counter() - began)

    def empty(self) -> Columns:
        """Return the columns without any design."""
        axes = {axis.name: axis.array[:0] for axis in self.space.axes}
        types = {name: np.float64 if is_real(name) else np.int64 for name in self.evaluator.columns}
        made = {name: np.empty(0, dtype=form) for name, form in types.items()}
        return made | axes | {ERROR: np.empty(0, dtype=object)}


class Spans:
    """Hands out chunks of what is not done yet, in order, larger ones where they are done soon.

    Parameters
    ----------
    count : int
        How many designs there are.
    done : iterable of Span
        What is done already.
    lengths : sequence of int
        How many values each axis of a space has of which all designs are looked at: chunks are boxes of it
        then, which take less time than others.
    """

    def __init__(self, count: int, done: Iterable[Span] = (), lengths: Sequence[int] = ()) -> None:
        self._gaps = _gaps(count, done)
        self._size = _FIRST
        self._steps: list[int] = [1, *accumulate(reversed(lengths), operator.mul)]

    def told(self, part: Part) -> None:
        """Take into account how long a chunk took."""
        length = part.span.last - part.span.first
        if part.seconds < _SOON and 2 * length > self._size:
            self._size = min(self._size * 4, LARGEST)
        elif part.seconds > _LATE:
            self._size = max(min(self._size, length) // 2, SMALLEST)

    def __iter__(self) -> Iterator[Span]:
        for gap in self._gaps:
            reached = gap.first
            while reached < gap.last:
                span = Span(reached, min(self._end(reached), gap.last))
                yield span
                reached = span.last

    def _end(self, first: int) -> int:
        """Return where the largest box ends that begins there, and is no larger than a chunk."""
        fitting = (n for n, step in enumerate(self._steps) if step <= self._size and first % step == 0)
        place: int = max(fitting)
        step = self._steps[place]
        count = self._size // step
        if place + 1 < len(self._steps):
            around = self._steps[place + 1]
            count = min(count, (around - first % around) // step)
        return first + count * step


def _gaps(count: int, done: Iterable[Span]) -> list[Span]:
    found, reached = [], 0
    for span in sorted(done):
        if span.first > reached:
            found.append(Span(reached, span.first))
        reached = max(reached, span.last)
    if reached < count:
        found.append(Span(reached, count))
    return found


class Tally:
    """Adds up what came of chunks."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.kept = 0
        self.unbuildable = 0
        self.reasons: Counter[str] = Counter()

    def add(self, part: Part) -> None:
        """Take one more chunk."""
        self.looked_at += part.span.last - part.span.first
        self.kept += part.kept
        self.unbuildable += sum(part.reasons.values())
        self.reasons.update(part.reasons)
        if len(self.reasons) > 2 * _REASONS:  # each may name a size of its own
            self.reasons = Counter(dict(self.commonest(_REASONS)))

    def commonest(self, most: int) -> list[tuple[str, int]]:
        """Return the commonest reasons, those that are as common by the alphabet."""
        return sorted(self.reasons.items(), key=lambda each: (-each[1], each[0]))[:most]
