"""The truth about a PyTorch module, from running it: parameters, shapes, costs, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Shape = tuple[int, ...]


class Ran(NamedTuple):
    """What one run of a module tells.

    Parameters
    ----------
    every : int
        Elements of all its parameters, each tensor once.
    reached : int
        Elements of those that its outputs depend on, as differentiation finds them.
    shapes : mapping
        The shape that each submodule puts out, of those that are called once and put out one tensor.
    macs : int
        Half of the operations that PyTorch's flop counter counts, attention as matrix products: of its fused
        forms the counter knows some and counts nothing for the others.
    inside : mapping
        The same for each submodule that it counts something in, by operator.
    """

    every: int
    reached: int
    shapes: Mapping[str, Shape]
    macs: int
    inside: Mapping[str, Mapping[str, int]]


def ran(module: Any, inputs: Sequence[Any]) -> Ran:
    """Run a module once, on whatever device it lies, and return what that tells."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    module.eval()
    called: dict[str, list[Any]] = {}
    hooks = [
        each.register_forward_hook(lambda _m, _i, out, name=name: called.setdefault(name, []).append(out))
        for name, each in module.named_modules()
        if name
    ]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        outputs = module(*inputs)
    for hook in hooks:
        hook.remove()
    parameters = list(module.parameters())
    found = {id(each): each for each in _leaves(outputs)}
    shapes = {
        name: tuple(outs[0].shape)
        for name, outs in called.items()
        if len(outs) == 1 and hasattr(outs[0], "shape")
    }
    return Ran(
        sum(each.numel() for each in parameters),
        sum(each.numel() for each in parameters if id(each) in found or not each.requires_grad),
        shapes,
        counter.get_total_flops() // 2,
        _inside(counter.get_flop_counts()),
    )


def _inside(counts: Mapping[str, Mapping[Any, int]]) -> dict[str, dict[str, int]]:
    """Return multiply-accumulates by the path of a submodule, which the counter puts the class before."""
    return {
        name.partition(".")[2]: {str(op).rpartition(".")[2]: flops // 2 for op, flops in each.items()}
        for name, each in counts.items()
        if name != "Global"
    }


def constant(module: Any, inputs: Sequence[Any]) -> frozenset[str]:
    """Return the submodules that put out what no input reaches, as differentiation finds it."""
    import torch

    module.eval().requires_grad_(False)
    moving: dict[str, bool] = {}
    hooks = [
        each.register_forward_hook(
            lambda _m, _i, out, name=name: moving.__setitem__(
                name, moving.get(name, False) or any(tensor.requires_grad for tensor in _tensors(out))
            )
        )
        for name, each in module.named_modules()
    ]
    with torch.enable_grad():
        module(*[each.clone().requires_grad_() for each in inputs])
    for hook in hooks:
        hook.remove()
    return frozenset(name for name, moves in moving.items() if not moves)


def _leaves(outputs: Any) -> Iterator[Any]:
    """Yield the parameters that are found by going back from the outputs."""
    waiting = [tensor.grad_fn for tensor in _tensors(outputs) if tensor.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        step = waiting.pop()
        if hasattr(step, "variable"):
            yield step.variable
        for behind, _ in step.next_functions:
            if behind is not None and behind not in seen:
                seen.add(behind)
                waiting.append(behind)


def _tensors(outputs: Any) -> Iterator[Any]:
    if hasattr(outputs, "grad_fn"):
        yield outputs
    elif isinstance(outputs, Mapping):
        for each in outputs.values():
            yield from _tensors(each)
    elif isinstance(outputs, (list, tuple)):
        for each in outputs:
            yield from _tensors(each)


# ---- dependence --------------------------------------------------------------------------------------------

SEEDS = 3
PROBED = 6
"""Rows of the input that are changed along each axis, spread evenly, the first and the last among them."""

FEW = 3
"""Words that are drawn: the first ones, so that those that stand for padding are among them."""


class Changed(NamedTuple):
    """Which indices of a map change with one row of the input.

    Parameters
    ----------
    axis, row : int
        The axis of the input tensor and the row that was changed.
    indices : tuple of frozenset of int
        For each axis of the map the indices along it that changed with any seed.
    """

    axis: int
    row: int
    indices: tuple[frozenset[int], ...]


def changes(
    module: Any, shape: Shape, axes: Sequence[int], names: Sequence[str], words: int = 0
) -> dict[str, list[Changed]]:
    """Change one row of the input at a time and return which indices of the named maps change."""
    import torch

    module = module.eval().double()
    kept: dict[str, Any] = {}
    modules = dict(module.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _m, _i, out, name=name: kept.__setitem__(name, out.clone())
        )
        for name in names
    ]
    merged: dict[tuple[str, int, int], list[Any]] = {}
    with torch.no_grad():
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            _scatter(module)
            base = _drawn(shape, words)
            module(base)
            before = {name: kept[name].clone() for name in names}
            for axis in axes:
                for row in _spread(shape[axis]):
                    other = base.clone()
                    other.select(axis, row).copy_(_drawn(shape, words, other=base).select(axis, row))
                    module(other)
                    for name in names:
                        moved = kept[name] != before[name]
                        along = [moved.movedim(k, 0).flatten(1).any(1) for k in range(moved.dim())]
                        known = merged.get((name, axis, row))
                        merged[name, axis, row] = (
                            along if known is None else [a | b for a, b in zip(known, along, strict=True)]
                        )
    for hook in hooks:
        hook.remove()
    found: dict[str, list[Changed]] = {name: [] for name in names}
    for (name, axis, row), along in merged.items():
        indices = tuple(frozenset(each.nonzero().flatten().tolist()) for each in along)
        found[name].append(Changed(axis, row, indices))
    return found


def _scatter(module: Any) -> None:
    """Draw anew what hides dependence: gates and scales of one value, and weights so small that it dies."""
    import torch

    for name, parameter in module.named_parameters():
        if not parameter.is_floating_point():
            continue
        if (parameter == parameter.flatten()[0]).all():
            scale = 0.5 + torch.rand_like(parameter) if name.endswith(("weight", "gamma")) else None
            parameter.copy_(torch.randn_like(parameter) * 0.3 if scale is None else scale)
        elif parameter.dim() > 1 or name.endswith("weight"):
            fan_in = parameter.numel() / parameter.shape[0] if parameter.dim() > 1 else 1.0
            norm = parameter.square().mean().sqrt() * fan_in**0.5
            parameter.mul_((1 / norm).clamp(min=1.0))


def _drawn(shape: Shape, words: int, other: Any = None) -> Any:
    import torch

    if not words:
        return torch.randn(shape, dtype=torch.float64)
    few = min(words, FEW)
    if other is None:
        return torch.randint(0, few, shape)
    return (other + torch.randint(1, few, shape)) % few


def _spread(extent: int) -> list[int]:
    if extent <= PROBED:
        return list(range(extent))
    return sorted({round(k * (extent - 1) / (PROBED - 1)) for k in range(PROBED)})
