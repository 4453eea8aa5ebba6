"""Definitions of what mixes along whole axes: products, norms, attention, recurrence, audio."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from rfcalc.questions.verify.definitions.given import DEFINITIONS, Given, NotDefined, define
from rfcalc.questions.verify.definitions.windows import bordered, slid, windows
from rfcalc.questions.verify.sets import Sets, end_to_end, united


def _wholes(x: Sets, places: Sequence[int], extent: int | None = None) -> Sets:
    for place in places:
        x = x.whole(place, extent)
    return x


def hidden(pattern: Any) -> list[tuple[int, ...]]:
    """List the indices that a mask hides."""
    return [at for at in product(*map(range, pattern.shape)) if not pattern.bit(at)]


def keys_of(pattern: Any, queries: int, keys: int) -> list[list[int]]:
    """List for each query the keys that a mask leaves it, at any index of the axes before these two."""
    shape = pattern.shape
    lead = list(product(*map(range, shape[:-2])))
    return [
        [k for k in range(keys) if any(pattern.bit((*at, q % shape[-2], k % shape[-1])) for at in lead)]
        for q in range(queries)
    ]


@define("linear")
def _linear(given: Given, x: Sets) -> Sets:
    (place,) = given.places("axis", x)
    if given["seen"] is not None:
        return x.read(place, keys_of(given["seen"], given["units"], x.shape[place]))
    return x.whole(place, given["units"])


@define("embedding")
def _embedded(given: Given, x: Sets) -> Sets:
    return x.insert([len(x.shape)]).stretch((*x.shape, given["units"]))


@define("positions")
def _by_position(_given: Given, x: Sets) -> Sets:
    return Sets.nothing(x.shape, x.outside)


@define("one_hot")
def _one_hot(given: Given, x: Sets) -> Sets:
    last = len(x.shape) - 1
    if last > 0 and (given["mode"] == "multi" or (given["mode"] == "one" and x.shape[last] == 1)):
        return x.whole(last, given["size"])
    return x.insert([len(x.shape)]).stretch((*x.shape, given["size"]))


@define("reduce")
def _reduced(given: Given, x: Sets) -> Sets:
    axes = given["axes"]
    if axes is None or axes == "all":
        places = list(range(1 if axes is None else 0, len(x.shape)))
    else:
        places = given.places("axes", x)
    found = _wholes(x, places, 1)
    return found if given["keepdims"] else found.drop(places)


@define("softmax")
def _softmax(given: Given, x: Sets) -> Sets:
    places = given.places("axis", x)
    if given["function"] != "sort" and all(x.shape[place] == 1 for place in places):
        return x.read(places[0], ((),))
    return _wholes(x, places)


@define("cumulative")
def _cumulative(given: Given, x: Sets) -> Sets:
    (place,) = given.places("axis", x)
    n, without = x.shape[place], int(bool(given["exclusive"]))
    if given["reverse"]:
        return x.read(place, (range(i + without, n) for i in range(n)))
    return x.read(place, (range(i + 1 - without) for i in range(n)))


# ---- products ----------------------------------------------------------------------------------------------


def _product(
    inputs: Sequence[Sets], terms: Sequence[Sequence[str]], out: Sequence[str], seen: Any = ()
) -> Sets:
    """Sum products over all letters that the result does not have; where a factor is zero nothing is read."""
    if seen:
        return _spelled_out(inputs, terms, out, seen)
    extents: dict[str, int] = {}
    for x, letters in zip(inputs, terms, strict=True):
        if len(set(letters)) < len(letters):
            raise NotDefined("a diagonal")
        for letter, extent in zip(letters, x.shape, strict=True):
            extents[letter] = max(extents.get(letter, 1), extent)
    parts = []
    for x, letters in zip(inputs, terms, strict=True):
        summed = [place for place, letter in enumerate(letters) if letter not in out]
        found = _wholes(x, summed, 1).drop(summed)
        left = [letter for letter in letters if letter in out]
        found = found.permute([left.index(letter) for letter in out if letter in left])
        found = found.insert(place for place, letter in enumerate(out) if letter not in left)
        parts.append(found.stretch([extents[letter] for letter in out]))
    return united(*parts)


def _spelled_out(
    inputs: Sequence[Sets], terms: Sequence[Sequence[str]], out: Sequence[str], seen: Any
) -> Sets:
    """Lay all factors over all letters, take out the terms of the sum that are zero, and sum."""
    letters = [*dict.fromkeys(letter for term in (out, *terms) for letter in term)]
    extents: dict[str, int] = {}
    for x, term in zip(inputs, terms, strict=True):
        for letter, extent in zip(term, x.shape, strict=True):
            extents[letter] = max(extents.get(letter, 1), extent)
    parts = []
    for x, term in zip(inputs, terms, strict=True):
        order = [list(term).index(letter) for letter in letters if letter in term]
        found = x.permute(order).insert(k for k, letter in enumerate(letters) if letter not in term)
        parts.append(found.stretch([extents[letter] for letter in letters]))
    every = united(*parts)
    for place, pattern in seen:
        mine = terms[place][len(terms[place]) - len(pattern.shape) :]
        shape = [pattern.shape[mine.index(letter)] if letter in mine else 1 for letter in letters]
        gone = []
        for at in hidden(pattern):
            gone.append([at[mine.index(letter)] if letter in mine else 0 for letter in letters])
        every = every.without(shape, gone)
    summed = [k for k, letter in enumerate(letters) if letter not in out]
    return _wholes(every, summed, 1).drop(summed)


def terms_of(equation: str, ranks: Sequence[int | None]) -> tuple[list[list[str]], list[str]]:
    """Spell an equation out; the axes under the dots are numbered from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms: list[list[str]] = []
    for term, rank in zip(left.split(","), ranks, strict=True):
        before, dots, after = term.partition("...")
        hidden = 0 if not dots or rank is None else rank - len(before) - len(after)
        terms.append([*before, *(f"<{k}>" for k in range(hidden, 0, -1)), *after])
    widest = max((sum(letter[0] == "<" for letter in term) for term in terms), default=0)
    if not arrow:
        plain = [letter for term in terms for letter in term if letter[0] != "<"]
        right = "..." * bool(widest) + "".join(sorted(x for x in set(plain) if plain.count(x) == 1))
    before, dots, after = right.partition("...")
    return terms, [*before, *(f"<{k}>" for k in range(widest if dots else 0, 0, -1)), *after]


@define("einsum")
def _einsum(given: Given, *inputs: Sets) -> Sets:
    terms, out = terms_of(given["equation"], [len(x.shape) for x in inputs])
    return _product(inputs, terms, out, given["seen"])


@define("einsum_dense")
def _einsum_dense(given: Given, x: Sets) -> Sets:
    """The kernel depends on nothing, and has the letters that the input lacks."""
    terms, out = terms_of(given["equation"], [len(x.shape), None])
    known = dict(zip(terms[0], x.shape, strict=True))
    for letter, extent in zip(reversed(out), reversed(given["units"]), strict=False):
        if extent is not None:
            known[letter] = extent
    kernel = Sets.nothing([known[letter] for letter in terms[1]], x.outside)
    return _product((x, kernel), terms, out)


@define("matmul")
def _matmul(given: Given, a: Sets, b: Sets) -> Sets:
    """As numpy multiplies: vectors are rows on the left and columns on the right."""
    left, right = len(a.shape), len(b.shape)
    first = [f"<{k}>" for k in range(left - 2, 0, -1)] + ["n"] * (left > 1) + ["k"]
    second = [f"<{k}>" for k in range(right - 2, 0, -1)] + ["k"] + ["m"] * (right > 1)
    lead = [f"<{k}>" for k in range(max(left, right) - 2, 0, -1)]
    return _product((a, b), (first, second), lead + ["n"] * (left > 1) + ["m"] * (right > 1), given["seen"])


@define("dot")
def _dot(given: Given, a: Sets, b: Sets) -> Sets:
    """Keras's Dot: one axis of each is summed, batch by batch."""
    axes = given["axes"]
    pair = axes if isinstance(axes, (tuple, list)) else (axes, axes)
    first = ["b", *(f"x{k}" for k in range(1, len(a.shape)))]
    second = ["b", *(f"y{k}" for k in range(1, len(b.shape)))]
    first[pair[0] % len(a.shape)] = second[pair[1] % len(b.shape)] = "k"
    out = [letter for letter in (*first, *second[1:]) if letter != "k"]
    found = _product((a, b), (first, second), out)
    return found.insert([1]) if len(out) == 1 else found


# ---- norms -------------------------------------------------------------------------------------------------


@define("layer_norm", "rms_norm", "unit_norm")
def _axes_norm(given: Given, x: Sets) -> Sets:
    return _wholes(x, given.places("axes", x))


@define("instance_norm")
def _instance_norm(given: Given, x: Sets) -> Sets:
    channel = given.channel
    return _wholes(x, [place for place in range(1, len(x.shape)) if place != channel])


@define("group_norm")
def _group_norm(given: Given, x: Sets) -> Sets:
    channel = given.channel if given["axis"] is None else given.places("axis", x)[0]
    found = _wholes(x, [place for place in range(1, len(x.shape)) if place != channel])
    channels = x.shape[channel]
    size = channels // given["groups"] if given["groups"] > 0 else 1
    return found.read(channel, (range(c // size * size, (c // size + 1) * size) for c in range(channels)))


@define("local_response_norm")
def _local_response_norm(given: Given, x: Sets) -> Sets:
    """Neighbours on both sides, of an even number one more behind; beyond the axis there is nothing."""
    place = given.channel if given["axis"] is None else given.places("axis", x)[0]
    n, size = x.shape[place], given["size"]
    first = [c - (size - 1) // 2 for c in range(n)]
    return x.read(place, (range(max(at, 0), min(at + size, n)) for at in first))


@define("spectral_norm")
def _spectral_norm(given: Given, x: Sets) -> Any:
    from rfcalc.questions.verify.definitions import settings_of

    wrapped = given["wrapped"]
    inner = Given(wrapped["kind"], settings_of(wrapped["kind"], wrapped["attrs"]), given.roles)
    return DEFINITIONS[wrapped["kind"]](inner, x)


# ---- attention ---------------------------------------------------------------------------------------------


def _attended(
    given: Given,
    inputs: Sequence[Sets],
    axes: Sequence[int],
    features: Sequence[int],
    shape: Sequence[int],
    *,
    aligned: bool = False,
) -> Sets:
    """Every query reads its own position, and keys and values along the attended axes.

    Under a causal mask those up to its own position; `features` are axes of which all is read. With `aligned`
    the axes of a mask before queries and keys are those of the tensor, otherwise heads.
    """
    query = inputs[0]
    grow = len(shape) - len(query.shape)

    def fitted(x: Sets) -> Sets:
        found = _wholes(x, features, 1)
        return found.insert(range(len(found.shape), len(found.shape) + grow)).stretch(shape)

    parts = [fitted(query)]
    for other in inputs[1:] or [query]:
        read = other
        for place in axes:
            count = other.shape[place]
            if given["seen"] is not None and aligned:
                read = _seen_apart(read, place, given["seen"], query.shape[place])
            elif given["seen"] is not None:
                read = read.read(place, keys_of(given["seen"], query.shape[place], count))
            elif given["causal"]:
                read = read.read(place, (range(min(i, count - 1) + 1) for i in range(query.shape[place])))
            else:
                read = read.whole(place, query.shape[place])
        parts.append(fitted(read))
    return united(*parts)


def _seen_apart(x: Sets, place: int, pattern: Any, queries: int) -> Sets:
    """Put queries in front of the axis of keys, take out the pairs that a mask hides, and unite the keys."""
    spread = (*x.shape[:place], queries, *x.shape[place:])
    pairs = x.insert([place]).stretch(spread)
    behind = len(x.shape) - place - 1
    gone = [(*at, *(0,) * behind) for at in hidden(pattern)]
    return pairs.without((*pattern.shape, *(1,) * behind), gone).whole(place + 1, 1).drop([place + 1])


def _operands(inputs: Sequence[Sets]) -> tuple[Sets, Sets, Sets]:
    """Return query, key and value; the last ones default to those before."""
    return inputs[0], inputs[min(1, len(inputs) - 1)], inputs[min(2, len(inputs) - 1)]


@define("multi_head_attention")
def _multi_head_attention(given: Given, *inputs: Sets) -> Any:
    query, key, value = _operands(inputs)
    last = len(query.shape) - 1
    axes = list(range(1, last)) if given["axes"] is None else given.places("axes", query)
    units = given["units"]
    units = (query.shape[-1],) if units is None else units if isinstance(units, (tuple, list)) else (units,)
    found = _attended(given, (query, key, value), axes, [last], (*query.shape[:-1], *units))
    if not given["scores"]:
        return found
    free = [place for place in range(1, last + 1) if place not in axes]
    shape = (query.shape[0], given["heads"], *(query.shape[a] for a in axes), *(key.shape[a] for a in axes))
    mine = _wholes(query, free, 1).drop(free).insert([1])
    mine = mine.insert(range(len(mine.shape), len(shape))).stretch(shape)
    return [found, mine.covering([key])]


@define("dot_attention", "additive_attention")
def _plain_attention(given: Given, *inputs: Sets) -> Any:
    query, key, value = _operands(inputs)
    last = len(query.shape) - 1
    shape = (*query.shape[:-1], value.shape[-1])
    found = _attended(given, (query, key, value), [last - 1], [last], shape, aligned=True)
    if not given["scores"]:
        return found
    shape = (*query.shape[:-1], key.shape[last - 1])
    mine = query.whole(last, 1).stretch(shape)
    keys = key.whole(last - 1, 1).whole(last, 1).stretch(shape)
    return [found, united(mine, keys)]


@define("head_attention")
def _head_attention(given: Given, *inputs: Sets) -> Sets:
    query, key, value = _operands(inputs)
    return _attended(given, (query, key, value), [1], [3], (*query.shape[:-1], value.shape[-1]))


@define("linear_attention")
def _linear_attention(given: Given, *inputs: Sets) -> Any:
    """Each step reads its own query, and all else up to itself; a decay only once there is a state."""
    query, key, value, *more = inputs
    before = [more.pop()] if given["past"] else []
    count = query.shape[1]
    groups = given["heads"] if given["kv_heads"] is None else given["kv_heads"]
    shape = (*query.shape[:2], given["heads"] * (value.shape[2] // groups))
    parts = [query.whole(2, 1).stretch(shape)]
    last = []
    for place, each in enumerate((key, value, *more)):
        first = 1 if given["decay"] and place == 2 else 0
        read = each.read(1, (range(first, t + 1) for t in range(count)))
        parts.append(read.whole(2, 1).stretch(shape))
        last.append(read.read(1, [[count - 1]]).whole(2, 1))
    found = united(*parts).covering(before)
    if not given["state"]:
        return found
    held = united(*last).reshape((query.shape[0], 1, 1, 1)).covering(before)
    return [found, held.stretch((query.shape[0], groups, key.shape[2] // groups, value.shape[2] // groups))]


@define("fused_attention")
def _fused_attention(given: Given, x: Sets) -> Sets:
    last = len(x.shape) - 1
    return _attended(given, (x,), [last - 1], [last], (*x.shape[:-1], given["units"]))


# ---- capsules ----------------------------------------------------------------------------------------------


@define("primary_capsules")
def _primary_capsules(given: Given, x: Sets) -> Sets:
    channel = given.channel
    found = slid(given, x, given.spatial).whole(channel, given["capsules"] * given["dim"])
    order = [place for place in range(len(found.shape)) if place != channel]
    found = found.permute([*order, channel])
    return found.reshape((found.shape[0], given["capsules"] * prod(found.shape[1:-1]), given["dim"]))


@define("capsules")
def _capsules(given: Given, x: Sets) -> Sets:
    return x.whole(1, given["count"]).whole(2, given["dim"])


# ---- recurrence --------------------------------------------------------------------------------------------

STATES = {"simple": 1, "simple_rnn": 1, "lstm": 2, "gru": 1}


def _run(x: Sets, time: int, *, forward: bool) -> Sets:
    """Each step reads all steps before it."""
    n = x.shape[time]
    return x.read(time, (range(i + 1) if forward else range(i, n) for i in range(n)))


def _turned(x: Sets, time: int) -> Sets:
    return x.read(time, ([index] for index in reversed(range(x.shape[time]))))


@define("recurrent", "simple_rnn", "lstm", "gru")
def _recurrent(given: Given, x: Sets, *states: Sets) -> list[Sets]:
    """Keras's layers: one that runs from the end leaves its steps in that order."""
    cells = given["cells"] or [{"cell": given.kind, "units": given["units"]}]
    back = given["backward_cells"] or cells
    both, units = given["bidirectional"], cells[-1]["units"]
    width = units + back[-1]["units"] if both == "concat" else units
    inner = x.whole(2, width)
    if not given["sequences"]:
        outputs = [inner.whole(1, 1).drop([1])] * (2 if both == "none" else 1)
    elif both == "none":
        outputs = [_run(inner, 1, forward=True), _run(inner, 1, forward=False)]
    elif both:
        outputs = [inner.whole(1)]
    elif given["reverse"]:
        outputs = [_turned(_run(inner, 1, forward=False), 1)]
    else:
        outputs = [_run(inner, 1, forward=True)]
    if given["state"]:
        for cell in (*cells, *back) if both else cells:
            outputs += [x.whole(2, cell["units"]).whole(1, 1).drop([1])] * STATES[cell["cell"]]
    return [found.covering(states) for found in outputs]


@define("conv_lstm")
def _conv_lstm(given: Given, x: Sets, *states: Sets) -> list[Sets]:
    """Step t reads its own input through a convolution, and what step t - 1 gave through another one."""
    channel, both, filters = given.channel, given["bidirectional"], given["filters"]
    places = list(given["spatial"] or [p for p in given.spatial if p != 1])
    taken = slid(given, x, places).whole(channel, filters)
    kernel = given.each("kernel", len(places))

    def runs(order: Sequence[int]) -> dict[int, Sets]:
        found: dict[int, Sets] = {}
        before: Sets | None = None
        for t in order:
            here = taken.read(1, [[t]])
            if before is not None:
                for place, k in zip(places, kernel, strict=True):
                    before = before.read(place, windows(before.shape[place], k, 1, 1, "same"))
                here = united(here, before)
            found[t] = before = here
        return found

    steps = x.shape[1]
    forward, backward = runs(range(steps)), runs(range(steps)[::-1])
    ahead = end_to_end([forward[t] for t in range(steps)], 1)
    astern = end_to_end([backward[t] for t in range(steps)], 1)
    ends = forward[steps - 1].drop([1]), backward[0].drop([1])
    behind = channel - 1 if channel > 1 else channel
    if both == "none":
        outputs = [ahead, astern] if given["sequences"] else list(ends)
    elif both:
        width = filters * 2 if both == "concat" else filters
        merged = united(ahead, astern).whole(channel, width)
        outputs = [merged] if given["sequences"] else [united(*ends).whole(behind, width)]
    elif given["sequences"]:
        outputs = [_turned(astern, 1) if given["reverse"] else ahead]
    else:
        outputs = [ends[1] if given["reverse"] else ends[0]]
    if given["state"]:
        outputs += [ends[0]] * 2 + [ends[1]] * 2 if both else [ends[1] if given["reverse"] else ends[0]] * 2
    return [found.covering(states) for found in outputs]


@define("sequence")
def _sequence(given: Given, x: Sets, *states: Sets) -> list[Sets]:
    """Layers of one or two directions as ONNX and PyTorch have them: all steps, then the last states."""
    (time,) = given.places("time", x)
    ways = 2 if given["direction"] == "bidirectional" else 1
    width = given["units"] if given["projection"] is None else given["projection"]
    inner = x.whole(2, 1)
    steps = {True: _run(inner, time, forward=True), False: _run(inner, time, forward=False)}
    directions = [True, False] if ways == 2 else [given["direction"] == "forward"]
    if given["apart"]:
        each = [steps[d].stretch((*x.shape[:2], width)).insert([time + 1]) for d in directions]
        every = end_to_end(each, time + 1)
        if ways == 2 and given["layers"] > 1:
            every = every.whole(time).whole(time + 1)
    else:
        every = end_to_end([steps[d].stretch((*x.shape[:2], width)) for d in directions], 2)
        if ways == 2 and given["layers"] > 1:
            every = united(*(s.stretch((*x.shape[:2], width * ways)) for s in steps.values())).whole(time)
    count = ways * given["layers"]
    ends = [every]
    for number in range(STATES[given["cell"]]):
        features = given["units"] if number else width
        last = inner.whole(time, 1).drop([time])
        last = last.stretch((last.shape[0], features))
        first = bool(given["states_first"])
        shape = (count, last.shape[0], features) if first else (last.shape[0], count, features)
        ends.append(last.insert([0 if first else 1]).stretch(shape))
    return [found.covering(states) for found in ends]


# ---- audio -------------------------------------------------------------------------------------------------


@define("frames")
def _frames(given: Given, x: Sets) -> Sets:
    """Windows over time, each of which becomes some bins."""
    (place,) = given.places("axis", x)
    n, before, after = x.shape[place], given["before"], given["after"]
    rows = windows(n, given["kernel"], given["stride"], 1, (before, after))
    if given["window"] is not None:
        rows = [[row[sample] for sample in given["window"]] for row in rows]
    frames = len(rows)
    if given["plain"]:
        rows = [[tap] for row in rows for tap in row]
    found = bordered(x, place, rows, "reflect") if given["border"] else x.read(place, rows)
    shape = (*x.shape[:place], frames, given["bins"], *x.shape[place + 1 :])
    found = found.reshape(shape) if given["plain"] else found.insert([place + 1]).stretch(shape)
    if given["transposed"]:
        order = [*range(place), place + 1, place, *range(place + 2, len(shape))]
        found = found.permute(order)
    return _wholes(found, range(len(shape))) if given["clips"] else found


@define("stft")
def _stft(given: Given, x: Sets) -> Sets:
    (place,) = given.spatial
    channel = given.channel
    width = given["bins"] * (2 if given["mode"] == "stft" else 1)
    found = x.read(place, windows(x.shape[place], given["kernel"], given["stride"], 1, given["padding"]))
    if given["expand"]:
        shape = (*found.shape[: place + 1], width, *found.shape[place + 1 :])
        return found.insert([place + 1]).stretch(shape)
    return found.whole(channel, width * x.shape[channel])
