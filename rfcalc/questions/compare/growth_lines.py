"""The lines of the picture of growth: the graph of a model, with what only passes maps on left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Final

from rfcalc.engine.costs import every_call, field_of, leaves
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.questions.compare.order import in_one_order
from rfcalc.questions.compare.report import title_of
from rfcalc.questions.compare.result import ComparisonResult
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import of_family

_FOLDING: Final = frozenset((*of_family("moving"), *of_family("normalisation")))
"""Kinds that hold maps which are folded, even where what they hold looks like a map."""


class Point(NamedTuple):
    """A layer in the picture.

    Parameters
    ----------
    place : int
        Its place in the order of all layers shown.
    field : int, optional
        Its field; None where it sees the whole axis.
    joins : bool
        It only brings branches together, and sees as far as one of them.
    exact : bool
        The field is just so wide; else at most so.
    whole : bool
        The field is as it is; else gates that see everything are cut from it.
    """

    place: int
    field: int | None
    joins: bool
    exact: bool = True
    whole: bool = True


Line = tuple[Point, ...]
"""Layers of which each reads the one before it."""


class Series(NamedTuple):
    """One model in the picture.

    Parameters
    ----------
    names : tuple of str
        The models that it stands for; those with the same lines share them.
    lines : tuple of Line
        The longest first; each further one is a branch, and begins at the layer that it leaves.
    everywhere : tuple of int
        Places of layers that see the whole axis, whatever its size.
    """

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    everywhere: tuple[int, ...]


class Growth(NamedTuple):
    """What is drawn: the layers in their order, those among them that only join branches, the models."""

    layers: tuple[str, ...]
    joins: frozenset[str]
    series: tuple[Series, ...]


class _Node(NamedTuple):
    """A layer that is shown: its row, and the layers shown that it reads."""

    row: Row
    read: tuple[str, ...]
    joins: bool


def growth_of(comparison: ComparisonResult, axis: int) -> Growth:
    """Lay out the models of a comparison along one axis of the input.

    Parameters
    ----------
    comparison : ComparisonResult
        A model and its counterfactuals.
    axis : int
        The spatial axis whose fields are drawn.
    """
    windows = {row.name for _, rows in comparison.depths for row in rows if row is not None}
    results = [entry.result for entry in comparison.entries]
    for row in [row for result in results if result is not None for row in leaves(result)]:
        calls = {call.name for call in row.calls}
        windows |= calls if calls & windows else set()
    graphs = [{} if result is None else _nodes(result, windows, axis) for result in results]
    layers = in_one_order(graphs, {name for nodes in graphs for name in nodes})
    joins = frozenset(name for nodes in graphs for name, node in nodes.items() if node.joins) - windows
    places = {name: place for place, name in enumerate(layers)}
    found: dict[tuple[tuple[Line, ...], tuple[int, ...]], list[str]] = {}
    for entry, nodes in zip(comparison.entries, graphs, strict=True):
        if entry.result is not None:
            found.setdefault(_series(nodes, places, axis), []).append(title_of(comparison, entry))
    return Growth(layers, joins, tuple(Series(tuple(names), *drawn) for drawn, names in found.items()))


def size_of(row: Row | None, axis: int) -> int | None:
    """Return the field of a layer along an axis, gates cut; None where it has no size."""
    field = None if row is None else field_of(row)
    return None if field is None or axis >= len(field) else field[axis]


def _nodes(result: AnalysisResult, windows: Collection[str], axis: int) -> Mapping[str, _Node]:
    """Return the layers to show, and what each of them reads, past all that only hands a map on."""
    nodes: dict[str, _Node] = {}
    stands: dict[str, tuple[str, ...]] = {}  # for each layer, the layers shown that its output comes from
    hidden = _folded(result, axis)
    for row in every_call(leaves(result)):
        read = tuple(dict.fromkeys(name for each in row.inputs for name in stands.get(each, ())))
        joins = row.name not in windows
        sized = [name for name in read if size_of(nodes[name].row, axis) is not None]
        if row.name in hidden or (joins and (len(sized) < 2 or size_of(row, axis) is None)):
            # a gate sees everything: what it reads is cut from the fields behind it
            stands[row.name] = () if size_of(row, axis) is None else read
            continue
        nodes[row.name] = _Node(row, read, joins)
        stands[row.name] = (row.name,)
    return nodes


def _folded(result: AnalysisResult, axis: int) -> Collection[str]:
    """Return the layers whose elements see more than those of a layer behind them, and that fold a map.

    So it is where one is folded for a while, as for a normalisation by groups: an element of what it is
    folded to sees far, but is no unit of a map.
    """
    rows = every_call(leaves(result))
    rank = max((len(row.effective_stride or ()) for row in rows), default=0)
    least: dict[str, float] = {}  # for each layer the smallest field behind it
    found = set()
    for row in reversed(rows):
        size, behind = size_of(row, axis), least.get(row.name, inf)
        strides = row.effective_stride
        keeps_map = strides is not None and len(row.spatial) == rank and strides[axis] is not None
        if size and size > behind and (row.kind in _FOLDING or not keeps_map):
            found.add(row.name)
        for name in row.inputs:
            least[name] = min(least.get(name, inf), behind, size or inf)
    return found


def _series(
    nodes: Mapping[str, _Node], places: Mapping[str, int], axis: int
) -> tuple[tuple[Line, ...], tuple[int, ...]]:
    """Return the lines of one model, and the places of its layers that see everything."""
    points = {
        name: _point(places[name], node, axis) for name, node in nodes.items() if size_of(node.row, axis)
    }
    everywhere = tuple(places[name] for name, node in nodes.items() if _is_global(node.row, axis))
    lines = _lines({name: _widest_first(nodes[name].read, points) for name in points})
    return tuple(tuple(points[name] for name in line) for line in lines), everywhere


def _point(place: int, node: _Node, axis: int) -> Point:
    row = node.row
    full = row.receptive_field
    whole = full is not None and None not in full
    return Point(place, size_of(row, axis), node.joins, row.status == "exact", whole)


def _lines(read: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Cut a graph into lines, the longest first, each of which goes back from its end by what is read first.

    Every edge is in one line. The ends are the layers that nothing reads, and where a line meets another.
    """
    taken = {each for every in read.values() for each in every}
    last = sorted(
        (name for name in read if name not in taken), key=lambda name: _depth(name, read), reverse=True
    )
    ends: list[tuple[str, ...]] = [(name,) for name in last]
    ends += [(each, name) for name in reversed(list(read)) for each in read[name][1:]]
    drawn: set[str] = set()
    lines = []
    for end in ends:
        line = list(reversed(end))
        while line[-1] not in drawn:
            drawn.add(line[-1])
            line += read[line[-1]][:1]
        lines.append(line[::-1])
    return sorted(lines, key=len, reverse=True)


def _depth(name: str, read: Mapping[str, Sequence[str]]) -> int:
    """Count the layers on the way back from a layer, by what is read first."""
    depth = 0
    while read[name]:
        name, depth = read[name][0], depth + 1
    return depth


def _widest_first(read: Sequence[str], points: Mapping[str, Point]) -> list[str]:
    """Order what a layer reads: the widest field first, of several the latest; what has no size left out."""
    found = [name for name in read if name in points]
    return sorted(found, key=lambda name: (points[name].field or 0, points[name].place), reverse=True)


def _is_global(row: Row, axis: int) -> bool:
    field = row.receptive_field
    return field is not None and axis < len(field) and field[axis] is None and size_of(row, axis) is None


def points_of(growth: Growth) -> Sequence[Point]:
    """List all points that are drawn."""
    return [point for each in growth.series for line in each.lines for point in line]
