"""Layers that have nothing left to see: Richter's criterion for the depth that an input size makes use of.

Source: Richter et al., "(Input) Size Matters for CNN Classifiers" (2021): a convolution whose input has a
field larger than the image cannot put together anything new, and training finds little use for it.
Convolutions of a window of one element are left out; they never look further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.engine.result import Note, Size
from rfcalc.graph.graph import STATE, LayerGraph
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import of_family

_CONVOLUTIONS: Final = frozenset(of_family("convolution"))

FieldOf = Callable[[Edge], tuple[Size, ...] | None]
"""Gives the field of a tensor, gates cut."""


class Useful(NamedTuple):
    """Which convolutions of a model still have something to see.

    Parameters
    ----------
    productive : mapping of str to bool
        For each convolution with a window whether it is.
    smallest : tuple of int, optional
        The smallest input at which all are; None where there is none.
    depth : int
        Convolutions with a window on the longest way through productive ones.
    deepest : int
        The same through all of them.
    """

    productive: Mapping[str, bool]
    smallest: tuple[int, ...] | None
    depth: int
    deepest: int


def sees_all(sizes: Sequence[Size] | None, extents: Sequence[Num]) -> bool:
    """Tell whether a field is larger than an image, on every axis.

    >>> sees_all((33, 33), (32, 32)), sees_all((32, 32), (32, 32)), sees_all((None, None), (32, 32))
    (True, False, True)
    """
    return bool(sizes) and all(
        size is None or bool(size > extent) for size, extent in zip(sizes or (), extents, strict=True)
    )


def useful(graph: LayerGraph, field_of: FieldOf, extents: Sequence[Num]) -> Useful | None:
    """Apply the criterion; None where an extent of the image is not known, or it has none.

    What a model keeps from one call to the next is no part of its input: of such a one nothing is said.
    """
    if not extents or not all(map(is_known, extents)) or any(code == STATE for code, *_ in graph.notes):
        return None
    productive: dict[str, bool] = {}
    largest: list[int] | None = [1] * len(extents)
    depths: dict[str, tuple[int, int]] = {}  # through all, and through productive ones alone
    deepest, depth = 0, 0
    for layer in graph:
        deep = used = 0
        for producer, _ in layer.inputs:
            before = depths[producer]
            deep, used = max(deep, before[0]), max(used, before[1])
        if looks_around(layer):
            sizes = field_of(layer.inputs[0])
            if sizes is not None and any(size != 0 for size in sizes):
                idle = sees_all(sizes, extents)
                productive[layer.name] = not idle
                deep, used = deep + 1, used if idle else used + 1
                deepest, depth = max(deepest, deep), max(depth, used)
                largest = _larger(largest, sizes)
        depths[layer.name] = (deep, used)
    return Useful(productive, None if largest is None else tuple(largest), depth, deepest)


def _larger(largest: Sequence[int] | None, sizes: Sequence[Size]) -> list[int] | None:
    if largest is None or None in sizes:
        return None
    return [max(a, b or 0) for a, b in zip(largest, sizes, strict=True)]


def looks_around(layer: Layer) -> bool:
    """Tell whether a layer is a convolution with a window of more than one element."""
    kernel = layer.attrs.get("kernel") if layer.kind in _CONVOLUTIONS else None
    if isinstance(kernel, (tuple, list)):
        return any(is_known(each) and each > 1 for each in kernel)
    return type(kernel) is int and kernel > 1


def unproductive_note(graph: LayerGraph, field_of: FieldOf, extents: Sequence[Num]) -> list[Note]:
    """Say how many convolutions have nothing left to see, and from which input size on none has."""
    if not extents or not all(map(is_known, extents)):
        return []
    found = useful(graph, field_of, extents)
    idle = [] if found is None else [name for name, productive in found.productive.items() if not productive]
    if found is None or not idle:
        return []
    size = "x".join(map(str, extents))
    sizes = () if found.smallest is None else found.smallest
    enough = f"; at {'x'.join(map(str, sizes))} or more none does" if sizes else ""
    wide = "x".join("1" * len(extents))
    text = (
        f"from here on {len(idle):,} of the {len(found.productive):,} convolutions wider than {wide} take "
        f"maps whose units see more than the whole {size} input already, and may add little (Richter et al. "
        f"2021){enough}; the useful depth, without them, is {found.depth:,} of {found.deepest:,}"
    )
    return [Note("info", "unproductive", idle[0], text)]
