"""What a few operators make of tensors without elements, found without taking the operator apart.

PyTorch finds that out by running what an operator is made of: for a recurrent layer all its steps, for a
normalisation a dozen operators in Python. Each function here returns tensors of the same shape, strides and
type, or None where that is not plain to see; then PyTorch does find it out, or refuses what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def shortcuts() -> Mapping[Any, Callable[..., Any]]:
    """Return by operator what finds its result; each takes what the operator takes."""
    import torch

    aten = torch.ops.aten
    return {
        aten.batch_norm.default: _batch_norm,
        aten.layer_norm.default: _layer_norm,
        aten.linear.default: _linear,
        aten.scaled_dot_product_attention.default: _attention,
        aten.lstm.input: _lstm,
        aten.gru.input: _recurrent,
        aten.rnn_tanh.input: _recurrent,
        aten.rnn_relu.input: _recurrent,
    }


def _plain(*tensors: Any) -> bool:
    """Tell whether tensors have no elements, and all the same type of element."""
    some = [each for each in tensors if each is not None]
    return len({each.dtype for each in some}) == 1 and all(each.device.type == "meta" for each in some)


def _batch_norm(x: Any, *others: Any) -> Any:
    import torch

    if len(others) < 5 or x.device.type != "meta":
        return None
    weight, bias, mean, variance, training, *_ = others
    sizes = {each.shape for each in (weight, bias, mean, variance) if each is not None}
    if training or not x.dim() > 1 or sizes - {x.shape[1:2]}:
        return None
    return torch.empty_like(x)


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, *_others: Any) -> Any:
    import torch

    fits = tuple(x.shape[-len(shape) :]) == tuple(shape) if len(shape) else False
    if not fits or not _plain(x, weight, bias) or not x.is_contiguous():
        return None
    if any(each is not None and tuple(each.shape) != tuple(shape) for each in (weight, bias)):
        return None
    return torch.empty_like(x)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    if x.dim() < 2 or weight.dim() != 2 or x.shape[-1] != weight.shape[1] or not _plain(x, weight, bias):
        return None
    if not x.is_contiguous() or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


def _attention(query: Any, key: Any, value: Any, mask: Any = None, dropout: float = 0.0, *others: Any) -> Any:
    if mask is not None or dropout or any(others) or not _plain(query, key, value):
        return None
    if not query.dim() == key.dim() == value.dim() == 4 or query.shape[:2] != key.shape[:2]:
        return None
    if query.shape[-1] != key.shape[-1] or key.shape[:-1] != value.shape[:-1]:
        return None
    return query.new_empty((*query.shape[:-1], value.shape[-1]))


def _lstm(x: Any, states: Any, weights: Any, *settings: Any) -> Any:
    if len(states) != 2:
        return None
    found = _sequence(x, states[0], weights, *settings)
    return None if found is None else (*found, states[1].new_empty(states[1].shape))


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
    output = x.new_empty((steps, batch, state.shape[-1] * ways))
    return output.transpose(0, 1) if batch_first else output, state.new_empty(state.shape)
