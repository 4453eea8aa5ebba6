"""Memory of activations: what is held at a time while layers run, in the file's order or in a better one.

A tensor is held from the layer that makes it to the last one that reads it, inputs from the beginning,
outputs of the model to the end. What only has another shape (reshape, flatten, squeeze, dropout at inference)
is the buffer that it is made of. An operation that reads of an input only the element in its own place
(activations, batch normalisation, sums) writes into that input's buffer, where nothing else reads it later.
While a layer runs its inputs and outputs are both held. Weights, and what an operation needs inside itself,
do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from rfcalc.algebra.number import Num, as_integer, greatest, is_known
from rfcalc.algebra.steps import Broadcast, Insert, Merge, Regroup, Split, Squeeze
from rfcalc.engine.result import Footprint, Peak
from rfcalc.engine.shapes import LayerInfo, known_extent, spec_of
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Edge, Layer, TensorSpec, Weight
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path

_HANDED_ON: Final = frozenset(("identity", "dropout"))
"""Kinds whose output is their input, not only element by element."""

_MOST_READY: Final = 64
"""Of the layers that could run next the greedy search looks at the first so many."""


def footprint_of(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Footprint:
    """Return what a model takes up.

    Examples
    --------
    >>> import rfcalc
    >>> conv = {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}
    >>> model = {"rfcalc": 1, "input": [8, 8, 4], "layers": [conv, {"kind": "max_pool", "kernel": 2}]}
    >>> found = rfcalc.analyze(model).footprint
    >>> found.param_bytes, found.activations, found.activation_bytes
    ({'float32': 1184}, 640, 2560)
    >>> found.peak  # 4 bytes for each of 8*8*4 and 8*8*8 elements
    Peak(bytes=3072, layer='conv_1')
    """
    return Footprint(
        _param_bytes(resolved),
        activations_of(graph, resolved),
        activation_bytes(graph, resolved),
        _moved(graph, resolved),
        *peaks_of(graph, resolved),
    )


def activation_bytes(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Num | None:
    """Return the bytes of the outputs of all layers at batch 1; None where one of them is not known."""
    return _bytes_of_all(_outputs(graph, resolved))


def activations_of(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Num | None:
    """Return the elements of the outputs of all layers at batch 1; None where one of them is not known."""
    outputs = _outputs(graph, resolved)
    return None if outputs is None else known_extent(sum([spec.elements for spec in outputs]))


def _outputs(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> list[TensorSpec] | None:
    """List the outputs of all layers; None where one is not known."""
    specs: list[TensorSpec] = []
    for layer in graph:
        result = resolved[layer.name].result
        if result is None:
            return None
        if layer.kind != "input":
            specs += result.outputs
    return specs


def _bytes_of_all(specs: Iterable[TensorSpec] | None) -> Num | None:
    total: Num = 0
    for spec in specs or ():
        size = element_size(spec.dtype)
        if size is None:
            return None
        total = total + spec.elements * size
    return None if specs is None else known_extent(total)


def _param_bytes(resolved: Mapping[str, LayerInfo]) -> Mapping[str, Num] | None:
    """Return the bytes of all parameters by their type; None where a count or a type is not known."""
    weights: dict[str, Weight] = {}
    for known in resolved.values():
        if known.weights is None:
            return None
        weights.update((weight.identity, weight) for weight in known.weights)
    found: dict[str, Num] = {}
    for weight in weights.values():
        count, bits = known_extent(weight.count), element_bits(weight.dtype)
        if count is None or bits is None:
            return None
        whole = count * (bits // 8) if bits % 8 == 0 else (count * bits + 7) // 8
        found[weight.dtype] = found.get(weight.dtype, 0) + whole
    return found


def _moved(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Num | None:
    """Return the bytes that layers read and write; None where one of them is not known."""
    total: Num = 0
    for layer in graph:
        known = resolved[layer.name]
        result = known.result
        if result is None or known.weights is None:
            return None
        if layer.kind == "input" or _is_view(layer, resolved):
            continue
        read = [spec_of(resolved, edge) for edge in dict.fromkeys(layer.inputs)]
        tensors = _bytes_of_all([*read, *result.outputs])
        params = _param_bytes({layer.name: known})
        if tensors is None or params is None:
            return None
        total = total + sum([tensors, *params.values()])
    return known_extent(total)


def peak_of(
    layers: Iterable[Layer],
    resolved: Mapping[str, LayerInfo],
    outputs: Iterable[Edge],
    *,
    in_place: bool = True,
) -> Peak | None:
    """Find the peak of activation memory in an order of layers; None where a shape or a type is not known.

    Parameters
    ----------
    layers : iterable of Layer
        The layers in the order in which they run.
    resolved : mapping of str to LayerInfo
        What the first pass says of them.
    outputs : iterable of Edge
        The tensors that are held to the end.
    in_place : bool
        False for a runtime that gives each result a buffer of its own.
    """
    tasks = _tasks(layers, resolved, outputs, in_place=in_place)
    return None if tasks is None else _peak(tasks, range(len(tasks.steps)))


def peak_bytes(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Num | None:
    """Return the most bytes of activations that are held at a time, in the file's order."""
    tasks = _tasks(graph, resolved, graph.outputs, in_place=True)
    if tasks is None:
        return None
    state = _State(tasks)
    return greatest([state.run(place) for place in range(len(tasks.steps))])


def held_by_layer(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Mapping[str, int] | None:
    """Return the bytes of activations that are held while each layer runs, in the file's order.

    Calls of one layer are told apart, by their own names; None where a shape or a type is not known.
    """
    tasks = _tasks(graph, resolved, graph.outputs, in_place=True)
    if tasks is None:
        return None
    state = _State(tasks)
    return {step.call: state.run(place) for place, step in enumerate(tasks.steps)}


def peaks_of(
    graph: LayerGraph, resolved: Mapping[str, LayerInfo], *, in_place: bool = True
) -> tuple[Peak | None, Peak | None]:
    """Find the peak of a model in the file's order, and in a better one where that needs less."""
    tasks = _tasks(graph, resolved, graph.outputs, in_place=in_place)
    if tasks is None:
        return None, None
    peak = _peak(tasks, range(len(tasks.steps)))
    if peak.bytes <= _least(tasks):  # no order needs less
        return peak, None
    best = _peak(tasks, _greedy(tasks))
    return peak, best if best.bytes < peak.bytes else None


def _peak(tasks: _Tasks, order: Iterable[int]) -> Peak:
    """Run steps in an order: the most that is held at a time, and the first step at which that is."""
    state = _State(tasks)
    peak, at = -1, 0
    for place in order:
        held = state.run(place)
        if held > peak:
            peak, at = held, place
    return Peak(peak, tasks.steps[at].name)


class _Step(NamedTuple):
    """What one layer does to buffers.

    Parameters
    ----------
    name, call : str
        The layer as the source has it, and as the graph does, where each call is a layer.
    before : tuple of int
        The steps that have to come first.
    reads : tuple of int
        The buffers that it reads, each once.
    makes : tuple of int
        The buffers that it makes.
    over : tuple of int
        Those of `reads` into which its only output may be written.
    """

    name: str
    call: str
    before: tuple[int, ...]
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    over: tuple[int, ...]


class _Tasks(NamedTuple):
    """A model as steps on buffers: the bytes of each, how many steps read it, which ones stay to the end.

    The first steps are the inputs, of which there are `inputs`.
    """

    steps: Sequence[_Step]
    sizes: Sequence[int]
    readers: Sequence[int]
    kept: frozenset[int]
    inputs: int


def _tasks(
    layers: Iterable[Layer], resolved: Mapping[str, LayerInfo], outputs: Iterable[Edge], *, in_place: bool
) -> _Tasks | None:
    """Spell a model as steps on buffers; None where the bytes of one are not known."""
    buffers: dict[Edge, int] = {}
    places: dict[str, int] = {}
    sizes: list[int] = []
    readers: list[int] = []
    steps: list[_Step] = []
    ordered = sorted(layers, key=lambda layer: layer.kind != "input")  # inputs are there from the beginning
    for layer in ordered:
        result = resolved[layer.name].result
        if result is None:
            return None
        reads = tuple(dict.fromkeys([buffers[edge] for edge in layer.inputs]))
        shared = buffers[layer.inputs[0]] if _is_view(layer, resolved) else None
        makes = []
        for output, spec in enumerate(result.outputs):
            if shared is not None:
                buffers[layer.name, output] = shared
                continue
            size = bytes_of(spec)
            if size is None:
                return None
            buffers[layer.name, output] = len(sizes)
            makes.append(len(sizes))
            sizes.append(size)
            readers.append(0)
        for buffer in reads:
            readers[buffer] += 1
        over: tuple[int, ...] = ()
        if in_place and len(makes) == 1 and reads:
            same = dict.fromkeys(buffers[layer.inputs[number]] for number in _in_its_place(result.paths[0]))
            over = tuple([buffer for buffer in same if sizes[buffer] == sizes[makes[0]]])
        before = tuple(dict.fromkeys([places[producer] for producer, _ in layer.inputs]))
        places[layer.name] = len(steps)
        steps.append(_Step(layer.source_name, layer.name, before, reads, tuple(makes), over))
    kept = frozenset(buffers[edge] for edge in outputs)
    inputs = sum(layer.kind == "input" for layer in ordered)
    return None if not steps else _Tasks(steps, sizes, readers, kept, inputs)


def element_size(dtype: str) -> int | None:
    """Return how many bytes an element takes, by the name of its type.

    >>> element_size("float32"), element_size("bfloat16"), element_size("bool"), element_size("string")
    (4, 2, 1, None)
    """
    bits = element_bits(dtype)
    return None if bits is None else -(-bits // 8)


@lru_cache(maxsize=64)
def element_bits(dtype: str) -> int | None:
    """Return how many bits an element takes where elements are packed; None of what is no number.

    >>> element_bits("int4"), element_bits("bool")
    (4, 8)
    """
    if dtype == "bool":
        return 8
    bits = re.search(r"\d+", dtype)
    return None if bits is None else int(bits[0])


def bytes_of(spec: TensorSpec) -> int | None:
    """Return the bytes of a tensor at batch 1; None where its extents or its type are not known."""
    size, count = element_size(spec.dtype), spec.elements
    return None if size is None or not is_known(count) else as_integer(count) * size


def _is_view(layer: Layer, resolved: Mapping[str, LayerInfo]) -> bool:
    """Tell whether a layer only gives the elements of its one input another shape, and no other type."""
    result = resolved[layer.name].result
    if result is None or len(result.outputs) != 1 or len(layer.inputs) != 1 or len(result.paths[0]) != 1:
        return False
    if result.outputs[0].dtype != spec_of(resolved, layer.inputs[0]).dtype:
        return False
    steps = result.paths[0][0].steps
    return layer.kind in _HANDED_ON if not steps else all(isinstance(step, _RESHAPES) for step in steps)


_RESHAPES: Final = (Insert, Merge, Regroup, Split, Squeeze)


def _in_its_place(paths: Iterable[Path]) -> list[int]:
    """Return the inputs of which an element of the output reads the one in its own place alone.

    One that is stretched counts too: where it is as large as the output, it was not.
    """
    read: dict[int, bool] = {}
    for path in paths:
        alone = all(isinstance(step, Broadcast) for step in path.followed)
        read[path.input] = read.get(path.input, True) and alone
    return [number for number, alone in read.items() if alone]


class _Effect(NamedTuple):
    """What a step does to the buffers that are held: which it reads, makes, writes over, and ends."""

    reads: list[int]
    over: int | None
    ends: list[int]
    made: int


class _State:
    """The buffers that are held while steps run."""

    def __init__(self, tasks: _Tasks) -> None:
        self._tasks = tasks
        self._left = list(tasks.readers)
        self._kept = set(tasks.kept)
        self._lies = list(range(len(tasks.sizes)))  # a result that is written over a buffer lies in that one
        self.held = 0

    def effect(self, place: int) -> _Effect:
        """Return what a step would do now."""
        step, left, lies = self._tasks.steps[place], self._left, self._lies
        reads = [lies[buffer] for buffer in step.reads]
        # each lies in a buffer of its own: one is written over at its last read alone
        last = [each for each in reads if left[each] == 1 and each not in self._kept]
        over = next((lies[buffer] for buffer in step.over if lies[buffer] in last), None)
        made = sum([self._tasks.sizes[buffer] for buffer in step.makes]) if over is None else 0
        return _Effect(reads, over, [each for each in last if each != over], made)

    def run(self, place: int) -> int:
        """Run one step, and return how much is held while it runs."""
        makes, left, sizes = self._tasks.steps[place].makes, self._left, self._tasks.sizes
        reads, over, ends, made = self.effect(place)
        self.held += made
        most = self.held
        for buffer in reads:
            left[buffer] -= 1
        if over is not None:
            (result,) = makes
            self._lies[result] = over
            left[over] += left[result]
            if result in self._kept:
                self._kept.add(over)
            makes = (over,)
        unread = [buffer for buffer in makes if not left[buffer] and buffer not in self._kept]
        self.held -= sum([sizes[buffer] for buffer in (*ends, *unread)])
        return most

    def cost(self, place: int) -> tuple[int, int]:
        """Return by how much more is held behind a step, and while it runs."""
        found = self.effect(place)
        return found.made - sum([self._tasks.sizes[buffer] for buffer in found.ends]), found.made


def _least(tasks: _Tasks) -> int:
    """Return a lower bound of the peak of every order: the most that one step reads and makes."""
    sizes = tasks.sizes
    return max(
        sum([sizes[buffer] for buffer in step.reads])
        + (0 if step.over else sum([sizes[buffer] for buffer in step.makes]))
        for step in tasks.steps
    )


def _greedy(tasks: _Tasks) -> Iterable[int]:
    """Yield the inputs, and then each time the step after which least is held."""
    state = _State(tasks)
    waits = [len(step.before) for step in tasks.steps]
    behind: list[list[int]] = [[] for _ in tasks.steps]
    for place, step in enumerate(tasks.steps):
        for before in step.before:
            behind[before].append(place)
    ready = [place for place, count in enumerate(waits) if not count]
    while ready:
        if ready[0] < tasks.inputs:
            chosen = ready[0]
        else:
            chosen = min(ready[:_MOST_READY], key=lambda place: (*state.cost(place), place))
        ready.remove(chosen)
        state.run(chosen)
        yield chosen
        for place in behind[chosen]:
            waits[place] -= 1
            if not waits[place]:
                ready.append(place)
