"""Programs as they run: the operators that a module calls, recorded while it runs without elements.

The module runs once, on the meta device, and a mode of PyTorch's dispatcher is told of each operator before
it is taken apart: a linear layer, an LSTM, attention are one call each, as in an exported program. That takes
little more time than the run itself, where an export traces Python, its guards and its symbols.

What the module decides by its shapes it decides as it runs. What it would decide by the elements of tensors
cannot be decided here: :class:`Unrecorded` says so, and the module is exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.readers.torch.arguments import Example
from rfcalc.readers.torch.elements import Elements
from rfcalc.readers.torch.exported import storage_of
from rfcalc.readers.torch.listening import (
    listening,
    modules_told,
    recording,
    recording_known,
    without_elements,
)
from rfcalc.readers.torch.packed import Packed
from rfcalc.readers.torch.program import Call, Program, Ref
from rfcalc.readers.torch.tape import Tape, Unrecorded
from rfcalc.records import NamedTuple


class Recorded(NamedTuple):
    """A program that was recorded.

    Parameters
    ----------
    program : Program
        What was recorded.
    played : sequence of (operator, args, kwargs)
        What was called for each call of the program, with references in the place of tensors: to be run again
        on others.
    """

    program: Program
    played: Sequence[tuple[Any, Any, Any]]

    def read(self, symbols: Mapping[str, Num]) -> Program:
        """Return the program."""
        return self.program

    def play(self, values: dict[str, Any], heard: Callable[[Call, Callable[[], Any]], Any]) -> list[Any]:
        """Run all calls on tensors that have elements, and return what the module returns.

        Parameters
        ----------
        values : dict
            The program's inputs by name. Results join them; inputs may be written into.
        heard : callable
            Is given each call and what makes its results, and returns these.
        """
        from torch.utils import _pytree

        def real(value: Any) -> Any:
            return values[value.name] if type(value) is Ref else value

        def is_ref(value: Any) -> bool:
            return type(value) is Ref

        for call, (function, *given) in zip(self.program.calls, self.played, strict=True):
            args, kwargs = _pytree.tree_map(real, given, is_leaf=is_ref)
            result = heard(call, partial(function, *args, **kwargs))
            parts = result if isinstance(result, (list, tuple)) else [result]
            values.update(zip([name for name, _ in call.outputs], parts, strict=False))
        return [real(each) for each in self.program.outputs]


def record(
    module: Any,
    example: Example,
    leaves: Sequence[Any],
    tensors: Mapping[str, Any],
    elements: Elements | None = None,
    *,
    packed: bool = False,
) -> Recorded:
    """Run a module on tensors without elements, and return what it calls.

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is left as it was.
    example : Example
        How it is called.
    leaves : sequence
        Tensors for it, of which the elements are not used but by `elements`.
    tensors : mapping
        Its parameters and buffers by path.
    elements : Elements, optional
        What is to know elements, where the module asks for them.
    packed : bool
        Whether it holds packed weights, whose operators are recorded as those on floats.

    Raises
    ------
    Unrecorded
        It asks for elements, mixes its tensors with others that have elements, or fails.
    """
    import torch

    tape = Tape(module, elements)
    empty = list(map(without_elements, leaves))
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.jit.optimized_execution(False))  # what it fuses needs a processor
        try:
            stack.enter_context(_on_meta(module, tensors, tape, packed=packed))
            for name, value, given in zip(example.names, empty, leaves, strict=True):
                tape.input(name, value, given)
            args, by_name = example.filled(empty)
            stack.enter_context(modules_told(tape.enter, tape.leave))
            if elements is not None:
                elements.reachable = tape.reachable
                stack.enter_context(elements.told(tape.known))
            heard = recording(tape) if elements is None else recording_known(tape, elements)
            with listening(Packed(tape).unpacking(heard) if packed else heard):
                returned = module(*args, **by_name)
            outputs = tape.returned(returned)
        except Unrecorded:
            raise
        except (Exception, SystemExit) as error:  # whatever the module raises
            raise Unrecorded(f"{type(error).__name__}: {error}") from error
    return Recorded(Program(type(module).__name__, tape.inputs, tape.calls, outputs), tape.played)


@contextmanager
def _on_meta(module: Any, tensors: Mapping[str, Any], tape: Tape, *, packed: bool) -> Iterator[None]:
    """Put tensors without elements in the place of a module's, and put these back.

    Beside packed weights the scales of maps stay: their operators take them as numbers.
    """
    firsts: dict[Any, str] = {}
    for path, tensor in tensors.items():
        firsts.setdefault(storage_of(tensor), path)
    stand_ins: dict[int, Any] = {}
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for around, each in module.named_modules():
            for held, learned in ((each._parameters, True), (each._buffers, False)):
                for key, tensor in held.items():
                    if tensor is None or (packed and not learned and tensor.numel() == 1):
                        continue
                    if id(tensor) not in stand_ins:
                        stand_ins[id(tensor)] = _stand_in(tensor)
                    path = f"{around}.{key}" if around else key
                    made = stand_ins[id(tensor)]
                    tape.state(path, made, tensor, firsts[storage_of(tensor)], learned=learned)
                    swapped.append((held, key, tensor))
                    held[key] = made
            swapped += _swapped_lists(each, stand_ins)
        yield
    finally:
        for held, key, tensor in swapped:
            held[key] = tensor


def _swapped_lists(module: Any, stand_ins: Mapping[int, Any]) -> list[tuple[dict[str, Any], str, Any]]:
    """Swap the tensors in lists that a module keeps, as recurrent layers do; return what stood there."""
    before = [
        (module.__dict__, key, held)
        for key, held in module.__dict__.items()
        if isinstance(held, list) and any(id(each) in stand_ins for each in held)
    ]
    for around, key, held in before:
        around[key] = [stand_ins.get(id(each), each) for each in held]
    return before


def _stand_in(tensor: Any) -> Any:
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        raise Unrecorded(f"it holds a {type(tensor).__name__}")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise Unrecorded("it holds a sparse or quantised tensor")
    made = without_elements(tensor)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made
