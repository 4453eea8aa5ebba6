"""Normalisation."""

from __future__ import annotations

from rfcalc.readers.lowering import norm
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.torch.operation import Operation, op

Affine = tuple[Value | None, Value | None]


def _affine(operation: Operation) -> Affine:
    return operation.optional("weight"), operation.optional("bias")


_BATCH = (
    *("batch_norm", "_batch_norm_impl_index", "native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"),
    *("_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "_batch_norm_with_update"),
    *("_batch_norm_no_update",),
)


@op(*_BATCH, tells="window")
def batch_norm(operation: Operation) -> Values:
    """Input, weight, bias, running mean and variance; in training the statistics are those of the batch."""
    training = operation.flag("training", operation.op == "aten._batch_norm_with_update")
    stored = () if training else (operation.optional("running_mean"), operation.optional("running_var"))
    x = operation["input"]
    made = norm.batch_norm(operation, x, _affine(operation), stored, training=training)
    return (*made, *operation.fresh()[1:])


@op("instance_norm", tells="window")
def instance_norm(operation: Operation) -> Values:
    """Statistics over the positions of each channel, or stored ones."""
    x = operation["input"]
    if not operation.flag("use_input_stats", True):
        stored = (operation.optional("running_mean"), operation.optional("running_var"))
        return norm.batch_norm(operation, x, _affine(operation), stored)
    return norm.instance_norm(operation, x, _affine(operation))


@op("group_norm", "native_group_norm", tells="window")
def group_norm(operation: Operation) -> Values:
    """Statistics over all positions of a group of channels."""
    groups = operation.integer("num_groups" if "num_groups" in operation.call.args else "group")
    x = operation["input"]
    made = norm.group_norm(operation, x, _affine(operation), groups)
    return (*made, *operation.fresh()[1:])


@op("layer_norm", "rms_norm", "native_layer_norm", "_fused_rms_norm", tells="features")
def layer_norm(operation: Operation) -> Values:
    """Statistics over the last axes."""
    x = operation["input"]
    if x.spec is None:
        raise Blind
    axes = range(x.rank - len(operation.numbers("normalized_shape")), x.rank)
    kind = "rms_norm" if "rms_norm" in operation.op else "layer_norm"
    made = norm.layer_norm(operation, x, _affine(operation), axes, kind=kind)
    return (*made, *operation.fresh()[1:])


@op("local_response_norm")
def local_response(operation: Operation) -> Values:
    """Normalisation by neighbours along axis 1, whatever that axis holds."""
    attrs = {"size": operation.integer("size"), "axis": 1}
    return operation.add("local_response_norm", (operation["input"],), attrs)


@op("_weight_norm", "_weight_norm_interface")
def weight_norm(operation: Operation) -> Values:
    """A parameter made of a direction and a length."""
    direction, length = operation["v"], operation["g"]
    made = operation.add("multiply", (direction, length))
    return (*made, *operation.fresh()[1:])


@op("renorm", "normalize")
def unit(operation: Operation) -> Values:
    """Unit length along all axes but one."""
    x = operation["self"]
    axis = operation.axis("dim", x.rank)
    axes = [place for place in range(x.rank) if place != axis]
    return norm.layer_norm(operation, x, (), axes, kind="unit_norm")
