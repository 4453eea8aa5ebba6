"""What comes of a budget, in words: each figure and its limit, and how a model stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final

from rfcalc.questions.check.document import key_text
from rfcalc.questions.check.find import UNDECIDED, Check, CheckResult, beyond
from rfcalc.questions.check.limits import BYTES, COUNT, FLAG, MOST, STATUS
from rfcalc.questions.check.measures import STATUSES, Ends, Figure
from rfcalc.render import humanise
from rfcalc.render.humanise import sentence

THE_MODEL: Final = "the model"


def message(result: CheckResult, check: Check) -> str:
    """Say what comes of one check: the layer, the figure, the limit, and where the budget sets it."""
    who = check.figure.layer or THE_MODEL
    return f"{who}: {told(check)} ({result.budget}: {key_text(check.given.path)})"


def summary(result: CheckResult, model: str) -> str:
    """Say in a line how many limits hold for a model."""
    paths = dict.fromkeys(check.given.path for check in result.checks if check.model == model)
    count = len(paths)
    broken = len({check.given.path for check in result.violations if check.model == model})
    if not broken:
        holds = "the limit holds" if count == 1 else f"all {count:,} limits hold"
        return f"{model}: {holds}" if count else f"{model}: there is nothing that a limit is on"
    found = sentence(sum(check.model == model for check in result.violations), "violation")
    return f"{model}: {found}; {broken:,} of {sentence(count, 'limit')} {_does(broken)} not hold"


def _does(count: int) -> str:
    return "does" if count == 1 else "do"


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
