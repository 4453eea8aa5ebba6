"""What the states of a scan come of: what one step hands to the next, and what may be lost on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from rfcalc.readers.jaxpr.program import (
    COMPARED,
    CONSTANT,
    PAIRED,
    SAME,
    SINGLE,
    Atom,
    Call,
    Given,
    Program,
    meta_of,
    numbers_in,
    program_of,
)
from rfcalc.readers.lowering.mask_constants import VERY_NEGATIVE
from rfcalc.readers.lowering.value import Value
from rfcalc.records import NamedTuple

# ---- what a tensor may hold --------------------------------------------------------------------------------

MOVING: Final = 1
"""It depends on an input of the model."""

ZERO, LARGE = 2, 4
"""A constant that may hold zeros or decide between tensors; or numbers beside which others are lost."""

_RANDOM, _LEARNED = 8, 16
"""A constant that is drawn, as dropout's is; or that may be weights, whose elements say nothing."""

_NONZERO: Final = SAME | frozenset(
    (
        *(
            "mul",
            "div",
            "neg",
            "abs",
            "exp",
            "exp2",
            "sqrt",
            "rsqrt",
            "square",
            "logistic",
            "reduce_precision",
        ),
        *(
            "broadcast_in_dim",
            "reshape",
            "squeeze",
            "expand_dims",
            "transpose",
            "slice",
            "rev",
            "concatenate",
        ),
    )
)
"""Primitives that make no zeros of other numbers."""

_BLOWING: Final = frozenset(
    (
        *("div", "rsqrt", "log", "log1p", "pow", "integer_pow", "tan", "atanh", "erf_inv", "lgamma"),
        *("digamma", "bessel_i0e", "bessel_i1e"),
    )
)
"""Functions of an element that make infinity of some numbers."""

_ADDING: Final = frozenset(("add", "add_any", "sub", "max", "min", "clamp")) | COMPARED - {"and", "or", "xor"}
"""Primitives in which a constant leaves something of the other operand, unless it is large."""

_TAME: Final = SINGLE | _ADDING | _NONZERO | COMPARED | {"select_n", "activation", "rem"}
"""Primitives that make no large numbers of small ones, but for those above."""

_FACTORS: Final = frozenset(("mul", "and"))
"""Primitives of which a zero leaves nothing."""


def nature_of(value: Value) -> int:
    """Return what an operand of a scan may hold."""
    if value.edge is not None:
        return MOVING
    dtype = "" if value.spec is None else value.spec.dtype
    if dtype.startswith("key"):
        return _RANDOM
    if value.weights:
        return _LEARNED
    if value.data is None:
        return _LEARNED if "float" in dtype else ZERO
    return _bits(value.data)


def _bits(data: Any) -> int:
    """Return what known elements hold; whole numbers count or choose, whichever they are."""
    import numpy as np

    array = np.asarray(data)
    if array.dtype.kind != "f":
        return ZERO
    low = not bool((np.abs(array) < -VERY_NEGATIVE).all())
    return (0 if array.all() else ZERO) | (LARGE if low else 0)


def decides(nature: int) -> bool:
    """Tell whether a constant may leave out some of what it meets; what is drawn counts as dropout."""
    return not nature & (MOVING | _RANDOM) and bool(nature & (ZERO | LARGE))


def _made(call: Call, natures: Sequence[int], literals: Sequence[int]) -> int:
    """Return what the result of a call on constants may hold."""
    found = 0
    for nature in natures:
        found |= nature
    if call.op.startswith(("random", "threefry")):
        return _RANDOM
    if not found & _LEARNED:
        for nature in literals:
            found |= nature
    if call.op in COMPARED or call.op == "iota":
        return found | ZERO
    if not found & _LEARNED and call.op not in _NONZERO:
        found |= ZERO
    blown = call.op in _BLOWING or call.op not in _TAME
    return found | LARGE if found & ZERO and blown else found


def _cuts(call: Call, before: Mapping[int, int]) -> bool:
    """Tell whether constants of a call may leave out some of what it takes of the others."""
    constants = [before[number] for number in numbers_in(call.inputs) if not before[number] & MOVING]
    literals = [_literal(atom) for atom in call.inputs]
    if call.op == "select_n":
        which = call.inputs[0]
        return isinstance(which, int) and not before[which] & (MOVING | _RANDOM)
    if call.op in _ADDING:
        if call.op in ("max", "min", "clamp"):
            return any(map(decides, constants))
        large = call.op in ("add", "add_any", "sub") and any(nature & LARGE for nature in literals)
        return large or any(nature & LARGE and decides(nature) for nature in constants)
    zero = call.op in _FACTORS and any(nature & ZERO for nature in literals)
    return zero or any(map(decides, constants))


def _literal(atom: Atom) -> int:
    return 0 if isinstance(atom, int) else _bits(_float(atom.number))


def _float(number: Any) -> Any:
    import numpy as np

    return np.asarray(number).astype(float)


# ---- from step to step -------------------------------------------------------------------------------------


class Flow(NamedTuple):
    """What the states of a scan come of.

    Parameters
    ----------
    sources : tuple of frozenset of int
        For each state the operands of the step that it depends on, after any number of steps.
    stays : tuple of bool
        For each whether all of what it has taken up stays in it, element by element or mixed.
    whole : tuple of bool
        For each whether no constant leaves out, in some steps, what would be taken up or handed on.
    decides : tuple of bool
        For each whether it is a constant that may choose among others, as a counter does.
    """

    sources: tuple[frozenset[int], ...]
    stays: tuple[bool, ...]
    whole: tuple[bool, ...]
    decides: tuple[bool, ...]


class _Reached(NamedTuple):
    """What becomes of the operands of a step.

    Parameters
    ----------
    reads : dict of int to frozenset of int
        For each tensor the operands that it depends on.
    holds : dict of int to int
        How it holds states.
    natures : dict of int to int
        What it may hold.
    cut : set of int
        Tensors of which constants leave out something.
    """

    reads: dict[int, frozenset[int]]
    holds: dict[int, int]
    natures: dict[int, int]
    cut: set[int]


_ALIKE, _MOVED, _MIXED = 1, 2, 4
"""How a tensor holds a state: each element its own; at other places; all features mixed."""

_KEEPING: Final = SINGLE | COMPARED | SAME | set(PAIRED) | {"select_n", "activation", "clamp"}


@lru_cache(64)
def flow_of(body: Any, consts: int, natures: tuple[int, ...], states: int) -> Flow:
    """Follow what each state takes up, by what the operands of the step may hold."""
    given = [Given(CONSTANT, "", meta_of(aval)) for aval in body.in_avals]
    program = program_of(body, given)
    numbers = list(program.inputs)[: len(given)]
    results = [number if isinstance(number, int) else -1 for number in program.outputs[:states]]
    known = list(natures)
    while True:
        reached = _reached(program, numbers, known, numbers[consts : consts + states])
        more = list(known)
        for place, number in enumerate(results):
            literal = _literal(program.outputs[place])
            more[consts + place] |= reached.natures.get(number, literal)
        if more == known:
            break
        known = more
    closed = _closed([reached.reads.get(number, frozenset()) for number in results], consts)
    stays, whole = [], []
    for place, found in enumerate(closed):
        own = consts + place in found
        stays.append(own and _is_kept(reached.holds.get(results[place], 0)))
        inner = {place, *(k - consts for k in found if consts <= k < consts + states)}
        whole.append(not any(results[k] in reached.cut for k in inner))
    deciding = tuple(decides(known[consts + place]) for place in range(states))
    return Flow(tuple(closed), tuple(stays), tuple(whole), deciding)


def _closed(direct: Sequence[frozenset[int]], consts: int) -> list[frozenset[int]]:
    """Return on which operands states depend after any number of steps."""
    closed = []
    for first in direct:
        found = first
        while True:
            through = (direct[k - consts] for k in found if consts <= k < consts + len(direct))
            more = found.union(*through)
            if more == found:
                break
            found = more
        closed.append(found)
    return closed


def _reached(
    program: Program, numbers: Sequence[int], known: Sequence[int], states: Sequence[int]
) -> _Reached:
    """Return what becomes of the operands of a step in its tensors."""
    reads = {number: frozenset((place,)) for place, number in enumerate(numbers)}
    holds = dict.fromkeys(states, _ALIKE)
    natures = {number: _held_nature(each) for number, each in program.inputs.items()}
    natures.update(zip(numbers, known, strict=True))
    cut: set[int] = set()
    for call in program.calls:
        taken = numbers_in(call.inputs)
        read: frozenset[int] = frozenset().union(*(reads.get(number, frozenset()) for number in taken))
        held = 0
        for number in taken:
            held |= _held(call, holds.get(number, 0))
        moves = any(natures[number] & MOVING for number in taken)
        literals = [_literal(atom) for atom in call.inputs]
        nature = MOVING if moves else _made(call, [natures[number] for number in taken], literals)
        lost = moves and (not cut.isdisjoint(taken) or _cuts(call, natures))
        for output in call.outputs:
            reads[output], holds[output], natures[output] = read, held, nature
            if lost:
                cut.add(output)
    return _Reached(reads, holds, natures, cut)


def _held_nature(each: Given) -> int:
    """Return what an array that the step itself holds may be."""
    if each.data is None:
        return _LEARNED
    if "float" not in each.meta.dtype:
        return ZERO
    bits = _bits(_float(each.data))
    return _LEARNED if each.meta.shape and not bits else bits


def _held(call: Call, before: int) -> int:
    """Return how the result of a call holds what one of its operands does."""
    if not before or call.op in _KEEPING:
        return before
    return _MIXED if call.op in ("dot_general", "conv_general_dilated") else before & _MIXED or _MOVED


def _is_kept(held: int) -> bool:
    """Tell whether something that holds a state so goes on to hold all that the state has taken up."""
    return bool(held & _MIXED) or held == _ALIKE


# ---- states that are constants -----------------------------------------------------------------------------


@lru_cache(64)
def trimmed(body: Any, places: tuple[int, ...]) -> Any:
    """Return the part of a step that makes some of its results."""
    jaxpr = body.jaxpr
    results = [jaxpr.outvars[place] for place in places]
    wanted = {id(var) for var in results}
    kept = []
    for eqn in reversed(jaxpr.eqns):
        if any(id(var) in wanted for var in eqn.outvars):
            kept.append(eqn)
            wanted.update(map(id, eqn.invars))
    return jaxpr.replace(eqns=kept[::-1], outvars=results)
