"""First pass: run every layer's rule, so that shapes, weights and multiply-accumulates are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from rfcalc.algebra.number import Num, is_known, is_open
from rfcalc.algebra.steps import Cover
from rfcalc.errors import AnalysisError, RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Edge, Layer, TensorSpec, Weight
from rfcalc.records import NamedTuple
from rfcalc.rules.apply import RuleMemo, apply_rule
from rfcalc.rules.plain import HERE
from rfcalc.rules.registry import Parameter, Path, Result, find
from rfcalc.wording import few

OnUnknown = Literal["report", "error", "bound", "identity"]


class LayerInfo(NamedTuple):
    """What the first pass knows of one layer.

    Parameters
    ----------
    result : Result, optional
        What its rule says; None where nothing is known, for the layer itself or for one before it.
    weights : tuple of Weight, optional
        Its weight tensors; None where they are not known.
    unknown : str
        The op that nobody knows, where this layer is one; its dependence is not known then.
    assumed : str
        What was assumed of it because the user said so.
    """

    result: Result | None
    weights: tuple[Weight, ...] | None
    unknown: str = ""
    assumed: str = ""


class ShapesBefore(NamedTuple):
    """What the first pass said of a graph of which another one was made.

    Parameters
    ----------
    graph : LayerGraph
        The graph before the change.
    resolved : mapping
        What the rules said of its layers.
    """

    graph: LayerGraph
    resolved: Mapping[str, LayerInfo]

    def kept(self, layer: Layer, resolved: Mapping[str, LayerInfo]) -> LayerInfo | None:
        """Return what was said of a layer, if neither it nor what it takes has changed."""
        old = self.graph.layers.get(layer.name)
        if old is not layer and old != layer:
            return None
        for producer, _ in layer.inputs:
            if not same_outputs(resolved[producer].result, self.resolved[producer].result):
                return None
        return self.resolved[layer.name]


def same_outputs(one: Result | None, other: Result | None) -> bool:
    """Tell whether two results have the same output tensors; without any, whether neither is known."""
    return one is other or (one is not None and other is not None and one.outputs == other.outputs)


class _Held:
    """What is known of one layer behind tensors that have numbers.

    Parameters
    ----------
    layer : Layer
        The layer.
    ready : Result, optional
        What its reader worked out.
    said : dict
        For the numbers of its input tensors what its rule says of them, with the number of what it makes;
        shared by all layers of one kind and the same settings.
    """

    __slots__ = ("known", "layer", "ready", "said", "weights")

    def __init__(
        self, layer: Layer, ready: Result | None, said: dict[object, tuple[int, Result]] | None
    ) -> None:
        self.layer = layer
        self.ready = ready
        self.said = said
        self.known: dict[object, tuple[int, LayerInfo]] = {}
        self.weights: tuple[Sequence[Parameter], tuple[Weight, ...]] | None = None

    def resolved(self, result: Result) -> LayerInfo:
        """Return what is known of the layer where its rule says this; weights that stay are not made anew."""
        if self.weights is None or self.weights[0] != result.weights:
            self.weights = (result.weights, _weights_of(self.layer, result))
        return LayerInfo(result, self.weights[1])


class SizedRules:
    """The rules, with a memory: what they said of the same settings and input tensors is not asked again.

    It pays where a model is resolved at many sizes, whose layers are the same objects. What tensors
    layers make is numbered, equal ones alike, since numbers are compared in no time.

    Parameters
    ----------
    on_unknown : str
        See :func:`resolve`.
    """

    def __init__(self, on_unknown: OnUnknown = "report") -> None:
        self._on_unknown: OnUnknown = on_unknown
        self._layers: dict[int, _Held] = {}
        self._made: dict[tuple[TensorSpec, ...], int] = {}
        self._said: dict[object, dict[object, tuple[int, Result]]] = {}

    def resolve(self, graph: LayerGraph) -> dict[str, LayerInfo]:
        """Resolve all layers, in topological order."""
        resolved: dict[str, LayerInfo] = {}
        numbers: dict[str, int] = {}
        layers, results = self._layers, graph.results
        for name, layer in graph.layers.items():
            ready = results.get(name) if results else None
            held = layers.get(id(layer))
            if held is None or held.ready is not ready:  # what is held keeps its identity
                held = layers[id(layer)] = _Held(layer, ready, self._said_of(layer, ready))
            inputs = layer.inputs
            key = numbers[inputs[0][0]] if len(inputs) == 1 else tuple([numbers[each] for each, _ in inputs])
            found = held.known.get(key)
            if found is None:
                found = held.known[key] = self._resolved(held, key, resolved)
            numbers[name], resolved[name] = found
        return resolved

    def _said_of(self, layer: Layer, ready: Result | None) -> dict[object, tuple[int, Result]] | None:
        """Return what is remembered of all layers that are set like this one; None where it is alone."""
        if ready is not None or layer.extras.blind or find(layer.kind) is None:
            return None
        outputs = tuple([output for _, output in layer.inputs])
        key = (layer.kind, tuple(layer.attrs.items()), layer.extras, outputs)
        try:
            return self._said.setdefault(key, {})
        except TypeError:  # a setting that is a list or a table
            return {}

    def _resolved(self, held: _Held, key: object, resolved: Mapping[str, LayerInfo]) -> tuple[int, LayerInfo]:
        said = held.said
        if said is not None and key in said:
            number, result = said[key]
            return number, held.resolved(result)
        known = resolve_layer(held.layer, resolved, self._on_unknown, held.ready)
        if known.result is None:
            return -1, known
        number = self._made.setdefault(known.result.outputs, len(self._made))
        if said is not None:
            said[key] = (number, known.result)
        return number, known


def resolve(
    graph: LayerGraph,
    *,
    on_unknown: OnUnknown = "report",
    symbolic: bool = False,
    rules: RuleMemo | None = None,
    before: ShapesBefore | None = None,
    sized: SizedRules | None = None,
) -> Mapping[str, LayerInfo]:
    """Run the rules of all layers in topological order.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    on_unknown : str
        What to do with an op that no rule knows: ``report`` it and what depends on it as unknown, make it
        an ``error``, take it to depend on everything (``bound``), or to change nothing (``identity``).
    symbolic : bool
        Extents are formulas: flatten them layer by layer.
    rules : RuleMemo, optional
        Rules that were applied before.
    before : ShapesBefore, optional
        What was said, asked in the same way, of a graph of which this one was made.
    sized : SizedRules, optional
        Rules that remember what they said of the model at other sizes.

    Raises
    ------
    AnalysisError
        A layer does not fit its inputs, or an op is unknown and `on_unknown` is ``error``.
    """
    if on_unknown == "error":
        _refuse_unknown(graph)
    if sized is not None:
        known_ones = sized.resolve(graph)
        check_outputs(graph, known_ones)
        return known_ones
    rules = rules or RuleMemo()
    resolved: dict[str, LayerInfo] = {}
    for layer in graph:
        kept = before and before.kept(layer, resolved)
        if kept is not None:
            resolved[layer.name] = kept
            continue
        known = resolve_layer(layer, resolved, on_unknown, graph.results.get(layer.name), rules)
        resolved[layer.name] = _tidied(known) if symbolic else known
    check_outputs(graph, resolved)
    return resolved


def check_outputs(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> None:
    """Refuse an output of the model, or of a block, that its layer does not have."""
    for producer, output in (
        *graph.outputs,
        *(edge for block in graph.blocks.values() for edge in block.outputs),
    ):
        result = resolved[producer].result
        if result is not None and output >= len(result.outputs):
            message = f"has {len(result.outputs)} outputs, there is no output {output}"
            raise AnalysisError(message, where=f"layer {producer!r}")


def spec_of(resolved: Mapping[str, LayerInfo], edge: Edge) -> TensorSpec:
    """Return the tensor that is an output of a layer whose rule is known."""
    result = resolved[edge[0]].result
    assert result is not None
    return result.outputs[edge[1]]


def as_formulas(resolved: Mapping[str, LayerInfo]) -> Mapping[str, LayerInfo]:
    """Spell open extents that have names as formulas of symbols."""
    return {name: _tidied(known) for name, known in resolved.items()}


def _tidied(known: LayerInfo) -> LayerInfo:
    from rfcalc.algebra.symbols import formula_of

    if known.result is None:
        return known
    outputs = tuple(
        replace(spec, shape=tuple(map(formula_of, spec.shape)), folded=formula_of(spec.folded))
        for spec in known.result.outputs
    )
    result = known.result._replace(outputs=outputs, macs=formula_of(known.result.macs, expand=False))
    return known._replace(result=result)


def _refuse_unknown(graph: LayerGraph) -> None:
    found: dict[str, list[str]] = {}
    for layer in graph:
        if find(layer.kind) is None:
            found.setdefault(layer.op, []).append(layer.name)
    if found:
        listed = "; ".join(f"{op} ({few(map(repr, names))})" for op, names in found.items())
        raise AnalysisError(f"no rule for {listed}; say --on-unknown bound or identity to go on without")


def resolve_layer(
    layer: Layer,
    resolved: Mapping[str, LayerInfo],
    on_unknown: OnUnknown = "report",
    ready: Result | None = None,
    rules: RuleMemo | None = None,
) -> LayerInfo:
    """Run the rule of one layer, behind those that are resolved; `ready` is what is known of it already.

    Raises
    ------
    AnalysisError
        It does not fit its inputs; the message says which layer.
    """
    try:
        return _resolved(layer, resolved, on_unknown, ready, rules)
    except RfcalcError as error:
        error.where = error.where or f"layer {layer.name!r}"
        raise


def _resolved(
    layer: Layer,
    resolved: Mapping[str, LayerInfo],
    on_unknown: OnUnknown,
    ready: Result | None,
    rules: RuleMemo | None,
) -> LayerInfo:
    """Return what a layer's reader, or its rule, says of it."""
    if ready is not None and layer.weights is not None:
        return LayerInfo(ready, layer.weights)
    if layer.extras.blind:
        return LayerInfo(None, layer.weights)
    inputs = _inputs_of(layer, resolved)
    if inputs is None:
        return LayerInfo(None, layer.weights, unknown="" if find(layer.kind) else layer.op)
    kind = find(layer.kind)
    if kind is None:
        return _unknown_layer(layer, inputs, on_unknown)
    apply = apply_rule if rules is None else rules.apply
    result = apply(kind, layer.attrs, inputs, layer.extras) if ready is None else ready
    if "" in [spec.dtype for spec in inputs]:  # where types are not followed, those of outputs are not either
        result = result._replace(outputs=tuple([replace(spec, dtype="") for spec in result.outputs]))
    return LayerInfo(result, _weights_of(layer, result))


def _inputs_of(layer: Layer, resolved: Mapping[str, LayerInfo]) -> list[TensorSpec] | None:
    """Return the tensors that a layer takes; None where one of them is not known."""
    inputs: list[TensorSpec] = []
    for producer, output in layer.inputs:
        result = resolved[producer].result
        if result is None:
            return None
        if output >= len(result.outputs):
            raise AnalysisError(
                f"{producer!r} has {len(result.outputs)} outputs, there is no output {output}"
            )
        inputs.append(result.outputs[output])
    return inputs


def _weights_of(layer: Layer, result: Result) -> tuple[Weight, ...]:
    """Return the weights that the file names, or those that the rule asks for, named after the layer."""
    if layer.weights is not None:
        return layer.weights
    owner, typed = layer.source_name, result.outputs[0].dtype
    return tuple(
        [
            Weight(
                f"{owner}/{each.role}",
                each.shape,
                each.trainable and layer.trainable,
                "float32" if typed else "",
            )
            for each in result.weights
        ]
    )


def _unknown_layer(layer: Layer, inputs: list[TensorSpec], on_unknown: OnUnknown) -> LayerInfo:
    """Stand in for a rule: the recorded shape where there is one, and what the user chose to assume."""
    recorded = tuple(shape for shape in layer.recorded if shape is not None)
    complete = bool(recorded) and len(recorded) == len(layer.recorded)
    if on_unknown == "identity" and inputs:
        same = not complete or recorded[0] == inputs[0].shape
        if same:
            return LayerInfo(Result((inputs[0],), ((HERE,),)), layer.weights, assumed="nothing changes in it")
    if not complete:
        if on_unknown != "bound" or not inputs:
            return LayerInfo(None, layer.weights, unknown=layer.op)
        recorded = (inputs[0].shape,)
    dtype = "" if any(not spec.dtype for spec in inputs) else "float32"
    outputs = tuple(TensorSpec(shape, _default_roles(shape, inputs), dtype) for shape in recorded)
    if on_unknown == "report":
        return LayerInfo(Result(outputs, ((),) * len(outputs)), layer.weights, unknown=layer.op)
    reason = f"{layer.op} is not known, so {layer.name!r} is taken to depend on everything"
    paths = tuple(
        tuple(Path(k, (Cover(spec.shape, reason),)) for k in range(len(inputs))) for spec in outputs
    )
    assumed = "its output has the shape of its input" if not complete else "it depends on everything"
    return LayerInfo(Result(outputs, paths), layer.weights, assumed=assumed)


def _default_roles(shape: tuple[Num, ...], inputs: list[TensorSpec]) -> str:
    for spec in inputs:
        if len(spec.shape) == len(shape):
            return spec.axes
    return (
        (BATCH + SPATIAL * (len(shape) - 2) + CHANNEL)[: len(shape)] if len(shape) > 1 else BATCH * len(shape)
    )


def known_extent(extent: Num) -> Num | None:
    """Return a number for a report: None where it is not known, a formula in its plainest form."""
    if is_known(extent):
        return extent
    if extent is None or is_open(extent):
        return None
    from rfcalc.algebra.symbols import tidy

    return tidy(extent)
