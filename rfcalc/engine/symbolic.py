"""Formulas for open extents: the same rules, run on symbols instead of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num, equal
from rfcalc.algebra.steps import Broadcast, Place
from rfcalc.engine.result import Note
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Layer
from rfcalc.rules.registry import Path

AXIS_LETTERS: Final = {1: "T", 2: "HW", 3: "DHW"}
"""Usual names of the spatial axes, by how many there are."""


def axis_letters(rank: int) -> tuple[str, ...]:
    """Name the spatial axes of an input of that many.

    >>> axis_letters(2)
    ('H', 'W')
    """
    return tuple(AXIS_LETTERS.get(rank) or (f"N{k}" for k in range(rank)))


def with_symbols(graph: LayerGraph) -> LayerGraph:
    """Return the graph with a symbol for every open spatial extent of its inputs.

    With one input they are called H and W (T; D, H and W), with several H_name and W_name.
    """
    from rfcalc.algebra.symbols import symbol

    several = len(graph.inputs) > 1

    def opened(layer: Layer) -> Layer:
        axes: str = layer.attrs["axes"]
        letters = iter(axis_letters(axes.count(SPATIAL)))
        shape: list[Any] = []
        for extent, role in zip(layer.attrs["shape"], axes, strict=True):
            letter = next(letters) if role == SPATIAL else ""
            name = f"{letter}_{layer.name}" if several else letter
            shape.append(symbol(name) if letter and extent is UNKNOWN else extent)
        return replace(layer, attrs={**layer.attrs, "shape": tuple(shape)})

    return graph.with_layers(opened(layer) if layer.kind == "input" else layer for layer in graph)


def conditions_of(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> list[Note]:
    """Say which extents must be equal for the formulas to hold, where that cannot be decided.

    Branches that meet element by element, or end to end, have the same extents or the model is wrong; with
    formulas this may hold for some sizes alone, as for a U-Net whose poolings must divide evenly.
    """
    from rfcalc.algebra.symbols import spell

    found: dict[str, Note] = {}
    for layer in graph:
        result = resolved[layer.name].result
        if result is None:
            continue
        inputs = [resolved[producer].result for producer, _ in layer.inputs]
        for spec, paths in zip(result.outputs, result.paths, strict=True):
            for path in paths:
                made = inputs[path.input]
                if made is None:
                    continue
                given = made.outputs[layer.inputs[path.input][1]].shape
                for a, b in _meeting(path, given, spec.shape):
                    text = f"{spell(a)} = {spell(b)}"
                    message = f"the formulas hold for sizes with {text}"
                    found.setdefault(text, Note("warning", "condition", layer.name, message))
    return list(found.values())


def _meeting(path: Path, given: tuple[Num, ...], made: tuple[Num, ...]) -> Iterator[tuple[Num, Num]]:
    """Pair the extents that must be equal, and are not known to be, of an input that joins others."""
    if not all(isinstance(step, (Broadcast, Place)) for step in path.steps):
        return
    places = {step.axis for step in path.steps if isinstance(step, Place)}
    shift = len(made) - len(given)
    for place, extent in enumerate(given):
        other = made[place + shift]
        if place + shift in places or extent is other or UNKNOWN in (extent, other):
            continue
        if equal(extent, 1) is not True and equal(extent, other) is None:
            yield extent, other
