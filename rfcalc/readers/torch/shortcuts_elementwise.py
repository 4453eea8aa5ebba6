"""What elementwise operators and reductions make of tensors without elements, found from shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

MAPS: Final = (
    "abs", "celu", "clamp", "clamp_max", "clamp_min", "cos", "elu", "erf", "exp", "gelu",
    "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log", "mish", "neg", "reciprocal",
    "relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "sin", "softplus", "sqrt", "square", "tanh",
)  # fmt: skip
"""Operators on one tensor of floats and numbers, which keep its shape, strides and type."""

PAIRS: Final = ("add", "sub", "mul", "div")
"""Operators on two tensors of the same type, or a tensor and a number; axes of extent 1 are repeated."""

REDUCTIONS: Final = ("mean.dim", "sum.dim_IntList", "amax.default", "amin.default")
"""Operators on a tensor, the axes that they take together, and whether these stay with the extent 1."""


def elementwise() -> Mapping[Any, Callable[..., Any]]:
    """Return by operator what finds its result; each takes what the operator takes."""
    import torch

    aten = torch.ops.aten
    found: dict[Any, Callable[..., Any]] = {}
    for name in MAPS:
        found |= dict.fromkeys(_overloads(aten, name, "default"), _mapped)
        found |= dict.fromkeys(_overloads(aten, f"{name}_", "default"), _mapped_in_place)
    for name in PAIRS:
        found |= dict.fromkeys(_overloads(aten, name, "Tensor"), _paired)
        found |= dict.fromkeys(_overloads(aten, f"{name}_", "Tensor"), _paired_in_place)
    for name in REDUCTIONS:
        found |= dict.fromkeys(_overloads(aten, *name.split(".")), _reduced)
    return {
        **found,
        aten.linalg_vector_norm.default: _vector_norm,
        aten.softmax.int: _softmax,
        aten.log_softmax.int: _softmax,
        aten.roll.default: _roll,
    }


def _overloads(aten: Any, name: str, overload: str) -> Sequence[Any]:
    """Return the operator of that name, where PyTorch has it."""
    packet = getattr(aten, name, None)
    return [getattr(packet, overload)] if packet is not None and overload in packet.overloads() else []


def _is_plain(x: Any) -> bool:
    """Tell whether this is a tensor of floats without elements."""
    return bool(x.is_meta and x.is_floating_point())


def like(x: Any) -> Any:
    """Return a tensor without elements of the same shape, type and order of axes."""
    import torch

    strides = x.stride()
    if not x.is_contiguous():
        if 0 in strides:
            return torch.empty_like(x)
        strides = _dense(x.shape, strides)
    # by itself, since empty_like runs Python on the meta device
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device="meta")


def _dense(shape: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Return strides for elements that lie side by side, with the axes in the order of other strides."""
    found = [1] * len(shape)
    reach = 1
    for axis in sorted(range(len(shape)), key=lambda axis: (strides[axis], shape[axis] != 1, -axis)):
        found[axis] = reach
        reach *= shape[axis]
    return found


def filled(x: Any, shape: Sequence[int]) -> Any:
    """Return a tensor without elements of the same type, of another shape."""
    import torch

    return torch.empty(shape, dtype=x.dtype, device="meta")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float, bool)


def _mapped(x: Any, *_numbers: Any, **_named: Any) -> Any:
    return like(x) if _is_plain(x) else None


def _mapped_in_place(x: Any, *_numbers: Any, **_named: Any) -> Any:
    return x if _is_plain(x) and x.is_contiguous() else None


def _paired(x: Any, other: Any, **_named: Any) -> Any:
    if not _is_plain(x):
        return None
    if _is_number(other):
        return like(x)
    shape = _together(x, other)
    if shape is None:
        return None
    if x.shape == shape and 0 not in x.stride():  # the first of them decides the order of the axes
        return like(x)
    if other.shape == shape and 0 not in other.stride() and sum(n != 1 for n in x.shape) < 2:
        return like(other)
    return filled(x, shape) if x.is_contiguous() and other.is_contiguous() else None


def _paired_in_place(x: Any, other: Any, **_named: Any) -> Any:
    if not _is_plain(x) or not x.is_contiguous():
        return None
    return x if _is_number(other) or _together(x, other) == tuple(x.shape) else None


def _together(x: Any, other: Any) -> tuple[int, ...] | None:
    """Return the shape of two tensors of the same type together, or None where they do not fit."""
    if other.device.type != "meta" or x.dtype is not other.dtype:
        return None
    one, two = tuple(x.shape), tuple(other.shape)
    if one == two:
        return one
    rank = max(len(one), len(two))
    one, two = (1,) * (rank - len(one)) + one, (1,) * (rank - len(two)) + two
    if any(a != b and 1 not in (a, b) for a, b in zip(one, two, strict=True)):
        return None
    return tuple(b if a == 1 else a for a, b in zip(one, two, strict=True))


def _axes(x: Any, dims: Any) -> set[int] | None:
    """Return axes counted from the front, or None where some are missing, named twice or not there."""
    if not isinstance(dims, (list, tuple)) or not dims:
        return None
    rank = x.dim()
    found = {dim % rank for dim in dims if rank and -rank <= dim < rank}
    return found if len(found) == len(dims) else None


def _reduced(x: Any, dims: Any = None, keep: bool = False, **named: Any) -> Any:
    axes = _axes(x, dims)
    if named or axes is None or not _is_plain(x) or not x.numel():
        return None
    return filled(x, [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes])


def _vector_norm(x: Any, _order: Any = 2, dims: Any = None, keep: bool = False, **named: Any) -> Any:
    return _reduced(x, dims, keep, **named)


def _softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    fits = dtype is None and _is_plain(x) and _axes(x, [dim]) is not None
    return filled(x, x.shape) if fits else None


def _roll(x: Any, shifts: Any, dims: Any = (), **_named: Any) -> Any:
    fits = x.device.type == "meta" and _axes(x, dims) is not None and len(shifts) == len(dims)
    return filled(x, x.shape) if fits else None
