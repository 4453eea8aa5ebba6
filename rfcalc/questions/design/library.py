"""Ask which stacks of a grammar meet targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rfcalc.arguments import plain
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.questions.design.effort import LIMIT

if TYPE_CHECKING:
    from rfcalc.progress import Progress
    from rfcalc.questions.design.report import Design

MOST: int = 1_000
"""Stacks that are listed."""


def design(
    grammar: Any = None,
    *,
    input: Sequence[int],
    field: str | None = None,
    output: str | None = None,
    stride: str | None = None,
    params: str | None = None,
    macs: str | None = None,
    layers: str | None = None,
    activations: str | None = None,
    peak: str | None = None,
    stack: int | None = None,
    by: str = "params",
    top: int = 5,
    limit_states: int = LIMIT,
    progress: Progress | None = None,
) -> Design:
    """Find the cheapest stacks of blocks that meet targets: exactly, of all that a grammar allows.

    A target is a comparison as text, such as ``">=224"``, ``"<=1e6"`` or, along each axis, ``">=7x7"``;
    several stand between commas. Field, stride and output are those of the last map before the head, all
    else is that of the whole model.

    Parameters
    ----------
    grammar : path, open file or mapping, optional
        Which stacks there are, as a document with ``"rfcalc-grammar": 1``; by default rfcalc's own.
    input : sequence of int
        The shape of the input, without a batch, such as ``(224, 224, 3)``.
    field, output, stride : str, optional
        What the receptive field, the extents of the map and its stride have to be.
    params, macs, layers, activations, peak : str, optional
        What parameters, multiply-accumulates, layers (the input among them), activations and bytes of
        activations at their peak have to be.
    stack : int, optional
        In place of targets: the number of a stack of the grammar, which alone is shown.
    by : str
        The measure that says what is cheapest: ``params``, ``macs``, ``layers``, ``activations``, ``peak``.
        Among equals those with fewer blocks come first, and then those with the smaller number.
    top : int
        How many stacks are listed.
    limit_states : int
        How many states the search may look at before it is given up, and as many for what there is to say
        beside its answer; 0 for no limit.
    progress : callable, optional
        Is told, again and again, that the search goes on.

    Returns
    -------
    Design
        The cheapest stacks with their models, what one step more would cost; or, where there are none, which
        targets cannot be had together, and the nearest to each that can.

    Raises
    ------
    ReadError
        The grammar is none.
    UsageError
        A target means nothing.
    AnalysisError
        The grammar has a block that stacks cannot be composed of; or the search looks at more states than it
        may.

    Examples
    --------
    >>> found = design(input=(64, 64, 3), field=">=32", layers="<=12")
    >>> found.answers[0].figures.field, found.answers[0].figures.params
    ((32, 32), 16120)
    """
    from rfcalc.questions.design.blocks import MEASURES
    from rfcalc.questions.design.effort import Effort
    from rfcalc.questions.design.find import design_of, stack_of
    from rfcalc.questions.design.grammar import read_grammar
    from rfcalc.questions.design.report import Design
    from rfcalc.questions.design.targets import read_targets

    shape = tuple(plain(tuple(input)))
    if len(shape) < 2 or not all(type(extent) is int and extent > 0 for extent in shape):
        raise UsageError(
            "the input needs extents and channels that are positive whole numbers, such as 224,224,3"
        )
    if by not in MEASURES:
        raise UsageError(f"stacks are ordered by {', '.join(MEASURES)}, not by {by!r}")
    if type(top) is not int or not 1 <= top <= MOST:
        raise UsageError(f"{top!r} stacks cannot be listed; give a whole number from 1 to {MOST:,}")
    limit = plain(limit_states)
    if type(limit) is not int or limit < 0:
        raise UsageError(f"{limit_states!r} is no number of states; give a whole number, 0 for no limit")
    read = read_grammar(grammar)
    targets = read_targets(
        {
            "field": field, "output": output, "stride": stride, "params": params, "macs": macs,
            "layers": layers, "activations": activations, "peak": peak,
        },
        len(shape) - 1,
    )  # fmt: skip
    if stack is not None and targets:
        raise UsageError("a stack by its number is what it is; leave the targets out")
    going = None if progress is None else lambda: progress(0, 0)
    try:
        if stack is not None:
            found = stack_of(read, shape, plain(stack))
        else:
            found = design_of(read, shape, targets, by, top, Effort(limit, going))
    except RfcalcError as error:
        error.source = error.source or read.source
        raise
    return Design(**{each.name: getattr(found, each.name) for each in fields(found)})
