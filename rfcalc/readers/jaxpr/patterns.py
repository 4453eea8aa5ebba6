"""What JAX writes out and has one name elsewhere: softmax, products with a bias; and what nobody uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.readers.jaxpr.program import SAME, Atom, Call, Held, Program, moving_in, numbers_in

PRODUCTS: Final = frozenset(("conv_general_dilated", "dot_general"))
"""Primitives to which a bias may belong."""

_STRETCHED: Final = SAME | {"broadcast_in_dim", "reshape", "expand_dims", "squeeze"}


def recognised(program: Program) -> Program:
    """Return a program with whole softmaxes and biases, and without calls whose results nobody uses."""
    calls = _live(_with_softmaxes(_without_wrapping(program)), program.outputs)
    return program._replace(calls=_live(_with_biases(program._replace(calls=calls)), program.outputs))


def _live(calls: Sequence[Call], outputs: Sequence[Atom]) -> list[Call]:
    """Return the calls of which something is used."""
    used = set(numbers_in(outputs))
    kept = []
    for call in reversed(calls):
        if not used.isdisjoint(call.outputs):
            used.update(numbers_in(call.inputs))
            kept.append(_told(call, used) if call.op == "scan" else call)
    return kept[::-1]


def _told(scan: Call, used: set[int]) -> Call:
    """Return a scan that says which of its results nobody uses."""
    unused = frozenset(place for place, output in enumerate(scan.outputs) if output not in used)
    return scan._replace(params={**scan.params, "unused": unused})


# ---- softmax -----------------------------------------------------------------------------------------------


class _Makers:
    """Which call makes each tensor."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = {output: call for call in calls for output in call.outputs}

    def call(self, atom: Atom, skipped: frozenset[str] = SAME) -> Call | None:
        """Return the call that makes a tensor, behind those that are skipped."""
        call = None if isinstance(atom, Held) else self._calls.get(atom)
        while call is not None and call.op in skipped and isinstance(call.inputs[0], int):
            call = self._calls.get(call.inputs[0])
        return call

    def source(self, atom: Atom, skipped: frozenset[str] = SAME) -> Atom:
        """Return the tensor that was stretched or converted to this one."""
        call = None if isinstance(atom, Held) else self._calls.get(atom)
        while call is not None and call.op in skipped:
            atom = call.inputs[0]
            call = None if isinstance(atom, Held) else self._calls.get(atom)
        return atom


def _with_softmaxes(calls: Sequence[Call]) -> list[Call]:
    """Put a call of softmax in the place of the last step of what one is written out as."""
    makers = _Makers(calls)
    found = []
    for call in calls:
        whole = _softmax(call, makers) if call.op in ("div", "sub") else None
        if whole is None:
            found.append(call)
            continue
        (x, axes), function = whole, "softmax" if call.op == "div" else "log_softmax"
        found.append(call._replace(op="softmax", params={"axes": axes, "function": function}, inputs=(x,)))
    return found


def _softmax(call: Call, makers: _Makers) -> tuple[Atom, tuple[int, ...]] | None:
    """Return the scores that a softmax, or its logarithm, normalises, and along which axes."""
    top, bottom = call.inputs
    under = makers.call(bottom, _STRETCHED)
    if call.op == "sub":
        if under is None or under.op != "log":
            return None
        under = makers.call(under.inputs[0], _STRETCHED)
    if under is None or under.op != "reduce_sum":
        return None
    exp = makers.call(under.inputs[0])
    if exp is None or exp.op != "exp":
        return None
    shifted = makers.call(exp.inputs[0])
    if shifted is None or shifted.op != "sub":
        return None
    over = makers.call(top)
    if over is not (exp if call.op == "div" else shifted):
        return None
    axes = tuple(under.params["axes"])
    x = shifted.inputs[0]
    return (x, axes) if _is_largest_of(shifted.inputs[1], x, axes, makers) else None


def _is_largest_of(atom: Atom, x: Atom, axes: tuple[int, ...], makers: _Makers) -> bool:
    """Tell whether a tensor is the largest element of another along axes."""
    call = makers.call(atom, _STRETCHED)
    if call is not None and call.op == "max" and isinstance(call.inputs[0], Held):
        call = makers.call(call.inputs[1], _STRETCHED)
    if call is None or call.op != "reduce_max" or tuple(call.params["axes"]) != axes:
        return False
    return makers.source(call.inputs[0]) == makers.source(x)


# ---- indices -----------------------------------------------------------------------------------------------


def _without_wrapping(program: Program) -> list[Call]:
    """Let computed indices be what they are where a choice counts negative ones from the end of an axis."""
    makers, moving = _Makers(program.calls), moving_in(program)
    return [
        call._replace(op="copy", inputs=call.inputs[1:2])
        if call.op == "select_n" and len(call.inputs) == 3 and _wraps(call, makers, moving)
        else call
        for call in program.calls
    ]


def _wraps(call: Call, makers: _Makers, moving: set[int]) -> bool:
    """Tell whether a choice is between an index and the same plus a number, as the index is negative."""
    test, index, moved = call.inputs
    if isinstance(index, Held) or index not in moving:
        return False
    below, more = makers.call(test), makers.call(moved)
    if below is None or more is None or below.op != "lt" or more.op != "add":
        return False
    zero = below.inputs[1]
    return (
        below.inputs[0] == index == more.inputs[0]
        and isinstance(zero, Held)
        and zero.number == 0
        and isinstance(more.inputs[1], Held)
        and "int" in call.metas[0].dtype
    )


# ---- biases ------------------------------------------------------------------------------------------------


def _with_biases(program: Program) -> list[Call]:
    """Give products and convolutions the vector that is added to them, as long as their channels are."""
    makers, moving = _Makers(program.calls), moving_in(program)
    uses: dict[int, int] = {}
    for number in (*numbers_in(program.outputs), *(n for c in program.calls for n in numbers_in(c.inputs))):
        uses[number] = uses.get(number, 0) + 1
    found: list[Call | None] = []
    places: dict[int, int] = {}
    for call in program.calls:
        product, bias = _biased(call, makers, moving, program) if call.op == "add" else (None, None)
        made = product.outputs[0] if product is not None else -1
        if product is not None and bias is not None and uses[made] == 1 and made in places:
            found[places[made]] = None
            params = {**product.params, "bias": True}
            inputs = (*product.inputs, bias)
            found.append(
                product._replace(params=params, inputs=inputs, outputs=call.outputs, metas=call.metas)
            )
            continue
        if call.op in PRODUCTS:
            places[call.outputs[0]] = len(found)
        found.append(call)
    return [call for call in found if call is not None]


def _biased(call: Call, makers: _Makers, moving: set[int], program: Program) -> tuple[Call | None, Any]:
    """Return the product that a constant vector is added to, and that vector."""
    for one, other in (call.inputs, call.inputs[::-1]):
        product = makers.call(one, frozenset())
        if product is None or product.op not in PRODUCTS or product.outputs[0] not in moving:
            continue
        vector = makers.source(other, _STRETCHED)
        if isinstance(vector, Held) or vector in moving or other in moving:
            continue
        shape = program.metas[vector].shape
        wide = [extent for extent in shape if extent != 1]
        if len(wide) <= 1 and call.metas[0].shape == product.metas[0].shape:
            place = _channels(product)
            if (
                place is not None
                and (wide or [1])[0] == product.metas[0].shape[place]
                and _lies_along(other, place, program)
            ):
                return product, vector
    return None, None


def _channels(product: Call) -> int | None:
    """Return the axis of a product's result along which its kernel's outputs lie."""
    if product.op == "conv_general_dilated":
        return int(product.params["dimension_numbers"].out_spec[1])
    rank = len(product.metas[0].shape)
    return rank - 1 if rank else None


def _lies_along(atom: Atom, place: int, program: Program) -> bool:
    """Tell whether a tensor that was stretched lies along an axis, counted in a result of as many axes."""
    shape = program.metas[atom].shape if isinstance(atom, int) else ()
    return bool(shape) and (shape[place] != 1 or all(extent == 1 for extent in shape))
