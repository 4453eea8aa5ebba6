"""Which layer of one model is which of the other.

Keys are tried from the one that says most to the one that says least; each aligns what the ones before left
between their anchors. Names are evidence, and mislead where a tool numbers layers; what a layer is misleads
where widths are other ones everywhere. So it is done with names first, with structure first, and with windows
first, widths aside; the outcome with the fewest edits, and then with the fewest renamed layers, is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final

from rfcalc.questions.diff.nodes import Node
from rfcalc.questions.diff.order import Names, Signed, signed
from rfcalc.questions.diff.sequence import Pair, Work, aligned
from rfcalc.records import NamedTuple

Key = Callable[[Signed, int], Hashable]

_KEYS: Final[dict[str, Key]] = {
    "name, all before": lambda model, place: (model.nodes[place].name, model.ahead[place]),
    "name, all behind": lambda model, place: (model.nodes[place].name, model.behind[place]),
    "name, neighbours": lambda model, place: (model.nodes[place].name, model.around[place]),
    "name, itself": lambda model, place: (model.nodes[place].name, model.own[place]),
    "all before": lambda model, place: model.ahead[place],
    "all behind": lambda model, place: model.behind[place],
    "neighbours": lambda model, place: model.around[place],
    "itself": lambda model, place: model.own[place],
    "windows before": lambda model, place: model.near_ahead[place],
    "windows behind": lambda model, place: model.near_behind[place],
}

_NAMES_FIRST: Final = (
    "name, all before", "name, all behind", "name, neighbours", "name, itself",
    "all before", "all behind", "neighbours", "itself",
)  # fmt: skip
_STRUCTURE_FIRST: Final = (
    "name, all before", "name, all behind", "all before", "all behind",
    "name, neighbours", "neighbours", "name, itself", "itself",
)  # fmt: skip

_WINDOWS_FIRST: Final = ("windows before", "windows behind", *_STRUCTURE_FIRST)
"""For two widths of one network, of which no layer is as before."""

_NAMED: Final = "name, itself"
_ANYWHERE: Final = ("all before", "all behind", "neighbours")
"""What tells a layer even where it stands elsewhere in the order, if there is one such layer alone."""


class Matching(NamedTuple):
    """Which node is which.

    Parameters
    ----------
    pairs : dict of int to int
        For places in the old model those in the new one.
    respelled : list of (list of int, list of int)
        Nodes of each model that are the same in other words.
    steps : int
        How many elements were looked at.
    """

    pairs: dict[int, int]
    respelled: list[tuple[list[int], list[int]]]
    steps: int


def match(
    old: Sequence[Node],
    new: Sequence[Node],
    outputs: tuple[Sequence[int], Sequence[int]],
    respelled: Callable[[Sequence[int], Sequence[int]], bool] | None = None,
) -> Matching:
    """Match the nodes of two models.

    Parameters
    ----------
    old, new : sequence of Node
        The models, in topological order.
    outputs : tuple of sequences of int
        The places of their outputs.
    respelled : callable, optional
        Whether a stretch of old nodes and one of new ones are the same in other words; they stay unmatched.
    """
    names = Names()
    one, two = signed(old, outputs[0], names), signed(new, outputs[1], names)
    # what can be said either way comes out the same for both directions
    turned = _content(one) > _content(two)
    if turned:
        one, two = two, one

    def ask(here: Sequence[int], there: Sequence[int]) -> bool:
        if respelled is None:
            return False
        return respelled(there, here) if turned else respelled(here, there)

    found = [_Matcher(one, two, ask).run(_NAMES_FIRST)]
    if any(found[0].cost()):
        found += [_Matcher(one, two, ask).run(keys) for keys in (_STRUCTURE_FIRST, _WINDOWS_FIRST)]
    best = min(found, key=lambda matcher: matcher.cost())
    pairs, respellings = best.pairs, best.respellings
    if turned:
        pairs = {b: a for a, b in pairs.items()}
        respellings = [(there, here) for here, there in respellings]
    return Matching(pairs, respellings, sum(matcher.work.steps for matcher in found))


def _content(model: Signed) -> tuple[int, list[str], list[str]]:
    nodes = model.nodes
    return len(nodes), [node.name for node in nodes], [repr((node.own, node.inputs)) for node in nodes]


class _Matcher:
    """One attempt."""

    def __init__(
        self, one: Signed, two: Signed, respelled: Callable[[Sequence[int], Sequence[int]], bool]
    ) -> None:
        self.one, self.two, self.respelled = one, two, respelled
        self.pairs: dict[int, int] = {}
        self.taken: set[int] = set()
        self.anchors: list[Pair] = []  # places in the orders, rising in both
        self.work = Work()
        self.left_out: set[int] = set()  # of the first model, what is the same in other words
        self.left_out_there: set[int] = set()
        self.respellings: list[tuple[list[int], list[int]]] = []

    def run(self, keys: Sequence[str]) -> _Matcher:
        for key in keys:
            self._align(_KEYS[key])
            if key == _NAMED:  # before what is only alike is taken for it
                self._pick(_KEYS[key])
        for key in _ANYWHERE:
            self._pick(_KEYS[key])
        self._leave_out()
        for near in (
            lambda model, place: (model.nodes[place].name, model.nodes[place].family),
            lambda model, place: model.near[place],
        ):
            self._align(near)
        self._pair_edited()
        self._pick(lambda model, place: (model.nodes[place].name, model.nodes[place].family))
        return self

    def cost(self) -> tuple[int, int]:
        """Count edits, and then layers with another name."""
        one, two = self.one, self.two
        edited = sum(one.own[a] != two.own[b] for a, b in self.pairs.items())
        alone = len(one.nodes) + len(two.nodes) - 2 * len(self.pairs)
        renamed = sum(one.nodes[a].name != two.nodes[b].name for a, b in self.pairs.items())
        return alone + edited, renamed

    def _is_done(self) -> bool:
        """Tell whether no node of one of the models is left."""
        return len(self.pairs) in (len(self.one.nodes), len(self.two.nodes))

    # ---- in order ------------------------------------------------------------------------------------------

    def _gaps(self) -> list[tuple[list[int], list[int]]]:
        """Return what is left between the anchors, as places in the orders."""
        first, second = self.one.order, self.two.order
        gaps: list[tuple[list[int], list[int]]] = []
        if self._is_done():
            return gaps
        i = j = 0
        for k, m in (*self.anchors, (len(first), len(second))):
            here = [p for p in range(i, k) if first[p] not in self.pairs and first[p] not in self.left_out]
            there = [
                p for p in range(j, m) if second[p] not in self.taken and second[p] not in self.left_out_there
            ]
            if here or there:
                gaps.append((here, there))
            self.work.steps += k - i + m - j
            i, j = k + 1, m + 1
        return gaps

    def _align(self, key: Key) -> None:
        """Align what is left by a key, between the anchors that there are."""
        numbers: dict[Hashable, int] = {}
        found: list[Pair] = []
        for here, there in self._gaps():
            if not here or not there:
                continue
            one = [numbers.setdefault(key(self.one, self.one.order[p]), len(numbers)) for p in here]
            two = [numbers.setdefault(key(self.two, self.two.order[p]), len(numbers)) for p in there]
            found += [(here[a], there[b]) for a, b in aligned(one, two, self.work)]
        self._anchor(found)

    def _anchor(self, found: Sequence[Pair]) -> None:
        for a, b in found:
            self._pair(self.one.order[a], self.two.order[b])
        self.anchors = sorted([*self.anchors, *found])

    def _pair(self, a: int, b: int) -> None:
        self.pairs[a] = b
        self.taken.add(b)

    def _pair_edited(self) -> None:
        """Pair layers of one family that stand between the same anchors, where there are as many of both."""
        found: list[Pair] = []
        for here, there in self._gaps():
            families: list[dict[str, list[int]]] = [{}, {}]
            for model, places, found_there in zip((self.one, self.two), (here, there), families, strict=True):
                for p in places:
                    found_there.setdefault(model.nodes[model.order[p]].family, []).append(p)
            one, two = families
            alike = {family: len(places) for family, places in one.items()} == {
                family: len(places) for family, places in two.items()
            }
            for family, places in one.items():
                others = two.get(family, [])
                if alike or len(places) == len(others) == 1:
                    found += zip(places, others, strict=True)
        for a, b in found:  # no anchors: two families may have changed places
            self._pair(self.one.order[a], self.two.order[b])

    # ---- in any order --------------------------------------------------------------------------------------

    def _pick(self, key: Key) -> None:
        """Pair what is left and has a key that nothing else has."""
        if self._is_done():
            return
        sides = []
        for model, done in (
            (self.one, {*self.pairs, *self.left_out}),
            (self.two, self.taken | self.left_out_there),
        ):
            places: dict[Hashable, list[int]] = {}
            for place in model.order:
                if place not in done:
                    places.setdefault(key(model, place), []).append(place)
            self.work.steps += len(model.order)
            sides.append(places)
        for value, here in sides[0].items():
            there = sides[1].get(value, [])
            if len(here) == len(there) == 1:
                self._pair(here[0], there[0])

    def _leave_out(self) -> None:
        """Set aside what is the same in other words."""
        for here, there in self._gaps():
            one = [self.one.order[p] for p in here]
            two = [self.two.order[p] for p in there]
            if one and two and self.respelled(one, two):
                self.left_out.update(one)
                self.left_out_there.update(two)
                self.respellings.append((one, two))
