"""The tree of modules around the layers of a model, as blocks: the readers of ONNX and PyTorch share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rfcalc.graph.graph import Block
from rfcalc.graph.layer import Edge, Layer

Classes = Mapping[tuple[str, ...], tuple[str, str]]
"""For the path of a block what the source calls the module, and its class."""


def relative(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the path of a block: of each dotted path what the one around it does not say.

    Parameters
    ----------
    paths : iterable of str
        Dotted paths of modules, the outermost first.

    Examples
    --------
    >>> relative(["features", "features.1", "features.1.mlp"])
    ('features', '1', 'mlp')
    """
    before = ""
    path = []
    for each in paths:
        path.append(each.removeprefix(f"{before}.") if before else each)
        before = each
    return tuple(path)


def blocks_of(layers: Mapping[str, Layer], classes: Classes, returned: Iterable[Edge]) -> list[Block]:
    """Return the modules around layers, each with the tensors that leave it, the last one first.

    Parameters
    ----------
    layers : mapping of str to Layer
        In the source's order.
    classes : mapping
        What modules are called, and their classes; of others the path with slashes.
    returned : iterable of Edge
        The outputs of the model.
    """
    leaving: dict[tuple[str, ...], dict[Edge, None]] = {}
    ends: dict[tuple[str, ...], Edge] = {}
    for layer in layers.values():
        if layer.block:
            ends[layer.block] = (layer.name, 0)
        for edge in layer.inputs:
            maker = layers[edge[0]].block
            if maker and maker != layer.block:
                _note(maker, layer.block, edge, leaving)
    if not ends:
        return []
    for edge in returned:
        _note(layers[edge[0]].block, (), edge, leaving)
    order = {name: place for place, name in enumerate(layers)}
    last: dict[tuple[str, ...], Edge] = {}
    for block, edge in ends.items():
        for depth in range(1, len(block) + 1):
            before = last.setdefault(block[:depth], edge)
            if order[before[0]] < order[edge[0]]:
                last[block[:depth]] = edge
    blocks = []
    for path, edge in last.items():
        name, kind = classes.get(path, ("/".join(path), "Module"))
        if name in layers:  # the slash tells the module from the layer
            name += "/"
        out = tuple(leaving.get(path, (edge,)))
        if len(out) > 1:
            out = tuple(sorted(out, key=lambda each: -order[each[0]]))
        blocks.append(Block(path, kind, out, label=name))
    return blocks


def _note(
    maker: Sequence[str], taker: Sequence[str], edge: Edge, leaving: dict[tuple[str, ...], dict[Edge, None]]
) -> None:
    """Note which blocks around the maker of a tensor its taker is not in."""
    shared = 0
    while shared < min(len(maker), len(taker)) and maker[shared] == taker[shared]:
        shared += 1
    for depth in range(shared + 1, len(maker) + 1):
        leaving.setdefault(tuple(maker[:depth]), {})[edge] = None
