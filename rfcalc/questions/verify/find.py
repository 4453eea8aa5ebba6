"""Recompute every answer by another way: enumeration of what each layer is, without rules or relations.

The analysis composes formulas; here sets of indices are followed element by element through the graph, from
the definitions of the layers, and compared: shapes, the exact rows at the input's size, the figures of an
infinite map with those of the units that padding does not reach, parameters and multiply-accumulates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from math import ceil, lcm, prod
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.number import Num, is_known
from rfcalc.algebra.relation import Relation
from rfcalc.engine.filling import AtSize, Fit, NothingFits, first_fit
from rfcalc.engine.propagate import require_known
from rfcalc.engine.result import Params
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import spec_of
from rfcalc.engine.totals import count_params
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, SPATIAL, Layer, TensorSpec
from rfcalc.progress import Progress
from rfcalc.questions.verify.chase import Chased, chase
from rfcalc.questions.verify.compare import (
    Axis,
    Finding,
    NotComparable,
    compare_figures,
    compare_rows,
    compare_shape,
    interiors,
)
from rfcalc.questions.verify.counts import counted
from rfcalc.questions.verify.definitions.given import NotDefined
from rfcalc.questions.verify.result import UNREAD, Difference, Unchecked, VerificationResult
from rfcalc.questions.verify.sets import Sets
from rfcalc.records import NamedTuple
from rfcalc.wording import axis_names

LARGEST: Final = 2560
"""Elements of an input axis beyond which sets for each element take too much room."""

_SIZES: Final = (64, 96, 128, 224, 256, 299, 384, 512, 1024)
"""Sizes that are tried where the model has none, or too large a one."""


class Verified(NamedTuple):
    """What one enumeration of a graph came to.

    Parameters
    ----------
    size : tuple of int
        The size of the input.
    rows, figures, counts : frozenset of str
        The layers of which each was verified.
    differences : tuple of Difference
        What differs, in the order of the graph.
    unchecked : tuple of Unchecked
        What could not be compared.
    pending : mapping
        The layers of which the figures could not be seen at this size, with the size of their field, and how
        far it moves in one period.
    """

    size: tuple[int, ...]
    rows: frozenset[str]
    figures: frozenset[str]
    counts: frozenset[str]
    differences: tuple[Difference, ...]
    unchecked: tuple[Unchecked, ...]
    pending: Mapping[str, tuple[int, int]]


def enumerate_run(run: Run, progress: Progress | None = None) -> Verified:
    """Enumerate all layers at the input's size, and compare.

    Parameters
    ----------
    run : Run
        The model.
    progress : callable, optional
        Is told how many layers are done, those of each axis apart.

    Raises
    ------
    UsageError
        The size is open.
    AnalysisError
        A layer does not fit its inputs.
    """
    require_known(run.spec, run.chosen.name)
    report = _Report(run)
    places = [place for place, role in enumerate(run.spec.axes) if role == SPATIAL]
    total = len(run.graph) * max(len(places), 1)
    for axis, place in enumerate(places or [0]):  # a vector has no positions, but shapes and counts
        for done, each in enumerate(chase(run.graph, run.resolved, run.chosen, place)):
            report.layer(each, axis, first=axis == 0)
            if progress is not None:
                progress(len(run.graph) * axis + done + 1, total)
    return report.done()


class _Report:
    """Collects what is found, layer by layer and axis by axis."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.extents = tuple(int(extent) for extent in run.extents)
        self.rank = len(self.extents)
        self.views = run.views
        self.found: list[Difference] = []
        self.unchecked: dict[tuple[str, str], Unchecked] = {}
        self.rows: dict[str, int] = {}
        self.figures: dict[str, int] = {}
        self.pending: dict[str, tuple[int, int]] = {}
        self.counts: set[str] = set()
        self.shapes: dict[tuple[str, int], tuple[int, ...]] = {}
        self.wrong: set[str] = set()

    def layer(self, each: Chased, axis: int, *, first: bool) -> None:
        """Compare all outputs of a layer along one axis of the input."""
        layer = each.layer
        result = self.run.resolved[layer.name].result
        if result is None:
            return
        if each.outputs is None:
            self.skip(layer, "all", each.reason)
            return
        if len(each.outputs) != len(result.outputs):
            self.differs(layer, Finding("outputs", str(len(result.outputs)), str(len(each.outputs))))
            return
        for output, (found, spec) in enumerate(zip(each.outputs, result.outputs, strict=True)):
            self.shapes[layer.name, output] = found.shape
            wrong = compare_shape(spec, found) if first else None
            if wrong:
                self.differs(layer, wrong)
                return
            self.compare(layer, output, axis, spec, found)
        if first:
            self.count(layer)

    def compare(self, layer: Layer, output: int, axis: int, spec: TensorSpec, found: Sets) -> None:
        """Compare rows and figures of one output."""
        dependence = self.run.rows[layer.name].full[output]
        if dependence is None or layer.name in self.wrong or not self.rank:
            return
        try:
            wrong = found.once(  # a layer that hands on what it got hands on both
                ("rows", id(dependence), spec.axes, spec.folded),
                lambda: compare_rows(spec, dependence, Axis(axis, self.rank), found),
            )
        except NotComparable as error:
            self.skip(layer, "rows", str(error))
            return
        if wrong:
            self.differs(layer, wrong, axis)
            return
        self.rows[layer.name] = self.rows.get(layer.name, 0) + 1
        self.compare_view(layer, output, axis, spec, found)

    def compare_view(self, layer: Layer, output: int, axis: int, spec: TensorSpec, found: Sets) -> None:
        """Compare the figures with those of the units that padding does not reach."""
        seen = self.run.fields[layer.name]
        view = self.views.of((layer.name, output))
        size = None if view.receptive_field is None else view.receptive_field[axis]
        stride = None if view.effective_stride is None else view.effective_stride[axis]
        if not isinstance(size, int) or not stride:
            self.figures[layer.name] = self.figures.get(layer.name, 0) + 1  # whole axes have no others
            return
        period = _period(seen.full[output], axis)
        inner = found.once(
            ("interiors", period, spec.axes, spec.folded),
            lambda: interiors(spec, Axis(axis, self.rank), found, period),
        )
        if not inner:
            old = self.pending.get(layer.name, (0, 0))
            self.pending[layer.name] = (max(old[0], size), max(old[1], ceil(period * stride)))
            return
        found_wrong = [wrong for each in inner for wrong in islice(compare_figures(view, axis, each), 1)]
        if len(found_wrong) == len(inner):
            self.differs(layer, found_wrong[0], axis)
            return
        self.figures[layer.name] = self.figures.get(layer.name, 0) + 1

    def count(self, layer: Layer) -> None:
        """Compare parameters and multiply-accumulates."""
        resolved = self.run.resolved
        known = resolved[layer.name]
        if layer.kind == "input" or known.result is None:
            return
        specs = [spec_of(resolved, edge) for edge in layer.inputs]
        inputs = [self.shapes[producer, output] for producer, output in layer.inputs]
        outputs = [self.shapes[layer.name, output] for output in range(len(known.result.outputs))]
        try:
            counts = counted(layer.whole, inputs, outputs, specs)
        except (NotDefined, KeyError, IndexError, TypeError, ValueError) as error:
            self.skip(layer, "counts", f"not counted ({error})")
            return
        samples = self.samples()
        if is_known(known.result.macs) and int(known.result.macs) * samples != counts.macs:
            macs = counts.macs // samples
            self.differs(layer, Finding("macs", f"{int(known.result.macs):,}", f"{macs:,}"))
            return
        if layer.weights is None and known.weights is not None:  # else the file names them
            said = count_params(known.weights)
            trained, stored = sum(map(prod, counts.trained)), sum(map(prod, counts.stored))
            truth = (trained, stored) if layer.trainable else (0, trained + stored)
            if said.total is not None and (said.trainable, said.non_trainable) != truth:
                self.differs(layer, Finding("params", _pair(said), _pair(Params(*truth))))
                return
        self.counts.add(layer.name)

    def samples(self) -> int:
        """Return how many samples the input's own batch holds."""
        batch = [n for n, role in zip(self.run.spec.shape, self.run.spec.axes, strict=True) if role == BATCH]
        return int(batch[0]) if batch and is_known(batch[0]) else 1

    def differs(self, layer: Layer, finding: Finding, axis: int | None = None) -> None:
        """Note a difference; what lies behind it is compared all the same."""
        self.wrong.add(layer.name)
        along = "" if axis is None else axis_names(self.rank)[axis]
        self.found.append(
            Difference(
                layer.name,
                layer.kind,
                layer.op,
                finding.what,
                finding.by_rule,
                finding.by_definition,
                along,
                finding.unit,
            )
        )

    def skip(self, layer: Layer, what: str, reason: str) -> None:
        """Note what could not be verified."""
        self.unchecked.setdefault((layer.name, what), Unchecked(layer.name, what, reason))

    def done(self) -> Verified:
        """Return all of it, in the order of the graph."""
        order = {layer.name: place for place, layer in enumerate(self.run.graph)}
        rank, wrong = self.rank, self.wrong

        def every(counts: Mapping[str, int]) -> frozenset[str]:
            return frozenset(name for name, count in counts.items() if count >= rank and name not in wrong)

        return Verified(
            self.extents,
            every(self.rows),
            every({n: c for n, c in self.figures.items() if n not in self.pending}),
            frozenset(self.counts - wrong),
            tuple(sorted(self.found, key=lambda each: order[each.layer])),
            tuple(sorted(self.unchecked.values(), key=lambda each: order[each.layer])),
            {name: each for name, each in self.pending.items() if name not in wrong},
        )


def _period(dependence: Dependence | None, axis: int) -> int:
    """Return after how many outputs the rows come round, by the rules."""
    legs = () if dependence is None else [leg for leg in dependence.legs if leg.axis == axis]
    folded = [axis_of(dependence, leg) for leg in legs] if dependence is not None else []
    return lcm(*(each[1].period for each in folded if each is not None and isinstance(each[1], Relation)))


def _pair(counts: Params) -> str:
    trained, stored = counts.trainable, counts.non_trainable
    return f"{trained:,}" if not stored else f"{trained:,} trained and {stored:,} not"


# ---- at which sizes ----------------------------------------------------------------------------------------


def verify_run(
    run: Run, at: AtSize, *, held: Mapping[str, int] | None = None, progress: Progress | None = None
) -> VerificationResult:
    """Verify an analysis by enumeration: at the input's size, and at one where the largest field has room.

    Parameters
    ----------
    run : Run
        The model.
    at : callable
        Gives the model at other sizes of its input, and with numbers for channels that are open.
    held : mapping, optional
        The tensors that the file holds, by name, with their elements.
    progress : callable, optional
        Is told how many layers are done, at one size after the other.

    Raises
    ------
    UsageError
        There is no size at which the model can be enumerated.
    AnalysisError
        A layer does not fit its inputs.
    """
    graph, result = run.graph, analyze_run(run)
    fit, first = _first(run, at, progress)
    seen, why = [first], ""
    if first.pending and not first.differences:
        larger, why = _larger(first, lambda size: run.of(at(size, fit.widths)), progress)
        seen += larger
    statuses = [row.status for row in result.rows]
    figures = frozenset[str]().union(*(each.figures for each in seen))
    sizes = " and ".join(_by(each.size) for each in seen)
    reason = f"padding reaches all units at {sizes}" + (f", and {why}" if why else "")
    missing = [Unchecked(name, "figures", reason) for name in first.pending if name not in figures]
    unread = [Unchecked(layer, UNREAD, message) for code, layer, message in graph.notes if code == UNREAD]
    return VerificationResult(
        result.name,
        result.source,
        result.input,
        tuple(each.size for each in seen),
        len(graph),
        len(graph.inputs),
        statuses.count("exact"),
        statuses.count("bound"),
        statuses.count("unknown"),
        len(first.rows),
        len(figures),
        len(first.counts),
        (*dict.fromkeys(each for one in seen for each in one.differences), *_unlike(graph, held or {})),
        (*first.unchecked, *missing, *_apart(graph, held), *unread),
        result.totals.params.total if isinstance(result.totals.params.total, int) else None,
        None if held is None else sum(held.get(name, 0) for name in _named(graph)),
        filled=_filled(graph, fit.graph),
    )


def _filled(graph: LayerGraph, taken: LayerGraph) -> tuple[tuple[str, tuple[int | None, ...]], ...]:
    """Return the shapes of all inputs that were taken, where more than the batch of one is open."""
    if not any(map(_is_open, graph.inputs)):
        return ()
    return tuple(
        (layer.name, tuple(int(n) if is_known(n) else None for n, _ in _extents(layer)))
        for layer in taken.inputs
    )


def _is_open(layer: Layer) -> bool:
    return any(not is_known(n) and role != BATCH for n, role in _extents(layer))


def _named(graph: LayerGraph) -> dict[str, tuple[Layer, Num]]:
    """List the weights that the file names, with a layer that takes each, and their elements."""
    return {w.identity: (layer, w.count) for layer in graph for w in layer.weights or ()}


def _unlike(graph: LayerGraph, held: Mapping[str, int]) -> list[Difference]:
    """Find weights that the file holds with another number of elements."""
    return [
        Difference(layer.name, layer.kind, layer.op, "params", f"{count:,} of {name}", f"{held[name]:,}")
        for name, (layer, count) in _named(graph).items()
        if name in held and count != held[name]
    ]


def _apart(graph: LayerGraph, held: Mapping[str, int] | None) -> list[Unchecked]:
    """List layers with weights that are no tensors of the file, but made by its operations."""
    if held is None:
        return []
    layers = dict.fromkeys(layer.name for name, (layer, _) in _named(graph).items() if name not in held)
    return [
        Unchecked(name, "parameters", "they are not counted in the file apart from the graph")
        for name in layers
    ]


def _first(run: Run, at: AtSize, progress: Progress | None) -> tuple[Fit, Verified]:
    """Enumerate at the model's own size, or at the smallest that is tried and fits."""
    graph = run.graph
    spatial = [n for n, role in _extents(run.chosen) if role == SPATIAL]
    sizes: tuple[int | None, ...] = _SIZES
    if all(is_known(n) and int(n) <= LARGEST for n in spatial):
        sizes = (None,)
    still_open = any(_is_open(at_size) for at_size in _inputs(at, sizes[0], graph))
    try:
        return first_fit(
            graph, at, sizes, lambda taken: enumerate_run(run.of(taken), progress), fill=still_open
        )
    except NothingFits as nothing:
        first = nothing.tried[0]
    if sizes == (None,) and not still_open:
        raise first
    if sizes == (None,):
        raise UsageError(f"nothing that was tried for its open extents fits ({first}); use --input-shape")
    raise UsageError(
        f"no size up to {_SIZES[-1]} that was tried fits the model ({first}); give one with --input-shape"
    )


def _inputs(at: AtSize, size: int | None, graph: LayerGraph) -> Sequence[Layer]:
    """Return the inputs of the model at a size; where it does not take this one, as they are."""
    try:
        return at(size, None).inputs
    except RfcalcError:
        return graph.inputs


def _extents(layer: Layer) -> list[tuple[Num, str]]:
    return list(zip(layer.attrs["shape"], layer.attrs["axes"], strict=True))


def _larger(
    first: Verified, at: Callable[[int], Run], progress: Progress | None
) -> tuple[list[Verified], str]:
    """Enumerate where padding leaves two periods of every layer free, or of as many as can be.

    With what was found, why no larger size was tried where that would have taken one.
    """
    base = max(first.size)
    found: list[Verified] = []
    left = dict(first.pending)
    why = ""
    for share in (1.0, 0.5):
        wanted = sorted(size + 3 * advance for size, advance in left.values())
        need = wanted[int(share * (len(wanted) - 1))] if wanted else 0
        size = base * -(-(need + base) // base)  # as many times the size as it takes: what divided still does
        if not wanted:
            continue
        if size > LARGEST:
            why = f"inputs of more than {LARGEST:,} are not enumerated"
            continue
        try:
            found.append(enumerate_run(at(size), progress))
        except RfcalcError as error:
            return found, f"no larger input fits ({error.message.partition(';')[0]})"
        left = {name: each for name, each in left.items() if name not in found[-1].figures}
    return found, why


def _by(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
