"""The padding that brings branches into line: found by the distance of their centres, proved by the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import Slide
from rfcalc.engine.edit import edited, has_window, input_of, padding_of, setting
from rfcalc.engine.joins import Join
from rfcalc.engine.propagate import ancestors
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple

_MOST_TRIED: Final = 24

Padding = tuple[tuple[int, int], ...]
"""Elements before and after, for each axis of the window."""


class Mend(NamedTuple):
    """Another padding of one layer, with which a join aligns.

    Parameters
    ----------
    join : str
        The layer in which the branches meet.
    layer : str
        The layer whose padding changes.
    before : str or tuple of (int, int)
        The padding that the file gives: a word, or elements before and after for each axis.
    now : tuple of (int, int)
        The elements that this comes to at the size looked at, for each axis: the first window begins, and the
        last ends, so many outside of the map.
    after : tuple of (int, int)
        The padding that it should have.
    size : tuple of int
        The extents of the input at which it was found.
    """

    join: str
    layer: str
    before: str | Padding
    now: Padding
    after: Padding
    size: tuple[int, ...]


def with_padding(run: Run, mends: Sequence[Mend]) -> Run:
    """Return a run of the model with other paddings."""
    changes = {mend.layer: mend.after for mend in mends}
    return run.adjusted([edited(run.graph[name], padding=padding) for name, padding in changes.items()])


def mends_of(
    run: Run, *, refused: set[str], kept: frozenset[str] = frozenset()
) -> tuple[list[Mend], list[Join]]:
    """Find a padding for each join that does not align, one after the other.

    Parameters
    ----------
    run : Run
        The model.
    refused : set of str
        The joins that nothing mends; those that are found to be such are added.
    kept : frozenset of str
        Layers whose padding stays.

    Returns
    -------
    list of Mend
        Those that were found; the rules have been run with them.
    list of Join
        The joins with all of them.
    """
    mends: list[Mend] = []
    while True:
        apart = (each for each in run.joins if any(each.offset) and not each.drifts)
        wrong = next((each for each in apart if each.layer not in refused), None)
        if wrong is None:
            return mends, list(run.joins)
        found = _mend(run, wrong, kept)
        if found is None:
            refused.add(wrong.layer)
            continue
        mend, run = found
        mends.append(mend)


class _Way(NamedTuple):
    """A layer whose padding can move a branch: how far a padding of one more moves it on each axis."""

    layer: Layer
    slides: tuple[Slide, ...]
    axes: tuple[int, ...]
    jumps: tuple[Fraction, ...]


def _mend(run: Run, join: Join, kept: frozenset[str]) -> tuple[Mend, Run] | None:
    wrong = {each.layer for each in run.joins if not each.aligned}
    for tried, (layer, mend) in enumerate(_candidates(run, join, kept)):
        if tried == _MOST_TRIED:
            return None
        try:
            after = run.with_settings(edited(layer, padding=mend.after))
        except AnalysisError:
            continue
        if after is None:
            continue
        left = {each.layer for each in after.joins if not each.aligned}
        if left <= wrong - {join.layer}:
            return mend, after
    return None


def _candidates(run: Run, join: Join, kept: frozenset[str]) -> Iterator[tuple[Layer, Mend]]:
    """Move one branch to where most of the others are, by the padding of one layer that only it passes."""
    count = Counter(join.centers)
    for target in sorted(count, key=lambda center: -count[center]):
        astray = [edge for edge, center in zip(join.branches, join.centers, strict=True) if center != target]
        if len(astray) != 1 or None in target:
            continue
        center = join.centers[join.branches.index(astray[0])]
        if None in center:
            continue
        away = tuple(Fraction(a or 0) - Fraction(b or 0) for a, b in zip(center, target, strict=True))
        for way in _ways(run, join, astray[0], kept):
            padding = _padding(run, way, away)
            if padding is not None:
                now, after = padding
                stated = _stated(way.layer, now)
                yield way.layer, Mend(join.layer, way.layer.name, stated, now, after, tuple(run.extents))


def _stated(layer: Layer, now: Padding) -> str | Padding:
    """Return the padding that a layer states; what it comes to where that is a formula."""
    stated = padding_of(layer, len(now))
    if isinstance(stated, str):
        return stated
    pairs = tuple((before, after) for before, after in stated if is_known(before) and is_known(after))
    return pairs if len(pairs) == len(now) else now


def _ways(run: Run, join: Join, branch: Edge, kept: frozenset[str]) -> list[_Way]:
    """List windows that the branch alone passes: those that step with a padding of their own choice first."""
    others: set[str] = set()
    for edge in join.branches:
        if edge != branch:
            others.update(layer.name for layer in ancestors(run.graph, edge[0]))
    own = [layer for layer in ancestors(run.graph, branch[0]) if layer.name not in others]
    ways = [way for layer in reversed(own) if (way := _way(run, layer, kept)) is not None]

    def rank(way: _Way) -> tuple[bool, bool]:
        steps = any(slide.window.advance != 1 for slide in way.slides)
        return not (steps and isinstance(way.layer.attrs.get("padding"), str)), not steps

    return sorted(ways, key=rank)


def _way(run: Run, layer: Layer, kept: frozenset[str]) -> _Way | None:
    result = run.resolved[layer.name].result
    if not has_window(layer) or result is None or len(layer.inputs) != 1 or layer.name in kept:
        return None
    producer, output = layer.inputs[0]
    dependence = run.fields[producer].local[output]
    slides = tuple(step for step in result.paths[0][0].steps if isinstance(step, Slide))
    if dependence is None or len(slides) != len(setting(layer, input_of(layer, run.resolved), "kernel")):
        return None
    axes, jumps = [], []
    for slide in slides:
        leg = next((leg for leg in dependence.legs if leg.weights[slide.axis] == (1,)), None)
        if leg is None or not isinstance(leg.relation, Relation) or not leg.relation.advance:
            return None
        axes.append(leg.axis)
        jumps.append(Fraction(leg.relation.advance, leg.relation.period))
    return _Way(layer, slides, tuple(axes), tuple(jumps))


def _padding(run: Run, way: _Way, away: Sequence[Fraction]) -> tuple[Padding, Padding] | None:
    """Return the padding of a layer as it is, and the one that moves its branch back by `away` pixels.

    The number of outputs stays; of the paddings behind that leave it, the one that is most like that before.
    """
    spec = input_of(way.layer, run.resolved)
    now, after = [], []
    for place, slide in enumerate(way.slides):
        window, extent = slide.window, spec.shape[slide.axis]
        more = away[way.axes[place]] / way.jumps[place]
        if not is_known(extent) or not is_known(slide.extent) or more.denominator != 1:
            return None
        lo = -window.first(0)
        reach, stride = window.last(0) - window.first(0), window.advance
        least = (slide.extent - 1) * stride + reach + 1 - extent
        new = lo + int(more)
        last = least - new + stride - 1
        if new < 0 or last < 0:
            return None
        now.append((lo, max(least - lo, 0)))
        after.append((new, min(max(new, least - new, 0), last)) if more else now[-1])
    return tuple(now), tuple(after)
