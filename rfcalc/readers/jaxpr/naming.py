"""Names of layers, from the scopes that libraries of modules open around their operations."""

from __future__ import annotations

from collections.abc import Sequence

from rfcalc.readers.jaxpr.program import Call, Program, moving_in, numbers_in

_SPELLED = {
    **{
        "conv_general_dilated": "conv",
        "dot_general": "dot",
        "broadcast_in_dim": "broadcast",
        "div": "divide",
    },
    **{"concatenate": "concat", "sub": "subtract", "mul": "multiply", "convert_element_type": "convert"},
    **{"logistic": "sigmoid", "select_n": "select"},
}
"""Shorter names of primitives."""


def operator_name(call: Call) -> str:
    """Return the plain name of what is called.

    >>> operator_name(Call("reduce_window_max", {}, (), (), ()))
    'reduce_window_max'
    """
    return (
        str(call.params["function"])
        if call.op in ("activation", "softmax")
        else _SPELLED.get(call.op, call.op)
    )


class Names:
    """The names of a program's layers: a scope with one operation of its own gives that its path.

    Parameters
    ----------
    program : Program
        The program.
    """

    def __init__(self, program: Program) -> None:
        self.root = _shared(program.calls)
        moving = moving_in(program)
        self._alone: dict[tuple[str, ...], int] = {}
        around = {stack[:-1] for call in program.calls if (stack := self.within(call))}
        for call in program.calls:
            stack = self.within(call)
            if stack and not moving.isdisjoint(numbers_in(call.inputs)):
                self._alone[stack] = self._alone.get(stack, 0) + (2 if stack in around else 1)

    def within(self, call: Call) -> tuple[str, ...]:
        """Return the scopes around a call, without that of the whole model."""
        return call.stack[1:] if self.root else call.stack

    def of(self, call: Call, outer: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """Return the name of a call's layer, and the blocks around it."""
        op, own = operator_name(call), self.within(call)
        stack = (*outer, *own)
        if not stack:
            return op, ()
        path = "/".join(stack)
        if own and self._alone.get(own, 0) == 1:
            return path, stack[:-1]
        return f"{path}/{op}", stack


def _shared(calls: Sequence[Call]) -> str:
    """Return the scope that all others lie in, as that of the whole model is; "" where there is none."""
    first = {call.stack[0] for call in calls if call.stack}
    deep = any(len(call.stack) > 1 for call in calls)
    return first.pop() if len(first) == 1 and deep else ""
