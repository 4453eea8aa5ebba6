"""Who is responsible for a field: what each layer on the way adds to it, and through whose strides.

A window of kernel k and dilation d adds ``(k - 1) * d * jump`` pixels to a field, where the jump is the
product of the strides before it. That splits into ``own = (k - 1) * d``, what the window would add if nothing
before it had stepped, and ``inherited = (k - 1) * d * (jump - 1)``, which is due to the layers that stepped.
The inherited part is divided among these in order of depth: a layer that changes the jump from j to j' is
responsible for ``(k - 1) * d * (j' - j)``, since it multiplied what was there before it. These telescope to
``jump - 1``, so that all windows and strides together are the field's size less one, exactly. What upsampling
takes off the jump is taken from the latest strides first, as a U-Net undoes its last pooling first.

Where branches join, the field may begin on one way and end on another; each end is then followed on its own
(:mod:`rfcalc.engine.trace`): the first pixel moves out by the padding on its way, the last by what the
windows on its way reach beyond theirs.

Source of the recursion: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill, 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from math import inf
from typing import Final, Literal

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.legs import Leg, span_of
from rfcalc.algebra.number import Num, is_known, prod
from rfcalc.algebra.relation import Relation
from rfcalc.engine.position import Position, positions_of
from rfcalc.engine.propagate import LayerFields, ancestors
from rfcalc.engine.result import Note, Params, Size, Status
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo
from rfcalc.engine.totals import asked_notes, count_params, fresh_of, has_weights, macs_of
from rfcalc.engine.trace import SIDES, Move, Side, Trace, Untraceable, Which, trace
from rfcalc.engine.view import FieldView, Views
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Family, find

Cause = Literal["convolution", "pooling", "upsampling", "other"]
CAUSES: Final[tuple[Cause, ...]] = ("convolution", "pooling", "upsampling", "other")

_CAUSES: Final[Mapping[Family, Cause]] = {
    "convolution": "convolution",
    "windows": "convolution",
    "pooling": "pooling",
    "summary": "pooling",
    "upsampling": "upsampling",
}


def cause_of(kind: str) -> Cause:
    """Return what a layer of that kind counts as.

    >>> cause_of("depthwise_conv"), cause_of("max_pool"), cause_of("transposed_conv")
    ('convolution', 'pooling', 'upsampling')
    """
    known = find(kind)
    return "other" if known is None else _CAUSES.get(known.family, "other")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one step of a layer adds to a field along one axis.

    Parameters
    ----------
    layer, kind, op : str
        The layer; a compound one may have several steps. Layers that mix positions, as attention does, are
        taken together: the module that they are in, or the first and the last, and ``block``.
    cause : str
        ``convolution``, ``pooling``, ``upsampling`` or ``other`` (padding on one branch, slices).
    kernel, dilation : int, optional
        Its window, in elements of its input; None where the window differs by phase.
    stride : Fraction
        How far it steps, in elements of its input; below 1 where it upsamples.
    jump : Fraction
        Pixels of the input between neighbours before it: the strides before it, multiplied.
    sides : tuple of str
        The ends of the field that are decided here: ``first``, ``last`` or both.
    own : Fraction
        Pixels that it would add at jump 1.
    inherited : Fraction
        Pixels that it adds besides, since layers before it stepped.
    due : tuple of (str, Fraction)
        The inherited pixels by the layer whose stride is responsible.
    """

    layer: str
    kind: str
    op: str
    cause: Cause
    kernel: int | None
    stride: Fraction
    dilation: int | None
    jump: Fraction
    sides: tuple[Side, ...]
    own: Fraction
    inherited: Fraction
    due: tuple[tuple[str, Fraction], ...]

    @property
    def pixels(self) -> Fraction:
        """All that it adds."""
        return self.own + self.inherited


class Shares(NamedTuple):
    """Pixels that layers of one cause are responsible for: by their windows, by their strides."""

    windows: Fraction
    strides: Fraction

    @property
    def total(self) -> Fraction:
        """Both together."""
        return self.windows + self.strides


@dataclass(frozen=True, slots=True)
class AxisAttribution:
    """The field of a layer along one spatial axis of the input, divided among those who are responsible.

    Parameters
    ----------
    field : int, optional
        The layer's receptive field, in pixels; None for the whole axis, or where it is not known.
    status : str
        ``exact``, ``bound`` or ``unknown``.
    subject : str
        The layer whose field is divided: the layer itself, or the last before it whose field has an end.
    size : int, optional
        The field that is divided: ``1 + sum(step.pixels for step in steps)``; None where none can be.
    local : bool
        It is the field with gates and statistics over the map cut.
    steps : tuple of Contribution
        From the input on; only steps that add to the field or change the jump.
    first_path, last_path : tuple of str
        The layers of the way that decides the first, and the last, pixel of the field.
    reason : str
        Why it is not the layer's whole field that is divided, where it is not.
    position : Position
        What can be said of positions in the layer's map.
    units : str
        What positions along it are counted in.
    least : int, optional
        The smallest field of the subject's units, which differ behind upsampling.
    """

    field: Size
    status: Status
    subject: str
    size: int | None
    local: bool
    steps: tuple[Contribution, ...]
    first_path: tuple[str, ...]
    last_path: tuple[str, ...]
    reason: str
    position: Position
    units: str = "pixels"
    least: Size = None

    @property
    def causes(self) -> Mapping[Cause, Shares]:
        """Pixels by what is responsible for them; all together they are `size` less one."""
        kinds = {step.layer: step.cause for step in self.steps}
        windows: dict[Cause, Fraction] = dict.fromkeys(CAUSES, Fraction(0))
        strides: dict[Cause, Fraction] = dict.fromkeys(CAUSES, Fraction(0))
        for step in self.steps:
            windows[step.cause] += step.own
            for layer, pixels in step.due:
                strides[kinds[layer]] += pixels
        return {cause: Shares(windows[cause], strides[cause]) for cause in CAUSES}


class Cost(NamedTuple):
    """What one layer that a layer depends on costs.

    Parameters
    ----------
    layer, kind, op : str
        The layer.
    params : Params
        Parameters; a tensor shared with an earlier layer counts there.
    macs : Num, optional
        Multiply-accumulates at batch 1.
    """

    layer: str
    kind: str
    op: str
    params: Params
    macs: Num | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who is responsible for what a layer sees and costs.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that its field lies in.
    axes : tuple of AxisAttribution
        One for each spatial axis of the input.
    costs : tuple of Cost
        The layers that it depends on and itself, in topological order.
    notes : tuple of Note
        What else there is to say.
    reached : tuple of (tuple of (int, int), optional)
        For each axis the first and the last position that is reached, where that is known and not all of
        them.
    """

    model: str
    layer: str
    input: str
    axes: tuple[AxisAttribution, ...]
    costs: tuple[Cost, ...]
    notes: tuple[Note, ...] = ()
    reached: tuple[tuple[int, int] | None, ...] = ()


class _Context(NamedTuple):
    """What all axes of one attribution share."""

    chain: Sequence[Layer]
    resolved: Mapping[str, LayerInfo]
    seen: Mapping[str, LayerFields]
    views: Views
    modules: Mapping[tuple[str, ...], str]
    positions: tuple[Position, ...] = ()

    def view(self, edge: Edge) -> FieldView:
        """Say what a tensor sees, as `analyze` does."""
        return self.views.of(edge)

    def held(self, edge: Edge, which: Which) -> Dependence | None:
        """Return what a tensor depends on."""
        outputs: tuple[Dependence | None, ...] = getattr(self.seen[edge[0]], which)
        return outputs[edge[1]] if edge[1] < len(outputs) else None


class Attributor:
    """Divides the fields and the costs of the layers of one model among those who are responsible.

    Parameters
    ----------
    run : Run
        The model.

    Raises
    ------
    AnalysisError
        A layer does not fit its inputs.
    """

    def __init__(self, run: Run) -> None:
        self._graph = run.graph
        self._input = run.chosen.name
        self._extents = run.extents
        self._units = tuple(run.units)
        self._rank = len(run.extents)
        modules = {path: block.name for path, block in run.graph.blocks.items()}
        self._context = _Context((), run.resolved, run.fields, run.views, modules)

    @property
    def input(self) -> str:
        """The input that fields lie in."""
        return self._input

    def view(self, layer: str) -> FieldView:
        """Say what the first output of a layer sees, as `analyze` does."""
        return self._context.view((layer, 0))

    def keeps_map(self, layer: str) -> bool:
        """Tell whether the first output of a layer has spatial axes."""
        result = self._context.resolved[layer].result
        return result is not None and bool(result.outputs) and bool(result.outputs[0].spatial)

    def attribute(self, layer: str) -> Attribution:
        """Divide the field and the cost of a layer, or of an output tensor.

        Raises
        ------
        UsageError
            There is no such layer.
        """
        edge = self._graph.find_tensor(layer)
        chain = ancestors(self._graph, edge[0])
        known = self._context
        positions = positions_of(chain, known.resolved, known.seen, known.views, self._rank)
        context = known._replace(chain=chain, positions=positions)
        axes = tuple(
            replace(_axis(context, edge, axis), units=units) for axis, units in enumerate(self._units)
        )
        view = context.view(edge)
        notes = asked_notes(chain, context.resolved)
        if view.status == "bound":
            notes.append(Note("warning", "bound", layer, f"its field is an upper bound: {view.reason}"))
        costs = _costs(chain, context.resolved)
        return Attribution(
            self._graph.name, layer, self._input, axes, costs, tuple(notes), self._reached(edge)
        )

    def _reached(self, edge: Edge) -> tuple[tuple[int, int] | None, ...]:
        """Return what is reached of each axis, where that is less than all of it."""
        reached = self._context.views.reach.of(edge) or (None,) * self._rank
        return tuple(
            (int(each.first), int(each.last))
            if each is not None and is_known(extent) and is_known(each.extent) and each.extent < extent
            else None
            for each, extent in zip(reached, self._extents, strict=True)
        )


def _costs(chain: Iterable[Layer], resolved: Mapping[str, LayerInfo]) -> tuple[Cost, ...]:
    counted: set[str] = set()
    costs = []
    for layer in chain:
        known = resolved[layer.name]
        fresh = None
        if has_weights(layer, known):
            fresh = fresh_of(known.weights or (), counted)
        costs.append(Cost(layer.name, layer.kind, layer.op, count_params(fresh), macs_of(known)))
    return tuple(costs)


# ---- one axis ----------------------------------------------------------------------------------------------


def _axis(context: _Context, edge: Edge, axis: int) -> AxisAttribution:
    view = context.view(edge)
    position = context.positions[axis]
    field = None if view.receptive_field is None else view.receptive_field[axis]
    if view.receptive_field is not None and field is not None:
        return _divided(context, edge, axis, "full", (field, view.status), "", position)
    local = None if view.local_receptive_field is None else view.local_receptive_field[axis]
    if local is not None:
        why = f"{_culprit(context, edge, axis)} makes it global; what is divided is the field without gates"
        return _divided(context, edge, axis, "local", (None, view.status), why, position)
    blamed, subject = _last_bounded(context, edge, axis)
    what = "makes the field global" if view.receptive_field is not None else "is not known to any rule"
    why = f"{blamed} {what}; what is divided is the field up to {subject[0]!r}"
    return _divided(context, subject, axis, "full", (None, view.status), why, position)


def _divided(
    context: _Context,
    edge: Edge,
    axis: int,
    which: Which,
    known: tuple[Size, Status],
    reason: str,
    position: Position,
) -> AxisAttribution:
    """Divide the field of a tensor; where its ends cannot be followed, that of the last before it."""
    field, status = known
    subject, why = edge, ""
    found: tuple[int, Trace] | None = None
    while found is None:
        if not _legs(context, subject, axis, which):
            why = reason or why or "it does not depend on the input along this axis"
            return AxisAttribution(field, status, subject[0], None, False, (), (), (), why, position)
        try:
            found = _followed(context, subject, axis, which)
        except Untraceable as error:
            before = _nearest(context, subject, axis, which)
            why = f"from {subject[0]!r} on {error}; what is divided is the field up to {before[0]!r}"
            subject = before
    size, way = found
    view = context.view(subject)
    sizes = view.local_receptive_field if which == "local" else view.receptive_field_min
    steps = _contributions({layer.name: layer for layer in context.chain}, way, context.modules)
    first, last = (way.passed[side] for side in SIDES)
    return AxisAttribution(
        field,
        status,
        subject[0],
        size,
        which == "local",
        steps,
        first,
        last,
        reason or why,
        position,
        least=None if sizes is None else sizes[axis],
    )


def _legs(context: _Context, edge: Edge, axis: int, which: Which) -> list[Leg]:
    held = context.held(edge, which)
    return [] if held is None else [leg for leg in held.legs if leg.axis == axis]


def _followed(context: _Context, edge: Edge, axis: int, which: Which) -> tuple[int, Trace]:
    """Return the size of a field, and the way of its ends."""
    held = context.held(edge, which)
    assert held is not None
    ends = _ends(held, _legs(context, edge, axis, which))
    size = int(_end(ends, "last") - _end(ends, "first")) + 1
    return size, trace(context.chain, context.resolved, context.seen, edge, axis=axis, which=which, ends=ends)


def _end(ends: Mapping[Side, tuple[Relation, int]], side: Side) -> float:
    relation, index = ends[side]
    return relation.ends(index)[side == "last"]


def _ends(held: Dependence, legs: Sequence[Leg]) -> Mapping[Side, tuple[Relation, int]]:
    """Choose the output whose field is the largest: the relation and the index that say its ends."""
    relations = [leg.relation for leg in legs if isinstance(leg.relation, Relation)]
    if len(legs) > 1:
        if not all(leg.gridless for leg in legs) or not all(r.bounded for r in relations):
            raise Untraceable("the field is reached by several ways that no one index orders")
        first = min(relations, key=lambda relation: relation.lo[0])
        last = max(relations, key=lambda relation: relation.hi[0])
        return {"first": (first, 0), "last": (last, 0)}
    (leg,), (relation,) = legs, relations
    folded = axis_of(held, leg)
    rows = relation if folded is None else folded[1]
    assert isinstance(rows, Relation)
    sizes = rows.sizes()
    count = span_of(held.factors, leg.weights) if folded is None else prod(held.factors[folded[0]])
    sizes = sizes[: count if len(sizes) > 1 and is_known(count) and count > 0 else None]
    row = sizes.index(max(sizes))
    if sizes[row] in (0, inf):
        raise Untraceable("the field is empty or has no end")
    index = row if folded is None or rows is relation else _virtual(held, leg, folded[0], row)
    return dict.fromkeys(SIDES, (relation, index))


def _virtual(held: Dependence, leg: Leg, place: int, row: int) -> int:
    """Return the virtual index of a leg at an index of the one axis that moves it."""
    index: int = 0
    for extent, weight in reversed(list(zip(held.factors[place], leg.weights[place], strict=True))):
        if not is_known(extent):
            return int(index + weight * row)
        index += int(weight * (row % extent))
        row //= extent
    return index


def _nearest(context: _Context, edge: Edge, axis: int, which: Which) -> Edge:
    """Return the input of a layer with the largest field that has an end; where it has none, itself."""
    layer = next(layer for layer in context.chain if layer.name == edge[0])

    def size(producer: Edge) -> int:
        view = context.view(producer)
        sizes = view.local_receptive_field if which == "local" else view.receptive_field
        found = None if sizes is None else sizes[axis]
        return -1 if found is None else found

    return max(layer.inputs, key=size, default=edge)


def _last_bounded(context: _Context, edge: Edge, axis: int) -> tuple[str, Edge]:
    """Name the first layer on the way whose field has no end, and the input of it with the largest field."""
    for layer in context.chain:
        for output in range(max(len(context.seen[layer.name].full), 1)):
            if not _bounded(context, (layer.name, output), axis):
                return f"{layer.name!r} ({layer.op})", _nearest(context, (layer.name, output), axis, "full")
    raise AssertionError("a field without an end has no layer where it lost it")


def _bounded(context: _Context, edge: Edge, axis: int) -> bool:
    sizes = context.view(edge).receptive_field
    return sizes is not None and sizes[axis] is not None


def _culprit(context: _Context, edge: Edge, axis: int) -> str:
    """Name the first layer that has a grid, and sees the whole axis through a gate."""
    for layer in context.chain:
        view = context.view((layer.name, 0))
        if (
            not _bounded(context, (layer.name, 0), axis)
            and view.local_receptive_field is not None
            and view.local_receptive_field[axis] is not None
        ):
            return f"{layer.name!r} ({layer.op})"
    return f"{edge[0]!r}"


# ---- contributions -----------------------------------------------------------------------------------------


def _contributions(
    layers: Mapping[str, Layer], found: Trace, modules: Mapping[tuple[str, ...], str]
) -> tuple[Contribution, ...]:
    """Turn moves of the ends into contributions, each with the strides that it inherits on its own way."""
    strides: dict[Side, list[tuple[str, Fraction]]] = {side: [] for side in SIDES}
    steps = []
    for layer, move in _together(layers, found.moves, modules):
        step = _contribution(layer, move, strides)
        for side in move.added:
            _step(strides[side], move.layer, move.after - move.before)
        if step.own or step.inherited or step.due or move.after != move.before or _lopsided(move):
            steps.append(step)
    return tuple(steps)


def _together(
    layers: Mapping[str, Layer], moves: Sequence[Move], modules: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[Layer, Move]]:
    """Take moves in a row as one, of one module where there are any, that mix positions as attention does.

    It does in several layers, of which none has a stride or a window that says anything by itself.
    """

    def module(move: Move) -> str | None:
        layer = layers[move.layer]
        return modules.get(layer.block, "") if cause_of(layer.kind) == "other" else None

    for name, group in groupby(moves, module):
        several = list(group)
        mixing = [] if name is None else [place for place, move in enumerate(several) if _mixes(move)]
        start, stop = (mixing[0], mixing[-1] + 1) if len(mixing) > 1 else (0, 0)
        if name and mixing:
            start, stop = 0, len(several)
        yield from ((layers[move.layer], move) for move in several[:start])
        if start < stop:
            move = _united(several[start:stop], name or "")
            last = layers[several[stop - 1].layer]
            yield replace(last, name=move.layer, kind="block", op=f"{stop - start} layers"), move
        yield from ((layers[move.layer], move) for move in several[stop:])


def _mixes(move: Move) -> bool:
    """Tell whether a step changes the stride by what is no one window."""
    return move.before != move.after and _window(move) == (None, None)


def _united(moves: Sequence[Move], name: str) -> Move:
    """Return what several moves come to."""
    first, last = moves[0], moves[-1]
    added: dict[Side, Fraction] = {}
    for side, pixels in (each for move in moves for each in move.added.items()):
        added[side] = added.get(side, Fraction(0)) + pixels
    return Move(name or f"{first.layer} to {last.layer}", None, first.before, last.after, added)


def _step(strides: list[tuple[str, Fraction]], layer: str, more: Fraction) -> None:
    """Note which layer changed the jump by how much; a change back cancels the last ones before it first."""
    while more and strides and strides[-1][1] * more < 0:
        name, last = strides.pop()
        left = last + more
        if left * last > 0:
            strides.append((name, left))
            return
        more = left
    if more:
        strides.append((layer, more))


def _lopsided(move: Move) -> bool:
    """Tell whether only one end of the field passes a step, and the step moves it."""
    return len(move.added) == 1 and any(move.added.values())


def _contribution(
    layer: Layer, move: Move, strides: Mapping[Side, Sequence[tuple[str, Fraction]]]
) -> Contribution:
    due: dict[str, Fraction] = {}
    own = Fraction(0)
    for side, pixels in move.added.items():
        mine = pixels / move.before if move.before else pixels
        own += mine
        for name, more in strides[side] if move.before else ():
            due[name] = due.get(name, Fraction(0)) + mine * more
    kernel, dilation = _window(move)
    window = move.window
    return Contribution(
        layer.name,
        layer.kind,
        layer.op,
        cause_of(layer.kind),
        kernel,
        Fraction(window.advance, window.period)
        if window
        else (move.after / move.before if move.before else Fraction(1)),
        dilation,
        move.before,
        tuple(side for side in SIDES if side in move.added),
        own,
        sum(move.added.values(), Fraction(0)) - own,
        tuple((name, pixels) for name, pixels in due.items() if pixels),
    )


def _window(move: Move) -> tuple[int | None, int | None]:
    """Return kernel and dilation, where every output has the same window."""
    window = move.window
    if window is None or window.period != 1 or window.taps is not None:
        return None, None
    reach = window.last(0) - window.first(0)
    if not (is_known(reach) and is_known(window.step)) or reach < 0:
        return None, None
    return reach // window.step + 1, window.step if reach else 1
