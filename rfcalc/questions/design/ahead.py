"""The least and the most that is ahead of a stack, worked out from the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf

from rfcalc.questions.design.blocks import MEASURES, Costs, Site, Sizes, joined
from rfcalc.questions.design.space import LAYERS, Space, at_most
from rfcalc.questions.design.targets import Bounds
from rfcalc.records import NamedTuple

Extreme = tuple[float, ...]
"""The least, or the most, that a completion costs, by measures, each for itself."""

NEVER: Extreme = (inf,) * len(MEASURES)
"""The least of no completion."""

NONE: Extreme = (-inf,) * len(MEASURES)
"""The most of no completion."""


class Way(NamedTuple):
    """A block at a site, as far as it matters to what is ahead: what it spends, and where it leads."""

    spent: int
    node: Node
    window: Sizes
    stride: Sizes
    whole: tuple[bool, ...]
    costs: Costs

    def no_worse(self, other: Way) -> bool:
        """Tell whether it leads to the same place, sees no less, and costs no more in anything."""
        return (
            self.node is other.node
            and self.stride == other.stride
            and self.spent <= other.spent
            and all(
                mine or (not its and a >= b)
                for mine, its, a, b in zip(self.whole, other.whole, self.window, other.window, strict=True)
            )
            and all(map(at_most, self.costs, other.costs))
        )

    def no_cheaper(self, other: Way) -> bool:
        """Tell whether it leads to the same place, spends no more, and costs no less in anything."""
        return (
            self.node is other.node
            and self.spent <= other.spent
            and all(map(at_most, other.costs, self.costs))
        )


class Node:
    """A site with the ways on from it, and what is known of completions from there."""

    __slots__ = ("costly", "gains", "known", "most", "site", "ways")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ways: list[Way] | None = None
        self.costly: list[Way] | None = None
        self.known: dict[tuple[int, Sizes], Extreme] = {}
        self.gains: dict[int, tuple[float, ...]] = {}
        self.most: dict[int, Extreme] = {}


class Ahead:
    """The least that stacks can still be completed for, by what they miss.

    It depends on neither the field that is wanted nor on bounds of costs, so searches of a space share it.

    Parameters
    ----------
    space : Space
        The sites, and the blocks between them.
    output : Bounds
        What is asked of the extents of the output, and no more.
    by_layers : bool
        What is left is counted in layers; else in blocks.
    """

    def __init__(self, space: Space, output: Bounds, *, by_layers: bool) -> None:
        self._space, self._bounds, self.by_layers = space, output, by_layers
        self._nodes: dict[Site, Node] = {}
        self._reached = tuple(output.low.get("output", ()))

    def least(self, site: Site, left: int, missing: Sizes) -> Extreme:
        """Return the least that a completion costs, the costs so far left out.

        Parameters
        ----------
        site : Site
            Where it begins.
        left : int
            How many layers, or blocks, it may have.
        missing : tuple of int
            How much field is missing, in elements of the map.
        """
        return self._least(self.node(site), left, missing)

    def most(self, site: Site, left: int) -> Extreme:
        """Return the most that a completion costs, the costs so far left out.

        Parameters
        ----------
        site : Site
            Where it begins.
        left : int
            How many layers, or blocks, it may have.
        """
        return self._most(self.node(site), left)

    def large_enough(self, site: Site) -> bool:
        """Tell whether a map is not smaller than the output has to be."""
        return not self._reached or all(map(at_most, self._reached, site.map.extents))

    def node(self, site: Site) -> Node:
        """Return what is known of a site."""
        found = self._nodes.get(site)
        if found is None:
            found = self._nodes[site] = Node(site)
        return found

    def nodes(self) -> list[Node]:
        """Return all sites of which something is known."""
        return list(self._nodes.values())

    def heads(self, node: Node) -> Iterator[tuple[int, Costs]]:
        """Yield what the heads cost that may end a stack at a site, each with the layers that it is."""
        if self._bounds.within("output", node.site.map.extents):
            for _, costs in self._space.heads(node.site):
                yield (costs[LAYERS] if self.by_layers else 0), costs

    def every_way(self, node: Node) -> Iterator[Way]:
        """Yield the ways on from a site."""
        for edge in self._space.edges(node.site):
            if self.large_enough(edge.site):
                effect = edge.effect
                spent = effect.costs[LAYERS] if self.by_layers else 1
                yield Way(
                    spent, self.node(edge.site), effect.field, effect.stride, effect.whole, effect.costs
                )

    def _ways(self, node: Node) -> list[Way]:
        """Return the ways on from a site, but for those that another one is no worse than."""
        if node.ways is None:
            node.ways = _first_of(self.every_way(node), Way.no_worse)
        return node.ways

    def _costly_ways(self, node: Node) -> list[Way]:
        """Return the ways on from a site, but for those than which another one costs no less."""
        if node.costly is None:
            node.costly = _first_of(self.every_way(node), Way.no_cheaper)
        return node.costly

    def _least(self, node: Node, left: int, missing: Sizes) -> Extreme:
        found = node.known.get((left, missing))
        if found is None:
            found = node.known[left, missing] = self._worked_out(node, left, missing)
        return found

    def _worked_out(self, node: Node, left: int, missing: Sizes) -> Extreme:
        self._space.effort.step()
        if not self.large_enough(node.site):
            return NEVER
        best: Extreme = NEVER
        if not any(missing):
            for spent, costs in self.heads(node):
                if self._space.grammar.head is None:
                    return costs  # nothing: no completion costs less
                if spent <= left:
                    best = tuple(map(min, best, costs))
        if left <= 0 or (any(missing) and not all(map(at_most, missing, self._gain(node, left)))):
            return best
        params, macs, layers, activations, peak = best
        for way in self._ways(node):
            if way.spent > left:
                continue
            then = self._least(way.node, left - way.spent, _less(missing, way))
            if then is not NEVER:
                costs = way.costs
                params = min(params, costs[0] + then[0])
                macs = min(macs, costs[1] + then[1])
                layers = min(layers, costs[2] + then[2])
                activations = min(activations, costs[3] + then[3])
                peak = min(peak, max(costs[4], then[4]))
        return NEVER if layers == inf else (params, macs, layers, activations, peak)

    def _most(self, node: Node, left: int) -> Extreme:
        found = node.most.get(left)
        if found is None:
            best = NONE
            for spent, costs in self.heads(node):
                if spent <= left:
                    best = tuple(map(max, best, costs))
            for way in self._costly_ways(node) if left > 0 else ():
                if way.spent <= left:
                    then = self._most(way.node, left - way.spent)
                    if then is not NONE:
                        best = tuple(map(max, best, joined(way.costs, then)))
            found = node.most[left] = best
        return found

    def _gain(self, node: Node, left: int) -> tuple[float, ...]:
        """Return the most that the blocks that are left can add to the field, in elements of the map."""
        found = node.gains.get(left)
        if found is None:
            best: tuple[float, ...] = (0,) * len(node.site.map.extents)
            for way in self._ways(node) if left > 0 else ():
                if way.spent <= left:
                    then = self._gain(way.node, left - way.spent)
                    gain = (
                        inf if whole else window - 1 + step * more
                        for whole, window, step, more in zip(
                            way.whole, way.window, way.stride, then, strict=True
                        )
                    )
                    best = tuple(map(max, best, gain))
            found = node.gains[left] = best
        return found


def _first_of(ways: Iterable[Way], beats: Callable[[Way, Way], bool]) -> list[Way]:
    """Return the ways that no other beats; of such as beat each other the first."""
    kept: list[Way] = []
    for way in ways:
        if not any(beats(other, way) for other in kept):
            kept = [other for other in kept if not beats(way, other)]
            kept.append(way)
    return kept


def _less(missing: Sizes, way: Way) -> Sizes:
    """Return what is missing of a field behind a block, in elements of its map."""
    return tuple(
        [
            0 if whole or size < window else -((window - 1 - size) // step)
            for size, whole, window, step in zip(missing, way.whole, way.window, way.stride, strict=False)
        ]
    )
