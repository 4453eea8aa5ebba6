"""Figures that take a pass of their own, or say little of most models: taps, gaps, what is productive."""

from __future__ import annotations

from collections.abc import Callable

from rfcalc.engine.holes import countable
from rfcalc.engine.result import Detail
from rfcalc.engine.run import Run
from rfcalc.engine.taps import AxisTaps, taps_on
from rfcalc.engine.unproductive import FieldOf, useful
from rfcalc.graph.layer import Edge


def details_of(run: Run, field_of: FieldOf) -> Callable[[Edge], Detail]:
    """Return what works out the details of a tensor, and of the layer that makes it.

    Parameters
    ----------
    run : Run
        The model.
    field_of : callable
        Gives the field of a tensor, gates cut.
    """
    seen = run.taps if countable(run) else run.fields
    extents = run.extents
    found = useful(run.graph, field_of, extents)
    known: dict[int, tuple[AxisTaps | None, ...]] = {}

    def details(edge: Edge) -> Detail:
        outputs = seen[edge[0]].local
        dependence = outputs[edge[1]] if edge[1] < len(outputs) else None
        productive = None if found is None else found.productive.get(edge[0])
        if dependence is None:
            return Detail(productive=productive)
        if id(dependence) not in known:
            known[id(dependence)] = tuple(taps_on(dependence, axis) for axis in range(len(extents)))
        axes = known[id(dependence)]
        return Detail(
            tuple(None if axis is None else axis.taps for axis in axes),
            _density(axes),
            tuple(None if axis is None else axis.gap for axis in axes),
            productive,
        )

    return details


def _density(axes: tuple[AxisTaps | None, ...]) -> float | None:
    share = 1.0
    for axis in axes:
        if axis is None:
            return None
        share *= axis.taps / axis.span if axis.span else 1.0
    return share if axes else None
