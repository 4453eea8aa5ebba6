"""Primitives that make tensors of nothing: numbers in a row, random ones."""

from __future__ import annotations

from rfcalc.readers.jaxpr.operation import Operation, op
from rfcalc.readers.lowering.value import Values

_RANDOM = (
    *("random_seed", "random_bits", "random_wrap", "random_unwrap", "random_fold_in", "random_split"),
    *("random_clone", "threefry2x32", "rng_bit_generator", "rng_uniform", "random_gamma"),
)


@op("iota", "empty", "empty2", "axis_index", "create_token", "full")
def made(operation: Operation) -> Values:
    """Numbers that depend on no tensor's elements."""
    return operation.fresh()


@op(*_RANDOM)
def random(operation: Operation) -> Values:
    """Numbers that depend on a key, which is mostly none of the model's inputs."""
    moving = [value for value in operation.given if not value.constant]
    return operation.cover(moving, "what is random depends on a key") if moving else operation.fresh()
