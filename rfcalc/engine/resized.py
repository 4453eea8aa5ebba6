"""Fields at another size of the input: the same relations, wherever nothing on the way looks at extents.

A window that slides along an axis composes with any rows in the same way, however long the axis is. So two
sizes at which all windows are alike have the same fields, and one propagation serves both. What a layer makes
of extents is of three kinds:

- windows that depend on an extent, as those of SAME padding with a stride or of adaptive pooling, and whether
  an extent is 1. They stand in the *outline* of a result; sizes of other outlines have fields of their own;
- steps that look at extents, as reshapes do, and dependences that are more than a window along an axis. A
  layer with such is *pinned*: it has to have the very same tensors at the other size;
- everything else moves plain axes by windows alone: the extents of the other size are put in their places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rfcalc.algebra.axes import through
from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.number import Num
from rfcalc.algebra.relation import Relation
from rfcalc.algebra.steps import (
    Broadcast,
    Contract,
    Grouped,
    Insert,
    Mix,
    Permute,
    Place,
    Reduce,
    Scan,
    Slide,
    Squeeze,
    Step,
)
from rfcalc.engine.joins import Join, join_at, met_at
from rfcalc.engine.propagate import LayerFields, Misaligned, propagate_periodic
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import CHANNEL, SPATIAL, Edge, Layer, TensorSpec
from rfcalc.rules.registry import Result

_MORE: Final = 2
"""Stands for all extents above 1."""


class Kept:
    """What the second pass says at one size, and what of it holds at others.

    Parameters
    ----------
    graph : LayerGraph
        The model at this size.
    resolved : mapping
        What the first pass says of it.
    seen, misaligned
        What the second one says.
    """

    def __init__(
        self,
        graph: LayerGraph,
        resolved: Mapping[str, LayerInfo],
        seen: Mapping[str, LayerFields],
        misaligned: Sequence[Misaligned],
    ) -> None:
        self.graph = graph
        self.resolved = resolved
        self.seen = seen
        self.misaligned = misaligned
        plain = _Plain(resolved, seen)
        self.pinned = frozenset(layer.name for layer in graph if not plain.is_free(layer))
        self._met: list[tuple[Layer, Join | None]] | None = None

    def seen_at(self, graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Mapping[str, LayerFields]:
        """Return what the second pass says at a size that this fits: the same, with other extents."""
        return self.seen if resolved is self.resolved else _with_shapes(self, graph, resolved)

    def joins_at(
        self,
        resolved: Mapping[str, LayerInfo],
        seen: Callable[[], Mapping[str, LayerFields]],
        extents: Sequence[Num],
    ) -> list[Join]:
        """List how branches meet at a size that this fits; those that ask for extents are looked at again."""
        if self._met is None:
            met = [
                met_at(layer, self.resolved, self.seen, len(extents))
                for layer in self.graph
                if len(layer.inputs) > 1
            ]
            self._met = [
                (each.layer, None if each.asks_extents else each.join(extents))
                for each in met
                if each is not None
            ]
        found = [
            join_at(layer, resolved, seen(), extents) if join is None else join for layer, join in self._met
        ]
        return [join for join in found if join is not None]


class Fields:
    """What the second pass says of a model at many sizes: it runs once for all with the same windows."""

    def __init__(self) -> None:
        self._outlines: dict[int, tuple[int, Result]] = {}
        # keys are id(); the values hold the objects, so that no other one gets the same
        self._parts: dict[tuple[int, int], tuple[int, Layer, LayerInfo]] = {}
        self._numbers: dict[object, int] = {}
        self._kept: dict[object, list[Kept]] = {}

    def at(self, graph: LayerGraph, resolved: Mapping[str, LayerInfo], chosen: Layer) -> Kept:
        """Return what the second pass says of a model, or what it said at a size where it is the same."""
        form = self._form(graph, resolved, chosen)
        for kept in self._kept.get(form, ()):
            if self._fits(kept, graph, resolved):
                return kept
        return self.keep(graph, resolved, chosen, propagate_periodic(graph, resolved, chosen), form)

    def keep(
        self,
        graph: LayerGraph,
        resolved: Mapping[str, LayerInfo],
        chosen: Layer,
        passed: tuple[Mapping[str, LayerFields], Sequence[Misaligned]],
        form: object = None,
    ) -> Kept:
        """Remember what the second pass said."""
        kept = Kept(graph, resolved, *passed)
        self._kept.setdefault(form or self._form(graph, resolved, chosen), []).append(kept)
        return kept

    def _form(self, graph: LayerGraph, resolved: Mapping[str, LayerInfo], chosen: Layer) -> object:
        """Spell what two sizes have to have in common: the graph, and the outlines of all results."""
        layers = graph.layers
        known = [resolved[name] for name in layers]
        keys = zip(map(id, layers.values()), map(id, known), strict=True)
        parts = map(self._parts.get, keys)
        numbers = [
            part[0] if part is not None else self._part(layer, each, resolved)
            for part, layer, each in zip(parts, layers.values(), known, strict=True)
        ]
        return chosen.name, tuple(numbers)

    def _part(self, layer: Layer, known: LayerInfo, resolved: Mapping[str, LayerInfo]) -> int:
        """Number what two sizes have to have in common of a layer; equal ones alike."""
        outline = -1 if known.result is None else self._outline(layer, known.result, resolved)
        number = self._number(
            (layer.name, layer.inputs, layer.cut, len(layer.outputs), known.unknown, outline)
        )
        self._parts[id(layer), id(known)] = (number, layer, known)
        return number

    def _outline(self, layer: Layer, result: Result, resolved: Mapping[str, LayerInfo]) -> int:
        """Number the outline of a result; equal ones alike."""
        found = self._outlines.get(id(result))
        if found is None:
            inputs = [_spec(resolved, edge) for edge in layer.inputs]
            try:
                number = self._number((_outline(result), _agree(result, inputs)))
            except TypeError:  # something in it cannot be compared, so that it is like itself alone
                number = self._number(object())
            found = self._outlines[id(result)] = (number, result)
        return found[0]

    def _number(self, spelled: object) -> int:
        return self._numbers.setdefault(spelled, len(self._numbers))

    def _fits(self, kept: Kept, graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> bool:
        """Tell whether layers that are pinned have the very tensors that they had."""
        for name in kept.pinned:
            now, before = resolved[name], kept.resolved[name]
            if now is before:
                continue
            if now.result is None or before.result is None or not _is_same(now.result, before.result):
                return False
            for edge in graph[name].inputs:
                if _spec(resolved, edge) != _spec(kept.resolved, edge):
                    return False
        return True


def _with_shapes(
    kept: Kept, graph: LayerGraph, resolved: Mapping[str, LayerInfo]
) -> Mapping[str, LayerFields]:
    """Put the extents of another size into what the second pass says; what is one object stays one."""
    dependences: dict[tuple[int, tuple[Num, ...]], Dependence] = {}
    outputs: dict[tuple[int, tuple[tuple[Num, ...], ...]], LayerFields] = {}

    def fitted(dependence: Dependence | None, shape: tuple[Num, ...]) -> Dependence | None:
        if dependence is None:
            return None
        key = (id(dependence), shape)
        if key not in dependences:
            dependences[key] = _with_extents(dependence, tuple([(extent,) for extent in shape]))
        return dependences[key]

    def seen(layer: Layer) -> LayerFields:
        before, result = kept.seen[layer.name], resolved[layer.name].result
        if result is None or layer.name in kept.pinned:
            return before
        shapes = tuple([spec.shape for spec in result.outputs])
        key = (id(before), shapes)
        if key not in outputs:
            full = tuple(map(fitted, before.full, shapes))
            local = full if before.local is before.full else tuple(map(fitted, before.local, shapes))
            outputs[key] = before._replace(full=full, local=local)
        return outputs[key]

    return {layer.name: seen(layer) for layer in graph}


def _with_extents(dependence: Dependence, factors: tuple[tuple[Num, ...], ...]) -> Dependence:
    if dependence.factors == factors:
        return dependence
    parts = dependence.parts
    if parts is not None:
        parts = parts._replace(each=tuple([_with_extents(each, factors) for each in parts.each]))
    return dependence._replace(factors=factors, parts=parts)


def _spec(resolved: Mapping[str, LayerInfo], edge: Edge) -> TensorSpec | None:
    result = resolved[edge[0]].result
    return None if result is None else result.outputs[edge[1]]


# ---- what the second pass reads of a result ----------------------------------------------------------------


def _outline(result: Result) -> tuple[object, ...]:
    """Spell what the second pass reads of a result, without extents above 1 of positions."""
    spelled = _spelled(result, _of_any_step)
    for spec in result.outputs:
        spelled.append(spec.axes)
        spelled += [_any(n) if role == SPATIAL else n for n, role in zip(spec.shape, spec.axes, strict=True)]
    return tuple(spelled)


def _agree(result: Result, inputs: Sequence[TensorSpec | None]) -> tuple[bool, ...]:
    """Tell of each path whether it leads from the shape of its input to that of the output.

    Settings may say the shape of an output, so that at another size it is not what its input comes to.
    """
    found = []
    for spec, paths in zip(result.outputs, result.paths, strict=True):
        for path in paths if result.gated is None else (*paths, *result.gated):
            given = inputs[path.input]
            found.append(given is None or _leads(path.followed, given.shape, spec.shape))
    return tuple(found)


def _leads(steps: Sequence[Step], given: tuple[Num, ...], wanted: tuple[Num, ...]) -> bool:
    """Tell whether steps lead from one shape to another one; True where one of them is not plain."""
    shape = given
    for met in through(steps, given):
        shape = met.after
        if not isinstance(met.step, _PLAIN):
            return True
        if isinstance(met.step, Broadcast):  # which stretches single elements alone
            pairs = zip(reversed(met.before), reversed(shape), strict=False)
            if any(n != m and not (type(n) is int and n == 1) for n, m in pairs):
                return False
    return shape == wanted


def _is_same(a: Result, b: Result) -> bool:
    """Tell whether the second pass reads the same of two results."""
    if a is b:
        return True
    return a.outputs == b.outputs and _spelled(a, _of_step) == _spelled(b, _of_step)


def _spelled(result: Result, spell: Callable[[Step], object]) -> list[object]:
    """List what stands in the paths of a result."""
    spelled: list[object] = [result.gate, result.gated is None]
    for paths in result.paths if result.gated is None else (*result.paths, result.gated):
        spelled.append(len(paths))
        for path in paths:
            spelled += (path.input, *map(spell, path.steps))
            if path.apart is not None:
                spelled += ("apart", *map(spell, path.apart))
    return spelled


def _any(extent: Num) -> Num:
    """Let all extents above 1 be the same."""
    return _MORE if type(extent) is int and extent > 1 else extent


def _of_step(step: Step) -> object:
    return type(step), step


def _of_any_step(step: Step) -> object:
    if isinstance(step, Slide) and not step.alike:
        return Slide, step.axis, step.window, _any(step.extent)
    if isinstance(step, Broadcast):
        return Broadcast, tuple([_any(extent) for extent in step.shape])
    return type(step), step


# ---- what moves by windows alone ---------------------------------------------------------------------------


class _Plain:
    """Tells which layers move plain axes by windows alone, so that they do the same at any extent.

    Parameters
    ----------
    resolved, seen : mapping
        What the two passes say at one size.
    """

    def __init__(self, resolved: Mapping[str, LayerInfo], seen: Mapping[str, LayerFields]) -> None:
        self._resolved = resolved
        self._seen = seen
        self._known: dict[tuple[int, tuple[Num, ...], str], bool] = {}

    def is_free(self, layer: Layer) -> bool:
        """Tell whether a layer does the same at any extent."""
        result, after = self._resolved[layer.name].result, self._seen[layer.name]
        if result is None:
            return True
        if not all(self._is_plain((layer.name, place)) for place in range(len(result.outputs))):
            return False
        if layer.kind == "input" or layer.cut or after.blame:
            return True
        if not all(map(self._is_plain, layer.inputs)):
            return False
        for paths in (*result.paths, result.gated or ()):
            for path in paths:
                if path.followed and not self._moves_freely(path.followed, layer.inputs[path.input]):
                    return False
        return True

    def _moves_freely(self, steps: Sequence[Step], edge: Edge) -> bool:
        return all(_moves_freely(steps, part) for each in self._of(edge) for part in _each(each))

    def _of(self, edge: Edge) -> tuple[Dependence | None, ...]:
        """Return what a tensor depends on, with gates and without, where that is not the same."""
        seen = self._seen[edge[0]]
        full, local = seen.full[edge[1]], seen.local[edge[1]]
        return (full,) if local is full else (full, local)

    def _is_plain(self, edge: Edge) -> bool:
        """Tell whether a tensor depends on the input by one window along each axis, or on all of it."""
        result = self._resolved[edge[0]].result
        if result is None or self._seen[edge[0]].apart is not None:
            return False
        spec = result.outputs[edge[1]]
        return all(each is None or self._is_plain_one(each, spec) for each in self._of(edge))

    def _is_plain_one(self, dependence: Dependence, spec: TensorSpec) -> bool:
        key = (id(dependence), spec.shape, spec.axes)
        found = self._known.get(key)
        if found is None:
            parts = all(_is_simple(each, spec) for each in _each(dependence))
            found = self._known[key] = parts and _has_plain_parts(dependence, spec)
        return found


def _each(dependence: Dependence | None) -> tuple[Dependence, ...]:
    """Return a dependence and those of its parts."""
    if dependence is None:
        return ()
    return (dependence,) if dependence.parts is None else (dependence, *dependence.parts.each)


def _has_plain_parts(dependence: Dependence, spec: TensorSpec) -> bool:
    """Tell whether the parts of a tensor, if it has any, are parts of its channels."""
    parts = dependence.parts
    return parts is None or all(spec.axes[axis] != SPATIAL for axis in parts.axes)


def _is_simple(dependence: Dependence, spec: TensorSpec) -> bool:
    """Tell whether every leg moves along one axis of positions of its own, exactly, or is the whole axis."""
    if dependence.reason or dependence.pieces is not None or dependence.masked is not None:
        return False
    if dependence.factors != tuple([(extent,) for extent in spec.shape]):
        return False
    along = []
    for leg in dependence.legs:
        relation = leg.relation
        if not isinstance(relation, Relation) or not relation.exact or relation.listed or relation.uneven:
            return False
        axes = [axis for axis, row in enumerate(leg.weights) if any(row)]
        if not (axes or relation.whole):
            return False
        along += [(leg.axis, axis, leg.weights[axis]) for axis in axes]
    alone = len({leg for leg, _, _ in along}) == len({axis for _, axis, _ in along}) == len(along)
    return alone and all(
        row == (1,) and spec.axes[axis] != CHANNEL and type(spec.shape[axis]) is int for _, axis, row in along
    )


def _moves_freely(steps: Sequence[Step], dependence: Dependence) -> bool:
    """Tell whether steps do the same with a dependence at any extent of the axes that it moves along."""
    if not dependence.legs:
        return True
    rank = len(dependence.factors)
    moving = {axis for axis in range(rank) if dependence.moves(axis)}
    if not all(isinstance(step, _PLAIN) for step in steps):
        return False
    for met in through(steps, (1,) * rank):
        step = met.step
        # along an axis that moves nothing, `Dependence.slide` asks whether outputs lie in padding alone,
        # which depends on the extent; channels (`alike`) that move an index are places of windows, and listed
        if isinstance(step, Slide):
            if (step.axis in moving) is step.alike:
                return False
        elif isinstance(step, (Grouped, Place)) and (step.axis in moving or not getattr(step, "alike", True)):
            return False
        moving = {place for axis in moving for place in met.behind(axis)}
    return True


_PLAIN: Final = (Slide, Contract, Grouped, Place, Mix, Scan, Reduce, Squeeze, Insert, Permute, Broadcast)
"""Steps that may do the same at any extent."""
