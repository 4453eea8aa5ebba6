"""Which layers put the ends of a field where they are: a walk back from a layer to the input.

The first and the last input index of a field are followed backwards, each over the branch and the tap that
reach it. At each interface between two steps an end stands at some index of a map whose stride product is
known, so that ``jump * index`` is a place in pixels of the input. What a step adds to the first end is
``jump_out * index_out - jump_in * index_in``, to the last the opposite; these telescope, whatever the
phases, and all of them together are the field's size less one.

For a window of period 1 both ends together give the textbook term ``(kernel - 1) * dilation * jump``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import inf
from typing import Final, Literal

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.number import is_known
from rfcalc.algebra.pieces import several
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Slide, Step
from rfcalc.algebra.window import Window
from rfcalc.engine.follow import interfaces
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path

Side = Literal["first", "last"]
SIDES: Final[tuple[Side, Side]] = ("first", "last")

Which = Literal["full", "local"]
"""Dependence as it is, or with gates and statistics over the map cut."""


class Untraceable(Exception):
    """An end cannot be followed; the message says in which layer, and why."""


class End(NamedTuple):
    """Where an end of the field stands at one interface.

    Parameters
    ----------
    place : int
        The index there.
    jump : Fraction
        Pixels of the input between neighbours there.
    relation : Relation
        What the indices depend on.
    target : int
        The end itself, an index of the input.
    """

    place: int
    jump: Fraction
    relation: Relation
    target: int


class Move(NamedTuple):
    """What one step of a layer does to the ends of the field that pass through it.

    Parameters
    ----------
    layer : str
        Whose step it is.
    window : Window, optional
        What it slides along the axis, where it does.
    before, after : Fraction
        Pixels of the input between neighbours, before and after it.
    added : mapping
        For each end that passes, by how many pixels of the input the step moves it outwards.
    """

    layer: str
    window: Window | None
    before: Fraction
    after: Fraction
    added: Mapping[Side, Fraction]


class Trace(NamedTuple):
    """The way of both ends, from the input on: what happens to them, and the layers that they pass."""

    moves: tuple[Move, ...]
    passed: Mapping[Side, tuple[str, ...]]


class _Walk:
    """What all steps of one walk share."""

    def __init__(
        self,
        resolved: Mapping[str, LayerInfo],
        seen: Mapping[str, LayerFields],
        which: Which,
        axis: int,
    ) -> None:
        self.resolved = resolved
        self.seen = seen
        self.which = which
        self.axis = axis

    def start(self, edge: Edge) -> Dependence | None:
        """Return what a tensor depends on."""
        return self.seen[edge[0]].of(edge[1], local=self.which == "local")

    def relations(self, dependence: Dependence) -> Iterator[Relation]:
        """List what may hold an end: the legs along the axis, and those of single parts and pieces."""
        for one in several(dependence):
            for leg in one.legs:
                if leg.axis == self.axis and isinstance(leg.relation, Relation):
                    yield leg.relation


def trace(
    chain: Sequence[Layer],
    resolved: Mapping[str, LayerInfo],
    seen: Mapping[str, LayerFields],
    edge: Edge,
    *,
    axis: int,
    which: Which,
    ends: Mapping[Side, tuple[Relation, int]],
) -> Trace:
    """Follow both ends of the field of a tensor back to the input.

    Parameters
    ----------
    chain : sequence of Layer
        The layer and all that it depends on, in topological order.
    resolved, seen : mapping
        What the two passes know of them.
    edge : Edge
        The tensor.
    axis : int
        The spatial axis of the input.
    which : str
        The field as it is, or the local one.
    ends : mapping
        For each side the relation and the index in it whose first or last input index is the end.

    Raises
    ------
    Untraceable
        An end cannot be followed.
    """
    walk = _Walk(resolved, seen, which, axis)
    waiting: dict[Edge, dict[Side, End]] = {
        edge: {
            side: End(index, jump_of(relation), relation, int(_end(relation, index, side)))
            for side, (relation, index) in ends.items()
        }
    }
    moves: list[Move] = []
    passed: dict[Side, list[str]] = {side: [] for side in SIDES}
    for layer in reversed(chain):
        for place in [place for place in waiting if place[0] == layer.name]:
            here = waiting.pop(place)
            for side in here:
                passed[side].append(layer.name)
            if layer.kind == "input":
                continue
            for path, threads in _branches(walk, layer, place[1], here):
                arrived, made = _through(walk, layer, path, threads)
                moves += made
                waiting.setdefault(layer.inputs[path.input], {}).update(arrived)
    return Trace(tuple(reversed(moves)), {side: tuple(reversed(names)) for side, names in passed.items()})


def jump_of(relation: Relation) -> Fraction:
    """Return the stride product: pixels of the input from one index to the next."""
    return Fraction(relation.advance, relation.period)


def _end(relation: Relation, index: int, side: Side) -> float:
    return relation.ends(index)[side == "last"]


def _branches(
    walk: _Walk, layer: Layer, output: int, here: dict[Side, End]
) -> list[tuple[Path, dict[Side, End]]]:
    """Choose the path that each end takes through a layer, one for both where there is one."""
    result = walk.resolved[layer.name].result
    assert result is not None
    paths: Sequence[Path] = result.paths[output]
    if walk.which == "local" and result.gated is not None:
        paths = result.gated
    if len(paths) == 1:
        return [(paths[0], here)]
    finals = [(path, _along(walk, layer, path)[-1]) for path in paths]
    fitting = {
        side: [k for k, (_, final) in enumerate(finals) if _attains(walk, final, end, side)]
        or [k for k, (_, final) in enumerate(finals) if _attains(walk, final, end, side, respelled=True)]
        for side, end in here.items()
    }
    for side, found in fitting.items():
        if not found:
            raise Untraceable(f"no one branch of {layer.name!r} reaches the {side} pixel of the field")
    if len(here) > 1:
        both = [k for k in fitting["first"] if k in fitting["last"]]
        if both:
            return [(paths[both[0]], here)]
    return [(paths[fitting[side][0]], {side: end}) for side, end in here.items()]


def _attains(walk: _Walk, final: Dependence | None, end: End, side: Side, *, respelled: bool = False) -> bool:
    """Tell whether a branch reaches the end from the same index.

    Or from any index, where the branch counts positions otherwise (windows, where behind it they are pixels).
    """
    if final is None:
        return False
    for relation in walk.relations(final):
        targets = (end.target, _unspread(relation, end.target, side))
        if respelled and any(True for target in targets for _ in _indices(relation, target, side)):
            return True
        if not _is_empty(relation, end.place) and _end(relation, end.place, side) in targets:
            return True
    return False


def _unspread(relation: Relation, target: int, side: Side) -> int:
    """Take the slack off that a join adds to the last end where the offset of its branches is not known."""
    return target - relation.slack if side == "last" else target


def _is_empty(relation: Relation, index: int) -> bool:
    first, last = relation.ends(index)
    return first > last or (relation.listed > 0 and not 0 <= index < relation.listed)


def _along(walk: _Walk, layer: Layer, path: Path) -> list[Dependence | None]:
    """Return what is depended on before each step of a path, and behind the last."""
    inputs = [walk.start(edge) for edge in layer.inputs]
    if inputs[path.input] is None:
        return [None] * (len(path.followed) + 1)
    return [*interfaces(path, inputs, layer.name)]


def _through(
    walk: _Walk, layer: Layer, path: Path, threads: dict[Side, End]
) -> tuple[dict[Side, End], list[Move]]:
    """Take ends back over the steps of one path; where they come out, and what happened, the last first."""
    path, held = _steps_to(walk, layer, path, threads)
    moves = []
    # where grids of different strides meet, a branch stands on its own
    arrived = {side: _settle(walk, layer, None, held[-1], end, side) for side, end in threads.items()}
    joined = _move(layer, None, threads, arrived)
    if joined is not None:
        moves.append(joined)
    for place in range(len(path.followed) - 1, -1, -1):
        step = path.followed[place]
        inner = {side: _settle(walk, layer, step, held[place], end, side) for side, end in arrived.items()}
        move = _move(layer, step, arrived, inner)
        if move is not None:
            moves.append(move)
        arrived = inner
    return arrived, moves


def _settle(
    walk: _Walk, layer: Layer, step: Step | None, before: Dependence | None, end: End, side: Side
) -> End:
    """Find the index on the inner side of a step that the end is reached from."""
    found: list[End] = []
    for relation in () if before is None else walk.relations(before):
        if relation is end.relation or relation == end.relation:
            if _end(relation, end.place, side) == end.target:
                return end._replace(relation=relation)
            continue
        for target in {end.target, _unspread(relation, end.target, side) if step is None else end.target}:
            found += (End(i, jump_of(relation), relation, target) for i in _indices(relation, target, side))
    if not found:
        raise Untraceable(f"{layer.name!r} moves positions in a way that no one window says")
    if isinstance(step, Slide):  # the outermost that will do, so that a window adds all that it reaches
        reach = step.window.indices(end.place)
        inside = [inner for inner in found if inner.place in reach]
        if inside:
            outwards = (inside[0].jump > 0) == (side == "last")
            return (max if outwards else min)(inside, key=lambda inner: inner.place)
    same = [inner for inner in found if step is None and inner.place == end.place]
    pixel = end.jump * end.place
    return min(same or found, key=lambda inner: abs(inner.jump * inner.place - pixel))


def _indices(relation: Relation, target: int, side: Side) -> Iterator[int]:
    """List the indices whose field ends at `target`: one at most for each row."""
    for row, (first, last) in enumerate(zip(relation.lo, relation.hi, strict=True)):
        end = first if side == "first" else last
        if first > last or end in (inf, -inf):
            continue
        away = target - int(end)
        if relation.advance == 0:
            if away == 0:
                yield row
        elif away % relation.advance == 0:
            index = relation.period * (away // relation.advance) + row
            if not relation.listed or 0 <= index < relation.listed:
                yield index


def _steps_to(
    walk: _Walk, layer: Layer, path: Path, threads: Mapping[Side, End]
) -> tuple[Path, list[Dependence | None]]:
    """Return a path with the steps that name its windows, and what is depended on between these.

    Steps that tell channels apart take a window to pieces. Those of all channels together name it, and serve
    where what they come to has the very relation that the ends stand in.
    """
    if path.apart is not None:
        together = path._replace(apart=None)
        held = _along(walk, layer, together)
        made = [] if held[-1] is None else [*walk.relations(held[-1])]
        if all(end.relation in made for end in threads.values()):
            return together, held
    return path, _along(walk, layer, path)


def _move(
    layer: Layer, step: Step | None, outer: Mapping[Side, End], inner: Mapping[Side, End]
) -> Move | None:
    """Say what a step did to the ends that passed; None where it left them as they were."""
    window = step.window if isinstance(step, Slide) and is_known(step.window.period) else None
    added: dict[Side, Fraction] = {}
    for side, end in outer.items():
        start = inner[side]
        if start.relation is end.relation and start.place == end.place:
            continue
        outwards = 1 if side == "first" else -1
        grid = end.jump * end.place - start.jump * start.place
        added[side] = outwards * (grid - end.target + start.target)
    if not added:
        return None
    side = next(iter(added))
    for other in outer:
        added.setdefault(other, Fraction(0))
    return Move(layer.name, window, inner[side].jump, outer[side].jump, added)
