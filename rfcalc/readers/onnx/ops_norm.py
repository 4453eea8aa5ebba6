"""Normalisation."""

from __future__ import annotations

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import norm
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.onnx.operation import MICROSOFT, Operation, op


def _copies(operation: Operation) -> int:
    return max(len(operation.node.outputs) - 1, 0)


@op("BatchNormalization", tells="window")
def batch_norm(operation: Operation) -> Values:
    """X, scale, B, mean, variance."""
    return norm.batch_norm(
        operation,
        operation[0],
        (operation.optional(1), operation.optional(2)),
        (operation[3], operation[4]),
        training=bool(operation.integer("training_mode", 0)),
        copies=_copies(operation),
    )


@op("InstanceNormalization", tells="window")
def instance_norm(operation: Operation) -> Values:
    """X, scale, B; statistics over the positions of each channel."""
    affine = (operation.optional(1), operation.optional(2))
    return norm.instance_norm(operation, operation[0], affine)


@op("GroupNormalization", tells="window")
def group_norm(operation: Operation) -> Values:
    """X, scale, bias."""
    affine = (operation.optional(1), operation.optional(2))
    groups = operation.integer("num_groups", 1)
    return norm.group_norm(operation, operation[0], affine, groups)


def _from_axis(operation: Operation, x: Value, default: int) -> range:
    return range(operation.axis("axis", default, x.rank), x.rank)


@op("LayerNormalization", "RMSNormalization", tells="features")
def layer_norm(operation: Operation) -> Values:
    """X, scale, B; statistics over the axes from one on."""
    return _layer_norm(operation, operation[0], operation.given[1:])


def _layer_norm(operation: Operation, x: Value, affine: list[Value]) -> Values:
    kind = "layer_norm" if operation.op.endswith("LayerNormalization") else "rms_norm"
    axes = _from_axis(operation, x, -1)
    return norm.layer_norm(operation, x, affine, axes, kind=kind, copies=_copies(operation))


@op("LayerNormalization", "SimplifiedLayerNormalization", domain=MICROSOFT, tells="features")
@op("SimplifiedLayerNormalization", tells="features")
def fused_layer_norm(operation: Operation) -> Values:
    """As the standard one; onnxruntime also writes it into the standard domain."""
    return _layer_norm(operation, operation[0], operation.given[1:])


@op("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT, tells="features")
def skip_layer_norm(operation: Operation) -> Values:
    """X + skip + bias, then a layer normalisation; the sum may be an output of its own."""
    x, skip = operation[0], operation[1]
    extras = Extras(then=(Stage("layer_norm", {"axes": (-1,)}),), copies=_copies(operation))
    return operation.add("add", (x, skip), {}, extras, weights=operation.given[2:])


@op("LpNormalization")
def lp_norm(operation: Operation) -> Values:
    """Unit length along one axis."""
    x = operation[0]
    axes = (operation.axis("axis", -1, x.rank),)
    return norm.layer_norm(operation, x, (), axes, kind="unit_norm")


@op("MeanVarianceNormalization")
def mean_variance(operation: Operation) -> Values:
    """Zero mean and unit variance over axes."""
    axes = operation.integers("axes") or (0, 2, 3)
    return norm.layer_norm(operation, operation[0], (), axes, kind="unit_norm")


@op("LRN", tells="same")
def local_response(operation: Operation) -> Values:
    """Normalisation by neighbours along axis 1, whatever that axis holds."""
    attrs = {"size": operation.integer("size", 1), "axis": 1}
    return operation.add("local_response_norm", (operation[0],), attrs)
