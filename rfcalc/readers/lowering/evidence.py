"""What the layers of a graph say of the roles that its inputs' axes were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.number import is_known, is_one
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, Layer, TensorSpec
from rfcalc.readers.lowering.inputs import GIVEN, Declared
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Result
from rfcalc.rules.roles import count_samples, is_single
from rfcalc.rules.samples import MIXED, REDUCED, samples_lie, samples_meet

FIRM: Final = frozenset(("window", "channels_last", "sample", "state", GIVEN))
"""What tells which axis is the batch, and not only which one holds features."""


class Against(NamedTuple):
    """Layers that speak against a reading.

    Parameters
    ----------
    joined : tuple of str
        They let samples meet, or make more or fewer of them.
    ordered : tuple of str
        They work in order along what nothing but the usual layout takes for channels.
    summed : tuple of str
        They sum up over samples, where what tells the batch is firm: no evidence, but no sample of its own.
    """

    joined: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    summed: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[int, int]:
        """How much contradicts the reading: that samples meet weighs more."""
        return len(self.joined), len(self.ordered)

    @property
    def first(self) -> str:
        """The layer to name as the reason."""
        return (*self.joined, *self.ordered)[0]


def against(graph: LayerGraph, inputs: Sequence[Declared]) -> Against:
    """Collect the layers that speak against the layouts with which a graph was read.

    Parameters
    ----------
    graph : LayerGraph
        With what the rules say of its layers.
    inputs : sequence of Declared
        The layouts; one that the user gave stands.

    Returns
    -------
    Against
    """
    if all(each.told == GIVEN for each in inputs):
        return Against()
    batch = [each for each in inputs if _is_in_question(each)]
    channels = any(not each.told and len(each.axes) > 2 for each in inputs)
    untold = _untold(graph, inputs) if channels else set[str]()
    firm = all(each.told in FIRM for each in batch)
    evidence = _Layers(graph, inputs, untold, batch=bool(batch), firm=firm)
    joined, ordered = [], []
    for layer in graph:
        if not evidence.looked_at(layer):
            continue
        if evidence.joins(layer):
            joined.append(layer.name)
        elif evidence.is_ordered(layer):
            ordered.append(layer.name)
    summed = tuple(evidence.reduced) if firm else ()
    return Against(tuple(joined), tuple(ordered), summed)


class _Layers:
    """What layers say of roles, one after the other.

    Parameters
    ----------
    graph : LayerGraph
        The graph, read with some layouts.
    inputs : sequence of Declared
        These layouts.
    untold : set of str
        Layers that see an input of which nothing tells the roles.
    batch : bool
        Whether there is more than one sample, so that samples may meet.
    firm : bool
        What tells the batch is firm: that something is summed up over it is then no evidence by itself.
    """

    def __init__(
        self, graph: LayerGraph, inputs: Sequence[Declared], untold: set[str], *, batch: bool, firm: bool
    ) -> None:
        self.results = graph.results
        self.untold = untold
        self.batch = batch
        self.firm = firm
        self.unsure: set[str] = set()
        self.summed: set[str] = set()
        self.reduced: list[str] = []
        counts = [count_samples(TensorSpec(each.shape or (), each.axes)) for each in inputs if each.shape]
        self.samples = max((n for n in counts if is_known(n)), default=1)
        self._single: dict[int, bool] = {}
        """Whether a tensor of the graph holds one sample, by its identity: layers that are alike share it."""
        self.counted = all(map(is_known, counts)) and not any(each.told == GIVEN for each in inputs)

    def looked_at(self, layer: Layer) -> bool:
        """Tell whether a layer says anything; unknown and covered ones do not, nor what is behind them."""
        followed = layer.kind != "cover" and layer.name in self.results
        if followed and self.unsure.isdisjoint(name for name, _ in layer.inputs):
            return bool(layer.inputs)
        self.unsure.add(layer.name)
        return False

    def joins(self, layer: Layer) -> bool:
        """Tell whether samples meet in a layer, or become more or fewer, as they never do in a batch."""
        specs = self._specs(layer)
        if self.batch and self._meet(layer, specs):
            return True
        return self.counted and layer.name not in self.summed and self._recounts(layer, specs)

    def is_ordered(self, layer: Layer) -> bool:
        """Tell whether a layer works in order along channels that nothing supports."""
        names = [name for name, _ in layer.inputs]
        if not self.untold or self.untold.isdisjoint(names):
            return False
        specs = self._specs(layer)
        return any(
            names[path.input] in self.untold and samples_meet(specs[path.input], path.steps, CHANNEL)
            for paths in self.results[layer.name].paths
            for path in paths
        )

    def _specs(self, layer: Layer) -> list[TensorSpec]:
        return [self.results[name].outputs[place] for name, place in layer.inputs]

    def _meet(self, layer: Layer, specs: Sequence[TensorSpec]) -> bool:
        """Tell whether elements of other samples meet in a layer."""
        result = self.results[layer.name]
        names = [name for name, _ in layer.inputs]
        met = {
            samples_meet(specs[path.input], path.steps)
            for paths in result.paths
            for path in paths
            if BATCH in specs[path.input].axes and not self._is_single(specs[path.input])
        }
        several = REDUCED in met and any(len(output.shape) > 0 for output in result.outputs)
        back = not self.summed.isdisjoint(names) and any(
            name not in self.summed and not self._is_single(spec)
            for name, spec in zip(names, specs, strict=True)
        )
        if several:
            self.reduced.append(layer.name)
        if REDUCED in met or (not self.summed.isdisjoint(names) and not back):
            self.summed.add(layer.name)
        return MIXED in met or back or (several and not self.firm) or self._crosses(result, specs)

    def _recounts(self, layer: Layer, specs: Sequence[TensorSpec]) -> bool:
        """Tell whether the outputs hold another number of samples than the inputs, and than the model's."""
        given = [count_samples(spec) for spec in specs]
        if not all(map(is_known, given)):
            return False
        usual = (max(given), self.samples)
        for output in self.results[layer.name].outputs:
            count = count_samples(output)
            if is_known(count):
                if count not in usual:
                    return True
            elif all(map(is_known, output.shape)) and (is_known(output.folded) or not self.firm):
                return True
        return False

    def _crosses(self, result: Result, specs: Sequence[TensorSpec]) -> bool:
        """Tell whether the samples of one input meet what are no samples of another, as in a sum of both."""
        if sum(BATCH in spec.axes and not self._is_single(spec) for spec in specs) < 2:
            return False
        return any(
            place < len(output.axes) and output.axes[place] != BATCH
            for output, paths in zip(result.outputs, result.paths, strict=True)
            for path in paths
            if not self._is_single(specs[path.input])
            for place in samples_lie(specs[path.input], path.steps)
        )

    def _is_single(self, spec: TensorSpec) -> bool:
        """Tell whether a tensor of the graph certainly holds one sample."""
        found = self._single.get(id(spec))
        if found is None:
            found = self._single[id(spec)] = is_single(spec)
        return found


def works_along(graph: LayerGraph, layer: Layer, role: str) -> bool:
    """Tell whether a layer does anything along the axes of a role but the same for each element."""
    result = graph.results.get(layer.name)
    if result is None:
        return True  # nobody knows what it does
    specs = [graph.results[name].outputs[place] for name, place in layer.inputs if name in graph.results]
    if len(specs) < len(layer.inputs):
        return True
    return any(samples_meet(specs[path.input], path.steps, role) for paths in result.paths for path in paths)


def _is_in_question(each: Declared) -> bool:
    """Tell whether an input's batch may turn out to be none: one sample mixes with no other.

    That a convolution has axis 0 for the batch stands where its extent is open, as samples are.
    """
    if each.told == GIVEN:
        return False
    extents = [n for n, role in zip(each.shape or (), each.axes, strict=True) if role == BATCH]
    return any(not is_one(n) and (is_known(n) or each.told not in FIRM) for n in extents)


def _untold(graph: LayerGraph, inputs: Sequence[Declared]) -> set[str]:
    """Collect the layers that see an input of which nothing tells the roles, before any makes channels."""
    names = {each.name for each in inputs if not each.told}
    found: set[str] = set()
    for layer in graph:
        seen = layer.kind == "input" and bool(names & {layer.name, *layer.outputs})
        result = graph.results.get(layer.name)
        behind = any(name in found for name, _ in layer.inputs) and not layer.weights
        if seen or (behind and result is not None):
            found.add(layer.name)
    return found
