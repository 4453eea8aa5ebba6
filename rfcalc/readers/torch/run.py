"""Run a PyTorch module with stand-in weights, operator by operator of the program that was read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np

from rfcalc.errors import ReadError
from rfcalc.readers.running import Pass, Values, is_structure, stand_in
from rfcalc.readers.torch.arguments import example_of
from rfcalc.readers.torch.capture import Capture, candidates_for, evaluating, exported, recorded_module
from rfcalc.readers.torch.exported import dtype_name
from rfcalc.readers.torch.program import USER, Call
from rfcalc.readers.torch.recorded import Recorded

PRIME: Final = 7919
"""Where the random numbers of weights begin, so that they are not those of inputs."""


class TorchRun:
    """A module that can be run.

    Parameters
    ----------
    module : torch.nn.Module
        The module, with values of its own: those of buffers are used.
    example_inputs : tensor, shape, sequence, mapping or Example
        What it is called with.
    capture : str
        How it was read, so that tensors have the same names.
    """

    def __init__(self, module: Any, example_inputs: Any, capture: Capture = "auto") -> None:
        import torch

        tensors = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        if any(each.device.type == "meta" for each in tensors.values()):
            raise ReadError("its weights and buffers have no values")
        example = example_of(module, example_inputs)
        self.runtime = f"torch {torch.__version__.partition('+')[0]}"
        self.weights = tuple(name for name, _ in module.named_parameters())
        recorded = recorded_module(module, example, None, tensors, capture).program
        self._macs: dict[str, int] = {}
        if recorded is not None:
            self._played: _Played | _Interpreted = _Played(recorded, tensors)
        else:
            with evaluating(module):
                given = candidates_for(example.leaves, None, tensors, nullcontext())
                self._played = _Interpreted(exported(module, example, given, None))
        self.smeared: frozenset[str] = frozenset()
        self.summed: frozenset[str] = frozenset()
        self._held = self._played.held
        self.inputs = self._played.inputs

    def start(
        self, values: Pass, tensors: Iterable[str], *, nudged: str = ""
    ) -> Callable[[Values], tuple[Values, Sequence[Any]]]:
        """Return what runs the module with the weights of a pass."""
        import torch

        held = self._filled(values, nudged)
        wanted = frozenset(tensors)
        counts = None if self._macs else self._macs

        def run(feeds: Values) -> tuple[Values, Sequence[Any]]:
            kept: dict[str, Any] = {}
            given = {name: torch.from_numpy(each.copy()) for name, each in feeds.items()}
            listener = _Listener(wanted, kept, counts)
            try:
                with torch.no_grad():
                    found = self._played.run(given, held, listener)
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


class _Listener:
    """Keeps the values of some tensors while operators run; with `counts` it counts what they compute too."""

    def __init__(self, wanted: frozenset[str], kept: dict[str, Any], counts: dict[str, int] | None) -> None:
        self._wanted, self._kept, self._counts = wanted, kept, counts

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Run one operator, and return its results."""
        from torch.utils.flop_counter import FlopCounterMode

        if self._counts is None:
            return work()
        with FlopCounterMode(display=False) as counter:
            value = work()
        self._counts[name] = counter.get_total_flops() // 2
        return value

    def keep(self, name: str, value: Any) -> None:
        """Keep a value as it is now, if it is one of those."""
        array = _array(value) if name in self._wanted else None
        if array is not None:
            self._kept[name] = array


class _Played:
    """A program that was recorded, to be run.

    Parameters
    ----------
    recorded : Recorded
        The program.
    tensors : mapping
        The module's parameters and buffers by path.
    """

    def __init__(self, recorded: Recorded, tensors: Mapping[str, Any]) -> None:
        self._recorded = recorded
        self.held = dict(tensors)
        self.inputs = [
            (each.name, each.meta.shape, _dtype(each.meta.dtype))
            for each in recorded.program.inputs
            if each.role == USER
        ]

    def run(self, feeds: Mapping[str, Any], held: Mapping[str, Any], listener: _Listener) -> Any:
        """Return the outputs for inputs and weights."""

        def heard(call: Call, work: Callable[[], Any]) -> Any:
            name = call.outputs[0][0] if call.outputs else call.name
            result = listener.run(name, work)
            parts = result if isinstance(result, (tuple, list)) else [result]
            for (part, _), value in zip(call.outputs, parts, strict=False):
                listener.keep(part, value)
            return result

        given = self._recorded.program.inputs
        state = {each.name: held[each.path].detach().clone() for each in given if each.role != USER}
        return self._recorded.play({**state, **feeds}, heard)


class _Interpreted:
    """A program that was exported, to be run.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        The program.
    """

    def __init__(self, program: Any) -> None:
        import torch

        nodes = [node for node in program.graph_module.graph.nodes if node.op == "placeholder"]
        self._program = program
        self._given = list(zip(nodes, program.graph_signature.input_specs, strict=True))
        self.held = {**program.constants, **program.state_dict}
        self.inputs = [
            (node.name, tuple(node.meta["val"].shape), _dtype(dtype_name(node.meta["val"].dtype)))
            for node, spec in self._given
            if spec.kind.name == "USER_INPUT" and isinstance(node.meta.get("val"), torch.Tensor)
        ]

    def run(self, feeds: Mapping[str, Any], held: Mapping[str, Any], listener: _Listener) -> Any:
        """Return the outputs for inputs and weights."""
        import torch

        class Recorder(torch.fx.Interpreter):  # type: ignore[misc, unused-ignore]  # torch is optional
            def run_node(self, node: Any) -> Any:
                work = super().run_node
                calls = node.op == "call_function"
                value = listener.run(node.name, lambda: work(node)) if calls else work(node)
                listener.keep(node.name, value)
                return value

        arguments: list[Any] = [
            feeds[node.name]
            if node.name in feeds
            else held[spec.target]
            if spec.target in held
            else getattr(spec.arg, "value", None)
            for node, spec in self._given
        ]
        # copies, for the program may write into what it is given
        own = [each.detach().clone() if hasattr(each, "detach") else each for each in arguments]
        return Recorder(self._program.graph_module).run(*own)


def _array(value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    found = value.detach().cpu()
    return (found.float() if found.dtype is torch.bfloat16 else found).clone().numpy()


def _leaves(found: Any) -> list[Any]:
    return [leaf for each in found for leaf in _leaves(each)] if isinstance(found, (tuple, list)) else [found]


def _dtype(name: str) -> Any:
    """Return numpy's type of elements for one of PyTorch's."""
    import torch

    return torch.empty(0, dtype=torch.float32 if name == "bfloat16" else getattr(torch, name)).numpy().dtype
