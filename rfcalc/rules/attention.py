"""Attention: every query position depends on all key and value positions along the attended axes.

Sources: Vaswani et al. 2017; Ainslie et al. 2023 for grouped queries; Bahdanau et al. 2015 for additive
attention. MACs count the projections and both products with the scores.
"""

from __future__ import annotations

from rfcalc.algebra.number import UNKNOWN, Num, equal, prod
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.steps import Attend, Broadcast, Contract, Cover, Insert, Reduce, Scan, Slide, Step
from rfcalc.algebra.window import point
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, TensorSpec
from rfcalc.rules.plain import check_pattern
from rfcalc.rules.registry import (
    AXES,
    COUNT,
    FLAG,
    INTERNAL,
    REQUIRED,
    Call,
    Parameter,
    Path,
    Result,
    Setting,
    rule,
)

_ORDER = "inputs: query, key, value; key and value default to the query"


def _operands(call: Call) -> tuple[tuple[int, TensorSpec], ...]:
    """Return query, key and value as (which input, tensor), the last ones filled in from those before."""
    count = len(call.inputs)
    if not 1 <= count <= 3:
        raise AnalysisError(f"{call.kind.name} takes a query, a key and a value, got {count} inputs")
    places = (0, min(1, count - 1), min(2, count - 1))
    for place in places:
        call.check_rank(call.inputs[place], 3)
    if len({len(call.inputs[place].shape) for place in places}) > 1:
        ranks = ", ".join(str(len(call.inputs[place].shape)) for place in places)
        raise AnalysisError(f"query, key and value must have as many axes as each other, got {ranks}")
    return tuple((place, call.inputs[place]) for place in places)


CAUSAL = Setting("causal", FLAG, False, "a position attends to itself and those before it alone")
SEEN = Setting("seen", INTERNAL, None, "which keys (last axis) each query (the axis before) sees by a mask")


def _attend(
    call: Call, axes: tuple[int, ...], query: TensorSpec, key: TensorSpec, *, aligned: bool = False
) -> tuple[Step, ...]:
    """Read keys and values along the attended axes: all of them, or those up to the query's own position.

    With `aligned` the axes of a mask before queries and keys are those of the tensor, and no heads.
    """
    if call.attrs.get("seen") is not None:
        return _seen(call["seen"], axes, query, key, aligned)
    if not call["causal"]:
        return (Reduce(axes, keep=True),)
    if len(axes) > 1:
        raise AnalysisError("causal attention has an order along one axis alone; give the one in axes")
    (axis,) = axes
    if equal(query.shape[axis], key.shape[axis]) or query is key:
        return (Scan(axis),)
    upto = point(1, 0, border="edge")  # a query behind the last key sees all of them
    return Scan(axis), Slide(axis, upto, query.shape[axis])


def _seen(
    pattern: Pattern, axes: tuple[int, ...], query: TensorSpec, key: TensorSpec, aligned: bool
) -> tuple[Step, ...]:
    """Read the keys that a constant mask leaves to each query; its other axes are those before these two."""
    if len(axes) > 1:
        raise AnalysisError("a mask of attention orders positions along one axis alone; give the one in axes")
    (axis,) = axes
    rank = max(len(pattern.shape), 2)
    pattern = pattern.filled(rank)
    check_pattern(pattern, (*(UNKNOWN,) * (rank - 2), query.shape[axis], key.shape[axis]), lead=rank - 2)
    rows = pattern.seen(-2, -1)
    rows = rows * query.shape[axis] if len(rows) == 1 else rows
    keys = (1 << key.shape[axis]) - 1
    if pattern.shape[-1] == 1:
        rows = tuple(keys * row for row in rows)
    uneven = tuple(
        place for back in range(rank - 2) if pattern.shape[-3 - back] > 1 and (place := axis - 1 - back) >= 0
    )
    behind = (-1,) * (len(key.shape) - axis - 1)
    apart = pattern.moved([*range(rank), *behind]) if uneven and aligned else None
    return (Attend(axis, rows, uneven, apart),)


def _positions(spec: TensorSpec, axes: tuple[int, ...]) -> Num:
    return prod(spec.shape[axis] for axis in axes)


def _product_shape(units: object, default: Num) -> tuple[Num, ...]:
    if units is None:
        return (default,)
    return tuple(units) if isinstance(units, (tuple, list)) else (units,)


@rule(
    "multi_head_attention",
    Setting("heads", COUNT, REQUIRED, "heads of the query"),
    Setting("kv_heads", COUNT, None, "heads of key and value; by default as many"),
    Setting("key_dim", COUNT, REQUIRED, "features of query and key for each head"),
    Setting("value_dim", COUNT, None, "features of the value for each head; by default those of the key"),
    Setting("units", COUNT, None, "output features; by default the query's"),
    Setting("bias", FLAG, True, "whether the projections have biases"),
    Setting("axes", AXES, None, "axes attended over; by default all between batch and features"),
    Setting("scores", INTERNAL, False, "return the scores as a second output"),
    CAUSAL,
    SEEN,
    Setting("gate", FLAG, False, "multiply the result by a learned projection of the query"),
    family="attention",
    summary=f"Attention of many heads with its projections ({_ORDER}).",
)
def multi_head_attention(call: Call) -> Result:
    """Weights of the four projections; MACs of these, of query by key, and of scores by value."""
    (_, query), (key_at, key), (value_at, value) = _operands(call)
    heads = call["heads"]
    key_dim = call["key_dim"]
    kv_heads = heads if call["kv_heads"] is None else call["kv_heads"]
    value_dim = key_dim if call["value_dim"] is None else call["value_dim"]
    places = range(1, len(query.shape) - 1) if call["axes"] is None else call["axes"]
    axes = tuple(sorted(call.axis(query, place) for place in places))
    units = _product_shape(call["units"], query.shape[-1])
    parts = [
        ("query", (query.shape[-1], heads, key_dim), (heads, key_dim)),
        ("key", (key.shape[-1], kv_heads, key_dim), (kv_heads, key_dim)),
        ("value", (value.shape[-1], kv_heads, value_dim), (kv_heads, value_dim)),
        ("output", (heads, value_dim, *units), units),
    ]
    if call["gate"]:
        parts.append(("gate", (query.shape[-1], heads, value_dim), (heads, value_dim)))
    weights: list[Parameter] = []
    for role, kernel, bias in parts:
        weights.append(Parameter(f"{role}_kernel", kernel))
        if call["bias"]:
            weights.append(Parameter(f"{role}_bias", bias))
    output = TensorSpec((*query.shape[:-1], *units), query.axes[:-1] + CHANNEL * len(units), query.dtype)
    merged = (*query.shape[:-1], 1)  # the field is the same for all features
    grow: tuple[Step, ...] = (Insert(tuple(range(len(merged), len(output.shape)))),) if len(units) > 1 else ()
    paths = [Path(0, (Contract(len(query.shape) - 1, 1), *grow, Broadcast(output.shape)))]
    for place, spec in {key_at: key, value_at: value}.items():
        last = len(spec.shape) - 1
        attended = _attend(call, axes, query, spec)
        steps = (*attended, Contract(last, 1), *grow, Broadcast(output.shape))
        paths.append(Path(place, steps))
    macs = _attention_macs(query, key, value, axes, weights)
    score = prod((_rest(query, axes), heads, _positions(query, axes), _positions(key, axes)))
    macs = macs + score * (key_dim + value_dim)
    outputs, all_paths = [output], [tuple(paths)]
    if call["scores"]:
        masked = bool(call["causal"] or call["seen"] is not None)
        spec, score_paths = _scores(query, key, axes, heads, causal=masked)
        outputs.append(spec)
        all_paths.append(score_paths)
    return Result(tuple(outputs), tuple(all_paths), tuple(weights), macs)


def _rest(spec: TensorSpec, axes: tuple[int, ...]) -> Num:
    """Positions along the axes that are not attended over, at batch 1."""
    return prod(
        extent
        for place, (extent, role) in enumerate(zip(spec.shape[:-1], spec.axes, strict=False))
        if role != BATCH and place not in axes
    )


def _attention_macs(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, axes: tuple[int, ...], weights: list[Parameter]
) -> Num:
    """MACs of the projections: each kernel once for each position of the tensor it is applied to."""
    kernels = [weight.count for weight in weights if weight.role.endswith("_kernel")]
    sides = (query, key, value, query, query)[: len(kernels)]
    return sum(
        (
            _rest(spec, axes) * _positions(spec, axes) * count
            for spec, count in zip(sides, kernels, strict=True)
        ),
        0,
    )


def _causal_bound(causal: bool, shape: tuple[Num, ...]) -> tuple[Step, ...]:
    """Cover what scores read under a causal mask: those of the keys before their query alone."""
    return (Cover(shape, "which keys the scores of causal attention read is not followed"),) if causal else ()


def _scores(
    query: TensorSpec, key: TensorSpec, axes: tuple[int, ...], heads: Num, *, causal: bool
) -> tuple[TensorSpec, tuple[Path, ...]]:
    """Scores of a head for each pair of positions; the softmax makes every one depend on all keys."""
    shape = (query.shape[0], heads, *(query.shape[a] for a in axes), *(key.shape[a] for a in axes))
    free = tuple(place for place in range(1, len(query.shape)) if place not in axes)
    behind = tuple(range(2 + len(axes), 2 + 2 * len(axes)))
    spread: tuple[Step, ...] = (Reduce(free), Insert((1,)), Insert(behind), Broadcast(shape))
    everything: tuple[Step, ...] = (
        Reduce(tuple(range(1, len(key.shape))), keep=False),
        Insert(tuple(range(1, len(shape)))),
        Broadcast(shape),
        *_causal_bound(causal, shape),
    )
    spec = TensorSpec(shape, BATCH + CHANNEL * (len(shape) - 1))
    return spec, (Path(0, spread), Path(1 if key is not query else 0, everything))


def _weighted_sum(call: Call, weights: tuple[Parameter, ...]) -> Result:
    """Attention without projections: scores between query and key weigh the value."""
    (_, query), (key_at, key), (_, value) = _operands(call)
    place_of_value = min(2, len(call.inputs) - 1)
    output = TensorSpec((*query.shape[:-1], value.shape[-1]), query.axes[:-1] + CHANNEL, query.dtype)
    axis = len(query.shape) - 2
    last = len(query.shape) - 1
    kept: tuple[Step, ...] = (Contract(last, 1), Broadcast(output.shape))
    paths = [Path(0, kept)]
    for place in dict.fromkeys((key_at, place_of_value)):
        paths.append(Path(place, (*_attend(call, (axis,), query, call.inputs[place], aligned=True), *kept)))
    pairs = _rest(query, (axis,)) * query.shape[axis] * key.shape[axis]
    macs = pairs * (query.shape[-1] + value.shape[-1])
    outputs, all_paths = [output], [tuple(paths)]
    if call["scores"]:
        shape = (*query.shape[:-1], key.shape[axis])
        outputs.append(TensorSpec(shape, query.axes[:-1] + CHANNEL))
        grid: tuple[Step, ...] = (Contract(last, 1), Broadcast(shape))
        read = (Reduce((axis,), keep=True), *grid, *_causal_bound(bool(call["causal"]), shape))
        all_paths.append((Path(0, grid), Path(key_at, read)))
    return Result(tuple(outputs), tuple(all_paths), weights, macs)


@rule(
    "head_attention",
    CAUSAL,
    SEEN,
    family="attention",
    summary="Attention of ready-made heads: inputs (batch, positions, heads, features).",
    native=False,
)
def head_attention(call: Call) -> Result:
    """No weights; MACs of query by key and of scores by value."""
    (_, query), (key_at, key), (value_at, value) = _operands(call)
    for spec in (query, key, value):
        call.check_rank(spec, 4)
    output = TensorSpec((*query.shape[:-1], value.shape[-1]), query.axes, query.dtype)
    kept: tuple[Step, ...] = (Contract(3, 1), Broadcast(output.shape))
    others = tuple(
        Path(place, (*_attend(call, (1,), query, call.inputs[place]), *kept))
        for place in dict.fromkeys((key_at, value_at))
    )
    pairs = _rest(query, (1,)) * query.shape[1] * key.shape[1]
    macs = pairs * (query.shape[3] + value.shape[3])
    return Result((output,), ((Path(0, kept), *others),), (), macs)


SCORES = Setting("scores", INTERNAL, False, "return the scores as a second output")


@rule(
    "dot_attention",
    Setting("scale", FLAG, False, "whether one factor is learned"),
    CAUSAL,
    SEEN,
    Setting("concat_score", INTERNAL, False, "scores by a learned factor of tanh(query + key)"),
    SCORES,
    family="attention",
    summary=f"Dot-product attention without projections ({_ORDER}).",
)
def dot_attention(call: Call) -> Result:
    """At most one weight."""
    roles = [
        role
        for role, used in (("scale", call["scale"]), ("concat_score_weight", call["concat_score"]))
        if used
    ]
    return _weighted_sum(call, tuple(Parameter(role, ()) for role in roles))


@rule(
    "additive_attention",
    Setting("scale", FLAG, True, "whether a factor for each feature is learned"),
    CAUSAL,
    SEEN,
    SCORES,
    family="attention",
    summary=f"Additive attention without projections ({_ORDER}).",
)
def additive_attention(call: Call) -> Result:
    """One weight for each feature of the key."""
    key = _operands(call)[1][1]
    return _weighted_sum(call, (Parameter("scale", (key.shape[-1],)),) if call["scale"] else ())


@rule(
    "fused_attention",
    Setting("width", COUNT, REQUIRED, "features of query, key and value together"),
    Setting("units", COUNT, REQUIRED, "features of the value, which are those of the output"),
    Setting("scores", COUNT, REQUIRED, "features of key and value together"),
    CAUSAL,
    SEEN,
    family="attention",
    summary="Self-attention with one matrix for the projections of query, key and value.",
    native=False,
)
def fused_attention(call: Call) -> Result:
    """MACs of the projection, of query by key, and of scores by value."""
    spec = call.only()
    call.check_rank(spec, 3)
    axis, last = len(spec.shape) - 2, len(spec.shape) - 1
    output = TensorSpec((*spec.shape[:-1], call["units"]), spec.axes[:-1] + CHANNEL, spec.dtype)
    kept: tuple[Step, ...] = (Contract(last, 1), Broadcast(output.shape))
    attended = _attend(call, (axis,), spec, spec)
    positions = _rest(spec, (axis,)) * spec.shape[axis]
    macs = positions * (spec.shape[last] * call["width"] + spec.shape[axis] * call["scores"])
    return Result((output,), ((Path(0, kept), Path(0, (*attended, *kept))),), (), macs)


@rule(
    "linear_attention",
    Setting("heads", COUNT, REQUIRED, "heads of the query"),
    Setting("kv_heads", COUNT, None, "heads of key and value; by default as many"),
    Setting("corrected", FLAG, False, "what the state holds of a key is taken off its value (delta rule)"),
    Setting(
        "decay", INTERNAL, False, "the fourth input says what each step but the first keeps of the state"
    ),
    Setting("past", INTERNAL, False, "the last input is the state before the first step"),
    Setting("state", INTERNAL, False, "return the state behind the last step as a second output"),
    family="attention",
    summary="Linear attention: a state sums up keys by values (inputs: query, key, value, decay, rate).",
    native=False,
)
def linear_attention(call: Call) -> Result:
    """No weights; MACs of key by value, of query by state, and of key by state where that corrects it."""
    query, key, value = call.inputs[:3]
    for spec in call.inputs[:3]:
        call.check_rank(spec, 3)
    heads = call["heads"]
    groups = heads if call["kv_heads"] is None else call["kv_heads"]
    steps, key_dim, value_dim = query.shape[1], key.shape[2] // groups, value.shape[2] // groups
    output = TensorSpec((*query.shape[:2], heads * value_dim), query.axes, query.dtype)
    state = TensorSpec((query.shape[0], groups, key_dim, value_dim), BATCH + CHANNEL * 3, query.dtype)
    kept: tuple[Step, ...] = (Contract(2, 1), Broadcast(output.shape))
    summed: tuple[Step, ...] = (Reduce((1, 2)), Insert((1, 2, 3)), Broadcast(state.shape))
    before: tuple[Step, ...] = (Reduce((1, 2, 3)), Insert((1, 2)), Broadcast(output.shape))
    paths, last = [Path(0, kept)], []
    for place in range(1, len(call.inputs)):
        if call["past"] and place == len(call.inputs) - 1:
            paths.append(Path(place, before))
            last.append(Path(place, (Reduce((1, 2, 3)), Insert((1, 2, 3)), Broadcast(state.shape))))
            continue
        late: tuple[Step, ...] = ()
        shifted: tuple[Step, ...] = ()
        if call["decay"] and place == 3:  # before the first step there is nothing to keep
            late, shifted = (Slide(1, point(1, 1), steps - 1),), (Slide(1, point(1, -1), steps),)
        paths.append(Path(place, (*late, Scan(1), *shifted, *kept)))
        last.append(Path(place, (*late, *summed)))
    macs = steps * key_dim * value_dim * (groups * (2 if call["corrected"] else 1) + heads)
    if not call["state"]:
        return Result((output,), (tuple(paths),), (), macs)
    return Result((output, state), (tuple(paths), tuple(last)), (), macs)
