"""The layer that opened the holes in the fields of a model, and the dilations that close them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Slide
from rfcalc.engine.edit import DoesNotApply, edited, has_window, input_of, setting
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.result import Note
from rfcalc.engine.run import Run
from rfcalc.engine.taps import AxisTaps, Suspect, taps_on
from rfcalc.errors import AnalysisError, GraphError
from rfcalc.graph.layer import Layer
from rfcalc.wording import few

_MOST_CHANGES: Final = 16
_MOST_WORK: Final = 1 << 31
"""Bits that one pass with taps may touch, about a second of it."""


def countable(run: Run) -> bool:
    """Tell whether the taps of all fields can be counted in a moment, by what their ends say."""
    work = 0
    for layer in run.graph:
        result = run.resolved[layer.name].result
        for path in result.paths[0] if result is not None and result.paths else ():
            windows = [step.window for step in path.steps if isinstance(step, Slide) and not step.alike]
            dependence = run.fields[layer.name].local[0] if windows else None
            if dependence is None:
                continue
            spans = [
                relation.period * int(max(relation.sizes()))
                for leg in dependence.legs
                if isinstance(relation := leg.relation, Relation) and relation.bounded
            ]
            for window in windows:
                length = window.last(0) - window.first(0)
                if is_known(length) and is_known(window.step):
                    work += (length // window.step + 1) * max(spans, default=0)
    return work <= _MOST_WORK


def holes_note(run: Run, opening: Sequence[Suspect]) -> list[Note]:
    """Say which layer opened holes that nothing behind it closes, and what would.

    Parameters
    ----------
    run : Run
        The model.
    opening : sequence of Suspect
        The windows that leave pixels out.
    """
    if not countable(run):
        first = opening[0].layer
        message = f"{_cause(first, run)}, which leaves pixels out; fields are too large to say which"
        return [Note("warning", "holes", first.name, message)]
    target = _last_with_holes(run)
    if target is None:
        return []
    chain = ancestors(run.graph, target)
    opener = _opener(run, chain, {suspect.layer.name for suspect in opening})
    if opener is None:
        return []
    worst = max((axis for axis in run.axis_taps[target] if axis is not None), key=lambda axis: axis.gap)
    reads = f"reads {worst.taps:,} of the {worst.span:,} pixels it spans on an axis"
    gap = f"{worst.gap} pixel" + ("s" if worst.gap > 1 else "")
    cause = _cause(opener, run)
    here = "" if opener.name == target else f"; {target!r}"
    message = f"{cause}, which opens holes in the fields from here on{here} {reads}, with gaps of up to {gap}"
    if opener.name == target:
        message = f"{cause}, which opens holes in its fields: it {reads}, with gaps of up to {gap}"
    cure = _cure(run, chain, target, opener)
    return [Note("warning", "holes", opener.name, message + (f"; {cure}" if cure else ""))]


def apart_note(run: Run, odd: Sequence[str]) -> list[Note]:
    """Say which layer first unites parts of a map that lie apart, as shifted windows do, and leaves holes.

    What is between the ends of such a field counts in its size and its coverage. `odd` are the layers that
    may do so, those of `irregular_layers`.
    """
    if not countable(run):
        return []
    read = ((name, _read_by(run, name)) for name in odd)
    first, axes = next(((name, axes) for name, axes in read if _has_holes(axes)), ("", ()))
    if not first:
        return []
    gap = max(axis.gap for axis in axes if axis is not None)
    many = "s" * (gap > 1)
    message = f"it unites parts of a map that lie apart, so that fields have gaps of up to {gap} pixel{many}"
    return [Note("warning", "holes", first, message)]


def _read_by(run: Run, layer: str) -> Sequence[AxisTaps | None]:
    """Return what the fields of a layer read along each axis of the input."""
    seen = run.fields[layer].local[0]
    # where the ends of fields did not say all, the pass has gone on tap by tap already
    if seen is not None and all(
        isinstance(leg.relation, Relation) and leg.relation.taps is not None for leg in seen.legs
    ):
        return [taps_on(seen, axis) for axis in range(len(run.extents))]
    return run.axis_taps[layer]


def _has_holes(axes: Sequence[AxisTaps | None]) -> bool:
    return any(axis is not None and axis.gap for axis in axes)


def _is_tight(axes: Sequence[AxisTaps | None]) -> bool:
    return all(axis is not None and axis.tight for axis in axes)


def _last_with_holes(run: Run) -> str | None:
    """Find the last window with holes that no layer behind it closes."""
    closed: set[str] = set()
    for layer in reversed(list(run.graph)):
        axes = run.axis_taps[layer.name]
        if layer.name in closed or (_is_tight(axes) and any(axis and axis.span for axis in axes)):
            closed.update(producer for producer, _ in layer.inputs)
        elif _has_holes(axes) and all(run.axis_taps[producer] != axes for producer, _ in layer.inputs):
            return layer.name
    return None


def _opener(run: Run, chain: Sequence[Layer], opening: set[str]) -> Layer | None:
    """Find the first layer that opens what no layer of the chain closes."""
    closed: set[str] = set()
    found = None
    for layer in reversed(chain):
        if layer.name in closed or _is_tight(run.axis_taps[layer.name]):
            closed.add(layer.name)
            closed.update(producer for producer, _ in layer.inputs)
        elif layer.name in opening:
            found = layer
    return found


def _cause(layer: Layer, run: Run) -> str:
    result = run.resolved[layer.name].result
    assert result is not None
    windows = [step.window for path in result.paths[0] for step in path.steps if isinstance(step, Slide)]
    lengths = [window.last(0) - window.first(0) + 1 for window in windows]
    dilation = max(w.step if length > 1 else 1 for w, length in zip(windows, lengths, strict=True))
    if dilation > 1:
        return f"it has a dilation of {dilation}"
    short, length = next((w, n) for w, n in zip(windows, lengths, strict=True) if w.advance > n)
    return f"its window of {length} is shorter than its stride of {short.advance}"


# ---- what closes them --------------------------------------------------------------------------------------


def _cure(run: Run, chain: Sequence[Layer], target: str, opener: Layer) -> str:
    """Find dilations, or a longer window, that close the holes; the engine has been run with them."""
    try:
        dilated = [layer for layer in chain if _is_dilated(run, layer)]
        if opener not in dilated:
            return _longer_window(run, target, opener)
        # holes that layers before the opener open are closed again on the way: those layers may stay
        dilated = dilated[dilated.index(opener) :]
        for changes in _dilations(run, dilated):
            if changes and _is_closed(_changed(run, changes), target):
                return f"{_told(run, changes)} would close them"
    except (DoesNotApply, AnalysisError, GraphError):
        pass
    return ""


def _told(run: Run, changes: Mapping[str, tuple[int, ...]]) -> str:
    told = [
        f"{'a dilation of ' if not place else ''}{max(new)} (now "
        f"{max(_setting(run, run.graph[name], 'dilation'))}) in {name!r}"
        for place, (name, new) in enumerate(changes.items())
    ]
    return few(told, 4)


def _is_dilated(run: Run, layer: Layer) -> bool:
    dilation, kernel = _setting(run, layer, "dilation"), _setting(run, layer, "kernel")
    return any(d > 1 and k > 1 for d, k in zip(dilation, kernel, strict=True))


def _longer_window(run: Run, target: str, opener: Layer) -> str:
    if not has_window(opener):
        return ""
    kernel, stride = _setting(run, opener, "kernel"), _setting(run, opener, "stride")
    longer = tuple(map(max, kernel, stride))
    layer = edited(opener, kernel=longer)
    if not _is_closed(run.with_layers(layer if each is opener else each for each in run.graph), target):
        return ""
    return f"a window of {max(longer)} would close them"


def _setting(run: Run, layer: Layer, name: str) -> tuple[int, ...]:
    if not has_window(layer) or len(layer.inputs) != 1:
        return ()
    return setting(layer, input_of(layer, run.resolved), name)


def _dilations(run: Run, dilated: Sequence[Layer]) -> list[dict[str, tuple[int, ...]]]:
    """Let each window in turn reach no farther apart than fields are long; then as much farther at the end.

    The first proposal keeps the field as large as it is, where there is a window that can make up for it.
    """
    changes: dict[str, tuple[int, ...]] = {}
    missing = Fraction(0)
    last: tuple[str, tuple[int, ...], Fraction] | None = None
    for layer in dilated[:_MOST_CHANGES]:
        old, kernel = _setting(run, layer, "dilation"), _setting(run, layer, "kernel")
        size, jump = _length(_changed(run, changes), layer)
        most = max(int(size / jump), 1)
        new = tuple(min(d, most) if k > 1 else d for d, k in zip(old, kernel, strict=True))
        if new != old:
            changes[layer.name] = new
        adds = (max(kernel) - 1) * jump
        missing += (max(old) - max(new)) * adds
        last = (layer.name, new, adds)
    if not missing or last is None or missing % last[2]:
        return [changes]
    name, new, adds = last
    more = int(missing / adds)
    return [{**changes, name: tuple(d + more if d > 1 or more else d for d in new)}, changes]


def _length(run: Run, layer: Layer) -> tuple[int, Fraction]:
    """Return the smallest field of what a layer takes, and the pixels from one to the next."""
    producer, output = layer.inputs[0]
    dependence = run.fields[producer].local[output]
    found = [
        (int(min(leg.relation.sizes())), Fraction(leg.relation.advance, leg.relation.period))
        for leg in (() if dependence is None else dependence.legs)
        if isinstance(leg.relation, Relation) and leg.relation.bounded and leg.relation.advance > 0
    ]
    if not found:
        raise DoesNotApply("its input has no grid", layer.name)
    return min(found)


def _changed(run: Run, changes: Mapping[str, tuple[int, ...]]) -> Run:
    """Return a run of the model with other dilations."""
    return run.with_layers(
        _dilated(run, layer, changes[layer.name]) if layer.name in changes else layer for layer in run.graph
    )


def _dilated(run: Run, layer: Layer, dilation: tuple[int, ...]) -> Layer:
    """Give a layer another dilation, and explicit padding as much more or less as keeps its map."""
    padding = layer.attrs.get("padding", "valid")
    if not isinstance(padding, str):
        old, kernel = _setting(run, layer, "dilation"), _setting(run, layer, "kernel")
        given = padding if isinstance(padding, (tuple, list)) else (padding,) * len(kernel)
        padding = tuple(
            _padded(each, (d - was) * (k - 1))
            for each, d, was, k in zip(given, dilation, old, kernel, strict=True)
        )
    return edited(layer, dilation=dilation, padding=padding)


def _padded(padding: int | Sequence[int], more: int) -> tuple[int, int]:
    """Pad by more on both sides, or on the one that is padded."""
    before, after = (padding, padding) if isinstance(padding, int) else padding
    if not before and not after:
        return 0, 0
    if not after:
        return max(before + more, 0), 0
    return max(before + more // 2, 0), max(after + more - more // 2, 0)


def _is_closed(run: Run, target: str) -> bool:
    """Tell whether no field has holes."""
    axes = run.axis_taps[target]
    return not _has_holes(axes) and all(axis is not None for axis in axes)
