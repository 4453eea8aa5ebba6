"""Normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from rfcalc.algebra.number import Num
from rfcalc.graph.layer import Extras
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Value


def batch_norm(
    operation: Lowering,
    x: Value,
    affine: Sequence[Value | None],
    statistics: Sequence[Value | None],
    *,
    axis: int = 1,
    training: bool = False,
    copies: int = 0,
) -> tuple[Value, ...]:
    """Add a batch normalisation by stored statistics, in training by those over batch and positions."""
    held = (*affine, *(operation.builder.frozen(value) for value in statistics if value is not None))
    if x.spec is None:
        return operation.builder.blind(operation.node, (x, *(value for value in held if value is not None)))
    if training:
        axes = tuple(place for place in range(x.rank) if place != axis)
        return operation.add("layer_norm", (x,), {"axes": axes}, Extras(copies=copies), weights=held)
    return operation.add("batch_norm", (x,), {"axis": axis}, Extras(copies=copies), weights=held)


def layer_norm(
    operation: Lowering,
    x: Value,
    affine: Sequence[Value | None],
    axes: Sequence[int],
    *,
    kind: str = "layer_norm",
    copies: int = 0,
) -> tuple[Value, ...]:
    """Add a normalisation by statistics over `axes` of the tensor itself; kind may be rms_norm, unit_norm."""
    return operation.add(kind, (x,), {"axes": tuple(axes)}, Extras(copies=copies), weights=affine)


def instance_norm(operation: Lowering, x: Value, affine: Sequence[Value | None]) -> tuple[Value, ...]:
    """Add a normalisation over all positions, channel by channel."""
    if x.spec is None:
        raise Blind
    return layer_norm(operation, x, affine, range(2, x.rank))


def group_norm(
    operation: Lowering, x: Value, affine: Sequence[Value | None], groups: Num
) -> tuple[Value, ...]:
    """Add a normalisation over all positions of a group of channels."""
    return operation.add("group_norm", (x,), {"groups": groups, "axis": 1}, weights=affine)
