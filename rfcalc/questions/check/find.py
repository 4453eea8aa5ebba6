"""Hold the figures of a model against a budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.errors import UsageError
from rfcalc.questions.check.document import Given, Section, key_text
from rfcalc.questions.check.facts import Facts
from rfcalc.questions.check.limits import MOST
from rfcalc.questions.check.measures import Figure
from rfcalc.records import NamedTuple

HOLDS, VIOLATED, UNDECIDED = "holds", "violated", "undecided"
"""What comes of a limit. It is undecided where the figure is not known well enough, which is no pass."""


class Check(NamedTuple):
    """One limit held against one figure.

    Parameters
    ----------
    model : str
        The file of the model.
    given : Given
        The limit, its value, and where the budget sets it.
    allowed : tuple of float
        The value, for each axis of the figure.
    figure : Figure
        The figure, and the layer that it is of.
    outcome : str
        `HOLDS`, `VIOLATED` or `UNDECIDED`.
    extents : tuple of (int or None)
        The extents of the model's input, in pixels.
    line : int, optional
        The line of the model's file that names the layer, or the culprit.
    """

    model: str
    given: Given
    allowed: tuple[float, ...]
    figure: Figure
    outcome: str
    extents: tuple[int | None, ...] = ()
    line: int | None = None


class Failure(NamedTuple):
    """A model that could not be read or analysed, and the message."""

    model: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What comes of a budget.

    Parameters
    ----------
    budget : str
        The file of the budget.
    models : tuple of str
        The files of the models that were checked.
    checks : tuple of Check
        Each limit held against each figure that it is on, model by model, in the order of the budget.
    failures : tuple of Failure
        The models that could not be read or analysed.
    """

    budget: str
    models: tuple[str, ...]
    checks: tuple[Check, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def violations(self) -> tuple[Check, ...]:
        """The checks that do not hold, those that cannot be decided among them."""
        return tuple(check for check in self.checks if check.outcome != HOLDS)

    @property
    def ok(self) -> bool:
        """Every limit holds, and every model could be read."""
        return not self.violations and not self.failures


def outcome_of(direction: str, allowed: tuple[float, ...], figure: Figure) -> str:
    """Tell whether a limit holds for all that a figure may be.

    >>> outcome_of("most", (5,), Figure("", (4,), (4,))), outcome_of("most", (5,), Figure("", (0,), (9,)))
    ('holds', 'undecided')
    >>> outcome_of("least", (5, 5), Figure("", (4, 6), (4, 6)))
    'violated'
    """
    axes = [
        (limit, low, high)
        for limit, low, high in zip(allowed, figure.low, figure.high, strict=True)
        if low is not None and high is not None
    ]
    if direction == MOST:
        beyond = any(low > limit for limit, low, _ in axes)
        within = all(high <= limit for limit, _, high in axes)
    else:
        beyond = any(high < limit for limit, _, high in axes)
        within = all(low >= limit for limit, low, _ in axes)
    return VIOLATED if beyond else HOLDS if within else UNDECIDED


class Unmatched(NamedTuple):
    """A pattern that matches no layer of a model, and where the budget has it."""

    pattern: str
    path: tuple[str, ...]


def check_model(model: str, facts: Facts, section: Section) -> tuple[list[Check], list[Unmatched]]:
    """Hold the figures of a model against the section of a budget.

    Parameters
    ----------
    model : str
        The file of the model.
    facts : Facts
        What the passes say of it.
    section : Section
        What the budget says of it.

    Returns
    -------
    checks : list of Check
        Each limit with each figure.
    unmatched : list of Unmatched
        The patterns that match none of its layers.

    Raises
    ------
    UsageError
        A limit that nothing of the model, or none of the layers that a pattern matches, has a figure for; a
        value for another number of axes.
    RfcalcError
        The model cannot be analysed.
    """
    checks = []
    for given in section.limits.values():
        if given.value:
            figures = list(_of_model(facts, given))
            checks += [check_figure(model, facts, given, figure) for figure in figures]
    unmatched = []
    for pattern, givens in section.layers.items():
        rows = matching(facts.result, pattern)
        if not rows:
            path = next((given.path[:-1] for given in givens.values()), ())
            unmatched.append(Unmatched(pattern, path))
            continue
        for given in givens.values():
            if given.value:
                checks += _of_layers(model, facts, section, pattern, given, rows)
    return checks, unmatched


def _of_model(facts: Facts, given: Given) -> Iterator[Figure]:
    assert given.limit.of_model is not None
    figures = list(given.limit.of_model(facts))
    if not figures and given.limit.name not in _NOTHING_IS_FINE:
        what = "no spatial axes" if not facts.extents else "no layer that keeps positions"
        raise UsageError(
            f"the model has {what}, so it has no figure for this limit", where=key_text(given.path)
        )
    yield from figures


_NOTHING_IS_FINE: Final = frozenset(("max_misalignment", "max_unproductive", "max_gap"))
"""Limits on faults: what has no joins, and no positions, has none."""


def _of_layers(
    model: str, facts: Facts, section: Section, pattern: str, given: Given, rows: list[Row]
) -> Iterator[Check]:
    """Hold every layer that a pattern matches against one limit; what its own name says goes first."""
    measured = False
    assert given.limit.of_layer is not None
    for row in rows:
        names = (row.name, *row.outputs)
        if pattern not in names and any(given.limit.name in section.layers.get(name, {}) for name in names):
            measured = True
            continue
        figure = given.limit.of_layer(facts, row)
        if figure is not None:
            measured = True
            yield check_figure(model, facts, given, figure)
    if not measured:
        which = f"{rows[0].name!r} has" if len(rows) == 1 else "none of the layers that it matches has one:"
        why = "no figure for this limit" if len(rows) == 1 else "no figure to limit"
        raise UsageError(f"{which} {why}", where=key_text(given.path))


def check_figure(model: str, facts: Facts, given: Given, figure: Figure) -> Check:
    """Hold one figure against one limit.

    Raises
    ------
    UsageError
        The limit has values for another number of axes.
    """
    axes, values = len(figure.low), given.value
    if len(values) not in (1, axes):
        raise UsageError(
            f"has {len(values)} values, but there {'is 1 axis' if axes == 1 else f'are {axes} axes'}",
            where=key_text(given.path),
        )
    allowed = values if len(values) == axes else values * axes
    outcome = outcome_of(given.limit.direction, allowed, figure)
    return Check(model, given, allowed, figure, outcome, facts.extents)


def matching(result: AnalysisResult, pattern: str) -> list[Row]:
    """Return the layers whose name, or an output of which, matches a pattern.

    A name goes before patterns. Inputs and blocks have to be named: the first are no work of the model, the
    layers of the second match by themselves.
    """
    from fnmatch import fnmatchcase

    exact = [row for row in result.rows if pattern in (row.name, *row.outputs)]
    if exact:
        return exact
    return [
        row
        for row in result.rows
        if not row.container and row.kind != "input"
        if any(fnmatchcase(name, pattern) for name in (row.name, *row.outputs))
    ]


def beyond(check: Check) -> tuple[float, ...]:
    """Return by how much a figure is beyond its limit, on each axis; 0 where it is not, or not known to be.

    >>> from rfcalc.questions.check.limits import LIMITS
    >>> given = Given(LIMITS["max_params"], (60_000,), ("max_params",))
    >>> beyond(Check("net.json", given, (60_000,), Figure("c", (61_952,), (61_952,)), VIOLATED))
    (1952,)
    """
    found = []
    for limit, low, high in zip(check.allowed, check.figure.low, check.figure.high, strict=True):
        if low is None or high is None:
            found.append(0.0)
        elif check.given.limit.direction == MOST:
            found.append(max(low - limit, 0))
        else:
            found.append(max(limit - high, 0))
    return tuple(inf if each == inf else each for each in found)
