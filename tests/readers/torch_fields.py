"""What each tensor of an exported program truly depends on, measured by PyTorch itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SMOOTH = (
    "relu",
    "relu6",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "leaky_relu",
    "gelu",
    "silu",
    "clamp",
    "elu",
    "sign",
)
"""Functions that may be flat somewhere; each element goes through them alone, so any other will do."""

POOLS = {"max_pool1d": torch.nn.functional.avg_pool1d, "max_pool2d": torch.nn.functional.avg_pool2d}
"""Poolings that look at one element; means look at all of the window."""


class _Recorder(torch.fx.Interpreter):
    """Runs a program and keeps every result."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.found: dict[str, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        parts = {n.name: result}
        if isinstance(result, (tuple, list)):
            parts = {f"{n.name}.{k}": each for k, each in enumerate(result)}
        for name, each in parts.items():  # copies, since a later call may overwrite it
            self.found[name] = each.clone() if isinstance(each, Tensor) else each
        return result

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = getattr(target, "__name__", "").partition(".")[0].rstrip("_")
        if name in SMOOTH:
            return args[0] * 1.5
        if name in POOLS:
            return POOLS[name](*args[:4], **kwargs)
        if name == "where":
            return args[1] + args[2]
        if name == "amax":
            return args[0].mean(*args[1:], **kwargs)
        return super().call_function(target, args, kwargs)


def made_positive(module: torch.nn.Module) -> torch.nn.Module:
    """Give a module positive weights of double precision, so that nothing cancels."""
    module = module.double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in module.parameters():
            each.copy_(torch.rand(each.shape, generator=generator, dtype=torch.float64) * 0.1 + 0.02)
    return module


def recorded(program: Any, x: Tensor) -> dict[str, Any]:
    """Run a program, and return every tensor that it makes by name."""
    tensors = {**program.state_dict, **program.constants}
    given = iter((x,))
    specs = program.graph_signature.input_specs
    inputs = [next(given) if spec.kind.name == "USER_INPUT" else tensors[spec.target] for spec in specs]
    recorder = _Recorder(program.graph_module)
    recorder.run(*inputs)
    return recorder.found


def rows_of(output: Tensor, x: Tensor, place: int | None, axis: int) -> list[tuple[int, int, int] | None]:
    """Return what each index of an axis of the output reads of an axis of the input: (first, last, count).

    With no place, one row for the whole output.
    """
    generator = torch.Generator().manual_seed(1)
    output = torch.view_as_real(output) if output.is_complex() else output
    weighted = output * (torch.rand(output.shape, generator=generator, dtype=output.dtype) + 0.5)
    others = [k for k in range(output.dim()) if k != place]
    sums = weighted.sum(others) if others else weighted
    rows: list[tuple[int, int, int] | None] = []
    for each in sums.reshape(-1):
        (slope,) = torch.autograd.grad(each, x, retain_graph=True, allow_unused=True)
        if slope is None:
            rows.append(None)
            continue
        size = slope.abs().amax([k for k in range(x.dim()) if k != axis])
        taps = (size > 1e-11 * size.max()).nonzero().flatten().tolist()
        rows.append((taps[0], taps[-1], len(taps)) if taps else None)
    return rows
