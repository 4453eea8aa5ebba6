"""How changes go on downstream: which layers, themselves as before, have other figures, and behind what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rfcalc.engine.result import Row
from rfcalc.questions.diff.figures import all_alike, bounded_alone, map_of
from rfcalc.questions.diff.nodes import Node
from rfcalc.questions.diff.result import Entry, Side, Spread
from rfcalc.records import NamedTuple

_MOST_CAUSES: Final = 512
"""Changes that are followed one by one; more of them are followed together."""

_WIDTH_ALONE: Final = frozenset(
    (
        "filters",
        "units",
        "bias",
        "groups",
        "multiplier",
        "weight_tensors",
        "trainable",
        "function",
        "rate",
        "alpha",
    )
)
"""Settings that leave fields and extents of maps as they are."""


class Graph(NamedTuple):
    """One of the models.

    Parameters
    ----------
    nodes : sequence of Node
        Its nodes.
    rows : sequence of Row
        Their figures.
    entries : sequence of int
        For each the number of its entry; -1 where there is none.
    """

    nodes: Sequence[Node]
    rows: Sequence[Row]
    entries: Sequence[int]


def spread_of(entries: Sequence[Entry], old: Graph, new: Graph) -> tuple[Spread, ...]:
    """Sum up what lies behind changes.

    Parameters
    ----------
    entries : sequence of Entry
        All layers.
    old, new : Graph
        The two models.
    """
    if not any(entry.state == "affected" for entry in entries):
        return ()
    roots = [number for number, entry in enumerate(entries) if entry.state not in ("same", "affected")]
    bit = {number: 1 << place if len(roots) <= _MOST_CAUSES else 1 for place, number in enumerate(roots)}
    behind = [0] * len(entries)
    for graph in (old, new):
        masks: list[int] = []
        for place, node in enumerate(graph.nodes):
            before = 0
            for slot in node.inputs:
                for source, _ in slot:
                    before |= masks[source]
            number = graph.entries[place]
            if number < 0:  # nothing is said of it
                masks.append(before)
                continue
            behind[number] |= before
            masks.append(behind[number] | bit.get(number, 0))
    effects = _effects(roots, entries, old, new)
    groups: dict[tuple[str, str], list[tuple[Entry, int]]] = {}
    for entry, mask in zip(entries, behind, strict=True):
        if entry.state == "affected":
            for figure, direction in _moves(entry):
                groups.setdefault((figure, direction), []).append((entry, mask))
    found = [_spread(key, group, roots, bit, effects, entries) for key, group in groups.items()]
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.figure), each.direction)))


_ORDER: Final = (
    "receptive_field", "local_receptive_field", "receptive_field_min", "effective_stride", "center",
    "spatial", "channels", "params", "macs", "status",
)  # fmt: skip


def _spread(
    key: tuple[str, str],
    group: Sequence[tuple[Entry, int]],
    roots: Sequence[int],
    bit: Mapping[int, int],
    effects: Mapping[int, frozenset[str]],
    entries: Sequence[Entry],
) -> Spread:
    figure, direction = key
    everything = 0
    for _, mask in group:
        everything |= mask
    behind = [number for number in roots if bit[number] & everything]
    causes = [number for number in behind if figure in effects[number]] or behind
    names = tuple(dict.fromkeys(entries[number].name for number in causes))
    most = max(enumerate(group), key=lambda each: (_size(figure, each[1][0]), each[0]))[1][0]
    old, new = _values(figure, most)
    if figure in ("params", "macs"):
        old, new = (sum(pair) for pair in zip(*(_values(figure, entry) for entry, _ in group), strict=True))
    return Spread(figure, direction, names, len(group), most.name, old, new)


# ---- one layer ---------------------------------------------------------------------------------------------


def _values(figure: str, entry: Entry) -> tuple[Any, Any]:
    assert entry.old is not None
    assert entry.new is not None
    return _value(figure, entry.old), _value(figure, entry.new)


def _value(figure: str, side: Side) -> Any:
    if figure == "params":
        return side.params
    if figure == "channels":
        return side.row.output_shape
    return getattr(side.row, figure)


def _moves(entry: Entry) -> Iterator[tuple[str, str]]:
    """Say in which figures, and in which direction, a layer moved."""
    assert entry.old is not None
    assert entry.new is not None
    old, new = entry.old.row, entry.new.row
    moved = set(entry.figures)
    if "receptive_field" in moved:
        same = old.receptive_field == new.receptive_field
        figure = "local_receptive_field" if same else "receptive_field"
        yield figure, _direction(getattr(old, figure), getattr(new, figure), endless=True)
    elif "receptive_field_min" in moved:
        fields = old.receptive_field_min, new.receptive_field_min
        yield "receptive_field_min", _direction(*fields, endless=True)
    if "effective_stride" in moved:
        yield "effective_stride", _direction(old.effective_stride, new.effective_stride)
    if "center" in moved and not moved & {"receptive_field", "receptive_field_min", "effective_stride"}:
        yield "center", "changes"
    if "output_shape" in moved:
        if all_alike(map_of(old, new), map_of(new, old)) is False:
            yield "spatial", _direction(map_of(old, new), map_of(new, old))
        else:
            yield "channels", _direction((old.activations,), (new.activations,))
    for figure in ("params", "macs"):
        if figure in moved:
            values = _values(figure, entry)
            yield figure, "grows" if values[1] > values[0] else "shrinks"
    if "status" in moved:
        yield "status", _turn(old, new)


def _turn(old: Row, new: Row) -> str:
    """Say what became of the status of a layer."""
    if bounded_alone(old, new):
        return new.status
    return "unknown" if new.status == "unknown" else "known"


def _direction(old: Any, new: Any, *, endless: bool = False) -> str:
    if old is None or new is None:
        return "changes"
    if endless and (None in old) != (None in new):
        return "global" if None in new else "finite"
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if a is not None and b is not None]
    if len(old) == len(new) and pairs and (None in old) == (None in new):
        if all(a == b for a, b in pairs):
            return "changes"
        if all(b >= a for a, b in pairs):
            return "grows"
        if all(b <= a for a, b in pairs):
            return "shrinks"
    return "changes"


def _size(figure: str, entry: Entry) -> float:
    """Rank how much a layer's figure moved."""
    old, new = _values(figure, entry)
    if figure in ("params", "macs"):
        return float(abs(new - old))
    if figure in ("status", "channels") or old is None or new is None or len(old) != len(new):
        return 0.0
    ratio = figure in ("effective_stride", "spatial")
    moves = []
    for a, b in zip(old, new, strict=True):
        if a is not None and b is not None:
            moves.append(max(a, b) / max(min(a, b), 1e-9) if ratio else abs(b - a))
    return float(max(moves, default=0.0))


# ---- what a change is responsible for ----------------------------------------------------------------------


def _effects(
    roots: Sequence[int], entries: Sequence[Entry], old: Graph, new: Graph
) -> dict[int, frozenset[str]]:
    """Return for each change the figures downstream that it can move."""
    places = [
        {number: place for place, number in reversed(list(enumerate(graph.entries))) if number >= 0}
        for graph in (old, new)
    ]
    found = {}
    for number in roots:
        steps = [
            None if number not in where else _step(graph, where[number])
            for graph, where in zip((old, new), places, strict=True)
        ]
        figures = {"status"}
        window, extents, width = (_moved(steps, part, entries[number]) for part in range(3))
        if window:
            figures |= _OF_A_WINDOW
        if extents:
            figures |= {"spatial", "center", "effective_stride"}
        if width:
            figures.add("channels")
        if width or extents:
            figures |= {"params", "macs"}
        found[number] = frozenset(figures)
    return found


_Step = tuple[Any, Any, Any]


def _moved(steps: Sequence[_Step | None], part: int, entry: Entry) -> bool:
    """Tell whether a layer's own step differs from its counterpart's, or from none."""
    old, new = steps
    if entry.rewired:
        return True
    if old is not None and new is not None:
        names = {setting.name for setting in entry.settings}
        if part < 2 and names and names <= _WIDTH_ALONE:
            return False
        # the extents of a map depend on those of its input, so a step along them is not comparable
        return old[part] != new[part] or (part == 1 and not names <= _WIDTH_ALONE)
    step = old or new
    return step is None or step[part] != _NOTHING[part]


_OF_A_WINDOW: Final = frozenset(
    ("receptive_field", "local_receptive_field", "receptive_field_min", "effective_stride", "center")
)
_NOTHING: Final[_Step] = ((), None, None)


def _step(graph: Graph, place: int) -> _Step:
    """Return what a layer adds: its window in steps of its input, a change of extents, and of width."""
    row = graph.rows[place]
    given = [graph.rows[source] for slot in graph.nodes[place].inputs for source, _ in slot]
    if not given:
        return (row.receptive_field, row.effective_stride), row.spatial, row.activations
    before = max(given, key=_field_size)
    extents = None if row.spatial == before.spatial else row.spatial
    width = None if _width(row) == _width(before) else _width(row)
    return _window(row, before), extents, width


def _window(row: Row, before: Row) -> Any:
    fields = (row.local_receptive_field, before.local_receptive_field)
    strides = (row.effective_stride, before.effective_stride)
    if (
        fields == (fields[0],) * 2
        and strides[0] == strides[1]
        and row.receptive_field == before.receptive_field
    ):
        return ()
    (own, other), (fine, coarse) = fields, strides
    if own is None or other is None or fine is None or coarse is None:
        return fields, strides
    return tuple(
        ((a - b) / d, c / d)
        if a is not None and b is not None and c is not None and d
        else (a, c)  # no size, or no grid: the figures themselves
        for a, b, c, d in zip(own, other, fine, coarse, strict=False)
    )


def _field_size(row: Row) -> float:
    field = row.local_receptive_field or ()
    return float(sum(1e9 if size is None else size for size in field))


def _width(row: Row) -> Any:
    if row.activations is None:
        return None
    extent: Any = 1
    for size in row.spatial:
        if size is None:
            return None
        extent = extent * size
    return row.activations // extent if extent else None
