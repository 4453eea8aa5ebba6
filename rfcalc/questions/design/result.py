"""What `rfcalc design` finds, as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rfcalc.engine.result import Note, Size
from rfcalc.questions.design.blocks import MEASURES, Costs, Sizes
from rfcalc.questions.design.targets import Target
from rfcalc.records import NamedTuple


class Figures(NamedTuple):
    """What a stack comes to.

    Parameters
    ----------
    params, macs, layers, activations, peak : int
        Parameters; multiply-accumulates and activations at batch 1; layers, the input among them; bytes of
        activations at their peak.
    field, stride, output : tuple
        Of the last map before the head, along each axis: what an element sees of the input (None: all of it,
        through a gate), how many pixels lie between neighbours, how many elements there are.
    """

    params: int
    macs: int
    layers: int
    activations: int
    peak: int
    field: tuple[Size, ...]
    stride: Sizes
    output: Sizes

    def of(self, figure: str) -> tuple[Size, ...]:
        """Return a figure by its name, as a tuple."""
        value = getattr(self, figure)
        return value if isinstance(value, tuple) else (value,)

    @property
    def costs(self) -> Costs:
        """The measures alone."""
        return tuple(getattr(self, name) for name in MEASURES)


class Placed(NamedTuple):
    """A block where it stands in a stack.

    Parameters
    ----------
    part : str
        The block, or ``stem``, or ``head``.
    chosen : tuple of (str, int)
        Its choices.
    output : tuple of int
        The extents of the map behind it; empty behind the head.
    channels : int
        Those of the map; 0 behind the head.
    field, stride : tuple
        What an element of that map sees of the input, and how many pixels lie between neighbours.
    window, step : tuple of int
        What the block itself sees of the map before it, and how far its windows move on that.
    costs : tuple of int
        What it costs by itself, by `MEASURES`.
    """

    part: str
    chosen: tuple[tuple[str, int], ...]
    output: Sizes
    channels: int
    field: tuple[Size, ...]
    stride: Sizes
    window: Sizes
    step: Sizes
    costs: Costs

    @property
    def name(self) -> str:
        """The block with its choices, for people."""
        values = ", ".join(f"{name} {value}" for name, value in self.chosen)
        return f"{self.part} ({values})" if values else self.part


class Answer(NamedTuple):
    """A stack that meets the targets.

    Parameters
    ----------
    number : int
        Its number in the grammar.
    chosen : tuple of (str, int)
        What is chosen for the whole stack.
    figures : Figures
        What it comes to, as `rfcalc.analyze` says of its model.
    placed : tuple of Placed
        Its stem, its blocks, its head.
    text : str
        Its model, as a file in rfcalc's own format.
    warnings : tuple of Note
        What the analysis warns of.
    """

    number: int
    chosen: tuple[tuple[str, int], ...]
    figures: Figures
    placed: tuple[Placed, ...]
    text: str
    warnings: tuple[Note, ...] = ()

    @property
    def model(self) -> dict[str, Any]:
        """Its model in rfcalc's own format, as `rfcalc.analyze` takes it."""
        return json.loads(self.text)  # type: ignore[no-any-return]  # an object


class Price(NamedTuple):
    """What it costs to come one step beyond the cheapest stack.

    Parameters
    ----------
    target : Target
        What a stack has to come to beside all targets.
    value : int, optional
        What the cheapest such stack costs, by the measure that orders stacks; None where there is none.
    """

    target: Target
    value: int | None


class Nearest(NamedTuple):
    """A target that, with others, rules every stack out, and how near to it those others let one come.

    Parameters
    ----------
    target : Target
        The target.
    below, above : tuple, optional
        The nearest values of its figure that can be reached, on the one side and on the other.
    """

    target: Target
    below: tuple[Size, ...] | None
    above: tuple[Size, ...] | None


@dataclass(frozen=True)
class DesignResult:
    """The cheapest stacks of a grammar that meet targets, or which targets leave none.

    Parameters
    ----------
    grammar, source : str
        The grammar's name, and that of its file.
    input : tuple of int
        The shape of the input, without a batch.
    targets : tuple of Target
        What was asked for.
    by : str
        The measure that stacks are ordered by.
    stacks : int
        How many stacks the grammar has.
    blocks : int
        How many blocks a stack has at most.
    answers : tuple of Answer
        The cheapest stacks, the cheapest first.
    prices : tuple of Price
        What one step more or less than the cheapest comes to costs.
    nearest : tuple of Nearest
        Where there is no answer: the targets that cannot be had together.
    notes : tuple of Note
        What else there is to say.
    number : int, optional
        The one stack that was asked for, by its number; then there are neither targets nor others.
    """

    grammar: str
    source: str
    input: tuple[int, ...]
    targets: tuple[Target, ...]
    by: str
    stacks: int
    blocks: int
    answers: tuple[Answer, ...]
    prices: tuple[Price, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    notes: tuple[Note, ...] = ()
    number: int | None = None

    def __bool__(self) -> bool:
        return bool(self.answers)
