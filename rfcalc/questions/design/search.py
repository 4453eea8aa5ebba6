"""The cheapest stacks that meet targets, by branch and bound that loses none.

Stacks are built block by block from the input on. Those come first whose cost, with the least that they can
still be completed for, is lowest. That least is worked out from the end: for a site, what is left of the
layers, and the field that is still missing there, it is what the cheapest completion costs if all other
targets, and what the grammar says of blocks in a row, are let go. So it is never more than what a
completion costs.

A stack that is begun is given up where the least that it can come to is beyond a target; or where as many
others as are asked for stand at the same place, are no worse in anything that counts, and come before it in
order: whatever completes it completes these too, and for no more.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from rfcalc.questions.design.blocks import MEASURES, Sizes, joined
from rfcalc.questions.design.space import LAYERS, Begun, Found, Space, at_most, extended
from rfcalc.questions.design.targets import Bounds

_Order = tuple[int, tuple[int, int, int, tuple[int, ...], int]]
"""What stacks are ordered by: their cost, and then their place in the grammar."""


class _Standing(NamedTuple):
    """Where a stack that is begun stands, what it is worth there, the less the better, and its order."""

    place: tuple[object, ...]
    worth: tuple[float, ...]
    order: _Order


class Search:
    """One search for the cheapest stacks.

    Parameters
    ----------
    space : Space
        The sites, and the blocks between them.
    bounds : Bounds
        What has to be met.
    by : int
        The measure that stacks are ordered by, as its number.
    top : int
        How many are wanted.
    """

    def __init__(self, space: Space, bounds: Bounds, by: int, top: int) -> None:
        self._space, self._bounds, self._by, self._top = space, bounds, by, top
        self._ahead = space.ahead(bounds)
        self._most = [bounds.cost(which)[1] for which in range(len(MEASURES))]
        floors = [(which, bounds.cost(which)[0]) for which in range(len(MEASURES))]
        self._floor = [(which, least) for which, least in floors if least > -inf]
        self._counted = [w for w in range(len(MEASURES)) if w == by or self._most[w] < inf]
        self._low, self._high = bounds.low.get("field"), bounds.high.get("field")
        self._strides = bounds.high.get("stride")
        self._passed: dict[object, list[tuple[tuple[float, ...], _Order]]] = {}
        self._same: dict[object, list[_Order]] = {}
        self.expanded = 0

    def run(self, going: Callable[[], None] | None = None) -> list[Found]:
        """Return the cheapest stacks, in order; fewer where there are no more."""
        queue: list[tuple[float, int, int, Begun | Found, _Standing | None]] = []
        count = itertools.count()
        done: list[Found] = []

        def begin(begun: Begun) -> None:
            missing = self._missing(begun)
            standing = self._standing(begun, missing)
            if self._is_one_too_many(standing):
                return
            promise = self._promise(begun, missing)
            if promise is not None:
                # the furthest first among equals: they are completed soonest
                entry = (promise, -len(begun.choice.options), next(count), begun, standing)
                heappush(queue, entry)

        for begun in self._space.begun():
            begin(begun)
        while queue:
            cost, _, _, item, standing = heappop(queue)
            if len(done) >= self._top and cost > done[self._top - 1].costs[self._by]:
                break  # they are found cheapest first
            if isinstance(item, Found):
                done.append(item)
                continue
            if standing is None or self._is_beaten(standing):
                continue
            self.expanded += 1
            if going is not None:
                going()
            for found in self._completed(item):
                heappush(queue, (found.costs[self._by], 0, next(count), found, None))
            for after in self._extended(item):
                begin(after)
        done.sort(key=lambda found: (found.costs[self._by], found.choice.order))
        return done[: self._top]

    def _promise(self, begun: Begun, missing: Sizes) -> float | None:
        """Return the least that a stack can come to; None where it can meet the targets no more."""
        if self._high is not None and not all(map(at_most, begun.field, self._high)):
            return None
        if self._strides is not None and not all(map(at_most, begun.stride, self._strides)):
            return None
        least = self._ahead.least(begun.site, self._left(begun), missing)
        costs = begun.costs
        for which in self._counted:
            more = least[which]
            all_in = max(costs[which], more) if which == len(MEASURES) - 1 else costs[which] + more
            if all_in > self._most[which] or all_in == inf:
                return None
        by = self._by
        return max(costs[by], least[by]) if by == len(MEASURES) - 1 else costs[by] + least[by]

    def _missing(self, begun: Begun) -> Sizes:
        """Return how much field is missing, in elements of the last map."""
        if self._low is None:
            return ()
        return tuple(
            [
                -int((size - least) // step) if size < least else 0
                for size, least, step in zip(begun.field, self._low, begun.stride, strict=True)
            ]
        )

    def _left(self, begun: Begun) -> int:
        """Return how many layers, or blocks, there may be more."""
        if self._ahead.by_layers:
            return int(self._most[LAYERS]) - begun.costs[LAYERS]
        return self._space.grammar.most_blocks - len(begun.choice.options)

    def _extended(self, begun: Begun) -> Iterator[Begun]:
        grammar = self._space.grammar
        if len(begun.choice.options) >= grammar.most_blocks:
            return
        for edge in self._space.edges(begun.site):
            state = grammar.follows(begun.state, edge.place)
            if state is not None and self._ahead.large_enough(edge.site):
                yield extended(begun, edge, state)

    def _completed(self, begun: Begun) -> Iterator[Found]:
        """Yield the stacks that end here and meet the targets."""
        bounds, choice, map = self._bounds, begun.choice, begun.site.map
        if not choice.options or not bounds.within("output", map.extents):
            return
        if not bounds.within("field", begun.field) or not bounds.within("stride", begun.stride):
            return
        for number, costs in self._space.heads(begun.site):
            every = joined(begun.costs, costs)
            if all(bounds.within(name, (cost,)) for name, cost in zip(MEASURES, every, strict=True)):
                yield Found(choice._replace(head=number), every, begun.field, begun.stride, map)

    def _standing(self, begun: Begun, missing: Sizes) -> _Standing:
        """Return where a stack stands, and what it is worth there."""
        costs = begun.costs
        place = (
            begun.site,
            begun.state,
            begun.stride,
            begun.field if self._high is not None else (),
        )
        # beyond what is asked for a field, or a cost that has to be large, is worth no more
        sees = missing if self._high is None else ()
        short = [-min(costs[which], least) for which, least in self._floor]
        worth = (*sees, *short, *[costs[which] for which in self._counted])
        if self._most[LAYERS] > self._space.grammar.most_blocks:  # else there can never be too many
            worth = (*worth, len(begun.choice.options))
        return _Standing(place, worth, (costs[self._by], begun.choice.order))

    def _is_one_too_many(self, standing: _Standing) -> bool:
        """Tell whether as many others as are wanted are begun already, worth the same, and come before."""
        same = self._same.setdefault(standing[:2], [])
        if len(same) >= self._top and same[-1] < standing.order:
            return True
        insort(same, standing.order)
        del same[self._top :]
        return False

    def _is_beaten(self, standing: _Standing) -> bool:
        """Tell whether as many others as are wanted are no worse here; else remember this one."""
        place, worth, order = standing
        passed = self._passed.setdefault(place, [])
        better = 0
        for number, (other, before) in enumerate(passed):
            if before < order:
                for mine, its in zip(worth, other, strict=True):
                    if its > mine:
                        break
                else:
                    better += 1
                    if better >= self._top:
                        # what beats one beats many: it is looked at first the next time
                        passed.insert(0, passed.pop(number))
                        return True
        passed.append((worth, order))
        return False
