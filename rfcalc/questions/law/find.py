"""How the field grows: the blocks that repeat on the way that decides it, the law of each, where it ends.

The way is that of :mod:`rfcalc.engine.attribution`: of the branches that meet, those that reach the ends
of the field. Its steps are what each layer's rule slides over its input, whatever the model's format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rfcalc.engine.attribution import Attribution, Attributor, AxisAttribution, Contribution
from rfcalc.engine.run import Run
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.law.growth import Segment, Step, after
from rfcalc.questions.law.reach import reaches_of
from rfcalc.questions.law.repeats import segments_of
from rfcalc.questions.law.report import Law
from rfcalc.questions.law.result import NO_WINDOW, AxisLaw, Cover
from rfcalc.questions.law.room import rooms_of

_DIVIDED: Final = "; what is divided is "


def law_of(run: Run, layer: str | None = None, *, reach: int | Sequence[int] | None = None) -> Law:
    """Find the law by which a field grows.

    Parameters
    ----------
    run : Run
        The model.
    layer : str, optional
        The layer whose field is meant; by default the last one whose field has a size.
    reach : int or sequence of int, optional
        A field in pixels that is wanted, on all axes or one for each; by default the extent of the input.

    Raises
    ------
    UsageError
        There is no such layer, or `reach` has not one number for each axis.
    AnalysisError
        A layer does not fit its inputs.
    """
    graph, attributor = run.graph, Attributor(run)
    name, beyond = (layer, "") if layer is not None else _deepest(graph, attributor)
    attribution = attributor.attribute(name)
    attrs = graph[attribution.input].attrs
    extents = [
        extent if isinstance(extent, int) else None
        for extent, role in zip(attrs["shape"], attrs["axes"], strict=True)
        if role == "s"
    ]
    wanted = _wanted(reach, extents, run.units)
    axes = tuple(
        _axis(run, attribution, place, extent, size)
        for place, (extent, size) in enumerate(zip(extents, wanted, strict=True))
    )
    return Law(graph.name, name, attribution.input, axes, beyond, attribution.notes)


def _wanted(
    reach: int | Sequence[int] | None, extents: Sequence[int | None], units: Sequence[str]
) -> Sequence[int | None]:
    """Return the field that is wanted on each axis."""
    if reach is None:
        return extents
    given = [reach] * len(extents) if isinstance(reach, int) else list(reach)
    if len(given) != len(extents):
        raise UsageError(
            f"the reach has {len(given)} numbers, but the input has {len(extents)} spatial axes; "
            "give one number, or one for each axis"
        )
    for size, name in zip(given, units, strict=True):
        if size < 1:
            raise UsageError(f"a field of {size} {name} cannot be reached; give 1 or more")
    return given


def _deepest(graph: LayerGraph, attributor: Attributor) -> tuple[str, str]:
    """Return the last layer of a map whose field, gates cut, has a size; and which one behind it has none."""
    found = attributor.input
    for layer in graph:
        local = attributor.view(layer.name).local_receptive_field
        if attributor.keeps_map(layer.name) and local and None not in local and any(local):
            found = layer.name
    behind = {found}
    for layer in graph:
        if any(producer in behind for producer, _ in layer.inputs):
            behind.add(layer.name)
            view = attributor.view(layer.name)
            if view.local_receptive_field is None:
                return found, f"{layer.name!r} {view.reason}"
            if None in view.local_receptive_field:
                return found, f"{layer.name!r} ({layer.op}) sees a whole axis"
    return found, ""


def _axis(run: Run, attribution: Attribution, place: int, extent: int | None, wanted: int | None) -> AxisLaw:
    divided = attribution.axes[place]
    steps, layers, reason = _steps(divided)
    segments = segments_of(steps, layers)
    field = int(segments[-1].at(segments[-1].count)[0]) if segments else 1
    reaches = () if wanted is None else reaches_of(segments, wanted)
    return AxisLaw(
        extent,
        segments,
        field,
        divided.status,
        _first(segments, extent),
        divided.local,
        reason or _ended(attribution, divided),
        wanted,
        _first(segments, wanted),
        reaches,
        rooms_of(run, divided, place, segments, reaches) if reaches and field < (wanted or 0) else (),
        run.units[place],
    )


def _ended(attribution: Attribution, divided: AxisAttribution) -> str:
    """Say why the field that is divided is not that of the layer, where it is not."""
    if divided.local and divided.subject == attribution.layer:
        return ""
    if divided.local:
        return f"the field of {attribution.layer!r} cannot be followed beyond {divided.subject!r}"
    reason, mark, _ = divided.reason.rpartition(_DIVIDED)
    return reason if mark else divided.reason


def _steps(divided: AxisAttribution) -> tuple[list[Step], list[str], str]:
    """Return the windows on the way, up to the first that the law does not hold for."""
    steps: list[Step] = []
    layers: list[str] = []
    for each in divided.steps:
        why = _unfit(each)
        if why:
            return steps, layers, f"{each.layer!r} ({each.op}) {why}"
        assert each.kernel is not None
        assert each.dilation is not None
        stride = int(each.stride)
        steps.append(Step(each.kernel, stride, each.dilation, each.cause))
        layers.append(each.layer)
    return steps, layers, ""


def _unfit(step: Contribution) -> str:
    if step.cause == "upsampling" and step.stride < 1:
        return "upsamples, so that its outputs see fields of different sizes"
    if step.kernel is None or step.dilation is None or step.stride.denominator != 1 or step.stride < 1:
        return NO_WINDOW if step.cause == "other" else "does not slide one window"
    if len(step.sides) != 2:
        return "is on a branch that decides one end of the field alone"
    if step.own != (step.kernel - 1) * step.dilation:
        return "cuts its window short"
    return ""


def _first(segments: Sequence[Segment], extent: int | None) -> Cover | None:
    """Find the first layer on the way whose field is so large."""
    if extent is None:
        return None
    field, jump = (segments[0].field, segments[0].jump) if segments else (1, 1)
    for number, segment in enumerate(segments):
        for turn, step, layer in _each(segment):
            field, jump = after([step], field, jump)
            if field >= extent:
                return Cover(layer, number, turn + 1)
    return None


def _each(segment: Segment) -> Iterator[tuple[int, Step, str]]:
    """List the steps of all repeats: the repeat from 0, the step, its layer."""
    for place, layer in enumerate(segment.layers):
        turn, inside = divmod(place, len(segment.block))
        yield turn, segment.block[inside].dilated(segment.factor**turn), layer
