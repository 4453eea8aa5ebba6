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
from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf

from rfcalc.questions.design.ahead import NEVER
from rfcalc.questions.design.blocks import MEASURES, PEAK, Sizes, joined
from rfcalc.questions.design.outlook import Outlook
from rfcalc.questions.design.space import LAYERS, Begun, Found, at_most, extended
from rfcalc.questions.design.targets import Bounds
from rfcalc.records import NamedTuple

_Promise = tuple[float, int]
"""What a stack will cost at least, and how many blocks it will have where that much is all it costs.

Blocks are counted where the cost has to be large or exact, since very many stacks may be as cheap then.
"""

_Order = tuple[int, tuple[int, int, int, tuple[int, ...], int]]
"""What stacks are ordered by: their cost, and then their place in the grammar."""


_ANY: _Order = (0, (0, 0, 0, (), 0))
"""The order of all where any will do."""


class _Standing(NamedTuple):
    """Where a stack that is begun stands, what it is worth there, the less the better, and its order."""

    place: tuple[object, ...]
    worth: tuple[float, ...]
    order: _Order


class Search:
    """One search for the cheapest stacks.

    Parameters
    ----------
    outlook : Outlook
        The space, with what is ahead in it.
    bounds : Bounds
        What has to be met.
    by : int, optional
        The measure that stacks are ordered by, as its number; without it any will do.
    top : int
        How many are wanted.
    """

    def __init__(self, outlook: Outlook, bounds: Bounds, by: int | None, top: int) -> None:
        self._outlook, self._space = outlook, outlook.space
        self._bounds, self._by, self._top = bounds, by, top
        self._ahead = outlook.ahead(bounds)
        self._most = [bounds.cost(which)[1] for which in range(len(MEASURES))]
        floors = [(which, bounds.cost(which)[0]) for which in range(len(MEASURES))]
        self._floor = [(which, least) for which, least in floors if least > -inf]
        self._counted = [w for w in range(len(MEASURES)) if w == by or self._most[w] < inf]
        self._low, self._high = bounds.low.get("field"), bounds.high.get("field")
        self._strides = bounds.high.get("stride")
        self._passed: dict[object, list[tuple[tuple[float, ...], _Order]]] = {}
        self._same: dict[object, list[_Order]] = {}

    def run(self) -> list[Found]:
        """Return the cheapest stacks, in order; fewer where there are no more.

        Raises
        ------
        TooManyStates
            The space has a limit, and the search is not done when it is reached.
        """
        queue: list[tuple[_Promise, int, int, Begun | Found, _Standing | None]] = []
        count = itertools.count()
        done: list[tuple[_Promise, Found]] = []

        def begin(begun: Begun) -> None:
            self._space.effort.step()
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
            promise, _, _, item, standing = heappop(queue)
            if len(done) >= self._top and promise > done[self._top - 1][0]:
                break  # they are found cheapest first
            if isinstance(item, Found):
                done.append((promise, item))
                if self._by is None:
                    break
                continue
            if standing is None or self._is_beaten(standing):
                continue
            for found in self._completed(item):
                heappush(queue, (self._kept(found), 0, next(count), found, None))
            for after in self._extended(item):
                begin(after)
        return sorted((found for _, found in done), key=self._place)[: self._top]

    def _place(self, found: Found) -> _Order:
        return (0 if self._by is None else found.costs[self._by], found.choice.order)

    def _kept(self, found: Found) -> _Promise:
        """Return the promise that a stack has kept."""
        by = self._by
        if by is None:
            return (0, 0)
        return (found.costs[by], len(found.choice.options) if self._has_floor(by) else 0)

    def _has_floor(self, which: int) -> bool:
        return any(each == which for each, _ in self._floor)

    def _promise(self, begun: Begun, missing: Sizes) -> _Promise | None:
        """Return the least that a stack can come to; None where it can meet the targets no more."""
        if self._high is not None and not all(map(at_most, begun.field, self._high)):
            return None
        if self._strides is not None and not all(map(at_most, begun.stride, self._strides)):
            return None
        least = self._ahead.least(begun.site, self._left(begun), missing)
        if least is NEVER:
            return None
        costs, by = joined(begun.costs, least), self._by
        if any(costs[which] > self._most[which] for which in self._counted):
            return None
        promise: _Promise = (0 if by is None else costs[by], 0)
        for which, floor in self._floor:
            enough = self._enough(begun, which, floor)
            if enough[0] > self._most[which] or enough[0] == inf:
                return None
            if which == by:
                promise = (max(costs[by], enough[0]), enough[1] if enough[0] >= costs[by] else 0)
        return promise

    def _enough(self, begun: Begun, which: int, floor: float) -> _Promise:
        """Return the least of what a cost can come to that is no less than a floor, and with how many blocks.

        The cost is infinite where it can never be so large.
        """
        cost, site, placed = begun.costs[which], begun.site, len(begun.choice.options)
        left = self._space.grammar.most_blocks - placed
        ahead = self._outlook.ahead(self._bounds, by_layers=False)
        if which == PEAK:
            return (floor if max(cost, ahead.most(site, left)[which]) >= floor else inf, placed)
        more, blocks = self._outlook.sums(ahead, which).least(site, left, floor - cost)
        return cost + more, placed + blocks

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
        # beyond what is asked for a field, or a cost that has to be large, is worth no more
        reached = {which: min(costs[which], least) for which, least in self._floor}
        place = (
            begun.site,
            begun.state,
            begun.stride,
            begun.field if self._high is not None else (),
            # of a cost that had better be small, and yet has to be large, only as much is no worse
            tuple([value for which, value in reached.items() if which in self._counted]),
        )
        sees = missing if self._high is None else ()
        short = [-value for which, value in reached.items() if which not in self._counted]
        worth = (*sees, *short, *[costs[which] for which in self._counted])
        if self._most[LAYERS] > self._space.grammar.most_blocks:  # else there can never be too many
            worth = (*worth, len(begun.choice.options))
        if self._by is None:
            return _Standing(place, worth, _ANY)
        return _Standing(place, worth, (costs[self._by], begun.choice.order))

    def _is_one_too_many(self, standing: _Standing) -> bool:
        """Tell whether as many others as are wanted are begun already, worth the same, and come before."""
        same = self._same.setdefault(standing[:2], [])
        if len(same) >= self._top and same[-1] <= standing.order:
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
            if before <= order:
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
