"""What an output of a PyTorch or Keras model reads, measured by running it.

Weights are made positive and biases zero, so that without a norm of the input's own statistics an output is
zero where all that it reads is zero, and more than zero where a row that it reads is one. That needs no
difference of large numbers, and so no far row is lost in rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Reach(NamedTuple):
    """The first and the last row that an output row reads."""

    first: int
    last: int


def positive(module: Any) -> Any:
    """Return a module with positive weights, no biases, and norms that do nothing, in double precision."""
    import torch

    module = module.double().eval()
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith("bias") or value.ndim == 0:
                value.zero_()
            else:
                value.fill_(1.0 if value.ndim == 1 else 1 / value[0].numel())
    return module


def thinned(module: Any) -> Any:
    """Return a module whose convolutions and batch norms have one channel: fields know none.

    It must not join channels of several maps.
    """
    import torch

    for each in module.modules():
        if isinstance(each, torch.nn.Conv2d):
            each.in_channels = each.out_channels = each.groups = 1
            each.weight = torch.nn.Parameter(torch.ones(1, 1, *each.kernel_size))
            each.bias = None
        elif isinstance(each, torch.nn.BatchNorm2d):
            each.num_features = 1
            each.weight = torch.nn.Parameter(torch.ones(1))
            each.bias = torch.nn.Parameter(torch.zeros(1))
            each.running_mean, each.running_var = torch.zeros(1), torch.ones(1)
    return positive(module)


def reached(
    call: Callable[[Any], Any], shape: Sequence[int], axis: int, row: int, dtype: Any = None
) -> Reach:
    """Measure what one row of an output reads along an axis, which is the same axis of the output.

    An output that reads a row changes with all rows before and with it set; which is the first, and which the
    last, is found by halving.
    """
    import torch

    size = shape[axis]

    def changes(low: int, high: int) -> bool:
        x = torch.zeros(tuple(shape), dtype=dtype or torch.float64)
        x.narrow(axis, low, high - low).fill_(1.0)
        with torch.no_grad():
            return bool((call(x).select(axis, row) > 0).any())

    assert changes(0, size), "the output reads nothing"
    return Reach(
        _least(lambda count: changes(0, count), size) - 1,
        size - _least(lambda count: changes(size - count, size), size),
    )


def _least(holds: Callable[[int], bool], high: int) -> int:
    """Return the least count for which something holds that holds for all larger ones up to `high`."""
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
