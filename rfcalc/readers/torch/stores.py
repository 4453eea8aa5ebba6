"""Constants that a program writes into: what their elements are after each writing, through all views."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from rfcalc.algebra.number import is_known, prod
from rfcalc.errors import AnalysisError
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, mask_in
from rfcalc.readers.lowering.masks import LOST
from rfcalc.readers.lowering.value import Value, numpy_name
from rfcalc.readers.torch.folding import fold_of, is_kept
from rfcalc.readers.torch.operation import Operation
from rfcalc.readers.torch.program import Ref
from rfcalc.records import NamedTuple

FRESH: Final = frozenset(
    (
        "copy",
        "fill",
        "normal",
        "uniform",
        "exponential",
        "cauchy",
        "log_normal",
        "geometric",
        "bernoulli",
        "random",
    )
)
"""Operators that write into all elements whatever these were."""

SOME: Final = {"index_put": "values", "masked_fill": "value", "index_fill": "value"}
"""Those that write into some elements, with what they call what they write."""

ARITHMETIC: Final = frozenset(("add", "sub", "div", "pow", "exp", "sin", "cos", "sqrt"))
"""Those that make some number of each element and another."""


class Store(NamedTuple):
    """The elements of a tensor in a row, and which of them are numbers that nothing is known of."""

    elements: Any
    free: Any


class Stores:
    """The elements of constants, and which of them each view shows."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self._shown: dict[str, tuple[str, Any]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._shown

    def look(self, operation: Operation, base: str, made: Sequence[str], values: dict[str, Any]) -> bool:
        """Follow a view of a constant; False of a copy, as some reshapes are."""
        import numpy as np

        if not self.enter(base, values):
            return True
        root, places = self._shown[base]
        standing = replace(values[base], data=places, mask=None)
        found = _tried(operation.over(ChainMap({base: standing}, values)))
        parts = found if isinstance(found, tuple) else (found,)
        if found is None or len(parts) != len(made):
            return True
        if not all(np.shares_memory(part, places) for part in parts if part.size):
            return False
        self._shown.update((name, (root, part)) for name, part in zip(made, parts, strict=True))
        return True

    def write(
        self, operation: Operation, base: str, made: str, values: dict[str, Any], used: Callable[[str], bool]
    ) -> bool:
        """Follow what writes constants into a constant; False where something else is done.

        Views that are not `used` any more are let go.
        """
        result = values[made]
        if not isinstance(result, Value) or not result.constant or not self.enter(base, values):
            return False
        root, places = self._shown[base]
        new = _written(operation, self._stores[root], places, result)
        self._shown[made] = (root, places)
        weights = tuple(dict.fromkeys((*values[base].weights, *result.weights)))
        doubt = any(value.unread for value in operation.given)
        for name, (kin, shown) in list(self._shown.items()):
            if kin == root and name != root and not used(name):
                del self._shown[name]
            elif kin == root:
                value = replace(values[name], weights=weights, unread=doubt)
                values[name] = (
                    replace(value, data=None, mask=LOST) if new is None else _seen(value, new, shown)
                )
        if new is not None:
            self._stores[root] = new
        else:
            self.drop(root)
        return True

    def rename(self, name: str, other: str) -> None:
        """Let a name show what another one shows; forget the tensor where that is not known."""
        if other in self._shown:
            self._shown[name] = self._shown[other]
        else:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Forget the tensor that a name shows."""
        root, _ = self._shown.get(name, (name, None))
        self._stores.pop(root, None)
        self._shown = {name: each for name, each in self._shown.items() if each[0] != root}

    def enter(self, name: str, values: dict[str, Any]) -> bool:
        """Enter a constant as a tensor of its own, unless it is known as a view; False where it cannot be."""
        import numpy as np

        if name in self._shown:
            return True
        value = values.get(name)
        if not isinstance(value, Value) or not value.constant or value.spec is None or value.mask is not None:
            return False
        if value.data is None and not value.spec.dtype.startswith(("float", "bfloat")):
            return False
        if not all(map(is_known, value.shape)) or prod(value.shape) > MOST_MASKED:
            return False
        kind = _kind(value.spec.dtype)
        if kind is None:
            return False
        count = int(prod(value.shape))
        held = np.zeros(count) if value.data is None else np.asarray(value.data).reshape(-1)
        held = held.astype(kind)
        self._stores[name] = Store(held, np.full(count, value.data is None))
        self._shown[name] = (name, np.arange(count).reshape(value.shape))
        return True


def _kind(dtype: str) -> Any:
    """Return the type of element as numpy has it; None of one that it has not."""
    import numpy as np

    try:
        return np.dtype(numpy_name(dtype))
    except TypeError:
        return None


def _tried(operation: Operation) -> Any:
    """Return what an operator makes of known elements; None where that cannot be said."""
    import numpy as np

    try:
        with np.errstate(all="ignore"):
            return fold_of(operation.op)(operation, np)
    except (Undecided, AnalysisError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return None


def _written(operation: Operation, store: Store, places: Any, result: Value) -> Store | None:
    """Return the elements after a writing; None where it is not known which they are."""
    import numpy as np

    where = places.reshape(-1)
    elements, free = store.elements.copy(), store.free.copy()
    made = _tried(operation)
    if made is not None:
        written = np.broadcast_to(made, places.shape).reshape(-1)
        elements[where] = written.astype(elements.dtype, casting="unsafe")  # a tensor keeps its type
        free[where] = False
        return Store(elements, free)
    kind = operation.op.partition(".")[2]
    if result.spec is None or not result.spec.dtype.startswith(("float", "bfloat")):
        return None
    if kind in FRESH or kind in ARITHMETIC:
        free[where] = True
    elif kind == "mul":
        free[where] = free[where] | (elements[where] != 0)
    else:
        touched = _touched(operation, kind, places)
        if touched is None:
            return None
        free[where[touched]] = True
    return Store(elements, free)


def _touched(operation: Operation, kind: str, places: Any) -> Any:
    """Return for each element in a row whether it is written into; None where that is not known."""
    import numpy as np

    if kind not in SOME:
        return None
    call = operation.call
    first = next(iter(call.args))
    marked = {
        "none": Value(None, data=np.zeros(places.shape, dtype=bool)),
        "one": Value(None, data=np.asarray(True)),
    }
    args = {**call.args, first: Ref("none"), SOME[kind]: Ref("one")}
    found = _tried(operation.over({**operation.values, **marked}, args))
    return None if found is None else np.asarray(found, dtype=bool).reshape(-1)


def _seen(value: Value, store: Store, places: Any) -> Value:
    """Return a constant with the elements that it shows, or with those that are zero or very negative."""
    import numpy as np

    elements, free = store.elements[places], store.free[places]
    if not free.any() and (elements.dtype.kind != "f" or is_kept(elements)):
        return replace(value, data=elements, mask=None, unread=False)
    some = np.where(free, 2 + np.arange(free.size).reshape(free.shape), elements.astype(float))
    return replace(value, data=None, mask=mask_in(some) if some.ndim else None)
