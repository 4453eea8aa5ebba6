"""One model at one size, and what the two passes say of it: each is made once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rfcalc.algebra.extent import Extent, map_names, named
from rfcalc.algebra.number import Num, maximum, minimum
from rfcalc.engine.joins import Join, joins_of
from rfcalc.engine.propagate import (
    FieldsBefore,
    LayerFields,
    Misaligned,
    Seed,
    choose_input,
    propagate,
    propagate_periodic,
    require_known,
    seed_on_demand,
    seed_rows,
)
from rfcalc.engine.reach import Reach
from rfcalc.engine.shapes import (
    LayerInfo,
    OnUnknown,
    ShapesBefore,
    SizedRules,
    as_formulas,
    resolve,
    resolve_layer,
    same_outputs,
    spec_of,
)
from rfcalc.engine.symbolic import with_symbols
from rfcalc.engine.taps import AxisTaps, taps_on
from rfcalc.engine.view import Views
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import CHANNEL, SPATIAL, Extras, Layer, Stage, TensorSpec
from rfcalc.rules.apply import RuleMemo
from rfcalc.wording import unit_names

if TYPE_CHECKING:
    from rfcalc.engine.resized import Kept

Read = Callable[[tuple[int, ...], str], LayerGraph]
"""Reads the model again with other extents of the chosen input's spatial axes; with a name no more than what
the tensor of that name depends on, where the reader can leave the rest out."""


class _Common:
    """What the runs of a model at several sizes have in common."""

    def __init__(self, on_unknown: OnUnknown) -> None:
        self.rules = SizedRules(on_unknown)
        from rfcalc.engine.resized import Fields

        self.fields = Fields()


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
        See :func:`rfcalc.engine.shapes.resolve`.
    resolved : mapping, optional
        What the first pass says, where it is known already.
    before : Run, optional
        A run, asked in the same way, of a graph of which this one was made, or which is much like it. What
        the passes say of layers that are the same, behind layers that are, is taken from there.
    read : callable, optional
        Reads the model again at another size, where its shapes are worked out while it is read.

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
        resolved: Mapping[str, LayerInfo] | None = None,
        before: Run | None = None,
        read: Read | None = None,
    ) -> None:
        self.graph = graph
        self.on_unknown = on_unknown
        self._input = input
        self._before = before
        self._read = read
        self._common: _Common | None = None if before is None else before._common
        self._sizes: dict[tuple[tuple[int, ...], str], Run] = {}
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
    def resolved(self) -> Mapping[str, LayerInfo]:
        """What the rules say of each layer: shapes, weights, multiply-accumulates."""
        if self._before is None and self._common is not None:
            return resolve(self.graph, on_unknown=self.on_unknown, sized=self._common.rules)
        before = None if self._before is None else ShapesBefore(self._before.graph, self._before.resolved)
        return resolve(self.graph, on_unknown=self.on_unknown, rules=self._rules, before=before)

    @cached_property
    def formulas(self) -> Mapping[str, LayerInfo]:
        """What the rules say of each layer, with formulas in the extents that are open."""
        if self.graph.results:  # the reader knew them by name
            return as_formulas(self.resolved)
        return resolve(with_symbols(self.graph), on_unknown=self.on_unknown, symbolic=True)

    @cached_property
    def _periodic(self) -> tuple[Mapping[str, LayerFields], Sequence[Misaligned]]:
        chosen, before = self.chosen, self._before
        if self._kept is not None:
            return self._kept.seen_at(self.graph, self.resolved), self._kept.misaligned
        if before is None:
            return propagate_periodic(self.graph, self.resolved, chosen)
        known = FieldsBefore(before.resolved, *before._periodic)
        return propagate_periodic(self.graph, self.resolved, chosen, before=known)

    @cached_property
    def _kept(self) -> Kept | None:
        """What the second pass says at a size with the same windows; None for a run that is alone."""
        if self._common is None:
            return None
        return self._common.fields.at(self.graph, self.resolved, self.chosen)

    @property
    def fields(self) -> Mapping[str, LayerFields]:
        """What each layer depends on at any size, by the ends of fields."""
        return self._periodic[0]

    @property
    def misaligned(self) -> Sequence[Misaligned]:
        """Branches that meet on grids of different strides."""
        return self._periodic[1]

    @cached_property
    def taps(self) -> Mapping[str, LayerFields]:
        """What each layer depends on at any size, tap by tap."""
        before = self._before
        known = None if before is None else FieldsBefore(before.resolved, before.taps, ())
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
    def rows(self) -> Mapping[str, LayerFields]:
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
        reach = Reach(self.graph, self.fields, self.extents)
        return Views(self.fields, self.extents, reach, None if before is None else before.views)

    @cached_property
    def joins(self) -> list[Join]:
        """How branches meet."""
        if self._kept is not None:
            return self._kept.joins_at(self.resolved, lambda: self.fields, self.extents)
        return joins_of(self.graph, self.resolved, self.fields, self.extents)

    @property
    def extents(self) -> tuple[Num, ...]:
        """The spatial extents of the chosen input."""
        return self.spec.spatial

    @property
    def units(self) -> Sequence[str]:
        """What the positions of the chosen input are counted in, along each axis: pixels, samples, frames."""
        spec = self.spec
        channels = [extent for extent, role in zip(spec.shape, spec.axes, strict=True) if role == CHANNEL]
        known = channels[0] if len(channels) == 1 and isinstance(channels[0], int) else None
        return unit_names(len(spec.spatial), known)

    @property
    def spec(self) -> TensorSpec:
        """The tensor that the chosen input is."""
        return spec_of(self.resolved, (self.chosen.name, 0))

    # ---- other sizes, and variants -------------------------------------------------------------------------

    def at(self, *extents: int, only: str = "") -> Run:
        """Return a run of the model with other extents of the chosen input; the same run when asked again.

        Extents are put in the place of those that the graph was made for, and of what was worked out of their
        names; where a reader works out shapes itself, the model is read again. The rules are not run again
        for layers whose tensors are the same at two sizes, nor the second pass where all windows are. With
        `only` no more of the model need be there, and take that size, than what the tensor of that name, as
        the file has it, depends on.

        Raises
        ------
        RfcalcError
            Of the kinds that reading raises; what the rules refuse is said when the layers are asked for.
            UsageError where it has another number of spatial axes.
        """
        shape, axes = self.chosen.attrs["shape"], self.chosen.attrs["axes"]
        if len(extents) != axes.count(SPATIAL):
            raise UsageError(
                f"a size of {len(extents)} extents, but the input has {axes.count(SPATIAL)} spatial axes"
            )
        if extents == tuple([n for n, role in zip(shape, axes, strict=True) if role == SPATIAL]):
            return self
        if (extents, only) not in self._sizes:
            common = self._shared()
            graph = self._resized(extents) if self._read is None else self._read(extents, only)
            found = Run(graph, input=self._input, on_unknown=self.on_unknown, read=self._read)
            found._common = common
            self._sizes[extents, only] = found
        return self._sizes[extents, only]

    def _shared(self) -> _Common:
        """Begin to share what is worked out with other runs, and give them what is known already."""
        if self._common is None:
            common = _Common(self.on_unknown)
            if "_periodic" in self.__dict__:
                self._kept = common.fields.keep(self.graph, self.resolved, self.chosen, self._periodic)
            else:
                self.__dict__.pop("_kept", None)
            self._common = common
        return self._common

    def _resized(self, extents: Sequence[Num]) -> LayerGraph:
        """Put other extents in the place of those of the chosen input, and of what was worked out of them."""
        given = self.chosen.attrs["shape"]
        left = iter(extents)
        shape = tuple(
            next(left) if role == SPATIAL else extent
            for extent, role in zip(given, self.chosen.attrs["axes"], strict=True)
        )
        # where extents have names, what a file computed of them stands in the settings of layers
        values = {repr(old): new for old, new in zip(given, shape, strict=True) if isinstance(old, Extent)}
        changed = [_with_values(each, values) for each in self.graph] if values else []
        chosen = replace(self.chosen, attrs={**self.chosen.attrs, "shape": shape})
        return self.graph.with_settings((*changed, chosen))

    def with_layers(self, layers: Iterable[Layer]) -> Run:
        """Return a run of the same model with other layers."""
        return self.edited(self.graph.with_layers(layers))

    def edited(self, graph: LayerGraph, resolved: Mapping[str, LayerInfo] | None = None) -> Run:
        """Return a run of a graph that was made of this one; what is the same is not worked out again.

        What the first pass says of it may be known already.
        """
        return Run(graph, input=self._input, on_unknown=self.on_unknown, resolved=resolved, before=self)

    def resolve_edited(self, layer: Layer, resolved: Mapping[str, LayerInfo]) -> LayerInfo:
        """Run the rule of a layer of a graph that is made of this one, behind those that are resolved."""
        kept = ShapesBefore(self.graph, self.resolved).kept(layer, resolved)
        return kept or resolve_layer(layer, resolved, self.on_unknown, rules=self._rules)

    def of(self, graph: LayerGraph) -> Run:
        """Return a run of another graph, asked in the same way; of its own graph itself."""
        if graph is self.graph:
            return self
        found = Run(graph, input=self._input, on_unknown=self.on_unknown)
        found._common = self._common
        return found

    def adjusted(self, layers: Sequence[Layer]) -> Run:
        """Return a run of the same model in which some layers have other settings.

        As long as they make the same tensors as before, nothing else is resolved again.
        """
        graph = self.graph.with_settings(layers)
        try:
            changed = {layer.name: resolve_layer(layer, self.resolved, self.on_unknown) for layer in layers}
        except RfcalcError:  # somewhere shapes break: the rules say where, one layer after the other
            return self.of(graph)
        same = all(_alike(known, self.resolved[name]) for name, known in changed.items())
        return self.edited(graph, {**self.resolved, **changed} if same else None)

    def with_settings(self, layer: Layer) -> Run | None:
        """Return a run in which the rule of one layer has other settings; None where its outputs change.

        Raises
        ------
        AnalysisError
            They do not fit its inputs.
        """
        changed = resolve_layer(layer, self.resolved)
        if not _alike(changed, self.resolved[layer.name]):
            return None
        return self.edited(self.graph, {**self.resolved, layer.name: changed})

    # ---- a part of the model -------------------------------------------------------------------------------

    def fields_to(self, chain: Sequence[Layer], *, taps: bool = False) -> Mapping[str, LayerFields]:
        """Return what some layers depend on at any size; with all that they depend on they are in order."""
        return propagate_periodic(chain, self.resolved, self.chosen, taps=taps)[0]

    def rows_to(self, chain: Sequence[Layer], *, asked: bool = False) -> LayerFields:
        """Return what the last of some layers depends on at this very size, row by row.

        With `asked` rows are worked out as they are asked for, as those of large maps have to be.
        """
        last = {producer: taker for taker in chain for producer, _ in taker.inputs}
        seed = seed_on_demand if asked else seed_rows
        return propagate(chain, self.resolved, self.chosen, seed, last=last)[0][chain[-1].name]

    def followed(self, chain: Sequence[Layer], seed: Seed) -> Mapping[str, LayerFields]:
        """Return what some layers depend on, from what `seed` says of the chosen input."""
        return propagate(chain, self.resolved, self.chosen, seed)[0]


def _alike(a: LayerInfo, b: LayerInfo) -> bool:
    """Tell whether a layer is known to make the same tensors."""
    return a.result is not None and same_outputs(a.result, b.result)


def _with_values(layer: Layer, values: Mapping[str, Num]) -> Layer:
    """Put numbers in the place of named extents, in all settings of a layer."""
    attrs, extras = _valued(dict(layer.attrs), values), _valued(layer.extras, values)
    return replace(layer, attrs=attrs, extras=extras)


def _valued(value: Any, values: Mapping[str, Num]) -> Any:
    if isinstance(value, Extent):
        return map_names(value, lambda name: values.get(name, named(name)), maximum, minimum)
    if isinstance(value, TensorSpec):
        return replace(value, shape=_valued(value.shape, values), folded=_valued(value.folded, values))
    if isinstance(value, dict):
        return {key: _valued(each, values) for key, each in value.items()}
    if isinstance(value, (Extras, Stage)):
        return type(value)(*[_valued(each, values) for each in value])
    if type(value) in (tuple, list):
        return type(value)(_valued(each, values) for each in value)
    return value
