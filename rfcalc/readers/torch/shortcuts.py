"""What a few operators make of tensors without elements, found without taking the operator apart.

PyTorch finds that out by running what an operator is made of: for a recurrent layer all its steps, for a
normalisation a dozen operators in Python. Each function here returns tensors of the same shape, strides and
type, or None where that is not plain to see; then PyTorch does find it out, or refuses what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from rfcalc.readers.torch.shortcuts_elementwise import elementwise, filled, like


@cache
def shortcuts() -> Mapping[Any, Callable[..., Any]]:
    """Return by operator what finds its result; each takes what the operator takes."""
    import torch

    aten = torch.ops.aten
    found: dict[Any, Callable[..., Any]] = {
        aten.batch_norm.default: _batch_norm,
        aten.layer_norm.default: _layer_norm,
        aten.group_norm.default: _group_norm,
        aten.linear.default: _linear,
        aten.matmul.default: _matmul,
        aten.conv1d.default: _convolution,
        aten.conv2d.default: _convolution,
        aten.conv3d.default: _convolution,
        aten.scaled_dot_product_attention.default: _attention,
        aten.lstm.input: _lstm,
        aten.gru.input: _recurrent,
        aten.rnn_tanh.input: _recurrent,
        aten.rnn_relu.input: _recurrent,
        aten._grouped_mm.default: _grouped,
        aten.masked_fill.Tensor: _masked_fill,
    }
    return {**elementwise(), **{function: _by_place(each) for function, each in found.items()}}


def _by_place(find: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that leaves arguments by name to PyTorch, but for what changes no shape."""

    def found(*args: Any, **named: Any) -> Any:
        return None if set(named) - {"scale"} else find(*args)

    return found


def _plain(*tensors: Any) -> bool:
    """Tell whether tensors have no elements, and all the same type of element."""
    some = [each for each in tensors if each is not None]
    return len({each.dtype for each in some}) == 1 and all(each.device.type == "meta" for each in some)


def _all_of(shape: Sequence[int], *tensors: Any) -> bool:
    """Tell whether all tensors that are there have that shape."""
    return all(each is None or tuple(each.shape) == tuple(shape) for each in tensors)


def _batch_norm(x: Any, *others: Any) -> Any:
    if len(others) < 5 or x.device.type != "meta" or x.dim() < 2 or not _all_of(x.shape[1:2], *others[:4]):
        return None
    training = others[4]
    unfit = x.numel() <= x.shape[1] if training else others[2] is None or others[3] is None
    return None if unfit else like(x)


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, *_others: Any) -> Any:
    fits = len(shape) > 0 and _all_of(x.shape[-len(shape) :], weight, bias)
    if not fits or tuple(x.shape[-len(shape) :]) != tuple(shape) or not _plain(x, weight, bias):
        return None
    return filled(x, x.shape)


def _group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, *_others: Any) -> Any:
    if x.dim() < 2 or not _all_of(x.shape[1:2], weight, bias) or not _plain(x, weight, bias):
        return None
    return filled(x, x.shape) if x.numel() and groups > 0 and x.shape[1] % groups == 0 else None


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    if x.dim() < 2 or weight.dim() != 2 or x.shape[-1] != weight.shape[1] or not _plain(x, weight, bias):
        return None
    return filled(x, (*x.shape[:-1], weight.shape[0])) if _all_of(weight.shape[:1], bias) else None


def _matmul(x: Any, other: Any) -> Any:
    if not x.dim() == other.dim() > 1 or x.shape[:-2] != other.shape[:-2] or not _plain(x, other):
        return None
    fits = x.shape[-1] == other.shape[-2]
    return filled(x, (*x.shape[:-1], other.shape[-1])) if fits else None


def _convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Any:
    if not _plain(x, weight, bias) or x.dim() != weight.dim():
        return None
    filters, depth, *kernel = weight.shape
    if x.shape[1] != depth * groups or filters % groups or not _all_of((filters,), bias):
        return None
    count = len(kernel)
    steps, borders, rates = (
        tuple(each) * count if len(each) == 1 else tuple(each) for each in (stride, padding, dilation)
    )
    if {len(steps), len(borders), len(rates)} != {count} or min(*steps, *rates) < 1 or min(borders) < 0:
        return None
    reach = [
        n + 2 * p - d * (k - 1) - 1 for n, p, d, k in zip(x.shape[2:], borders, rates, kernel, strict=True)
    ]
    if min(reach) < 0 or not x.numel() or not weight.numel():
        return None
    return filled(x, (x.shape[0], filters, *(r // s + 1 for r, s in zip(reach, steps, strict=True))))


def _attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    dropout: float = 0.0,
    causal: bool = False,
    *others: Any,
) -> Any:
    if dropout or any(others) or (causal and mask is not None) or not _plain(query, key, value):
        return None
    if not query.dim() == key.dim() == value.dim() == 4 or query.shape[:2] != key.shape[:2]:
        return None
    if query.shape[-1] != key.shape[-1] or key.shape[:-1] != value.shape[:-1]:
        return None
    if mask is not None and not _masks(mask, (*query.shape[:-1], key.shape[-2]), query):
        return None
    return filled(query, (*query.shape[:-1], value.shape[-1]))


def _masks(mask: Any, scores: tuple[int, ...], query: Any) -> bool:
    """Tell whether a mask fits scores of that shape as it is, or repeated along axes of extent 1."""
    import torch

    if mask.device.type != "meta" or mask.dtype not in (torch.bool, query.dtype) or mask.dim() != 4:
        return False
    return all(have in (1, want) for have, want in zip(mask.shape, scores, strict=True))


def _grouped(x: Any, weight: Any, offsets: Any = None, bias: Any = None, *others: Any) -> Any:
    """Rows in groups, each times a matrix of its own: without elements PyTorch takes 16 bits only."""
    if offsets is None or bias is not None or any(others) or not _plain(x, weight):
        return None
    if x.dim() != 2 or weight.dim() != 3 or x.shape[1] != weight.shape[1]:
        return None
    units = weight.shape[2]
    whole = 16 // x.element_size()  # a row fills whole blocks of 16 bytes
    return x.new_empty_strided((x.shape[0], units), (-(-units // whole) * whole, 1))


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Fill with the number that a tensor on the CPU holds, which PyTorch refuses without elements alone."""
    import torch

    if value.dim() or value.device.type == "meta" or x.device.type != "meta":
        return None
    return torch.ops.aten.masked_fill.Scalar(x, mask, 0)


def _lstm(x: Any, states: Any, weights: Any, *settings: Any) -> Any:
    if len(states) != 2:
        return None
    found = _sequence(x, states[0], weights, *settings)
    return None if found is None else (*found, filled(states[1], states[1].shape))


def _recurrent(x: Any, state: Any, weights: Any, *settings: Any) -> Any:
    return _sequence(x, state, weights, *settings)


def _sequence(
    x: Any,
    state: Any,
    weights: Any,
    _biases: bool,
    layers: int,
    _dropout: float,
    training: bool,
    both_ways: bool,
    batch_first: bool,
) -> tuple[Any, Any] | None:
    """Return the outputs of a recurrent layer at all steps, and the state behind the last."""
    ways = 2 if both_ways else 1
    if training or x.dim() != 3 or not _plain(x, state, *weights) or state.dim() != 3:
        return None
    batch, steps = (x.shape[0], x.shape[1]) if batch_first else (x.shape[1], x.shape[0])
    if state.shape[:2] != (layers * ways, batch) or x.shape[-1] != weights[0].shape[1]:
        return None
    output = filled(x, (steps, batch, state.shape[-1] * ways))
    return output.transpose(0, 1) if batch_first else output, filled(state, state.shape)
