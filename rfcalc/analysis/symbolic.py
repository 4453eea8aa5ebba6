"""Formulas for open extents: the same rules, run on symbols instead of numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Layer

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

    return LayerGraph(
        (opened(layer) if layer.kind == "input" else layer for layer in graph),
        name=graph.name,
        format=graph.format,
        source=graph.source,
        outputs=graph.outputs,
        blocks=graph.blocks.values(),
        notes=graph.notes,
    )
