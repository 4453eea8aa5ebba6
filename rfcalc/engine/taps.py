"""Holes in fields: how many of the pixels between its ends a field reads, and whether neighbours leave gaps.

Only a window whose taps lie apart (dilation), or that is shorter than its stride, can open holes; so most
models are done with by a look at their windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import le

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.legs import Leg
from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Slide
from rfcalc.algebra.window import Window
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.layer import Layer
from rfcalc.records import NamedTuple


class Suspect(NamedTuple):
    """A window that may open holes: the layer that slides it, along which axis of which of its inputs."""

    layer: Layer
    input: int
    slide: Slide


def suspects(layers: Iterable[Layer], resolved: Mapping[str, LayerInfo]) -> list[Suspect]:
    """List the windows whose taps lie apart, or that are shorter than their stride."""
    found = []
    for layer in layers:
        result = resolved[layer.name].result
        if result is None or not result.paths:
            continue
        for path in result.paths[0]:
            for step in path.steps:
                if type(step) is Slide and not step.alike and _may_open(step.window):
                    found.append(Suspect(layer, path.input, step))
    return found


def _may_open(window: Window) -> bool:
    step, advance = window.step, window.advance
    if (type(step) is int and step == 1) and (type(advance) is int and advance == 1):
        return False
    if not (is_known(window.period) and is_known(step) and is_known(advance)) or window.period != 1:
        return False
    if step > 1:
        return True
    length = window.last(0) - window.first(0) + 1
    return is_known(length) and advance > length


def opens(suspect: Suspect, seen: Mapping[str, LayerFields]) -> bool:
    """Tell whether a window leaves pixels out between its taps, or between itself and the next one."""
    producer, output = suspect.layer.inputs[suspect.input]
    dependence = seen[producer].local[output]
    window = suspect.slide.window
    for leg in () if dependence is None else dependence.legs:
        relation = leg.relation
        if not any(leg.weights[suspect.slide.axis]) or not isinstance(relation, Relation):
            continue
        reach = window.last(0) - window.first(0)
        apart = window.step if reach else 0
        if not relation.bounded:
            continue
        if _gap_after(relation, apart) or _gap_after(relation, window.advance - reach):
            return True
    return False


def _gap_after(relation: Relation, apart: int) -> bool:
    """Tell whether rows that lie `apart` leave something out between them."""
    if relation.period == 1:
        return apart * relation.advance > relation.hi[0] - relation.lo[0] + 1
    return any(
        relation.ends(i + apart)[0] > relation.hi[i] + 1
        for i in range(relation.period)
        if relation.lo[i] <= relation.hi[i]
    )


def irregular_layers(seen: Mapping[str, LayerFields]) -> list[str]:
    """List layers whose fields, gates cut, move back from one unit to the next, though none is empty."""
    known: dict[int, bool] = {}  # most layers hand on the very dependence of what they take
    found = []
    for name, fields in seen.items():
        dependence = fields.local[0] if fields.local else None
        if dependence is None:
            continue
        odd = known.get(id(dependence))
        if odd is None:
            odd = known[id(dependence)] = _is_irregular(dependence)
        if odd:
            found.append(name)
    return found


def _is_irregular(dependence: Dependence) -> bool:
    return any(
        isinstance(leg.relation, Relation)
        and not leg.relation.regular
        and leg.relation.bounded
        and all(map(le, leg.relation.lo, leg.relation.hi))
        and axis_of(dependence, leg) is not None
        for leg in dependence.legs
    )


class AxisTaps(NamedTuple):
    """What the widest field of a tensor reads along one axis of the input.

    Parameters
    ----------
    span : int
        Pixels from the first to the last, both included.
    taps : int
        How many of them are read.
    gap : int
        The most that lie between two that are read.
    tight : bool
        The fields of neighbours leave nothing out between them, and no field has a gap.
    """

    span: int
    taps: int
    gap: int
    tight: bool


def taps_on(dependence: Dependence, axis: int) -> AxisTaps | None:
    """Count what the fields of a tensor read along an axis.

    Where fields differ by phase it is the widest, and of equal ones that with the fewest taps; the gap is the
    largest of all.

    Parameters
    ----------
    dependence : Dependence
        What it depends on, followed with taps.
    axis : int
        A spatial axis of the input.

    Returns
    -------
    AxisTaps, optional
        None where the whole axis is read, a field has no end, or its taps are not known.
    """
    legs = [leg for leg in dependence.legs if leg.axis == axis]
    if not legs:
        return AxisTaps(0, 0, 0, True)
    relation = legs[0].relation
    if len(legs) > 1 or not isinstance(relation, Relation) or relation.taps is None or not relation.exact:
        return None
    if not relation.bounded:  # where it begins may be open, what it reads is not
        return None
    rows = {bits >> ((bits & -bits).bit_length() - 1) for bits in set(relation.taps) if bits}
    if not rows:
        return AxisTaps(0, 0, 0, True)
    span, fewest = min((-bits.bit_length(), bits.bit_count()) for bits in rows)
    gap = max(map(_largest_gap, rows))
    return AxisTaps(-span, fewest, gap, not gap and not _skips(legs[0], relation))


def _skips(leg: Leg, relation: Relation) -> bool:
    return not leg.gridless and relation.advance > 0 and _gap_after(relation, 1)


def _largest_gap(bits: int) -> int:
    """Return the longest run of zeros between ones.

    >>> _largest_gap(0b1010001)
    3
    """
    return max(map(len, format(bits, "b").strip("0").split("1")))
