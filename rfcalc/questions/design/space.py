"""Where blocks of a grammar may stand, what leads from one place to another, and the least that is ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from operator import mul

from rfcalc.questions.design.blocks import MEASURES, Blocks, Costs, Effect, Map, Site, Sizes, joined
from rfcalc.questions.design.effort import Effort
from rfcalc.questions.design.grammar import BEGIN, State
from rfcalc.questions.design.numbering import Choice
from rfcalc.records import NamedTuple

LAYERS = MEASURES.index("layers")


class Edge(NamedTuple):
    """A block that can be built at a site, by its number in `Grammar.options`, and where that leads."""

    option: int
    place: int
    site: Site
    effect: Effect


class Begun(NamedTuple):
    """A stack that is begun: where it stands, and all that it has come to.

    Parameters
    ----------
    site : Site
        Where the next block would stand.
    state : State
        Which blocks may follow.
    field : tuple of float
        What an element of the last map sees of the input; infinite through a gate.
    stride : tuple of int
        How far apart the windows of neighbours are, in pixels.
    costs : tuple of int
        By measures.
    choice : Choice
        What was chosen.
    """

    site: Site
    state: State
    field: tuple[float, ...]
    stride: Sizes
    costs: Costs
    choice: Choice


class Found(NamedTuple):
    """A stack that meets the targets, by what is chosen, and what it costs."""

    choice: Choice
    costs: Costs
    field: tuple[float, ...]
    stride: Sizes
    map: Map


class Space:
    """The sites of a grammar at an input, and the blocks between them, worked out as they are asked for."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.grammar = blocks.grammar
        self._edges: dict[Site, Sequence[Edge]] = {}
        self._heads: dict[Site, Sequence[tuple[int, Costs]]] = {}
        self.effort = Effort()

    def edges(self, site: Site) -> Sequence[Edge]:
        """Return the blocks that can be built at a site."""
        if site not in self._edges:
            found = []
            for number, (place, block, chosen) in enumerate(self.grammar.options):
                self.effort.step()
                effect = self.blocks.effect(block, chosen, site)
                if effect is not None:
                    after = Site(site.globals, effect.map, self.blocks.reductions(block, chosen, site))
                    found.append(Edge(number, place, after, effect))
            self._edges[site] = found
        return self._edges[site]

    def heads(self, site: Site) -> Sequence[tuple[int, Costs]]:
        """Return the heads that can be built at a site, by number, with their costs; none costs nothing."""
        head = self.grammar.head
        if head is None:
            return ((0, (0,) * len(MEASURES)),)
        if site not in self._heads:
            costs = ((number, self.blocks.head(chosen, site)) for number, chosen in enumerate(head.options))
            self._heads[site] = [(number, each) for number, each in costs if each is not None]
        return self._heads[site]

    def begun(self) -> Iterator[Begun]:
        """Yield the stacks that have no block yet: the input, and behind it each stem."""
        grammar, blocks = self.grammar, self.blocks
        rank = len(blocks.start.extents)
        base: Costs = (0, 0, 1, 0, blocks.input_bytes)  # the input counts as a layer, as analyze counts it
        for number in range(len(grammar.globals)):
            site = Site(number, blocks.start, 0)
            start = Begun(site, BEGIN, (1,) * rank, (1,) * rank, base, Choice(number, 0, ()))
            if grammar.stem is None:
                yield start
                continue
            for which, chosen in enumerate(grammar.stem.options):
                effect = blocks.effect(grammar.stem, chosen, site)
                if effect is not None:
                    after = Site(number, effect.map, blocks.reductions(grammar.stem, chosen, site))
                    choice = Choice(number, which, ())
                    yield _with(start, effect, after, BEGIN, choice)


def _with(begun: Begun, effect: Effect, site: Site, state: State, choice: Choice) -> Begun:
    """Return a stack with one more block behind it."""
    steps = begun.stride
    field = tuple(
        [
            inf if whole else size + (window - 1) * step
            for whole, size, window, step in zip(effect.whole, begun.field, effect.field, steps, strict=True)
        ]
    )
    stride = tuple(map(mul, steps, effect.stride))
    return Begun(site, state, field, stride, joined(begun.costs, effect.costs), choice)


def extended(begun: Begun, edge: Edge, state: State) -> Begun:
    """Return a stack with one more block."""
    choice = begun.choice._replace(options=(*begun.choice.options, edge.option))
    return _with(begun, edge.effect, edge.site, state, choice)


def at_most(a: float, b: float) -> bool:
    """Tell whether a number is no more than another."""
    return a <= b
