"""What a model comes to: how far it sees, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.engine.edit import POOLS
from rfcalc.engine.memory import activation_bytes
from rfcalc.engine.position import positions_of
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.result import AnalysisResult, Row, Size
from rfcalc.engine.run import Run
from rfcalc.engine.totals import calls_differ
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import of_family

DENSE: Final = frozenset(of_family("dense"))
CONVOLUTIONS: Final = frozenset((*of_family("convolution"), "transposed_conv"))


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
        Shape of the last map with a grid, in the source's order; None for the batch. Where the layer whose
        field is meant comes behind it and keeps no grid, as capsules do, the shape of what that puts out.
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


def leaves(result: AnalysisResult) -> list[Row]:
    """Return the rows of layers, without those of the models and blocks around them."""
    return [row for row in result.rows if not row.container]


def field_of(row: Row) -> tuple[Size, ...] | None:
    """Return what a layer sees, with gates cut where these make it see everything."""
    full = row.receptive_field
    if full is not None and None not in full:
        return full
    return row.local_receptive_field


def focus_of(rows: Iterable[Row]) -> str:
    """Return the last window of a model whose field has a size: what is asked how far it sees.

    Of a layer whose calls see differently the last call is meant, where it stands.
    """
    layers = in_order([row for row in rows if not row.container])
    sized = [
        row.name
        for row in layers
        if (row.kind in CONVOLUTIONS or row.kind in POOLS)
        and row.spatial
        and (field := field_of(row)) is not None
        and field
        and all(size is not None for size in field)
    ]
    windows = {row.name for row in layers if row.kind in CONVOLUTIONS}
    return next((name for name in reversed(sized) if name in windows), sized[-1] if sized else "")


def in_order(layers: Sequence[Row]) -> list[Row]:
    """Put rows of layers in order, with the last call in the place of those whose calls see differently."""
    return _placed(layers, lambda row: row.calls[-1:])


def every_call(layers: Sequence[Row]) -> list[Row]:
    """Put rows of layers in order, with all calls in the place of those whose calls see differently."""
    return _placed(layers, lambda row: row.calls)


def _placed(layers: Sequence[Row], calls: Callable[[Row], Sequence[Row]]) -> list[Row]:
    """Put rows in order, with some of its calls in the place of each whose calls see differently."""
    if not any(row.calls for row in layers):
        return list(layers)
    places = {row.name: (place, 0) for place, row in enumerate(layers)}
    for number in range(1, max(len(row.calls) for row in layers)):
        for row in layers:
            for call in row.calls[number : number + 1]:
                before = [
                    places[name] for name in (*call.inputs, row.calls[number - 1].name) if name in places
                ]
                place, further = max([*before, places[row.name]])
                places[call.name] = (place, further + 1)
    shown = [each for row in layers for each in (calls(row) if calls_differ(row) else (row,))]
    return sorted(shown, key=lambda row: places[row.name])


def bill_of(run: Run, result: AnalysisResult, focus: str) -> Bill:
    """Return what a model comes to; `focus` is the layer whose field is meant."""
    rows = {row.name: row for row in leaves(result)}
    seen = next((call for row in rows.values() for call in (row, *row.calls) if call.name == focus), None)
    last = _last_of_bill(result, seen)
    dense = _first_dense(result, last)
    totals = result.totals
    convolutional, flat = _params(rows.values(), CONVOLUTIONS), _params(rows.values(), DENSE)
    total = totals.params.total
    other = None if total is None or convolutional is None or flat is None else total - convolutional - flat
    return Bill(
        focus if seen is not None else "",
        None if seen is None else field_of(seen),
        None if seen is None else _coverage(seen, result),
        None if last is None else last.output_shape,
        None if last is None else last.effective_stride,
        *_shifts(run, last),
        "" if dense is None else dense.name,
        None if dense is None else _features(dense, rows),
        None if dense is None else dense.params.total,
        total,
        convolutional,
        flat,
        other,
        totals.macs,
        activation_bytes(run.graph, run.resolved),
    )


def _shifts(
    run: Run, last: Row | None
) -> tuple[tuple[int | None, ...] | None, tuple[float | None, ...] | None]:
    """Return the shifts that the last map follows exactly, and those that max pooling may hide."""
    if last is None or last.name not in run.graph.layers:
        return None, None
    chain = ancestors(run.graph, last.name)
    found = positions_of(chain, run.resolved, run.fields, run.views, len(run.extents))
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


def _last_of_bill(result: AnalysisResult, seen: Row | None) -> Row | None:
    """Return the last map, but no earlier one than that of the layer whose field is meant.

    A window that scatters its map over a list, as primary capsules do, leaves no grid. The map before it has
    another stride and another field, and would stand beside a field that is not its own.
    """
    last = _last_map(result)
    if last is None or seen is None or any(stride is not None for stride in seen.effective_stride or ()):
        return last
    rows = leaves(result)
    behind = next(k for k, row in enumerate(rows) if seen in (row, *row.calls)) > rows.index(last)
    return seen if behind and any(extent != 1 for extent in seen.spatial) else last


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
