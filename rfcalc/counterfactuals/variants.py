"""Counterfactuals: what the same model would be without its pooling, without strides, or with other layers.

Each is a function of a run that returns another; the table below says what they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from rfcalc.counterfactuals.atrous import atrous, dilated
from rfcalc.counterfactuals.swaps import (
    average,
    maximum,
    median,
    plain,
    pooled,
    strided,
    unstrided,
)
from rfcalc.engine.edit import DoesNotApply
from rfcalc.engine.run import Run
from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

__all__ = ["COUNTERFACTUALS", "Counterfactual", "DoesNotApply", "counterfactual"]


class Counterfactual(NamedTuple):
    """A way to change a model.

    Parameters
    ----------
    name : str
        What it is called on the command line.
    summary : str
        What it does, in a phrase.
    build : callable
        From a run of the model to that of what it might be, or to the same where there is nothing to change.
    phrase : str
        How a sentence says it: ``without pooling``.
    """

    name: str
    summary: str
    build: Callable[[Run], Run]
    phrase: str

    def __reduce__(self) -> tuple[Callable[[str], Counterfactual], tuple[str]]:
        return counterfactual, (self.name,)  # a pickle names it: its function is the table's


COUNTERFACTUALS: Final = {
    each.name: each
    for each in (
        Counterfactual("plain", "every pooling removed", plain, "without pooling"),
        Counterfactual(
            "strided", "a convolution of the same window and stride for each pooling", strided,
            "with strided convolutions in place of pooling",
        ),
        Counterfactual(
            "dilated", "poolings at stride 1, what follows dilated: the same fields", dilated,
            "with dilation in place of the steps of pooling",
        ),
        Counterfactual("unstrided", "every stride set to 1", unstrided, "without any stride"),
        Counterfactual(
            "atrous", "every stride set to 1, what follows dilated: the same fields", atrous,
            "with dilation in place of every stride",
        ),
        Counterfactual("average", "average pooling for every other pooling", average, "with average pooling"),
        Counterfactual("median", "median pooling for every other pooling", median, "with median pooling"),
        Counterfactual("max", "max pooling for every other pooling", maximum, "with max pooling"),
        Counterfactual(
            "pool", "a 2x2 max pooling after every convolution; pool:K:N for K x K after every N", pooled,
            "with max pooling of window 2 after every convolution",
        ),
    )
}  # fmt: skip
"""All counterfactuals by name."""


@cache
def counterfactual(name: str) -> Counterfactual:
    """Return the counterfactual of that name; ``pool:3:2`` is a 3x3 pooling after every 2 convolutions.

    Raises
    ------
    UsageError
        There is none.

    Examples
    --------
    >>> counterfactual("plain").summary
    'every pooling removed'
    """
    head, *numbers = name.split(":")
    found = COUNTERFACTUALS.get(head)
    if found is None:
        raise UsageError(f"there is no counterfactual {name!r}; there are {', '.join(COUNTERFACTUALS)}")
    if not numbers:
        return found
    if head != "pool" or len(numbers) > 2 or not all(n.isdecimal() and 0 < int(n) < 10_000 for n in numbers):
        raise UsageError(f"{name!r} is not of the form pool:K:N, a window and a number of convolutions")
    kernel, every = (*map(int, numbers), 1)[:2]
    convolutions = "every convolution" if every == 1 else f"every {every} convolutions"
    phrase = f"with max pooling of window {kernel} after {convolutions}"
    return found._replace(name=name, build=lambda run: pooled(run, kernel, every), phrase=phrase)
