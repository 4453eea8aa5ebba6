"""What comes of a budget: every violation in a line, and the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final

from rfcalc.analysis.budget.check import UNDECIDED, Check, CheckResult, beyond
from rfcalc.analysis.budget.document import key_text
from rfcalc.analysis.budget.limits import BYTES, COUNT, FLAG, MOST, NUMBER, PIXELS, STATUS
from rfcalc.analysis.budget.measures import STATUSES, Ends, Figure
from rfcalc.reports import humanise
from rfcalc.reports.document import dump
from rfcalc.reports.escape import terminal
from rfcalc.reports.frames import REAL, TEXT, Series, Tabular, chosen, series
from rfcalc.reports.humanise import sentence

SCHEMA: Final = "rfcalc/check/1"

THE_MODEL: Final = "the model"


class CheckReport(Tabular, CheckResult):
    """The result of `rfcalc.check`: each limit held against each figure that it is on.

    Examples
    --------
    >>> import rfcalc
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 32, "kernel": 3},
    ... ]}
    >>> report = rfcalc.check(net, {"max_params": 300, "layers": {"c*": {"min_receptive_field": 3}}})
    >>> report.ok
    False
    >>> print(*report.messages)
    the model: 320 parameters, 20 over the limit of 300; most are in c1: 320 (<budget>: max_params)
    """

    __slots__ = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """A line for each violation, and for each model that could not be read."""
        several = len(self.models) + len(self.failures) > 1
        told = (
            f"{check.model}: {self.message(check)}" if several else self.message(check)
            for check in self.violations
        )  # fmt: skip
        return (*told, *(f"{failure.model}: {failure.message}" for failure in self.failures))

    def message(self, check: Check) -> str:
        """Say what comes of one check: the layer, the figure, the limit, and where the budget sets it."""
        who = check.figure.layer or THE_MODEL
        return f"{who}: {told(check)} ({self.budget}: {key_text(check.given.path)})"

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        rows = [self._check_document(check) for check in self.checks]
        made = [
            series(name, REAL, (_listed(row[name]) for row in rows), listed=True)
            if name in _NUMBERS
            else series(name, TEXT, (row[name] for row in rows))
            for name in _KEYS
        ]
        return chosen(made, columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/check/1``, as plain data with raw figures."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "budget": self.budget,
            "models": [
                {
                    "model": model,
                    "checks": sum(check.model == model for check in self.checks),
                    "violations": sum(check.model == model for check in self.violations),
                }
                for model in self.models
            ],
            "checks": [self._check_document(check) for check in self.checks],
            "errors": [failure._asdict() for failure in self.failures],
        }

    def to_json(self) -> str:
        """Return the document as JSON, the same bytes from run to run."""
        return dump(self.to_dict())

    def to_text(self, *, unicode: bool = True) -> str:
        """Return a line for each model, and below it one for each violation, however long.

        Parameters
        ----------
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = []
        for model in self.models:
            lines.append(self.summary(model))
            lines += [f"- {self.message(check)}" for check in self.violations if check.model == model]
        lines += [f"{failure.model}: {failure.message}" for failure in self.failures]
        return "".join(f"{terminal(line, unicode=unicode)}\n" for line in lines)

    def to_github(self, root: str | None = None) -> str:
        """Return workflow commands that annotate the files of the models in a pull request.

        Parameters
        ----------
        root : str, optional
            The root of the repository, where that is not the working directory.
        """
        from rfcalc.reports.check_formats import github

        return github(self, root)

    def to_junit(self) -> str:
        """Return JUnit XML: a suite for each model, a test case for each limit."""
        from rfcalc.reports.check_formats import junit

        return junit(self)

    def to_sarif(self, root: str | None = None) -> str:
        """Return a SARIF 2.1.0 log: a rule for each limit that is set, a result for each violation.

        Parameters
        ----------
        root : str, optional
            The root of the repository, where that is not the working directory.
        """
        from rfcalc.reports.check_formats import sarif

        return sarif(self, root)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<CheckReport: {sentence(len(self.messages), 'violation')} of {self.budget}>"

    def summary(self, model: str) -> str:
        """Say in a line how many limits hold for a model."""
        paths = dict.fromkeys(check.given.path for check in self.checks if check.model == model)
        count = len(paths)
        broken = len({check.given.path for check in self.violations if check.model == model})
        if not broken:
            holds = "the limit holds" if count == 1 else f"all {count:,} limits hold"
            return f"{model}: {holds}" if count else f"{model}: there is nothing that a limit is on"
        found = sentence(sum(check.model == model for check in self.violations), "violation")
        return f"{model}: {found}; {broken:,} of {sentence(count, 'limit')} {_does(broken)} not hold"

    def _check_document(self, check: Check) -> dict[str, Any]:
        limit, figure = check.given.limit, check.figure
        return {
            "model": check.model,
            "layer": figure.layer or None,
            "culprit": figure.culprit or None,
            "limit": limit.name,
            "key": key_text(check.given.path),
            "direction": limit.direction,
            "allowed": _plain(limit.form, check.allowed),
            "at_least": _plain(limit.form, figure.low),
            "at_most": _plain(limit.form, figure.high),
            "outcome": check.outcome,
            "message": self.message(check),
        }


_NUMBERS: Final = ("allowed", "at_least", "at_most")
_KEYS: Final = (
    "model",
    "layer",
    "culprit",
    "limit",
    "key",
    "direction",
    *_NUMBERS,
    "outcome",
    "message",
)
"""Keys of a check in the document, the columns of its table."""


def _listed(value: Any) -> list[Any]:
    """Return the ends of a figure as a list; a status has its place among `STATUSES`."""
    if isinstance(value, str):
        return [STATUSES.index(value)]
    return value if isinstance(value, list) else [value]


def _does(count: int) -> str:
    return "does" if count == 1 else "do"


def _plain(form: str, ends: Sequence[float | None]) -> Any:
    """Return a figure for a document: null where it has no end, an axis is whole, or there is nothing."""
    if form == STATUS:
        return STATUSES[int(ends[0] or 0)]
    values = [None if each is None else humanise.plain(each) for each in ends]
    return values if form in (PIXELS, NUMBER, FLAG) else values[0]


# ---- in words ----------------------------------------------------------------------------------------------


def told(check: Check) -> str:
    """Say what a figure is, and what becomes of the limit."""
    if check.outcome == UNDECIDED:
        return _undecided(check)
    words = _TELL.get(check.given.limit.form, _measured)(check)
    return (
        f"{words}; {check.figure.cause}" if check.figure.cause and check.given.limit.form != STATUS else words
    )


def _measured(check: Check) -> str:
    limit, excess = check.given.limit, beyond(check)
    figure = _phrase(check, check.figure)
    allowed = _number(limit.form, check.given.value)
    if not any(excess):
        return f"{figure}, within the limit of {allowed}"
    by = "" if inf in excess else f"{_number(limit.form, _once(excess))} "
    return f"{figure}, {by}{'over' if limit.direction == MOST else 'short of'} the limit of {allowed}"


def _flag(check: Check) -> str:
    """Say of what has to be true that it is not."""
    limit = check.given.limit
    if check.outcome != "violated":
        return "it covers the input" if limit.name == "covers_input" else "it is productive"
    told = limit.phrase.format(_number(limit.form, _once(beyond(check))))
    if limit.name == "covers_input":
        return f"{told} of {humanise.extents(check.extents)}, which it has to cover"
    return told


def _status(check: Check) -> str:
    limit, rank = check.given.limit, int(check.figure.low[0] or 0)
    cause = f" ({check.figure.cause})" if check.figure.cause else ""
    allowed = STATUSES[int(check.allowed[0])]
    told = f"{limit.phrase.format(STATUSES[rank])}{cause}"
    return told if check.outcome != "violated" else f"{told}, and has to be {allowed}"


_TELL: Final[Mapping[str, Callable[[Check], str]]] = {FLAG: _flag, STATUS: _status}


def _undecided(check: Check) -> str:
    limit, figure = check.given.limit, check.figure
    why = f": {figure.why}" if figure.why else ""
    if limit.form == FLAG:
        what = "covers the input" if limit.name == "covers_input" else "is productive"
        return f"cannot be decided: whether it {what} is not known{why}"
    known = _phrase(check, figure)
    return f"cannot be decided: {known}, and the limit is {_number(limit.form, check.given.value)}{why}"


def _phrase(check: Check, figure: Figure) -> str:
    """Tell a figure: the number, or the end that is known."""
    limit = check.given.limit
    if all(each == inf for each in figure.low):
        return f"a {limit.noun} of the whole input"
    if figure.known:
        return _singular(limit.phrase, figure.low).format(_number(limit.form, figure.low))
    if inf not in figure.high:
        return limit.phrase.format(f"at most {_number(limit.form, _once(figure.high))}")
    if any(figure.low):
        return limit.phrase.format(f"at least {_number(limit.form, _once(figure.low))}")
    return f"{limit.noun} not known"


_PLURALS: Final = ("parameters", "multiply-accumulates", "bytes", "convolutions", "pixels")


def _singular(phrase: str, ends: Ends) -> str:
    """Say 1 parameter in place of 1 parameters."""
    for plural in _PLURALS if len(ends) == 1 and ends[0] == 1 else ():
        phrase = phrase.replace(plural, plural[:-1])
    return phrase


def _once(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Write what is the same on every axis once."""
    return tuple(values[:1]) if len(set(values)) == 1 else tuple(values)


def _number(form: str, values: Sequence[float | None]) -> str:
    """Write a figure or a limit: thousands apart, or extents with a cross between them."""
    return humanise.number(values[0]) if form in (COUNT, BYTES) else "x".join(map(_extent, values))


def _extent(value: float | None) -> str:
    if value is None:
        return "-"
    return "all" if value == inf else humanise.number(value)


def by_limit(report: CheckReport, model: str) -> Iterator[tuple[tuple[str, ...], list[Check]]]:
    """Yield the checks of a model by the key that sets their limit."""
    groups: dict[tuple[str, ...], list[Check]] = {}
    for check in report.checks:
        if check.model == model:
            groups.setdefault(check.given.path, []).append(check)
    yield from groups.items()
