"""Sizes that a file leaves open: what they are called, and the one that the model was likely made for.

A file tells that in its metadata, or by a number that holds at some sizes alone: a dense layer behind a map
takes so many features, a map is added to a constant grid, or the last map is resized to a fixed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Final

from rfcalc.algebra.extent import Extent, map_names, names_in
from rfcalc.algebra.number import Num, is_known
from rfcalc.engine.result import OpenSize
from rfcalc.engine.shapes import LayerInfo
from rfcalc.engine.symbolic import axis_letters
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, SPATIAL, Layer, TensorSpec
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import of_family

_LARGEST: Final = 4096  # pixels along an axis: what models are made for is less
_ROUND: Final = 32  # strides are powers of two, so that sizes are multiples of one
_JOINS: Final = frozenset(of_family("join")) - {"stack"}


class _Equation(NamedTuple):
    """A formula in open extents that has to be a number for a layer to take its inputs."""

    formula: Num
    number: int
    layer: str


def open_size_of(graph: LayerGraph, resolved: Mapping[str, LayerInfo], chosen: Layer) -> OpenSize | None:
    """Return the open extents of a model's inputs; None where there are none.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    resolved : mapping of str to LayerInfo
        What the first pass says of it.
    chosen : Layer
        The input that fields refer to.
    """
    names: dict[str, None] = {}
    for layer in (chosen, *graph.inputs):
        names.update(dict.fromkeys(_open_names(layer, layer.name == chosen.name)))
    if not names:
        return None
    found = OpenSize(tuple(names))
    if told := _told(graph, chosen, found.names):
        return found._replace(likely=told[1], told_by=told[0])
    for listed, why in (
        (_necessary(graph, resolved), "where layer {!r} fits"),
        (_resized(graph, resolved, chosen), "what layer {!r} resizes to"),
    ):
        equations = [each for each in listed if names_in(each.formula) <= names.keys()]
        if sizes := _solved(found.names, equations):
            return found._replace(likely=sizes, told_by=why.format(equations[0].layer))
    return found


def _told(graph: LayerGraph, chosen: Layer, names: Sequence[str]) -> tuple[str, tuple[int, ...]] | None:
    """Return what in the file says the size, and the size of each open extent; None where it says not all."""
    if graph.made_for is None:
        return None
    told_by, sizes = graph.made_for
    grid = _grid(chosen)
    if len(sizes) == 1:
        sizes *= len(grid)
    if len(sizes) != len(grid):
        return None
    letters = axis_letters(len(grid))
    called = [
        next(iter(names_in(extent)), letters[place]) if not is_known(extent) else ""
        for place, extent in enumerate(grid)
    ]
    size_of = dict(zip(called, sizes, strict=True))
    return (told_by, tuple(size_of[name] for name in names)) if names and set(names) <= set(size_of) else None


def _grid(layer: Layer) -> list[Num]:
    """Return the extents of an input's positions."""
    shape, axes = layer.attrs["shape"], layer.attrs["axes"]
    return [extent for extent, role in zip(shape, axes, strict=True) if role == SPATIAL]


def _open_names(layer: Layer, chosen: bool) -> Iterator[str]:
    """List the names of the open extents of an input, without the batch; letters where it has no names."""
    shape, axes = layer.attrs["shape"], layer.attrs["axes"]
    letters = iter(axis_letters(axes.count(SPATIAL)))
    for extent, role in zip(shape, axes, strict=True):
        letter = next(letters) if role == SPATIAL else ""
        if role == BATCH or is_known(extent):
            continue
        if isinstance(extent, Extent):
            yield from sorted(names_in(extent))
        elif letter and chosen:
            yield letter


def _specs(layer: Layer, resolved: Mapping[str, LayerInfo]) -> list[TensorSpec] | None:
    """Return the tensors that a layer takes; None where one is not known."""
    specs = []
    for producer, output in layer.inputs:
        result = resolved[producer].result
        if result is None:
            return None
        specs.append(result.outputs[output])
    return specs


def _necessary(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Iterator[_Equation]:
    """List what has to hold for the layers to fit together."""
    for layer in graph:
        specs = _specs(layer, resolved)
        if not specs or layer.extras.prepare:
            continue
        if layer.kind == "linear" and layer.weights:
            units, elements = layer.attrs["units"], prod(layer.weights[0].shape)
            have = specs[0].shape[layer.attrs.get("axis", -1)]
            if is_known(units) and is_known(elements) and units and not elements % units and names_in(have):
                yield _Equation(have, int(elements // units), layer.name)
        elif layer.kind in _JOINS:
            operands = (spec.shape for _, spec in layer.extras.operands)
            shapes = [*(spec.shape for spec in specs), *layer.attrs.get("constants", ()), *operands]
            yield from _joined(layer, shapes)


def _joined(layer: Layer, shapes: Sequence[tuple[Num, ...]]) -> Iterator[_Equation]:
    """List what has to hold for maps to meet: along each axis but the one of a concatenation."""
    rank = max(map(len, shapes))
    along = layer.attrs.get("axis", -1) % rank if layer.kind == "concat" else None
    for axis in range(rank):
        extents = [shape[axis - rank] for shape in shapes if len(shape) >= rank - axis]
        number = next((extent for extent in extents if is_known(extent) and extent > 1), None)
        formula = next((extent for extent in extents if names_in(extent)), None)
        if axis != along and number is not None and formula is not None:
            yield _Equation(formula, int(number), layer.name)


def _resized(graph: LayerGraph, resolved: Mapping[str, LayerInfo], chosen: Layer) -> Iterator[_Equation]:
    """List what would hold if the last fixed resizing gave the input's own size back."""
    grid = _grid(chosen)
    for layer in reversed(list(graph)):
        specs = _specs(layer, resolved)
        known = resolved[layer.name].result
        if layer.kind != "resample" or not specs or known is None:
            continue
        now = known.outputs[0].spatial
        if all(map(is_known, now)) and any(map(names_in, specs[0].spatial)):
            for extent, number in zip(grid, now, strict=False):
                if len(grid) == len(now) and names_in(extent):
                    yield _Equation(extent, int(number), layer.name)
            return


def _solved(names: Sequence[str], equations: Sequence[_Equation]) -> tuple[int, ...]:
    """Return sizes at which all equations hold, the same on all axes where that can be; or nothing."""
    if not equations:
        return ()
    told = {name for each in equations for name in names_in(each.formula)}
    if told == set(names) and (same := _first(equations)):
        return (same,) * len(names)
    sizes = []
    for name in names:
        mine = [each for each in equations if names_in(each.formula) == {name}]
        if not mine or not (size := _first(mine)):
            return ()
        sizes.append(size)
    found = dict(zip(names, sizes, strict=True))
    holds = all(map_names(each.formula, found.__getitem__, max, min) == each.number for each in equations)
    return tuple(sizes) if holds else ()


def _first(equations: Sequence[_Equation]) -> int:
    """Return the roundest number that all names may stand for, or 0."""
    for size in sorted(range(1, _LARGEST + 1), key=lambda n: (-min(n & -n, _ROUND), n)):
        if all(_at(each.formula, size) == each.number for each in equations):
            return size
    return 0


def _at(formula: Num, size: int) -> Num:
    """Return a formula's value where every open extent is of that size."""
    return map_names(formula, lambda _: size, max, min)
