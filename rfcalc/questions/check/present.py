"""The budget that a model just keeps: each limit at its present figure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from rfcalc.questions.check.facts import Facts
from rfcalc.questions.check.limits import FLAG, LIMITS, MOST, STATUS, Limit
from rfcalc.questions.check.measures import STATUSES, Figure
from rfcalc.records import NamedTuple


class Present(NamedTuple):
    """A limit at the present figure.

    Parameters
    ----------
    limit : Limit
        Which one.
    value : tuple of float
        The figure; empty where no value would hold, or the figure has no end.
    layer : str
        The layer that it is of.
    why : str
        Why there is no value.
    """

    limit: Limit
    value: tuple[float, ...]
    layer: str = ""
    why: str = ""


def present(facts: Facts) -> Iterator[Present]:
    """Yield the limits that a model keeps now, and those of which no figure is known."""
    seen: dict[str, tuple[Figure, ...]] = {}
    for limit in LIMITS.values():
        if not limit.initial or limit.of_model is None:
            continue
        figures = tuple(limit.of_model(facts))
        seen[limit.name] = figures
        if limit.name == "min_local_receptive_field" and figures == seen["min_receptive_field"]:
            continue  # the model has no gates
        if figures:
            found = _present(limit, figures)
            if found is not None:
                yield found


def _present(limit: Limit, figures: tuple[Figure, ...]) -> Present | None:
    unknown = next((figure for figure in figures if not figure.known), None)
    if unknown is not None:
        return Present(limit, (), unknown.layer, unknown.why or "it is not known")
    worst = max(figures, key=lambda figure: max(each or 0 for each in figure.high))
    if limit.form == STATUS and worst.high[0] == STATUSES.index("unknown"):
        return Present(limit, (), worst.layer, worst.cause)
    choose = max if limit.direction == MOST else min
    ends = [choose(each or 0 for each in column) for column in zip(*(f.high for f in figures), strict=True)]
    if limit.form == FLAG:
        return None if any(ends) else Present(limit, (0,), worst.layer)
    if inf in ends:
        return None  # global: no number says that
    return Present(limit, tuple(ends), worst.layer)
