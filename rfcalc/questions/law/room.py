"""Whether maps leave room for what would reach a field: extents on the way, when its blocks are changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.engine.attribution import AxisAttribution, Contribution
from rfcalc.engine.edit import has_window, input_of, setting
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Layer
from rfcalc.questions.law.growth import Segment, Step
from rfcalc.questions.law.reach import Reach
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Call, find
from rfcalc.rules.window import axis_paddings, axis_window

REPEATED: Final = " of repeat "
"""Stands between the name of a layer and the number of a repeat that the model does not have."""

_SHIFTING: Final = ("pad", "crop")
"""Kinds that add to an extent, or take off it, so much of any."""


class Narrow(NamedTuple):
    """Where a map would be too small for the window behind it.

    Parameters
    ----------
    layer : str
        The layer whose window does not fit.
    extent : int
        The map that it would take.
    window : int
        How many elements its window spans.
    """

    layer: str
    extent: int
    window: int


class Room(NamedTuple):
    """Where the ways to reach a field do not fit the maps; None where one fits, or that is not known.

    Parameters
    ----------
    repeats, kernel, dilation : Narrow, optional
        For more repeats, for larger kernels, for larger dilations.
    """

    repeats: Narrow | None = None
    kernel: Narrow | None = None
    dilation: Narrow | None = None


class _Stop(NamedTuple):
    """A layer on the way: a window that slides, or what it adds to the extent of any map."""

    layer: str
    shift: int = 0
    step: Step | None = None
    padding: object = None
    ceil: bool = False
    short: bool = False

    def behind(self, extent: int) -> int:
        """Return the extent behind it.

        Raises
        ------
        AnalysisError
            Its window does not fit.
        """
        if self.step is None:
            return extent + self.shift
        kernel, stride, dilation, _ = self.step
        found = axis_window(
            extent, kernel, stride, dilation, self.padding, ceil=self.ceil, short=self.short
        ).extent
        assert isinstance(found, int)
        return found


def rooms_of(
    run: Run, divided: AxisAttribution, axis: int, segments: Sequence[Segment], reaches: Sequence[Reach]
) -> tuple[Room, ...]:
    """Find out for each entry of `reaches` whether maps of the model's own size are large enough for it."""
    extent = run.extents[axis]
    layers = [layer for segment in segments for layer in segment.layers]
    steps = {step.layer: step for step in divided.steps[: len(layers)]}
    way = _way(run, divided.last_path, steps, axis) if isinstance(extent, int) else None
    if way is None or layers != [stop.layer for stop in way if stop.step is not None]:
        return (Room(),) * len(reaches)
    assert isinstance(extent, int)
    return tuple(_room(way, extent, segments, reach) for reach in reaches)


def _room(way: Sequence[_Stop], extent: int, segments: Sequence[Segment], reach: Reach) -> Room:
    segment = segments[reach.segment]
    more = kernel = dilation = None
    if reach.further is not None and reach.further > 0:
        before = segments[reach.segment - 1].layers[-1] if reach.segment else ""
        more = _narrow_longer(way, segment, before, reach.further, extent)
    if reach.kernel is not None:
        kernel = _narrow(_wider(way, segment, kernel=reach.kernel), extent)[0]
    if reach.dilation is not None:
        dilation = _narrow(_wider(way, segment, dilation=reach.dilation), extent)[0]
    return Room(more, kernel, dilation)


def _narrow(way: Sequence[_Stop], extent: int) -> tuple[Narrow | None, int]:
    """Walk a way; return where a window does not fit, and the extent behind it, 0 where none is left."""
    for stop in way:
        try:
            behind = stop.behind(extent)
        except AnalysisError:
            assert stop.step is not None
            return Narrow(stop.layer, extent, _span(stop.step)), 0
        if behind < 1:
            return None, 0  # cropped away: that is no matter of windows
        extent = behind
    return None, extent


def _span(step: Step) -> int:
    """Return how many elements a window spans."""
    return int(step.dilation * (step.kernel - 1)) + 1


def _narrow_longer(
    way: Sequence[_Stop], segment: Segment, before: str, further: int, extent: int
) -> Narrow | None:
    """Walk a way with more repeats of a segment; `before` is the last layer of the one before it."""
    names = [stop.layer for stop in way]
    end = names.index(segment.layers[-1]) + 1
    ahead = segment.layers[-len(segment.block) - 1] if segment.count > 1 else before
    block = way[names.index(ahead) + 1 if ahead else 0 : end]
    found, extent = _narrow(way[:end], extent)
    steps = [stop.step for stop in block if stop.step is not None]
    room = sum(map(_span, steps)) + sum(abs(stop.shift) for stop in block)
    constant = segment.factor == 1 and all(step.stride == 1 for step in steps)
    turn = 0
    while turn < further and found is None and extent:
        turn += 1
        copies = [
            stop._replace(
                layer=f"{stop.layer}{REPEATED}{segment.count + turn}",
                step=stop.step and stop.step.dilated(segment.factor**turn),
            )
            for stop in block
        ]
        found, behind = _narrow(copies, extent)
        less, extent = extent - behind, behind
        if segment.factor == 1 and not less:
            break  # and so it goes on
        if constant and less > 0 and (skipped := min((extent - room) // less, further - turn)) > 0:
            turn, extent = turn + skipped, extent - skipped * less
    return found or (_narrow(way[end:], extent)[0] if extent else None)


def _wider(
    way: Sequence[_Stop], segment: Segment, *, kernel: int | None = None, dilation: int | None = None
) -> list[_Stop]:
    """Give the convolutions of a segment another kernel, or another dilation (of the first repeat)."""
    steps: dict[str, Step] = {}
    for place, layer in enumerate(segment.layers):
        turn, inside = divmod(place, len(segment.block))
        step = segment.block[inside]
        if step.adjustable:
            if kernel is not None:
                step = step._replace(kernel=kernel)
            if dilation is not None:
                step = step._replace(dilation=dilation)
            steps[layer] = step.dilated(segment.factor**turn)
    return [stop._replace(step=steps.get(stop.layer, stop.step)) for stop in way]


# ---- the way -----------------------------------------------------------------------------------------------


def _way(run: Run, path: Sequence[str], steps: Mapping[str, Contribution], axis: int) -> list[_Stop] | None:
    """Return the layers up to the last step, held against the maps that they make; None where they differ."""
    extent = run.extents[axis]
    assert isinstance(extent, int)
    left = set(steps)
    way = []
    for name in path:
        if name == run.chosen.name:
            continue
        if not left:
            break
        left.discard(name)
        layer = run.graph[name]
        behind = _extent(run.resolved, name, axis)
        if behind is None:
            return None
        found = steps.get(name)
        stop = _Stop(name)
        if found is not None:
            window = _window(layer, run.resolved, axis)
            if window is None or window.step is None:
                return None
            stop = window._replace(step=window.step._replace(cause=found.cause))
        elif layer.kind in _SHIFTING:
            stop = stop._replace(shift=behind - extent)
        if stop.behind(extent) != behind:
            return None
        way.append(stop)
        extent = behind
    return way


def _extent(resolved: Mapping[str, LayerInfo], name: str, axis: int) -> int | None:
    result = resolved[name].result
    if result is None or not result.outputs or len(result.outputs[0].spatial) <= axis:
        return None
    found: Num = result.outputs[0].spatial[axis]
    return found if isinstance(found, int) else None


def _window(layer: Layer, resolved: Mapping[str, LayerInfo], axis: int) -> _Stop | None:
    """Return the window of a layer along an axis, as its rule takes it; None where it slides none so."""
    kind = find(layer.kind)
    if kind is None or not has_window(layer) or layer.attrs.get("spatial") is not None:
        return None
    spec = input_of(layer, resolved)
    if len(spec.spatial) <= axis:
        return None
    kernel, stride, dilation = (setting(layer, spec, name)[axis] for name in ("kernel", "stride", "dilation"))
    padding = axis_paddings(Call(kind, layer.attrs, (spec,)), len(spec.spatial))[axis]
    return _Stop(
        layer.name,
        0,
        Step(kernel, stride, dilation),
        padding if isinstance(padding, str) or padding is None else tuple(padding),  # type: ignore[arg-type]  # a pair, where it is no word
        bool(layer.attrs.get("ceil", False)),
        bool(layer.attrs.get("short", False)),
    )
