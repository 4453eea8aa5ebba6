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


def changed(call: Callable[[Any], Any], shape: Sequence[int], row: int) -> Reach:
    """Measure along the last axis what one row of an output reads, for any weights in double precision.

    It is what differs where all rows up to one, or from one on, are others; a difference may be lost to
    rounding where a network is deep.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    here, other = (torch.randn(*shape, dtype=torch.float64, generator=generator) for _ in range(2))
    size = shape[-1]

    def differs(low: int, high: int) -> bool:
        x = here.clone()
        x[..., low:high] = other[..., low:high]
        with torch.no_grad():
            return not torch.equal(call(x)[..., row], call(here)[..., row])

    return Reach(
        _least(lambda count: differs(0, count), size) - 1,
        size - _least(lambda count: differs(size - count, size), size),
    )


def _least(holds: Callable[[int], bool], high: int) -> int:
    """Return the least count for which something holds that holds for all larger ones up to `high`."""
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def samples_a_frame(encoder: Any, front: tuple[int, ...]) -> int:
    """Count samples from where one frame more comes out to where the next does.

    The input has the shape `front`, and samples along the last axis.
    """
    import torch

    def frames(count: int) -> int:
        with torch.no_grad():
            return int(encoder(torch.zeros(*front, count)).shape[-1])

    def least(wanted: int, low: int, high: int) -> int:
        return low + _least(lambda more: frames(low + more) >= wanted, high - low)

    start = frames(3000)
    first = least(start + 1, 3000, 6000)
    return least(start + 2, first, 6000) - first


def sloped(call: Callable[[Any], Any], shape: Sequence[int], rows: range) -> Reach:
    """Measure what some rows of an output read together along the last axis, by the slopes at zero.

    For networks of which no slope is zero there: positive weights, and activations that are smooth at zero.
    It takes one run for any number of rows.
    """
    import torch

    x = torch.zeros(tuple(shape), dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(call(x)[..., rows.start : rows.stop].sum(), x)
    read = torch.nonzero(slopes.flatten(0, -2).any(0)).ravel()
    return Reach(int(read[0]), int(read[-1]))
