"""Roles of an input's axes as hypotheses: what the graph does with them may contradict the first guess.

An operation that mixes elements along an axis says that this axis is no batch. The graph is read with the
documented layout first, so that the usual case costs one reading; where something contradicts it, others
are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from rfcalc.algebra.number import is_known, is_one
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer, TensorSpec
from rfcalc.readers.lowering.inputs import GIVEN, Declared
from rfcalc.readers.lowering.layout import spelled_layout
from rfcalc.rules.apply import doubted
from rfcalc.rules.roles import count_samples, is_single
from rfcalc.rules.samples import MIXED, REDUCED, samples_meet

FIRM: Final = frozenset(("window", "sample", "state", GIVEN))
"""What tells which axis is the batch, and not only which one holds features."""

MOST_READINGS: Final = 16
"""Readings of one graph before the best one so far is taken."""

MEETING: Final = "samples meet here, whichever axes of the inputs are taken for the batch"
"""Why what a layer reads is a bound, where no layout of the inputs keeps samples apart."""

Read = Callable[[Sequence[Declared]], LayerGraph]


class _Reading(NamedTuple):
    """A graph, the layouts that it was read with, and the layers that contradict them.

    Parameters
    ----------
    inputs : tuple of Declared
        The layouts.
    graph : LayerGraph
        What was read.
    joined : tuple of str
        Layers that let samples meet, or make more or fewer of them.
    ordered : tuple of str
        Layers that work in order along what nothing but the usual layout takes for channels.
    """

    inputs: tuple[Declared, ...]
    graph: LayerGraph
    joined: tuple[str, ...]
    ordered: tuple[str, ...]

    @property
    def faults(self) -> tuple[int, int]:
        """How much contradicts it: that samples meet weighs more."""
        return len(self.joined), len(self.ordered)


def read_consistently(inputs: Sequence[Declared], read: Read) -> LayerGraph:
    """Read a graph with layouts that nothing in it contradicts, the documented ones where they hold.

    Parameters
    ----------
    inputs : sequence of Declared
        Inputs with the roles that are guessed, or given by the user, which are obeyed.
    read : callable
        Reads the graph with such inputs.

    Returns
    -------
    LayerGraph
        With a note for each input whose documented layout was not taken.
    """
    first = _read(tuple(inputs), read)
    best, left, why = first, MOST_READINGS, dict[int, str]()
    for place, each in enumerate(inputs):
        if not any(best.faults):
            break
        for axes in _alternatives(each):
            if not any(best.faults) or not left:
                break
            left -= 1
            other = list(best.inputs)
            other[place] = each._replace(axes=axes)
            try:
                found = _read(tuple(other), read)
            except RfcalcError:  # what does not even fit is no reading
                continue
            if found.faults < best.faults:
                why.setdefault(place, (*best.joined, *best.ordered)[0])
                best = found
    graph = _doubted(best.graph, best.joined)
    for place, against in why.items():
        note = _taken(first.inputs[place], best.inputs[place], against, many=len(inputs) > 1)
        graph = graph.with_notes([note])
    return graph


def _read(inputs: tuple[Declared, ...], read: Read) -> _Reading:
    graph = read(inputs)
    return _Reading(inputs, graph, *_against(graph, inputs))


def _doubted(graph: LayerGraph, names: Sequence[str]) -> LayerGraph:
    """Make bounds of what layers read in which samples meet whichever way the axes are taken."""
    if not names:
        return graph
    layers = [
        replace(layer, attrs={**layer.attrs, "unsure": MEETING}) if layer.name in names else layer
        for layer in graph
    ]
    results = {name: doubted(graph.results[name], MEETING) for name in names}
    return graph.with_results(layers, {**graph.results, **results})


def _alternatives(each: Declared) -> tuple[str, ...]:
    """List other layouts of an input: another axis is the batch, or none is; positions all over."""
    if each.told == GIVEN or len(each.axes) < 2:
        return ()
    none = each.axes.replace(BATCH, SPATIAL)
    if each.told in FIRM:
        return (none,) if none != each.axes else ()
    bases = [each.axes]
    if not each.told and len(each.axes) > 2:
        bases.append(BATCH + SPATIAL * (len(each.axes) - 2) + CHANNEL)
    found = [swapped for base in bases for swapped in (base, *_swapped(base))]
    if not each.told:
        found.append(BATCH + SPATIAL * (len(each.axes) - 1))
        found.extend(base.replace(BATCH, SPATIAL) for base in bases)
        none = SPATIAL * len(each.axes)
    return tuple(axes for axes in dict.fromkeys((*found, none)) if axes != each.axes)


def _swapped(axes: str) -> list[str]:
    """List layouts in which the batch and an axis of positions have changed places."""
    if BATCH not in axes:
        return []
    batch = axes.index(BATCH)
    found = []
    for place, role in enumerate(axes):
        if role == SPATIAL:
            letters = list(axes)
            letters[batch], letters[place] = SPATIAL, BATCH
            found.append("".join(letters))
    return found


def _against(graph: LayerGraph, inputs: Sequence[Declared]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the layers that join samples, and those that work in order along unsupported channels."""
    if all(each.told == GIVEN for each in inputs):
        return (), ()
    batch = [each for each in inputs if _is_in_question(each)]
    channels = any(not each.told and len(each.axes) > 2 for each in inputs)
    untold = _untold(graph, inputs) if channels else set[str]()
    firm = all(each.told in FIRM for each in batch)
    evidence = _Evidence(graph, inputs, untold, batch=bool(batch), firm=firm)
    joined, ordered = [], []
    for layer in graph:
        if not evidence.looked_at(layer):
            continue
        if evidence.joins(layer):
            joined.append(layer.name)
        elif evidence.is_ordered(layer):
            ordered.append(layer.name)
    return tuple(joined), tuple(ordered)


class _Evidence:
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
        counts = [count_samples(TensorSpec(each.shape or (), each.axes)) for each in inputs if each.shape]
        self.samples = max((n for n in counts if is_known(n)), default=1)
        self.counted = all(map(is_known, counts)) and not any(each.told == GIVEN for each in inputs)

    def looked_at(self, layer: Layer) -> bool:
        """Tell whether a layer says anything; those behind unknown operations do not."""
        if layer.name in self.results and self.unsure.isdisjoint(name for name, _ in layer.inputs):
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
            if BATCH in specs[path.input].axes and not is_single(specs[path.input])
        }
        several = REDUCED in met and any(len(output.shape) > 0 for output in result.outputs)
        back = not self.summed.isdisjoint(names) and any(
            name not in self.summed and not is_single(spec) for name, spec in zip(names, specs, strict=True)
        )
        if REDUCED in met or (not self.summed.isdisjoint(names) and not back):
            self.summed.add(layer.name)
        return MIXED in met or back or (several and not self.firm)

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
            elif all(map(is_known, output.shape)) and (is_known(output.folded) or self.untold):
                return True
        return False


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


def _taken(before: Declared, now: Declared, against: str, *, many: bool) -> tuple[str, str, str]:
    """Say which layout was taken instead of the documented one, why, and how to choose."""
    name = f"{now.name}=" if many else ""
    was, layout = spelled_layout(before.axes), spelled_layout(now.axes)
    taken = (f"as {layout}" if layout else "otherwise") + ("" if BATCH in now.axes else ", without a batch")
    what = "the batch" if BATCH in before.axes and now.told else "the batch or the channels"
    other = f"; --layout {name}{was} reads it so all the same" if was else ""
    message = (
        f"the axes of the input {now.name!r} are taken {taken}, not {was or 'as usual'}: {against!r} mixes "
        f"elements along what would be {what}{other}"
    )
    return ("layout", now.name, message)
