"""Definitions of what computes nothing: identities, joins, parts, reshaping, reordering, lookups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod

from rfcalc.algebra.number import is_known
from rfcalc.questions.verify.definitions.given import Given, NotDefined, define
from rfcalc.questions.verify.sets import Sets, end_to_end, united

SAME = (
    "identity", "dropout", "activation", "prelu", "batch_norm", "channel_scale", "normalization",
)  # fmt: skip
JOINS = (
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "average", "elementwise",
)  # fmt: skip


@define(*SAME)
def _same(_: Given, x: Sets) -> Sets:
    """Each element depends on the one at its own place."""
    return x


@define(*JOINS)
def _joined(given: Given, *inputs: Sets) -> Sets:
    """Element by element; constants of other shapes stretch the result."""
    shapes = [shape for shape in given["constants"] or () if all(map(is_known, shape))]
    constants = [Sets.nothing(shape, inputs[0].outside) for shape in shapes]
    if not given["alive"]:
        return united(*inputs, *constants)
    shape = united(*inputs, *constants).shape
    parts = [x.stretch(shape) for x in inputs]
    for place, pattern in given["alive"]:
        gone = [at for at in product(*map(range, pattern.shape)) if not pattern.bit(at)]
        parts[place] = parts[place].without(pattern.shape, gone)
    return united(*parts)


@define("concat")
def _concatenated(given: Given, *inputs: Sets) -> Sets:
    return end_to_end(inputs, given["axis"] % len(inputs[0].shape))


@define("stack")
def _stacked(given: Given, *inputs: Sets) -> Sets:
    shape = united(*inputs).shape
    place = given["axis"] % (len(shape) + 1)
    return end_to_end([x.stretch(shape).insert([place]) for x in inputs], place)


# ---- parts -------------------------------------------------------------------------------------------------


def _taken(x: Sets, axis: int, indices: Sequence[int]) -> Sets:
    return x.read(axis, ([index] for index in indices))


@define("slice")
def _sliced(given: Given, x: Sets) -> Sets:
    """As Python slices."""
    for axis, *bounds in given["slices"]:
        place = axis % len(x.shape)
        x = _taken(x, place, range(x.shape[place])[slice(*bounds)])
    return x


@define("index")
def _indexed(given: Given, x: Sets) -> Sets:
    """As numpy indexes: slices, numbers, the dots, new axes."""
    key = list(given["key"])
    hidden = len(x.shape) - sum(each not in ("...", "new") for each in key)
    at = key.index("...") if "..." in key else len(key)
    key[at : at + 1] = [(None, None, None)] * hidden
    place = 0
    gone: list[int] = []
    new: list[int] = []
    for each in key:
        if each == "new":
            new.append(place - len(gone) + len(new))
            continue
        if isinstance(each, int):
            x = _taken(x, place, [range(x.shape[place])[each]])
            gone.append(place)
        else:
            x = _taken(x, place, range(x.shape[place])[slice(*each)])
        place += 1
    return x.drop(gone).insert(new)


@define("select")
def _selected(given: Given, x: Sets) -> Sets:
    (place,) = given.places("axis", x)
    return _taken(x, place, [range(x.shape[place])[given["index"]]]).drop([place])


@define("split")
def _split(given: Given, x: Sets) -> list[Sets]:
    (place,) = given.places("axis", x)
    extent = x.shape[place]
    if given["sizes"] is not None:
        sizes = list(given["sizes"])
    elif given["cuts"] is not None:
        edges = [0, *given["cuts"], extent]
        sizes = [b - a for a, b in pairwise(edges)]
    else:
        sections = extent if given["sections"] == "each" else given["sections"]
        sizes = [extent // sections] * sections
    parts, start = [], 0
    for size in sizes:
        part = _taken(x, place, range(start, start + size))
        parts.append(part.drop([place]) if given["drop"] else part)
        start += size
    return parts


@define("take")
def _looked_up(given: Given, x: Sets) -> Sets:
    """Indices out of line stand for a border that is not told apart: no unit is said to be free of it."""
    (place,) = given.places("axis", x)
    if any(isinstance(index, tuple) for index in given["indices"]):  # each reads several
        found = x.read(place, given["indices"])
        return united(found, Sets.alike(found.shape, 1 << x.outside, x.outside))
    indices = [range(x.shape[place])[index] for index in given["indices"]]
    found = _taken(x, place, indices)
    if len({b - a for a, b in pairwise(indices)}) < 2:
        return found
    return united(found, Sets.alike(found.shape, 1 << x.outside, x.outside))


@define("gather")
def _gathered(given: Given, data: Sets, indices: Sets) -> Sets:
    """Each element reads its own index, and whatever along the axis that may point to."""
    (place,) = given.places("axis", data)
    count = len(indices.shape)
    shape = (*data.shape[:place], *indices.shape, *data.shape[place + 1 :])
    read = data.whole(place, 1).drop([place]).insert(range(place, place + count)).stretch(shape)
    behind = len(shape) - place - count
    own = indices.insert(range(count, count + behind)).stretch(shape)
    return united(read, own)


@define("gather_elements")
def _gathered_elements(given: Given, data: Sets, indices: Sets) -> Sets:
    (place,) = given.places("axis", data)
    read = data.whole(place, indices.shape[place])
    for axis, extent in enumerate(indices.shape):
        if axis != place and extent != data.shape[axis]:
            read = _taken(read, axis, range(extent))
    return united(read, indices)


@define("scatter")
def _scattered(_: Given, data: Sets, *others: Sets) -> Sets:
    """An element keeps what it was, or is an update, wherever that comes from."""
    return data.covering(others)


@define("top_k")
def _ordered(given: Given, x: Sets) -> list[Sets]:
    (place,) = given.places("axis", x)
    return [x.whole(place, given["size"])] * (2 if given["indices"] else 1)


# ---- shapes ------------------------------------------------------------------------------------------------


@define("reshape")
def _reshaped(given: Given, x: Sets) -> Sets:
    return x.reshape(given.extents("shape", x))


@define("flatten")
def _flattened(given: Given, x: Sets) -> Sets:
    if given["channel_first"] and len(x.shape) > 2:
        x = x.permute([0, *range(2, len(x.shape)), 1])
    return x.reshape((x.shape[0], prod(x.shape[1:])))


@define("permute")
def _permuted(given: Given, x: Sets) -> Sets:
    order, rank = given["order"], len(x.shape)
    if order == "reversed":
        return x.permute(range(rank)[::-1])
    if order[0] == "swap":
        swapped = list(range(rank))
        a, b = (place % rank for place in order[1:])
        swapped[a], swapped[b] = b, a
        return x.permute(swapped)
    if order[0] == "move":
        sources, targets = ([place % rank for place in places] for places in order[1:])
        at = dict(zip(targets, sources, strict=True))
        others = iter([place for place in range(rank) if place not in sources])
        return x.permute([at[place] if place in at else next(others) for place in range(rank)])
    return x.permute([place % rank for place in order])


@define("expand_dims")
def _expanded(given: Given, x: Sets) -> Sets:
    rank = len(x.shape) + len(given["axes"])
    return x.insert(place % rank for place in given["axes"])


@define("squeeze")
def _squeezed(given: Given, x: Sets) -> Sets:
    if given["axes"] is None:
        return x.drop(place for place, extent in enumerate(x.shape) if extent == 1)
    return x.drop(given.places("axes", x))


@define("broadcast_to")
def _stretched(given: Given, x: Sets) -> Sets:
    lead = len(given["shape"]) - len(x.shape)
    shape = [
        extent if is_known(extent) else x.shape[place - lead] if place >= lead else 1
        for place, extent in enumerate(given["shape"])
    ]
    shape[lead:] = [have if want == 1 else want for have, want in zip(x.shape, shape[lead:], strict=True)]
    return x.stretch(shape)


@define("repeat_vector")
def _repeated_vector(given: Given, x: Sets) -> Sets:
    return x.insert([1]).stretch((x.shape[0], given["count"], *x.shape[1:]))


@define("repeat")
def _repeated(given: Given, x: Sets) -> Sets:
    (place,) = given.places("axis", x)
    return _taken(x, place, [index for index in range(x.shape[place]) for _ in range(given["count"])])


@define("tile")
def _tiled(given: Given, x: Sets) -> Sets:
    repeats = list(given["repeats"])
    lead = len(x.shape) - len(repeats)
    for place, times in enumerate(repeats, lead):
        if times != 1:
            x = _taken(x, place, list(range(x.shape[place])) * times)
    return x


@define("flip")
def _flipped(given: Given, x: Sets) -> Sets:
    for place in given.places("axes", x):
        x = _taken(x, place, range(x.shape[place])[::-1])
    return x


@define("roll")
def _rolled(given: Given, x: Sets) -> Sets:
    places = given.places("axes", x)
    for place, shift in zip(places, given.each("shift", len(places)), strict=True):
        n = x.shape[place]
        x = _taken(x, place, [(index - shift) % n for index in range(n)])
    return x


@define("cover")
def _covered(given: Given, *inputs: Sets) -> Sets:
    """All that is said is the shape: every element may depend on everything."""
    shape = [
        inputs[0].shape[place] if extent is None else extent if is_known(extent) else None
        for place, extent in enumerate(given["shape"])
    ]
    if None in shape:
        raise NotDefined("an open extent")
    return Sets.nothing([n for n in shape if n is not None], inputs[0].outside).covering(inputs)
