"""Hold an analysis to a run of the model: what it claims of each tensor, and what the run showed.

The claims are spelled element by element, so that nothing of what the analysis takes axes for is needed to
read them. Samples are an axis like any other here: no element reads another sample than its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product
from math import prod
from operator import or_
from typing import Any, Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import rows_by_index
from rfcalc.algebra.number import is_known, is_one
from rfcalc.algebra.rows import Rows
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError
from rfcalc.graph.claim import Beyond, Claim, Observed, Way
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer, TensorSpec
from rfcalc.questions.verify.compare import spelled
from rfcalc.questions.verify.result import Difference, Loose
from rfcalc.records import NamedTuple
from rfcalc.wording import axis_names

BUDGET: Final = 1_500_000_000
"""Operations that a run may take where nobody asked for it: some two seconds."""

FORCED: Final = 300_000_000_000
"""Operations that it may take where somebody did."""

_PER_LAYER: Final = 20_000
"""What a layer costs besides its operations, of the same size."""

_PLANS: Final = ((16, 4), (9, 3), (5, 3), (3, 2))
"""Indices of an axis that are changed, and passes, from the most thorough to the least."""

_MOST_ELEMENTS: Final = 30_000_000
"""Elements of tensors that are held at a time; of a larger model tensors are left out."""


class Claims(NamedTuple):
    """What an analysis says of a model at one size.

    Parameters
    ----------
    chosen : str
        The input that is followed.
    extents : mapping of int to int
        The extents of its axes of which something is said.
    names : mapping of int to str
        What these axes are called: rows, columns, samples.
    tensors : mapping
        The claims, by tensor.
    cost : int
        Operations of one run, about.
    counted : frozenset of str
        The tensors of weights that were counted.
    complete : bool
        Whether all are said to be counted.
    """

    chosen: str
    extents: Mapping[int, int]
    names: Mapping[int, str]
    tensors: Mapping[str, Claim]
    cost: int
    counted: frozenset[str]
    complete: bool


class Plan(NamedTuple):
    """Which indices are changed, by axis, and in how many passes; and what all of it costs."""

    rows: Mapping[int, Sequence[int]]
    passes: int
    cost: int


class Ran(NamedTuple):
    """What came of a run: see `VerificationResult`."""

    maps: int
    claimed: int
    seen: int
    differences: tuple[Difference, ...]
    loose: tuple[Loose, ...]


def claims_of(run: Run) -> Claims:
    """Spell what an analysis claims of all tensors that the source names.

    Raises
    ------
    UsageError
        The size of the input is open.
    """
    graph, chosen, resolved = run.graph, run.chosen, run.resolved
    spec, seen = run.spec, run.rows
    axes = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    letters = axis_names(len(axes)) if axes else ()
    names = dict(zip(axes, letters, strict=True))
    batches = [place for place, role in enumerate(spec.axes) if role == BATCH]
    if len(batches) == 1 and is_known(spec.shape[batches[0]]) and int(spec.shape[batches[0]]) > 1:
        names[batches[0]] = "sample"
    samples = prod(int(spec.shape[place]) for place in batches if is_known(spec.shape[place]))
    tensors: dict[str, Claim] = {}
    within: dict[str, int | None] = {}
    scattered: set[str] = set()
    cost = 0
    for layer in graph:
        result = resolved[layer.name].result
        if result is None or layer.kind == "input":
            continue
        if any(map(_is_scattered, result.outputs)) or any(name in scattered for name, _ in layer.inputs):
            scattered.add(layer.name)
        macs = int(result.macs) if is_known(result.macs) else None
        cost += _PER_LAYER + samples * (macs or 0)
        # what no tensor of the source is the output of is part of the operation that takes it
        parts = [within.get(name, 0) for name, _ in layer.inputs]
        whole = None if macs is None or None in parts else macs + sum(part or 0 for part in parts)
        if not any(layer.outputs):
            within[layer.name] = whole
        for output, each in enumerate(result.outputs):
            cost += 4 * prod(int(n) for n in each.shape if is_known(n))
            if output < len(layer.outputs) and layer.outputs[output]:
                dependence = seen[layer.name].full[output]
                mixing = {b: samples for b in batches if b in names}
                ways = _ways(each, dependence, axes, {} if layer.name in scattered else mixing)
                known = dependence is not None and bool(dependence.legs) and BATCH in each.axes
                tensors[layer.outputs[output]] = Claim(
                    layer.name,
                    tuple(int(n) if is_known(n) else None for n in each.shape),
                    ways,
                    frozenset(b for b in mixing if known and b not in ways),
                    {} if dependence is None else _listed(each, dependence, axes, ways),
                    _is_exact(dependence),
                    whole * samples if whole is not None and len(result.outputs) == 1 else None,
                    None if dependence is None else dependence.masked,
                    {axis: _untold(each, samples=axis in batches) for axis in ways},
                )
    counted = frozenset(w.identity for known in resolved.values() for w in known.weights or ())
    complete = all(known.weights is not None for known in resolved.values())
    extents = {place: int(spec.shape[place]) for place in sorted(names)}
    return Claims(chosen.name, extents, names, _sampled(tensors), cost, counted, complete)


def _is_scattered(spec: TensorSpec) -> bool:
    """Tell whether samples lie on several axes: put on one again they may stand in another order."""
    batches = [role for role, n in zip(spec.axes, spec.shape, strict=True) if role == BATCH and not is_one(n)]
    return len(batches) > 1


def _untold(spec: TensorSpec, *, samples: bool) -> frozenset[int]:
    """Return the axes of a tensor that are not told apart where an axis of the input is of `samples`."""
    alike = CHANNEL if samples else CHANNEL + BATCH
    return frozenset(place for place, role in enumerate(spec.axes) if role in alike)


def _sampled(tensors: Mapping[str, Claim]) -> dict[str, Claim]:
    """Leave out tensors, here and there, where all of them would take too much room."""
    total = sum(prod(n or 1 for n in claim.shape) for claim in tensors.values())
    every = -(-total // _MOST_ELEMENTS)
    names = list(tensors)
    return {name: tensors[name] for place, name in enumerate(reversed(names)) if place % every == 0}


def _ways(
    spec: TensorSpec, dependence: Dependence | None, axes: Sequence[int], batch: Mapping[int, int]
) -> dict[int, tuple[Way, ...]]:
    """Return on which ways the elements of a tensor read each axis of the input."""
    found: dict[int, tuple[Way, ...]] = {}
    if dependence is None or not all(is_known(n) for n in spec.shape):
        return found
    for axis, place in enumerate(axes):
        ways = [_way(dependence, leg.weights, leg.relation) for leg in dependence.legs if leg.axis == axis]
        if all(way is not None for way in ways):
            found[place] = tuple(way for way in ways if way is not None)
    for place, samples in batch.items():
        offsets = _sample_of(spec, samples)
        if offsets is not None and dependence.legs:
            found[place] = (Way(offsets, tuple(1 << sample for sample in range(samples))),)
    return found


def _listed(
    spec: TensorSpec, dependence: Dependence, axes: Sequence[int], ways: Mapping[int, Sequence[Way]]
) -> dict[int, tuple[int, Way]]:
    """Return the rows as they are shown, by the index of the axis that goes with one of the input."""
    own = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    found: dict[int, tuple[int, Way]] = {}
    if len(own) != len(axes) or not is_known(spec.folded) or int(spec.folded) != 1:
        return found
    for axis, (place, mine) in enumerate(zip(axes, own, strict=True)):
        several = any(mine in way.moving and len(way.moving) > 1 for way in ways.get(place, ()))
        if dependence.masked is None and not several:
            continue  # where one axis of the tensor moves the rows, elements say the same
        try:
            masks, _ = rows_by_index(dependence, axis)
        except AnalysisError:  # they have no common order, or no room
            continue
        along = len(masks) == spec.shape[mine]
        rows = tuple(masks) if along else (reduce(or_, masks, 0),)
        offsets = tuple(
            tuple(range(int(n))) if along and k == mine else (0,) * int(n) for k, n in enumerate(spec.shape)
        )
        found[place] = (mine, Way(offsets, rows))
    return found


def _way(dependence: Dependence, weights: Sequence[Sequence[int]], relation: Any) -> Way | None:
    offsets = []
    for digits, steps in zip(dependence.factors, weights, strict=True):
        if not all(is_known(n) for n in digits):
            return None
        if not any(steps):
            offsets.append((0,) * prod(int(n) for n in digits))
            continue
        own = ([step * index for index in range(int(n))] for n, step in zip(digits, steps, strict=True))
        offsets.append(tuple(map(sum, product(*own))))
    return Way(tuple(offsets), relation.masks) if isinstance(relation, Rows) else None


def _sample_of(spec: TensorSpec, samples: int) -> tuple[tuple[int, ...], ...] | None:
    """Return the sample of each index of the batch axis; None where that is not known."""
    places = [place for place, role in enumerate(spec.axes) if role == BATCH]
    if len(places) != 1:
        return None
    extent = int(spec.shape[places[0]])
    if extent == samples and is_known(spec.folded) and int(spec.folded) == 1:
        own: tuple[int, ...] = tuple(range(samples))
    elif spec.merged and all(is_known(n) for n, _ in spec.merged):
        digits = [(int(n), role) for n, role in spec.merged]
        if prod(n for n, _ in digits) != extent or [n for n, role in digits if role == BATCH] != [samples]:
            return None
        place = next(k for k, (_, role) in enumerate(digits) if role == BATCH)
        own = tuple(index[place] for index in product(*(range(n) for n, _ in digits)))
    else:
        return None
    return tuple(own if place == places[0] else (0,) * int(n) for place, n in enumerate(spec.shape))


def _is_exact(dependence: Dependence | None) -> bool:
    return (
        dependence is not None
        and not dependence.reason
        and all(leg.relation.exact for leg in dependence.legs)
    )


# ---- how much is run ---------------------------------------------------------------------------------------


def planned(claims: Claims, budget: int) -> Plan | None:
    """Choose how many indices are changed in how many passes; None where even the least costs too much."""
    for most, passes in _PLANS:
        rows = {
            axis: _spread(extent, most if claims.names[axis] != "sample" else 2)
            for axis, extent in claims.extents.items()
        }
        cost = claims.cost * passes * (1 + sum(map(len, rows.values())))
        if cost <= budget:
            return Plan(rows, passes, cost)
    return None


def _spread(extent: int, most: int) -> list[int]:
    """Choose some of the indices of an axis, the first and the last among them."""
    if extent <= most:
        return list(range(extent))
    return sorted({k * (extent - 1) // (most - 1) for k in range(most)})


# ---- what it showed ----------------------------------------------------------------------------------------


def judged(graph: LayerGraph, claims: Claims, observed: Observed) -> Ran:
    """Say of a run what contradicts the analysis, and what it did not bear out."""
    found: list[Difference] = []
    wrong: set[tuple[str, int]] = set()
    for name, claim in claims.tensors.items():
        layer = graph[claim.layer]
        shape = observed.shapes.get(name)
        if shape is not None and not _alike(claim.shape, shape):
            found.append(_differs(layer, "output_shape", _shape(claim.shape), _shape(shape)))
        macs = observed.macs.get(name)
        if macs is not None and claim.macs is not None and claim.macs < macs:
            found.append(_differs(layer, "macs", f"{claim.macs:,}", f"{macs:,}"))
    for each in observed.beyond:
        claim = claims.tensors[each.tensor]
        wrong.add((each.tensor, each.axis))
        axis = claims.names[each.axis]
        found.append(
            Difference(
                claim.layer,
                graph[claim.layer].kind,
                graph[claim.layer].op,
                "run",
                _reading(claim, each, axis),
                f"it changes with {axis} {each.row}{' too' if each.axis in claim.apart else ''}",
                axis,
                by="run",
            )
        )
    loose = tuple(
        Loose(
            claims.tensors[each.tensor].layer,
            claims.names[each.axis],
            each.pairs,
            f"{_element(each.at)} is said to read {claims.names[each.axis]} {each.row} of the input",
        )
        for each in observed.idle
        if (each.tensor, each.axis) not in wrong
    )
    order = {layer.name: place for place, layer in enumerate(graph)}
    for name in sorted(observed.taken if claims.complete else ()):
        first = next(iter(graph))
        found.append(
            Difference(
                first.name, "", "", "params", f"{name} is not counted", "the outputs change with it", by="run"
            )
        )
    found.sort(key=lambda each: order[each.layer])
    loose = tuple(sorted(loose, key=lambda each: order[each.layer]))
    return Ran(len(observed.shapes), observed.claimed, observed.seen, tuple(found), loose)


def _differs(layer: Layer, what: str, said: str, ran: str) -> Difference:
    return Difference(layer.name, layer.kind, layer.op, what, said, ran, by="run")


def _alike(said: Sequence[int | None], ran: Sequence[int]) -> bool:
    return len(said) == len(ran) and all(a is None or a == b for a, b in zip(said, ran, strict=True))


def _shape(extents: Sequence[int | None]) -> str:
    return "(" + ", ".join("?" if extent is None else str(extent) for extent in extents) + ")"


def _read(claim: Claim, axis: int, index: Sequence[int]) -> int:
    """Return which indices an element is said to read, as a bit mask."""
    mask = 0
    rank = len(claim.shape)
    if claim.masked is not None and not claim.masked.bit(index[rank - len(claim.masked.shape) :]):
        return mask
    for way in claim.ways.get(axis, ()):
        place = sum(steps[at] for steps, at in zip(way.offsets, index, strict=True))
        mask |= way.rows[min(place, len(way.rows) - 1)] if way.rows else 0
    return mask


def _reading(claim: Claim, each: Beyond, axis: str) -> str:
    if each.axis in claim.apart:
        return f"{_element(each.at)} reads one {axis} of the input"
    read = _named(axis, _read(claim, each.axis, each.at))
    return f"{_element(each.at)} reads {read} of the input"


def _element(index: Sequence[int]) -> str:
    return f"element ({', '.join(map(str, index))})"


def _named(axis: str, mask: int) -> str:
    return (
        f"no {axis}"
        if not mask
        else f"{axis} {spelled(mask)}"
        if mask.bit_count() == 1
        else f"{axis}s {spelled(mask)}"
    )
