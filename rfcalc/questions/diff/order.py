"""Signatures of nodes, and an order of them that two models share as far as they are the same.

A node's signature from the inputs says what it is and, by the signatures of the nodes before it, all that
lies before it; one from the outputs says the same of what lies behind (Weisfeiler and Lehman, run to
the end in a direction without cycles). Both take one pass. Those of a neighbourhood are a few rounds of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from rfcalc.questions.diff.nodes import Node
from rfcalc.records import NamedTuple

_ROUNDS: Final = 2


class Names:
    """Numbers for signatures, equal for equal ones in both models."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, signature: Hashable) -> int:
        """Return the number of a signature."""
        return self._numbers.setdefault(signature, len(self._numbers))


class Signed(NamedTuple):
    """A model as it is matched.

    Parameters
    ----------
    nodes : sequence of Node
        Its nodes in topological order.
    order : list of int
        Their places in the order in which they are aligned.
    own, near : list of int
        For each node a number for what it is, and for the part of it that an edit leaves most likely.
    ahead, behind : list of int
        For each node a number for itself and all before it, and for itself and all behind it.
    around : list of int
        A number for itself and its neighbours to a distance of two.
    near_ahead, near_behind : list of int
        As `ahead` and `behind`, by the part of each node that an edit leaves most likely.
    """

    nodes: Sequence[Node]
    order: list[int]
    own: list[int]
    near: list[int]
    ahead: list[int]
    behind: list[int]
    around: list[int]
    near_ahead: list[int]
    near_behind: list[int]


def signed(nodes: Sequence[Node], outputs: Sequence[int], names: Names) -> Signed:
    """Work out the signatures of nodes, and the order in which they are aligned.

    Parameters
    ----------
    nodes : sequence of Node
        In topological order.
    outputs : sequence of int
        The places of the model's outputs.
    names : Names
        Shared by the two models.
    """
    own = [names.number(("own", node.own)) for node in nodes]
    near = [names.number(("near", node.near)) for node in nodes]
    takers = _takers(nodes)
    around = own
    for _ in range(_ROUNDS):
        around = _round(nodes, takers, around, names)
    return Signed(
        nodes,
        _order(nodes, outputs),
        own,
        near,
        _ahead(nodes, own, names),
        _behind(nodes, takers, own, names),
        around,
        _ahead(nodes, near, names),
        _behind(nodes, takers, near, names),
    )


def _ahead(nodes: Sequence[Node], own: Sequence[int], names: Names) -> list[int]:
    """Return for each node a number for itself and all before it."""
    ahead: list[int] = []
    for place, node in enumerate(nodes):
        slots = [tuple((ahead[source], output) for source, output in slot) for slot in node.inputs]
        ahead.append(names.number(("ahead", own[place], _slots(node, slots))))
    return ahead


def _behind(
    nodes: Sequence[Node], takers: Sequence[Sequence[tuple[int, int]]], own: Sequence[int], names: Names
) -> list[int]:
    """Return for each node a number for itself and all behind it."""
    behind = [0] * len(nodes)
    for place in reversed(range(len(nodes))):
        after = sorted((slot, behind[taker]) for slot, taker in takers[place])
        behind[place] = names.number(("behind", own[place], tuple(after)))
    return behind


def _slots(
    node: Node, slots: Sequence[tuple[tuple[int, int], ...]]
) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(sorted(slots)) if node.commutes else tuple(slots)


def _takers(nodes: Sequence[Node]) -> list[list[tuple[int, int]]]:
    """Return for each node who takes its outputs: as which input, where that matters, and its place."""
    takers: list[list[tuple[int, int]]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        for number, slot in enumerate(node.inputs):
            for source, _ in slot:
                takers[source].append((0 if node.commutes else number, place))
    return takers


def _round(
    nodes: Sequence[Node], takers: Sequence[Sequence[tuple[int, int]]], last: Sequence[int], names: Names
) -> list[int]:
    found = []
    for place, node in enumerate(nodes):
        slots = [tuple((last[source], output) for source, output in slot) for slot in node.inputs]
        after = sorted((slot, last[taker]) for slot, taker in takers[place])
        found.append(names.number(("around", last[place], _slots(node, slots), tuple(after))))
    return found


def _order(nodes: Sequence[Node], outputs: Sequence[int]) -> list[int]:
    """Order nodes depth first from the outputs, what lies before a node in front of it.

    Files interleave branches as they like. This order depends on the graph alone: inputs in their order, of
    sums the deepest first.
    """
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max((depth[source] for slot in node.inputs for source, _ in slot), default=0))
    order: list[int] = []
    done = [False] * len(nodes)
    for start in (*outputs, *reversed(range(len(nodes)))):
        stack = [(start, False)]
        while stack:
            place, ready = stack.pop()
            if ready:
                order.append(place)
                continue
            if done[place]:
                continue
            done[place] = True
            stack.append((place, True))
            sources = [source for slot in nodes[place].inputs for source, _ in slot]
            if nodes[place].commutes:
                sources.sort(key=lambda source: -depth[source])
            stack.extend((source, False) for source in reversed(sources) if not done[source])
    return order
