"""Scans: loops whose steps are counted, as recurrent layers and stacks of equal layers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from rfcalc.algebra.number import prod
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, SPATIAL, Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, fresh, op
from rfcalc.readers.jaxpr.scan_flow import Flow, flow_of, nature_of, trimmed
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.folding import MOST_KNOWN
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.records import NamedTuple

MOST_UNROLLED: Final = 20_000
"""Calls of a scan whose steps are read one by one."""

_GROWS: Final = "what one step hands to the next may reach further along the map with every step"
_MOVES: Final = "what one step hands to the next is moved, and may be gone after some steps"

_CUT: Final = "constants leave out, in some steps, what a state takes up or hands on"
_COUNTED: Final = "a state that no input goes into decides what is read, and is not evaluated"


class _Scan(NamedTuple):
    """The parts of a scan.

    Parameters
    ----------
    body : jaxpr
        What one step does, with its constants.
    consts, inits, slices : list of Value
        What all steps take; what the first takes as state; and what is cut into steps along axis 0.
    length : int
        How many steps there are.
    reverse : bool
        Whether they run from the end.
    """

    body: Any
    consts: list[Value]
    inits: list[Value]
    slices: list[Value]
    length: int
    reverse: bool


@op("scan")
def scan(operation: Operation) -> Values:
    """A recurrence along the first axis of what is cut into steps, or the same some times over."""
    params, given = operation.params, operation.given
    first, states = params["num_consts"], params["num_carry"]
    if any(value.spec is None for value in given):
        raise Undecided
    whole = _Scan(
        params["jaxpr"],
        given[:first],
        given[first : first + states],
        given[first + states :],
        params["length"],
        bool(params["reverse"]),
    )
    if all(value.edge is None for value in whole.slices):
        return _unrolled(operation, whole)
    return _recurrent(operation, whole)


# ---- step by step ------------------------------------------------------------------------------------------


def _unrolled(operation: Operation, whole: _Scan) -> Values:
    """Read each step by itself: what it is given are slices of constants.

    Raises
    ------
    Undecided
        There are too many.
    """
    body = whole.body.jaxpr
    if whole.length * max(len(body.eqns), 1) > MOST_UNROLLED:
        raise Undecided
    carried, rows = list(whole.inits), []
    for step in reversed(range(whole.length)) if whole.reverse else range(whole.length):
        taken = [_slice_of(value, step) for value in whole.slices]
        scope = (str(step),) if whole.length > 1 else ()
        made = operation.inline(body, whole.body.consts, [*whole.consts, *carried, *taken], scope)
        carried, row = made[: len(carried)], made[len(carried) :]
        rows.append(row)
    if whole.reverse:
        rows.reverse()
    return (*carried, *_stacked(operation, rows, len(carried)))


def _slice_of(value: Value, step: int) -> Value:
    """Return what one step takes of a constant: of parameters a part of their own."""
    spec = value.spec
    if spec is None:
        return value
    whole = len(value.weights) == 1 and value.weights[0].shape == spec.shape
    weights = value.weights
    if whole:
        (weight,) = weights
        weights = (replace(weight, identity=f"{weight.identity}[{step}]", shape=weight.shape[1:]),)
    data = None if value.data is None else value.data[step]
    return Value(spec.without((0,)), data=data, weights=weights)


def _stacked(operation: Operation, rows: Sequence[Sequence[Value]], first: int) -> list[Value]:
    """Return what each step puts out, side by side along a new axis 0."""
    made = []
    for place in range(first, len(operation.call.outputs)):
        parts = [row[place - first] for row in rows]
        meta = operation.call.metas[place]
        if all(value.edge is None for value in parts):
            made.append(fresh(meta.shape, meta.dtype))
        else:
            made += moves.stack(operation.only(place), parts, 0)
    return made


# ---- as a recurrence ---------------------------------------------------------------------------------------


def _recurrent(operation: Operation, whole: _Scan) -> Values:
    """Read one step as all steps at once, along axis 0; what goes from one to the next is a scan.

    The layers of a step then work on a map with an axis more, and count as often as there are steps.
    """
    natures = tuple(map(nature_of, (*whole.consts, *whole.inits, *whole.slices)))
    flow = flow_of(whole.body, len(whole.consts), natures, len(whole.inits))
    known = _evaluated(operation, whole, flow)
    states = [
        known[place] if place in known else _entering(operation, whole, flow, place)
        for place in range(len(whole.inits))
    ]
    jaxpr, consts = _all_steps(whole.body, len(whole.consts), whole.length)
    made = operation.inline(jaxpr, consts, [*whole.consts, *states, *whole.slices], ())
    if any(state.data is None and state.constant and flow.decides[k] for k, state in enumerate(states)):
        made = [_unsure(operation.part(f"bound{k}"), value, _COUNTED) for k, value in enumerate(made)]
    last = 0 if whole.reverse else whole.length - 1
    ends = []
    for place, value in enumerate(made[: len(states)]):
        if value.edge is None or place in operation.params["unused"]:
            ends.append(fresh(operation.call.metas[place].shape, operation.call.metas[place].dtype))
        else:
            ends += moves.select(operation.only(place), value, 0, last)
    return (*ends, *made[len(states) :])


@lru_cache(64)
def _all_steps(body: Any, consts: int, length: int) -> tuple[Any, Sequence[Any]]:
    """Return what a step does to all steps at once, which lie along axis 0."""
    import jax

    core = jax.core if hasattr(jax.core, "jaxpr_as_fun") else _extended()
    avals = body.in_avals
    axes = tuple(None if place < consts else 0 for place in range(len(avals)))
    given = [
        jax.ShapeDtypeStruct(aval.shape if place < consts else (length, *aval.shape), aval.dtype)
        for place, aval in enumerate(avals)
    ]
    closed = jax.make_jaxpr(jax.vmap(core.jaxpr_as_fun(body), in_axes=axes, axis_size=length))(*given)
    return closed.jaxpr, closed.consts


def _extended() -> Any:
    from jax.extend import core

    return core


def _evaluated(operation: Operation, whole: _Scan, flow: Flow) -> dict[int, Value]:
    """Return what each step finds as states that are constants, as counters are, where that is known."""
    consts, states = len(whole.consts), len(whole.inits)
    operands = [*whole.consts, *whole.inits, *whole.slices]
    plain = [value.constant and value.data is not None and not value.weights for value in operands]
    places = tuple(
        place
        for place in range(states)
        if plain[consts + place] and all(plain[k] for k in flow.sources[place])
    )
    part = trimmed(whole.body, places)
    size = whole.length * sum(int(prod(whole.inits[place].shape)) for place in places)
    if not places or size > MOST_KNOWN or whole.length * max(len(part.eqns), 1) > MOST_UNROLLED:
        return {}
    carried, found = list(whole.inits), []
    steps = range(whole.length)
    for step in reversed(steps) if whole.reverse else steps:
        found.append([carried[place].data for place in places])
        taken = [
            _slice_of(value, step) if value.constant and value.data is not None else _any_step(value)
            for value in whole.slices
        ]
        made = operation.inline(part, whole.body.consts, [*whole.consts, *carried, *taken], ())
        for place, value in zip(places, made, strict=True):
            carried[place] = value
    if whole.reverse:
        found.reverse()
    return _side_by_side(whole, places, found)


def _any_step(value: Value) -> Value:
    """Return a constant in the place of what a step takes and does not use."""
    return value if value.spec is None else fresh(value.shape[1:], value.spec.dtype)


def _side_by_side(whole: _Scan, places: Sequence[int], found: Sequence[Sequence[Any]]) -> dict[int, Value]:
    """Return the states of all steps along a new axis 0, those whose elements are known at each."""
    import numpy as np

    made = {}
    for place, steps in zip(places, zip(*found, strict=True), strict=True):
        init = whole.inits[place]
        if init.spec is not None and all(each is not None for each in steps):
            data = np.stack([np.asarray(each).reshape(init.shape) for each in steps])
            made[place] = replace(fresh(data.shape, init.spec.dtype), data=data)
    return made


def _unsure(step: Any, value: Value, why: str) -> Value:
    """Return a tensor of which no more than a bound is known."""
    if value.constant:
        return value
    (made,) = step.add("identity", (value,), {}, Extras(unsure=why))
    return made  # type: ignore[no-any-return]


def _entering(operation: Operation, whole: _Scan, flow: Flow, place: int) -> Value:
    """Return what each step finds as a state: what all steps before it see, and the first state."""
    init, (consts, states) = whole.inits[place], (len(whole.consts), len(whole.inits))
    target = (whole.length, *init.shape)
    found = [flow.sources[place]]
    early = [init, *(whole.inits[k - consts] for k in found[0] if consts <= k < consts + states)]
    early += [whole.consts[k] for k in found[0] if k < consts]
    late = [whole.slices[k - consts - states] for k in sorted(found[0]) if k >= consts + states]
    early = [value for value in dict.fromkeys(early) if value.edge is not None]
    late = [value for value in late if value.edge is not None]
    if not early and not late:
        return fresh(target, init.spec.dtype if init.spec is not None else "float32")
    step = operation.part(f"state{place}" if states > 1 else "state")
    unsure = "" if flow.stays[place] else _MOVES
    if not flow.whole[place]:
        unsure = _CUT
    if any(_is_wide(value, 1) for value in late) or any(_is_wide(value, 0) for value in early):
        unsure = _GROWS
    parts: list[Value] = []
    if late:
        taken = [_narrowed(step.part("input"), value, target, keep=1) for value in late]
        joined = (
            taken[0]
            if len(taken) == 1
            else elementwise(step.part("join"), "elementwise", taken, function="scan")[0]
        )
        attrs = {"axis": 0, "exclusive": True, "reverse": whole.reverse}
        parts += step.add("cumulative", (joined,), attrs, Extras(unsure=unsure))
    for value in early:
        parts.append(_narrowed(step.part("first"), value, target, keep=0))
    whole_state = (
        parts[0]
        if len(parts) == 1
        else elementwise(step.part("all"), "elementwise", parts, function="scan")[0]
    )
    return _unsure(step.part("bound"), whole_state, unsure) if unsure and not late else whole_state


def _is_wide(value: Value, first: int) -> bool:
    """Tell whether a tensor is a map, besides its first axes."""
    return value.spec is not None and SPATIAL in value.spec.axes[first:]


def _narrowed(step: Any, value: Value, target: tuple[int, ...], *, keep: int) -> Value:
    """Return a tensor of which nothing but steps (where it has these) and samples is told apart, stretched.

    Raises
    ------
    AnalysisError
        Samples do not lie along one axis of both.
    """
    spec = value.spec
    if spec is None:
        raise Undecided
    lead = spec.shape[:keep] or (1,)
    samples = [place for place in range(keep, value.rank) if spec.axes[place] == BATCH]
    shape = [*lead, *(1 for _ in target[1:])]
    for place in samples:
        here = place - keep + 1
        if here >= len(shape) or spec.shape[place] not in (1, target[here]):
            raise AnalysisError("which axis of a state holds samples is not known")
        shape[here] = spec.shape[place]
    gone = tuple(place for place in range(keep, value.rank) if place not in samples)
    stages = []
    if gone:
        stages.append(Stage("reduce", {"axes": gone, "keepdims": True, "mode": "scan"}))
    now = tuple(1 if place in gone else extent for place, extent in enumerate(spec.shape))
    if now != tuple(shape):
        stages.append(Stage("reshape", {"shape": tuple(shape)}))
    if tuple(shape) != target:
        stages.append(Stage("broadcast_to", {"shape": target}))
    if not stages:
        return value
    (first, *then) = stages
    (made,) = step.add(first.kind, (value,), first.attrs, Extras(then=tuple(then)))
    return made  # type: ignore[no-any-return]
