"""Operators that make tensors of nothing."""

from __future__ import annotations

from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.masks import fill_of
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.torch.operation import Operation, op

MADE = (
    *("zeros", "ones", "full", "empty", "arange", "linspace", "logspace", "eye", "rand", "randn"),
    *("randint", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
    *("randint_like", "randperm", "new_zeros", "new_ones", "new_full", "new_empty"),
    *("empty_strided", "scalar_tensor", "tril_indices", "triu_indices", "hann_window"),
    *("hamming_window", "blackman_window", "kaiser_window", "bartlett_window", "normal", "uniform"),
    *("zero", "fill", "exponential", "fft_fftfreq", "fft_rfftfreq", "empty_permuted"),
    *("new_empty_strided", "vander", "_efficientzerotensor", "random", "log_normal", "cauchy"),
    *("geometric",),
)


@op(*MADE)
def made(operation: Operation) -> Values:
    """Numbers that depend on no tensor's elements, except what is filled in."""
    if operation.op == "aten.fill":
        value = operation.optional("value")
        if value is not None and (not value.constant or fill_of(value) is False):
            return moves.expand(operation, value, operation.recorded[0])
    return operation.fresh()


@op("meshgrid", "cartesian_prod", "combinations", "block_diag")
def arranged(operation: Operation) -> Values:
    """Vectors repeated as maps."""
    moving = [value for value in operation.given if not value.constant]
    if not moving:
        return operation.fresh()
    return operation.cover(moving, f"what {operation.node.op} moves where is not followed")


@op("broadcast_tensors")
def stretched(operation: Operation) -> Values:
    """Each tensor on its own, stretched to the shape of all."""
    made: list[Value] = []
    for k, (value, shape) in enumerate(zip(operation.given, operation.recorded, strict=True)):
        part = operation.node._replace(outputs=operation.node.outputs[k : k + 1])
        made += moves.expand(operation.at(part), value, shape)
    return tuple(made)
