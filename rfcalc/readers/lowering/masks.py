"""Constant masks while a file is read: which elements they leave, and how operations hand that on.

Values of weights say nothing of an architecture; a constant that is 0 or very negative by its making does.
A number counts as very negative at `VERY_NEGATIVE` or below, since ``exp`` of it is 0 whatever the other
scores; the -100 of Swin is not. What such a number is added to still carries what it was, until a function
makes nothing of it, as a softmax does; only `ABSORBING` numbers and infinity leave a constant at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, Final

from rfcalc.algebra.number import Num, is_known, is_one, prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.graph.layer import BATCH, SPATIAL, Stage
from rfcalc.readers.lowering.mask_constants import (
    MOST_MASKED,
    VERY_NEGATIVE,
    mask_in,
)
from rfcalc.readers.lowering.value import Mask, Value, numpy_name
from rfcalc.rules.mix import named_axes

UNSURE: Final = "which elements a mask hides is computed when the model runs"

UNWRITTEN: Final = "which elements of a constant are written into is not followed"

UNREAD: Final = "which elements a constant hides is not known, since its own are not"

LOST: Final = Mask(None, low=True)
"""Borne by a constant that was written into where that is not followed."""


def mask_of(value: Value) -> Mask | None:
    """Return the mask that a value is or bears; None where it is none."""
    if value.mask is not None or value.edge is not None or value.data is None:
        return value.mask
    return mask_in(value.data, learned=bool(value.weights))


def mask_of_factor(value: Value) -> Mask | None:
    """Return the mask that a factor is or bears; one that is zero everywhere leaves nothing."""
    import numpy as np

    known = value.edge is None and value.mask is None and not value.weights
    return Mask(np.zeros(1, dtype=bool), False) if known and fill_of(value) is False else mask_of(value)


def may_hide(value: Value) -> bool:
    """Tell whether a value may be a mask, or bears one."""
    return value.mask is not None or (value.edge is None and (value.data is not None or value.unread))


def pattern(alive: Any, rank: int) -> Pattern | None:
    """Spell a mask for a layer, without axes on which nothing changes; None where it hides nothing."""
    import numpy as np

    array = np.asarray(alive, dtype=bool)
    if array.all() or array.ndim > rank:
        return None
    array = thinned(array)
    while array.ndim > 1 and array.shape[0] == 1:
        array = array[0]
    return packed(array)


def packed(alive: Any) -> Pattern:
    """Spell a mask with all its axes."""
    import numpy as np

    bits = np.packbits(alive.reshape(-1, alive.shape[-1]), axis=-1, bitorder="little")
    return Pattern(alive.shape, tuple(int.from_bytes(row.tobytes(), "little") for row in bits))


def thinned(array: Any) -> Any:
    """Leave one element along axes on which nothing changes."""
    for axis, extent in enumerate(array.shape):
        first = array.take([0], axis=axis)
        if extent > 1 and (array == first).all():
            array = first
    return array


def elements_of(pattern: Pattern, rank: int) -> Any:
    """Return which elements of a tensor a pattern leaves, as an array of `rank` axes."""
    import numpy as np

    full = pattern.filled(rank)
    bits = [[row >> index & 1 for index in range(full.shape[-1])] for row in full.rows]
    return np.array(bits, dtype=bool).reshape(full.shape)


def hiding(values: Sequence[Value], kind: str) -> dict[int, Any]:
    """Say which elements of the inputs of an element-wise function constants among them hide, by place."""
    found: dict[int, Any] = {}
    for place, value in enumerate(values):
        mask = _operand(values, place, kind) if value.edge is None else None
        if mask is None or mask.alive is None or not _silences(kind, place, mask):
            continue
        for other, hidden in enumerate(values):
            if other != place and hidden.edge is not None:
                found[other] = mask.alive if other not in found else found[other] & mask.alive
    return found


def _operand(values: Sequence[Value], place: int, kind: str) -> Mask | None:
    """Return the mask that an operand is; what is subtracted counts with its sign turned."""
    value = values[place]
    if is_unread(value, values):
        return Mask(None, kind not in ("multiply", "divide"))
    if kind == "subtract" and place == 1:
        if value.mask is not None and value.mask.low:
            return Mask(None, True)
        return mask_in(-_floats(value.data)) if value.edge is None and value.data is not None else None
    return mask_of_factor(value) if kind in ("multiply", "divide") else mask_of(value)


def _floats(data: Any) -> Any:
    import numpy as np

    array = np.asarray(data)
    return array.astype(float) if array.dtype.kind in "fiu" else np.zeros(1)


def multiplied(data: Any, factor: float) -> Any:
    """Return the elements of a constant times a number."""
    return _floats(data) * factor


def _hides(kind: str, place: int, mask: Mask | None) -> bool:
    """Tell whether a mask at that place of a function makes constants of what it hides."""
    if mask is None:
        return False
    if mask.low:
        return kind in ("add", "minimum", "subtract")
    return kind == "multiply" or (kind == "divide" and place == 0)


def _silences(kind: str, place: int, mask: Mask) -> bool:
    """Tell whether what a mask hides at that place of a function reads nothing of the other operands."""
    return _hides(kind, place, mask) and (not mask.low or mask.absorbs or kind == "minimum")


def combined(values: Sequence[Value], kind: str) -> Mask | None:
    """Return the mask that the result of an element-wise function bears."""
    found: Mask | None = None
    scalar = [_is_scalar(value) for value in values]
    several = len(values) - sum(scalar)
    for place in range(len(values)):
        mask = _operand(values, place, kind)
        others = several - (not scalar[place])
        scaled = (kind == "multiply" or (kind == "divide" and not place)) and not others
        if mask is not None and scaled and mask.low:
            mask = _scaled(mask, kind, [v for k, v in enumerate(values) if k != place])
        if mask is None or not (_hides(kind, place, mask) or scaled):
            continue
        if mask.low and kind != "minimum" and not mask.absorbs:
            if _lifted(values, place, kind):
                return Mask(None, True)
            if _moves(values, place):
                mask = mask._replace(carried=True)
        found = mask if found is None else _added(found, mask)
    if found is None and kind == "multiply" and any(map(_is_very_negative, values)):
        return Mask(None, True)  # 0 or this, as a mask of 0 and 1 makes it
    return found


def _moves(values: Sequence[Value], place: int) -> bool:
    """Tell whether any operand but one depends on an input of the model."""
    return any(value.edge is not None for k, value in enumerate(values) if k != place)


def _lifted(values: Sequence[Value], place: int, kind: str) -> bool:
    """Tell whether a large constant of the other sign is added to a mask, and may take it off."""
    for k, value in enumerate(values):
        if k != place and value.edge is None and value.data is not None:
            array = _floats(value.data) * (-1 if kind == "subtract" and k == 1 else 1)
            if array.size and array.max() >= -VERY_NEGATIVE:
                return True
    return False


def _added(a: Mask, b: Mask) -> Mask:
    """Return the mask that a sum of masks is: a row that both hide whole is read where they are least low."""
    found = both(a, b)
    if found.alive is None or not (a.low and b.low) or found.number == -inf:
        return found
    return found if found.alive.any(axis=-1).all() else Mask(None, True)


def _scaled(mask: Mask, kind: str, factors: Sequence[Value]) -> Mask | None:
    """Return a mask of very negative numbers under factors, not known if turned; None where none is left."""
    number = mask.number
    for value in factors:
        if value.data is not None:
            factor = float(_floats(value.data).reshape(-1)[0])
            if factor <= 0:
                return Mask(None, True) if factor else None
            number = number * factor if kind == "multiply" else number / factor
    return mask._replace(number=number) if number <= VERY_NEGATIVE else None


def met(values: Sequence[Value], kind: str) -> tuple[dict[int, Any], Mask | None]:
    """Say what an element-wise function hides of its inputs, by place, and which mask its result bears."""
    if not any(map(may_hide, values)):
        return {}, None  # as in most sums
    hides, mask = hiding(values, kind), combined(values, kind)
    moving = [place for place, value in enumerate(values) if value.edge is not None]
    if len(moving) > 1 and mask is not None and mask.alive is not None and not mask.carried:
        hides = dict.fromkeys(moving, mask.alive)  # what one of them hides is a constant, whatever the others
    return hides, mask


def chosen(
    condition: Value, yes: Value, no: Value, listed: Sequence[Value]
) -> tuple[dict[int, Any], Mask | None]:
    """Say the same of a choice between two tensors; the operation orders its inputs as `listed`."""
    alive: dict[int, Any] = {}
    fills = [fill_of(no), fill_of(yes)]
    known = condition.data if condition.edge is None else None
    mask = None
    for value, fill, wanted in ((yes, fills[0], True), (no, fills[1], False)):
        here = None if known is None else truth(known, wanted=wanted)
        place = next((k for k, each in enumerate(listed) if each is value), None)
        if here is not None and place is not None and value.edge is not None and here.ndim:
            alive[place] = here
        other = no if wanted else yes
        own = mask_of(value)
        if here is None and fill is False and own is not None and not own.low and own.alive is not None:
            # whichever is chosen, zeros stay zeros, as in a softmax that writes 0 for what is not a number
            moving = (k for k, each in enumerate(listed) if each.edge is not None)
            return dict.fromkeys(moving, own.alive), own
        if fill is not None:
            if mask is not None and mask.low and not fill:
                continue  # zeros beside what hides from a softmax are the scores that it leaves
            kept = here if here is None or here.ndim else None
            number = float(_floats(other.data).max()) if fill else -inf
            mask = Mask(kept, fill, number) if fill or kept is not None else None
            if own is not None and own.low == fill and mask is not None:
                mask = both(mask, own)
    return alive, mask


def patterns(values: Sequence[Value], hides: Mapping[int, Any]) -> tuple[tuple[int, Pattern], ...]:
    """Spell what is hidden of the inputs of a layer, numbered without the constants among the operands."""
    rank = max((len(value.spec.shape) for value in values if value.spec is not None), default=0)
    places = [place for place, value in enumerate(values) if value.edge is not None]
    found = ((k, pattern(hides[place], rank)) for k, place in enumerate(places) if place in hides)
    return tuple((k, each) for k, each in found if each is not None)


def seen(product: Stage, inputs: Sequence[Value], swap: Sequence[bool] = ()) -> Stage:
    """Return a product that says which elements of its factors are zero by a mask."""
    found: list[tuple[int, Any]] = []
    for place, value in enumerate(inputs):
        mask = mask_of_factor(value)
        if is_lost(value):
            return product._replace(extras=product.extras._replace(unsure=UNWRITTEN))
        if value.unread and value.edge is None and _sums_positions(product, place, inputs, swap):
            return product._replace(extras=product.extras._replace(unsure=UNREAD))
        if mask is None or mask.low or value.spec is None:
            continue
        if mask.alive is None:
            return product._replace(extras=product.extras._replace(unsure=UNSURE))
        swapped = place < len(swap) and swap[place] and mask.alive.ndim > 1
        left = pattern(mask.alive.swapaxes(-1, -2) if swapped else mask.alive, len(value.spec.shape))
        if left is not None:
            found.append((place, left))
    return product._replace(attrs={**product.attrs, "seen": tuple(found)}) if found else product


def _sums_positions(product: Stage, place: int, inputs: Sequence[Value], swap: Sequence[bool]) -> bool:
    """Tell whether a product sums positions of other factors, each times an element of one."""
    others = [value for value in inputs if value.edge is not None and value.spec is not None]
    if product.kind == "einsum":
        specs = [value.spec for value in inputs if value.spec is not None]
        named, out = named_axes(str(product.attrs["equation"]), specs)
        summed = set(named[place]) - set(out)
        return any(
            letter in summed and role == SPATIAL
            for letters, value in zip(named, inputs, strict=True)
            if value.edge is not None and value.spec is not None
            for letter, role in zip(letters, value.spec.axes, strict=True)
        )
    first = 1 - place < len(swap) and swap[1 - place]
    axis = -1 if (place == 1) != first else -2
    specs = [value.spec for value in others if value.spec is not None]
    return any(len(spec.axes) >= -axis and spec.axes[axis] == SPATIAL for spec in specs)


def of_keys(keep: Any, queries: Num, keys: Num, rank: int, *, causal: bool = False) -> Pattern | None:
    """Spell which keys attention sees, for a query of `rank` axes; None where nothing is hidden."""
    if causal and is_known(queries) and is_known(keys):
        keep = keep & triangle(queries, keys)
    return pattern(full(keep, (queries, keys)), max(rank, keep.ndim))


def of_padding(data: Any, batch: Num, queries: Num, keys: Num) -> Any:
    """Return which keys an integer mask leaves to a query of any sample; None where that is not known.

    Such a mask has one number a sample, the length of its keys; or two, behind the last key and at the first,
    those of all samples one after the other; or 0 and 1 for each key, or for each query and key.
    """
    import numpy as np

    array = None if data is None else np.asarray(data)
    if array is None or array.dtype.kind not in "biu" or not (is_known(queries) and is_known(keys)):
        return None
    if array.ndim == 1 and is_known(batch) and len(array) in (batch, 2 * batch):
        ends, place = array[:batch, None], np.arange(keys)
        starts = array[batch:, None] if len(array) > batch else np.zeros_like(ends)
        keep = (place >= starts) & (place < ends)
        left = keep.any(axis=0)[None]
    elif array.ndim > 1 and array.shape[-1] >= keys:
        wide = array[:, None] if array.ndim == 2 else array
        every = wide.reshape(-1, *wide.shape[-2:]) != 0
        left = every[:, :queries, :keys].any(axis=0)
    else:
        return None
    return left | ~left.any(axis=-1, keepdims=True)  # what hides all hides nothing


def both(a: Mask, b: Mask) -> Mask:
    """Return the mask that hides what either hides."""
    alive = None if a.alive is None or b.alive is None else a.alive & b.alive
    return Mask(alive, a.low or b.low, max(a.number, b.number), a.carried or b.carried)


def _is_scalar(value: Value) -> bool:
    return value.edge is None and value.spec is not None and prod(value.spec.shape) == 1


def _is_very_negative(value: Value) -> bool:
    if not _is_scalar(value) or value.data is None:
        return False
    number = _floats(value.data).reshape(-1)
    return bool(number.size == 1 and number[0] <= VERY_NEGATIVE)


def fill_of(value: Value) -> bool | None:
    """Tell whether a constant is very negative everywhere (True) or zero (False); None if neither."""
    import numpy as np

    if value.edge is not None or value.data is None:
        return None
    array = np.asarray(value.data)
    if array.dtype.kind not in "bfiu" or not array.size:
        return None
    if (array == 0).all():
        return False
    return True if array.dtype.kind in "fiu" and (array <= VERY_NEGATIVE).all() else None


def nothing(value: Value) -> Value:
    """Return a constant with its elements, which are all zero; as it is where these would be too many."""
    import numpy as np

    spec = value.spec
    if spec is None or not all(map(is_known, spec.shape)) or prod(spec.shape) > MOST_MASKED:
        return value
    try:
        kind = np.dtype(numpy_name(spec.dtype))
    except TypeError:
        kind = np.dtype(float)
    return replace(value, data=np.broadcast_to(np.zeros((), kind), spec.shape), unread=False)


def is_large(value: Value) -> bool:
    """Tell whether a constant holds a number as large as one that hides a score, or may; no weight does."""
    import numpy as np

    if value.data is None:
        return not value.weights or value.computed
    array = np.asarray(value.data)
    return array.dtype.kind not in "bfiu" or bool(array.size and not (np.abs(array) < -VERY_NEGATIVE).all())


def left(mask: Mask, axes: Sequence[int] = (-1,)) -> Any:
    """Return which elements a softmax along some axes (from the last) reads: all, of what is all hidden.

    >>> import numpy as np
    >>> left(Mask(np.array([[True, False], [False, False]]), True, -1e9)).tolist()
    [[True, False], [True, True]]
    """
    if mask.alive is None or mask.number == -inf:
        return mask.alive
    own = tuple(axis for axis in axes if -axis <= mask.alive.ndim)
    return mask.alive | ~mask.alive.any(axis=own, keepdims=True)


def _function(kind: str, attrs: Any) -> str:
    """Name what a layer of one input does."""
    function = str(attrs.get("function", "")).lower().strip("_")
    return (function or kind) if kind in ("activation", "softmax") else kind


def _along(attrs: Any, rank: int) -> list[int]:
    """Return the axes of a softmax or a reduction, counted from the last."""
    axes = attrs.get("axis", attrs.get("axes"))
    places = range(rank) if axes == "all" else range(1, rank) if axes is None else axes
    return [place % rank - rank for place in (places if isinstance(places, Iterable) else (places,))]


def unheard(whole: Stage, value: Value) -> Stage:
    """Return an operation that hides, from what saturates there, what a mask's number was added to.

    What a softmax makes of the hidden elements is 0, and depends on nothing either.
    """
    mask, rank = value.mask, 0 if value.spec is None else len(value.spec.shape)
    kind, attrs, extras = whole
    if mask is None or not mask.low or mask.alive is None or not rank or extras.prepare or extras.then:
        return whole
    name = _function(kind, attrs)
    if kind == "reduce":
        largest = str(attrs.get("mode", "")).lower() in _LARGEST
        alive = left(mask, _along(attrs, rank)) if largest else None
    elif name in _SOFTMAXES:
        alive = left(mask, _along(attrs, rank))
    else:
        alive = mask.alive if name in _NOTHING or name == "tanh" else None
    found = None if alive is None else pattern(alive, rank)
    if found is None:
        return whole
    stages = (Stage("elementwise", {"function": "mask", "alive": ((0, found),)}),)
    before = ((0, stages),) if mask.carried else ()
    extras = extras._replace(prepare=before, then=stages if name in _SOFTMAXES else ())
    return whole._replace(extras=extras)


_SOFTMAXES: Final = frozenset(("softmax", "safe_softmax", "hardmax", "sparsemax"))
"""Functions of which very negative elements become 0, and the others do not depend on these."""

_NOTHING: Final = frozenset(("exp", "relu", "relu6", "sigmoid", "silu", "swish", "gelu", "softplus"))
"""Functions of an element by itself that make 0 of what is very negative."""

_ZERO_KEEPING: Final = frozenset(
    (
        *("abs", "absolute", "neg", "negative", "sign", "square", "sqrt", "relu", "relu6", "leaky_relu"),
        *("leakyrelu", "elu", "selu", "celu", "gelu", "silu", "swish", "hardswish", "mish", "softsign"),
        *("tanh", "tan", "sin", "sinh", "asin", "atan", "erf", "expm1", "log1p", "nan_to_num"),
        *("floor", "ceil", "round", "trunc"),
    )
)
"""Functions of an element by itself that leave 0 what it is."""

_LARGEST: Final = frozenset(("max", "amax", "reducemax", "logsumexp", "reducelogsumexp", "special_logsumexp"))
"""Reductions that read nothing of what is very negative beside others."""


def keeps_zero(kind: str, attrs: Any) -> bool:
    """Tell whether a layer is a function of an element by itself that leaves 0 what it is."""
    return _function(kind, attrs) in _ZERO_KEEPING


def handed_on(kind: str, attrs: Any, mask: Mask | None, before: Value, shape: Sequence[Any]) -> Mask | None:
    """Return the mask that the result of a function of one masked tensor bears."""
    if mask is None or kind in ("identity", "dropout", "broadcast_to"):
        return mask
    name = _function(kind, attrs)
    if mask.low and (name in _NOTHING or name in _SOFTMAXES):
        rank = 0 if before.spec is None else len(before.spec.shape)
        alive = left(mask, _along(attrs, rank)) if name in _SOFTMAXES and rank else mask.alive
        return Mask(alive, False)
    if name in _ZERO_KEEPING and not mask.low:
        return mask
    if kind not in ("permute", "reshape", "expand_dims", "squeeze") or before.spec is None:
        return None
    return mask if mask.alive is None else _reshaped(kind, attrs, mask, before.spec.shape, shape)


def _reshaped(kind: str, attrs: Any, mask: Mask, old: Sequence[Any], new: Sequence[Any]) -> Mask | None:
    """Move a mask as a tensor is moved; None where that cannot be said."""
    import numpy as np

    lead = len(old) - mask.alive.ndim
    alive = mask.alive.reshape((1,) * lead + mask.alive.shape)
    if kind == "permute":
        order = _order(attrs["order"], len(old))
        return mask._replace(alive=alive.transpose(order))
    if kind == "expand_dims":
        places = [axis % len(new) for axis in attrs["axes"]]
        return mask._replace(alive=np.expand_dims(alive, tuple(places)))
    changing = [axis for axis, extent in enumerate(alive.shape) if extent > 1]
    first = changing[0] if changing else len(old) - 1
    tail = len(old) - first
    if len(new) >= tail and tuple(new[len(new) - tail :]) == tuple(old[first:]):
        return mask._replace(alive=alive.reshape(alive.shape[first:]))
    if all(map(is_known, (*old, *new))) and prod(old) <= MOST_MASKED:
        whole = np.broadcast_to(alive, tuple(old))
        return mask._replace(alive=whole.reshape(tuple(new)))
    return None


def _order(order: Sequence[Any], rank: int) -> list[int]:
    if order[0] == "swap":
        a, b = (place % rank for place in order[1:])
        places = list(range(rank))
        places[a], places[b] = b, a
        return places
    return [place % rank for place in order]


def unknown(values: Iterable[Value]) -> bool:
    """Tell whether one of the values bears a mask of which it is not known what it hides."""
    return any(value.mask is not None and value.mask.alive is None for value in values)


def is_lost(value: Value) -> bool:
    """Tell whether a value is a constant of which it is not known what was written into it."""
    return value.constant and value.data is None and value.mask is not None and value.mask.alive is None


def is_unread(value: Value, beside: Sequence[Value]) -> bool:
    """Tell whether a constant whose elements are not known may be a mask of positions of what is beside it.

    It changes along two axes of positions, as those of scores, or along positions alone, or holds truth
    values. What changes along positions and channels is a table, such as that of an embedding of positions.
    """
    if not value.unread or value.edge is not None or value.spec is None:
        return False
    others = [each.spec for each in beside if each.edge is not None and each.spec is not None]
    axes = max((spec.axes for spec in others), key=len, default="")
    along = zip(reversed(axes), reversed(value.spec.shape), strict=False)
    varying = [role for role, extent in along if role != BATCH and not is_one(extent)]
    positions = varying.count(SPATIAL)
    return positions > 1 or (positions == 1 and (len(varying) == 1 or value.spec.dtype == "bool"))


def triangle(rows: int, columns: int, diagonal: int = 0, *, upper: bool = False) -> Any:
    """Return which elements of a matrix lie below a diagonal and on it, or above it and on it."""
    import numpy as np

    below = np.tri(rows, columns, diagonal - upper, dtype=bool)
    return ~below if upper else below


def full(alive: Any, shape: Sequence[Any]) -> Any:
    """Stretch a mask to the last axes of a shape, where that is known."""
    import numpy as np

    if not all(map(is_known, shape)):
        return alive
    return np.broadcast_to(alive, np.broadcast_shapes(alive.shape, tuple(shape)))


def truth(data: Any, *, wanted: bool) -> Any:
    """Return where the elements of a condition are as wanted."""
    import numpy as np

    array = np.asarray(data)
    return None if array.dtype.kind == "O" else (array != 0) == wanted
