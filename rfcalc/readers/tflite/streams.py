"""Variables of a streaming model: what an earlier call left stands before what comes now.

A streaming layer keeps the end of its map for the next call: it reads a variable, puts it before its input,
and writes the end of that back. So the map goes on before its first position, as one that is padded there
does, and how far a layer reads back is followed as any padding is. That holds where nothing is left out from
one call to the next: as many positions of the input come with each call as the map has, times its stride.
Other variables are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.graph.layer import Edge, Layer
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.tflite.file import Operator, Subgraph
from rfcalc.records import NamedTuple

_STRIDED: Final = frozenset(("conv", "max_pool", "average_pool", "lp_pool"))
_ELEMENTS: Final = frozenset(
    (
        *("activation", "add", "subtract", "multiply", "divide", "maximum", "minimum", "elementwise"),
        *("identity", "batch_norm", "prelu"),
    )
)
_STILL: Final = _ELEMENTS | {
    *("pad", "slice", "split", "concat", "linear", "reshape", "expand_dims", "squeeze", "softmax"),
}
"""Kinds that may keep the distance of positions along an axis."""


class Stream(NamedTuple):
    """A variable that keeps the end of a map.

    Parameters
    ----------
    read : int
        The operation that reads the variable.
    joint : int
        The concatenation that puts it before what comes now.
    size : int
        How many positions of it are put there.
    axis : int
        Along which axis.
    """

    read: int
    joint: int
    size: int
    axis: int


def streams_of(graph: Subgraph, elements: Mapping[int, tuple[int, ...]]) -> list[Stream]:
    """Find the variables of a graph that keep the end of a map.

    Parameters
    ----------
    graph : Subgraph
        The graph.
    elements : mapping
        The integers in constants, by tensor.
    """
    makers = {tensor: op for op in graph.operators for tensor in op.outputs}
    takers: dict[int, list[int]] = {}
    for place, op in enumerate(graph.operators):
        for tensor in dict.fromkeys(op.inputs):
            takers.setdefault(tensor, []).append(place)
    variables: dict[int, list[int]] = {}
    for place, op in enumerate(graph.operators):
        if op.op in ("READ_VARIABLE", "ASSIGN_VARIABLE") and op.inputs:
            variables.setdefault(op.inputs[0], []).append(place)
    found = []
    for places in variables.values():
        if [graph.operators[place].op for place in places] != ["READ_VARIABLE", "ASSIGN_VARIABLE"]:
            continue
        stream = _stream(graph, places[0], graph.operators[places[1]], makers, takers, elements)
        if stream is not None:
            found.append(stream)
    return found


def _stream(
    graph: Subgraph,
    read: int,
    assign: Operator,
    makers: Mapping[int, Operator],
    takers: Mapping[int, list[int]],
    elements: Mapping[int, tuple[int, ...]],
) -> Stream | None:
    """Tell whether what a variable is set to is the end of a map that begins with what it held."""
    state = graph.operators[read].outputs[0]
    before = state
    users = takers.get(state, [])
    if len(users) == 1 and graph.operators[users[0]].op in ("STRIDED_SLICE", "SLICE"):
        before = graph.operators[users[0]].outputs[0]  # all but its first positions
        users = takers.get(before, [])
    if len(users) != 1 or graph.operators[users[0]].op != "CONCATENATION" or len(assign.inputs) != 2:
        return None
    joint = graph.operators[users[0]]
    if len(joint.inputs) != 2 or joint.inputs[0] != before or joint.inputs[1] == before:
        return None
    whole, written = joint.outputs[0], assign.inputs[1]
    shape, kept, held = (graph.tensors[tensor].shape for tensor in (whole, state, before))
    axes = [axis for axis in range(len(shape)) if len(held) == len(shape) and held[axis] != shape[axis]]
    if len(axes) != 1 or len(kept) != len(shape):
        return None
    (axis,) = axes
    ends = (written == whole or _is_end(graph, makers.get(written), whole, axis, elements)) and (
        before == state or _is_end(graph, makers.get(before), state, axis, elements)
    )
    fits = graph.tensors[written].shape == kept and kept[axis] >= held[axis]
    return Stream(read, users[0], held[axis], axis) if ends and fits else None


def _is_end(
    graph: Subgraph, cut: Operator | None, of: int, axis: int, elements: Mapping[int, tuple[int, ...]]
) -> bool:
    """Tell whether an operation takes the last positions along an axis, and all along the others."""
    if cut is None or cut.op != "STRIDED_SLICE" or cut.inputs[0] != of or cut.settings is None:
        return False
    starts, ends, steps = (elements.get(tensor, ()) for tensor in cut.inputs[1:4])
    shape, made = graph.tensors[of].shape, graph.tensors[cut.outputs[0]].shape
    if not len(starts) == len(ends) == len(steps) <= len(shape) == len(made) or set(steps) != {1}:
        return False
    mask = cut.settings.number
    if mask("EllipsisMask") or mask("NewAxisMask") or mask("ShrinkAxisMask") or mask("Offset"):
        return False
    for place, extent in enumerate(shape):
        if place >= len(starts):
            continue
        first = 0 if mask("BeginMask") >> place & 1 else starts[place]
        last = extent if mask("EndMask") >> place & 1 else ends[place]
        start, stop, _ = slice(first, last).indices(extent)
        if stop != extent or stop - start != made[place] or (start != 0 and place != axis):
            return False
    return True


class Rates:
    """By how many positions of the model's input tensors move on, along one axis.

    Parameters
    ----------
    builder : Builder
        The layers so far.
    axis : int
        The axis.
    """

    def __init__(self, builder: Builder, axis: int) -> None:
        self._builder = builder
        self._axis = axis
        self._found: dict[str, tuple[Num, Num] | None] = {}

    def steady(self, edge: Edge | None) -> bool:
        """Tell whether a map moves on by its own length from one call to the next: nothing is left out."""
        layers = self._builder.layers
        for name in islice(layers, len(self._found), None):
            self._found[name] = self._rate(layers[name])
        found = None if edge is None else self._found.get(edge[0])
        if edge is None or found is None:
            return False
        distance, length = found
        extent = self._extent(edge)
        return is_known(extent) and is_known(length) and extent * distance == length

    def _extent(self, edge: Edge) -> Num:
        result = self._builder.results.get(edge[0])
        shape = () if result is None else result.outputs[edge[1]].shape
        return shape[self._axis] if len(shape) > self._axis else UNKNOWN

    def _rate(self, layer: Layer) -> tuple[Num, Num] | None:
        """Return the distance of a layer's positions in those of the input, and how many that has.

        None where it cannot be told, as behind what moves positions elsewhere.
        """
        if layer.kind == "input":
            return 1, self._extent((layer.name, 0))
        found = {self._found.get(name) for name, _ in layer.inputs}
        only = found.pop() if len(found) == 1 else None
        others = any(stage.kind != "activation" for stage in layer.extras.then)
        if only is None or layer.extras.prepare or others or layer.extras.blind:
            return None
        if layer.kind in _STRIDED:
            stride = self._stride(layer)
            return None if stride is None else (only[0] * stride, only[1])
        return only if layer.kind in _STILL and self._stays(layer) else None

    def _stride(self, layer: Layer) -> Num | None:
        """Return the stride of a window along the axis; None where it pads, as between calls nothing does."""
        attrs, spatial = layer.attrs, layer.attrs["spatial"]
        if self._axis not in spatial:
            return 1
        place = spatial.index(self._axis)
        pads = attrs["padding"] != "valid" and attrs["kernel"][place] != 1
        stride: Num = attrs["stride"][place]
        return None if pads else stride

    def _stays(self, layer: Layer) -> bool:
        """Tell whether a layer leaves the positions along the axis as they are, or cuts some off."""
        attrs, axis = layer.attrs, self._axis
        rank = len(self._builder.results[layer.name].outputs[0].shape)
        if layer.kind == "slice":
            return all(step == 1 for place, _, _, step in attrs["slices"] if place == axis)
        if layer.kind in ("concat", "split"):
            return bool(attrs["axis"] % rank != axis)
        if layer.kind == "pad":
            pairs = zip(attrs["spatial"], attrs["padding"], strict=True)
            return all(place != axis or pair[1] == 0 for place, pair in pairs)
        if layer.kind in ("linear", "softmax"):
            return axis < rank - 1
        before = [self._builder.results[name].outputs[k].shape for name, k in layer.inputs]
        after = self._builder.results[layer.name].outputs[0].shape
        kept = after[1 if layer.kind in _ELEMENTS else 0 : axis + 1]
        return all(shape[1 if layer.kind in _ELEMENTS else 0 : axis + 1] == kept for shape in before)
