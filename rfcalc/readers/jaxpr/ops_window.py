"""Convolution and pooling, whatever the order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.masks import full, mask_of
from rfcalc.readers.lowering.value import Value, Values


@op("conv_general_dilated")
def conv(operation: Operation) -> Values:
    """A convolution; where its input is dilated, a transposed one."""
    x, kernel, params = operation[0], operation[1], operation.params
    if x.constant:
        raise Undecided
    bias = operation.given[2] if len(operation.given) > 2 else None
    numbers = params["dimension_numbers"]
    lhs, rhs, out = (tuple(map(int, spec)) for spec in (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec))
    groups, parts = operation.integer("feature_group_count"), operation.integer("batch_group_count")
    depth = kernel.shape[rhs[1]]
    prepare: tuple[tuple[int, tuple[Stage, ...]], ...] = ()
    if parts > 1:
        if groups > 1:
            raise Undecided
        prepare = ((0, _batch_to_channels(x, lhs, parts)),)
        groups, lhs = parts, tuple(range(len(lhs)))
    then = _reordered(lhs, out)
    attrs: dict[str, Any] = {
        "filters": kernel.shape[rhs[0]],
        "kernel": tuple(kernel.shape[place] for place in rhs[2:]),
        "dilation": operation.integers("rhs_dilation"),
        "groups": groups,
        "spatial": lhs[2:],
        "channel": lhs[1],
    }
    strides, spread = operation.integers("window_strides"), operation.integers("lhs_dilation")
    pads = tuple((int(lo), int(hi)) for lo, hi in params["padding"])
    if len(lhs) == 2:
        raise Undecided
    if all(step == 1 for step in spread):
        alive = _kept_taps(kernel, rhs)
        attrs.update({"stride": strides, "padding": pads, "depth": depth})
        if alive is not None:
            attrs["alive"] = alive
        return operation.add("conv", (x,), attrs, Extras(prepare, then), weights=(kernel, bias))
    return _transposed(operation, x, (kernel, bias), attrs, pads, spread, strides, Extras(prepare, then))


def _transposed(
    operation: Operation,
    x: Value,
    weights: tuple[Value, Value | None],
    attrs: dict[str, Any],
    pads: Sequence[tuple[int, int]],
    spread: Sequence[int],
    strides: Sequence[int],
    extras: Extras,
) -> Values:
    """Add a convolution over an input between whose elements zeros stand."""
    reach = [step * (k - 1) for step, k in zip(attrs["dilation"], attrs["kernel"], strict=True)]
    taken = tuple((far - lo, far - hi) for far, (lo, hi) in zip(reach, pads, strict=True))
    attrs.update({"stride": tuple(spread), "padding": taken, "output_padding": (0,) * len(reach)})
    steps = tuple(
        (axis, None, None, step) for axis, step in zip(attrs["spatial"], strides, strict=True) if step > 1
    )
    if steps:
        extras = extras._replace(then=(Stage("slice", {"slices": steps}), *extras.then))
    return operation.add("transposed_conv", (x,), attrs, extras, weights=weights)


def _reordered(have: Sequence[int], want: Sequence[int]) -> tuple[Stage, ...]:
    """Return what puts batch, channels and positions from where they are to where they shall be."""
    order = [0] * len(have)
    for source, target in zip(have, want, strict=True):
        order[target] = source
    return () if order == list(range(len(order))) else (Stage("permute", {"order": tuple(order)}),)


def _batch_to_channels(x: Value, lhs: Sequence[int], parts: int) -> tuple[Stage, ...]:
    """Return what makes groups of samples groups of channels, batch and channels first."""
    batch, channels, *rest = (x.shape[place] for place in lhs)
    if not isinstance(batch, int) or batch % parts:
        raise AnalysisError(f"{batch} samples do not divide into {parts} groups")
    rank = len(lhs) + 1
    turn = Stage("permute", {"order": (1, 0, *range(2, rank))})
    each = batch // parts
    return (
        *((Stage("permute", {"order": tuple(lhs)}),) if list(lhs) != sorted(lhs) else ()),
        Stage("reshape", {"shape": (parts, each, channels, *rest)}),
        turn,
        Stage("reshape", {"shape": (each, parts * channels, *rest)}),
    )


def _kept_taps(kernel: Value, rhs: Sequence[int]) -> tuple[tuple[int, ...], ...] | None:
    """Say for each axis of a kernel's window which taps a constant mask leaves; None where it leaves all."""
    mask = mask_of(kernel)
    if mask is None or mask.alive is None or mask.low:
        return None
    alive = full(mask.alive, kernel.shape)
    found = [
        tuple(alive.any(axis=tuple(k for k in range(kernel.rank) if k != place)).nonzero()[0].tolist())
        for place in rhs[2:]
    ]
    whole = all(len(taps) == kernel.shape[place] for taps, place in zip(found, rhs[2:], strict=True))
    return None if whole else tuple(found)


_POOLS = {
    **{"reduce_window_max": "max_pool", "reduce_window_min": "max_pool", "reduce_window": "max_pool"},
    **{"reduce_window_sum": "average_pool", "reduce_window_mul": "average_pool"},
}


@op(*_POOLS, "reduce_window_and", "reduce_window_or")
def pool(operation: Operation) -> Values:
    """What a window comes to, along any axes."""
    params, x = operation.params, operation[0]
    if len(operation.call.outputs) > 1:
        raise Undecided
    if x.constant:
        return operation.fresh()
    names = ("window_dimensions", "window_strides", "padding", "window_dilation", "base_dilation")
    table = [params[name] if params.get(name) is not None else (1,) * x.rank for name in names]
    rows = [
        (place, int(k), int(s), (int(pad[0]), int(pad[1])), int(d), int(b))
        for place, (k, s, pad, d, b) in enumerate(zip(*table, strict=True))
    ]
    moved = [row for row in rows if (row[1], row[2], row[3], row[5]) != (1, 1, (0, 0), 1)]
    if any(row[5] > 1 for row in moved):
        raise Undecided
    if not moved:
        return (x,)
    others = [place for place in range(x.rank) if place not in {row[0] for row in moved}]
    attrs = {
        "kernel": tuple(row[1] for row in moved),
        "stride": tuple(row[2] for row in moved),
        "padding": tuple(row[3] for row in moved),
        "dilation": tuple(row[4] for row in moved),
        "spatial": tuple(row[0] for row in moved),
        "channel": others[-1] if others else 0,
    }
    return operation.add(_POOLS.get(operation.op, "max_pool"), (x,), attrs)


@op("select_and_gather_add", "select_and_scatter_add", "select_and_scatter")
def gradients(operation: Operation) -> Values:
    """Gradients of poolings."""
    return operation.cover(operation.given, "which element of a window is taken depends on their values")
