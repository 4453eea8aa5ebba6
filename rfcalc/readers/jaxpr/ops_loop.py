"""Scans: loops whose steps are counted, as recurrent layers and stacks of equal layers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, SPATIAL, Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, fresh, op
from rfcalc.readers.jaxpr.program import (
    COMPARED,
    CONSTANT,
    PAIRED,
    SAME,
    SINGLE,
    Call,
    Given,
    Program,
    meta_of,
    numbers_in,
    program_of,
)
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mix import elementwise
from rfcalc.readers.lowering.value import Value, Values

MOST_UNROLLED: Final = 20_000
"""Calls of a scan whose steps are read one by one."""

_GROWS: Final = "what one step hands to the next may reach further along the map with every step"
_MOVES: Final = "what one step hands to the next is moved, and may be gone after some steps"


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
    flow = _flow_of(whole.body, len(whole.consts), len(whole.inits))
    states = [_entering(operation, whole, flow, place) for place in range(len(whole.inits))]
    jaxpr, consts = _all_steps(whole.body, len(whole.consts), whole.length)
    made = operation.inline(jaxpr, consts, [*whole.consts, *states, *whole.slices], ())
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


class _Flow(NamedTuple):
    """What the states of a scan come of.

    Parameters
    ----------
    sources : tuple of frozenset of int
        For each state the operands of the step that it depends on, after any number of steps.
    stays : tuple of bool
        For each whether all of what it has taken up stays in it, element by element or mixed.
    """

    sources: tuple[frozenset[int], ...]
    stays: tuple[bool, ...]


_ALIKE, _MOVED, _MIXED = 1, 2, 4
"""How a tensor holds a state: each element its own; at other places; all features mixed."""

_KEEPING: Final = SINGLE | COMPARED | SAME | set(PAIRED) | {"select_n", "activation", "clamp"}


@lru_cache(64)
def _flow_of(body: Any, consts: int, states: int) -> _Flow:
    given = [Given(CONSTANT, "", meta_of(aval)) for aval in body.in_avals]
    program = program_of(body, given)
    numbers = list(program.inputs)[: len(given)]
    reads, holds = _reached(program, numbers, numbers[consts : consts + states])
    results = [number if isinstance(number, int) else -1 for number in program.outputs[:states]]
    direct = [reads.get(number, frozenset()) for number in results]
    closed = []
    for place in range(states):
        found: frozenset[int] = direct[place]
        while True:
            more = found.union(*(direct[k - consts] for k in found if consts <= k < consts + states))
            if more == found:
                break
            found = more
        closed.append(found)
    stays = tuple(
        consts + place in closed[place] and _is_kept(holds.get(results[place], 0)) for place in range(states)
    )
    return _Flow(tuple(closed), stays)


def _reached(
    program: Program, numbers: Sequence[int], states: Sequence[int]
) -> tuple[dict[int, frozenset[int]], dict[int, int]]:
    """Return on which inputs each tensor of a step depends, and how it holds states."""
    reads = {number: frozenset((place,)) for place, number in enumerate(numbers)}
    holds = dict.fromkeys(states, _ALIKE)
    for call in program.calls:
        taken = numbers_in(call.inputs)
        read: frozenset[int] = frozenset().union(*(reads.get(number, frozenset()) for number in taken))
        held = 0
        for number in taken:
            held |= _held(call, holds.get(number, 0))
        for output in call.outputs:
            reads[output], holds[output] = read, held
    return reads, holds


def _held(call: Call, before: int) -> int:
    """Return how the result of a call holds what one of its operands does."""
    if not before or call.op in _KEEPING:
        return before
    return _MIXED if call.op in ("dot_general", "conv_general_dilated") else before & _MIXED or _MOVED


def _is_kept(held: int) -> bool:
    """Tell whether something that holds a state so goes on to hold all that the state has taken up."""
    return bool(held & _MIXED) or held == _ALIKE


def _entering(operation: Operation, whole: _Scan, flow: _Flow, place: int) -> Value:
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
    if len(parts) == 1:
        return parts[0]
    return elementwise(step.part("all"), "elementwise", parts, function="scan")[0]


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
