"""Roles of an input's axes as hypotheses: what the graph does with them may contradict the first guess.

An operation that mixes elements along an axis says that this axis is no batch. The graph is read with the
documented layout first, so that the usual case costs one reading; where something contradicts it, others
are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rfcalc.algebra.number import is_known, is_one
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer
from rfcalc.readers.lowering.inputs import GIVEN, Declared
from rfcalc.readers.lowering.layout import spelled_layout
from rfcalc.rules.samples import MIXED, REDUCED, is_single, samples_meet

FIRM: Final = frozenset(("window", "sample", "state", GIVEN))
"""What tells which axis is the batch, and not only which one holds features."""

MOST_READINGS: Final = 16
"""Readings of one graph before the best one so far is taken."""

Read = Callable[[Sequence[Declared]], LayerGraph]


class _Reading(NamedTuple):
    """A graph, the layouts that it was read with, and the layers that contradict them."""

    inputs: tuple[Declared, ...]
    graph: LayerGraph
    against: tuple[str, ...]


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
        if not best.against:
            break
        for axes in _alternatives(each):
            if not best.against or not left:
                break
            left -= 1
            other = list(best.inputs)
            other[place] = each._replace(axes=axes)
            try:
                found = _read(tuple(other), read)
            except RfcalcError:  # what does not even fit is no reading
                continue
            if len(found.against) < len(best.against):
                why.setdefault(place, best.against[0])
                best = found
    graph = best.graph
    for place, against in why.items():
        note = _taken(first.inputs[place], best.inputs[place], against, many=len(inputs) > 1)
        graph = graph.with_notes([note])
    return graph


def _read(inputs: tuple[Declared, ...], read: Read) -> _Reading:
    graph = read(inputs)
    return _Reading(inputs, graph, tuple(_against(graph, inputs)))


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


def _against(graph: LayerGraph, inputs: Sequence[Declared]) -> list[str]:
    """List the layers that mix along what is taken for the batch, or in order along unsupported channels."""
    batch = [each for each in inputs if _is_in_question(each)]
    channels = any(not each.told and len(each.axes) > 2 for each in inputs)
    if not batch and not channels:
        return []
    untold = _untold(graph, inputs) if channels else set[str]()
    evidence = _Evidence(graph, untold, firm=all(each.told in FIRM for each in batch))
    return [layer.name for layer in graph if evidence.contradicts(layer)]


class _Evidence:
    """What layers say of roles, one after the other.

    Parameters
    ----------
    graph : LayerGraph
        The graph, read with some layouts.
    untold : set of str
        Layers that see an input of which nothing tells the roles.
    firm : bool
        What tells the batch is firm: that something is summed up over it is then no evidence by itself.
    """

    def __init__(self, graph: LayerGraph, untold: set[str], *, firm: bool) -> None:
        self.results = graph.results
        self.untold = untold
        self.firm = firm
        self.unsure: set[str] = set()
        self.summed: set[str] = set()

    def contradicts(self, layer: Layer) -> bool:
        """Tell whether a layer contradicts the layouts; those behind unknown operations say nothing."""
        result = self.results.get(layer.name)
        names = [name for name, _ in layer.inputs]
        if result is None or not self.unsure.isdisjoint(names):
            self.unsure.add(layer.name)
            return False
        specs = [self.results[name].outputs[place] for name, place in layer.inputs]
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
        ordered = not self.untold.isdisjoint(names) and any(
            names[path.input] in self.untold and samples_meet(specs[path.input], path.steps, CHANNEL)
            for paths in result.paths
            for path in paths
        )
        return MIXED in met or back or ordered or (several and not self.firm)


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
