"""The model at other sizes: shapes by its own rules, and whether it is then the same model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.algebra.steps import Place, Slide
from rfcalc.engine.memory import bytes_of, peak_of
from rfcalc.engine.propagate import LayerFields, ancestors
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo, resolve, resolve_layer
from rfcalc.errors import AnalysisError, RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Edge, Layer, TensorSpec
from rfcalc.questions.tiles.result import Memory
from rfcalc.rules.registry import of_family

Extents = tuple[int, ...]

_POINTWISE: Final = frozenset(of_family("join")) - {"stack"}


@dataclass(frozen=True)
class Case:
    """The model at one size.

    Parameters
    ----------
    chain : tuple of Layer
        The layer that is wanted, and all that it depends on.
    run : Run
        The model; of its layers those of the chain are resolved.
    error : str
        Why the model does not take that size.
    """

    chain: tuple[Layer, ...]
    run: Run
    error: str = ""

    @property
    def resolved(self) -> Mapping[str, LayerInfo]:
        """What the first pass knows of the chain."""
        return self.run.resolved

    @property
    def spec(self) -> TensorSpec:
        """The chosen input."""
        return self.run.spec

    @cached_property
    def fields(self) -> Mapping[str, LayerFields]:
        """What the layers of the chain depend on at any size."""
        return self.run.fields_to(self.chain)


class Sizes:
    """A model, and what its rules make of it at any size.

    Parameters
    ----------
    run : Run
        The model as it was loaded.
    edge : Edge
        The tensor that is wanted.
    """

    def __init__(self, run: Run, edge: Edge) -> None:
        self.graph = run.graph
        self.edge = edge
        self.chosen = run.chosen
        self._run = run
        self._known: dict[Extents, Case] = {}
        outputs = run.graph[edge[0]].outputs
        self._tensor = outputs[edge[1]] if edge[1] < len(outputs) else ""
        if run.on_unknown == "error":
            resolve(run.graph, on_unknown="error")  # all that is unknown is named at once
        self.given = self._resolved(run.graph, run.chosen)
        self.rank = len(self.given.spec.spatial)

    def _resolved(self, graph: LayerGraph, chosen: Layer) -> Case:
        chain, on_unknown = tuple(ancestors(graph, self.edge[0])), self._run.on_unknown
        resolved: dict[str, LayerInfo] = {}
        for layer in chain if chosen in chain else (chosen, *chain):
            ready = graph.results.get(layer.name)
            resolved[layer.name] = resolve_layer(layer, resolved, on_unknown, ready)
        return Case(chain, Run(graph, input=chosen.name, on_unknown=on_unknown, resolved=resolved))

    def at(self, extents: Sequence[int]) -> Case:
        """Return the model at a size; `error` says where it does not take it."""
        key = tuple(extents)
        if key == self.given.spec.spatial:
            return self.given
        if key not in self._known:
            self._known[key] = self._case(key)
        return self._known[key]

    def _case(self, key: Extents) -> Case:
        try:
            try:
                run = self._run.at(*key)
            except AnalysisError:  # where that is in a layer of which the wanted one knows nothing
                run = self._run.at(*key, only=self._tensor)
            return self._resolved(run.graph, run.chosen)
        except RfcalcError as error:
            where = f"{error.where}: " if error.where else ""
            return Case((), self.given.run, f"{where}{error.message}")

    def output(self, case: Case) -> TensorSpec | None:
        """Return the tensor that is wanted; None where its shape is not known."""
        result = case.resolved[self.edge[0]].result if not case.error else None
        return None if result is None else result.outputs[self.edge[1]]


def geometry(case: Case) -> tuple[object, ...]:
    """Return what has to be alike at two sizes: where windows start, and how they step."""
    return tuple(_geometry(case))


def _geometry(case: Case) -> Iterator[object]:
    for layer in case.chain:
        result = case.resolved[layer.name].result
        if result is None:
            continue
        for paths in result.paths:
            for path in paths:
                for step in path.steps:
                    if isinstance(step, Slide):
                        w = step.window
                        known = is_known(w.period) and is_known(w.advance)
                        ends = (w.first(0), w.last(0)) if known else None
                        yield layer.name, step.axis, w.period, w.advance, ends, w.step, w.border
                    elif isinstance(step, Place):
                        yield layer.name, step.axis, step.before
                    else:
                        yield layer.name, type(step).__name__


def fixed_values(case: Case) -> tuple[str, str] | None:
    """Find a layer that adds values of the file's own at each position: its name, and its op."""
    for layer in case.chain:
        result = case.resolved[layer.name].result
        if result is None or layer.kind not in _POINTWISE:
            continue
        out = result.outputs[0]
        shapes = [spec.shape for _, spec in layer.extras.operands]
        for shape in (*shapes, *layer.attrs.get("constants", ())):
            missing = len(out.shape) - len(shape)
            for place, role in enumerate(out.axes):
                extent = shape[place - missing] if place >= missing else 1
                if role == SPATIAL and extent != 1 and out.shape[place] != 1:
                    return layer.name, layer.op
    return None


def second_input(case: Case, chosen: str) -> Layer | None:
    """Find another input that has positions, and would have to be cut as well."""
    for layer in case.chain:
        if layer.kind == "input" and layer.name != chosen and SPATIAL in layer.attrs["axes"]:
            return layer
    return None


def memory_of(case: Case) -> Memory:
    """Count the bytes of activations at batch 1, held at a time and all together."""
    last = case.chain[-1].name
    peak = peak_of(case.chain, case.resolved, [(last, 0)])
    if peak is None:
        return Memory(None, None)
    results = [case.resolved[layer.name].result for layer in case.chain]
    sizes = [bytes_of(spec) for result in results if result is not None for spec in result.outputs]
    return Memory(peak.bytes, sum(size for size in sizes if size is not None))


def require_positions(sizes: Sizes) -> None:
    """Refuse an input that has no positions to cut.

    Raises
    ------
    AnalysisError
        It has none.
    """
    if not sizes.rank:
        raise AnalysisError(f"the input {sizes.chosen.name!r} has no positions, so there is nothing to cut")
