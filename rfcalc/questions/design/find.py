"""How the cheapest stacks are found, confirmed, and what there is to say where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Final

from rfcalc.collecting import collector_paused
from rfcalc.engine.result import Note, Size
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError
from rfcalc.questions.design.blocks import MEASURES, PEAK, Blocks
from rfcalc.questions.design.effort import GIVEN_UP, Effort, TooManyStates
from rfcalc.questions.design.grammar import HEAD, Grammar
from rfcalc.questions.design.model import Use, model_of, names_of, text_of, uses_of
from rfcalc.questions.design.numbering import Choice, Numbering
from rfcalc.questions.design.outlook import Outlook
from rfcalc.questions.design.result import Answer, DesignResult, Figures, Nearest, Placed, Price
from rfcalc.questions.design.search import Search
from rfcalc.questions.design.space import Found, Space
from rfcalc.questions.design.targets import PER_AXIS, Target, bounds_of
from rfcalc.readers.native import read_native

_LARGEST: Final = 1 << 60
"""More than any field has that ends."""


class Asked:
    """One question, and the searches that its answer takes.

    Parameters
    ----------
    grammar : Grammar
        Which stacks there are.
    shape : tuple of int
        The shape of the input.
    by : str
        The measure that stacks are ordered by.
    peaks : bool
        The peak of activation memory counts for something.
    effort : Effort
        How much is looked at.
    """

    def __init__(
        self, grammar: Grammar, shape: tuple[int, ...], by: str, *, peaks: bool, effort: Effort
    ) -> None:
        self.space = Space(Blocks(grammar, shape, peaks=peaks))
        self.space.effort = effort
        self._outlook = Outlook(self.space)
        self.by = MEASURES.index(by)

    def search(self, targets: Iterable[Target], top: int = 1, by: int | None = None) -> list[Found]:
        """Return the cheapest stacks that meet targets."""
        return self._found(targets, self.by if by is None else by, top)

    def any(self, targets: Iterable[Target]) -> Found | None:
        """Return any stack that meets targets; None where there is none."""
        found = self._found(targets, None, 1)
        return found[0] if found else None

    def _found(self, targets: Iterable[Target], by: int | None, top: int) -> list[Found]:
        with collector_paused():
            return Search(self._outlook, bounds_of(targets), by, top).run()


def design_of(
    grammar: Grammar,
    shape: tuple[int, ...],
    targets: Sequence[Target],
    by: str,
    top: int,
    effort: Effort,
) -> DesignResult:
    """Find the cheapest stacks that meet targets; where there is none, the targets that leave none.

    Raises
    ------
    AnalysisError
        The grammar has a block that stacks cannot be composed of; or the search takes more effort than it
        may. What there is to say beside has as much again, and is left out where that is too little.
    """
    peaks = "peak" in (by, *(target.figure for target in targets))
    asked = Asked(grammar, shape, by, peaks=peaks, effort=effort)
    found = asked.search(targets, top)
    numbering = Numbering(grammar)
    answers = [answer_of(asked.space, numbering, each.choice) for each in found]
    for answer, each in zip(answers, found, strict=True):
        _agree(answer, each, peaks=peaks)
    asked.space.effort = effort.again()
    prices, nearest, given_up = _beside(asked, targets, answers)
    return DesignResult(
        grammar.name,
        _file(grammar),
        shape,
        tuple(targets),
        by,
        numbering.up_to(grammar.most_blocks),
        grammar.most_blocks,
        tuple(answers),
        prices,
        nearest,
        (*(answers[0].warnings if answers else ()), *given_up, *_notes(asked.space)),
    )


def _beside(
    asked: Asked, targets: Sequence[Target], answers: Sequence[Answer]
) -> tuple[tuple[Price, ...], tuple[Nearest, ...], tuple[Note, ...]]:
    """Return what steps cost, or what leaves no stack; and what was given up of that, as a note."""
    prices: list[Price] = []
    nearest: list[Nearest] = []
    with contextlib.suppress(TooManyStates):
        if answers:
            prices.extend(prices_of(asked, targets, answers[0]))
        else:
            core = core_of(asked, targets)
            nearest = [_nearest(asked, each, [other for other in core if other is not each]) for each in core]
    effort = asked.space.effort
    if not effort.is_spent:
        return tuple(prices), tuple(nearest), ()
    what = "how near stacks come to some targets" if nearest else "what rules every stack out"
    text = (
        f"{'what some steps more cost' if answers else what} is left out: it takes more than "
        f"{effort.limit:,} states to search; --limit-states raises that"
    )
    return tuple(prices), tuple(nearest), (Note("info", GIVEN_UP, "", text),)


def stack_of(grammar: Grammar, shape: tuple[int, ...], number: int) -> DesignResult:
    """Return the stack of a number.

    Raises
    ------
    UsageError
        The grammar has no such stack.
    AnalysisError
        It cannot be built at the input.
    """
    space, numbering = Space(Blocks(grammar, shape, peaks=False)), Numbering(grammar)
    answer = answer_of(space, numbering, numbering.choice(number))
    name, count = _file(grammar), numbering.up_to(grammar.most_blocks)
    return DesignResult(
        grammar.name, name, shape, (), MEASURES[0], count, grammar.most_blocks, (answer,), number=number,
        notes=answer.warnings,
    )  # fmt: skip


def _file(grammar: Grammar) -> str:
    """Return the name of a grammar's file, wherever it lies."""
    return grammar.source.replace("\\", "/").rpartition("/")[2]


# ---- one stack ---------------------------------------------------------------------------------------------


def answer_of(space: Space, numbering: Numbering, choice: Choice) -> Answer:
    """Return a stack with its figures, which a full analysis of its model has confirmed.

    Raises
    ------
    AnalysisError
        The analysis says otherwise, which would be a fault of rfcalc.
    """
    number, uses = numbering.number(choice), uses_of(space, choice)
    if uses is None:
        reasons = space.blocks.reasons
        why = next(
            (
                f": {part.name} does not fit: {reasons[part.name]}"
                for part in space.grammar.parts
                if part.name in reasons
            ),
            "",
        )
        raise AnalysisError(f"stack {number} cannot be built at this input{why}")
    document = model_of(space, number, uses)
    figures, warnings = analysed(document, uses)
    placed = _placed(space, uses)
    last = [each for each in placed if each.part != HEAD][-1]
    if (last.field, last.stride, last.output) != (figures.field, figures.stride, figures.output):
        raise _fault(number, "sees and puts out")
    chosen = tuple(space.grammar.globals[choice.globals].items())
    return Answer(number, chosen, figures, placed, text_of(document), warnings)


def analysed(document: dict[str, Any], uses: Sequence[Use]) -> tuple[Figures, tuple[Note, ...]]:
    """Return what a full analysis says of a stack, with its warnings."""
    graph = read_native(document)
    result = analyze_run(Run(graph))
    names = [name for name, use in zip(names_of(uses), uses, strict=True) if use.effect is not None]
    row = result.layer(graph.blocks[names[-1],].outputs[0][0])
    footprint = result.footprint
    costs = (result.totals.params.total, result.totals.macs, result.totals.layers, footprint.activations)
    peak = None if footprint.peak is None else footprint.peak.bytes
    sizes: list[Any] = [row.receptive_field, row.effective_stride, row.spatial]
    if row.status != "exact":
        raise AnalysisError(f"what a stack sees is not known exactly: {row.reason}")
    warnings = tuple(note for note in result.notes if note.level == "warning")
    return Figures._make((*costs, peak, *sizes)), warnings


def _agree(answer: Answer, found: Found, *, peaks: bool) -> None:
    """Hold what the search says of a stack to what the analysis says."""
    said = found.costs if peaks else (*found.costs[:PEAK], answer.figures.peak)
    if answer.figures.costs != said:
        raise _fault(answer.number, "costs")


def _fault(number: int, what: str) -> AnalysisError:
    return AnalysisError(
        f"stack {number} was found by what its blocks come to, and an analysis of the whole says otherwise "
        f"of what it {what}; please report this fault of rfcalc with the grammar"
    )


def _placed(space: Space, uses: Sequence[Use]) -> tuple[Placed, ...]:
    """Return the parts of a stack with what each comes to where it stands."""
    rank = len(space.blocks.start.extents)
    field: tuple[Size, ...] = (1,) * rank
    stride: tuple[int, ...] = (1,) * rank
    placed = []
    for use in uses:
        chosen, effect = tuple(use.chosen.items()), use.effect
        if effect is None:
            placed.append(Placed(use.part.name, chosen, (), 0, (), (), (), (), use.costs))
            continue
        field = tuple(
            None if whole or size is None else size + (window - 1) * step
            for whole, size, window, step in zip(effect.whole, field, effect.field, stride, strict=True)
        )
        stride = tuple(a * b for a, b in zip(stride, effect.stride, strict=True))
        made = effect.map
        seen = (made.extents, made.channels, field, stride, effect.field, effect.stride)
        placed.append(Placed(use.part.name, chosen, *seen, use.costs))
    return tuple(placed)


# ---- what one step more costs ------------------------------------------------------------------------------


def prices_of(asked: Asked, targets: Sequence[Target], answer: Answer) -> Iterable[Price]:
    """Yield what a stack costs that goes one step beyond the cheapest where a target bounds it."""
    bounds = bounds_of(targets)
    for figure in (*PER_AXIS, *MEASURES):
        has = answer.figures.of(figure)
        known = tuple(size for size in has if size is not None)
        if len(known) < len(has) or figure == MEASURES[asked.by]:
            continue  # the cheapest is the cheapest
        if figure in bounds.low and bounds.low[figure] != bounds.high.get(figure):
            yield _price(asked, targets, Target(figure, ">=", tuple(size + 1 for size in known)))
        if figure in bounds.high and bounds.low.get(figure) != bounds.high[figure] and min(known) > 1:
            yield _price(asked, targets, Target(figure, "<=", tuple(size - 1 for size in known)))


def _price(asked: Asked, targets: Sequence[Target], more: Target) -> Price:
    found = asked.search((*targets, more))
    return Price(more, found[0].costs[asked.by] if found else None)


# ---- where there is none -----------------------------------------------------------------------------------


def core_of(asked: Asked, targets: Sequence[Target]) -> list[Target]:
    """Return the targets of a smallest set that leaves no stack.

    It is empty where the grammar has no stack at all that can be built.
    """
    core = list(targets)
    for target in targets:
        others = [each for each in core if each is not target]
        if asked.any(others) is None:
            core = others
    return core


def _nearest(asked: Asked, target: Target, others: Sequence[Target]) -> Nearest:
    """Find the nearest values on both sides of a target that others let be, as far as the effort goes."""
    low, high = target.bounds
    below = above = None
    with contextlib.suppress(TooManyStates):
        if max(low) > -inf:  # too little can be had, or too much
            below = _furthest(asked, target, others, upward=True)
        if min(high) < inf:
            above = _furthest(asked, target, others, upward=False)
    return Nearest(target, below, above)


def _furthest(
    asked: Asked, target: Target, others: Sequence[Target], *, upward: bool
) -> tuple[Size, ...] | None:
    """Return the largest value that a figure comes to below a target, or the smallest above it."""
    low, high = target.bounds
    figure, wanted = target.figure, low if upward else high
    sides = [*others]
    if target.comparison == "=":
        sides.append(Target(figure, "<=" if upward else ">=", wanted))
    if not upward and figure in MEASURES:
        least = asked.search(sides, by=MEASURES.index(figure))
        return _value(least[0], figure) if least else None
    found = asked.any(sides)
    if found is None:
        return None
    best, end = _value(found, figure), int(max(wanted) if upward else min(wanted))
    if None in best and not upward:  # smaller than a whole axis is any size
        found = asked.any((*sides, Target(figure, "<=", (_LARGEST,) * len(best))))
        if found is None:
            return best
        best = _value(found, figure)
    while True:
        near = _level(best, wanted, upward=upward)
        if abs(end - near) <= 1:  # what lies one step beyond cannot be had
            return best
        middle = (near + end) // 2
        step = tuple((min if upward else max)(middle, each) for each in wanted)
        found = asked.any((*sides, Target(figure, ">=" if upward else "<=", step)))
        if found is not None:
            best = _value(found, figure)
        else:
            end = middle


def _level(sizes: Sequence[Size], wanted: Sequence[float], *, upward: bool) -> int:
    """Return the size of the axis that is furthest from what is wanted; that of others does not matter."""
    known = [inf if size is None else size for size in sizes]
    if upward:
        return int(min(size for size, least in zip(known, wanted, strict=True) if size < least))
    return int(max(size for size, most in zip(known, wanted, strict=True) if most < size < inf))


def _value(found: Found, figure: str) -> tuple[Size, ...]:
    if figure in MEASURES:
        return (found.costs[MEASURES.index(figure)],)
    if figure == "field":
        return tuple(None if size == inf else int(size) for size in found.field)
    return found.stride if figure == "stride" else found.map.extents


def _notes(space: Space) -> Iterable[Note]:
    """Say which blocks could be built nowhere where they were tried."""
    for part in space.grammar.parts:
        reason = space.blocks.reasons.get(part.name)
        if reason is not None and part.name not in space.blocks.built:
            text = f"{part.name!r} could be built nowhere: {reason}"
            yield Note("warning", "never-built", part.name, text)
