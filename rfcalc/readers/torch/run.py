"""Run a PyTorch module with stand-in weights, operator by operator of what `torch.export` makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np

from rfcalc.errors import ReadError
from rfcalc.readers.running import Pass, Values, is_structure, stand_in
from rfcalc.readers.torch.capture import candidates_for, evaluating, exported, listed_arguments

PRIME: Final = 7919
"""Where the random numbers of weights begin, so that they are not those of inputs."""


class TorchRun:
    """A module that can be run.

    Parameters
    ----------
    module : torch.nn.Module
        The module, with values of its own: those of buffers are used.
    example_inputs : tensor, tuple of tensors, shape or list of shapes
        What it is called with.
    """

    def __init__(self, module: Any, example_inputs: Any) -> None:
        import torch

        tensors = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        if any(each.device.type == "meta" for each in tensors.values()):
            raise ReadError("its weights and buffers have no values")
        with evaluating(module):
            given = candidates_for(listed_arguments(example_inputs), None, tensors, nullcontext())
            program = exported(module, given, None)
        self.runtime = f"torch {torch.__version__.partition('+')[0]}"
        self._program = program
        self.weights = tuple(name for name, _ in module.named_parameters())
        self.smeared: frozenset[str] = frozenset()
        self.summed: frozenset[str] = frozenset()
        self._held = {**program.constants, **program.state_dict}
        self.inputs = [
            (node.name, tuple(node.meta["val"].shape), _dtype(node.meta["val"]))
            for node, spec in self._given()
            if spec.kind.name == "USER_INPUT" and isinstance(node.meta.get("val"), torch.Tensor)
        ]
        self._macs: dict[str, int] = {}

    def _given(self) -> list[tuple[Any, Any]]:
        nodes = [node for node in self._program.graph_module.graph.nodes if node.op == "placeholder"]
        return list(zip(nodes, self._program.graph_signature.input_specs, strict=True))

    def start(
        self, values: Pass, tensors: Iterable[str], *, nudged: str = ""
    ) -> Callable[[Values], tuple[Values, Sequence[Any]]]:
        """Return what runs the module with the weights of a pass."""
        import torch

        held = self._filled(values, nudged)
        wanted = frozenset(tensors)
        given = self._given()
        counts = None if self._macs else self._macs

        def run(feeds: Values) -> tuple[Values, Sequence[Any]]:
            kept: dict[str, Any] = {}
            arguments = [
                torch.from_numpy(feeds[node.name].copy())
                if node.name in feeds
                else held[spec.target]
                if spec.target in held
                else getattr(spec.arg, "value", None)
                for node, spec in given
            ]
            try:
                with torch.no_grad():
                    found = _recorder(self._program.graph_module, wanted, kept, counts).run(*_own(arguments))
            except Exception as error:  # whatever an operator raises
                reason = str(error).strip().partition("\n")[0][:200]
                raise ReadError(f"torch cannot run it with stand-in weights: {reason}") from error
            outputs = [_array(each) for each in _leaves(found)]
            return kept, [each for each in outputs if each is not None]

        return run

    def macs(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, int]:
        """Count multiply-accumulates, as `torch.utils.flop_counter` saw them in the run."""
        return {name: count for name, count in self._macs.items() if count}

    def _filled(self, values: Pass, nudged: str) -> dict[str, Any]:
        import torch

        random = np.random.default_rng(PRIME + int(values.positive))
        change = np.random.default_rng(PRIME - 1)  # of its own, so that all others stay what they are
        held = dict(self._held)
        for name, tensor in self._held.items():
            if not isinstance(tensor, torch.nn.Parameter) or not tensor.is_floating_point():
                continue
            array = tensor.detach().float().cpu().numpy()
            own = values.own or array.size < 2 or (array.any() and (array.ndim < 2 or is_structure(array)))
            if not own:
                taken = int(np.prod(array.shape[1:])) if array.ndim > 1 else 1
                array = stand_in(array.shape, array.dtype, random, positive=values.positive, taken=taken)
            if name == nudged:
                array = array + change.uniform(0.5, 1.5, array.shape).astype(array.dtype)
            held[name] = torch.from_numpy(np.ascontiguousarray(array)).to(tensor.dtype)
        return held


def _own(arguments: Sequence[Any]) -> list[Any]:
    """Return copies, for the program may write into what it is given."""
    return [each.detach().clone() if hasattr(each, "detach") else each for each in arguments]


def _recorder(
    module: Any, wanted: frozenset[str], kept: dict[str, Any], counts: dict[str, int] | None
) -> Any:
    """Return what runs a graph and keeps the values of some nodes; with `counts` it counts operations too."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    class Recorder(torch.fx.Interpreter):  # type: ignore[misc, unused-ignore]  # torch is optional
        def run_node(self, node: Any) -> Any:
            if counts is None or node.op != "call_function":
                value = super().run_node(node)
            else:
                with FlopCounterMode(display=False) as counter:
                    value = super().run_node(node)
                counts[node.name] = counter.get_total_flops() // 2
            if node.name in wanted:
                array = _array(value)
                if array is not None:
                    kept[node.name] = array
            return value

    return Recorder(module)


def _array(value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    found = value.detach().cpu()
    return (found.float() if found.dtype is torch.bfloat16 else found).clone().numpy()


def _leaves(found: Any) -> list[Any]:
    return [leaf for each in found for leaf in _leaves(each)] if isinstance(found, (tuple, list)) else [found]


def _dtype(tensor: Any) -> Any:
    import torch

    return (
        torch.empty(0, dtype=torch.float32 if tensor.dtype is torch.bfloat16 else tensor.dtype).numpy().dtype
    )
