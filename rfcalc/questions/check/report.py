"""What comes of a budget: every violation in a line, and the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.questions.check.document import key_text
from rfcalc.questions.check.find import Check, CheckResult
from rfcalc.questions.check.limits import FLAG, NUMBER, PIXELS, STATUS
from rfcalc.questions.check.measures import STATUSES
from rfcalc.questions.check.words import message, summary
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.render.frames import REAL, TEXT, Series, Tabular, chosen, series
from rfcalc.render.humanise import sentence
from rfcalc.render.shown import Documented

SCHEMA: Final = "rfcalc/check/1"


class CheckReport(Tabular, Documented, CheckResult):
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
        return message(self, check)

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
        from rfcalc.questions.check.formats import github

        return github(self, root)

    def to_junit(self) -> str:
        """Return JUnit XML: a suite for each model, a test case for each limit."""
        from rfcalc.questions.check.formats import junit

        return junit(self)

    def to_sarif(self, root: str | None = None) -> str:
        """Return a SARIF 2.1.0 log: a rule for each limit that is set, a result for each violation.

        Parameters
        ----------
        root : str, optional
            The root of the repository, where that is not the working directory.
        """
        from rfcalc.questions.check.formats import sarif

        return sarif(self, root)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<CheckReport: {sentence(len(self.messages), 'violation')} of {self.budget}>"

    def summary(self, model: str) -> str:
        """Say in a line how many limits hold for a model."""
        return summary(self, model)

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


def _plain(form: str, ends: Sequence[float | None]) -> Any:
    """Return a figure for a document: null where it has no end, an axis is whole, or there is nothing."""
    if form == STATUS:
        return STATUSES[int(ends[0] or 0)]
    values = [None if each is None else humanise.plain(each) for each in ends]
    return values if form in (PIXELS, NUMBER, FLAG) else values[0]
