"""What changes when an operator works in place: the tensor, and those that look at the same elements."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.lowering.builder import Value
from rfcalc.readers.torch.operation import Operation, bare
from rfcalc.readers.torch.program import Call, Program, Ref, refs_in

VIEWS: Final = frozenset(
    (
        *("alias", "as_strided", "chunk", "detach", "diagonal", "expand", "expand_as", "flatten"),
        *("movedim", "narrow", "permute", "reshape", "select", "slice", "split"),
        *("split_with_sizes", "squeeze", "swapaxes", "t", "transpose", "tensor_split", "unbind"),
        *("unflatten", "unfold", "unsqueeze", "view", "view_as", "contiguous", "real", "imag"),
        *("view_as_real", "view_as_complex", "numpy_T", "moveaxis"),
    )
)
"""Operators whose result may share its elements with their first argument."""


class Aliases:
    """Which tensors look at the same elements.

    Parameters
    ----------
    program : Program
        The graph.
    """

    def __init__(self, program: Program) -> None:
        self._roots: dict[str, str] = {}
        self._last: dict[str, int] = {}
        for place, call in enumerate(program.calls):
            for value in call.args.values():
                for name in refs_in(value):
                    self._last[name] = place
        for name in refs_in(list(program.outputs)):
            self._last[name] = len(program.calls)

    def note(self, place: int, call: Call, values: dict[str, Any], operation: Operation) -> None:
        """Follow a call: a view joins its base, and what is overwritten is changed everywhere."""
        name = call.target.split(".")[1] if "." in call.target else call.target
        first = next(iter(call.args.values()), None)
        if not isinstance(first, Ref):
            return
        root = self._roots.get(first.name, first.name)
        if bare(name) != name:
            self._overwritten(place, call, values, operation, root)
            self._roots.update((made, root) for made, _ in call.outputs)
        elif name in VIEWS:
            self._roots.update((made, root) for made, _ in call.outputs)

    def _overwritten(
        self, place: int, call: Call, values: dict[str, Any], operation: Operation, root: str
    ) -> None:
        first = next(iter(call.args.values()))
        result = values[call.outputs[0][0]]
        base = values.get(root)
        values[first.name] = result
        if root != first.name and isinstance(base, Value) and self._last.get(root, -1) > place:
            values[root] = _written(operation, base, result)
        for name, other in self._roots.items():
            if other == root and name != first.name and self._last.get(name, -1) > place:
                values[name] = None  # a view of elements that have changed


def _written(operation: Operation, base: Value, update: Value) -> Value:
    """Return a tensor of which a part was overwritten."""
    if base.constant and update.constant:
        return Value(base.spec, weights=tuple(dict.fromkeys((*base.weights, *update.weights))))
    node = operation.node._replace(name=f"{operation.node.name}.write", outputs=())
    moving = [update] if not update.constant else []
    (made, *_) = operation.builder.add(node, "scatter", (base, *moving), weights=() if moving else (update,))
    return made
