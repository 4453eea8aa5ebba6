"""Roles of an input's axes as hypotheses: what the graph does with them may contradict the first guess.

An operation that mixes elements along an axis says that this axis is no batch. The graph is read with the
documented layout first, so that the usual case costs one reading; where something contradicts it, others
are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rfcalc.algebra.number import Num, is_known, is_one
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer
from rfcalc.readers.lowering.evidence import FIRM, Against, against, works_along
from rfcalc.readers.lowering.inputs import GIVEN, Declared
from rfcalc.readers.lowering.layout import TURNED, spelled_layout
from rfcalc.records import NamedTuple
from rfcalc.rules.apply import doubted

_LAST_ONLY: Final = frozenset(("features", "indices", "permute", TURNED))
"""What tells which axis holds features, and nothing of the others."""

MOST_READINGS: Final = 16
"""Readings of one graph before the best one so far is taken."""

MEETING: Final = "samples meet here, whichever axes of the inputs are taken for the batch"
SUMMED: Final = "samples are summed up here"

Read = Callable[[Sequence[Declared]], LayerGraph]


class _Reading(NamedTuple):
    """A graph, the layouts that it was read with, and the layers that speak against them."""

    inputs: tuple[Declared, ...]
    graph: LayerGraph
    against: Against

    @property
    def is_clean(self) -> bool:
        """Whether nothing contradicts it."""
        return not any(self.against.faults)

    @property
    def macs(self) -> Num:
        """Multiply-accumulates of one sample."""
        return sum((result.macs for result in self.graph.results.values()), 0)


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
    best, why = _best(first, read)
    reasons = {**dict.fromkeys(best.against.summed, SUMMED), **dict.fromkeys(best.against.joined, MEETING)}
    graph = _doubted(best.graph, reasons)
    many = len(inputs) > 1
    notes = [
        _taken(before, now, why, many=many)
        for before, now in zip(first.inputs, best.inputs, strict=True)
        if before.axes != now.axes
    ]
    return graph.with_notes((*notes, *_open_to_choice(best, read, many=many), *_two_told(best, many=many)))


def _best(first: _Reading, read: Read) -> tuple[_Reading, str]:
    """Return the reading that least speaks against, and what spoke first against the usual one."""
    best = first
    if first.is_clean:
        return first, ""
    tried = 0
    for place, each in enumerate(first.inputs):
        for axes in _alternatives(each):
            for other in _changed(best.inputs, place, axes):
                if best.is_clean or tried == MOST_READINGS:
                    return best, first.against.first
                tried += 1
                found = _tried(other, read)
                if found is not None and found.against.faults < best.against.faults:
                    best = found
    none = tuple(
        each if each.told == GIVEN else each._replace(axes=each.axes.replace(BATCH, SPATIAL))
        for each in best.inputs
    )
    found = _tried(none, read) if best.against.joined and none != best.inputs else None
    if found is not None and found.against.faults < best.against.faults:
        best = found
    return best, first.against.first


def _changed(inputs: tuple[Declared, ...], place: int, axes: str) -> Iterator[tuple[Declared, ...]]:
    """Yield inputs of which one has other axes, and those in which all that are like it have them too."""
    before = inputs[place].axes
    yield (*inputs[:place], inputs[place]._replace(axes=axes), *inputs[place + 1 :])
    alike = [each.axes == before and each.told != GIVEN for each in inputs]
    if sum(alike) > 1:
        yield tuple(
            each._replace(axes=axes) if same else each for each, same in zip(inputs, alike, strict=True)
        )


def _tried(inputs: tuple[Declared, ...], read: Read) -> _Reading | None:
    """Read a graph with other layouts; None where these do not even fit."""
    try:
        return _read(inputs, read)
    except RfcalcError:
        return None


def _read(inputs: tuple[Declared, ...], read: Read) -> _Reading:
    graph = read(inputs)
    return _Reading(inputs, graph, against(graph, inputs))


def _doubted(graph: LayerGraph, reasons: Mapping[str, str]) -> LayerGraph:
    """Return a graph in which what some layers read is a bound, for reasons by their names."""
    if not reasons:
        return graph
    layers = [
        replace(layer, extras=layer.extras._replace(unsure=reasons[layer.name]))
        if layer.name in reasons
        else layer
        for layer in graph
    ]
    results = {name: doubted(graph.results[name], reason) for name, reason in reasons.items()}
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


def _open_to_choice(taken: _Reading, read: Read, *, many: bool) -> Iterator[tuple[str, str, str]]:
    """Yield a note for each input of which nothing tells samples from positions, where it matters.

    Linear layers and what works element by element do the same along all other axes, and only the usual
    order says which of these holds samples.
    """
    for place, each in enumerate(taken.inputs):
        if each.told not in _LAST_ONLY or not taken.is_clean or not _is_even(each):
            continue
        if any(works_along(taken.graph, layer, SPATIAL) for layer in taken.graph):
            return
        for axes in _swapped(each.axes):
            other = (*taken.inputs[:place], each._replace(axes=axes), *taken.inputs[place + 1 :])
            found = _tried(other, read)
            if found is not None and found.is_clean and found.macs != taken.macs:
                yield _choice(each, taken.macs, axes, found.macs, many=many)
                break


def _two_told(taken: _Reading, *, many: bool) -> Iterator[tuple[str, str, str]]:
    """Yield a note for each input of which positions and features are mixed alike.

    Weights sum over one axis and then over another, as those that mix tokens do, or both are transformed; or
    a Fourier transform is all that there is.
    """
    for each in taken.inputs:
        axes = BATCH + SPATIAL * (len(each.axes) - 2) + CHANNEL
        mixes = _MIXES_TOO.get(each.told)
        if mixes is None or len(each.axes) < 3 or each.axes == axes:
            continue
        first = next((layer for layer in taken.graph if mixes(taken.graph, layer)), None)
        if first is not None:
            name = f"{each.name}=" if many else ""
            message = (
                f"nothing tells positions of the input {each.name!r} from features: it is read as "
                f"{spelled_layout(each.axes)}, and {first.name!r} mixes what may be either; "
                f"--layout {name}{spelled_layout(axes)} reads it otherwise"
            )
            yield ("layout", each.name, message)


def _sums_positions(graph: LayerGraph, layer: Layer) -> bool:
    learned = layer.kind in ("linear", "matmul", "einsum") and bool(layer.weights)
    return learned and works_along(graph, layer, SPATIAL)


def _is_fourier(graph: LayerGraph, layer: Layer) -> bool:
    return "fft" in layer.op.lower() or layer.op == "DFT"


def _transforms_features(graph: LayerGraph, layer: Layer) -> bool:
    return _is_fourier(graph, layer) and not works_along(graph, layer, SPATIAL)


_MIXES_TOO: Final[Mapping[str, Callable[[LayerGraph, Layer], bool]]] = {
    TURNED: _sums_positions,
    "signal": _transforms_features,
    "": _is_fourier,
}
"""By what told the roles: which layer makes it doubtful that positions are those axes and no others."""


def _choice(each: Declared, macs: Num, axes: str, other: Num, *, many: bool) -> tuple[str, str, str]:
    """Say which of two layouts that fit equally well was taken, and what the other one would change."""
    name = f"{each.name}=" if many else ""
    message = (
        f"nothing tells samples of the input {each.name!r} from positions: it is read as "
        f"{spelled_layout(each.axes)}, with {macs} multiply-accumulates for one sample; "
        f"--layout {name}{spelled_layout(axes)} reads it otherwise, with {other}"
    )
    return ("layout", each.name, message)


def _is_even(each: Declared) -> bool:
    """Tell whether the extents leave it open which axis is the batch: one that alone is open, or 1, is."""
    batch = [extent for extent, role in zip(each.shape or (), each.axes, strict=True) if role == BATCH]
    others = [extent for extent, role in zip(each.shape or (), each.axes, strict=True) if role == SPATIAL]
    if len(batch) != 1 or not others or is_one(batch[0]):
        return False
    return is_known(batch[0]) or not all(map(is_known, others))


def _taken(before: Declared, now: Declared, against: str, *, many: bool) -> tuple[str, str, str]:
    """Say which layout was taken instead of the documented one, why, and how to choose."""
    name = f"{now.name}=" if many else ""
    was, layout = spelled_layout(before.axes), spelled_layout(now.axes)
    taken = (f"as {layout}" if layout else "otherwise") + ("" if BATCH in now.axes else ", without a batch")
    what = "the batch" if BATCH in before.axes and now.told else "the batch or the channels"
    other = f"; --layout {name}{was} reads it so all the same" if was else ""
    message = (
        f"the axes of the input {now.name!r} are taken {taken}, not {was or 'as usual'}: {against!r} mixes "
        f"or picks elements along what would be {what}{other}"
    )
    return ("layout", now.name, message)
