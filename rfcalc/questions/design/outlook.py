"""What is known of what is ahead of stacks, kept for all searches of a space."""

from __future__ import annotations

from rfcalc.questions.design.ahead import Ahead
from rfcalc.questions.design.space import LAYERS, Space
from rfcalc.questions.design.sums import Sums
from rfcalc.questions.design.targets import Bounds

MOST_SUMS = 4
"""How many sets of sums are kept."""

MOST_LAYERS = 4
"""With no more layers for each block what is left is counted in layers, else in blocks."""

DEEPEST = 200
"""How many layers are counted so; blocks are no more either, in any grammar."""


class Outlook:
    """A space with what is ahead in it, worked out as searches ask for it.

    Parameters
    ----------
    space : Space
        The sites, and the blocks between them.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._ahead: dict[object, Ahead] = {}
        self._sums: dict[tuple[Ahead, int], Sums] = {}

    def ahead(self, bounds: Bounds, *, by_layers: bool | None = None) -> Ahead:
        """Return what is known of completions that meet bounds."""
        if by_layers is None:
            by_layers = bounds.cost(LAYERS)[1] <= min(DEEPEST, MOST_LAYERS * self.space.grammar.most_blocks)
        low, high = bounds.low.get("output"), bounds.high.get("output")
        key = (low, high, by_layers)
        if key not in self._ahead:
            output = Bounds(*({} if each is None else {"output": each} for each in (low, high)))
            self._ahead[key] = Ahead(self.space, output, by_layers=by_layers)
        return self._ahead[key]

    def sums(self, ahead: Ahead, which: int) -> Sums:
        """Return the sums of one cost that completions can come to, what is left being counted in blocks."""
        if (ahead, which) not in self._sums:
            if len(self._sums) >= MOST_SUMS:  # each may take a hundred megabytes
                del self._sums[next(iter(self._sums))]
            starts = (each.site for each in self.space.begun())
            self._sums[ahead, which] = Sums(ahead, which, starts, self.space.grammar.most_blocks)
        return self._sums[ahead, which]
