"""Compare a model with its counterfactuals, or models with each other: by depth, and by what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from rfcalc.algebra.number import Num
from rfcalc.analysis.attribution import Attributor
from rfcalc.analysis.counterfactuals import Counterfactual, DoesNotApply, counterfactual
from rfcalc.analysis.counterfactuals.rewrite import POOLS
from rfcalc.analysis.figures import analyze_graph
from rfcalc.analysis.result import AnalysisResult, Row, Size
from rfcalc.analysis.shapes import known_extent, resolve
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer

ORIGINAL: Final = "original"
"""What the model itself is called among its counterfactuals."""

_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    "plain": ("unstrided",),
    "unstrided": ("plain",),
    "dilated": ("atrous",),
    "atrous": ("dilated",),
    "pool": ("pool:2:2", "pool:2:3", "pool:2:4"),
}
"""What may work where a counterfactual does not, the nearest first."""

DENSE: Final = frozenset(("linear", "einsum_dense"))
_CONVOLUTIONS: Final = frozenset(
    ("conv", "depthwise_conv", "separable_conv", "transposed_conv", "primary_capsules", "conv_lstm")
)


_BORDERS: Final = frozenset(("input", "pad"))


class Refusal(NamedTuple):
    """Why there is no such counterfactual.

    Parameters
    ----------
    layer : str
        The layer that forbids it, or an empty string.
    message : str
        Why, as a sentence without the layer.
    instead : str
        The nearest counterfactual that works, or an empty string.
    """

    layer: str
    message: str
    instead: str


class Bill(NamedTuple):
    """What one model comes to; None where a figure is not known or there is nothing of the kind.

    Parameters
    ----------
    field_layer : str
        The layer whose field is meant: the last window whose field has a size.
    field : tuple of (int or None), optional
        Its field on each axis, in pixels of the input.
    coverage : float, optional
        The share of the input's area in it.
    last_map : tuple, optional
        Shape of the last map with a grid, in the source's order; None for the batch.
    stride : tuple, optional
        Its stride: the unit in which it tells positions apart, in pixels of the input.
    exact_shift : tuple of (int or None), optional
        The smallest shift of the input, in pixels, that all maps up to there follow exactly.
    tolerated_shift : tuple of (float or None), optional
        Pixels by which a stimulus may at best move there and leave a max-pooled response the same.
    dense_layer : str
        The first dense layer behind the last map, or an empty string.
    dense_inputs, dense_params : Num, optional
        How many numbers it takes, and its parameters.
    params, convolutional, dense, other : Num, optional
        Parameters, and which layers they are in.
    macs : Num, optional
        Multiply-accumulates at batch 1.
    memory : Num, optional
        Bytes of the outputs of all layers at batch 1.
    """

    field_layer: str
    field: tuple[Size, ...] | None
    coverage: float | None
    last_map: tuple[Num | None, ...] | None
    stride: tuple[float | None, ...] | None
    exact_shift: tuple[int | None, ...] | None
    tolerated_shift: tuple[float | None, ...] | None
    dense_layer: str
    dense_inputs: Num | None
    dense_params: Num | None
    params: Num | None
    convolutional: Num | None
    dense: Num | None
    other: Num | None
    macs: Num | None
    memory: Num | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the models that are compared.

    Parameters
    ----------
    name : str
        What it is called in the tables.
    summary : str
        What was changed, for a counterfactual.
    result : AnalysisResult, optional
        Its figures; None where there is no such counterfactual.
    bill : Bill, optional
        What it comes to.
    changed : int
        How many layers are other ones than in the original.
    refusal : Refusal, optional
        Why there is none.
    counterfactual : Counterfactual, optional
        How it was made.
    """

    name: str
    summary: str
    result: AnalysisResult | None
    bill: Bill | None
    changed: int = 0
    refusal: Refusal | None = None
    counterfactual: Counterfactual | None = None


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Models side by side.

    Parameters
    ----------
    entries : tuple of Entry
        The first is what the others are compared with.
    depths : tuple of (str, tuple of (Row or None))
        The layers that tell them apart, in topological order: a label, and a row for each entry.
    counterfactuals : bool
        The entries are one model and its counterfactuals, and layers are matched by name; else they are
        several models, and matched by depth.
    pooling : bool
        The first model has pooling.
    """

    entries: tuple[Entry, ...]
    depths: tuple[tuple[str, tuple[Row | None, ...]], ...]
    counterfactuals: bool
    pooling: bool

    def only(self, patterns: Sequence[str]) -> ComparisonResult:
        """Keep the layers whose name matches a pattern; what the models come to stays.

        Raises
        ------
        UsageError
            A pattern matches nothing.
        """
        from fnmatch import fnmatchcase

        kept: set[str] = set()
        for pattern in patterns:
            found = {
                label
                for label, rows in self.depths
                if any(row is not None and fnmatchcase(row.name, pattern) for row in rows)
            }
            if not found:
                raise UsageError(f"--layers {pattern!r} matches no layer of the table")
            kept |= found
        return replace(self, depths=tuple(each for each in self.depths if each[0] in kept))


def usual(graph: LayerGraph) -> tuple[str, ...]:
    """Return the counterfactuals that say most of a model: without what it has, or with what it has not."""
    if any(layer.kind in POOLS for layer in graph):
        return ("plain", "strided", "dilated")
    strides = (layer.attrs.get("stride") for layer in graph if layer.kind in _CONVOLUTIONS)
    if any(stride is not None and set(_flat(stride)) != {1} for stride in strides):
        return ("unstrided", "atrous")
    return ("pool",)


def _flat(value: object) -> Iterable[object]:
    return value if isinstance(value, (tuple, list)) else (value,)


def compare_counterfactuals(
    graph: LayerGraph, names: Sequence[str] | None = None, *, input: str | None = None
) -> ComparisonResult:
    """Compare a model with what it might be.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    names : sequence of str, optional
        Counterfactuals; by default those that say most, and where one does not work, the nearest that does.
    input : str, optional
        The input that fields refer to.

    Raises
    ------
    AnalysisError
        The model itself cannot be analysed.
    UsageError
        There is no such counterfactual, or no such input.
    """
    wanted = usual(graph) if names is None else tuple(dict.fromkeys(names))
    chosen = [counterfactual(name) for name in wanted]
    base = analyze_graph(graph, input=input)
    focus = focus_of(base)
    entries = [Entry(ORIGINAL, "", base, _bill(graph, base, focus))]
    for each in chosen:
        entry = _entry(graph, each, focus, input)
        entries.append(entry)
        instead = entry.refusal.instead if entry.refusal is not None else ""
        if names is None and instead and instead not in {*wanted, *(other.name for other in entries)}:
            entries.append(_entry(graph, counterfactual(instead), focus, input))
    pooling = any(layer.kind in POOLS for layer in graph)
    return ComparisonResult(tuple(entries), _by_name(entries), True, pooling)


def compare_models(graphs: Sequence[LayerGraph], *, input: str | None = None) -> ComparisonResult:
    """Compare models with each other, layer by layer in the order of depth.

    Parameters
    ----------
    graphs : sequence of LayerGraph
        The models; the first is what the others are compared with.
    input : str, optional
        The input that fields refer to.

    Raises
    ------
    AnalysisError
        One of them cannot be analysed.
    UsageError
        There is no such input.
    """
    names = _distinct([graph.name or graph.source for graph in graphs])
    entries = []
    for name, graph in zip(names, graphs, strict=True):
        result = analyze_graph(graph, input=input)
        entries.append(Entry(name, "", result, _bill(graph, result, focus_of(result))))
    pooling = any(layer.kind in POOLS for layer in graphs[0])
    return ComparisonResult(tuple(entries), _by_depth(entries), False, pooling)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that come again."""
    found: list[str] = []
    for name in names:
        number, spelled = 2, name
        while spelled in found:
            spelled, number = f"{name} ({number})", number + 1
        found.append(spelled)
    return found


def _entry(graph: LayerGraph, each: Counterfactual, focus: str, input: str | None) -> Entry:
    try:
        changed = each.build(graph)
        result = analyze_graph(changed, input=input)
    except DoesNotApply as error:
        refusal = Refusal(error.layer, error.message, _instead(graph, each.name))
        return Entry(each.name, each.summary, None, None, refusal=refusal, counterfactual=each)
    count = _changes(graph, changed)
    return Entry(each.name, each.summary, result, _bill(changed, result, focus), count, counterfactual=each)


def _instead(graph: LayerGraph, name: str) -> str:
    for other in _INSTEAD.get(name.partition(":")[0], ()):
        try:
            counterfactual(other).build(graph)
        except DoesNotApply:
            continue
        return other
    return ""


def _changes(graph: LayerGraph, changed: LayerGraph) -> int:
    """Count layers that were changed, added or taken away."""

    def content(layer: Layer) -> object:
        return layer.kind, {name: value for name, value in layer.attrs.items() if layer.kind != "reshape"}

    gone = sum(name not in changed.layers for name in graph.layers)
    return gone + sum(
        layer.name not in graph.layers or content(graph[layer.name]) != content(layer) for layer in changed
    )


# ---- rows side by side -------------------------------------------------------------------------------------


def leaves(result: AnalysisResult) -> list[Row]:
    """Return the rows of layers, without those of the models and blocks around them."""
    return [row for row in result.rows if not row.container]


def _figures(row: Row) -> tuple[object, ...]:
    return row.receptive_field, row.local_receptive_field, row.effective_stride, row.spatial


def _landmarks(result: AnalysisResult) -> list[Row]:
    """Return the rows at which something happens: a window, a dense layer, another field or map."""
    by_name = {row.name: row for row in result.rows}
    found = []
    for row in leaves(result):
        given = [_figures(by_name[name]) for name in row.inputs if name in by_name]
        changed = _figures(row) not in given
        thins = row.kind in POOLS
        if row.kind in DENSE or (changed and (thins or not (row.kind in _BORDERS or _sees_all(row)))):
            found.append(row)
    return found


def _sees_all(row: Row) -> bool:
    """Tell whether a layer, and what it is without gates, sees the whole input, as those of a gate do."""
    return row.receptive_field is not None and not any(field_of(row) or (None,))


def _by_name(entries: Sequence[Entry]) -> tuple[tuple[str, tuple[Row | None, ...]], ...]:
    """Match layers by name: a landmark of one entry is shown for all."""
    tables = [
        {} if entry.result is None else {row.name: row for row in leaves(entry.result)} for entry in entries
    ]
    wanted = {row.name for entry in entries if entry.result is not None for row in _landmarks(entry.result)}
    order: list[str] = []
    for table in tables:
        place = 0
        for name in table:
            if name in wanted and name not in order:
                order.insert(place, name)
            if name in order:
                place = order.index(name) + 1
    return tuple((name, tuple(table.get(name) for table in tables)) for name in order)


def _by_depth(entries: Sequence[Entry]) -> tuple[tuple[str, tuple[Row | None, ...]], ...]:
    """Match landmarks by their number."""
    tables = [[] if entry.result is None else _landmarks(entry.result) for entry in entries]
    longest = max(map(len, tables), default=0)
    return tuple(
        (str(place + 1), tuple(table[place] if place < len(table) else None for table in tables))
        for place in range(longest)
    )


# ---- the bill ----------------------------------------------------------------------------------------------


def field_of(row: Row) -> tuple[Size, ...] | None:
    """Return what a layer sees, with gates cut where these make it see everything."""
    full = row.receptive_field
    if full is not None and None not in full:
        return full
    return row.local_receptive_field


def focus_of(result: AnalysisResult) -> str:
    """Return the last window of a model whose field has a size: what is asked how far it sees."""
    sized = [
        row.name
        for row in leaves(result)
        if row.kind in _CONVOLUTIONS | set(POOLS)
        and row.spatial
        and (field := field_of(row)) is not None
        and field
        and all(size is not None for size in field)
    ]
    windows = {row.name for row in leaves(result) if row.kind in _CONVOLUTIONS}
    return next((name for name in reversed(sized) if name in windows), sized[-1] if sized else "")


def _bill(graph: LayerGraph, result: AnalysisResult, focus: str) -> Bill:
    rows = {row.name: row for row in leaves(result)}
    seen = rows.get(focus)
    last = _last_map(result)
    dense = _first_dense(result, last)
    totals = result.totals
    convolutional, flat = _params(rows.values(), _CONVOLUTIONS), _params(rows.values(), DENSE)
    total = totals.params.total
    other = None if total is None or convolutional is None or flat is None else total - convolutional - flat
    return Bill(
        focus if seen is not None else "",
        None if seen is None else field_of(seen),
        None if seen is None else _coverage(seen, result),
        None if last is None else last.output_shape,
        None if last is None else last.effective_stride,
        *_shifts(graph, result, last),
        "" if dense is None else dense.name,
        None if dense is None else _features(dense, rows),
        None if dense is None else dense.params.total,
        total,
        convolutional,
        flat,
        other,
        totals.macs,
        _memory(graph),
    )


def _shifts(
    graph: LayerGraph, result: AnalysisResult, last: Row | None
) -> tuple[tuple[int | None, ...] | None, tuple[float | None, ...] | None]:
    """Return the shifts that the last map follows exactly, and those that max pooling may hide."""
    if last is None or last.name not in graph.layers:
        return None, None
    found = Attributor(graph, input=result.input).positions(last.name)
    hidden = tuple(None if each.tolerated is None else float(each.tolerated) for each in found)
    return tuple(each.exact_shift for each in found), hidden


def _coverage(row: Row, result: AnalysisResult) -> float | None:
    """Return the share of the input in the field, with gates cut where these make it all of it."""
    field = field_of(row)
    if field == row.receptive_field or field is None:
        return row.coverage
    extents = next((each.spatial for each in result.inputs if each.name == result.input), ())
    share = 1.0
    for size, extent in zip(field, extents, strict=True):
        if size is None or not isinstance(extent, int):
            return None
        share *= min(size, extent) / extent
    return share


def _last_map(result: AnalysisResult) -> Row | None:
    """Return the last layer whose output has a grid of the input's: no vector, and no summary of the map."""
    for row in reversed(leaves(result)):
        strides = row.effective_stride
        if row.kind in ("global_pool", "input") or strides is None or not row.spatial:
            continue
        if any(stride is not None for stride in strides) and any(extent != 1 for extent in row.spatial):
            return row
    return None


def _first_dense(result: AnalysisResult, last: Row | None) -> Row | None:
    """Return the first dense layer behind the last map that works on vectors."""
    rows = leaves(result)
    start = rows.index(last) + 1 if last is not None else 0
    return next((row for row in rows[start:] if row.kind in DENSE and not row.spatial), None)


def _features(row: Row, rows: Mapping[str, Row]) -> Num | None:
    before = rows.get(row.inputs[0]) if row.inputs else None
    shape = None if before is None else before.output_shape
    return shape[-1] if shape else None


def _params(rows: Iterable[Row], kinds: Iterable[str]) -> Num | None:
    total: Num = 0
    for row in rows:
        if row.kind in kinds:
            if row.params.total is None:
                return None
            total = total + row.params.total
    return total


_BITS: Final = re.compile(r"(\d+)")


def element_size(dtype: str) -> int | None:
    """Return how many bytes an element takes, by the name of its type.

    >>> element_size("float32"), element_size("bfloat16"), element_size("bool"), element_size("string")
    (4, 2, 1, None)
    """
    if dtype == "bool":
        return 1
    bits = _BITS.search(dtype)
    return None if bits is None else -(-int(bits[1]) // 8)


def _memory(graph: LayerGraph) -> Num | None:
    """Return the bytes of the outputs of all layers at batch 1; None where one of them is not known."""
    total: Num = 0
    for layer, known in zip(graph, resolve(graph).values(), strict=True):
        if layer.kind == "input":
            continue
        if known.result is None:
            return None
        for spec in known.result.outputs:
            size = element_size(spec.dtype)
            if size is None:
                return None
            total = total + spec.elements * size
    return known_extent(total)
