"""What changes when an operator works in place: the tensor, and those that look at the same elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.masks import LOST, is_lost
from rfcalc.readers.lowering.shape import overwrite
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.torch.operation import Operation, bare
from rfcalc.readers.torch.ops_index import block_of
from rfcalc.readers.torch.program import Call, Program, Ref, refs_in
from rfcalc.readers.torch.stores import Stores

VIEWS: Final = frozenset(
    (
        *("alias", "as_strided", "chunk", "detach", "diagonal", "expand", "expand_as", "flatten"),
        *("movedim", "narrow", "permute", "reshape", "select", "slice", "split"),
        *("split_with_sizes", "squeeze", "swapaxes", "t", "transpose", "tensor_split", "unbind"),
        *("unflatten", "unfold", "unsqueeze", "view", "view_as", "contiguous", "real", "imag"),
        *("view_as_real", "view_as_complex", "numpy_T", "moveaxis", "adjoint", "broadcast_to", "conj"),
        *("_conj", "_neg_view", "_reshape_alias", "cpu", "dsplit", "hsplit", "vsplit", "lift_fresh"),
        *("linalg_diagonal", "mH", "mT", "matrix_H", "positive", "ravel", "reshape_as", "resolve_conj"),
        *("resolve_neg", "swapdims", "to", "type_as"),
    )
)
"""Operators whose result may share its elements with their first argument."""

SAME: Final = frozenset(("alias", "detach", "lift_fresh", "lift_fresh_copy"))
"""Views of all elements as they are."""

Block = tuple[int, Sequence[int], bool]
"""The axis along which a view shows some places, which ones, and whether the axis goes."""

DROPOUTS: Final = frozenset(("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"))
"""Operators that hand on their very argument, but for training."""


class Aliases:
    """Which tensors look at the same elements.

    Parameters
    ----------
    program : Program
        The graph.
    """

    def __init__(self, program: Program) -> None:
        self._roots: dict[str, str] = {}
        self._blocks: dict[str, tuple[str, Block | None]] = {}
        self._stores = Stores()
        self._changed = _changed(program)
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
        if bare(name) != name and bare(name) not in VIEWS:
            if not self._stored(place, call, values, operation, root):
                self._overwritten(place, call, values, operation, root)
            self._roots.update((made, root) for made, _ in call.outputs)
            self._blocks.update((made, (first.name, None)) for made, _ in call.outputs)
        elif bare(name) in VIEWS or (name in DROPOUTS and not operation.flag("train")):
            known = root in self._changed and (first.name == root or first.name in self._stores)
            made = [each for each, _ in call.outputs]
            if known and not self._stores.look(operation, first.name, made, values):
                return
            self._roots.update((made, root) for made, _ in call.outputs)
            if bare(name) == name:
                self._look(name, first.name, call, values, operation)
            else:  # the tensor itself has the other shape from here on
                values[first.name] = values[made[0]]
                self._stores.rename(first.name, made[0])
                self._blocks.pop(first.name, None)
                self._blocks[made[0]] = (first.name, None)

    def _look(self, name: str, base: str, call: Call, values: dict[str, Any], operation: Operation) -> None:
        """Remember which block of a tensor a view shows, where that is known."""
        x = values.get(base)
        try:
            block = block_of(operation, x) if isinstance(x, Value) else None
        except Undecided:  # which index it takes is computed
            block = None
        if block is not None or name in SAME:
            self._blocks.update((made, (base, block)) for made, _ in call.outputs)

    def _stored(
        self, place: int, call: Call, values: dict[str, Any], operation: Operation, root: str
    ) -> bool:
        """Write constants into a constant, element by element; False where something else is done."""
        (first, *_), made = refs_in(list(call.args.values())), call.outputs[0][0]
        followed = first == root or first in self._stores

        def used(name: str) -> bool:
            return self._last.get(name, -1) > place

        if not followed or not self._stores.write(operation, first, made, values, used):
            self._stores.drop(root)
            return False
        for name, other in self._roots.items():  # views of which it is not known what they show
            seen = values.get(name)
            if other == root and name not in self._stores and used(name) and isinstance(seen, Value):
                values[name] = replace(seen, data=None, mask=LOST)
        return True

    def _overwritten(
        self, place: int, call: Call, values: dict[str, Any], operation: Operation, root: str
    ) -> None:
        first = next(iter(call.args.values()))
        result = values[call.outputs[0][0]]
        before = [each for each in map(values.get, (root, first.name)) if isinstance(each, Value)]
        values[first.name] = result
        written = {first.name}
        name = first.name
        while name in self._blocks:  # from block to block as far as it is known where each stands
            base, block = self._blocks[name]
            whole = values.get(base)
            if not isinstance(whole, Value) or whole.spec is None:
                break
            values[base] = values[name] if block is None else _replaced(operation, whole, values[name], block)
            written.add(base)
            name = base
        others = dict.fromkeys((root, *(name for name, other in self._roots.items() if other == root)))
        for name in others:
            seen = values.get(name)
            if name not in written and isinstance(seen, Value) and self._last.get(name, -1) > place:
                values[name] = _written(operation, seen, result)
        if any(map(is_lost, before)):  # what is written into a part leaves the rest as little known
            for name in {root, *written, *others, *(made for made, _ in call.outputs)}:
                seen = values.get(name)
                if isinstance(seen, Value) and seen.constant:
                    values[name] = replace(seen, data=None, mask=LOST)


def _changed(program: Program) -> frozenset[str]:
    """Return the tensors that the program writes into, through whatever view."""
    roots: dict[str, str] = {}
    found = set()
    for call in program.calls:
        name = call.target.split(".")[1] if "." in call.target else call.target
        first = next(iter(call.args.values()), None)
        if isinstance(first, Ref) and (name in VIEWS or bare(name) != name):
            root = roots.get(first.name, first.name)
            roots.update((made, root) for made, _ in call.outputs)
            if bare(name) != name:
                found.add(root)
    return frozenset(found)


def _replaced(operation: Operation, base: Value, update: Value, block: Block) -> Value:
    """Return a tensor of which a block was overwritten."""
    axis, places, drop = block
    (made,) = overwrite(operation.part("write"), base, update, axis, places, drop=drop)
    return made


def _written(operation: Operation, base: Value, update: Value) -> Value:
    """Return a tensor of which elements may have been overwritten."""
    if base.constant and update.constant:
        held = tuple(dict.fromkeys((*base.weights, *update.weights)))
        lost = base.data is not None or base.spec is None or base.spec.dtype == "bool"
        return Value(base.spec, weights=held, mask=LOST if lost else None)
    moving = [update] if not update.constant else []
    weights = () if moving else (update,)
    (made, *_) = operation.part("write").add("scatter", (base, *moving), weights=weights)
    return made
