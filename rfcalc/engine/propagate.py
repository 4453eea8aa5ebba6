"""Second pass: carry what each tensor depends on through the graph, with and without gates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import is_, is_not
from typing import Final

from rfcalc.algebra.dependence import Dependence, plain
from rfcalc.algebra.legs import Leg
from rfcalc.algebra.number import is_known
from rfcalc.algebra.parts import beside_places, on_places, together
from rfcalc.algebra.pieces import concatenated, follow, unite
from rfcalc.algebra.plain_maps import followed_plainly
from rfcalc.algebra.relation import NeedTaps, Relation, UnequalSlopes, identity
from rfcalc.algebra.rows import identity_rows
from rfcalc.algebra.rows_on_demand import identity_on_demand
from rfcalc.algebra.steps import Place
from rfcalc.engine.shapes import LayerInfo
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import CHANNEL, SPATIAL, Layer, TensorSpec
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Path, Result

AS_IT_IS: Final = (Path(0),)
"""The paths of an output that depends on its one input element by element."""

Seed = Callable[[TensorSpec], Dependence]


class LayerFields(NamedTuple):
    """What the outputs of one layer depend on.

    Parameters
    ----------
    full : tuple of (Dependence or None)
        For each output; None where an op on the way is not known.
    local : tuple of (Dependence or None)
        The same with gates and statistics over the map cut; the same objects where there are none.
    blame : str
        The unknown op on the way, and its layer.
    apart : pair of tuples, optional
        The same two where channels are places of a window; `full` and `local` say what all channels of a
        position depend on together.
    """

    full: tuple[Dependence | None, ...]
    local: tuple[Dependence | None, ...]
    blame: str = ""
    apart: tuple[tuple[Dependence | None, ...], tuple[Dependence | None, ...]] | None = None

    @property
    def followed(self) -> tuple[tuple[Dependence | None, ...], tuple[Dependence | None, ...]]:
        """Both dependences as what reads them has to take them, with single channels told apart."""
        return (self.full, self.local) if self.apart is None else self.apart

    def of(self, output: int, *, local: bool = False) -> Dependence | None:
        """Return what an output depends on, single channels told apart; None where it is not known."""
        outputs = self.followed[local]
        return outputs[output] if output < len(outputs) else None


class Misaligned(NamedTuple):
    """Two branches that meet on grids of different strides."""

    layer: str
    branches: tuple[str, str]
    strides: tuple[float, float]


class FieldsBefore(NamedTuple):
    """What both passes said of a graph of which another one was made.

    Parameters
    ----------
    resolved : mapping
        What the rules said of its layers; of those that did not change the very objects are handed on.
    seen : mapping
        What they depended on.
    misaligned : sequence of Misaligned
        Branches that met there on grids of different strides.
    """

    resolved: Mapping[str, LayerInfo]
    seen: Mapping[str, LayerFields]
    misaligned: Sequence[Misaligned]

    def kept(self, layer: Layer, known: LayerInfo, seen: Mapping[str, LayerFields]) -> LayerFields | None:
        """Return what a layer depended on, if neither it nor what its inputs depend on has changed."""
        if not layer.inputs or self.resolved.get(layer.name) is not known:
            return None
        for producer, _ in layer.inputs:
            if seen[producer] is not self.seen[producer]:
                return None
        return self.seen[layer.name]

    def recognised(self, name: str, found: LayerFields) -> LayerFields:
        """Return what a layer that did change depended on, if it depends on the same now, or else `found`."""
        old = self.seen.get(name)
        return old if old is not None and _is_same(old, found) else found


def _is_same(one: LayerFields, other: LayerFields) -> bool:
    """Tell whether two layers with nothing but legs depend on the same; False where that is not plain."""
    if one.apart or other.apart or len(one.full) != len(other.full) or one.blame != other.blame:
        return False
    if not all(map(_is_equal, (*one.full, *one.local), (*other.full, *other.local))):
        return False
    return [*map(is_, one.full, one.local)] == [*map(is_, other.full, other.local)]


def _is_equal(one: Dependence | None, other: Dependence | None) -> bool:
    if one is other:
        return True
    if one is None or other is None or one.pieces or other.pieces or one.parts or other.parts:
        return False
    if one.masked is not None or other.masked is not None or one != other:
        return False
    return _marks(one) == _marks(other)


def _marks(dependence: Dependence) -> list[tuple[int, bool, int | None]]:
    """List what the equality of relations leaves out."""
    return [leg.relation.marks for leg in dependence.legs if isinstance(leg.relation, Relation)]


def choose_input(graph: LayerGraph, name: str | None) -> Layer:
    """Return the input that figures refer to: the named one, or the first with spatial axes.

    Raises
    ------
    UsageError
        There is no such input.
    AnalysisError
        The model has no input.
    """
    inputs = graph.inputs
    if not inputs:
        raise AnalysisError("the model has no input")
    if name is None:
        return next((layer for layer in inputs if SPATIAL in layer.attrs["axes"]), inputs[0])
    for layer in inputs:
        if layer.name == name:
            return layer
    raise UsageError(
        f"the model has no input {name!r}; it has {', '.join(repr(layer.name) for layer in inputs)}"
    )


def seed_periodic(spec: TensorSpec, *, taps: bool = False) -> Dependence:
    """Start from an input: every element depends on itself, at any extent."""
    return seeded(spec, [identity(taps=taps)] * len(spec.spatial))


def seed_rows(spec: TensorSpec) -> Dependence:
    """Start from an input of known extent: every element depends on itself."""
    return seeded(spec, [identity_rows(extent) for extent in spec.spatial])


def seed_on_demand(spec: TensorSpec) -> Dependence:
    """Start from an input of known extent, of which single elements are asked for."""
    return seeded(spec, [identity_on_demand(extent) for extent in spec.spatial])


def seeded(spec: TensorSpec, relations: Sequence[object]) -> Dependence:
    """Start from an input: a relation for each of its spatial axes."""
    places = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    legs = tuple(
        Leg(axis, tuple((1,) if p == place else (0,) for p in range(len(spec.shape))), relation)  # type: ignore[arg-type]  # one of the two engines
        for axis, (place, relation) in enumerate(zip(places, relations, strict=True))
    )
    return plain(spec.shape, legs)


def propagate_periodic(
    layers: Iterable[Layer],
    resolved: Mapping[str, LayerInfo],
    chosen: Layer,
    *,
    taps: bool = False,
    before: FieldsBefore | None = None,
) -> tuple[Mapping[str, LayerFields], list[Misaligned]]:
    """Carry periodic relations through the graph; intervals where these are exact, otherwise taps.

    With `taps` it is taps in any case. What was the same `before` is not worked out again.
    """
    if not taps:
        try:
            return propagate(layers, resolved, chosen, seed_periodic, before=before)
        except NeedTaps:
            pass
    return propagate(layers, resolved, chosen, lambda spec: seed_periodic(spec, taps=True), before=before)


def propagate(
    layers: Iterable[Layer],
    resolved: Mapping[str, LayerInfo],
    chosen: Layer,
    seed: Seed,
    *,
    last: Mapping[str, Layer] | None = None,
    before: FieldsBefore | None = None,
) -> tuple[Mapping[str, LayerFields], list[Misaligned]]:
    """Carry dependence from the chosen input through `layers`, which come in topological order.

    With `last`, which gives for a layer the one that takes it last, a dependence is dropped behind that one:
    the rows of a large map take megabytes each. `before` is what was said of another graph, from a seed of
    periodic relations; of ends or of taps, which inputs that are not the same tell.
    """
    seen: dict[str, LayerFields] = {}
    misaligned: list[Misaligned] = []
    done: Layer | None = None
    for layer in layers:
        if last is not None and done is not None:
            for producer in {producer for producer, _ in done.inputs if last[producer] is done}:
                del seen[producer]
        done = layer
        known = resolved[layer.name]
        result = known.result
        kept = before and before.kept(layer, known, seen)
        if before and kept is not None:
            seen[layer.name] = kept
            misaligned += [each for each in before.misaligned if each.layer == layer.name]
            continue
        if layer.kind == "input":
            assert result is not None
            start = seed(result.outputs[0]) if layer.name == chosen.name else plain(result.outputs[0].shape)
            found = LayerFields((start,), (start,))
            seen[layer.name] = before.recognised(layer.name, found) if before else found
            continue
        blame = next((seen[producer].blame for producer, _ in layer.inputs if seen[producer].blame), "")
        if known.unknown:
            blame = blame or f"{known.unknown} ({layer.name!r})"
        if layer.cut and result is not None:
            ends = tuple(plain(spec.shape) for spec in result.outputs)
            seen[layer.name] = LayerFields(ends, ends)
            continue
        if result is None or blame:
            nothing = (None,) * (len(result.outputs) if result else max(len(layer.outputs), 1))
            seen[layer.name] = LayerFields(nothing, nothing, blame or "an op before it")
            continue
        found = _see(layer, result, seen, misaligned)
        seen[layer.name] = before.recognised(layer.name, found) if before else found
    return seen, misaligned


def fields_in_input(
    layer: Layer, resolved: Mapping[str, LayerInfo], place: int, seed: Seed
) -> LayerFields | None:
    """Return what a layer depends on of one of its inputs alone; None where no rule knows it.

    Parameters
    ----------
    layer : Layer
        The layer.
    resolved : mapping
        What the first pass says of it, and of what it reads.
    place : int
        Which of its inputs.
    seed : callable
        What is said of each element of that input; the others depend on nothing.

    Raises
    ------
    NeedTaps
        The ends of fields say not enough; seed taps.
    """
    result = resolved[layer.name].result
    known = [resolved[producer].result for producer, _ in layer.inputs]
    if result is None or resolved[layer.name].unknown or any(each is None for each in known):
        return None
    starts: dict[str, dict[int, Dependence]] = {}
    for number, ((producer, output), given) in enumerate(zip(layer.inputs, known, strict=True)):
        assert given is not None
        spec, held = given.outputs[output], starts.setdefault(producer, {})
        if number == place or output not in held:
            held[output] = seed(spec) if number == place else plain(spec.shape)
    seen = {}
    for producer, held in starts.items():
        outputs = tuple(held.get(output) for output in range(max(held) + 1))
        seen[producer] = LayerFields(outputs, outputs)
    return _see(layer, result, seen, [])


def _see(
    layer: Layer, result: Result, seen: Mapping[str, LayerFields], misaligned: list[Misaligned]
) -> LayerFields:
    if len(layer.inputs) == len(result.outputs) == 1 and result.paths == (AS_IT_IS,) and result.gated is None:
        ((producer, output),) = layer.inputs  # as in most layers nothing changes
        before = seen[producer]
        return before if len(before.full) == 1 else _output(before, output)
    wholes, inners = [], []
    for producer, output in layer.inputs:  # a loop: it runs for every layer
        whole, inner = seen[producer].followed
        wholes.append(whole[output])
        inners.append(inner[output])
    full = tuple(
        [
            _union(layer, paths, wholes, spec, misaligned)
            for paths, spec in zip(result.paths, result.outputs, strict=True)
        ]
    )
    cut = any(map(is_not, wholes, inners))
    gates = _gates(inners) if result.gate and len(inners) > 1 else frozenset()
    if not cut and not gates and result.gated is None:
        return _seen(full, full, result.outputs)
    local = tuple(
        [
            _union(
                layer, [path for path in result.gated or paths if path.input not in gates], inners, spec, []
            )
            for paths, spec in zip(result.paths, result.outputs, strict=True)
        ]
    )
    return _seen(full, full if local == full else local, result.outputs)


def _output(seen: LayerFields, output: int) -> LayerFields:
    """Return one output of several."""
    full, local = seen.full[output], seen.local[output]
    if seen.apart is None:
        return LayerFields((full,), (local,))
    each, inner = seen.apart
    return LayerFields((full,), (local,), "", ((each[output],), (inner[output],)))


def _seen(
    full: tuple[Dependence | None, ...], local: tuple[Dependence | None, ...], specs: Sequence[TensorSpec]
) -> LayerFields:
    """Unite the channels of each position, where they are places of a window."""
    united = tuple(map(_together, full, specs))
    if local is full:
        alike = all(map(is_, united, full))
        return LayerFields(full, full) if alike else LayerFields(united, united, "", (full, full))
    inner = tuple(map(_together, local, specs))
    if all(map(is_, (*united, *inner), (*full, *local))):
        return LayerFields(full, local)
    return LayerFields(united, inner, "", (full, local))


def _together(dependence: Dependence | None, spec: TensorSpec) -> Dependence | None:
    """Let every channel of a position depend on what any of them does."""
    if dependence is None or not dependence.legs or len(spec.axes) != len(dependence.factors):
        return dependence
    for place, role in enumerate(spec.axes):  # loops: they run for every layer
        if role != CHANNEL:
            continue
        for leg in dependence.legs:
            if leg.weights[place] == (0,) or not any(leg.weights[place]):
                continue
            return together(dependence, _places(spec, CHANNEL), _places(spec, SPATIAL))
    return dependence


def _places(spec: TensorSpec, wanted: str) -> tuple[int, ...]:
    return tuple([place for place, role in enumerate(spec.axes) if role == wanted])


def _gates(inputs: Sequence[Dependence | None]) -> frozenset[int]:
    """Find the inputs of a product that are gates: global along an axis on which another one has a grid.

    Squeeze-and-excitation is global along all axes, coordinate attention along one after the other.
    """
    global_along = [{leg.axis for leg in _legs(each) if leg.gridless and _endless(leg)} for each in inputs]
    grids = [{leg.axis for leg in _legs(each) if not leg.gridless} for each in inputs]
    return frozenset(
        k
        for k, axes in enumerate(global_along)
        if axes and any(axes <= grid for j, grid in enumerate(grids) if not global_along[j])
    )


def _legs(dependence: Dependence | None) -> tuple[Leg, ...]:
    return () if dependence is None else dependence.legs


def _endless(leg: Leg) -> bool:
    return not isinstance(leg.relation, Relation) or leg.relation.whole


def _union(
    layer: Layer,
    paths: Sequence[Path],
    inputs: Sequence[Dependence | None],
    spec: TensorSpec,
    misaligned: list[Misaligned],
) -> Dependence:
    """Unite what an output depends on over its paths."""
    union: Dependence | None = None
    first = ""
    beside: _Beside | None = None
    placed: list[tuple[Dependence, Place]] = []
    for path in paths:
        dependence = inputs[path.input]
        assert dependence is not None
        steps = path.followed
        plainly = followed_plainly(steps, dependence, layer.name)
        if plainly is not None:
            dependence, steps = plainly, ()
        for step in steps:
            if not isinstance(step, Place):
                dependence = follow(step, dependence, layer.name)
                continue
            if step is steps[-1]:
                placed.append((dependence, step))
            beside = beside or _beside(paths, inputs)
            if beside.places:
                dependence = beside_places(step, dependence, layer.name)
            else:  # parts beside it that depend on nothing are treated as padding, as if it stood alone
                place = step._replace(parts=1) if beside.nothing else step
                dependence = follow(place, dependence, layer.name)
        branch = layer.inputs[path.input][0]
        if union is None:
            union, first = dependence, branch
            continue
        clash = _clash(union, dependence)
        if clash is not None:
            misaligned.append(Misaligned(layer.name, (first, branch), clash))
        try:
            union = unite(union, dependence, layer.name)
        except UnequalSlopes:
            reason = f"{first!r} and {branch!r} meet in {layer.name!r} on grids of different strides"
            union = union.covered(spec.shape, reason).join(dependence.covered(spec.shape, reason), layer.name)
    if union is None:
        return plain(spec.shape)
    if len(placed) < len(paths):
        return union
    starts, places = zip(*placed, strict=True)
    return concatenated(union, starts, places, layer.name)


class _Beside(NamedTuple):
    """What stands beside each other in a concatenation.

    Parameters
    ----------
    nothing : bool
        All but one of the parts depend on nothing.
    places : bool
        Channels are put end to end of which some are places of a window.
    """

    nothing: bool
    places: bool


def _beside(paths: Sequence[Path], inputs: Sequence[Dependence | None]) -> _Beside:
    """Say what stands beside each other where the inputs are put end to end."""
    starts = [(path.steps[:1], start) for path in paths if (start := inputs[path.input]) is not None]
    return _Beside(
        sum(bool(start.legs) for _, start in starts) == 1,
        any(
            isinstance(step, Place) and step.alike and on_places(start, step.axis)
            for steps, start in starts
            for step in steps
        ),
    )


def _clash(a: Dependence, b: Dependence) -> tuple[float, float] | None:
    """Strides of two branches, where they differ on the same axis of the result."""
    for x in a.legs:
        for y in b.legs:
            p, q = x.relation, y.relation
            if p is q or x.axis != y.axis or x.weights != y.weights or x.gridless:
                continue
            if (
                isinstance(p, Relation)
                and isinstance(q, Relation)
                and not (p.uneven or q.uneven)  # the join that made rows uneven was reported already
                and p.advance * q.period != q.advance * p.period
            ):
                return p.advance / p.period, q.advance / q.period
    return None


def ancestors(graph: LayerGraph, name: str) -> list[Layer]:
    """Return the layers that a layer depends on, and itself, in topological order."""
    wanted = {name}
    chain = []
    for layer in reversed(list(graph)):
        if layer.name in wanted:
            chain.append(layer)
            wanted.update(producer for producer, _ in layer.inputs)
    return chain[::-1]


def require_known(spec: TensorSpec, name: str) -> None:
    """Refuse an input whose spatial extents are open, where a concrete size is needed."""
    if not all(map(is_known, spec.spatial)):
        raise UsageError(
            f"the input {name!r} has no fixed size; give one with --input-shape",
        )
