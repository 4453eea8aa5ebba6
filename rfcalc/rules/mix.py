"""Kinds that mix along whole axes: linear layers, matrix products, reductions, softmax, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.number import Num, is_known, is_one, prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.steps import (
    AtMost,
    Attend,
    Broadcast,
    Contract,
    Cover,
    Hide,
    Insert,
    Mix,
    Permute,
    Reduce,
    Scan,
    Slide,
    Squeeze,
    Step,
)
from rfcalc.algebra.window import slide
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.plain import broadcast_extent, check_pattern, merged_extent
from rfcalc.rules.registry import (
    AXES,
    AXIS,
    CHOICE,
    COUNT,
    FLAG,
    INTERNAL,
    REQUIRED,
    TEXT,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    format_shape,
    rule,
)


def reduced_spec(spec: TensorSpec, axes: Sequence[int], *, keep: bool) -> tuple[TensorSpec, Step]:
    """Reduce a tensor over `axes`: what is left of it, and the step."""
    if keep:
        shape = tuple(1 if place in axes else extent for place, extent in enumerate(spec.shape))
        return TensorSpec(shape, spec.axes, spec.dtype), Reduce(tuple(axes), keep=True)
    return spec.without(axes), Reduce(tuple(axes))


@rule(
    "linear",
    Setting("units", COUNT, REQUIRED, "output features"),
    Setting("bias", FLAG, True, "whether a bias is added"),
    Setting("axis", AXIS, -1, "the axis that is contracted"),
    Setting("seen", INTERNAL, None, "features that each output reads, where a constant mask leaves out some"),
    family="dense",
    summary="Linear layer over one axis; after a flatten it sees the whole map.",
)
def linear(call: Call) -> Result:
    """Weights ``C * F + F``; MACs ``C * F`` for each position."""
    spec = call.only()
    axis = call.axis(spec, call["axis"])
    if axis == 0:
        raise AnalysisError(
            f"linear needs a feature axis, its input has the shape {format_shape(spec.shape)}"
        )
    units, features = call["units"], spec.shape[axis]
    shape = (*spec.shape[:axis], units, *spec.shape[axis + 1 :])
    output = TensorSpec(shape, spec.axes[:axis] + CHANNEL + spec.axes[axis + 1 :], spec.dtype)
    weights = [Parameter("kernel", (features, units))]
    if call["bias"]:
        weights.append(Parameter("bias", (units,)))
    step: Step = Contract(axis, units)
    if call["seen"] is not None:
        check_pattern(call["seen"], (units, features))
        step = Attend(axis, call["seen"].rows)
    return Result((output,), ((Path(0, (step,)),),), tuple(weights), output.elements * features)


@rule(
    "embedding",
    Setting("vocabulary", COUNT, REQUIRED, "rows of the table"),
    Setting("units", COUNT, REQUIRED, "features of each row"),
    Setting("reversible", FLAG, False, "a second table leads back from features to indices"),
    summary="A table that is looked up for each index.",
)
def embedding(call: Call) -> Result:
    """Weights ``V * F``; no multiplication."""
    output, path = _appended(call.only(), call["units"])
    weights = [Parameter("table", (call["vocabulary"], call["units"]))]
    if call["reversible"]:
        weights.append(Parameter("reverse_table", (call["units"], call["vocabulary"])))
    return Result((output,), ((path,),), tuple(weights))


@rule(
    "positions",
    Setting("length", COUNT, None, "rows of the learned table; without it nothing is learned"),
    summary="A row for each position of the input, whatever the input holds.",
    native=False,
)
def positions(call: Call) -> Result:
    """The input's shape, and nothing of what is in it; weights ``length * C``."""
    spec = call.only()
    length = call["length"]
    if length is None:
        return Result((spec,), ((),))
    have = spec.shape[-2]
    if is_known(have) and is_known(length) and have > length:
        raise AnalysisError(f"a table of {length} positions does not reach to {have}")
    return Result((spec,), ((),), (Parameter("embeddings", (length, spec.shape[-1])),))


@rule(
    "one_hot",
    Setting("size", COUNT, REQUIRED, "classes"),
    Setting(
        "mode",
        CHOICE,
        "each",
        "'each' appends an axis; 'one' too, but replaces a last axis of one element; 'multi' replaces it",
        ("each", "one", "multi"),
    ),
    summary="One-hot (or multi-hot) coding of indices.",
)
def one_hot(call: Call) -> Result:
    """Append an axis, or replace the last one; no weights."""
    spec, size, mode = call.only(), call["size"], call["mode"]
    last = len(spec.shape) - 1
    single = last > 0 and is_one(spec.shape[last])
    if last > 0 and (mode == "multi" or (mode == "one" and single)):
        output = TensorSpec((*spec.shape[:-1], size), spec.axes[:-1] + CHANNEL, spec.dtype)
        return Result((output,), ((Path(0, (Contract(last, size),)),),))
    output, path = _appended(spec, size)
    return Result((output,), ((path,),))


def _appended(spec: TensorSpec, units: Num) -> tuple[TensorSpec, Path]:
    """Give every element a vector of `units`. The indices of a feature axis become positions."""
    shape = (*spec.shape, units)
    axes = spec.axes.replace(CHANNEL, SPATIAL) + CHANNEL
    return TensorSpec(shape, axes), Path(0, (Insert((len(spec.shape),)), Broadcast(shape)))


@rule(
    "reduce",
    Setting("axes", AXES, None, "axes that are reduced; by default all but the batch, which 'all' includes"),
    Setting("keepdims", FLAG, False, "keep them, with one element each"),
    Setting("mode", TEXT, "mean", "what is taken: mean, sum, max, ..."),
    summary="Reduction over whole axes.",
)
def reduce(call: Call) -> Result:
    """Each output depends on everything along the axes."""
    spec = call.only()
    places = call["axes"]
    if places is None or places == "all":
        places = range(0 if places else 1, len(spec.shape))
    axes = tuple(sorted({call.axis(spec, place) for place in places}))
    output, step = reduced_spec(spec, axes, keep=bool(call["keepdims"]))
    return Result((output,), ((Path(0, (step,)),),))


@rule(
    "softmax",
    Setting("axis", AXIS, -1, "the axis that sums to one"),
    Setting("function", TEXT, "softmax", "softmax, log_softmax, softmin, ..."),
    family="activation",
    summary="Softmax along one axis.",
)
def softmax(call: Call) -> Result:
    """Each output depends on everything along the axis; of one element it is a constant."""
    spec = call.only()
    given = call["axis"] if isinstance(call["axis"], (tuple, list)) else (call["axis"],)
    axes = tuple(call.axis(spec, axis) for axis in given)
    step = Mix(axes) if call["function"] == "sort" or not _of_one(spec, axes) else NOTHING
    return Result((spec,), ((Path(0, (step,)),),))


NOTHING: Final = Hide(Pattern((1,), (0,)))
"""No element depends on anything."""


def _of_one(spec: TensorSpec, axes: Sequence[int]) -> bool:
    """Tell whether a normalisation along some axes has one element, and makes a constant of it."""
    return all(is_one(spec.shape[axis]) for axis in axes)


@rule(
    "cumulative",
    Setting("axis", AXIS, -1, "the axis along which it runs"),
    Setting("reverse", FLAG, False, "run from the end"),
    Setting("exclusive", FLAG, False, "an element does not take itself"),
    summary="Cumulative sum, product or maximum along one axis.",
)
def cumulative(call: Call) -> Result:
    """Each output depends on all up to its own index."""
    spec = call.only()
    axis = call.axis(spec, call["axis"])
    steps: list[Step] = [Scan(axis, not call["reverse"])]
    if call["exclusive"] and is_one(spec.shape[axis]):
        steps = [NOTHING]
    elif call["exclusive"]:
        steps.append(Slide(axis, slide(1, lo=-1 if call["reverse"] else 1), spec.shape[axis]))
    return Result((spec,), ((Path(0, tuple(steps)),),))


SEEN = Setting("seen", INTERNAL, (), "which elements of which operands a constant mask leaves, not zero")


# ---- products of tensors -----------------------------------------------------------------------------------


def _letters(term: str, rank: int, equation: str) -> list[str]:
    """Name the axes of one operand; those under an ellipsis are counted from the right."""
    if "..." in term:
        before, _, after = term.partition("...")
        hidden = rank - len(before) - len(after)
        if hidden < 0 or "." in after:
            raise AnalysisError(f"the equation {equation!r} does not fit an operand of {rank} axes")
        return [*before, *(f"...{hidden - k}" for k in range(hidden)), *after]
    if len(term) != rank:
        raise AnalysisError(f"the equation {equation!r} does not fit an operand of {rank} axes")
    return list(term)


def _split_equation(equation: str, operands: int) -> tuple[list[str], str]:
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != operands:
        raise AnalysisError(f"the equation {equation!r} is for {len(terms)} operands, got {operands}")
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = ("..." if "..." in left else "") + "".join(
            letter for letter in sorted(set(letters)) if letters.count(letter) == 1
        )
    return terms, right


def named_axes(equation: str, operands: Sequence[TensorSpec]) -> tuple[list[list[str]], str]:
    """Name the axes of each operand of an Einstein sum; those under an ellipsis are counted from the right.

    Returns
    -------
    named : list of list of str
        The names of the axes of each operand.
    right : str
        The term of the result.

    Raises
    ------
    AnalysisError
        The equation does not fit the operands.
    """
    terms, right = _split_equation(equation, len(operands))
    named = [_letters(term, len(spec.shape), equation) for term, spec in zip(terms, operands, strict=True)]
    return named, right


Seen = tuple[Pattern, Sequence[str]]
"""Which elements of another operand are not zero, and the names of its axes."""


def _masked(mine: list[str], out: Sequence[str], seen: Seen) -> list[Step]:
    """Leave out what another operand multiplies by zero; a summed axis that it orders becomes its query's."""
    pattern, letters = seen
    varying = [letters[place] for place in pattern.axes(len(letters))]
    summed = [letter for letter in varying if letter in mine and letter not in out]
    missing = [letter for letter in varying if letter not in mine]
    if not summed:
        return []
    lead = len(letters) - len(pattern.shape)

    def place(letter: str) -> int:
        return list(letters).index(letter) - lead

    if not missing and len(varying) == 1:  # what is left of the axis is summed, as for one query
        axis = mine.index(summed[0])
        del mine[axis]
        return [Attend(axis, (pattern.kept(place(summed[0])),)), Squeeze((axis,))]
    if not missing:
        order = [place(letter) if letter in varying else -1 for letter in mine]
        return [Hide(pattern.moved(order))]
    if len(summed) > 1 or len(missing) > 1:
        return [AtMost("which elements a mask over several axes hides from a product is not followed")]
    (key,), (query,) = summed, missing
    uneven = tuple(mine.index(letter) for letter in varying if letter in mine and letter != key)
    axis = mine.index(key)
    apart = [place(letter) if letter in varying else -1 for letter in (*mine[:axis], query, *mine[axis:])]
    own = pattern.moved(apart) if uneven else None
    mine[axis] = query
    return [Attend(axis, pattern.seen(place(query), place(key)), uneven, own)]


def _product_path(
    index: int, named: Sequence[str], out: Sequence[str], shape: tuple[Num, ...], seen: Sequence[Seen] = ()
) -> Path:
    """Steps from one operand of a product to its result: mask, sum out, reorder, stretch."""
    mine = list(named)
    masks = [step for each in seen for step in _masked(mine, out, each)]
    path = _summed_path(index, mine, out, shape)
    return path._replace(steps=(*masks, *path.steps)) if masks else path


def _zeros(pattern: Pattern, letters: Sequence[str], out: Sequence[str], axes: str) -> list[Step]:
    """Hide what a factor makes zero whatever it is multiplied by: nothing is left of it that is summed."""
    lead = len(letters) - len(pattern.shape)
    own = list(letters[lead:])
    left = pattern.onto([place for place, letter in enumerate(own) if letter in out])
    if left.full:
        return []
    hidden = left.moved([own.index(letter) if letter in own else -1 for letter in out])
    return [Hide(hidden, all(axes[axis] == CHANNEL for axis in hidden.axes(len(out))))]


def _summed_path(index: int, mine: Sequence[str], out: Sequence[str], shape: tuple[Num, ...]) -> Path:
    """Steps from one operand of a product to its result: sum out, reorder, stretch."""
    summed = tuple(place for place, letter in enumerate(mine) if letter not in out)
    kept = [letter for letter in mine if letter in out]
    if len(set(kept)) < len(kept):
        return Path(index, (Cover(shape, "a diagonal that a product takes is not followed"),))
    steps: list[Step] = []
    if summed:
        steps.append(Reduce(summed))
    order = tuple(kept.index(letter) for letter in out if letter in kept)
    if order != tuple(range(len(order))):
        steps.append(Permute(order))
    missing = tuple(place for place, letter in enumerate(out) if letter not in kept)
    if missing:
        steps.append(Insert(missing))
    steps.append(Broadcast(shape))
    return Path(index, tuple(steps))


def product(call: Call, terms: Sequence[Sequence[str]], out: Sequence[str]) -> Result:
    """Einstein sum, axes named by letters; MACs are the product of all extents, if one is summed."""
    extents: dict[str, Num] = {}
    roles: dict[str, str] = {}
    for spec, letters in zip(call.inputs, terms, strict=True):
        for extent, role, letter in zip(spec.shape, spec.axes, letters, strict=True):
            known = extents.get(letter, 1)
            extents[letter] = broadcast_extent(known, extent) if letter in extents else extent
            roles.setdefault(letter, role)
    shape = tuple(extents[letter] for letter in out)
    axes = "".join(roles[letter] for letter in out)
    output = TensorSpec(shape, axes, call.inputs[0].dtype)
    masks = call.attrs.get("seen", ())
    for place, pattern in masks:
        check_pattern(pattern, call.inputs[place].shape)
    zeros = [hide for place, pattern in masks for hide in _zeros(pattern, terms[place], out, axes)]
    paths = tuple(
        _product_path(
            k, letters, out, shape, [(pattern, terms[place]) for place, pattern in masks if place != k]
        ).then(Path(0, tuple(zeros)))
        for k, letters in enumerate(terms)
    )
    macs = prod(extent for letter, extent in extents.items() if roles[letter] != BATCH)
    summed = len(terms) > 1 and any(letter not in out for letter in extents)
    return Result((output,), (paths,), (), macs if summed else 0)


@rule(
    "einsum",
    Setting("equation", TEXT, REQUIRED, "Einstein summation, such as 'bhqd,bhkd->bhqk'"),
    SEEN,
    summary="Einstein summation of tensors.",
)
def einsum(call: Call) -> Result:
    """MACs are the product of the extents of all letters, and 0 where no letter is summed."""
    named, right = named_axes(call["equation"], call.inputs)
    hidden = max((sum(letter.startswith("...") for letter in letters) for letters in named), default=0)
    plain = right.replace("...", "")
    out = _letters(right, len(plain) + hidden, call["equation"]) if "..." in right else list(right)
    for letter in out:
        if not any(letter in letters for letters in named):
            raise AnalysisError(f"{letter!r} in the result of {call['equation']!r} is no axis of an operand")
    if len(set(out)) < len(out):
        raise AnalysisError(f"the result of {call['equation']!r} names an axis twice")
    return product(call, named, out)


@rule("matmul", SEEN, summary="Matrix product of two tensors, batched by the axes before the last two.")
def matmul(call: Call) -> Result:
    """MACs ``n * k * m`` for each matrix."""
    if len(call.inputs) != 2:
        raise AnalysisError(f"matmul takes two inputs, got {len(call.inputs)}")
    ranks = [len(spec.shape) for spec in call.inputs]
    if 0 in ranks:
        raise AnalysisError("matmul needs tensors with axes")
    left = [f"...{k}" for k in range(ranks[0] - 2, 0, -1)] + (["n"] if ranks[0] > 1 else []) + ["k"]
    right = [f"...{k}" for k in range(ranks[1] - 2, 0, -1)] + ["k"] + (["m"] if ranks[1] > 1 else [])
    a, b = call.inputs[0].shape[-1], call.inputs[1].shape[-2 if ranks[1] > 1 else 0]
    if is_known(a) and is_known(b) and a != b:
        raise AnalysisError(f"matrices do not fit: {a} columns against {b} rows")
    longer = max(left, right, key=len)
    out = [letter for letter in longer if letter.startswith("...")]
    out += [letter for letter in ("n", "m") if letter in left + right]
    return product(call, (left, right), out)


@rule(
    "dot",
    Setting("axes", AXES, REQUIRED, "the axis of each input that is contracted"),
    Setting("normalize", FLAG, False, "normalise along these axes first"),
    summary="Contraction of one axis of each of two inputs, batch by batch.",
)
def dot(call: Call) -> Result:
    """Keras's ``Dot``."""
    if len(call.inputs) != 2:
        raise AnalysisError(f"dot takes two inputs, got {len(call.inputs)}")
    axes = call["axes"]
    pair = tuple(axes) if isinstance(axes, (tuple, list)) else (axes, axes)
    if len(pair) != 2:
        raise AnalysisError(f"dot contracts one axis of each input, got axes {list(pair)}")
    x, y = call.inputs
    a, b = call.axis(x, pair[0]), call.axis(y, pair[1])
    merged_extent(x.shape[a], y.shape[b], "dot")
    left = [f"x{k}" for k in range(len(x.shape))]
    right = [f"y{k}" for k in range(len(y.shape))]
    left[0] = right[0] = "batch"
    left[a] = right[b] = "summed"
    out = [letter for letter in (*left, *right[1:]) if letter != "summed"]
    result = product(call, (left, right), out)
    if len(out) == 1:  # Keras keeps a feature axis of one element
        spec = result.outputs[0]
        output = TensorSpec((*spec.shape, 1), spec.axes + CHANNEL, spec.dtype)
        paths = tuple(Path(path.input, (*path.steps, Insert((1,)))) for path in result.paths[0])
        return Result((output,), (paths,), (), result.macs)
    return result


@rule(
    "einsum_dense",
    Setting("equation", TEXT, REQUIRED, "Einstein summation of the input with the kernel"),
    Setting("units", INTERNAL, REQUIRED, "output shape without the batch axis"),
    Setting("bias_axes", TEXT, "", "letters of the output that the bias has"),
    family="dense",
    summary="Einstein summation with a kernel.",
    native=False,
)
def einsum_dense(call: Call) -> Result:
    """Weights: the extents of the kernel's letters, and of the bias's. MACs as of an Einstein sum."""
    spec = call.only()
    equation = call["equation"]
    terms, right = _split_equation(equation, 2)
    mine = _letters(terms[0], len(spec.shape), equation)
    hidden = sum(letter.startswith("...") for letter in mine)
    out = _letters(right, len(right.replace("...", "")) + hidden, equation) if "..." in right else list(right)
    extents: dict[str, Num] = dict(zip(mine, spec.shape, strict=True))
    units = tuple(call["units"])
    for letter, extent in zip(reversed(out), reversed(units), strict=False):
        if extent is not None:
            extents[letter] = extent
    missing = [letter for letter in (*out, *terms[1]) if letter not in extents]
    if missing:
        raise AnalysisError(f"the extent of {missing[0]!r} in {equation!r} is not given")
    shape = tuple(extents[letter] for letter in out)
    roles = dict(zip(mine, spec.axes, strict=True))
    output = TensorSpec(shape, "".join(roles.get(letter, CHANNEL) for letter in out), spec.dtype)
    weights = [Parameter("kernel", tuple(extents[letter] for letter in terms[1]))]
    if call["bias_axes"]:
        weights.append(
            Parameter("bias", tuple(extents[letter] for letter in out if letter in call["bias_axes"]))
        )
    letters = dict.fromkeys((*mine, *terms[1]))
    summed = any(letter not in out for letter in letters)
    macs = prod(extents[letter] for letter in letters if roles.get(letter) != BATCH) if summed else 0
    return Result((output,), ((_product_path(0, mine, out, shape),),), tuple(weights), macs)
