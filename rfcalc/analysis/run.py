"""One model at one size, and what the two passes say of it: each is made once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from rfcalc.algebra.number import Num
from rfcalc.analysis.gridding import AxisTaps, taps_on
from rfcalc.analysis.joins import Join, joins_of
from rfcalc.analysis.propagate import (
    FieldsBefore,
    Misaligned,
    Seed,
    Seen,
    choose_input,
    propagate,
    propagate_periodic,
    require_known,
    seed_asked,
    seed_rows,
)
from rfcalc.analysis.shapes import (
    OnUnknown,
    Resolved,
    ShapesBefore,
    as_formulas,
    resolve,
    resolve_layer,
    spec_of,
)
from rfcalc.analysis.symbolic import with_symbols
from rfcalc.analysis.view import Views
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer, TensorSpec
from rfcalc.rules.apply import RuleMemo


class Run:
    """A graph, the input that fields lie in, and what both passes say.

    Every question takes one of these, so that two questions about a model share its passes.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    input : str, optional
        The input that fields lie in; by default the first with spatial axes.
    on_unknown : str
        See :func:`rfcalc.analysis.shapes.resolve`.
    resolved : mapping, optional
        What the first pass says, where it is known already.
    before : Run, optional
        A run, asked in the same way, of a graph of which this one was made. What the passes say of layers
        that did not change, behind layers that did not, is taken from there.

    Raises
    ------
    AnalysisError
        From what is asked for: a layer does not fit its inputs, or the model has no input.
    UsageError
        There is no such input.

    Examples
    --------
    >>> from rfcalc import load
    >>> run = Run(load({"rfcalc": 1, "input": [28, 28, 1], "layers": [{"kind": "max_pool", "kernel": 2}]}))
    >>> run.spec.spatial, run.fields["max_pool_1"].full[0].legs[0].relation.advance
    ((28, 28), 2)
    """

    def __init__(
        self,
        graph: LayerGraph,
        *,
        input: str | None = None,
        on_unknown: OnUnknown = "report",
        resolved: Mapping[str, Resolved] | None = None,
        before: Run | None = None,
    ) -> None:
        self.graph = graph
        self.on_unknown = on_unknown
        self._input = input
        self._before = before
        self._rules: RuleMemo = RuleMemo() if before is None else before._rules
        if graph.inputs or input is not None:
            self.chosen = choose_input(graph, input)
        if resolved is not None:
            self.resolved = resolved

    @cached_property
    def chosen(self) -> Layer:
        """The input that fields lie in."""
        return choose_input(self.graph, self._input)

    @cached_property
    def resolved(self) -> Mapping[str, Resolved]:
        """What the rules say of each layer: shapes, weights, multiply-accumulates."""
        before = None if self._before is None else ShapesBefore(self._before.graph, self._before.resolved)
        return resolve(self.graph, on_unknown=self.on_unknown, rules=self._rules, before=before)

    @cached_property
    def formulas(self) -> Mapping[str, Resolved]:
        """What the rules say of each layer, with formulas in the extents that are open."""
        if self.graph.results:  # the reader knew them by name
            return as_formulas(self.resolved)
        return resolve(with_symbols(self.graph), on_unknown=self.on_unknown, symbolic=True)

    @cached_property
    def _periodic(self) -> tuple[Mapping[str, Seen], Sequence[Misaligned]]:
        chosen, before = self.chosen, self._before
        if before is None:
            return propagate_periodic(self.graph, self.resolved, chosen)
        known = FieldsBefore(before.graph, before.resolved, *before._periodic)
        return propagate_periodic(self.graph, self.resolved, chosen, before=known)

    @property
    def fields(self) -> Mapping[str, Seen]:
        """What each layer depends on at any size, by the ends of fields."""
        return self._periodic[0]

    @property
    def misaligned(self) -> Sequence[Misaligned]:
        """Branches that meet on grids of different strides."""
        return self._periodic[1]

    @cached_property
    def taps(self) -> Mapping[str, Seen]:
        """What each layer depends on at any size, tap by tap."""
        before = self._before
        known = None if before is None else FieldsBefore(before.graph, before.resolved, before.taps, ())
        return propagate_periodic(self.graph, self.resolved, self.chosen, taps=True, before=known)[0]

    @cached_property
    def axis_taps(self) -> Mapping[str, tuple[AxisTaps | None, ...]]:
        """What the first output of each layer reads, gates cut, along each axis of the input."""
        found: dict[str, tuple[AxisTaps | None, ...]] = {}
        known: dict[int, tuple[AxisTaps | None, ...]] = {}
        axes = range(len(self.extents))
        for name, seen in self.taps.items():
            dependence = seen.local[0]
            if dependence is None:
                found[name] = (None,) * len(axes)
                continue
            if id(dependence) not in known:
                known[id(dependence)] = tuple(taps_on(dependence, axis) for axis in axes)
            found[name] = known[id(dependence)]
        return found

    @cached_property
    def rows(self) -> Mapping[str, Seen]:
        """What each layer depends on at this very size, row by row.

        Raises
        ------
        UsageError
            The size is open.
        """
        require_known(self.spec, self.chosen.name)
        return propagate(self.graph, self.resolved, self.chosen, seed_rows)[0]

    @cached_property
    def views(self) -> Views:
        """The figures of each tensor."""
        before = self._before
        return Views(self.fields, self.extents, None if before is None else before.views)

    @cached_property
    def joins(self) -> list[Join]:
        """How branches meet."""
        return joins_of(self.graph, self.resolved, self.fields, self.extents)

    @property
    def extents(self) -> tuple[Num, ...]:
        """The spatial extents of the chosen input."""
        return self.spec.spatial

    @property
    def spec(self) -> TensorSpec:
        """The tensor that the chosen input is."""
        return spec_of(self.resolved, (self.chosen.name, 0))

    def with_layers(self, layers: Iterable[Layer]) -> Run:
        """Return a run of the same model with other layers."""
        return self.edited(self.graph.with_layers(layers))

    def edited(self, graph: LayerGraph, resolved: Mapping[str, Resolved] | None = None) -> Run:
        """Return a run of a graph that was made of this one; layers that are the same objects did not change.

        What the first pass says of it may be known already.
        """
        return Run(graph, input=self._input, on_unknown=self.on_unknown, resolved=resolved, before=self)

    def resolve_edited(self, layer: Layer, resolved: Mapping[str, Resolved]) -> Resolved:
        """Run the rule of a layer of a graph that is made of this one, behind those that are resolved."""
        kept = ShapesBefore(self.graph, self.resolved).kept(layer, resolved)
        return kept or resolve_layer(layer, resolved, self.on_unknown, rules=self._rules)

    def of(self, graph: LayerGraph) -> Run:
        """Return a run of another graph, asked in the same way; of its own graph itself."""
        if graph is self.graph:
            return self
        return Run(graph, input=self._input, on_unknown=self.on_unknown)

    def with_settings(self, layer: Layer) -> Run | None:
        """Return a run in which the rule of one layer has other settings; None where its outputs change.

        Raises
        ------
        AnalysisError
            They do not fit its inputs.
        """
        changed, old = resolve_layer(layer, self.resolved), self.resolved[layer.name].result
        if changed.result is None or old is None or changed.result.outputs != old.outputs:
            return None
        return self.edited(self.graph, {**self.resolved, layer.name: changed})

    # ---- a part of the model -------------------------------------------------------------------------------

    def fields_to(self, chain: Sequence[Layer], *, taps: bool = False) -> Mapping[str, Seen]:
        """Return what some layers depend on at any size; with all that they depend on they are in order."""
        return propagate_periodic(chain, self.resolved, self.chosen, taps=taps)[0]

    def rows_to(self, chain: Sequence[Layer], *, asked: bool = False) -> Seen:
        """Return what the last of some layers depends on at this very size, row by row.

        With `asked` rows are worked out as they are asked for, as those of large maps have to be.
        """
        last = {producer: taker for taker in chain for producer, _ in taker.inputs}
        seed = seed_asked if asked else seed_rows
        return propagate(chain, self.resolved, self.chosen, seed, last=last)[0][chain[-1].name]

    def followed(self, chain: Sequence[Layer], seed: Seed) -> Mapping[str, Seen]:
        """Return what some layers depend on, from what `seed` says of the chosen input."""
        return propagate(chain, self.resolved, self.chosen, seed)[0]
