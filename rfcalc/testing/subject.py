"""The model of an assertion, in whichever form it was given, and where to find its layers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

from rfcalc.engine.result import Row
from rfcalc.engine.run import Run
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Model, about, from_torch, load
from rfcalc.questions.analyze.library import Analysis, analyze
from rfcalc.questions.check.facts import Facts
from rfcalc.readers.made import is_keras
from rfcalc.render.escape import terminal

Tested: TypeAlias = "Model | Analysis | Any"
"""What an assertion takes: what `rfcalc.load` does, an `Analysis`, a PyTorch module, or a Keras model."""

_MOST_LISTED: Final = 3
_NO_GRAPH: Final = (
    "an Analysis does not hold the graph that this takes; give the model itself, or what rfcalc.load made"
)


class _Told(Facts):
    """The figures that an analysis holds, without the model."""

    def __init__(self, analysis: Analysis) -> None:
        self._told = analysis

    @cached_property
    def result(self) -> Analysis:
        return self._told


class Subject:
    """The model of an assertion.

    Parameters
    ----------
    name : str
        What messages call it.
    graph : LayerGraph, optional
        Its layers; None where only an analysis was given.
    analysis : Analysis, optional
        The analysis that was given.
    loading : mapping
        The options of `rfcalc.load` that it was read with.
    """

    def __init__(
        self,
        name: str,
        graph: LayerGraph | None,
        analysis: Analysis | None = None,
        loading: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._graph = graph
        self._given = analysis
        self._options = {
            key: value for key, value in (loading or {}).items() if key in ("input", "on_unknown")
        }

    @property
    def graph(self) -> LayerGraph:
        """The layers of the model.

        Raises
        ------
        UsageError
            An analysis was given in place of the model.
        """
        if self._graph is None:
            raise UsageError(_NO_GRAPH, source=self.name)
        return self._graph

    @cached_property
    def analysis(self) -> Analysis:
        """The figures of all layers."""
        return self._given if self._given is not None else analyze(self.graph, **self._options)

    @cached_property
    def facts(self) -> Facts:
        """The figures that limits of budgets are about."""
        if self._given is not None:
            return _Told(self._given)
        with about(self.graph):
            facts = Facts(Run(self.graph, **self._options), details=True)
            facts.result  # noqa: B018  what cannot be analysed is said here, with the file
        return facts

    def row(self, layer: str) -> Row:
        """Return the row of a layer, an output tensor, or a block (a module of PyTorch, a nested model).

        Raises
        ------
        AssertionError
            There is none; it lists layers with a near name.
        """
        __tracebackhide__ = True
        for result in self._results():
            try:
                return result.layer(layer)
            except KeyError:
                continue
        names = [row.name for row in self.analysis]
        if self._graph is not None:
            names += [block.name for block in self._graph.blocks.values()]
        told = f"{self.name}: there is no layer {layer!r}; {near(layer, names)}"
        raise AssertionError(terminal(told, unicode=True))

    def _results(self) -> Iterator[Analysis]:
        """Yield analyses in which a layer may have a row: all layers, then collapsed to blocks."""
        yield self.analysis
        if self._graph is not None:
            for depth in sorted({len(path) for path in self._graph.blocks}):
                yield analyze(self._graph, depth=depth, details=True, **self._options)

    def explain(self, layer: str) -> Any:
        """Divide the field of a layer among those before it; None where that cannot be done."""
        if self._graph is None:
            return None
        from rfcalc.engine.attribution import Attributor

        try:
            return Attributor(Run(self._graph, **self._options)).attribute(self._spelled(layer))
        except RfcalcError:
            return None

    def _spelled(self, layer: str) -> str:
        """Return the tensor that leaves a block, by the name of its layer."""
        assert self._graph is not None
        if layer not in self._graph.layers:
            for block in self._graph.blocks.values():
                if layer in (block.name, block.label):
                    return block.outputs[0][0]
        return layer


def near(layer: str, names: list[str]) -> str:
    """Name the layers that may be meant, or say what names there are."""
    import difflib

    close = difflib.get_close_matches(layer, list(dict.fromkeys(names))[:5000], _MOST_LISTED, 0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"its layers go from {names[0]!r} to {names[-1]!r}" if names else "it has no layers"


def subject(model: Tested, loading: Mapping[str, Any]) -> Subject:
    """Read the model of an assertion.

    Raises
    ------
    RfcalcError
        Of the kinds that `rfcalc.load` raises; UsageError too where options come with what was read before,
        or a PyTorch module without the shape of its input.
    """
    if isinstance(model, Subject):
        return model
    if isinstance(model, Analysis):
        if loading:
            raise UsageError(f"an Analysis was made with its options; {', '.join(loading)} come too late")
        return Subject(model.source or f"<{model.name}>", None, model)
    graph = _of_module(model, dict(loading)) if _is_module(model) else load(model, **loading)
    return Subject(_name_of(model, graph), graph, loading=loading)


def _is_module(model: Any) -> bool:
    # where torch is not loaded, nothing is a module of it
    torch = sys.modules.get("torch")
    return torch is not None and not is_keras(model) and isinstance(model, torch.nn.Module)


def _of_module(module: Any, loading: dict[str, Any]) -> LayerGraph:
    inputs = loading.pop("input_shape", None)
    if inputs is None:
        raise UsageError("a PyTorch module needs the shape of its input: input_shape=(1, 3, 224, 224)")
    options = {key: loading.pop(key) for key in ("layout", "on_unknown") if key in loading}
    loading.pop("input", None)
    cut = loading.pop("cut", ())
    if loading:
        raise UsageError(f"a PyTorch module takes no {', '.join(loading)}")
    return load(from_torch(module, inputs, **options), cut=cut)


def _name_of(model: Any, graph: LayerGraph) -> str:
    if isinstance(model, (str, os.PathLike)):
        return os.fspath(model)
    return graph.source or f"<{graph.name}>"
